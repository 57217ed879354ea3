//! Deletes that no trigger has seen: MySQL fires none where a foreign key deletes.

use keyrotation_journal::Key;

use super::carry::Outcome;
use super::read::key_of;
use super::{Sync, failed};
use crate::db::{Record, Value};
use crate::error::Result;
use crate::plan::SyncJob;
use crate::source::key_values;

impl Sync<'_> {
    /// Deletes rows that were carried over and that the old database no longer has; once traffic is
    /// switched it only says how many there are. Returns how many rows it deleted.
    pub(super) async fn reconcile(&mut self) -> Result<u64> {
        let mut deleted = 0;
        self.counts_superseded = false;
        // Children first: a row that a parent takes with it is not counted twice.
        for job in self.plan.jobs.clone().iter().rev() {
            let done = self.reconcile_table(job).await;
            match done {
                Ok(count) => deleted += count,
                Err(error) => {
                    self.counts_superseded = true;
                    return Err(error);
                }
            }
        }
        self.counts_superseded = true;
        Ok(deleted)
    }

    async fn reconcile_table(&mut self, job: &SyncJob) -> Result<u64> {
        let switched = self.is_switched();
        let mut walk = self.plan.walk_new(&job.new, &[]);
        let mut count = 0;
        for page_number in 1_usize.. {
            if page_number % self.plan.sizes.pages_of_keys == 0 {
                self.counts_superseded = true;
                let worked = Box::pin(self.round()).await;
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
            let ours = self.marks(job, missing.into_iter().collect()).await?;
            let keys: Vec<Key> = ours.into_keys().collect();
            if switched {
                count += keys.len() as u64;
            } else if !keys.is_empty() {
                let outcomes = self.carry(job, &keys).await?;
                count += outcomes.values().filter(|outcome| **outcome == Outcome::Applied).count() as u64;
            }
        }
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
