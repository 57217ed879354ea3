//! What only a server of MySQL or MariaDB can answer.

use super::super::{Questions, Room};
use crate::value::{Record, Value};

/// MySQL and MariaDB. Advisory locks belong to the server, so the database is in the lock's name.
pub(super) const QUESTIONS: Questions = Questions {
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
        left: room,
    },
    limits: "SHOW SESSION VARIABLES WHERE Variable_name IN ('max_statement_time', 'max_execution_time')",
    ..Questions::PLAIN
};

fn room(answers: &[Vec<Record>]) -> Option<i64> {
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
        assert_eq!(room(&answers(151, 0, 3)), Some(139));
        assert_eq!(room(&answers(151, 10, 3)), Some(7));
        assert_eq!(room(&answers(14, 10, 3)), Some(2));
        assert_eq!(room(&answers(0, 0, 3)), None);
    }
}
