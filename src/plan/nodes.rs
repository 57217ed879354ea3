//! The servers of a database that is rotated in place, by their homes; and the keys that a `deployment.toml` has.

use std::path::Path;

use super::KeyFingerprints;
use crate::cipher::SecretKey;
use crate::config::{DEPLOYMENT, Deployment, Home, Said, Settings};

/// Which keys a server is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKeys {
    /// The new one as `key`, whatever `old_key` is.
    New,
    /// The new one as `key`, and no old one.
    NewAlone,
    /// The new one as `key`, an old one as `old_key`, and key ids.
    Both,
}

/// Why a server could not read what a rotation writes, or what it has not reached yet, as its `deployment.toml` tells;
/// nothing of what stands in the server's secrets.
pub fn lacks_keys(node: &Path, settings: &Settings) -> Option<String> {
    has_keys(node, &KeyFingerprints::of(&settings.keys), ServerKeys::Both).err()
}

/// Whether the `deployment.toml` of a server has the keys that it is to have: what of them stands in the server's secrets,
/// where nobody sees it; an error says what is not so.
pub fn has_keys(
    node: &Path,
    keys: &KeyFingerprints,
    wanted: ServerKeys,
) -> Result<Vec<&'static str>, String> {
    let file = node.join(DEPLOYMENT);
    let said = |what: String| Err(format!("{}: {what}", file.display()));
    let toml = match Deployment::read(node) {
        Ok(Some(toml)) => toml,
        Ok(None) => return said("there is no such file".to_owned()),
        Err(why) => return said(why),
    };
    let is_old = |key: &SecretKey| keys.old_keys().any(|old| old == key.fingerprint());
    let mut unseen = Vec::new();
    match toml.key() {
        Said::This(key) if key.fingerprint() == keys.new_key => {}
        Said::This(key) if is_old(&key) => {
            return said("[encryption] key is not newSecretKey but the old key".to_owned());
        }
        Said::This(_) => return said("[encryption] key is neither the old key nor the new one".to_owned()),
        Said::Nothing => return said("[encryption] key is not set".to_owned()),
        Said::Unusable(why) => return said(format!("[encryption] key cannot be used: {why}")),
        Said::Elsewhere => unseen.push("[encryption] key"),
    }
    match (wanted, toml.old_key()) {
        (ServerKeys::New, _) | (ServerKeys::NewAlone, Said::Nothing) => {}
        (_, Said::Elsewhere) => unseen.push("[encryption] old_key"),
        (_, Said::Unusable(why)) => return said(format!("[encryption] old_key cannot be used: {why}")),
        (ServerKeys::Both, Said::This(key)) if is_old(&key) => {}
        (ServerKeys::Both, Said::This(_)) => {
            return said("[encryption] old_key is no old key of properties.yaml".to_owned());
        }
        (ServerKeys::Both, Said::Nothing) => return said("[encryption] old_key is not set".to_owned()),
        (ServerKeys::NewAlone, Said::This(key)) => {
            let which = if is_old(&key) { "is the old key" } else { "is still set" };
            return said(format!("[encryption] old_key {which}: take it out"));
        }
    }
    if wanted == ServerKeys::Both {
        let home = Home::inspect(node);
        if home.enable_key_id == Some(false) {
            return said("[encryption] enable_key_id is false".to_owned());
        }
        if home.version.is_some_and(|version| version < (7, 1, 0)) {
            return said("the server is older than 7.1, and reads no old_key".to_owned());
        }
    }
    Ok(unseen)
}
