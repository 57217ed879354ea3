//! The envelope around every value in the store, and the chain that holds the log together.
//!
//! A sealed value is `version (1) | kind (1) | crc (4) | body`; the CRC-32 covers the value's
//! own key, the version, the kind and the body, so a value in another's place does not pass. The
//! body of a log record is `mac (16) | payload`, where
//! `mac = HMAC-SHA-256(chain key, mac of the record before | key | version | kind | payload)`,
//! cut to 128 bits: an edit cannot be covered up without the key.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::wire::Malformed;

/// The format that this program writes; it reads this one and every older one.
pub const FORMAT: u8 = 3;

/// Whether this program reads what is of `format`.
pub(crate) fn is_readable(format: u8) -> bool {
    (1..=FORMAT).contains(&format)
}

/// A MAC: HMAC-SHA-256 cut to 128 bits.
pub(crate) type MacBytes = [u8; 16];

/// What a sealed value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A page of an entry that goes on in the next page.
    Page = 1,
    /// The last or only page of an entry.
    LastPage = 2,
    /// The index value of a closed chunk.
    Index = 3,
    /// A part of the state snapshot.
    State = 4,
    /// The mark of a row of a sync table.
    Mark = 5,
}

const HEADER: usize = 6;
const MAC: usize = 16;

/// Why a sealed value is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsealed {
    #[error("it is of format {0}")]
    Format(u8),
    #[error("its checksum is wrong")]
    Checksum,
    #[error("it is not what belongs there")]
    Kind,
    #[error("it was changed after it was written")]
    Forged,
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

/// Seals `body` for the place `key`.
pub(crate) fn seal(key: &[u8], kind: Kind, body: &[u8]) -> Vec<u8> {
    seal_as(FORMAT, key, kind, body)
}

fn seal_as(format: u8, key: &[u8], kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER + body.len());
    value.extend_from_slice(&[format, kind as u8]);
    value.extend_from_slice(&checksum(key, format, kind as u8, body).to_le_bytes());
    value.extend_from_slice(body);
    value
}

/// The body of a sealed value that belongs at `key` and is of `kind`.
pub(crate) fn unseal<'a>(key: &[u8], kind: Kind, value: &'a [u8]) -> Result<&'a [u8], Unsealed> {
    let (_, found, body) = unseal_raw(key, value)?;
    if found == kind as u8 { Ok(body) } else { Err(Unsealed::Kind) }
}

/// Format, kind and body.
fn unseal_raw<'a>(key: &[u8], value: &'a [u8]) -> Result<(u8, u8, &'a [u8]), Unsealed> {
    let (header, body) = value.split_first_chunk::<HEADER>().ok_or(Unsealed::Checksum)?;
    let [format, kind, crc @ ..] = *header;
    if u32::from_le_bytes(crc) != checksum(key, format, kind, body) {
        return Err(Unsealed::Checksum);
    }
    if !is_readable(format) {
        return Err(Unsealed::Format(format));
    }
    Ok((format, kind, body))
}

fn checksum(key: &[u8], format: u8, kind: u8, body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(&[format, kind]);
    crc.update(body);
    crc.finalize()
}

/// A log record: one page of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// The format in which it was written.
    pub(crate) format: u8,
    /// Whether it is the entry's last page.
    pub(crate) last: bool,
    pub(crate) mac: MacBytes,
    pub(crate) payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record that belongs at `key`.
    pub(crate) fn open(key: &[u8], value: &'a [u8]) -> Result<Self, Unsealed> {
        let (format, kind, body) = unseal_raw(key, value)?;
        let last = match kind {
            kind if kind == Kind::Page as u8 => false,
            kind if kind == Kind::LastPage as u8 => true,
            _ => return Err(Unsealed::Kind),
        };
        let (mac, payload) = body.split_first_chunk::<MAC>().ok_or(Unsealed::Kind)?;
        Ok(Self { format, last, mac: *mac, payload })
    }

    /// Seals the record for the place `key`.
    pub(crate) fn seal(&self, key: &[u8]) -> Vec<u8> {
        seal_as(self.format, key, self.kind(), &[&self.mac, self.payload].concat())
    }

    fn kind(&self) -> Kind {
        if self.last { Kind::LastPage } else { Kind::Page }
    }
}

/// The key of the chain. Never shown, never written.
#[derive(Clone)]
pub(crate) struct Chain(Hmac<Sha256>);

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chain(..)")
    }
}

impl Chain {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // HMAC itself pads a short key with zeros to its block of 64 bytes.
        let mut block = [0; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte = *key);
        Self(Hmac::new(&block.into()))
    }

    /// The MAC of the record at `key` after one whose MAC is `before`.
    pub(crate) fn link(&self, before: &MacBytes, key: &[u8], record: &Record<'_>) -> MacBytes {
        self.mac(&[before, key, &[record.format, record.kind() as u8], record.payload])
    }

    /// The MAC over `parts`, which delimit themselves or are of fixed length but for the last.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> MacBytes {
        let mut hmac = self.0.clone();
        for part in parts {
            hmac.update(part);
        }
        let full: [u8; 32] = hmac.finalize().into_bytes().into();
        let mut cut = [0; 16];
        cut.copy_from_slice(full.split_at(16).0);
        cut
    }
}

/// Serializes a small structure.
pub(crate) fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, Malformed> {
    bincode::serde::encode_to_vec(value, config()).map_err(|_| Malformed("it cannot be written"))
}

/// Reads a small structure that takes up all of `bytes`; total over any input.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    match first_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Malformed("it cannot be read")),
    }
}

/// Reads a small structure with which `bytes` begin, and returns the rest, too.
pub(crate) fn first_from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), Malformed> {
    let (value, read) =
        bincode::serde::decode_from_slice(bytes, config()).map_err(|_| Malformed("it cannot be read"))?;
    Ok((value, bytes.get(read..).unwrap_or_default()))
}

/// The limit bounds what a forged length can make a reader allocate.
fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<{ 64 << 20 }>()
}
