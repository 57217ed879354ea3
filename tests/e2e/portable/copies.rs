//! A database that is not the one that the journal tells of: restored from before, or another
//! one's. Nothing is written then, and a human must look.

use std::fs;
use std::path::Path;

use keyrotation::demo::Spec;

use crate::support::{Place, execute};

/// A rotation that died behind the third commit (access tokens), and the database from before it.
fn died_midway(place: &Place) -> Vec<u8> {
    let original = fs::read(&place.deployment.new_identity).unwrap();
    let ran = place.run_at("table-before-commit=4*off->1*return(kill)", &["run", "--chunk-size", "40"]);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    original
}

/// Puts another content in place of a database, as whoever restores a backup does.
fn put(database: &Path, content: &[u8]) {
    let mut rollback_journal = database.as_os_str().to_owned();
    rollback_journal.push("-journal");
    let _ = fs::remove_file(rollback_journal);
    fs::write(database, content).unwrap();
}

#[track_caller]
fn must_be_refused(place: &Place, args: &[&str]) {
    let before = place.snapshot();
    let files = [place.deployment.new_identity.clone(), place.deployment.new_registry.clone()];
    let bytes = files.clone().map(|file| fs::read(file).unwrap());
    let status = place.run(&["status", "--json"]).exits(0).stdout;
    let ran = place.run(args).exits(5);
    assert!(ran.stderr.contains("KR-RUN-001"), "{ran}");
    before.must_be_untouched(place);
    assert_eq!(bytes, files.map(|file| fs::read(file).unwrap()), "a database was written to");
    assert_eq!(status, place.run(&["status", "--json"]).exits(0).stdout);
}

pub(crate) fn a_restored_database_under_an_unfinished_journal_is_refused() {
    let place = Place::new(60);
    let original = died_midway(&place);
    put(&place.deployment.new_identity, &original);
    must_be_refused(&place, &["resume"]);
    // What the message says helps.
    place.run(&["run", "--new"]).exits(0);
    place.run(&["verify"]).exits(0);
}

#[test]
fn another_ones_database_under_an_unfinished_journal_is_refused() {
    let place = Place::new(60);
    died_midway(&place);
    let other = Place::of(&Spec { tokens: 60, seed: 2, ..Spec::default() });
    put(&place.deployment.new_identity, &fs::read(&other.deployment.new_identity).unwrap());
    must_be_refused(&place, &["resume"]);
}

#[test]
fn an_emptied_database_under_an_unfinished_journal_is_refused() {
    let place = Place::new(60);
    died_midway(&place);
    for table in ["IDN_IDENTITY_USER_DATA", "IDN_OAUTH2_AUTHORIZATION_CODE", "IDN_OAUTH2_ACCESS_TOKEN"] {
        execute(&place.deployment.new_identity, &format!("DELETE FROM {table}"));
    }
    must_be_refused(&place, &["resume"]);
}

#[test]
fn a_restored_database_is_refused_when_failed_rows_are_tried_again() {
    let place = Place::new(60);
    let original = fs::read(&place.deployment.new_identity).unwrap();
    place.damage();
    place.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    put(&place.deployment.new_identity, &original);
    must_be_refused(&place, &["resume", "--retry-failed"]);
}

#[test]
fn restored_files_under_a_journal_are_refused() {
    let place = Place::new(20);
    let files = place.files();
    place.damage();
    place.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    for (name, bytes) in files {
        fs::write(place.deployment.home.join(name), bytes).unwrap();
    }
    must_be_refused(&place, &["resume", "--retry-failed"]);
}

#[test]
fn a_database_in_which_rows_changed_since_is_still_the_same() {
    let place = Place::new(60);
    place.damage();
    place.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    let database = &place.deployment.new_identity;
    execute(database, "DELETE FROM IDN_SECRET WHERE rowid = 1");
    execute(database, "UPDATE IDN_SECRET SET SECRET_VALUE = 'plain now' WHERE rowid = 2");
    place.run(&["resume", "--retry-failed"]).exits(1);
}
