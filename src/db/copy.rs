//! Whole rows on their way from one database to another.

use super::batches::{each, key_arrays, keys_at_once, keys_by_column, padded, padded_keys, parts};
use super::database::{Db, Transaction};
use super::dialect::{Dialect, Write};
use super::error::DbError;
use super::identifier::{Expression, Identifier};
use super::sizes::Sizes;
use super::sql;
use super::table::{Kind, Table};
use super::value::{Record, Value, first_number};

impl Transaction {
    /// Reads rows by their keys and keeps others from changing them: the key's columns, then
    /// `columns`. Rows that are not there are absent.
    pub async fn lock_rows(
        &mut self,
        table: &Table,
        columns: &[Expression],
        keys: &[Vec<Value>],
    ) -> Result<Vec<Record>, DbError> {
        let dialect = self.dialect;
        self.read_by_keys(table, keys, |rows| sql::lock(dialect, table, columns, rows)).await
    }

    /// Reads rows by their keys as this transaction has left them: the key's columns, then `columns`. Rows that are not
    /// there are absent.
    pub async fn read_rows(
        &mut self,
        table: &Table,
        columns: &[Expression],
        keys: &[Vec<Value>],
    ) -> Result<Vec<Record>, DbError> {
        let dialect = self.dialect;
        self.read_by_keys(table, keys, |rows| sql::by_keys(dialect, table, columns, rows)).await
    }

    /// Runs one query for each batch of keys, or for each key, rendered for so many.
    async fn read_by_keys(
        &mut self,
        table: &Table,
        keys: &[Vec<Value>],
        render: impl Fn(usize) -> String,
    ) -> Result<Vec<Record>, DbError> {
        if self.dialect.write == Write::Batch {
            return self.each(&render(1), &each(keys)).await;
        }
        self.by_keys(table, keys, render).await
    }

    /// Deletes rows by their keys.
    pub async fn delete_rows(&mut self, table: &Table, keys: &[Vec<Value>]) -> Result<(), DbError> {
        let dialect = self.dialect;
        if in_batches(dialect) {
            return self.batch(&sql::copy::delete(dialect, table, 1), &each(keys)).await.map(drop);
        }
        self.by_keys(table, keys, |rows| sql::copy::delete(dialect, table, rows)).await.map(drop)
    }

    /// Says of a change log's entries that they were carried over.
    pub async fn acknowledge(&mut self, log: &Table, entries: &[Vec<Value>]) -> Result<(), DbError> {
        let dialect = self.dialect;
        if in_batches(dialect) {
            return self.batch(&sql::copy::acknowledge(dialect, log, 1), &each(entries)).await.map(drop);
        }
        self.by_keys(log, entries, |rows| sql::copy::acknowledge(dialect, log, rows)).await.map(drop)
    }

    /// Runs one statement for each batch of keys, rendered for so many.
    async fn by_keys(
        &mut self,
        table: &Table,
        keys: &[Vec<Value>],
        render: impl Fn(usize) -> String,
    ) -> Result<Vec<Record>, DbError> {
        let mut records = Vec::new();
        let sizes = Sizes::new();
        let most = match self.dialect.write {
            Write::Arrays => sizes.in_arrays,
            _ => keys_at_once(self.dialect, table, sizes.changed_keys),
        };
        for batch in keys.chunks(most) {
            let length = padded(batch.len(), most);
            let sql = render(length);
            let found = if self.dialect.write == Write::Arrays {
                self.run_arrays(&sql, &keys_by_column(table, batch)).await?
            } else {
                self.run(&sql, &padded_keys(batch, length)).await?
            };
            records.extend(found);
        }
        Ok(records)
    }

    /// Inserts rows: for each the values of `columns`.
    pub async fn insert_rows(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[Vec<&Value>],
    ) -> Result<(), DbError> {
        match self.dialect.write {
            Write::Arrays => {
                for part in rows.chunks(Sizes::new().in_arrays) {
                    let sql = sql::copy::insert(self.dialect, table, columns, part.len());
                    self.run_arrays(&sql, &arrays(table, columns, part)).await?;
                }
                return Ok(());
            }
            Write::Batch | Write::LockThenBatch => {
                return self.batch(&sql::copy::insert(self.dialect, table, columns, 1), rows).await.map(drop);
            }
            Write::Values | Write::LockFirst => {}
        }
        let sizes = Sizes::new();
        let most = (sizes.inserted_values / columns.len().max(1)).clamp(1, sizes.inserted);
        for part in parts(rows, most) {
            let sql = sql::copy::insert(self.dialect, table, columns, part.len());
            let params: Vec<Value> = part.iter().flatten().map(|value| (*value).clone()).collect();
            self.run(&sql, &params).await?;
        }
        Ok(())
    }

    /// Sets `columns` in locked rows: for each its key and the values.
    pub async fn update_rows(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        rows: &[(Vec<Value>, Vec<&Value>)],
    ) -> Result<(), DbError> {
        let sql = sql::copy::update(self.dialect, table, columns);
        match self.dialect.write {
            Write::Arrays => {
                for part in rows.chunks(Sizes::new().in_arrays) {
                    let values: Vec<Vec<&Value>> = part.iter().map(|(_, values)| values.clone()).collect();
                    let mut bound = key_arrays(table, &part.iter().map(|(key, _)| key.as_slice()));
                    bound.extend(arrays(table, columns, &values));
                    self.run_arrays(&sql, &bound).await?;
                }
                return Ok(());
            }
            Write::Batch | Write::LockThenBatch => {
                let bound: Vec<Vec<&Value>> =
                    rows.iter().map(|(key, values)| values.iter().copied().chain(key).collect()).collect();
                return self.batch(&sql, &bound).await.map(drop);
            }
            Write::Values | Write::LockFirst => {}
        }
        for (key, values) in rows {
            let params: Vec<Value> = values.iter().copied().chain(key).cloned().collect();
            self.run(&sql, &params).await?;
        }
        Ok(())
    }

    /// The keys of rows that hold these values in these columns; on PostgreSQL, where an index may
    /// ignore it, whatever their case.
    pub async fn holders(
        &mut self,
        table: &Table,
        columns: &[&Identifier],
        values: &[Value],
    ) -> Result<Vec<Record>, DbError> {
        let exact = self.run(&sql::copy::holders(self.dialect, table, columns, false), values).await?;
        if exact.is_empty() && self.dialect.write == Write::Arrays {
            return self.run(&sql::copy::holders(self.dialect, table, columns, true), values).await;
        }
        Ok(exact)
    }
}

impl Db {
    /// The expressions that read all of these columns so that they can be written again.
    pub fn portable(&self, table: &Table, columns: &[&Identifier]) -> Vec<Expression> {
        columns.iter().map(|column| sql::copy::portable(self.dialect(), table, column)).collect()
    }

    /// How many entries of a change log wait.
    pub async fn pending(&self, log: &Table) -> Result<u64, DbError> {
        self.number(&sql::copy::pending(self.dialect(), log)).await
    }

    /// How many entries of a change log do not wait.
    pub async fn acknowledged(&self, log: &Table) -> Result<u64, DbError> {
        self.number(&sql::copy::acknowledged(self.dialect(), log)).await
    }

    /// Lets all entries of a change log wait again.
    pub async fn reopen(&self, log: &Table) -> Result<(), DbError> {
        let mut transaction = self.begin().await?;
        transaction.run(&sql::copy::reopen(self.dialect(), log), &[]).await?;
        transaction.commit().await
    }

    /// How many rows a table has.
    pub async fn count_rows(&self, table: &Identifier) -> Result<u64, DbError> {
        self.number(&sql::copy::count(table)).await
    }

    async fn number(&self, sql: &str) -> Result<u64, DbError> {
        Ok(first_number(&self.read(sql, &[]).await?)
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or_default())
    }
}

/// Whether changes go one by one, many in a batch.
fn in_batches(dialect: &Dialect) -> bool {
    matches!(dialect.write, Write::Batch | Write::LockThenBatch)
}

/// An array for each column.
fn arrays<'a>(
    table: &Table,
    columns: &[&Identifier],
    rows: &[Vec<&'a Value>],
) -> Vec<(Kind, Vec<&'a Value>)> {
    let column = |(at, name): (usize, &&Identifier)| {
        (table.kind(name), rows.iter().filter_map(|row| row.get(at).copied()).collect())
    };
    columns.iter().enumerate().map(column).collect()
}
