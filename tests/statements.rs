//! Every statement that the program can send, for every target in every dialect, in one snapshot:
//! `tests/snapshots/statements__every_statement.snap`. A change to any of them shows there.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test --test statements`.

use std::fmt::Write as _;

use keyrotation::db::sql::{self, Ends};
use keyrotation::db::{DIALECTS, Syntax};
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
    ]
    .map(|(what, sql)| (what.to_owned(), sql.to_owned()))
    .to_vec()
}

fn of_target(syntax: &Syntax, target: &Target) -> Vec<(String, String)> {
    let relation = &target.relation;
    let mut statements = vec![("null key".to_owned(), sql::null_key(relation))];
    for (after, upto) in [(false, false), (true, false), (false, true), (true, true)] {
        let what = match (after, upto) {
            (false, false) => "first page",
            (true, false) => "page after a key",
            (false, true) => "page up to a key",
            (true, true) => "page between keys",
        };
        let ends = Ends { after, upto };
        statements.push((what.to_owned(), sql::page(syntax, relation, &target.columns(), ends)));
    }
    statements.push((format!("{ROWS} rows by key"), sql::by_keys(relation, &target.columns(), ROWS)));
    for columns in column_sets(target) {
        let what = format!("compare and set {} in {ROWS} rows", columns.join(" and "));
        statements.push((what, sql::compare_and_set(syntax, relation, &columns, ROWS)));
    }
    statements
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
