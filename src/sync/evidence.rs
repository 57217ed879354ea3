//! Rows that the old database does not show: absent is not deleted.
//!
//! A row is deleted in the copy only if something says that the old server has deleted it: an entry of the
//! change log, or, on MySQL and MariaDB, which fire no trigger where a foreign key deletes, that what it belonged to
//! is gone; or if people say so. Any other row that is not found is left as it is, and listed. The other databases
//! fire triggers then, so that there an entry is missing.

use std::collections::{BTreeSet, HashMap, HashSet};

use keyrotation_journal::{Key, KeyPart};

use super::carry::Outcome;
use super::read::key_of;
use super::{SyncRunner, failed};
use crate::db::{Db, Expression, Identifier, Table, Value, server};
use crate::error::Result;
use crate::guard::Guard;
use crate::plan::SyncJob;
use crate::source::{key_part, key_values};
use crate::target::sync::Parent;

/// Why such a row waits.
const UNSEEN: &str = "the old database does not show it any more, but nothing says that it was deleted there";

impl SyncRunner<'_> {
    /// What becomes of rows that were not found and that no entry calls deleted; none if they may be deleted all
    /// the same.
    pub(super) async fn account_for(
        &mut self,
        job: &SyncJob,
        keys: Vec<Key>,
    ) -> Result<Vec<(Key, Option<Outcome>)>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let Some(at) = self.place_of(job) else { return Ok(Vec::new()) };
        let mut known = self.orphans(job, &keys).await?;
        let account = |key: Key| {
            let outcome = match known.remove(&key) {
                Some(outcome) => outcome,
                None if self.looks.take_accepted(at) => None,
                None => Some(unseen()),
            };
            (key, outcome)
        };
        Ok(keys.into_iter().map(account).collect())
    }

    /// The rows whose parent the old database does not have any more, with what becomes of them: they go with
    /// it, unless it is still in the new database, being the new server's own or one that is not accounted for.
    async fn orphans(&self, job: &SyncJob, keys: &[Key]) -> Result<HashMap<Key, Option<Outcome>>> {
        if self.plan.old.server_kind() != Some(server::Kind::MySql) {
            return Ok(HashMap::new());
        }
        match &job.table.parent {
            None => Ok(HashMap::new()),
            Some(Parent::Synced { column, table }) => self.orphans_of(job, keys, column, table).await,
            Some(Parent::Application { column }) => self.orphans_of_applications(job, keys, column).await,
        }
    }

    async fn orphans_of(
        &self,
        job: &SyncJob,
        keys: &[Key],
        column: &Identifier,
        table: &Identifier,
    ) -> Result<HashMap<Key, Option<Outcome>>> {
        let place = job.table.relation.key.iter().position(|name| name == column);
        let parents = self.plan.jobs.iter().zip(&self.waiting).find(|(parent, _)| parent.place() == table);
        let (Some(place), Some((parent, waiting))) = (place, parents) else { return Ok(HashMap::new()) };
        let of = |key: &Key| key.0.get(place).cloned();
        let asked: BTreeSet<KeyPart> = keys.iter().filter_map(of).collect();
        let old = found(&self.plan.old, &self.plan.old_guard, &parent.old, &asked).await?;
        let gone: BTreeSet<KeyPart> = asked.into_iter().filter(|part| !old.contains(part)).collect();
        let new = found(&self.plan.new, &self.plan.guard, &parent.new, &gone).await?;
        let asked = new.iter().map(|part| Key(vec![part.clone()])).collect();
        let known = self.known(parent, asked).await?.into_iter();
        let known: HashMap<Key, bool> = known.map(|(row, is_ours)| (row.key, is_ours)).collect();
        let outcome = |key: &Key, part: KeyPart| {
            if !new.contains(&part) {
                return None;
            }
            let part = Key(vec![part]);
            // None: it has come to the new database by the new server alone.
            let is_ours = known.get(&part).copied().unwrap_or(false);
            if !is_ours {
                let place = job.place();
                tracing::warn!("{place}: {key} stays: the new server has changed what it belongs to, {part}");
                return Some(Outcome::Superseded);
            }
            // Its own entry may be on its way, or nothing says what became of it either.
            let is_held = waiting.get(&part).is_some_and(|row| row.outcome != Outcome::Later);
            Some(if is_held || self.is_tried_often(job, key) { unseen() } else { Outcome::Later })
        };
        let orphan = |key: &Key| {
            let part = of(key).filter(|part| gone.contains(part))?;
            Some((key.clone(), outcome(key, part)))
        };
        Ok(keys.iter().filter_map(orphan).collect())
    }

    /// Applications are not kept in step: what belonged to one that the old server has deleted goes.
    async fn orphans_of_applications(
        &self,
        job: &SyncJob,
        keys: &[Key],
        column: &Identifier,
    ) -> Result<HashMap<Key, Option<Outcome>>> {
        let Some((old, _)) = &self.plan.applications else { return Ok(HashMap::new()) };
        let values: Vec<Vec<Value>> = keys.iter().map(key_values).collect();
        let columns = [Expression::from(column)];
        let read = || self.plan.new.rows(&job.new, &columns, &values);
        let records = self.plan.guard.try_reading(job.place(), read).await;
        let records = records.map_err(|error| failed(job.place(), &error))?;
        let of = |record: crate::db::Record| {
            let key = key_of(job, &record)?;
            Some((key, record.into_iter().nth(job.table.relation.key.len()).and_then(key_part)?))
        };
        let owners: Vec<(Key, KeyPart)> = records.into_iter().filter_map(of).collect();
        let asked: BTreeSet<KeyPart> = owners.iter().map(|(_, part)| part.clone()).collect();
        let there = found(&self.plan.old, &self.plan.old_guard, old, &asked).await?;
        let is_gone = |(_, part): &(Key, KeyPart)| !there.contains(part);
        Ok(owners.into_iter().filter(is_gone).map(|(key, _)| (key, None)).collect())
    }

    /// A row that is not found for the first time may have been deleted since its entry was read: what says so
    /// comes next.
    pub(super) fn first_sight(&self, at: usize, key: &Key, outcome: Outcome) -> Outcome {
        if outcome == unseen() && !self.waiting[at].contains_key(key) { Outcome::Later } else { outcome }
    }

    /// Lists rows that reconciliation has not found, and that are not accounted for. Of a row that an entry names, that
    /// entry's outcome says more.
    pub(super) fn list_unseen(&mut self, at: usize, keys: &[Key]) {
        let unnamed: Vec<&Key> = keys.iter().filter(|key| !self.is_named(at, key)).collect();
        for key in unnamed {
            self.wait(at, key, &[], unseen());
        }
    }
}

fn unseen() -> Outcome {
    Outcome::Held(UNSEEN.to_owned())
}

/// Which of these keys of one column a table has.
async fn found(db: &Db, guard: &Guard, table: &Table, asked: &BTreeSet<KeyPart>) -> Result<HashSet<KeyPart>> {
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    let keys: Vec<Vec<Value>> = asked.iter().map(|part| key_values(&Key(vec![part.clone()]))).collect();
    let place = &table.relation.table;
    let records = guard.try_reading(place, || db.rows(table, &[], &keys)).await;
    let records = records.map_err(|error| failed(place, &error))?;
    Ok(records.into_iter().filter_map(|record| key_part(record.into_iter().next()?)).collect())
}
