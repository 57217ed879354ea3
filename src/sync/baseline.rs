//! What every row of the new database is before the new server may run: read, and marked.
//!
//! From then on a row that is not as it was marked has been changed by the new server.

use keyrotation_journal::{Entry, Event, Phase, RowMark, Span, Tally, TargetKind};

use super::read::key_of;
use super::rows::{Side, open};
use super::{NEW_SERVER_HAS_RUN, failed};
use crate::activity::Task;
use crate::blocking::blocking;
use crate::engine::{Context, Flow};
use crate::error::Result;
use crate::plan::{SyncJob, SyncPlan};

/// Marks every row of every table, from where the last session stopped. If the new server has run on this copy before
/// all of them are its own: what it deletes later does not come back.
pub async fn baseline(context: &Context, plan: &SyncPlan) -> Result<Flow> {
    for job in &plan.jobs {
        if mark_rows(context, plan, job).await? == Flow::Interrupted {
            context.journal.flush().await?;
            return Ok(Flow::Interrupted);
        }
    }
    Ok(Flow::Finished)
}

async fn mark_rows(context: &Context, plan: &SyncPlan, job: &SyncJob) -> Result<Flow> {
    let target = job.index;
    let at = target.position();
    let phase = context.journal.state(|state| state.targets[at].phase.clone());
    if phase == Phase::Pending {
        let count = plan.guard.try_reading(job.place(), || plan.new.count_rows(job.place())).await;
        let total = Some(count.map_err(|error| failed(job.place(), &error))?);
        context.journal.append(vec![Event::TargetStarted { target, total }.into()]).await?;
    } else if phase != Phase::Running {
        return Ok(Flow::Finished);
    }
    let (total, marked) = context.journal.state(|state| {
        let target = &state.targets[at];
        (target.total, target.tally.rows)
    });
    let doing = context.activity.begin(Task::Mark, job.place(), total);
    doing.advance(marked);
    let frontier = context.journal.state(|state| state.targets[at].frontier.clone());
    let mut walk = plan.walk_new(&job.new, &job.read_new);
    walk.over(frontier.as_ref(), None);
    loop {
        if context.safe_point().await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        let (after, exhausted, ordinal) = context.journal.state(|state| {
            let target = &state.targets[at];
            (target.frontier.clone(), target.exhausted, target.next_ordinal)
        });
        if exhausted {
            context.journal.append(vec![Event::TargetDone { target }.into()]).await?;
            return Ok(Flow::Finished);
        }
        plan.guard.hold().await?;
        let filled = walk.fill(plan.sizes.rows).await;
        let (page, is_last) = filled.map_err(|error| failed(job.place(), &error))?;
        let upto = page.last().filter(|_| !is_last).and_then(|last| key_of(job, last));
        let rows = page.len() as u64;
        doing.advance(rows);
        let (planner, opening) = (context.planner.clone(), job.clone());
        let opened = blocking(move || Ok(open(&planner, &opening, Side::New, page))).await?;
        let are_its_own = context.journal.state(|state| state.step_is_in_force(NEW_SERVER_HAS_RUN));
        let mark = |digest| if are_its_own { RowMark::OF_THE_NEW_SERVER } else { RowMark::settled(digest) };
        let marks = opened.into_iter().flatten().map(|row| (row.key, Some(mark(row.digest))));
        let started = Event::ChunkStarted { target, ordinal, span: Span::Range { after, upto } };
        let tally = Tally { rows, plain: rows, ..Tally::default() };
        let done = Event::ChunkDone { target, ordinal, tally, replaces: Tally::default() };
        context.journal.append(vec![Entry::marked(started, marks.collect()), done.into()]).await?;
    }
}

/// Whether every table that is kept in step has been read and marked, if there is any.
pub fn is_marked(context: &Context) -> bool {
    context.journal.state(|state| {
        let heads = state.rotation.targets.iter().zip(&state.targets);
        heads
            .filter(|(head, _)| head.kind == TargetKind::Sync)
            .all(|(_, target)| matches!(target.phase, Phase::Done | Phase::Skipped { .. }))
    })
}
