//! Steps as they are shown, and what was found in one of them.

use keyrotation_journal::{JobState, Step};
use serde::{Deserialize, Serialize};

use super::standing::{Found, KeysFound, Taken, events_at};
use super::status::time;
use super::{Verification, thousands};
use keyrotation_sync::OLD_ROWS;

/// Recorded by `run` and `resume`: the databases and folders as they were reached, one a line.
pub const PLACES: &str = "places";

/// Steps that are recorded for the program itself, or for the report.
pub(super) const UNSHOWN: [&str; 2] = [OLD_ROWS, PLACES];

/// What was said of a step, in words: some notes are for programs.
pub(super) fn words_of(name: &str, note: &str) -> String {
    if let Some(found) = Verification::of_step(name, note) {
        let (same, differ) = (thousands(found.same), thousands(found.differences));
        return format!("{same} rows and files as recorded, {differ} differ");
    }
    KeysFound::of_step(name, note).map_or_else(|| note.to_owned(), |found| found.words)
}

/// What `verify` found, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedView {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// The operating system's user, and the host.
    pub by: String,
    /// What it found.
    #[serde(flatten)]
    pub found: Verification,
}

impl VerifiedView {
    pub(super) fn new(found: &Found<Verification>) -> Self {
        Self { at: found.at.clone(), by: found.by.clone(), found: found.what.clone() }
    }
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Its name.
    pub name: String,
    /// What was said of it.
    pub note: String,
    /// The operating system's user, and the host.
    pub by: String,
    /// Whether rows or files were written after it.
    #[serde(default)]
    pub written_since: bool,
    /// Whether the change logs were looked at after it.
    #[serde(default)]
    pub looked_since: bool,
}

impl StepView {
    /// The step as it is shown.
    pub fn new(step: &Step) -> Self {
        Self {
            at: time(step.at),
            name: step.name.clone(),
            note: step.note.clone(),
            by: format!("{} on {}", step.user, step.host),
            written_since: false,
            looked_since: false,
        }
    }

    /// The steps of a state, in the order of recording.
    pub(super) fn all(state: &JobState) -> Vec<Self> {
        let steps = (1..).zip(&state.steps).filter(|(_, step)| !UNSHOWN.contains(&&*step.name));
        // What is written while somebody looks may be what was not seen.
        let is_before_the_last_write = |step: &Step| {
            events_at(&step.name, &step.note).is_some_and(|events| events <= state.since.written_by)
        };
        let view = |(number, step): (u64, &Step)| Self {
            written_since: number <= state.since.written || is_before_the_last_write(step),
            looked_since: number <= state.since.looked,
            ..Self::new(step)
        };
        steps.map(view).collect()
    }

    /// The step, as far as what was found goes.
    pub fn taken(&self) -> Taken<'_> {
        let Self { at, name, note, by, written_since, .. } = self;
        Taken { at, by, name, note, written_since: *written_since }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let parts = |step: &Self| (step.at.clone(), step.name.clone(), step.note.clone(), step.by.clone());
        parts(self) == parts(other)
    }
}
