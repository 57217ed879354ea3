//! Carrying rows over: what the old database holds now is what the new one is to hold, unless the
//! new server has made the row its own.
//!
//! Order of effects: a transaction locks and compares the rows of a batch; while it writes them, they become durable in
//! the journal with their present and their new content; then it commits; then the journal says so; then the change
//! log's entries are acknowledged.

use std::collections::{HashMap, HashSet};

use keyrotation_journal::{CopyRow, Entry, Event, Key, RowMark};

use super::batch::Batch;
use super::read::{Asked, Wanted};
use super::rows::Row;
use super::settle::settle;
use super::{SyncRunner, failed};
use crate::db::{Class, DbError, TransactionLimits};
use crate::error::{Error, Result};
use crate::failpoint::async_failpoint;
use crate::plan::SyncJob;

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

/// Why an attempt at a batch was given up, with nothing written.
pub(super) enum ApplyError {
    /// The database's answer: another attempt may do better.
    Db(DbError),
    /// No attempt will.
    Stop(Error),
}

impl From<DbError> for ApplyError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        Self::Stop(error)
    }
}

/// Whether rows are more than a database takes in one transaction.
fn exceeds(limits: TransactionLimits, rows: &[(Key, Option<Row>)]) -> bool {
    let bytes = || rows.iter().filter_map(|(_, row)| row.as_ref()).map(Row::bytes).sum::<usize>();
    limits.rows.is_some_and(|most| rows.len() > most) || limits.bytes.is_some_and(|most| bytes() > most)
}

impl SyncRunner<'_> {
    /// Carries the rows with these keys over, and says what became of each. Of those in `deleted` it is known
    /// that they may be gone.
    pub(super) async fn carry(
        &mut self,
        job: &SyncJob,
        keys: &[Key],
        deleted: &HashSet<Key>,
    ) -> Result<HashMap<Key, Outcome>> {
        let asked = self.reader.wanted(job, keys).await?;
        self.carry_read(job, keys, asked, deleted).await
    }

    /// Carries rows over that were read.
    pub(super) async fn carry_read(
        &mut self,
        job: &SyncJob,
        keys: &[Key],
        asked: Asked,
        deleted: &HashSet<Key>,
    ) -> Result<HashMap<Key, Outcome>> {
        let mut outcomes: HashMap<Key, Outcome> = HashMap::new();
        let mut ready: Vec<(Key, Option<Row>)> = Vec::new();
        let mut unseen: Vec<Key> = Vec::new();
        for (key, wanted) in asked.rows {
            match wanted {
                Wanted::Row(row) => ready.push((key, Some(*row))),
                Wanted::Gone if deleted.contains(&key) => ready.push((key, None)),
                Wanted::Gone => unseen.push(key),
                Wanted::Unreadable(reason) => drop(outcomes.insert(key, Outcome::Failed(reason))),
            }
        }
        for (key, outcome) in self.account_for(job, unseen).await? {
            match outcome {
                None => ready.push((key, None)),
                Some(outcome) => drop(outcomes.insert(key, outcome)),
            }
        }
        let gone = ready.iter().filter(|(_, row)| row.is_none()).count() as u64;
        if gone > 0 {
            self.heed_deletes(job, gone).await?;
        }
        outcomes.extend(Box::pin(self.without_parents(job, &mut ready)).await?);
        if !ready.is_empty() {
            outcomes.extend(self.write(job, &ready).await?);
            let come = std::mem::take(&mut self.come);
            self.heed_inserts(job, come).await?;
        }
        let of = |key: &Key| outcomes.get(asked.canonical.get(key).unwrap_or(key)).cloned();
        Ok(keys.iter().map(|key| (key.clone(), of(key).unwrap_or(Outcome::Later))).collect())
    }

    /// Writes rows in one transaction, again and again until one is committed, as soon as the pace allows; in several
    /// where the database takes no more in one, or another session is in the way.
    async fn write(&mut self, job: &SyncJob, rows: &[(Key, Option<Row>)]) -> Result<HashMap<Key, Outcome>> {
        if rows.len() > 1 && exceeds(self.plan.limits, rows) {
            return self.write_halves(job, rows).await;
        }
        if !self.context.may_write(rows.len()).await {
            return Ok(rows.iter().map(|(key, _)| (key.clone(), Outcome::Later)).collect());
        }
        let mut backoff = self.plan.guard.backoff(job.place());
        let mut first = true;
        loop {
            self.plan.guard.hold().await?;
            if !std::mem::take(&mut first) {
                self.settle_open().await?;
            }
            let plan = self.plan;
            match Box::pin(plan.guard.watched(job.place(), self.attempt(job, rows))).await {
                Ok(outcomes) => return Ok(outcomes),
                Err(ApplyError::Stop(error)) => return Err(error),
                Err(ApplyError::Db(error)) => {
                    let is_in_the_way = error.class == Class::Retry;
                    match backoff.after(error).await {
                        // Of fewer rows fewer are locked by others.
                        Ok(()) if is_in_the_way && rows.len() > 1 => {
                            self.settle_open().await?;
                            return self.write_halves(job, rows).await;
                        }
                        Ok(()) => {}
                        // A session in the way delays these rows, and no others.
                        Err(error) if error.class == Class::Retry => {
                            self.settle_open().await?; // or what comes next would meet rows on their way
                            let outcome = Outcome::Failed(format!("another session blocks it: {error}"));
                            return Ok(rows.iter().map(|(key, _)| (key.clone(), outcome.clone())).collect());
                        }
                        // A constraint that is checked at the commit: the halves tell which row it is.
                        Err(error) if error.class == Class::Row => {
                            self.settle_open().await?;
                            let [(key, _)] = rows else { return self.write_halves(job, rows).await };
                            return Ok(HashMap::from([(key.clone(), Outcome::Failed(error.to_string()))]));
                        }
                        Err(error) => {
                            if let Err(why) = self.settle_open().await {
                                tracing::debug!("left to the next session: {why}");
                            }
                            return Err(failed(job.place(), &error));
                        }
                    }
                }
            }
        }
    }

    async fn write_halves(
        &mut self,
        job: &SyncJob,
        rows: &[(Key, Option<Row>)],
    ) -> Result<HashMap<Key, Outcome>> {
        let (one, other) = rows.split_at(rows.len() / 2);
        let mut outcomes = Box::pin(self.write(job, one)).await?;
        outcomes.extend(Box::pin(self.write(job, other)).await?);
        Ok(outcomes)
    }

    /// After a lost COMMIT reply the outcome is unknown; the rows are read again.
    async fn settle_open(&mut self) -> Result<()> {
        self.context.journal.flush().await?;
        settle(self.context, self.plan).await?;
        self.unwritten.clear();
        Ok(())
    }

    async fn attempt(
        &mut self,
        job: &SyncJob,
        rows: &[(Key, Option<Row>)],
    ) -> Result<HashMap<Key, Outcome>, ApplyError> {
        let transaction = self.plan.new.begin().await?;
        let mut batch = Batch::new(self, job, transaction);
        batch.look(rows).await?;
        let (target, journal) = (job.index, &self.context.journal);
        let started = |rows: &[CopyRow]| Event::CopyStarted { target, rows: rows.to_vec() };
        // The journal syncs its disk while the database works. What is recorded and not committed is settled.
        let planned = batch.planned();
        let record = async {
            if planned.is_empty() {
                return Ok(());
            }
            journal.append(vec![started(&planned).into()]).await?;
            async_failpoint!("sync-recorded", super::planned_failure());
            Ok::<_, Error>(())
        };
        let write = async {
            batch.write().await?;
            batch.must_be_kept().await
        };
        let (recorded, written) = tokio::join!(record, write);
        recorded?;
        written?;
        if batch.written() != planned {
            // Refused together, and written one by one: nothing came of what was recorded.
            let none = Event::CopyDone { target, applied: 0, superseded: Vec::new() };
            let none = (!planned.is_empty()).then_some(none);
            let rows = (!batch.written().is_empty()).then(|| started(batch.written()));
            journal.append(none.into_iter().chain(rows).map(Into::into).collect()).await?;
        }
        let (transaction, done) = batch.into_parts();
        self.fetched |= done.fetched;
        let applied = done.written.len() as u64;
        let come = done.written.iter().filter(|row| row.before.is_none()).count() as u64;
        if applied > 0 || !planned.is_empty() {
            self.unwritten.clear(); // what was left to the next group is in it
        }
        if applied > 0 {
            async_failpoint!("sync-before-commit", ApplyError::Stop(super::planned_failure()));
            transaction.commit().await?;
            async_failpoint!("sync-after-commit", ApplyError::Stop(super::planned_failure()));
        } else if !done.merged.is_empty() {
            transaction.commit().await?; // the rows stay the new server's: there is nothing to mark
        } else {
            transaction.rollback().await?;
        }
        self.come += come;
        if applied > 0 || !done.superseded.is_empty() || !done.same.is_empty() {
            let settled = |row: &CopyRow| (row.key.clone(), row.after.map(RowMark::settled));
            let removed = done.removed.into_iter().map(|key| (key, None));
            let marks = done.written.iter().map(settled).chain(done.same).chain(removed).collect();
            let marks: Vec<(Key, Option<RowMark>)> = marks;
            self.unwritten.extend(marks.iter().map(|(key, mark)| ((target, key.clone()), *mark)));
            let done = Event::CopyDone { target, applied, superseded: done.superseded };
            journal.defer(Entry::marked(done, marks));
        }
        Ok(done.outcomes)
    }

    /// The marks of rows.
    pub(super) async fn marks(&self, job: &SyncJob, keys: HashSet<Key>) -> Result<HashMap<Key, RowMark>> {
        let target = job.index;
        let mut known = HashMap::new();
        let (here, there): (Vec<Key>, Vec<Key>) =
            keys.into_iter().partition(|key| self.unwritten.contains_key(&(target, key.clone())));
        for key in here {
            let mark = self.unwritten.get(&(target, key.clone())).copied().flatten();
            known.extend(mark.map(|mark| (key, mark)));
        }
        let found = self.context.journal.read(move |journal| {
            let mut marks = known;
            for key in there {
                if let Some(mark) = journal.mark(target, &key)? {
                    marks.insert(key, mark);
                }
            }
            Ok(marks)
        });
        found.await
    }
}
