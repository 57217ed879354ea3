//! What differs between databases, as data: one description for each, with its SQL.
//!
//! A new database is a file here, a line in [`DIALECTS`] and one in `Dialect::of`. What it does not say is as
//! `Dialect::PLAIN` has it; an empty text is a question that is not asked there.

mod db2;
mod description;
mod h2;
pub(crate) mod mssql;
pub(crate) mod mysql;
pub(crate) mod oracle;
mod parts;
pub(crate) mod postgresql;
mod questions;
pub(crate) mod sqlite;

pub use db2::DB2;
pub use description::Dialect;
pub(crate) use description::WriteDelay;
pub use h2::H2;
pub use mssql::MSSQL;
pub use mysql::MYSQL;
pub use oracle::ORACLE;
pub use parts::{Catalogue, Holdups, Paging, PolicyQuestion, Rewrite, Scan, Write};
pub use postgresql::POSTGRES;
pub use questions::{LockRow, Questions, Room};
pub use sqlite::SQLITE;

use crate::server::Kind as ServerKind;

/// Every database.
pub const DIALECTS: &[&Dialect] = &[&SQLITE, &POSTGRES, &MYSQL, &H2, &ORACLE, &MSSQL, &DB2];

impl Dialect {
    /// That of a kind of server, in this major version.
    pub(crate) fn of(kind: ServerKind, major: i64) -> &'static Self {
        match kind {
            ServerKind::Postgres => &POSTGRES,
            ServerKind::MySql => &MYSQL,
            ServerKind::H2 if major < 2 => &h2::H2_1,
            ServerKind::H2 => &H2,
            ServerKind::Oracle => &ORACLE,
            ServerKind::SqlServer => &MSSQL,
            ServerKind::Db2 => &DB2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    /// Asserts what is to be done about errors, by SQLSTATE and number.
    #[track_caller]
    pub(super) fn are(of: fn(i64, &str) -> Class, class: Class, errors: &[(&str, i64)]) {
        for (state, number) in errors {
            assert_eq!(of(*number, state), class, "{state} {number}");
        }
    }

    #[test]
    fn every_dialect_says_what_standard_sql_leaves_open() {
        for dialect in DIALECTS {
            let name = dialect.name;
            let times = [dialect.log_age, dialect.age, dialect.is_true].map(|render| render("C"));
            assert!(times.iter().all(|sql| sql != "C"), "{name}");
            for asked in
                [dialect.tables, dialect.objects, dialect.table_bytes, dialect.near, dialect.log_table]
            {
                assert!(!asked.is_empty(), "{name}");
            }
            assert!(!dialect.text_columns.is_empty() && !dialect.triggers.is_empty(), "{name}");
            assert_eq!(dialect.questions.sessions.is_empty(), dialect.kind.is_none(), "{name}");
            assert!(dialect.kind.is_none_or(|kind| Dialect::of(kind, i64::MAX).name == name), "{name}");
        }
    }

    /// What is asked for is no longer than the shortest that a server reads, in any dialect.
    #[test]
    fn the_shortest_value_is_asked_for() {
        let block = "MDEyMzQ1Njc4OWFiY2RlZg==";
        let shortest = format!(r#"{{"c":"{block}","t":"AES"}}"#);
        assert_eq!((shortest.len(), format!(r#"{{"c":"{block}"#).len()), (42, 30));
        for dialect in DIALECTS {
            let from =
                if dialect.name == POSTGRES.name { "a.atttypmod OPERATOR(pg_catalog.>) 33" } else { ">= 30" };
            let asked = dialect.text_columns;
            assert!(dialect.name == SQLITE.name || asked.contains(from), "{}", dialect.name);
            assert!(!asked.contains(">= 200"), "{}", dialect.name);
        }
    }

    #[test]
    fn every_dialect_has_words_of_its_own() {
        for dialect in DIALECTS {
            assert!(dialect.has_own("null") && dialect.has_own("CURRENT_TIMESTAMP"), "{}", dialect.name);
            assert!(!dialect.has_own("USER_NAME") && !dialect.has_own("TOKEN_ID"), "{}", dialect.name);
        }
        let with_user: Vec<&str> =
            DIALECTS.iter().filter(|dialect| dialect.has_own("User")).map(|dialect| dialect.name).collect();
        assert_eq!(with_user, ["PostgreSQL", "H2", "Oracle", "SQL Server", "Db2"]);
    }

    #[test]
    fn each_cause_has_its_own_remedy() {
        let postgres = |state, message| (POSTGRES.remedy)(0, state, message);
        let wants_tls = "no pg_hba.conf entry for host \"h\", user \"u\", database \"d\", no encryption";
        assert!(postgres("28000", wants_tls).is_some_and(|remedy| remedy.contains("sslmode=require")));
        let by_13 = "pg_hba.conf rejects connection for host \"h\", user \"u\", database \"d\", SSL off";
        assert_eq!(postgres("28000", by_13), postgres("28000", wants_tls));
        let no_line = "no pg_hba.conf entry for host \"h\", user \"u\", database \"d\", SSL encryption";
        assert!(postgres("28000", no_line).is_some_and(|remedy| remedy.contains("add a line")));
        assert_eq!(postgres("23505", ""), None);
        assert!((MYSQL.remedy)(1045, "28000", "").is_some_and(|remedy| remedy.contains("password")));
        assert!((MYSQL.remedy)(1226, "42000", "").is_some_and(|remedy| remedy.contains("MAX_QUERIES")));
        assert_eq!((MYSQL.remedy)(1213, "40001", ""), None);
        // A wrong password and a database that is not there are two things; a server that is down is a third (plan::open).
        for (password, database) in [
            (postgres("28P01", ""), postgres("3D000", "")),
            ((MYSQL.remedy)(1045, "28000", ""), (MYSQL.remedy)(1049, "42000", "")),
        ] {
            assert!(password.is_some_and(|remedy| remedy.contains("user and password")), "{password:?}");
            assert!(database.is_some_and(|remedy| remedy.contains("the database's name")), "{database:?}");
        }
    }
}
