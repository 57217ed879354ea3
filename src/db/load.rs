//! How much work a server has, and how far behind those are that follow it: so that a rotation can give way.

use super::dialect::mysql::statements as mysql;
use super::dialect::postgresql::statements as postgresql;
use super::server::Kind;
use super::told::{number, word};
use super::{Db, DbError, Value};

/// What a server tells of its work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// How many statements run; none where the server is not asked.
    pub running: Option<u64>,
    /// How far its log is written (PostgreSQL).
    pub written: i64,
    /// Who follows it (PostgreSQL).
    pub followers: Vec<Follower>,
    /// For how long a cluster has held its nodes up, in nanoseconds, since the server began (Galera).
    pub held_up: Option<u64>,
}

/// A server that follows another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    /// Its name.
    pub name: String,
    /// How far it has replayed the log; none where this user may not see that.
    pub replayed: Option<i64>,
}

impl Db {
    /// What the server tells of its work.
    pub async fn load(&self) -> Result<Load, DbError> {
        match self.server_kind() {
            Some(Kind::Postgres) => self.postgres_load().await,
            Some(Kind::MySql) => self.mysql_load().await,
            _ => Ok(Load::default()),
        }
    }

    async fn postgres_load(&self) -> Result<Load, DbError> {
        let running = self.read(postgresql::RUNNING, &[]).await?;
        let followers = self.read(postgresql::FOLLOWERS, &[]).await?;
        let follower = |record: &super::Record| Follower {
            name: word(record.get(1)),
            replayed: record.get(2).filter(|at| **at != Value::Null).map(|at| number(Some(at))),
        };
        Ok(Load {
            running: u64::try_from(number(running.first().and_then(|record| record.first()))).ok(),
            written: number(followers.first().and_then(|record| record.first())),
            followers: followers.iter().map(follower).collect(),
            held_up: None,
        })
    }

    async fn mysql_load(&self) -> Result<Load, DbError> {
        let status = self.read(mysql::RUNNING, &[]).await?;
        let told = |name: &str| {
            let is_it = |record: &&super::Record| word(record.first()).eq_ignore_ascii_case(name);
            status.iter().find(is_it).and_then(|record| word(record.get(1)).parse().ok())
        };
        Ok(Load {
            running: told("Threads_running"),
            held_up: told("wsrep_flow_control_paused_ns"),
            ..Load::default()
        })
    }
}
