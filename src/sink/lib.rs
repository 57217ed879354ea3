//! Where new values go: compare and set, in tables and files.

use keyrotation_common::{error, failpoint};
use keyrotation_db as db;
use keyrotation_guard as guard;
use keyrotation_source as source;
use keyrotation_target as target;

mod file_rows;
pub mod files;
mod portion;
mod table;

pub use file_rows::FileSink;
pub use table::{TableSink, TableTransaction};

use std::sync::Arc;

use keyrotation_journal::Key;

use crate::db::Value;
use crate::error::{Error, Result};
use crate::guard::Guard;

/// A row's new values.
#[derive(Debug, Clone)]
pub struct Change {
    /// The row.
    pub key: Key,
    /// What changes in it, by ascending column.
    pub cells: Vec<ChangedCell>,
}

/// One new value.
#[derive(Debug, Clone)]
pub struct ChangedCell {
    /// The value column's position in the target.
    pub column: usize,
    /// What was read.
    pub old: Value,
    /// What is to stand there.
    pub new: Value,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Written and committed.
    Written,
    /// The row is gone, or no longer holds what was read: nothing was written.
    Missed,
    /// Another session has locked it: nothing was written, and it is tried again later.
    Held,
    /// The server or file system refuses this very change: nothing was written.
    Refused(String),
}

/// Where a target's changes go.
#[derive(Debug, Clone)]
pub enum Sink {
    /// A table.
    Table(TableSink),
    /// Files.
    Files(FileSink),
}

impl Sink {
    /// Returns when the place is this rotation's alone; asked before chunks are handed out.
    pub async fn hold(&self) -> Result<()> {
        match self {
            Self::Table(table) => table.guard.hold().await,
            Self::Files(_) => Ok(()),
        }
    }

    /// Whether `guard` watches the place.
    pub fn is_guarded_by(&self, guard: &Arc<Guard>) -> bool {
        matches!(self, Self::Table(table) if Arc::ptr_eq(&table.guard, guard))
    }

    /// Whether the changes of several chunks share a transaction, one after the other; else each
    /// chunk has its own, and several are written at once.
    pub fn shares_transactions(&self) -> bool {
        match self {
            Self::Table(table) => table.shares_transactions(),
            Self::Files(_) => true,
        }
    }

    /// Whether others work with the rows, and go first.
    pub fn gives_way(&self) -> bool {
        matches!(self, Self::Table(table) if table.gives_way)
    }

    /// Whether changes can be made and undone.
    pub fn can_roll_back(&self) -> bool {
        matches!(self, Self::Table(_))
    }

    /// What would become of changes, as far as that shows without writing.
    pub fn foresee(&self, changes: &[&Change]) -> Result<Vec<Applied>> {
        match self {
            Self::Table(table) => Ok(table.foresee(changes)),
            Self::Files(files) => files.foresee(changes),
        }
    }

    /// Begins to apply the changes of several chunks at once.
    pub async fn begin(&self) -> Result<Transaction, ApplyError> {
        match self {
            Self::Table(table) => table.open().await.map(Transaction::Table),
            Self::Files(files) => Ok(Transaction::Files(files.clone())),
        }
    }

    /// Applies all changes in one transaction (a table) or one by one (files) and says what
    /// became of each, in their order. On an error nothing is committed in a table. All are
    /// [`Applied::Missed`] when the outcome of the commit is unknown: the rows are read again.
    pub async fn apply(&self, changes: &[&Change]) -> Result<Vec<Applied>> {
        match self {
            Self::Table(table) => table.apply(changes).await,
            Self::Files(files) => files.apply(changes),
        }
    }
}

/// Changes of several chunks on their way. Dropped without a commit, those to a table are undone.
#[derive(Debug)]
pub enum Transaction {
    /// On a table.
    Table(TableTransaction),
    /// Files have no transactions: each change is done when it is applied.
    Files(FileSink),
}

/// Why the changes of several chunks cannot be committed together.
#[derive(Debug)]
pub enum ApplyError {
    /// Nothing is committed; each chunk in a transaction of its own may do better.
    ChunkByChunk(String),
    /// Nothing will do.
    Stop(Error),
}

impl Transaction {
    /// Applies the changes of a chunk and says what will have become of each after the commit.
    pub async fn apply(&mut self, changes: &[&Change]) -> Result<Vec<Applied>, ApplyError> {
        match self {
            Self::Table(transaction) => transaction.apply(changes).await,
            Self::Files(files) => files.apply(changes).map_err(ApplyError::Stop),
        }
    }

    /// Commits the changes of all chunks.
    pub async fn commit(self) -> Result<(), ApplyError> {
        match self {
            Self::Table(transaction) => transaction.finish().await,
            Self::Files(_) => Ok(()),
        }
    }
}
