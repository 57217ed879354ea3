//! SQLite, read and changed directly.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use super::wait;

/// A stored value: its type, and its bytes (of a number, its digits).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) kind: String,
    pub(crate) bytes: Vec<u8>,
}

/// A table with all its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    /// By row number, which nothing changes.
    pub(crate) rows: BTreeMap<i64, Vec<Cell>>,
}

impl Cell {
    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|_| self.kind == "text")
    }
}

async fn connect(database: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(database).connect().await.unwrap()
}

/// Runs statements.
#[track_caller]
pub(crate) fn execute(database: &Path, sql: &str) {
    let done = wait(async {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connect(database).await).await
    });
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The one number that a query returns.
#[track_caller]
pub(crate) fn number(database: &Path, sql: &str) -> i64 {
    let number = wait(async {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connect(database).await).await
    });
    number.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// All tables with all rows.
pub(crate) fn tables(database: &Path) -> BTreeMap<String, Table> {
    wait(async {
        let mut db = connect(database).await;
        let names: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&mut db)
            .await
            .unwrap();
        let mut tables = BTreeMap::new();
        for name in names {
            let table = read(&mut db, &name).await;
            tables.insert(name, table);
        }
        tables
    })
}

async fn read(db: &mut SqliteConnection, name: &str) -> Table {
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
        .bind(name)
        .fetch_all(&mut *db)
        .await
        .unwrap();
    let selected: String = columns
        .iter()
        .map(|column| format!(", typeof({column}), COALESCE(CAST({column} AS BLOB), x'')"))
        .collect();
    let sql = format!("SELECT rowid{selected} FROM {name}");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(db).await.unwrap();
    let rows = rows
        .iter()
        .map(|row| {
            let cell = |at: usize| Cell { kind: row.get(1 + 2 * at), bytes: row.get(2 + 2 * at) };
            (row.get(0), (0..columns.len()).map(cell).collect())
        })
        .collect();
    Table { columns, rows }
}
