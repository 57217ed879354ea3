//! The course of a rotation: one pass over its events, without the rows.

use keyrotation_journal::{Event, SessionEnd, Step, TargetId, TargetKind, failpoint};
use serde::Serialize;

use super::Source;
use super::redact::Redactor;
use super::series::Series;
use crate::error::Result;
#[cfg(feature = "failpoints")]
use crate::error::{Error, Id};
use crate::standing::events_at;
use crate::status::time;

/// A process that worked on the rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionPart {
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended, likewise; for one that was killed or is running, when it was last heard of.
    pub ended_at: String,
    /// `completed`, `interrupted`, `failed` or `killed`; `running` for one that was at work.
    pub end: &'static str,
    /// The error that ended it, with its id.
    pub error: Option<String>,
    /// The operating system's user.
    pub user: String,
    /// The host.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// The subcommand with its options.
    pub command: String,
}

/// A read-only pass over a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweepPart {
    /// 1, 2, 3, …
    pub pass: u32,
    /// When it was over; none if it never was.
    pub done_at: Option<String>,
    /// Rows under the old key that it found.
    pub strays: u64,
}

/// A finished table that was taken up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReopenedPart {
    /// When.
    pub at: String,
    /// Why.
    pub reason: String,
}

/// When a table was worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// When its first chunk was recorded, RFC 3339 in UTC.
    pub began_at: Option<String>,
    /// When it was done.
    pub done_at: Option<String>,
    /// From the first to the second, in milliseconds, pauses included.
    pub milliseconds: Option<u64>,
    /// Chunks that were closed.
    pub chunks: u64,
    /// Passes that looked for what is still under the old key.
    pub sweeps: Vec<SweepPart>,
    /// When it was taken up again, and why.
    pub reopened: Vec<ReopenedPart>,
    #[serde(skip)]
    began: Option<i64>,
}

/// How many rows were handled when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Throughput {
    /// Rows and files in each bucket of working time: the time between sessions is left out.
    #[serde(flatten)]
    pub rows: Series,
    /// Where a session ends and the next one begins, in milliseconds of working time.
    pub breaks: Vec<u64>,
}

/// How far behind the sync phase was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// When the first bucket begins.
    pub from: Option<String>,
    /// The greatest lag in each bucket, in milliseconds.
    #[serde(flatten)]
    pub milliseconds: Series,
}

/// What the events tell.
#[derive(Debug)]
pub(super) struct History {
    pub(super) sessions: Vec<SessionPart>,
    /// One for each target of the rotation.
    pub(super) targets: Vec<Timeline>,
    pub(super) throughput: Throughput,
    pub(super) lag: Lag,
    /// How many steps had been taken when something was last written: by the order of recording, since clocks differ.
    steps_before_last_write: usize,
    /// The number of the event that it was.
    last_write: u64,
    events: u64,
    steps: usize,
    kinds: Vec<TargetKind>,
    /// When the open session began, and when it was last heard of.
    open: Option<(i64, i64)>,
    /// How long the sessions before it were, in milliseconds.
    worked: u64,
    lag_since: Option<i64>,
}

impl History {
    /// Reads all events. A session without an end was killed, but for the last one if a process is
    /// `running`.
    pub(super) fn of(source: &Source<'_>, running: bool, redactor: &Redactor) -> Result<Self> {
        let targets = &source.journal.state().rotation.targets;
        let mut history = Self {
            sessions: Vec::new(),
            targets: vec![Timeline::default(); targets.len()],
            throughput: Throughput { rows: Series::sums(), breaks: Vec::new() },
            lag: Lag { from: None, milliseconds: Series::peaks() },
            steps_before_last_write: 0,
            last_write: 0,
            events: 0,
            steps: 0,
            kinds: targets.iter().map(|head| head.kind).collect(),
            open: None,
            worked: 0,
            lag_since: None,
        };
        failpoint!("report-events", Error::new(Id::System, "failure planned by a test"));
        for logged in source.journal.events() {
            let logged = logged?;
            source.advance();
            history.take(logged.at, &logged.event, redactor);
            history.events += 1;
        }
        if let Some(session) = history.sessions.last_mut().filter(|_| running && history.open.is_some()) {
            session.end = "running";
        }
        history.close();
        Ok(history)
    }

    fn take(&mut self, at: i64, event: &Event, redactor: &Redactor) {
        match event {
            Event::SessionStarted { at, pid, host, user, version, command } => {
                self.close();
                if self.worked > 0 {
                    self.throughput.breaks.push(self.worked);
                }
                self.open = Some((*at, *at));
                self.sessions.push(SessionPart {
                    started_at: time(*at),
                    ended_at: time(*at),
                    end: "killed",
                    error: None,
                    user: redactor.user(user),
                    host: host.clone(),
                    pid: *pid,
                    version: version.clone(),
                    command: redactor.command(command),
                });
            }
            Event::SessionEnded { at, end } => {
                let (word, error) = match end {
                    SessionEnd::Completed => ("completed", None),
                    SessionEnd::Interrupted => ("interrupted", None),
                    SessionEnd::Failed { id, what } => ("failed", Some(format!("[{id}] {what}"))),
                };
                if let Some(session) = self.sessions.last_mut() {
                    (session.end, session.error) = (word, error);
                }
                self.heard(*at);
                self.close();
                return;
            }
            Event::SyncSeen(seen) => {
                if let Some(lag) = seen.lag {
                    let since = *self.lag_since.get_or_insert(seen.at);
                    self.lag.from.get_or_insert_with(|| time(since));
                    self.lag.milliseconds.push(passed(since, seen.at), lag);
                }
            }
            Event::StepTaken(_) => {
                self.steps += 1;
                return; // perhaps while no session was at work
            }
            Event::CopyDone { applied, .. } if *applied > 0 => self.wrote(),
            _ => self.take_of_target(at, event),
        }
        self.heard(at);
    }

    fn take_of_target(&mut self, at: i64, event: &Event) {
        let Some(index) = event.target().map(TargetId::position) else { return };
        let is_sync = self.kinds.get(index) == Some(&TargetKind::Sync);
        let worked = self.worked.saturating_add(self.open.map_or(0, |(began, _)| passed(began, at)));
        let Some(target) = self.targets.get_mut(index) else { return };
        match event {
            Event::ChunkStarted { .. } | Event::SweepStarted { .. } if target.began.is_none() => {
                target.began = Some(at);
                target.began_at = Some(time(at));
            }
            _ => {}
        }
        match event {
            Event::ChunkDone { tally, .. } => {
                target.chunks += 1;
                if !is_sync {
                    self.throughput.rows.push(worked, tally.rows);
                }
                self.wrote();
            }
            Event::SweepStarted { pass, .. } => {
                target.sweeps.push(SweepPart { pass: *pass, done_at: None, strays: 0 });
            }
            Event::SweepDone { strays, .. } => {
                if let Some(sweep) = target.sweeps.last_mut() {
                    (sweep.done_at, sweep.strays) = (Some(time(at)), *strays);
                }
            }
            Event::TargetDone { .. } => {
                target.done_at = Some(time(at));
                target.milliseconds = target.began.map(|began| passed(began, at));
            }
            Event::TargetReopened { reason, .. } => {
                target.done_at = None;
                target.milliseconds = None;
                target.reopened.push(ReopenedPart { at: time(at), reason: reason.clone() });
            }
            _ => {}
        }
    }

    fn wrote(&mut self) {
        (self.steps_before_last_write, self.last_write) = (self.steps, self.events);
    }

    /// Whether something was written after a step, or while what it tells was looked at.
    pub(super) fn is_stale(&self, number: usize, step: &Step) -> bool {
        let looked_at = events_at(&step.name, &step.note);
        number < self.steps_before_last_write || looked_at.is_some_and(|events| events <= self.last_write)
    }

    fn heard(&mut self, at: i64) {
        if let (Some((_, last)), Some(session)) = (&mut self.open, self.sessions.last_mut()) {
            *last = at.max(*last);
            session.ended_at = time(*last);
        }
    }

    fn close(&mut self) {
        if let Some((began, last)) = self.open.take() {
            self.worked = self.worked.saturating_add(passed(began, last));
        }
    }
}

/// Milliseconds from one moment to a later one; a clock that was set back counts as none.
fn passed(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or_default()
}
