//! What the program is at, beyond what the journal tells: the long work that is on, how far it is, and
//! what it waits for. Workers record it and displays read it; neither waits for the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Long work that the journal does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The first look at everything.
    Survey,
    /// All that a rotation does to a row, but for the write.
    DryRun,
    /// The pass after which a target is done.
    Check,
    /// The marks without which sync cannot begin.
    Mark,
    /// The journal's own chain.
    Chain,
    /// Rows and files against the journal.
    Verify,
    /// A few chunks that are written and rolled back.
    Rehearse,
    /// The old database against the new one.
    Compare,
    /// How many rows there are on either side.
    Count,
    /// The journal, for a report.
    Report,
    /// Which key every value is under.
    Inventory,
    /// Ciphertext outside the targets.
    Scan,
    /// Indexes that were dropped.
    Indexes,
}

impl Task {
    /// What it does, to be followed by where.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Survey => "looking at",
            Self::DryRun => "trying",
            Self::Check => "checking",
            Self::Mark => "marking",
            Self::Chain | Self::Report => "reading",
            Self::Verify => "verifying",
            Self::Rehearse => "rehearsing",
            Self::Compare => "comparing",
            Self::Count => "counting",
            Self::Inventory => "opening",
            Self::Scan => "scanning",
            Self::Indexes => "making the indexes of",
        }
    }

    /// What it counts.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Chain => "events",
            Self::Verify => "chunks",
            Self::Report => "records",
            Self::Survey
            | Self::DryRun
            | Self::Check
            | Self::Mark
            | Self::Rehearse
            | Self::Compare
            | Self::Inventory
            | Self::Count => "rows",
            Self::Scan => "columns",
            Self::Indexes => "indexes",
        }
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The task.
    pub task: Task,
    /// The table, the kind of files, or the journal.
    pub place: String,
    /// How many are done.
    pub done: u64,
    /// How many there are, where that is known.
    pub total: Option<u64>,
    /// Which part of the whole work it is, where that is known.
    pub part: Option<Part>,
}

/// The place of one task in the whole work, of which a bar shows how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where the tasks of this kind begin and end, in thousandths of the whole work.
    pub span: (u64, u64),
    /// How many rows the tasks of this kind have together.
    pub all: u64,
    /// How many of these belong to tasks that are over.
    pub before: u64,
}

impl Part {
    /// How far the whole work is, in thousandths, once so many rows of this task are done.
    pub fn permille(self, done: u64) -> Option<u64> {
        let (from, to) = self.span;
        let done = (self.before + done).min(self.all);
        Some(from + (done * to.saturating_sub(from)).checked_div(self.all)?)
    }
}

/// What the program is at; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Activity(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    stage: Option<Stage>,
    /// What is waited for, and whether that is to give way, each under the number of the waiting task.
    waits: BTreeMap<u64, (String, bool)>,
    next: u64,
}

/// A task is on until this is dropped.
#[derive(Debug)]
pub struct Doing(Activity);

/// Something is waited for until this is dropped.
#[derive(Debug)]
pub struct Waiting {
    activity: Activity,
    number: u64,
}

impl Activity {
    /// A task begins at a place, where so many are to be done.
    pub fn begin(&self, task: Task, place: &str, total: Option<u64>) -> Doing {
        self.begin_part(task, place, total, None)
    }

    /// Likewise; which part of the whole work it is, too.
    pub fn begin_part(&self, task: Task, place: &str, total: Option<u64>, part: Option<Part>) -> Doing {
        self.lock().stage = Some(Stage { task, place: place.to_owned(), done: 0, total, part });
        Doing(self.clone())
    }

    /// Says what is waited for from now on.
    pub fn wait(&self, what: String) -> Waiting {
        self.hold(what, false)
    }

    /// Says to what it gives way from now on: a server that has too much to do, or those that follow it.
    pub fn give_way(&self, what: String) -> Waiting {
        self.hold(what, true)
    }

    fn hold(&self, what: String, gives_way: bool) -> Waiting {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        inner.waits.insert(number, (what, gives_way));
        Waiting { activity: self.clone(), number }
    }

    /// The task that is on.
    pub fn stage(&self) -> Option<Stage> {
        self.lock().stage.clone()
    }

    /// What the task waits for that has waited longest.
    pub fn waiting(&self) -> Option<String> {
        self.lock().waits.values().next().map(|(what, _)| what.clone())
    }

    /// Whether what has been waited for longest is that servers have room again.
    pub fn gives_way(&self) -> bool {
        self.lock().waits.values().next().is_some_and(|(_, gives_way)| *gives_way)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doing {
    /// None are done: it begins again.
    pub fn begin_again(&self) {
        if let Some(stage) = &mut self.0.lock().stage {
            stage.done = 0;
        }
    }

    /// So many more are done.
    pub fn advance(&self, done: u64) {
        if let Some(stage) = &mut self.0.lock().stage {
            stage.done += done;
        }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        self.0.lock().stage = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.activity.lock().waits.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_counts_and_a_wait_lasts_as_long_as_whoever_waits() {
        let activity = Activity::default();
        assert_eq!(activity.stage(), None);
        let doing = activity.clone().begin(Task::Check, "T", Some(10));
        doing.advance(3);
        doing.advance(4);
        assert_eq!(activity.stage().map(|stage| stage.done), Some(7), "all clones are one");
        let first = activity.wait("one".into());
        let second = activity.wait("two".into());
        assert_eq!(activity.waiting().as_deref(), Some("one"));
        drop(first);
        assert_eq!(activity.waiting().as_deref(), Some("two"));
        drop(second);
        assert_eq!(activity.waiting(), None);
        drop(doing);
        assert_eq!(activity.stage(), None);
    }
}
