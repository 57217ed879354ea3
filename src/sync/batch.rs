//! One transaction in the new database: rows are locked, looked at, and written.
//!
//! A row is written only if it is as this program left it. What another unique key refuses is put
//! right in the same transaction: the row that is in the way is brought to what the old database
//! holds first, and where rows wait for each other one steps aside for a moment.

mod conflicts;
mod decide;
mod kept;

use std::collections::{BTreeMap, HashMap, HashSet};

use keyrotation_journal::{CopyRow, Key, RowMark};

use super::SyncRunner;
use super::carry::{ApplyError, Outcome};
use super::rows::{Row, Side};
use crate::db::{Class, DbError, Identifier, Transaction, Value};
use crate::error::Result;
use crate::plan::SyncJob;
use crate::source::key_values;

/// A row's key, and new values.
type Update<'a> = (Vec<Value>, Vec<&'a Value>);

/// What a batch came to.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) outcomes: HashMap<Key, Outcome>,
    /// Rows that the commit changes.
    pub(super) written: Vec<CopyRow>,
    /// What was written to them, where they were not deleted.
    contents: HashMap<Key, Row>,
    /// Keys that rows had before and have no more.
    pub(super) removed: Vec<Key>,
    /// Rows that are as they should be, with their marks.
    pub(super) same: Vec<(Key, Option<RowMark>)>,
    /// Rows that are the new server's own.
    pub(super) superseded: Vec<Key>,
    /// Those of them that the commit takes out of use, since the old server did, as the new database has their keys.
    pub(super) merged: Vec<Key>,
    /// Whether rows were read that were not requested.
    pub(super) fetched: bool,
}

pub(super) struct Batch<'a, 'b> {
    sync: &'a SyncRunner<'b>,
    job: &'a SyncJob,
    transaction: Transaction,
    /// What is to be written, by the key in the old database.
    works: BTreeMap<Key, Work>,
    /// Rows that hold a stand-in.
    set_aside: Vec<Key>,
    done: Done,
}

/// A row that is to be written.
#[derive(Debug, Clone)]
struct Work {
    key: Key,
    present: Option<Row>,
    wanted: Option<Row>,
    /// If the old database has none: something says that it was deleted there.
    is_deleted: bool,
    /// The row is the new server's own, and stays so: only its state changes.
    merges: bool,
}

impl Work {
    /// What the journal is to say of it.
    fn copied(&self) -> CopyRow {
        let [present, wanted] = [&self.present, &self.wanted].map(Option::as_ref);
        CopyRow {
            key: wanted.map_or(&self.key, |row| &row.key).clone(),
            before: present.map(|row| row.digest),
            after: wanted.map(|row| row.digest),
        }
    }
}

impl<'a, 'b> Batch<'a, 'b> {
    pub(super) fn new(sync: &'a SyncRunner<'b>, job: &'a SyncJob, transaction: Transaction) -> Self {
        Self { sync, job, transaction, works: BTreeMap::new(), set_aside: Vec::new(), done: Done::default() }
    }

    /// Rows that the commit is to change, if the database takes all of them.
    pub(super) fn planned(&self) -> Vec<CopyRow> {
        self.works.values().filter(|work| !work.merges).map(Work::copied).collect()
    }

    /// Rows that the commit changes.
    pub(super) fn written(&self) -> &[CopyRow] {
        &self.done.written
    }

    pub(super) fn into_parts(self) -> (Transaction, Done) {
        (self.transaction, self.done)
    }

    /// Locks rows and decides what is to be done with each. Those that are none in the old database were deleted there.
    pub(super) async fn look(&mut self, rows: &[(Key, Option<Row>)]) -> Result<(), ApplyError> {
        self.look_at(rows, true).await
    }

    async fn look_at(&mut self, rows: &[(Key, Option<Row>)], is_deleted: bool) -> Result<(), ApplyError> {
        let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
        let (sync, job) = (self.sync, self.job);
        let asked: HashSet<Key> = keys.iter().cloned().collect();
        let (present, marks) = tokio::join!(self.lock(&keys), sync.marks(job, asked));
        let (mut present, mut marks) = (present?, marks?);
        if job.folds {
            let mut written_otherwise = HashSet::new();
            for key in &keys {
                if !present.contains_key(key)
                    && let Some(row) = self.lock(std::slice::from_ref(key)).await?.into_values().next()
                {
                    written_otherwise.insert(row.key.clone());
                    present.insert(key.clone(), row);
                }
            }
            marks.extend(sync.marks(job, written_otherwise).await?);
        }
        for (key, wanted) in rows {
            let present = present.remove(key);
            let mark = marks.get(present.as_ref().map_or(key, |row| &row.key));
            let (key, wanted) = (key.clone(), wanted.clone());
            self.decide(Work { key, present, wanted, is_deleted, merges: false }, mark);
        }
        Ok(())
    }

    async fn lock(&mut self, keys: &[Key]) -> Result<HashMap<Key, Row>, ApplyError> {
        let values: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
        let records = self.transaction.lock_rows(&self.job.new, &self.job.read_new, &values).await?;
        let opened = self.sync.reader.opened(self.job, Side::New, records).await?;
        Ok(opened.into_iter().flatten().map(|row| (row.key.clone(), row)).collect())
    }

    /// Writes what was decided: all at once, and where that is refused row by row.
    pub(super) async fn write(&mut self) -> Result<(), ApplyError> {
        if self.works.is_empty() {
            return Ok(());
        }
        self.transaction.savepoint().await?;
        let works = std::mem::take(&mut self.works);
        match self.write_together(&works).await {
            Ok(()) => {
                self.transaction.release_savepoint().await?;
                for work in works.into_values() {
                    self.note(work);
                }
                Ok(())
            }
            Err(error) if is_refusal(&error) => {
                self.transaction.back_to_savepoint().await?;
                self.transaction.release_savepoint().await?;
                self.works = works;
                while let Some((_, work)) = self.works.pop_first() {
                    let key = work.key.clone();
                    let outcome = self.write_after_conflicts(work).await?;
                    self.done.outcomes.insert(key, outcome);
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes, then updates, then inserts: what makes room comes first.
    async fn write_together(&mut self, works: &BTreeMap<Key, Work>) -> Result<(), DbError> {
        let table = &self.job.new;
        let mut deleted = Vec::new();
        let mut inserted = Vec::new();
        let mut updated: BTreeMap<Vec<&Identifier>, Vec<Update<'_>>> = BTreeMap::new();
        for work in works.values() {
            match (&work.present, &work.wanted) {
                (Some(present), None) => deleted.push(key_values(&present.key)),
                (None, Some(wanted)) => inserted.push(wanted),
                (Some(present), Some(wanted)) => {
                    let columns = self.differing(present, wanted, false);
                    let keys = key_values(&wanted.key);
                    if present.key == wanted.key {
                        let values = self.values(wanted, &columns);
                        updated.entry(columns).or_default().push((key_values(&present.key), values));
                    } else {
                        // Rows whose key is written otherwise now are few.
                        let columns: Vec<&Identifier> =
                            self.job.table.relation.key.iter().chain(columns).collect();
                        let values = keys.iter().chain(self.values(wanted, &columns)).collect();
                        let row = (key_values(&present.key), values);
                        self.transaction.update_rows(table, &columns, &[row]).await?;
                    }
                }
                (None, None) => {}
            }
        }
        if !deleted.is_empty() {
            self.transaction.delete_rows(table, &deleted).await?;
        }
        for (columns, rows) in &updated {
            self.transaction.update_rows(table, columns, rows).await?;
        }
        if inserted.is_empty() {
            return Ok(());
        }
        let (columns, rows) = whole(self.job, &inserted);
        let rows: Vec<Vec<&Value>> = rows.iter().map(|row| row.iter().collect()).collect();
        self.transaction.insert_rows(table, &columns, &rows).await
    }

    /// The columns in which a row is not what it should be.
    fn differing(&self, present: &Row, wanted: &Row, set_aside: bool) -> Vec<&'a Identifier> {
        let job: &'a SyncJob = self.job;
        let cells = present.cells.iter().zip(&wanted.cells);
        let columns = job.columns.iter().zip(cells).filter(|(column, (here, there))| {
            !here.is_same(there) || (set_aside && job.table.park.as_ref() == Some(*column))
        });
        columns.map(|(column, _)| column).collect()
    }

    fn values<'r>(&self, row: &'r Row, columns: &[&Identifier]) -> Vec<&'r Value> {
        let at = |column: &&Identifier| self.job.column(column).and_then(|at| row.cells.get(at));
        columns.iter().filter_map(at).map(|cell| &cell.value).collect()
    }

    /// Unless its entry is to count it, or has done so.
    fn count_superseded(&mut self, key: &Key) {
        if self.sync.counts_superseded {
            self.done.superseded.push(key.clone());
        }
    }

    async fn write_one(&mut self, work: &Work) -> Result<(), DbError> {
        let table = &self.job.new;
        match (&work.present, &work.wanted) {
            (Some(present), None) => self.transaction.delete_rows(table, &[key_values(&present.key)]).await,
            (None, Some(wanted)) => {
                let (columns, rows) = whole(self.job, &[wanted]);
                let rows: Vec<Vec<&Value>> = rows.iter().map(|row| row.iter().collect()).collect();
                self.transaction.insert_rows(table, &columns, &rows).await
            }
            (Some(present), Some(wanted)) => {
                let set_aside = self.set_aside.contains(&work.key);
                let key = key_values(&wanted.key);
                let mut columns = self.differing(present, wanted, set_aside);
                let mut values = self.values(wanted, &columns);
                if present.key != wanted.key {
                    columns = self.job.table.relation.key.iter().chain(columns).collect();
                    values = key.iter().chain(values).collect();
                }
                self.transaction.update_rows(table, &columns, &[(key_values(&present.key), values)]).await
            }
            (None, None) => Ok(()),
        }
    }

    /// Notes what a row will be after the commit.
    fn note(&mut self, work: Work) {
        if work.merges {
            self.done.merged.extend(work.present.as_ref().map(|row| row.key.clone()));
            self.count_superseded(&work.key);
            self.done.outcomes.insert(work.key, Outcome::Superseded);
            return;
        }
        let copied = work.copied();
        let key = copied.key.clone();
        if let Some(present) = work.present.as_ref().filter(|present| present.key != key) {
            self.done.removed.push(present.key.clone());
        }
        self.done.written.push(copied);
        self.done.contents.extend(work.wanted.map(|row| (key, row)));
        self.done.outcomes.insert(work.key, Outcome::Applied);
    }
}

/// Whether the server refused what was written, and would take something else: of one row, and not of all.
fn is_refusal(error: &DbError) -> bool {
    matches!(error.class, Class::Row | Class::Environment) && !error.hides_rows()
}

/// All columns of rows, the key's first, with their values.
fn whole<'j>(job: &'j SyncJob, rows: &[&Row]) -> (Vec<&'j Identifier>, Vec<Vec<Value>>) {
    let columns = job.table.relation.key.iter().chain(&job.columns).collect();
    let values = |row: &&Row| {
        key_values(&row.key).into_iter().chain(row.cells.iter().map(|cell| cell.value.clone())).collect()
    };
    (columns, rows.iter().map(values).collect())
}
