//! Which schemas beside a database's own are this deployment's, and which the old server's.
//!
//! Invariant: whose a schema is says the server that a URL of properties.yaml leads to, never its name or what stands in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Deployment, open_alone, protect};
use crate::config::{Database, DatabaseJob, Settings};
use crate::db::{Access, Db};
use crate::error::Result;

/// The old server's databases, as far as properties.yaml names them.
#[derive(Debug, Clone, Default)]
pub struct OldDatabases(Vec<Database>);

/// Schemas that a database shows beside its own; with MySQL, databases.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// Those of the deployment's other databases.
    pub ours: BTreeSet<String>,
    /// Those of the old server, each with the key of properties.yaml that names it.
    pub old: BTreeMap<String, &'static str>,
}

impl Neighbours {
    /// Whether a schema is one of them.
    pub fn is_any(&self, schema: &str) -> bool {
        self.ours.contains(schema) || self.old.contains_key(schema)
    }
}

impl OldDatabases {
    /// Those that the settings name.
    pub fn of(settings: &Settings) -> Self {
        Self(settings.databases.iter().flat_map(DatabaseJob::old_ones).cloned().collect())
    }
}

impl Deployment {
    /// What stands beside a database. An old database that cannot be asked is said, and taken for none.
    pub async fn neighbours(&self, db: &Db, old: &OldDatabases) -> Result<Neighbours> {
        let mut neighbours = Neighbours::default();
        for other in self.databases.distinct().into_iter().filter(|other| !other.is_same_handle(db)) {
            let schema = db.schema_of(other).await.map_err(|error| protect::failed(db, &error))?;
            neighbours.ours.extend(schema);
        }
        let of_a_server = |old: &&Database| db.server_kind().is_some() && old.server.is_some();
        for old in old.0.iter().filter(of_a_server) {
            let schema = match open_alone(old, Access::ReadOnly).await {
                Ok(other) => {
                    let schema = db.schema_of(&other).await.map_err(|error| error.to_string());
                    other.close().await;
                    schema
                }
                Err(error) => Err(error.what().to_owned()),
            };
            match schema {
                Ok(schema) => neighbours.old.extend(schema.map(|schema| (schema, old.key))),
                Err(why) => {
                    tracing::warn!("{}: it cannot be asked whether it is in {}: {why}", old.key, db.place());
                }
            }
        }
        Ok(neighbours)
    }
}
