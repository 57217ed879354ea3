//! A rehearsal: a few chunks of each table are written as a rotation would, and rolled back.

use std::time::{Duration, Instant};

use keyrotation_journal::failpoint;
use serde::Serialize;

use super::ChunkPlanner;
use super::chunk_planner::{ChunkPlan, Known};
use crate::activity::{Activity, Doing, Task};
use crate::blocking::blocking;
use crate::error::{Error, Id, Result};
use crate::plan::Job;
use crate::signals::Stop;
use crate::sink::{ApplyError, Change};

/// Chunks of each table.
const CHUNKS: usize = 8;

/// How long the rows of one table took, one writer at a time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rehearsal {
    /// The target's id.
    pub id: String,
    /// Rows that were read, opened, sealed and written.
    pub rows: usize,
    /// Milliseconds a row in the quickest chunk.
    pub quickest: f64,
    /// … in the middle one.
    pub median: f64,
    /// … in the slowest.
    pub slowest: f64,
}

/// Rehearses every job whose changes can be rolled back.
pub async fn rehearse(
    planner: &ChunkPlanner,
    jobs: &[Job],
    activity: &Activity,
    stop: &Stop,
) -> Result<Vec<Rehearsal>> {
    let mut rehearsals = Vec::new();
    for job in jobs.iter().filter(|job| job.sink.can_roll_back()) {
        let doing = activity.begin(Task::Rehearse, &job.place, None);
        rehearsals.extend(one(planner, job, &doing, stop).await?);
    }
    Ok(rehearsals)
}

async fn one(by: &ChunkPlanner, job: &Job, doing: &Doing, stop: &Stop) -> Result<Option<Rehearsal>> {
    failpoint!("rehearse-target", Error::new(Id::System, "failure planned by a test"));
    let (mut walk, mut rows, mut paces) = (job.source.walk_all(), 0, Vec::new());
    while paces.len() < CHUNKS && !stop.requested() {
        let begun = Instant::now();
        let Some(page) = walk.next(job.sizes.rehearsed.min(job.page_rows())).await? else { break };
        let (planner, of) = (by.clone(), job.clone());
        let chunk_plan = blocking(move || Ok(planner.plan(&of, page, &Known::new()))).await?;
        write(job, &chunk_plan).await?;
        rows += chunk_plan.rows;
        doing.advance(chunk_plan.rows as u64);
        paces.push(pace(begun.elapsed(), chunk_plan.rows));
    }
    paces.sort_by(f64::total_cmp);
    let (Some(&quickest), Some(&slowest)) = (paces.first(), paces.last()) else { return Ok(None) };
    Ok(Some(Rehearsal { id: job.id.to_string(), rows, quickest, median: paces[paces.len() / 2], slowest }))
}

/// Writes and rolls back.
async fn write(job: &Job, chunk_plan: &ChunkPlan) -> Result<()> {
    let changes: Vec<&Change> = chunk_plan.pending.iter().map(|pending| &pending.change).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let failed = |trouble| match trouble {
        ApplyError::ChunkByChunk(reason) => Error::new(Id::Database, format!("{}: {reason}", job.place)),
        ApplyError::Stop(error) => error,
    };
    let mut transaction = job.sink.begin().await.map_err(failed)?;
    transaction.apply(&changes).await.map(drop).map_err(failed) // dropped, it is rolled back
}

#[allow(clippy::cast_precision_loss)] // a few hundred rows
fn pace(elapsed: Duration, rows: usize) -> f64 {
    elapsed.as_secs_f64() * 1000.0 / rows.max(1) as f64
}
