//! Others who change, add and delete rows and files while they are being rotated. The program is
//! held at a failpoint; what stands in the deployment then is what must come out rotated.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Except, Place, Running, execute, number};

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";

/// Runs the program until it stands at the point for the third time: behind identity claims and
/// authorization codes, at the one chunk of access tokens.
fn held_at(place: &Place, point: &str, gate: &Path) -> Running {
    let plan = format!("{point}=2*off->1*return({})", gate.display());
    let mut running = place.start_at(&plan, &["run", "--chunk-size", "1000"]);
    running.until_it_waits(gate);
    running
}

/// Changes tokens in every way. All of it leaves a deployment that can be rotated whole.
fn meddle(place: &Place) {
    let old = place.deployment.old_identity.display();
    let mut sql = format!("ATTACH '{old}' AS old;");
    let row = |at: u32| {
        format!(
            "TOKEN_ID = (SELECT TOKEN_ID FROM old.{TOKENS} WHERE ACCESS_TOKEN LIKE 'eyJ%' AND REFRESH_TOKEN \
             LIKE 'eyJ%' ORDER BY TOKEN_ID LIMIT 1 OFFSET {at})"
        )
    };
    let another = format!("(SELECT ACCESS_TOKEN FROM old.{TOKENS} WHERE {})", row(20));
    let anothers_hash = format!("(SELECT ACCESS_TOKEN_HASH FROM old.{TOKENS} WHERE {})", row(20));
    let set = |at: u32, what: &str| format!("UPDATE {TOKENS} SET {what} WHERE {};", row(at));
    sql += &set(0, &format!("ACCESS_TOKEN = {another}, ACCESS_TOKEN_HASH = {anothers_hash}"));
    sql += &set(1, "ACCESS_TOKEN = 'plain', ACCESS_TOKEN_HASH = NULL");
    sql += &set(2, "ACCESS_TOKEN = NULL, REFRESH_TOKEN = NULL");
    sql += &set(3, "TOKEN_STATE = 'REVOKED'");
    sql += &format!("DELETE FROM {TOKENS} WHERE {};", row(4));
    for key in ["0", "zz"] {
        sql += &format!(
            "INSERT INTO {TOKENS} (TOKEN_ID, ACCESS_TOKEN, ACCESS_TOKEN_HASH, TOKEN_STATE_ID) \
             VALUES ('{key}', {another}, {anothers_hash}, 'new {key}');"
        );
    }
    place.meanwhile(|| execute(&place.deployment.new_identity, &sql));
}

/// The counts of access tokens fit what is in the table.
fn tokens_must_add_up(place: &Place) {
    let counts = place.counts();
    let tokens = counts.iter().find(|target| target["id"] == "oauth2-access-token").unwrap();
    let database = &place.deployment.new_identity;
    let count = |what: &str| number(database, &format!("SELECT COUNT(*) FROM {TOKENS} WHERE {what}"));
    let sealed = "(COALESCE(ACCESS_TOKEN, '') LIKE 'eyJ%' OR COALESCE(REFRESH_TOKEN, '') LIKE 'eyJ%')";
    let null = "ACCESS_TOKEN IS NULL AND REFRESH_TOKEN IS NULL";
    let expected = [
        ("rows", count("1")),
        ("rotated", count(sealed)),
        ("null", count(null)),
        ("plain", count(&format!("NOT {sealed} AND NOT ({null})"))),
        ("gone", 1),
        ("failed", 0),
        ("already_new", 0),
    ];
    let expected: Vec<_> = expected.map(|(field, count)| (field, Value::from(count))).into();
    let found: Vec<_> = expected.iter().map(|(field, _)| (*field, tokens[*field].clone())).collect();
    assert_eq!(found, expected);
}

pub(crate) fn between_reading_and_writing() {
    let place = Place::new(60);
    let gate = place.path("gate");
    let running = held_at(&place, "table-before-write", &gate);
    meddle(&place);
    place.count_updates();
    let before = place.snapshot();
    fs::remove_file(&gate).unwrap();
    running.wait().exits(0);
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
    tokens_must_add_up(&place);
    place.run(&["verify"]).exits(0);
}

pub(crate) fn between_death_and_resumption() {
    for point in ["table-before-commit", "table-after-commit"] {
        let place = Place::new(60);
        place.run_at(&format!("{point}=2*off->1*return(kill)"), &["run", "--chunk-size", "1000"]);
        meddle(&place);
        place.count_updates();
        let before = place.snapshot();
        place.run(&["resume"]).exits(0);
        before.must_be_rotated(&place, &Except::default());
        before.must_be_updated_once(&place, &Except::default());
        tokens_must_add_up(&place);
        place.run(&["verify"]).exits(0);
    }
}

/// A row that is changed each time before it is written is given up, and left as it is.
#[test]
fn again_and_again() {
    let place = Place::new(60);
    let gate = place.path("gate");
    let database = &place.deployment.new_identity;
    let plan = format!("table-before-write=2*off->5*return({})", gate.display());
    let mut running = place.start_at(&plan, &["run", "--chunk-size", "1000"]);
    let old = place.deployment.old_identity.display();
    let row = number(database, &format!("SELECT rowid FROM {TOKENS} WHERE ACCESS_TOKEN LIKE 'eyJ%' LIMIT 1"));
    for attempt in 1..=5 {
        running.until_it_waits(&gate);
        let sql = format!(
            "ATTACH '{old}' AS old; UPDATE {TOKENS} SET ACCESS_TOKEN_HASH = NULL, ACCESS_TOKEN = \
             (SELECT ACCESS_TOKEN FROM old.{TOKENS} WHERE ACCESS_TOKEN LIKE 'eyJ%' LIMIT 1 OFFSET {attempt}) \
             WHERE rowid = {row}"
        );
        place.meanwhile(|| execute(database, &sql));
        if attempt == 5 {
            place.count_updates();
        }
        fs::remove_file(&gate).unwrap();
    }
    running.wait().exits(1);
    let status = place.status().to_string();
    assert!(status.contains("it kept changing"), "{status}");
    assert_eq!(status.matches("\"reason\"").count(), 2, "its two values, and no others: {status}");

    // Left alone, it is rotated.
    let before = place.snapshot();
    assert_eq!(before.sealed_rows().into_iter().collect::<Vec<_>>(), [(TOKENS.to_owned(), row)]);
    place.run(&["resume", "--retry-failed"]).exits(0);
    before.must_be_rotated(&place, &Except::default());
    assert!(place.snapshot().sealed_rows().is_empty());
    place.run(&["verify"]).exits(0);
}

/// Neither the journal nor the databases are shared, and looking goes on.
#[test]
fn a_second_rotation_is_refused() {
    let place = Place::new(20);
    let gate = place.path("gate");
    let running = held_at(&place, "table-before-commit", &gate);
    let locked = place.run(&["resume"]).exits(4);
    assert!(locked.stderr.contains("KR-JRN-001"), "{locked}");
    let other = place.path("other-journal");
    let busy = place.run(&["run", "--journal", other.to_str().unwrap()]).exits(3);
    assert!(busy.stderr.contains("KR-DB-003"), "{busy}");
    let status = place.status();
    assert_eq!((&status["state"], &status["resumable"]), (&"running".into(), &false.into()), "{status}");
    fs::remove_file(&gate).unwrap();
    running.wait().exits(0);
}

#[test]
fn with_files() {
    let place = Place::new(20);
    let stores = "repository/deployment/server/userstores";
    let gate = place.path("gate");
    let plan = format!("file-before-temp=1*return({})", gate.display());
    let mut running = place.start_at(&plan, &["run"]);
    running.until_it_waits(&gate);
    let changed = place.deployment.home.join(stores).join("ACME.xml");
    let mut text = fs::read_to_string(&changed).unwrap();
    text.push_str("<!-- added meanwhile -->\n");
    fs::write(&changed, text).unwrap();
    fs::remove_file(place.deployment.home.join(stores).join("PARTNERS_COM.xml")).unwrap();
    let added = place.deployment.home.join(stores).join("ZZ.xml");
    fs::copy(&changed, added).unwrap();
    place.count_updates();
    let before = place.snapshot();
    fs::remove_file(&gate).unwrap();
    running.wait().exits(0);
    before.must_be_rotated(&place, &Except::default());
    let counts = place.counts();
    let files =
        counts.iter().find(|target| target["id"].as_str().unwrap().contains("user") && target["gone"] == 1);
    assert_eq!(files.map(|files| &files["rotated"]), Some(&Value::from(3)), "{counts:?}");
    place.run(&["verify"]).exits(0);
}
