//! One chunk: record it, write it, and deal with rows that changed meanwhile.

use keyrotation_journal::{CellOutcome, Entry, Event, Key, Ordinal, RowRecord, Span, Tally};

use super::chunk_planner::{ChunkPlan, Known, Pending};
use super::{Context, Flow};
use crate::blocking::blocking;
use crate::error::Result;
use crate::plan::Job;
use crate::sink::{Applied, Change};
use crate::source::Row;

/// How often a row that keeps changing is tried before it is recorded as a conflict.
const ATTEMPTS: u32 = 5;

/// Why a row failed that a server had locked: it is tried again by itself.
pub(super) const IN_USE: &str = "a server was working with it; it is tried again";

/// What a row counts as: each row once, the greatest of its values' outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowOutcome {
    /// All its values are NULL.
    Null,
    /// It has plain values only.
    Plain,
    /// It was under the new key before.
    AlreadyNew,
    /// It was under the new key before, without its id, and was sealed with it again.
    Resealed,
    /// It was moved to the new key.
    Rotated,
    /// A value of it could not be rotated.
    Failed,
}

impl RowOutcome {
    /// What a value's outcome makes of its row.
    pub fn of(cell: &CellOutcome) -> Self {
        match cell {
            CellOutcome::Rotated { .. } => Self::Rotated,
            CellOutcome::Resealed { .. } => Self::Resealed,
            CellOutcome::AlreadyNew { .. } => Self::AlreadyNew,
            CellOutcome::Failed { .. } => Self::Failed,
            CellOutcome::Gone => Self::Null,
        }
    }

    /// Counts a row.
    pub fn count(self, tally: &mut Tally, groups: Groups) {
        tally.rows += 1;
        match self {
            Self::Null => tally.null += 1,
            Self::Plain => tally.plain += 1,
            Self::AlreadyNew | Self::Resealed => tally.already_new += 1,
            Self::Rotated => tally.rotated += 1,
            Self::Failed => tally.failed += 1,
        }
        let group = if self == Self::Resealed { groups.resealed } else { groups.of_row };
        if let Some(group) = group.and_then(|group| tally.groups.get_mut(group)) {
            match self {
                Self::Rotated | Self::Resealed => group.rotated += 1,
                Self::Failed => group.failed += 1,
                Self::Null | Self::Plain | Self::AlreadyNew => {}
            }
        }
    }
}

/// The sub-counts that a row may belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Groups {
    /// The one that the row itself belongs to.
    pub of_row: Option<usize>,
    /// The one of rows that are sealed again, if the journal has it.
    pub resealed: Option<usize>,
}

impl Groups {
    /// Those of a row of this job.
    pub fn of(job: &Job, group: Option<usize>) -> Self {
        Self { of_row: group, resealed: job.resealed }
    }
}

/// Makes a new chunk durable in the journal.
pub(super) async fn record(
    context: &Context,
    job: &Job,
    span: Span,
    rows: Vec<RowRecord>,
) -> Result<OpenChunk> {
    let target = job.index;
    let ordinal = context.journal.state(|state| state.targets[target.position()].next_ordinal);
    context.journal.append(vec![Entry::new(Event::ChunkStarted { target, ordinal, span }, rows)]).await?;
    Ok(OpenChunk::new(job, ordinal))
}

/// The records of everything that a chunk will do.
pub(super) fn planned(chunk_plan: &ChunkPlan) -> Vec<RowRecord> {
    chunk_plan
        .records
        .iter()
        .chain(chunk_plan.pending.iter().map(|pending| &pending.record))
        .cloned()
        .collect()
}

/// A chunk whose digests are durable: what it came to so far.
#[derive(Debug)]
pub(super) struct OpenChunk {
    ordinal: Ordinal,
    tally: Tally,
    /// What its rows were counted as before.
    replaces: Tally,
    /// Rows that are counted and are not as they were planned.
    amendments: Vec<RowRecord>,
}

impl OpenChunk {
    /// Nothing yet.
    pub(super) fn new(job: &Job, ordinal: Ordinal) -> Self {
        let [tally, replaces] = [(); 2].map(|()| super::chunk_planner::empty_tally(job.groups));
        Self { ordinal, tally, replaces, amendments: Vec::new() }
    }

    /// Its rows were counted as this before.
    pub(super) fn replacing(self, replaces: Tally) -> Self {
        Self { replaces, ..self }
    }

    /// These rows are not there any more.
    pub(super) fn gone(&mut self, keys: impl Iterator<Item = Key>) {
        let before = self.amendments.len();
        self.amendments.extend(keys.map(gone));
        self.tally.gone += (self.amendments.len() - before) as u64;
    }

    /// These rows needed no write.
    pub(super) fn settled(&mut self, rows: &Tally) {
        self.tally = added(&self.tally, rows);
    }

    /// This row is as it was planned.
    pub(super) fn written(&mut self, row: &Pending) {
        row.outcome.count(&mut self.tally, row.groups);
    }

    /// This row failed.
    pub(super) fn failed(&mut self, row: Pending, reason: &str) {
        self.amendments.push(failed(row, reason, &mut self.tally));
    }

    /// Leaves its end to the journal's next group.
    pub(super) fn done(self, context: &Context, job: &Job) {
        let Self { ordinal, tally, replaces, amendments } = self;
        let event = Event::ChunkDone { target: job.index, ordinal, tally, replaces };
        context.journal.defer(Entry::new(event, amendments));
    }
}

/// Writes a chunk in a transaction of its own, and records its end.
pub(super) async fn finish(
    context: &Context,
    job: &Job,
    mut open: OpenChunk,
    chunk_plan: ChunkPlan,
) -> Result<Flow> {
    if write(context, job, &mut open, chunk_plan).await? == Flow::Interrupted {
        return Ok(Flow::Interrupted);
    }
    open.done(context, job);
    Ok(Flow::Finished)
}

/// Writes rows of a chunk in a transaction of their own.
pub(super) async fn write(
    context: &Context,
    job: &Job,
    open: &mut OpenChunk,
    chunk_plan: ChunkPlan,
) -> Result<Flow> {
    job.sink.hold().await?;
    tokio::select! {
        biased;
        () = context.stop.now() => Ok(Flow::Interrupted), // the transaction is dropped: rolled back
        done = write_all(context, job, open, chunk_plan) => done.map(|()| Flow::Finished),
    }
}

async fn write_all(context: &Context, job: &Job, open: &mut OpenChunk, chunk_plan: ChunkPlan) -> Result<()> {
    open.settled(&chunk_plan.settled);
    let mut pending = chunk_plan.pending;
    let tried = u32::from(!chunk_plan.missed.is_empty());
    pending.extend(replan(context, job, open, chunk_plan.missed).await?);
    for attempt in 1 + tried.. {
        if pending.is_empty() {
            break;
        }
        let changes: Vec<&Change> = pending.iter().map(|pending| &pending.change).collect();
        let applied = job.sink.apply(&changes).await?;
        let mut missed = Vec::new();
        for (row, applied) in pending.into_iter().zip(applied) {
            match applied {
                Applied::Written => open.written(&row),
                Applied::Refused(reason) => open.failed(row, &reason),
                Applied::Held => open.failed(row, IN_USE),
                Applied::Missed if attempt == ATTEMPTS => {
                    let changing =
                        "it kept changing while it was being rotated, or a trigger keeps it as it is";
                    open.failed(row, if job.sink.gives_way() { IN_USE } else { changing });
                }
                Applied::Missed => missed.push(row),
            }
        }
        pending = replan(context, job, open, missed).await?;
    }
    Ok(())
}

/// Looks again at rows that no longer held what was read, and records what is to be written now.
async fn replan(
    context: &Context,
    job: &Job,
    open: &mut OpenChunk,
    missed: Vec<Pending>,
) -> Result<Vec<Pending>> {
    if missed.is_empty() {
        return Ok(Vec::new());
    }
    let tried = |mut pending: Pending| {
        pending.earlier.push(pending.record);
        (pending.change.key, pending.earlier)
    };
    let known: Known = missed.into_iter().map(tried).collect();
    let keys: Vec<Key> = known.keys().cloned().collect();
    let rows = job.source.rows(&keys.iter().collect::<Vec<_>>()).await?;
    open.gone(absent(&keys, &rows).into_iter());
    let chunk_plan = prepare(context, job, rows, known).await?;
    open.settled(&chunk_plan.settled);
    record_again(context, job, open, &chunk_plan).await?;
    Ok(chunk_plan.pending)
}

/// Makes durable what an open chunk will do now: a value that is sealed once more has another digest.
pub(super) async fn record_again(
    context: &Context,
    job: &Job,
    open: &OpenChunk,
    chunk_plan: &ChunkPlan,
) -> Result<()> {
    let event = Event::RowsReplanned { target: job.index, ordinal: open.ordinal };
    context.journal.append(vec![Entry::new(event, planned(chunk_plan))]).await
}

/// [`super::ChunkPlanner::plan`] on a thread made for computing.
pub(super) async fn prepare(context: &Context, job: &Job, rows: Vec<Row>, known: Known) -> Result<ChunkPlan> {
    let (planner, job) = (context.planner.clone(), job.clone());
    blocking(move || Ok(planner.plan(&job, rows, &known))).await
}

/// The keys that are not among the rows.
pub(super) fn absent(keys: &[Key], rows: &[Row]) -> Vec<Key> {
    let present: std::collections::HashSet<_> = rows.iter().map(|row| &row.key).collect();
    keys.iter().filter(|key| !present.contains(key)).cloned().collect()
}

/// The record of a row that is gone.
pub(super) fn gone(key: Key) -> RowRecord {
    let cell = keyrotation_journal::CellRecord { column: 0, outcome: CellOutcome::Gone };
    RowRecord { key, cells: vec![cell] }
}

/// Counts a row as failed, and returns what the journal is to say of it.
pub(super) fn failed(row: Pending, reason: &str, tally: &mut Tally) -> RowRecord {
    RowOutcome::Failed.count(tally, row.groups);
    let mut record = row.record;
    for cell in &mut record.cells {
        if let CellOutcome::Rotated { before, .. } | CellOutcome::Resealed { before, .. } = cell.outcome {
            cell.outcome = CellOutcome::Failed { before, reason: reason.to_owned() };
        }
    }
    record
}

/// The sum of two tallies; counts of rows do not overflow.
fn added(tally: &Tally, other: &Tally) -> Tally {
    tally.plus(other).unwrap_or_else(|| tally.clone())
}
