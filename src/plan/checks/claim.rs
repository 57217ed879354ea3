//! Claiming the databases: from then on they are this rotation's, and proved to be the copy.

use std::sync::Arc;

use super::super::{TableIndexes, protect};
use super::Deployment;
use crate::config::Settings;
use crate::db::{Access, Db, Identifier, Table};
use crate::error::Result;
use crate::guard::Guard;
use crate::target::Store;

impl Deployment {
    /// Claims the databases for this rotation, and makes sure that no other session is connected, unless
    /// others are expected. Where they are only read no token is written, so what no identifier settles is said.
    pub async fn claim(&self, settings: &Settings, access: Access, others_expected: bool) -> Result<()> {
        for db in self.databases.distinct() {
            protect::claim(db, &self.databases.distinct()).await?;
        }
        let proof = access == Access::ReadWrite;
        for doubt in protect::refuse_old(settings, &self.databases.distinct(), proof).await? {
            tracing::warn!(
                "{doubt}: before it writes, `run` checks this with a token, and refuses if that proves nothing"
            );
        }
        if let Some(why) = self.refuse_uncompared(settings).await? {
            tracing::warn!("{why}");
        }
        for db in self.databases.distinct() {
            protect::refuse_fed(db, true).await?;
            protect::refuse_strangers(db, others_expected).await?;
        }
        for guard in self.databases.guards() {
            guard.expect_others(others_expected);
        }
        for on in self.databases.clusters() {
            tracing::info!(
                "{} is written to on {}; who is connected to other nodes is not seen",
                on.db.place(),
                on.cluster
            );
        }
        Ok(())
    }

    /// Refuses databases into which changes come from elsewhere by now, also by way of another node of a cluster.
    pub async fn refuse_fed_since(&self) -> Result<()> {
        for db in self.databases.distinct() {
            protect::refuse_fed(db, false).await?;
        }
        Ok(())
    }

    /// Refuses a new registry that may be the old server's, of which none is named; says so where it is elsewhere.
    pub(super) async fn refuse_uncompared(&self, settings: &Settings) -> Result<Option<String>> {
        match (self.databases.of(&Store::Identity), self.databases.of(&Store::Registry)) {
            (Some(identity), Some(registry)) => {
                protect::refuse_uncompared(settings, identity, registry).await
            }
            _ => Ok(None),
        }
    }

    /// From now on no index is dropped, for this reason.
    pub fn keep_indexes(&mut self, why: &str) {
        self.jobs.iter_mut().filter_map(|job| job.indexes.as_mut()).for_each(|indexes| indexes.keep(why));
    }

    /// The databases on one node of a cluster in which several take writes: where, and on which.
    pub fn clusters(&self) -> Vec<(String, &str)> {
        self.databases.clusters().iter().map(|on| (on.db.place(), on.cluster.as_str())).collect()
    }

    /// What can be done with the indexes of a table.
    pub(super) fn indexes(
        &self,
        db: &Db,
        guard: &Arc<Guard>,
        table: &Arc<Table>,
        columns: Arc<[Identifier]>,
    ) -> TableIndexes {
        let (guard, table) = (Arc::clone(guard), Arc::clone(table));
        let mut indexes = TableIndexes::new(db.clone(), guard, table, columns, self.rebuild_indexes);
        if self.databases.cluster_of(db).is_some() {
            indexes.keep("the database is on a cluster of which other nodes take writes, too");
        }
        indexes
    }
}
