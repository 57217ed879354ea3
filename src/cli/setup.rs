//! `init`, `keygen` and `fingerprint`: before a rotation.

use super::args::{FingerprintArgs, InitArgs, KeygenArgs};
use super::{Session, out, print, print_json, tell};
use crate::cipher::SecretKey;
use crate::config;
use crate::error::Result;
use crate::exit::Exit;
use crate::plan::KeyFingerprints;
use crate::runner::say;
use zeroize::Zeroizing;

/// Writes a commented properties file, readable by its owner alone.
pub(super) fn init(session: &Session, args: &InitArgs) -> Result<Exit> {
    let path = &session.global.config;
    config::write_template(path, args.force)?;
    tell(&format!("wrote {}: fill it in, then see `keyrotation plan`\n", path.display()))?;
    Ok(Exit::Done)
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
        print_json(&serde_json::json!({ "schema": 1, "keys": keys }))?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![("oldSecretKey", &keys.old_key), ("newSecretKey", &keys.new_key)];
    lines.extend(keys.further_old_keys.iter().map(|key| ("oldSecretKeys", key)));
    lines.extend(keys.totp_keys.iter().flat_map(|[old, new]| [("totpKey.old", old), ("totpKey.new", new)]));
    let lines: Vec<_> = lines.iter().map(|(name, key)| format!("{name} {key}")).collect();
    print(&format!("{}\n", lines.join("\n")))?;
    Ok(Exit::Done)
}
