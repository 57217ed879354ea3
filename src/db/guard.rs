//! Questions that only the server can answer: is this the same database, is somebody else at it,
//! and is it still ours alone. SQL as data, asked over connections outside the pool.

use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::postgres::{PgArguments, PgConnection};
use tokio::sync::Mutex;

use super::jdbc::Lease;
use super::own::Own;
use super::pool::Session;
use super::remote::SILENCE;
use super::server::Server;
use super::{Class, Db, DbError, Record};

/// How a server's dialect asks.
#[derive(Debug)]
pub struct Questions {
    /// Takes the database's advisory lock for the session and says whether it got it.
    pub claim: &'static str,
    /// Releases it.
    pub release: &'static str,
    /// Whether this session has it.
    pub is_ours: &'static str,
    /// The row that stands for the lock, where the database has no advisory locks.
    pub lock_row: Option<&'static LockRow>,
    /// The sessions of other programs in this database: id, user, program, address, whether it is
    /// at work. Those of this process may be among them.
    pub sessions: &'static str,
    /// The id of this session.
    pub session: &'static str,
    /// What tells this server from all others, and the database's name. Empty where nothing does.
    pub identity: &'static str,
    /// Whether that tells servers apart, not only what is on one: else its name has to.
    pub tells_server: bool,
    /// Settings with which the server may lose what it has acknowledged: one text each. Not asked where
    /// it is empty.
    pub lossy: &'static str,
    /// Whether sessions of other users are hidden from this one.
    pub is_blind: &'static str,
    /// How many sessions the server takes in all and of this user, and how many there are: the
    /// least of what is left. Not asked where it is empty.
    pub room: &'static str,
    /// Settings that end a statement after some time: name and value. Not asked where it is empty.
    pub limits: &'static str,
}

/// A row of a table of ours that a session keeps locked in a transaction without an end: the lock
/// goes with the session, so none is ever left behind and no clock is needed.
#[derive(Debug)]
pub struct LockRow {
    /// The table.
    pub table: &'static str,
    /// Makes it, with its row.
    pub make: &'static [&'static str],
    /// Lets a session wait only a moment for the row; empty where the claim itself does.
    pub patience: &'static str,
    /// Takes the table away.
    pub remove: &'static str,
}

/// The schema in which PostgreSQL finds the tables, whatever the session's path: one database may hold two
/// deployments, or the two databases of one.
macro_rules! schema {
    () => {
        "coalesce((SELECT n.nspname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
         ON n.oid = c.relnamespace WHERE c.oid = coalesce(pg_catalog.to_regclass('idn_identity_user_data'), \
         pg_catalog.to_regclass('reg_property'))), pg_catalog.current_schema()::text, '')"
    };
}

/// The second number of the lock, for that schema.
macro_rules! lock {
    () => {
        concat!("('x' || substr(md5('keyrotation.' || ", schema!(), "), 1, 8))::bit(32)::int4")
    };
}

/// PostgreSQL. Advisory locks belong to the database, so the schema is in the lock's number.
pub const POSTGRES_QUESTIONS: Questions = Questions {
    claim: concat!("SELECT pg_try_advisory_lock(1801812338, ", lock!(), ")"),
    release: concat!("SELECT pg_advisory_unlock(1801812338, ", lock!(), ")"),
    is_ours: concat!(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() \
         AND classid = 1801812338 AND objid::int8 = (",
        lock!(),
        ")::int8 & 4294967295 AND granted)"
    ),
    sessions: "SELECT pid::bigint, usename::text, coalesce(nullif(application_name, ''), 'a program without a name'), \
               coalesce(host(client_addr), 'this machine or an address that is hidden'), \
               coalesce(state, 'idle') = 'active' FROM pg_stat_activity \
               WHERE datname = current_database() AND usename IS NOT NULL \
               AND coalesce(backend_type, 'client backend') = 'client backend' \
               AND application_name IS DISTINCT FROM current_setting('application_name') ORDER BY pid",
    session: "SELECT pg_backend_pid()::bigint",
    identity: concat!(
        "SELECT 'database ' || current_database() || ' of the cluster that began at ' || \
         pg_postmaster_start_time()::text || ', oid ' || oid::text || ', schema ' || ",
        schema!(),
        " FROM pg_database WHERE datname = current_database()"
    ),
    tells_server: true,
    lock_row: None,
    lossy: "SELECT name || ' = ' || setting FROM pg_settings \
            WHERE (name = 'synchronous_commit' AND setting = 'off') OR (name = 'fsync' AND setting = 'off') \
            OR (name = 'full_page_writes' AND setting = 'off') ORDER BY name",
    is_blind: "SELECT false",
    room: "SELECT least(current_setting('max_connections')::bigint \
           - current_setting('superuser_reserved_connections')::bigint - (SELECT count(*) FROM pg_stat_activity), \
           CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit \
           - (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = r.rolname) END) \
           FROM pg_roles r WHERE r.rolname = current_user",
    limits: "SELECT name, setting FROM pg_settings WHERE name = 'statement_timeout'",
};

/// MySQL and MariaDB. Advisory locks belong to the server, so the database is in the lock's name.
pub const MYSQL_QUESTIONS: Questions = Questions {
    claim: "SELECT GET_LOCK(CONCAT('keyrotation.', MD5(LOWER(DATABASE()))), 0)",
    release: "SELECT RELEASE_LOCK(CONCAT('keyrotation.', MD5(LOWER(DATABASE()))))",
    is_ours: "SELECT IS_USED_LOCK(CONCAT('keyrotation.', MD5(LOWER(DATABASE())))) = CONNECTION_ID()",
    sessions: "SELECT ID, USER, 'a session', HOST, COMMAND <> 'Sleep' FROM information_schema.PROCESSLIST \
               WHERE DB = DATABASE() AND USER NOT IN ('system user', 'event_scheduler') ORDER BY ID",
    session: "SELECT CONNECTION_ID()",
    identity: "SELECT CONCAT('database ', DATABASE(), ' of ', @@hostname, ':', @@port, ', server id ', @@server_id)",
    tells_server: true,
    lock_row: None,
    // Not from information_schema.GLOBAL_VARIABLES, which MySQL has no more.
    lossy: "SELECT CONCAT('innodb_flush_log_at_trx_commit = ', @@GLOBAL.innodb_flush_log_at_trx_commit) \
            FROM DUAL WHERE @@GLOBAL.innodb_flush_log_at_trx_commit <> 1",
    is_blind: "SELECT NOT EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES \
               WHERE PRIVILEGE_TYPE IN ('PROCESS', 'SUPER'))",
    // Without the privilege PROCESS only its own sessions are counted.
    room: "SELECT LEAST(@@max_connections - (SELECT COUNT(*) FROM information_schema.PROCESSLIST), \
           IF(@@max_user_connections > 0, @@max_user_connections - (SELECT COUNT(*) \
           FROM information_schema.PROCESSLIST WHERE USER() LIKE CONCAT(USER, '@%')), @@max_connections))",
    limits: "SHOW SESSION VARIABLES WHERE Variable_name IN ('max_statement_time', 'max_execution_time')",
};

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
        let ours = self.own().map(Own::numbers).unwrap_or_default();
        let stranger = |record: &Record| {
            let id = record.first()?.as_int()?;
            let text = |at: usize| record.get(at).and_then(super::Value::as_text).unwrap_or("?");
            let who = format!("user {}, {}, from {}", text(1), text(2), text(3));
            let afterlife = match record.get(4).and_then(super::Value::as_int) {
                _ if !text(1).eq_ignore_ascii_case(self.user()) => Duration::ZERO,
                Some(1) => AT_WORK,
                _ => IDLE,
            };
            (!ours.contains(&id)).then_some(Stranger { id, who, afterlife })
        };
        Ok(self.read(questions.sessions, &[]).await?.iter().filter_map(stranger).collect())
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
