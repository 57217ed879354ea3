//! Tables of an SQLite file, in its words and a server's.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use super::Engine;
use super::place::UPDATES;
use super::server::stand_in;

impl Engine {
    /// Rows come in any order.
    pub(super) const fn without_checks(self) -> &'static str {
        match self {
            Self::Postgres => "SET session_replication_role = replica",
            Self::H2 => "SET REFERENTIAL_INTEGRITY FALSE",
            Self::MariaDb | Self::MySql | Self::Sqlite => "SET foreign_key_checks = 0",
        }
    }

    /// Begins a transaction that sees the database as it is now, whatever others commit.
    pub(super) fn one_moment(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["BEGIN ISOLATION LEVEL REPEATABLE READ"],
            Self::H2 => &[
                "SET AUTOCOMMIT FALSE",
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SNAPSHOT",
            ],
            _ => &["START TRANSACTION WITH CONSISTENT SNAPSHOT"],
        }
    }

    /// A column as text that SQLite can read again.
    pub(super) fn as_text(self, column: &Column) -> String {
        let name = &column.name;
        match (self, column.kind) {
            (Self::Postgres, ColumnKind::Bytes) => format!("encode({name}, 'hex')"),
            (Self::Postgres, ColumnKind::Flag) => format!("{name}::int::text"),
            (Self::Postgres, _) => format!("{name}::text"),
            (Self::H2, ColumnKind::Bytes) => format!("RAWTOHEX({name})"),
            (Self::H2, ColumnKind::Flag) => format!("CAST(CAST({name} AS INTEGER) AS VARCHAR)"),
            (Self::H2, _) => format!("CAST({name} AS VARCHAR)"),
            (_, ColumnKind::Bytes) => format!("HEX({name})"),
            (_, _) => format!("CONVERT({name} USING utf8mb4)"),
        }
    }

    /// A statement that makes a table of SQLite's schema in the server's words. MySQL and MariaDB make its indexes with it,
    /// as a dump has it: each that is made by itself takes them as long as the table.
    pub(super) fn dialect(self, table: &str, sql: &str, indexes: &[&str]) -> String {
        if self == Self::Postgres {
            return sql.replace(" BLOB", " BYTEA");
        }
        if self == Self::H2 {
            // Keys are decimals there, and values may be compared whatever their case.
            return match stand_in().as_deref() {
                Some("oracle" | "db2") => sql.replace(" INTEGER", " DECIMAL(31, 0)"),
                Some("sqlserver") => sql.replace(" VARCHAR(2048)", " VARCHAR_IGNORECASE(2048)"),
                _ => sql.to_owned(),
            };
        }
        let mut sql =
            sql.replace(" TIMESTAMP,", " TIMESTAMP NULL,").replace(" TIMESTAMP\n", " TIMESTAMP NULL\n");
        if table == "IDN_OAUTH2_ACCESS_TOKEN" {
            let null = if self == Self::MySql { "NULL" } else { "NOT NULL" };
            let now = format!("TIMESTAMP {null} DEFAULT CURRENT_TIMESTAMP");
            sql = sql
                .replace(
                    "REFRESH_TOKEN_TIME_CREATED TIMESTAMP NULL",
                    &format!("REFRESH_TOKEN_TIME_CREATED {now} ON UPDATE CURRENT_TIMESTAMP"),
                )
                .replace(" TIME_CREATED TIMESTAMP NULL", &format!(" TIME_CREATED {now}"));
        }
        let end = sql.rfind(')').unwrap();
        for index in indexes {
            let (name, columns) = index.split_once(" ON ").unwrap();
            let name = name.strip_prefix("CREATE ").unwrap();
            sql.insert_str(end, &format!(", {name} {}", &columns[columns.find('(').unwrap()..]));
        }
        format!("{sql} ENGINE = InnoDB")
    }

    /// A value of an SQLite column, read as text or as hexadecimal digits, in this server's words.
    fn literal(self, kind: ColumnKind, text: &str) -> String {
        match (kind, self) {
            (ColumnKind::Bytes, Self::Postgres) => format!("'\\x{text}'"),
            (ColumnKind::Bytes, _) => format!("X'{text}'"),
            (_, Self::Postgres | Self::H2) => format!("'{}'", text.replace('\'', "''")),
            _ => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        }
    }

    /// The rows of an SQLite table, each column in this server's words.
    pub(super) async fn rows(
        self,
        source: &mut SqliteConnection,
        table: &str,
        columns: &[Column],
    ) -> Vec<Vec<String>> {
        let selected: Vec<_> = columns
            .iter()
            .map(|column| match column.kind {
                ColumnKind::Bytes => format!("hex({0}), {0} IS NULL", column.name),
                _ => format!("CAST({0} AS TEXT), {0} IS NULL", column.name),
            })
            .collect();
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT {} FROM {table}", selected.join(", "))))
            .fetch_all(source)
            .await
            .unwrap();
        let value = |row: &sqlx::sqlite::SqliteRow, at: usize| {
            if row.get::<bool, _>(2 * at + 1) {
                "NULL".to_owned()
            } else {
                self.literal(columns[at].kind, &row.get::<String, _>(2 * at))
            }
        };
        rows.iter().map(|row| (0..columns.len()).map(|at| value(row, at)).collect()).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Number,
    Flag,
    Text,
    Bytes,
}

/// A column of an SQLite table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    kind: ColumnKind,
    key: i64,
}

impl Column {
    /// What the server sent, in SQLite's words.
    pub(super) fn literal(&self, text: Option<&str>) -> String {
        match (text, self.kind) {
            (None, _) => "NULL".to_owned(),
            (Some(text), ColumnKind::Number | ColumnKind::Flag) => text.to_owned(),
            (Some(text), ColumnKind::Bytes) => format!("x'{text}'"),
            (Some(text), ColumnKind::Text) => format!("'{}'", text.replace('\'', "''")),
        }
    }
}

/// The columns of an SQLite table.
pub(super) async fn columns(db: &mut SqliteConnection, table: &str) -> Vec<Column> {
    let found: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT name, upper(type), pk FROM pragma_table_info(?)")
            .bind(table)
            .fetch_all(db)
            .await
            .unwrap();
    let kind = |declared: &str| match declared {
        "BLOB" => ColumnKind::Bytes,
        "BOOLEAN" => ColumnKind::Flag,
        "INTEGER" | "BIGINT" => ColumnKind::Number,
        _ => ColumnKind::Text,
    };
    found.into_iter().map(|(name, declared, key)| Column { kind: kind(&declared), name, key }).collect()
}

/// The columns of the primary key, in order.
pub(super) fn keys(columns: &[Column]) -> Vec<&Column> {
    let key: BTreeMap<i64, &Column> =
        columns.iter().filter(|column| column.key > 0).map(|column| (column.key, column)).collect();
    key.into_values().collect()
}

/// Expressions as one text, on a server.
pub(super) fn joined(parts: &[String]) -> String {
    match parts {
        [] => "''".to_owned(),
        [one] => format!("CONCAT_WS('/', {one}, NULL)"), // H2 takes no fewer
        parts => format!("CONCAT_WS('/', {})", parts.join(", ")),
    }
}

/// The columns of a key as one text, on a server.
pub(super) fn key_text(key: &[&Column]) -> String {
    joined(&key.iter().map(|column| column.name.clone()).collect::<Vec<_>>())
}

/// The row numbers that SQLite has given, by key.
async fn numbers(db: &mut SqliteConnection, table: &str, key: &[&Column]) -> HashMap<String, i64> {
    let key: Vec<_> = key.iter().map(|column| column.name.as_str()).collect();
    let key = if key.is_empty() { "''".to_owned() } else { key.join(" || '/' || ") };
    let sql = format!("SELECT CAST({key} AS TEXT), rowid FROM {table}");
    let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(db).await.unwrap();
    rows.into_iter().collect()
}

/// Whether updates are counted, see `Place::count_updates`.
pub(super) async fn counts_updates(db: &mut SqliteConnection) -> bool {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)";
    sqlx::query_scalar(sql).bind(UPDATES).fetch_one(db).await.unwrap()
}

/// The updates that a file has counted, by table and key.
pub(super) async fn counted(db: &mut SqliteConnection) -> Vec<(String, String)> {
    let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(format!("SELECT TAB, ROW FROM {UPDATES}")))
        .fetch_all(&mut *db)
        .await
        .unwrap();
    let mut names: HashMap<String, HashMap<i64, String>> = HashMap::new();
    let mut counted = Vec::new();
    for (table, number) in rows {
        if !names.contains_key(&table) {
            let columns = columns(db, &table).await;
            let numbers = numbers(db, &table, &keys(&columns)).await;
            names.insert(table.clone(), numbers.into_iter().map(|(key, number)| (number, key)).collect());
        }
        // Rows that are gone have no key any more.
        counted.extend(names[&table].get(&number).map(|key| (table.clone(), key.clone())));
    }
    counted
}

/// The tables of a file, but for what counts updates.
pub(super) async fn table_names(db: &mut SqliteConnection) -> Vec<String> {
    sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> ?")
        .bind(UPDATES)
        .fetch_all(db)
        .await
        .unwrap()
}

/// Bytes of a statement from which on it gets no more rows.
const STATEMENT: usize = 50_000;

/// What a server holds, rows in an order of their own.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// The updates that were counted, by table and key, if they are.
    pub(super) counted: Option<Vec<[String; 2]>>,
    /// The rows of each table: their key as a text, then each column.
    pub(super) tables: Vec<(String, Vec<Vec<Option<String>>>)>,
}

impl Dump {
    /// Makes an SQLite file hold the same. Rows that it knows keep their number.
    pub(super) async fn write(&self, file: &mut SqliteConnection) {
        let mut work = file.begin().await.unwrap();
        let mut counted: HashMap<[&str; 2], usize> = HashMap::new();
        for [table, key] in self.counted.iter().flatten() {
            *counted.entry([table, key]).or_default() += 1;
        }
        let mut updates = Vec::new();
        for (table, rows) in &self.tables {
            let columns = columns(&mut work, table).await;
            let numbers = numbers(&mut work, table, &keys(&columns)).await;
            run(&mut work, format!("DELETE FROM {table}")).await;
            let mut next = numbers.values().max().copied().unwrap_or_default();
            let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
            let insert = format!("INSERT INTO {table} (rowid, {}) VALUES ", names.join(", "));
            let mut values = String::new();
            for row in rows {
                let (key, cells) = row.split_first().unwrap();
                let key = key.clone().unwrap();
                let number = numbers.get(&key).copied().unwrap_or_else(|| {
                    next += 1;
                    next
                });
                let times = counted.get(&[table.as_str(), key.as_str()]).copied().unwrap_or_default();
                updates.extend((0..times).map(|_| format!("('{table}', {number})")));
                let cells: Vec<_> =
                    columns.iter().zip(cells).map(|(column, cell)| column.literal(cell.as_deref())).collect();
                let comma = if values.is_empty() { "" } else { ", " };
                let _ = write!(values, "{comma}({number}, {})", cells.join(", "));
                if values.len() > STATEMENT {
                    run(&mut work, format!("{insert}{}", std::mem::take(&mut values))).await;
                }
            }
            if !values.is_empty() {
                run(&mut work, format!("{insert}{values}")).await;
            }
        }
        if self.counted.is_some() {
            run(&mut work, format!("DELETE FROM {UPDATES}")).await;
            for rows in updates.chunks(500) {
                run(&mut work, format!("INSERT INTO {UPDATES} VALUES {}", rows.join(", "))).await;
            }
        }
        work.commit().await.unwrap();
    }
}

async fn run(db: &mut SqliteConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap();
}
