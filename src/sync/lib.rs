//! The sync phase: what end users change on the old server is carried over to the copy until
//! traffic goes to the new one and nothing is left.
//!
//! Invariants: the change log is a hint, the row is the truth; a row is applied before its entries
//! are acknowledged; what the new server has made its own is never changed; one row that cannot be
//! carried over never holds up the rest.

use keyrotation_codec as codec;
use keyrotation_common::{activity, blocking, error, failpoint, signals};
use keyrotation_db as db;
use keyrotation_engine as engine;
use keyrotation_guard as guard;
use keyrotation_plan as plan;
use keyrotation_source as source;
use keyrotation_target as target;

mod baseline;
mod batch;
mod brake;
mod carry;
mod compare;
mod drift;
mod evidence;
mod feed;
mod foreign;
mod old_keys;
mod parents;
mod read;
mod reconcile;
mod rounds;
mod rows;
mod settle;
mod verdict;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use keyrotation_journal::{Key, KeyPart, RowMark, TargetId};
use tokio::task::JoinHandle;

use crate::db::{Db, DbError};
use crate::engine::Context;
use crate::error::{Error, Result};
use crate::guard::refused;
use crate::plan::{SyncJob, SyncPlan};

pub use baseline::{baseline, is_marked};
use brake::Looks;
pub use brake::is_a_loss;
use carry::Outcome;
use compare::Comparison;
pub use drift::Drift;
use feed::{Entries, Feed};
pub use foreign::take_over;
pub use old_keys::not_in_old;
use read::{Asked, Reader};
pub use settle::settle;
pub use verdict::{Said, Verdict, verdict};
use watch::Waiting;
pub use watch::{MAY_HAVE_RUN, Observation, TableView, Watch};

/// How often the change logs are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// The step that says how many rows the old tables had when this program looked at them last.
pub const OLD_ROWS: &str = "old-rows";

/// The step that says that the new server has run on the copy before this rotation: all its rows are its own.
pub const NEW_SERVER_HAS_RUN: &str = "new-server-has-run";

/// The step that says that the old tables were compared in full since then.
pub const COMPARED_SINCE: &str = "compared-since-new-server-has-run";

/// The step after which the old database is not what counts any more.
pub const ROUTE_TRAFFIC: &str = "route-traffic";

/// What is asked of the sync phase.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// End once nothing that can be carried over has come for so long; go on for ever without it.
    pub until_quiet_for: Option<Duration>,
    /// Mark entries that were seen to, and keep them.
    pub keep_acknowledged: bool,
    /// So many rows may be missing in the old database, and go in the new one.
    pub accept_deletes: u64,
}

/// How the sync phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A stop was requested.
    Interrupted,
    /// Nothing is left.
    Drained,
    /// Nothing is left but rows that are held or have failed.
    Stuck,
}

/// Rows that are being read; dropped, they are not.
struct Reading(JoinHandle<Result<Asked>>);

impl Reading {
    async fn await_rows(mut self) -> Result<Asked> {
        match (&mut self.0).await {
            Ok(read) => read,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The sync phase of one session.
pub struct SyncRunner<'a> {
    context: &'a Context,
    plan: &'a SyncPlan,
    options: Options,
    watch: &'a Watch,
    /// The journal's folder.
    dir: PathBuf,
    known_applications: BTreeSet<KeyPart>,
    /// Each table's change log.
    feeds: Vec<Feed>,
    /// Rows that could not be carried over yet, by table.
    waiting: Vec<HashMap<Key, Waiting>>,
    counts_superseded: bool,
    counted: Option<Instant>,
    reader: Reader,
    /// Marks that wait for the journal's next group.
    unwritten: HashMap<(TargetId, Key), Option<RowMark>>,
    /// Whether rows were read that no entry had named.
    fetched: bool,
    /// How many rows the old tables had.
    looks: Looks,
    /// Rows of the present table that have come to the copy.
    come: u64,
    /// How far the old tables are compared with the copy.
    comparison: Comparison,
    /// Entries that are being acknowledged.
    acknowledging: Option<JoinHandle<Result<()>>>,
}

impl<'a> SyncRunner<'a> {
    /// The sync phase over an open journal, which is in `dir`.
    pub fn new(
        context: &'a Context,
        plan: &'a SyncPlan,
        options: Options,
        watch: &'a Watch,
        dir: PathBuf,
    ) -> Self {
        let tables = plan.jobs.len();
        Self {
            context,
            plan,
            options,
            watch,
            dir,
            known_applications: BTreeSet::new(),
            feeds: plan.jobs.iter().map(|job| Feed::new(plan, job)).collect(),
            waiting: vec![HashMap::new(); tables],
            counts_superseded: true,
            counted: None,
            reader: Reader { plan: plan.clone(), planner: context.planner.clone() },
            unwritten: HashMap::new(),
            fetched: false,
            looks: context.journal.state(|state| Looks::new(state, plan, options.accept_deletes)),
            come: 0,
            comparison: Comparison::default(),
            acknowledging: None,
        }
    }

    /// How many rows may still be missing in the old database.
    pub fn accepted(&self) -> u64 {
        self.looks.accepted()
    }

    /// Carries over changes until it is drained, if that was asked for, or until a stop is requested. None if
    /// a server was lost meanwhile: what was done in it is to be looked through again, then it goes on.
    pub async fn run(&mut self) -> Result<Option<End>> {
        prepare(&self.plan.new).await?;
        self.look_at_all().await?; // before the first delete, not after a share of them
        let end = self.rounds().await;
        let acknowledged = self.acknowledged().await;
        let end = end?;
        acknowledged?;
        match end {
            Some(End::Drained | End::Stuck) => {
                self.look_at_all().await?;
                self.record_looks().await?;
            }
            Some(End::Interrupted) => self.record_looks().await?,
            None => {}
        }
        self.record_seen(matches!(end, Some(End::Drained | End::Stuck))).await?;
        Ok(end)
    }

    /// Sees to a table's entries; whether there was anything to do.
    async fn see_to(&mut self, at: usize, job: &SyncJob, entries: Entries) -> Result<bool> {
        let read = Instant::now();
        let mut seen_to = entries.void;
        let now: Vec<(Key, Vec<i64>)> =
            entries.by_key.into_iter().filter(|(key, numbers)| self.is_due(at, key, numbers)).collect();
        let mut worked = !seen_to.is_empty();
        let mut parts = now.chunks(self.most_rows()).peekable();
        let mut ahead = parts.peek().map(|part| self.read_ahead(job, part));
        while let Some(part) = parts.next() {
            let keys: Vec<Key> = part.iter().map(|(key, _)| key.clone()).collect();
            let asked = match ahead.take() {
                Some(reading) => reading.await_rows().await?,
                None => self.reader.wanted(job, &keys).await?,
            };
            ahead = parts.peek().map(|part| self.read_ahead(job, part));
            let mut outcomes = self.carry_read(job, &keys, asked, &entries.deleted).await?;
            if std::mem::take(&mut self.fetched) {
                ahead = None; // it may have read a row before the one that was fetched since
            }
            for (key, numbers) in part {
                let outcome = self.first_sight(at, key, outcomes.remove(key).unwrap_or(Outcome::Later));
                worked |= outcome.is_final();
                if outcome.is_final() {
                    // With those that waited: alone, they would name a row that does not exist any more.
                    seen_to.extend(self.forget(at, key));
                    seen_to.extend(numbers);
                    let age = entries.ages.get(key).copied().unwrap_or_default() + read.elapsed();
                    self.watch.carried(age);
                } else {
                    self.wait(at, key, numbers, outcome);
                }
            }
            self.acknowledge(job, std::mem::take(&mut seen_to)).await?;
            if self.context.is_held_up() {
                self.feeds[at].begin_again(); // what is left of the page is read again
                break;
            }
        }
        self.acknowledge(job, seen_to).await?;
        Ok(worked)
    }

    /// How many rows are carried over in one transaction: at a slow pace a second's worth.
    fn most_rows(&self) -> usize {
        let rows = self.plan.sizes.carried;
        let most = self.context.pacer.pace().map_or(rows, |most| usize::try_from(most).unwrap_or(rows));
        rows.min(most).max(1)
    }

    /// Reads rows of the old database while others are being written.
    fn read_ahead(&self, job: &SyncJob, part: &[(Key, Vec<i64>)]) -> Reading {
        let (reader, job) = (self.reader.clone(), job.clone());
        let keys: Vec<Key> = part.iter().map(|(key, _)| key.clone()).collect();
        Reading(tokio::spawn(async move { reader.wanted(&job, &keys).await }))
    }

    async fn accept_steps(&self) -> Result<()> {
        self.context.journal.accept_steps(self.dir.clone()).await.map(drop)
    }

    /// Whether traffic goes to the new server already.
    fn is_switched(&self) -> bool {
        self.context.journal.state(|state| state.step_is_in_force(ROUTE_TRAFFIC))
    }
}

/// What the new database's session needs.
async fn prepare(new: &Db) -> Result<()> {
    if new.server_kind().is_none() {
        // An SQLite file has no server that sees to it.
        let on = new.read("PRAGMA foreign_keys = ON", &[]).await;
        on.map_err(|error| failed("the new identity database", &error))?;
    }
    Ok(())
}

fn failed(place: &str, error: &DbError) -> Error {
    refused(&format!("sync, {place}"), error)
}

#[cfg(feature = "failpoints")]
fn planned_failure() -> Error {
    Error::new(crate::error::Id::System, "failure planned by a test")
}
