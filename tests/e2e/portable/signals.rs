//! SIGINT and SIGTERM: the first one lets the chunk in flight end, the second one drops it.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Except, Place, updates};

/// Holds the program within the first transaction on access tokens, signals, and lets it go on.
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
fn sigint_lets_the_chunk_in_flight_end() {
    interrupted_by(Signal::INT);
}

pub(crate) fn sigterm_lets_the_chunk_in_flight_end() {
    interrupted_by(Signal::TERM);
}

fn target<'a>(status: &'a Value, id: &str) -> &'a Value {
    status["targets"].as_array().unwrap().iter().find(|target| target["id"] == id).unwrap()
}
