//! Compare-and-set batches on a table.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use keyrotation_journal::Key;

use super::portion::Portion;
use super::{Applied, ApplyError, Change};
use crate::db::{
    Changed, Class, CompareAndSet, Db, DbError, Identifier, Table, Transaction, TransactionLimits, Value,
    WriteMode,
};
use crate::error::Result;
use crate::failpoint::async_failpoint;
use crate::guard::Guard;
use crate::source::{key_part, key_values, unreadable};
use crate::target::Target;

/// Writes to one table.
#[derive(Debug, Clone)]
pub struct TableSink {
    db: Db,
    target: Arc<Target>,
    table: Arc<Table>,
    pub(super) guard: Arc<Guard>,
    /// How much a transaction may hold.
    portion: Arc<Portion>,
    /// Others work with the rows, and go first.
    pub(super) gives_way: bool,
}

impl TableSink {
    /// Writes to the table of `target`, in a database that `guard` watches.
    pub fn new(db: Db, target: Arc<Target>, table: Arc<Table>, guard: Arc<Guard>) -> Self {
        let portion = Arc::new(Portion::new(TransactionLimits::default()));
        Self { db, target, table, guard, portion, gives_way: false }
    }

    /// Leaves rows alone that others have locked.
    #[must_use]
    pub fn giving_way(self, gives_way: bool) -> Self {
        Self { gives_way, ..self }
    }

    /// Keeps each transaction within what a cluster takes.
    #[must_use]
    pub fn within(self, limits: TransactionLimits) -> Self {
        Self { portion: Arc::new(Portion::new(limits)), ..self }
    }

    pub(super) fn shares_transactions(&self) -> bool {
        self.db.server_kind().is_none()
    }

    /// Makes changes, in one transaction if it is not too large for a cluster, or for those who write to the
    /// same rows meanwhile: of a smaller one they are less often in the way.
    pub(super) async fn apply(&self, changes: &[&Change]) -> Result<Vec<Applied>> {
        let mut applied = Vec::with_capacity(changes.len());
        let mut backoff = self.guard.backoff(&self.target.relation.table);
        let mut mode = WriteMode::Fast;
        while let Some(left) = changes.get(applied.len()..).filter(|left| !left.is_empty()) {
            let part = &left[..self.portion.of(left)];
            let written = self.guard.watched(&self.target.relation.table, self.transaction(part, mode));
            match written.await {
                Ok(done) => {
                    applied.extend(done);
                    self.portion.got_through(part.len());
                    backoff = self.guard.backoff(&self.target.relation.table);
                    mode = WriteMode::Fast;
                }
                Err(error) if error.class == Class::Row && mode == WriteMode::Fast => {
                    mode = WriteMode::RowByRow;
                }
                // The session that has locked the row goes first: the other rows of this part are tried without it.
                Err(error) if self.gives_way && (error.is_lock_wait() || error.is_conflict()) => {
                    if let [_] = part {
                        applied.push(Applied::Held);
                    }
                    self.portion.halve(part.len());
                }
                Err(error) if error.is_conflict() && part.len() > 1 => {
                    let (place, rows) = (&self.target.relation.table, part.len());
                    if self.portion.is_whole() {
                        tracing::warn!(
                            "{place}: {error}; trying again, with fewer than {rows} rows at a time"
                        );
                    } else {
                        tracing::debug!("{place}: {rows} rows: {error}; now fewer");
                    }
                    self.portion.halve(rows);
                    backoff.moment().await;
                }
                Err(error) => {
                    let given_up = backoff.after(error).await;
                    given_up.map_err(|error| unreadable(&self.target, &error))?;
                }
            }
        }
        Ok(applied)
    }

    /// What would become of changes, as far as the server's limits tell.
    pub(super) fn foresee(&self, changes: &[&Change]) -> Vec<Applied> {
        let most = self.db.statement_bytes();
        let foreseen = |change: &&Change| too_heavy(swap(change).weight(), most).unwrap_or(Applied::Written);
        changes.iter().map(foreseen).collect()
    }

    async fn transaction(&self, changes: &[&Change], mode: WriteMode) -> Result<Vec<Applied>, DbError> {
        let mut transaction = self.begin().await?;
        let applied = transaction.changes(changes, mode).await?;
        match transaction.commit().await {
            Err(error) if error.class == Class::Lost => {
                let table = &self.target.relation.table;
                tracing::warn!("{table}: {error}; the rows will tell whether the last commit succeeded");
                Ok(vec![Applied::Missed; changes.len()])
            }
            done => done.map(|()| applied),
        }
    }

    async fn begin(&self) -> Result<TableTransaction, DbError> {
        async_failpoint!("table-before-write", planned_failure());
        let dialect = self.db.dialect();
        Ok(TableTransaction {
            inner: self.db.begin_beside().await?,
            target: Arc::clone(&self.target),
            table: Arc::clone(&self.table),
            rows_at_once: dialect.rows_of_a_statement(),
            max_parameters: dialect.max_parameters,
            statement_bytes: self.db.statement_bytes(),
        })
    }

    /// Begins a transaction for several chunks.
    pub(super) async fn open(&self) -> Result<TableTransaction, ApplyError> {
        self.begin().await.map_err(|error| trouble(&self.target, &error))
    }
}

fn trouble(target: &Target, error: &DbError) -> ApplyError {
    match error.class {
        Class::Row | Class::Retry | Class::Lost => ApplyError::ChunkByChunk(error.to_string()),
        Class::Environment => ApplyError::Stop(unreadable(target, error)),
    }
}

/// A transaction on one table. Dropped without a commit, it is rolled back.
#[derive(Debug)]
pub struct TableTransaction {
    inner: Transaction,
    target: Arc<Target>,
    table: Arc<Table>,
    rows_at_once: usize,
    max_parameters: usize,
    statement_bytes: usize,
}

impl TableTransaction {
    pub(super) async fn apply(&mut self, changes: &[&Change]) -> Result<Vec<Applied>, ApplyError> {
        self.changes(changes, WriteMode::Fast).await.map_err(|error| trouble(&self.target, &error))
    }

    pub(super) async fn finish(self) -> Result<(), ApplyError> {
        let target = Arc::clone(&self.target);
        self.commit().await.map_err(|error| trouble(&target, &error))
    }

    async fn commit(self) -> Result<(), DbError> {
        async_failpoint!("table-before-commit", planned_failure());
        self.inner.commit().await?;
        async_failpoint!("table-commit-unknown", DbError::new(Class::Lost, "failure planned by a test"));
        async_failpoint!("table-after-commit", planned_failure());
        Ok(())
    }

    async fn changes(&mut self, changes: &[&Change], mode: WriteMode) -> Result<Vec<Applied>, DbError> {
        let mut applied = vec![Applied::Missed; changes.len()];
        let target = Arc::clone(&self.target);
        for (columns, rows) in by_columns(changes) {
            let names: Vec<_> = columns.iter().map(|&column| &target.values[column].name).collect();
            let width = target.relation.key.len() + 2 * columns.len();
            let most = self.rows_at_once.min(self.max_parameters / width);
            for batch in self.batches(changes, rows, most, &mut applied) {
                self.batch(&names, &batch, mode, &mut applied).await?;
            }
        }
        Ok(applied)
    }

    /// Divides rows so that each statement keeps within what the server takes. A row that no
    /// statement can carry is refused.
    fn batches<'a>(
        &self,
        changes: &[&'a Change],
        rows: Vec<usize>,
        most: usize,
        applied: &mut [Applied],
    ) -> Vec<Vec<(usize, CompareAndSet<'a>)>> {
        let mut batches: Vec<Vec<(usize, CompareAndSet<'a>)>> = Vec::new();
        let mut room = 0;
        for at in rows {
            let swap = swap(changes[at]);
            let weight = swap.weight();
            if let Some(refused) = too_heavy(weight, self.statement_bytes) {
                applied[at] = refused;
                continue;
            }
            match batches.last_mut() {
                Some(batch) if batch.len() < most && weight <= room => batch.push((at, swap)),
                _ => {
                    batches.push(vec![(at, swap)]);
                    room = self.statement_bytes;
                }
            }
            room -= weight;
        }
        batches
    }

    /// Changes a batch; with [`WriteMode::RowByRow`] a refused one is halved until the row stands alone.
    async fn batch(
        &mut self,
        columns: &[&Identifier],
        batch: &[(usize, CompareAndSet<'_>)],
        mode: WriteMode,
        applied: &mut [Applied],
    ) -> Result<(), DbError> {
        let mut left = vec![batch];
        while let Some(part) = left.pop() {
            if mode == WriteMode::RowByRow {
                self.inner.savepoint().await?;
            }
            match self.statement(columns, part, mode).await {
                Ok(written) => {
                    for at in written {
                        applied[at] = Applied::Written;
                    }
                }
                Err(error) if error.class == Class::Row && mode == WriteMode::RowByRow => {
                    self.inner.back_to_savepoint().await?;
                    if let [(at, _)] = part {
                        applied[*at] = Applied::Refused(format!("the database refused it: {error}"));
                    } else {
                        let (first, second) = part.split_at(part.len() / 2);
                        left.extend([second, first]);
                    }
                }
                Err(error) => return Err(error),
            }
            if mode == WriteMode::RowByRow {
                self.inner.release_savepoint().await?;
            }
        }
        Ok(())
    }

    /// Runs one statement, and says which of the changes it made.
    async fn statement(
        &mut self,
        columns: &[&Identifier],
        part: &[(usize, CompareAndSet<'_>)],
        mode: WriteMode,
    ) -> Result<Vec<usize>, DbError> {
        let swaps: Vec<&CompareAndSet<'_>> = part.iter().map(|(_, swap)| swap).collect();
        let written = match self.inner.swap(&self.table, columns, &swaps, mode).await? {
            Changed::All => return Ok(part.iter().map(|(at, _)| *at).collect()),
            Changed::Only(keys) => keys,
        };
        let key = |record: Vec<Value>| record.into_iter().map(key_part).collect::<Option<Vec<_>>>().map(Key);
        let written: HashSet<Key> = written.into_iter().filter_map(key).collect();
        let is_written =
            |swap: &CompareAndSet<'_>| key(swap.key.clone()).is_some_and(|key| written.contains(&key));
        Ok(part.iter().filter(|(_, swap)| is_written(swap)).map(|(at, _)| *at).collect())
    }
}

/// Refuses a row that no statement can carry.
fn too_heavy(weight: usize, most: usize) -> Option<Applied> {
    (weight > most).then(|| {
        Applied::Refused(format!(
            "its values have {weight} bytes, and a statement to this server may carry {most}"
        ))
    })
}

pub(super) fn swap(change: &Change) -> CompareAndSet<'_> {
    CompareAndSet {
        key: key_values(&change.key),
        old: change.cells.iter().map(|cell| &cell.old).collect(),
        new: change.cells.iter().map(|cell| &cell.new).collect(),
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
