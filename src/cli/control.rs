//! `pause`, `continue`, `pace` and `stop`: what another terminal can do to the running rotation.

use std::time::Duration;

use keyrotation_journal::Journal;

use super::args::{Pace, StopArgs};
use super::{Session, tell};
use crate::control::Ask;
use crate::error::{Id, Result};
use crate::exit::Exit;
use crate::report::{RunState, state_words};
use crate::runner::{done, not_running, reach, view};

/// How often it is looked whether the process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Lets the running rotation stand still.
pub(super) async fn pause(session: &Session) -> Result<Exit> {
    act(session, Ask::Pause).await
}

/// Lets it go on.
pub(super) async fn go_on(session: &Session) -> Result<Exit> {
    act(session, Ask::Continue).await
}

/// Sets its pace.
pub(super) async fn pace(session: &Session, Pace(rows_per_second): Pace) -> Result<Exit> {
    act(session, Ask::Pace { rows_per_second }).await
}

async fn act(session: &Session, ask: Ask) -> Result<Exit> {
    let dir = session.global.journal_dir();
    while let Some((mut client, what)) = reach(&dir).await? {
        // Without an answer it has ended, or has put an earlier journal aside.
        if let Some(answer) = done(client.ask(ask.clone()).await)? {
            tell(&format!("{what}: {}\n", answer.text))?;
            return Ok(Exit::Done);
        }
    }
    Err(not_running(&dir)?)
}

/// Ends the running rotation at a safe point. That nothing runs is no failure: it is what was asked for.
pub(super) async fn stop(session: &Session, args: &StopArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let Some((mut client, what)) = reach(&dir).await? else {
        tell(&format!("there is nothing to stop: {}\n", not_running(&dir)?.what()))?;
        return Ok(Exit::Done);
    };
    let answer = done(client.ask(Ask::Stop).await)?;
    let text = answer.map_or_else(|| "it has ended already".to_owned(), |answer| answer.text);
    tell(&format!("{what}: {text}\n"))?;
    if args.no_wait {
        return Ok(Exit::Done);
    }
    // The connection ends with the process.
    let mut known = None;
    while let Ok(Some(answer)) = client.ask(Ask::Status { after: known }).await {
        known = answer.number;
    }
    while Journal::holder(&dir)?.is_some() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let view = match view(&dir) {
        Err(error) if error.id() == Id::JournalAbsent => {
            tell(&format!("{what} has ended; no rotation was begun\n"))?;
            return Ok(Exit::Done);
        }
        view => view?,
    };
    let next = match view.state {
        RunState::Interrupted | RunState::Failed => "; `keyrotation resume` continues it",
        RunState::Running | RunState::Completed => "",
    };
    tell(&format!("rotation {} is {}{next}\n", view.rotation_id, state_words(&view)))?;
    Ok(Exit::Done)
}
