//! Compare-and-set batches on a table.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use keyrotation_journal::{Key, failpoint};

use super::{Applied, Change, Trouble};
use crate::db::{Class, Db, DbError, Record, Syntax, Transaction, sql};
use crate::error::Result;
use crate::source::{key_part, key_values, unreadable};
use crate::target::Target;

/// Rows in one statement: measured on SQLite, where more gains nothing.
const ROWS_AT_ONCE: usize = 200;

/// Attempts at a transaction that somebody else keeps from committing.
const ATTEMPTS: u32 = 5;

/// Pause before the second attempt; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Writes to one table.
#[derive(Debug, Clone)]
pub struct TableSink {
    db: Db,
    target: &'static Target,
}

/// Whether every statement gets a savepoint of its own, so that refused rows can be singled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    Fast,
    RowByRow,
}

impl TableSink {
    /// Writes to the table of `target`.
    pub fn new(db: Db, target: &'static Target) -> Self {
        Self { db, target }
    }

    pub(super) async fn apply(&self, changes: &[&Change]) -> Result<Vec<Applied>> {
        let mut pause = FIRST_PAUSE;
        let mut care = Care::Fast;
        let mut attempt = 1;
        loop {
            match self.transaction(changes, care).await {
                Ok(applied) => return Ok(applied),
                Err(error) if error.class == Class::Row && care == Care::Fast => care = Care::RowByRow,
                Err(error) if error.class == Class::Retry && attempt < ATTEMPTS => {
                    tracing::warn!(
                        "{}: {error}; trying again ({attempt} of {ATTEMPTS})",
                        self.target.relation.table
                    );
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
                Err(error) => return Err(unreadable(self.target, &error)),
            }
        }
    }

    async fn transaction(&self, changes: &[&Change], care: Care) -> Result<Vec<Applied>, DbError> {
        let mut transaction = self.begin().await?;
        let applied = transaction.changes(changes, care).await?;
        transaction.commit().await?;
        Ok(applied)
    }

    async fn begin(&self) -> Result<TableTransaction, DbError> {
        failpoint!("table-before-write", planned_failure());
        Ok(TableTransaction { inner: self.db.begin().await?, target: self.target, syntax: self.db.syntax() })
    }

    /// Begins a transaction for several chunks.
    pub(super) async fn open(&self) -> Result<TableTransaction, Trouble> {
        self.begin().await.map_err(|error| trouble(self.target, &error))
    }
}

fn trouble(target: &Target, error: &DbError) -> Trouble {
    match error.class {
        Class::Row | Class::Retry => Trouble::ChunkByChunk(error.to_string()),
        Class::Environment => Trouble::Stop(unreadable(target, error)),
    }
}

/// A transaction on one table. Dropped without a commit, it is rolled back.
#[derive(Debug)]
pub struct TableTransaction {
    inner: Transaction,
    target: &'static Target,
    syntax: &'static Syntax,
}

impl TableTransaction {
    pub(super) async fn apply(&mut self, changes: &[&Change]) -> Result<Vec<Applied>, Trouble> {
        self.changes(changes, Care::Fast).await.map_err(|error| trouble(self.target, &error))
    }

    pub(super) async fn finish(self) -> Result<(), Trouble> {
        let target = self.target;
        self.commit().await.map_err(|error| trouble(target, &error))
    }

    async fn commit(self) -> Result<(), DbError> {
        failpoint!("table-before-commit", planned_failure());
        self.inner.commit().await?;
        failpoint!("table-after-commit", planned_failure());
        Ok(())
    }

    async fn changes(&mut self, changes: &[&Change], care: Care) -> Result<Vec<Applied>, DbError> {
        let mut applied = vec![Applied::Missed; changes.len()];
        for (columns, rows) in by_columns(changes) {
            let width = self.target.relation.key.len() + 2 * columns.len();
            for batch in rows.chunks(ROWS_AT_ONCE.min(self.syntax.max_parameters / width)) {
                self.batch(changes, &columns, batch, care, &mut applied).await?;
            }
        }
        Ok(applied)
    }

    /// Changes a batch; with [`Care::RowByRow`] a refused one is halved until the row stands alone.
    async fn batch(
        &mut self,
        changes: &[&Change],
        columns: &[usize],
        batch: &[usize],
        care: Care,
        applied: &mut [Applied],
    ) -> Result<(), DbError> {
        let mut left = vec![batch];
        while let Some(part) = left.pop() {
            if care == Care::RowByRow {
                self.inner.run(sql::SAVEPOINT, &[]).await?;
            }
            match self.statement(changes, columns, part).await {
                Ok(written) => {
                    for &at in part.iter().filter(|&&at| written.contains(&changes[at].key)) {
                        applied[at] = Applied::Written;
                    }
                }
                Err(error) if error.class == Class::Row && care == Care::RowByRow => {
                    self.inner.run(sql::ROLLBACK_TO_SAVEPOINT, &[]).await?;
                    if let [row] = part {
                        applied[*row] = Applied::Refused(format!("the database refused it: {error}"));
                    } else {
                        let (first, second) = part.split_at(part.len() / 2);
                        left.extend([second, first]);
                    }
                }
                Err(error) => return Err(error),
            }
            if care == Care::RowByRow {
                self.inner.run(sql::RELEASE_SAVEPOINT, &[]).await?;
            }
        }
        Ok(())
    }

    async fn statement(
        &mut self,
        changes: &[&Change],
        columns: &[usize],
        rows: &[usize],
    ) -> Result<HashSet<Key>, DbError> {
        let names: Vec<_> = columns.iter().map(|&column| self.target.values[column].name).collect();
        let sql = sql::compare_and_set(self.syntax, &self.target.relation, &names, rows.len());
        let mut params =
            Vec::with_capacity(rows.len() * (self.target.relation.key.len() + 2 * columns.len()));
        for &row in rows {
            let change = changes[row];
            params.extend(key_values(&change.key));
            params.extend(change.cells.iter().map(|cell| cell.old.clone()));
            params.extend(change.cells.iter().map(|cell| cell.new.clone()));
        }
        let records: Vec<Record> = self.inner.run(&sql, &params).await?;
        let key = |record: Record| record.into_iter().map(key_part).collect::<Option<Vec<_>>>().map(Key);
        Ok(records.into_iter().filter_map(key).collect())
    }
}

/// The changes by the set of columns that they change: a column without a change is not touched.
fn by_columns(changes: &[&Change]) -> BTreeMap<Vec<usize>, Vec<usize>> {
    let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (at, change) in changes.iter().enumerate() {
        groups.entry(change.cells.iter().map(|cell| cell.column).collect()).or_default().push(at);
    }
    groups
}

#[cfg(feature = "failpoints")]
fn planned_failure() -> DbError {
    DbError::new(Class::Environment, "failure planned by a test")
}
