//! How much there is to rotate: bytes on disk, what rewriting them takes, and tokens that nobody
//! needs any more.

use serde::Serialize;

use super::{Deployment, JobSurvey};
use crate::db::{Db, DbError, Identifier, Lifetimes, Literal, sql};
use crate::error::Result;
use crate::guard::refused;
use crate::source::Source;

/// Access tokens: a row is useless when it is not active, or when neither token in it is valid.
pub static TOKENS: Lifetimes = Lifetimes {
    table: Identifier::constant("IDN_OAUTH2_ACCESS_TOKEN"),
    state: (Identifier::constant("TOKEN_STATE"), Literal::constant("ACTIVE")),
    values: &[
        [
            Identifier::constant("ACCESS_TOKEN"),
            Identifier::constant("TIME_CREATED"),
            Identifier::constant("VALIDITY_PERIOD"),
        ],
        [
            Identifier::constant("REFRESH_TOKEN"),
            Identifier::constant("REFRESH_TOKEN_TIME_CREATED"),
            Identifier::constant("REFRESH_TOKEN_VALIDITY_PERIOD"),
        ],
    ],
};

/// The disk that a table takes, and what rewriting its rows adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// The target's id.
    pub id: String,
    /// Bytes of the table with its indexes, as its server tells; at least those of its values.
    pub bytes: u64,
    /// Bytes by which its files may grow: an estimate.
    pub growth: u64,
    /// Bytes that the server may write to its log: an estimate.
    pub log: u64,
}

/// Tokens that are not needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// All rows.
    pub rows: u64,
    /// Revoked, expired or otherwise not active.
    pub inactive: u64,
    /// Active by their state, with nothing in them that is still valid.
    pub expired: u64,
}

impl Deployment {
    /// What each table takes on disk. The shares of rows to be rewritten are those of the survey.
    pub async fn disk(&self, surveyed: &[JobSurvey]) -> Result<Vec<Disk>> {
        let mut sizes = Vec::new();
        for (job, found) in self.jobs.iter().zip(surveyed) {
            let Source::Table(source) = &job.source else { continue };
            let db = source.db();
            let failed = |error: DbError| refused(&job.place, &error);
            let Some(told) = db.table_bytes(&job.place).await.map_err(failed)? else { continue };
            // InnoDB counts anew some time after rows were loaded: until then it tells of an empty table.
            let bytes = told.max(found.bytes);
            let rewrite = db.dialect().rewrite;
            let share = |percent: u64| {
                let whole = u128::from(bytes) * u128::from(percent) / 100;
                let part = whole * u128::from(found.encrypted_rows) / u128::from(found.rows.max(1));
                u64::try_from(part).unwrap_or(u64::MAX)
            };
            sizes.push(Disk {
                id: job.id.to_string(),
                bytes,
                growth: share(rewrite.files),
                log: share(rewrite.log),
            });
        }
        Ok(sizes)
    }

    /// The tokens that a cleanup would remove; none where the table lacks a column that tells.
    pub async fn tokens(&self) -> Result<Option<Tokens>> {
        let job = self.jobs.iter().find(|job| TOKENS.table == job.place);
        let Some(Source::Table(source)) = job.map(|job| &job.source) else { return Ok(None) };
        let failed = |error: DbError| refused(&TOKENS.table, &error);
        let db: &Db = source.db();
        let Some(info) = db.table(&TOKENS.table).await.map_err(failed)? else { return Ok(None) };
        let mut needed = TOKENS.values.iter().flatten().chain([&TOKENS.state.0]);
        if !needed.all(|column| info.columns.contains_key(column.as_str())) {
            return Ok(None);
        }
        let answer = db.read(&sql::outlived(db.dialect(), &TOKENS), &[]).await.map_err(failed)?;
        let count = |at: usize| answer.first()?.get(at)?.as_int().and_then(|count| u64::try_from(count).ok());
        let (Some(rows), Some(inactive), Some(expired)) = (count(0), count(1), count(2)) else {
            return Ok(None);
        };
        Ok(Some(Tokens { rows, inactive, expired }))
    }
}
