//! A server from 7.1 on, as far as its keys go: it seals with one and names it, and opens with the one that a value
//! names, or with the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyrotation::cipher::{self, SecretKey, Transformation};
use serde_json::{Value, json};

/// `[encryption] key` and `old_key`.
#[derive(Clone)]
pub(crate) struct ServerKeys {
    key: SecretKey,
    old_key: SecretKey,
}

impl ServerKeys {
    pub(crate) fn new(key: &str, old_key: &str) -> Self {
        Self { key: SecretKey::parse(key).unwrap(), old_key: SecretKey::parse(old_key).unwrap() }
    }

    /// A value, as 7.1 writes it.
    pub(crate) fn seal(&self, plaintext: &str) -> String {
        let mut iv = [0; 128];
        iv[..16].copy_from_slice(&cipher::random_iv().unwrap());
        let sealed = cipher::seal(&self.key, Transformation::Gcm, &iv, plaintext.as_bytes()).unwrap();
        let (ciphertext, iv) = (STANDARD.encode(sealed), STANDARD.encode(iv));
        let id = self.key.key_id();
        let inner = format!(r#"{{"cipher":"{ciphertext}","initializationVector":"{iv}","keyId":"{id}"}}"#);
        let outer = json!({ "c": STANDARD.encode(inner), "t": "AES/GCM/NoPadding", "iv": iv });
        STANDARD.encode(outer.to_string())
    }

    /// What such a server reads in a value; none if it fails.
    pub(crate) fn open(&self, stored: &str) -> Option<String> {
        let outer: Value = serde_json::from_slice(&STANDARD.decode(stored).ok()?).ok()?;
        let inside = STANDARD.decode(outer["c"].as_str()?).ok()?;
        let plain = if outer["t"] == "AES/GCM/NoPadding" {
            let inner: Value = serde_json::from_slice(&inside).ok()?;
            let part = |name: &str| STANDARD.decode(inner[name].as_str()?).ok();
            let key = if inner["keyId"] == self.key.key_id() { &self.key } else { &self.old_key };
            cipher::open(key, Transformation::Gcm, &part("initializationVector")?, &part("cipher")?).ok()?
        } else {
            // Without an id there is no telling: the demo has few of these, and they are read with either key.
            let mut opened = [&self.key, &self.old_key].into_iter().filter_map(|key| {
                let iv = outer["iv"].as_str().map(|iv| STANDARD.decode(iv).unwrap()).unwrap_or_default();
                let kind = if iv.is_empty() { Transformation::Ecb } else { Transformation::Cbc };
                cipher::open(key, kind, &iv, &inside).ok()
            });
            opened.next()?
        };
        String::from_utf8(plain.to_vec()).ok()
    }
}
