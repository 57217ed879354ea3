//! The keys of a server on a database that is rotated where it is: both, until nothing is under the old one any more.
//!
//! Invariant: a server that is restarted on what is written here reads all that stands in its database, rotated or not.

use super::reference::reference;
use super::{Change, ENCRYPTION, Edit};
use crate::cipher::SecretKey;

/// Which keys servers are to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// The new one, and the old one as `old_key`.
    Both,
    /// The new one; `old_key` stays as it is.
    New,
    /// The new one alone.
    NewAlone,
}

impl Edit<'_, '_> {
    /// `old_key`, and what it needs: `key` is dealt with.
    pub(super) fn in_place(&mut self, keys: Keys, old_key_as: Option<&str>) -> Result<(), String> {
        let old = self.toml.get(&ENCRYPTION, "old_key")?.filter(|key| !key.trim().is_empty());
        match (keys, old) {
            (Keys::Both, old) => self.both(old, old_key_as),
            (Keys::New, Some(_)) => {
                self.note(
                    "[encryption] old_key stays; nothing needs it any more, and --remove-old-key takes it out",
                );
                Ok(())
            }
            (Keys::NewAlone, Some(_)) => {
                self.changes.push(Change::new(&ENCRYPTION, "old_key", "removed"));
                self.editor.remove(&ENCRYPTION, "old_key")
            }
            (Keys::New | Keys::NewAlone, None) => Ok(()),
        }
    }

    fn both(&mut self, here: Option<String>, old_key_as: Option<&str>) -> Result<(), String> {
        let ids_off = self.toml.leaves().into_iter().any(|leaf| {
            leaf.path == ["encryption", "enable_key_id"] && leaf.said.trim().eq_ignore_ascii_case("false")
        });
        if ids_off {
            return Err(
                "[encryption] enable_key_id is false, so that the server reads no old_key: take that line out"
                    .to_owned(),
            );
        }
        let (text, old) = &self.server.old_key;
        let needed = format!("the old key (fingerprint {})", old.fingerprint());
        if let Some(wanted) = old_key_as {
            if here.as_deref() != Some(wanted) {
                self.set(&ENCRYPTION, "old_key", wanted, wanted)?;
            }
            self.kept_elsewhere(&ENCRYPTION, "old_key", wanted, &needed, Some(old));
            return Ok(());
        }
        let Some(here) = here else {
            // Whoever keeps the one key elsewhere does not want the other one here.
            if let Some(kept) = self.toml.get(&ENCRYPTION, "key")?.filter(|key| reference(key).is_some()) {
                return Err(format!(
                    "[encryption] key is {kept}, so old_key is not written as it is: say what stands for it, such as \
                     --old-key-as '$secret{{old_encryption_key}}' or '$env{{IS_OLD_KEY}}'"
                ));
            }
            return self.set(&ENCRYPTION, "old_key", text.expose(), &needed);
        };
        if reference(&here).is_some() {
            self.kept_elsewhere(&ENCRYPTION, "old_key", &here, &needed, Some(old));
            return Ok(());
        }
        match SecretKey::parse(&here) {
            Ok(here) if here == *old => Ok(()),
            // A server on its way, by restarts one after the other.
            Ok(here) if here == self.server.new_key.1 => self.set(&ENCRYPTION, "old_key", text.expose(), &needed),
            _ => Err(
                "[encryption] old_key is another key than the old one, and there is room for one: rotate what is under it \
                 first (oldSecretKey: that key, newSecretKey: the one that `key` is now), or take it out if `keyrotation \
                 keys` finds nothing under it"
                    .to_owned(),
            ),
        }
    }
}
