//! Errors of PostgreSQL: what to do about each.

use crate::error::Class;

/// What to do about an error, by its SQLSTATE.
pub(super) fn class(_: i64, state: &str) -> Class {
    match state {
        // serialization failure, deadlock, lock not available, statement canceled
        "40001" | "40P01" | "55P03" | "57014" => Class::Retry,
        // shutting down, crashed, starting up, database dropped, too many connections; ended because it
        // was idle, in a transaction or not, or because its transaction took too long
        "57P01" | "57P02" | "57P03" | "57P04" | "53300" | "57P05" | "25P03" | "25P04" => Class::Lost,
        // CHECK OPTION, raised by a trigger
        "44000" | "P0001" => Class::Row,
        state => match state.get(..2) {
            Some("08") => Class::Lost,
            // data, integrity constraint, triggered data change, program limit
            Some("22" | "23" | "27" | "54") => Class::Row,
            _ => Class::Environment,
        },
    }
}

/// Whether a query was refused since a policy would have hidden rows from it. The server's words may be in any
/// language; only what raised the error is always called the same.
pub(super) fn hides_rows(state: &str, routine: Option<&str>, message: &str) -> bool {
    state == "42501" && (routine == Some("check_enable_rls") || message.contains("row-level security"))
}

/// Causes of PostgreSQL, by SQLSTATE and a part of the message.
const LOGINS: &[(&str, &str, &str)] = &[
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

/// What to do about a login that is refused.
pub(super) fn remedy(_: i64, state: &str, message: &str) -> Option<&'static str> {
    let is_it = |cause: &&(&str, &str, &str)| cause.0 == state && message.contains(cause.1);
    LOGINS.iter().find(is_it).map(|(_, _, remedy)| *remedy)
}
