//! Questions that only the server can answer: is somebody else at this database.

use std::time::Duration;

use super::claimed::DedicatedSession;
use super::database::{AnyDriver, Db};
use super::dialect::Questions;
use super::error::{Class, DbError};
use super::own_sessions::OwnSessions;
use super::remote::{self, SILENCE};
use super::value::{Record, Value, first_number};

/// Somebody else's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSession {
    /// The server's number for it.
    pub id: i64,
    /// Who, with what, from where.
    pub who: String,
    /// How long it may still be there if its client is gone. A session of our own user may be one
    /// of a rotation that was killed: its statement runs to its end.
    pub afterlife: Duration,
    /// It is a session of another keyrotation process, which writes nothing without the lock.
    pub is_keyrotation: bool,
    /// It is at work, or in a transaction.
    pub at_work: bool,
}

/// How long a killed client's statement may run on.
const AT_WORK: Duration = Duration::from_secs(30);
/// How long a server may take to notice that an idle session's client is gone.
const IDLE: Duration = Duration::from_secs(3);
/// Who is gone when looked at again was no session to speak of, or one of ours that had just begun.
const SECOND_LOOK: Duration = Duration::from_millis(250);

impl Db {
    /// Sessions of others in this database, as seen twice within a moment in which none of ours was being
    /// opened.
    pub async fn foreign_sessions(&self) -> Result<Vec<ForeignSession>, DbError> {
        let mut seen = self.sessions_of_others().await?;
        loop {
            if seen.is_empty() {
                return Ok(seen);
            }
            tokio::time::sleep(SECOND_LOOK).await;
            let may_be_ours = self.own().is_some_and(OwnSessions::is_opening);
            let mut again = self.sessions_of_others().await?;
            again.retain(|one| seen.iter().any(|other| other.id == one.id));
            if !may_be_ours {
                return Ok(again);
            }
            seen = again;
        }
    }

    async fn sessions_of_others(&self) -> Result<Vec<ForeignSession>, DbError> {
        let Some(questions) = self.questions() else { return Ok(Vec::new()) };
        let (database, user) = self.server().map_or(("", ""), |server| (&*server.database, &*server.user));
        let records = self.read(questions.sessions, &[]).await?;
        let records: Vec<Record> =
            records.iter().filter_map(|record| (questions.session_of)(record, database)).collect();
        let ours = self.ours(questions, &records).await?;
        let kin = self.kin(questions, &records, &ours).await?;
        let session = |record: &Record| {
            let id = record.first()?.as_int()?;
            let text = |at: usize| record.get(at).and_then(Value::as_text).unwrap_or("?");
            let program = if kin.contains(&id) {
                format!("{}session {id}", remote::APPLICATION)
            } else {
                text(2).to_owned()
            };
            let who = format!("user {}, {program}, from {}", text(1), text(3));
            let at_work = record.get(4).and_then(Value::as_int) == Some(1);
            let is_keyrotation = program.starts_with(remote::APPLICATION);
            let afterlife = match at_work {
                _ if !text(1).eq_ignore_ascii_case(user) => Duration::ZERO,
                true => AT_WORK,
                false => IDLE,
            };
            (!ours.contains(&id)).then_some(ForeignSession { id, who, afterlife, is_keyrotation, at_work })
        };
        Ok(records.iter().filter_map(session).collect())
    }

    /// Which of these sessions are those of other processes of ours, where a mark tells.
    async fn kin(
        &self,
        questions: &Questions,
        sessions: &[Record],
        ours: &[i64],
    ) -> Result<Vec<i64>, DbError> {
        let mut kin = Vec::new();
        for id in sessions.iter().filter_map(|record| record.first()?.as_int()) {
            if questions.kin_mark.is_empty() || ours.contains(&id) {
                continue;
            }
            let mark = Value::Text(format!("{}{id}", questions.kin_mark));
            let holder = self.read(questions.marked_by, &[mark]).await?;
            kin.extend(first_number(&holder).filter(|holder| *holder == id));
        }
        Ok(kin)
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
                        first_number(&holder) == Some(number)
                    }
                };
                ours.extend(is_it.then_some(number));
            }
        }
        Ok(ours)
    }

    pub(super) async fn dedicated(&self) -> Result<DedicatedSession, DbError> {
        // None is work for the server.
        let patience = self.server().map(|server| server.socket_timeout.unwrap_or(SILENCE));
        match &self.driver {
            AnyDriver::Postgres(db) => {
                Ok(DedicatedSession::Postgres(Box::new(db.connect().await?.limited(patience))))
            }
            AnyDriver::MySql(db) => {
                Ok(DedicatedSession::MySql(Box::new(db.connect().await?.limited(patience))))
            }
            AnyDriver::Jdbc(db) => db.connect().await.map(DedicatedSession::Jdbc),
            AnyDriver::Sqlite(_) => Err(DbError::new(Class::Environment, "an SQLite file has no sessions")),
        }
    }
}
