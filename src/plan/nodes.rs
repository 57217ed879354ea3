//! The servers of a database that is rotated in place, by their homes; and the keys that a `deployment.toml` has.

use std::collections::BTreeMap;
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

/// What a server writes unless it is told otherwise, and what is rotated so that it reads it.
const GCM: &str = "AES/GCM/NoPadding";

/// Whether a server reads what a rotation writes, and what it has not reached yet, as its `deployment.toml` tells: what of
/// that is not seen; an error says what is not so.
pub fn has_both_keys(node: &Path, settings: &Settings) -> Result<Vec<String>, String> {
    has_keys(node, &KeyFingerprints::of(&settings.keys), ServerKeys::Both)
}

/// Why TOTP secrets cannot be rotated beside servers, if they cannot: a server has one totpKey and no old one, so that it
/// never reads what is under the one that it has not.
pub fn changes_totp_key(settings: &Settings) -> Option<&'static str> {
    let new = settings.keys.new_key();
    let changes = settings.keys.pairs().any(|(_, to)| to != new);
    changes.then_some(
        "totpKey has two different keys, but a server has only one totpKey: it cannot read \
                       values under the other",
    )
}

/// The fingerprints of the keys with which servers write TOTP secrets, as far as each `deployment.toml` tells, with the file.
pub fn totp_keys_in_use(settings: &Settings) -> BTreeMap<String, String> {
    let job = settings.files.iter().flat_map(|job| std::iter::once(&job.home).chain(&job.further_homes));
    let in_use =
        settings.nodes.iter().chain(job).filter_map(|home| match Deployment::read(home).ok()??.totp_key() {
            Said::This(key) => {
                Some((key.fingerprint().to_owned(), home.join(DEPLOYMENT).display().to_string()))
            }
            _ => None,
        });
    in_use.collect()
}

/// Whether the `deployment.toml` of a server has the keys that it is to have: what of that is not seen, since it stands in
/// the server's secrets or is not understood; an error says what is not so.
pub fn has_keys(node: &Path, keys: &KeyFingerprints, wanted: ServerKeys) -> Result<Vec<String>, String> {
    let file = node.join(DEPLOYMENT);
    let said = |what: String| Err(format!("{}: {what}", file.display()));
    let toml = match Deployment::read(node) {
        Ok(Some(toml)) => toml,
        Ok(None) => return said("there is no such file".to_owned()),
        Err(why) => return said(why),
    };
    let is_old = |key: &SecretKey| keys.old_keys().any(|old| old == key.fingerprint());
    let mut unseen = Vec::new();
    let elsewhere = |entry: &str| format!("{entry} is kept in the server's secrets or environment");
    match toml.key() {
        Said::This(key) if key.fingerprint() == keys.new_key => {}
        Said::This(key) if is_old(&key) => {
            return said("[encryption] key is not newSecretKey but the old key".to_owned());
        }
        Said::This(_) => return said("[encryption] key is neither the old key nor the new one".to_owned()),
        Said::Nothing => return said("[encryption] key is not set".to_owned()),
        Said::Unusable(why) => return said(format!("[encryption] key cannot be used: {why}")),
        Said::Elsewhere => unseen.push(elsewhere("[encryption] key")),
    }
    match (wanted, toml.old_key()) {
        (ServerKeys::New, _) | (ServerKeys::NewAlone, Said::Nothing) => {}
        // That it is there is enough, wherever its value stands.
        (ServerKeys::NewAlone, Said::Elsewhere) => {
            return said("[encryption] old_key is still set: take it out".to_owned());
        }
        (ServerKeys::Both, Said::Elsewhere) => unseen.push(elsewhere("[encryption] old_key")),
        (_, Said::Unusable(why)) => return said(format!("[encryption] old_key cannot be used: {why}")),
        (ServerKeys::Both, Said::This(key)) if is_old(&key) => {}
        (ServerKeys::Both, Said::This(_)) => {
            return said("[encryption] old_key is not an old key of properties.yaml".to_owned());
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
        if home.odd_key_id {
            unseen.push("[encryption] enable_key_id is neither true nor false there".to_owned());
        }
        match toml.transformation() {
            Said::Nothing => {}
            Said::This(name) if name.trim().eq_ignore_ascii_case(GCM) => {}
            _ => unseen.push(format!("org.wso2.CipherTransformation is not {GCM}")),
        }
        if home.version.is_some_and(|version| version < (7, 1, 0)) {
            return said("the server is older than 7.1, and does not read old_key".to_owned());
        }
    }
    Ok(unseen)
}
