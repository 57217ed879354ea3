//! The metrics file: what `--metrics-file` names, for the textfile collector of Prometheus' node exporter.
//!
//! It is replaced as a whole, never written to in place. That it cannot be written stops nothing.

mod page;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::watchers::{Ending, WorkPhase};
use super::{ActivityView, StatusView};
use crate::placed::replace_readable;

/// How often it is written.
const EVERY: Duration = Duration::from_secs(5);

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Somebody has asked for it.
    Asked,
    /// A server has too much to do, or those that follow it are behind.
    Throttled,
    /// A server or a lock is waited for.
    Waiting,
}

impl Rest {
    const ALL: [Self; 3] = [Self::Asked, Self::Throttled, Self::Waiting];

    fn of(activity: &ActivityView) -> Option<Self> {
        match (&activity.paused, &activity.waiting) {
            (Some(_), _) => Some(Self::Asked),
            (None, Some(_)) if activity.throttled => Some(Self::Throttled),
            (None, Some(_)) => Some(Self::Waiting),
            (None, None) => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Throttled => "throttled",
            Self::Waiting => "waiting",
        }
    }
}

/// What the file says.
#[derive(Debug)]
struct Facts {
    command: &'static str,
    began: Timestamp,
    phase: WorkPhase,
    view: Option<StatusView>,
    activity: ActivityView,
    rests: [Duration; 3],
    ending: Option<Ending>,
}

/// The file.
#[derive(Debug)]
pub(super) struct MetricsFile {
    path: PathBuf,
    facts: Facts,
    looked: Instant,
    written: Option<Instant>,
    warned: bool,
}

impl MetricsFile {
    pub(super) fn new(path: PathBuf, command: &'static str) -> Self {
        let facts = Facts {
            command,
            began: Timestamp::now(),
            phase: WorkPhase::default(),
            view: None,
            activity: ActivityView::default(),
            rests: [Duration::ZERO; 3],
            ending: None,
        };
        Self { path, facts, looked: Instant::now(), written: None, warned: false }
    }

    /// How the rotation stands.
    pub(super) fn see(&mut self, view: &StatusView) {
        self.facts.phase = WorkPhase::of(view);
        self.facts.view = Some(view.clone());
    }

    /// Time has passed, and this is what the program is at now.
    pub(super) fn pass(&mut self, now: Instant, activity: &ActivityView) {
        let passed = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        let before = Rest::of(&self.facts.activity);
        for (reason, rest) in Rest::ALL.into_iter().zip(&mut self.facts.rests) {
            if before == Some(reason) {
                *rest += passed;
            }
        }
        self.facts.activity = activity.clone();
        if self.written.is_none_or(|written| now.saturating_duration_since(written) >= EVERY) {
            self.write(now);
        }
    }

    /// The work is over.
    pub(super) fn end(&mut self, ending: &Ending, view: Option<&StatusView>) {
        if let Some(view) = view {
            self.facts.view = Some(view.clone());
        }
        self.facts.phase = WorkPhase::Ended;
        self.facts.activity = ActivityView::default();
        self.facts.ending = Some(ending.clone());
        self.write(Instant::now());
    }

    /// Writes it. Whoever watches learns only once that it cannot be.
    pub(super) fn write(&mut self, now: Instant) {
        self.written = Some(now);
        let text = page::text(&self.facts, Timestamp::now());
        if let Err(error) = replace_readable(&self.path, text.as_bytes())
            && !std::mem::replace(&mut self.warned, true)
        {
            tracing::warn!(
                "the metrics file is not written, and is tried again without a further word: {}",
                error.what()
            );
        }
    }
}

#[cfg(test)]
mod tests;
