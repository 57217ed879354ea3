//! Following a rotation that any process works on.
//!
//! While its process listens, news comes over the control socket as soon as there is any; else the
//! status file is looked at once a second.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyrotation_journal::Journal;

use super::reading::{open, view};
use crate::control::{Ask, Client};
use crate::error::{Id, Result};
use crate::report::{RunState, StatusView};
use crate::who::whoami;

/// How often a rotation is looked for that does not bring its news itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is seen of a rotation.
#[derive(Debug)]
pub enum Seen {
    /// None was begun.
    Absent,
    /// None yet: a process has only begun, and says what it does.
    Beginning(String),
    /// A process works on it.
    Running(StatusView),
    /// No process works on it.
    Still(StatusView),
    /// Likewise, and the last one did not end by itself.
    Dead(StatusView),
}

impl Seen {
    /// A rotation whose journal a process holds: some only read it.
    fn of(view: StatusView) -> Self {
        if view.state == RunState::Running { Self::Running(view) } else { Self::Still(view) }
    }
}

/// Looks at a rotation again and again.
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    client: Option<Client>,
    /// The number of the status that was seen last.
    known: Option<u64>,
    looked: bool,
}

impl Follow {
    /// Whatever happens in the journal's folder `dir`.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, client: None, known: None, looked: false }
    }

    /// What is seen: at once the first time, later when there may be news.
    pub async fn next(&mut self) -> Result<Seen> {
        loop {
            if let Some(seen) = self.news().await {
                self.looked = true;
                return Ok(seen);
            }
            if std::mem::replace(&mut self.looked, true) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            if Journal::holder(&self.dir)?.is_some() {
                let (host, user) = whoami();
                self.client = Client::connect(&self.dir, host, user).await.ok();
                self.known = None;
                if self.client.is_some() {
                    continue;
                }
            }
            if Journal::peek(&self.dir)?.is_none() {
                return Ok(Seen::Absent);
            }
            return match seen(&self.dir) {
                Err(error) if error.id() == Id::JournalLocked => continue, // another process has just begun
                seen => seen,
            };
        }
    }

    /// What the process says, over a connection that is there; none if it has ended.
    async fn news(&mut self) -> Option<Seen> {
        let client = self.client.as_mut()?;
        let answer = client.ask(Ask::Status { after: self.known }).await.ok().flatten();
        let seen = answer.and_then(|answer| {
            self.known = answer.number;
            match answer.status {
                Some(status) => serde_json::from_value(status).ok().map(Seen::of),
                None if answer.error.is_none() => Some(Seen::Beginning(answer.text)),
                None => None,
            }
        });
        if seen.is_none() {
            self.client = None;
        }
        seen
    }
}

fn seen(dir: &Path) -> Result<Seen> {
    if Journal::holder(dir)?.is_some() {
        return view(dir).map(Seen::of);
    }
    let journal = open(dir)?;
    let view = StatusView::new(journal.state(), false);
    Ok(if journal.state().open_session().is_some() { Seen::Dead(view) } else { Seen::Still(view) })
}
