//! Reaching the process that works on a rotation.

use std::path::Path;
use std::time::{Duration, Instant};

use keyrotation_journal::{Holder, Journal};

use super::reading::view;
use crate::control::{Answer, Ask, Client};
use crate::error::{Error, Id, Result};
use crate::report::state_words;
use crate::who::whoami;

/// How long a process that holds the journal may take until it listens.
const UNTIL_IT_LISTENS: Duration = Duration::from_secs(5);

/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Connects to the process that works on the rotation in `dir`, or is about to; none if there is no such process.
/// Says what it is: the rotation, or, before there is one, the process.
pub async fn reach(dir: &Path) -> Result<Option<(Client, String)>> {
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
pub fn done(answer: std::io::Result<Option<Answer>>) -> Result<Option<Answer>> {
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
pub fn not_running(dir: &Path) -> Result<Error> {
    let view = view(dir)?;
    let (name, state) = (&view.rotation_id, state_words(&view));
    Ok(Error::new(Id::NotRunning, format!("no process works on rotation {name}, which is {state}")))
}

fn deaf(holder: &Holder, error: &std::io::Error) -> Error {
    Error::new(Id::NotListening, format!("{holder} holds the journal and does not answer: {error}"))
}
