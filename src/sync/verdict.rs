//! Whether the old database can be retired: nothing waits, nobody is there, and both databases say
//! the same.

use std::collections::{HashMap, HashSet};

use keyrotation_journal::Key;
use serde::Serialize;

use super::failed;
use super::read::key_of;
use super::rows::{Row, Side, open};
use crate::activity::{Activity, Doing, Task};
use crate::db::{Db, Record, Value};
use crate::engine::{Ledger, Preparer};
use crate::error::Result;
use crate::failpoint::async_failpoint;
use crate::plan::{SyncJob, SyncPlan};
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
    /// Other tables in which the two databases have different numbers of rows: name, old, new.
    pub drift: Vec<(String, u64, u64)>,
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
    /// Rows that differ, and that nothing accounts for: the first of them.
    pub differing: Vec<String>,
    /// How many there are.
    pub differences: u64,
}

impl Compared {
    fn add(&mut self, key: &Key) {
        self.differences += 1;
        if self.differing.len() < LISTED {
            self.differing.push(key.to_string());
        }
    }
}

/// What people have said.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// Traffic goes to the new server.
    pub switched: bool,
    /// The old server is stopped, every node of it.
    pub stopped: bool,
}

/// Looks at everything.
pub async fn verdict(
    ledger: &Ledger,
    preparer: &Preparer,
    plan: &SyncPlan,
    said: Said,
    activity: &Activity,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for job in &plan.jobs {
        let pending = plan.old.pending(&job.log).await.map_err(|error| failed(job.table.log, &error))?;
        if pending > 0 {
            verdict.reasons.push(format!("{}: {pending} entries wait", job.table.log));
        }
    }
    if !said.stopped && plan.old.is_blind().await.map_err(|error| failed("old database", &error))? {
        let text = "who is connected to the old database cannot be seen: grant PROCESS, or \
                    `keyrotation confirm old-server-stopped`";
        verdict.reasons.push(text.to_owned());
    }
    if !said.stopped {
        let others = plan.old.strangers().await.map_err(|error| failed("old database", &error))?;
        verdict.reasons.extend(
            others.iter().map(|other| format!("somebody is connected to the old database: {}", other.who)),
        );
    }
    for job in &plan.jobs {
        let doing = activity.begin(Task::Compare, job.place(), None);
        let mut compared = compare(ledger, preparer, plan, job, &doing).await?;
        // Once traffic is switched the old database is not what counts any more.
        if !said.switched {
            find_left_over(ledger, preparer, plan, job, &doing, &mut compared).await?;
        }
        if compared.differences > 0 {
            let text = format!("{}: {} rows are not the same", job.place(), compared.differences);
            verdict.reasons.push(text);
        }
        verdict.tables.push(compared);
    }
    let doing = activity.begin(Task::Compare, "the other tables", None);
    verdict.drift = drift(plan).await?;
    drop(doing);
    verdict.safe = verdict.reasons.is_empty();
    Ok(verdict)
}

async fn compare(
    ledger: &Ledger,
    preparer: &Preparer,
    plan: &SyncPlan,
    job: &SyncJob,
    doing: &Doing,
) -> Result<Compared> {
    let mut compared = Compared { table: job.place().to_owned(), ..Compared::default() };
    async_failpoint!("retire-target", super::planned_failure());
    let mut walk = plan.walk_old(&job.old, &job.read_old);
    while let Some(page) = next(&mut walk, plan, job).await? {
        doing.advance(page.len() as u64);
        let rows: Vec<Row> = open(preparer, job, Side::Old, page).into_iter().flatten().collect();
        let keys: Vec<Key> = rows.iter().map(|row| row.key.clone()).collect();
        let there = present(preparer, &plan.new, plan, job, &keys).await?;
        for row in rows {
            let present = there.get(&row.key).map(|row| row.digest);
            if present == Some(row.digest) {
                compared.same += 1;
                continue;
            }
            let (target, key) = (job.index, row.key.clone());
            let mark = ledger.read(move |journal| journal.mark(target, &key)).await?;
            // Not as this program left it, or never its own: the new server has changed it.
            let is_ours = mark.map_or(present.is_none(), |mark| mark.allows(present));
            if is_ours {
                compared.add(&row.key);
            } else {
                compared.superseded += 1;
            }
        }
    }
    Ok(compared)
}

/// Adds rows that were carried over, or were there when the copy was made, that the new database still
/// has and the old one has not.
async fn find_left_over(
    ledger: &Ledger,
    preparer: &Preparer,
    plan: &SyncPlan,
    job: &SyncJob,
    doing: &Doing,
    compared: &mut Compared,
) -> Result<()> {
    let mut walk = plan.walk_new(&job.new, &[]);
    while let Some(page) = next(&mut walk, plan, job).await? {
        doing.advance(page.len() as u64);
        let keys: Vec<Key> = page.iter().filter_map(|record| key_of(job, record)).collect();
        let values: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
        let read = || plan.old.rows(&job.old, &[], &values);
        let found = plan.old_guard.try_reading(job.place(), read).await;
        let found = found.map_err(|error| failed(job.place(), &error))?;
        let found: HashSet<Key> = found.iter().filter_map(|record| key_of(job, record)).collect();
        let missing: Vec<Key> = keys.into_iter().filter(|key| !found.contains(key)).collect();
        for (key, row) in present(preparer, &plan.new, plan, job, &missing).await? {
            let (target, asked) = (job.index, key.clone());
            let mark = ledger.read(move |journal| journal.mark(target, &asked)).await?;
            if mark.is_some_and(|mark| mark.allows(Some(row.digest))) {
                compared.add(&key);
            }
        }
    }
    Ok(())
}

async fn next(walk: &mut Walk, plan: &SyncPlan, job: &SyncJob) -> Result<Option<Vec<Record>>> {
    walk.next(plan.sizes.rows).await.map_err(|error| failed(job.place(), &error))
}

async fn present(
    preparer: &Preparer,
    new: &Db,
    plan: &SyncPlan,
    job: &SyncJob,
    keys: &[Key],
) -> Result<HashMap<Key, Row>> {
    let columns: Vec<&str> = job.read_new.iter().map(String::as_str).collect();
    let values: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
    let read = || new.rows(&job.new, &columns, &values);
    let records = plan.guard.try_reading(job.place(), read).await;
    let records = records.map_err(|error| failed(job.place(), &error))?;
    let opened = open(preparer, job, Side::New, records);
    Ok(opened.into_iter().flatten().map(|row| (row.key.clone(), row)).collect())
}

/// Other tables of both databases whose numbers of rows differ.
async fn drift(plan: &SyncPlan) -> Result<Vec<(String, u64, u64)>> {
    let (old, new) = (&plan.old, &plan.new);
    let names = |db: Db| async move { db.table_names().await.map_err(|error| failed("its tables", &error)) };
    let there = names(new.clone()).await?;
    let mut drift = Vec::new();
    for name in names(old.clone()).await? {
        let is_sync = plan.jobs.iter().any(|job| job.place() == name || job.table.log == name);
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_sync || !is_plain || !there.contains(&name) {
            continue;
        }
        let counted = (old.count_rows(&name).await, new.count_rows(&name).await);
        if let (Ok(here), Ok(there)) = counted
            && here != there
        {
            drift.push((name, here, there));
        }
    }
    Ok(drift)
}
