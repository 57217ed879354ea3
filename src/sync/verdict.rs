//! Whether the old database can be retired: nothing waits, no session is there, and both databases say
//! the same. What was not checked is named; a missing confirmation is a reason against it.

use std::collections::{HashMap, HashSet};

use keyrotation_journal::{Key, RowMark};
use serde::Serialize;

use super::brake::is_a_loss;
use super::drift::{Drift, drift};
use super::failed;
use super::read::key_of;
use super::rows::{Row, Side, open};
use crate::activity::{Activity, Doing, Task};
use crate::db::{Db, DbError, Record, Value};
use crate::engine::{ChunkPlanner, JournalHandle};
use crate::error::{Error, Id, Result};
use crate::failpoint::async_failpoint;
use crate::plan::{SyncJob, SyncPlan};
use crate::signals::Stop;
use crate::source::{Walk, key_values};

/// Differences that are listed for each table.
const LISTED: usize = 20;

/// Whether it is safe to retire the old database.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verdict {
    /// Whether it is.
    pub safe: bool,
    /// What stands against it, one line each.
    pub reasons: Vec<String>,
    /// The tables that were compared.
    pub tables: Vec<Compared>,
    /// Tables that are not kept in step, and whose rows are not the same in number or by key.
    pub drift: Vec<Drift>,
    /// What was not looked at, or not wholly.
    pub not_looked_at: Vec<String>,
    /// Tables whose drift is no reason, because the user has accepted it.
    pub accepted: Vec<String>,
    /// Copies of ciphertext beside what was rotated: they stay under the old key.
    pub copies: Vec<String>,
}

/// What comparing one table came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Compared {
    /// The table.
    pub table: String,
    /// Rows that are the same when opened.
    pub same: u64,
    /// Rows that the new server has made its own.
    pub superseded: u64,
    /// Rows of the old database that are in use.
    pub in_use: u64,
    /// Of these, rows that the new one has no more.
    pub deleted: u64,
    /// Rows that differ, and that nothing accounts for: the first of them.
    pub differing: Vec<String>,
    /// How many there are.
    pub differences: u64,
    /// Rows of the old table that do not decrypt, so that they cannot be compared.
    pub unreadable: u64,
    /// Rows that the old table has no more, and that the new one has as this program left them: nothing has said
    /// that they were deleted.
    pub left_over: u64,
    /// The first of them.
    pub left_over_keys: Vec<String>,
    /// Rows of the new table with an unreadable key, so that they cannot be identified.
    pub nameless: u64,
}

impl Compared {
    fn add(&mut self, key: &Key) {
        self.differences += 1;
        if self.differing.len() < LISTED {
            self.differing.push(key.to_string());
        }
    }
}

impl Verdict {
    /// What may be in only one of the databases is a reason, unless people have said that they know it.
    pub fn weigh(&mut self, said: &Said, table: &str, reason: &str) {
        if said.accepted.iter().any(|accepted| accepted == table) {
            self.not_looked_at.push(format!("accepted: {reason}"));
            self.accepted.push(table.to_owned());
        } else {
            self.reasons.push(format!("{reason}: see what they are, then `--accept-drift {table}`"));
        }
    }
}

/// What people have said.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Traffic goes to the new server.
    pub switched: bool,
    /// The old server is stopped, every node of it.
    pub stopped: bool,
    /// Tables of which they know rows that only one of the databases has.
    pub accepted: Vec<String>,
    /// Sessions in the old database are known, or cannot be seen.
    pub others_connected: bool,
    /// Places beside the tables of the old identity database of which they may say that.
    pub places: Vec<String>,
}

/// Looks at both databases: what waits, who is there, and every row of every table. Ends early, with what it has, when
/// asked to stop.
pub async fn verdict(
    journal: &JournalHandle,
    planner: &ChunkPlanner,
    plan: &SyncPlan,
    said: &Said,
    activity: &Activity,
    stop: &Stop,
) -> Result<Verdict> {
    let mut verdict = Verdict { reasons: unsaid(said), ..Verdict::default() };
    for job in &plan.jobs {
        let pending = plan.old.pending(&job.log).await.map_err(|error| failed(&job.table.log, &error))?;
        if pending > 0 {
            verdict.reasons.push(format!("{}: {pending} entries wait", job.table.log));
        }
    }
    who_is_there(plan, said, &mut verdict).await?;
    for job in &plan.jobs {
        let doing = activity.begin(Task::Compare, job.place(), None);
        let mut compared = compare(journal, planner, plan, job, &doing, stop).await?;
        find_left_over(journal, planner, plan, job, &doing, stop, &mut compared).await?;
        if compared.differences > 0 {
            let text = format!("{}: {} rows are not the same", job.place(), compared.differences);
            verdict.reasons.push(text);
        }
        if compared.unreadable > 0 {
            let count = compared.unreadable;
            verdict
                .reasons
                .push(format!("{}: {count} rows of the old table cannot be decrypted", job.place()));
        }
        if is_a_loss(compared.in_use, compared.deleted) {
            let reason = format!(
                "{}: {} of the old database's {} rows in use are not in the new one any more: a working \
                 server does not delete that many",
                job.place(),
                compared.deleted,
                compared.in_use
            );
            verdict.weigh(said, job.place(), &reason);
        }
        if compared.left_over > 0 {
            let reason = format!(
                "{}: {} rows that the old database does not have any more are in the new one as they were carried over, or in use",
                job.place(),
                compared.left_over
            );
            verdict.weigh(said, job.place(), &reason);
        }
        if compared.nameless > 0 {
            let reason = format!(
                "{}: {} rows of the new table have a key that cannot be read, so it is not known whether \
                 the old one still has them",
                job.place(),
                compared.nameless
            );
            verdict.weigh(said, job.place(), &reason);
        }
        verdict.tables.push(compared);
    }
    let drifts = drift(plan, activity, stop).await?;
    if stop.requested() {
        return Ok(verdict); // of which nothing is told
    }
    let is_known = |name: &&String| {
        let is_kept = plan.jobs.iter().any(|job| job.place() == *name);
        is_kept || drifts.names.contains(name) || said.places.contains(name)
    };
    if let Some(unknown) = said.accepted.iter().find(|name| !is_known(name)) {
        let what = format!("{} is not a table of the old database that was compared", unknown.escape_debug());
        return Err(Error::new(Id::CommandLineValue, what));
    }
    for drift in &drifts.tables {
        if let Some(reason) = drift.reason() {
            verdict.weigh(said, &drift.table, &format!("{reason}; nothing carries them over"));
        }
    }
    if !drifts.unread.is_empty() {
        let tables = drifts.unread.join(", ");
        verdict.reasons.push(format!(
            "{tables}: the old database's rows could not be read, so they were not compared with the new \
             ones: let this user read them"
        ));
    }
    verdict.drift = drifts.tables;
    verdict.not_looked_at.extend(drifts.unseen);
    Ok(verdict)
}

/// Required confirmations that are missing.
fn unsaid(said: &Said) -> Vec<String> {
    let mut reasons = Vec::new();
    if !said.switched {
        let text = "nobody has confirmed that traffic goes to the new server: until then what users do belongs to \
                    the old one (`keyrotation confirm route-traffic`)";
        reasons.push(text.to_owned());
    }
    if !said.stopped {
        let text = "nobody has confirmed that the old server is stopped, every node of it (`keyrotation confirm \
                    old-server-stopped`)";
        reasons.push(text.to_owned());
    }
    reasons
}

/// Who is connected to the old database, as far as its server tells: that it is stopped is people's word only.
async fn who_is_there(plan: &SyncPlan, said: &Said, verdict: &mut Verdict) -> Result<()> {
    let old = |error: DbError| failed("old database", &error);
    let mut found = Vec::new();
    if plan.old.is_blind().await.map_err(old)? {
        found.push("who is connected to the old database cannot be seen: grant PROCESS".to_owned());
    }
    let others = plan.old.foreign_sessions().await.map_err(old)?;
    found.extend(
        others.iter().map(|other| format!("somebody is connected to the old database: {}", other.who)),
    );
    if said.others_connected {
        verdict.not_looked_at.extend(found.iter().map(|text| format!("accepted: {text}")));
    } else {
        let with_a_word =
            |text: String| format!("{text}; if you know these sessions, add `--others-connected`");
        verdict.reasons.extend(found.into_iter().map(with_a_word));
    }
    Ok(())
}

async fn compare(
    journal: &JournalHandle,
    planner: &ChunkPlanner,
    plan: &SyncPlan,
    job: &SyncJob,
    doing: &Doing,
    stop: &Stop,
) -> Result<Compared> {
    let mut compared = Compared { table: job.place().to_string(), ..Compared::default() };
    async_failpoint!("retire-target", super::planned_failure());
    let mut walk = plan.walk_old(&job.old, &job.read_old);
    while let Some(page) = next(&mut walk, plan, job, stop).await? {
        doing.advance(page.len() as u64);
        let read = page.len();
        let rows: Vec<Row> = open(planner, job, Side::Old, page).into_iter().flatten().collect();
        compared.unreadable += (read - rows.len()) as u64; // also those whose key cannot be told
        let keys: Vec<Key> = rows.iter().map(|row| row.key.clone()).collect();
        let there = present(planner, &plan.new, plan, job, &keys).await?;
        for row in rows {
            let present = there.get(&row.key).map(|row| row.digest);
            let counts = u64::from(row.is_in_use(job) != Some(false));
            compared.in_use += counts;
            if present == Some(row.digest) {
                compared.same += 1;
                continue;
            }
            let (target, key) = (job.index, row.key.clone());
            let mark = journal.read(move |journal| journal.mark(target, &key)).await?;
            // Not as this program left it, or never its own: the new server has changed it.
            let is_unknown = present.is_none() && mark == Some(RowMark::MAYBE_DELETED);
            let is_ours = is_unknown || mark.map_or(present.is_none(), |mark| mark.allows(present));
            let is_in_use = there.get(&row.key).and_then(|row| row.is_in_use(job)) == Some(true);
            if is_ours || (is_in_use && row.is_in_use(job) == Some(false)) {
                compared.add(&row.key);
            } else {
                compared.superseded += 1;
                compared.deleted += if present.is_none() { counts } else { 0 };
            }
        }
    }
    Ok(compared)
}

/// Adds rows that were carried over, or were there when the copy was made, that the new database still
/// has and the old one has not: as they were left, or changed and in use.
async fn find_left_over(
    journal: &JournalHandle,
    planner: &ChunkPlanner,
    plan: &SyncPlan,
    job: &SyncJob,
    doing: &Doing,
    stop: &Stop,
    compared: &mut Compared,
) -> Result<()> {
    let mut walk = plan.walk_new(&job.new, &[]);
    while let Some(page) = next(&mut walk, plan, job, stop).await? {
        doing.advance(page.len() as u64);
        let keys: Vec<Key> = page.iter().filter_map(|record| key_of(job, record)).collect();
        compared.nameless += (page.len() - keys.len()) as u64;
        let values: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
        let read = || plan.old.rows(&job.old, &[], &values);
        let found = plan.old_guard.try_reading(job.place(), read).await;
        let found = found.map_err(|error| failed(job.place(), &error))?;
        let found: HashSet<Key> = found.iter().filter_map(|record| key_of(job, record)).collect();
        let missing: Vec<Key> = keys.into_iter().filter(|key| !found.contains(key)).collect();
        for (key, row) in present(planner, &plan.new, plan, job, &missing).await? {
            let (target, asked) = (job.index, key.clone());
            let mark = journal.read(move |journal| journal.mark(target, &asked)).await?;
            // What the new server has changed stays, unless the old one may have taken it out of use.
            let is_in_use = row.is_in_use(job) == Some(true);
            let mark = mark.filter(|mark| *mark != RowMark::OF_THE_NEW_SERVER);
            if mark.is_some_and(|mark| is_in_use || mark.allows(Some(row.digest))) {
                compared.left_over += 1;
                if compared.left_over_keys.len() < LISTED {
                    compared.left_over_keys.push(key.to_string());
                }
            }
        }
    }
    Ok(())
}

async fn next(walk: &mut Walk, plan: &SyncPlan, job: &SyncJob, stop: &Stop) -> Result<Option<Vec<Record>>> {
    if stop.requested() {
        return Ok(None);
    }
    walk.next(plan.sizes.rows).await.map_err(|error| failed(job.place(), &error))
}

async fn present(
    planner: &ChunkPlanner,
    new: &Db,
    plan: &SyncPlan,
    job: &SyncJob,
    keys: &[Key],
) -> Result<HashMap<Key, Row>> {
    let values: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
    let read = || new.rows(&job.new, &job.read_new, &values);
    let records = plan.guard.try_reading(job.place(), read).await;
    let records = records.map_err(|error| failed(job.place(), &error))?;
    let opened = open(planner, job, Side::New, records);
    Ok(opened.into_iter().flatten().map(|row| (row.key.clone(), row)).collect())
}
