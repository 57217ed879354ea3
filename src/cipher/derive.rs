//! What is derived from a key for the journal: digests, the chain's key, the fingerprint.
//!
//! Everything in the journal is keyed by the *new* key and the rotation's id, so that two
//! journals cannot be compared and a digest cannot be looked up in a table.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::SecretKey;

/// 128 bits that stand for a value in the journal.
pub type Digest = [u8; 16];

const DIGEST_INFO: &[u8] = b"keyrotation/1/digest";
const CHAIN_INFO: &[u8] = b"keyrotation/1/chain";
const FINGERPRINT_INFO: &[u8] = b"keyrotation/1/fingerprint";

/// The key of the journal's MAC chain.
pub fn chain_key(new_key: &SecretKey, rotation: &[u8]) -> [u8; 32] {
    expand(new_key.bytes(), rotation, CHAIN_INFO)
}

pub(super) fn fingerprint(key: &[u8]) -> String {
    let expanded = expand(key, &[], FINGERPRINT_INFO);
    let start = std::array::from_fn(|at| expanded[at]);
    format!("{:016x}", u64::from_be_bytes(start))
}

fn expand(key: &[u8], salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // The only error is an output of more than 255 blocks; this is one.
    let _ = Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut out);
    out
}

/// Makes keyed digests of stored values and of plaintexts.
///
/// A digest covers where the value stands (target, column, row key) besides the value, each
/// with its length in front, so that two rows whose values were swapped do not match.
#[derive(Clone)]
pub struct Digester {
    mac: Hmac<Sha256>,
}

/// Shows nothing of the key.
impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester")
    }
}

impl Digester {
    /// A digester for one rotation.
    pub fn new(new_key: &SecretKey, rotation: &[u8]) -> Self {
        let key = expand(new_key.bytes(), rotation, DIGEST_INFO);
        #[allow(clippy::expect_used, clippy::missing_panics_doc)] // it cannot happen, see below
        let mac = Hmac::new_from_slice(&key).expect("HMAC takes a key of any length");
        Self { mac }
    }

    /// The digest of the parts, in order.
    pub fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        let full = mac.finalize().into_bytes();
        std::array::from_fn(|at| full[at])
    }
}
