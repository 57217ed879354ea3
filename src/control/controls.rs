//! What a request does to the program. Each is recorded in the journal before it has its effect; if
//! it cannot be recorded it has its effect all the same, and the answer says so.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keyrotation_journal::{Event, Step};
use tokio::sync::Mutex;

use super::{Answer, Answering, Ask, Handed, Request, StatusFeed};
use crate::engine::{JournalHandle, Pacer, Pause, Paused};
use crate::signals::Stopper;

/// How long a client that asks to pause waits for the program to pause before it is told that it
/// soon will.
const UNTIL_STILL: Duration = Duration::from_secs(5);

/// How long a client that asks for news waits for it.
pub(super) const UNTIL_NEWS: Duration = Duration::from_secs(10);

/// The longest name of a user or host that is recorded.
const LONGEST_NAME: usize = 100;

/// The parts of the running program that can be controlled.
#[derive(Debug, Clone)]
pub struct Controls {
    /// How many rows are written in a second.
    pub pacer: Pacer,
    /// Whether it is to stand still.
    pub pause: Pause,
    /// Ends it.
    pub stopper: Stopper,
    /// The journal.
    pub journal: JournalHandle,
    /// What it is doing.
    pub feed: StatusFeed,
    /// Held by a client that changes something: one after the other.
    pub turn: Arc<Mutex<()>>,
}

impl Answering for Controls {
    /// Does what is asked for.
    async fn answer(&self, request: &Request) -> Answer {
        let who = Who { user: word(&request.user), host: word(&request.host) };
        let answer = match request.ask {
            Ask::Status { after } => {
                let (number, status) = self.feed.look(after, UNTIL_NEWS).await;
                return Answer { number: Some(number), status: Some(status), ..Answer::done(false, "") };
            }
            Ask::Journal { ref from } => return hand_over(&self.journal, from.clone()).await,
            Ask::Pause => self.pause(who).await,
            Ask::Continue => self.go_on(who).await,
            Ask::Pace { rows_per_second } => self.pace(who, rows_per_second).await,
            Ask::Stop => return self.stop(who).await,
        };
        if answer.changed {
            self.feed.renew().await; // the next request for the status must show it
        }
        answer
    }
}

impl Controls {
    async fn pause(&self, who: Who) -> Answer {
        let mut answer = {
            let _turn = self.turn.lock().await;
            if let Some((paused, _)) = self.pause.current() {
                Answer::done(false, format!("it was already paused, {}", since(&paused)))
            } else {
                let recorded = self.record("paused", "", &who).await;
                let paused = Paused { since: Timestamp::now().as_millisecond(), by: who.to_string() };
                self.pause.ask(paused);
                recorded.with(Answer::done(true, "paused"))
            }
        };
        if tokio::time::timeout(UNTIL_STILL, self.pause.until_paused()).await.is_err() {
            answer.text += "; it still finishes what it has begun";
        } else if answer.changed {
            answer.text += ": it is at a safe point and keeps its locks";
            if self.journal.state(|state| state.sync.started_at.is_some()) {
                answer.text += "; what users change on the old server waits until it continues";
            }
        }
        answer
    }

    async fn go_on(&self, who: Who) -> Answer {
        let _turn = self.turn.lock().await;
        match self.pause.current() {
            None => Answer::done(false, "it was not paused"),
            Some((paused, _)) => {
                let recorded = self.record("continued", "", &who).await;
                self.pause.lift();
                recorded.with(Answer::done(true, format!("it continues; it was paused {}", since(&paused))))
            }
        }
    }

    async fn pace(&self, who: Who, wanted: Option<u32>) -> Answer {
        let _turn = self.turn.lock().await;
        let before = self.pacer.pace();
        if before == wanted {
            return Answer::done(false, format!("its pace was already this: {}", pace(wanted)));
        }
        let recorded = self.record("pace", &pace(wanted), &who).await;
        self.pacer.limit(wanted);
        let text = format!("its pace is now {}; it was {}", pace(wanted), pace(before));
        recorded.with(Answer::done(true, text))
    }

    async fn stop(&self, who: Who) -> Answer {
        let _turn = self.turn.lock().await;
        if self.stopper.is_asked() {
            return Answer::done(false, "it was already asked to stop");
        }
        let recorded = self.record("stop", "", &who).await;
        self.stopper.ask_once();
        tracing::warn!("{who} asks to stop: stopping at the next safe point");
        recorded.with(Answer::done(true, "it stops at the next safe point"))
    }

    /// Records in the journal what a user did.
    async fn record(&self, name: &str, note: &str, who: &Who) -> Recorded {
        let at = Timestamp::now().as_millisecond();
        let (user, host) = (who.user.clone(), who.host.clone());
        let step = Step { at, name: name.to_owned(), note: note.to_owned(), user, host };
        if name != "stop" {
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            tracing::info!("{name}{note} by {who}");
        }
        Recorded(self.journal.append(vec![Event::StepTaken(step).into()]).await.err().map(|e| e.to_string()))
    }
}

/// A part of the journal, for a process that reads along.
pub(super) async fn hand_over(journal: &JournalHandle, from: Option<String>) -> Answer {
    match journal.read(move |journal| Handed::of(journal, from.as_deref())).await {
        Ok(part) => Answer { journal: Some(part), ..Answer::done(false, "") },
        Err(error) => Answer::refused(error.what()),
    }
}

/// What stood in the way of recording something, if anything did.
struct Recorded(Option<String>);

impl Recorded {
    fn with(self, mut answer: Answer) -> Answer {
        if let Some(error) = self.0 {
            tracing::warn!("not recorded: {error}");
            answer.text += "; but the journal could not record it";
        }
        answer
    }
}

/// Who asks.
struct Who {
    user: String,
    host: String,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}", self.user, self.host)
    }
}

/// A name as a client gives it, fit for a terminal and the journal.
fn word(text: &str) -> String {
    let word: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    if word.is_empty() { "unknown".to_owned() } else { word }
}

fn since(paused: &Paused) -> String {
    let time =
        Timestamp::from_millisecond(paused.since).map_or_else(|_| String::new(), |at| format!("{at:.3}"));
    format!("since {time} by {}", paused.by)
}

fn pace(rows_per_second: Option<u32>) -> String {
    rows_per_second.map_or_else(|| "without a limit".to_owned(), |most| format!("{most} rows/s"))
}
