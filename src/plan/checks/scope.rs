//! What of the databases a rotation reaches.

use std::sync::Arc;

use super::super::protect;
use super::Deployment;
use crate::db::feeds::Feed;
use crate::db::{Db, sql};
use crate::error::Result;
use crate::target::{Store, Target};

/// The rows of a column that a rotation reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// None.
    Nothing,
    /// All.
    All,
    /// All but those for which this condition holds.
    AllBut(String),
}

fn behind(db: &Db, feed: &Feed) -> String {
    format!("{}: {}: what was written there since may be missing", db.place(), feed.what)
}

impl Deployment {
    /// Each database once.
    pub fn each_database(&self) -> Vec<&Db> {
        self.distinct()
    }

    /// What says that what is read of the new databases may lag behind what is written elsewhere, in a line each.
    pub async fn feeds_of_copies(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for db in self.distinct() {
            let feeds = db.feeds().await.map_err(|error| protect::failed(db, &error))?;
            lines.extend(feeds.running().map(|feed| behind(db, feed)));
        }
        Ok(lines)
    }

    /// Likewise of the old database, too. A subscription there is nothing odd: users may be at what it reads.
    pub async fn feeds_of_all(&self) -> Result<Vec<String>> {
        let mut lines = self.feeds_of_copies().await?;
        if let Some(db) = self.sync.as_ref().map(|sync| &sync.old) {
            let feeds = db.feeds().await.map_err(|error| protect::failed(db, &error))?;
            lines.extend(feeds.running().filter(|feed| feed.brings_all()).map(|feed| behind(db, feed)));
        }
        Ok(lines)
    }

    /// What a rotation reaches of a column of a table in this database.
    pub fn reaches(&self, db: &Db, table: &str, column: &str) -> Reach {
        let is_here = |store: Store| {
            let of_store = match store {
                Store::Identity => &self.identity,
                Store::Registry => &self.registry,
            };
            of_store.as_ref().is_some_and(|other| other.is_same_handle(db))
        };
        let is_it = |target: &&Arc<Target>| {
            is_here(target.store)
                && target.relation.table.as_str().eq_ignore_ascii_case(table)
                && target.value_names().iter().any(|name| name.as_str().eq_ignore_ascii_case(column))
        };
        match self.targets.tables().iter().find(is_it) {
            None => Reach::Nothing,
            Some(target) => sql::left_out(db.syntax(), &target.relation).map_or(Reach::All, Reach::AllBut),
        }
    }
}
