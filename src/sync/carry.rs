//! Carrying rows over: what the old database holds now is what the new one is to hold, unless the
//! new server has made the row its own.
//!
//! Order of effects: the rows of a batch, with what stands there and what is to stand there, are
//! durable in the journal; then the transaction that locked, compared and wrote them commits; then
//! the journal says so; then the change log's entries are acknowledged.

use std::collections::{HashMap, HashSet};

use keyrotation_journal::{CopyRow, Entry, Event, Key, RowMark};

use super::batch::Batch;
use super::rows::{Opened, Row, Side, open};
use super::{Sync, failed};
use crate::blocking::blocking;
use crate::db::{Class, DbError, Record, Value};
use crate::error::{Error, Result};
use crate::failpoint::async_failpoint;
use crate::plan::SyncJob;
use crate::source::{key_part, key_values};

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was carried over.
    Applied,
    /// The new database holds it already.
    Same,
    /// The new server has changed, made or deleted it: it is left alone.
    Superseded,
    /// It waits for something that only people can do.
    Held(String),
    /// It cannot be carried over.
    Failed(String),
    /// It changed on the way: it is looked at again.
    Later,
}

impl Outcome {
    /// Whether nothing more is to be done about the row as it is.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Applied | Self::Same | Self::Superseded)
    }
}

/// What the old database holds under a key that was asked for.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// This row.
    Row(Box<Row>),
    /// None.
    Gone,
    /// One that cannot be carried over.
    Unreadable(String),
}

/// Why an attempt at a batch was given up, with nothing written.
pub(super) enum Trouble {
    /// The database's answer: another attempt may do better.
    Db(DbError),
    /// No attempt will.
    Stop(Error),
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Stop(error)
    }
}

impl Sync<'_> {
    /// Carries the rows with these keys over, and says what became of each.
    pub(super) async fn carry(&mut self, job: &SyncJob, keys: &[Key]) -> Result<HashMap<Key, Outcome>> {
        let (wanted, canonical) = self.wanted(job, keys).await?;
        let mut outcomes: HashMap<Key, Outcome> = HashMap::new();
        let mut ready: Vec<(Key, Option<Row>)> = Vec::new();
        for (key, wanted) in wanted {
            match wanted {
                Wanted::Row(row) => ready.push((key, Some(*row))),
                Wanted::Gone => ready.push((key, None)),
                Wanted::Unreadable(reason) => drop(outcomes.insert(key, Outcome::Failed(reason))),
            }
        }
        outcomes.extend(Box::pin(self.without_parents(job, &mut ready)).await?);
        if !ready.is_empty() {
            outcomes.extend(self.write(job, &ready).await?);
        }
        let of = |key: &Key| outcomes.get(canonical.get(key).unwrap_or(key)).cloned();
        Ok(keys.iter().map(|key| (key.clone(), of(key).unwrap_or(Outcome::Later))).collect())
    }

    /// Writes rows in one transaction, again and again until one is committed.
    async fn write(&mut self, job: &SyncJob, rows: &[(Key, Option<Row>)]) -> Result<HashMap<Key, Outcome>> {
        let mut backoff = self.plan.guard.backoff(job.place());
        loop {
            self.plan.guard.hold().await?;
            match Box::pin(self.attempt(job, rows)).await {
                Ok(outcomes) => return Ok(outcomes),
                Err(Trouble::Stop(error)) => return Err(error),
                Err(Trouble::Db(error)) => match backoff.after(error).await {
                    Ok(()) => {}
                    // Whoever is in the way holds up these rows, and no others.
                    Err(error) if error.class == Class::Retry => {
                        let outcome = Outcome::Failed(format!("somebody is in the way: {error}"));
                        return Ok(rows.iter().map(|(key, _)| (key.clone(), outcome.clone())).collect());
                    }
                    Err(error) => return Err(failed(job.place(), &error)),
                },
            }
        }
    }

    async fn attempt(
        &mut self,
        job: &SyncJob,
        rows: &[(Key, Option<Row>)],
    ) -> Result<HashMap<Key, Outcome>, Trouble> {
        let transaction = self.plan.new.begin().await?;
        let mut batch = Batch::new(self, job, transaction);
        batch.look(rows).await?;
        batch.write().await?;
        let (transaction, done) = batch.into_parts();
        let target = job.index;
        let applied = done.written.len() as u64;
        let ledger = &self.context.ledger;
        if applied > 0 {
            let marks = done.written.iter().map(|row| (row.key.clone(), Some(RowMark::from(row))));
            let started = Event::CopyStarted { target, rows: done.written.clone() };
            ledger.append(vec![Entry::marked(started, marks.collect())]).await?;
            async_failpoint!("sync-before-commit", Trouble::Stop(super::planned_failure()));
            transaction.commit().await?;
            async_failpoint!("sync-after-commit", Trouble::Stop(super::planned_failure()));
        } else {
            transaction.rollback().await?;
        }
        if applied > 0 || !done.superseded.is_empty() || !done.same.is_empty() {
            let settled = |row: &CopyRow| (row.key.clone(), row.after.map(RowMark::settled));
            let removed = done.removed.into_iter().map(|key| (key, None));
            let marks = done.written.iter().map(settled).chain(done.same).chain(removed).collect();
            let superseded = if self.counts_superseded { done.superseded } else { Vec::new() };
            ledger.defer(Entry::marked(Event::CopyDone { target, applied, superseded }, marks));
        }
        Ok(done.outcomes)
    }

    /// What the old database holds under these keys, by the keys that it has them under, and the
    /// keys that stand for another there.
    pub(super) async fn wanted(
        &self,
        job: &SyncJob,
        keys: &[Key],
    ) -> Result<(HashMap<Key, Wanted>, HashMap<Key, Key>)> {
        let records = self.old_rows(job, keys).await?;
        let mut found: HashMap<Key, Wanted> = HashMap::new();
        let mut canonical = HashMap::new();
        self.sort_in(job, records, &mut found).await?;
        for key in keys {
            if found.contains_key(key) {
                continue;
            }
            // The server may take this key for that of a row that is written otherwise.
            let other =
                if job.folds { self.old_rows(job, std::slice::from_ref(key)).await? } else { Vec::new() };
            if let Some(actual) = other.first().and_then(|record| key_of(job, record)) {
                canonical.insert(key.clone(), actual.clone());
                if !found.contains_key(&actual) {
                    self.sort_in(job, other, &mut found).await?;
                }
            } else {
                found.insert(key.clone(), Wanted::Gone);
            }
        }
        Ok((found, canonical))
    }

    async fn sort_in(
        &self,
        job: &SyncJob,
        records: Vec<Record>,
        found: &mut HashMap<Key, Wanted>,
    ) -> Result<()> {
        for opened in self.opened(job, Side::Old, records).await? {
            match opened {
                Ok(row) => found.insert(row.key.clone(), Wanted::Row(Box::new(row))),
                Err((key, reason)) => found.insert(key, Wanted::Unreadable(reason)),
            };
        }
        Ok(())
    }

    async fn old_rows(&self, job: &SyncJob, keys: &[Key]) -> Result<Vec<Record>> {
        let columns: Vec<&str> = job.read_old.iter().map(String::as_str).collect();
        let keys: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
        let read = || self.plan.old.rows(&job.old, &columns, &keys);
        let records = self.plan.old_guard.try_reading(job.place(), read).await;
        records.map_err(|error| failed(job.place(), &error))
    }

    /// Opens rows on a thread made for computing.
    pub(super) async fn opened(
        &self,
        job: &SyncJob,
        side: Side,
        records: Vec<Record>,
    ) -> Result<Vec<Opened>> {
        let (preparer, job) = (self.context.preparer.clone(), job.clone());
        blocking(move || Ok(open(&preparer, &job, side, records))).await
    }

    /// The marks of rows.
    pub(super) async fn marks(&self, job: &SyncJob, keys: HashSet<Key>) -> Result<HashMap<Key, RowMark>> {
        let target = job.index;
        let found = self.context.ledger.read(move |journal| {
            let mut marks = HashMap::new();
            for key in keys {
                if let Some(mark) = journal.mark(target, &key)? {
                    marks.insert(key, mark);
                }
            }
            Ok(marks)
        });
        found.await
    }
}

/// The key of a row as read.
pub(super) fn key_of(job: &SyncJob, record: &Record) -> Option<Key> {
    let width = job.table.relation.key.len();
    record.iter().take(width).cloned().map(key_part).collect::<Option<_>>().map(Key)
}
