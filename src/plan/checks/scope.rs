//! What of the databases a rotation reaches.

use std::sync::Arc;

use super::Deployment;
use crate::db::Db;
use crate::target::{Store, Target};

impl Deployment {
    /// Each database once.
    pub fn each_database(&self) -> Vec<&Db> {
        self.distinct()
    }

    /// Whether a column of a table in this database is one of a target's value columns.
    pub fn is_rotated(&self, db: &Db, table: &str, column: &str) -> bool {
        let is_here = |store: Store| {
            let of_store = match store {
                Store::Identity => &self.identity,
                Store::Registry => &self.registry,
            };
            of_store.as_ref().is_some_and(|other| other.is_same_handle(db))
        };
        let is_it = |target: &Arc<Target>| {
            is_here(target.store)
                && target.relation.table.as_str().eq_ignore_ascii_case(table)
                && target.value_names().iter().any(|name| name.as_str().eq_ignore_ascii_case(column))
        };
        self.targets.tables().iter().any(is_it)
    }
}
