//! The secrets of `properties.yaml`: both keys as the rotation uses them, and passwords.

use super::keys::Key;
use super::resolve::{Origin, Resolver, wrong};
use super::secret::{Origin as Place, Secret, look_up};
use super::syntax::{Entry, Raw, pair, parts};
use super::{Level, Notice};
use crate::cipher::{KeyError, KeyRing, RingError, SecretKey};
use crate::error::{Id, Result};

/// The keys that may hold a secret in the properties file itself.
const SECRETS: [Key; 8] = [
    Key::OldSecretKeys,
    Key::TotpKey,
    Key::OldSecretKey,
    Key::NewSecretKey,
    Key::OldIdnPassword,
    Key::NewIdnPassword,
    Key::NewRegPassword,
    Key::OldRegPassword,
];

/// The keys alone.
pub(super) fn keys(raw: &Raw, origin: Origin<'_>) -> Result<(KeyRing, Vec<Notice>)> {
    let mut resolver = Resolver::new(raw, origin);
    let keys = resolver.key_ring()?;
    Ok((keys, resolver.notices))
}

/// The new key alone.
pub(super) fn new_key(raw: &Raw, origin: Origin<'_>) -> Result<SecretKey> {
    let mut resolver = Resolver::new(raw, origin);
    let entry = resolver.needed(Key::NewSecretKey)?;
    resolver.secret_key(Key::NewSecretKey, entry, entry.value.expose()).map(|(_, key)| key)
}

impl Resolver<'_> {
    /// A secret that stands in the file as it is, unless the file says where else it is.
    pub(super) fn secret(&mut self, key: Key, entry: &Entry) -> Result<Secret> {
        self.secret_of(key, entry, entry.value.expose())
    }

    /// The same of one text of the entry.
    fn secret_of(&mut self, key: Key, entry: &Entry, text: &str) -> Result<Secret> {
        let place = Place::of(text);
        let found = look_up(key, place, self.lookup).map_err(|problem| {
            let error = wrong(Id::ConfigSecretSource, entry, problem);
            match place {
                Place::Here(_) => error,
                Place::Env(_) => error.fix("set the variable, and export it, where keyrotation is started; sudo passes none on without -E"),
                Place::File(_) => error.fix("name a file that is there, and let the user who runs keyrotation read it"),
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

    /// All keys.
    pub(super) fn key_ring(&mut self) -> Result<KeyRing> {
        let [(_, old), (_, new)] = self.keys()?;
        let mut ring = KeyRing::new(old, new);
        if let Some(entry) = self.given(Key::OldSecretKeys) {
            for text in parts(Key::OldSecretKeys, entry.value.expose()) {
                let (_, key) = self.secret_key(Key::OldSecretKeys, entry, text)?;
                ring.add_old(key)
                    .map_err(|_| wrong(Id::ConfigSameKeys, entry, "has the same key as newSecretKey"))?;
            }
        }
        if let Some(entry) = self.given(Key::TotpKey) {
            let Some([old, new]) = pair(entry.value.expose()) else {
                return Err(wrong(Id::ConfigValue, entry, "is not a pair of keys")
                    .fix("write `totpKey: {old: env:OLD_TOTP_KEY, new: env:NEW_TOTP_KEY}`"));
            };
            let (_, old) = self.secret_key(Key::TotpKey, entry, old)?;
            let (_, new) = self.secret_key(Key::TotpKey, entry, new)?;
            if old != new {
                must_be_unpublished(entry, &new)?;
            }
            let added = if old == new { ring.add_kept(old) } else { ring.add_pair(old, new) };
            added.map_err(|error| {
                let what = match error {
                    RingError::IsNew => "has an old key that is also a new key",
                    RingError::IsOld => "has a key that oldSecretKey or oldSecretKeys also has",
                };
                wrong(Id::ConfigSameKeys, entry, what).fix(
                    "totpKey is [encryption] totpKey of both servers, and another key than [encryption] key",
                )
            })?;
        }
        Ok(ring)
    }

    /// The first old key and the new one, each as it is written and as it is used.
    pub(super) fn keys(&mut self) -> Result<[(Secret, SecretKey); 2]> {
        let (old_text, old) = self.first_old_key()?;
        let entry = self.needed(Key::NewSecretKey)?;
        let (new_text, new) = self.secret_key(Key::NewSecretKey, entry, entry.value.expose())?;
        self.new_key_is_hex = matches!(new_text.expose().len(), 48 | 64);
        if old == new {
            return Err(wrong(Id::ConfigSameKeys, entry, "is the same key as oldSecretKey"));
        }
        must_be_unpublished(entry, &new)?;
        if old_text.expose().eq_ignore_ascii_case(new_text.expose()) {
            self.note(
                Level::Warning,
                "oldSecretKey and newSecretKey differ only in the case of letters: the server takes them \
                 for two keys; was that meant?",
            );
        }
        Ok([(old_text, old), (new_text, new)])
    }

    /// `oldSecretKey`, or without it the first of `oldSecretKeys`.
    fn first_old_key(&mut self) -> Result<(Secret, SecretKey)> {
        if self.raw.get(Key::OldSecretKey).is_none()
            && let Some(entry) = self.given(Key::OldSecretKeys)
            && let Some(first) = parts(Key::OldSecretKeys, entry.value.expose()).first()
        {
            return self.secret_key(Key::OldSecretKeys, entry, first);
        }
        let entry = self.needed(Key::OldSecretKey)?;
        self.secret_key(Key::OldSecretKey, entry, entry.value.expose())
    }

    /// A key that one text of the entry names.
    fn secret_key(&mut self, key: Key, entry: &Entry, text: &str) -> Result<(Secret, SecretKey)> {
        let text = self.secret_of(key, entry, text)?;
        match SecretKey::parse(text.expose()) {
            Ok(parsed) => Ok((text, parsed)),
            Err(_) if text.expose().is_empty() => Err(wrong(Id::ConfigKeyLength, entry, "is empty")),
            Err(e @ KeyError::Length(_)) => Err(wrong(Id::ConfigKeyLength, entry, format!("is {e}"))),
            Err(e @ KeyError::Hex { .. }) => {
                Err(wrong(Id::ConfigKeyHex, entry, format!("is not a key: {e}")))
            }
        }
    }

    /// Says so when everyone may read secrets in the properties file itself.
    pub(super) fn warn_of_exposure(&mut self, origin: Origin<'_>) {
        let here = |key: Key, entry: &Entry| {
            parts(key, entry.value.expose()).into_iter().any(|text| matches!(Place::of(text), Place::Here(_)))
        };
        let is_held = |key: &Key| self.given(*key).is_some_and(|entry| here(*key, entry));
        let held: Vec<_> = SECRETS.into_iter().filter(is_held).map(Key::name).collect();
        if origin.exposed && !held.is_empty() {
            let (file, held) = (origin.file.display(), held.join(", "));
            self.note(
                Level::Warning,
                format!("everyone may read {file}, which holds {held}; `chmod 600` it"),
            );
        }
    }
}

/// Refuses the key that every release of the Identity Server is shipped with.
fn must_be_unpublished(entry: &Entry, new: &SecretKey) -> Result<()> {
    if new.is_published() {
        return Err(wrong(Id::ConfigDefaultKey, entry, "is WSO2's published default key"));
    }
    Ok(())
}
