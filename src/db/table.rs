//! What a catalogue says of a table, and what statements about it need to know.

use std::collections::BTreeMap;

use crate::identifier::Identifier;
use crate::relation::Relation;
use crate::value::{Record, Value};

/// What a column holds, as far as statements must care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Integers of up to 64 bits.
    Integer,
    /// Decimal numbers of any length: they travel as text.
    Decimal,
    /// Text.
    #[default]
    Text,
    /// Bytes.
    Bytes,
    /// Anything else: no key and no value of ours.
    Other,
}

/// The most that a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many units.
    pub length: usize,
    /// What the database counts.
    pub unit: Unit,
}

/// What a database counts when it limits a column's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode characters.
    Characters,
    /// Bytes.
    Bytes,
}

/// A column, as the catalogue has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an answer of the catalogue's")]
pub struct ColumnInfo {
    /// What it holds.
    pub kind: Kind,
    /// How long a value may be.
    pub limit: Option<Limit>,
    /// It takes no NULL.
    pub not_null: bool,
    /// A row cannot be inserted without a value for it.
    pub required: bool,
    /// The server changes it whenever the row changes.
    pub on_update: bool,
    /// The server alone says what stands in it: no statement may. A key that MySQL generates (`my_row_id`) is one,
    /// too: two servers give the same number to different rows.
    pub computed: bool,
}

/// What decides whether another column takes the same values: as far as the catalogue tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its type, in lower case, with what distinguishes it from others of that name.
    pub name: String,
    /// Bits of a whole number.
    pub bits: Option<u32>,
    /// Digits of a decimal number; none without a limit.
    pub digits: Option<i64>,
    /// Digits behind the point, of a number or of seconds.
    pub scale: Option<i64>,
    /// It takes no negative numbers.
    pub unsigned: bool,
    /// The character set of its texts, where each column may have its own.
    pub charset: Option<String>,
}

/// What the catalogue says of a table.
#[derive(Debug, Clone, Default)]
pub struct TableInfo {
    /// The columns by name, in upper case.
    pub columns: BTreeMap<String, ColumnInfo>,
    /// The names of the columns' types, where a statement must name them.
    pub types: BTreeMap<String, String>,
    /// What the columns take.
    pub shapes: BTreeMap<String, Shape>,
    /// The column sets that are unique (primary key first), in upper case.
    pub unique: Vec<Vec<String>>,
    /// Columns hold what they are declared to hold: not so with SQLite.
    pub is_typed: bool,
    /// There are triggers on it, or columns that the server computes.
    pub has_triggers: bool,
    /// Its storage engine knows no transactions; the engine's name.
    pub without_transactions: Option<String>,
}

impl TableInfo {
    /// Whether a set of columns is unique: a unique set within it makes it so.
    pub fn is_unique<C: AsRef<str>>(&self, columns: &[C]) -> bool {
        let is_there = |name: &String| columns.iter().any(|column| column.as_ref() == name);
        let within = |unique: &Vec<String>| !unique.is_empty() && unique.iter().all(is_there);
        self.unique.iter().any(within)
    }

    /// A column that the server would change with the row, and that no statement can name.
    pub fn odd_on_update(&self) -> Option<&str> {
        self.on_update().find(|name| Identifier::new(name).is_err())
    }

    fn on_update(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|(_, column)| column.on_update).map(|(name, _)| name.as_str())
    }
}

/// A table as statements need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name, key and filter.
    pub relation: Relation,
    /// What its columns hold, for those that a statement may name.
    kinds: BTreeMap<String, Kind>,
    types: BTreeMap<String, String>,
    /// Columns that the server would change with the row: set to themselves. Those whose name is no identifier are not
    /// among them: a table to be written that has one is refused ([`TableInfo::odd_on_update`]).
    pub(super) on_update: Vec<Identifier>,
    /// Whether a row can be inserted from its key and values alone, with nothing else happening.
    pub(super) insertable: bool,
}

impl Table {
    /// A table with these value columns, as the catalogue has it.
    pub fn new(relation: Relation, values: &[&Identifier], info: &TableInfo) -> Self {
        let supplied = |name: &str| relation.key.iter().chain(values.iter().copied()).any(|own| own == name);
        Self {
            kinds: info.columns.iter().map(|(name, column)| (name.clone(), column.kind)).collect(),
            types: info.types.clone(),
            on_update: info.on_update().filter_map(|name| Identifier::new(name).ok()).collect(),
            insertable: !info.has_triggers
                && info.columns.iter().all(|(name, column)| !column.required || supplied(name)),
            relation,
        }
    }

    /// All its columns, by name.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// Whether a column holds whole numbers of 64 bits, and nothing else.
    pub fn holds_whole_numbers(&self, column: &str) -> bool {
        self.kind(column) == Kind::Integer
    }

    pub(super) fn type_name(&self, column: &str) -> Option<&str> {
        self.types.get(column).map(String::as_str)
    }

    pub(super) fn kind(&self, column: &str) -> Kind {
        self.kinds.get(column).copied().unwrap_or_default()
    }

    pub(super) fn key_kinds(&self) -> impl Iterator<Item = (&Identifier, Kind)> {
        self.relation.key.iter().map(|name| (name, self.kind(name)))
    }
}

/// The column sets of unique indexes, from rows of (index, column) in order.
pub(crate) fn unique_sets(records: Vec<Record>) -> Vec<Vec<String>> {
    let mut sets: Vec<(Value, Vec<String>)> = Vec::new();
    for record in records {
        let Ok([index, column]) = <[Value; 2]>::try_from(record) else { continue };
        // An index over an expression has no column name: it is no key.
        let column = column.as_text().unwrap_or_default().to_owned();
        match sets.last_mut() {
            Some((last, columns)) if *last == index => columns.push(column),
            _ => sets.push((index, vec![column])),
        }
    }
    sets.into_iter().map(|(_, columns)| columns).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_sets_follow_the_indexes() {
        let row = |index: &str, column: &str| vec![Value::Text(index.into()), Value::Text(column.into())];
        let sets = unique_sets(vec![row("PRIMARY", "A"), row("PRIMARY", "B"), row("U", "C")]);
        assert_eq!(sets, [vec!["A", "B"], vec!["C"]]);
    }
}
