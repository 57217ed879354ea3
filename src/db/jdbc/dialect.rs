//! What a kind of database needs of the bridge besides its [`Syntax`]: as data.

use std::borrow::Cow;

use super::super::guard::{MYSQL_QUESTIONS, POSTGRES_QUESTIONS, Questions};
use super::super::server::{Kind, Server};
use super::super::syntax::{
    DB2, DB2_BLIND, DB2_QUESTIONS, DB2_SESSION, H2, H2_1_QUESTIONS, H2_FLUSH, H2_QUESTIONS, MSSQL,
    MSSQL_QUESTIONS, MSSQL_SESSION, ORACLE, ORACLE_BLIND, ORACLE_QUESTIONS, ORACLE_SESSION,
};
use super::super::{Access, Class, DbError, MYSQL, POSTGRES, Syntax, mysql, postgres, remedy, remote};
use super::errors;
use super::postgres::marks;
use super::wire::Failure;

/// How a kind of database is spoken to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub(super) syntax: &'static Syntax,
    pub(super) questions: &'static Questions,
    /// Whether the server takes no writes; not asked where it is empty.
    pub(super) is_replica: &'static str,
    /// The most bytes that a statement may have, likewise.
    pub(super) max_packet: &'static str,
    /// Run behind each commit, to make it last; empty where the server sees to that.
    pub(super) flush: &'static str,
    /// Sessions of this process are known by their numbers, not by a name.
    pub(super) by_number: bool,
    /// What is asked instead, where a user is not allowed to ask for the sessions of others.
    pub(super) blind: Option<&'static Questions>,
    /// What to do about an error.
    class: fn(&Failure) -> Class,
    /// How an error's code is called.
    code: fn(&Failure) -> String,
}

impl Dialect {
    /// How this kind of database is spoken to, in this major version.
    pub(super) fn of(kind: Kind, major: i64) -> Self {
        match kind {
            Kind::Postgres => Self {
                syntax: &POSTGRES,
                questions: &POSTGRES_QUESTIONS,
                is_replica: postgres::IS_REPLICA,
                max_packet: "",
                flush: "",
                by_number: false,
                blind: None,
                class: |failure| postgres::class(&failure.state),
                code: |failure| format!("SQLSTATE {}", failure.state),
            },
            Kind::MySql => Self {
                syntax: &MYSQL,
                questions: &MYSQL_QUESTIONS,
                is_replica: mysql::IS_READ_ONLY,
                max_packet: mysql::MAX_PACKET,
                flush: "",
                by_number: true,
                blind: None,
                class: |failure| mysql::class(failure.code, &failure.state),
                code: |failure| format!("error {}", failure.code),
            },
            Kind::H2 => Self {
                syntax: &H2,
                questions: if major < 2 { &H2_1_QUESTIONS } else { &H2_QUESTIONS },
                is_replica: "",
                max_packet: "",
                flush: H2_FLUSH,
                by_number: true,
                blind: None,
                class: errors::of_h2,
                code: |failure| format!("error {}", failure.code),
            },
            Kind::Oracle => Self {
                blind: Some(&ORACLE_BLIND),
                ..Self::plain(&ORACLE, &ORACLE_QUESTIONS, errors::of_oracle, |failure| {
                    format!("ORA-{:05}", failure.code)
                })
            },
            Kind::SqlServer => Self::plain(&MSSQL, &MSSQL_QUESTIONS, errors::of_sql_server, |failure| {
                format!("error {}", failure.code)
            }),
            Kind::Db2 => Self {
                blind: Some(&DB2_BLIND),
                ..Self::plain(&DB2, &DB2_QUESTIONS, errors::of_db2, |failure| {
                    format!("SQLCODE {}, SQLSTATE {}", failure.code, failure.state)
                })
            },
        }
    }

    /// One whose server is asked nothing when it is opened.
    fn plain(
        syntax: &'static Syntax,
        questions: &'static Questions,
        class: fn(&Failure) -> Class,
        code: fn(&Failure) -> String,
    ) -> Self {
        Self {
            syntax,
            questions,
            is_replica: "",
            max_packet: "",
            flush: "",
            by_number: true,
            blind: None,
            class,
            code,
        }
    }

    /// A statement with marks that JDBC takes.
    pub(super) fn marks<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        if (self.syntax.parameter)(1, super::Kind::Text).starts_with('$') { marks(sql) } else { sql.into() }
    }

    pub(super) fn explain(&self, failure: &Failure) -> DbError {
        if self.syntax.name == H2.name && failure.code == IN_USE {
            let text = "the file is open in another process, as an Identity Server's that runs: an embedded \
                        H2 database has one user at a time; stop the server that has it open (or, where it \
                        serves the file over TCP, name it by jdbc:h2:tcp://host:port/path)";
            return DbError::new(Class::Environment, text);
        }
        if self.syntax.name == H2.name && failure.code == GENERAL && failure.text.contains("read-only") {
            let text = "the file was not closed, and a transaction in it must be rolled back first: go on with \
                        `keyrotation resume`, or open the database once with the server";
            return DbError::new(Class::Environment, text);
        }
        if self.syntax.name == H2.name && failure.code == NO_ADMIN {
            let text =
                "the user must be an administrator of the H2 database, as the Identity Server's own is";
            return DbError::new(Class::Environment, text);
        }
        let mut class = (self.class)(failure);
        if failure.gone && class == Class::Environment && is_connection(&failure.state) {
            class = Class::Lost;
        }
        let text = errors::without_values(&failure.text);
        let code = match (failure.state.as_str(), failure.code) {
            ("", 0) => String::new(), // the bridge's own
            _ => format!(" ({})", (self.code)(failure)),
        };
        let kind = [(&MYSQL, Kind::MySql), (&POSTGRES, Kind::Postgres)];
        let kind = kind.into_iter().find(|(syntax, _)| syntax.name == self.syntax.name);
        let remedy = kind.and_then(|(_, kind)| remedy::of_login(kind, failure.code, &failure.state, text));
        let error = DbError::new(class, format!("{}{code}", remote::redact(text.trim()))).with_remedy(remedy);
        let is_postgres = self.syntax.name == POSTGRES.name;
        if is_postgres && postgres::hides_rows(&failure.state, None, &failure.text) {
            return error.hiding_rows();
        }
        error
    }
}

/// What each session is told first.
pub(super) fn setup(server: &Server, access: Access) -> Vec<String> {
    match server.kind {
        Kind::Postgres => postgres::setup(server, access),
        Kind::MySql => mysql::setup(access),
        Kind::H2 => vec!["SET LOCK_TIMEOUT 30000".to_owned()],
        Kind::Oracle => owned(ORACLE_SESSION),
        Kind::SqlServer => owned(MSSQL_SESSION),
        Kind::Db2 => owned(DB2_SESSION),
    }
}

fn owned(statements: &[&str]) -> Vec<String> {
    statements.iter().map(|&statement| statement.to_owned()).collect()
}

/// As what a NULL is bound, of `java.sql.Types`: `VARCHAR` where a driver takes no `NULL`.
pub(super) fn null_type(kind: Kind) -> u32 {
    match kind {
        Kind::Postgres | Kind::MySql | Kind::H2 | Kind::Oracle => 0,
        Kind::SqlServer | Kind::Db2 => 12,
    }
}

/// The driver that gives the bytes of a text as UTF-8, whatever the column's own encoding is; without one
/// texts are decoded by the driver, and encoded again.
pub(super) fn utf8_driver(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "PostgreSQL JDBC Driver",
        Kind::MySql => "MariaDB Connector/J", // MySQL's gives them as they stand in the column
        Kind::H2 | Kind::Oracle | Kind::SqlServer | Kind::Db2 => "",
    }
}

/// Properties of the connection, besides user and password.
pub(super) fn properties(kind: Kind) -> Vec<(&'static str, &'static str)> {
    match kind {
        // One that the server does not answer is noticed, and the sessions go by their name.
        Kind::Postgres => vec![("ApplicationName", remote::application()), ("tcpKeepAlive", "true")],
        Kind::MySql => vec![("allowMultiQueries", "true")],
        Kind::H2 => Vec::new(),
        Kind::Oracle => vec![("v$session.program", remote::application())],
        Kind::SqlServer => vec![("applicationName", remote::application())],
        Kind::Db2 => vec![("clientProgramName", remote::application())],
    }
}

/// Connections, and what SQLSTATEs that begin with 08 are of; without one nobody answered.
fn is_connection(state: &str) -> bool {
    state.is_empty() || state.starts_with("08")
}

/// Database may be already in use.
const IN_USE: i64 = 90_020;

/// Whether a file cannot be opened since another process has it open.
pub(super) fn is_in_use(failure: &Failure) -> bool {
    failure.code == IN_USE
}
/// Any fault within H2.
const GENERAL: i64 = 50_000;
/// Admin rights are required.
const NO_ADMIN: i64 = 90_040;

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(state: &str, code: i64, text: &str) -> Failure {
        Failure { gone: false, state: state.into(), code, text: text.into() }
    }

    #[test]
    fn a_connection_that_the_driver_calls_gone_is_lost_unless_the_server_said_more() {
        let gone = |state: &str| Failure { gone: true, state: state.into(), ..Failure::default() };
        let class = |kind, state| Dialect::of(kind, 99).explain(&gone(state)).class;
        assert_eq!(class(Kind::MySql, "08000"), Class::Lost);
        assert_eq!(class(Kind::Postgres, ""), Class::Lost);
        assert_eq!(class(Kind::MySql, "28000"), Class::Environment);
    }

    #[test]
    fn neither_statement_nor_values_are_shown() {
        let secret = "eyJjIjoi".repeat(20);
        let text = format!(
            "Value too long for column \"V\": \"'{secret}'\"; SQL statement:\nUPDATE T SET V = '{secret}' [22001-214]"
        );
        let shown = Dialect::of(Kind::H2, 2).explain(&failure("22001", 22_001, &text)).to_string();
        assert_eq!(shown, "Value too long for column \"V\": \"…\" (error 22001)");
        let text = format!(
            "ERROR: duplicate key value violates unique constraint \"U\"\n  Detail: Key (v)=({secret}) already exists."
        );
        let shown = Dialect::of(Kind::Postgres, 15).explain(&failure("23505", 0, &text)).to_string();
        assert_eq!(shown, "ERROR: duplicate key value violates unique constraint \"U\" (SQLSTATE 23505)");
    }
}
