//! The fingerprints of a rotation's keys.

use serde::{Deserialize, Serialize};

use crate::cipher::{KeyRing, SecretKey};

/// The fingerprints of a rotation's keys, as the journal keeps them among other things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFingerprints {
    /// The old key's.
    pub old_key: String,
    /// The new key's.
    pub new_key: String,
    /// Those of the other old keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_old_keys: Vec<String>,
    /// Those of the old and the new key of TOTP secrets, where these have keys of their own; twice the same one if it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp_keys: Option<[String; 2]>,
}

impl KeyFingerprints {
    /// The fingerprints of these keys.
    pub fn of(keys: &KeyRing) -> Self {
        let fingerprint = |key: &SecretKey| key.fingerprint().to_owned();
        let new = keys.new_key();
        let further = keys
            .pairs()
            .filter(|(_, to)| *to == new)
            .map(|(old, _)| old)
            .filter(|old| *old != keys.old_key());
        let kept = keys.kept().map(|key| (key, key));
        let totp = keys.pairs().filter(|(_, to)| *to != new).chain(kept).next();
        Self {
            old_key: fingerprint(keys.old_key()),
            new_key: fingerprint(new),
            further_old_keys: further.map(fingerprint).collect(),
            totp_keys: totp.map(|(old, new)| [fingerprint(old), fingerprint(new)]),
        }
    }

    /// All old keys that the new one takes the place of.
    pub fn old_keys(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.old_key).chain(&self.further_old_keys).map(String::as_str)
    }

    /// In what a rotation between these could not go on between the others: what it is, then these, then the
    /// others. One old key more harms nothing: values under it can be rotated, too.
    pub(super) fn difference(&self, now: &Self) -> Option<(&'static str, String, String)> {
        let all = |keys: &Self| keys.old_keys().collect::<Vec<_>>().join(", ");
        let totp = |keys: &Self| match &keys.totp_keys {
            Some([old, new]) if old == new => format!("{old}, which stays"),
            Some([old, new]) => format!("{old} to {new}"),
            None => "none".to_owned(),
        };
        if self.old_keys().any(|key| now.old_keys().all(|other| other != key)) {
            return Some(("oldSecretKey (fingerprint)", all(self), all(now)));
        }
        if self.new_key != now.new_key {
            return Some(("newSecretKey (fingerprint)", self.new_key.clone(), now.new_key.clone()));
        }
        (self.totp_keys.is_some() && self.totp_keys != now.totp_keys)
            .then(|| ("totpKey (fingerprints)", totp(self), totp(now)))
    }

    /// The old keys that have been added to these.
    pub fn added(&self, now: &Self) -> Vec<String> {
        let old = now.old_keys().filter(|key| self.old_keys().all(|known| known != *key)).map(str::to_owned);
        let totp = now.totp_keys.iter().filter(|[old, new]| self.totp_keys.is_none() && old != new);
        let totp = totp.map(|[old, _]| old.clone());
        old.chain(totp).collect()
    }

    /// From which keys to which, in a line.
    pub fn text(&self) -> String {
        let old: Vec<&str> = self.old_keys().collect();
        let keys = if old.len() == 1 { "key" } else { "keys" };
        let totp = match &self.totp_keys {
            Some([old, new]) if old == new => format!(", while TOTP secrets stay under key {old}"),
            Some([old, new]) => format!(", of TOTP secrets from key {old} to key {new}"),
            None => String::new(),
        };
        format!("from {keys} {} to key {}{totp} (fingerprints)", old.join(", "), self.new_key)
    }
}
