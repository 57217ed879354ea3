//! How this process has a database's lock, and sessions of their own.

use std::sync::Arc;

use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::postgres::{PgArguments, PgConnection};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::dialect::Questions;
use super::error::{Class, DbError};
use super::jdbc::BridgeSession;
use super::pool::Session;
use super::told::Told;
use super::value::{Record, first_number};

/// A connection outside the pool.
#[derive(Debug)]
pub(super) enum DedicatedSession {
    Postgres(Box<Session<PgConnection>>),
    MySql(Box<Session<MySqlConnection>>),
    Jdbc(BridgeSession),
}

/// How this process has a database's lock, if it has it.
pub(super) type Claim = Arc<Mutex<Claimed>>;

/// What holds the lock.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// The session that has the advisory lock.
    pub(super) dedicated: Option<DedicatedSession>,
    /// The row of a cluster, beside it; also while it is waited for.
    pub(super) cluster_lock: Option<ClusterLock>,
    /// What the server tells of its cluster, once it was asked (MySQL and MariaDB).
    pub(super) told: Option<Told>,
}

impl DedicatedSession {
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Vec<Record>, DbError> {
        match self {
            Self::Postgres(session) => session.fetch(sql, PgArguments::default()).await,
            Self::MySql(session) => session.fetch(sql, MySqlArguments::default()).await,
            Self::Jdbc(session) => session.run(sql, &[]).await,
        }
    }

    pub(super) async fn is_true(&mut self, sql: &str) -> Result<bool, DbError> {
        Ok(first_number(&self.ask(sql).await?) == Some(1))
    }

    /// Takes the lock, if nobody else has it.
    pub(super) async fn claim(&mut self, questions: &Questions) -> Result<bool, DbError> {
        if let (Some(row), Self::Jdbc(session)) = (questions.lock_row, &mut *self) {
            if !row.patience.is_empty() {
                session.run(row.patience, &[]).await?;
            }
            session.begin().await?;
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
            Self::Jdbc(session) => session.close().await,
        }
    }

    pub(super) async fn number(&mut self, sql: &str) -> Result<i64, DbError> {
        first_number(&self.ask(sql).await?)
            .ok_or_else(|| DbError::new(Class::Environment, "the server gave no number for its session"))
    }
}

/// The row of a cluster, as this process has it or waits for it.
#[derive(Debug)]
pub(super) struct ClusterLock {
    pub(super) token: String,
    pub(super) node: String,
    /// Whether it is ours.
    pub(super) held: bool,
    /// Counts up meanwhile.
    pub(super) beats: Option<AbortHandle>,
    /// How it stood when it was seen first: whose, at which count.
    pub(super) seen: Option<(String, String, Instant)>,
}
