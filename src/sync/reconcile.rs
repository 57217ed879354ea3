//! Deletes that no trigger has seen: MySQL fires none where a foreign key deletes. What is missing and cannot be
//! explained so is listed, and not deleted.

use keyrotation_journal::{Key, RowMark};

use super::carry::Outcome;
use super::read::key_of;
use super::rows::{Row, Side};
use super::{SyncRunner, failed};
use crate::db::{Record, Value};
use crate::error::Result;
use crate::plan::SyncJob;
use crate::source::key_values;

impl SyncRunner<'_> {
    /// Deletes rows that were carried over and that the old database no longer has, where what they belonged to
    /// is gone; once traffic is switched it only says how many there are. Rows that the comparison has left are tried
    /// again. Returns how many rows it has seen to, or are on their way.
    pub(super) async fn reconcile(&mut self) -> Result<u64> {
        self.counts_superseded = false;
        let done = self.reconcile_tables().await;
        self.counts_superseded = true;
        done
    }

    async fn reconcile_tables(&mut self) -> Result<u64> {
        self.plan.look_at_triggers().await?;
        let mut done = 0;
        // Parents first: what is known of them tells what becomes of their children.
        for job in &self.plan.jobs.clone() {
            done += self.reconcile_table(job).await?;
        }
        Ok(done + self.compare_left().await?)
    }

    async fn reconcile_table(&mut self, job: &SyncJob) -> Result<u64> {
        let switched = self.is_switched();
        let Some(at) = self.place_of(job) else { return Ok(0) };
        self.forget_unnamed(at);
        let mut unseen: Vec<Key> = Vec::new();
        let mut walk = self.plan.walk_new(&job.new, &[]);
        let mut count = 0;
        for page_number in 1_usize.. {
            if page_number % self.plan.sizes.pages_of_keys == 0 {
                self.counts_superseded = true;
                let worked = Box::pin(self.see_to_some()).await;
                self.counts_superseded = false;
                worked?;
                self.count().await?;
            }
            if self.context.is_held_up() {
                break;
            }
            self.keep_servers().await?;
            let page = walk.next(self.plan.sizes.rows).await;
            let Some(page) = page.map_err(|error| failed(job.place(), &error))? else { break };
            let missing = self.missing(job, &page).await?;
            let keys = self.left_or_in_use(job, missing).await?;
            if switched {
                count += keys.len() as u64;
                continue;
            }
            let (gone, left): (Vec<_>, Vec<_>) =
                self.account_for(job, keys).await?.into_iter().partition(|(_, outcome)| outcome.is_none());
            count += left.iter().filter(|(_, outcome)| *outcome == Some(Outcome::Later)).count() as u64;
            let is_held = |(key, outcome)| matches!(outcome, Some(Outcome::Held(_))).then_some(key);
            unseen.extend(left.into_iter().filter_map(is_held));
            if !gone.is_empty() {
                let keys: Vec<Key> = gone.into_iter().map(|(key, _)| key).collect();
                let outcomes = self.carry(job, &keys, &keys.iter().cloned().collect()).await?;
                count += outcomes.values().filter(|outcome| **outcome == Outcome::Applied).count() as u64;
            }
        }
        self.heed_missing(job, unseen.len() as u64).await?;
        self.list_unseen(at, &unseen);
        if count > 0 && switched {
            tracing::warn!(
                "{}: {count} rows that were carried over are not in the old database any more; \
                 traffic is switched, so they stay",
                job.place()
            );
            return Ok(0);
        }
        if count > 0 {
            tracing::info!("{}: {count} rows deleted that the old server no longer has", job.place());
        }
        Ok(count)
    }

    /// The rows among these that were in the copy, or were carried over, and are in the new database as this program
    /// left them; or that the new server has changed, and that are in use: what the old server took out of use must
    /// not be.
    async fn left_or_in_use(&self, job: &SyncJob, keys: Vec<Key>) -> Result<Vec<Key>> {
        let rows = self.known(job, keys).await?.into_iter();
        let counts =
            |(row, is_ours): (Row, bool)| (is_ours || row.is_in_use(job) == Some(true)).then_some(row.key);
        Ok(rows.filter_map(counts).collect())
    }

    /// The rows among these that were in the copy, or were carried over, with whether they are as this program left
    /// them.
    pub(super) async fn known(&self, job: &SyncJob, keys: Vec<Key>) -> Result<Vec<(Row, bool)>> {
        let mut marks = self.marks(job, keys.into_iter().collect()).await?;
        marks.retain(|_, mark| *mark != RowMark::OF_THE_NEW_SERVER); // their earlier content is unknown
        let values: Vec<Vec<Value>> = marks.keys().map(key_values).collect();
        let read = || self.plan.new.rows(&job.new, &job.read_new, &values);
        let records = self.plan.guard.try_reading(job.place(), read).await;
        let records = records.map_err(|error| failed(job.place(), &error))?;
        let rows = self.reader.opened(job, Side::New, records).await?.into_iter().flatten();
        let known = |row: Row| {
            let is_ours = marks.get(&row.key)?.allows(Some(row.digest));
            Some((row, is_ours))
        };
        Ok(rows.filter_map(known).collect())
    }

    /// The keys among these that the old database does not have.
    async fn missing(&self, job: &SyncJob, page: &[Record]) -> Result<Vec<Key>> {
        let keys: Vec<Key> = page.iter().filter_map(|record| key_of(job, record)).collect();
        let values: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
        let read = || self.plan.old.rows(&job.old, &[], &values);
        let records = self.plan.old_guard.try_reading(job.place(), read).await;
        let records = records.map_err(|error| failed(job.place(), &error))?;
        let found: std::collections::HashSet<Key> =
            records.iter().filter_map(|record| key_of(job, record)).collect();
        Ok(keys.into_iter().filter(|key| !found.contains(key)).collect())
    }
}
