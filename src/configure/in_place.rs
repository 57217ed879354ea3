//! The keys of a server on a database that is rotated where it is: both, until nothing is under the old one any more.
//!
//! Invariant: a server that is restarted on what is written here reads all that stands in its database, rotated or not.

use super::reference::reference;
use super::{Change, ENCRYPTION, Edit, NEITHER};
use crate::cipher::SecretKey;
use crate::config::Secret;

/// Which keys servers are to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// The old one, and the new one as `old_key`: the first of two restarts of one node after the other.
    OldFirst,
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
            (Keys::OldFirst, old) => self.other_key(old, old_key_as, &self.server.new_key, "the new key"),
            (Keys::Both, old) => self.other_key(old, old_key_as, &self.server.old_key, "the old key"),
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

    /// `key`, where it stays the old one for now.
    pub(super) fn key_stays(&mut self, key_as: Option<&str>) -> Result<(), String> {
        let old = &self.server.old_key.1;
        let needed = format!("the old key (fingerprint {})", old.fingerprint());
        let here = self.toml.get(&ENCRYPTION, "key")?;
        if let Some(wanted) = key_as {
            if here.as_deref() != Some(wanted) {
                self.set(&ENCRYPTION, "key", wanted, wanted)?;
            }
            self.kept_elsewhere(&ENCRYPTION, "key", wanted, &needed, Some(old));
            return Ok(());
        }
        let Some(here) = here else {
            return Err(
                "[encryption] key is not there, so the server uses the key that WSO2 publishes: write it"
                    .to_owned(),
            );
        };
        if reference(&here).is_some() {
            self.kept_elsewhere(&ENCRYPTION, "key", &here, &needed, Some(old));
            return Ok(());
        }
        match SecretKey::parse(&here) {
            Ok(here) if here == *old => Ok(()),
            Ok(here) if here == self.server.new_key.1 => Err(
                "[encryption] key is the new key already: this node is at the second restart, for which --rolling is left out"
                    .to_owned(),
            ),
            _ => Err(NEITHER.to_owned()),
        }
    }

    /// `old_key`, which is to be `wanted`.
    fn other_key(
        &mut self,
        here: Option<String>,
        written_as: Option<&str>,
        (text, wanted): &(Secret, SecretKey),
        which: &str,
    ) -> Result<(), String> {
        let ids_off = self.toml.leaves().into_iter().any(|leaf| {
            leaf.path == ["encryption", "enable_key_id"] && leaf.said.trim().eq_ignore_ascii_case("false")
        });
        if ids_off {
            return Err(
                "[encryption] enable_key_id is false, so that the server reads no old_key: take that line out"
                    .to_owned(),
            );
        }
        let needed = format!("{which} (fingerprint {})", wanted.fingerprint());
        if let Some(written_as) = written_as {
            if here.as_deref() != Some(written_as) {
                self.set(&ENCRYPTION, "old_key", written_as, written_as)?;
            }
            self.kept_elsewhere(&ENCRYPTION, "old_key", written_as, &needed, Some(wanted));
            return Ok(());
        }
        let Some(here) = here else {
            // A user who keeps one key elsewhere does not want the other one here.
            if let Some(kept) = self.toml.get(&ENCRYPTION, "key")?.filter(|key| reference(key).is_some()) {
                return Err(format!(
                    "[encryption] key is {kept}, so old_key is not written as it is: say what stands for it, such as \
                     --old-key-as '$secret{{old_encryption_key}}' or '$env{{IS_OLD_KEY}}'"
                ));
            }
            return self.set(&ENCRYPTION, "old_key", text.expose(), &needed);
        };
        if reference(&here).is_some() {
            self.kept_elsewhere(&ENCRYPTION, "old_key", &here, &needed, Some(wanted));
            return Ok(());
        }
        let server = self.server;
        match SecretKey::parse(&here) {
            Ok(here) if here == *wanted => Ok(()),
            // A server on its way, by restarts one after the other.
            Ok(here) if [&server.old_key.1, &server.new_key.1].contains(&&here) => {
                self.set(&ENCRYPTION, "old_key", text.expose(), &needed)
            }
            _ => Err(
                "[encryption] old_key is another key than the old one, and there is room for one: rotate what is under it \
                 first (oldSecretKey: that key, newSecretKey: the one that `key` is now), or take it out if `keyrotation \
                 keys` finds nothing under it"
                    .to_owned(),
            ),
        }
    }
}
