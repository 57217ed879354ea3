//! One target resolved against the live deployment.

use std::sync::Arc;

use keyrotation_journal::TargetId;

use super::TableIndexes;
use crate::codec::Codec;
use crate::db::{Identifier, Limit, Unit};
use crate::sink::Sink;
use crate::sizes::Sizes;
use crate::source::{Pages, Source};

/// A target that is there: where its rows come from, and where they go.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its position in the journal's list of targets.
    pub index: TargetId,
    /// The target's name in the journal.
    pub id: Arc<str>,
    /// The table, or the folders.
    pub place: String,
    /// How values stand in its columns.
    pub codec: Codec,
    /// The value columns.
    pub columns: Arc<[Identifier]>,
    /// What each of them holds at most, where that is limited.
    pub limits: Vec<Option<Limit>>,
    /// How many groups its rows are counted in.
    pub groups: usize,
    /// The one of rows that were under the new key without its id, if the journal has it.
    pub resealed: Option<usize>,
    /// Where its rows come from.
    pub source: Source,
    /// Where its changes go.
    pub sink: Sink,
    /// Its indexes; none of files.
    pub indexes: Option<TableIndexes>,
    /// How much is read and written at once.
    pub sizes: Sizes,
}

impl Job {
    /// Why a new value does not fit its column, if it does not.
    pub fn too_long(&self, column: usize, new: &[u8]) -> Option<String> {
        let limit = (*self.limits.get(column)?)?;
        let (length, unit) = match limit.unit {
            Unit::Bytes => (new.len(), "bytes"),
            // New values are base64 or the bytes of the old one around it.
            Unit::Characters => (String::from_utf8_lossy(new).chars().count(), "characters"),
        };
        (length > limit.length).then(|| {
            format!("the new value has {length} {unit}, and {} holds {}", self.columns[column], limit.length)
        })
    }

    /// How many rows are read at once where nothing is known of their weight. Envelopes have a few
    /// hundred bytes; serialized objects and files may have a thousand times that.
    pub fn page_rows(&self) -> usize {
        if self.codec.is_envelope() { self.sizes.rows } else { self.sizes.heavy_rows }
    }

    /// All rows, to be read only. A long statement would be in the way of servers that work with the table, and drivers
    /// may hold many rows of it, so large values are read a few at a time.
    pub fn all_rows(&self) -> Pages {
        let by_one_statement = self.codec.is_envelope() && !self.sink.gives_way();
        self.source.all(self.page_rows(), by_one_statement)
    }
}
