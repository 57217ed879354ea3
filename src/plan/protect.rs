//! Never production: what is asked of the servers before the first write.
//!
//! Names lie: an alias, a default port or another user lead to the same database. So the servers
//! themselves say which they are, an advisory lock taken on one is tried on the other, and whoever
//! else is connected is named.

use std::time::{Duration, Instant};

use crate::config::{Database, Settings};
use crate::db::guard::Stranger;
use crate::db::{Access, Db, DbError};
use crate::error::{Error, Id, Result};
use crate::guard::refused;

/// How long a rotation that was killed may live on in the server: its statement runs to its end.
const AFTERLIFE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

/// Sessions that are named; the rest are counted.
const NAMED: usize = 5;

/// Claims a database for this rotation, waiting for one that was killed.
pub(super) async fn claim(db: &Db) -> Result<()> {
    let (begun, mut said) = (Instant::now(), false);
    loop {
        if db.claim().await.map_err(|error| failed(db, &error))? {
            return Ok(());
        }
        if matches!(db, Db::Sqlite(_)) || begun.elapsed() >= AFTERLIFE {
            let text = format!("another keyrotation process is working on the database {}", db.place());
            return Err(Error::new(Id::DatabaseBusy, text));
        }
        wait_said(&mut said, &format!("another rotation has the lock of {}", db.place())).await;
    }
}

/// Refuses databases of which one is the old server's, whatever their URLs say. The new ones are
/// claimed already.
pub(super) async fn refuse_old(settings: &Settings, new: &[&Db]) -> Result<()> {
    let Some(job) = &settings.databases else { return Ok(()) };
    for old in [&job.old_identity, &job.old_registry].into_iter().flatten() {
        refuse_one(old, new).await?;
    }
    Ok(())
}

async fn refuse_one(old: &Database, new: &[&Db]) -> Result<()> {
    let Some(server) = &old.server else { return Ok(()) };
    let rivals: Vec<&&Db> = new.iter().filter(|db| db.server_kind() == Some(server.kind)).collect();
    if rivals.is_empty() {
        return Ok(());
    }
    let db = Db::open_server(server, Access::Look, 1).await.map_err(|error| {
        let text = format!("{}: {error}, so it cannot be asked whether a new database is the same", old.key);
        Error::new(Id::Database, text).fix(format!(
            "let this machine reach that database, or remove {} to go on without this proof",
            old.key
        ))
    })?;
    let found = same_as(&db, &rivals).await;
    db.close().await;
    match found? {
        None => Ok(()),
        Some(identity) => Err(Error::new(
            Id::ConfigOldDatabase,
            format!("a database to be rewritten is the old server's own: both are {identity}"),
        )),
    }
}

async fn same_as(old: &Db, new: &[&&Db]) -> Result<Option<String>> {
    let identity = old.identity().await.map_err(|error| failed(old, &error))?;
    for db in new {
        if db.identity().await.map_err(|error| failed(db, &error))? == identity {
            return Ok(Some(identity));
        }
    }
    // Whoever holds the lock there is either us or another rotation: neither may be.
    Ok(old.is_claimed().await.map_err(|error| failed(old, &error))?.then_some(identity))
}

/// Refuses a database to which others are connected, unless they are expected.
pub(super) async fn refuse_strangers(db: &Db, expected: bool) -> Result<()> {
    let (begun, mut said) = (Instant::now(), false);
    loop {
        let strangers = db.strangers().await.map_err(|error| failed(db, &error))?;
        if strangers.is_empty() {
            return Ok(());
        }
        let named = names(&strangers);
        if expected {
            tracing::warn!("{}: others are connected, as --others-connected allows: {named}", db.place());
            return Ok(());
        }
        let afterlife = strangers.iter().map(|stranger| stranger.afterlife).min().unwrap_or_default();
        if begun.elapsed() >= afterlife {
            let text = format!("{}: others are connected: {named}", db.place());
            return Err(Error::new(Id::OthersConnected, text));
        }
        wait_said(&mut said, &format!("{}: a session of this user is still there", db.place())).await;
    }
}

fn names(strangers: &[Stranger]) -> String {
    let mut named: Vec<String> = strangers.iter().take(NAMED).map(|stranger| stranger.who.clone()).collect();
    if strangers.len() > NAMED {
        named.push(format!("and {} more", strangers.len() - NAMED));
    }
    named.join("; ")
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
