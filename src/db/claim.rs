//! Whose a database is: one rotation at a time, by an advisory lock, a locked row, or a cluster's row.

use std::sync::Arc;

use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::postgres::{PgArguments, PgConnection};
use tokio::sync::Mutex;

use super::guard::{LockRow, Questions};
use super::identity::Told;
use super::lease::{self, Lease};
use super::pool::Session;
use super::server::Kind;
use super::{Class, Db, DbError, Record};

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// As before.
    Still,
    /// Its connection was lost, and it was taken again.
    Again,
    /// By somebody else now.
    ByAnother,
}

/// A connection outside the pool.
#[derive(Debug)]
pub(super) enum Lone {
    Postgres(Box<Session<PgConnection>>),
    MySql(Box<Session<MySqlConnection>>),
    Jdbc(super::jdbc::Lease),
}

/// How this process has a database's lock, if it has it.
pub(super) type Claim = Arc<Mutex<Claimed>>;

/// What holds the lock.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// The session that has the advisory lock.
    lone: Option<Lone>,
    /// The row of a cluster, beside it; also while it is waited for.
    lease: Option<Lease>,
    /// What the server tells of its cluster, once it was asked (MySQL and MariaDB).
    told: Option<Told>,
}

impl Claimed {
    /// The session, to close it.
    pub(super) fn take(&mut self) -> Option<Lone> {
        self.lone.take()
    }
}

impl Lone {
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Postgres(session) => session.fetch(sql, PgArguments::default()).await,
            Self::MySql(session) => session.fetch(sql, MySqlArguments::default()).await,
            Self::Jdbc(lease) => lease.run(sql, &[]).await,
        }
    }

    async fn is_true(&mut self, sql: &str) -> Result<bool, DbError> {
        let answer = self.ask(sql).await?;
        Ok(answer.first().and_then(|record| record.first()?.as_int()) == Some(1))
    }

    /// Takes the lock, if nobody else has it.
    async fn claim(&mut self, questions: &Questions) -> Result<bool, DbError> {
        if let (Some(row), Self::Jdbc(lease)) = (questions.lock_row, &mut *self) {
            if !row.patience.is_empty() {
                lease.run(row.patience, &[]).await?;
            }
            lease.begin().await?;
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
            Self::Jdbc(lease) => lease.close().await,
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
        if held.lone.is_some() {
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
            held.lease = Lease::of(&told)?;
            held.told = Some(told);
        }
        let has_locks = held.told.as_ref().is_none_or(Told::has_named_locks);
        let mut lone = self.lone().await?;
        if has_locks && !lone.claim(questions).await? {
            lone.close().await;
            return Ok(false);
        }
        if let Some(lease) = &mut held.lease
            && !lease.claim(self, has_locks).await?
        {
            lone.close().await;
            return Ok(false);
        }
        if let Some(lease) = &mut held.lease {
            lease.keep_up(self);
        }
        held.lone = Some(lone);
        Ok(true)
    }

    /// Makes sure that the claim still stands, and takes it again where its connection was lost.
    pub async fn hold(&self) -> Result<Held, DbError> {
        let Some((claim, questions)) = self.claimed() else { return Ok(Held::Still) };
        let mut held = claim.lock().await;
        let Claimed { lone, lease, told } = &mut *held;
        if let Some(lone) = lone {
            let has_locks = told.as_ref().is_none_or(Told::has_named_locks);
            let question = if has_locks { questions.is_ours } else { "SELECT 1" };
            match lone.is_true(question).await {
                Ok(true) => {
                    let is_ours = match lease {
                        Some(lease) => lease.beat(self).await?,
                        None => true,
                    };
                    if is_ours {
                        return Ok(Held::Still);
                    }
                }
                Ok(false) => {}
                Err(error) if error.class == Class::Lost => {}
                Err(error) => return Err(error),
            }
        }
        held.lone = None;
        drop(held);
        Ok(if self.claim().await? { Held::Again } else { Held::ByAnother })
    }

    /// Whether this process has a cluster's lock by its row.
    pub(super) async fn has_lease(&self) -> bool {
        let Some((claim, _)) = self.claimed() else { return false };
        claim.lock().await.lease.is_some()
    }

    /// Gives back a cluster's lock; the advisory lock goes with its session.
    pub(super) async fn unclaim(&self) {
        let Some((claim, _)) = self.claimed() else { return };
        let mut held = claim.lock().await;
        if let Some(lease) = held.lease.take() {
            lease.give_up(self).await;
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
            if told.cluster().is_some() && lease::is_alive(self).await? {
                return Ok(true);
            }
            if !told.has_named_locks() {
                return Ok(false);
            }
        }
        let mut lone = self.lone().await?;
        let is_free = lone.claim(questions).await?;
        if is_free && questions.lock_row.is_none() {
            lone.ask(questions.release).await?;
        }
        lone.close().await;
        Ok(!is_free)
    }

    async fn has_lock_row(&self, row: &LockRow) -> Result<bool, DbError> {
        Ok(self.table_names().await?.iter().any(|name| name == row.table))
    }
}
