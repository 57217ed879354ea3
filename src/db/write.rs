//! Compare and set: a value is replaced only where it still is, byte for byte, what was read.

use std::collections::HashMap;

use super::batches::{key_arrays, keys_at_once, padded, padded_keys, parts};
use super::database::Transaction;
use super::dialect::Write;
use super::error::{Class, DbError};
use super::identifier::{Expression, Identifier};
use super::sql;
use super::table::{Kind, Table};
use super::value::{Record, Value};

/// What a JDBC driver says of a change in a batch that it made but did not count.
const SUCCESS_NO_INFO: i64 = -2;

/// A row's values: what was read, and what is to stand there.
#[derive(Debug, Clone)]
pub struct CompareAndSet<'a> {
    /// The row's key.
    pub key: Vec<Value>,
    /// What was read, by column.
    pub old: Vec<&'a Value>,
    /// What is to stand there, likewise.
    pub new: Vec<&'a Value>,
}

impl CompareAndSet<'_> {
    /// How many bytes the values take on their way, roughly.
    pub fn weight(&self) -> usize {
        self.all().map(Value::weight).sum()
    }

    /// Its key, what was read, and what is to stand there.
    fn all(&self) -> impl Iterator<Item = &Value> {
        self.key.iter().chain(self.old.iter().copied()).chain(self.new.iter().copied())
    }
}

/// Which rows of a batch were changed.
#[derive(Debug)]
pub enum Changed {
    /// All of them.
    All,
    /// Those with these keys.
    Only(Vec<Record>),
}

/// How the rows of a batch are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Together, in the quickest way.
    Fast,
    /// So that a refusal is this row's own.
    RowByRow,
}

impl Transaction {
    /// Replaces the values of `columns` in these rows, each row only if it still holds what was
    /// read, and says which it changed.
    pub async fn swap(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
        mode: WriteMode,
    ) -> Result<Changed, DbError> {
        match self.dialect.write {
            Write::Values => self.by_values(table, columns, rows).await,
            Write::Arrays => self.by_arrays(table, columns, rows).await,
            Write::Batch => self.by_batch(table, columns, rows).await,
            Write::LockFirst | Write::LockThenBatch => self.by_locks(table, columns, rows, mode).await,
        }
    }

    /// The database counts the rows that it changes, which is quicker than to hand each one's key on. Only where it is not
    /// all of them is it asked which.
    async fn by_values(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
    ) -> Result<Changed, DbError> {
        let sql = sql::set_from_values(self.dialect, table, columns, rows.len());
        let changed = self.change(&sql, rows.iter().flat_map(|row| row.all()).collect()).await?;
        if changed == rows.len() as u64 {
            return Ok(Changed::All);
        }
        // Only this transaction writes until it ends, and the new values are nobody else's: their IVs are random.
        let sql = sql::holding_values(self.dialect, table, columns, rows.len());
        let params: Vec<Value> =
            rows.iter().flat_map(|row| row.key.iter().chain(row.new.iter().copied())).cloned().collect();
        self.run(&sql, &params).await.map(Changed::Only)
    }

    async fn by_arrays(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
    ) -> Result<Changed, DbError> {
        let sql = sql::set_from_arrays(self.dialect, table, columns);
        let kinds = || columns.iter().map(|column| table.kind(column)).enumerate();
        let arrays: Vec<(Kind, Vec<&Value>)> =
            (key_arrays(table, &rows.iter().map(|row| row.key.as_slice())).into_iter())
                .chain(kinds().map(|(at, kind)| (kind, rows.iter().map(|row| row.old[at]).collect())))
                .chain(kinds().map(|(at, kind)| (kind, rows.iter().map(|row| row.new[at]).collect())))
                .collect();
        self.run_arrays(&sql, &arrays).await.map(Changed::Only)
    }

    async fn by_batch(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
    ) -> Result<Changed, DbError> {
        let sql = sql::set_if_same(self.dialect, table, columns);
        let mut bound: Vec<Vec<&Value>> = Vec::with_capacity(rows.len());
        for row in rows {
            bound.push(row.new.iter().copied().chain(&row.key).chain(row.old.iter().copied()).collect());
        }
        let counts = self.batch(&sql, &bound).await?;
        let mut changed = Vec::with_capacity(rows.len());
        for (row, count) in rows.iter().zip(counts) {
            match count {
                0 => {}
                1 => changed.push(row.key.clone()),
                odd => {
                    let text = format!("the driver counts {odd} where 0 or 1 was expected; rolled back");
                    return Err(DbError::new(Class::Environment, text));
                }
            }
        }
        Ok(Changed::Only(changed))
    }

    /// Locks the rows, compares them here, and writes those that are as they were.
    async fn by_locks(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
        mode: WriteMode,
    ) -> Result<Changed, DbError> {
        let dialect = self.dialect;
        let keys: Vec<Vec<Value>> = rows.iter().map(|row| row.key.clone()).collect();
        let mut locked = Vec::with_capacity(rows.len());
        let most = keys_at_once(dialect, table, dialect.rows_of_a_statement());
        let selected: Vec<Expression> = columns.iter().map(|name| Expression::from(*name)).collect();
        for part in keys.chunks(most) {
            let length = padded(part.len(), most);
            let sql = sql::lock(dialect, table, &selected, length);
            locked.extend(self.run(&sql, &padded_keys(part, length)).await?);
        }
        let width = table.relation.key.len();
        let found: HashMap<Vec<u8>, &[Value]> = locked
            .iter()
            .filter_map(|record| record.split_at_checked(width))
            .map(|(key, values)| (code(key), values))
            .collect();
        let is_same = |row: &CompareAndSet<'_>| {
            found.get(&code(&row.key)).is_some_and(|values| values.iter().eq(row.old.iter().copied()))
        };
        let same: Vec<&CompareAndSet<'_>> = rows.iter().copied().filter(|row| is_same(row)).collect();
        if same.is_empty() {
            return Ok(Changed::Only(Vec::new()));
        }
        if dialect.write == Write::LockThenBatch {
            let sql = sql::copy::set_one(dialect, table, columns);
            let bound: Vec<Vec<&Value>> =
                same.iter().map(|row| row.new.iter().copied().chain(&row.key).collect()).collect();
            for count in self.batch(&sql, &bound).await? {
                // Older drivers do not count in a batch.
                must_be(if count == SUCCESS_NO_INFO { 1 } else { u64::try_from(count).unwrap_or(0) }, 1)?;
            }
        } else if table.insertable && mode == WriteMode::Fast {
            for part in parts(&same, dialect.rows_of_a_statement()) {
                let sql = sql::set_locked(dialect, table, columns, part.len());
                let params = part.iter().flat_map(|row| row.key.iter().chain(row.new.iter().copied()));
                let affected = self.change(&sql, params.collect()).await?;
                must_be(affected, 2 * part.len())?; // the server counts a replaced row twice
            }
        } else {
            let sql = sql::copy::set_one(dialect, table, columns);
            for row in &same {
                let params = row.new.iter().copied().chain(&row.key);
                let affected = self.change(&sql, params.collect()).await?;
                must_be(affected, 1)?;
            }
        }
        if same.len() == rows.len() {
            return Ok(Changed::All);
        }
        Ok(Changed::Only(same.into_iter().map(|row| row.key.clone()).collect()))
    }
}

/// Rows that are locked can only be replaced; anything else is rolled back.
fn must_be(affected: u64, expected: usize) -> Result<(), DbError> {
    if affected == expected as u64 {
        return Ok(());
    }
    let text = format!("the server counts {affected} where {expected} was expected; rolled back");
    Err(DbError::new(Class::Environment, text))
}

/// A key as bytes that no other key has.
fn code(key: &[Value]) -> Vec<u8> {
    let mut code = Vec::new();
    for part in key {
        match part {
            Value::Int(number) => {
                code.push(b'i');
                code.extend(number.to_be_bytes());
            }
            other => {
                let bytes = other.as_bytes().unwrap_or_default();
                code.push(if other.as_text().is_some() { b't' } else { b'b' });
                code.extend((bytes.len() as u64).to_be_bytes());
                code.extend(bytes);
            }
        }
    }
    code
}

#[cfg(test)]
mod tests;
