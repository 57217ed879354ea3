//! Databases: one enum over thin drivers, SQL as data.
//!
//! Invariants: this module imports nothing of ours; every statement stands in a [`Syntax`] or is
//! rendered in [`sql`] from one and a [`Relation`]; identifiers are `'static`, values are always
//! bound; an error never carries a value.

mod error;
pub mod server;
pub mod sql;
mod sqlite;
mod syntax;
mod value;

use std::collections::BTreeMap;
use std::path::Path;

pub use error::{Class, DbError};
pub use server::Server;
pub use sql::{Filter, Relation};
pub use syntax::{DIALECTS, SQLITE, Syntax};
pub use value::Value;

use sqlite::{Sqlite, SqliteTransaction};

/// A row as read: one value for each selected column.
pub type Record = Vec<Value>;

/// What the catalogue says of a table.
#[derive(Debug, Clone, Default)]
pub struct TableInfo {
    /// Column names as the catalogue has them, in upper case, with their length limits.
    pub columns: BTreeMap<String, Option<Limit>>,
    /// The column sets that are unique (primary key first), in upper case.
    pub unique: Vec<Vec<String>>,
}

/// The most that a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many units.
    pub length: usize,
    /// What the database counts.
    pub unit: Unit,
}

/// What a database counts when it limits a column's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode characters.
    Characters,
    /// Bytes.
    Bytes,
}

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only to read: not a byte of it changes.
    Look,
    /// To read and write.
    Change,
}

/// A connected database.
#[derive(Debug, Clone)]
pub enum Db {
    /// SQLite, in this process.
    Sqlite(Sqlite),
}

impl Db {
    /// Opens an SQLite file, which must exist.
    pub async fn open_sqlite(path: &Path, access: Access) -> Result<Self, DbError> {
        Sqlite::open(path, access).await.map(Self::Sqlite)
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(db) => db.place(),
        }
    }

    /// Claims the database for this process; false if another rotation has it.
    pub fn claim(&self) -> Result<bool, DbError> {
        match self {
            Self::Sqlite(db) => db.claim(),
        }
    }

    /// The dialect.
    pub fn syntax(&self) -> &'static Syntax {
        match self {
            Self::Sqlite(_) => &SQLITE,
        }
    }

    /// Runs a reading statement.
    pub async fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Sqlite(db) => db.read(sql, params).await,
        }
    }

    /// Begins a writing transaction.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        match self {
            Self::Sqlite(db) => db.begin().await.map(Transaction::Sqlite),
        }
    }

    /// What the catalogue says of a table; `None` if there is no such table.
    pub async fn table(&self, name: &str) -> Result<Option<TableInfo>, DbError> {
        match self {
            Self::Sqlite(db) => db.table(name).await,
        }
    }

    /// The names of all tables and triggers, in upper case.
    pub async fn object_names(&self) -> Result<Vec<String>, DbError> {
        match self {
            Self::Sqlite(db) => db.object_names().await,
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
        }
    }
}

/// A writing transaction. Dropped without [`commit`](Self::commit), it is rolled back.
#[derive(Debug)]
pub enum Transaction {
    /// On SQLite.
    Sqlite(SqliteTransaction),
}

impl Transaction {
    /// Runs a statement and returns the rows it gives back.
    pub async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Sqlite(transaction) => transaction.run(sql, params).await,
        }
    }

    /// Commits.
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
        }
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
        }
    }
}
