//! Where stored values come from: tables and files, as rows.
//!
//! A file is a row whose key is its path and whose one value is its content, so that everything
//! behind this module works on rows alone.

use keyrotation_codec as codec;
use keyrotation_common::{error, failpoint};
use keyrotation_db as db;
use keyrotation_db::sizes;
use keyrotation_guard as guard;
use keyrotation_target as target;

mod course;
mod file_rows;
pub mod files;
mod pages;
mod table;
mod walk;

pub use file_rows::FileRows;
pub use file_rows::name_of;
pub use pages::{Ahead, Page, Pages, Rows};
pub use table::TableSource;
pub use table::{key_part, key_values, unreadable};
pub use walk::Walk;

use keyrotation_journal::Key;

use pages::Way;

use crate::db::Value;
use crate::error::Result;

/// A row with values that may be under the key.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its primary key. Where a part of it cannot be read no statement can name the row, so it is never written.
    pub key: Key,
    /// The stored values, in the target's order.
    pub values: Vec<Value>,
    /// The hash columns' texts, in the same order, where there are such columns.
    pub hashes: Vec<Option<String>>,
    /// The group that it is counted in.
    pub group: Option<usize>,
    /// Why it cannot be looked at, if it cannot: it counts as failed.
    pub problem: Option<String>,
}

/// Where a target's rows come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A table.
    Table(TableSource),
    /// A group of files.
    Files(FileRows),
}

impl Source {
    /// A walk over the rows behind `after`, up to and including `upto`, in the source's order.
    pub fn walk(&self, after: Option<&Key>, upto: Option<&Key>) -> Rows {
        let mut rows = self.walk_all();
        rows.over(after, upto);
        rows
    }

    /// A walk over all rows.
    pub fn walk_all(&self) -> Rows {
        Rows(match self {
            Self::Table(table) => Way::Table(table.clone(), table.walk()),
            Self::Files(files) => Way::Files(files.walk()),
        })
    }

    /// All rows, up to `limit` at a time, to be read only; a table's by one statement, if the driver can.
    pub fn all(&self, limit: usize, by_one_statement: bool) -> Pages {
        Pages::of(self, limit, by_one_statement)
    }

    /// The rows with these keys, in any order; those that are gone are absent. Where a key cannot be read the whole table
    /// is walked through for it.
    pub async fn rows(&self, keys: &[&Key]) -> Result<Vec<Row>> {
        match self {
            Self::Table(table) => table.rows(keys).await,
            Self::Files(files) => files.rows(keys),
        }
    }
}
