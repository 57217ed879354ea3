//! The change log in the old database: which rows have changed, and saying that they were seen to.
//!
//! Entries are found by their flag, never by the highest number so far: numbers have gaps, and
//! become visible in any order.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use keyrotation_journal::Key;

use super::{SyncRunner, failed};
use crate::db::{Db, DbError, Expression, Record, Value};
use crate::error::Result;
use crate::failpoint::async_failpoint;
use crate::plan::{SyncJob, SyncPlan};
use crate::source::Walk;
use crate::target::sync::{AVAILABILITY, ENTRY};

/// One table's change log, which is read from its beginning to its end over and over.
#[derive(Debug)]
pub(super) struct Feed {
    walk: Walk,
    /// Whether something was done since it began.
    has_worked: bool,
    /// Whether it came to its end since it was asked to look again, and there was nothing to do.
    pub(super) is_quiet: bool,
    /// Entries since its beginning whose row or number is unreadable.
    unreadable: u64,
    /// Those that there were when it came to its end.
    pub(super) left_unread: u64,
    /// Whether it had more entries than one page takes when it was read last.
    pub(super) is_behind: bool,
}

impl Feed {
    pub(super) fn new(plan: &SyncPlan, job: &SyncJob) -> Self {
        let key = job.table.relation.key.iter().map(Expression::from);
        let columns: Vec<Expression> = key.chain([(&AVAILABILITY).into()]).chain(job.age.clone()).collect();
        Self {
            walk: plan.walk_old(&job.log, &columns),
            has_worked: false,
            is_quiet: false,
            unreadable: 0,
            left_unread: 0,
            is_behind: false,
        }
    }

    /// Something was done.
    pub(super) fn worked(&mut self) {
        (self.has_worked, self.is_quiet) = (true, false);
    }

    /// Goes back to its beginning: it is not quiet before it came to its end.
    pub(super) fn begin_again(&mut self) {
        self.walk.begin_again();
        (self.has_worked, self.is_quiet, self.unreadable) = (false, false, 0);
    }

    /// It came to its end.
    fn end(&mut self) {
        let (is_quiet, left_unread) = (!self.has_worked, self.unreadable);
        self.begin_again();
        (self.is_quiet, self.left_unread, self.is_behind) = (is_quiet, left_unread, false);
    }
}

/// Entries of a change log.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// For each key, in the order of its first entry, the numbers of all that were read.
    pub(super) by_key: Vec<(Key, Vec<i64>)>,
    /// How old the oldest entry of each key is.
    pub(super) ages: HashMap<Key, Duration>,
    /// The keys whose last entry says that the row was deleted.
    pub(super) deleted: HashSet<Key>,
    /// Entries that name no row: they say nothing.
    pub(super) void: Vec<i64>,
    /// How many have a number or a key that cannot be read: they are never acknowledged.
    unreadable: u64,
}

impl SyncRunner<'_> {
    /// The next entries of a table that wait; none behind the last one: then all were seen to.
    pub(super) async fn entries(&mut self, at: usize, job: &SyncJob) -> Result<Option<Entries>> {
        let most = self.plan.sizes.entries;
        let passed = self.feeds[at].walk.passed();
        let page = self.feeds[at].walk.next(most).await;
        let Some(records) = page.map_err(|error| failed(&job.table.log, &error))? else {
            self.acknowledged().await?; // or they would be read again
            self.feeds[at].end();
            return Ok(None);
        };
        self.feeds[at].is_behind = records.len() >= most;
        let mut entries = coalesced(job, records);
        self.feeds[at].unreadable += entries.unreadable;
        if let Some(passed) = passed.filter(|_| !entries.deleted.is_empty()) {
            self.add_passed(job, passed, &mut entries).await?;
        }
        Ok(Some(entries))
    }

    /// Adds the earlier entries of deleted rows that have become visible in what the walk has passed: an entry is
    /// numbered before its transaction commits. Left alone, nothing would say any more that its row was deleted.
    async fn add_passed(&self, job: &SyncJob, mut passed: Walk, entries: &mut Entries) -> Result<()> {
        let failed = |error: DbError| failed(&job.table.log, &error);
        let mut earlier: HashMap<Key, Vec<i64>> = HashMap::new();
        while let Some(records) = passed.next(self.plan.sizes.entries).await.map_err(failed)? {
            let found = coalesced(job, records).by_key.into_iter();
            for (key, numbers) in found.filter(|(key, _)| entries.deleted.contains(key)) {
                earlier.entry(key).or_default().extend(numbers);
            }
        }
        for (key, numbers) in &mut entries.by_key {
            numbers.splice(0..0, earlier.remove(key).unwrap_or_default()); // acknowledged before the delete
        }
        Ok(())
    }

    /// Whether there are unreadable entries: they wait for people.
    pub(super) fn leaves_out_entries(&self) -> bool {
        for (feed, job) in self.feeds.iter().zip(&self.plan.jobs) {
            if feed.left_unread > 0 {
                tracing::warn!(
                    "{}: {} entries have a number (SYNC_ID) or a key that cannot be read: they are not carried over",
                    job.table.log,
                    feed.left_unread
                );
            }
        }
        self.feeds.iter().any(|feed| feed.left_unread > 0)
    }

    /// Says of entries that they were seen to, while the next rows are carried over.
    pub(super) async fn acknowledge(&mut self, job: &SyncJob, entries: Vec<i64>) -> Result<()> {
        self.acknowledged().await?;
        if !entries.is_empty() {
            let (plan, job, keep) = (self.plan.clone(), job.clone(), self.options.keep_acknowledged);
            self.acknowledging =
                Some(tokio::spawn(async move { acknowledge(&plan, &job, &entries, keep).await }));
        }
        Ok(())
    }

    /// Waits until the entries that were seen to are acknowledged.
    pub(super) async fn acknowledged(&mut self) -> Result<()> {
        match self.acknowledging.take() {
            None => Ok(()),
            Some(task) => match task.await {
                Ok(done) => done,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
        }
    }
}

/// Deletes entries that were seen to, or marks them and keeps them.
async fn acknowledge(plan: &SyncPlan, job: &SyncJob, entries: &[i64], keep: bool) -> Result<()> {
    async_failpoint!("sync-before-acknowledge", super::planned_failure());
    let usual = plan.sizes.acknowledged;
    let most = plan.old_limits.rows.map_or(usual, |most| most.clamp(1, usual));
    let is_whole = job.log.holds_whole_numbers(&ENTRY);
    let number = |number: &i64| if is_whole { Value::Int(*number) } else { Value::Text(number.to_string()) };
    for batch in entries.chunks(most) {
        let numbers: Vec<Vec<Value>> = batch.iter().map(|entry| vec![number(entry)]).collect();
        let mut backoff = plan.old_guard.backoff(&job.table.log);
        while let Err(error) =
            plan.old_guard.watched(&job.table.log, acknowledge_once(&plan.old, job, &numbers, keep)).await
        {
            backoff.after(error).await.map_err(|error| failed(&job.table.log, &error))?;
        }
    }
    async_failpoint!("sync-after-acknowledge", super::planned_failure());
    Ok(())
}

async fn acknowledge_once(
    old: &Db,
    job: &SyncJob,
    numbers: &[Vec<Value>],
    keep: bool,
) -> Result<(), DbError> {
    let mut transaction = old.begin().await?;
    if keep {
        transaction.acknowledge(&job.log, numbers).await?;
    } else {
        transaction.delete_rows(&job.log, numbers).await?;
    }
    transaction.commit().await
}

/// Entries by their keys. A row that was changed ten times is one row. Entries of one row are numbered in the
/// order of its changes, since each change locks it.
fn coalesced(job: &SyncJob, records: Vec<Record>) -> Entries {
    let mut entries = Entries::default();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for record in records {
        let mut values = record.into_iter();
        let Some(number) = values.next().as_ref().and_then(whole_number) else {
            entries.unreadable += 1;
            continue;
        };
        let key: Vec<Value> = values.by_ref().take(job.table.relation.key.len()).collect();
        if key.contains(&Value::Null) {
            entries.void.push(number);
            continue;
        }
        let Some(key) = job.key(key.into_iter().map(named)) else {
            entries.unreadable += 1;
            continue;
        };
        let place = *places.entry(key.clone()).or_insert_with(|| {
            entries.by_key.push((key.clone(), Vec::new()));
            entries.by_key.len() - 1
        });
        entries.by_key[place].1.push(number);
        if values.next().as_ref().is_some_and(is_zero) {
            entries.deleted.insert(key.clone());
        } else {
            entries.deleted.remove(&key);
        }
        let age = values.next().and_then(|age| u64::try_from(age.as_int()?).ok()).map(Duration::from_millis);
        if let Some(age) = age {
            let oldest = entries.ages.entry(key).or_default();
            *oldest = (*oldest).max(age);
        }
    }
    entries
}

/// The number of an entry, whatever kind of column holds it.
fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Text(text) => match text.trim().split_once('.') {
            None => text.trim().parse().ok(),
            Some((whole, zeros)) => whole.parse().ok().filter(|_| zeros.bytes().all(|digit| digit == b'0')),
        },
        _ => None,
    }
}

/// What names a row in an entry, whatever it is: a row that is not found under it is not seen to.
fn named(value: Value) -> Value {
    match value {
        Value::NotText(bytes) => Value::Bytes(bytes),
        Value::Real(number) => Value::Text(number.to_string()),
        value => value,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Int(number) => *number == 0,
        Value::Text(text) => text.trim() == "0",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_that_a_row_was_deleted_is_a_zero_in_any_form() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert!(is_zero(&Value::Int(0)) && is_zero(&text("0")) && is_zero(&text(" 0")));
        assert!(
            !is_zero(&Value::Int(1)) && !is_zero(&text("1")) && !is_zero(&Value::Null) && !is_zero(&text(""))
        );
    }

    #[test]
    fn an_entry_has_a_number_in_whatever_column_it_stands() {
        let text = |text: &str| whole_number(&Value::Text(text.to_owned()));
        assert_eq!(
            (text("12"), text(" 12.00 "), whole_number(&Value::Int(12))),
            (Some(12), Some(12), Some(12))
        );
        assert_eq!((text("12.5"), text("x"), text(""), whole_number(&Value::Null)), (None, None, None, None));
    }

    #[test]
    fn a_name_that_cannot_be_read_is_still_a_name() {
        assert_eq!(named(Value::NotText(vec![0xff])), Value::Bytes(vec![0xff]));
        assert_eq!(named(Value::Int(7)), Value::Int(7));
    }
}
