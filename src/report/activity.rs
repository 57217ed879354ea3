//! What the process that works on a rotation is at, beyond what its journal tells.

use serde::{Deserialize, Serialize};

use super::status::time;
use super::thousands;
use crate::engine::{Pacer, Pause};

/// What the process is at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityView {
    /// Who wants it to stand still; none while nobody does.
    pub paused: Option<PausedView>,
    /// The most rows that it writes in a second; none without a limit.
    pub rows_per_second_limit: Option<u32>,
}

/// Somebody wants it to stand still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedView {
    /// Since when, RFC 3339 in UTC.
    pub since: String,
    /// The user and the host.
    pub by: String,
    /// Whether it stands still by now, with nothing in flight.
    pub still: bool,
}

impl ActivityView {
    /// What the running program tells.
    pub(super) fn of(pacer: &Pacer, pause: &Pause) -> Self {
        let paused = pause.look().map(|(paused, still)| PausedView {
            since: time(paused.since),
            by: paused.by,
            still,
        });
        Self { paused, rows_per_second_limit: pacer.pace() }
    }

    /// Why it is slower than it could be, if it is.
    pub fn reason(&self) -> Option<String> {
        match (&self.paused, self.rows_per_second_limit) {
            (Some(paused), _) => Some(paused.text()),
            (None, Some(most)) => Some(format!("paced at {} rows/s", thousands(most.into()))),
            (None, None) => None,
        }
    }
}

impl PausedView {
    /// In words, fit to follow "it is running, ".
    pub fn text(&self) -> String {
        let word = if self.still { "paused" } else { "about to pause, asked" };
        format!("{word} since {} by {}", self.since, super::printable(&self.by))
    }
}
