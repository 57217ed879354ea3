//! The servers of a database that is rotated in place, by their homes.

use std::path::Path;

use crate::config::{DEPLOYMENT, Deployment, Home, Said, Settings};

/// Why a server could not read what a rotation writes, or what it has not reached yet, as its `deployment.toml` tells;
/// nothing of what stands in the server's secrets.
pub fn lacks_keys(node: &Path, settings: &Settings) -> Option<String> {
    let file = node.join(DEPLOYMENT);
    let said = |what: String| Some(format!("{}: {what}", file.display()));
    let toml = match Deployment::read(node) {
        Ok(Some(toml)) => toml,
        Ok(None) => return said("there is no such file".to_owned()),
        Err(why) => return said(why),
    };
    let keys = &settings.keys;
    match toml.key() {
        Said::This(key) if key == *keys.new_key() => {}
        Said::This(_) => return said("[encryption] key is not newSecretKey".to_owned()),
        Said::Nothing => return said("[encryption] key is not set".to_owned()),
        Said::Unusable(why) => return said(format!("[encryption] key cannot be used: {why}")),
        Said::Elsewhere => {}
    }
    match toml.old_key() {
        Said::This(key) if keys.old_keys().any(|old| *old == key) => {}
        Said::This(_) => return said("[encryption] old_key is no old key of properties.yaml".to_owned()),
        Said::Nothing => return said("[encryption] old_key is not set".to_owned()),
        Said::Unusable(why) => return said(format!("[encryption] old_key cannot be used: {why}")),
        Said::Elsewhere => {}
    }
    match Home::inspect(node) {
        home if home.enable_key_id == Some(false) => said("[encryption] enable_key_id is false".to_owned()),
        home if home.version.is_some_and(|version| version < (7, 1, 0)) => {
            said("the server is older than 7.1, and reads no old_key".to_owned())
        }
        _ => None,
    }
}
