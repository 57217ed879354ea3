//! Whether the new database kept what was written to it: a trigger or a rule there may have done something else.
//!
//! An entry is acknowledged for what stands in the new database, never for a statement that was not refused.

use std::collections::HashMap;

use keyrotation_journal::{Digest, Key};

use super::super::carry::ApplyError;
use super::Batch;
use crate::db::{Class, DbError};

impl Batch<'_, '_> {
    /// Reads before the commit what was written. An error is that of a row, so fewer rows tell which it is.
    pub(in crate::sync) async fn must_be_kept(&mut self) -> Result<(), ApplyError> {
        let written = self.done.written.iter().map(|row| (row.key.clone(), row.after));
        let removed = self.done.removed.iter().map(|key| (key.clone(), None));
        let expected: HashMap<Key, Option<Digest>> = removed.chain(written).collect();
        let merged = self.done.merged.clone();
        if expected.is_empty() && merged.is_empty() {
            return Ok(());
        }
        self.transaction.fire_deferred().await?;
        let keys: Vec<Key> = expected.keys().chain(&merged).cloned().collect();
        let present = self.lock(&keys).await?;
        let digest = |key: &Key| present.get(key).map(|row| row.digest);
        let is_in_use = |key: &Key| present.get(key).is_none_or(|row| row.is_in_use(self.job) == Some(true));
        let other = expected.iter().find(|(key, after)| digest(key) != **after).map(|(key, _)| key);
        let Some(key) = other.or_else(|| merged.iter().find(|key| is_in_use(key))) else { return Ok(()) };
        let table = &self.job.new.relation.table;
        let text = format!(
            "the new database does not keep what is written to {table} (row {key}): see which triggers and rules that table \
             has there, and drop what changes or cancels a change"
        );
        Err(DbError::new(Class::Row, text).into())
    }
}
