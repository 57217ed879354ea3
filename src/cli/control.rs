//! `pause`, `continue`, `pace` and `stop`: what another terminal can do to the running rotation.

use std::path::Path;
use std::time::{Duration, Instant};

use keyrotation_journal::{Holder, Journal};

use super::args::{Pace, StopArgs};
use super::{Session, print, status};
use crate::control::{Answer, Ask, Client};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::report::RunState;
use crate::who::whoami;

/// How long a process that holds the journal may take until it listens.
const UNTIL_IT_LISTENS: Duration = Duration::from_secs(5);

/// How often it is looked for.
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
            print(&format!("{what}: {}\n", answer.text))?;
            return Ok(Exit::Done);
        }
    }
    Err(not_running(&dir)?)
}

/// Ends the running rotation at a safe point. That nothing runs is no failure: it is what was asked for.
pub(super) async fn stop(session: &Session, args: &StopArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let Some((mut client, what)) = reach(&dir).await? else {
        print(&format!("there is nothing to stop: {}\n", not_running(&dir)?.what()))?;
        return Ok(Exit::Done);
    };
    let answer = done(client.ask(Ask::Stop).await)?;
    let text = answer.map_or_else(|| "it has ended already".to_owned(), |answer| answer.text);
    print(&format!("{what}: {text}\n"))?;
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
    let view = match status::view(&dir) {
        Err(error) if error.id() == Id::JournalAbsent => {
            print(&format!("{what} has ended; no rotation was begun\n"))?;
            return Ok(Exit::Done);
        }
        view => view?,
    };
    let next = match view.state {
        RunState::Interrupted | RunState::Failed => "; `keyrotation resume` goes on",
        RunState::Running | RunState::Completed => "",
    };
    print(&format!("rotation {} is {}{next}\n", view.rotation_id, view.state.word()))?;
    Ok(Exit::Done)
}

/// Connects to the process that works on the rotation in `dir`, or is going to; none if there is none.
/// Says what it is: the rotation, or, before there is one, the process.
pub(super) async fn reach(dir: &Path) -> Result<Option<(Client, String)>> {
    let begun = Instant::now();
    loop {
        let Some(holder) = Journal::holder(dir)? else { return Ok(None) };
        let (host, user) = whoami();
        match Client::connect(dir, host, user).await {
            Ok(mut client) => {
                // Without an answer it has just ended.
                if let Some(answer) = done(client.ask(Ask::Status { after: None }).await)? {
                    return Ok(Some((client, name(&answer, &holder))));
                }
            }
            Err(error) if begun.elapsed() >= UNTIL_IT_LISTENS => return Err(deaf(&holder, &error)),
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

fn name(answer: &Answer, holder: &Holder) -> String {
    let status = answer.status.as_ref();
    match status.and_then(|status| status["rotation_id"].as_str()) {
        Some(id) => format!("rotation {id}"),
        None => format!("process {}", holder.pid),
    }
}

/// An answer that is no refusal.
fn done(answer: std::io::Result<Option<Answer>>) -> Result<Option<Answer>> {
    let answer = answer.map_err(|error| Error::new(Id::NotListening, error.to_string()))?;
    match answer {
        Some(Answer { error: Some(why), fix, .. }) => {
            let error = Error::new(Id::ControlRefused, why);
            Err(match fix {
                Some(fix) => error.fix(fix),
                None => error,
            })
        }
        answer => Ok(answer),
    }
}

/// That nothing runs, with the state that the rotation is in; an error if there is no rotation.
fn not_running(dir: &Path) -> Result<Error> {
    let view = status::view(dir)?;
    let (name, state) = (&view.rotation_id, view.state.word());
    Ok(Error::new(Id::NotRunning, format!("no process works on rotation {name}, which is {state}")))
}

fn deaf(holder: &Holder, error: &std::io::Error) -> Error {
    Error::new(Id::NotListening, format!("{holder} holds the journal and does not listen: {error}"))
}
