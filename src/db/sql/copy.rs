//! Statements that carry whole rows over, and those of a change log.

use super::super::dialect::{Write, postgresql::type_of};
use super::super::table::Kind;
use super::super::{Dialect, Expression, Identifier, Table};
use super::{Marks, is_one_of, join, kept, key_arrays, key_names, names, same_key, selected_key, unnested};

/// A column as it is read so that it can be written again, bit for bit.
pub fn portable(dialect: &Dialect, table: &Table, column: &Identifier) -> Expression {
    match table.kind(column) {
        Kind::Other => Expression::of(column, dialect.portable),
        Kind::Decimal => Expression::of(column, |name| (dialect.key_column)(name, Kind::Decimal)),
        Kind::Integer | Kind::Text | Kind::Bytes => column.into(),
    }
}

/// How old what a column with times says is, in milliseconds.
pub fn age(dialect: &Dialect, column: &Identifier) -> Expression {
    Expression::of(column, dialect.log_age)
}

/// Inserts rows, and nothing else. Bound, for each row: its columns; with arrays, one for each.
pub fn insert(dialect: &Dialect, table: &Table, columns: &[&Identifier], rows: usize) -> String {
    let (name, names) = (&table.relation.table, names(columns));
    if dialect.write == Write::Arrays {
        let selected = columns.iter().enumerate().map(|(at, column)| typed(table, column, "v.n", at));
        return format!(
            "INSERT INTO {name} ({names}) SELECT {} FROM {} AS v ({})",
            join(selected, ", "),
            unnested(&arrays(table, columns, 0)),
            new_names(columns)
        );
    }
    let mut marks = Marks::new(dialect);
    let mut one = || format!("({})", join(columns.iter().map(|_| marks.mark(Kind::Other)), ", "));
    format!("INSERT INTO {name} ({names}) VALUES {}", join((0..rows).map(|_| one()), ", "))
}

/// Sets columns of rows that are locked. Bound: with arrays, one for each column of the key, then of
/// the values; else one row's values, then its key.
pub fn update(dialect: &Dialect, table: &Table, columns: &[&Identifier]) -> String {
    if dialect.write != Write::Arrays {
        return set_one(dialect, table, columns);
    }
    let set = columns
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{column} = {}", typed(table, column, "v.n", at)));
    format!(
        "UPDATE {} AS t SET {} FROM unnest({}, {}) AS v ({}, {}) WHERE {}",
        table.relation.table,
        join(set, ", "),
        key_arrays(table),
        arrays(table, columns, table.relation.key.len()),
        key_names(table),
        new_names(columns),
        same_key(dialect, table)
    )
}

/// Replaces the values of one locked row. Bound: its new values, its key.
pub fn set_one(dialect: &Dialect, table: &Table, columns: &[&Identifier]) -> String {
    let mut marks = Marks::new(dialect);
    let set: Vec<_> = columns.iter().map(|name| format!("{name} = {}", marks.mark(Kind::Other))).collect();
    format!(
        "UPDATE {} SET {} WHERE {}",
        table.relation.table,
        join(set.into_iter().chain(kept(table)), ", "),
        is_one_of(&mut marks, table, 1)
    )
}

/// Deletes rows by their keys. Bound: as in [`by_keys`](super::by_keys).
pub fn delete(dialect: &Dialect, table: &Table, rows: usize) -> String {
    let name = &table.relation.table;
    if dialect.write == Write::Arrays {
        let (keys, names, same) = (unnested(&key_arrays(table)), key_names(table), same_key(dialect, table));
        return format!("DELETE FROM {name} AS t USING {keys} AS v ({names}) WHERE {same}");
    }
    format!("DELETE FROM {name} WHERE {}", is_one_of(&mut Marks::new(dialect), table, rows))
}

/// The keys of rows that have these values in these columns. With `folded`, whatever their case.
/// Bound: the values.
pub fn holders(dialect: &Dialect, table: &Table, columns: &[&Identifier], folded: bool) -> String {
    let mut marks = Marks::new(dialect);
    let same = columns.iter().map(|column| {
        let kind = table.kind(column);
        let mark = marks.compared(table, column);
        if folded && kind == Kind::Text {
            let (own, equals) = (dialect.own, (dialect.operator)("="));
            format!("{own}LOWER({}) {equals} {own}LOWER({mark})", (dialect.as_text)(column))
        } else {
            format!("{column} {} {mark}", (dialect.operator)("="))
        }
    });
    let select = format!(
        "SELECT {} FROM {} WHERE {}",
        selected_key(dialect, table),
        table.relation.table,
        join(same, " AND ")
    );
    (dialect.limited)(&select, "2")
}

/// Counts the entries of a change log that wait.
pub fn pending(dialect: &Dialect, log: &Table) -> String {
    format!("SELECT COUNT(*) FROM {} WHERE SYNCED {} 0", log.relation.table, (dialect.operator)("="))
}

/// Says of entries that they were carried over. Bound: as in [`by_keys`](super::by_keys).
pub fn acknowledge(dialect: &Dialect, log: &Table, rows: usize) -> String {
    let name = &log.relation.table;
    if dialect.write == Write::Arrays {
        let (keys, names, same) = (unnested(&key_arrays(log)), key_names(log), same_key(dialect, log));
        return format!("UPDATE {name} AS t SET SYNCED = 1 FROM {keys} AS v ({names}) WHERE {same}");
    }
    format!("UPDATE {name} SET SYNCED = 1 WHERE {}", is_one_of(&mut Marks::new(dialect), log, rows))
}

/// Counts the entries of a change log that do not wait.
pub fn acknowledged(dialect: &Dialect, log: &Table) -> String {
    format!("SELECT COUNT(*) FROM {} WHERE SYNCED {} 0", log.relation.table, (dialect.operator)("<>"))
}

/// Lets all of them wait again.
pub fn reopen(dialect: &Dialect, log: &Table) -> String {
    format!("UPDATE {} SET SYNCED = 0 WHERE SYNCED {} 0", log.relation.table, (dialect.operator)("<>"))
}

/// Counts the rows of a table.
pub fn count(table: &Identifier) -> String {
    format!("SELECT COUNT(*) FROM {table}")
}

/// Arrays for values of these columns, behind so many others.
fn arrays(table: &Table, columns: &[&Identifier], before: usize) -> String {
    let array =
        |(at, name): (usize, &&Identifier)| format!("${}::{}[]", before + at + 1, type_of(table.kind(name)));
    join(columns.iter().enumerate().map(array), ", ")
}

fn new_names(columns: &[&Identifier]) -> String {
    join((1..=columns.len()).map(|at| format!("n{at}")), ", ")
}

/// A value of an array, as what its column holds.
fn typed(table: &Table, column: &str, prefix: &str, at: usize) -> String {
    let cast = match (table.kind(column), table.type_name(column)) {
        (Kind::Other, Some(name)) => format!("::{name}"),
        _ => String::new(),
    };
    format!("{prefix}{}{cast}", at + 1)
}
