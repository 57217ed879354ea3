//! Every statement that the program can send, for every target in every dialect, in one snapshot:
//! `tests/snapshots/statements__every_statement.snap`. A change to any of them shows there.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test --test statements`.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[path = "support/rendered.rs"]
mod rendered;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use keyrotation::db::DIALECTS;
use keyrotation_target::TargetRegistry;

#[test]
fn every_statement() {
    let mut out = String::new();
    for dialect in DIALECTS {
        let _ = writeln!(out, "# {}", dialect.name);
        for section in rendered::sections(dialect) {
            if let Some(title) = section.title {
                let _ = writeln!(out, "\n## {title}");
            }
            for (what, sql) in section.statements {
                let _ = writeln!(out, "{what}:\n  {sql}");
            }
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => true }, {
        insta::assert_snapshot!(out);
    });
}

/// What stands in front of an operator that must be of PostgreSQL's own, and of its functions.
const OPERATOR: &str = "OPERATOR(pg_catalog.";
/// Words before a bracket that begin no call: of SQL's own, and what the grammar itself takes for PostgreSQL's own.
const NO_CALLS: &[&str] = &[
    "ALL", "AND", "ANY", "ARRAY", "AS", "BY", "CAST", "COALESCE", "ELSE", "EXISTS", "EXTRACT", "FROM", "IN",
    "JOIN", "LEAST", "NOT", "ON", "OR", "SELECT", "THEN", "VALUES", "WHEN", "WHERE", "BIT", "DO", "INTO",
    "USING",
];
/// Types that are named by words of SQL, or that stand in PostgreSQL's own schema, which comes first in the path of each
/// session: a type has no other of its name that might fit better.
const TYPES: &[&str] = &[
    "bigint",
    "bit",
    "bool",
    "boolean",
    "bytea",
    "\"char\"",
    "int",
    "int2",
    "int4",
    "int8",
    "name",
    "numeric",
    "oid",
    "pg_lsn",
    "regclass",
    "regnamespace",
    "text",
    "timestamp",
    "timestamptz",
];

/// Every function and operator in a statement for PostgreSQL that another role's could take the place of. PostgreSQL
/// calls what fits the types of a call best, wherever it stands in the path. So functions and operators are named with
/// their schema; and where the grammar names the operator itself (`IN`, `IS DISTINCT FROM`), what stands before it is cast
/// to a type that the server's own operator takes exactly.
fn shadowed(sql: &str) -> Vec<String> {
    let bare = without_texts(sql).replace("MESSAGE = ", "").replace("ERRCODE = ", "");
    let mut found = Vec::new();
    // Operators.
    let mut rest = bare.replace("::", "\u{1}");
    while let Some(at) = rest.find(OPERATOR) {
        let end = at + rest[at..].find(')').unwrap();
        rest.replace_range(at..=end, "\u{2}");
    }
    let rest = assignments_of(&rest);
    let signs = |c: char| "=<>~!|+-*/%&^#@".contains(c);
    for (at, sign) in rest.match_indices(signs) {
        let (before, after) = (rest[..at].trim_end(), rest[at + sign.len()..].trim_start());
        let is_star =
            sign == "*" && (before.ends_with('(') && after.starts_with(')') || before.ends_with("SELECT"));
        let is_minus =
            sign == "-" && before.ends_with([',', '(']) && after.starts_with(|c: char| c.is_ascii_digit());
        let is_constant = sign == "=" && before.ends_with(" 1") && after.starts_with('0');
        let is_arrow = sign == "=" && before.ends_with(':');
        if !(is_star || is_minus || is_constant || is_arrow) {
            found.push(format!("the operator {sign} behind {}", last(before)));
        }
    }
    // Functions.
    for (at, _) in bare.match_indices('(') {
        let name = last(bare[..at].trim_end());
        let word = name.rsplit('.').next().unwrap();
        let before = bare[..at].trim_end().strip_suffix(name.as_str()).unwrap_or_default().trim_end();
        let upper = word.to_ascii_uppercase();
        let is_name = word.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        let is_list = ["INTO", "AS", "TABLE"].iter().any(|word| last(before).eq_ignore_ascii_case(word))
            || before.ends_with(" AS v")
            || before.is_empty();
        let is_own = name.starts_with("pg_catalog.") || before.ends_with(OPERATOR.trim_end_matches('.'));
        // Rows of them; the parser takes several arrays apart itself. No exact match of these two is anybody else's.
        let arguments = bare[at + 1..].split(')').next().unwrap();
        let is_special = upper == "UNNEST" && arguments.contains(',') || upper == "COUNT" && arguments == "*";
        if is_name
            && !is_own
            && !is_list
            && !is_special
            && !NO_CALLS.contains(&&*upper)
            && upper != "OPERATOR"
        {
            found.push(format!("the function {name}"));
        }
    }
    // What the grammar names itself.
    for word in [
        " IN (",
        " LIKE ",
        " IS DISTINCT FROM ",
        " IS NOT DISTINCT FROM ",
        " BETWEEN ",
        "NULLIF",
        " SIMILAR ",
    ] {
        for (at, _) in bare.match_indices(word) {
            let before = bare[..at].strip_suffix(" NOT").unwrap_or(&bare[..at]);
            let before = before.strip_suffix(" COLLATE \"C\"").unwrap_or(before);
            let is_cast = TYPES.iter().any(|kind| before.ends_with(&format!("::{kind}")));
            if !is_cast || word == " LIKE " {
                found.push(format!("{word} behind {}", last(before)));
            }
        }
    }
    for (at, _) in bare.match_indices("CASE ") {
        if !bare[at + 5..].starts_with("WHEN") {
            found.push("a CASE of a value".to_owned());
        }
    }
    // Types.
    for (at, _) in bare.match_indices("::") {
        let name =
            bare[at + 2..].split(|c: char| !(c.is_alphanumeric() || "_.\"".contains(c))).next().unwrap();
        let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
        if !TYPES.contains(&name) {
            found.push(format!("the type {name}"));
        }
    }
    found
}

/// The last word of a text.
fn last(text: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || "_.\"$".contains(c);
    let from =
        text.char_indices().rev().take_while(|(_, c)| part(*c)).last().map_or(text.len(), |(at, _)| at);
    text[from..].to_owned()
}

/// A statement with nothing between the quotes of its texts.
fn without_texts(sql: &str) -> String {
    sql.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

/// A statement without the names to which it assigns values.
fn assignments_of(sql: &str) -> String {
    if let Some(rest) = sql.strip_prefix("SET ") {
        return rest.replace('=', " ");
    }
    let Some((before, rest)) = sql.split_once(" SET ") else { return sql.to_owned() };
    let end = [" FROM ", " WHERE "].iter().filter_map(|word| rest.find(word)).min().unwrap_or(rest.len());
    format!("{before} SET {}{}", rest[..end].replace(" = ", " "), &rest[end..])
}

#[test]
fn no_statement_for_postgresql_calls_what_another_role_may_make() {
    let mut problems = Vec::new();
    for section in rendered::sections(&keyrotation::db::POSTGRES) {
        for (what, sql) in section.statements {
            let of = section.title.as_deref().unwrap_or("PostgreSQL");
            problems
                .extend(shadowed(&sql).into_iter().map(|found| format!("{of}, {what}: {found} in {sql}")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    // It finds what it is to find.
    for sql in [
        "SELECT upper(a::text) FROM pg_catalog.pg_class",
        "SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = 1",
        "SELECT 1 FROM t WHERE a IN ('x')",
        "SELECT 1 FROM t WHERE a NOT LIKE 'x'",
        "SELECT 1 FROM t WHERE a IS NOT DISTINCT FROM b",
        "SELECT CASE a WHEN 'x' THEN 1 END FROM t",
        "SELECT COUNT(CASE WHEN a THEN 1 END) FROM t",
        "SELECT 'x' || a FROM t",
        "UPDATE t SET a = b + 1 WHERE false",
        "SELECT a::mood FROM t",
        "SELECT unnest($1::text[])",
    ] {
        assert!(!shadowed(sql).is_empty(), "{sql}");
    }
}

/// With `UPDATE_DOCS` they are written.
#[test]
fn scripts_of_triggers_are_what_the_templates_make() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("triggers");
    let mut names = BTreeSet::from(["templates".to_owned()]);
    for (name, script) in keyrotation::triggers::scripts(&TargetRegistry::built_in()) {
        let path = folder.join(&name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &script).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == script, "triggers/{name} is old: UPDATE_DOCS=1 cargo test --test statements");
        names.insert(name);
    }
    let there = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(there.collect::<BTreeSet<_>>(), names);
}
