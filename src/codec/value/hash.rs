//! The hash that servers keep beside a token.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::envelope::members;

/// Whether a hash column agrees with a plaintext.
///
/// The column holds `{"algorithm":"SHA-256","hash":"<hexadecimal digits>"}`. `None` where it does
/// not parse, or for another algorithm than SHA-256, SHA-384 and SHA-512: then it is no evidence.
pub fn hash_agrees(column: &str, plaintext: &[u8]) -> Option<bool> {
    let [Some(algorithm), Some(hash)] = members(column.as_bytes(), ["algorithm", "hash"])? else {
        return None;
    };
    let digest = match algorithm.to_ascii_uppercase().as_str() {
        "SHA-256" => Sha256::digest(plaintext).to_vec(),
        "SHA-384" => Sha384::digest(plaintext).to_vec(),
        "SHA-512" => Sha512::digest(plaintext).to_vec(),
        _ => return None,
    };
    let parses = hash.len() == 2 * digest.len() && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    parses.then(|| {
        let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
        hash.chars().map(|digit| digit.to_digit(16)).eq(nibbles.map(|nibble| Some(u32::from(nibble))))
    })
}
