//! The primary key of a row, or the path of a file, as the journal knows it.
//!
//! Keys are compared for equality only. Their order is the database server's business
//! (collations, locales, decimals); the derived `Ord` exists for in-memory collections and is
//! never used to order rows. The encoding is compact and lossless: a canonical UUID, the
//! commonest key, takes 17 bytes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::wire::{Malformed, Reader, put_bytes, put_varint};

/// One column of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyPart {
    /// An integer of any width.
    Int(i64),
    /// Text, as the database gave it.
    Text(String),
    /// Bytes, for binary key columns.
    Bytes(Vec<u8>),
    /// What no statement can name: a text that is none, as its bytes, or what else the database gave, as it is shown. A row
    /// with such a key can only be told of.
    Unreadable(Vec<u8>),
}

/// All columns of a key, in the order of the target's key columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub Vec<KeyPart>);

const EMPTY: u8 = 0;
const INT: u8 = 1;
const TEXT: u8 = 2;
const UUID: u8 = 3;
const BYTES: u8 = 4;
const UNREADABLE: u8 = 5;
/// Set on a part's tag when another part follows.
const MORE: u8 = 0x80;

impl Key {
    /// Whether a statement can name the row.
    pub fn is_readable(&self) -> bool {
        !self.0.iter().any(|part| matches!(part, KeyPart::Unreadable(_)))
    }

    /// Appends the encoding of the key, which delimits itself.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Some(last) = self.0.len().checked_sub(1) else {
            out.push(EMPTY);
            return;
        };
        for (i, part) in self.0.iter().enumerate() {
            let more = if i < last { MORE } else { 0 };
            match part {
                KeyPart::Int(n) => {
                    out.push(INT | more);
                    put_varint(out, zigzag(*n));
                }
                KeyPart::Text(text) => {
                    if let Some(uuid) = parse_uuid(text) {
                        out.push(UUID | more);
                        out.extend_from_slice(&uuid);
                    } else {
                        out.push(TEXT | more);
                        put_bytes(out, text.as_bytes());
                    }
                }
                KeyPart::Bytes(bytes) => {
                    out.push(BYTES | more);
                    put_bytes(out, bytes);
                }
                KeyPart::Unreadable(bytes) => {
                    out.push(UNREADABLE | more);
                    put_bytes(out, bytes);
                }
            }
        }
    }

    /// Reads one key; total over any input.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut parts = Vec::with_capacity(1);
        loop {
            let tag = reader.byte()?;
            parts.push(match tag & !MORE {
                EMPTY if tag == EMPTY && parts.is_empty() => return Ok(Self(parts)),
                INT => KeyPart::Int(unzigzag(reader.varint()?)),
                TEXT => KeyPart::Text(reader.text()?.to_owned()),
                UUID => KeyPart::Text(format_uuid(&reader.array()?)),
                BYTES => KeyPart::Bytes(reader.bytes()?.to_vec()),
                UNREADABLE => KeyPart::Unreadable(reader.bytes()?.to_vec()),
                _ => return Err(Malformed("a key part is of an unknown type")),
            });
            if tag & MORE == 0 {
                return Ok(Self(parts));
            }
        }
    }
}

/// For people: parts joined by `/`, bytes in hex, what cannot be read escaped. Not meant to be read back.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            match part {
                KeyPart::Int(n) => write!(f, "{n}")?,
                KeyPart::Text(text) => f.write_str(text)?,
                KeyPart::Bytes(bytes) => {
                    for byte in bytes {
                        write!(f, "{byte:02x}")?;
                    }
                }
                KeyPart::Unreadable(bytes) => write!(f, "{}", bytes.escape_ascii())?,
            }
        }
        Ok(())
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = Vec::new();
        self.encode(&mut out);
        serializer.serialize_bytes(&out)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        let mut reader = Reader::new(&bytes);
        let key = Self::decode(&mut reader).map_err(D::Error::custom)?;
        if reader.is_empty() { Ok(key) } else { Err(D::Error::custom("a key is followed by other bytes")) }
    }
}

/// Maps small numbers of either sign to small unsigned ones.
fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -((n & 1).cast_signed())
}

/// The bytes of a UUID written exactly as [`format_uuid`] writes it (lower case, hyphens), so
/// that the text comes back unchanged.
pub(crate) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut uuid = [0; 16];
    let mut nibbles = 0_usize;
    for (i, &c) in text.iter().enumerate() {
        if matches!(i, 8 | 13 | 18 | 23) {
            if c != b'-' {
                return None;
            }
            continue;
        }
        let nibble = match c {
            b'0'..=b'9' => c - b'0',
            b'a'..=b'f' => c - b'a' + 10,
            _ => return None,
        };
        let byte = uuid.get_mut(nibbles / 2)?;
        *byte = (*byte << 4) | nibble;
        nibbles += 1;
    }
    Some(uuid)
}

/// A UUID in its canonical form: lower case, 8-4-4-4-12.
pub(crate) fn format_uuid(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }));
        }
    }
    text
}
