//! Is this the database that the journal tells of? Asked before a resumed rotation writes.

use std::collections::HashMap;

use keyrotation_journal::{CellOutcome, Journal, Key, Ordinal, RowRecord, TargetId};

use super::chunk_planner::recorded_cell;
use super::{ChunkPlanner, Context};
use crate::codec::value::{Evidence, Verdict};
use crate::error::{Error, Id, Result};
use crate::failpoint::async_failpoint;
use crate::plan::Job;
use crate::source::Row;

/// Journaled rows that are read again for each target, besides the last finished chunk.
const SAMPLE: usize = 100;

/// Of these, so many at most from one chunk.
const SAMPLE_FROM_ONE: usize = 10;

/// Reads journaled rows again. Rows that are back under the old key, or all gone, mean that
/// another copy stands where the rotated one was: nothing is written then. Where servers work with the rows, they
/// delete some, even all of a table: there all of all tables mean it.
pub async fn check_evidence(context: &Context, jobs: &[Job]) -> Result<()> {
    async_failpoint!("evidence", Error::new(Id::DatabaseLost, "failure planned by a test"));
    let (mut gone, mut is_there) = (None, false);
    for job in jobs {
        let target = job.index;
        let records = context.journal.read(move |journal| sample(journal, target)).await?;
        let rotated: HashMap<Key, RowRecord> =
            records.into_iter().filter(is_rotated).map(|record| (record.key.clone(), record)).collect();
        if rotated.is_empty() {
            continue;
        }
        let keys: Vec<&Key> = rotated.keys().collect();
        let rows = job.source.rows(&keys).await?;
        let back = rows.iter().filter(|row| is_back(&context.planner, job, row, &rotated[&row.key])).count();
        is_there |= !rows.is_empty();
        let what = if rows.is_empty() {
            let what = format!(
                "{}: none of {} rows that the journal says were rotated is there",
                job.place,
                rotated.len()
            );
            if job.sink.gives_way() {
                gone.get_or_insert(what);
                continue;
            }
            what
        } else if back > 0 {
            format!(
                "{}: {back} of {} rows that the journal says were rotated are under the old key again",
                job.place,
                rotated.len()
            )
        } else {
            continue;
        };
        return Err(Error::new(Id::AnotherCopy, what));
    }
    match gone {
        Some(what) if !is_there => Err(Error::new(Id::AnotherCopy, what)),
        _ => Ok(()),
    }
}

fn is_rotated(record: &RowRecord) -> bool {
    let is_rewritten =
        |outcome: &CellOutcome| matches!(outcome, CellOutcome::Rotated { .. } | CellOutcome::Resealed { .. });
    record.cells.iter().any(|cell| is_rewritten(&cell.outcome))
}

fn is_back(planner: &ChunkPlanner, job: &Job, row: &Row, record: &RowRecord) -> bool {
    let digests = planner.digests(job, &row.key);
    row.values.iter().enumerate().any(|(column, value)| {
        let Some(CellOutcome::Rotated { before, after, .. } | CellOutcome::Resealed { before, after, .. }) =
            recorded_cell(record, column)
        else {
            return false;
        };
        let Some(stored) = value.as_bytes() else { return false };
        let digest = digests.stored(column, stored);
        if digest == *after {
            return false;
        }
        let evidence = Evidence { hash: row.hashes.get(column).and_then(Option::as_deref), recorded: None };
        // Where servers write meanwhile, one may have written under the old key since; only the very value that was
        // replaced tells of another copy.
        digest == *before
            || !job.sink.gives_way()
                && matches!(planner.recoder().classify(&job.codec, stored, evidence), Verdict::UnderOld(_))
    })
}

/// The last finished chunk, and rows of chunks taken at random.
fn sample(journal: &Journal, target: TargetId) -> keyrotation_journal::Result<Vec<RowRecord>> {
    let state = &journal.state().targets[target.position()];
    let done = |ordinal: &Ordinal| !state.open.contains_key(ordinal);
    let Some(last) = Ordinal::before(state.next_ordinal).rev().find(done) else { return Ok(Vec::new()) };
    let mut records = journal.rows(target, last)?;
    let mut taken = 0;
    for _ in 0..SAMPLE {
        let ordinal = Ordinal::new(random(state.next_ordinal.get()));
        if taken >= SAMPLE || !done(&ordinal) {
            continue;
        }
        let rows = journal.rows(target, ordinal)?;
        let from = usize::try_from(random(rows.len() as u64)).unwrap_or_default();
        let some = rows.into_iter().skip(from).take(SAMPLE_FROM_ONE);
        taken += some.len();
        records.extend(some);
    }
    Ok(records)
}

/// A random number below `bound`; the sample need not be secret, only not always the same.
fn random(bound: u64) -> u64 {
    getrandom::u64().unwrap_or_default() % bound.max(1)
}
