//! A connected database and its transactions, whatever their driver is.
//!
//! The driver is one of an enum and no trait object: so no future of a statement is boxed, and the few places that need
//! what only one driver has can ask it. A new driver is a variant here, a line in `of_each` and an implementation of
//! [`Driver`] and [`DriverTransaction`].

use std::path::Path;
use std::sync::Arc;

use super::claimed::Claim;
use super::dialect::{Dialect, Questions};
use super::driver::{Driver, DriverTransaction, Taker};
use super::error::{Class, DbError};
use super::jdbc::{JdbcDb, JdbcTransaction};
use super::mysql::{MySqlDb, MySqlTransaction};
use super::own_sessions::OwnSessions;
use super::postgres::{PostgresDb, PostgresTransaction};
use super::server::{Access, Kind as ServerKind, Server};
use super::sqlite::{Sqlite, SqliteTransaction};
use super::table::{Kind, TableInfo};
use super::value::{Record, Value};

/// Does the same with whichever driver, or transaction of a driver, it is.
macro_rules! of_each {
    ($of:ident, $this:expr, $it:ident => $does:expr) => {
        match $this {
            $of::Sqlite($it) => $does,
            $of::Postgres($it) => $does,
            $of::MySql($it) => $does,
            $of::Jdbc($it) => $does,
        }
    };
}

/// A database by its driver.
#[derive(Debug, Clone)]
pub(crate) enum AnyDriver {
    /// SQLite, in this process.
    Sqlite(Sqlite),
    /// PostgreSQL.
    Postgres(Arc<PostgresDb>),
    /// MySQL or MariaDB.
    MySql(Arc<MySqlDb>),
    /// Any of them that has a JDBC driver.
    Jdbc(JdbcDb),
}

/// A connected database.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) driver: AnyDriver,
    /// How this process has its lock, if it has it.
    pub(crate) claim: Claim,
}

impl Db {
    /// Opens an SQLite file, which must exist.
    pub async fn open_sqlite(path: &Path, access: Access) -> Result<Self, DbError> {
        Sqlite::open(path, access).await.map(AnyDriver::Sqlite).map(Self::by)
    }

    /// Rolls back what a killed process has left unfinished in an SQLite file, which a read-only open would refuse, and says
    /// whether there was something.
    pub async fn roll_back_unfinished(path: &Path) -> Result<bool, DbError> {
        Sqlite::roll_back_unfinished(path).await
    }

    /// Connects to a server, with no more than so many connections that share the work.
    pub async fn open_server(server: &Server, access: Access, connections: u32) -> Result<Self, DbError> {
        let driver = match (&server.route, server.kind) {
            (Some(route), _) => {
                let opened = Box::pin(JdbcDb::open(server, route, access, connections));
                opened.await.map(AnyDriver::Jdbc)
            }
            (None, ServerKind::Postgres) => {
                PostgresDb::open(server, access, connections).await.map(AnyDriver::Postgres)
            }
            (None, ServerKind::MySql) => {
                MySqlDb::open(server, access, connections).await.map(AnyDriver::MySql)
            }
            (None, ServerKind::H2 | ServerKind::Oracle | ServerKind::SqlServer | ServerKind::Db2) => {
                Err(DbError::new(Class::Environment, "it can only be reached by its JDBC driver"))
            }
        };
        driver.map(Self::by)
    }

    fn by(driver: AnyDriver) -> Self {
        Self { driver, claim: Claim::default() }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        of_each!(AnyDriver, &self.driver, db => db.place())
    }

    /// Whether both are handles of one connected database.
    pub fn is_same_handle(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.claim, &other.claim)
    }

    /// The kind of server that it is on; none for a file.
    pub fn server_kind(&self) -> Option<ServerKind> {
        self.dialect().kind
    }

    /// Whether it is a file that one process at a time can open.
    pub fn is_sole(&self) -> bool {
        matches!(&self.driver, AnyDriver::Jdbc(db) if db.is_sole())
    }

    /// How many connections share the work: what was asked for, or what the server has room for.
    pub fn connections(&self) -> u32 {
        of_each!(AnyDriver, &self.driver, db => db.connections())
    }

    /// How it is written to, and how it answers.
    pub fn dialect(&self) -> &'static Dialect {
        of_each!(AnyDriver, &self.driver, db => db.dialect())
    }

    /// The most bytes of values that one statement may carry.
    pub fn statement_bytes(&self) -> usize {
        of_each!(AnyDriver, &self.driver, db => db.statement_bytes())
    }

    /// The server that it is on; none for a file in this process.
    pub(crate) fn server(&self) -> Option<&Server> {
        of_each!(AnyDriver, &self.driver, db => db.server())
    }

    /// What only the server can answer; none where nobody else can be at it.
    pub(crate) fn questions(&self) -> Option<&'static Questions> {
        of_each!(AnyDriver, &self.driver, db => db.questions())
    }

    /// Our own sessions, where they go by number; elsewhere by their program's name.
    pub(crate) fn own(&self) -> Option<&OwnSessions> {
        of_each!(AnyDriver, &self.driver, db => db.own())
    }

    /// Whether it was opened only to read.
    pub(crate) fn only_reads(&self) -> bool {
        of_each!(AnyDriver, &self.driver, db => db.only_reads())
    }

    /// Whether rows are handed on as they come.
    pub(crate) fn hands_on(&self) -> bool {
        of_each!(AnyDriver, &self.driver, db => db.hands_on())
    }

    /// Whether a whole table can be read by one statement: its rows are handed on as they come, no limit is set for how
    /// long an answer may take, and a session is left for what is asked meanwhile.
    pub fn can_stream(&self) -> bool {
        let is_free = |server: &Server| server.socket_timeout.is_none() && self.connections() > 1;
        self.hands_on() && self.server().is_none_or(is_free)
    }

    /// Claims what no server can be asked for.
    pub(crate) fn claim_file(&self) -> Result<bool, DbError> {
        of_each!(AnyDriver, &self.driver, db => db.claim())
    }

    pub(crate) async fn write_at_once(&self) -> Result<(), DbError> {
        of_each!(AnyDriver, &self.driver, db => db.write_at_once().await)
    }

    /// Runs a reading statement.
    pub async fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        of_each!(AnyDriver, &self.driver, db => db.read(sql, params).await)
    }

    /// Likewise, and hands each row on.
    pub(crate) async fn each(&self, sql: &str, found: Taker<'_>) -> Result<(), DbError> {
        of_each!(AnyDriver, &self.driver, db => db.each(sql, found).await)
    }

    /// Runs a reading statement with an array for each column.
    pub(crate) async fn read_arrays(
        &self,
        sql: &str,
        arrays: &[(Kind, Vec<&Value>)],
    ) -> Result<Vec<Record>, DbError> {
        of_each!(AnyDriver, &self.driver, db => db.read_arrays(sql, arrays).await)
    }

    /// Runs one query for each set of values.
    pub(crate) async fn read_each(&self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<Record>, DbError> {
        of_each!(AnyDriver, &self.driver, db => db.read_each(sql, rows).await)
    }

    /// Runs statements that are not prepared, one by one, in a session of their own that is closed then:
    /// they may leave it in an odd state.
    pub async fn statements(&self, statements: &[String]) -> Result<(), DbError> {
        match &self.driver {
            AnyDriver::Jdbc(db) => db.statements(statements).await,
            AnyDriver::MySql(db) => db.statements(statements).await,
            AnyDriver::Sqlite(_) | AnyDriver::Postgres(_) => self.script(&statements.join(";\n")).await,
        }
    }

    /// Runs a script of several statements.
    pub async fn script(&self, sql: &str) -> Result<(), DbError> {
        of_each!(AnyDriver, &self.driver, db => db.script(sql).await)
    }

    /// Begins a writing transaction.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        self.begin_a(false).await
    }

    /// Likewise, to write beside servers: no statement of it waits longer than [`Server::lock_wait`] for what they have
    /// locked, a row or a table.
    pub async fn begin_beside(&self) -> Result<Transaction, DbError> {
        self.begin_a(true).await
    }

    async fn begin_a(&self, beside: bool) -> Result<Transaction, DbError> {
        let begun = match &self.driver {
            AnyDriver::Sqlite(db) => Begun::Sqlite(db.begin(beside).await?),
            AnyDriver::Postgres(db) => Begun::Postgres(db.begin(beside).await?),
            AnyDriver::MySql(db) => Begun::MySql(db.begin(beside).await?),
            AnyDriver::Jdbc(db) => Begun::Jdbc(db.begin(beside).await?),
        };
        Ok(Transaction { begun, dialect: self.dialect() })
    }

    /// What the catalogue says of a table; `None` if there is no such table.
    pub async fn table(&self, name: &str) -> Result<Option<TableInfo>, DbError> {
        let Some(catalogue) = &self.dialect().catalogue else {
            return of_each!(AnyDriver, &self.driver, db => db.table(name).await);
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
            info.without_transactions = self.texts(catalogue.engine, &name).await?.into_iter().next();
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
        self.texts(self.dialect().objects, &[]).await
    }

    /// The names of all tables, in upper case.
    pub async fn table_names(&self) -> Result<Vec<String>, DbError> {
        self.texts(self.dialect().tables, &[]).await
    }

    /// The first column of an answer, as far as it has texts.
    pub(crate) async fn texts(&self, sql: &str, params: &[Value]) -> Result<Vec<String>, DbError> {
        let records = self.read(sql, params).await?;
        Ok(records.iter().filter_map(|record| record.first()?.as_text().map(str::to_owned)).collect())
    }

    /// Has no more sessions than are in use, until there is work again. A file that only one process can open is kept: it
    /// would be anybody's.
    pub async fn rest(&self) {
        of_each!(AnyDriver, &self.driver, db => db.rest().await);
    }

    /// Closes all connections.
    pub(crate) async fn close_driver(&self) {
        of_each!(AnyDriver, &self.driver, db => db.close().await);
    }
}

/// A transaction by its driver.
#[derive(Debug)]
enum Begun {
    Sqlite(SqliteTransaction),
    Postgres(PostgresTransaction),
    MySql(MySqlTransaction),
    Jdbc(JdbcTransaction),
}

/// A writing transaction. Dropped without [`commit`](Self::commit), it is rolled back.
#[derive(Debug)]
pub struct Transaction {
    begun: Begun,
    pub(crate) dialect: &'static Dialect,
}

impl Transaction {
    /// Runs a statement and returns the rows it gives back.
    pub async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        of_each!(Begun, &mut self.begun, it => it.run(sql, params).await)
    }

    /// Marks a point to which a refused statement is rolled back.
    pub async fn savepoint(&mut self) -> Result<(), DbError> {
        self.unprepared(self.dialect.savepoint).await
    }

    /// Goes back to that point.
    pub async fn back_to_savepoint(&mut self) -> Result<(), DbError> {
        self.unprepared(self.dialect.to_savepoint).await
    }

    /// Forgets that point.
    pub async fn release_savepoint(&mut self) -> Result<(), DbError> {
        self.unprepared(self.dialect.release_savepoint).await
    }

    /// Lets everything that waits for the commit act now, so that what the commit leaves can be read before it.
    pub async fn fire_deferred(&mut self) -> Result<(), DbError> {
        self.unprepared(self.dialect.fire_deferred).await
    }

    /// Runs a statement without values or rows, unless it is empty. Not prepared: MySQL cannot, and a procedure of SQL
    /// Server's would be around it, and may begin no transaction.
    async fn unprepared(&mut self, sql: &str) -> Result<(), DbError> {
        if sql.is_empty() {
            return Ok(());
        }
        of_each!(Begun, &mut self.begun, it => it.unprepared(sql).await)
    }

    /// Runs a statement with an array for each column.
    pub(crate) async fn run_arrays(
        &mut self,
        sql: &str,
        arrays: &[(Kind, Vec<&Value>)],
    ) -> Result<Vec<Record>, DbError> {
        of_each!(Begun, &mut self.begun, it => it.run_arrays(sql, arrays).await)
    }

    /// Runs one query for each set of values.
    pub(crate) async fn each(&mut self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<Record>, DbError> {
        of_each!(Begun, &mut self.begun, it => it.each(sql, rows).await)
    }

    /// Runs one change for each set of values, and says how many rows each changed.
    pub(crate) async fn batch(&mut self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<i64>, DbError> {
        of_each!(Begun, &mut self.begun, it => it.batch(sql, rows).await)
    }

    /// Runs a statement and returns how many rows the server says it affected.
    pub(crate) async fn change(&mut self, sql: &str, params: Vec<&Value>) -> Result<u64, DbError> {
        of_each!(Begun, &mut self.begun, it => it.change(sql, params).await)
    }

    /// Commits. After an error of [`Class::Lost`] the result is not known.
    pub async fn commit(self) -> Result<(), DbError> {
        of_each!(Begun, self.begun, it => it.commit().await)
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<(), DbError> {
        of_each!(Begun, self.begun, it => it.rollback().await)
    }
}
