//! Parts of a description.

use crate::error::Class;
use crate::table::TableInfo;
use crate::value::Record;

/// How a catalogue describes a table, which is bound by name.
#[derive(Debug, Clone, Copy)]
pub struct Catalogue {
    /// Its columns.
    pub columns: &'static str,
    /// The columns of its unique indexes, one row for each, in the index's order.
    pub unique: &'static str,
    /// The table, by both answers.
    pub(crate) table: fn(&[Record], Vec<Record>) -> TableInfo,
    /// Whether it has a trigger: one row if so; empty where that does not matter.
    pub(crate) triggers: &'static str,
    /// Its storage engine, if that knows no transactions; empty where all do.
    pub(crate) engine: &'static str,
}

/// How ciphertext is looked for, which knows nothing of columns of bytes if nothing else is said.
#[derive(Debug, Clone, Copy)]
pub struct Scan {
    /// Whether bytes can be looked through.
    pub(crate) has_bytes: bool,
    /// Whether `{text}` stands anywhere in `{column}`, of texts and documents; `{hex}` are its bytes.
    pub(crate) in_text: &'static str,
    /// Likewise, of bytes.
    pub(crate) in_bytes: &'static str,
    /// What `{column}` is read as.
    pub(crate) text: &'static str,
    /// As what a column of arrays is looked at: its elements without what an array puts around them.
    pub(crate) list: &'static str,
    /// Likewise, one of a type of somebody's own: without the quotes that stand for one in what it prints.
    pub(crate) printed: &'static str,
    /// Likewise, one of large objects.
    pub(crate) objects: &'static str,
}

impl Scan {
    /// Of a server of which no more is known than that it has LIKE.
    pub(super) const PLAIN: Self = Self {
        has_bytes: false,
        in_text: "{column} LIKE '%{text}%'",
        in_bytes: "",
        text: "{column}",
        list: "{column}",
        printed: "{column}",
        objects: "{column}",
    };
}

/// One kind of what hides rows or values without a word, and cannot be switched off by a session: how its server tells.
#[derive(Debug, Clone, Copy)]
pub struct PolicyQuestion {
    /// What it is.
    pub what: &'static str,
    /// 1 if this user does not see all of them.
    pub is_blind: &'static str,
    /// Those that hold for this user: table, in upper case, and how.
    pub found: &'static str,
    /// What ends it.
    pub(crate) fix: &'static str,
}

/// What sessions wait for: the session's number, what it waits for, and who is in its way.
#[derive(Debug, Clone, Copy)]
pub struct Holdups {
    /// The questions, of which a server may know only some.
    pub waits: &'static [&'static str],
    /// Asked where none of these tells anything: who waits at least; empty where there is nothing to ask.
    pub at_least: &'static str,
    /// Ends what a session is at, by its number.
    pub(crate) cancel: fn(i64) -> String,
}

/// How a token, which is bound by its number, is put down, looked for, and taken away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens {
    /// Puts it down.
    pub(crate) put: &'static str,
    /// Counts it.
    pub(crate) has: &'static str,
    /// Takes it away.
    pub(crate) take: &'static str,
}

/// Rows of the table that stands for the lock.
pub(super) const LOCK_ROWS: Tokens = Tokens {
    put: "INSERT INTO KEYROTATION_LOCK (ID) VALUES (?)",
    has: "SELECT COUNT(*) FROM KEYROTATION_LOCK WHERE ID = ?",
    take: "DELETE FROM KEYROTATION_LOCK WHERE ID = ?",
};

/// What a JDBC driver needs besides SQL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JdbcDriver {
    /// The property with the name of this program's sessions; empty where they go by their numbers alone.
    pub(crate) program: &'static str,
    /// Properties of the connection, besides user, password and that.
    pub(crate) properties: &'static [(&'static str, &'static str)],
    /// As what a NULL is bound, of `java.sql.Types`: `VARCHAR` where a driver takes no `NULL`.
    pub(crate) null_type: u32,
    /// The driver that gives the bytes of a text as UTF-8, whatever the column's own encoding is; without one
    /// texts are decoded by the driver, and encoded again.
    pub(crate) utf8: &'static str,
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

/// `VARCHAR` of `java.sql.Types`.
pub(super) const VARCHAR: u32 = 12;

/// By the first two digits of an SQLSTATE.
pub(super) fn by_state(state: &str) -> Class {
    match state.get(..2) {
        Some("08") => Class::Lost,
        Some("22" | "23") => Class::Row,
        Some("40") => Class::Retry,
        _ => Class::Environment,
    }
}

pub(super) fn fetch_first(select: &str, rows: &str) -> String {
    format!("{select} FETCH FIRST {rows} ROWS ONLY")
}
