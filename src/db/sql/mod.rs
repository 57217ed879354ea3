//! Every statement of the program about a table, rendered from the table and a dialect.
//!
//! Nothing here executes anything. One snapshot (`tests/snapshots`) shows all of it.

pub mod copy;
mod page;

pub use page::{Ends, page, page_values, whole};

use super::dialect::{Paging, Write, postgresql::type_of};
use super::table::Kind;
use super::{Dialect, Expression, Filter, Identifier, Literal, Relation, Table};

/// Numbers the parameters of a statement.
struct Marks<'a> {
    dialect: &'a Dialect,
    next: usize,
}

impl<'a> Marks<'a> {
    fn new(dialect: &'a Dialect) -> Self {
        Self { dialect, next: 1 }
    }

    fn mark(&mut self, kind: Kind) -> String {
        let number = self.next;
        self.next += 1;
        (self.dialect.parameter)(number, kind)
    }

    /// The mark of what a column is compared with.
    fn compared(&mut self, table: &Table, column: &str) -> String {
        let mark = self.mark(table.kind(column));
        (self.dialect.compared)(mark, table.type_name(column).unwrap_or_default())
    }

    fn key(&mut self, table: &Table) -> String {
        join(table.relation.key.iter().map(|column| self.compared(table, column)), ", ")
    }
}

/// The rows with given keys. Bound: `rows` keys; with arrays, one for each column of the key.
pub fn by_keys(dialect: &Dialect, table: &Table, columns: &[Expression], rows: usize) -> String {
    by_keys_with(dialect, table, columns, rows, ["", ""])
}

/// Likewise, and keeps others from changing them until the transaction ends.
pub fn lock(dialect: &Dialect, table: &Table, columns: &[Expression], rows: usize) -> String {
    by_keys_with(dialect, table, columns, rows, dialect.lock)
}

fn by_keys_with(
    dialect: &Dialect,
    table: &Table,
    columns: &[Expression],
    rows: usize,
    [hint, lock]: [&str; 2],
) -> String {
    let name = &table.relation.table;
    if dialect.write == Write::Arrays {
        let (arrays, names, same) = (key_arrays(table), key_names(table), same_key(dialect, table));
        let keys = unnested(&arrays);
        return format!(
            "SELECT {} FROM {name} AS t JOIN {keys} AS v ({names}) ON {same}{lock}",
            selected(dialect, table, columns, "t."),
        );
    }
    format!(
        "SELECT {} FROM {name}{hint} WHERE {}{lock}",
        selected(dialect, table, columns, ""),
        is_one_of(&mut Marks::new(dialect), table, rows)
    )
}

fn is_one_of(marks: &mut Marks<'_>, table: &Table, rows: usize) -> String {
    let key = table.relation.key.as_slice();
    if let [only] = key {
        return format!("{only} IN ({})", join((0..rows).map(|_| marks.key(table)), ", "));
    }
    if marks.dialect.paging == Paging::Rows {
        let rows = join((0..rows).map(|_| format!("({})", marks.key(table))), ", ");
        return format!("({}) IN (VALUES {rows})", key.join(", "));
    }
    let one = |marks: &mut Marks<'_>| {
        join(key.iter().map(|name| format!("{name} = {}", marks.compared(table, name))), " AND ")
    };
    join((0..rows).map(|_| format!("({})", one(marks))), " OR ")
}

/// Replaces values, each only where it still is what was read. Bound, for each of `rows` rows: its key, the values
/// read, the new values.
pub fn set_from_values(dialect: &Dialect, table: &Table, columns: &[&Identifier], rows: usize) -> String {
    let keys = table.relation.key.len();
    let set = columns
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{name} = v.column{}", keys + columns.len() + at + 1));
    format!(
        "UPDATE {} AS t SET {} FROM ({}) AS v WHERE {}",
        table.relation.table,
        join(set, ", "),
        values(dialect, keys + 2 * columns.len(), rows),
        same_key_and_values(table, columns)
    )
}

/// The keys of the rows that hold these very values. Bound, for each of `rows` rows: its key, the values.
pub fn holding_values(dialect: &Dialect, table: &Table, columns: &[&Identifier], rows: usize) -> String {
    format!(
        "SELECT {} FROM {} AS t JOIN ({}) AS v ON {}",
        join(table.relation.key.iter().map(|name| format!("t.{name}")), ", "),
        table.relation.table,
        values(dialect, table.relation.key.len() + columns.len(), rows),
        same_key_and_values(table, columns)
    )
}

/// Rows of values to be bound.
fn values(dialect: &Dialect, width: usize, rows: usize) -> String {
    let mut marks = Marks::new(dialect);
    let mut one = || join((0..width).map(|_| marks.mark(Kind::Other)), ", ");
    format!("VALUES {}", join((0..rows).map(|_| format!("({})", one())), ", "))
}

/// Whether a row `t` of the table has the key of a bound row `v`, and the values that are bound behind it.
fn same_key_and_values(table: &Table, columns: &[&Identifier]) -> String {
    let key = &table.relation.key;
    let same_key = key.iter().enumerate().map(|(at, name)| format!("t.{name} = v.column{}", at + 1));
    let same_value =
        columns.iter().enumerate().map(|(at, name)| format!("t.{name} IS v.column{}", key.len() + at + 1));
    join(same_key.chain(same_value), " AND ")
}

/// As [`set_from_values`], with an array for each column, and gives back the keys of the rows that it changed. Bound: the
/// key's columns, the values read, the new values.
pub fn set_from_arrays(dialect: &Dialect, table: &Table, columns: &[&Identifier]) -> String {
    let keys = table.relation.key.len();
    let values = |offset: usize| {
        let array = move |(at, name): (usize, &&Identifier)| {
            format!("${}::{}[]", keys + offset + at + 1, type_of(table.kind(name)))
        };
        join(columns.iter().enumerate().map(array), ", ")
    };
    let numbered = |letter: &str| join((1..=columns.len()).map(|at| format!("{letter}{at}")), ", ");
    let set = columns.iter().enumerate().map(|(at, name)| format!("{name} = v.n{}", at + 1));
    let same = columns.iter().enumerate().map(|(at, name)| {
        // Bytes, not what a collation takes for equal; and of two texts, so that no operator fits better.
        let exact = match table.kind(name) {
            Kind::Bytes => format!("t.{name}::bytea"),
            _ => format!("{} COLLATE \"C\"", (dialect.as_text)(&format!("t.{name}"))),
        };
        format!("{exact} IS NOT DISTINCT FROM v.o{}", at + 1)
    });
    format!(
        "UPDATE {} AS t SET {} FROM unnest({}, {}, {}) AS v ({}, {}, {}) WHERE {} AND {} RETURNING {}",
        table.relation.table,
        join(set, ", "),
        key_arrays(table),
        values(0),
        values(columns.len()),
        key_names(table),
        numbered("o"),
        numbered("n"),
        same_key(dialect, table),
        join(same, " AND "),
        join(table.key_kinds().map(|(name, kind)| (dialect.key_column)(&format!("t.{name}"), kind)), ", ")
    )
}

/// Replaces one row's values, if it still holds what was read. Bound: the new values, its key, the
/// values read.
pub fn set_if_same(dialect: &Dialect, table: &Table, columns: &[&Identifier]) -> String {
    let mut marks = Marks::new(dialect);
    let set: Vec<_> =
        columns.iter().map(|name| format!("{name} = {}", marks.mark(table.kind(name)))).collect();
    let key = is_one_of(&mut marks, table, 1);
    let same = columns.iter().map(|name| {
        let kind = table.kind(name);
        (dialect.same)(name, &marks.mark(kind), kind)
    });
    format!(
        "UPDATE {} SET {} WHERE {}",
        table.relation.table,
        join(set.into_iter().chain(kept(table)), ", "),
        join(std::iter::once(key).chain(same), " AND ")
    )
}

/// Replaces the values of `rows` locked rows. Each is there, so none is inserted; the comparison of
/// keys keeps another unique index from ever deciding. Bound, for each row: its key, its new values.
pub fn set_locked(dialect: &Dialect, table: &Table, columns: &[&Identifier], rows: usize) -> String {
    let mut marks = Marks::new(dialect);
    let key = &table.relation.key;
    let same = join(key.iter().map(|name| format!("{name} = VALUES({name})")), " AND ");
    let set = columns.iter().map(|name| format!("{name} = IF({same}, VALUES({name}), {name})"));
    let mut one = || {
        let key = marks.key(table);
        format!("({key}, {})", join(columns.iter().map(|_| marks.mark(Kind::Other)), ", "))
    };
    format!(
        "INSERT INTO {} ({}, {}) VALUES {} ON DUPLICATE KEY UPDATE {}",
        table.relation.table,
        key.join(", "),
        names(columns),
        join((0..rows).map(|_| one()), ", "),
        join(set.chain(kept(table)), ", ")
    )
}

/// Needs every privilege that a rotation of these columns does, and changes nothing.
pub fn rehearse(table: &Table, columns: &[&Identifier]) -> String {
    let set = columns.iter().map(|name| format!("{name} = {name}"));
    format!("UPDATE {} SET {} WHERE 1 = 0", table.relation.table, join(set, ", "))
}

/// Needs the privilege to insert, and inserts nothing.
pub fn rehearse_insert(table: &Table) -> String {
    let (name, key) = (&table.relation.table, table.relation.key.join(", "));
    format!("INSERT INTO {name} ({key}) SELECT {key} FROM {name} WHERE 1 = 0")
}

/// Rows that have a state and may have outlived their time.
#[derive(Debug, Clone)]
pub struct Lifetimes {
    /// The table.
    pub table: Identifier,
    /// The column with the state, and the state of those in use.
    pub state: (Identifier, Literal),
    /// Values that live for some milliseconds from some time on: value, time, milliseconds. A value
    /// that is NULL does not live; a negative period does not end.
    pub values: &'static [[Identifier; 3]],
}

/// Counts rows: all, those out of use, and those in use of which no value lives any more.
pub fn outlived(dialect: &Dialect, lifetimes: &Lifetimes) -> String {
    let (own, is) = (dialect.own, dialect.operator);
    let (state, in_use) = ((dialect.as_text)(&lifetimes.state.0), lifetimes.state.1.as_str());
    let ended = lifetimes.values.iter().map(|[value, since, period]| {
        let age = (dialect.age)(since);
        format!("({value} IS NULL OR ({period} {} 0 AND {age} {} {period}))", is(">="), is(">"))
    });
    format!(
        "SELECT {own}COUNT(*), {own}COUNT(CASE WHEN {state} {} '{in_use}' THEN 1 END), \
         {own}COUNT(CASE WHEN {state} {} '{in_use}' AND {} THEN 1 END) FROM {}",
        is("<>"),
        is("="),
        join(ended, " AND "),
        lifetimes.table
    )
}

/// One row whose key has a NULL in it, if there is any: such rows cannot be paged.
pub fn null_key(dialect: &Dialect, table: &Table) -> String {
    let conditions = table.relation.key.iter().map(|name| format!("{name} IS NULL"));
    let select = format!("SELECT 1 FROM {} WHERE {}", table.relation.table, join(conditions, " OR "));
    (dialect.limited)(&select, "1")
}

/// Makes a transaction's changes last.
pub const COMMIT: &str = "COMMIT";
/// Undoes a transaction's changes.
pub const ROLLBACK: &str = "ROLLBACK";

/// Columns that the server would change with the row.
fn kept(table: &Table) -> impl Iterator<Item = String> + '_ {
    table.on_update.iter().map(|name| format!("{name} = {name}"))
}

fn key_arrays(table: &Table) -> String {
    let array = |(at, (_, kind)): (usize, (_, Kind))| format!("${}::{}[]", at + 1, type_of(kind));
    join(table.key_kinds().enumerate().map(array), ", ")
}

fn key_names(table: &Table) -> String {
    join((1..=table.relation.key.len()).map(|at| format!("k{at}")), ", ")
}

/// With arrays: what stands in a list of one column alone is a function's name as any other.
fn unnested(arrays: &str) -> String {
    let qualified = if arrays.contains(',') { "" } else { "pg_catalog." };
    format!("{qualified}unnest({arrays})")
}

fn same_key(dialect: &Dialect, table: &Table) -> String {
    let equals = (dialect.operator)("=");
    let same = |(at, name): (usize, &Identifier)| format!("t.{name} {equals} v.k{}", at + 1);
    join(table.relation.key.iter().enumerate().map(same), " AND ")
}

fn selected_key(dialect: &Dialect, table: &Table) -> String {
    selected(dialect, table, &[], "")
}

fn selected(dialect: &Dialect, table: &Table, columns: &[Expression], prefix: &str) -> String {
    let key = table.key_kinds().map(|(name, kind)| (dialect.key_column)(&format!("{prefix}{name}"), kind));
    join(key.chain(columns.iter().map(|column| format!("{prefix}{}", column.as_str()))), ", ")
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

/// The condition for rows of the relation's table that are not among its rows; none if all are.
pub fn left_out(dialect: &Dialect, relation: &Relation) -> Option<String> {
    relation.filter.as_ref().map(|filter| without(dialect, filter))
}

/// The condition for rows that are not among those of a filter: a row for which that is not known is not among them.
fn without(dialect: &Dialect, filter: &Filter) -> String {
    let equals = (dialect.operator)("=");
    format!("CASE WHEN {} THEN 0 ELSE 1 END {equals} 1", condition(dialect, filter))
}

fn filter(dialect: &Dialect, table: &Table) -> Option<String> {
    table.relation.filter.as_ref().map(|filter| condition(dialect, filter))
}

fn condition(dialect: &Dialect, filter: &Filter) -> String {
    match filter {
        Filter::OneOf(column, values) => {
            let values = join(values.iter().map(|value| format!("'{}'", value.as_str())), ", ");
            format!("{} IN ({values})", (dialect.as_text)(column))
        }
        Filter::IsTrue(column) => (dialect.is_true)(column),
        Filter::IsZero(column) => format!("{column} {} 0", (dialect.operator)("=")),
        Filter::But(first, second) => {
            let first = first.iter().map(|first| condition(dialect, first));
            join(first.chain([without(dialect, second)]), " AND ")
        }
    }
}

fn names(columns: &[&Identifier]) -> String {
    join(columns.iter().map(ToString::to_string), ", ")
}

fn where_clause(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}
