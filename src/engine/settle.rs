//! Chunks that were open when the program ended, and rows that failed: looked at again by key.

use std::collections::{BTreeMap, HashMap, HashSet};

use keyrotation_journal::{CellOutcome, Entry, Event, Journal, Key, Phase, RowRecord, Span, Tally};

use super::prepare::{Known, empty_tally};
use super::{Context, Flow, RowOutcome, chunk, drive};
use crate::error::Result;
use crate::plan::Job;
use crate::source::Row;

/// Rows of a keyed chunk (strays, retries).
pub(super) const KEYED_ROWS: usize = 1000;

/// Settles every chunk that was started and not recorded as done: a row that holds the recorded
/// new value is rotated, one that is absent is gone, any other is classified afresh.
pub(super) async fn open_chunks(context: &Context, job: &Job) -> Result<Flow> {
    let open: Vec<(u64, Span)> = context.ledger.state(|state| {
        let target = &state.targets[usize::from(job.index)];
        target.open.iter().map(|(ordinal, chunk)| (*ordinal, chunk.span.clone())).collect()
    });
    for (ordinal, span) in open {
        if context.go_on().await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        if settle(context, job, ordinal, span).await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
    }
    // Whoever asks the journal next for these rows must find how they ended.
    context.ledger.flush().await?;
    Ok(Flow::Finished)
}

async fn settle(context: &Context, job: &Job, ordinal: u64, span: Span) -> Result<Flow> {
    let target = job.index;
    let records = context.ledger.read(move |journal| journal.rows(target, ordinal)).await?;
    let keys: Vec<Key> = records.iter().map(|record| record.key.clone()).collect();
    let (rows, replaces) = match span {
        Span::Range { after, upto } => (range(job, after, upto).await?, empty_tally(job.groups)),
        Span::Keys => {
            let rows = job.source.rows(&keys.iter().collect::<Vec<_>>()).await?;
            let before = recorded_before(context, job, ordinal, &keys).await?;
            let replaces = counted(job, &rows, &before);
            (rows, replaces)
        }
    };
    let gone: Vec<RowRecord> = chunk::absent(&keys, &rows).into_iter().map(chunk::gone).collect();
    let known: Known = records.into_iter().map(|record| (record.key.clone(), vec![record])).collect();
    let mut prepared = chunk::prepare(context, job, rows, known).await?;
    prepared.settled.gone += gone.len() as u64;
    // What is still to be written has a fresh IV, so a new digest: it must be durable first.
    let rows = chunk::planned(&prepared);
    context.ledger.append(vec![Entry::new(Event::RowsReplanned { target, ordinal }, rows)]).await?;
    chunk::finish(context, job, ordinal, prepared, replaces, gone).await
}

/// All rows of a range, in pages.
async fn range(job: &Job, after: Option<Key>, upto: Option<Key>) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let from = rows.last().map(|row| row.key.clone()).or_else(|| after.clone());
        let page = job.source.page(from.as_ref(), upto.as_ref(), job.page_rows()).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

/// Runs chunks of rows named by key, in place of whatever they were counted as before.
pub(super) async fn keyed(context: &Context, job: &Job, keys: &[Key]) -> Result<Flow> {
    for keys in keys.chunks(KEYED_ROWS) {
        if context.go_on().await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        let rows = job.source.rows(&keys.iter().collect::<Vec<_>>()).await?;
        let before = recorded_before(context, job, u64::MAX, keys).await?;
        let replaces = counted(job, &rows, &before);
        let absent = chunk::absent(keys, &rows);
        // The chunk has a record of each of its rows, even of one that holds no ciphertext any more.
        let blank = |key: &Key| RowRecord { key: key.clone(), cells: Vec::new() };
        let mut known: Known = before.into_iter().map(|(key, record)| (key, vec![record])).collect();
        for key in keys {
            known.entry(key.clone()).or_insert_with_key(|key| vec![blank(key)]);
        }
        let mut prepared = chunk::prepare(context, job, rows, known).await?;
        prepared.settled.gone += absent.len() as u64;
        let mut records = chunk::planned(&prepared);
        records.extend(absent.into_iter().map(chunk::gone));
        let ordinal = chunk::record(context, job, Span::Keys, records).await?;
        if chunk::finish(context, job, ordinal, prepared, replaces, Vec::new()).await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        context.ledger.flush().await?; // the next chunk's count starts from this one's records
    }
    Ok(Flow::Finished)
}

/// What the chunks before `ordinal` recorded of these keys last.
async fn recorded_before(
    context: &Context,
    job: &Job,
    ordinal: u64,
    keys: &[Key],
) -> Result<HashMap<Key, RowRecord>> {
    let target = job.index;
    let wanted: HashSet<Key> = keys.iter().cloned().collect();
    context.ledger.read(move |journal| find_before(journal, target, &wanted, ordinal)).await
}

/// What rows with these records were counted as.
fn counted(job: &Job, rows: &[Row], before: &HashMap<Key, RowRecord>) -> Tally {
    let groups: HashMap<_, _> = rows.iter().map(|row| (&row.key, row.group)).collect();
    let mut tally = empty_tally(job.groups);
    for record in before.values() {
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

/// The last record of each of `keys` before the chunk `ordinal`. Reads the target's whole journal,
/// which is fine for strays and retries: there are few.
fn find_before(
    journal: &Journal,
    target: u16,
    keys: &HashSet<Key>,
    ordinal: u64,
) -> keyrotation_journal::Result<HashMap<Key, RowRecord>> {
    let mut found = HashMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let next = journal.state().targets[usize::from(target)].next_ordinal;
    for ordinal in 0..ordinal.min(next) {
        for record in journal.rows(target, ordinal)? {
            if keys.contains(&record.key) {
                found.insert(record.key.clone(), record);
            }
        }
    }
    Ok(found)
}

/// The keys whose last record is a failure.
pub(super) async fn failed_keys(context: &Context, job: &Job) -> Result<Vec<Key>> {
    let target = job.index;
    let failed = context.ledger.read(move |journal| failed_rows(journal, target)).await?;
    Ok(failed.into_keys().collect())
}

/// The rows of a target whose last record is a failure.
pub fn failed_rows(journal: &Journal, target: u16) -> keyrotation_journal::Result<BTreeMap<Key, RowRecord>> {
    let with_failures: Vec<u64> = journal.failed_chunks(target).collect::<Result<_, _>>()?;
    let keyed: Vec<u64> = journal.overlays(target).collect::<Result<_, _>>()?;
    let mut ordinals = [with_failures, keyed].concat();
    ordinals.sort_unstable();
    ordinals.dedup();
    let mut failed = BTreeMap::new();
    for ordinal in ordinals {
        for record in journal.rows(target, ordinal)? {
            if record.failed() {
                failed.insert(record.key.clone(), record);
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
        let keys = failed_keys(context, job).await?;
        if keys.is_empty() {
            continue;
        }
        let done = context.ledger.state(|state| state.targets[usize::from(job.index)].phase == Phase::Done);
        if done {
            let reason = format!("{} failed rows are tried again", keys.len());
            drive::append(context, Event::TargetReopened { target: job.index, reason }).await?;
        }
        if keyed(context, job, &keys).await? == Flow::Interrupted {
            context.ledger.flush().await?;
            return Ok(Flow::Interrupted);
        }
    }
    Ok(Flow::Finished)
}
