//! Errors of MySQL and MariaDB: what to do about each.

use crate::error::Class;

/// What to do about an error, by its number and SQLSTATE.
pub(super) fn class(number: i64, state: &str) -> Class {
    match number {
        // lock wait timeout, deadlock, record changed, query interrupted, statement took too long
        // the list of sessions has a statement with bytes in it that are no text
        // a replication group did not take a transaction: it was too large or its member leaves, another was first
        // a transaction has no room in the binary log's cache (max_binlog_cache_size)
        1205 | 1213 | 1020 | 1317 | 1969 | 3024 | 3854 | 3100 | 3101 | 1197 => Class::Retry,
        // too many connections, shutting down, node not ready, nothing is known of a commit, connection
        // killed, ended because it was idle
        1040 | 1203 | 1226 | 1053 | 1077 | 1047 | 1180 | 1927 | 3169 | 4031
        // read only, which is a failover or a switch-over: as an option, in InnoDB; offline; TLS asked for meanwhile
        | 1290 | 1836 | 3032 | 3159 => Class::Lost,
        // NULL, duplicate, foreign key, too long, out of range, not in this character set, CHECK,
        // raised by a trigger, larger than a packet
        1048 | 1062 | 1451 | 1452 | 1406 | 1264 | 1265 | 1366 | 1292 | 3819 | 4025 | 1644 | 1153 | 1364 => {
            Class::Row
        }
        _ if state == "45000" => Class::Row,
        _ => Class::Environment,
    }
}

/// Causes of MySQL and MariaDB, by number.
const LOGINS: &[(i64, &str)] = &[
    (
        1045,
        "check user and password in properties.yaml; the user must be allowed from this host, and without TLS if the URL \
         forbids it (`SHOW CREATE USER`)",
    ),
    (
        1698,
        "the user logs in by the operating system's name: make a user with a password for the rotation (docs/databases.md)",
    ),
    (1044, "let a DBA grant the user this database (docs/databases.md), or correct its name in the URL"),
    (1049, "correct the database's name in the URL, or make the copy first (`keyrotation runbook copy`)"),
    (1130, "let a DBA make the user for this host: `CREATE USER 'name'@'this host' …`"),
    (1129, "let a DBA run `TRUNCATE TABLE performance_schema.host_cache`, or `FLUSH HOSTS`"),
    (
        1226,
        "raise or lift the user's limits, by the hour or of connections (`ALTER USER … WITH MAX_QUERIES_PER_HOUR 0 \
         MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0`; on all: MAX_USER_CONNECTIONS 0), then the same command, or \
         `keyrotation resume` if it has begun",
    ),
    (1251, "let a DBA change how the user logs in, to caching_sha2_password or mysql_native_password"),
    (1524, "let a DBA change how the user logs in, to caching_sha2_password or mysql_native_password"),
    (1820, "the password has expired: `ALTER USER … IDENTIFIED BY …`, then write it into properties.yaml"),
    (1862, "the password has expired: `ALTER USER … IDENTIFIED BY …`, then write it into properties.yaml"),
    (3032, "let a DBA run `SET GLOBAL offline_mode = OFF`"),
    (3118, "the user is locked: `ALTER USER … ACCOUNT UNLOCK`"),
    (4151, "the user is locked: `ALTER USER … ACCOUNT UNLOCK`"),
    (3955, "the user is locked after wrong passwords: `ALTER USER … ACCOUNT UNLOCK`"),
    (4166, "the user is locked after wrong passwords: `FLUSH PRIVILEGES`"),
    (
        3159,
        "the server takes connections with TLS only: take useSSL=false out of the URL, or write sslMode=REQUIRED",
    ),
];

/// What to do about a login that is refused.
pub(super) fn remedy(number: i64, _: &str, _: &str) -> Option<&'static str> {
    LOGINS.iter().find(|(cause, _)| *cause == number).map(|(_, remedy)| *remedy)
}
