//! Every statement of the program, rendered from a relation and a dialect.
//!
//! Nothing here executes anything. One snapshot (`tests/snapshots`) shows all of it.

use std::fmt::Write as _;

use super::Syntax;

/// A table as the program sees it: its key, and which of its rows matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    /// The table's name, in upper case as WSO2's scripts have it.
    pub table: &'static str,
    /// The columns of its primary key, in order.
    pub key: &'static [&'static str],
    /// Which rows matter; all of them without one.
    pub filter: Option<Filter>,
}

/// Which rows of a table matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// The column has one of these values.
    OneOf(&'static str, &'static [&'static str]),
    /// The column is true.
    IsTrue(&'static str),
}

impl Filter {
    /// The column that decides.
    pub const fn column(self) -> &'static str {
        match self {
            Self::OneOf(column, _) | Self::IsTrue(column) => column,
        }
    }
}

/// Which ends a range of keys has. The ends are bound in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Whether it begins behind a key.
    pub after: bool,
    /// Whether it ends with a key (included).
    pub upto: bool,
}

/// A page of rows by key: first the key's columns, then `columns`.
/// Bound: the key of `after`, the key of `upto`, the limit.
pub fn page(syntax: &Syntax, relation: &Relation, columns: &[&str], ends: Ends) -> String {
    let key = list(relation.key);
    let marks = marks(relation.key.len());
    let mut conditions = Vec::new();
    if ends.after {
        conditions.push(format!("({key}) > ({marks})"));
    }
    if ends.upto {
        conditions.push(format!("({key}) <= ({marks})"));
    }
    conditions.extend(filter(syntax, relation));
    format!(
        "SELECT {} FROM {}{} ORDER BY {key} LIMIT ?",
        selected(relation, columns),
        relation.table,
        where_clause(&conditions)
    )
}

/// The rows with given keys. Bound: `rows` keys.
pub fn by_keys(relation: &Relation, columns: &[&str], rows: usize) -> String {
    let one = format!("({})", marks(relation.key.len()));
    format!(
        "SELECT {} FROM {} WHERE ({}) IN (VALUES {})",
        selected(relation, columns),
        relation.table,
        list(relation.key),
        vec![one; rows].join(", ")
    )
}

/// Replaces values, each only where it still is what was read, and gives back the keys of the
/// rows that it changed. Bound, for each of `rows` rows: its key, the values read, the new values.
pub fn compare_and_set(syntax: &Syntax, relation: &Relation, columns: &[&str], rows: usize) -> String {
    let keys = relation.key.len();
    let width = keys + 2 * columns.len();
    let column = |position: usize| format!("v.{}", (syntax.values_column)(position));
    let set: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{name} = {}", column(keys + columns.len() + at + 1)))
        .collect();
    let same_key = relation.key.iter().enumerate().map(|(at, name)| format!("t.{name} = {}", column(at + 1)));
    let same_value = columns
        .iter()
        .enumerate()
        .map(|(at, name)| format!("t.{name} {} {}", syntax.null_safe_equal, column(keys + at + 1)));
    let conditions: Vec<_> = same_key.chain(same_value).collect();
    let one = format!("({})", marks(width));
    format!(
        "UPDATE {} AS t SET {} FROM (VALUES {}) AS v WHERE {} RETURNING {}",
        relation.table,
        set.join(", "),
        vec![one; rows].join(", "),
        conditions.join(" AND "),
        list(relation.key)
    )
}

/// One row whose key has a NULL in it, if there is any: such rows cannot be paged.
pub fn null_key(relation: &Relation) -> String {
    let conditions: Vec<_> = relation.key.iter().map(|name| format!("{name} IS NULL")).collect();
    format!("SELECT 1 FROM {} WHERE {} LIMIT 1", relation.table, conditions.join(" OR "))
}

/// Makes a transaction's changes last.
pub const COMMIT: &str = "COMMIT";
/// Undoes a transaction's changes.
pub const ROLLBACK: &str = "ROLLBACK";
/// Marks a point within a transaction to which a refused statement is rolled back.
pub const SAVEPOINT: &str = "SAVEPOINT chunk_part";
/// Goes back to that point.
pub const ROLLBACK_TO_SAVEPOINT: &str = "ROLLBACK TO SAVEPOINT chunk_part";
/// Forgets that point.
pub const RELEASE_SAVEPOINT: &str = "RELEASE SAVEPOINT chunk_part";

fn selected(relation: &Relation, columns: &[&str]) -> String {
    let mut out = list(relation.key);
    for column in columns {
        let _ = write!(out, ", {column}");
    }
    out
}

fn list(names: &[&str]) -> String {
    names.join(", ")
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn filter(syntax: &Syntax, relation: &Relation) -> Option<String> {
    Some(match relation.filter? {
        // The values are constants of this program without quotes in them.
        Filter::OneOf(column, values) => format!("{column} IN ('{}')", values.join("', '")),
        Filter::IsTrue(column) => format!("{column} {}", syntax.is_true),
    })
}

fn where_clause(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}
