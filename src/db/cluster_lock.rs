//! The rotation's lock on a cluster in which every node takes writes: a row, since named locks are local
//! to a node there.
//!
//! Who has the lock counts up in the row as long as the rotation lives. Whoever finds it counted up by
//! somebody else keeps away; one that has stood still for half a minute belongs to nobody any more, and is
//! taken over, if it still stands where it stood: of two who do so at once on two nodes the cluster
//! refuses one. No clock is compared with another.

use std::time::Duration;

use tokio::time::Instant;

use super::claimed::ClusterLock;
use super::database::Db;
use super::dialect::mysql::statements as mysql;
use super::error::{Class, DbError};
use super::told::{Told, number, word};
use super::value::Value;

/// After how long without a beat a lease is nobody's.
const DEAD: Duration = Duration::from_secs(30);

/// How often, at least, a rotation that writes counts up.
const ALIVE: Duration = Duration::from_secs(4);

/// How often the row is counted up, whatever else the rotation does.
const PACE: Duration = Duration::from_secs(2);

impl ClusterLock {
    /// One for a cluster, if the server is in one.
    pub(super) fn of(told: &Told) -> Result<Option<Self>, DbError> {
        if told.cluster().is_none() {
            return Ok(None);
        }
        let mut random = [0; 16];
        let drawn = getrandom::fill(&mut random);
        drawn.map_err(|error| DbError::new(Class::Environment, format!("no random number: {error}")))?;
        let node = format!("{}:{}", told.get("hostname"), told.get("port"));
        let token = format!("{:032x}", u128::from_be_bytes(random));
        Ok(Some(Self { token, node, held: false, beats: None, seen: None }))
    }

    /// Takes it, if nobody has it. Whoever has this node's own lock knows that no other process of this node
    /// lives: then a row of this node's is nobody's at once.
    pub(super) async fn claim(&mut self, db: &Db, has_node: bool) -> Result<bool, DbError> {
        match self.try_claim(db, has_node).await {
            // Another node was first.
            Err(error) if matches!(error.class, Class::Retry | Class::Row) => Ok(false),
            done => done,
        }
    }

    async fn try_claim(&mut self, db: &Db, has_node: bool) -> Result<bool, DbError> {
        let made = db.own_table(mysql::MAKE_TABLE).await;
        made.map_err(|error| {
            let text =
                format!("the table KEYROTATION_LOCK, which is a cluster's lock, cannot be made: {error}");
            // Nobody has it: that is no lock to be waited for.
            let class = if error.is_lock_wait() { Class::Environment } else { error.class };
            DbError::new(class, text)
        })?;
        let Some(row) = db.read(mysql::LOCK, &[]).await?.into_iter().next() else {
            db.read(mysql::MAKE_LOCK, &[text(&self.token), text(&self.node)]).await?;
            self.held = self.is_ours(db).await?;
            return Ok(self.held);
        };
        let (owner, node, beat) = (word(row.first()), word(row.get(1)), word(row.get(2)));
        if owner == self.token {
            self.held = true;
            return Ok(true);
        }
        let now = Instant::now();
        let since = match &self.seen {
            Some((seen, at, since)) if *seen == owner && *at == beat => *since,
            _ => now,
        };
        self.seen = Some((owner.clone(), beat.clone(), since));
        if since.elapsed() < DEAD && !(has_node && node == self.node) {
            return Ok(false);
        }
        let values = [text(&self.token), text(&self.node), text(&owner), Value::Int(number(row.get(2)))];
        db.read(mysql::TAKE_OVER_LOCK, &values).await?;
        self.held = self.is_ours(db).await?;
        Ok(self.held)
    }

    /// Counts up from now on, until it is given up: a statement that waits for a row for long must not make it
    /// look dead.
    pub(super) fn keep_up(&mut self, db: &Db) {
        if self.beats.is_some() {
            return; // since before its connection was lost
        }
        let (db, token) = (db.clone(), self.token.clone());
        let beats = tokio::spawn(async move {
            loop {
                tokio::time::sleep(PACE).await;
                // What is lost, or was taken over, shows when the lock is asked for.
                let _ = db.read(mysql::BEAT_LOCK, &[text(&token)]).await;
            }
        });
        self.beats = Some(beats.abort_handle());
    }

    /// Counts up, and says whether it is still ours.
    pub(super) async fn beat(&mut self, db: &Db) -> Result<bool, DbError> {
        match db.read(mysql::BEAT_LOCK, &[text(&self.token)]).await {
            // Somebody else counts up on another node, or has taken it over.
            Err(error) if error.class != Class::Retry => return Err(error),
            Ok(_) | Err(_) => {}
        }
        self.is_ours(db).await
    }

    async fn is_ours(&self, db: &Db) -> Result<bool, DbError> {
        let answer = db.read(mysql::LOCK, &[]).await?;
        Ok(answer.first().is_some_and(|row| word(row.first()) == self.token))
    }

    /// Gives it up, and drops the table: a process that waits makes it again.
    pub(super) async fn give_up(self, db: &Db) {
        if let Some(beats) = &self.beats {
            beats.abort();
        }
        if self.held && db.read(mysql::GIVE_UP_LOCK, &[text(&self.token)]).await.is_ok() {
            let _ = db.own_table(mysql::DROP_TABLE).await; // it does no harm where it stays
        }
    }
}

/// Whether somebody counts up in the row now.
pub(super) async fn is_alive(db: &Db) -> Result<bool, DbError> {
    let count = async || match db.read(mysql::LOCK, &[]).await {
        Ok(answer) => Ok(answer.first().map(|row| (word(row.first()), word(row.get(2))))),
        Err(error) if error.class == Class::Environment => Ok(None), // there is no such table
        Err(error) => Err(error),
    };
    let Some(first) = count().await? else { return Ok(false) };
    let begun = Instant::now();
    while begun.elapsed() < ALIVE {
        tokio::time::sleep(ALIVE / 10).await;
        if count().await?.is_some_and(|now| now != first) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
