//! Whether a table has the columns and the key that WSO2 makes.

use crate::db::{Dialect, Filter, Identifier, Kind, TableInfo};
use crate::error::{Error, Id, Result};
use crate::target::Target;

/// Refuses a table that cannot be rotated as it is.
pub(super) fn check(target: &Target, info: &TableInfo, dialect: &Dialect) -> Result<()> {
    let group = target.groups.iter().map(|groups| &groups.column);
    let filter = target.relation.filter.iter().flat_map(Filter::columns);
    let needed = target.relation.key.iter().chain(target.value_names()).chain(group).chain(filter);
    // A table may be called so, too: `FROM USER` is a row of PostgreSQL's own.
    if let Some(word) = needed.clone().chain([&target.relation.table]).find(|name| dialect.has_own(name)) {
        return Err(own_word(&target.relation.table, word, dialect));
    }
    if let Some(missing) = needed.clone().find(|column| !info.columns.contains_key(column.as_str())) {
        return Err(Error::new(
            Id::Schema,
            format!("{}: there is no column {missing}", target.relation.table),
        ));
    }
    let odd = target.relation.key.iter().find(|name| {
        info.columns.get(name.as_str()).is_some_and(|column| column.kind == Kind::Other && info.is_typed)
    });
    if let Some(column) = odd {
        return Err(Error::new(
            Id::Schema,
            format!("{}: {column} is of a type that no key of WSO2 has", target.relation.table),
        ));
    }
    let is_no_text = |name: &&Identifier| {
        let kind = info.columns.get(name.as_str()).map(|column| column.kind);
        info.is_typed && !matches!(kind, Some(Kind::Text | Kind::Bytes))
    };
    if let Some(column) = target.value_names().into_iter().find(is_no_text) {
        let text = format!(
            "{}: {column} holds neither texts nor bytes, as the server declares it",
            target.relation.table
        );
        return Err(Error::new(Id::Schema, text));
    }
    if let Some(odd) = info.odd_on_update() {
        let text =
            format!("{}: no column of WSO2 has a name like {}", target.relation.table, odd.escape_debug());
        return Err(Error::new(Id::Schema, text));
    }
    if let Some(engine) = &info.without_transactions {
        return Err(Error::new(
            Id::Schema,
            format!("{}: its storage engine, {engine}, knows no transactions", target.relation.table),
        )
        .fix(format!("ALTER TABLE {} ENGINE = InnoDB, in the copy", target.relation.table)));
    }
    if !info.is_unique(&target.relation.key) {
        return Err(Error::new(
            Id::Schema,
            format!("{}: nothing makes ({}) unique", target.relation.table, target.relation.key.join(", ")),
        ));
    }
    Ok(())
}

/// Why a column, or the table, cannot be named in a statement, though it is there.
pub(super) fn own_word(table: &str, column: &str, dialect: &Dialect) -> Error {
    let text = format!("{table}: {column} means something else to {} unless it is quoted", dialect.name);
    Error::new(Id::Schema, text).fix("rename it, or leave it out")
}
