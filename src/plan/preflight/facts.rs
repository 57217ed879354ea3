//! The facts that the checks judge: asked of servers, read from files. Nothing is changed.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keyrotation_journal::Journal;

use super::old_facts::{self, Old};
use super::{Ground, Refusal, copies};
use crate::config::{self, Database, Home, Settings};
use crate::db::feeds::Feeds;
use crate::db::nodes::OtherNode;
use crate::db::policies::Policies;
use crate::db::{Access, Db, DbError};
use crate::error::Result;
use crate::sink::files::may_replace;
use crate::source::files::{self, Listing};
use crate::target::TargetRegistry;
use crate::{Accepted, Deployment, Disk, Survey, open_alone};

/// An answer, or why there is none.
pub(super) type Asked<T> = Result<T, String>;

/// All that the checks judge.
pub struct Facts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) targets: &'a TargetRegistry,
    /// What a rotation would be refused with before the first write, so far as connecting and reading
    /// tell.
    pub(super) refusal: Option<Refusal>,
    pub(super) deployment: Option<&'a Deployment>,
    pub(super) survey: Option<&'a Survey>,
    pub(super) accepted: &'a Accepted,
    /// The databases that the settings name, and whether they answer.
    pub(super) reached: Vec<(&'static str, Asked<String>)>,
    /// The new databases, each once.
    pub(super) servers: Vec<Server>,
    pub(super) privileges: Result<(), Refusal>,
    pub(super) disk: Asked<Vec<Disk>>,
    /// Room for the databases, where they are files of this machine.
    pub(super) database_room: Option<Asked<u64>>,
    pub(super) journal: Asked<bool>,
    pub(super) journal_room: Asked<u64>,
    pub(super) files: Result<Vec<Listing>, Refusal>,
    /// Files that could not be replaced, with the reason.
    pub(super) fixed_files: Vec<String>,
    pub(super) home: Option<Home>,
    pub(super) toml: Asked<Option<config::Deployment>>,
    pub(super) old: Old,
    /// Tables of people's own of which no row matches their filter.
    pub(super) idle_filters: Asked<Vec<String>>,
}

/// A new database.
pub(super) struct Server {
    pub(super) place: String,
    /// It is on a server, not a file.
    pub(super) remote: bool,
    pub(super) connections: u32,
    pub(super) claimed: Asked<bool>,
    pub(super) foreign_sessions: Asked<Vec<String>>,
    pub(super) blind: Asked<bool>,
    pub(super) feeds: Asked<Feeds>,
    pub(super) nodes: Asked<Vec<OtherNode>>,
    pub(super) lossy: Asked<Vec<String>>,
    pub(super) creators: Asked<Vec<(String, String)>>,
    pub(super) policies: Asked<Policies>,
    pub(super) limit: Asked<Option<f64>>,
    pub(super) logs: Asked<Option<Vec<(String, String)>>>,
    /// By how many seconds the server's clock is ahead; how much of that may be the way to it.
    pub(super) clock: Asked<Option<(f64, f64)>>,
    /// Triggers on rotated tables, likewise.
    pub(super) triggers: Asked<Option<Vec<String>>>,
    /// Tables that are named like copies of rotated ones.
    pub(super) backups: Asked<Vec<String>>,
    /// Of which rotated tables it keeps copies; none if it cannot be asked.
    pub(super) kept: Asked<Option<Vec<String>>>,
    /// Settings by which it logs statements, likewise.
    pub(super) statement_logs: Asked<Option<Vec<String>>>,
    /// Columns of other tables with ciphertext, likewise.
    pub(super) elsewhere: Asked<Option<Vec<String>>>,
}

/// Gathers everything.
pub(super) async fn gather(ground: Ground<'_>) -> Facts<'_> {
    let mut facts = of_servers(ground).await;
    let settings = ground.settings;
    facts.old = old_facts::gather(ground).await;
    facts.reached = reach(settings, ground.deployment.is_ok()).await;
    if let (Ok(deployment), false) = (ground.deployment, ground.claimed) {
        facts.privileges = deployment.check_privileges(settings).await.map_err(|error| Refusal::from(&error));
    }
    if let (Ok(deployment), Ok(survey)) = (ground.deployment, ground.survey) {
        facts.disk = deployment.disk(&survey.jobs).await.map_err(|error| error.what().to_owned());
    }
    if let Ok(deployment) = ground.deployment {
        facts.idle_filters = deployment.idle_filters().await.map_err(|error| error.what().to_owned());
    }
    let folders = sqlite_folders(settings);
    facts.database_room = folders.first().map(|folder| room(folder));
    facts.journal =
        Journal::peek(ground.journal).map(|mark| mark.is_some()).map_err(|error| error.to_string());
    facts.journal_room = room(ground.journal);
    if let Some(job) = &settings.files {
        let groups = ground.targets.files().iter();
        let listings = groups.map(|group| files::list(group, &job.home, &job.allowed_roots));
        facts.files = listings.collect::<Result<_>>().map_err(|error| Refusal::from(&error));
        facts.home = Some(Home::inspect(&job.home));
        facts.toml = config::Deployment::read(&job.home);
    }
    let candidates = facts.files.iter().flatten().flat_map(|listing| &listing.candidates);
    facts.fixed_files =
        candidates.filter_map(|file| Some(may_replace(&file.path).err()?.what().to_owned())).collect();
    facts
}

/// Gathers what the servers alone tell.
pub(super) async fn of_servers(ground: Ground<'_>) -> Facts<'_> {
    let not_asked = || "it was not asked".to_owned();
    let mut servers = Vec::new();
    if let Ok(deployment) = ground.deployment {
        for db in deployment.databases.distinct() {
            servers.push(Server::ask(deployment, db, ground.claimed).await);
        }
    }
    let refusal = ground.deployment.err().or(ground.survey.err().filter(|_| ground.deployment.is_ok()));
    Facts {
        settings: ground.settings,
        targets: ground.targets,
        refusal: refusal.map(Refusal::from),
        deployment: ground.deployment.ok(),
        survey: ground.survey.ok(),
        accepted: ground.accepted,
        reached: Vec::new(),
        servers,
        privileges: Ok(()),
        disk: Err(not_asked()),
        database_room: None,
        journal: Err(not_asked()),
        journal_room: Err(not_asked()),
        files: Ok(Vec::new()),
        fixed_files: Vec::new(),
        home: None,
        toml: Ok(None),
        old: Old::default(),
        idle_filters: Err(not_asked()),
    }
}

impl Server {
    async fn ask(deployment: &Deployment, db: &Db, claimed: bool) -> Self {
        let targets = &*deployment.targets;
        let foreign_sessions = async {
            let foreign_sessions = db.foreign_sessions().await?;
            let others = foreign_sessions.into_iter().filter(|session| !session.is_keyrotation);
            Ok::<_, DbError>(others.map(|session| session.who).collect())
        };
        Self {
            place: db.place(),
            remote: db.server_kind().is_some(),
            connections: db.connections(),
            claimed: if claimed { Ok(false) } else { said(db.is_claimed().await) },
            foreign_sessions: if claimed { Ok(Vec::new()) } else { said(foreign_sessions.await) },
            blind: said(db.is_blind().await),
            feeds: if db.tells_feeds() {
                said(db.feeds().await)
            } else {
                Err("whether it is a standby, or is fed from elsewhere, is not asked there".to_owned())
            },
            nodes: said(db.other_nodes().await),
            lossy: said(db.lossy_settings().await),
            creators: said(db.creators().await),
            policies: said(db.policies().await),
            limit: said(db.statement_limit().await).map(|limit| limit.map(|limit| limit.as_secs_f64())),
            logs: said(db.log_settings().await),
            clock: said(clock(db).await),
            triggers: said(copies::triggers(db, targets).await),
            backups: said(copies::backups(db, targets).await),
            kept: said(copies::kept(db, targets).await),
            statement_logs: said(copies::logs(db).await),
            elsewhere: if claimed {
                Err("`keyrotation preflight` reads all tables for it".to_owned())
            } else {
                let rotated = copies::other_schemas(deployment, db).await;
                said(copies::elsewhere(db, targets, &rotated).await)
            },
        }
    }
}

/// By how many seconds a server's clock is ahead of this machine's, and how long the answer took.
async fn clock(db: &Db) -> Result<Option<(f64, f64)>, DbError> {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let before = now();
    let Some(there) = db.clock().await? else { return Ok(None) };
    let after = now();
    #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 have 41 bits
    let there = there as f64 / 1000.0;
    Ok(Some((there - before.midpoint(after), after - before)))
}

fn said<T>(asked: Result<T, DbError>) -> Asked<T> {
    asked.map_err(|error| error.to_string())
}

/// Asks every database that is named whether it answers; the new ones have done so if they are connected.
async fn reach(settings: &Settings, connected: bool) -> Vec<(&'static str, Asked<String>)> {
    let Some(databases) = &settings.databases else { return Vec::new() };
    let mut reached = Vec::new();
    for database in databases.new_ones().filter(|_| !connected).chain(databases.old_ones()) {
        reached.push((database.key, answers(database).await));
    }
    reached
}

pub(super) async fn answers(database: &Database) -> Asked<String> {
    let db = open_alone(database, Access::ReadOnly).await.map_err(|error| error.what().to_owned())?;
    let place = db.place();
    db.close().await;
    Ok(place)
}

/// The folders of new databases that are files.
fn sqlite_folders(settings: &Settings) -> Vec<PathBuf> {
    let databases = settings.databases.iter().flat_map(config::DatabaseJob::new_ones);
    let folder = |database: &Database| match &database.url {
        config::JdbcUrl::Sqlite { path } => path.parent().map(Path::to_owned),
        config::JdbcUrl::Bridged(url) => url.file.as_deref().and_then(Path::parent).map(Path::to_owned),
        config::JdbcUrl::Server(_) => None,
    };
    databases.filter_map(folder).collect()
}

/// Bytes that this user may still write to the file system of a folder, or of the one that it will be
/// made in.
fn room(folder: &Path) -> Asked<u64> {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    let found = rustix::fs::statvfs(existing).map_err(|error| format!("{}: {error}", existing.display()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
