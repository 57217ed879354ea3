//! The proof that no identifier can fool: what is written into one database must not show in the other.
//!
//! A token is a number that nothing but chance has chosen. On PostgreSQL it is a large object, which any
//! user may make, which a standby shows as soon as it has replayed it, and for which no table is needed;
//! elsewhere it is a row of `KEYROTATION_LOCK`. It is put down on the new side only, and taken away again.
//!
//! A node of a cluster that is behind its partners shows nothing of them, and does not say by how much. So it is
//! looked at in a session that waits until the node has caught up: then one look is proof.

use super::identity::{number, word};
use super::server::Kind;
use super::{Class, Db, DbError, Value};

/// An object holds what it is: one that a crash has left behind is found by that.
const PUT_OBJECT: &str = "SELECT pg_catalog.lo_from_bytea($1::bigint::oid, \
     pg_catalog.convert_to('keyrotation token'::text, 'UTF8'::name))::bigint";
const HAS_OBJECT: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata \
     WHERE oid OPERATOR(pg_catalog.=) $1::bigint::oid";
const TAKE_OBJECT: &str = "SELECT pg_catalog.lo_unlink($1::bigint::oid)";
/// Those of this user that were left behind.
const LEFT_OBJECTS: &str = "SELECT oid::bigint FROM pg_catalog.pg_largeobject_metadata WHERE CASE \
     WHEN lomowner OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_roles \
     WHERE rolname OPERATOR(pg_catalog.=) current_user) \
     THEN pg_catalog.lo_get(oid, 0::bigint, 18) OPERATOR(pg_catalog.=) \
     pg_catalog.convert_to('keyrotation token'::text, 'UTF8'::name) ELSE false END ORDER BY 1 LIMIT 100";
/// Where a primary is in its log, and where a standby is in replaying it.
const LOG_WRITTEN: &str =
    "SELECT (pg_catalog.pg_current_wal_insert_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint";
const LOG_REPLAYED: &str =
    "SELECT (pg_catalog.pg_last_wal_replay_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint";

/// The table of ours on MySQL and MariaDB.
pub(super) const MAKE_TABLE: &str = "CREATE TABLE IF NOT EXISTS KEYROTATION_LOCK (ID BIGINT NOT NULL PRIMARY KEY, \
     TOKEN VARCHAR(64) NOT NULL, NODE VARCHAR(255) NOT NULL, BEAT BIGINT NOT NULL) ENGINE = InnoDB";
pub(super) const DROP_TABLE: &str = "DROP TABLE IF EXISTS KEYROTATION_LOCK";
/// How long that waits for somebody else's lock, and as long as is usual again.
const IMPATIENT: &str = "SET SESSION lock_wait_timeout = 20";
const PATIENT: &str = "SET SESSION lock_wait_timeout = DEFAULT";
const PUT_ROW: &str = "INSERT INTO KEYROTATION_LOCK (ID, TOKEN, NODE, BEAT) VALUES (?, '', '', 0)";
const HAS_ROW: &str = "SELECT COUNT(*) FROM KEYROTATION_LOCK WHERE ID = ?";
const TAKE_ROW: &str = "DELETE FROM KEYROTATION_LOCK WHERE ID = ?";
/// From now on a session of a Galera node sees all that its cluster had committed. Without the first it would not
/// wait where somebody has allowed stale reads.
const CATCH_UP_GALERA: &str = "SET SESSION wsrep_dirty_reads = 0, SESSION wsrep_sync_wait = 1";
/// Likewise one of a member of a replication group, if the member is in its group; it waits no longer than that.
const CATCH_UP_GROUP: &str =
    "SET SESSION group_replication_consistency = 'BEFORE', SESSION wait_timeout = 20";
/// The session waits here, whether or not the table of the next statement is there.
const WAIT_UNTIL_THEN: &str = "START TRANSACTION READ ONLY";
/// A member that has left its group waits for nobody.
const MEMBER_STATE: &str = "SELECT MEMBER_STATE FROM performance_schema.replication_group_members \
     WHERE MEMBER_ID = @@GLOBAL.server_uuid";
/// Where the table is the row that stands for the lock.
const PUT_LOCK_ROW: &str = "INSERT INTO KEYROTATION_LOCK (ID) VALUES (?)";

/// Every statement of this file: dialect, what it is for, text.
pub const STATEMENTS: &[(&str, &str, &str)] = &[
    ("PostgreSQL", "put a token down", PUT_OBJECT),
    ("PostgreSQL", "does it show", HAS_OBJECT),
    ("PostgreSQL", "take it away", TAKE_OBJECT),
    ("PostgreSQL", "tokens that were left", LEFT_OBJECTS),
    ("PostgreSQL", "how far a primary has written", LOG_WRITTEN),
    ("PostgreSQL", "how far a standby has replayed", LOG_REPLAYED),
    ("MySQL and MariaDB", "make the table of tokens", MAKE_TABLE),
    ("MySQL and MariaDB", "wait for no backup", IMPATIENT),
    ("MySQL and MariaDB", "wait again", PATIENT),
    ("MySQL and MariaDB", "put a token down", PUT_ROW),
    ("MySQL and MariaDB", "does it show", HAS_ROW),
    ("MySQL and MariaDB", "take it away", TAKE_ROW),
    ("MySQL and MariaDB", "catch up with a Galera cluster", CATCH_UP_GALERA),
    ("MySQL and MariaDB", "catch up with a replication group", CATCH_UP_GROUP),
    ("MySQL and MariaDB", "wait until it has", WAIT_UNTIL_THEN),
    ("MySQL and MariaDB", "is this member in its group", MEMBER_STATE),
    ("MySQL and MariaDB", "remove the table of tokens", DROP_TABLE),
    ("H2", "put a token down", PUT_LOCK_ROW),
    ("H2", "does it show", HAS_ROW),
    ("H2", "take it away", TAKE_ROW),
];

/// A token that was put down.
#[derive(Debug)]
pub struct Token {
    number: i64,
    /// How far the log was written when it was there (PostgreSQL).
    written: Option<i64>,
}

/// What is seen of a token elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It shows: this is the database in which it was put down.
    Here,
    /// It cannot show any more: this server is past the place at which it would have come.
    Never,
    /// It does not show, and might later where the server is fed from another.
    NotYet,
    /// This user may not look there.
    Hidden(String),
    /// What this node of a cluster shows is no proof, for this reason.
    Behind(String),
}

impl Db {
    /// Puts a token down; the reason where this user may not.
    pub async fn put_token(&self) -> Result<Result<Token, String>, DbError> {
        let number = chance()?;
        let done = match self.server_kind() {
            Some(Kind::Postgres) => self.put_object(number).await,
            Some(Kind::MySql) => self.put_row(MAKE_TABLE, PUT_ROW, number).await,
            Some(Kind::H2 | Kind::Oracle | Kind::Db2) => self.put_row("", PUT_LOCK_ROW, number).await,
            Some(Kind::SqlServer) => return Ok(Err("no token is put down on SQL Server".to_owned())),
            None => return Ok(Err("it is a file".to_owned())),
        };
        match done {
            Ok(written) => Ok(Ok(Token { number, written })),
            Err(error) if error.class == Class::Environment => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }

    async fn put_object(&self, number: i64) -> Result<Option<i64>, DbError> {
        self.read(PUT_OBJECT, &[Value::Int(number)]).await?;
        let answer = self.read(LOG_WRITTEN, &[]).await?;
        Ok(answer.first().and_then(|record| word(record.first()).parse().ok()))
    }

    async fn put_row(&self, make: &str, put: &str, number: i64) -> Result<Option<i64>, DbError> {
        if !make.is_empty() {
            self.own_table(make).await?;
        }
        self.read(put, &[Value::Int(number)]).await.map(|_| None)
    }

    /// Makes or drops the table of ours (MySQL and MariaDB), for which it waits no longer than a moment: a server would
    /// wait for a backup or another session for a year.
    pub(super) async fn own_table(&self, sql: &str) -> Result<(), DbError> {
        let statements = [IMPATIENT, sql, PATIENT].map(str::to_owned);
        self.statements(&statements).await.map_err(|error| {
            if !error.is_lock_wait() {
                return error;
            }
            let text = "KEYROTATION_LOCK cannot be made or dropped: the server waits for another session that keeps tables \
                        from changing, such as a backup (LOCK INSTANCE FOR BACKUP, BACKUP STAGE): let it end (error 1205)";
            DbError::new(error.class, text)
        })
    }

    /// Whether a token that was put down elsewhere shows in this database.
    pub async fn sees(&self, token: &Token) -> Result<Seen, DbError> {
        let sql = if self.server_kind() == Some(Kind::Postgres) { HAS_OBJECT } else { HAS_ROW };
        // Asked first: what comes between the two questions is seen by the second.
        let replayed = match (self.server_kind(), token.written) {
            (Some(Kind::Postgres), Some(_)) => self.read(LOG_REPLAYED, &[]).await?,
            _ => Vec::new(),
        };
        let answer = match self.read(sql, &[Value::Int(token.number)]).await {
            Ok(answer) => answer,
            Err(error) if is_no_table(&error) => return Ok(Seen::NotYet),
            // A standby ends what is in the way of its replay.
            Err(error) if error.class == Class::Retry => return Ok(Seen::NotYet),
            Err(error) if error.class == Class::Environment => return Ok(Seen::Hidden(error.to_string())),
            Err(error) => return Err(error),
        };
        if number(answer.first().and_then(|record| record.first())) > 0 {
            return Ok(Seen::Here);
        }
        let replayed: Option<i64> =
            replayed.first().and_then(|record| word(record.first()).parse().ok()).filter(|at| *at > 0);
        Ok(match (replayed, token.written) {
            (Some(replayed), Some(written)) if replayed >= written => Seen::Never,
            _ => Seen::NotYet,
        })
    }

    /// Likewise, of a node of a cluster, once it has what all other nodes had: one look is proof.
    pub async fn sees_at_last(&self, token: &Token) -> Result<Seen, DbError> {
        let told = self.told().await?;
        let is_galera = told.is_on("wsrep_on");
        let mut session = self.dedicated().await?;
        let behind = |error: DbError| Seen::Behind(format!("it does not catch up with its cluster: {error}"));
        for sql in [if is_galera { CATCH_UP_GALERA } else { CATCH_UP_GROUP }, WAIT_UNTIL_THEN] {
            if let Err(error) = session.ask(sql).await {
                return Ok(behind(error));
            }
        }
        let shown = session.number(&HAS_ROW.replace('?', &token.number.to_string())).await;
        let state = if is_galera { Ok(Vec::new()) } else { session.ask(MEMBER_STATE).await };
        session.close().await;
        let shown = match shown {
            Ok(count) => count > 0,
            Err(error) if is_no_table(&error) => false,
            Err(error) => return Ok(behind(error)),
        };
        if shown {
            return Ok(Seen::Here);
        }
        Ok(match state.map(|answer| word(answer.first().and_then(|record| record.first()))) {
            Ok(state) if is_galera || state == "ONLINE" => Seen::Never,
            Ok(state) => Seen::Behind(format!(
                "it is no member of its replication group now ({})",
                if state.is_empty() { "OFFLINE" } else { &state }
            )),
            Err(error) => Seen::Behind(format!(
                "whether it is in its replication group cannot be seen: grant its user SELECT on \
                 performance_schema.replication_group_members: {error}"
            )),
        })
    }

    /// Takes a token away, and what a crash has left of others.
    pub async fn take_token(&self, token: &Token) -> Result<(), DbError> {
        let value = [Value::Int(token.number)];
        if self.server_kind() != Some(Kind::Postgres) {
            self.read(TAKE_ROW, &value).await?;
            if self.server_kind() == Some(Kind::MySql) && !self.has_cluster_lock().await {
                self.own_table(DROP_TABLE).await?;
            }
            return Ok(());
        }
        self.read(TAKE_OBJECT, &value).await?;
        for record in self.read(LEFT_OBJECTS, &[]).await? {
            self.read(TAKE_OBJECT, &record).await?;
        }
        Ok(())
    }
}

/// Whether the server says that there is no such table. One that it hides from this user is another error.
fn is_no_table(error: &DbError) -> bool {
    let text = error.to_string();
    // MySQL, H2, Oracle, Db2
    ["error 1146", "42S02", "42102", "ORA-00942", "-204"].iter().any(|code| text.contains(code))
}

/// A number that is no other's; 31 bits, as an object's has.
fn chance() -> Result<i64, DbError> {
    let mut bytes = [0; 4];
    let drawn = getrandom::fill(&mut bytes);
    drawn.map_err(|error| DbError::new(Class::Environment, format!("no random number: {error}")))?;
    Ok(i64::from(u32::from_be_bytes(bytes) >> 1).max(1 << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_numbers_that_an_object_can_have() {
        for _ in 0..100 {
            let number = chance().unwrap();
            assert!((1 << 16..=i64::from(i32::MAX)).contains(&number), "{number}");
        }
    }

    #[test]
    fn a_table_that_is_not_there_is_told_from_one_that_is_hidden() {
        let error = |text: &str| DbError::new(Class::Environment, text);
        assert!(is_no_table(&error("Table 'd.KEYROTATION_LOCK' doesn't exist (error 1146)")));
        assert!(!is_no_table(&error("SELECT command denied to user 'u' for table (error 1142)")));
    }
}
