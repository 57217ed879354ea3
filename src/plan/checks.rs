//! Connecting, and what is refused before the first write.

mod claim;
mod resolve;
mod scope;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyrotation_journal::{RESEALED, TargetHead, TargetId, TargetKind};

pub use scope::Reach;

use super::databases::Databases;
use super::open::{is_same, open};
use super::sync::{self, SyncPlan};
use super::{Fingerprint, Job, absent, protect};
use crate::activity::Activity;
use crate::config::{RebuildIndexes, Settings};
use crate::db::{Access, Db};
use crate::error::{Error, Id, Result};
use crate::guard::Guard;
use crate::signals::Stop;
use crate::sizes::Sizes;
use crate::source::Source;
use crate::source::files::Level;
use crate::target::{FileGroup, Store, Target, TargetRegistry, Version};

/// The live deployment that a rotation works on: connected and looked at.
#[derive(Debug)]
pub struct Deployment {
    /// What can be rotated and kept in step.
    pub targets: Arc<TargetRegistry>,
    /// What the journal knows of the targets, in its order.
    pub heads: Vec<TargetHead>,
    /// The targets that are there.
    pub jobs: Vec<Job>,
    /// The targets that are not, with the reason.
    pub absent: Vec<(TargetId, String)>,
    /// What must be the same when the rotation is resumed.
    pub fingerprint: Fingerprint,
    /// The databases and the home that will change, for people.
    pub places: Vec<String>,
    /// What is changed in the old deployment, for people.
    pub beside: Vec<String>,
    /// After how long a server ends a statement, if one does.
    pub statement_limit: Option<Duration>,
    /// What the servers' identifiers do not settle about whether a new database is the old one.
    pub doubts: Vec<String>,
    /// What is kept in step with the old server, if anything is.
    pub sync: Option<SyncPlan>,
    pub(super) databases: Databases,
    pub(super) version: Option<Version>,
    pub(super) without: Vec<String>,
    rebuild_indexes: RebuildIndexes,
    sizes: Sizes,
}

/// Why a table, or a group of files, is not rotated though it is known.
const LEFT_OUT: &str = "left out by `targets`";

/// Connects to what the settings enable and checks that it can be rotated. `journaled` names the
/// targets of a rotation that is resumed: those are used, and no others.
pub async fn connect(
    settings: &Settings,
    targets: &Arc<TargetRegistry>,
    journaled: Option<&[TargetHead]>,
    access: Access,
) -> Result<Deployment> {
    // A command that only reads a rotation that was begun needs nothing of the old deployment.
    let with_old = access == Access::ReadWrite || journaled.is_none();
    connect_with(settings, targets, journaled, access, with_old).await
}

/// Likewise, to look at both sides of a rotation that keeps tables in step.
pub async fn connect_both(
    settings: &Settings,
    targets: &Arc<TargetRegistry>,
    journaled: &[TargetHead],
) -> Result<Deployment> {
    connect_with(settings, targets, Some(journaled), Access::ReadOnly, true).await
}

async fn connect_with(
    settings: &Settings,
    targets: &Arc<TargetRegistry>,
    journaled: Option<&[TargetHead]>,
    access: Access,
    with_old: bool,
) -> Result<Deployment> {
    let heads = match journaled {
        Some(heads) => heads.to_vec(),
        None => heads(settings, targets)?,
    };
    let mut deployment = Deployment {
        targets: Arc::clone(targets),
        fingerprint: Fingerprint {
            descriptors: Some(TargetRegistry::clone(targets)),
            ..Fingerprint::of(settings, heads.iter().map(|head| head.id.clone()).collect())
        },
        heads,
        jobs: Vec::new(),
        absent: Vec::new(),
        places: Vec::new(),
        beside: Vec::new(),
        statement_limit: None,
        doubts: Vec::new(),
        sync: None,
        databases: Databases::none(settings.patience),
        version: absent::version(settings),
        without: settings.without_tables.clone(),
        rebuild_indexes: settings.rebuild_indexes,
        sizes: settings.sizes,
    };
    let left_out = targets.left_out();
    if !left_out.is_empty() {
        tracing::warn!(
            "{LEFT_OUT}, so values there stay under the old key: {}; `keyrotation keys` counts them",
            left_out.join(", ")
        );
    }
    deployment.open(settings, access).await?;
    if settings.sync_tables.is_some() && with_old {
        deployment.open_old(settings, access).await?;
        if let Some(sync) = &deployment.sync {
            protect::refuse_hidden(&sync.old, targets).await?;
        }
    }
    for (index, head) in TargetId::all().zip(deployment.heads.clone()) {
        if let Some(target) = targets.table(&head.id) {
            deployment.resolve_table(index, target, access).await?;
        } else if let Some(group) = targets.file_group(&head.id) {
            deployment.resolve_files(index, group, settings);
        } else if let Some(table) = targets.sync_table(&head.id) {
            deployment.resolve_sync(index, table).await?;
        } else {
            return Err(Error::new(
                Id::JournalFormat,
                format!("the journal has a target that this version does not know: {}", head.id),
            ));
        }
    }
    if journaled.is_none() {
        deployment.refuse_absent(&settings.without_tables).await?;
    }
    Ok(deployment)
}

/// The targets of a new rotation.
fn heads(settings: &Settings, targets: &TargetRegistry) -> Result<Vec<TargetHead>> {
    let resealed = || settings.key_id.then_some(RESEALED);
    let table = |target: &Arc<Target>| TargetHead {
        id: target.id.clone(),
        label: target.label.clone(),
        kind: TargetKind::Table,
        groups: target
            .groups
            .iter()
            .flat_map(|groups| &groups.list)
            .map(|group| group.label.as_str())
            .chain(resealed())
            .map(str::to_owned)
            .collect(),
    };
    let files = |group: &Arc<FileGroup>| TargetHead {
        id: group.id.clone(),
        label: group.label.clone(),
        kind: TargetKind::Files,
        groups: resealed().map(str::to_owned).into_iter().collect(),
    };
    let tables = targets.tables().iter().filter(|_| settings.databases.is_some()).map(table);
    let files = targets.files().iter().filter(|_| settings.files.is_some()).map(files);
    Ok(tables.chain(files).chain(sync::heads(settings, targets)?).collect())
}

impl Deployment {
    async fn open(&mut self, settings: &Settings, access: Access) -> Result<()> {
        if let Some(databases) = &settings.databases {
            let identity = open(&databases.identity, settings, access).await?;
            self.places.push(format!("identity database {}", databases.identity.url));
            refuse_sync_leftovers(&identity, &self.targets).await?;
            let registry = if databases.same_database() {
                None
            } else {
                let registry = open(&databases.registry, settings, access).await?;
                (!is_same(&identity, &registry).await?).then_some(registry)
            };
            self.places.push(match registry {
                None => "registry tables in the same database".to_owned(),
                Some(_) => format!("registry database {}", databases.registry.url),
            });
            let registry = registry.unwrap_or_else(|| identity.clone());
            self.databases.add(identity, registry);
            for store in &databases.stores {
                let db = open(&store.new, settings, access).await?;
                for other in self.databases.distinct() {
                    if is_same(other, &db).await? {
                        let what = format!("the store {}: its url leads to {}", store.name, other.place());
                        return Err(Error::new(Id::ConfigStores, what).fix(
                            "name its tables with the store of that database, and remove this one from `stores`",
                        ));
                    }
                }
                self.places.push(format!("the store {} {}", store.name, store.new.url));
                self.databases.add_further(Store::Further(store.name.clone()), db);
            }
            let (mut limits, mut clusters) = (Vec::new(), Vec::new());
            self.doubts = protect::refuse_old(settings, &self.databases.distinct(), false).await?;
            // Only who writes is refused for that.
            self.doubts
                .extend(self.refuse_uncompared(settings).await.err().map(|error| error.what().to_owned()));
            for db in self.databases.distinct() {
                protect::refuse_pooler(db).await?;
                protect::refuse_hidden(db, &self.targets).await?;
                self.refuse_planted(db).await?;
                clusters.extend(protect::cluster(db).await?);
                limits.extend(db.statement_limit().await.map_err(|error| protect::failed(db, &error))?);
            }
            self.statement_limit = limits.into_iter().min();
            self.databases.are_on(clusters);
        }
        if let Some(files) = &settings.files {
            for home in std::iter::once(&files.home).chain(&files.further_homes) {
                self.places.push(format!("files under {}", home.display()));
            }
        }
        Ok(())
    }

    /// From now on waits for a database end when a stop is requested, and it is known what is waited
    /// for.
    pub fn stop_with(&self, stop: &Stop, activity: &Activity) {
        let old = self.sync.iter().map(|sync| &sync.old_guard);
        for guard in self.databases.guards().iter().chain(old) {
            guard.stop_with(stop.clone(), activity.clone());
        }
    }

    /// How many chunks are written at once: as many as asked for, if the servers have room for them.
    pub fn writers(&self, settings: &Settings) -> u32 {
        let servers = self.databases.distinct().into_iter().filter(|db| db.server_kind().is_some());
        // One connection reads while the others write.
        let room = servers.map(|db| db.connections().saturating_sub(1).max(1)).min();
        room.map_or(settings.writers(), |room| room.min(settings.writers()))
    }

    /// The targets that are not there, or left out, by table or kind of files, with the reason.
    pub fn absent_places(&self) -> Vec<(&str, &str)> {
        let place = |index: &TargetId| {
            let head = &self.heads[index.position()];
            let table = self.targets.table(&head.id).map(|target| &target.relation);
            let synced = || self.targets.sync_table(&head.id).map(|table| &table.relation);
            table.or_else(synced).map_or(head.label.as_str(), |relation| relation.table.as_str())
        };
        let absent = self.absent.iter().map(|(index, reason)| (place(index), reason.as_str()));
        absent.chain(self.targets.left_out().into_iter().map(|place| (place, LEFT_OUT))).collect()
    }

    /// Names the other files in the folders with configuration files.
    pub fn remark_on_files(&self) -> Result<()> {
        for job in &self.jobs {
            let Source::Files(rows) = &job.source else { continue };
            for remark in rows.list()?.remarks {
                let line = format!("{}: {}", remark.relative.escape_debug(), remark.text);
                match remark.level {
                    Level::Debug => tracing::debug!("{line}"),
                    Level::Note => tracing::info!("{line}"),
                    Level::Warning => tracing::warn!("{line}"),
                }
            }
        }
        Ok(())
    }

    /// The folders in which files are replaced.
    pub fn file_folders(&self) -> Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for job in &self.jobs {
            if let Source::Files(rows) = &job.source {
                folders.extend(rows.list()?.folders);
            }
        }
        Ok(folders)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        for db in self.databases.distinct().into_iter().chain(self.sync.iter().map(|sync| &sync.old)) {
            db.close().await;
        }
    }

    /// The guards of the databases that are this rotation's: with the old one it has no lock.
    pub fn guards(&self) -> &[Arc<Guard>] {
        self.databases.guards()
    }

    /// The sub-count of rows that are sealed again, if the journal has it.
    fn resealed(&self, index: TargetId) -> Option<usize> {
        self.heads.get(index.position())?.groups.iter().position(|label| label == RESEALED)
    }
}

async fn refuse_sync_leftovers(identity: &Db, targets: &TargetRegistry) -> Result<()> {
    let names = identity.object_names().await.map_err(|error| Error::new(Id::Database, error.to_string()))?;
    let of_sync =
        |name: &&String| targets.synced().iter().any(|table| table.log == **name || table.is_trigger(name));
    let leftover = names.iter().find(of_sync);
    match leftover {
        None => Ok(()),
        Some(name) => Err(Error::new(
            Id::SyncLeftovers,
            format!("newIdnDBUrl: the database has {name}, which only the old identity database may have"),
        )),
    }
}
