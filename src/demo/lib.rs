//! A small WSO2 deployment on SQLite, made to be rotated: by `keyrotation demo`, by the tests, by
//! the benchmark.
//!
//! The same [`Spec`] makes the same deployment, byte for byte. Values are forged here, apart
//! from the codec that is to read them. Nothing in it is a real secret.

use keyrotation_cipher as cipher;
use keyrotation_common::error;

mod counts;
mod damage;
mod forge;
mod home;
mod identity;
mod java_request;
mod oauth;
mod random;
mod registry;
mod world;

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use walkdir::WalkDir;

pub use counts::{Counts, FileCount, TableCount};
pub use damage::{Damaged, Why, damage};

use crate::cipher::SecretKey;
use crate::error::{Error, Id, Result};
use world::World;

const IDENTITY_TABLES: &str = include_str!("schema/identity.sql");
const IDENTITY_INDEXES: &str = include_str!("schema/identity-indexes.sql");
const REGISTRY_TABLES: &str = include_str!("schema/registry.sql");

/// What to make.
#[derive(Clone)]
pub struct Spec {
    /// Rows in IDN_OAUTH2_ACCESS_TOKEN; the other tables grow with it, but slower.
    pub tokens: u64,
    /// The same seed makes the same values.
    pub seed: u64,
    /// The key that everything is sealed with, as deployment.toml has it.
    pub old_key: String,
    /// The key to rotate to, for properties.yaml.
    pub new_key: String,
    /// Whether the registry is a database of its own; else the identity database has its tables.
    pub separate_registry: bool,
    /// The moment at which the first token is made, in Unix seconds; each takes [`Spec::TOKEN_EVERY`] of them.
    pub began: i64,
    /// Whether properties.yaml names the old server's home and registry, too, which are then compared with the copies.
    pub names_old_side: bool,
    /// For the benchmark: only the token table is large, the others hold the least.
    pub rows_only_tokens: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            tokens: 5000,
            seed: 1,
            old_key: "7f3a9c51e8b24d60a1c7f05e92d4b836".to_owned(),
            new_key: "2d8e61b7f94c03a5d6e18b7c40f9a253".to_owned(),
            separate_registry: true,
            began: world::EPOCH,
            names_old_side: false,
            rows_only_tokens: false,
        }
    }
}

impl Spec {
    /// Seconds from one token to the next.
    pub const TOKEN_EVERY: u64 = 5;

    /// A deployment of so many tokens to try things on: it has been in use until now, or for some days at least, and all
    /// that can be compared is named.
    pub fn to_try(tokens: u64, now: i64) -> Self {
        const SOME_DAYS: u64 = 4 * 24 * 60 * 60;
        let took = tokens.saturating_mul(Self::TOKEN_EVERY).max(SOME_DAYS);
        let took = i64::try_from(took).unwrap_or(i64::MAX);
        Self { tokens, began: now.saturating_sub(took), names_old_side: true, ..Self::default() }
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("tokens", &self.tokens)
            .field("seed", &self.seed)
            .field("separate_registry", &self.separate_registry)
            .field("rows_only_tokens", &self.rows_only_tokens)
            .finish_non_exhaustive()
    }
}

/// A deployment that was made.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The folder with all of it.
    pub folder: PathBuf,
    /// The properties.yaml of its rotation.
    pub config: PathBuf,
    /// NEW_IS_HOME.
    pub home: PathBuf,
    /// The old server's identity database.
    pub old_identity: PathBuf,
    /// The old server's registry database; the identity database if they are one.
    pub old_registry: PathBuf,
    /// The copy of the identity database that is to be rewritten.
    pub new_identity: PathBuf,
    /// The copy of the registry database; the identity database's if they are one.
    pub new_registry: PathBuf,
    /// What is in it.
    pub counts: Counts,
    /// What it was made from.
    pub spec: Spec,
}

/// How many rows the tables get.
struct Sizes {
    tokens: u64,
    scopes: bool,
    codes: u64,
    audits: u64,
    refresh_tokens: u64,
    users: u64,
    requests: u64,
    properties: u64,
    key_stores: u64,
}

impl Sizes {
    fn of(spec: &Spec) -> Self {
        let share = |part: u64| if spec.rows_only_tokens { 10 } else { 10.max(spec.tokens / part) };
        Self {
            tokens: spec.tokens,
            scopes: !spec.rows_only_tokens,
            codes: share(10),
            audits: share(20),
            refresh_tokens: share(20),
            users: if spec.rows_only_tokens { 10 } else { 60 },
            requests: if spec.rows_only_tokens { 10 } else { 40 },
            properties: if spec.rows_only_tokens { 36 } else { 360 },
            key_stores: 3,
        }
    }
}

/// Makes a deployment in `folder`, which must be absent or empty.
///
/// The old databases and home are made, then copied to be the new ones, as the guide's first
/// steps have it. What a failure leaves behind is to be deleted.
pub async fn build(folder: &Path, spec: &Spec) -> Result<Deployment> {
    let old_key = key(&spec.old_key, "old")?;
    key(&spec.new_key, "new")?;
    prepare(folder)?;

    let mut world = World::new(old_key, spec);
    let database = |age: &str, name: &str| {
        folder.join(format!("{age}-{}.db", if spec.separate_registry { name } else { "identity" }))
    };
    let (old_identity, old_registry) = (database("old", "identity"), database("old", "registry"));
    let (new_identity, new_registry) = (database("new", "identity"), database("new", "registry"));
    fill(&old_identity, &old_registry, &mut world, spec).await?;
    copy(&old_identity, &new_identity)?;
    if spec.separate_registry {
        copy(&old_registry, &new_registry)?;
    }

    let (old_home, home) = (folder.join("wso2is-old"), folder.join("wso2is-new"));
    home::write(&old_home, &mut world)?;
    copy_tree(&old_home, &home)?;

    let config = folder.join("properties.yaml");
    write_private(&config, &properties(spec))?;
    Ok(Deployment {
        folder: folder.to_owned(),
        config,
        home,
        old_identity,
        old_registry,
        new_identity,
        new_registry,
        counts: world.counts,
        spec: spec.clone(),
    })
}

fn key(text: &str, which: &str) -> Result<SecretKey> {
    SecretKey::parse(text)
        .map_err(|error| Error::new(Id::DemoKey, format!("the demo's {which} key: {error}")))
}

fn prepare(folder: &Path) -> Result<()> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Error::new(Id::DemoFolder, format!("{} is not empty", folder.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(|error| written(folder, &error))
        }
        Err(error) => Err(written(folder, &error)),
    }
}

async fn fill(identity: &Path, registry: &Path, world: &mut World, spec: &Spec) -> Result<()> {
    let sizes = Sizes::of(spec);
    let mut db = create(identity).await?;
    let mut work = db.begin().await.map_err(database)?;
    sqlx::raw_sql(IDENTITY_TABLES).execute(&mut *work).await.map_err(database)?;
    oauth::fill(&mut work, world, &sizes).await?;
    identity::fill(&mut work, world, &sizes).await?;
    if !spec.separate_registry {
        fill_registry(&mut work, world, &sizes).await?;
    }
    sqlx::raw_sql(IDENTITY_INDEXES).execute(&mut *work).await.map_err(database)?;
    work.commit().await.map_err(database)?;
    db.close().await.map_err(database)?;
    if spec.separate_registry {
        let mut db = create(registry).await?;
        let mut work = db.begin().await.map_err(database)?;
        fill_registry(&mut work, world, &sizes).await?;
        work.commit().await.map_err(database)?;
        db.close().await.map_err(database)?;
    }
    Ok(())
}

async fn fill_registry(db: &mut SqliteConnection, world: &mut World, sizes: &Sizes) -> Result<()> {
    sqlx::raw_sql(REGISTRY_TABLES).execute(&mut *db).await.map_err(database)?;
    registry::fill(db, world, sizes).await
}

/// A new database. While it is made it has no rollback journal and no fsync: a demo that was cut
/// short is made again. Neither setting stays in the file.
async fn create(path: &Path) -> Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-65536") // KiB
        .connect()
        .await
        .map_err(database)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).map_err(|error| written(to, &error))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from) {
        let entry =
            entry.map_err(|error| Error::new(Id::DemoWrite, format!("copying the demo's home: {error}")))?;
        let target = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).map_err(|error| written(&target, &error))?;
        } else {
            copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Writes a file that only its owner may read, as one with keys in it should be.
fn write_private(path: &Path, content: &str) -> Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|error| written(path, &error))
}

fn properties(spec: &Spec) -> String {
    let registry = if spec.separate_registry { "registry" } else { "identity" };
    let old_side = format!(
        "oldISHome: wso2is-old\n\
         oldRegDBUrl: jdbc:sqlite:old-{registry}.db\n\
         oldRegUsername:\n\
         oldRegPassword:\n"
    );
    let old_side = if spec.names_old_side { old_side.as_str() } else { "" };
    format!(
        "# The rotation of the demo's deployment. Paths are relative to this file.\n\
         oldSecretKey: '{}'\n\
         newSecretKey: '{}'\n\
         \n\
         newISHome: wso2is-new\n\
         {old_side}\
         \n\
         oldIdnDBUrl: jdbc:sqlite:old-identity.db\n\
         oldIdnUsername:\n\
         oldIdnPassword:\n\
         newIdnDBUrl: jdbc:sqlite:new-identity.db\n\
         newIdnUsername:\n\
         newIdnPassword:\n\
         newRegDBUrl: jdbc:sqlite:new-{registry}.db\n\
         newRegUsername: wso2carbon\n\
         newRegPassword: d3NvMmNhcmJvbg==\n\
         \n\
         enableDBMigrator: true\n\
         enableConfigMigrator: true\n\
         enableSyncMigrator: false\n\
         chunkSize: 1000\n",
        spec.old_key, spec.new_key
    )
}

fn written(path: &Path, error: &io::Error) -> Error {
    Error::new(Id::DemoWrite, format!("{}: {error}", path.display()))
}

#[allow(clippy::needless_pass_by_value)] // shaped for `map_err`
fn database(error: sqlx::Error) -> Error {
    Error::new(Id::DemoDatabase, format!("a database of the demo: {error}"))
}

#[cfg(test)]
mod tests;
