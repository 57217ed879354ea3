//! What rows belong to must be there before them: their token or code, and their application.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use keyrotation_journal::{Key, KeyPart};

use super::carry::Outcome;
use super::read::key_of;
use super::rows::Row;
use super::{SyncRunner, failed};
use crate::db::{Db, Expression, Identifier, Table, Value};
use crate::error::Result;
use crate::plan::SyncJob;
use crate::source::key_values;
use crate::target::sync::{APPLICATION_NAME, Parent};

impl SyncRunner<'_> {
    /// Takes rows out whose parents are not there, once those that can be are carried over, and says
    /// what becomes of them.
    pub(super) async fn without_parents(
        &mut self,
        job: &SyncJob,
        rows: &mut Vec<(Key, Option<Row>)>,
    ) -> Result<HashMap<Key, Outcome>> {
        let Some(parent) = &job.table.parent else { return Ok(HashMap::new()) };
        let (Parent::Application { column } | Parent::Synced { column, .. }) = parent;
        let asked = parents_of(job, rows, column);
        let problems = match parent {
            Parent::Application { .. } => self.unknown_applications(asked).await?,
            Parent::Synced { table, .. } => {
                let parent = self.plan.jobs.iter().find(|parent| parent.place() == table).cloned();
                let Some(parent) = parent else { return Ok(HashMap::new()) };
                self.absent_parents(&parent, asked).await?
            }
        };
        let mut left = HashMap::new();
        rows.retain(|(key, row)| {
            let parent = row.as_ref().and_then(|row| parent_of(job, row, column));
            let problem = parent.and_then(|parent| problems.get(&parent));
            problem.is_none_or(|outcome| left.insert(key.clone(), outcome.clone()).is_some())
        });
        Ok(left)
    }

    /// The parents that are not in the new database even after they were carried over.
    async fn absent_parents(
        &mut self,
        parent: &SyncJob,
        asked: BTreeSet<KeyPart>,
    ) -> Result<HashMap<KeyPart, Outcome>> {
        let absent = self.absent(parent, &asked).await?;
        if absent.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<Key> = absent.iter().map(|part| Key(vec![part.clone()])).collect();
        let outcomes = Box::pin(self.carry(parent, &keys, &HashSet::new())).await?;
        let still = self.absent(parent, &absent).await?;
        let outcome = |part: KeyPart| {
            let outcome = match outcomes.get(&Key(vec![part.clone()])) {
                Some(Outcome::Superseded) => Outcome::Superseded,
                Some(outcome @ (Outcome::Held(_) | Outcome::Failed(_))) => outcome.clone(),
                // The old server has deleted it meanwhile, and this row with it.
                _ => Outcome::Later,
            };
            (part, outcome)
        };
        Ok(still.into_iter().map(outcome).collect())
    }

    async fn absent(&self, parent: &SyncJob, asked: &BTreeSet<KeyPart>) -> Result<BTreeSet<KeyPart>> {
        let keys: Vec<Vec<Value>> = asked.iter().map(|part| key_values(&Key(vec![part.clone()]))).collect();
        let read = || self.plan.new.rows(&parent.new, &[], &keys);
        let records = self.plan.guard.try_reading(parent.place(), read).await;
        let records = records.map_err(|error| failed(parent.place(), &error))?;
        let found: HashSet<KeyPart> =
            records.iter().filter_map(|record| key_of(parent, record)?.0.into_iter().next()).collect();
        Ok(asked.iter().filter(|part| !found.contains(part)).cloned().collect())
    }

    /// The applications of which the new database knows nothing, or another one of the same number.
    async fn unknown_applications(&mut self, asked: BTreeSet<KeyPart>) -> Result<HashMap<KeyPart, Outcome>> {
        let Some((old, new)) = self.plan.applications.clone() else { return Ok(HashMap::new()) };
        let asked: BTreeSet<KeyPart> = asked.difference(&self.known_applications).cloned().collect();
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let here = self.applications(&self.plan.old, &old, &asked).await?;
        let there = self.applications(&self.plan.new, &new, &asked).await?;
        let mut unknown = HashMap::new();
        for part in asked {
            let name = here.get(&part);
            if name.is_some() && name == there.get(&part) {
                self.known_applications.insert(part);
            } else {
                let shown = name.map_or_else(|| "unknown in the old database, too".to_owned(), Clone::clone);
                let number = Key(vec![part.clone()]);
                let reason = format!("application {number} ({shown}) is not in the new database");
                unknown.insert(part, Outcome::Held(reason));
            }
        }
        Ok(unknown)
    }

    /// The names of applications by their numbers.
    async fn applications(
        &self,
        db: &Db,
        table: &Table,
        asked: &BTreeSet<KeyPart>,
    ) -> Result<BTreeMap<KeyPart, String>> {
        let keys: Vec<Vec<Value>> = asked.iter().map(|part| key_values(&Key(vec![part.clone()]))).collect();
        let place = &table.relation.table;
        let columns = [Expression::from(&APPLICATION_NAME)];
        let read = || db.rows(table, &columns, &keys);
        let records = self.plan.old_guard.try_reading(place, read).await;
        let records = records.map_err(|error| failed(place, &error))?;
        let named = records.into_iter().filter_map(|record| {
            let mut values = record.into_iter();
            let number = values.next().and_then(crate::source::key_part)?;
            Some((number, values.next()?.as_text()?.to_owned()))
        });
        Ok(named.collect())
    }
}

fn parents_of(job: &SyncJob, rows: &[(Key, Option<Row>)], column: &Identifier) -> BTreeSet<KeyPart> {
    rows.iter().filter_map(|(_, row)| parent_of(job, row.as_ref()?, column)).collect()
}

fn parent_of(job: &SyncJob, row: &Row, column: &Identifier) -> Option<KeyPart> {
    let in_key = job.table.relation.key.iter().position(|name| name == column);
    match in_key {
        Some(at) => row.key.0.get(at).cloned(),
        None => crate::source::key_part(row.cells.get(job.column(column)?)?.value.clone()),
    }
}
