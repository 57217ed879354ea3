//! The databases that a rotation works on, each with its guard.

use std::sync::Arc;
use std::time::Duration;

use crate::db::{Db, TransactionLimits};
use crate::guard::Guard;
use crate::target::Store;

/// The connected databases; none where files alone are rotated.
#[derive(Debug)]
pub(super) struct Databases {
    identity: Option<Db>,
    registry: Option<Db>,
    further: Vec<(Store, Db)>,
    /// Those that are on one node of a cluster in which several take writes.
    clusters: Vec<OnCluster>,
    guards: Vec<Arc<Guard>>,
    /// How long a server that is away is waited for.
    patience: Duration,
}

/// A database on one node of a cluster in which several take writes.
#[derive(Debug)]
pub(super) struct OnCluster {
    pub(super) db: Db,
    /// The cluster and the node, for people.
    pub(super) cluster: String,
    /// What it takes in one transaction.
    pub(super) limits: TransactionLimits,
}

impl Databases {
    pub(super) const fn none(patience: Duration) -> Self {
        Self {
            identity: None,
            registry: None,
            further: Vec::new(),
            clusters: Vec::new(),
            guards: Vec::new(),
            patience,
        }
    }

    /// Both may be one database.
    pub(super) fn add(&mut self, identity: Db, registry: Db) {
        (self.identity, self.registry) = (Some(identity), Some(registry));
    }

    pub(super) fn add_further(&mut self, store: Store, db: Db) {
        self.further.push((store, db));
    }

    pub(super) fn are_on(&mut self, clusters: Vec<OnCluster>) {
        self.clusters = clusters;
    }

    /// The database that is called so.
    pub(super) fn of(&self, store: &Store) -> Option<&Db> {
        match store {
            Store::Identity => self.identity.as_ref(),
            Store::Registry => self.registry.as_ref(),
            Store::Further(_) => self.further.iter().find(|(known, _)| known == store).map(|(_, db)| db),
        }
    }

    /// Whether this is the database that is called so.
    pub(super) fn is(&self, store: &Store, db: &Db) -> bool {
        self.of(store).is_some_and(|of| of.is_same_handle(db))
    }

    /// Each database once.
    pub(super) fn distinct(&self) -> Vec<&Db> {
        let mut distinct: Vec<&Db> = Vec::new();
        let further = self.further.iter().map(|(_, db)| db);
        for db in self.identity.iter().chain(&self.registry).chain(further) {
            if !distinct.iter().any(|known| known.is_same_handle(db)) {
                distinct.push(db);
            }
        }
        distinct
    }

    pub(super) fn clusters(&self) -> &[OnCluster] {
        &self.clusters
    }

    /// The cluster on one node of which a database is.
    pub(super) fn cluster_of(&self, db: &Db) -> Option<&OnCluster> {
        self.clusters.iter().find(|on| on.db.is_same_handle(db))
    }

    /// What it takes in one transaction.
    pub(super) fn transaction_limits(&self, db: &Db) -> TransactionLimits {
        self.cluster_of(db).map_or_else(TransactionLimits::default, |on| on.limits)
    }

    pub(super) fn guards(&self) -> &[Arc<Guard>] {
        &self.guards
    }

    /// The guard of a database, one for each.
    pub(super) fn guard(&mut self, store: &Store, db: &Db) -> Arc<Guard> {
        if let Some(guard) = self.guards.iter().find(|guard| guard.watches(db)) {
            return Arc::clone(guard);
        }
        let guard = Arc::new(Guard::new(db.clone(), store.clone(), self.patience));
        self.guards.push(Arc::clone(&guard));
        guard
    }
}
