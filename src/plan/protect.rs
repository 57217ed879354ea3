//! Never production: what is asked of the servers before the first write.
//!
//! Names lie: an alias, a default port or another user lead to the same database. So the servers
//! themselves say which they are, an advisory lock taken on one is tried on the other, a token written to
//! one must not show in the other, and other connected sessions are named.

mod planted;
mod token;

use std::time::{Duration, Instant};

use super::databases::OnCluster;
use crate::config::{Database, Settings};
use crate::db::feeds::Feeds;
use crate::db::identity::Sameness;
use crate::db::policies::{Policies, Policy};
use crate::db::server::Kind;
use crate::db::sessions::ForeignSession;
use crate::db::{Access, Db, DbError, Server};
use crate::error::{Error, Id, Result};
use crate::guard::{fed, refused};
use crate::target::TargetRegistry;

/// How long a rotation that was killed may live on in the server: its statement runs to its end.
const AFTERLIFE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

/// Sessions that are named; the rest are counted.
const NAMED: usize = 5;

/// Claims a database for this rotation, waiting for one that was killed. While it waits it has no sessions in
/// any of the rotation's databases, so the first rotation does not take it for a stranger.
pub(super) async fn claim(db: &Db, all: &[&Db]) -> Result<()> {
    let (begun, mut said) = (Instant::now(), false);
    loop {
        if db.claim().await.map_err(|error| failed(db, &error))? {
            return Ok(());
        }
        if db.server_kind().is_none() || begun.elapsed() >= AFTERLIFE {
            let text = format!(
                "another keyrotation process is working on the database {}{}; this one has written nothing to it",
                db.place(),
                kin(db).await
            );
            return Err(Error::new(Id::DatabaseBusy, text));
        }
        for db in all {
            db.rest().await;
        }
        wait_said(&mut said, &format!("another rotation has the lock of {}", db.place())).await;
    }
}

/// Who the other keyrotation processes are, where the server tells.
async fn kin(db: &Db) -> String {
    let mut kin = db.foreign_sessions().await.unwrap_or_default();
    kin.retain(|session| session.is_keyrotation);
    if kin.is_empty() { String::new() } else { format!(" ({})", names(&kin)) }
}

/// Refuses databases of which one is the old server's, whatever their URLs say; gives back what the servers'
/// identifiers do not settle. With `proof` the new ones are claimed already, and a token written to each
/// of them must not show in the old ones: then nothing is left unsettled.
pub(super) async fn refuse_old(settings: &Settings, new: &[&Db], proof: bool) -> Result<Vec<String>> {
    let Some(job) = &settings.databases else { return Ok(Vec::new()) };
    let mut doubts = Vec::new();
    let built_in = [&job.old_identity, &job.old_registry].into_iter().flatten().count();
    for (at, old) in job.old_ones().enumerate() {
        let tables: &[&str] = if at < built_in { &TABLES } else { &[] };
        doubts.extend(refuse_one(old, new, proof, tables).await?);
    }
    Ok(doubts)
}

/// Of the old server's databases each has one of these.
const TABLES: [&str; 2] = ["IDN_IDENTITY_USER_DATA", "REG_PROPERTY"];

async fn refuse_one(old: &Database, new: &[&Db], proof: bool, tables: &[&str]) -> Result<Vec<String>> {
    let Some(server) = &old.server else { return Ok(Vec::new()) };
    let rivals: Vec<&&Db> = new.iter().filter(|db| db.server_kind() == Some(server.kind)).collect();
    if rivals.is_empty() {
        return Ok(Vec::new());
    }
    let db = Db::open_server(server, Access::ReadOnly, 1).await.map_err(|error| {
        let text = format!("{}: {error}, so it cannot be asked whether a new database is the same", old.key);
        Error::new(Id::Database, text).fix(format!(
            "let this machine reach that database, or remove {} to go on without this proof",
            old.key
        ))
    })?;
    let doubts = Box::pin(compared((&db, server), &rivals, proof, tables)).await;
    db.close().await;
    doubts
}

async fn compared(
    (old, server): (&Db, &Server),
    new: &[&&Db],
    proof: bool,
    tables: &[&str],
) -> Result<Vec<String>> {
    let mut theirs = old.identity().await.map_err(|error| failed(old, &error))?;
    if !finds_any(old, tables).await? {
        theirs = theirs.without_schema();
    }
    let feeds = old.feeds().await.map_err(|error| failed(old, &error))?;
    let mut pairs = Vec::new();
    for db in new {
        let ours = db.identity().await.map_err(|error| failed(db, &error))?;
        let doubt = match ours.compare(&theirs) {
            Sameness::Same(why) => return Err(is_old(&why)),
            Sameness::Undecided(why) => {
                let why = format!("{} and {}: {why}", db.place(), old.place());
                // A token is looked for in the schema of the session.
                if theirs.is_unplaced() { Doubt::Lasting(why) } else { Doubt::Said(why) }
            }
            _ if let Some(why) = subscribed(old, &feeds, db).await? => Doubt::Lasting(why),
            Sameness::Different if ours.is_named_as(&theirs) => Doubt::None,
            Sameness::Different => Doubt::OtherName,
        };
        pairs.push(token::Pair { old, new: db, ours, doubt, server });
    }
    // The holder of the lock there is either this process or another rotation: neither may be.
    if old.is_claimed().await.map_err(|error| failed(old, &error))? {
        return Err(is_old(&format!("the lock of the one is taken in the other, {}", theirs.words())));
    }
    if !proof {
        let mut said = Vec::new();
        for pair in pairs {
            said.extend(match &pair.doubt {
                Doubt::None => {
                    let why = pair.may_come(&feeds).await?.map(|why| format!("{}: {why}", old.place()));
                    why.or_else(|| unproved(old, &feeds))
                }
                Doubt::OtherName => None,
                Doubt::Said(why) | Doubt::Lasting(why) => Some(why.clone()),
            });
        }
        return Ok(said);
    }
    for pair in pairs {
        Box::pin(pair.prove(&theirs, &feeds)).await?;
    }
    Ok(Vec::new())
}

/// Whether the old user's session finds any of these tables; where none is asked for, its schema is believed.
async fn finds_any(old: &Db, tables: &[&str]) -> Result<bool> {
    let has_schemas = matches!(old.server_kind(), Some(Kind::Postgres | Kind::Oracle | Kind::SqlServer));
    if !has_schemas || tables.is_empty() {
        return Ok(true);
    }
    for table in tables {
        if old.table(table).await.map_err(|error| failed(old, &error))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What may bring a new database's rows into the old one, as long as no token tells: identifiers of a replica and its
/// source differ. A standby of PostgreSQL's has its primary's.
fn unproved(old: &Db, feeds: &Feeds) -> Option<String> {
    if old.server_kind() == Some(Kind::Postgres) {
        return None;
    }
    let found = feeds.found.iter().map(|feed| &feed.what).next();
    found.or(feeds.all_unseen()).map(|why| format!("{}: {why}", old.place()))
}

/// Refuses a registry to be rewritten that is on the old identity database's server, where the new identity database is
/// not, and no old registry is named that it could be compared with. Where it is elsewhere, that is said.
pub(super) async fn refuse_uncompared(
    settings: &Settings,
    identity: &Db,
    registry: &Db,
) -> Result<Option<String>> {
    let Some(job) = settings.databases.as_ref().filter(|_| !settings.mode.is_in_place()) else {
        return Ok(None);
    };
    let old = job
        .old_identity
        .as_ref()
        .filter(|_| job.old_registry.is_none() && !registry.is_same_handle(identity));
    let Some(server) = old.and_then(|old| old.server.as_ref()) else { return Ok(None) };
    let is_kin = |db: &Db| db.server_kind() == Some(server.kind);
    if !is_kin(registry) {
        return Ok(None);
    }
    // Whether it can be reached at all is said elsewhere.
    let Ok(old) = Db::open_server(server, Access::ReadOnly, 1).await else { return Ok(None) };
    let is_there = async |db: &Db| {
        let theirs = old.identity().await.map_err(|error| failed(&old, &error))?;
        let ours = db.identity().await.map_err(|error| failed(db, &error))?;
        Ok::<_, Error>(is_kin(db) && ours.is_on_server_of(&theirs))
    };
    let found = async { Ok::<_, Error>(is_there(registry).await? && !is_there(identity).await?) }.await;
    old.close().await;
    let place = registry.place();
    if found? {
        let text = format!(
            "{place} is on the server of oldIdnDBUrl, and the new identity database is on another: it may be the old \
             server's registry"
        );
        return Err(Error::new(Id::OldUndecided, text).fix(
            "name the old server's registry database with oldRegDBUrl, so that the new one can be compared with it",
        ));
    }
    Ok(Some(format!(
        "{place}: oldRegDBUrl names no old registry, so nothing shows that this is not the old one: name \
         it, or make sure yourself"
    )))
}

/// Why a new database may be what a subscription of the old one reads, which no token tells; refuses it where the
/// subscription reads it now.
async fn subscribed(old: &Db, feeds: &Feeds, new: &Db) -> Result<Option<String>> {
    if new.server_kind() != Some(Kind::Postgres) {
        return Ok(None);
    }
    let mut doubt = None;
    for (feed, slot) in feeds.found.iter().filter_map(|feed| Some((feed, feed.slot.as_ref()?))) {
        let reads = new.reads_slot(slot).await.map_err(|error| failed(new, &error))?;
        let what = format!("{}: {} reads the slot {slot}", old.place(), feed.what);
        match reads {
            Some(true) => return Err(is_old(&format!("{what}, which {} has", new.place()))),
            Some(false) => {
                doubt =
                    Some(format!("{what}; {} has a slot of that name, which nobody reads now", new.place()));
            }
            None => {}
        }
    }
    Ok(doubt)
}

/// What the servers' identifiers do not settle of two databases.
enum Doubt {
    /// Whether they are one, for this reason.
    Said(String),
    /// Likewise, and no token settles it.
    Lasting(String),
    /// They tell that these are two, and the names of both within their servers are the same.
    None,
    /// Likewise, and the names differ.
    OtherName,
}

pub(super) fn is_old(why: &str) -> Error {
    Error::new(Id::ConfigOldDatabase, format!("a database to be rewritten is the old server's own: {why}"))
}

/// What feeds a database, or why that is not known: of its server, which answers or ends this, and of the other nodes of
/// its cluster.
pub(super) async fn all_feeds(db: &Db) -> Result<Vec<(String, std::result::Result<Feeds, String>)>> {
    let place = db.place();
    let own = db.feeds().await.map_err(|error| failed(db, &error))?;
    let others = db.other_nodes().await.map_err(|error| failed(db, &error))?;
    let others = others.into_iter().map(|node| (of_node(&place, &node.place), node.feeds));
    Ok(std::iter::once((place.clone(), Ok(own))).chain(others).collect())
}

/// Refuses a database into which changes come from elsewhere: what was rotated would be overwritten. What of that is not
/// seen is said the first time.
pub(super) async fn refuse_fed(db: &Db, is_first: bool) -> Result<()> {
    const COMES: &str = "what comes from there would overwrite what is rotated";
    for (place, feeds) in all_feeds(db).await? {
        let feeds = match feeds {
            Ok(feeds) => feeds,
            Err(why) => {
                if is_first {
                    tracing::warn!("{place}: {why}; {COMES}");
                }
                continue;
            }
        };
        for why in feeds.warnings().filter(|_| is_first) {
            tracing::warn!("{place}: {why}; {COMES}");
        }
        if let Some(feed) = feeds.found.iter().find(|feed| feed.overwrites()) {
            let fix = format!("end that there: `{}`; then repeat the command", feed.end);
            return Err(fed(&place, feed).fix(fix));
        }
    }
    Ok(())
}

/// Another node of a database's cluster.
pub(super) fn of_node(place: &str, node: &str) -> String {
    format!("{place}, by way of {node}, another node of its cluster")
}

/// Refuses a database to which others are connected, unless they are expected. This process has the lock:
/// other keyrotation processes only wait for it or look, but for one that was killed and whose statement
/// runs on, which is waited for.
pub(super) async fn refuse_strangers(db: &Db, expected: bool) -> Result<()> {
    let (begun, mut said) = (Instant::now(), false);
    loop {
        let mut foreign_sessions = db.foreign_sessions().await.map_err(|error| failed(db, &error))?;
        foreign_sessions.retain(|session| !session.is_keyrotation || session.at_work);
        if foreign_sessions.is_empty() {
            return Ok(());
        }
        let named = names(&foreign_sessions);
        let is_keyrotation = foreign_sessions.iter().all(|session| session.is_keyrotation);
        if expected && !is_keyrotation {
            tracing::warn!("{}: others are connected, which is expected: {named}", db.place());
            return Ok(());
        }
        let afterlife = foreign_sessions.iter().map(|session| session.afterlife).min().unwrap_or_default();
        if begun.elapsed() >= afterlife {
            if is_keyrotation {
                let text = format!("another keyrotation process is at work in {}: {named}", db.place());
                return Err(Error::new(Id::DatabaseBusy, text));
            }
            let text = format!("{}: others are connected: {named}", db.place());
            return Err(Error::new(Id::OthersConnected, text));
        }
        wait_said(&mut said, &format!("{}: a session of this user is still there", db.place())).await;
    }
}

fn names(foreign_sessions: &[ForeignSession]) -> String {
    let mut named: Vec<String> =
        foreign_sessions.iter().take(NAMED).map(|session| session.who.clone()).collect();
    if foreign_sessions.len() > NAMED {
        named.push(format!("and {} more", foreign_sessions.len() - NAMED));
    }
    named.join("; ")
}

/// The cluster of which a database's server is one node, if others take writes, too: the database, the cluster
/// in words, and what it takes in one transaction.
pub(super) async fn cluster(db: &Db) -> Result<Option<OnCluster>> {
    let cluster = db.cluster().await.map_err(|error| failed(db, &error))?;
    Ok(cluster.map(|(cluster, limits)| OnCluster { db: db.clone(), cluster, limits }))
}

/// Refuses a pooler that would give each transaction another session.
pub(super) async fn refuse_pooler(db: &Db) -> Result<()> {
    if db.shares_sessions().await.map_err(|error| failed(db, &error))? {
        let text = format!("{}: two connections share one session of the server", db.place());
        return Err(Error::new(Id::Pooler, text));
    }
    Ok(())
}

/// Says what is waited for, once, and waits a little.
async fn wait_said(said: &mut bool, what: &str) {
    if !std::mem::replace(said, true) {
        tracing::warn!("{what}; waiting for it to end, up to {} s", AFTERLIFE.as_secs());
    }
    tokio::time::sleep(PAUSE).await;
}

pub(super) fn failed(db: &Db, error: &DbError) -> Error {
    refused(&db.place(), error)
}

/// The policies that would hide rows or values of our tables from this user.
pub(super) fn of_ours<'a>(
    policies: &'a Policies,
    targets: &TargetRegistry,
) -> impl Iterator<Item = &'a Policy> {
    let is_ours = |policy: &&Policy| {
        let rotated = targets.tables().iter().map(|target| &target.relation.table);
        let synced = targets.synced().iter().flat_map(|sync| [&sync.relation.table, &sync.log]);
        rotated.chain(synced).any(|table| *table == policy.table)
    };
    policies.found.iter().filter(is_ours)
}

/// Refuses a database that would hide rows or values without a word, and says what is not looked at.
pub(super) async fn refuse_hidden(db: &Db, targets: &TargetRegistry) -> Result<()> {
    let policies = db.policies().await.map_err(|error| failed(db, &error))?;
    for unseen in &policies.unseen {
        tracing::warn!(
            "{}: not looked at: {unseen}; make sure that this user sees every row and value",
            db.place()
        );
    }
    of_ours(&policies, targets).next().map_or(Ok(()), |policy| Err(hidden(&db.place(), policy)))
}

pub(super) fn hidden(place: &str, policy: &Policy) -> Error {
    let Policy { table, how, fix } = policy;
    let text = format!("{place}: {how} may hide rows or values of {table} from the database user");
    Error::new(Id::RowsHidden, text).fix(format!("{fix}; then run the same command again"))
}
