//! The new server's `deployment.toml`: the new key, and where the copies are (step 7 of the guide).
//!
//! Flow: the text of the file and a [`NewServer`] → [`edit`] → the new text, what changed in it, and
//! what people have to do themselves. Nothing is read or written here.
//!
//! Invariants: only the entries that [`Edited::changes`] names differ, byte for byte; a value that refers to
//! something kept elsewhere (`$secret{…}`, `$env{…}`) is never overwritten unless that was asked
//! for; no message shows a secret; what is as it should be is left alone, so a second call changes nothing.

use keyrotation_cipher as cipher;
use keyrotation_common::error;
use keyrotation_config as config;
use keyrotation_db as db;

mod database;
mod in_place;
mod mask;
mod reference;
mod toml;

use std::path::Path;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::cipher::SecretKey;
use crate::config::{JdbcUrl, Level, NewServer, Notice};
use crate::error::{Error, Id, Result};

use database::Choice;
pub use reference::parse_reference;
use reference::{Reference, reference};
use toml::{Editor, Toml, entry};

pub use in_place::Keys;

const ENCRYPTION: [&str; 1] = ["encryption"];
const IDENTITY: &str = "identity_db";
const SHARED: &str = "shared_db";
const NEITHER: &str = "[encryption] key is neither the old key nor the new one: is oldSecretKey the one that this server works \
                       with?";

/// What the command line decides.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// What is to stand for the key: `$env{NAME}` or `$secret{alias}`.
    pub key_as: Option<String>,
    /// What is to stand for the old key, in place.
    pub old_key_as: Option<String>,
    /// What is to stand for the identity database's password.
    pub identity_password_as: Option<String>,
    /// What is to stand for the shared database's password.
    pub shared_password_as: Option<String>,
    /// Leave users and passwords of the databases as they are.
    pub keep_credentials: bool,
    /// Remove `[encryption] old_key`.
    pub remove_old_key: bool,
    /// In place: this is the first of two restarts of one node after the other.
    pub rolling: bool,
    /// In place: which keys the servers are to have now.
    pub in_place: Option<Keys>,
}

/// An entry that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which, such as `[encryption] key`.
    pub entry: String,
    /// What it becomes, in words: no secret.
    pub to: String,
}

impl Change {
    fn new(table: &[&str], key: &str, to: impl Into<String>) -> Self {
        Self { entry: entry(table, key), to: to.into() }
    }
}

/// What people have to do themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByHand {
    /// What it is about.
    pub what: String,
    /// What to do, in order.
    pub steps: Vec<String>,
}

/// A `deployment.toml`, edited.
#[derive(Debug)]
pub struct Edited {
    /// The new text.
    pub text: Zeroizing<String>,
    /// The new text for the screen, its secrets masked.
    pub masked: String,
    /// How many values are masked there.
    pub secrets: usize,
    /// The difference, its secrets masked; empty if there is none.
    pub diff: String,
    /// What differs.
    pub changes: Vec<Change>,
    /// What is left for people.
    pub by_hand: Vec<ByHand>,
    /// What they should know.
    pub notices: Vec<Notice>,
}

/// The work on one text.
struct Edit<'t, 'a> {
    toml: &'t Toml<'a>,
    server: &'t NewServer,
    editor: Editor<'t>,
    changes: Vec<Change>,
    by_hand: Vec<ByHand>,
    notices: Vec<Notice>,
}

/// What `text`, the `deployment.toml` of the new server, has to become.
pub fn edit(text: &str, server: &NewServer, choices: &Choices) -> Result<Edited> {
    let refused = |problem: String| Error::new(Id::DeploymentShape, problem);
    let toml = Toml::parse(text).map_err(refused)?;
    let mut edit = Edit {
        editor: Editor::new(&toml),
        toml: &toml,
        server,
        changes: Vec::new(),
        by_hand: Vec::new(),
        notices: Vec::new(),
    };
    edit.all(choices).map_err(refused)?;
    let Edit { editor, changes, by_hand, notices, .. } = edit;
    let touched = editor.touched();
    let new = editor.finish().map_err(refused)?;
    let known = known(server);
    let (before, masked) = (mask::masked(text, &[], &known), mask::masked(&new, &touched, &known));
    let diff =
        if changes.is_empty() { String::new() } else { mask::diff(&before, &masked, "deployment.toml") };
    Ok(Edited { secrets: mask::secrets(&new), text: new, masked, diff, changes, by_hand, notices })
}

/// Secrets that must not be shown wherever they stand, and what is shown for them.
fn known(server: &NewServer) -> Vec<(&str, String)> {
    let (old, new) = (&server.old_key, &server.new_key);
    vec![
        (old.0.expose(), format!("<old key {}>", old.1.fingerprint())),
        (new.0.expose(), format!("<new key {}>", new.1.fingerprint())),
    ]
}

impl Edit<'_, '_> {
    fn all(&mut self, choices: &Choices) -> Result<(), String> {
        match choices.in_place {
            Some(Keys::OldFirst) => self.key_stays(choices.key_as.as_deref())?,
            _ => self.key(choices.key_as.as_deref())?,
        }
        if let Some(keys) = choices.in_place {
            return self.in_place(keys, choices.old_key_as.as_deref());
        }
        self.old_key(choices.remove_old_key)?;
        let server = self.server;
        let databases = [
            (IDENTITY, &server.identity, &choices.identity_password_as),
            (SHARED, &server.registry, &choices.shared_password_as),
        ];
        for (name, wanted, password_as) in databases {
            let Some(wanted) = wanted else {
                self.warn(format!(
                    "[database.{name}] stays as it is: properties.yaml does not name its copy"
                ));
                continue;
            };
            let choice =
                Choice { password_as: password_as.as_deref(), keep_credentials: choices.keep_credentials };
            self.database(name, wanted, &choice)?;
        }
        self.others();
        Ok(())
    }

    fn key(&mut self, key_as: Option<&str>) -> Result<(), String> {
        let (text, key) = &self.server.new_key;
        let here = self.toml.get(&ENCRYPTION, "key")?;
        let needed = format!("the new key (fingerprint {})", key.fingerprint());
        if let Some(wanted) = key_as {
            if here.as_deref() != Some(wanted) {
                self.set(&ENCRYPTION, "key", wanted, wanted)?;
            }
            self.kept_elsewhere(&ENCRYPTION, "key", wanted, &needed, Some(key));
            return Ok(());
        }
        let Some(here) = here else {
            self.warn("[encryption] key was not there: the server used the key that WSO2 publishes");
            return self.set(&ENCRYPTION, "key", text.expose(), &needed);
        };
        if reference(&here).is_some() {
            self.kept_elsewhere(&ENCRYPTION, "key", &here, &needed, Some(key));
            return Ok(());
        }
        match SecretKey::parse(&here) {
            Ok(here) if here == *key => return Ok(()),
            Ok(here) if here == self.server.old_key.1 => {}
            _ if self.server.mode.is_in_place() => {
                return Err(NEITHER.to_owned());
            }
            _ => self.warn(
                "[encryption] key is neither the old key nor the new one: is this the copy of the old server's file?",
            ),
        }
        self.set(&ENCRYPTION, "key", text.expose(), &needed)
    }

    /// `old_key` and `enable_key_id`, which servers from 7.1 on read.
    fn old_key(&mut self, remove: bool) -> Result<(), String> {
        let old = self.toml.get(&ENCRYPTION, "old_key")?.filter(|key| !key.trim().is_empty());
        let Some(old) = old else { return Ok(()) };
        if remove {
            self.changes.push(Change::new(&ENCRYPTION, "old_key", "removed"));
            return self.editor.remove(&ENCRYPTION, "old_key");
        }
        if self.server.version.is_some_and(|version| version < (7, 1, 0)) {
            self.note("[encryption] old_key stays; this server does not read it: versions from 7.1 on do");
            return Ok(());
        }
        let ids_off = self.toml.leaves().into_iter().any(|leaf| {
            leaf.path == ["encryption", "enable_key_id"] && leaf.said.trim().eq_ignore_ascii_case("false")
        });
        let parsed = SecretKey::parse(&old).ok();
        if ids_off {
            self.note("[encryption] old_key stays and does nothing, since enable_key_id is false");
        } else if !self.server.key_ids {
            self.warn(
                "[encryption] old_key is set, and enableKeyId: false writes values without a key id. This \
                 server would decrypt them with old_key, and fail: remove it with --remove-old-key",
            );
        } else if parsed.is_some_and(|key| self.server.keys.old_keys().any(|old| *old == key)) {
            self.note(
                "[encryption] old_key is an old key and stays: the server can still read values that could \
                 not be rotated; remove it with --remove-old-key, at the latest before the old key is \
                 destroyed",
            );
        } else {
            self.note(
                "[encryption] old_key is another key than the old one and stays: values under it are not \
                 rotated, unless oldSecretKeys has it, and the server still reads them with it; \
                 --remove-old-key removes it",
            );
        }
        Ok(())
    }

    /// Says which other databases of the file are still the old server's.
    fn others(&mut self) {
        let ours = |name: &str| matches!(name, IDENTITY | SHARED);
        let urls: Vec<_> = self
            .toml
            .leaves()
            .into_iter()
            .filter_map(|leaf| match leaf.path.as_slice() {
                [kind, name, key] if key == "url" && matches!(kind.as_str(), "database" | "datasource") => {
                    Some((kind.clone(), name.clone(), database::read(&leaf.said)?))
                }
                _ => None,
            })
            .collect();
        let wanted: Vec<&JdbcUrl> = [&self.server.identity, &self.server.registry]
            .into_iter()
            .filter_map(|database| database.as_ref()?.parsed.as_ref())
            .collect();
        let old: Vec<&JdbcUrl> = urls
            .iter()
            .filter(|(kind, name, _)| kind == "database" && ours(name))
            .map(|(.., url)| url)
            .chain(&self.server.old_identity)
            .filter(|old| !wanted.iter().any(|new| new.same_database(old)))
            .collect();
        let still: Vec<String> = urls
            .iter()
            .filter(|(kind, name, _)| !(kind == "database" && ours(name)))
            .filter(|(.., url)| old.iter().any(|old| old.same_database(url)))
            .map(|(kind, name, _)| format!("[{kind}.{name}]"))
            .collect();
        for table in still {
            self.warn(format!(
                "{table} names a database of the old server and stays as it is: was that meant?"
            ));
        }
    }

    fn set(&mut self, table: &[&str], key: &str, text: &str, shown: &str) -> Result<(), String> {
        self.changes.push(Change::new(table, key, shown));
        self.editor.set(table, key, text)
    }

    /// Explains how a value that is kept elsewhere becomes `needed`.
    fn kept_elsewhere(
        &mut self,
        table: &[&str],
        name: &str,
        value: &str,
        needed: &str,
        key: Option<&SecretKey>,
    ) {
        let what = format!("{} is {value}", entry(table, name));
        let steps = match reference(value) {
            Some(Reference::Secret(alias)) => {
                let kept = self.toml.get(&["secrets"], &alias).ok().flatten();
                let plain = kept.as_deref().and_then(|text| text.strip_prefix('[')?.strip_suffix(']'));
                let there =
                    key.is_some() && plain.and_then(|text| SecretKey::parse(text).ok()).as_ref() == key;
                let write = format!("in [secrets] set `{alias} = \"[…]\"`: in the brackets {needed}");
                let encrypt =
                    "in that server's folder run `bin/ciphertool.sh -Dconfigure`: it encrypts what stands \
                               in brackets"
                        .to_owned();
                let check = format!("see that {alias} in [secrets] has no brackets any more");
                if there { vec![encrypt, check] } else { vec![write, encrypt, check] }
            }
            Some(Reference::Env(name)) => {
                vec![format!("in the new server's environment set {name} to {needed}")]
            }
            _ => vec![format!("where that is kept, set it to {needed}")],
        };
        self.by_hand.push(ByHand { what, steps });
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notices.push(Notice { level: Level::Info, text: text.into() });
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.notices.push(Notice { level: Level::Warning, text: text.into() });
    }
}

/// The name of the copy of `path` that is kept beside it: one that no server reads.
pub fn backup_name(path: &Path, at: &str) -> std::path::PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.before-keyrotation-{at}.bak"))
}

#[cfg(test)]
mod tests;
