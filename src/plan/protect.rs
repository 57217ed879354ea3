//! Never production: what is asked of the servers before the first write.
//!
//! Names lie: an alias, a default port or another user lead to the same database. So the servers
//! themselves say which they are, an advisory lock taken on one is tried on the other, a token written to
//! one must not show in the other, and whoever else is connected is named.

mod token;

use std::time::{Duration, Instant};

use crate::config::{Database, Settings};
use crate::db::feeds::Feeds;
use crate::db::guard::ForeignSession;
use crate::db::identity::Sameness;
use crate::db::policies::{Policies, Policy};
use crate::db::server::Kind;
use crate::db::{Access, Db, DbError, TransactionLimits};
use crate::error::{Error, Id, Result};
use crate::guard::refused;
use crate::target::TargetRegistry;

/// How long a rotation that was killed may live on in the server: its statement runs to its end.
const AFTERLIFE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

/// Sessions that are named; the rest are counted.
const NAMED: usize = 5;

/// Claims a database for this rotation, waiting for one that was killed. While it waits it has no sessions in
/// any of the rotation's databases, so whoever was first does not take it for a stranger.
pub(super) async fn claim(db: &Db, all: &[&Db]) -> Result<()> {
    let (begun, mut said) = (Instant::now(), false);
    loop {
        if db.claim().await.map_err(|error| failed(db, &error))? {
            return Ok(());
        }
        if matches!(db, Db::Sqlite(_)) || begun.elapsed() >= AFTERLIFE {
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
    for old in job.old_ones() {
        doubts.extend(refuse_one(old, new, proof).await?);
    }
    Ok(doubts)
}

async fn refuse_one(old: &Database, new: &[&Db], proof: bool) -> Result<Vec<String>> {
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
    let doubts = Box::pin(compared(&db, &rivals, proof)).await;
    db.close().await;
    doubts
}

async fn compared(old: &Db, new: &[&&Db], proof: bool) -> Result<Vec<String>> {
    let theirs = old.identity().await.map_err(|error| failed(old, &error))?;
    let feeds = old.feeds().await.map_err(|error| failed(old, &error))?;
    let mut pairs = Vec::new();
    for db in new {
        let ours = db.identity().await.map_err(|error| failed(db, &error))?;
        let doubt = match ours.compare(&theirs) {
            Sameness::Same(why) => return Err(is_old(&why)),
            Sameness::Undecided(why) => Doubt::Said(format!("{} and {}: {why}", db.place(), old.place())),
            _ if let Some(why) = subscribed(old, &feeds, db).await? => Doubt::Lasting(why),
            Sameness::Different if ours.is_named_as(&theirs) => Doubt::None,
            Sameness::Different => Doubt::OtherName,
        };
        pairs.push(token::Pair { old, new: db, ours, doubt });
    }
    // Whoever holds the lock there is either us or another rotation: neither may be.
    if old.is_claimed().await.map_err(|error| failed(old, &error))? {
        return Err(is_old(&format!("the lock of the one is taken in the other, {}", theirs.words())));
    }
    if !proof {
        let said = |pair: token::Pair<'_>| match pair.doubt {
            Doubt::Said(why) | Doubt::Lasting(why) => Some(why),
            Doubt::None => unproved(old, &feeds),
            Doubt::OtherName => None,
        };
        return Ok(pairs.into_iter().filter_map(said).collect());
    }
    for pair in pairs {
        Box::pin(pair.prove(&theirs, &feeds)).await?;
    }
    Ok(Vec::new())
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
                doubt = Some(format!("{what}; {} has one of that name, which nobody reads now", new.place()));
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

/// Refuses a database into which changes still come from elsewhere: what was rotated would be overwritten.
pub(super) async fn refuse_fed(db: &Db) -> Result<()> {
    let feeds = db.feeds().await.map_err(|error| failed(db, &error))?;
    let Some(feed) = feeds.running().next() else { return Ok(()) };
    let text = format!("{}: it is fed from elsewhere: {}", db.place(), feed.what);
    Err(Error::new(Id::CopyFed, text).fix(format!("end that in it: `{}`; then repeat the command", feed.end)))
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
pub(super) async fn cluster(db: &Db) -> Result<Option<(Db, String, TransactionLimits)>> {
    let cluster = db.cluster().await.map_err(|error| failed(db, &error))?;
    Ok(cluster.map(|(words, limits)| (db.clone(), words, limits)))
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
            "{}: not looked at: {unseen}; see to it that this user is shown every row and value",
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
