//! What differs between dialects, as data.

/// A dialect of SQL.
#[derive(Debug)]
pub struct Syntax {
    /// The dialect's name.
    pub name: &'static str,
    /// How many parameters a statement takes.
    pub max_parameters: usize,
    /// The operator that compares two values and takes NULL for equal to NULL.
    pub null_safe_equal: &'static str,
    /// How a truth value is tested.
    pub is_true: &'static str,
    /// The column names of a `VALUES` list, by position from 1.
    pub values_column: fn(usize) -> String,
    /// The statement that begins a writing transaction.
    pub begin: &'static str,
    /// The catalogue's columns of a table, which is bound by name.
    pub columns: &'static str,
    /// The columns of a table's unique indexes, one row for each, in the index's order; likewise.
    pub unique: &'static str,
    /// The names of all tables and triggers, in upper case.
    pub objects: &'static str,
}

/// Every dialect.
pub const DIALECTS: &[&Syntax] = &[&SQLITE];

/// SQLite 3.35 and later.
pub const SQLITE: Syntax = Syntax {
    name: "SQLite",
    max_parameters: 32_766,
    null_safe_equal: "IS",
    is_true: "IN (1, '1', 'true', 'TRUE', 'Y')",
    values_column: |position| format!("column{position}"),
    // Takes the write lock at once: a transaction that reads first could deadlock on upgrading.
    begin: "BEGIN IMMEDIATE",
    columns: "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY pk",
    unique: "SELECT l.name, i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i \
             WHERE l.\"unique\" = 1 AND l.partial = 0 ORDER BY l.name, i.seqno",
    objects: "SELECT upper(name) FROM sqlite_master WHERE type IN ('table', 'trigger')",
};
