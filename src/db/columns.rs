//! The columns of a database in which a ciphertext may stand, whatever their type. SQL as data; a type that cannot be
//! looked into is named.

use std::fmt;

use super::value::text_at;
use super::{Db, DbError, Record, Value};

/// What every envelope of a server begins with: base64 of `{"c":"`.
const BEGINS: &str = "eyJjIjoi";

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Texts.
    Text,
    /// JSON or XML, which a query returns as a text.
    Document,
    /// Bytes.
    Bytes,
    /// Arrays of texts.
    List,
    /// Values of a type of somebody's own, of which the server prints a text.
    Printed,
    /// The number of a large object.
    Objects,
    /// What cannot be looked into, in words.
    Unseen(String),
}

impl Holds {
    fn of(word: &str) -> Self {
        match word {
            "" | "text" => Self::Text,
            "document" => Self::Document,
            "bytes" => Self::Bytes,
            "list" => Self::List,
            "printed" => Self::Printed,
            "objects" => Self::Objects,
            other => Self::Unseen(other.to_owned()),
        }
    }
}

/// A column in which a ciphertext may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextColumn {
    /// The schema; empty for the one in which tables are looked for.
    pub schema: String,
    /// The table, as it is written.
    pub table: String,
    /// The column, as it is written.
    pub column: String,
    /// Whether this user may read it.
    pub is_readable: bool,
    /// Whether its rows stand on another server.
    pub is_foreign: bool,
    /// Whether the server keeps the table's earlier rows, and shows them to who asks for them.
    pub has_history: bool,
    /// What it holds.
    pub holds: Holds,
}

impl TextColumn {
    fn of(record: &Record) -> Self {
        let how = record.get(3).and_then(Value::as_int);
        Self {
            schema: text_at(record, 0).to_owned(),
            table: text_at(record, 1).to_owned(),
            column: text_at(record, 2).to_owned(),
            is_readable: how != Some(0),
            is_foreign: how == Some(2),
            has_history: how == Some(3),
            holds: Holds::of(text_at(record, 4)),
        }
    }

    /// The table, with its schema if that is another one.
    pub fn table_name(&self) -> String {
        let Self { schema, table, .. } = self;
        if schema.is_empty() { table.clone() } else { format!("{schema}.{table}") }
    }
}

impl fmt::Display for TextColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table_name(), self.column)
    }
}

impl Db {
    /// All columns in which a ciphertext may stand, in all schemas that this user sees, by table.
    pub async fn text_columns(&self) -> Result<Vec<TextColumn>, DbError> {
        let mut all: Vec<TextColumn> =
            self.read(self.dialect().text_columns, &[]).await?.iter().map(TextColumn::of).collect();
        all.sort_by(|one, other| (&one.schema, &one.table).cmp(&(&other.schema, &other.table)));
        Ok(all)
    }

    /// Whether any of these columns of one table holds a text that begins as envelopes do. Reads the table to its end
    /// if none does. None if a name is too odd to look into it.
    pub async fn has_ciphertext(&self, columns: &[&TextColumn]) -> Result<Option<bool>, DbError> {
        let dialect = self.dialect();
        let table = columns.first().and_then(|first| dialect.quoted_table(&first.schema, &first.table));
        let names: Option<Vec<String>> =
            columns.iter().map(|column| dialect.quoted(&column.column)).collect();
        let Some((table, names)) = table.zip(names) else { return Ok(None) };
        let conditions: Vec<String> = names.iter().map(|name| (dialect.begins)(name, BEGINS)).collect();
        let sql = format!("SELECT 1 FROM {table} WHERE {}", conditions.join(" OR "));
        Ok(Some(!self.read(&(dialect.limited)(&sql, "1"), &[]).await?.is_empty()))
    }
}
