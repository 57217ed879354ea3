//! What a process answers that holds the journal's folder and does not work on the rotation: it only
//! reads it, such as `verify`, or it has only begun, such as `run` while it looks at the databases.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::SetOnce;
use tokio::time::timeout;

use super::controls::{UNTIL_NEWS, hand_over};
use super::{Answer, Answering, Ask, Controls, Request, StatusFeed};
use crate::engine::JournalHandle;
use crate::signals::Stopper;

/// How long a client that asks for a change waits for a process that has only begun.
const UNTIL_IT_WORKS: Duration = Duration::from_secs(3);

/// Where others ask; all clones are one.
#[derive(Debug, Clone)]
pub struct RequestHandler {
    command: &'static str,
    /// The journal, if there is one.
    journal: Option<JournalHandle>,
    feed: StatusFeed,
    /// Ends a process that has only begun; none for one that only reads.
    stopper: Option<Stopper>,
    /// Once it works.
    controls: Arc<SetOnce<Controls>>,
}

impl RequestHandler {
    /// Of a process that only reads the journal, for this command.
    pub fn reading(command: &'static str, journal: JournalHandle, status: &impl Serialize) -> Self {
        let feed = StatusFeed::default();
        feed.show(status, true);
        Self { command, journal: Some(journal), feed, stopper: None, controls: Arc::default() }
    }

    /// Of a process that is going to work on a rotation. Without a journal there is no rotation yet.
    pub fn beginning(command: &'static str, journal: Option<JournalHandle>, stopper: Stopper) -> Self {
        Self {
            command,
            journal,
            feed: StatusFeed::default(),
            stopper: Some(stopper),
            controls: Arc::default(),
        }
    }

    /// The same, of a rotation of which there is nothing yet.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { journal: None, feed: StatusFeed::default(), controls: Arc::default(), ..self.clone() }
    }

    /// Where the status hangs out.
    pub fn feed(&self) -> StatusFeed {
        self.feed.clone()
    }

    /// Whether the process does, or will do, more than read.
    pub fn works(&self) -> bool {
        self.stopper.is_some()
    }

    /// From now on the process works on the rotation and can be controlled.
    pub fn work(&self, controls: Controls) {
        let _ = self.controls.set(controls); // once
    }

    fn who(&self) -> String {
        format!("process {} (`keyrotation {}`)", std::process::id(), self.command)
    }

    async fn status(&self, after: Option<u64>) -> Answer {
        // The first request is answered at once: there is nothing yet.
        let nothing_yet = after.is_none() && self.journal.is_none();
        let (number, status) =
            if nothing_yet { self.feed.now() } else { self.feed.look(after, UNTIL_NEWS).await };
        if status.is_null() {
            let text =
                format!("{} reads the databases and files; the rotation has not begun yet", self.who());
            return Answer { number: Some(number), ..Answer::done(false, text) };
        }
        Answer { number: Some(number), status: Some(status), ..Answer::done(false, "") }
    }

    fn too_early(&self) -> Answer {
        let fix = "repeat this once the rotation has begun, which `keyrotation status --watch` shows; \
                   `keyrotation stop` ends it, which loses nothing";
        let why = format!(
            "{} has only started: it reads the databases and files, and writes nothing yet",
            self.who()
        );
        Answer { fix: Some(fix.to_owned()), ..Answer::refused(why) }
    }
}

/// Ends a process that has written nothing yet.
fn stop(stopper: &Stopper) -> Answer {
    if !stopper.ask_once() {
        return Answer::done(false, "it was already asked to stop");
    }
    tracing::warn!("asked to stop, before anything was written");
    Answer::done(true, "it stops; it has written nothing yet")
}

impl Answering for RequestHandler {
    async fn answer(&self, request: &Request) -> Answer {
        if let Some(controls) = self.controls.get() {
            return controls.answer(request).await;
        }
        match (&request.ask, &self.journal, &self.stopper) {
            (Ask::Status { after }, ..) => self.status(*after).await,
            (Ask::Journal { from }, Some(journal), _) => hand_over(journal, from.clone()).await,
            (Ask::Stop, _, Some(stopper)) => stop(stopper),
            (_, _, Some(_)) => match timeout(UNTIL_IT_WORKS, self.controls.wait()).await {
                Ok(controls) => controls.answer(request).await,
                Err(_) => self.too_early(),
            },
            (_, _, None) => {
                let fix = "it ends by itself, or with SIGTERM, which loses nothing";
                Answer {
                    fix: Some(fix.to_owned()),
                    ..Answer::refused(format!("{} only reads the journal", self.who()))
                }
            }
        }
    }
}
