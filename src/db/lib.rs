//! Databases: one enum over thin drivers, SQL as data.
//!
//! Invariants: this crate knows nothing of ours; every statement stands in a [`Dialect`] or is
//! rendered in [`sql`] from one and a [`Relation`]; names in it are [`Identifier`]s, which are checked when they are
//! made, and values are always bound; an error never carries a value.

pub mod asked;
mod claim;
pub mod cluster_lock;
pub mod columns;
pub mod copies;
mod copy;
pub mod dialect;
mod error;
pub mod feeds;
pub mod guard;
pub mod history;
pub mod holdups;
mod identifier;
pub mod identity;
pub mod indexes;
mod jdbc;
pub mod load;
pub mod log_table;
mod mysql;
mod native;
pub mod near;
mod neighbour;
pub mod nodes;
mod own_sessions;
pub mod policies;
mod pool;
mod postgres;
pub mod preflight_questions;
pub mod proof;
mod refusal;
mod relation;
mod remote;
pub mod scan;
pub mod server;
pub mod sizes;
pub mod sql;
mod sqlite;
mod table;
mod told;
mod value;
mod write;

use std::path::Path;
use std::sync::Arc;

pub use claim::LockState;
pub use dialect::{
    DB2, DIALECTS, Dialect, H2, MSSQL, MYSQL, ORACLE, POSTGRES, Paging, Rewrite, SQLITE, Write,
};
pub use error::{Class, DbError};
pub use identifier::{Expression, Identifier, Literal, Unfit};
pub use refusal::Refusal;
pub use relation::{Filter, Relation};
pub use server::{Access, Server};
pub use sql::Lifetimes;
pub use table::{ColumnInfo, Kind, Limit, Shape, Table, TableInfo, Unit};
pub use told::TransactionLimits;
pub use value::{Record, Value};
pub use write::{CompareAndSet, WriteMode};

use jdbc::{JdbcDb, JdbcTransaction};
use mysql::{MySqlDb, MySqlTransaction};
use postgres::{PostgresDb, PostgresTransaction};
use sql::Ends;
use sqlite::{Sqlite, SqliteTransaction};

use crate::sizes::Sizes;
use crate::write::keys_at_once;

/// The most bytes of values in one statement, where the server sets no lower limit.
const STATEMENT_BYTES: usize = 8 << 20;

/// A connected database.
#[derive(Debug, Clone)]
pub enum Db {
    /// SQLite, in this process.
    Sqlite(Sqlite),
    /// PostgreSQL.
    Postgres(Arc<PostgresDb>),
    /// MySQL or MariaDB.
    MySql(Arc<MySqlDb>),
    /// Any of them that has a JDBC driver.
    Jdbc(JdbcDb),
}

impl Db {
    /// Opens an SQLite file, which must exist.
    pub async fn open_sqlite(path: &Path, access: Access) -> Result<Self, DbError> {
        Sqlite::open(path, access).await.map(Self::Sqlite)
    }

    /// Connects to a server, with no more than so many connections that share the work.
    pub async fn open_server(server: &Server, access: Access, connections: u32) -> Result<Self, DbError> {
        if let Some(route) = &server.route {
            return Box::pin(JdbcDb::open(server, route, access, connections)).await.map(Self::Jdbc);
        }
        match server.kind {
            server::Kind::Postgres => PostgresDb::open(server, access, connections).await.map(Self::Postgres),
            server::Kind::MySql => MySqlDb::open(server, access, connections).await.map(Self::MySql),
            server::Kind::H2 | server::Kind::Oracle | server::Kind::SqlServer | server::Kind::Db2 => {
                Err(DbError::new(Class::Environment, "there is no way but by its JDBC driver"))
            }
        }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(db) => db.place(),
            Self::Postgres(db) => db.server().to_string(),
            Self::MySql(db) => db.server().to_string(),
            Self::Jdbc(db) => db.server().to_string(),
        }
    }

    /// Whether both are handles of one connected database.
    pub fn is_same_handle(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(one), Self::Sqlite(other)) => one.is_same_handle(other),
            (Self::Postgres(one), Self::Postgres(other)) => Arc::ptr_eq(one, other),
            (Self::MySql(one), Self::MySql(other)) => Arc::ptr_eq(one, other),
            (Self::Jdbc(one), Self::Jdbc(other)) => one.is_same_handle(other),
            _ => false,
        }
    }

    /// The kind of server that it is on; none for a file.
    pub fn server_kind(&self) -> Option<server::Kind> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(server::Kind::Postgres),
            Self::MySql(_) => Some(server::Kind::MySql),
            Self::Jdbc(db) => Some(db.server().kind),
        }
    }

    /// Whether it is a file that one process at a time can open.
    pub fn is_sole(&self) -> bool {
        matches!(self, Self::Jdbc(db) if db.is_sole())
    }

    /// How many connections share the work: what was asked for, or what the server has room for.
    pub fn connections(&self) -> u32 {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(db) => db.connections,
            Self::MySql(db) => db.connections,
            Self::Jdbc(db) => db.connections(),
        }
    }

    /// The dialect.
    pub fn dialect(&self) -> &'static Dialect {
        match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
            Self::MySql(_) => &MYSQL,
            Self::Jdbc(db) => db.dialect(),
        }
    }

    /// The most bytes of values that one statement may carry.
    pub fn statement_bytes(&self) -> usize {
        match self {
            Self::Sqlite(_) => STATEMENT_BYTES,
            Self::Postgres(db) => db.statement_bytes,
            Self::MySql(db) => db.statement_bytes,
            Self::Jdbc(db) => db.statement_bytes(),
        }
    }

    /// Runs a reading statement.
    pub async fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Sqlite(db) => db.read(sql, params).await,
            Self::Postgres(db) => db.read(sql, params).await,
            Self::MySql(db) => db.read(sql, params).await,
            Self::Jdbc(db) => db.read(sql, params).await,
        }
    }

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
            let length = if dialect.write == Write::Batch { 1 } else { write::padded(batch.len(), most) };
            let sql = sql::by_keys(dialect, table, columns, length);
            rows.extend(match (self, dialect.write) {
                (Self::Postgres(db), _) => db.read_arrays(&sql, &write::keys_by_column(table, batch)).await?,
                (Self::Jdbc(db), Write::Arrays) => {
                    db.read_arrays(&sql, &write::keys_by_column(table, batch)).await?
                }
                (Self::Jdbc(db), Write::Batch) => db.read_each(&sql, &write::each(batch)).await?,
                _ => self.read(&sql, &write::padded_keys(batch, length)).await?,
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

    /// Runs statements that are not prepared, one by one, in a session of their own that is closed then:
    /// they may leave it in an odd state.
    pub async fn statements(&self, statements: &[String]) -> Result<(), DbError> {
        match self {
            Self::Jdbc(db) => db.statements(statements).await,
            Self::MySql(db) => db.statements(statements).await,
            Self::Sqlite(_) | Self::Postgres(_) => self.script(&statements.join(";\n")).await,
        }
    }

    /// Runs a script of several statements.
    pub async fn script(&self, sql: &str) -> Result<(), DbError> {
        match self {
            Self::Sqlite(db) => db.script(sql).await,
            Self::Postgres(db) => db.script(sql).await,
            Self::MySql(db) => db.script(sql).await,
            Self::Jdbc(db) => db.script(sql).await,
        }
    }

    /// Begins a writing transaction.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        match self {
            Self::Sqlite(db) => db.begin().await.map(Transaction::Sqlite),
            Self::Postgres(db) => db.begin().await.map(Transaction::Postgres),
            Self::MySql(db) => db.begin().await.map(Transaction::MySql),
            Self::Jdbc(db) => db.begin().await.map(Transaction::Jdbc),
        }
    }

    /// Likewise, to write beside servers: no statement of it waits longer than [`Server::lock_wait`] for what they have
    /// locked, a row or a table.
    pub async fn begin_beside(&self) -> Result<Transaction, DbError> {
        match self {
            Self::Postgres(db) => db.begin_beside().await.map(Transaction::Postgres),
            Self::MySql(db) => db.begin_beside().await.map(Transaction::MySql),
            Self::Sqlite(_) | Self::Jdbc(_) => self.begin().await,
        }
    }

    /// What the catalogue says of a table; `None` if there is no such table.
    pub async fn table(&self, name: &str) -> Result<Option<TableInfo>, DbError> {
        let catalogue = match self {
            Self::Jdbc(db) => match &self.dialect().catalogue {
                Some(catalogue) => catalogue,
                None => return db.table(name).await,
            },
            Self::Sqlite(_) | Self::Postgres(_) | Self::MySql(_) => match &self.dialect().catalogue {
                Some(catalogue) => catalogue,
                None => return Ok(None),
            },
        };
        let name = [Value::Text(name.to_owned())];
        let columns = self.read(catalogue.columns, &name).await?;
        if columns.is_empty() {
            return Ok(None);
        }
        let mut info = (catalogue.table)(&columns, self.read(catalogue.unique, &name).await?);
        if !catalogue.triggers.is_empty() {
            info.has_triggers |= !self.read(catalogue.triggers, &name).await?.is_empty();
        }
        if !catalogue.engine.is_empty() {
            let answer = self.read(catalogue.engine, &name).await?;
            info.without_transactions =
                answer.first().and_then(|record| Some(record.first()?.as_text()?.to_owned()));
        }
        Ok(Some(info))
    }

    /// The bytes that a table has on disk with its indexes, where the database tells.
    pub async fn table_bytes(&self, name: &str) -> Result<Option<u64>, DbError> {
        let records = self.read(self.dialect().table_bytes, &[Value::Text(name.to_owned())]).await?;
        let bytes = records.first().and_then(|record| record.first()?.as_length());
        Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
    }

    /// The names of all tables and triggers, in upper case.
    pub async fn object_names(&self) -> Result<Vec<String>, DbError> {
        let records = self.read(self.dialect().objects, &[]).await?;
        Ok(records.iter().filter_map(|record| record.first()?.as_text().map(str::to_owned)).collect())
    }

    /// The names of all tables, in upper case.
    pub async fn table_names(&self) -> Result<Vec<String>, DbError> {
        let records = self.read(self.dialect().tables, &[]).await?;
        Ok(records.iter().filter_map(|record| record.first()?.as_text().map(str::to_owned)).collect())
    }

    /// Has no more sessions than are in use, until there is work again.
    pub async fn rest(&self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(db) => db.rest().await,
            Self::MySql(db) => db.rest().await,
            Self::Jdbc(db) if db.is_sole() => {} // the file would be anybody's
            Self::Jdbc(db) => db.rest().await,
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.unclaim().await;
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => db.close().await,
            Self::MySql(db) => db.close().await,
            Self::Jdbc(db) => db.close().await,
        }
    }
}

/// A writing transaction. Dropped without [`commit`](Self::commit), it is rolled back.
#[derive(Debug)]
pub enum Transaction {
    /// On SQLite.
    Sqlite(SqliteTransaction),
    /// On PostgreSQL.
    Postgres(PostgresTransaction),
    /// On MySQL or MariaDB.
    MySql(MySqlTransaction),
    /// By way of a JDBC driver.
    Jdbc(JdbcTransaction),
}

impl Transaction {
    /// Runs a statement and returns the rows it gives back.
    pub async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Sqlite(transaction) => transaction.run(sql, params).await,
            Self::Postgres(transaction) => transaction.run(sql, params).await,
            Self::MySql(transaction) => transaction.run(sql, params).await,
            Self::Jdbc(transaction) => transaction.run(sql, params).await,
        }
    }

    /// Marks a point to which a refused statement is rolled back.
    pub async fn savepoint(&mut self) -> Result<(), DbError> {
        self.unprepared(self.dialect().savepoint).await
    }

    /// Goes back to that point.
    pub async fn back_to_savepoint(&mut self) -> Result<(), DbError> {
        self.unprepared(self.dialect().to_savepoint).await
    }

    /// Forgets that point.
    pub async fn release_savepoint(&mut self) -> Result<(), DbError> {
        self.unprepared(self.dialect().release_savepoint).await
    }

    /// Runs a statement without values or rows, unless it is empty.
    async fn unprepared(&mut self, sql: &str) -> Result<(), DbError> {
        match self {
            _ if sql.is_empty() => Ok(()),
            // Not prepared: MySQL cannot, and a procedure of SQL Server's would be around it, and may begin no
            // transaction.
            Self::Jdbc(transaction) => transaction.unprepared(sql).await,
            Self::MySql(transaction) => transaction.unprepared(sql).await,
            Self::Postgres(transaction) => transaction.unprepared(sql).await,
            Self::Sqlite(_) => self.run(sql, &[]).await.map(drop),
        }
    }

    /// Commits. After an error of [`Class::Lost`] nobody knows what came of it.
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
            Self::MySql(transaction) => transaction.commit().await,
            Self::Jdbc(transaction) => transaction.commit().await,
        }
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
            Self::MySql(transaction) => transaction.rollback().await,
            Self::Jdbc(transaction) => transaction.rollback().await,
        }
    }
}
