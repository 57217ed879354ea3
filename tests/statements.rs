//! Every statement that the program can send, for every target in every dialect, in one snapshot:
//! `tests/snapshots/statements__every_statement.snap`. A change to any of them shows there.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test --test statements`.

use std::fmt::Write as _;

use keyrotation::db::guard::{MYSQL_QUESTIONS, POSTGRES_QUESTIONS, Questions};
use keyrotation::db::sql::{self, Ends};
use keyrotation::db::{ColumnInfo, DIALECTS, Kind, MYSQL, POSTGRES, Syntax, Table, TableInfo, Write};
use keyrotation::plan::TOKENS;
use keyrotation::target::{TARGETS, Target};

/// Rows in the statements that name several.
const ROWS: usize = 2;

#[test]
fn every_statement() {
    let mut out = String::new();
    for syntax in DIALECTS {
        let _ = writeln!(out, "# {}", syntax.name);
        for (what, sql) in fixed(syntax) {
            let _ = writeln!(out, "{what}:\n  {sql}");
        }
        for (what, sql) in questions(syntax) {
            let _ = writeln!(out, "{what}:\n  {sql}");
        }
        for target in TARGETS {
            let _ = writeln!(out, "\n## {} ({} database)", target.id, target.store.name());
            for (what, sql) in of_target(syntax, target) {
                let _ = writeln!(out, "{what}:\n  {sql}");
            }
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => true }, {
        insta::assert_snapshot!(out);
    });
}

/// Statements that name no table of ours.
fn fixed(syntax: &Syntax) -> Vec<(String, String)> {
    [
        ("begin", syntax.begin),
        ("savepoint", sql::SAVEPOINT),
        ("back to it", sql::ROLLBACK_TO_SAVEPOINT),
        ("forget it", sql::RELEASE_SAVEPOINT),
        ("catalogue: columns", syntax.columns),
        ("catalogue: unique columns", syntax.unique),
        ("catalogue: tables and triggers", syntax.objects),
        ("catalogue: bytes on disk", syntax.table_bytes),
        ("tokens that nobody needs", &sql::outlived(syntax, &TOKENS)),
    ]
    .map(|(what, sql)| (what.to_owned(), sql.to_owned()))
    .to_vec()
}

/// What is asked of servers.
fn questions(syntax: &Syntax) -> Vec<(&'static str, &'static str)> {
    let asked: Option<&Questions> = match syntax.name {
        name if name == POSTGRES.name => Some(&POSTGRES_QUESTIONS),
        name if name == MYSQL.name => Some(&MYSQL_QUESTIONS),
        _ => None,
    };
    let each = |questions: &Questions| {
        vec![
            ("take the lock", questions.claim),
            ("give it back", questions.release),
            ("is it ours", questions.is_ours),
            ("sessions", questions.sessions),
            ("this session", questions.session),
            ("which server", questions.identity),
            ("settings that lose commits", questions.lossy),
            ("are sessions hidden", questions.is_blind),
            ("room for sessions", questions.room),
            ("limits of statements", questions.limits),
        ]
    };
    asked.map(each).unwrap_or_default()
}

/// The table of a target, with what its columns hold in WSO2's schemas.
fn table(target: &Target) -> Table {
    let kind = |column: &str| match column {
        "TENANT_ID" | "REG_ID" | "REG_TENANT_ID" | "ID" if target.id != "identity-secret" => Kind::Integer,
        "REQUEST" => Kind::Bytes,
        _ => Kind::Text,
    };
    let mut info = TableInfo::default();
    for column in target.relation.key.iter().chain(&target.columns()) {
        info.columns.insert((*column).to_owned(), ColumnInfo { kind: kind(column), ..ColumnInfo::default() });
    }
    let created = ColumnInfo { on_update: true, ..ColumnInfo::default() };
    info.columns.insert("TIME_CREATED".to_owned(), created);
    Table::new(target.relation, &[], &info)
}

fn of_target(syntax: &Syntax, target: &Target) -> Vec<(String, String)> {
    let table = table(target);
    let names: Vec<_> = target.values.iter().map(|value| value.name).collect();
    let mut statements = vec![
        ("null key".to_owned(), sql::null_key(&table)),
        ("are we allowed".to_owned(), sql::rehearse(&table, &names)),
    ];
    for (after, upto) in [(false, false), (true, false), (false, true), (true, true)] {
        let what = match (after, upto) {
            (false, false) => "first page",
            (true, false) => "page after a key",
            (false, true) => "page up to a key",
            (true, true) => "page between keys",
        };
        let ends = Ends { after, upto };
        statements.push((what.to_owned(), sql::page(syntax, &table, &target.columns(), ends)));
    }
    statements.push((format!("{ROWS} rows by key"), sql::by_keys(syntax, &table, &target.columns(), ROWS)));
    for columns in column_sets(target) {
        for (what, sql) in writes(syntax, &table, &columns) {
            statements.push((format!("{what} {} in {ROWS} rows", columns.join(" and ")), sql));
        }
    }
    statements
}

fn writes(syntax: &Syntax, table: &Table, columns: &[&str]) -> Vec<(&'static str, String)> {
    match syntax.write {
        Write::Values => vec![("compare and set", sql::set_from_values(syntax, table, columns, ROWS))],
        Write::Arrays => vec![("compare and set", sql::set_from_arrays(syntax, table, columns))],
        Write::LockFirst => vec![
            ("lock", sql::lock(syntax, table, columns, ROWS)),
            ("set locked", sql::set_locked(syntax, table, columns, ROWS)),
            ("set one by one", sql::copy::set_one(syntax, table, columns)),
        ],
    }
}

/// Every set of value columns that a row may need changed.
fn column_sets(target: &Target) -> Vec<Vec<&'static str>> {
    let names: Vec<_> = target.values.iter().map(|value| value.name).collect();
    (1..1_u32 << names.len())
        .map(|set| {
            names.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0).map(|(_, name)| *name).collect()
        })
        .collect()
}
