//! Whose a database is: one rotation at a time, by an advisory lock, a locked row, or a cluster's row.

use std::sync::Arc;

use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::postgres::{PgArguments, PgConnection};
use tokio::sync::Mutex;

use super::cluster_lock::{self, ClusterLock};
use super::dialect::{LockRow, Questions};
use super::identity::Told;
use super::pool::Session;
use super::server::Kind;
use super::{Access, Class, Db, DbError, Record};

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// As before.
    Kept,
    /// Its connection was lost, and it was taken again.
    Retaken,
    /// By somebody else now.
    ByAnother,
}

/// A connection outside the pool.
#[derive(Debug)]
pub(super) enum DedicatedSession {
    Postgres(Box<Session<PgConnection>>),
    MySql(Box<Session<MySqlConnection>>),
    Jdbc(super::jdbc::BridgeSession),
}

/// How this process has a database's lock, if it has it.
pub(super) type Claim = Arc<Mutex<Claimed>>;

/// What holds the lock.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// The session that has the advisory lock.
    dedicated: Option<DedicatedSession>,
    /// The row of a cluster, beside it; also while it is waited for.
    cluster_lock: Option<ClusterLock>,
    /// What the server tells of its cluster, once it was asked (MySQL and MariaDB).
    told: Option<Told>,
}

impl Claimed {
    /// The session, to close it.
    pub(super) fn take(&mut self) -> Option<DedicatedSession> {
        self.dedicated.take()
    }
}

impl DedicatedSession {
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Postgres(session) => session.fetch(sql, PgArguments::default()).await,
            Self::MySql(session) => session.fetch(sql, MySqlArguments::default()).await,
            Self::Jdbc(cluster_lock) => cluster_lock.run(sql, &[]).await,
        }
    }

    async fn is_true(&mut self, sql: &str) -> Result<bool, DbError> {
        let answer = self.ask(sql).await?;
        Ok(answer.first().and_then(|record| record.first()?.as_int()) == Some(1))
    }

    /// Takes the lock, if nobody else has it.
    async fn claim(&mut self, questions: &Questions) -> Result<bool, DbError> {
        if let (Some(row), Self::Jdbc(cluster_lock)) = (questions.lock_row, &mut *self) {
            if !row.patience.is_empty() {
                cluster_lock.run(row.patience, &[]).await?;
            }
            cluster_lock.begin().await?;
        }
        match self.is_true(questions.claim).await {
            Err(error) if error.class == Class::Retry && questions.lock_row.is_some() => Ok(false),
            asked => asked,
        }
    }

    /// Gives everything back, the lock with it.
    pub(super) async fn close(self) {
        match self {
            Self::Postgres(session) => session.close().await,
            Self::MySql(session) => session.close().await,
            Self::Jdbc(cluster_lock) => cluster_lock.close().await,
        }
    }

    pub(super) async fn number(&mut self, sql: &str) -> Result<i64, DbError> {
        let answer = self.ask(sql).await?;
        let number = answer.first().and_then(|record| record.first()?.as_int());
        number.ok_or_else(|| DbError::new(Class::Environment, "the server gave no number for its session"))
    }
}

impl Db {
    /// Claims the database for this process; false if another rotation has it. Held until the
    /// database is closed, or the connection is lost: see [`Db::hold`].
    pub async fn claim(&self) -> Result<bool, DbError> {
        let Some((claim, questions)) = self.claimed() else {
            return match self {
                Self::Sqlite(db) => db.claim(),
                Self::Postgres(_) | Self::MySql(_) | Self::Jdbc(_) => Ok(true),
            };
        };
        let mut held = claim.lock().await;
        if held.dedicated.is_some() {
            return Ok(true);
        }
        if let Some(row) = questions.lock_row
            && !self.has_lock_row(row).await?
        {
            for statement in row.make {
                self.script(statement).await.map_err(|error| {
                    let text = format!(
                        "the table {}, which stands for the lock, cannot be made: {error}",
                        row.table
                    );
                    DbError::new(error.class, text)
                })?;
            }
        }
        if self.server_kind() == Some(Kind::MySql) && held.told.is_none() {
            let told = self.told().await?;
            // Whoever only reads takes no row, and looks whether somebody has it.
            if !self.only_reads() {
                held.cluster_lock = ClusterLock::of(&told)?;
            } else if told.cluster().is_some() && cluster_lock::is_alive(self).await? {
                return Ok(false);
            }
            held.told = Some(told);
        }
        let has_locks = held.told.as_ref().is_none_or(Told::has_named_locks);
        let mut dedicated = self.dedicated().await?;
        if has_locks && !dedicated.claim(questions).await? {
            dedicated.close().await;
            return Ok(false);
        }
        if let Some(cluster_lock) = &mut held.cluster_lock
            && !cluster_lock.claim(self, has_locks).await?
        {
            dedicated.close().await;
            return Ok(false);
        }
        if let Some(cluster_lock) = &mut held.cluster_lock {
            cluster_lock.keep_up(self);
        }
        held.dedicated = Some(dedicated);
        Ok(true)
    }

    /// Makes sure that the claim still stands, and takes it again where its connection was lost.
    pub async fn hold(&self) -> Result<LockState, DbError> {
        let Some((claim, questions)) = self.claimed() else { return Ok(LockState::Kept) };
        let mut held = claim.lock().await;
        let Claimed { dedicated, cluster_lock, told } = &mut *held;
        if let Some(dedicated) = dedicated {
            let has_locks = told.as_ref().is_none_or(Told::has_named_locks);
            let question = if has_locks { questions.is_ours } else { "SELECT 1" };
            match dedicated.is_true(question).await {
                Ok(true) => {
                    let is_ours = match cluster_lock {
                        Some(cluster_lock) => cluster_lock.beat(self).await?,
                        None => true,
                    };
                    if is_ours {
                        return Ok(LockState::Kept);
                    }
                }
                Ok(false) => {}
                Err(error) if error.class == Class::Lost => {}
                Err(error) => return Err(error),
            }
        }
        held.dedicated = None;
        drop(held);
        Ok(if self.claim().await? { LockState::Retaken } else { LockState::ByAnother })
    }

    /// Whether this process has a cluster's lock by its row.
    pub(super) async fn has_cluster_lock(&self) -> bool {
        let Some((claim, _)) = self.claimed() else { return false };
        claim.lock().await.cluster_lock.is_some()
    }

    /// Gives back a cluster's lock; the advisory lock goes with its session.
    pub(super) async fn unclaim(&self) {
        let Some((claim, _)) = self.claimed() else { return };
        let mut held = claim.lock().await;
        if let Some(cluster_lock) = held.cluster_lock.take() {
            cluster_lock.give_up(self).await;
        }
    }

    /// Whether somebody holds the claim on this database: asked of the old database while this
    /// process has that of the new one, it tells whether they are one.
    pub async fn is_claimed(&self) -> Result<bool, DbError> {
        let Some((_, questions)) = self.claimed() else { return Ok(false) };
        if let Some(row) = questions.lock_row
            && !self.has_lock_row(row).await?
        {
            return Ok(false); // nobody has ever
        }
        if self.server_kind() == Some(Kind::MySql) {
            let told = self.told().await?;
            if told.cluster().is_some() && cluster_lock::is_alive(self).await? {
                return Ok(true);
            }
            if !told.has_named_locks() {
                return Ok(false);
            }
        }
        let mut dedicated = self.dedicated().await?;
        let is_free = dedicated.claim(questions).await?;
        if is_free && questions.lock_row.is_none() {
            dedicated.ask(questions.release).await?;
        }
        dedicated.close().await;
        Ok(!is_free)
    }

    fn only_reads(&self) -> bool {
        match self {
            Self::MySql(db) => db.access() == Access::ReadOnly,
            Self::Jdbc(db) => db.access() == Access::ReadOnly,
            Self::Sqlite(_) | Self::Postgres(_) => false,
        }
    }

    async fn has_lock_row(&self, row: &LockRow) -> Result<bool, DbError> {
        Ok(self.table_names().await?.iter().any(|name| name == row.table))
    }
}
