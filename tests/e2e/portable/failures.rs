//! Rows that cannot be rotated: they fail alone, are named with a reason, and can be tried again.

use std::collections::BTreeSet;

use keyrotation::demo::Damaged;
use keyrotation_target::TargetRegistry;
use serde_json::Value;

use crate::support::{Except, Place, execute, is_brief, number};

const RUN: &[&str] = &["run", "--chunk-size", "40", "--accept-ambiguous", "1"];
pub(crate) const RETRY: &[&str] = &["resume", "--retry-failed", "--chunk-size", "40"];

/// A deployment with values that cannot be rotated, and their rows.
fn spoiled() -> (Place, Vec<Damaged>, Except) {
    let place = Place::new(60);
    let spoiled = place.damage();
    assert!(spoiled.len() >= 9);
    let except = spoiled.iter().map(|row| (row.table.to_owned(), row_number(&place, row))).collect();
    place.count_updates();
    (place, spoiled, Except(except))
}

fn condition(row: &Damaged) -> String {
    let known = TargetRegistry::built_in();
    let target = known.table_named(row.table).unwrap();
    let parts = target.relation.key.iter().zip(&row.key);
    parts.map(|(column, part)| format!("{column} = '{part}'")).collect::<Vec<_>>().join(" AND ")
}

fn row_number(place: &Place, row: &Damaged) -> i64 {
    number(database(place, row), &format!("SELECT rowid FROM {} WHERE {}", row.table, condition(row)))
}

pub(crate) fn database<'a>(place: &'a Place, row: &Damaged) -> &'a std::path::Path {
    let d = &place.deployment;
    if row.table == "REG_PROPERTY" { &d.new_registry } else { &d.new_identity }
}

/// The failures that `status --json` lists: table or kind of files, key, column.
pub(crate) fn failures(place: &Place) -> BTreeSet<(String, String, String)> {
    let status = place.status();
    let targets = status["targets"].as_array().unwrap().iter().chain(status["files"].as_array().unwrap());
    let mut listed = BTreeSet::new();
    for target in targets {
        for failure in target["failures"].as_array().unwrap() {
            let text = |field: &Value| field.as_str().unwrap().to_owned();
            assert!(text(&failure["reason"]).len() > 10, "{failure}");
            listed.insert((text(&target["place"]), text(&failure["key"]), text(&failure["column"])));
        }
    }
    listed
}

fn named(spoiled: &[Damaged]) -> BTreeSet<(String, String, String)> {
    let name = |row: &Damaged| (row.table.to_owned(), row.key.join("/"), row.column.to_owned());
    spoiled.iter().map(name).collect()
}

pub(crate) fn sum(place: &Place, field: &str) -> u64 {
    place.counts().iter().map(|target| target[field].as_u64().unwrap()).sum()
}

pub(crate) fn they_fail_alone_and_are_named() {
    let (place, spoiled, except) = spoiled();
    let before = place.snapshot();
    place.run(RUN).exits(1);
    let status = place.status();
    assert_eq!((&status["state"], &status["resumable"]), (&"completed".into(), &false.into()));
    assert_eq!(sum(&place, "failed"), spoiled.len() as u64);
    assert_eq!(failures(&place), named(&spoiled));
    before.must_be_rotated(&place, &except);
    before.must_be_updated_once(&place, &except);

    let verified = place.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(verified["differences"], spoiled.len());
    let verdicts = verified["targets"].as_array().unwrap().iter().map(|target| &target["verdicts"]);
    let count = |verdict| verdicts.clone().filter_map(|counts| counts[verdict].as_u64()).sum::<u64>();
    assert_eq!((count("failed"), count("bad")), (spoiled.len() as u64, 0), "{verified}");

    // There is nothing to go on with, and nothing is tried again unless it is asked for.
    place.run(&["resume"]).exits(1);
    before.must_be_updated_once(&place, &except);
    // Nothing has become better.
    place.run(RETRY).exits(1);
    assert_eq!(failures(&place), named(&spoiled));
    before.must_be_rotated(&place, &except);
    before.must_be_updated_once(&place, &except);
}

pub(crate) fn put_right_they_are_rotated_when_tried_again() {
    let (place, spoiled, _) = spoiled();
    place.run(RUN).exits(1);
    let rows = sum(&place, "rows");
    let (rotated, failed) = (sum(&place, "rotated"), sum(&place, "failed"));

    // One token gets a value that opens.
    let (token, others) = spoiled.split_first().unwrap();
    assert_eq!((token.table, token.key[0].as_str()), ("IDN_OAUTH2_ACCESS_TOKEN", "spoiled-foreign"));
    let old = place.deployment.old_identity.display();
    execute(
        &place.deployment.new_identity,
        &format!(
            "ATTACH '{old}' AS old; UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN = (SELECT ACCESS_TOKEN \
             FROM old.IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' LIMIT 1) \
             WHERE TOKEN_ID = 'spoiled-foreign'"
        ),
    );
    place.run(RETRY).exits(1);
    assert_eq!(sum(&place, "failed"), failed - 1);
    assert_eq!(sum(&place, "rotated"), rotated + 1);
    assert_eq!(sum(&place, "rows"), rows);
    assert_eq!(failures(&place), named(others));

    // The others are deleted.
    for row in others {
        execute(database(&place, row), &format!("DELETE FROM {} WHERE {}", row.table, condition(row)));
    }
    place.run(RETRY).exits(0);
    assert_eq!(sum(&place, "failed"), 0);
    assert_eq!(sum(&place, "gone"), failed - 1);
    assert_eq!(sum(&place, "rotated"), rotated + 1);
    assert!(failures(&place).is_empty());
    place.run(&["verify"]).exits(0);
}

/// A file whose folder takes no temporary file fails; the others and the rest go on.
#[test]
fn a_broken_file_fails_alone() {
    let place = Place::new(20);
    let name = "repository/deployment/server/userstores/ACME.xml";
    let path = place.deployment.home.join(name);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    place.count_updates();
    let before = place.snapshot();
    place.run(&["run"]).exits(1);
    before.must_be_rotated(&place, &Except([(name.to_owned(), 0)].into()));
    let listed = failures(&place).into_iter().map(|(_, key, _)| key).collect::<Vec<_>>();
    assert_eq!(listed, [name]);

    std::fs::write(&path, &whole).unwrap();
    let before = place.snapshot();
    place.run(RETRY).exits(0);
    assert_ne!(std::fs::read(&path).unwrap(), whole);
    drop(before);
    place.run(&["verify"]).exits(0);
}

/// Dies within the chunk of the rows that are tried again; of these one is then deleted, one is
/// damaged anew, and all are tried once more at once.
#[test]
fn a_retry_that_died_is_retried() {
    for point in ["table-before-commit", "table-after-commit"] {
        let (place, spoiled, _) = spoiled();
        place.run(RUN).exits(1);
        let rows = sum(&place, "rows");
        let database = &place.deployment.new_identity;
        let old = place.deployment.old_identity.display();
        execute(
            database,
            &format!(
                "ATTACH '{old}' AS old; UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN = (SELECT ACCESS_TOKEN \
                 FROM old.IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' LIMIT 1), \
                 REFRESH_TOKEN = NULL WHERE TOKEN_ID LIKE 'spoiled-%'"
            ),
        );
        let tokens = spoiled.iter().filter(|row| row.table == "IDN_OAUTH2_ACCESS_TOKEN").count() as u64;
        let died = place.run_at(&format!("{point}=return(kill)"), RETRY);
        assert_eq!(died.signal(), Some(9), "{died}");
        execute(database, "DELETE FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = 'spoiled-foreign'");
        let damaged = "eyJjIjoiQUFBQSIsInQiOiJBRVMifQ==";
        let set = "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN =";
        execute(database, &format!("{set} '{damaged}' WHERE TOKEN_ID = 'spoiled-wrapped'"));
        place.run(RETRY).exits(1);
        assert_eq!(sum(&place, "gone"), 1, "{point}");
        assert_eq!(sum(&place, "rows"), rows - 1, "{point}");
        assert_eq!(sum(&place, "failed"), spoiled.len() as u64 - tokens + 1, "{point}");
        let listed = failures(&place);
        let tokens = listed.iter().filter(|(table, ..)| table == "IDN_OAUTH2_ACCESS_TOKEN");
        assert_eq!(tokens.map(|(_, key, _)| key.as_str()).collect::<Vec<_>>(), ["spoiled-wrapped"]);
    }
}

/// Dies at any moment while failed rows are tried again: the counts come out as if it had not.
#[test]
fn dying_while_they_are_tried_again_costs_nothing() {
    let (place, spoiled, _) = spoiled();
    place.run(RUN).exits(1);
    for row in &spoiled {
        execute(
            database(&place, row),
            &format!("UPDATE {} SET {} = NULL WHERE {}", row.table, row.column, condition(row)),
        );
    }
    let saved = place.save();
    let ran = place.run(&[RETRY, &["-vv"]].concat()).exits(0);
    let expected = place.counts();
    let groups = ran.stderr.matches("failpoint journal-after-head").count();
    assert!(groups > 10, "{groups}");
    for group in (0..groups).step_by(if is_brief() { 3 } else { 1 }) {
        place.restore(&saved);
        let plan = format!("journal-after-head={group}*off->1*return(kill)").replace("=0*off->", "=");
        let died = place.run_at(&plan, RETRY);
        assert_eq!(died.signal(), Some(9), "{died}");
        // Those that it had come to are settled; the others are still failed, and asked for again.
        let resumed = place.run(&["resume"]);
        assert!(matches!(resumed.code(), Some(0 | 1)), "{resumed}");
        place.run(RETRY).exits(0);
        assert_eq!(place.counts(), expected, "group {group}");
    }
}
