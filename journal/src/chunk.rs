//! What the journal keeps of each row: its key and, per encrypted value, an outcome with digests.
//!
//! Rows are packed back to back. A row with a UUID key and two rotated values takes 116 bytes. Rows
//! whose values are all plain or null have no record; they are only counted.

use serde::{Deserialize, Serialize};

use crate::key::Key;
use crate::wire::{Malformed, Reader, put_bytes, put_varint};

/// A keyed digest (HMAC-SHA-256 cut to 128 bits), made by the caller.
pub type Digest = [u8; 16];

/// Which rows a chunk holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Span {
    /// Rows whose key the server orders after `after` and not after `upto`.
    Range {
        /// The last key before the range; none at the beginning of the table.
        after: Option<Key>,
        /// The last key of the range; none for the range that runs to the end of the table.
        upto: Option<Key>,
    },
    /// The rows that the chunk's records name: strays found by a sweep, or rows tried again.
    Keys,
}

/// One row of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRecord {
    /// The row's primary key.
    pub key: Key,
    /// Its encrypted values.
    pub cells: Vec<CellRecord>,
}

/// One encrypted value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellRecord {
    /// The position of the value's column in the target's list of value columns.
    pub column: u8,
    /// What is to become, or became, of the value.
    pub outcome: CellOutcome,
}

/// What is to become (in a plan), or became (in an amendment), of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellOutcome {
    /// Re-encrypted.
    Rotated {
        /// Digest of the stored value as read.
        before: Digest,
        /// Digest of the stored value as written.
        after: Digest,
        /// Digest of the plaintext.
        plain: Digest,
    },
    /// Found under the new key without its id, and sealed with it again.
    Resealed {
        /// Digest of the stored value as read.
        before: Digest,
        /// Digest of the stored value as written.
        after: Digest,
        /// Digest of the plaintext.
        plain: Digest,
    },
    /// Found under the new key and left alone.
    AlreadyNew {
        /// Digest of the stored value.
        after: Digest,
        /// Digest of the plaintext.
        plain: Digest,
    },
    /// Left as it was, for a reason.
    Failed {
        /// Digest of the stored value.
        before: Digest,
        /// Why; cut to [`REASON_CHARS`] characters when appended.
        reason: String,
    },
    /// The row was deleted by someone else meanwhile.
    Gone,
}

/// Marks a re-encrypted value that was under the new key before. Columns end below it, so that journals
/// written before there was such an outcome read as they did.
const RESEALED: u64 = 1 << 10;

/// The longest reason that is kept, in characters.
pub const REASON_CHARS: usize = 200;

impl RowRecord {
    /// Whether any of the row's values failed.
    pub fn failed(&self) -> bool {
        self.cells.iter().any(|cell| matches!(cell.outcome, CellOutcome::Failed { .. }))
    }

    /// Cuts reasons to the length that is kept.
    pub(crate) fn cap_reasons(&mut self) {
        for cell in &mut self.cells {
            if let CellOutcome::Failed { reason, .. } = &mut cell.outcome
                && let Some((end, _)) = reason.char_indices().nth(REASON_CHARS)
            {
                reason.truncate(end);
            }
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.key.encode(out);
        put_varint(out, self.cells.len() as u64);
        for cell in &self.cells {
            let head = u64::from(cell.column) << 2;
            match &cell.outcome {
                CellOutcome::Rotated { before, after, plain }
                | CellOutcome::Resealed { before, after, plain } => {
                    let again = matches!(cell.outcome, CellOutcome::Resealed { .. });
                    put_varint(out, if again { head | RESEALED } else { head });
                    out.extend_from_slice(before);
                    out.extend_from_slice(after);
                    out.extend_from_slice(plain);
                }
                CellOutcome::AlreadyNew { after, plain } => {
                    put_varint(out, head | 1);
                    out.extend_from_slice(after);
                    out.extend_from_slice(plain);
                }
                CellOutcome::Failed { before, reason } => {
                    put_varint(out, head | 2);
                    out.extend_from_slice(before);
                    put_bytes(out, reason.as_bytes());
                }
                CellOutcome::Gone => put_varint(out, head | 3),
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let key = Key::decode(reader)?;
        let mut cells = Vec::new();
        for _ in 0..reader.varint()? {
            let head = reader.varint()?;
            let again = head & RESEALED != 0 && head.trailing_zeros() >= 2;
            let head = if again { head & !RESEALED } else { head };
            let column = u8::try_from(head >> 2).map_err(|_| Malformed("a column is out of range"))?;
            let outcome = match head & 3 {
                0 if again => CellOutcome::Resealed {
                    before: reader.array()?,
                    after: reader.array()?,
                    plain: reader.array()?,
                },
                0 => CellOutcome::Rotated {
                    before: reader.array()?,
                    after: reader.array()?,
                    plain: reader.array()?,
                },
                1 => CellOutcome::AlreadyNew { after: reader.array()?, plain: reader.array()? },
                2 => CellOutcome::Failed { before: reader.array()?, reason: reader.text()?.to_owned() },
                _ => CellOutcome::Gone,
            };
            cells.push(CellRecord { column, outcome });
        }
        Ok(Self { key, cells })
    }
}

/// Appends the records of `rows` to `out`.
pub(crate) fn pack(rows: &[RowRecord], out: &mut Vec<u8>) {
    for row in rows {
        row.encode(out);
    }
}

/// Reads the rows that take up the rest of the input; total over any input.
pub(crate) fn unpack(mut reader: Reader<'_>) -> Result<Vec<RowRecord>, Malformed> {
    let mut rows = Vec::new();
    while !reader.is_empty() {
        rows.push(RowRecord::decode(&mut reader)?);
    }
    Ok(rows)
}
