//! The one way to walk a table: page by page, each behind the last key of the one before, as [`Course`] goes on.
//!
//! Invariant: only the server orders keys.

use std::sync::Arc;

use keyrotation_journal::Key;

use super::course::Course;
use super::{key_part, key_values};
use crate::db::{Class, Db, DbError, Expression, Record, Table, Value};
use crate::guard::Guard;

/// A walk over a table, or over a range of its keys.
#[derive(Debug, Clone)]
pub struct Walk {
    db: Db,
    table: Arc<Table>,
    columns: Arc<[Expression]>,
    guard: Arc<Guard>,
    course: Course<Vec<Value>>,
}

impl Walk {
    /// A walk over all rows: the key's columns, then `columns`. The guard waits for a server that is away.
    pub fn new(
        db: &Db,
        table: &Arc<Table>,
        columns: impl Into<Arc<[Expression]>>,
        guard: &Arc<Guard>,
    ) -> Self {
        Self {
            db: db.clone(),
            table: Arc::clone(table),
            columns: columns.into(),
            guard: Arc::clone(guard),
            course: Course::default(),
        }
    }

    /// From now on only over the rows behind `after`, up to and including `upto`.
    pub fn over(&mut self, after: Option<&Key>, upto: Option<&Key>) {
        self.course.over(after.map(key_values), upto.map(key_values));
    }

    /// Goes back to the beginning.
    pub fn begin_again(&mut self) {
        self.course.begin_again();
    }

    /// A walk over what this one has passed, and what may have come there since; none at its beginning.
    pub fn passed(&self) -> Option<Self> {
        let course = self.course.passed()?;
        Some(Self { course, ..self.clone() })
    }

    /// Goes on behind this key.
    pub fn go_on_behind(&mut self, key: &Key) {
        self.course.go_on_behind(key_values(key));
    }

    /// The next rows, up to `limit` of them; none behind the last one.
    pub async fn next(&mut self, limit: usize) -> Result<Option<Vec<Record>>, DbError> {
        let Self { db, table, columns, guard, course } = self;
        let (db, table, columns, guard) = (&*db, &**table, &**columns, &**guard);
        let read = |after: Option<Vec<Value>>, upto: Option<Vec<Value>>, limit| async move {
            let (after, upto) = (after.as_deref(), upto.as_deref());
            let read = || db.page(table, columns, after, upto, limit);
            let page = guard.try_reading(&table.relation.table, read).await?;
            tracing::trace!("{}: reads {} rows in a page", table.relation.table, page.len());
            Ok(page)
        };
        let is_at = |record: &Record, key: &Vec<Value>| record.starts_with(key);
        course.next(limit, read, |record| bound(table, record), is_at, |key| standing_still(key)).await
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
}

/// A row's key, if it can be bound as it is.
fn bound(table: &Table, record: &Record) -> Option<Vec<Value>> {
    let key = record.get(..table.relation.key.len())?;
    key.iter().all(|part| key_part(part.clone()).is_some()).then(|| key.to_vec())
}

/// The server takes a key that it has told for another one, as where what it is compared with cannot hold it.
fn standing_still(key: &[Value]) -> DbError {
    let parts = key.iter().cloned().map(key_part).collect::<Option<_>>();
    let shown = parts.map_or_else(|| "a row".to_owned(), |parts| format!("the row {}", Key(parts)));
    let what = format!(
        "the server returns {shown} again where a later row should follow, so the table cannot be \
                 read to its end"
    );
    DbError::new(Class::Environment, what).with_remedy(Some(
        "please report this with the types of the key's columns; nothing was written after that row",
    ))
}

#[cfg(test)]
mod tests;
