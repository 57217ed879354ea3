//! `status --watch` and `status --wait`: following a rotation that any process works on.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::args::{StatusArgs, Until};
use super::{Session, out, print, print_json, tell};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::fit::{self, wrapped};
use crate::invocation::spelled;
use crate::report::{RunState, StatusView, frame, line, state_words, status_text};
use crate::runner::{Follow, Seen, absent};
use crate::telemetry::is_dumb;

/// The least time between two frames or lines.
const SHOW_EVERY: Duration = Duration::from_millis(500);
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Says what is waited for, once each time that it is something else.
#[derive(Default)]
struct Waiting(Option<String>);

impl Waiting {
    fn say(&mut self, what: String) {
        if self.0.as_ref() != Some(&what) {
            tracing::info!("{what}");
            self.0 = Some(what);
        }
    }
}

/// Waits until the rotation has reached the state.
pub(super) async fn wait(session: &Session, args: &StatusArgs, until: Until) -> Result<Exit> {
    let mut follow = Follow::new(session.global.journal_dir());
    let deadline = args.timeout.map(|timeout| tokio::time::Instant::now() + timeout);
    let mut waiting = Waiting::default();
    loop {
        let seen = match deadline {
            None => follow.next().await?,
            Some(deadline) => {
                let Ok(seen) = tokio::time::timeout_at(deadline, follow.next()).await else {
                    tracing::warn!("the rotation was not {} in time", until.word());
                    return Ok(Exit::TimedOut);
                };
                seen?
            }
        };
        let (view, runs) = match seen {
            Seen::Absent => {
                waiting.say("no rotation was begun yet: waiting for one".to_owned());
                continue;
            }
            Seen::Beginning(what) => {
                waiting.say(what);
                continue;
            }
            Seen::Running(view) => (view, true),
            Seen::Still(view) | Seen::Dead(view) => (view, false),
        };
        if until == Until::Drained && view.sync.is_none() {
            let text = format!("rotation {} has no sync that could be drained", view.rotation_id);
            return Err(Error::new(Id::SyncNotBegun, text));
        }
        if until.is_reached(&view) {
            if args.json {
                print_json(&view)?;
            } else {
                tell(&format!("rotation {} is {}\n", view.rotation_id, until.word()))?;
            }
            return Ok(Exit::Done);
        }
        if !runs {
            let (name, state) = (&view.rotation_id, state_words(&view));
            let text =
                format!("no process works on rotation {name}, which is {state} and not {}", until.word());
            return Err(Error::new(Id::NotRunning, text));
        }
    }
}

impl Until {
    /// The word for it, as on the command line.
    const fn word(self) -> &'static str {
        match self {
            Self::ReEncrypted => "re-encrypted",
            Self::Drained => "drained",
            Self::Finished => "finished",
        }
    }

    fn is_reached(self, view: &StatusView) -> bool {
        match self {
            Self::ReEncrypted => view.re_encrypted_at.is_some(),
            Self::Drained => view.sync.as_ref().is_some_and(|sync| sync.drained),
            Self::Finished => view.state == RunState::Completed,
        }
    }
}

/// Shows the rotation until no process works on it, and ends with its exit code.
pub(super) async fn watch(session: &Session, args: &StatusArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let mut follow = Follow::new(dir.clone());
    let redraws = out::is_terminal() && !args.json && !is_dumb();
    let mut screen = Screen::default();
    let mut last = (String::new(), Instant::now());
    let mut waiting = Waiting::default();
    loop {
        let (view, exit) = match follow.next().await? {
            Seen::Absent => return Err(absent(&dir)),
            Seen::Beginning(what) => {
                waiting.say(what);
                continue;
            }
            Seen::Running(view) => (view, None),
            Seen::Still(view) => (view.clone(), Some(exit_of(&view))),
            Seen::Dead(view) => (view, Some(Exit::NotRunning)),
        };
        match (redraws, args.json) {
            (true, _) if exit.is_some() => {
                let text = spelled(&status_text(&view)).into_owned();
                screen.draw(&wrapped(&text, fit::columns()).lines().collect::<Vec<_>>())?;
            }
            (true, _) => {
                let lines = frame(&view, session.frame_style());
                screen.draw(&lines.iter().map(String::as_str).collect::<Vec<_>>())?;
            }
            (_, true) => {
                let text = serde_json::to_string(&view).unwrap_or_default();
                out::print_raw(&format!("{text}\n"))?;
            }
            (false, false) => {
                let now = line(&view);
                if now != last.0 && (exit.is_some() || last.0.is_empty() || last.1.elapsed() >= LINE_EVERY) {
                    print(&format!("{} {now}\n", view.updated_at))?;
                    last = (now, Instant::now());
                }
            }
        }
        if let Some(exit) = exit {
            if exit == Exit::NotRunning {
                // Not before: what is drawn again would take this line with it.
                tracing::warn!("the process that worked on it was killed, or its machine went down");
            }
            return Ok(exit);
        }
        tokio::time::sleep(SHOW_EVERY).await;
    }
}

/// The exit code of a rotation on which no process works any more.
fn exit_of(view: &StatusView) -> Exit {
    let stuck = view.sync.as_ref().map_or(0, |sync| sync.failed + sync.held);
    match view.state {
        RunState::Completed if view.failed() + stuck > 0 => Exit::Differences,
        RunState::Completed => Exit::Done,
        RunState::Running | RunState::Interrupted => Exit::Interrupted,
        RunState::Failed => {
            let error = view.error.as_deref().unwrap_or_default();
            let id = Id::ALL.iter().find(|id| error.starts_with(&format!("[{id}]")));
            id.map_or(Exit::Environment, |id| id.exit())
        }
    }
}

/// A part of the terminal that is drawn again and again.
#[derive(Debug, Default)]
struct Screen {
    /// Lines that stand there.
    drawn: usize,
}

impl Screen {
    fn draw(&mut self, lines: &[&str]) -> Result<()> {
        let mut text = String::new();
        if self.drawn > 0 {
            // Up to its first line, and all of it away.
            let _ = write!(text, "\x1b[{}A\r\x1b[J", self.drawn);
        }
        for line in lines {
            text += line;
            text.push('\n');
        }
        self.drawn = lines.len();
        out::print_raw(&text) // each line was spelled before it was cut
    }
}
