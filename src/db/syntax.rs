//! What differs between dialects, as data.

use super::table::Kind;
use crate::sizes::Sizes;

mod db2;
mod h2;
mod mssql;
mod oracle;

pub use db2::{DB2, DB2_BLIND, DB2_QUESTIONS, DB2_SESSION};
pub use h2::{H2, H2_1_QUESTIONS, H2_FLUSH, H2_QUESTIONS};
pub use mssql::{MSSQL, MSSQL_QUESTIONS, MSSQL_SESSION};
pub use oracle::{ORACLE, ORACLE_BLIND, ORACLE_QUESTIONS, ORACLE_SESSION};

/// A dialect of SQL.
#[derive(Debug)]
pub struct Syntax {
    /// The dialect's name.
    pub name: &'static str,
    /// How many parameters a statement takes.
    pub max_parameters: usize,
    /// How many rows a statement changes at most: measured, where more gains nothing. See
    /// [`rows_of_a_statement`](Self::rows_of_a_statement).
    rows_at_once: usize,
    /// The mark of a parameter, by its number from 1 and what it holds.
    pub parameter: fn(usize, Kind) -> String,
    /// The mark of a parameter as it is compared with a column of this type, so that the column's index
    /// serves and its own order counts.
    pub compared: fn(String, &str) -> String,
    /// How a key column is read.
    pub key_column: fn(&str, Kind) -> String,
    /// How a column that is no key and no value of ours is read, as a text that can be written again.
    pub portable: fn(&str) -> String,
    /// Types, in lower case and without a length, whose values that text does not carry exactly.
    pub inexact: &'static [&'static str],
    /// Milliseconds since the time in a column of a change log.
    pub log_age: fn(&str) -> String,
    /// How the rows behind a key are found.
    pub paging: Paging,
    /// A SELECT that ends after so many rows: the statement, and the number or its mark.
    pub limited: fn(&str, &str) -> String,
    /// What keeps others from changing the rows that are read, until the transaction ends: behind the
    /// table's name, and at the end of the statement.
    pub lock: [&'static str; 2],
    /// Marks a point within a transaction to which a refused statement is rolled back.
    pub savepoint: &'static str,
    /// Goes back to that point.
    pub to_savepoint: &'static str,
    /// Forgets that point; empty where it is forgotten by itself.
    pub release_savepoint: &'static str,
    /// How values are replaced.
    pub write: Write,
    /// Whether the server may take names for the same that differ in case.
    pub ignores_case: bool,
    /// Whether a column holds, byte for byte, what is bound: where the server compares, by itself.
    pub same: fn(&str, &str, Kind) -> String,
    /// What stands before the names of the server's own functions, so that no other role's of that name fits better.
    pub own: &'static str,
    /// How a comparison of keys is written: by its sign, or where another role's operator of that name could fit
    /// better, by the server's own.
    pub operator: fn(&str) -> String,
    /// A column of text as it is compared with texts, so that the server's own operator is the one that fits.
    pub as_text: fn(&str) -> String,
    /// How a truth value is tested.
    pub is_true: fn(&str) -> String,
    /// The statement that begins a writing transaction; empty where the JDBC driver does.
    pub begin: &'static str,
    /// The catalogue's columns of a table, which is bound by name; empty where the JDBC driver is asked.
    pub columns: &'static str,
    /// The columns of a table's unique indexes, one row for each, in the index's order; likewise.
    pub unique: &'static str,
    /// The names of all tables, in upper case.
    pub tables: &'static str,
    /// The names of all tables and triggers, in upper case.
    pub objects: &'static str,
    /// The bytes that a table, which is bound by name, has on disk with its indexes.
    pub table_bytes: &'static str,
    /// Milliseconds since the time in a column, which is UTC.
    pub age: fn(&str) -> String,
    /// What rewriting all rows of a table takes, of its size with its indexes.
    pub rewrite: Rewrite,
}

impl Syntax {
    /// How many rows a statement changes at most.
    pub fn rows_of_a_statement(&self) -> usize {
        self.rows_at_once.min(Sizes::new().compared)
    }
}

/// What rewriting every row of a table takes on disk, in percent of the table with its indexes.
/// Measured with IDN_OAUTH2_ACCESS_TOKEN and its indexes: docs/performance.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite {
    /// How much its files grow.
    pub files: u64,
    /// What the server writes to its log (WAL, redo, rollback journal).
    pub log: u64,
}

/// How a dialect replaces values only where they still are what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// One statement that compares in the server, with a list of rows.
    Values,
    /// One statement that compares in the server, with an array for each column.
    Arrays,
    /// One statement for each row, many in a batch, that compares in the server. Rows are looked up so,
    /// too: one key in each statement.
    Batch,
    /// The rows are locked and compared here: collations that ignore case, or trailing blanks, take
    /// different ciphertexts for equal.
    LockFirst,
    /// Likewise, since large objects cannot be compared in the server, either; then one statement for
    /// each row, many in a batch.
    LockThenBatch,
}

/// How a dialect finds the rows behind a key of several columns, in order and by way of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// Keys are compared as rows.
    Rows,
    /// The comparison is written out: MySQL and MariaDB read the whole table for a comparison of rows.
    Ways,
    /// A query for each way in which a key can come behind another, each with the limit of the page,
    /// and of all that the first: so every one is a piece of the index, whatever the optimizer thinks.
    /// The limit is written out, not bound: it is what makes an optimizer choose the index.
    Branches,
}

/// Every dialect.
pub const DIALECTS: &[&Syntax] = &[&SQLITE, &POSTGRES, &MYSQL, &H2, &ORACLE, &MSSQL, &DB2];

const SAVEPOINT: &str = "SAVEPOINT chunk_part";
const TO_SAVEPOINT: &str = "ROLLBACK TO SAVEPOINT chunk_part";
const RELEASE_SAVEPOINT: &str = "RELEASE SAVEPOINT chunk_part";

fn as_it_is(mark: String, _type: &str) -> String {
    mark
}

fn limit(select: &str, rows: &str) -> String {
    format!("{select} LIMIT {rows}")
}

fn fetch_first(select: &str, rows: &str) -> String {
    format!("{select} FETCH FIRST {rows} ROWS ONLY")
}

fn equal(column: &str, mark: &str, _kind: Kind) -> String {
    format!("{column} = {mark}")
}

fn plain_column(name: &str, _kind: Kind) -> String {
    name.to_owned()
}

/// SQLite 3.35 and later.
pub const SQLITE: Syntax = Syntax {
    name: "SQLite",
    max_parameters: 32_766,
    rows_at_once: 200,
    parameter: |_, _| "?".to_owned(),
    compared: as_it_is,
    key_column: plain_column,
    own: "",
    operator: str::to_owned,
    // In a column without a type a number equals no text.
    as_text: |column| format!("CAST({column} AS TEXT)"),
    // Each value has its own type, whatever its column's.
    portable: str::to_owned,
    inexact: &[],
    log_age: |column| format!("CAST((julianday('now') - julianday({column})) * 86400000 AS INTEGER)"),
    paging: Paging::Rows,
    limited: limit,
    lock: ["", ""], // the transaction has the whole database
    savepoint: SAVEPOINT,
    to_savepoint: TO_SAVEPOINT,
    release_savepoint: RELEASE_SAVEPOINT,
    write: Write::Values,
    ignores_case: false,
    same: equal,
    is_true: |column| format!("{column} IN (1, '1', 'true', 'TRUE', 'Y')"),
    // Takes the write lock at once: a transaction that reads first could deadlock on upgrading.
    begin: "BEGIN IMMEDIATE",
    // A view is no table.
    columns: "SELECT i.name, i.type, i.pk FROM sqlite_master AS m, pragma_table_info(m.name) AS i \
              WHERE m.type = 'table' AND upper(m.name) = upper(?) ORDER BY i.pk",
    unique: "SELECT l.name, i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i \
             WHERE l.\"unique\" = 1 AND l.partial = 0 ORDER BY l.name, i.seqno",
    tables: "SELECT upper(name) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1",
    objects: "SELECT upper(name) FROM sqlite_master WHERE type IN ('table', 'trigger')",
    table_bytes: "SELECT SUM(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = ?)",
    age: |column| format!("((julianday('now') - julianday({column})) * 86400000)"),
    rewrite: Rewrite { files: 0, log: 100 },
};

/// PostgreSQL 12 and later.
pub const POSTGRES: Syntax = Syntax {
    name: "PostgreSQL",
    max_parameters: 65_535,
    rows_at_once: 2000,
    parameter: |number, kind| format!("${number}::{}", postgres_type(kind)),
    compared: as_it_is,
    key_column: |name, kind| match kind {
        Kind::Decimal => format!("{name}::text"),
        _ => name.to_owned(),
    },
    own: "pg_catalog.",
    operator: |sign| format!("OPERATOR(pg_catalog.{sign})"),
    as_text: |column| format!("{column}::text"),
    portable: |column| format!("{column}::text"),
    // By the locale; cut to one bit or character by its own name; what a number means is another thing there.
    inexact: &[
        "money",
        "bit",
        "char",
        "regclass",
        "regcollation",
        "regconfig",
        "regdictionary",
        "regnamespace",
        "regoper",
        "regoperator",
        "regproc",
        "regprocedure",
        "regrole",
        "regtype",
    ],
    log_age: |column| {
        format!(
            "(EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) {column}::timestamptz)::numeric \
             OPERATOR(pg_catalog.*) 1000::numeric)::bigint"
        )
    },
    paging: Paging::Rows,
    limited: limit,
    lock: ["", " FOR UPDATE OF t"],
    savepoint: SAVEPOINT,
    to_savepoint: TO_SAVEPOINT,
    release_savepoint: RELEASE_SAVEPOINT,
    write: Write::Arrays,
    ignores_case: false,
    same: |column, mark, _| format!("{column} OPERATOR(pg_catalog.=) {mark}"),
    is_true: |column| format!("{column}::text IN ('1', 't', 'true', 'TRUE', 'Y')"),
    begin: "BEGIN",
    columns: "SELECT pg_catalog.upper(a.attname::text), t.typname::text, \
              CASE WHEN t.typname OPERATOR(pg_catalog.=) 'varchar'::name AND a.atttypmod OPERATOR(pg_catalog.>) 4 \
              THEN a.atttypmod OPERATOR(pg_catalog.-) 4 END, a.attnotnull, \
              a.attgenerated OPERATOR(pg_catalog.<>) ''::\"char\" OR a.attidentity OPERATOR(pg_catalog.=) 'a'::\"char\", \
              a.atttypmod FROM pg_catalog.pg_attribute a \
              JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid \
              JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
              WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid \
              AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::\"char\"[]) AND NOT c.relispartition \
              AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped ORDER BY a.attnum",
    unique: "SELECT i.indexrelid::bigint, pg_catalog.upper(coalesce(a.attname::text, '')) FROM pg_catalog.pg_index i \
             CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place) \
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid \
             AND a.attnum OPERATOR(pg_catalog.=) k.attnum \
             WHERE i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid \
             AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL \
             AND k.place OPERATOR(pg_catalog.<=) i.indnkeyatts ORDER BY i.indisprimary DESC, i.indexrelid, k.place",
    tables: "SELECT pg_catalog.upper(c.relname::text) FROM pg_catalog.pg_class c \
             WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::\"char\"[]) AND pg_catalog.pg_table_is_visible(c.oid) \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             AND n.nspname OPERATOR(pg_catalog.=) ANY ('{pg_catalog,information_schema}'::name[])) ORDER BY 1",
    objects: "SELECT pg_catalog.upper(c.relname::text) FROM pg_catalog.pg_class c \
              WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::\"char\"[]) AND pg_catalog.pg_table_is_visible(c.oid) \
              UNION SELECT pg_catalog.upper(g.tgname::text) FROM pg_catalog.pg_trigger g \
              WHERE NOT g.tgisinternal AND pg_catalog.pg_table_is_visible(g.tgrelid)",
    table_bytes: "SELECT pg_catalog.pg_total_relation_size(pg_catalog.to_regclass(pg_catalog.lower($1::text)))",
    age: |column| {
        format!(
            "(EXTRACT(EPOCH FROM (pg_catalog.now() AT TIME ZONE 'UTC') OPERATOR(pg_catalog.-) {column}::timestamp)::numeric \
             OPERATOR(pg_catalog.*) 1000::numeric)"
        )
    },
    rewrite: Rewrite { files: 70, log: 200 },
};

/// MySQL 5.7 and later, and MariaDB 10.3 and later, with InnoDB.
pub const MYSQL: Syntax = Syntax {
    name: "MySQL and MariaDB",
    max_parameters: 65_535,
    rows_at_once: 500,
    parameter: |_, _| "?".to_owned(),
    // Compared with a text, a decimal would become a floating-point number; and a cast cuts what has more digits.
    compared: |mark, column| match column.strip_prefix("decimal") {
        Some(size) => format!("CAST({mark} AS DECIMAL{})", widest_decimal(size)),
        None => mark,
    },
    key_column: |name, kind| match kind {
        Kind::Decimal => format!("CAST({name} AS CHAR)"),
        _ => name.to_owned(),
    },
    own: "",
    operator: str::to_owned,
    as_text: str::to_owned,
    portable: |column| format!("CAST({column} AS CHAR)"),
    // Six digits; bytes.
    inexact: &[
        "float",
        "bit",
        "vector",
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    ],
    log_age: |column| format!("(TIMESTAMPDIFF(MICROSECOND, {column}, CURRENT_TIMESTAMP(6)) DIV 1000)"),
    paging: Paging::Ways,
    limited: limit,
    lock: ["", " FOR UPDATE"],
    savepoint: SAVEPOINT,
    to_savepoint: TO_SAVEPOINT,
    release_savepoint: RELEASE_SAVEPOINT,
    write: Write::LockFirst,
    ignores_case: true,
    same: equal,
    // Compared with a text that is no number, a number would be compared with zero.
    is_true: |column| format!("CAST({column} AS CHAR) IN ('1', 'true', 'Y')"),
    begin: "START TRANSACTION",
    columns: "SELECT UPPER(COLUMN_NAME), LOWER(DATA_TYPE), CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE = 'NO', \
              COLUMN_DEFAULT IS NULL AND REPLACE(EXTRA, 'INVISIBLE', '') = '', LOWER(EXTRA) LIKE '%on update%', \
              LOWER(EXTRA) LIKE '%virtual%' OR LOWER(EXTRA) LIKE '%stored%' OR LOWER(EXTRA) LIKE '%persistent%' \
              OR (COLUMN_NAME = 'my_row_id' AND LOWER(EXTRA) LIKE '%auto_increment%' AND LOWER(EXTRA) LIKE '%invisible%'), \
              NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, LOWER(COLUMN_TYPE), LOWER(CHARACTER_SET_NAME) \
              FROM information_schema.COLUMNS AS c \
              WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND NOT EXISTS (SELECT 1 \
              FROM information_schema.TABLES AS t WHERE t.TABLE_SCHEMA = c.TABLE_SCHEMA \
              AND t.TABLE_NAME = c.TABLE_NAME AND t.TABLE_TYPE = 'VIEW') ORDER BY ORDINAL_POSITION",
    unique: "SELECT INDEX_NAME, UPPER(COALESCE(COLUMN_NAME, '')) FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND NON_UNIQUE = 0 \
             ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX",
    tables: "SELECT UPPER(TABLE_NAME) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1",
    objects: "SELECT UPPER(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
              UNION SELECT UPPER(TRIGGER_NAME) FROM information_schema.TRIGGERS \
              WHERE TRIGGER_SCHEMA = DATABASE()",
    table_bytes: "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES \
                  WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
    // Sessions of this program are at +00:00.
    age: |column| format!("(TIMESTAMPDIFF(SECOND, {column}, UTC_TIMESTAMP()) * 1000)"),
    rewrite: Rewrite { files: 25, log: 140 },
};

/// The decimal that holds every value of a column of this size, such as `(50,0)`, with as many digits behind the point as
/// are left then: MySQL has 65 digits, 30 of them behind the point.
fn widest_decimal(size: &str) -> String {
    let mut digits = size.trim_matches(['(', ')']).split(',').map(|number| number.trim().parse::<u32>().ok());
    let (digits, scale) = (digits.next().flatten().unwrap_or(35), digits.next().flatten().unwrap_or(0));
    let whole = digits.saturating_sub(scale);
    format!("(65, {})", 65_u32.saturating_sub(whole).min(30))
}

/// What a parameter of PostgreSQL is cast to. Decimals are bound as text.
pub(super) const fn postgres_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint",
        Kind::Decimal => "numeric",
        Kind::Bytes => "bytea",
        Kind::Text | Kind::Other => "text",
    }
}
