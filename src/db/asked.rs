//! What a server is asked besides who is at it: its limits, what it may lose, whether it shows its sessions.

use std::time::Duration;

use super::dialect::postgresql::statements as postgresql;
use super::server::Kind;
use super::value::first_number;
use super::{Db, DbError, Record};

/// MySQL's word for a privilege that is missing.
const NO_PRIVILEGE: &str = "(error 1227)";

impl Db {
    /// Other roles that may make objects where this program's session resolves names, each with the schema; only
    /// PostgreSQL calls what fits a call best, whoever owns it.
    pub async fn creators(&self) -> Result<Vec<(String, String)>, DbError> {
        if self.server_kind() != Some(Kind::Postgres) {
            return Ok(Vec::new());
        }
        self.named_with_roles(postgresql::CREATORS).await
    }

    /// The tables that are of other roles than the schema's and this user, each with its role (PostgreSQL).
    pub async fn foreign_owners(&self) -> Result<Vec<(String, String)>, DbError> {
        if self.server_kind() != Some(Kind::Postgres) {
            return Ok(Vec::new());
        }
        self.named_with_roles(postgresql::FOREIGN_OWNERS).await
    }

    async fn named_with_roles(&self, sql: &str) -> Result<Vec<(String, String)>, DbError> {
        let answer = self.read(sql, &[]).await?;
        let text = |record: &Record, at: usize| Some(record.get(at)?.as_text()?.to_owned());
        Ok(answer.iter().filter_map(|record| Some((text(record, 0)?, text(record, 1)?))).collect())
    }

    /// Whether sessions of other users are hidden from this one.
    pub async fn is_blind(&self) -> Result<bool, DbError> {
        let Some(questions) = self.questions() else { return Ok(false) };
        let answer = match self.read(questions.is_blind, &[]).await {
            Err(error) if error.to_string().contains(NO_PRIVILEGE) => return Ok(true),
            answer => answer?,
        };
        Ok(first_number(&answer) == Some(1))
    }

    /// After how long the server ends a statement, if it does.
    pub async fn statement_limit(&self) -> Result<Option<Duration>, DbError> {
        let Some(questions) = self.questions() else { return Ok(None) };
        let limit = |record: &Record| {
            let value: f64 = record.get(1)?.as_text()?.parse().ok()?;
            let is_seconds = record.first()?.as_text()? == "max_statement_time"; // MariaDB's; the others, milliseconds
            let limit = Duration::try_from_secs_f64(if is_seconds { value } else { value / 1000.0 }).ok()?;
            (!limit.is_zero()).then_some(limit)
        };
        if questions.limits.is_empty() {
            return Ok(None);
        }
        Ok(self.read(questions.limits, &[]).await?.iter().filter_map(limit).min())
    }

    /// Settings of the server with which it may lose what it has acknowledged.
    pub async fn lossy_settings(&self) -> Result<Vec<String>, DbError> {
        let Some(questions) = self.questions() else { return Ok(Vec::new()) };
        if questions.lossy.is_empty() {
            return Ok(Vec::new());
        }
        self.texts(questions.lossy, &[]).await
    }

    /// Whether two connections share a session of the server: a pooler stands between that gives
    /// each transaction another one, and a lock taken in one would not be ours in the next.
    pub async fn shares_sessions(&self) -> Result<bool, DbError> {
        let Some(questions) = self.questions() else { return Ok(false) };
        let (mut one, mut other) = (self.dedicated().await?, self.dedicated().await?);
        let is_one = one.number(questions.session).await? == other.number(questions.session).await?;
        one.close().await;
        other.close().await;
        Ok(is_one)
    }
}
