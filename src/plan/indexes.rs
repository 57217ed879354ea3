//! Whether the indexes of a table are dropped while it is rewritten, and made again after it.

use std::sync::Arc;

use keyrotation_journal::IndexDefinition;
use serde::Serialize;

use crate::config::RebuildIndexes;
use crate::db::indexes::Index;
use crate::db::{Class, Db, DbError, Identifier, Table};
use crate::error::{Error, Id, Result};
use crate::guard::Guard;

/// From so many rows on it is worth while.
const MANY_ROWS: u64 = 50_000;

/// What can be done with the indexes of one table.
#[derive(Debug, Clone)]
pub struct TableIndexes {
    db: Db,
    guard: Arc<Guard>,
    table: Arc<Table>,
    columns: Arc<[Identifier]>,
    wanted: RebuildIndexes,
    /// Why they are not touched, whatever is wanted.
    hindrance: Option<String>,
}

/// What is done with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexPlan {
    /// These are dropped, and made again.
    Rebuild(Vec<IndexDefinition>),
    /// They would be, but the database user lacks this.
    Lacks(String),
    /// All stay, for this reason.
    Keep(String),
}

impl TableIndexes {
    pub(super) fn new(
        db: Db,
        guard: Arc<Guard>,
        table: Arc<Table>,
        columns: Arc<[Identifier]>,
        wanted: RebuildIndexes,
    ) -> Self {
        let by_jdbc = "the database is reached by a JDBC driver".to_owned();
        let hindrance = (!db.can_rebuild_indexes()).then_some(by_jdbc);
        Self { db, guard, table, columns, wanted, hindrance }
    }

    /// From now on they are not touched, for this reason.
    pub(super) fn keep(&mut self, why: &str) {
        self.hindrance.get_or_insert_with(|| why.to_owned());
    }

    /// Whether any may be dropped now, whatever was done before.
    pub fn may_be_dropped(&self) -> bool {
        self.wanted != RebuildIndexes::Never && self.hindrance.is_none()
    }

    /// What is to be done with them before so many rows are rewritten. Changes nothing.
    pub async fn plan(&self, rows: u64) -> Result<IndexPlan> {
        let keep = |why: &str| Ok(IndexPlan::Keep(why.to_owned()));
        match (self.wanted, &self.hindrance) {
            (RebuildIndexes::Never, _) => return keep("rebuildIndexes is `never`"),
            (_, Some(why)) => return keep(why),
            (RebuildIndexes::Auto, None) if rows < MANY_ROWS => return keep("the table is small"),
            (RebuildIndexes::Auto | RebuildIndexes::Always, None) => {}
        }
        let found = self.reading(|| self.db.rebuildable_indexes(&self.table, &self.columns)).await?;
        if found.is_empty() {
            return keep("it has none that could be dropped");
        }
        match self.reading(|| self.db.lacks_for_indexes(&self.table)).await? {
            Some(lacks) => Ok(IndexPlan::Lacks(lacks)),
            None => Ok(IndexPlan::Rebuild(found.into_iter().map(|index| self.definition(index)).collect())),
        }
    }

    /// Drops those of them that are there as they are described.
    pub async fn drop(&self, indexes: &[IndexDefinition]) -> Result<(), DbError> {
        let indexes = indexes_of(indexes);
        self.trying(|| self.db.drop_indexes(&self.table, &self.columns, &indexes)).await
    }

    /// Makes those of them that are missing, and compares all with what they were.
    pub async fn make(&self, indexes: &[IndexDefinition]) -> Result<()> {
        let indexes = indexes_of(indexes);
        let made = self.trying(|| self.db.create_indexes(&self.table, &self.columns, &indexes)).await;
        made.map_err(|error| {
            let place = &self.table.relation.table;
            let id = if error.class == Class::Lost { Id::DatabaseLost } else { Id::IndexesMissing };
            Error::new(id, format!("{place}: its indexes cannot be made again: {error}"))
        })
    }

    /// Those of them that are not there as they were.
    pub async fn missing(&self, indexes: &[IndexDefinition]) -> Result<Vec<String>> {
        let there = self.reading(|| self.db.rebuildable_indexes(&self.table, &self.columns)).await?;
        let missing = indexes_of(indexes).into_iter().filter(|index| !there.contains(index));
        Ok(missing.map(|index| index.name).collect())
    }

    fn definition(&self, index: Index) -> IndexDefinition {
        IndexDefinition {
            table: self.table.relation.table.to_string(),
            name: index.name,
            create: index.create,
        }
    }

    async fn reading<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        attempt: impl FnMut() -> F,
    ) -> Result<T> {
        let place = &self.table.relation.table;
        self.trying(attempt).await.map_err(|error| Error::new(Id::Database, format!("{place}: {error}")))
    }

    /// Tries it until it succeeds or there is no sense in it: whatever it is, once more does no harm.
    async fn trying<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        attempt: impl FnMut() -> F,
    ) -> Result<T, DbError> {
        self.guard.try_reading(self.table.relation.table.as_str(), attempt).await
    }
}

fn indexes_of(definitions: &[IndexDefinition]) -> Vec<Index> {
    let index = |of: &IndexDefinition| Index { name: of.name.clone(), create: of.create.clone() };
    definitions.iter().map(index).collect()
}
