//! Columns of an SQLite file, in its words and a server's.

use std::collections::{BTreeMap, HashMap};

use sqlx::{AssertSqlSafe, Row as _};

use super::Engine;

impl Engine {
    /// Rows come in any order.
    pub(super) const fn without_checks(self) -> &'static str {
        if matches!(self, Self::Postgres) {
            "SET session_replication_role = replica"
        } else {
            "SET foreign_key_checks = 0"
        }
    }

    /// A column as text that SQLite can read again.
    pub(super) fn as_text(self, column: &Column) -> String {
        let name = &column.name;
        match (self, column.kind) {
            (Self::Postgres, ColumnKind::Bytes) => format!("encode({name}, 'hex')"),
            (Self::Postgres, ColumnKind::Flag) => format!("{name}::int::text"),
            (Self::Postgres, _) => format!("{name}::text"),
            (_, ColumnKind::Bytes) => format!("HEX({name})"),
            (_, _) => format!("CONVERT({name} USING utf8mb4)"),
        }
    }

    /// A value of an SQLite column, read as text or as hexadecimal digits, in this server's words.
    fn literal(self, kind: ColumnKind, text: &str) -> String {
        match (kind, self) {
            (ColumnKind::Bytes, Self::Postgres) => format!("'\\x{text}'"),
            (ColumnKind::Bytes, _) => format!("X'{text}'"),
            (_, Self::Postgres) => format!("'{}'", text.replace('\'', "''")),
            _ => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        }
    }

    /// The rows of an SQLite table, each column in this server's words.
    pub(super) async fn rows(
        self,
        source: &mut sqlx::SqliteConnection,
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
pub(super) async fn columns(db: &mut sqlx::SqliteConnection, table: &str) -> Vec<Column> {
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

/// The columns of a key as one text, on a server.
pub(super) fn key_text(key: &[&Column]) -> String {
    let names: Vec<_> = key.iter().map(|column| column.name.as_str()).collect();
    format!("CONCAT_WS('/', {})", names.join(", "))
}

/// The row numbers that SQLite has given, by key.
pub(super) async fn numbers(
    db: &mut sqlx::SqliteConnection,
    table: &str,
    key: &[&Column],
) -> HashMap<String, i64> {
    let key: Vec<_> = key.iter().map(|column| column.name.as_str()).collect();
    let sql = format!("SELECT {}, rowid FROM {table}", key.join(" || '/' || "));
    let rows: Vec<(String, i64)> = match key.len() {
        1 => {
            let sql = format!("SELECT CAST({} AS TEXT), rowid FROM {table}", key[0]);
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(db).await.unwrap()
        }
        _ => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(db).await.unwrap(),
    };
    rows.into_iter().collect()
}
