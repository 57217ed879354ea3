//! What a report on a journal needs besides its events: digests that bind it to the log, and times.

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::event::Event;
use crate::head::Mark;
use crate::ids::{Ordinal, TargetId};
use crate::journal::Journal;
use crate::log::{Extent, read_entry, stored_records};

/// When a chunk was recorded, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkTimes {
    /// Before the first byte of it was written.
    pub started_at: i64,
    /// After its commit; none while it is open.
    pub done_at: Option<i64>,
}

impl Journal {
    /// How much is recorded, and the MAC of the last record.
    pub fn tip(&self) -> Mark {
        self.tip
    }

    /// The SHA-256 over the first `entries` entries of the log, as they are stored: of each record its
    /// key (13 bytes), the length of its value (4, little-endian) and the value. Needs no key;
    /// checksums are checked on the way.
    pub fn log_sha256(&self, entries: u64) -> Result<[u8; 32]> {
        self.log_sha256_with(entries, || {})
    }

    /// Likewise; `read` is called for each entry that was read.
    pub fn log_sha256_with(&self, entries: u64, mut read: impl FnMut()) -> Result<[u8; 32]> {
        let mut sha = Sha256::new();
        for number in 0..entries.min(self.state.entries) {
            stored_records(&*self.store, number, |key, value| {
                sha.update(key);
                sha.update(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
                sha.update(value);
            })?;
            read();
        }
        Ok(sha.finalize().into())
    }

    /// A secret that everyone with the journal can compute, and nobody from a report on it: made from
    /// the MAC of the first entry, which is the same for as long as the journal grows.
    pub fn secret(&self, purpose: &str) -> Result<[u8; 32]> {
        let first = read_entry(&*self.store, 0, Extent::Whole, None)?.mac;
        let mut sha = Sha256::new();
        sha.update((purpose.len() as u64).to_le_bytes());
        sha.update(purpose);
        sha.update(first);
        Ok(sha.finalize().into())
    }

    /// When a chunk was begun and closed.
    pub fn chunk_times(&self, target: TargetId, ordinal: Ordinal) -> Result<ChunkTimes> {
        let entries = self.chunk_entries(target, ordinal)?;
        let at = |number: Option<&u64>| match number {
            Some(number) => Ok(read_entry(&*self.store, *number, Extent::Event, None)?.logged),
            None => Err(Error::damaged(self.store.place(), format!("chunk {ordinal} has no event"))),
        };
        let (first, last) = (at(entries.first())?, at(entries.last())?);
        let is_closed = matches!(last.event, Event::ChunkDone { .. });
        Ok(ChunkTimes { started_at: first.at, done_at: is_closed.then_some(last.at) })
    }
}
