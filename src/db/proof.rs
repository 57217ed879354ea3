//! The proof that no identifier can fool: what is written into one database must not show in the other.
//!
//! A token is a number that nothing but chance has chosen. On PostgreSQL it is a large object, which any
//! user may make, which a standby shows as soon as it has replayed it, and for which no table is needed;
//! elsewhere it is a row of `KEYROTATION_LOCK`. It is put down on the new side only, and taken away again.
//!
//! A node of a cluster that is behind its partners shows nothing of them, and does not say by how much. So it is
//! looked at in a session that waits until the node has caught up: then one look is proof.

use super::dialect::mysql::statements as mysql;
use super::dialect::postgresql::statements as postgresql;
use super::server::Kind;
use super::told::{number, word};
use super::{Class, Db, DbError, Value};

/// A token that was put down.
#[derive(Debug)]
pub struct Token {
    number: i64,
    /// How far the log was written when it was there (PostgreSQL).
    written: Option<i64>,
}

/// What came of putting a token down.
#[derive(Debug)]
pub enum Put {
    /// It is there.
    Token(Token),
    /// There is none, for this reason.
    Nothing(String),
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
    /// Puts a token down, if this user may.
    pub async fn put_token(&self) -> Result<Put, DbError> {
        let number = chance()?;
        let done = match self.server_kind() {
            Some(Kind::Postgres) => self.put_object(number).await,
            Some(Kind::MySql) => self.put_row(mysql::MAKE_TABLE, number).await,
            Some(Kind::H2 | Kind::Oracle | Kind::Db2) => self.put_row("", number).await,
            Some(Kind::SqlServer) => return Ok(Put::Nothing("no token is written on SQL Server".to_owned())),
            None => return Ok(Put::Nothing("it is a file".to_owned())),
        };
        match done {
            Ok(written) => Ok(Put::Token(Token { number, written })),
            Err(error) if error.class == Class::Environment => Ok(Put::Nothing(error.to_string())),
            Err(error) => Err(error),
        }
    }

    async fn put_object(&self, number: i64) -> Result<Option<i64>, DbError> {
        self.read(postgresql::PUT_OBJECT, &[Value::Int(number)]).await?;
        let answer = self.read(postgresql::LOG_WRITTEN, &[]).await?;
        Ok(answer.first().and_then(|record| word(record.first()).parse().ok()))
    }

    async fn put_row(&self, make: &str, number: i64) -> Result<Option<i64>, DbError> {
        if !make.is_empty() {
            self.own_table(make).await?;
        }
        self.read(self.dialect().tokens.put, &[Value::Int(number)]).await.map(|_| None)
    }

    /// Makes or drops the table of ours (MySQL and MariaDB), for which it waits no longer than a moment: a server would
    /// wait for a backup or another session for a year.
    pub(super) async fn own_table(&self, sql: &str) -> Result<(), DbError> {
        let statements = [mysql::IMPATIENT, sql, mysql::PATIENT].map(str::to_owned);
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
        // Asked first: what comes between the two questions is seen by the second.
        let replayed = match (self.server_kind(), token.written) {
            (Some(Kind::Postgres), Some(_)) => self.read(postgresql::LOG_REPLAYED, &[]).await?,
            _ => Vec::new(),
        };
        let answer = match self.read(self.dialect().tokens.has, &[Value::Int(token.number)]).await {
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
        for sql in
            [if is_galera { mysql::CATCH_UP_GALERA } else { mysql::CATCH_UP_GROUP }, mysql::WAIT_UNTIL_THEN]
        {
            if let Err(error) = session.ask(sql).await {
                return Ok(behind(error));
            }
        }
        let shown = session.number(&self.dialect().tokens.has.replace('?', &token.number.to_string())).await;
        let state = if is_galera { Ok(Vec::new()) } else { session.ask(mysql::MEMBER_STATE).await };
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
                "it is not a member of its replication group now ({})",
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
        let take = self.dialect().tokens.take;
        self.read(take, &[Value::Int(token.number)]).await?;
        if self.server_kind() != Some(Kind::Postgres) {
            if self.server_kind() == Some(Kind::MySql) && !self.has_cluster_lock().await {
                self.own_table(mysql::DROP_TABLE).await?;
            }
            return Ok(());
        }
        for record in self.read(postgresql::LEFT_OBJECTS, &[]).await? {
            self.read(take, &record).await?;
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
