//! Writing a row that another unique key refuses: the row that holds that key is brought to what the old database holds
//! first, and before that the one in its way. Where a row is in the way of one that waits for it, it steps aside.

use std::mem;

use keyrotation_journal::Key;

use super::{Batch, Work, is_refusal};
use crate::carry::{ApplyError, Outcome};
use crate::db::{Class, DbError, Identifier, Value};
use crate::read::{Wanted, key_of};
use crate::rows::Row;
use crate::source::key_values;

/// How often a row is tried: each time another row has made way.
const ATTEMPTS: usize = 8;

/// A row that is being written, or waits for one that is.
struct Waiting {
    work: Work,
    attempts: usize,
    /// How many rows had gone out of use before it.
    merged: usize,
}

/// What an attempt to write a row came to.
enum Attempt {
    /// Nothing is left to be done about it.
    Ended(Outcome),
    /// It may succeed now.
    Again,
    /// This row must be written first.
    After(Work),
}

/// What a row that no entry has named is found to be.
enum Fetched {
    /// It is to be written.
    Work(Work),
    /// Nothing is to be done about it.
    Ended(Outcome),
}

impl Batch<'_, '_> {
    /// Writes one row, after whatever is in its way.
    pub(super) async fn write_after_conflicts(&mut self, work: Work) -> Result<Outcome, ApplyError> {
        let mut row = Waiting { work, attempts: 0, merged: self.done.merged.len() };
        // Each waits for the one behind it, the last one for `row`.
        let mut waiting: Vec<Waiting> = Vec::new();
        loop {
            let outcome = match self.attempt(&mut row, &waiting).await? {
                Attempt::Again => continue,
                Attempt::After(work) => {
                    let first = Waiting { work, attempts: 0, merged: self.done.merged.len() };
                    waiting.push(mem::replace(&mut row, first));
                    continue;
                }
                Attempt::Ended(outcome) => outcome,
            };
            // A row that stays where it is blocks all that wait for it.
            loop {
                let Some(next) = waiting.pop() else { return Ok(outcome) };
                let ended = mem::replace(&mut row, next);
                self.done.outcomes.insert(ended.work.key, outcome.clone());
                if outcome == Outcome::Applied || self.done.merged.len() > ended.merged {
                    break;
                }
            }
        }
    }

    async fn attempt(&mut self, row: &mut Waiting, waiting: &[Waiting]) -> Result<Attempt, ApplyError> {
        if row.attempts == ATTEMPTS {
            return Ok(Attempt::Ended(Outcome::Later));
        }
        row.attempts += 1;
        self.transaction.savepoint().await?;
        match self.write_one(&row.work).await {
            Ok(()) => {
                self.transaction.release_savepoint().await?;
                self.set_aside.retain(|key| *key != row.work.key);
                let merges = row.work.merges;
                self.note(row.work.clone());
                Ok(Attempt::Ended(if merges { Outcome::Superseded } else { Outcome::Applied }))
            }
            Err(error) if is_refusal(&error) => {
                self.transaction.back_to_savepoint().await?;
                self.transaction.release_savepoint().await?;
                self.resolve_conflict(&row.work, waiting, &error).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Finds what is in a row's way.
    async fn resolve_conflict(
        &mut self,
        work: &Work,
        waiting: &[Waiting],
        error: &DbError,
    ) -> Result<Attempt, ApplyError> {
        let refused = || Attempt::Ended(Outcome::Failed(format!("the database refused it: {error}")));
        let Some(wanted) = &work.wanted else { return Ok(refused()) };
        let Some(holder) = self.conflicting_row(work, wanted).await? else { return Ok(refused()) };
        if waiting.iter().any(|row| row.work.key == holder) {
            return Ok(if self.set_aside(&holder).await? { Attempt::Again } else { refused() });
        }
        if let Some(work) = self.works.remove(&holder) {
            return Ok(Attempt::After(work));
        }
        Ok(match self.fetch(&holder).await? {
            Fetched::Work(work) => Attempt::After(work),
            // It is what the old database holds now, so this row is not any more.
            Fetched::Ended(Outcome::Same) => Attempt::Ended(Outcome::Later),
            Fetched::Ended(outcome) => {
                if outcome == Outcome::Superseded {
                    self.count_superseded(&work.key);
                }
                Attempt::Ended(outcome)
            }
        })
    }

    /// The row that holds what a row is to hold.
    async fn conflicting_row(&mut self, work: &Work, wanted: &Row) -> Result<Option<Key>, ApplyError> {
        let key = key_values(&wanted.key);
        let value = |column: &Identifier| {
            let in_key = self.job.table.relation.key.iter().position(|name| name == column);
            in_key.map_or_else(
                || Some(wanted.cells.get(self.job.column(column)?)?.value.clone()),
                |at| key.get(at).cloned(),
            )
        };
        let values: Option<Vec<Value>> = self.job.unique.iter().map(value).collect();
        let Some(values) = values.filter(|values| !values.is_empty() && !values.contains(&Value::Null))
        else {
            return Ok(None);
        };
        let unique: Vec<&Identifier> = self.job.unique.iter().collect();
        let found = self.transaction.holders(&self.job.new, &unique, &values).await?;
        let keys = found.iter().filter_map(|record| key_of(self.job, record));
        let own = work.present.as_ref().map_or(&work.key, |row| &row.key);
        let mut others = keys.filter(|key| key != own);
        Ok(others.next())
    }

    async fn fetch(&mut self, key: &Key) -> Result<Fetched, ApplyError> {
        let mut asked = self.sync.reader.wanted(self.job, std::slice::from_ref(key)).await?;
        self.done.fetched = true;
        let row = match asked.rows.remove(key) {
            Some(Wanted::Row(row)) => Some(*row),
            Some(Wanted::Gone) | None => None,
            Some(Wanted::Unreadable(reason)) => return Ok(Fetched::Ended(Outcome::Failed(reason))),
        };
        let is_gone = row.is_none();
        let known = self.done.superseded.len();
        self.look_at(&[(key.clone(), row)], false).await?; // the new server may have made it
        self.done.superseded.truncate(known); // it is the row in the way that counts
        Ok(match self.works.remove(key) {
            // Its own entry comes, which says that it was deleted.
            Some(_) if is_gone => Fetched::Ended(Outcome::Later),
            Some(work) => Fetched::Work(work),
            None => Fetched::Ended(self.done.outcomes.remove(key).unwrap_or(Outcome::Later)),
        })
    }

    /// Lets a row step aside: its state's id becomes one that no row has.
    async fn set_aside(&mut self, key: &Key) -> Result<bool, ApplyError> {
        let park = self.job.table.park.as_ref();
        let Some(column) = park.filter(|column| self.job.column(column).is_some()) else {
            return Ok(false);
        };
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| DbError::new(Class::Environment, error.to_string()))?;
        let stand_in = Value::Text(format!("parked-{:032x}", u128::from_be_bytes(random)));
        let row = (key_values(key), vec![&stand_in]);
        self.transaction.update_rows(&self.job.new, &[column], &[row]).await?;
        self.set_aside.push(key.clone());
        Ok(true)
    }
}
