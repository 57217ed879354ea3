//! Connecting, and what is refused before the first write.

use std::path::PathBuf;
use std::sync::Arc;

use keyrotation_journal::{TargetHead, TargetKind};

use super::{Fingerprint, Job};
use crate::codec::Codec;
use crate::config::{JdbcUrl, Settings};
use crate::db::{Access, Db, DbError, Table, TableInfo, sql};
use crate::error::{Error, Id, Result};
use crate::sink::{FileSink, Sink, TableSink};
use crate::source::files::{FILE_GROUPS, FileGroup, Level};
use crate::source::{FileRows, Source, TableSource};
use crate::target::{Store, TARGETS, Target};

/// Names that the sync triggers of the guide's step 2 leave in the old identity database.
const SYNC_TABLES: &[&str] = &[
    "IDN_IDENTITY_USER_DATA_TEMP",
    "IDN_OAUTH2_AUTHORIZATION_CODE_TEMP",
    "IDN_OAUTH2_ACCESS_TOKEN_TEMP",
    "IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP",
];
const SYNC_TRIGGERS: &[&str] = &["TOTP_SYNC_", "OAUTH2_CODE_SYNC_", "TOKEN_SYNC_", "SCOPE_SYNC_"];

/// The live deployment that a rotation works on: connected and looked at.
#[derive(Debug)]
pub struct Deployment {
    /// What the journal knows of the targets, in its order.
    pub heads: Vec<TargetHead>,
    /// The targets that are there.
    pub jobs: Vec<Job>,
    /// The targets that are not, with the reason.
    pub absent: Vec<(u16, String)>,
    /// What must be the same when the rotation is resumed.
    pub fingerprint: Fingerprint,
    /// The databases and the home that will change, for people.
    pub places: Vec<String>,
    identity: Option<Db>,
    registry: Option<Db>,
}

/// Connects to what the settings enable and checks that it can be rotated. `journaled` names the
/// targets of a rotation that is resumed: those are used, and no others.
pub async fn connect(
    settings: &Settings,
    journaled: Option<&[TargetHead]>,
    access: Access,
) -> Result<Deployment> {
    let heads = match journaled {
        Some(heads) => heads.to_vec(),
        None => heads(settings),
    };
    let mut deployment = Deployment {
        fingerprint: Fingerprint::of(settings, heads.iter().map(|head| head.id.clone()).collect()),
        heads,
        jobs: Vec::new(),
        absent: Vec::new(),
        places: Vec::new(),
        identity: None,
        registry: None,
    };
    deployment.open(settings, access).await?;
    for index in 0..deployment.heads.len() {
        let head = deployment.heads[index].clone();
        #[allow(clippy::cast_possible_truncation)] // there are a few dozen targets
        let index = index as u16;
        if let Some(target) = TARGETS.iter().find(|target| target.id == head.id) {
            deployment.resolve_table(index, target).await?;
        } else if let Some(group) = FILE_GROUPS.iter().find(|group| group.id == head.id) {
            deployment.resolve_files(index, group, settings);
        } else {
            return Err(Error::new(
                Id::JournalFormat,
                format!("the journal has a target that this version does not know: {}", head.id),
            ));
        }
    }
    Ok(deployment)
}

/// The targets of a new rotation.
fn heads(settings: &Settings) -> Vec<TargetHead> {
    let table = |target: &&Target| TargetHead {
        id: target.id.to_owned(),
        label: target.label.to_owned(),
        kind: TargetKind::Table,
        groups: target
            .groups
            .iter()
            .flat_map(|groups| groups.list)
            .map(|group| group.label.to_owned())
            .collect(),
    };
    let files = |group: &FileGroup| TargetHead {
        id: group.id.to_owned(),
        label: group.label.to_owned(),
        kind: TargetKind::Files,
        groups: Vec::new(),
    };
    let tables = TARGETS.iter().filter(|_| settings.databases.is_some()).map(table);
    tables.chain(FILE_GROUPS.iter().filter(|_| settings.files.is_some()).map(files)).collect()
}

impl Deployment {
    async fn open(&mut self, settings: &Settings, access: Access) -> Result<()> {
        if let Some(databases) = &settings.databases {
            let identity = open(databases.identity.key, &databases.identity.url, access).await?;
            self.places.push(format!("identity database {}", databases.identity.url));
            refuse_sync_leftovers(&identity).await?;
            if databases.same_database() {
                self.places.push("registry tables in the same database".to_owned());
                self.registry = Some(identity.clone());
            } else {
                self.registry = Some(open(databases.registry.key, &databases.registry.url, access).await?);
                self.places.push(format!("registry database {}", databases.registry.url));
            }
            self.identity = Some(identity);
        }
        if let Some(files) = &settings.files {
            self.places.push(format!("files under {}", files.home.display()));
        }
        Ok(())
    }

    /// Claims the databases for this rotation.
    pub async fn claim(&self) -> Result<()> {
        for db in self.databases() {
            if !db.claim().await.map_err(|error| Error::new(Id::Database, error.to_string()))? {
                return Err(Error::new(
                    Id::DatabaseBusy,
                    format!("another keyrotation process is working on the database {}", db.place()),
                ));
            }
        }
        Ok(())
    }

    /// The targets that are not there, by table or kind of files, with the reason.
    pub fn absent_places(&self) -> Vec<(&str, &str)> {
        let place = |index: &u16| {
            let head = &self.heads[usize::from(*index)];
            let table = TARGETS.iter().find(|target| target.id == head.id);
            table.map_or(head.label.as_str(), |target| target.relation.table)
        };
        self.absent.iter().map(|(index, reason)| (place(index), reason.as_str())).collect()
    }

    /// Says what else is in the folders with configuration files.
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
        for db in self.databases() {
            db.close().await;
        }
    }

    fn databases(&self) -> impl Iterator<Item = &Db> {
        self.identity.iter().chain(&self.registry)
    }

    async fn resolve_table(&mut self, index: u16, target: &'static Target) -> Result<()> {
        let db = match target.store {
            Store::Identity => &self.identity,
            Store::Registry => &self.registry,
        };
        let Some(db) = db.clone() else {
            self.absent.push((index, "databases are not enabled".to_owned()));
            return Ok(());
        };
        let place = target.relation.table;
        let failed = |error: DbError| Error::new(Id::Database, format!("{place}: {error}"));
        let Some(info) = db.table(place).await.map_err(failed)? else {
            self.absent.push((index, format!("the {} database has no such table", target.store.name())));
            return Ok(());
        };
        check_columns(target, &info)?;
        let values: Vec<_> = target.values.iter().map(|value| value.name).collect();
        let table = Arc::new(Table::new(target.relation, &values, &info));
        let not_null = |column: &&str| info.columns.get(*column).is_some_and(|column| column.not_null);
        let may_be_null = !target.relation.key.iter().all(not_null);
        if may_be_null && !db.read(&sql::null_key(&table), &[]).await.map_err(failed)?.is_empty() {
            return Err(Error::new(Id::Schema, format!("{place}: there is a row with NULL in its key")));
        }
        let limits =
            values.iter().map(|value| info.columns.get(*value).and_then(|column| column.limit)).collect();
        let has_column = |column: &str| info.columns.contains_key(column);
        let source = TableSource::new(db.clone(), target, Arc::clone(&table), has_column);
        self.jobs.push(Job {
            index,
            id: target.id,
            place: place.to_owned(),
            codec: target.codec,
            columns: values,
            limits,
            groups: target.groups.map_or(0, |groups| groups.list.len()),
            source: Source::Table(source),
            sink: Sink::Table(TableSink::new(db, target, table)),
        });
        Ok(())
    }

    fn resolve_files(&mut self, index: u16, group: &'static FileGroup, settings: &Settings) {
        let Some(files) = &settings.files else {
            self.absent.push((index, "configuration files are not enabled".to_owned()));
            return;
        };
        let rows = FileRows::new(group, files.home.clone(), files.allowed_roots.clone());
        self.jobs.push(Job {
            index,
            id: group.id,
            place: group.label.to_owned(),
            codec: Codec::Xml,
            columns: vec!["content"],
            limits: vec![None],
            groups: 0,
            source: Source::Files(rows.clone()),
            sink: Sink::Files(FileSink::new(rows)),
        });
    }
}

async fn open(key: &str, url: &JdbcUrl, access: Access) -> Result<Db> {
    let JdbcUrl::Sqlite { path } = url;
    let failed = |error: DbError| Error::new(Id::Database, format!("{key}: {}: {error}", path.display()));
    Db::open_sqlite(path, access).await.map_err(failed)
}

async fn refuse_sync_leftovers(identity: &Db) -> Result<()> {
    let names = identity.object_names().await.map_err(|error| Error::new(Id::Database, error.to_string()))?;
    let leftover = names.iter().find(|name| {
        SYNC_TABLES.contains(&name.as_str()) || SYNC_TRIGGERS.iter().any(|prefix| name.starts_with(prefix))
    });
    match leftover {
        None => Ok(()),
        Some(name) => Err(Error::new(
            Id::SyncLeftovers,
            format!("newIdnDBUrl: the database has {name}, which only the old identity database may have"),
        )),
    }
}

fn check_columns(target: &Target, info: &TableInfo) -> Result<()> {
    let group = target.groups.iter().map(|groups| groups.column);
    let filter = target.relation.filter.iter().map(|filter| filter.column());
    let needed = target.relation.key.iter().copied().chain(target.values.iter().map(|value| value.name));
    if let Some(missing) =
        needed.chain(group).chain(filter).find(|column| !info.columns.contains_key(*column))
    {
        return Err(Error::new(
            Id::Schema,
            format!("{}: there is no column {missing}", target.relation.table),
        ));
    }
    if !info.is_unique(target.relation.key) {
        return Err(Error::new(
            Id::Schema,
            format!("{}: nothing makes ({}) unique", target.relation.table, target.relation.key.join(", ")),
        ));
    }
    Ok(())
}
