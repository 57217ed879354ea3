//! What is said of each database.

use std::time::Duration;

use super::parts::{
    Catalogue, Holdups, JdbcDriver, LOCK_ROWS, Paging, PolicyQuestion, Rewrite, Scan, Tokens, Write, by_state,
};
use super::questions::Questions;
use crate::error::Class;
use crate::server::{Access, Kind as ServerKind, Server};
use crate::sizes::Sizes;
use crate::table::Kind;

/// A database: how it is written to, and how it answers.
#[derive(Debug)]
pub struct Dialect {
    /// The dialect's name.
    pub name: &'static str,
    /// The kind of server; none for a file.
    pub kind: Option<ServerKind>,

    /// How many parameters a statement takes.
    pub max_parameters: usize,
    /// How many rows a statement changes at most: measured, where more gains nothing. See
    /// [`rows_of_a_statement`](Self::rows_of_a_statement).
    pub(super) rows_at_once: usize,
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
    /// Lets triggers and constraints that wait for the commit act now; empty where no trigger does.
    pub fire_deferred: &'static str,
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
    /// What follows that, so that no statement of the transaction waits longer than this for what others have locked.
    pub(crate) lock_wait: Option<fn(Duration) -> String>,
    /// Milliseconds since the time in a column, which is UTC.
    pub age: fn(&str) -> String,

    /// What stands around a name that is written as it is.
    pub quote: char,
    /// Words, in upper case, that a server takes for a value of its own where they stand without quotes, whatever a table's
    /// columns are called.
    ///
    /// Names are not quoted in statements, so that each server takes them in its own case: a column that has such a name
    /// cannot be named there, and its table is refused. Other reserved words need no list: a statement with one is no
    /// statement.
    pub(super) own_words: &'static str,
    /// Whether a column begins with a text.
    pub begins: fn(&str, &str) -> String,
    /// What rewriting all rows of a table takes, of its size with its indexes.
    pub rewrite: Rewrite,

    /// How the catalogue describes a table; none where the JDBC driver does.
    pub catalogue: Option<Catalogue>,
    /// The names of all tables, in upper case.
    pub tables: &'static str,
    /// The names of all tables and triggers, in upper case.
    pub objects: &'static str,
    /// The bytes that a table, which is bound by name, has on disk with its indexes.
    pub table_bytes: &'static str,
    /// All triggers: table and name, in upper case; what they fire for, as the words INSERT, UPDATE and DELETE, or as
    /// the statement that made them; and why they do not always do so, empty if they do. A trigger may have several
    /// rows. Several questions where versions differ: the first that the server understands is its answer.
    pub triggers: &'static [&'static str],
    /// What is named like a table, which is bound: schema, name, and what it is.
    pub near: &'static str,
    /// Why what is bound by name is no ordinary table, as words behind its name, or an empty text. No row if there is no
    /// such thing.
    pub log_table: &'static str,
    /// The columns in which a ciphertext may stand: schema, if it is not the one in which tables are looked for; table and
    /// column, as they are written; how it can be read (see `TextColumn::of`); and what it holds, a text if nothing is said
    /// (`Holds::of`).
    ///
    /// 30 is the shortest that is asked for: `{"c":"` and one block of a cipher in base64. What a server reads has `t`
    /// behind that, and 12 characters more.
    pub text_columns: &'static str,
    /// How ciphertext is looked for in them.
    pub scan: Scan,
    /// Tables of which the server itself keeps or sends on what stood there: table, and how.
    pub kept_copies: &'static str,
    /// What hides rows or values from this user.
    pub policies: &'static [PolicyQuestion],
    /// The schema in which the tables are looked for.
    pub own_schema: &'static str,

    /// What only a server can answer.
    pub questions: &'static Questions,
    /// Likewise, of one that does not show this user its sessions, which fails where it is asked for them.
    pub blind: Option<&'static Questions>,
    /// The server's time in milliseconds since 1970.
    pub clock: &'static str,
    /// Settings of the server's logs: by which it keeps them for long, and how large one may become (in bytes) before
    /// the server has to write what it changed elsewhere. Name and value.
    pub logs: &'static str,
    /// Settings by which statements are logged with their values: name and value.
    pub statement_logs: &'static str,
    /// What this process's own sessions wait for; elsewhere only the driver is asked, which knows what takes long.
    pub holdups: Option<Holdups>,
    /// Whether the server takes no writes.
    pub(crate) is_read_only: &'static str,
    /// Likewise, in a session that takes none itself.
    pub(crate) is_standby: &'static str,
    /// Whether it is a node of a cluster, which is ON, and whether that is ready, or OFF: it lets one log in all the same.
    pub(crate) readiness: Option<[&'static str; 2]>,
    /// The most bytes that a statement may have.
    pub(crate) max_packet: &'static str,
    /// Run behind each commit, to make it last; empty where the server sees to that.
    pub(crate) flush: &'static str,
    /// The setting by which commits are acknowledged before they are written, where there is one.
    pub(crate) write_delay: Option<WriteDelay>,
    /// What each session is told first, whatever it is for.
    pub session: &'static [&'static str],
    /// Likewise by way of a JDBC driver, and what else that is told.
    pub(crate) setup: fn(&Server, Access) -> Vec<String>,
    /// How a token shows whether another database is this one.
    pub(crate) tokens: Tokens,
    /// Every other statement: what it is for, and its text.
    pub statements: &'static [(&'static str, &'static str)],

    /// What to do about an error, by its number and SQLSTATE.
    pub(crate) class: fn(i64, &str) -> Class,
    /// How an error's code is called.
    pub(crate) code: fn(i64, &str) -> String,
    /// What is said of an error in place of the server's words, by its number and those.
    pub(crate) own_words_for: fn(i64, &str) -> Option<&'static str>,
    /// The number by which a file is open in another process.
    pub(crate) in_use: Option<i64>,
    /// What to do about a login that is refused, by number, SQLSTATE and message.
    pub(crate) remedy: fn(i64, &str, &str) -> Option<&'static str>,
    /// Whether a query was refused since rows would have been hidden from it, by SQLSTATE, what raised it, and message.
    pub(crate) hides_rows: fn(&str, Option<&str>, &str) -> bool,
    /// What its JDBC driver needs.
    pub(crate) driver: JdbcDriver,
}

/// A setting of a database: for how long it may keep back what was committed. It lasts until it is set again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteDelay {
    /// What it is, in milliseconds; no number where nobody has set it.
    pub ask: &'static str,
    /// What it is then.
    pub usual: u32,
    /// Sets it.
    pub set: fn(u32) -> String,
}

impl Dialect {
    /// What standard SQL has.
    pub(super) const PLAIN: Self = Self {
        name: "",
        kind: None,
        max_parameters: 32_767,
        rows_at_once: 500,
        parameter: |_, _| "?".to_owned(),
        compared: |mark, _| mark,
        key_column: |name, _| name.to_owned(),
        portable: str::to_owned,
        inexact: &[],
        log_age: str::to_owned,
        paging: Paging::Branches,
        limited: |select, rows| format!("{select} LIMIT {rows}"),
        lock: ["", " FOR UPDATE"],
        begin: "", // the JDBC driver's own
        lock_wait: None,
        savepoint: "SAVEPOINT chunk_part",
        to_savepoint: "ROLLBACK TO SAVEPOINT chunk_part",
        release_savepoint: "RELEASE SAVEPOINT chunk_part",
        fire_deferred: "",
        write: Write::LockThenBatch,
        ignores_case: false,
        same: |column, mark, _| format!("{column} = {mark}"),
        own: "",
        operator: str::to_owned,
        as_text: str::to_owned,
        is_true: str::to_owned,
        age: str::to_owned,
        quote: '"',
        own_words: "",
        begins: |column, text| format!("{column} LIKE '{text}%'"),
        rewrite: Rewrite { files: 30, log: 300 }, // not measured
        catalogue: None,
        tables: "",
        objects: "",
        table_bytes: "",
        triggers: &[],
        near: "",
        log_table: "",
        text_columns: "",
        scan: Scan::PLAIN,
        kept_copies: "",
        policies: &[],
        own_schema: "",
        questions: &Questions::PLAIN,
        blind: None,
        clock: "",
        logs: "",
        statement_logs: "",
        holdups: None,
        is_read_only: "",
        is_standby: "",
        readiness: None,
        max_packet: "",
        flush: "",
        write_delay: None,
        session: &[],
        setup: |_, _| Vec::new(),
        tokens: LOCK_ROWS,
        statements: &[],
        class: |_, state| by_state(state),
        code: |number, _| format!("error {number}"),
        own_words_for: |_, _| None,
        in_use: None,
        remedy: |_, _, _| None,
        hides_rows: |_, _, _| false,
        driver: JdbcDriver { program: "", properties: &[], null_type: 0, utf8: "" },
    };

    /// How many rows a statement changes at most.
    pub fn rows_of_a_statement(&self) -> usize {
        self.rows_at_once.min(Sizes::new().compared)
    }

    /// Whether a name without quotes is no column's, but a value of the server's own.
    pub fn has_own(&self, name: &str) -> bool {
        self.own_words.split(' ').any(|word| word.eq_ignore_ascii_case(name))
    }

    /// A table by its names as they are written; none if they have other characters than [`quoted`](Self::quoted) takes.
    pub(crate) fn quoted_table(&self, schema: &str, table: &str) -> Option<String> {
        let table = self.quoted(table)?;
        if schema.is_empty() { Some(table) } else { Some(format!("{}.{table}", self.quoted(schema)?)) }
    }

    /// An identifier of letters and digits of any language and of signs that end no quotation and mean nothing to a driver,
    /// quoted as it is written.
    pub(crate) fn quoted(&self, name: &str) -> Option<String> {
        let plain = |c: char| c.is_alphanumeric() || "_$# -.,:;+*/=<>()[]@&%~^|!".contains(c);
        let quote = self.quote;
        (!name.is_empty() && name.chars().all(plain)).then(|| format!("{quote}{name}{quote}"))
    }
}
