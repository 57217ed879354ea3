//! The SQLite driver: moves values, nothing else.
//!
//! One connection reads and writes. SQLite has one writer at a time anyway, and a second connection
//! would wait for the first as soon as its changed pages outgrow the cache. The journal mode of
//! the file is left as it is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteSynchronous};
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _,
    ValueRef as _,
};
use tokio::sync::Mutex as AsyncMutex;

use super::dialect::{Dialect, Questions, SQLITE};
use super::driver::{self, Driver, DriverTransaction, Taker, hand_on};
use super::error::{Class, DbError};
use super::server::{Access, Server};
use super::sql;
use super::value::{Record, Value};

/// The remedy for a transaction that a crash left unfinished in a file that is only to be read.
const UNFINISHED: &str = "`keyrotation run` rolls it back in the new database, as `resume` and `plan --rehearse` \
     do; in the old one the old server does, when it starts";

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The page cache, in KiB. A transaction's changed pages, those of the indexes over ciphertexts above
/// all, are spread over the whole file; one of twice that is no quicker. Sorting for an index takes as much again.
const CACHE_KIB: &str = "-20480";

/// Prepared statements that are kept, each with the values that were bound last. The last batch of a
/// chunk has a length of its own, so most would never be used again.
const STATEMENTS: usize = 8;

/// Rows that the thread which reads them is ahead of whoever takes them: each time it has to wait costs both a change of
/// threads.
const ROWS_AHEAD: usize = 1000;

/// Pages of a write-ahead log before it is folded back (64 MiB of 4 KiB pages), where the file
/// uses one.
const WAL_AUTOCHECKPOINT: &str = "16384";

/// An SQLite database file.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    path: PathBuf,
    connection: Arc<Shared>,
    claim: Arc<Mutex<Option<File>>>,
}

/// The connection, for one statement at a time.
#[derive(Debug)]
struct Shared {
    /// None once it is closed.
    connection: AsyncMutex<Option<SqliteConnection>>,
    /// A transaction was dropped unfinished: the next user of the connection rolls it back.
    abandoned: AtomicBool,
}

impl Sqlite {
    pub(super) async fn open(path: &Path, access: Access) -> Result<Self, DbError> {
        // What a crash left beside the file would be folded into it by whoever may write.
        let unfinished = ["-wal", "-journal"].iter().any(|suffix| is_filled(path, suffix));
        let connection = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .read_only(access == Access::ReadOnly && unfinished)
            .foreign_keys(false) // no key is ever changed, and checking costs
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", CACHE_KIB)
            .statement_cache_capacity(STATEMENTS)
            .row_buffer_size(ROWS_AHEAD)
            .pragma("wal_autocheckpoint", WAL_AUTOCHECKPOINT)
            // The folder is synced when a rollback journal is removed, too: else a committed transaction
            // is rolled back if the power is lost then, and the journal had counted on it.
            .synchronous(SqliteSynchronous::Extra)
            .pragma("query_only", if access == Access::ReadOnly { "ON" } else { "OFF" })
            .disable_statement_logging()
            .connect()
            .await
            .map_err(explain)?;
        let shared =
            Shared { connection: AsyncMutex::new(Some(connection)), abandoned: AtomicBool::new(false) };
        let db = Self { path: path.to_owned(), connection: Arc::new(shared), claim: Arc::default() };
        db.read(SQLITE.objects, &[]).await?; // a file that is no database shows here
        Ok(db)
    }

    /// Rolls back what a killed process has left unfinished, and says whether there was something. Nothing is opened for
    /// writing unless there is.
    pub(super) async fn roll_back_unfinished(path: &Path) -> Result<bool, DbError> {
        if !is_filled(path, "-journal") {
            return Ok(false);
        }
        match Self::open(path, Access::ReadOnly).await {
            Ok(db) => {
                db.close().await; // another process is writing to it
                Ok(false)
            }
            Err(error) if error.remedy() == Some(UNFINISHED) => {
                Self::open(path, Access::ReadWrite).await?.close().await;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes indexes, with another thread that sorts.
    pub(super) async fn make_indexes(&self, statements: &[(&str, String)]) -> Result<(), DbError> {
        self.script("PRAGMA threads = 1").await?;
        for (name, create) in statements {
            self.script(create).await.map_err(|error| error.about(name))?;
        }
        self.script("PRAGMA threads = 0").await
    }
}

impl Driver for Sqlite {
    type Transaction = SqliteTransaction;

    fn dialect(&self) -> &'static Dialect {
        &SQLITE
    }

    fn server(&self) -> Option<&Server> {
        None
    }

    fn questions(&self) -> Option<&'static Questions> {
        None
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Takes an advisory lock on the file. `flock` does not meet the `fcntl` locks that SQLite
    /// takes, but closing any handle of the file would drop those: so it stays open as long as
    /// the database does.
    fn claim(&self) -> Result<bool, DbError> {
        let mut claim = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
        if claim.is_some() {
            return Ok(true);
        }
        let environment =
            |error| DbError::new(Class::Environment, format!("{}: {error}", self.path.display()));
        let file = File::open(&self.path).map_err(environment)?;
        match file.try_lock() {
            Ok(()) => {
                *claim = Some(file);
                Ok(true)
            }
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(error)) => Err(environment(error)),
        }
    }

    async fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        self.connection.run(sql, params).await
    }

    async fn each(&self, sql: &str, found: Taker<'_>) -> Result<(), DbError> {
        let mut guard = self.connection.connection.lock().await;
        let connection = guard.as_mut().ok_or_else(closed)?;
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(connection);
        hand_on(rows.map(|row| row.and_then(|row| record(&row))), explain, found).await
    }

    async fn script(&self, sql: &str) -> Result<(), DbError> {
        let mut guard = self.connection.connection.lock().await;
        let connection = guard.as_mut().ok_or_else(closed)?;
        let script = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let ran = script.execute(&mut *connection).await.map(drop).map_err(explain);
        if ran.is_err() {
            self.connection.abandoned.store(true, Ordering::Release);
        }
        ran
    }

    async fn begin(&self, _beside: bool) -> Result<SqliteTransaction, DbError> {
        self.connection.run(SQLITE.begin, &[]).await?;
        Ok(SqliteTransaction { connection: Arc::clone(&self.connection), open: true })
    }

    async fn close(&self) {
        if let Some(connection) = self.connection.connection.lock().await.take() {
            let _ = connection.close().await; // nothing is left to lose
        }
    }
}

impl Shared {
    async fn run(&self, statement: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        let mut guard = self.connection.lock().await;
        fetch(self.ready(&mut guard).await?, statement, params).await
    }

    async fn change(&self, statement: &str, params: &[&Value]) -> Result<u64, DbError> {
        let arguments = bind(params.iter().copied()).map_err(explain)?;
        let mut guard = self.connection.lock().await;
        let query = sqlx::query_with(AssertSqlSafe(statement.to_owned()), arguments);
        let done = query.execute(self.ready(&mut guard).await?).await;
        done.map(|done| done.rows_affected()).map_err(explain)
    }

    /// The connection, with nothing left of a transaction that was abandoned.
    async fn ready<'a>(
        &self,
        connection: &'a mut Option<SqliteConnection>,
    ) -> Result<&'a mut SqliteConnection, DbError> {
        let connection = connection.as_mut().ok_or_else(closed)?;
        if self.abandoned.swap(false, Ordering::AcqRel) {
            // It fails only where nothing is left to roll back.
            let _ = fetch(connection, sql::ROLLBACK, &[]).await;
        }
        Ok(connection)
    }
}

fn closed() -> DbError {
    DbError::new(Class::Environment, "the connection is closed")
}

/// A writing transaction.
#[derive(Debug)]
pub(crate) struct SqliteTransaction {
    connection: Arc<Shared>,
    open: bool,
}

impl DriverTransaction for SqliteTransaction {
    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        self.connection.run(sql, params).await
    }

    async fn unprepared(&mut self, sql: &str) -> Result<(), DbError> {
        self.run(sql, &[]).await.map(drop)
    }

    async fn change(&mut self, sql: &str, params: Vec<&Value>) -> Result<u64, DbError> {
        self.connection.change(sql, &params).await
    }

    async fn commit(mut self) -> Result<(), DbError> {
        self.connection.run(sql::COMMIT, &[]).await?;
        self.open = false;
        Ok(())
    }

    async fn rollback(mut self) -> Result<(), DbError> {
        self.connection.run(sql::ROLLBACK, &[]).await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        if self.open {
            self.connection.abandoned.store(true, Ordering::Release);
        }
    }
}

async fn fetch(
    connection: &mut SqliteConnection,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Record>, DbError> {
    let arguments = bind(params.iter()).map_err(explain)?;
    let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), arguments);
    let rows = query.fetch(connection).map(|row| row.and_then(|row| record(&row)));
    rows.try_collect().await.map_err(explain)
}

fn bind<'p>(params: impl ExactSizeIterator<Item = &'p Value>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(params.len(), 0);
    for param in params {
        match param {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(number) => arguments.add(*number),
            Value::Real(number) => arguments.add(*number),
            Value::Text(text) => arguments.add(text.clone()),
            Value::Bytes(bytes) | Value::NotText(bytes) => arguments.add(bytes.clone()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn record(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    driver::record(row.len(), |column| value(row, column))
}

fn value(row: &SqliteRow, column: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    // The value's own type counts, not the column's: SQLite stores anything anywhere.
    let info = raw.type_info();
    Ok(match info.name() {
        "INTEGER" | "BOOLEAN" => Value::Int(row.try_get_unchecked(column)?),
        "REAL" => Value::Real(row.try_get_unchecked(column)?),
        "TEXT" => match String::from_utf8(row.try_get_unchecked(column)?) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::NotText(error.into_bytes()),
        },
        _ => Value::Bytes(row.try_get_unchecked(column)?),
    })
}

/// Whether a file with something in it stands beside the database's.
fn is_filled(path: &Path, suffix: &str) -> bool {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    std::fs::metadata(beside).is_ok_and(|found| found.len() > 0)
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
fn explain(error: sqlx::Error) -> DbError {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const TOO_BIG: i32 = 18;
    const CONSTRAINT: i32 = 19;
    const MISMATCH: i32 = 20;
    const READONLY_ROLLBACK: i32 = 8 | (3 << 8);
    let sqlx::Error::Database(database) = &error else {
        return DbError::new(Class::Environment, error.to_string());
    };
    let code = database.code().and_then(|code| code.parse::<i32>().ok());
    if code == Some(READONLY_ROLLBACK) {
        let text = "a transaction that a crash left unfinished must be rolled back first";
        return DbError::new(Class::Environment, text).with_remedy(Some(UNFINISHED));
    }
    let primary = code.map(|code| code & 0xff);
    let class = match primary {
        Some(BUSY | LOCKED) => Class::Retry,
        Some(CONSTRAINT | TOO_BIG | MISMATCH) => Class::Row,
        _ => Class::Environment,
    };
    DbError::new(class, database.message().to_owned())
}
