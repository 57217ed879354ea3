//! Reading the old database: what it holds now under keys that have changed.

use std::collections::HashMap;

use keyrotation_journal::Key;

use super::failed;
use super::rows::{Opened, Row, Side, open};
use crate::blocking::blocking;
use crate::db::{Record, Value};
use crate::engine::ChunkPlanner;
use crate::error::Result;
use crate::plan::{SyncJob, SyncPlan};
use crate::source::key_values;

/// Reads rows and opens them.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) plan: SyncPlan,
    pub(super) planner: ChunkPlanner,
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

/// Rows of the old database as they were read.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// By the keys that it has them under.
    pub(super) rows: HashMap<Key, Wanted>,
    /// Keys that stand for another there.
    pub(super) canonical: HashMap<Key, Key>,
}

impl Reader {
    /// What the old database holds under these keys.
    pub(super) async fn wanted(&self, job: &SyncJob, keys: &[Key]) -> Result<Asked> {
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
        Ok(Asked { rows: found, canonical })
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
        let keys: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
        let read = || self.plan.old.rows(&job.old, &job.read_old, &keys);
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
        let (planner, job) = (self.planner.clone(), job.clone());
        blocking(move || Ok(open(&planner, &job, side, records))).await
    }
}

/// The key of a row as read.
pub(super) fn key_of(job: &SyncJob, record: &Record) -> Option<Key> {
    let width = job.table.relation.key.len();
    job.key(record.iter().take(width).cloned())
}
