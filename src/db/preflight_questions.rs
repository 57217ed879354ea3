//! What a preflight asks of a database, beyond what a rotation itself has to know. SQL as data; a
//! dialect that has none of it is not asked.

use super::value::{first_number, text_at};
use super::{Db, DbError, Dialect, Identifier, Record};

/// A trigger of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The table, in upper case.
    pub table: String,
    /// Its name, in upper case.
    pub name: String,
    /// What it fires for: the words INSERT, UPDATE and DELETE, or the statement that made it.
    pub fires_for: String,
    /// Why it does not fire for all of that, as words behind its name; empty if it does.
    pub idle: String,
}

/// How old the newest row of a table is, in milliseconds.
pub fn newest(dialect: &Dialect, table: &Identifier, column: &Identifier) -> String {
    format!("SELECT {}MIN({}) FROM {table}", dialect.own, (dialect.log_age)(column))
}

impl Db {
    /// All triggers that this user sees, those with several events perhaps several times. None if the dialect has no
    /// question for it.
    pub async fn triggers(&self) -> Result<Option<Vec<Trigger>>, DbError> {
        let mut answer = Ok(None);
        for sql in self.dialect().triggers {
            match self.read(sql, &[]).await {
                Ok(records) => return Ok(Some(records.iter().map(trigger).collect())),
                // The first says why: the others are for older servers.
                Err(error) => answer = answer.and(Err(error)),
            }
        }
        answer
    }

    /// The server's time in milliseconds since 1970; none for a file.
    pub async fn clock(&self) -> Result<Option<i64>, DbError> {
        let sql = self.dialect().clock;
        if sql.is_empty() {
            return Ok(None);
        }
        Ok(first_number(&self.read(sql, &[]).await?))
    }

    /// Settings of the server's logs, as the dialect names them; none for a file.
    pub async fn log_settings(&self) -> Result<Option<Vec<(String, String)>>, DbError> {
        match self.dialect().logs {
            "" => Ok(None),
            sql => Ok(Some(pairs(&self.read(sql, &[]).await?))),
        }
    }

    /// How many milliseconds ago the newest row of a table was made, by the time in a column; none if there
    /// is no row, or no such column. What is later than the server's clock is negative.
    pub async fn newest(&self, table: &Identifier, column: &Identifier) -> Result<Option<i64>, DbError> {
        let has = self.table(table).await?.is_some_and(|info| info.columns.contains_key(column.as_str()));
        if !has {
            return Ok(None);
        }
        let sql = newest(self.dialect(), table, column);
        Ok(first_number(&self.read(&sql, &[]).await?))
    }
}

fn trigger(record: &Record) -> Trigger {
    let text = |at| text_at(record, at).to_owned();
    Trigger { table: text(0), name: text(1), fires_for: text(2), idle: text(3) }
}

fn pairs(records: &[Record]) -> Vec<(String, String)> {
    records.iter().map(|record| (text_at(record, 0).to_owned(), text_at(record, 1).to_owned())).collect()
}
