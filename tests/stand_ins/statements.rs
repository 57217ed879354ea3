//! The statements of a rotation and of sync: read by another parser, and compiled by stand-ins against tables like
//! WSO2's. A part of them is executed, too, in whole rotations: `tests/support/java/StandIn.java`.

use keyrotation::db::{DB2, Dialect, Filter, Identifier, MSSQL, ORACLE};
use keyrotation_target::TargetRegistry;
use std::collections::BTreeMap;

use super::{DERBY, JARS, classes, must_be_understood, rendered, run_with, usual};

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
const NOT_KNOWN: [&str; 6] = [
    "SAVEPOINT ",
    "ROLLBACK TO SAVEPOINT ",
    "RELEASE SAVEPOINT ",
    "SET CURRENT LOCK TIMEOUT ",
    "SET CURRENT TEMPORAL ",
    "ALTER SESSION SET ROW ARCHIVAL VISIBILITY ",
];

/// Statements in a dialect, with values for their marks.
fn statements(dialect: &Dialect) -> Vec<String> {
    let is_wanted = |title: &Option<String>| title.as_deref().is_none_or(|title| SECTIONS.contains(&title));
    let sections = rendered::sections(dialect).into_iter().filter(|section| is_wanted(&section.title));
    let all = sections.flat_map(|section| section.statements).map(|(_, sql)| sql.replace('?', "'1'"));
    all.filter(|sql| !NOT_KNOWN.iter().any(|start| sql.starts_with(start))).collect()
}

#[test]
fn another_parser_reads_every_kind_of_statement() {
    for (described, dialect) in [(&ORACLE, "oracle"), (&MSSQL, "tsql"), (&DB2, "db2")] {
        let asked: Vec<_> = statements(described).into_iter().map(|sql| (dialect, sql)).collect();
        assert!(asked.len() > 60, "{dialect}: nearly nothing was asked");
        must_be_understood(&asked);
    }
}

/// The tables that statements name, with all their columns.
fn tables() -> Vec<String> {
    let known = TargetRegistry::built_in();
    let mut columns: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for target in known.tables() {
        let filter = target.relation.filter.iter().flat_map(Filter::columns);
        let own = target.relation.key.iter().chain(target.columns()).chain(filter);
        columns.entry(&target.relation.table).or_default().extend(own.map(Identifier::as_str));
    }
    for sync in known.synced() {
        let own = sync.relation.key.iter().chain(&sync.unique).map(Identifier::as_str);
        columns.entry(&sync.relation.table).or_default().extend(own.chain(["STATE"]));
        let key = sync.relation.key.iter().map(Identifier::as_str);
        columns.entry(&sync.log).or_default().extend(key.chain(["SYNC_ID", "SYNCED", "CHANGED_AT"]));
    }
    let one = |(table, mut columns): (&str, Vec<&str>)| {
        if !columns.contains(&"CHANGED_AT") {
            columns.push("TIME_CREATED");
        }
        columns.sort_unstable();
        columns.dedup();
        let columns: Vec<_> =
            columns.into_iter().map(|name| format!("{name} {}", type_of(table, name))).collect();
        format!("CREATE TABLE {table} ({})", columns.join(", "))
    };
    columns.into_iter().map(one).collect()
}

fn type_of(table: &str, column: &str) -> &'static str {
    match column {
        "ID" if table == "IDN_SECRET" => "VARCHAR(255)",
        "TENANT_ID" | "REG_ID" | "REG_TENANT_ID" | "ID" | "CONSUMER_KEY_ID" | "IDP_ID" => "DECIMAL(31, 0)",
        "SYNC_ID" | "SYNCED" => "INTEGER",
        "CHANGED_AT" | "TIME_CREATED" => "TIMESTAMP",
        "REQUEST" => "BLOB",
        _ => "VARCHAR(255)",
    }
}

/// Lets a stand-in compile all statements of a dialect that name our tables, in its words.
fn must_compile(classes: &str, url: &str, dialect: &Dialect, words: impl Fn(&str) -> String) {
    let sections = rendered::sections(dialect).into_iter().filter(|section| section.title.is_some());
    let all = sections.flat_map(|section| section.statements).map(|(_, sql)| sql);
    let compiled: Vec<_> = all.map(|sql| format!("PREPARE {}", words(&sql))).collect();
    assert!(compiled.len() > 200, "nearly nothing was compiled");
    let ran = run_with(classes, url, &[tables(), compiled].concat());
    ran.unwrap_or_else(|error| panic!("{url}: {error}"));
}

#[test]
fn h2_compiles_every_statement_in_its_mode_for_each() {
    let folder = classes();
    let drivers = format!("{folder}/driver:{folder}:{JARS}");
    for (dialect, url) in [
        (&ORACLE, "jdbc:oracle:thin:@//mem/stand_in"),
        (&MSSQL, "jdbc:sqlserver://mem;databaseName=stand_in"),
        (&DB2, "jdbc:db2://mem/stand_in"),
    ] {
        must_compile(&drivers, url, dialect, str::to_owned);
    }
}

#[test]
fn hsqldb_compiles_every_statement_for_oracle_and_sql_server_but_for_locks_and_times() {
    let without_times = |sql: &str, from: &str, to: &str| match sql.split_once(from) {
        Some((head, rest)) => format!("{head}0{}", rest.split_once(to).unwrap().1),
        None => sql.to_owned(),
    };
    must_compile(&usual(), "jdbc:hsqldb:mem:stand_in;sql.syntax_ora=true", &ORACLE, |sql| {
        without_times(&sql.replace(" FOR UPDATE WAIT 30", ""), "ROUND(", "* 86400000)")
    });
    must_compile(&usual(), "jdbc:hsqldb:mem:stand_in;sql.syntax_mss=true", &MSSQL, |sql| {
        let sql = sql.replace(" WITH (UPDLOCK, ROWLOCK)", "").replace("TOP (1000)", "TOP 1000");
        let sql = sql.replace("TOP (1)", "TOP 1").replace("TOP (2)", "TOP 2");
        without_times(&sql, "DATEDIFF_BIG(", "SYSUTCDATETIME())")
    });
}

#[test]
fn derby_compiles_every_statement_for_db2_but_for_times() {
    must_compile(&usual(), DERBY, &DB2, |sql| {
        let sql = sql.replace(" FOR READ ONLY WITH RS USE AND KEEP UPDATE LOCKS", " FOR READ ONLY WITH RS");
        match sql.split_once("((CAST(DAYS(") {
            Some((head, rest)) => format!("{head}0{}", rest.split_once("* 1000)").unwrap().1),
            None => sql,
        }
    });
}
