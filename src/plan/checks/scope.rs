//! What of the databases a rotation reaches.

use std::sync::Arc;

use super::Deployment;
use crate::db::{Db, sql};
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

impl Deployment {
    /// Each database once.
    pub fn each_database(&self) -> Vec<&Db> {
        self.distinct()
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
