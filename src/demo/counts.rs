//! What a demo holds, counted while it is made: what a rotation of it must arrive at.

use std::collections::BTreeMap;

/// What one table holds.
///
/// Each row in scope is counted once among the four kinds of rows: by its sealed value if it has
/// one, else by an empty, else by a plain one, else as null. Rows that no rotation looks at
/// (other registry properties, subscriber properties that are no secrets) count in `rows` alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableCount {
    /// All rows.
    pub rows: u64,
    /// Rows with a ciphertext, which a rotation must rewrite.
    pub sealed_rows: u64,
    /// Rows whose only envelope holds the empty ciphertext, which opens under any key.
    pub empty_rows: u64,
    /// Rows with nothing but plain values.
    pub plain_rows: u64,
    /// Rows whose values are all NULL.
    pub null_rows: u64,
    /// Ciphertexts, over all rows and columns and inside of serialized objects.
    pub sealed_values: u64,
}

/// What the files under the server's home hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileCount {
    /// XML files of user stores, event publishers and event receivers.
    pub files: u64,
    /// Those with a ciphertext.
    pub sealed_files: u64,
    /// Ciphertexts in them.
    pub sealed_values: u64,
}

/// What a demo holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    tables: BTreeMap<&'static str, TableCount>,
    /// The files.
    pub files: FileCount,
}

impl Counts {
    /// What the table holds; nothing if the demo has no such table.
    pub fn table(&self, name: &str) -> TableCount {
        self.tables.get(name).copied().unwrap_or_default()
    }

    /// Every table with rows, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&'static str, TableCount)> {
        self.tables.iter().map(|(name, count)| (*name, *count))
    }

    /// Ciphertexts in all tables and files.
    pub fn sealed_values(&self) -> u64 {
        self.tables.values().map(|count| count.sealed_values).sum::<u64>() + self.files.sealed_values
    }

    /// Counts a row with these values in scope.
    pub(super) fn row(&mut self, table: &'static str, kinds: &[Kind]) {
        let count = self.tables.entry(table).or_default();
        count.rows += 1;
        count.sealed_values += kinds.iter().filter(|kind| **kind == Kind::Sealed).map(|_| 1).sum::<u64>();
        match kinds.iter().max() {
            Some(Kind::Sealed) => count.sealed_rows += 1,
            Some(Kind::Empty) => count.empty_rows += 1,
            Some(Kind::Plain) => count.plain_rows += 1,
            Some(Kind::Null) => count.null_rows += 1,
            None => {}
        }
    }

    /// Counts a file with so many ciphertexts.
    pub(super) fn file(&mut self, sealed: u64) {
        self.files.files += 1;
        self.files.sealed_files += u64::from(sealed > 0);
        self.files.sealed_values += sealed;
    }
}

/// The kinds of values; the last one in a row decides how the row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Null,
    Plain,
    Empty,
    Sealed,
}

/// What goes into a value column, and what it counts as.
pub(super) struct Cell {
    pub(super) stored: Option<String>,
    pub(super) kind: Kind,
}

impl Cell {
    pub(super) fn null() -> Self {
        Self { stored: None, kind: Kind::Null }
    }

    pub(super) fn plain(stored: impl Into<String>) -> Self {
        Self { stored: Some(stored.into()), kind: Kind::Plain }
    }

    pub(super) fn empty(stored: String) -> Self {
        Self { stored: Some(stored), kind: Kind::Empty }
    }

    pub(super) fn sealed(stored: String) -> Self {
        Self { stored: Some(stored), kind: Kind::Sealed }
    }
}
