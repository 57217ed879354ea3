//! What to do about a login that a server refuses, as data.

use super::server::Kind;

/// Causes of MySQL and MariaDB, by number.
const MYSQL: &[(i64, &str)] = &[
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

/// Causes of PostgreSQL, by SQLSTATE and a part of the message.
const POSTGRES: &[(&str, &str, &str)] = &[
    ("28P01", "", "check user and password in properties.yaml"),
    ("28000", "no encryption", "the server wants TLS from here: write sslmode=require into the URL"),
    // The same in the words of PostgreSQL 13 and before.
    ("28000", "SSL off", "the server wants TLS from here: write sslmode=require into the URL"),
    ("28000", "pg_hba.conf", "let a DBA add a line for this user, database and host to pg_hba.conf"),
    ("28000", "", "let a DBA make the role, with LOGIN (docs/databases.md)"),
    (
        "3D000",
        "",
        "correct the database's name in the URL, or make the copy first (`keyrotation runbook copy`)",
    ),
    ("42501", "permission denied for database", "let a DBA run `GRANT CONNECT ON DATABASE … TO …`"),
    ("55000", "accepting connections", "let a DBA run `ALTER DATABASE … ALLOW_CONNECTIONS true`"),
];

/// The remedy for a refused login.
pub(super) fn of_login(kind: Kind, number: i64, state: &str, message: &str) -> Option<&'static str> {
    match kind {
        Kind::MySql => MYSQL.iter().find(|(cause, _)| *cause == number).map(|(_, remedy)| *remedy),
        Kind::Postgres => {
            let is_it = |cause: &&(&str, &str, &str)| cause.0 == state && message.contains(cause.1);
            POSTGRES.iter().find(is_it).map(|(_, _, remedy)| *remedy)
        }
        Kind::H2 | Kind::Oracle | Kind::SqlServer | Kind::Db2 => None,
    }
}

/// The remedy for a transaction that a crash left unfinished in an SQLite file that is only to be read.
pub(super) const UNFINISHED: &str = "`keyrotation run` rolls it back in the new database, as `resume` and `plan --rehearse` \
     do; in the old one the old server does, when it starts";

/// The remedy for a certificate that is not trusted.
pub(super) const CERTIFICATE: &str =
    "name a PEM file with the authority that signed the server's certificate: tlsCaFile in properties.yaml";

/// The remedy for a certificate of another host.
pub(super) const CERTIFICATE_NAME: &str = "give the host by the name that its certificate has, or let a DBA make one for this \
     name; sslMode=VERIFY_CA compares no names (PostgreSQL: sslmode=verify-ca)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_own_remedy() {
        let postgres = |state, message| of_login(Kind::Postgres, 0, state, message);
        let wants_tls = "no pg_hba.conf entry for host \"h\", user \"u\", database \"d\", no encryption";
        assert!(postgres("28000", wants_tls).is_some_and(|remedy| remedy.contains("sslmode=require")));
        let by_13 = "pg_hba.conf rejects connection for host \"h\", user \"u\", database \"d\", SSL off";
        assert_eq!(postgres("28000", by_13), postgres("28000", wants_tls));
        let no_line = "no pg_hba.conf entry for host \"h\", user \"u\", database \"d\", SSL encryption";
        assert!(postgres("28000", no_line).is_some_and(|remedy| remedy.contains("add a line")));
        assert_eq!(postgres("23505", ""), None);
        assert!(of_login(Kind::MySql, 1045, "28000", "").is_some_and(|remedy| remedy.contains("password")));
        assert!(
            of_login(Kind::MySql, 1226, "42000", "").is_some_and(|remedy| remedy.contains("MAX_QUERIES"))
        );
        assert_eq!(of_login(Kind::MySql, 1213, "40001", ""), None);
        // A wrong password and a database that is not there are two things; a server that is down is a third (plan::open).
        for (password, database) in [
            (postgres("28P01", ""), postgres("3D000", "")),
            (of_login(Kind::MySql, 1045, "28000", ""), of_login(Kind::MySql, 1049, "42000", "")),
        ] {
            assert!(password.is_some_and(|remedy| remedy.contains("user and password")), "{password:?}");
            assert!(database.is_some_and(|remedy| remedy.contains("the database's name")), "{database:?}");
        }
    }
}
