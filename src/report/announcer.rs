//! What is announced to the command of `onEvent`, and the queue in which it waits for that command.
//!
//! Whoever announces never waits: a full queue loses its oldest entry, and the next one says how many were lost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::StatusView;
use super::reasons::word_for;
use super::watchers::{Ending, WorkPhase};

/// The document's format.
const SCHEMA: u32 = 1;

/// No more wait.
const LONGEST: usize = 16;

/// What fails again and again is announced no more often.
const FAILURES_EVERY: Duration = Duration::from_mins(1);

/// A wait for a server or a lock is announced once it takes so long.
const WAIT_IS_LONG: Duration = Duration::from_secs(30);

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
pub struct Announcement {
    schema: u32,
    /// `start`, `phase`, `pause`, `continue`, `failure`, `done`, `stopped` or `error`.
    pub event: &'static str,
    at: String,
    command: &'static str,
    rotation_id: Option<String>,
    phase: &'static str,
    /// Rows and files that are finished, are to be, and have failed.
    done: u64,
    planned: u64,
    failed: u64,
    /// Changes of the old server that wait to be carried over; none without sync.
    sync_pending: Option<u64>,
    /// With `pause` and `continue`: `asked` or `waiting`.
    reason: Option<&'static str>,
    /// With `pause`: who asked, or what is waited for.
    text: Option<String>,
    /// With `failure`: how many have failed since the last one.
    new_failures: Option<u64>,
    /// With `failure`: how many failed by table, and the reasons of those that are listed.
    failed_by_table: Option<BTreeMap<String, u64>>,
    reasons: Option<BTreeMap<&'static str, u64>>,
    /// With `error`: its id and what happened.
    error: Option<Failed>,
    /// Announcements that were lost before this one.
    lost: u64,
}

#[derive(Debug, Clone, Serialize)]
struct Failed {
    id: &'static str,
    what: String,
}

/// The queue; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Announcements(Arc<(Mutex<Waiting>, Condvar)>);

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Announcement>,
    lost: u64,
    closed: Option<Instant>,
}

impl Announcements {
    fn push(&self, announcement: Announcement) {
        let mut waiting = self.lock();
        waiting.entries.push_back(announcement);
        if waiting.entries.len() > LONGEST {
            waiting.entries.pop_front();
            waiting.lost += 1;
        }
        self.0.1.notify_all();
    }

    /// The oldest one, once there is one; none when the queue is closed and empty.
    pub fn take(&self) -> Option<Announcement> {
        let is_idle = |waiting: &mut Waiting| waiting.entries.is_empty() && waiting.closed.is_none();
        let mut waiting = self.0.1.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        let lost = std::mem::take(&mut waiting.lost);
        waiting.entries.pop_front().map(|entry| Announcement { lost, ..entry })
    }

    /// Nothing more comes.
    pub fn close(&self) {
        self.lock().closed.get_or_insert_with(Instant::now);
        self.0.1.notify_all();
    }

    /// Since when nothing more comes, and whether nothing waits any more either.
    pub fn closed(&self) -> Option<(Instant, bool)> {
        let waiting = self.lock();
        waiting.closed.map(|closed| (closed, waiting.entries.is_empty()))
    }

    /// Loses all but the last one.
    pub fn keep_last(&self) {
        let mut waiting = self.lock();
        let lost = waiting.entries.len().saturating_sub(1);
        waiting.entries.drain(..lost);
        waiting.lost += lost as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Announcement {
    /// How many were lost before it.
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

/// Announces what is new in the status of a rotation.
#[derive(Debug)]
pub(super) struct Announcer {
    queue: Announcements,
    command: &'static str,
    started: bool,
    phase: WorkPhase,
    paused: bool,
    /// Since when something is waited for, and whether that was announced.
    waits: Option<(Instant, bool)>,
    /// Failures that were announced, and when the last time was.
    failed: u64,
    failed_at: Option<Instant>,
    last: Option<StatusView>,
}

impl Announcer {
    pub(super) fn new(queue: Announcements, command: &'static str) -> Self {
        Self {
            queue,
            command,
            started: false,
            phase: WorkPhase::default(),
            paused: false,
            waits: None,
            failed: 0,
            failed_at: None,
            last: None,
        }
    }

    pub(super) fn see(&mut self, now: Instant, view: &StatusView) {
        let phase = WorkPhase::of(view);
        let is_new_phase = std::mem::replace(&mut self.phase, phase) != phase;
        self.last = Some(view.clone());
        if !self.started {
            self.started = true;
            self.failed = failures(view); // those of earlier sessions
            self.tell("start", |_| {});
        } else if is_new_phase {
            self.tell("phase", |_| {});
        }
        self.see_pauses(now, view);
        let is_early = self.failed_at.is_some_and(|told| now.duration_since(told) < FAILURES_EVERY);
        if !is_early {
            self.tell_failures(now);
        }
    }

    fn see_pauses(&mut self, now: Instant, view: &StatusView) {
        let activity = view.activity.as_ref();
        let paused = activity.and_then(|activity| activity.paused.as_ref());
        if paused.is_some() != std::mem::replace(&mut self.paused, paused.is_some()) {
            let event = if paused.is_some() { "pause" } else { "continue" };
            let text = paused.map(|paused| paused.by.clone());
            self.tell(event, |said| (said.reason, said.text) = (Some("asked"), text));
        }
        let Some(what) = activity.and_then(|activity| activity.waiting.as_ref()) else {
            if self.waits.take().is_some_and(|(_, told)| told) {
                self.tell("continue", |said| said.reason = Some("waiting"));
            }
            return;
        };
        let (since, told) = *self.waits.get_or_insert((now, false));
        if !told && now.duration_since(since) >= WAIT_IS_LONG {
            self.waits = Some((since, true));
            let text = Some(what.clone());
            self.tell("pause", |said| (said.reason, said.text) = (Some("waiting"), text));
        }
    }

    fn tell_failures(&mut self, now: Instant) {
        let Some(view) = &self.last else { return };
        let failed = failures(view);
        let new = failed.saturating_sub(self.failed);
        self.failed = failed; // tried again, some may be rotated by now
        if new == 0 {
            return;
        }
        let tables = view.all().filter(|target| target.failed > 0);
        let mut by_table: BTreeMap<_, _> =
            tables.map(|target| (target.place.clone(), target.failed)).collect();
        for table in view.sync.iter().flat_map(|sync| &sync.tables).filter(|table| table.failed > 0) {
            *by_table.entry(table.place.clone()).or_default() += table.failed;
        }
        let mut reasons = BTreeMap::new();
        for failure in view.all().flat_map(|target| &target.failures) {
            *reasons.entry(word_for(&failure.reason)).or_default() += 1;
        }
        self.failed_at = Some(now);
        self.tell("failure", |said| {
            said.new_failures = Some(new);
            said.failed_by_table = Some(by_table);
            said.reasons = Some(reasons);
        });
    }

    pub(super) fn end(&mut self, ending: &Ending, view: Option<&StatusView>) {
        if let Some(view) = view {
            self.last = Some(view.clone());
        }
        self.tell_failures(Instant::now());
        if self.started {
            self.phase = WorkPhase::Ended;
        }
        match ending {
            Ending::Completed | Ending::Failures => self.tell("done", |_| {}),
            Ending::Stopped => self.tell("stopped", |_| {}),
            Ending::Error { id, what } => {
                self.tell("error", |said| said.error = Some(Failed { id, what: what.clone() }));
            }
        }
    }

    fn tell(&self, event: &'static str, add: impl FnOnce(&mut Announcement)) {
        let view = self.last.as_ref();
        let sum = |count: fn(&super::TargetView) -> u64| view.map_or(0, |view| view.all().map(count).sum());
        let mut said = Announcement {
            schema: SCHEMA,
            event,
            at: super::moment(Timestamp::now()),
            command: self.command,
            rotation_id: view.map(|view| view.rotation_id.clone()),
            phase: self.phase.word(),
            done: sum(|target| target.rows),
            planned: sum(|target| target.total.unwrap_or_default().max(target.rows)),
            failed: view.map_or(0, failures),
            sync_pending: view.and_then(|view| view.sync.as_ref()).map(|sync| sync.pending),
            reason: None,
            text: None,
            new_failures: None,
            failed_by_table: None,
            reasons: None,
            error: None,
            lost: 0,
        };
        add(&mut said);
        self.queue.push(said);
    }
}

/// Rows and files that failed, those of sync among them.
fn failures(view: &StatusView) -> u64 {
    view.failed() + view.sync.as_ref().map_or(0, |sync| sync.failed)
}

#[cfg(test)]
mod tests;
