//! Reading a journal: rows of a chunk, chunks of a target, events in order.
//!
//! Chunks are walked by ordinal. Every ordinal below the next one is either open, and then in the
//! state, or closed, and then in the index; a gap is damage, never skipped. Memory is bounded by
//! one chunk.

use std::collections::{HashMap, HashSet};

use crate::chunk::{RowRecord, Span};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::ids::{Ordinal, TargetId};
use crate::journal::Journal;
use crate::key::Key;
use crate::log::{Extent, Index, Logged, read_entry};

impl Journal {
    /// The rows of a chunk, as last recorded: the plan, replaced row by row by second attempts and
    /// then by amendments.
    pub fn rows(&self, target: TargetId, ordinal: Ordinal) -> Result<Vec<RowRecord>> {
        let entries = self.chunk_entries(target, ordinal)?;
        let mut rows: Vec<RowRecord> = Vec::new();
        let mut places: HashMap<Key, usize> = HashMap::new();
        for (i, number) in entries.iter().enumerate() {
            let entry = read_entry(&*self.store, *number, Extent::Whole, None)?;
            self.must_speak_of(&entry.logged, target, ordinal)?;
            tracing::trace!("chunk {ordinal} of target {target}: reads {} records", entry.rows.len());
            if i == 0 && entries.len() == 1 {
                return Ok(entry.rows);
            }
            for row in entry.rows {
                if let Some(earlier) = places.get(&row.key).and_then(|place| rows.get_mut(*place)) {
                    *earlier = row;
                } else {
                    places.insert(row.key.clone(), rows.len());
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }

    /// The chunks of a target with their spans, by ascending ordinal, open ones included. Read as the
    /// iterator goes.
    pub fn chunks(&self, target: TargetId) -> impl Iterator<Item = Result<(Ordinal, Span)>> + '_ {
        self.ordinals(target).map(move |ordinal| Ok((ordinal, self.span(target, ordinal)?)))
    }

    /// The closed chunks of a target in which a row failed, by ascending ordinal. A row that was
    /// tried again is in a later chunk, too.
    pub fn failed_chunks(&self, target: TargetId) -> impl Iterator<Item = Result<Ordinal>> + '_ {
        self.closed(target, |index| index.failed)
    }

    /// The closed chunks of a target that name their rows (strays and rows tried again), by
    /// ascending ordinal. Their records replace those of the ranges.
    pub fn overlays(&self, target: TargetId) -> impl Iterator<Item = Result<Ordinal>> + '_ {
        self.closed(target, |index| index.overlay)
    }

    /// The last record of each of `keys` that has one, with the ordinal of its chunk. Reads the whole
    /// target.
    pub fn find(&self, target: TargetId, keys: &HashSet<Key>) -> Result<HashMap<Key, (Ordinal, RowRecord)>> {
        let mut found = HashMap::new();
        for ordinal in self.ordinals(target) {
            for row in self.rows(target, ordinal)? {
                if keys.contains(&row.key) {
                    found.insert(row.key.clone(), (ordinal, row));
                }
            }
        }
        Ok(found)
    }

    /// Every event, in order, without its rows. Read as the iterator goes.
    pub fn events(&self) -> impl Iterator<Item = Result<Logged>> + '_ {
        (0..self.state.entries)
            .map(|number| Ok(read_entry(&*self.store, number, Extent::Event, None)?.logged))
    }

    fn ordinals(&self, target: TargetId) -> impl Iterator<Item = Ordinal> + use<> {
        let next = self.state.targets.get(target.position()).map(|state| state.next_ordinal);
        Ordinal::before(next.unwrap_or_default())
    }

    fn closed(
        &self,
        target: TargetId,
        wanted: fn(&Index) -> bool,
    ) -> impl Iterator<Item = Result<Ordinal>> + '_ {
        self.ordinals(target).filter(move |ordinal| !self.is_open(target, *ordinal)).filter_map(
            move |ordinal| match Index::read(&*self.store, target, ordinal) {
                Ok(index) => wanted(&index).then_some(Ok(ordinal)),
                Err(error) => Some(Err(error)),
            },
        )
    }

    fn is_open(&self, target: TargetId, ordinal: Ordinal) -> bool {
        self.state.targets.get(target.position()).is_some_and(|state| state.open.contains_key(&ordinal))
    }

    /// The span of a chunk.
    pub fn span(&self, target: TargetId, ordinal: Ordinal) -> Result<Span> {
        let entries = self.chunk_entries(target, ordinal)?;
        let start = entries.first().copied().ok_or_else(|| self.no_such_chunk(target, ordinal))?;
        let logged = read_entry(&*self.store, start, Extent::Event, None)?.logged;
        self.must_speak_of(&logged, target, ordinal)?;
        match logged.event {
            Event::ChunkStarted { span, .. } => Ok(span),
            _ => Err(Error::damaged(self.store.place(), format!("event {start} does not start a chunk"))),
        }
    }

    pub(crate) fn chunk_entries(&self, target: TargetId, ordinal: Ordinal) -> Result<Vec<u64>> {
        let state = self.state.targets.get(target.position()).filter(|state| ordinal < state.next_ordinal);
        let state = state.ok_or_else(|| self.no_such_chunk(target, ordinal))?;
        let entries = match state.open.get(&ordinal) {
            Some(chunk) => chunk.entries.clone(),
            None => Index::read(&*self.store, target, ordinal)?.entries,
        };
        if entries.is_empty() {
            let what = format!("no event speaks of chunk {ordinal} of target {target}");
            return Err(Error::damaged(self.store.place(), what));
        }
        Ok(entries)
    }

    fn must_speak_of(&self, logged: &Logged, target: TargetId, ordinal: Ordinal) -> Result<()> {
        match &logged.event {
            Event::ChunkStarted { target: t, ordinal: o, .. }
            | Event::RowsReplanned { target: t, ordinal: o }
            | Event::ChunkDone { target: t, ordinal: o, .. }
                if (*t, *o) == (target, ordinal) =>
            {
                Ok(())
            }
            _ => Err(Error::damaged(
                self.store.place(),
                format!("event {} is not of chunk {ordinal} of target {target}", logged.number),
            )),
        }
    }

    fn no_such_chunk(&self, target: TargetId, ordinal: Ordinal) -> Error {
        Error::NoSuchChunk { dir: self.store.place().to_owned(), target, ordinal }
    }
}
