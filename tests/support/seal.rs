//! Values under a key, as a server writes them.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyrotation::cipher::{self, SecretKey, Transformation};

/// The shortest kind of value under a key, in ECB.
pub(crate) fn seal_short(key: &str, plaintext: &str) -> String {
    let key = SecretKey::parse(key).unwrap();
    let sealed = cipher::seal(&key, Transformation::Ecb, &[], plaintext.as_bytes()).unwrap();
    STANDARD.encode(format!(r#"{{"c":"{}","t":"AES"}}"#, STANDARD.encode(sealed)))
}

/// A value under a key, as servers before 6.0 write it: GCM with an IV of 16 bytes.
pub(crate) fn seal(key: &str, plaintext: &str) -> String {
    static UNIQUE: AtomicU64 = AtomicU64::new(1);
    let mut iv = [0x5a; 16];
    iv[..8].copy_from_slice(&UNIQUE.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let key = SecretKey::parse(key).unwrap();
    let sealed = cipher::seal(&key, Transformation::Gcm, &iv, plaintext.as_bytes()).unwrap();
    let (cipher, iv) = (STANDARD.encode(sealed), STANDARD.encode(iv));
    let inner = format!(r#"{{"cipher":"{cipher}","initializationVector":"{iv}"}}"#);
    let c = STANDARD.encode(inner);
    STANDARD.encode(format!(r#"{{"c":"{c}","t":"AES/GCM/NoPadding","iv":"{iv}"}}"#))
}
