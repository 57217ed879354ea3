//! The columns of a database in which a ciphertext may stand, whatever their type. SQL as data; a type that cannot be
//! looked into is named.

use std::fmt;

use super::copies::text;
use super::near::{quoted, quoted_name};
use super::{Db, DbError, POSTGRES, Record, Value};

/// How a dialect is asked: schema, if it is not the one in which tables are looked for; table and column, as they are
/// written; how it can be read (see [`TextColumn::of`]); and what it holds, a text if nothing is said ([`Holds::of`]).
///
/// 30 is the shortest that is asked for: `{"c":"` and one block of a cipher in base64. What a server reads has `t`
/// behind that, and 12 characters more.
const COLUMNS: &[(&str, &str)] = &[
    (
        "SQLite",
        // A column holds anything there, whatever is declared. Generated ones are hidden (2, 3), those of no table, too (1).
        "SELECT '', m.name, i.name, 1, 'text' FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS i \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND m.sql NOT LIKE 'CREATE VIRTUAL TABLE%' AND i.hidden <> 1 \
         UNION ALL SELECT '', name, '*', 1, 'a virtual table' FROM sqlite_master \
         WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' ORDER BY 2, 3",
    ),
    (
        "PostgreSQL",
        // Of a domain its type counts. Partitions are read by their table, and so are those that are elsewhere.
        "WITH RECURSIVE kinds AS (SELECT t.oid AS kind, t.oid AS base FROM pg_catalog.pg_type t \
         WHERE t.typtype OPERATOR(pg_catalog.<>) 'd'::\"char\" UNION ALL SELECT d.oid, k.base FROM pg_catalog.pg_type d \
         JOIN kinds k ON k.kind OPERATOR(pg_catalog.=) d.typbasetype WHERE d.typtype OPERATOR(pg_catalog.=) 'd'::\"char\"), \
         types AS (SELECT k.kind, t.typlen, t.typrelid, t.typelem, t.typcategory AS category, \
         CASE WHEN t.typnamespace OPERATOR(pg_catalog.=) 'pg_catalog'::regnamespace::oid THEN t.typname::text \
         ELSE ''::text END AS own FROM kinds k JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) k.base) \
         SELECT f.schema, f.relation, f.col, f.how, f.holds FROM (SELECT \
         CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE n.nspname::text END AS schema, \
         c.relname::text AS relation, a.attname::text AS col, \
         CASE WHEN NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
         AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')) THEN 0 \
         WHEN c.relkind OPERATOR(pg_catalog.=) 'f'::\"char\" THEN 2 ELSE 1 END::bigint AS how, \
         CASE WHEN t.own OPERATOR(pg_catalog.=) 'bytea'::text THEN 'bytes' \
         WHEN t.own OPERATOR(pg_catalog.=) ANY ('{json,jsonb,xml}'::text[]) THEN 'document' \
         WHEN t.category OPERATOR(pg_catalog.=) 'S'::\"char\" THEN CASE WHEN t.typlen OPERATOR(pg_catalog.<>) 1 \
         AND (t.own OPERATOR(pg_catalog.=) ''::text OR a.atttypmod OPERATOR(pg_catalog.<) 0 \
         OR a.atttypmod OPERATOR(pg_catalog.>) 33) THEN 'text' END \
         WHEN t.category OPERATOR(pg_catalog.=) 'A'::\"char\" THEN CASE \
         WHEN e.own OPERATOR(pg_catalog.=) 'bytea'::text OR e.category OPERATOR(pg_catalog.=) ANY ('{A,C}'::\"char\"[]) \
         THEN 'an array of bytes or of rows' WHEN (e.category OPERATOR(pg_catalog.=) 'S'::\"char\" \
         AND e.typlen OPERATOR(pg_catalog.<>) 1) OR e.own OPERATOR(pg_catalog.=) ANY ('{json,jsonb,xml}'::text[]) \
         OR (e.own OPERATOR(pg_catalog.=) ''::text \
         AND e.category OPERATOR(pg_catalog.<>) ALL ('{N,B,D,T,I,G,V,E}'::\"char\"[])) THEN 'list' END \
         WHEN t.category OPERATOR(pg_catalog.=) 'C'::\"char\" AND EXISTS (SELECT FROM pg_catalog.pg_attribute m \
         JOIN types p ON p.kind OPERATOR(pg_catalog.=) m.atttypid WHERE m.attrelid OPERATOR(pg_catalog.=) t.typrelid \
         AND m.attnum OPERATOR(pg_catalog.>) 0 AND NOT m.attisdropped AND (p.own OPERATOR(pg_catalog.=) 'bytea'::text \
         OR p.category OPERATOR(pg_catalog.=) ANY ('{A,C}'::\"char\"[]))) THEN 'a row that holds bytes, arrays or rows' \
         WHEN t.own OPERATOR(pg_catalog.=) ''::text \
         AND t.category OPERATOR(pg_catalog.<>) ALL ('{N,B,D,T,I,G,V,E}'::\"char\"[]) THEN 'printed' END AS holds \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid \
         JOIN types t ON t.kind OPERATOR(pg_catalog.=) a.atttypid \
         LEFT JOIN types e ON e.kind OPERATOR(pg_catalog.=) t.typelem \
         WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m,f}'::\"char\"[]) AND NOT c.relispartition \
         AND n.nspname::text OPERATOR(pg_catalog.!~~) 'pg\\_%'::text \
         AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'::name \
         AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
         UNION ALL SELECT '', 'pg_largeobject_metadata', 'oid', 1, 'objects' \
         WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)) f WHERE f.holds IS NOT NULL ORDER BY 1, 2, 3",
    ),
    (
        "MySQL and MariaDB",
        // Of what has a length, only bytes have no character set. A FEDERATED table and its like stand elsewhere.
        "SELECT IF(c.TABLE_SCHEMA = DATABASE(), '', c.TABLE_SCHEMA), c.TABLE_NAME, c.COLUMN_NAME, \
         CASE WHEN t.TABLE_TYPE = 'SYSTEM VERSIONED' THEN 3 WHEN t.ENGINE IN ('FEDERATED', 'CONNECT', 'SPIDER') THEN 2 \
         ELSE 1 END, CASE WHEN c.DATA_TYPE = 'json' THEN 'document' WHEN c.CHARACTER_SET_NAME IS NULL THEN 'bytes' \
         ELSE 'text' END FROM information_schema.COLUMNS AS c \
         JOIN information_schema.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
         WHERE c.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') \
         AND t.TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') AND c.DATA_TYPE NOT IN ('enum', 'set') \
         AND (c.DATA_TYPE = 'json' OR c.CHARACTER_MAXIMUM_LENGTH >= 30) ORDER BY 1, 2, 3",
    ),
    (
        "H2",
        // The types that are no texts are bytes, by their numbers in 1.4 and, without a length, by their names in 2.x.
        "SELECT CASE WHEN c.TABLE_SCHEMA = SCHEMA() THEN '' ELSE c.TABLE_SCHEMA END, \
         c.TABLE_NAME, c.COLUMN_NAME, 1 FROM INFORMATION_SCHEMA.COLUMNS AS c JOIN INFORMATION_SCHEMA.TABLES AS t \
         ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
         WHERE c.TABLE_SCHEMA <> 'INFORMATION_SCHEMA' AND t.TABLE_TYPE NOT IN ('VIEW', 'SYSTEM TABLE') \
         AND c.CHARACTER_MAXIMUM_LENGTH >= 30 \
         AND CAST(c.DATA_TYPE AS VARCHAR) NOT IN ('-2', '-3', '-4', '2004', '1111', '2000', '2003') ORDER BY 1, 2, 3",
    ),
    (
        "Oracle",
        "SELECT CASE WHEN c.OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') THEN '' ELSE c.OWNER END, \
         c.TABLE_NAME, c.COLUMN_NAME, 1, CASE WHEN c.DATA_TYPE IN ('LONG', 'JSON') OR c.DATA_TYPE_OWNER IS NOT NULL \
         THEN 'of the type ' || c.DATA_TYPE ELSE 'text' END FROM ALL_TAB_COLUMNS c \
         JOIN ALL_TABLES t ON t.OWNER = c.OWNER AND t.TABLE_NAME = c.TABLE_NAME \
         JOIN ALL_USERS u ON u.USERNAME = c.OWNER WHERE u.ORACLE_MAINTAINED = 'N' AND t.TEMPORARY = 'N' \
         AND (c.DATA_TYPE IN ('CLOB', 'NCLOB', 'LONG', 'JSON') OR c.DATA_TYPE_OWNER IS NOT NULL \
         OR (c.DATA_TYPE IN ('VARCHAR2', 'NVARCHAR2', 'CHAR', 'NCHAR') AND c.CHAR_LENGTH >= 30)) ORDER BY 1, 2, 3",
    ),
    (
        "SQL Server",
        "SELECT CASE WHEN t.object_id = OBJECT_ID(QUOTENAME(t.name)) THEN N'' ELSE SCHEMA_NAME(t.schema_id) END, \
         t.name, c.name, COALESCE(HAS_PERMS_BY_NAME(CONCAT(QUOTENAME(SCHEMA_NAME(t.schema_id)), N'.', \
         QUOTENAME(t.name)), N'OBJECT', N'SELECT'), 0), \
         CASE WHEN y.name IN (N'xml', N'sql_variant') THEN CONCAT(N'of the type ', y.name) ELSE N'text' END \
         FROM sys.tables AS t JOIN sys.columns AS c ON c.object_id = t.object_id \
         JOIN sys.types AS y ON y.user_type_id = c.system_type_id \
         WHERE t.is_ms_shipped = 0 AND (y.name IN (N'text', N'ntext', N'xml', N'sql_variant') \
         OR (y.name IN (N'varchar', N'char') AND (c.max_length = -1 OR c.max_length >= 30)) \
         OR (y.name IN (N'nvarchar', N'nchar') AND (c.max_length = -1 OR c.max_length >= 60))) ORDER BY 1, 2, 3",
    ),
    (
        "Db2",
        "SELECT CASE WHEN c.TABSCHEMA = CURRENT SCHEMA THEN '' ELSE c.TABSCHEMA END, c.TABNAME, c.COLNAME, 1, \
         CASE WHEN c.TYPENAME = 'XML' OR c.TYPESCHEMA NOT LIKE 'SYS%' THEN 'of the type ' || c.TYPENAME \
         ELSE 'text' END FROM SYSCAT.COLUMNS AS c \
         JOIN SYSCAT.TABLES AS t ON t.TABSCHEMA = c.TABSCHEMA AND t.TABNAME = c.TABNAME \
         WHERE t.TYPE IN ('T', 'S') AND c.TABSCHEMA NOT LIKE 'SYS%' AND (c.TYPENAME = 'XML' \
         OR c.TYPESCHEMA NOT LIKE 'SYS%' OR (c.TYPENAME IN ('VARCHAR', 'CHARACTER', \
         'CLOB', 'LONG VARCHAR', 'VARGRAPHIC', 'DBCLOB') AND (c.LENGTH >= 30 OR c.TYPENAME LIKE '%CLOB'))) \
         ORDER BY 1, 2, 3",
    ),
];

/// What every envelope of a server begins with: base64 of `{"c":"`.
const BEGINS: &str = "eyJjIjoi";

/// Every question: dialect, what for, and the statement.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    COLUMNS.iter().map(|(dialect, sql)| (*dialect, "columns in which ciphertext may stand", *sql))
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Texts.
    Text,
    /// JSON or XML, which is a text to whoever asks.
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
            schema: text(record, 0),
            table: text(record, 1),
            column: text(record, 2),
            is_readable: how != Some(0),
            is_foreign: how == Some(2),
            has_history: how == Some(3),
            holds: Holds::of(&text(record, 4)),
        }
    }
}

impl fmt::Display for TextColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, table, column, .. } = self;
        if schema.is_empty() { write!(f, "{table}.{column}") } else { write!(f, "{schema}.{table}.{column}") }
    }
}

impl Db {
    /// All columns in which a ciphertext may stand, in all schemas that this user sees, by table. None where it cannot
    /// be asked.
    pub async fn text_columns(&self) -> Result<Option<Vec<TextColumn>>, DbError> {
        let Some((_, sql)) = COLUMNS.iter().find(|(dialect, _)| *dialect == self.syntax().name) else {
            return Ok(None);
        };
        let mut all: Vec<TextColumn> = self.read(sql, &[]).await?.iter().map(TextColumn::of).collect();
        all.sort_by(|one, other| (&one.schema, &one.table).cmp(&(&other.schema, &other.table)));
        Ok(Some(all))
    }

    /// Whether any of these columns of one table holds a text that begins as envelopes do. Reads the table to its end
    /// if none does. None if a name is too odd to look into it.
    pub async fn has_ciphertext(&self, columns: &[&TextColumn]) -> Result<Option<bool>, DbError> {
        let syntax = self.syntax();
        let table = columns.first().and_then(|first| quoted(syntax, &first.schema, &first.table));
        let names: Option<Vec<String>> =
            columns.iter().map(|column| quoted_name(syntax, &column.column)).collect();
        let Some((table, names)) = table.zip(names) else { return Ok(None) };
        let begins = |column: &String| {
            // By its bytes: some collations of PostgreSQL know no LIKE.
            if syntax.name == POSTGRES.name {
                let exact = format!("{} COLLATE pg_catalog.\"C\"", (syntax.as_text)(column));
                return format!("{exact} OPERATOR(pg_catalog.~~) '{BEGINS}%'");
            }
            format!("{column} LIKE '{BEGINS}%'")
        };
        let conditions: Vec<String> = names.iter().map(begins).collect();
        let sql = format!("SELECT 1 FROM {table} WHERE {}", conditions.join(" OR "));
        Ok(Some(!self.read(&(syntax.limited)(&sql, "1"), &[]).await?.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for is no longer than the shortest that a server reads, in any dialect.
    #[test]
    fn the_shortest_value_is_asked_for() {
        let block = "MDEyMzQ1Njc4OWFiY2RlZg==";
        let shortest = format!(r#"{{"c":"{block}","t":"AES"}}"#);
        assert_eq!((shortest.len(), format!(r#"{{"c":"{block}"#).len()), (42, 30));
        for (dialect, sql) in COLUMNS {
            let from =
                if *dialect == POSTGRES.name { "a.atttypmod OPERATOR(pg_catalog.>) 33" } else { ">= 30" };
            assert!(*dialect == "SQLite" || sql.contains(from), "{dialect}");
            assert!(!sql.contains(">= 200"), "{dialect}");
        }
    }
}
