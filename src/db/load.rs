//! How much work a server has, and how far behind those are that follow it: so that a rotation can give way.

use super::identity::{number, word};
use super::server::Kind;
use super::{Db, DbError, Value};

/// Sessions that run a statement, this process's among them.
const POSTGRES_RUNNING: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity \
     WHERE state OPERATOR(pg_catalog.=) 'active'::text AND backend_type OPERATOR(pg_catalog.=) 'client backend'::text";
/// How far the log is written, and how far each server has replayed it that follows this one. Both are 0 where this
/// is a standby itself. Backups and archives of the log (`pg_basebackup`, `pg_receivewal`) replay nothing and are left
/// out; where the state is hidden, so is whether it is one.
const POSTGRES_FOLLOWERS: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 \
     ELSE (pg_catalog.pg_current_wal_insert_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint END, \
     pg_catalog.concat_ws(' at ', CASE WHEN application_name::text OPERATOR(pg_catalog.<>) ''::text \
     THEN application_name::text ELSE 'unnamed' END, pg_catalog.host(client_addr)), \
     (replay_lsn OPERATOR(pg_catalog.-) '0/0'::pg_lsn)::bigint FROM pg_catalog.pg_stat_replication \
     WHERE (state OPERATOR(pg_catalog.=) 'backup'::text OR (state OPERATOR(pg_catalog.=) 'streaming'::text \
     AND replay_lsn IS NULL)) IS NOT TRUE ORDER BY 2";
/// Statements that run, this process's among them; and for how long, in nanoseconds, a cluster has held its nodes up so
/// that the slowest can follow.
const MYSQL_STATUS: &str =
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running', 'wsrep_flow_control_paused_ns')";

/// Every statement of this file: dialect, what it is for, text.
pub const STATEMENTS: &[(&str, &str, &str)] = &[
    ("PostgreSQL", "how many statements run", POSTGRES_RUNNING),
    ("PostgreSQL", "how far those are that follow it", POSTGRES_FOLLOWERS),
    ("MySQL and MariaDB", "how many statements run, and whether a cluster waits for a node", MYSQL_STATUS),
];

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
        let running = self.read(POSTGRES_RUNNING, &[]).await?;
        let followers = self.read(POSTGRES_FOLLOWERS, &[]).await?;
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
        let status = self.read(MYSQL_STATUS, &[]).await?;
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
