//! The read-only pass after which a target is done: nothing under the old key is left.

use keyrotation_journal::{Event, Key, Phase};

use super::{Context, Flow, drive, settle};
use crate::activity::Task;
use crate::blocking::blocking;
use crate::codec::value::{Evidence, Verdict};
use crate::error::{Error, Id, Result};
use crate::plan::Job;
use crate::source::Row;

/// Passes after which somebody must be writing under the old key all the time.
const MAX_PASSES: u32 = 20;

/// Of a target's rows, this part is gathered as strays before they are rotated: for each such batch the
/// whole journal of the target is read.
const PART: u64 = 16;

/// Sweeps until a pass finds nothing under the old key besides what has failed.
pub(super) async fn passes(context: &Context, job: &Job) -> Result<Flow> {
    let target = job.index;
    let first = context.journal.state(|state| state.targets[target.position()].sweeps);
    loop {
        let phase = context.journal.state(|state| state.targets[target.position()].phase.clone());
        let Phase::Sweeping { pass } = phase else { return Ok(Flow::Finished) };
        let Some(strays) = one_pass(context, job).await? else { return Ok(Flow::Interrupted) };
        context.journal.flush().await?;
        drive::append(context, Event::SweepDone { target, pass, strays }).await?;
        if strays == 0 {
            continue; // swept: the loop that called this one says that the target is done
        }
        tracing::warn!("{}: {strays} rows were still under the old key and are rotated now", job.place);
        if pass >= first + MAX_PASSES {
            return Err(Error::new(
                Id::KeepsChanging,
                format!("{}: after {pass} passes there are still new rows under the old key", job.place),
            ));
        }
        drive::append(context, Event::SweepStarted { target, pass: pass + 1 }).await?;
    }
}

/// One pass; rotates what it finds, and returns how many rows that were.
async fn one_pass(context: &Context, job: &Job) -> Result<Option<u64>> {
    let known = settle::failed_keys(context, job).await?;
    let rows = context.journal.state(|state| state.targets[job.index.position()].tally.rows);
    let at_once = job.sizes.named.max(usize::try_from(rows / PART).unwrap_or(usize::MAX));
    let doing = context.activity.begin(Task::Check, &job.place, Some(rows));
    let mut pages = job.source.walk_all().ahead(job.page_rows());
    let mut found = 0;
    let mut strays = Vec::new();
    loop {
        if context.safe_point().await? == Flow::Interrupted {
            return Ok(None);
        }
        job.sink.hold().await?; // also so that the lock's session is not idle for long
        let Some(page) = pages.next().await? else { break };
        doing.advance(page.len() as u64);
        strays.extend(under_old(context, job, page).await?.into_iter().filter(|key| !known.contains(key)));
        if strays.len() >= at_once {
            found += strays.len() as u64;
            if settle::strays(context, job, &std::mem::take(&mut strays)).await? == Flow::Interrupted {
                return Ok(None);
            }
        }
    }
    found += strays.len() as u64;
    Ok((settle::strays(context, job, &strays).await? == Flow::Finished).then_some(found))
}

async fn under_old(context: &Context, job: &Job, page: Vec<Row>) -> Result<Vec<Key>> {
    let (planner, job) = (context.planner.clone(), job.clone());
    blocking(move || {
        let stray = |row: &Row| {
            row.values.iter().enumerate().any(|(column, value)| {
                let evidence =
                    Evidence { hash: row.hashes.get(column).and_then(Option::as_deref), recorded: None };
                value.as_bytes().is_some_and(|stored| {
                    let verdict = planner.recoder().classify(job.codec, stored, evidence);
                    matches!(verdict, Verdict::UnderOld(_) | Verdict::WithoutId(_))
                })
            })
        };
        Ok(page.into_iter().filter(stray).map(|row| row.key).collect())
    })
    .await
}
