//! The one way to walk a table: page by page, each behind the last key of the one before.
//!
//! Invariants:
//! - A walk goes on behind the last key of a page *as it was read*, whatever becomes of its rows: one that
//!   cannot be opened, or whose key cannot be told, is in its page like any other.
//! - A walk is over when the server has no row behind the last one, never because a page was short.
//! - Only the server orders keys.

use std::sync::Arc;

use keyrotation_journal::Key;

use super::{key_part, key_values};
use crate::db::{Db, DbError, Record, Table, Value};
use crate::guard::Guard;

/// A walk over a table, or over a range of its keys.
#[derive(Debug, Clone)]
pub struct Walk {
    db: Db,
    table: Arc<Table>,
    columns: Vec<String>,
    guard: Arc<Guard>,
    /// The key that it begins behind; none at the beginning.
    from: Option<Vec<Value>>,
    /// The key that it ends with.
    upto: Option<Vec<Value>>,
    /// The key that it goes on behind.
    after: Option<Vec<Value>>,
    is_over: bool,
}

impl Walk {
    /// A walk over all rows: the key's columns, then `columns`. The guard waits for a server that is away.
    pub fn new<C: AsRef<str>>(db: &Db, table: &Arc<Table>, columns: &[C], guard: &Arc<Guard>) -> Self {
        Self {
            db: db.clone(),
            table: Arc::clone(table),
            columns: columns.iter().map(|column| column.as_ref().to_owned()).collect(),
            guard: Arc::clone(guard),
            from: None,
            upto: None,
            after: None,
            is_over: false,
        }
    }

    /// From now on only over the rows behind `after`, up to and including `upto`.
    pub fn over(&mut self, after: Option<&Key>, upto: Option<&Key>) {
        self.from = after.map(key_values);
        self.upto = upto.map(key_values);
        self.begin_again();
    }

    /// Goes back to the beginning.
    pub fn begin_again(&mut self) {
        self.after.clone_from(&self.from);
        self.is_over = false;
    }

    /// Goes on behind this key.
    pub fn go_on_behind(&mut self, key: &Key) {
        self.after = Some(key_values(key));
        self.is_over = false;
    }

    /// The next rows, up to `limit` of them; none behind the last one.
    pub async fn next(&mut self, limit: usize) -> Result<Option<Vec<Record>>, DbError> {
        let mut limit = limit.max(1);
        while !self.is_over {
            let mut page = self.read(limit).await?;
            // What stands behind the last key that can be bound is read again with the next page.
            if let Some(at) = page.iter().rposition(|record| self.key(record).is_some()) {
                self.after = self.key(&page[at]);
                self.is_over = self.upto.is_some() && self.after == self.upto;
                page.truncate(at + 1);
                return Ok(Some(page));
            }
            if page.len() < limit {
                self.is_over = true;
                return Ok((!page.is_empty()).then_some(page));
            }
            limit *= 2; // until it has a key that can be bound
        }
        Ok(None)
    }

    /// Likewise, but there are fewer only if there are no more, and whether it is so: a range that ends
    /// with them has all rows behind the ones before.
    pub async fn fill(&mut self, limit: usize) -> Result<(Vec<Record>, bool), DbError> {
        let mut page = Vec::new();
        while page.len() < limit {
            match self.next(limit).await? {
                Some(more) => page.extend(more),
                None => return Ok((page, true)),
            }
        }
        Ok((page, false))
    }

    async fn read(&self, limit: usize) -> Result<Vec<Record>, DbError> {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let (after, upto) = (self.after.as_deref(), self.upto.as_deref());
        let read = || self.db.page(&self.table, &columns, after, upto, limit);
        let page = self.guard.try_reading(self.table.relation.table, read).await?;
        tracing::trace!("{}: reads {} rows in a page", self.table.relation.table, page.len());
        Ok(page)
    }

    /// A row's key, if it can be bound as it is.
    fn key(&self, record: &Record) -> Option<Vec<Value>> {
        let key = record.get(..self.table.relation.key.len())?;
        key.iter().all(|part| key_part(part.clone()).is_some()).then(|| key.to_vec())
    }
}

#[cfg(test)]
mod tests;
