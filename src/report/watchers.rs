//! Whoever watches a rotation from outside of the terminal: the metrics file and the command of `onEvent`.
//!
//! They are there from before the first look at the databases until the end is known, so longer than a [`Reporter`].
//!
//! [`Reporter`]: super::Reporter

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::StatusView;
use super::announcer::{Announcements, Announcer};
use super::events::{Listener, ReporterEvent};
use super::metrics::MetricsFile;

/// How the work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All is done.
    Completed,
    /// All is done but for rows or files that failed or are held.
    Failures,
    /// Somebody, or a planned end, has stopped it.
    Stopped,
    /// An error ended it.
    Error {
        /// Its id.
        id: &'static str,
        /// What happened.
        what: String,
    },
}

impl Ending {
    /// Its word, in metrics and announcements.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failures => "failures",
            Self::Stopped => "stopped",
            Self::Error { .. } => "error",
        }
    }
}

/// All who watch; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Watchers(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    metrics: Option<MetricsFile>,
    announcer: Option<Announcer>,
}

impl Watchers {
    /// A metrics file that is written, and a queue from which a command is told, for this command of the program.
    pub fn new(command: &'static str, metrics: Option<PathBuf>, queue: Option<Announcements>) -> Self {
        let metrics = metrics.map(|path| MetricsFile::new(path, command));
        let announcer = queue.map(|queue| Announcer::new(queue, command));
        let watchers = Self(Arc::new(Mutex::new(Inner { metrics, announcer })));
        if let Some(metrics) = &mut watchers.lock().metrics {
            metrics.write(Instant::now());
        }
        watchers
    }

    /// Tells them how the work ended, and how the rotation stands then, if that is known.
    pub fn end(&self, ending: &Ending, view: Option<&StatusView>) {
        let mut inner = self.lock();
        if let Some(metrics) = &mut inner.metrics {
            metrics.end(ending, view);
        }
        if let Some(announcer) = &mut inner.announcer {
            announcer.end(ending, view);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Watchers {
    fn hear(&mut self, event: &ReporterEvent<'_>) {
        let (now, mut inner) = (Instant::now(), self.lock());
        match event {
            ReporterEvent::Status { view, .. } => {
                if let Some(metrics) = &mut inner.metrics {
                    metrics.see(view);
                }
                if let Some(announcer) = &mut inner.announcer {
                    announcer.see(now, view);
                }
            }
            ReporterEvent::Progress { activity, .. } => {
                if let Some(metrics) = &mut inner.metrics {
                    metrics.pass(now, activity);
                }
            }
            ReporterEvent::TargetFinished { .. }
            | ReporterEvent::SyncAdvanced { .. }
            | ReporterEvent::Ended => {}
        }
    }
}

/// What the rotation is at, as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum WorkPhase {
    /// Databases and rows are looked at, nothing is written yet.
    #[default]
    Looking,
    /// Rows and files are rotated and checked.
    Rotating,
    /// All is rotated, and what sync needs is recorded.
    Marking,
    /// Changes of the old server are carried over.
    Syncing,
    /// The program works no more.
    Ended,
}

impl WorkPhase {
    pub(super) const ALL: [Self; 5] =
        [Self::Looking, Self::Rotating, Self::Marking, Self::Syncing, Self::Ended];

    pub(super) fn of(view: &StatusView) -> Self {
        let is_over = |state: &str| matches!(state, "done" | "skipped");
        match &view.sync {
            Some(sync) if sync.started_at.is_some() => Self::Syncing,
            Some(_) if view.all().all(|target| is_over(&target.state)) => Self::Marking,
            _ => Self::Rotating,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Looking => "looking",
            Self::Rotating => "rotating",
            Self::Marking => "marking",
            Self::Syncing => "syncing",
            Self::Ended => "ended",
        }
    }
}
