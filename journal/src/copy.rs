//! What the sync phase records: rows that were carried over from the old database, and what each
//! row of the new one was when this program saw it last.
//!
//! A *mark* tells whose a row is: as long as it stands as marked, nobody but this program has
//! changed it. Marks are looked up by key, so they are values of their own, each with a MAC; what
//! was carried over is in the log as well.

use serde::{Deserialize, Serialize};

use crate::chunk::Digest;
use crate::ids::TargetId;
use crate::key::Key;
use crate::record::{Chain, Kind, MacBytes, Unsealed, seal, unseal};
use crate::store::Write;
use crate::wire::{Malformed, Reader};

/// A row on its way into the new database. Digests are over the whole row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRow {
    /// The row.
    pub key: Key,
    /// What stood there; none if the row was absent.
    pub before: Option<Digest>,
    /// What is to stand there; none if the row is deleted.
    pub after: Option<Digest>,
}

/// What a row may be while nobody else has changed it. Both are the same but between the record of
/// a change and the record of its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowMark {
    /// Before the last change of ours.
    pub before: Option<Digest>,
    /// After it.
    pub after: Option<Digest>,
}

impl RowMark {
    /// A row whose last change is known to be committed.
    pub const fn settled(digest: Digest) -> Self {
        Self { before: Some(digest), after: Some(digest) }
    }

    /// A row of the copy's of which it is not known what it was: it is the new server's own, and so is its absence.
    pub const OF_THE_NEW_SERVER: Self = Self::settled([0; 16]);

    /// A row that only the old database had when it was looked at first: the new server may have deleted it.
    pub const MAYBE_DELETED: Self = Self::settled([0xff; 16]);

    /// Whether a row with this digest (none: absent) is as this program left it.
    pub fn allows(&self, present: Option<Digest>) -> bool {
        self.before == present || self.after == present
    }

    fn encode(&self) -> Vec<u8> {
        let is_settled = self.before == self.after;
        let flags = u8::from(self.before.is_some()) | u8::from(self.after.is_some()) << 1;
        let mut out = vec![flags | u8::from(is_settled) << 2];
        let digests = [self.before, self.after.filter(|_| !is_settled)];
        out.extend(digests.into_iter().flatten().flatten());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let flags = reader.byte()?;
        let mut digest = |there: bool| there.then(|| reader.array()).transpose();
        let before = digest(flags & 1 != 0)?;
        let after = if flags & 4 != 0 { before } else { digest(flags & 2 != 0)? };
        Ok(Self { before, after })
    }
}

/// What became of entries of one table's change log, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CopyTally {
    /// Rows that were carried over.
    pub applied: u64,
    /// Rows that the new server had made its own.
    pub superseded: u64,
}

/// What was seen of one table's change log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pending {
    /// The table, as a position among the rotation's targets.
    pub target: TargetId,
    /// Entries that are not acknowledged.
    pub entries: u64,
    /// Rows that wait for something that only people can do.
    pub held: u64,
    /// Rows that could not be carried over.
    pub failed: u64,
}

/// How the change logs stood when they were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// Each table's.
    pub tables: Vec<Pending>,
    /// How old the oldest entry was that is neither held nor failed, in milliseconds.
    pub lag: Option<u64>,
    /// Whether nothing that can be carried over had come for as long as was asked.
    pub drained: bool,
}

/// Where the sync phase stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyncState {
    /// When it began; the new server may run from then on.
    pub started_at: Option<i64>,
    /// The entry of rows that were recorded, and whose commit was not.
    pub(crate) open: Option<u64>,
    /// The table that it is of.
    pub(crate) open_target: TargetId,
    /// Counts by target.
    pub tables: std::collections::BTreeMap<TargetId, CopyTally>,
    /// What was seen last.
    pub seen: Option<Seen>,
}

/// A step of the rotation that people take, or that this program took outside of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// Its name, such as `route-traffic`.
    pub name: String,
    /// What was said of it.
    pub note: String,
    /// The operating system's user.
    pub user: String,
    /// The host.
    pub host: String,
}

/// Where the mark of a row is.
pub(crate) fn mark_key(target: TargetId, key: &Key) -> Vec<u8> {
    let mut place = [b"w", target.get().to_be_bytes().as_slice()].concat();
    key.encode(&mut place);
    place
}

/// The write that sets, or removes, the mark of a row.
pub(crate) fn write_mark(chain: &Chain, target: TargetId, key: &Key, mark: Option<&RowMark>) -> Write {
    let place = mark_key(target, key);
    let value = mark.filter(|mark| **mark != RowMark { before: None, after: None }).map(|mark| {
        let body = mark.encode();
        seal(&place, Kind::Mark, &[mac(chain, &place, &body).as_slice(), &body].concat())
    });
    (place, value)
}

/// Reads the mark that stands at `place`.
pub(crate) fn read_mark(chain: &Chain, place: &[u8], value: &[u8]) -> Result<RowMark, Unsealed> {
    let sealed = unseal(place, Kind::Mark, value)?;
    let (stored, body) = sealed.split_first_chunk::<16>().ok_or(Unsealed::Kind)?;
    if *stored != mac(chain, place, body) {
        return Err(Unsealed::Forged);
    }
    Ok(RowMark::decode(body)?)
}

fn mac(chain: &Chain, place: &[u8], body: &[u8]) -> MacBytes {
    chain.mac(&[b"mark", &(body.len() as u64).to_le_bytes(), body, place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyPart;

    #[test]
    fn marks_come_back_and_do_not_pass_elsewhere() {
        let chain = Chain::new(&[7; 32]);
        let key = |n| Key(vec![KeyPart::Int(n), KeyPart::Text("a".into())]);
        let digests = [None, Some([1; 16]), Some([2; 16])];
        for before in digests {
            for after in digests {
                let mark = RowMark { before, after };
                let (place, value) = write_mark(&chain, TargetId::new(3), &key(1), Some(&mark));
                let Some(value) = value else {
                    assert_eq!((before, after), (None, None));
                    continue;
                };
                assert_eq!(read_mark(&chain, &place, &value), Ok(mark));
                assert_eq!(read_mark(&Chain::new(&[8; 32]), &place, &value), Err(Unsealed::Forged));
                assert!(read_mark(&chain, &mark_key(TargetId::new(3), &key(2)), &value).is_err());
            }
        }
    }

    #[test]
    fn a_mark_allows_what_stood_before_and_after_the_last_change() {
        let mark = RowMark { before: None, after: Some([1; 16]) };
        assert!(mark.allows(None) && mark.allows(Some([1; 16])));
        assert!(!mark.allows(Some([2; 16])));
        assert!(!RowMark::settled([1; 16]).allows(None));
    }
}
