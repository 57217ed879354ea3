//! The statements of a rotation, read by another parser. Stand-ins execute them in whole rotations:
//! `tests/support/java/StandIn.java`.

use keyrotation::db::{DB2, MSSQL, ORACLE, Syntax};

use super::{must_be_understood, rendered};

/// Sections with every kind of statement: keys of one column and of three, bytes, a filter, a change log.
/// The others differ from them in names.
const SECTIONS: [&str; 5] = [
    "identity-user-data (identity database)",
    "workflow-request (identity database)",
    "xacml-subscriber-property (identity database)",
    "sync-oauth2-access-token",
    "sync-oauth2-access-token-scope",
];

/// What sqlfluff 4.5 does not know, though the databases' manuals have it.
const NOT_KNOWN: [&str; 4] =
    ["SAVEPOINT ", "ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT ", "SET CURRENT LOCK TIMEOUT "];

/// Statements in a dialect, with values for their marks.
fn statements(syntax: &Syntax) -> Vec<String> {
    let is_wanted = |title: &Option<String>| title.as_deref().is_none_or(|title| SECTIONS.contains(&title));
    let sections = rendered::sections(syntax).into_iter().filter(|section| is_wanted(&section.title));
    let all = sections.flat_map(|section| section.statements).map(|(_, sql)| sql.replace('?', "'1'"));
    all.filter(|sql| !NOT_KNOWN.iter().any(|start| sql.starts_with(start))).collect()
}

#[test]
fn another_parser_reads_every_kind_of_statement() {
    for (syntax, dialect) in [(&ORACLE, "oracle"), (&MSSQL, "tsql"), (&DB2, "db2")] {
        let asked: Vec<_> = statements(syntax).into_iter().map(|sql| (dialect, sql)).collect();
        assert!(asked.len() > 60, "{dialect}: nearly nothing was asked");
        must_be_understood(&asked);
    }
}
