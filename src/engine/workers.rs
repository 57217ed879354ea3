//! Several chunks at once, each in a transaction of its own.
//!
//! Chunks are recorded in the order of their pages, since ranges must join up; they end in any order.
//! What goes wrong with one leaves the others to end as they will.

use std::time::Instant;

use keyrotation_journal::Span;
use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinError, JoinSet};

use super::chunk::OpenChunk;
use super::chunk_planner::ChunkPlan;
use super::pause::Turn;
use super::{Context, Flow, chunk};
use crate::error::Result;
use crate::plan::Job;

/// Writes every page that comes. When somebody asks to stop, or something goes wrong, no more are
/// begun, and those that are on end first; asked again, they are dropped and rolled back.
pub(super) async fn write_all(
    context: &Context,
    job: &Job,
    pages: &mut Receiver<(Span, ChunkPlan)>,
) -> Result<Flow> {
    let mut busy: JoinSet<Result<Flow>> = JoinSet::new();
    let mut outcome = Ok(Flow::Finished);
    let mut next: Option<(Span, ChunkPlan)> = None;
    while matches!(outcome, Ok(Flow::Finished)) && !context.stop.requested() {
        if context.pause.requested() {
            outcome = all_ended(&mut busy, outcome).await;
            outcome = worse(outcome, context.wait_while_paused().await);
            continue;
        }
        while busy.len() >= context.workers {
            if let Some(ended) = busy.join_next().await {
                outcome = worse(outcome, flatten(ended));
            }
        }
        let Some((span, chunk_plan)) = next.take() else {
            tokio::select! {
                biased;
                () = context.stop.asked() => break,
                () = context.pause.until_requested() => {}
                Some(ended) = busy.join_next() => outcome = worse(outcome, flatten(ended)),
                page = pages.recv() => match page {
                    Some(page) => next = Some(page),
                    None => break,
                },
            }
            continue;
        };
        match context.turn(chunk_plan.pending.len()).await {
            Turn::Go => {}
            Turn::Pause => {
                next = Some((span, chunk_plan));
                continue;
            }
            Turn::Stop => break,
        }
        match chunk::record(context, job, span, chunk::planned(&chunk_plan)).await {
            Ok(open) => drop(busy.spawn(write(context.clone(), job.clone(), open, chunk_plan))),
            Err(error) => outcome = Err(error),
        }
    }
    match all_ended(&mut busy, outcome).await {
        Ok(Flow::Finished) if context.stop.requested() => Ok(Flow::Interrupted),
        outcome => outcome,
    }
}

/// Waits for those that are on.
async fn all_ended(busy: &mut JoinSet<Result<Flow>>, mut outcome: Result<Flow>) -> Result<Flow> {
    while let Some(ended) = busy.join_next().await {
        outcome = worse(outcome, flatten(ended));
    }
    outcome
}

async fn write(context: Context, job: Job, open: OpenChunk, chunk_plan: ChunkPlan) -> Result<Flow> {
    let (rows, begun) = (chunk_plan.rows, Instant::now());
    let flow = chunk::finish(&context, &job, open, chunk_plan).await?;
    context.pacer.learn(rows, begun.elapsed());
    Ok(flow)
}

/// The first error counts, then an interruption.
fn worse(one: Result<Flow>, other: Result<Flow>) -> Result<Flow> {
    match (one, other) {
        (Err(error), _) | (Ok(_), Err(error)) => Err(error),
        (Ok(Flow::Interrupted), _) | (_, Ok(Flow::Interrupted)) => Ok(Flow::Interrupted),
        (Ok(Flow::Finished), Ok(Flow::Finished)) => Ok(Flow::Finished),
    }
}

fn flatten(ended: Result<Result<Flow>, JoinError>) -> Result<Flow> {
    match ended {
        Ok(flow) => flow,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
