//! Base64 as the server reads and writes it.
//!
//! Invariant: decoding never fails. The server's decoder skips every character outside the
//! standard alphabet, drops an incomplete quantum at the end, goes on behind padding, and does not
//! look at bits that padding leaves over. Text in which all is in order takes the fast path; the
//! two agree on it.

use base64::Engine as _;
use engine::STANDARD;

/// The standard alphabet, by the vector instructions that this processor has.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod engine {
    use std::sync::LazyLock;

    use base64::engine::{GeneralPurposeConfig, Simd};

    pub(super) static STANDARD: LazyLock<Simd> =
        LazyLock::new(|| Simd::standard(GeneralPurposeConfig::new()));
}

/// The standard alphabet.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::general_purpose as engine;

/// The bytes that the server reads from `text`.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    strict(text).unwrap_or_else(|_| decode_leniently(text))
}

/// The bytes of a text in which all is in order.
pub(super) fn strict(text: &[u8]) -> Result<Vec<u8>, ::base64::DecodeError> {
    STANDARD.decode(text)
}

/// The first byte that the server reads from `text`; none where that is not plain to see.
pub(super) fn first(text: &[u8]) -> Option<u8> {
    let mut sextets = text.iter().filter_map(|&character| sextet(character));
    match (sextets.next()?, sextets.next()?) {
        (PADDING, _) | (_, PADDING) => None,
        (a, b) => Some(a << 2 | b >> 4),
    }
}

/// Appends the base64 of `bytes`: standard alphabet, padded, in one line.
pub(super) fn encode(bytes: impl AsRef<[u8]>, out: &mut String) {
    STANDARD.encode_string(bytes, out);
}

/// What `=` counts as where no padding can stand, at the start of a quantum.
const PADDING: u8 = 127;

pub(super) fn decode_leniently(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut sextets = text.iter().filter_map(|&character| sextet(character));
    while let (Some(a), Some(b), Some(c), Some(d)) =
        (sextets.next(), sextets.next(), sextets.next(), sextets.next())
    {
        bytes.push(a << 2 | b >> 4 & 0b11);
        if c != PADDING {
            bytes.push(b << 4 | c >> 2 & 0b1111);
            if d != PADDING {
                bytes.push(c << 6 | d & 0b11_1111);
            }
        }
    }
    bytes
}

fn sextet(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        b'=' => Some(PADDING),
        _ => None,
    }
}
