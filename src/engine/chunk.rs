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

/// Makes a new chunk durable in the journal and returns its ordinal.
pub(super) async fn record(
    context: &Context,
    job: &Job,
    span: Span,
    rows: Vec<RowRecord>,
) -> Result<Ordinal> {
    let target = job.index;
    let ordinal = context.journal.state(|state| state.targets[target.position()].next_ordinal);
    context.journal.append(vec![Entry::new(Event::ChunkStarted { target, ordinal, span }, rows)]).await?;
    Ok(ordinal)
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

/// What a chunk came to so far.
#[derive(Debug)]
pub(super) struct Written {
    tally: Tally,
    /// Rows that are counted and are not as they were planned.
    amendments: Vec<RowRecord>,
}

impl Written {
    /// Nothing yet.
    pub(super) fn nothing(job: &Job) -> Self {
        Self { tally: super::chunk_planner::empty_tally(job.groups), amendments: Vec::new() }
    }

    /// These rows are not there any more.
    pub(super) fn gone(&mut self, keys: impl Iterator<Item = Key>) {
        let before = self.amendments.len();
        self.amendments.extend(keys.map(gone));
        self.tally.gone += (self.amendments.len() - before) as u64;
    }
}

/// Writes a chunk whose digests are durable in a transaction of its own, and records its end.
/// `amendments` are rows that are counted already and are not as they were planned.
pub(super) async fn finish(
    context: &Context,
    job: &Job,
    ordinal: Ordinal,
    chunk_plan: ChunkPlan,
    replaces: Tally,
    amendments: Vec<RowRecord>,
) -> Result<Flow> {
    let mut written = Written { amendments, ..Written::nothing(job) };
    if write(context, job, ordinal, chunk_plan, &mut written).await? == Flow::Interrupted {
        return Ok(Flow::Interrupted);
    }
    done(context, job, ordinal, written, replaces);
    Ok(Flow::Finished)
}

/// Leaves the end of a chunk to the journal's next group.
pub(super) fn done(context: &Context, job: &Job, ordinal: Ordinal, written: Written, replaces: Tally) {
    let event = Event::ChunkDone { target: job.index, ordinal, tally: written.tally, replaces };
    context.journal.defer(Entry::new(event, written.amendments));
}

/// Writes rows of a chunk whose digests are durable in a transaction of their own.
pub(super) async fn write(
    context: &Context,
    job: &Job,
    ordinal: Ordinal,
    chunk_plan: ChunkPlan,
    written: &mut Written,
) -> Result<Flow> {
    job.sink.hold().await?;
    tokio::select! {
        biased;
        () = context.stop.now() => Ok(Flow::Interrupted), // the transaction is dropped: rolled back
        done = write_all(context, job, ordinal, chunk_plan, written) => done.map(|()| Flow::Finished),
    }
}

async fn write_all(
    context: &Context,
    job: &Job,
    ordinal: Ordinal,
    chunk_plan: ChunkPlan,
    written: &mut Written,
) -> Result<()> {
    let Written { tally, amendments } = written;
    *tally = added(tally, &chunk_plan.settled);
    let mut pending = chunk_plan.pending;
    let tried = u32::from(!chunk_plan.missed.is_empty());
    pending.extend(replan(context, job, ordinal, chunk_plan.missed, tally, amendments).await?);
    for attempt in 1 + tried.. {
        if pending.is_empty() {
            break;
        }
        let changes: Vec<&Change> = pending.iter().map(|pending| &pending.change).collect();
        let applied = job.sink.apply(&changes).await?;
        let mut missed = Vec::new();
        for (row, applied) in pending.into_iter().zip(applied) {
            match applied {
                Applied::Written => row.outcome.count(tally, row.groups),
                Applied::Refused(reason) => amendments.push(failed(row, &reason, tally)),
                Applied::Held => amendments.push(failed(row, IN_USE, tally)),
                Applied::Missed if attempt == ATTEMPTS => {
                    let changing =
                        "it kept changing while it was being rotated, or a trigger keeps it as it is";
                    let reason = if job.sink.gives_way() { IN_USE } else { changing };
                    amendments.push(failed(row, reason, tally));
                }
                Applied::Missed => missed.push(row),
            }
        }
        pending = replan(context, job, ordinal, missed, tally, amendments).await?;
    }
    Ok(())
}

/// Looks again at rows that no longer held what was read, and records what is to be written now.
async fn replan(
    context: &Context,
    job: &Job,
    ordinal: Ordinal,
    missed: Vec<Pending>,
    tally: &mut Tally,
    amendments: &mut Vec<RowRecord>,
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
    for key in absent(&keys, &rows) {
        tally.gone += 1;
        amendments.push(gone(key));
    }
    let chunk_plan = prepare(context, job, rows, known).await?;
    *tally = added(tally, &chunk_plan.settled);
    let records = planned(&chunk_plan);
    let event = Event::RowsReplanned { target: job.index, ordinal };
    context.journal.append(vec![Entry::new(event, records)]).await?;
    Ok(chunk_plan.pending)
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
