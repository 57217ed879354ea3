//! The configuration: `properties.yaml` as [`Settings`] that the rest of the program can rely on.
//!
//! Flow: text → [`parse`] (lines, keys, one reading each) → resolved values (secrets looked up,
//! paths absolute, keys checked) → [`Settings`]. Nothing is written, and no database is opened.
//!
//! Invariants: settings that exist are complete for the parts that they enable; a database to be
//! rewritten exists and is not the old one; a secret is never shown, neither by an error nor by
//! `Debug`. What the file does not say is not guessed, except for the defaults documented here.

mod databases;
mod deployment;
mod draft;
mod drivers;
mod event_command;
mod home;
mod homes;
mod interactive;
mod java;
mod keys;
mod mode;
mod new_server;
mod others;
mod overrides;
mod own;
mod paths;
mod resolve;
mod secret;
mod secrets;
mod stores;
mod syntax;
mod taken;
mod template;
mod trust;
mod url;

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use keyrotation_cipher as cipher;
use keyrotation_codec as codec;
#[cfg(test)]
use keyrotation_common::exit;
use keyrotation_common::{error, placed};
use keyrotation_db as db;
use keyrotation_db::sizes;

use crate::cipher::{KeyRing, SecretKey};
use crate::db::Server;
use crate::db::server::Kind;
use crate::error::{Error, Id, Result};
use crate::sizes::Sizes;

pub use deployment::{Deployment, Said};
pub use draft::{DraftConfig, Site, draft};
pub use event_command::EventCommand;
pub use home::{DEPLOYMENT, Home, Version};
pub use keys::Key;
pub use mode::Mode;
pub use new_server::{NewDatabase, NewServer, read_url};
use others::{Stake, who_else_may_write};
pub use overrides::{Overrides, RebuildIndexes};
pub use own::{OwnTable, OwnTargets};
use paths::expand;
pub use secret::Secret;
pub use stores::FurtherStore;
pub use syntax::{Raw, parse};
pub use template::{generate_key, template, write_template};
pub use url::{BridgedUrl, JdbcUrl, ServerUrl, UrlError};

/// The smallest chunk that rows are handled in, unless the command line says otherwise.
pub const CHUNK_MIN: u32 = 100;
/// The largest chunk that rows are handled in, unless the command line says otherwise.
pub const CHUNK_MAX: u32 = 10_000;
/// The starting size when nothing is said.
pub const CHUNK_DEFAULT: u32 = 1_000;
/// The largest size that the command line may ask for.
pub const CHUNK_LITERAL_MAX: u32 = 100_000;

/// How long the program waits for a server that is gone, by default.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// The most connections that may write at once.
pub const CONNECTIONS_MAX: u32 = 64;

/// A configuration that was checked and is complete for what it enables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The properties file, absolute.
    pub file: PathBuf,
    /// Its folder, which relative paths in it are relative to.
    pub folder: PathBuf,
    /// What is rotated.
    pub mode: Mode,
    /// The folders of all servers on the database, where it is rotated in place and they are named.
    pub nodes: Vec<PathBuf>,
    /// The keys that values are under now, and those that they will be under.
    pub keys: KeyRing,
    /// The configuration files to rotate, with `enableConfigMigrator`.
    pub files: Option<FilesJob>,
    /// The old server's folder, absolute, where it is given and there: only compared with the new one.
    pub old_home: Option<PathBuf>,
    /// The databases to rotate, with `enableDBMigrator`.
    pub databases: Option<DatabaseJob>,
    /// With `enableSyncMigrator`: what `syncTables` says of the tables that are kept in step.
    pub sync_tables: Option<Vec<SyncChoice>>,
    /// How many rows a chunk begins with.
    pub chunk_size: ChunkSize,
    /// How many connections write at once, where that was asked for.
    pub connections: Option<u32>,
    /// The most rows that are written in a second, if there is a most.
    pub max_rows_per_second: Option<u32>,
    /// How far behind those may be that follow a server; none without a limit.
    pub max_lag: Option<Duration>,
    /// How many statements may run in a server, likewise.
    pub max_load: Option<u32>,
    /// Whether either was asked for.
    pub gives_way: bool,
    /// Servers that follow, and tell themselves how far behind they are.
    pub replicas: Vec<Database>,
    /// How long a server that is gone is waited for.
    pub patience: Duration,
    /// Whether indexes are dropped while a table is rewritten.
    pub rebuild_indexes: RebuildIndexes,
    /// How much is read and written at once.
    pub sizes: Sizes,
    /// Whether ECB and CBC values are turned into GCM (`transformation: AES/GCM/NoPadding`).
    pub upgrade: bool,
    /// Whether every new value carries the new key's id, even if the old value had none.
    pub key_id: bool,
    /// Tables of people's own, and what of the built-in ones is left out.
    pub own: OwnTargets,
    /// Tables that the deployment lacks, though every version has them: the command line names them.
    pub without_tables: Vec<String>,
    /// What is told of what happens.
    pub on_event: Option<EventCommand>,
    /// What the operator should read before the rotation begins.
    pub notices: Vec<Notice>,
}

/// The fewest and the most connections that write at once when nobody says; as many as this machine
/// has cores between them. More than the server has cores only wait for each other.
const WRITERS: (u32, u32) = (2, 4);

/// How many rows are written in a second beside servers that work with them, by one connection, by default.
const BESIDE_SERVERS: u32 = 500;

impl Settings {
    /// The same with a gentle hand, if servers work with the database and nobody has said otherwise: what they do takes
    /// little longer then (docs/performance.md).
    #[must_use]
    pub fn beside_servers(&self, they_run: bool) -> Self {
        let gentle = |said: Option<u32>, most: u32| said.or(they_run.then_some(most));
        Self {
            max_rows_per_second: gentle(self.max_rows_per_second, BESIDE_SERVERS),
            connections: gentle(self.connections, 1),
            ..self.clone()
        }
    }

    /// How many connections write at once.
    pub fn writers(&self) -> u32 {
        self.connections.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            u32::try_from(cores).unwrap_or(WRITERS.1).clamp(WRITERS.0, WRITERS.1)
        })
    }
}

/// The configuration files to rotate.
#[derive(Debug, Clone)]
pub struct FilesJob {
    /// The new server's folder: absolute, without symbolic links.
    pub home: PathBuf,
    /// Those of further nodes, likewise.
    pub further_homes: Vec<PathBuf>,
    /// Folders outside `home` into which symbolic links may lead: likewise.
    pub allowed_roots: Vec<PathBuf>,
}

/// The databases to rotate.
#[derive(Debug, Clone)]
pub struct DatabaseJob {
    /// The new server's identity database.
    pub identity: Database,
    /// The new server's registry (shared) database; may be the same as `identity`.
    pub registry: Database,
    /// The old server's identity database, when the file names one that can be looked at.
    pub old_identity: Option<Database>,
    /// The old server's registry database, likewise: only compared with the new one.
    pub old_registry: Option<Database>,
    /// Further databases, in which tables of people's own are.
    pub stores: Vec<FurtherStore>,
}

impl DatabaseJob {
    /// Whether identity and registry are one database, to be opened and rotated once.
    pub fn same_database(&self) -> bool {
        self.identity.is_same(&self.registry)
    }
}

/// A table that is to be kept in step, or not to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncChoice {
    /// Its name, in upper case.
    pub table: String,
    /// Whether its changes are carried over.
    pub wanted: bool,
}

/// A database and how to log on to it.
#[derive(Debug, Clone)]
pub struct Database {
    /// The key that named it, such as `newIdnDBUrl`.
    pub key: &'static str,
    /// Where it is.
    pub url: JdbcUrl,
    /// How to log on; none for SQLite, which has no users.
    pub server: Option<Server>,
}

impl Database {
    /// Its name for the journal's fingerprint: the same for every way of writing it.
    pub fn identity(&self) -> String {
        let schema = self.schema_of_user().map(|user| format!("/{user}")).unwrap_or_default();
        format!("{}{schema}", self.url.identity())
    }

    /// The user, in lower case, where each has a database of his own.
    fn schema_of_user(&self) -> Option<String> {
        let server = self.server.as_ref().filter(|_| self.url.is_of_user())?;
        Some(server.user.to_lowercase())
    }

    /// Whether it is the same by its URL and, where each user has a database of his own, by its user.
    fn is_same(&self, other: &Self) -> bool {
        self.url.same_database(&other.url) && self.schema_of_user() == other.schema_of_user()
    }

    /// Whether it is on a server of this kind.
    fn is_on(&self, kind: Kind) -> bool {
        self.server.as_ref().is_some_and(|server| server.kind == kind)
    }
}

/// How many rows a chunk begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSize {
    /// The first chunk's rows.
    pub start: u32,
    /// Whether all chunks have this size (it was given on the command line) instead of adapting.
    pub fixed: bool,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Probably not what was meant, or not safe.
    Warning,
}

/// One line for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// What it says; never a secret.
    pub text: String,
}

/// Reads and checks the configuration in the file at `path`.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Settings> {
    resolved(path, |raw, origin| resolve::settings(raw, origin, *overrides))
}

/// Reads the configuration as far as one identity database needs it, the old one or the new one: the
/// rest may not be there yet.
pub fn load_identity(path: &Path, old: bool) -> Result<(Database, Vec<Notice>)> {
    resolved(path, |raw, origin| resolve::identity(raw, origin, old))
}

/// Reads what the new server's `deployment.toml` is to say; with `elsewhere` that file is not in
/// `newISHome`, which need not be given then.
pub fn load_new_server(path: &Path, elsewhere: bool) -> Result<(NewServer, Vec<Notice>)> {
    resolved(path, |raw, origin| new_server::new_server(raw, origin, elsewhere))
}

/// Reads the keys, and nothing else.
pub fn load_keys(path: &Path) -> Result<(KeyRing, Vec<Notice>)> {
    resolved(path, secrets::keys)
}

/// The keys, if none of them needs a prompt or a command.
pub fn keys_at_hand(path: &Path) -> Result<Option<KeyRing>> {
    let all = [Key::OldSecretKey, Key::NewSecretKey, Key::OldSecretKeys, Key::TotpKey];
    at_hand(path, &all, |raw, origin| secrets::keys(raw, origin).map(|(keys, _)| keys))
}

/// Likewise the new key alone: the old one may be destroyed.
pub fn new_key_at_hand(path: &Path) -> Result<Option<SecretKey>> {
    at_hand(path, &[Key::NewSecretKey], secrets::new_key)
}

/// Likewise, for a caller that needs it: a command that gives it is run.
pub fn new_key_for_a_check(path: &Path) -> Result<Option<SecretKey>> {
    resolved(path, |raw, origin| {
        if draft::is_for_people(raw, Key::NewSecretKey) {
            return Ok(None);
        }
        secrets::new_key(raw, origin).map(Some)
    })
}

fn at_hand<T>(
    path: &Path,
    keys: &[Key],
    resolve: impl FnOnce(&Raw, resolve::Origin<'_>) -> Result<T>,
) -> Result<Option<T>> {
    resolved(path, |raw, origin| {
        let is_asked_for = keys.iter().any(|key| draft::is_asked_for(raw, *key));
        if is_asked_for { Ok(None) } else { resolve(raw, origin).map(Some) }
    })
}

/// What `resolve` makes of the file at `path`.
fn resolved<T>(path: &Path, resolve: impl FnOnce(&Raw, resolve::Origin<'_>) -> Result<T>) -> Result<T> {
    let file = std::path::absolute(path)
        .map_err(|e| Error::new(Id::ConfigUnreadable, format!("{}: {e}", path.display())))?;
    let (text, exposed) = read(&file)?;
    must_be_nobody_elses(&file, Stake::IsBelieved)?;
    let stdin = interactive::Stdin::of_this_process();
    let origin = resolve::Origin { file: &file, exposed, env: &|name| std::env::var_os(name), stdin: &stdin };
    let raw = parse(&text).map_err(|e| located(path, &e))?;
    if raw.names_a_command() {
        must_be_nobody_elses(&file, Stake::Runs)?;
    }
    resolve(&raw, origin).map_err(|e| located(path, &e))
}

/// The file says which databases are rewritten, and may name commands that run as this user.
fn must_be_nobody_elses(file: &Path, stake: Stake) -> Result<()> {
    let Some(who) = who_else_may_write(file, stake) else { return Ok(()) };
    let runs = if stake == Stake::Runs { ", and it names a command that runs as this user" } else { "" };
    Err(Error::new(Id::ConfigUnreadable, format!("{}: {who}{runs}", file.display()))
        .fix("make file and folder your own, and close both to others: `chown`, `chmod go-w`"))
}

/// The file's text, and whether everyone may read it.
fn read(file: &Path) -> Result<(Zeroizing<String>, bool)> {
    /// Some hundred times what a real file has.
    const LARGEST: u64 = 1024 * 1024;
    let failed = |problem: &dyn std::fmt::Display| {
        Error::new(Id::ConfigUnreadable, format!("{}: {problem}", file.display()))
    };
    let io = |e: std::io::Error| failed(&e);
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let opened = File::open(file).map_err(io)?;
    let metadata = opened.metadata().map_err(io)?;
    if metadata.is_dir() {
        return Err(failed(&"is a folder").fix("name the file in it with --config"));
    }
    opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed(&"is larger than 1 MiB and cannot be a properties.yaml"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok((Zeroizing::new(text.to_owned()), metadata.permissions().mode() & 0o004 != 0)),
        Err(e) => {
            let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            Err(failed(&format_args!("line {line} is not UTF-8 text")).fix("save the file as UTF-8"))
        }
    }
}

/// The same error with the file's name before it, unless it is about the command line.
fn located(path: &Path, error: &Error) -> Error {
    if error.id() == Id::CommandLineValue {
        return Error::new(error.id(), error.what()).fix(error.remedy());
    }
    Error::new(error.id(), format!("{}: {}", path.display(), error.what())).fix(error.remedy())
}

#[cfg(test)]
mod tests;
