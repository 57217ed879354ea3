//! `init` and `keygen`: before a rotation.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use super::args::{InitArgs, KeygenArgs};
use super::{Session, print};
use crate::config;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;

/// Writes a commented properties file, readable by its owner alone.
pub(super) fn init(session: &Session, args: &InitArgs) -> Result<Exit> {
    let path = &session.global.config;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if args.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| file.write_all(config::template().as_bytes()));
    match written {
        Ok(()) => {
            print(&format!("wrote {}: fill it in, then see `keyrotation plan`\n", path.display()));
            Ok(Exit::Done)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::new(Id::CommandLineValue, format!("{} exists already", path.display()))
                .fix("name another file with --config, or overwrite it with --force"))
        }
        Err(error) => Err(Error::new(Id::File, format!("{}: {error}", path.display()))),
    }
}

/// Prints a new key.
pub(super) fn keygen(args: &KeygenArgs) -> Result<Exit> {
    let key = config::generate_key(args.server.as_deref())?;
    print(&format!("{key}\n"));
    Ok(Exit::Done)
}
