//! A dry run: all that a rotation does to a row, but for the write.
//!
//! Rows are read, opened, sealed and measured by what a rotation does it with, and counted as it
//! counts them. What only a write can show is not known: a trigger or a CHECK that refuses a row, a
//! disk that is full.

use keyrotation_journal::{CellOutcome, Failure, Phase, RowRecord, Tally, TargetState};

use super::ChunkPlanner;
use super::chunk::failed;
use super::chunk_planner::{ChunkPlan, Known, empty_tally};
use crate::activity::{Activity, Doing, Task};
use crate::blocking::blocking;
use crate::error::Result;
use crate::plan::{Job, parts};
use crate::signals::Stop;
use crate::sink::{Applied, Change};
use crate::source::Page;

/// How much of a dry run's work the survey is, in thousandths.
pub const DRY_SURVEY_PERMILLE: u64 = 500;

/// What each job would come to, with all of its failures; none when asked to stop. The survey, which was half of the
/// work, has found so many rows in each.
pub async fn dry_run(
    by: &ChunkPlanner,
    jobs: &[Job],
    rows: &[Option<u64>],
    activity: &Activity,
    stop: &Stop,
) -> Result<Option<Vec<TargetState>>> {
    let mut states = Vec::with_capacity(jobs.len());
    for (job, part) in jobs.iter().zip(parts((DRY_SURVEY_PERMILLE, 1000), rows)) {
        let doing = activity.begin_part(Task::DryRun, &job.place, part.rows, Some(part.part));
        let Some(state) = one(by, job, &doing, stop).await? else { return Ok(None) };
        states.push(state);
    }
    Ok(Some(states))
}

async fn one(by: &ChunkPlanner, job: &Job, doing: &Doing, stop: &Stop) -> Result<Option<TargetState>> {
    let (mut tally, mut failures) = (empty_tally(job.groups), Vec::new());
    let mut pages = job.all_rows();
    loop {
        if stop.requested() {
            return Ok(None);
        }
        let page = match pages.next().await? {
            Page::Rows(page) => page,
            Page::Again => {
                (tally, failures) = (empty_tally(job.groups), Vec::new());
                doing.begin_again();
                continue;
            }
            Page::End => break,
        };
        doing.advance(page.len() as u64);
        let (by, of) = (by.clone(), job.clone());
        (tally, failures) = blocking(move || {
            let chunk_plan = by.plan(&of, page, &Known::new());
            foresee(&of, chunk_plan, &mut tally, &mut failures)?;
            Ok((tally, failures))
        })
        .await?;
    }
    Ok(Some(TargetState {
        phase: Phase::Done,
        total: Some(tally.rows),
        tally,
        failures,
        ..TargetState::default()
    }))
}

/// Counts a chunk as it would be counted once it is written.
fn foresee(job: &Job, chunk_plan: ChunkPlan, tally: &mut Tally, failures: &mut Vec<Failure>) -> Result<()> {
    *tally = tally.plus(&chunk_plan.settled).unwrap_or_else(|| tally.clone());
    failures.extend(chunk_plan.records.iter().flat_map(failed_cells));
    let changes: Vec<&Change> = chunk_plan.pending.iter().map(|pending| &pending.change).collect();
    let applied = job.sink.foresee(&changes)?;
    for (row, applied) in chunk_plan.pending.into_iter().zip(applied) {
        match applied {
            Applied::Written => {
                row.outcome.count(tally, row.groups);
                failures.extend(failed_cells(&row.record));
            }
            Applied::Refused(reason) => failures.extend(failed_cells(&failed(row, &reason, tally))),
            Applied::Missed | Applied::Held => tally.gone += 1,
        }
    }
    Ok(())
}

fn failed_cells(row: &RowRecord) -> Vec<Failure> {
    let failure = |cell: &keyrotation_journal::CellRecord| match &cell.outcome {
        CellOutcome::Failed { reason, .. } => {
            Some(Failure { key: row.key.clone(), column: cell.column, reason: reason.clone() })
        }
        _ => None,
    };
    row.cells.iter().filter_map(failure).collect()
}
