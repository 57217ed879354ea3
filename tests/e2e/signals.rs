//! SIGINT and SIGTERM: the first one lets the chunk in flight end, the second one drops it.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Except, Place, execute, updates};

/// Holds the program within the first transaction on access tokens, signals, and lets it go on.
#[cfg(feature = "failpoints")]
fn interrupted_by(signal: Signal) {
    let place = Place::new(60);
    place.count_updates();
    let before = place.snapshot();
    let uninterrupted = place.copy();
    uninterrupted.run(&["run"]).exits(0);

    let gate = place.path("gate");
    // Identity claims and authorization codes have a chunk each.
    let plan = format!("table-before-commit=2*off->1*return({})", gate.display());
    let mut running = place.start_at(&plan, &["run", "--chunk-size", "300"]);
    running.until_it_waits(&gate);
    running.signal(signal);
    running.until_it_says("stopping at the next safe point");
    fs::remove_file(&gate).unwrap();
    running.wait().exits(130);

    let status = place.status();
    assert_eq!((&status["state"], &status["resumable"]), (&"interrupted".into(), &true.into()));
    let tokens = target(&status, "oauth2-access-token");
    let rotated = tokens["rotated"].as_u64().unwrap();
    assert!(rotated > 50, "the chunk in flight was not finished: {tokens}");
    let committed = updates(&place).keys().filter(|(table, _)| table == "IDN_OAUTH2_ACCESS_TOKEN").count();
    assert_eq!(rotated, committed as u64);
    assert_eq!(target(&status, "registry-property")["rows"], 0, "{status}");

    place.run(&["resume"]).exits(0);
    assert_eq!(place.counts(), uninterrupted.counts());
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
    place.run(&["verify"]).exits(0);
}

#[test]
#[cfg(feature = "failpoints")]
fn sigint_lets_the_chunk_in_flight_end() {
    interrupted_by(Signal::INT);
}

#[test]
#[cfg(feature = "failpoints")]
fn sigterm_lets_the_chunk_in_flight_end() {
    interrupted_by(Signal::TERM);
}

#[test]
fn a_second_signal_rolls_back_and_leaves_at_once() {
    let place = Place::new(60);
    place.count_updates();
    let before = place.snapshot();
    let database = &place.deployment.new_identity;
    // The second row of the first table takes a minute.
    execute(
        database,
        "CREATE TRIGGER E2E_SLOW AFTER UPDATE ON IDN_IDENTITY_USER_DATA WHEN \
         (SELECT COUNT(*) FROM E2E_UPDATES) > 1 BEGIN SELECT COUNT(*) FROM \
         (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000000) SELECT i FROM n); END",
    );
    let mut running = place.start(&["run"]);
    let rollback_journal = place.path("new-identity.db-journal");
    running.until(|| rollback_journal.exists());
    running.signal(Signal::INT);
    running.until_it_says("stopping at the next safe point");
    let second = Instant::now();
    running.signal(Signal::TERM);
    running.wait().exits(130);
    let took = second.elapsed();
    assert!(took < Duration::from_secs(5), "it left only after {took:?}");

    assert!(updates(&place).is_empty(), "the chunk in flight was not rolled back");
    before.must_be_untouched(&place);
    let status = place.status();
    assert_eq!((&status["state"], &status["resumable"]), (&"interrupted".into(), &true.into()));

    execute(database, "DROP TRIGGER E2E_SLOW");
    place.run(&["resume"]).exits(0);
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
}

fn target<'a>(status: &'a Value, id: &str) -> &'a Value {
    status["targets"].as_array().unwrap().iter().find(|target| target["id"] == id).unwrap()
}
