//! A symmetric key as `deployment.toml` writes it.

use std::fmt;
use std::sync::Arc;

use aes::cipher::KeyInit;
use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::modes::{Expanded, Modes};
use super::{derive, guess};

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// AES has no key of this length.
    #[error("{0} bytes long; a key has 16, 24 or 32 characters, or 48 or 64 hexadecimal digits")]
    Length(usize),
    /// 48 or 64 characters are read as hexadecimal digits, and these are not.
    #[error("{length} characters are read as hexadecimal digits, and character {at} is not one")]
    Hex {
        /// How many characters there are.
        length: usize,
        /// Which character is wrong, counted from 1.
        at: usize,
    },
}

/// The key of WSO2's documentation and of its first distributions.
const PUBLISHED_KEY: &str = "03BAFEB27A8E871CAD83C5CD4E771DAB";

/// Fewer different bytes than this no random key has.
const MOST_ALIKE: usize = 5;

/// Likewise of 32, where there are more to go by.
const MOST_ALIKE_OF_32: usize = 8;

/// No part of so many bytes stands in a random key twice.
const REPEATED: usize = 8;

/// Numbers of up to so many digits are looked for.
const WIDEST: usize = 4;

/// A data encryption key: 16, 24 or 32 bytes.
#[derive(Clone)]
pub struct SecretKey {
    bytes: Arc<Zeroizing<Vec<u8>>>,
    modes: Arc<dyn Modes>,
    id: String,
    fingerprint: String,
}

impl SecretKey {
    /// Reads a key as the server does: 48 or 64 characters are hexadecimal digits, any other
    /// text is the key's bytes themselves.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = match text.len() {
            48 | 64 => from_hex(text)?,
            _ => text.as_bytes().to_vec(),
        };
        Self::from_bytes(bytes)
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(bytes);
        let wrong = |_| KeyError::Length(bytes.len());
        let modes: Arc<dyn Modes> = match bytes.len() {
            16 => Arc::new(Expanded::new(Aes128::new_from_slice(&bytes).map_err(wrong)?)),
            24 => Arc::new(Expanded::new(Aes192::new_from_slice(&bytes).map_err(wrong)?)),
            _ => Arc::new(Expanded::new(Aes256::new_from_slice(&bytes).map_err(wrong)?)),
        };
        let id = STANDARD.encode(Sha256::digest(bytes.as_slice()));
        let fingerprint = derive::fingerprint(&bytes);
        Ok(Self { bytes: Arc::new(bytes), modes, id, fingerprint })
    }

    /// The id that servers from 7.1 on store beside a ciphertext: base64 of the key's SHA-256.
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// Sixteen hexadecimal digits by which people can compare keys; tells nothing of the key.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Why it is no key to move to, if it is not: it can be guessed, or protects less than the old one.
    pub fn weakness(&self, old: &Self) -> Option<String> {
        let bytes = self.bytes();
        if bytes.len() < old.bytes().len() {
            return Some(format!("it has {} bytes, and the old key {}", bytes.len(), old.bytes().len()));
        }
        let is_period = |period: &usize| bytes.iter().zip(bytes.iter().skip(*period)).all(|(a, b)| a == b);
        if let Some(period) = (1..=bytes.len() / 2).find(is_period) {
            return Some(format!("it repeats itself after {period} bytes"));
        }
        if let Some(length) = repeated(bytes) {
            return Some(format!("{length} of its bytes occur in it twice"));
        }
        let mut different = bytes.to_vec();
        different.sort_unstable();
        different.dedup();
        let count = different.len();
        different.zeroize();
        let most_alike = if bytes.len() < 32 { MOST_ALIKE } else { MOST_ALIKE_OF_32 };
        if count < most_alike {
            return Some(format!("only {count} of its {} bytes differ from each other", bytes.len()));
        }
        let steps = bytes.iter().zip(bytes.iter().skip(1)).filter(|(a, b)| a.abs_diff(**b) == 1).count();
        let follows = steps > bytes.len() / 2 || (1..=WIDEST).any(|width| counts(bytes, width));
        if follows {
            return Some("its bytes follow one another".to_owned());
        }
        if guess::is_of_a_keyboard(bytes) {
            return Some("its characters are neighbours on a keyboard".to_owned());
        }
        if self.is_like(old) {
            return Some("it is nearly the old key".to_owned());
        }
        let published = Self::parse(PUBLISHED_KEY).ok()?;
        self.is_like(&published).then(|| "it is nearly WSO2's published key".to_owned())
    }

    /// Whether most of it stands in another key, too, forwards or backwards, whatever the case of letters.
    pub fn is_like(&self, other: &Self) -> bool {
        guess::are_alike(self.bytes(), other.bytes())
    }

    /// Whether it is WSO2's published key, whatever the case of letters.
    pub fn is_published(&self) -> bool {
        self.bytes().eq_ignore_ascii_case(PUBLISHED_KEY.as_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn modes(&self) -> &dyn Modes {
        self.modes.as_ref()
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.fingerprint)
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, KeyError> {
    let digits = text
        .chars()
        .enumerate()
        .map(|(at, c)| c.to_digit(16).ok_or(KeyError::Hex { length: text.len(), at: at + 1 }))
        .collect::<Result<Vec<_>, _>>()?;
    #[allow(clippy::cast_possible_truncation)] // two hexadecimal digits are a byte
    Ok(digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// How long the longest part is that stands in it twice, if that is too long for chance: of 32 random hexadecimal digits it
/// is so in one of ten million keys.
fn repeated(bytes: &[u8]) -> Option<usize> {
    let alike = |one: usize, other: usize| {
        let pairs = bytes.iter().skip(one).zip(bytes.iter().skip(other));
        pairs.take_while(|(a, b)| a == b).count()
    };
    let pairs = (0..bytes.len()).flat_map(|one| (one + 1..bytes.len()).map(move |other| (one, other)));
    pairs.map(|(one, other)| alike(one, other)).max().filter(|length| *length >= REPEATED)
}

/// Whether nearly all of its bytes are those so many places before, or go on from them by one, or by the same step: as in
/// numbers that are counted up.
fn counts(bytes: &[u8], width: usize) -> bool {
    let differences: Vec<i16> =
        bytes.iter().zip(bytes.iter().skip(width)).map(|(a, b)| i16::from(*b) - i16::from(*a)).collect();
    let nearly_all = |count: usize, of: usize| of > 0 && (of - count) * 10 <= of;
    let near = differences.iter().filter(|difference| difference.abs() <= 1).count();
    let same = differences.iter().zip(differences.iter().skip(width)).filter(|(a, b)| a == b).count();
    nearly_all(near, differences.len()) || nearly_all(same, differences.len().saturating_sub(width))
}
