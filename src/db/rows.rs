//! Reading rows of a table, by pages and by keys.

use super::batches::{each, keys_at_once, keys_by_column, padded, padded_keys};
use super::database::Db;
use super::dialect::Write;
use super::driver::Taker;
use super::error::DbError;
use super::identifier::{Expression, Identifier};
use super::sizes::Sizes;
use super::sql::{self, Ends};
use super::table::Table;
use super::value::{Record, Value};

impl Db {
    /// Up to `limit` rows behind the key `after`, up to and including `upto`, in the server's order:
    /// the key's columns, then `columns`.
    pub async fn page(
        &self,
        table: &Table,
        columns: &[Expression],
        after: Option<&[Value]>,
        upto: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Record>, DbError> {
        let dialect = self.dialect();
        let ends = Ends { after: after.is_some(), upto: upto.is_some() };
        let params = sql::page_values(dialect, after, upto, limit);
        self.read(&sql::page(dialect, table, columns, ends, limit), &params).await
    }

    /// All rows, in no particular order, by one statement: as they are at one moment, where the database has that. Each
    /// is handed on as it comes: the key's columns, then `columns`.
    pub async fn stream(
        &self,
        table: &Table,
        columns: &[Expression],
        found: Taker<'_>,
    ) -> Result<(), DbError> {
        self.each(&sql::whole(self.dialect(), table, columns), found).await
    }

    /// The rows with these keys, in any order; those that are gone are absent.
    pub async fn rows(
        &self,
        table: &Table,
        columns: &[Expression],
        keys: &[Vec<Value>],
    ) -> Result<Vec<Record>, DbError> {
        tracing::trace!("{}: reads {} rows by key", table.relation.table, keys.len());
        let mut rows = Vec::with_capacity(keys.len());
        let (dialect, most) = (self.dialect(), keys_at_once(self.dialect(), table, Sizes::new().keys));
        for batch in keys.chunks(most) {
            let length = if dialect.write == Write::Batch { 1 } else { padded(batch.len(), most) };
            let sql = sql::by_keys(dialect, table, columns, length);
            rows.extend(match dialect.write {
                Write::Arrays => self.read_arrays(&sql, &keys_by_column(table, batch)).await?,
                Write::Batch => self.read_each(&sql, &each(batch)).await?,
                Write::Values | Write::LockFirst | Write::LockThenBatch => {
                    self.read(&sql, &padded_keys(batch, length)).await?
                }
            });
        }
        Ok(rows)
    }

    /// Whether this user may do with a table what a rotation of these columns does. Changes nothing;
    /// where rows can be written in more than one way, chooses one that is allowed.
    pub async fn rehearse(&self, table: &mut Table, columns: &[&Identifier]) -> Result<(), DbError> {
        let mut transaction = self.begin().await?;
        let allowed = transaction.run(&sql::rehearse(table, columns), &[]).await;
        if allowed.is_ok() && table.insertable && self.dialect().write == Write::LockFirst {
            table.insertable = transaction.run(&sql::rehearse_insert(table), &[]).await.is_ok();
        }
        allowed?;
        transaction.rollback().await
    }
}
