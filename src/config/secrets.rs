//! The secrets of `properties.yaml`: both keys as the rotation uses them, and passwords.

use super::keys::Key;
use super::resolve::{Origin, Resolver, wrong};
use super::secret::{Origin as Place, Secret, look_up};
use super::syntax::{Entry, Raw};
use super::{Level, Notice};
use crate::cipher::{KeyError, SecretKey};
use crate::error::{Id, Result};

/// The key that every release of the Identity Server is shipped with.
const PUBLISHED_KEY: &str = "03BAFEB27A8E871CAD83C5CD4E771DAB";

/// The keys that may hold a secret in the properties file itself.
const SECRETS: [Key; 6] = [
    Key::OldSecretKey,
    Key::NewSecretKey,
    Key::OldIdnPassword,
    Key::NewIdnPassword,
    Key::NewRegPassword,
    Key::OldRegPassword,
];

/// Both keys alone, the old one first.
pub(super) fn keys(raw: &Raw, origin: Origin<'_>) -> Result<(SecretKey, SecretKey, Vec<Notice>)> {
    let mut resolver = Resolver::new(raw, origin);
    let [(_, old), (_, new)] = resolver.keys()?;
    Ok((old, new, resolver.notices))
}

/// The new key alone.
pub(super) fn new_key(raw: &Raw, origin: Origin<'_>) -> Result<SecretKey> {
    Resolver::new(raw, origin).secret_key(Key::NewSecretKey).map(|(_, key)| key)
}

impl Resolver<'_> {
    /// A secret that stands in the file as it is, unless the file says where else it is.
    pub(super) fn secret(&mut self, key: Key, entry: &Entry) -> Result<Secret> {
        let place = Place::of(entry.value.expose());
        let found = look_up(key, place, self.lookup).map_err(|problem| {
            let error = wrong(Id::ConfigSecretSource, key, entry, problem);
            match place {
                Place::Here(_) | Place::Env(_) | Place::File(_) => error,
                Place::Stdin(_) => {
                    error.fix("give the program every line that properties.yaml names: `… < secrets`")
                }
                Place::Prompt(_) => {
                    error.fix("run it on a terminal, or write env:, file:, stdin: or cmd: there")
                }
                Place::Command(_) => {
                    error.fix("run the command by hand, as the same user, and see what it prints")
                }
            }
        })?;
        if let Some(file) = found.exposed {
            let text = format!("everyone may read {}, which holds {key}; `chmod 600` it", file.display());
            self.note(Level::Warning, text);
        }
        Ok(found.secret)
    }

    /// The old and the new key, each as it is written and as it is used.
    pub(super) fn keys(&mut self) -> Result<[(Secret, SecretKey); 2]> {
        let (old_text, old) = self.secret_key(Key::OldSecretKey)?;
        let (new_text, new) = self.secret_key(Key::NewSecretKey)?;
        self.new_key_is_hex = matches!(new_text.expose().len(), 48 | 64);
        let entry = self.needed(Key::NewSecretKey)?;
        if old == new {
            return Err(wrong(
                Id::ConfigSameKeys,
                Key::NewSecretKey,
                entry,
                "is the same key as oldSecretKey",
            ));
        }
        if SecretKey::parse(PUBLISHED_KEY).is_ok_and(|published| published == new) {
            return Err(wrong(
                Id::ConfigDefaultKey,
                Key::NewSecretKey,
                entry,
                "is WSO2's published default key",
            ));
        }
        if old_text.expose().eq_ignore_ascii_case(new_text.expose()) {
            self.note(
                Level::Warning,
                "oldSecretKey and newSecretKey differ only in the case of letters: \
                 two keys to the server, but was that meant?",
            );
        }
        Ok([(old_text, old), (new_text, new)])
    }

    fn secret_key(&mut self, key: Key) -> Result<(Secret, SecretKey)> {
        let entry = self.needed(key)?;
        let text = self.secret(key, entry)?;
        match SecretKey::parse(text.expose()) {
            Ok(parsed) => Ok((text, parsed)),
            Err(_) if text.expose().is_empty() => Err(wrong(Id::ConfigKeyLength, key, entry, "is empty")),
            Err(e @ KeyError::Length(_)) => Err(wrong(Id::ConfigKeyLength, key, entry, format!("is {e}"))),
            Err(e @ KeyError::Hex { .. }) => {
                Err(wrong(Id::ConfigKeyHex, key, entry, format!("is no key: {e}")))
            }
        }
    }

    /// Says so when everyone may read secrets in the properties file itself.
    pub(super) fn warn_of_exposure(&mut self, origin: Origin<'_>) {
        let here = |entry: &Entry| matches!(Place::of(entry.value.expose()), Place::Here(_));
        let held: Vec<_> =
            SECRETS.into_iter().filter(|key| self.given(*key).is_some_and(here)).map(Key::name).collect();
        if origin.exposed && !held.is_empty() {
            let (file, held) = (origin.file.display(), held.join(", "));
            self.note(
                Level::Warning,
                format!("everyone may read {file}, which holds {held}; `chmod 600` it"),
            );
        }
    }
}
