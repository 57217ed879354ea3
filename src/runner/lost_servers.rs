//! Servers that are lost on the way: recorded at once, so that a process that goes on after a crash, too,
//! looks again at what was done before. Another server may have taken the place of the lost one.

use std::convert::Infallible;
use std::future::Future;

use futures_util::future::select_all;
use keyrotation_journal::{Event, JobState, SessionEnd, TAKEN_BACK};

use super::taken;
use crate::engine::{self, Context, Flow};
use crate::error::{Id, Result};
use crate::plan::Job;

/// The step that stands from the loss of a server until all was looked at again.
const SERVER_LOST: &str = "server-lost";

/// What a session that begins records of a loss in which the one before has ended, and makes its guards
/// know of.
pub(super) fn note_earlier_loss(context: &Context) -> Option<Event> {
    let (stands, ended) = context
        .journal
        .state(|state| (state.step_is_in_force(SERVER_LOST), ended_by(state, Id::DatabaseLost)));
    if stands || ended {
        context.guards.iter().for_each(|guard| guard.mark_lost());
    }
    (ended && !stands).then(|| taken(SERVER_LOST, "the previous session ended with it"))
}

/// Drives the jobs to their end. By then every server was asked whether it was lost meanwhile.
pub(super) async fn drive(context: &Context, jobs: &[Job]) -> Result<Flow> {
    let flow = engine::drive(context, jobs).await?;
    let stands = context.journal.state(|state| state.step_is_in_force(SERVER_LOST));
    if flow == Flow::Finished && stands && !context.has_lost_server() {
        let back = taken(&format!("{TAKEN_BACK}{SERVER_LOST}"), "everything was checked again");
        context.journal.append(vec![back.into()]).await?;
    }
    Ok(flow)
}

/// Works, and records each loss meanwhile.
pub(super) async fn recording<T>(context: &Context, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        failed = record(context) => match failed {
            Ok(never) => match never {},
            Err(error) => Err(error),
        },
        done = work => done,
    }
}

/// Records a loss, unless one stands already, and waits for the next once it was seen to.
async fn record(context: &Context) -> Result<Infallible> {
    if context.guards.is_empty() {
        return std::future::pending().await;
    }
    loop {
        select_all(context.guards.iter().map(|guard| Box::pin(guard.until_lost_is(true)))).await;
        if !context.journal.state(|state| state.step_is_in_force(SERVER_LOST)) {
            let lost = taken(SERVER_LOST, "everything that was done before is checked again at the end");
            context.journal.append(vec![lost.into()]).await?;
        }
        for guard in &context.guards {
            guard.until_lost_is(false).await;
        }
    }
}

/// Whether the last session ended with this error.
fn ended_by(state: &JobState, error: Id) -> bool {
    let ended = state.session.as_ref().and_then(|session| session.ended.as_ref());
    matches!(ended, Some((_, SessionEnd::Failed { id, .. })) if id == error.code())
}
