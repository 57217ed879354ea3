//! Pages by key: statements, and what is bound for them.

use super::super::dialect::Paging;
use super::super::table::Kind;
use super::super::{Dialect, Expression, Table, Value};
use super::{Marks, filter, join, selected, where_clause};

/// Which ends a range of keys has. The ends are bound in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Whether it begins behind a key.
    pub after: bool,
    /// Whether it ends with a key (included).
    pub upto: bool,
}

/// All rows: first the key's columns, then `columns`. Without an order, so that the server reads them as they are stored.
pub fn whole(dialect: &Dialect, table: &Table, columns: &[Expression]) -> String {
    let conditions: Vec<_> = filter(dialect, table).into_iter().collect();
    let columns = selected(dialect, table, columns, "");
    format!("SELECT {columns} FROM {}{}", table.relation.table, where_clause(&conditions))
}

/// A page of up to `rows` rows by key: first the key's columns, then `columns`. Bound: [`page_values`].
pub fn page(dialect: &Dialect, table: &Table, columns: &[Expression], ends: Ends, rows: usize) -> String {
    if dialect.paging == Paging::Branches {
        return branches(dialect, table, columns, ends, &rows.to_string());
    }
    let mut marks = Marks::new(dialect);
    let mut conditions = Vec::new();
    if ends.after {
        conditions.push(behind(&mut marks, table));
    }
    if ends.upto {
        conditions.push(up_to(&mut marks, table));
    }
    conditions.extend(filter(dialect, table));
    let select = format!(
        "SELECT {} FROM {}{} ORDER BY {}",
        selected(dialect, table, columns, ""),
        table.relation.table,
        where_clause(&conditions),
        order(table)
    );
    (dialect.limited)(&select, &marks.mark(Kind::Integer))
}

/// What is bound for a [`page`] of up to `rows` rows.
pub fn page_values(
    dialect: &Dialect,
    after: Option<&[Value]>,
    upto: Option<&[Value]>,
    rows: usize,
) -> Vec<Value> {
    let end = |key: &[Value]| -> Vec<Value> {
        match dialect.paging {
            Paging::Rows => key.to_vec(),
            Paging::Ways | Paging::Branches => {
                (1..=key.len()).flat_map(|length| key.iter().take(length)).cloned().collect()
            }
        }
    };
    let upto: Vec<Value> = upto.map(end).unwrap_or_default();
    let Some(after) = after else {
        return if dialect.paging == Paging::Branches { upto } else { [upto, vec![count(rows)]].concat() };
    };
    if dialect.paging != Paging::Branches {
        return [end(after), upto, vec![count(rows)]].concat();
    }
    let branch = |length| after.iter().take(length).chain(&upto).cloned();
    (1..=after.len()).rev().flat_map(branch).collect()
}

fn count(rows: usize) -> Value {
    Value::Int(i64::try_from(rows).unwrap_or(i64::MAX))
}

/// A page as pieces of the index: first the rows that differ from the key in its last column alone.
fn branches(dialect: &Dialect, table: &Table, columns: &[Expression], ends: Ends, rows: &str) -> String {
    let mut marks = Marks::new(dialect);
    let width = table.relation.key.len();
    let mut branch = |way: Option<usize>, selected: &str| {
        let after = way.map(|length| way_behind(&mut marks, table, length, ">"));
        let upto = ends.upto.then(|| up_to(&mut marks, table));
        let conditions: Vec<_> = after.into_iter().chain(upto).chain(filter(dialect, table)).collect();
        let from = (&table.relation.table, where_clause(&conditions), order(table));
        (dialect.limited)(&format!("SELECT {selected} FROM {}{} ORDER BY {}", from.0, from.1, from.2), rows)
    };
    let key = table.key_kinds().map(|(name, kind)| (dialect.key_column)(name, kind));
    let all: Vec<_> = key.chain(columns.iter().map(|column| column.as_str().to_owned())).collect();
    if !ends.after || width == 1 {
        return branch(ends.after.then_some(1), &all.join(", "));
    }
    // A column may be selected twice, and an expression has no name.
    let named = join(all.iter().enumerate().map(|(at, column)| format!("{column} AS c{}", at + 1)), ", ");
    let ways =
        (1..=width).rev().map(|length| format!("SELECT * FROM ({}) w{length}", branch(Some(length), &named)));
    let select = format!(
        "SELECT * FROM ({}) p ORDER BY {}",
        join(ways, " UNION ALL "),
        join((1..=width).map(|at| format!("c{at}")), ", ")
    );
    (dialect.limited)(&select, rows)
}

/// By the table's columns, never by what is selected under their names: a decimal is selected as text.
fn order(table: &Table) -> String {
    let name = &table.relation.table;
    join(table.relation.key.iter().map(|column| format!("{name}.{column}")), ", ")
}

/// The key behind a bound one.
fn behind(marks: &mut Marks<'_>, table: &Table) -> String {
    compare(marks, table, ">", ">")
}

/// The key up to a bound one.
fn up_to(marks: &mut Marks<'_>, table: &Table) -> String {
    compare(marks, table, "<", "<=")
}

/// The key beyond a bound one: `operator` for all columns but the last, `last` for that one.
fn compare(marks: &mut Marks<'_>, table: &Table, operator: &str, last: &str) -> String {
    let key = &table.relation.key;
    if marks.dialect.paging == Paging::Rows {
        let operator = (marks.dialect.operator)(last);
        return format!("({}) {operator} ({})", key.join(", "), marks.key(table));
    }
    let ways = (1..=key.len())
        .map(|length| way_behind(marks, table, length, if length == key.len() { last } else { operator }));
    format!("(({}))", join(ways, ") OR ("))
}

/// The first columns of a key, up to `length`, as bound but for the last, which is beyond.
fn way_behind(marks: &mut Marks<'_>, table: &Table, length: usize, operator: &str) -> String {
    let parts = table.relation.key.iter().take(length).enumerate().map(|(at, name)| {
        let operator = if at + 1 == length { operator } else { "=" };
        format!("{name} {operator} {}", marks.compared(table, name))
    });
    join(parts, " AND ")
}
