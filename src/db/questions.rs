//! How each dialect asks what only the server can answer, as data: who is connected, who has the lock, which
//! database this is.

use super::{Record, Value};

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
    /// at work, and, where ids come again, since when it is there. Those of this process may be among them.
    pub sessions: &'static str,
    /// Such a session, from a row of the answer and the database's name; none if it is in another database.
    pub session_of: fn(&Record, &str) -> Option<Record>,
    /// The id of this session and, where ids come again, since when it is there.
    pub session: &'static str,
    /// Likewise, and takes a mark: a lock of this name, which ends with the session.
    pub marked_session: Option<&'static str>,
    /// Which session has a mark.
    pub marked_by: &'static str,
    /// What the mark by which other processes of ours know such a session begins with; its number follows.
    pub kin_mark: &'static str,
    /// What tells this server from all others, and the database's name. Empty where nothing does.
    pub identity: &'static str,
    /// Whether that tells servers apart, not only what is on one: else its name has to.
    pub tells_server: bool,
    /// Settings with which the server may lose what it has acknowledged: one text each. Not asked where
    /// it is empty.
    pub lossy: &'static str,
    /// Whether sessions of other users are hidden from this one; so is an error for want of a privilege.
    pub is_blind: &'static str,
    /// How many more sessions the server takes.
    pub room: Room,
    /// Settings that end a statement after some time: name and value. Not asked where it is empty.
    pub limits: &'static str,
}

/// How many more sessions a server takes, in all and of this user: the least of what is left.
#[derive(Debug)]
pub struct Room {
    /// What is asked; nothing where nobody tells.
    pub asks: &'static [&'static str],
    /// What the answers come to.
    pub left: fn(&[Vec<Record>]) -> Option<i64>,
}

impl Room {
    /// Of a server that does not tell.
    pub const UNKNOWN: Self = Self { asks: &[], left: |_| None };
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
         ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE c.oid OPERATOR(pg_catalog.=) \
         coalesce(pg_catalog.to_regclass('idn_identity_user_data'), pg_catalog.to_regclass('reg_property'))::oid), \
         pg_catalog.current_schema()::text, '')"
    };
}

/// Asks for it.
pub(super) const POSTGRES_SCHEMA: &str = concat!("SELECT ", schema!());

/// The second number of the lock, for that schema.
macro_rules! lock {
    () => {
        concat!(
            "('x'::text OPERATOR(pg_catalog.||) pg_catalog.substr(pg_catalog.md5('keyrotation.'::text \
             OPERATOR(pg_catalog.||) ",
            schema!(),
            "), 1, 8))::bit(32)::int4"
        )
    };
}

/// PostgreSQL. Advisory locks belong to the database, so the schema is in the lock's number.
pub const POSTGRES_QUESTIONS: Questions = Questions {
    claim: concat!("SELECT pg_catalog.pg_try_advisory_lock(1801812338, ", lock!(), ")"),
    release: concat!("SELECT pg_catalog.pg_advisory_unlock(1801812338, ", lock!(), ")"),
    is_ours: concat!(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory'::text \
         AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND classid OPERATOR(pg_catalog.=) 1801812338::oid \
         AND objid::int8 OPERATOR(pg_catalog.=) ((",
        lock!(),
        ")::int8 OPERATOR(pg_catalog.&) 4294967295::int8) AND granted)"
    ),
    sessions: "SELECT pid::bigint, usename::text, \
               CASE WHEN application_name::text OPERATOR(pg_catalog.<>) ''::text THEN application_name::text \
               ELSE 'a program without a name' END, \
               coalesce(pg_catalog.host(client_addr), 'this machine or an address that is hidden'), \
               coalesce(state::text, 'idle') OPERATOR(pg_catalog.<>) 'idle'::text FROM pg_catalog.pg_stat_activity \
               WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND usename IS NOT NULL \
               AND coalesce(backend_type::text, 'client backend') OPERATOR(pg_catalog.=) 'client backend'::text \
               AND application_name::text IS DISTINCT FROM pg_catalog.current_setting('application_name') ORDER BY pid",
    session_of: |row, _| Some(row.clone()),
    session: "SELECT pg_catalog.pg_backend_pid()::bigint",
    marked_session: None,
    marked_by: "",
    kin_mark: "",
    identity: concat!(
        "SELECT pg_catalog.format('database %s of the cluster that began at %s, oid %s, schema %s', datname, \
         pg_catalog.pg_postmaster_start_time(), oid, ",
        schema!(),
        ") FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
    ),
    tells_server: true,
    lock_row: None,
    lossy: "SELECT pg_catalog.format('%s = %s', name, setting) FROM pg_catalog.pg_settings \
            WHERE name OPERATOR(pg_catalog.=) ANY ('{synchronous_commit,fsync,full_page_writes}'::text[]) \
            AND setting OPERATOR(pg_catalog.=) 'off'::text ORDER BY name",
    is_blind: "SELECT false",
    room: Room {
        asks: &["SELECT least(pg_catalog.current_setting('max_connections')::bigint \
                 OPERATOR(pg_catalog.-) pg_catalog.current_setting('superuser_reserved_connections')::bigint \
                 OPERATOR(pg_catalog.-) (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity), \
                 CASE WHEN r.rolconnlimit OPERATOR(pg_catalog.>=) 0 THEN r.rolconnlimit::bigint OPERATOR(pg_catalog.-) \
                 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a \
                 WHERE a.usename OPERATOR(pg_catalog.=) r.rolname) END) \
                 FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user"],
        left: |answers| answers.first()?.first()?.first()?.as_int(),
    },
    limits: "SELECT name, setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'statement_timeout'::text",
};

/// MySQL and MariaDB. Advisory locks belong to the server, so the database is in the lock's name.
pub const MYSQL_QUESTIONS: Questions = Questions {
    claim: "SELECT GET_LOCK(CONCAT('keyrotation.', LEFT(SHA2(LOWER(DATABASE()), 256), 40)), 0)",
    release: "SELECT RELEASE_LOCK(CONCAT('keyrotation.', LEFT(SHA2(LOWER(DATABASE()), 256), 40)))",
    is_ours: "SELECT IS_USED_LOCK(CONCAT('keyrotation.', LEFT(SHA2(LOWER(DATABASE()), 256), 40))) = CONNECTION_ID()",
    // MySQL's information_schema.PROCESSLIST fails while anybody's statement has bytes in it, or what utf8mb3
    // has not (error 3854).
    sessions: "SHOW PROCESSLIST",
    session_of: |shown, database| {
        let text = |at: usize| shown.get(at).and_then(Value::as_text).unwrap_or_default();
        let (user, host, at, command) = (text(1), text(2), text(3), text(4));
        let is_here = at.to_lowercase() == database.to_lowercase();
        let is_client = !["system user", "event_scheduler"].contains(&user);
        (is_here && is_client).then(|| {
            let texts = [user, "a session", host].map(|text| Value::Text(text.to_owned()));
            let number = shown.first().cloned().unwrap_or(Value::Null);
            [number].into_iter().chain(texts).chain([Value::Int((command != "Sleep").into())]).collect()
        })
    },
    session: "SELECT CONNECTION_ID()",
    // After a restart numbers begin again: a lock of its own tells a session from its successor. By the second one
    // other processes of ours know it.
    marked_session: Some(
        "SELECT CONNECTION_ID(), NULL, GET_LOCK(?, 0), GET_LOCK(CONCAT('keyrotation.session.', CONNECTION_ID()), 0)",
    ),
    marked_by: "SELECT IS_USED_LOCK(?)",
    kin_mark: "keyrotation.session.",
    identity: "SELECT CONCAT('database ', DATABASE(), ' of ', @@hostname, ':', @@port, ', server id ', @@server_id)",
    tells_server: true,
    lock_row: None,
    // Not from information_schema.GLOBAL_VARIABLES, which MySQL has no more.
    lossy: "SELECT CONCAT('innodb_flush_log_at_trx_commit = ', @@GLOBAL.innodb_flush_log_at_trx_commit) \
            FROM DUAL WHERE @@GLOBAL.innodb_flush_log_at_trx_commit <> 1 \
            UNION ALL SELECT CONCAT('sync_binlog = ', @@GLOBAL.sync_binlog) \
            FROM DUAL WHERE @@GLOBAL.log_bin = 1 AND @@GLOBAL.sync_binlog <> 1",
    // Needs the same privilege, however the user has it: by a role, too. INNODB_TRX fails as PROCESSLIST does.
    is_blind: "SELECT COUNT(*) < 0 FROM information_schema.INNODB_METRICS",
    // Nothing of information_schema.PROCESSLIST, see above. Without the privilege PROCESS the third shows this
    // user's own sessions, which is enough.
    room: Room {
        asks: &[
            "SELECT @@max_connections, @@max_user_connections, USER()",
            "SHOW GLOBAL STATUS WHERE Variable_name = 'Threads_connected'",
            "SHOW PROCESSLIST",
        ],
        left: mysql_room,
    },
    limits: "SHOW SESSION VARIABLES WHERE Variable_name IN ('max_statement_time', 'max_execution_time')",
};

fn mysql_room(answers: &[Vec<Record>]) -> Option<i64> {
    let [limits, status, sessions] = answers else { return None };
    let text = |record: &Record, at: usize| record.get(at).and_then(Value::as_text).map(str::to_owned);
    let limits = limits.first()?;
    let [all, of_user] = [0, 1].map(|at| limits.get(at).and_then(Value::as_int).unwrap_or(0));
    let connected: i64 = text(status.first()?, 1)?.parse().ok()?;
    let user = text(limits, 2)?;
    let user = user.rsplit_once('@')?.0;
    let own = sessions.iter().filter(|session| text(session, 1).as_deref() == Some(user)).count();
    let left_of_user = (of_user > 0).then(|| of_user - i64::try_from(own).unwrap_or(of_user));
    let left = (all > 0).then(|| all - connected);
    left.into_iter().chain(left_of_user).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_on_mysql_is_the_least_of_all_limits() {
        let text = |text: &str| Value::Text(text.to_owned());
        let answers = |all: i64, of_user: i64, own: usize| {
            let own = std::iter::repeat_n(vec![Value::Int(7), text("some@one")], own);
            let sessions = own.chain([vec![Value::Int(8), text("another")]]).collect();
            let limits = vec![Value::Int(all), Value::Int(of_user), text("some@one@127.0.0.1")];
            [vec![limits], vec![vec![text("Threads_connected"), text("12")]], sessions]
        };
        assert_eq!(mysql_room(&answers(151, 0, 3)), Some(139));
        assert_eq!(mysql_room(&answers(151, 10, 3)), Some(7));
        assert_eq!(mysql_room(&answers(14, 10, 3)), Some(2));
        assert_eq!(mysql_room(&answers(0, 0, 3)), None);
    }
}
