//! Whether the new database kept what was written to it: a trigger or a rule there may have done something else.
//!
//! An entry is acknowledged for what stands in the new database, never for a statement that was not refused.

use std::collections::HashMap;

use keyrotation_journal::{Digest, Key};

use super::super::carry::ApplyError;
use super::super::read::key_of;
use super::super::rows::{Row, Side};
use super::Batch;
use crate::db::{Class, DbError, Record, Value};
use crate::source::key_values;

impl Batch<'_, '_> {
    /// Reads before the commit what was written. An error is that of a row, so fewer rows tell which it is.
    pub(crate) async fn must_be_kept(&mut self) -> Result<(), ApplyError> {
        let written = self.done.written.iter().map(|row| (row.key.clone(), row.after));
        let removed = self.done.removed.iter().map(|key| (key.clone(), None));
        let expected: HashMap<Key, Option<Digest>> = removed.chain(written).collect();
        let merged = self.done.merged.clone();
        if expected.is_empty() && merged.is_empty() {
            return Ok(());
        }
        self.transaction.fire_deferred().await?;
        let keys: Vec<Vec<Value>> = expected.keys().chain(&merged).map(key_values).collect();
        let records = self.transaction.read_rows(&self.job.new, &self.job.read_new, &keys).await?;
        let (as_written, others) = self.compared_with_written(records);
        let others = self.sync.reader.opened(self.job, Side::New, others).await?;
        let others: HashMap<Key, Row> =
            others.into_iter().flatten().map(|row| (row.key.clone(), row)).collect();
        let row = |key: &Key| others.get(key).or_else(|| as_written.get(key).copied());
        let is_kept = |key: &Key, after: Option<Digest>| row(key).map(|row| row.digest) == after;
        let is_in_use = |key: &Key| row(key).is_none_or(|row| row.is_in_use(self.job) == Some(true));
        let other = expected.iter().find(|(key, after)| !is_kept(key, **after)).map(|(key, _)| key);
        let Some(key) = other.or_else(|| merged.iter().find(|key| is_in_use(key))) else { return Ok(()) };
        let table = &self.job.new.relation.table;
        let text = format!(
            "the new database does not keep what is written to {table} (row {key}): see which triggers and rules that table \
             has there, and drop what changes or cancels a change"
        );
        Err(DbError::new(Class::Row, text).into())
    }

    /// The written rows that stand there byte for byte, and the records of all others. A row that has the very bytes that
    /// were written needs no decryption.
    fn compared_with_written(&self, records: Vec<Record>) -> (HashMap<&Key, &Row>, Vec<Record>) {
        let width = self.job.table.relation.key.len();
        let (mut as_written, mut others) = (HashMap::new(), Vec::new());
        for record in records {
            let key = key_of(self.job, &record);
            match key.and_then(|key| self.done.contents.get_key_value(&key)) {
                Some((key, row)) if row.is_record(&record, width) => drop(as_written.insert(key, row)),
                _ => others.push(record),
            }
        }
        (as_written, others)
    }
}
