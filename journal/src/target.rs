//! The state of one target, and which events it admits in which phase.
//!
//! ```text
//! Pending ──► Running ◄──► Sweeping ──► Swept ──► Done ──► (reopened) Running
//!    └──────► Skipped
//! ```
//!
//! A table that is kept in step is only read: it is done once all its ranges are closed.
//!
//! Invariants: ordinals have no gaps; ranges join up without overlap, and none follows the one
//! that runs to the end; a sweep begins only when every range is handed out and no chunk is
//! open; a target is done only after a sweep that found nothing; the tally is the sum over
//! closed chunks; a table whose indexes were dropped is not done before they are there again.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::chunk::{CellOutcome, RowRecord, Span};
use crate::event::{Event, IndexDefinition, Tally, TargetHead, TargetKind};
use crate::ids::Ordinal;
use crate::key::Key;

/// What is being done with a target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Phase {
    /// Not begun.
    #[default]
    Pending,
    /// Chunks are handed out and written.
    Running,
    /// A read-only pass looks for rows that are still under the old key.
    Sweeping {
        /// Which pass.
        pass: u32,
    },
    /// The last pass found nothing; all that is left is to say that the target is done.
    Swept,
    /// Finished and swept.
    Done,
    /// Not there, or nothing to do.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// Where one target stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TargetState {
    /// What is being done with it.
    pub phase: Phase,
    /// How many rows it is thought to have.
    pub total: Option<u64>,
    /// The sum over closed chunks.
    pub tally: Tally,
    /// The last key handed out in a range.
    pub frontier: Option<Key>,
    /// The range that runs to the end was handed out.
    pub exhausted: bool,
    /// The number of the next chunk.
    pub next_ordinal: Ordinal,
    /// Chunks that are started and not done.
    pub open: BTreeMap<Ordinal, OpenChunk>,
    /// How many sweeps were begun.
    pub sweeps: u32,
    /// Values whose last record says that they failed, open chunks included: the first
    /// [`MAX_FAILURES`] in the order of recording. A row that is recorded again leaves the list, and
    /// comes back at its end if it failed again.
    #[serde(skip)] // stored apart, one by one (see `snapshot`)
    pub failures: Vec<Failure>,
    /// Indexes that were dropped, or were about to be, so that the table is rewritten without them.
    #[serde(skip)] // stored behind the rest, if there are any (see `snapshot`)
    pub dropped_indexes: Vec<IndexDefinition>,
    /// Whether they are not known to be there again.
    #[serde(skip)]
    pub indexes_missing: bool,
}

/// How many failures are listed per target; all are in the chunks.
pub const MAX_FAILURES: usize = 100;

/// A chunk that is started and not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenChunk {
    /// Its rows.
    pub span: Span,
    /// The numbers of the events that speak of it: its start, then its second attempts.
    pub(crate) entries: Vec<u64>,
}

/// A value that could not be rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The row.
    pub key: Key,
    /// The position of the value's column in the target's list of value columns.
    pub column: u8,
    /// Why.
    pub reason: String,
}

impl TargetState {
    /// Takes the event with the given entry number, or says why not. On `Err` the
    /// state may be half changed; the caller drops it.
    pub(crate) fn step(
        &mut self,
        head: &TargetHead,
        entry: u64,
        event: &Event,
        rows: &[RowRecord],
    ) -> Result<(), String> {
        match (event, &self.phase) {
            (Event::TargetStarted { total, .. }, Phase::Pending) => {
                self.total = *total;
                self.phase = Phase::Running;
            }
            (Event::TargetSkipped { reason, .. }, Phase::Pending) => {
                self.phase = Phase::Skipped { reason: reason.clone() };
            }
            (Event::ChunkStarted { ordinal, span, .. }, Phase::Running) => {
                self.start_chunk(entry, *ordinal, span)?;
                self.list_failures(rows);
            }
            (Event::ChunkStarted { ordinal, span: Span::Keys, .. }, Phase::Sweeping { .. }) => {
                self.start_chunk(entry, *ordinal, &Span::Keys)?;
                self.list_failures(rows);
            }
            (Event::RowsReplanned { ordinal, .. }, Phase::Running | Phase::Sweeping { .. }) => {
                let chunk = self.open.get_mut(ordinal).ok_or_else(|| not_open(*ordinal))?;
                chunk.entries.push(entry);
                self.list_failures(rows);
            }
            (Event::ChunkDone { ordinal, tally, replaces, .. }, Phase::Running | Phase::Sweeping { .. }) => {
                let chunk = self.open.remove(ordinal).ok_or_else(|| not_open(*ordinal))?;
                self.count(head, &chunk.span, tally, replaces)?;
                self.list_failures(rows);
            }
            (Event::SweepStarted { .. }, _) if head.kind == TargetKind::Sync => {
                return Err("a table that is kept in step is not swept".into());
            }
            (Event::TargetDone { .. }, Phase::Running) if head.kind == TargetKind::Sync => {
                self.all_chunks_closed()?;
                self.phase = Phase::Done;
            }
            (Event::SweepStarted { pass, .. }, Phase::Running | Phase::Sweeping { .. }) => {
                self.all_chunks_closed()?;
                let next = self.sweeps.checked_add(1).ok_or("there were too many sweeps")?;
                if *pass != next {
                    return Err(format!("the next sweep is number {next}, not {pass}"));
                }
                self.sweeps = next;
                self.phase = Phase::Sweeping { pass: next };
            }
            (Event::SweepDone { pass, strays, .. }, Phase::Sweeping { pass: current }) => {
                if pass != current {
                    return Err(format!("sweep {current} is on, not {pass}"));
                }
                self.all_chunks_closed()?;
                self.phase = if *strays == 0 { Phase::Swept } else { Phase::Running };
            }
            (Event::TargetDone { .. }, Phase::Swept) if self.indexes_missing => {
                return Err("its indexes are not rebuilt".into());
            }
            (Event::TargetDone { .. }, Phase::Swept) => self.phase = Phase::Done,
            (Event::IndexesDropped { indexes, .. }, Phase::Running) => {
                if head.kind != TargetKind::Table || indexes.is_empty() {
                    return Err("there are no indexes to drop".into());
                }
                if !self.dropped_indexes.is_empty() {
                    return Err("its indexes were dropped before".into());
                }
                self.dropped_indexes.clone_from(indexes);
                self.indexes_missing = true;
            }
            (Event::IndexesRebuilt { .. }, _) => {
                if !self.indexes_missing {
                    return Err("none of its indexes is missing".into());
                }
                self.indexes_missing = false;
            }
            (Event::TargetReopened { .. }, Phase::Done) => {
                // A server that lost rows may have lost an index: all are checked once more.
                self.indexes_missing = !self.dropped_indexes.is_empty();
                self.phase = Phase::Running;
            }
            (_, phase) => return Err(format!("the target is {}", phase.name())),
        }
        Ok(())
    }

    fn start_chunk(&mut self, entry: u64, ordinal: Ordinal, span: &Span) -> Result<(), String> {
        if ordinal != self.next_ordinal {
            return Err(format!("the next chunk is number {}, not {ordinal}", self.next_ordinal));
        }
        if let Span::Range { after, upto } = span {
            if self.exhausted {
                return Err("the range that runs to the end was handed out".into());
            }
            if *after != self.frontier {
                return Err("the range does not begin where the last one ended".into());
            }
            match upto {
                Some(_) => self.frontier.clone_from(upto),
                None => self.exhausted = true,
            }
        }
        self.next_ordinal = ordinal.following().ok_or("there are too many chunks")?;
        self.open.insert(ordinal, OpenChunk { span: span.clone(), entries: vec![entry] });
        Ok(())
    }

    fn count(
        &mut self,
        head: &TargetHead,
        span: &Span,
        tally: &Tally,
        replaces: &Tally,
    ) -> Result<(), String> {
        for counts in [tally, replaces] {
            if !counts.adds_up() {
                return Err("the rows are not the sum of their parts".into());
            }
            if !counts.groups.is_empty() && counts.groups.len() != head.groups.len() {
                return Err("the sub-counts are not those of the target".into());
            }
        }
        if matches!(span, Span::Range { .. }) && !replaces.is_zero() {
            return Err("the rows of a range were counted before".into());
        }
        self.tally = self
            .tally
            .plus(tally)
            .and_then(|sum| sum.minus(replaces))
            .ok_or("more rows would be taken back than were counted")?;
        Ok(())
    }

    fn all_chunks_closed(&self) -> Result<(), String> {
        if !self.exhausted {
            return Err("not every range was handed out".into());
        }
        if let Some(ordinal) = self.open.keys().next() {
            return Err(format!("chunk {ordinal} is open"));
        }
        Ok(())
    }

    fn list_failures(&mut self, rows: &[RowRecord]) {
        if !self.failures.is_empty() {
            let again: HashSet<&Key> = rows.iter().map(|row| &row.key).collect();
            self.failures.retain(|failure| !again.contains(&failure.key));
        }
        let failed = rows.iter().flat_map(|row| {
            row.cells.iter().filter_map(|cell| match &cell.outcome {
                CellOutcome::Failed { reason, .. } => {
                    Some(Failure { key: row.key.clone(), column: cell.column, reason: reason.clone() })
                }
                _ => None,
            })
        });
        let room = MAX_FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(failed.take(room));
    }
}

impl Phase {
    /// The phase in one lower-case word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Sweeping { .. } => "sweeping",
            Self::Swept => "swept",
            Self::Done => "done",
            Self::Skipped { .. } => "skipped",
        }
    }
}

fn not_open(ordinal: Ordinal) -> String {
    format!("chunk {ordinal} is not open")
}
