//! The loop: ask the journal's state what comes next, do it, record it.

use std::collections::HashMap;

use keyrotation_journal::{Event, Key, Phase, Span};
use tokio::sync::mpsc;

use super::chunk_planner::ChunkPlan;
use super::pause::Turn;
use super::sweep::{Passes, Patience};
use super::transaction::Chunks;
use super::{Context, Flow, chunk, indexes, settle, sweep, workers};
use crate::error::{Error, Id, Result};
use crate::failpoint::async_failpoint;
use crate::plan::Job;

/// Pages that are read and planned ahead of the writer.
const READ_AHEAD: usize = 1;

/// How often all is looked through again because a server was lost, before it is no use.
const ROUNDS: u32 = 20;

/// Brings every job to its end, or to a safe point when asked to stop.
pub async fn drive(context: &Context, jobs: &[Job]) -> Result<Flow> {
    let flow = until_sure(context, jobs).await?;
    context.journal.flush().await?;
    Ok(flow)
}

/// Goes through the jobs until none of them was done by a server that was lost meanwhile.
async fn until_sure(context: &Context, jobs: &[Job]) -> Result<Flow> {
    for _ in 0..ROUNDS {
        if drive_in_order(context, jobs).await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        async_failpoint!("last-look", Error::new(Id::DatabaseLost, "failure planned by a test"));
        context.hold_now().await?;
        if !reopen_doubtful(context, jobs).await? {
            return Ok(Flow::Finished);
        }
    }
    Err(Error::new(Id::DatabaseLost, format!("a server was lost in each of {ROUNDS} rounds over its tables")))
}

async fn drive_in_order(context: &Context, jobs: &[Job]) -> Result<Flow> {
    // A row that a server is working with keeps its own table waiting, not the others.
    for patience in [Patience::Little, Patience::Full] {
        for job in jobs {
            if drive_one(context, job, patience).await? == Flow::Interrupted {
                return Ok(Flow::Interrupted);
            }
        }
    }
    Ok(Flow::Finished)
}

/// Reopens what was done in databases whose server was lost meanwhile: one that took its place may not
/// have all of it. Says whether there was any.
async fn reopen_doubtful(context: &Context, jobs: &[Job]) -> Result<bool> {
    let doubtful: Vec<_> = context.guards.iter().filter(|guard| guard.take_lost()).collect();
    let mut reopened = Vec::new();
    for job in jobs {
        let target = job.index;
        let done = context.journal.state(|state| state.targets[target.position()].phase == Phase::Done);
        if done && doubtful.iter().any(|guard| job.sink.is_guarded_by(guard)) {
            let reason = "the server was lost meanwhile: it is checked again".to_owned();
            reopened.push(Event::TargetReopened { target, reason }.into());
        }
    }
    let any = !reopened.is_empty();
    context.journal.append(reopened).await?; // all at once: a crash must not forget some
    Ok(any)
}

async fn drive_one(context: &Context, job: &Job, patience: Patience) -> Result<Flow> {
    let target = job.index;
    loop {
        if context.safe_point().await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        let phase = context.journal.state(|state| state.targets[target.position()].phase.clone());
        let flow = match phase {
            Phase::Pending => {
                append(context, Event::TargetStarted { target, total: None }).await?;
                Flow::Finished
            }
            Phase::Running => {
                indexes::drop_before_rows(context, job).await?;
                match settle::open_chunks(context, job).await? {
                    Flow::Finished => bulk(context, job).await?,
                    Flow::Interrupted => Flow::Interrupted,
                }
            }
            Phase::Sweeping { .. } => match settle::open_chunks(context, job).await? {
                Flow::Finished => match sweep::passes(context, job, patience).await? {
                    Passes::Over => Flow::Finished,
                    Passes::Later => return Ok(Flow::Finished),
                    Passes::Interrupted => Flow::Interrupted,
                },
                Flow::Interrupted => Flow::Interrupted,
            },
            Phase::Swept => {
                let flow = indexes::make_again(context, job).await?;
                if flow == Flow::Finished {
                    append(context, Event::TargetDone { target }).await?;
                }
                flow
            }
            Phase::Done | Phase::Skipped { .. } => return Ok(Flow::Finished),
        };
        if flow == Flow::Interrupted {
            return Ok(flow);
        }
    }
}

/// Rotates everything behind the frontier, then begins to sweep.
async fn bulk(context: &Context, job: &Job) -> Result<Flow> {
    let (frontier, exhausted, sweeps) = context.journal.state(|state| {
        let target = &state.targets[job.index.position()];
        (target.frontier.clone(), target.exhausted, target.sweeps)
    });
    if !exhausted && pages(context, job, frontier).await? == Flow::Interrupted {
        return Ok(Flow::Interrupted);
    }
    append(context, Event::SweepStarted { target: job.index, pass: sweeps + 1 }).await?;
    Ok(Flow::Finished)
}

/// Runs a chunk for every page behind the frontier, to the end of the table.
async fn pages(context: &Context, job: &Job, frontier: Option<Key>) -> Result<Flow> {
    context.pacer.begin(job.page_rows(), !job.sink.shares_transactions());
    let (sender, mut pages) = mpsc::channel(READ_AHEAD);
    // Dropping the receiver, on whatever way out, ends the reader.
    let reader = tokio::spawn(read_ahead(context.clone(), job.clone(), frontier, sender));
    let flow = if job.sink.shares_transactions() {
        write_in_order(context, job, &mut pages).await?
    } else {
        workers::write_all(context, job, &mut pages).await?
    };
    if flow == Flow::Interrupted {
        return Ok(Flow::Interrupted);
    }
    match reader.await {
        Ok(read) => read.map(|()| Flow::Finished),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Writes every page that comes, several in one transaction.
async fn write_in_order(
    context: &Context,
    job: &Job,
    pages: &mut mpsc::Receiver<(Span, ChunkPlan)>,
) -> Result<Flow> {
    let mut chunks = Chunks::new(context, job);
    while let Some((span, chunk_plan)) = pages.recv().await {
        loop {
            let turn = context.turn(chunk_plan.pending.len()).await;
            if turn == Turn::Go {
                break;
            }
            // Nobody is to wait for a transaction that stands still.
            let committed = chunks.commit().await?;
            if turn == Turn::Stop
                || committed == Flow::Interrupted
                || context.wait_while_paused().await? == Flow::Interrupted
            {
                return Ok(Flow::Interrupted);
            }
        }
        let flow = tokio::select! {
            biased;
            () = context.stop.now() => Flow::Interrupted, // the transaction is dropped: rolled back
            flow = chunks.add(span, chunk_plan) => flow?,
        };
        if flow == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
    }
    chunks.commit().await
}

/// Reads pages from the frontier on and prepares them while the chunk before is being written.
async fn read_ahead(
    context: Context,
    job: Job,
    frontier: Option<Key>,
    sender: mpsc::Sender<(Span, ChunkPlan)>,
) -> Result<()> {
    let mut walk = job.source.walk(frontier.as_ref(), None);
    let mut after = frontier;
    loop {
        // A page is read only when there is room for it: no more than two wait in memory.
        let Ok(room) = sender.reserve().await else { return Ok(()) };
        let (mut page, is_end) = walk.fill(context.pacer.rows()).await?;
        let mut is_last = !context.pacer.trim(&mut page) && is_end;
        // A range ends with a row that a statement can name; what has none behind it is the end of the table.
        match page.iter().rposition(|row| row.key.is_readable()).filter(|_| !is_last) {
            Some(at) => page.truncate(at + 1),
            None => is_last = true,
        }
        // The last range runs to the end of the table.
        let upto = page.last().filter(|_| !is_last).map(|last| last.key.clone());
        if let Some(last) = &upto {
            walk.go_on_behind(last);
        }
        let chunk_plan = chunk::prepare(&context, &job, page, HashMap::new()).await?;
        let after = std::mem::replace(&mut after, upto.clone());
        room.send((Span::Range { after, upto }, chunk_plan));
        if is_last {
            return Ok(());
        }
    }
}

pub(super) async fn append(context: &Context, event: Event) -> Result<()> {
    context.journal.append(vec![event.into()]).await
}
