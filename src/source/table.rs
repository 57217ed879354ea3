//! The rows of a table.

use std::collections::HashSet;
use std::sync::Arc;

use keyrotation_journal::{Key, KeyPart};
use tokio::sync::mpsc::Sender;

use super::{Row, Walk};
use crate::db::{Db, DbError, Expression, Record, Table, Value, Wait};
use crate::error::{Error, Result};
use crate::failpoint::async_failpoint;
use crate::guard::{Guard, refused};
use crate::sizes::Sizes;
use crate::target::{Column, Target};

/// The rows of one table.
#[derive(Debug, Clone)]
pub struct TableSource {
    db: Db,
    target: Arc<Target>,
    table: Arc<Table>,
    guard: Arc<Guard>,
    /// For each value column, whether its hash column is there.
    hashes: Vec<bool>,
    columns: Arc<[Expression]>,
}

impl TableSource {
    /// The rows of `target`. `has_column` tells whether the live schema has a column: older ones
    /// lack some hash columns.
    pub fn new(
        db: Db,
        target: Arc<Target>,
        table: Arc<Table>,
        guard: Arc<Guard>,
        has_column: impl Fn(&str) -> bool,
    ) -> Self {
        let has = |value: &Column| value.hash.as_ref().is_some_and(|hash| has_column(hash));
        let hashes = target.values.iter().map(has).collect();
        let values = target.values.iter().map(|value| &value.name);
        let present = target.values.iter().filter(|value| has(value)).filter_map(|value| value.hash.as_ref());
        let group = target.groups.iter().map(|groups| &groups.column);
        let columns = values.chain(present).chain(group).map(Expression::from).collect();
        Self { db, target, table, guard, hashes, columns }
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn walk(&self) -> Walk {
        Walk::new(&self.db, &self.table, Arc::clone(&self.columns), &self.guard)
    }

    /// What a walk over it has read.
    pub(super) fn read(&self, page: Result<Option<Vec<Record>>, DbError>) -> Result<Option<Vec<Row>>> {
        page.transpose().map(|page| self.all(page)).transpose()
    }

    /// Sends all rows, so many at a time, by one statement.
    pub(super) async fn stream(self, limit: usize, to: Sender<Vec<Row>>) -> Result<(), DbError> {
        let place = &self.target.relation.table;
        let (mut page, mut count) = (Vec::with_capacity(limit), 0);
        let mut found = |record| -> Wait {
            page.push(self.row(record));
            count += 1;
            if page.len() < limit {
                return None;
            }
            let (full, to) = (std::mem::replace(&mut page, Vec::with_capacity(limit)), to.clone());
            Some(Box::pin(async move { drop(to.send(full).await) })) // nobody takes it: this is at its end, too
        };
        let statement = self.db.stream(&self.table, &self.columns, &mut found);
        self.guard.watched(place, statement).await?;
        async_failpoint!("stream-breaks", planned_failure());
        tracing::trace!("{place}: reads {count} rows by one statement");
        if !page.is_empty() {
            drop(to.send(page).await);
        }
        Ok(())
    }

    pub(super) async fn rows(&self, keys: &[&Key]) -> Result<Vec<Row>> {
        let (named, unnamed): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| key.is_readable());
        let keys: Vec<_> = named.into_iter().map(key_values).collect();
        let read = || self.db.rows(&self.table, &self.columns, &keys);
        let mut rows = self.all(self.guard.try_reading(&self.target.relation.table, read).await)?;
        self.meet(unnamed.into_iter().collect(), &mut rows).await?;
        Ok(rows)
    }

    fn page_rows(&self) -> usize {
        let sizes = Sizes::new();
        if self.target.codec.is_envelope() { sizes.rows } else { sizes.heavy_rows }
    }

    /// Adds the rows that no statement can name, and that are only met on the way: a row that is not asked for is not one
    /// that is gone.
    async fn meet(&self, mut wanted: HashSet<&Key>, rows: &mut Vec<Row>) -> Result<()> {
        let mut walk = self.walk();
        while !wanted.is_empty() {
            let Some(page) = self.read(walk.next(self.page_rows()).await)? else { return Ok(()) };
            rows.extend(page.into_iter().filter(|row| wanted.remove(&row.key)));
        }
        Ok(())
    }

    fn all(&self, read: Result<Vec<Record>, DbError>) -> Result<Vec<Row>> {
        let records = read.map_err(|error| unreadable(&self.target, &error))?;
        Ok(records.into_iter().map(|record| self.row(record)).collect())
    }

    fn row(&self, record: Record) -> Row {
        let mut rest = record.into_iter();
        let key = Key(rest.by_ref().take(self.target.relation.key.len()).map(any_key_part).collect());
        let values: Vec<_> = rest.by_ref().take(self.target.values.len()).collect();
        let mut hash = |present: &bool| if *present { rest.next().and_then(text) } else { None };
        let hashes = self.hashes.iter().map(&mut hash).collect();
        let group = self.target.group_of(rest.next().and_then(text).as_deref());
        Row { key, values, hashes, group, problem: None }
    }
}

/// An error of a database, with what was read.
pub fn unreadable(target: &Target, error: &DbError) -> Error {
    refused(&format!("{} database, {}", target.store.name(), target.relation.table), error)
}

/// A key as parameters of a statement.
pub fn key_values(key: &Key) -> Vec<Value> {
    let value = |part: &KeyPart| match part {
        KeyPart::Int(number) => Value::Int(*number),
        KeyPart::Text(text) => Value::Text(text.clone()),
        KeyPart::Bytes(bytes) => Value::Bytes(bytes.clone()),
        KeyPart::Unreadable(bytes) => Value::NotText(bytes.clone()),
    };
    key.0.iter().map(value).collect()
}

/// A key column's value as a part of a key; `None` for what cannot be one.
pub fn key_part(value: Value) -> Option<KeyPart> {
    match value {
        Value::Int(number) => Some(KeyPart::Int(number)),
        Value::Text(text) => Some(KeyPart::Text(text)),
        Value::Bytes(bytes) => Some(KeyPart::Bytes(bytes)),
        // Such a text, bound, would be taken for bytes, which come after all texts: rows would be left out.
        Value::Null | Value::Real(_) | Value::NotText(_) => None,
    }
}

/// Likewise, of what cannot be one, too.
fn any_key_part(value: Value) -> KeyPart {
    match value {
        Value::Null => KeyPart::Unreadable(b"NULL".to_vec()),
        Value::Real(number) => KeyPart::Unreadable(format!("{number:?}").into_bytes()),
        Value::NotText(bytes) => KeyPart::Unreadable(bytes),
        Value::Int(number) => KeyPart::Int(number),
        Value::Text(text) => KeyPart::Text(text),
        Value::Bytes(bytes) => KeyPart::Bytes(bytes),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(feature = "failpoints")]
fn planned_failure() -> DbError {
    DbError::new(crate::db::Class::Lost, "failure planned by a test")
}

#[cfg(test)]
mod tests;
