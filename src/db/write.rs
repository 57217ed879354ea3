//! Compare and set: a value is replaced only where it still is, byte for byte, what was read.

use std::collections::HashMap;

use super::table::Kind;
use super::{Class, DbError, Dialect, Expression, Identifier, Record, Table, Transaction, Value, Write, sql};
use crate::sizes::Sizes;

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

/// How the rows of a batch are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Together, in the quickest way.
    Fast,
    /// So that a refusal is this row's own.
    RowByRow,
}

/// How many keys a statement names, of `most`.
pub(super) fn keys_at_once(dialect: &Dialect, table: &Table, most: usize) -> usize {
    let is_wide = table.relation.key.len() > 1 && dialect.write == Write::LockThenBatch;
    if is_wide { Sizes::new().wide_keys } else { most }
}

impl Transaction {
    /// Replaces the values of `columns` in these rows, each row only if it still holds what was
    /// read, and returns the keys of those that it changed.
    pub async fn swap(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
        mode: WriteMode,
    ) -> Result<Vec<Record>, DbError> {
        match self.dialect().write {
            Write::Values => self.by_values(table, columns, rows).await,
            Write::Arrays => self.by_arrays(table, columns, rows).await,
            Write::Batch => self.by_batch(table, columns, rows).await,
            Write::LockFirst | Write::LockThenBatch => self.by_locks(table, columns, rows, mode).await,
        }
    }

    async fn by_values(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
    ) -> Result<Vec<Record>, DbError> {
        let sql = sql::set_from_values(self.dialect(), table, columns, rows.len());
        let params: Vec<Value> = rows.iter().flat_map(|row| row.all()).cloned().collect();
        self.run(&sql, &params).await
    }

    async fn by_arrays(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
    ) -> Result<Vec<Record>, DbError> {
        let sql = sql::set_from_arrays(self.dialect(), table, columns);
        let kinds = || columns.iter().map(|column| table.kind(column)).enumerate();
        let arrays: Vec<(Kind, Vec<&Value>)> =
            (key_arrays(table, &rows.iter().map(|row| row.key.as_slice())).into_iter())
                .chain(kinds().map(|(at, kind)| (kind, rows.iter().map(|row| row.old[at]).collect())))
                .chain(kinds().map(|(at, kind)| (kind, rows.iter().map(|row| row.new[at]).collect())))
                .collect();
        self.run_arrays(&sql, &arrays).await
    }

    async fn by_batch(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
    ) -> Result<Vec<Record>, DbError> {
        let sql = sql::set_if_same(self.dialect(), table, columns);
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
        Ok(changed)
    }

    /// Locks the rows, compares them here, and writes those that are as they were.
    async fn by_locks(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[&CompareAndSet<'_>],
        mode: WriteMode,
    ) -> Result<Vec<Record>, DbError> {
        let dialect = self.dialect();
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
            return Ok(Vec::new());
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
        Ok(same.into_iter().map(|row| row.key.clone()).collect())
    }

    /// Runs a statement with an array for each column.
    pub(super) async fn run_arrays(
        &mut self,
        sql: &str,
        arrays: &[(Kind, Vec<&Value>)],
    ) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Postgres(transaction) => transaction.run_arrays(sql, arrays).await,
            Self::Jdbc(transaction) => transaction.run_arrays(sql, arrays).await,
            Self::Sqlite(_) | Self::MySql(_) => Err(unsupported("arrays")),
        }
    }

    /// Runs one query for each set of values.
    pub(super) async fn each(&mut self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Jdbc(transaction) => transaction.each(sql, rows).await,
            Self::Sqlite(_) | Self::Postgres(_) | Self::MySql(_) => Err(unsupported("batches")),
        }
    }

    /// Runs one change for each set of values, and says how many rows each changed.
    pub(super) async fn batch(&mut self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<i64>, DbError> {
        match self {
            Self::Jdbc(transaction) => transaction.batch(sql, rows).await,
            Self::Sqlite(_) | Self::Postgres(_) | Self::MySql(_) => Err(unsupported("batches")),
        }
    }

    /// Runs a statement and returns how many rows the server says it affected.
    async fn change(&mut self, sql: &str, params: Vec<&Value>) -> Result<u64, DbError> {
        match self {
            Self::MySql(transaction) => transaction.change(sql, params).await,
            Self::Jdbc(transaction) => transaction.change(sql, params).await,
            Self::Sqlite(_) | Self::Postgres(_) => Err(unsupported("counts of rows")),
        }
    }
}

/// A dialect's way of writing that its driver does not have: a fault of this program.
fn unsupported(what: &str) -> DbError {
    DbError::new(Class::Environment, format!("this driver is not asked for {what}"))
}

/// Keys as sets of values, one for each statement.
pub(super) fn each(keys: &[Vec<Value>]) -> Vec<Vec<&Value>> {
    keys.iter().map(|key| key.iter().collect()).collect()
}

/// How many keys a statement for so many names: few statements serve all lengths.
pub(super) fn padded(keys: usize, most: usize) -> usize {
    keys.next_power_of_two().min(most.max(keys))
}

/// Keys as parameters, filled up with the last one, which changes nothing.
pub(super) fn padded_keys(keys: &[Vec<Value>], length: usize) -> Vec<Value> {
    let padding = keys.last().into_iter().cycle().take(length.saturating_sub(keys.len()));
    keys.iter().chain(padding).flatten().cloned().collect()
}

/// An array for each column of the key.
pub(super) fn keys_by_column<'a>(table: &Table, keys: &'a [Vec<Value>]) -> Vec<(Kind, Vec<&'a Value>)> {
    key_arrays(table, &keys.iter().map(Vec::as_slice))
}

/// Likewise, of keys from wherever they are.
pub(super) fn key_arrays<'a>(
    table: &Table,
    keys: &(impl Iterator<Item = &'a [Value]> + Clone),
) -> Vec<(Kind, Vec<&'a Value>)> {
    let column = |(at, (_, kind))| (kind, keys.clone().filter_map(|key| key.get(at)).collect());
    table.key_kinds().enumerate().map(column).collect()
}

/// Divides rows into parts of few different lengths: `most`, or a power of two. A statement for each
/// length is prepared once; of any length, most would be prepared for one use.
pub(super) fn parts<T>(mut rows: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = match rows.len() {
            0 => return None,
            many if many >= most => most,
            few => 1 << few.ilog2(),
        };
        let (part, rest) = rows.split_at(length);
        rows = rest;
        Some(part)
    })
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
mod tests {
    use super::*;

    #[test]
    fn parts_have_few_lengths_and_leave_nothing_out() {
        let rows: Vec<usize> = (0..1137).collect();
        let lengths: Vec<usize> = parts(&rows, 500).map(<[usize]>::len).collect();
        assert_eq!(lengths, [500, 500, 128, 8, 1]);
        assert_eq!(parts(&rows, 500).collect::<Vec<_>>().concat(), rows);
        assert_eq!(parts(&rows[..0], 500).count(), 0);
    }

    #[test]
    fn keys_that_differ_have_different_codes() {
        let text = |text: &str| Value::Text(text.into());
        let keys = [
            vec![text("a"), text("bc")],
            vec![text("ab"), text("c")],
            vec![Value::Int(97)],
            vec![text("a")],
            vec![Value::Bytes(vec![97])],
        ];
        let codes: std::collections::HashSet<_> = keys.iter().map(|key| code(key)).collect();
        assert_eq!(codes.len(), keys.len());
    }
}
