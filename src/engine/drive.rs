//! The loop: ask the journal's state what comes next, do it, record it.

use std::collections::HashMap;
use std::time::Instant;

use keyrotation_journal::{Entry, Event, Key, Phase, Span};
use tokio::sync::mpsc;

use super::prepare::{Prepared, empty_tally};
use super::{Context, Flow, chunk, settle, sweep};
use crate::error::Result;
use crate::plan::Job;

/// Pages that are read and prepared ahead of the writer.
const READ_AHEAD: usize = 1;

/// Brings every job to its end, or to a safe point when asked to stop.
pub async fn drive(context: &Context, jobs: &[Job]) -> Result<Flow> {
    for job in jobs {
        if drive_one(context, job).await? == Flow::Interrupted {
            context.ledger.flush().await?;
            return Ok(Flow::Interrupted);
        }
    }
    context.ledger.flush().await?;
    Ok(Flow::Finished)
}

async fn drive_one(context: &Context, job: &Job) -> Result<Flow> {
    let target = job.index;
    loop {
        if context.stop.requested() {
            return Ok(Flow::Interrupted);
        }
        let phase = context.ledger.state(|state| state.targets[usize::from(target)].phase.clone());
        let flow = match phase {
            Phase::Pending => {
                append(context, Event::TargetStarted { target, total: None }).await?;
                Flow::Finished
            }
            Phase::Running => match settle::open_chunks(context, job).await? {
                Flow::Finished => bulk(context, job).await?,
                Flow::Interrupted => Flow::Interrupted,
            },
            Phase::Sweeping => match settle::open_chunks(context, job).await? {
                Flow::Finished => sweep::passes(context, job).await?,
                Flow::Interrupted => Flow::Interrupted,
            },
            Phase::Done | Phase::Skipped(_) => return Ok(Flow::Finished),
        };
        if flow == Flow::Interrupted {
            return Ok(flow);
        }
    }
}

/// Rotates everything behind the frontier, then begins to sweep.
async fn bulk(context: &Context, job: &Job) -> Result<Flow> {
    let frontier = context.ledger.state(|state| state.targets[usize::from(job.index)].frontier.clone());
    let (sender, mut pages) = mpsc::channel(READ_AHEAD);
    // Dropping the receiver, on whatever way out, ends the reader.
    let reader = tokio::spawn(read_ahead(context.clone(), job.clone(), frontier, sender));
    while let Some((span, prepared)) = pages.recv().await {
        if context.stop.requested() {
            return Ok(Flow::Interrupted);
        }
        let (rows, begun) = (prepared.rows, Instant::now());
        if chunk::run(context, job, span, prepared, empty_tally(job.groups)).await? == Flow::Interrupted {
            return Ok(Flow::Interrupted);
        }
        context.pacer.learn(rows, begun.elapsed());
    }
    match reader.await {
        Ok(read) => read?,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
    append(context, Event::SweepStarted { target: job.index, pass: 1 }).await?;
    Ok(Flow::Finished)
}

/// Reads pages from the frontier on and prepares them while the chunk before is being written.
async fn read_ahead(
    context: Context,
    job: Job,
    mut frontier: Option<Key>,
    sender: mpsc::Sender<(Span, Prepared)>,
) -> Result<()> {
    loop {
        let mut page = job.source.page(frontier.as_ref(), None, context.pacer.rows()).await?;
        context.pacer.trim(&mut page);
        let Some(last) = page.last() else { return Ok(()) };
        let upto = last.key.clone();
        let prepared = chunk::prepare(&context, &job, page, HashMap::new()).await?;
        let span = Span::Range { after: frontier.replace(upto.clone()), upto: Some(upto) };
        if sender.send((span, prepared)).await.is_err() {
            return Ok(());
        }
    }
}

pub(super) async fn append(context: &Context, event: Event) -> Result<()> {
    context.ledger.append(vec![Entry { event, rows: Vec::new() }]).await
}
