//! A new journal over data that are half rotated: nothing is rotated twice.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyrotation::demo::Spec;
use serde_json::Value;

use crate::support::{Cell, Except, Place, execute, tables};

const RUN: &[&str] = &["run", "--chunk-size", "40"];

fn sum(counts: &[Value], field: &str) -> u64 {
    counts.iter().map(|target| target[field].as_u64().unwrap()).sum()
}

/// Kills a rotation at a point, loses its journal, and begins again.
fn begins_again(place: &Place, plan: &str, lose: impl Fn(&Place), again: &[&str]) {
    place.count_updates();
    let before = place.snapshot();
    let uninterrupted = place.copy();
    uninterrupted.run(RUN).exits(0);
    let ran = place.run_at(plan, RUN);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    lose(place);
    place.run(again).exits(0);
    let (whole, counts) = (uninterrupted.counts(), place.counts());
    assert!(sum(&counts, "already_new") > 0, "the first rotation did nothing");
    assert_eq!(sum(&whole, "rotated"), sum(&counts, "rotated") + sum(&counts, "already_new"));
    assert_eq!(sum(&whole, "rows"), sum(&counts, "rows"));
    assert_eq!(sum(&counts, "failed"), 0);
    before.must_be_rotated(place, &Except::default());
    before.must_be_updated_once(place, &Except::default());
    place.run(&["verify"]).exits(0);
}

fn delete_journal(place: &Place) {
    fs::remove_dir_all(place.journal()).unwrap();
}

#[test]
fn after_the_journal_was_lost() {
    begins_again(&Place::new(60), "table-before-commit=6*off->1*return(kill)", delete_journal, RUN);
    begins_again(&Place::new(60), "table-after-commit=14*off->1*return(kill)", delete_journal, RUN);
}

#[test]
fn after_the_journal_was_lost_among_files() {
    // Next to nothing is left under the old key: without a journal somebody has to say that this is right.
    let again = &[RUN, &["--all-already-new"]].concat();
    begins_again(&Place::new(60), "file-after-rename=3*off->1*return(kill)", delete_journal, again);
}

#[test]
fn after_the_journal_was_put_aside() {
    let place = Place::new(60);
    let new = &["run", "--new", "--chunk-size", "40"];
    begins_again(&place, "table-after-commit=6*off->1*return(kill)", |_| {}, new);
    let aside = |name: &str| name.starts_with("keyrotation-journal-");
    assert_eq!(place.names().iter().filter(|name| aside(name)).count(), 1);
}

/// Dies or fails while the journal is put aside: it stands at its place or at the other one, whole.
#[test]
fn around_the_moment_in_which_the_journal_is_put_aside() {
    for (point, again) in [
        ("archive-before-rename", &["run", "--new", "--chunk-size", "40"][..]),
        ("archive-after-rename", RUN),
        ("archive-after-steps", RUN),
    ] {
        for (act, code, signal) in [("return(kill)", None, Some(9)), ("return", Some(4), None)] {
            let lose = |place: &Place| {
                place.run_unlooked(&["confirm", "old-server-stopped", "--note", point]).exits(0);
                let ran = place.run_at(&format!("{point}={act}"), &["run", "--new", "--chunk-size", "40"]);
                assert_eq!((ran.code(), ran.signal()), (code, signal), "{point} {act}: {ran}");
            };
            let place = Place::new(60);
            begins_again(&place, "table-after-commit=6*off->1*return(kill)", lose, again);
            // What people said for the next rotation is the next one's.
            let status = place.status();
            let said = status["steps"].as_array().unwrap().iter().filter(|step| step["note"] == point);
            assert_eq!(said.count(), 1, "{point} {act}: {status}");
        }
    }
}

#[test]
fn with_one_database_for_identity_and_registry() {
    let place = Place::of(&Spec { tokens: 60, separate_registry: false, ..Spec::default() });
    begins_again(&place, "table-after-commit=14*off->1*return(kill)", delete_journal, RUN);
}

/// ECB does not tell the keys apart by itself, and these tables have no hash that could.
#[test]
fn with_values_that_nothing_authenticates() {
    let place = Place::new(60);
    let database = &place.deployment.new_identity;
    let tables = tables(database);
    let mut texts = tables.values().flat_map(|table| table.rows.values()).flatten().filter_map(Cell::text);
    let is_ecb = |text: &&str| {
        let envelope = STANDARD.decode(text).unwrap_or_default();
        envelope.ends_with(br#""t":"AES"}"#)
    };
    let ecb = texts.find(is_ecb).expect("the demo has ECB values").to_owned();
    for (table, column) in [
        ("IDN_SECRET", "SECRET_VALUE"),
        ("IDN_OAUTH_CONSUMER_SECRETS", "SECRET_VALUE"),
        ("WF_BPS_PROFILE", "PASSWORD"),
    ] {
        execute(database, &format!("UPDATE {table} SET {column} = '{ecb}'"));
    }
    begins_again(&place, "table-after-commit=14*off->1*return(kill)", delete_journal, RUN);
}

/// Whatever a kill leaves of a journal in which nothing was recorded is no journal.
#[test]
fn over_the_beginnings_of_a_journal() {
    let place = Place::new(20);
    let ran = place.run_at("journal-before-batch=return(kill)", RUN);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    let saved = place.save();
    // From the last moment to the first: what was not there yet, and what was.
    let moments: &[(&[&str], &[&str])] = &[
        (&[], &["lock", "head", "log/db"]),
        (&["log/db", "log/conf"], &["lock", "head", "log"]),
        (&["log"], &["lock", "head"]),
        (&["log", "head"], &["lock"]),
        (&["log", "head", "lock"], &[]),
    ];
    for (absent, present) in moments {
        for command in [RUN, &["resume", "--chunk-size", "40"]] {
            place.restore(&saved);
            for path in absent.iter().map(|name| place.journal().join(name)) {
                if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
            }
            assert!(present.iter().all(|name| place.journal().join(name).exists()));
            if !present.contains(&"head") {
                fs::write(place.journal().join("head.tmp"), "half").unwrap();
            }
            let status = place.run(&["status"]).exits(4);
            assert!(status.stderr.contains("KR-JRN-007"), "{status}");
            let ran = place.run(command);
            assert_eq!(ran.code(), Some(0), "without {absent:?}: {ran}");
        }
    }
    place.run(&["verify"]).exits(0);
}
