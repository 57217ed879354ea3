//! What can be seen of the sync phase while it runs, and rows that wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use keyrotation_journal::{Event, Key, Pending, Seen, TargetId};

use super::carry::Outcome;
use super::{COUNT_EVERY, NEW_SERVER_HAS_RUN, ROUTE_TRAFFIC, SyncRunner, failed};
use crate::error::Result;
use crate::plan::SyncJob;

/// Steps that say that the new server may have run.
pub const MAY_HAVE_RUN: [&str; 3] = [NEW_SERVER_HAS_RUN, ROUTE_TRAFFIC, "start/started"];

/// The pauses before a row is tried again.
const FIRST_TRY: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How often a row is tried again before it counts as one that waits.
pub(super) const SOON: u32 = 4;

/// Why a row waits that could not be carried over again and again.
pub(super) const RESTLESS: &str = "it changed each time it was read; or the row that has its place in the \
                                   new database is gone from the old one, but nothing says that it was \
                                   deleted there";

/// Rows that are listed.
const LISTED: usize = 100;

/// A row that could not be carried over yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) outcome: Outcome,
    /// The entries that name it, wherever they were met.
    entries: BTreeSet<i64>,
    tries: u32,
    next: Instant,
}

/// What is seen now.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// The tables.
    pub tables: Vec<TableView>,
    /// How old the oldest change was when it was carried over, since the last count.
    pub lag: Option<Duration>,
    /// When the change logs were counted.
    pub at: i64,
    /// For how long nothing has come.
    pub quiet: Duration,
}

/// One table's.
#[derive(Debug, Clone, Default)]
pub struct TableView {
    /// Its position among the journal's targets.
    pub target: TargetId,
    /// Entries that are not acknowledged.
    pub pending: u64,
    /// Rows that wait for people, with their number by reason.
    pub held: BTreeMap<String, u64>,
    /// Rows that cannot be carried over: the first of them, with the reason.
    pub failed: Vec<(Key, String)>,
    /// How many there are.
    pub failures: u64,
    /// Entries of rows that are held or have failed.
    pub stuck: u64,
}

/// Shows the sync phase to others in this process.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    shown: Option<Observation>,
    lag: Option<Duration>,
    quiet: Duration,
}

impl Watch {
    /// What was seen last; none before the first look.
    pub fn look(&self) -> Option<Observation> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.shown.clone().map(|shown| Observation { quiet: inner.quiet, ..shown })
    }

    /// A change was carried over that was so old.
    pub(super) fn carried(&self, age: Duration) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.lag = Some(inner.lag.map_or(age, |lag| lag.max(age)));
        inner.quiet = Duration::ZERO;
    }

    /// Nothing has come for so long.
    pub(super) fn idle_for(&self, quiet: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).quiet = quiet;
    }

    fn show(&self, tables: Vec<TableView>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lag = inner.lag.take();
        let at = jiff::Timestamp::now().as_millisecond();
        inner.shown = Some(Observation { tables, lag, at, quiet: Duration::ZERO });
    }
}

impl SyncRunner<'_> {
    /// Whether people have confirmed that the new server was started.
    pub(super) fn may_have_run(&self) -> bool {
        self.context.journal.state(|state| MAY_HAVE_RUN.iter().any(|name| state.step_is_in_force(name)))
    }

    /// Whether a row is to be tried now: it has come, has changed, or has waited long enough.
    pub(super) fn is_due(&self, table: usize, key: &Key, numbers: &[i64]) -> bool {
        let waiting = self.waiting[table].get(key);
        let has_changed = |row: &Waiting| numbers.iter().any(|number| !row.entries.contains(number));
        waiting.is_none_or(|row| has_changed(row) || row.next <= Instant::now())
    }

    /// Notes that a row has to wait.
    pub(super) fn wait(&mut self, table: usize, key: &Key, numbers: &[i64], outcome: Outcome) {
        let earlier = self.waiting[table].remove(key);
        let tries = earlier.as_ref().filter(|row| row.outcome == outcome).map_or(0, |row| row.tries + 1);
        let mut entries = earlier.map(|row| row.entries).unwrap_or_default();
        entries.extend(numbers);
        if tries == 0 {
            let place = self.plan.jobs[table].place();
            match &outcome {
                Outcome::Held(why) => tracing::warn!("{place}: {key} is held: {why}"),
                Outcome::Failed(why) => tracing::warn!("{place}: {key} cannot be carried over yet: {why}"),
                _ => {}
            }
        }
        let pause = FIRST_TRY.saturating_mul(1 << tries.min(10)).min(LONGEST_WAIT);
        let row = Waiting { outcome, entries, tries, next: Instant::now() + pause };
        self.waiting[table].insert(key.clone(), row);
    }

    /// Forgets a row that waited, and tells the entries that named it.
    pub(super) fn forget(&mut self, table: usize, key: &Key) -> BTreeSet<i64> {
        self.waiting[table].remove(key).map(|row| row.entries).unwrap_or_default()
    }

    /// Forgets what reconciliation has listed: it is looked at again.
    pub(super) fn forget_unnamed(&mut self, table: usize) {
        self.waiting[table].retain(|_, row| !row.entries.is_empty());
    }

    /// Whether an entry names a row that waits.
    pub(super) fn is_named(&self, table: usize, key: &Key) -> bool {
        self.waiting[table].get(key).is_some_and(|row| !row.entries.is_empty())
    }

    /// Whether a row has changed on its way again and again.
    pub(super) fn is_tried_often(&self, job: &SyncJob, key: &Key) -> bool {
        let row = self.place_of(job).and_then(|at| self.waiting[at].get(key));
        row.is_some_and(|row| row.outcome != Outcome::Later || row.tries + 1 >= SOON)
    }

    /// Whether a row changed on its way, and is soon looked at again.
    pub(super) fn is_on_its_way(&self) -> bool {
        let mut rows = self.waiting.iter().flat_map(HashMap::values);
        rows.any(|row| row.outcome == Outcome::Later && row.tries < SOON)
    }

    /// Counts what waits in the old database, at least once a second.
    pub(super) async fn count(&mut self) -> Result<()> {
        if self.counted.is_some_and(|counted| counted.elapsed() < COUNT_EVERY) {
            return Ok(());
        }
        let mut tables = Vec::new();
        for (job, waiting) in self.plan.jobs.iter().zip(&self.waiting) {
            let count =
                self.plan.old_guard.try_reading(&job.table.log, || self.plan.old.pending(&job.log)).await;
            let pending = count.map_err(|error| failed(&job.table.log, &error))?;
            let mut view = TableView { target: job.index, pending, ..TableView::default() };
            for (key, row) in waiting {
                if row.outcome != Outcome::Later || row.tries >= SOON {
                    view.stuck += row.entries.len() as u64;
                }
                match &row.outcome {
                    Outcome::Held(why) => *view.held.entry(why.clone()).or_default() += 1,
                    Outcome::Failed(why) => {
                        view.failures += 1;
                        if view.failed.len() < LISTED {
                            view.failed.push((key.clone(), why.clone()));
                        }
                    }
                    Outcome::Later if row.tries >= SOON => {
                        view.failures += 1;
                        if view.failed.len() < LISTED {
                            view.failed.push((key.clone(), RESTLESS.to_owned()));
                        }
                    }
                    _ => {}
                }
            }
            tables.push(view);
        }
        self.watch.show(tables);
        self.counted = Some(Instant::now());
        Ok(())
    }

    /// Leaves in the journal what was seen last.
    pub(super) async fn record_seen(&self, drained: bool) -> Result<()> {
        let Some(seen) = self.watch.look() else { return self.context.journal.flush().await };
        let pending = |table: &TableView| Pending {
            target: table.target,
            entries: table.pending,
            held: table.held.values().sum(),
            failed: table.failures,
        };
        let seen = Seen {
            at: seen.at,
            tables: seen.tables.iter().map(pending).collect(),
            lag: seen.lag.and_then(|lag| u64::try_from(lag.as_millis()).ok()),
            drained,
        };
        self.context.journal.append(vec![Event::SyncSeen(seen).into()]).await
    }
}
