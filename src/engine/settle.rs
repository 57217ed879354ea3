//! Chunks that were open when the program ended, and rows that failed: looked at again by key.

use std::collections::{BTreeMap, HashMap, HashSet};

use keyrotation_journal::{
    CellOutcome, Event, Journal, Key, Ordinal, Phase, RowRecord, Span, Tally, TargetId,
};

use super::chunk::OpenChunk;
use super::chunk_planner::{Known, empty_tally};
use super::{Context, Flow, RowOutcome, chunk, drive};
use crate::error::Result;
use crate::plan::Job;
use crate::source::Row;

/// Settles every chunk that was started and not recorded as done: a row that holds the recorded
/// new value is rotated, one that is absent is gone, any other is classified afresh.
pub(super) async fn open_chunks(context: &Context, job: &Job) -> Result<Flow> {
    let open: Vec<(Ordinal, Span)> = context.journal.state(|state| {
        let target = &state.targets[job.index.position()];
        target.open.iter().map(|(ordinal, chunk)| (*ordinal, chunk.span.clone())).collect()
    });
    let (chunks, mut settled) = (open.len(), Settled::default());
    for (ordinal, span) in open {
        if context.safe_point().await? == Flow::Interrupted
            || settle(context, job, ordinal, span, &mut settled).await? == Flow::Interrupted
        {
            return Ok(Flow::Interrupted);
        }
    }
    settled.tell(job, chunks);
    // Whoever asks the journal next for these rows must find how they ended.
    context.journal.flush().await?;
    Ok(Flow::Finished)
}

/// What became of rows that were in flight when the last session ended.
#[derive(Debug, Default)]
struct Settled {
    /// They held the recorded new value: the commit had come through.
    written_before: u64,
    /// They did not, and are written now.
    written_now: u64,
}

impl Settled {
    /// Says it, if there was any.
    fn tell(&self, job: &Job, chunks: usize) {
        if chunks > 0 {
            let noun = if chunks == 1 { "chunk" } else { "chunks" };
            tracing::info!(
                "{}: {chunks} {noun} in flight when the last session ended: {} rows had been written, {} are written now",
                job.place,
                self.written_before,
                self.written_now
            );
        }
    }
}

async fn settle(
    context: &Context,
    job: &Job,
    ordinal: Ordinal,
    span: Span,
    settled: &mut Settled,
) -> Result<Flow> {
    let target = job.index;
    let records = context.journal.read(move |journal| journal.rows(target, ordinal)).await?;
    let mut recorded: HashMap<Key, RowRecord> =
        records.into_iter().map(|record| (record.key.clone(), record)).collect();
    let mut open = OpenChunk::new(job, ordinal);
    match span {
        // The range that runs to the end of the table may have any number of rows by now.
        Span::Range { after, upto } => {
            let mut walk = job.source.walk(after.as_ref(), upto.as_ref());
            while let Some(rows) = walk.next(job.page_rows()).await? {
                if context.safe_point().await? == Flow::Interrupted
                    || again(context, job, rows, &mut recorded, &mut open, settled).await?
                        == Flow::Interrupted
                {
                    return Ok(Flow::Interrupted);
                }
            }
        }
        Span::Keys => {
            let keys: Vec<Key> = recorded.keys().cloned().collect();
            let rows = job.source.rows(&keys.iter().collect::<Vec<_>>()).await?;
            let before = recorded_before(context, job, ordinal, &keys).await?;
            open = open.replacing(counted(job, &rows, keys.iter().filter_map(|key| before.get(key))));
            if again(context, job, rows, &mut recorded, &mut open, settled).await? == Flow::Interrupted {
                return Ok(Flow::Interrupted);
            }
        }
    }
    open.gone(recorded.into_keys());
    open.done(context, job);
    Ok(Flow::Finished)
}

/// Looks again at rows of an open chunk; what was recorded of them is taken out.
async fn again(
    context: &Context,
    job: &Job,
    rows: Vec<Row>,
    recorded: &mut HashMap<Key, RowRecord>,
    open: &mut OpenChunk,
    settled: &mut Settled,
) -> Result<Flow> {
    let known = rows.iter().filter_map(|row| recorded.remove_entry(&row.key));
    let known: Known = known.map(|(key, record)| (key, vec![record])).collect();
    let chunk_plan = chunk::prepare(context, job, rows, known).await?;
    settled.written_before += chunk_plan.settled.rotated;
    settled.written_now += chunk_plan.pending.len() as u64;
    chunk::record_again(context, job, open, &chunk_plan).await?;
    chunk::write(context, job, open, chunk_plan).await
}

/// Runs chunks of rows named by key, in place of what they were counted as `before`.
async fn named(context: &Context, job: &Job, keys: &[Key], before: &HashMap<Key, RowRecord>) -> Result<Flow> {
    for keys in keys.chunks(job.sizes.named) {
        if context.safe_point().await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        let rows = job.source.rows(&keys.iter().collect::<Vec<_>>()).await?;
        let replaces = counted(job, &rows, keys.iter().filter_map(|key| before.get(key)));
        let absent = chunk::absent(keys, &rows);
        // The chunk has a record of each of its rows, even of one that holds no ciphertext any more.
        let blank = |key: &Key| RowRecord { key: key.clone(), cells: Vec::new() };
        let last = |key: &Key| before.get(key).cloned().unwrap_or_else(|| blank(key));
        let known: Known = keys.iter().map(|key| (key.clone(), vec![last(key)])).collect();
        let mut chunk_plan = chunk::prepare(context, job, rows, known).await?;
        chunk_plan.settled.gone += absent.len() as u64;
        let mut records = chunk::planned(&chunk_plan);
        records.extend(absent.into_iter().map(chunk::gone));
        let open = chunk::record(context, job, Span::Keys, records).await?.replacing(replaces);
        if chunk::finish(context, job, open, chunk_plan).await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
    }
    context.journal.flush().await?; // whoever asks next finds how they ended
    Ok(Flow::Finished)
}

/// Rotates strays: rows that a sweep has found under the old key.
pub(super) async fn strays(context: &Context, job: &Job, keys: &[Key]) -> Result<Flow> {
    let before = recorded_before(context, job, Ordinal::new(u64::MAX), keys).await?;
    named(context, job, keys, &before).await
}

/// What the chunks before `ordinal` recorded of these keys last.
async fn recorded_before(
    context: &Context,
    job: &Job,
    ordinal: Ordinal,
    keys: &[Key],
) -> Result<HashMap<Key, RowRecord>> {
    let target = job.index;
    let wanted: HashSet<Key> = keys.iter().cloned().collect();
    context.journal.read(move |journal| find_before(journal, target, &wanted, ordinal)).await
}

/// What rows with these records were counted as.
fn counted<'r>(job: &Job, rows: &[Row], before: impl Iterator<Item = &'r RowRecord>) -> Tally {
    let groups: HashMap<_, _> = rows.iter().map(|row| (&row.key, row.group)).collect();
    let mut tally = empty_tally(job.groups);
    for record in before {
        if record.cells.iter().any(|cell| cell.outcome == CellOutcome::Gone) {
            tally.gone += 1;
            continue;
        }
        let outcomes = record.cells.iter().map(|cell| RowOutcome::of(&cell.outcome));
        if let Some(outcome) = outcomes.max() {
            let group = groups.get(&record.key).copied().flatten();
            outcome.count(&mut tally, chunk::Groups::of(job, group));
        }
    }
    tally
}

/// The last record of each of `keys` before the chunk `ordinal`. Reads the target's whole journal: who
/// has many keys asks for many at once.
fn find_before(
    journal: &Journal,
    target: TargetId,
    keys: &HashSet<Key>,
    ordinal: Ordinal,
) -> keyrotation_journal::Result<HashMap<Key, RowRecord>> {
    let mut found = HashMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let next = journal.state().targets[target.position()].next_ordinal;
    for ordinal in Ordinal::before(ordinal.min(next)) {
        found.extend(records_in(journal, target, ordinal, |key| keys.contains(key))?);
    }
    Ok(found)
}

/// What a chunk recorded of some of its rows.
fn records_in(
    journal: &Journal,
    target: TargetId,
    ordinal: Ordinal,
    is_wanted: impl Fn(&Key) -> bool,
) -> keyrotation_journal::Result<impl Iterator<Item = (Key, RowRecord)>> {
    let rows = journal.rows(target, ordinal)?.into_iter();
    let wanted: Vec<RowRecord> = rows.filter(|row| is_wanted(&row.key)).collect();
    Ok(wanted.into_iter().map(|row| (row.key.clone(), row)))
}

/// The keys whose last record is a failure: those of rows that stay as they are, and those of rows that a server was
/// working with.
pub(super) async fn failed_keys(context: &Context, job: &Job) -> Result<(HashSet<Key>, Vec<Key>)> {
    let target = job.index;
    let was_in_use = |_, record: RowRecord| was_in_use(&record);
    let failed = context.journal.read(move |journal| last_failures(journal, target, was_in_use)).await?;
    let (in_use, failed): (Vec<_>, Vec<_>) = failed.into_iter().partition(|(_, was_in_use)| *was_in_use);
    let keys = |rows: Vec<(Key, bool)>| rows.into_iter().map(|(key, _)| key);
    Ok((keys(failed).collect(), keys(in_use).collect()))
}

/// Whether a row failed only since a server was working with it.
fn was_in_use(record: &RowRecord) -> bool {
    record.cells.iter().all(|cell| match &cell.outcome {
        CellOutcome::Failed { reason, .. } => reason == chunk::IN_USE,
        _ => true,
    })
}

/// The rows of a target whose last record is a failure.
pub fn failed_rows(
    journal: &Journal,
    target: TargetId,
) -> keyrotation_journal::Result<BTreeMap<Key, RowRecord>> {
    last_failures(journal, target, |_, record| record)
}

/// What to keep of each row whose last record is a failure, by the chunk of that record and the record.
fn last_failures<T>(
    journal: &Journal,
    target: TargetId,
    keep: impl Fn(Ordinal, RowRecord) -> T,
) -> keyrotation_journal::Result<BTreeMap<Key, T>> {
    let with_failures: Vec<_> = journal.failed_chunks(target).collect::<Result<_, _>>()?;
    let keyed: Vec<_> = journal.overlays(target).collect::<Result<_, _>>()?;
    let mut ordinals = [with_failures, keyed].concat();
    ordinals.sort_unstable();
    ordinals.dedup();
    let mut failed = BTreeMap::new();
    for ordinal in ordinals {
        for record in journal.rows(target, ordinal)? {
            if record.failed() {
                failed.insert(record.key.clone(), keep(ordinal, record));
            } else {
                failed.remove(&record.key);
            }
        }
    }
    Ok(failed)
}

/// Reopens every target with failed rows and tries those again.
pub async fn reopen_failed(context: &Context, jobs: &[Job]) -> Result<Flow> {
    for job in jobs {
        if open_chunks(context, job).await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        let target = job.index;
        let failed = context.journal.read(move |journal| last_failures(journal, target, |at, _| at)).await?;
        if failed.is_empty() {
            continue;
        }
        let done = context.journal.state(|state| state.targets[job.index.position()].phase == Phase::Done);
        if done {
            let reason = format!("{} failed rows are tried again", failed.len());
            drive::append(context, Event::TargetReopened { target, reason }).await?;
        }
        if retry(context, job, failed).await? == Flow::Interrupted {
            context.journal.flush().await?;
            return Ok(Flow::Interrupted);
        }
    }
    Ok(Flow::Finished)
}

/// Tries rows again by the chunks in which they failed last, each of which is read once.
async fn retry(context: &Context, job: &Job, failed: BTreeMap<Key, Ordinal>) -> Result<Flow> {
    let target = job.index;
    let mut by_chunk: BTreeMap<Ordinal, Vec<Key>> = BTreeMap::new();
    for (key, ordinal) in failed {
        by_chunk.entry(ordinal).or_default().push(key);
    }
    let (mut keys, mut before) = (Vec::new(), HashMap::new());
    let mut chunks = by_chunk.into_iter().peekable();
    while let Some((ordinal, those)) = chunks.next() {
        let wanted: HashSet<Key> = those.iter().cloned().collect();
        let read = move |journal: &Journal| {
            records_in(journal, target, ordinal, |key| wanted.contains(key)).map(Vec::from_iter)
        };
        before.extend(context.journal.read(read).await?);
        keys.extend(those);
        if keys.len() >= job.sizes.named || chunks.peek().is_none() {
            if named(context, job, &keys, &before).await? == Flow::Interrupted {
                return Ok(Flow::Interrupted);
            }
            keys.clear();
            before.clear();
        }
    }
    Ok(Flow::Finished)
}
