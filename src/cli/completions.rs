//! `completions` and `man`: what shells and `man` know of the command line.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::help::{command, complete};
use super::out::print_raw;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::manual::unmarked_page;
use crate::placed::write_all;

/// Options of `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// The folder, which must exist.
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Prints completions.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut complete(), "keyrotation", &mut bytes);
    print_raw(&String::from_utf8_lossy(&bytes))?;
    Ok(Exit::Done)
}

/// Prints the main manual page, or writes all of them.
pub(super) fn man(args: &ManArgs) -> Result<Exit> {
    if let Some(folder) = &args.folder {
        write_all(folder, |made| {
            clap_mangen::generate_to(command(), made)?;
            for page in fs::read_dir(made)? {
                let path = page?.path();
                fs::write(&path, unmarked_page(&fs::read(&path)?))?;
            }
            Ok(())
        })?;
        return Ok(Exit::Done);
    }
    let mut bytes = Vec::new();
    clap_mangen::Man::new(command())
        .render(&mut bytes)
        .map_err(|error| Error::new(Id::System, format!("the page cannot be written: {error}")))?;
    print_raw(&String::from_utf8_lossy(&unmarked_page(&bytes)))?;
    Ok(Exit::Done)
}
