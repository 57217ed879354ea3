//! `init`, `keygen` and `fingerprint`: before a rotation.

use std::io::{self, Write as _};
use std::path::Path;

use super::args::{FingerprintArgs, InitArgs, KeygenArgs};
use super::{Session, out, print, print_json};
use crate::cipher::SecretKey;
use crate::config;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::plan::KeyFingerprints;
use crate::runner::say;
use zeroize::Zeroizing;

/// Writes a commented properties file, readable by its owner alone.
pub(super) fn init(session: &Session, args: &InitArgs) -> Result<Exit> {
    let path = &session.global.config;
    // What was there may be a link, another's, or open to others, and the new one will hold keys. It is there whole or not at
    // all: on a full disk what was there stays.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::Builder::new().prefix(".keyrotation-").tempfile_in(folder); // of mode 0600
    let written = written.and_then(|mut file| {
        file.write_all(config::template().as_bytes())?;
        file.as_file().sync_all()?;
        let put = if args.force { file.persist(path) } else { file.persist_noclobber(path) };
        put.map(drop).map_err(|error| error.error)
    });
    match written {
        Ok(()) => {
            print(&format!("wrote {}: fill it in, then see `keyrotation plan`\n", path.display()))?;
            Ok(Exit::Done)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::new(Id::CommandLineValue, format!("{} exists already", path.display()))
                .fix("name another file with --config, or overwrite it with --force"))
        }
        Err(error) => Err(Error::new(Id::File, format!("{}: {error}", path.display()))),
    }
}

/// Prints a new key; its fingerprint goes to the screen.
pub(super) fn keygen(args: &KeygenArgs) -> Result<Exit> {
    let key = Zeroizing::new(config::generate_key(args.server.as_deref())?);
    out::print_secret(&Zeroizing::new(format!("{}\n", *key)))?;
    if let Ok(parsed) = SecretKey::parse(&key) {
        tracing::info!("the fingerprint of this key is {}", parsed.fingerprint());
    }
    Ok(Exit::Done)
}

/// Prints the fingerprints of the keys.
pub(super) fn fingerprint(session: &Session, args: &FingerprintArgs) -> Result<Exit> {
    let (keys, notices) = config::load_keys(&session.global.config)?;
    say(&notices);
    let keys = KeyFingerprints::of(&keys);
    if args.json {
        let mut document = serde_json::json!({ "schema": 1, "old": keys.old_key, "new": keys.new_key });
        if !keys.further_old_keys.is_empty() {
            document["further_old"] = serde_json::json!(keys.further_old_keys);
        }
        if let Some([old, new]) = &keys.totp_keys {
            document["totp"] = serde_json::json!({ "old": old, "new": new });
        }
        print_json(&document)?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![("oldSecretKey", &keys.old_key), ("newSecretKey", &keys.new_key)];
    lines.extend(keys.further_old_keys.iter().map(|key| ("oldSecretKeys", key)));
    lines.extend(keys.totp_keys.iter().flat_map(|[old, new]| [("totpKey.old", old), ("totpKey.new", new)]));
    let lines: Vec<_> = lines.iter().map(|(name, key)| format!("{name} {key}")).collect();
    print(&format!("{}\n", lines.join("\n")))?;
    Ok(Exit::Done)
}
