//! What a driver does: implemented by each of them.
//!
//! What few of them have is refused unless they say otherwise.

use std::future::{Future, ready};
use std::pin::{Pin, pin};

use futures_util::{Stream, StreamExt as _};

use super::dialect::{Dialect, Questions};
use super::error::{Class, DbError};
use super::own_sessions::OwnSessions;
use super::remote::STATEMENT_BYTES;
use super::server::Server;
use super::table::{Kind, TableInfo};
use super::value::{Record, Value};

/// What comes of a statement that gives rows.
type Rows = Result<Vec<Record>, DbError>;

/// What to wait for before the next row is handed on; nothing where there is room for it.
pub type Wait = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// What rows are handed to.
pub type Taker<'a> = &'a mut (dyn FnMut(Record) -> Wait + Send);

/// A row of so many columns. Its vector has their number from the start and never grows: tables have many rows.
pub(crate) fn record(
    columns: usize,
    value: impl FnMut(usize) -> Result<Value, sqlx::Error>,
) -> Result<Record, sqlx::Error> {
    let mut record = Record::with_capacity(columns);
    for value in (0..columns).map(value) {
        record.push(value?);
    }
    Ok(record)
}

/// Hands rows on as they come.
pub(crate) async fn hand_on(
    rows: impl Stream<Item = Result<Record, sqlx::Error>>,
    explain: fn(sqlx::Error) -> DbError,
    found: Taker<'_>,
) -> Result<(), DbError> {
    let mut rows = pin!(rows);
    while let Some(row) = rows.next().await {
        if let Some(room) = found(row.map_err(explain)?) {
            room.await;
        }
    }
    Ok(())
}

/// A connected database, as its driver has it.
pub(crate) trait Driver {
    /// What is begun.
    type Transaction: DriverTransaction;

    /// How it is written to, and how it answers.
    fn dialect(&self) -> &'static Dialect;

    /// The server; none for a file in this process.
    fn server(&self) -> Option<&Server>;

    /// What only the server can answer; none where nobody else can be at it.
    fn questions(&self) -> Option<&'static Questions> {
        Some(self.dialect().questions)
    }

    /// Where it is, for people.
    fn place(&self) -> String {
        self.server().map_or_else(String::new, ToString::to_string)
    }

    /// How many connections share the work: what was asked for, or what the server has room for.
    fn connections(&self) -> u32 {
        1
    }

    /// The most bytes of values that one statement may carry.
    fn statement_bytes(&self) -> usize {
        STATEMENT_BYTES
    }

    /// Whether it was opened only to read, as far as that matters.
    fn only_reads(&self) -> bool {
        false
    }

    /// Our own sessions, where they go by number; elsewhere by their program's name.
    fn own(&self) -> Option<&OwnSessions> {
        None
    }

    /// Whether rows are handed on as they come.
    fn hands_on(&self) -> bool {
        true
    }

    /// Claims what no server can be asked for.
    fn claim(&self) -> Result<bool, DbError> {
        Ok(true)
    }

    /// Runs a reading statement.
    fn read(&self, sql: &str, params: &[Value]) -> impl Future<Output = Rows> + Send;

    /// Likewise, and hands each row on.
    fn each(&self, sql: &str, found: Taker<'_>) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Runs a reading statement with an array for each column.
    fn read_arrays(&self, _sql: &str, _arrays: &[(Kind, Vec<&Value>)]) -> impl Future<Output = Rows> + Send {
        ready(Err(unsupported("arrays")))
    }

    /// Runs one query for each set of values.
    fn read_each(&self, _sql: &str, _rows: &[Vec<&Value>]) -> impl Future<Output = Rows> + Send {
        ready(Err(unsupported("batches")))
    }

    /// Runs a script of several statements.
    fn script(&self, sql: &str) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Begins a writing transaction. Beside servers it waits for nothing that others have locked for longer than
    /// [`Server::lock_wait`], as far as the driver can tell the server so.
    fn begin(&self, beside: bool) -> impl Future<Output = Result<Self::Transaction, DbError>> + Send;

    /// A table, where the catalogue is not asked; none if there is no such table.
    fn table(&self, _name: &str) -> impl Future<Output = Result<Option<TableInfo>, DbError>> + Send {
        ready(Ok(None))
    }

    /// Has the server write each commit before it acknowledges it, until this is closed.
    fn write_at_once(&self) -> impl Future<Output = Result<(), DbError>> + Send {
        ready(Ok(()))
    }

    /// Closes the sessions that nobody uses now.
    fn rest(&self) -> impl Future<Output = ()> + Send {
        ready(())
    }

    /// Closes all connections.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A writing transaction. Dropped, it is rolled back.
pub(crate) trait DriverTransaction {
    /// Runs a statement and returns the rows it gives back.
    fn run(&mut self, sql: &str, params: &[Value]) -> impl Future<Output = Rows> + Send;

    /// Runs a statement that is not prepared, without values or rows.
    fn unprepared(&mut self, sql: &str) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Runs a statement with an array for each column.
    fn run_arrays(
        &mut self,
        _sql: &str,
        _arrays: &[(Kind, Vec<&Value>)],
    ) -> impl Future<Output = Rows> + Send {
        ready(Err(unsupported("arrays")))
    }

    /// Runs one query for each set of values.
    fn each(&mut self, _sql: &str, _rows: &[Vec<&Value>]) -> impl Future<Output = Rows> + Send {
        ready(Err(unsupported("batches")))
    }

    /// Runs one change for each set of values, and says how many rows each changed.
    fn batch(
        &mut self,
        _sql: &str,
        _rows: &[Vec<&Value>],
    ) -> impl Future<Output = Result<Vec<i64>, DbError>> + Send {
        ready(Err(unsupported("batches")))
    }

    /// Runs a statement and returns how many rows the server says it affected.
    fn change(
        &mut self,
        _sql: &str,
        _params: Vec<&Value>,
    ) -> impl Future<Output = Result<u64, DbError>> + Send {
        ready(Err(unsupported("counts of rows")))
    }

    /// Commits. After an error of [`Class::Lost`] the result is not known.
    fn commit(self) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Rolls back.
    fn rollback(self) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// A dialect's way of writing that its driver does not have: a fault of this program.
pub(crate) fn unsupported(what: &str) -> DbError {
    DbError::new(Class::Environment, format!("this driver is not asked for {what}"))
}
