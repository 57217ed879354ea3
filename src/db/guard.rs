//! Questions that only the server can answer: is this the same database, is somebody else at it,
//! and is it still ours alone. Asked over connections outside the pool.

use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::postgres::{PgArguments, PgConnection};
use tokio::sync::Mutex;

use super::jdbc::Lease;
use super::own::Own;
use super::pool::Session;
pub use super::questions::{LockRow, MYSQL_QUESTIONS, POSTGRES_QUESTIONS, Questions};
use super::remote::SILENCE;
use super::server::Server;
use super::{Class, Db, DbError, Record, Value};

/// Somebody else's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// The server's number for it.
    pub id: i64,
    /// Who, with what, from where.
    pub who: String,
    /// How long it may still be there if its client is gone. A session of our own user may be one
    /// of a rotation that was killed: its statement runs to its end.
    pub afterlife: Duration,
}

/// How long a killed client's statement may run on.
const AT_WORK: Duration = Duration::from_secs(30);
/// How long a server may take to notice that an idle session's client is gone.
const IDLE: Duration = Duration::from_secs(3);
/// Who is gone when looked at again was no session to speak of, or one of ours that had just begun.
const SECOND_LOOK: Duration = Duration::from_millis(250);

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
    Jdbc(Lease),
}

/// The session that holds a database's advisory lock, if this process has it.
pub(super) type Claim = Arc<Mutex<Option<Lone>>>;

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

/// How long the answer to such a question may take: none is work for the server.
fn patience(server: &Server) -> Duration {
    server.socket_timeout.unwrap_or(SILENCE)
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
        if held.is_some() {
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
        let mut lone = self.lone().await?;
        let is_ours = lone.claim(questions).await?;
        if is_ours {
            *held = Some(lone);
        }
        Ok(is_ours)
    }

    /// Makes sure that the claim still stands, and takes it again where its connection was lost.
    pub async fn hold(&self) -> Result<Held, DbError> {
        let Some((claim, questions)) = self.claimed() else { return Ok(Held::Still) };
        let mut held = claim.lock().await;
        if let Some(lone) = held.as_mut() {
            match lone.is_true(questions.is_ours).await {
                Ok(true) => return Ok(Held::Still),
                Ok(false) => {}
                Err(error) if error.class == Class::Lost => {}
                Err(error) => return Err(error),
            }
        }
        *held = None;
        drop(held);
        Ok(if self.claim().await? { Held::Again } else { Held::ByAnother })
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

    /// Which server and database this is, in words.
    pub async fn identity(&self) -> Result<String, DbError> {
        let Some((_, questions)) = self.claimed() else { return Ok(self.place()) };
        if questions.identity.is_empty() {
            return Ok(self.place());
        }
        let answer = self.read(questions.identity, &[]).await?;
        let text = answer.first().and_then(|record| record.first()?.as_text().map(str::to_owned));
        Ok(match text {
            Some(text) if questions.tells_server => text,
            Some(text) => format!("{text} of {}", self.place()),
            None => self.place(),
        })
    }

    /// Sessions of others in this database, as seen twice within a moment in which none of ours was being
    /// opened.
    pub async fn strangers(&self) -> Result<Vec<Stranger>, DbError> {
        let mut seen = self.sessions_of_others().await?;
        loop {
            if seen.is_empty() {
                return Ok(seen);
            }
            tokio::time::sleep(SECOND_LOOK).await;
            let may_be_ours = self.own().is_some_and(Own::is_opening);
            let mut again = self.sessions_of_others().await?;
            again.retain(|one| seen.iter().any(|other| other.id == one.id));
            if !may_be_ours {
                return Ok(again);
            }
            seen = again;
        }
    }

    async fn sessions_of_others(&self) -> Result<Vec<Stranger>, DbError> {
        let Some((_, questions)) = self.claimed() else { return Ok(Vec::new()) };
        let database = self.database();
        let records = self.read(questions.sessions, &[]).await?;
        let records: Vec<Record> =
            records.iter().filter_map(|record| (questions.session_of)(record, database)).collect();
        let ours = self.ours(questions, &records).await?;
        let stranger = |record: &Record| {
            let id = record.first()?.as_int()?;
            let text = |at: usize| record.get(at).and_then(Value::as_text).unwrap_or("?");
            let who = format!("user {}, {}, from {}", text(1), text(2), text(3));
            let afterlife = match record.get(4).and_then(Value::as_int) {
                _ if !text(1).eq_ignore_ascii_case(self.user()) => Duration::ZERO,
                Some(1) => AT_WORK,
                _ => IDLE,
            };
            (!ours.contains(&id)).then_some(Stranger { id, who, afterlife })
        };
        Ok(records.iter().filter_map(stranger).collect())
    }

    /// Which of these sessions are this process's.
    async fn ours(&self, questions: &Questions, sessions: &[Record]) -> Result<Vec<i64>, DbError> {
        let mut ours = Vec::new();
        let Some(own) = self.own() else { return Ok(ours) };
        for record in sessions {
            let Some(number) = record.first().and_then(Value::as_int) else { continue };
            for known in own.candidates(number, record.get(5).and_then(Value::as_text)) {
                let is_it = match known.mark {
                    None => true,
                    Some(mark) => {
                        let holder = self.read(questions.marked_by, &[Value::Text(mark)]).await?;
                        holder.first().and_then(|record| record.first()?.as_int()) == Some(number)
                    }
                };
                ours.extend(is_it.then_some(number));
            }
        }
        Ok(ours)
    }

    pub(super) fn claimed(&self) -> Option<(&Claim, &'static Questions)> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(db) => Some((&db.claim, &POSTGRES_QUESTIONS)),
            Self::MySql(db) => Some((&db.claim, &MYSQL_QUESTIONS)),
            // Nobody else can open the file.
            Self::Jdbc(db) => (!db.is_sole()).then(|| (db.claim(), db.questions())),
        }
    }

    fn database(&self) -> &str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(db) => &db.server().database,
            Self::MySql(db) => &db.server().database,
            Self::Jdbc(db) => &db.server().database,
        }
    }

    fn user(&self) -> &str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(db) => &db.server().user,
            Self::MySql(db) => &db.server().user,
            Self::Jdbc(db) => &db.server().user,
        }
    }

    pub(super) async fn lone(&self) -> Result<Lone, DbError> {
        match self {
            Self::Postgres(db) => {
                Ok(Lone::Postgres(Box::new(db.connect().await?.limited(Some(patience(db.server()))))))
            }
            Self::MySql(db) => {
                Ok(Lone::MySql(Box::new(db.connect().await?.limited(Some(patience(db.server()))))))
            }
            Self::Jdbc(db) => db.connect().await.map(Lone::Jdbc),
            Self::Sqlite(_) => Err(DbError::new(Class::Environment, "an SQLite file has no sessions")),
        }
    }

    /// Our own sessions, where they go by number; elsewhere by their program's name.
    pub(super) fn own(&self) -> Option<&Own> {
        match self {
            Self::Sqlite(_) | Self::Postgres(_) => None,
            Self::MySql(db) => Some(db.own()),
            Self::Jdbc(db) => Some(db.own()),
        }
    }
}
