//! What the process that works on a rotation is at, beyond what its journal tells.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::meter::about;
use super::text::second;
use super::{printable, thousands};

/// What the process is at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityView {
    /// The work that is on.
    #[serde(default)]
    pub task: Option<TaskView>,
    /// What it waits for, such as a server that is gone.
    #[serde(default)]
    pub waiting: Option<String>,
    /// Whether it waits since a server has too much to do, or those that follow it are behind.
    #[serde(default)]
    pub throttled: bool,
    /// Who wants it to stand still; none while nobody does.
    pub paused: Option<PausedView>,
    /// The most rows that it writes in a second; none without a limit.
    pub rows_per_second_limit: Option<u32>,
    /// When it ends at the latest, as was planned when it began, RFC 3339 in UTC.
    #[serde(default)]
    pub stops_at: Option<String>,
}

/// The work that is on, and how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// `looking at`, `trying`, `rotating`, `checking`, `marking`, `carrying over`, `reading` or `verifying`.
    pub name: String,
    /// The table, the kind of files, or another name.
    pub place: String,
    /// What is counted: `rows`, `rows in all`, `chunks` or `events`.
    pub unit: String,
    /// How many are done.
    pub done: u64,
    /// How many there are, where that is known.
    pub total: Option<u64>,
    /// How many were done in a second over the last minute of work; none before that is known.
    pub per_second: Option<u64>,
    /// How far everything is, in thousandths, where that is known: the survey, the rotation and the check of all tables and
    /// files together. It never becomes less while a process works.
    #[serde(default)]
    pub permille: Option<u64>,
    /// How long everything that is to be rotated and checked will take; none while that cannot be told.
    pub seconds_left: Option<u64>,
    /// How long this place alone will take, likewise.
    pub seconds_left_here: Option<u64>,
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
    /// Why it is slower than it could be, if it is.
    pub fn reason(&self) -> Option<String> {
        match (&self.paused, &self.waiting, self.rows_per_second_limit) {
            (Some(paused), _, _) => Some(paused.text()),
            (None, Some(waiting), _) => Some(format!("waiting for {}", printable(waiting))),
            (None, None, Some(most)) => Some(format!("paced at {} rows/s", thousands(most.into()))),
            (None, None, None) => None,
        }
    }

    /// In one line: why it waits or is slow, what it does, and how far it is.
    pub fn text(&self) -> String {
        let counts = self.task.as_ref().map(|task| format!("{}: {}", task.title(), task.counts()));
        [self.reason(), counts].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

impl TaskView {
    /// What it does and where.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.place)
    }

    /// How far it is, how fast it goes, and how long it will take, as far as that is known.
    pub fn counts(&self) -> String {
        let mut text = thousands(self.done);
        if let Some(total) = self.total {
            let _ = write!(text, " of {}", thousands(total));
        }
        let _ = write!(text, " {}", self.unit);
        if let Some(rate) = self.per_second {
            let unit = self.unit.split(' ').next().unwrap_or_default();
            let _ = write!(text, ", {} {unit}/s", thousands(rate));
        }
        let left = |seconds: Option<u64>| seconds.map(|seconds| about(Duration::from_secs(seconds)));
        if let Some(left) = left(self.seconds_left) {
            let _ = write!(text, ", {left}");
        } else if let Some(left) = left(self.seconds_left_here) {
            let _ = write!(text, ", {left} here");
        }
        text
    }
}

impl PausedView {
    /// In words, fit to follow "it is running, ".
    pub fn text(&self) -> String {
        let word = if self.still { "paused" } else { "about to pause, asked" };
        format!("{word} since {} by {}", second(&self.since), printable(&self.by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_said() {
        let mut view = ActivityView::default();
        assert_eq!(view.text(), "");
        let task = TaskView {
            name: "rotating".into(),
            place: "T".into(),
            unit: "rows in all".into(),
            done: 1200,
            ..TaskView::default()
        };
        view.task = Some(task.clone());
        assert_eq!(view.text(), "rotating T: 1,200 rows in all");
        let task = TaskView { total: Some(5000), per_second: Some(90), seconds_left_here: Some(130), ..task };
        view.task = Some(task.clone());
        let text = "rotating T: 1,200 of 5,000 rows in all, 90 rows/s, about 3 min left here";
        assert_eq!(view.text(), text);
        view.task = Some(TaskView { seconds_left: Some(3000), ..task });
        assert!(view.text().ends_with(", about 50 min left"));
    }

    #[test]
    fn of_several_reasons_to_be_slow_the_strongest_is_said() {
        let mut view = ActivityView { rows_per_second_limit: Some(5000), ..ActivityView::default() };
        assert_eq!(view.text(), "paced at 5,000 rows/s");
        view.waiting = Some("T: the server\u{1b}[2J is gone".into());
        assert_eq!(view.text(), "waiting for T: the server\\u{1b}[2J is gone");
        view.paused = Some(PausedView { since: "noon".into(), by: "anna".into(), still: true });
        assert_eq!(view.text(), "paused since noon by anna");
    }
}
