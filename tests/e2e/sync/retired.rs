//! What comes after the verdict of `safe-to-retire`: it is no good end, and nothing of it is confirmed away.

use super::pair::{Pair, Side};
use crate::kit::{Refused as _, eventually};
use crate::support::Engine;

const DRAIN: &[&str] = &["sync", "--until-drained", "--quiet-for", "1s"];

fn ready() -> Pair {
    let pair = Pair::new(Engine::Sqlite, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(DRAIN).exits(0);
    pair
}

fn revoke(pair: &Pair, state: &str) {
    pair.execute(Side::Old, &format!("UPDATE IDN_OAUTH2_ACCESS_TOKEN SET TOKEN_STATE = '{state}'"));
}

#[track_caller]
fn refused(pair: &Pair, why: &str) {
    for step in ["retire/old-identity", "retire/dumps", "retire/old-key"] {
        let ran = pair.run(&["confirm", step]).refused(2, "KR-CFG-024");
        assert!(ran.stderr.contains(why) && ran.stderr.contains("--despite-findings"), "{step}: {ran}");
    }
}

fn is_safe(pair: &Pair) -> bool {
    let list = pair.run(&["confirm", "--list"]).exits(0).stdout;
    list.contains("[x] safe-to-retire")
}

#[test]
fn nothing_is_retired_before_it_is_safe_or_while_changes_wait() {
    let pair = ready();
    refused(&pair, "`keyrotation safe-to-retire` has not");
    pair.run(&["safe-to-retire"]).exits(0);
    assert!(is_safe(&pair));
    // The journal cannot know of them; the database does.
    revoke(&pair, "REVOKED");
    pair.run(&["triggers", "remove", "--on", "old"]).refused(2, "KR-CFG-058");
    refused(&pair, "entries wait");
    pair.run(DRAIN).exits(0);
    assert!(!is_safe(&pair), "it was carried over since");
    refused(&pair, "carried over");
    pair.run(&["safe-to-retire"]).exits(0);
    pair.run(&["confirm", "retire/old-identity"]).exits(0);
    let ran = pair.run(&["run"]).exits(0);
    assert!(ran.stdout.contains("Finished and retired"), "{ran}");
    // It is said to be gone, and is not.
    revoke(&pair, "ACTIVE");
    for args in [&["run"][..], &["resume"], DRAIN] {
        let ran = pair.run(args).exits(1);
        assert!(!ran.stdout.contains("Finished and retired"), "{ran}");
        assert!(format!("{ran}").contains("entries wait"), "{ran}");
    }
}

/// Somebody's word is recorded as that, and ends nothing that is not ended.
#[test]
fn what_is_confirmed_all_the_same_ends_nothing() {
    let pair = ready();
    pair.run(&["safe-to-retire"]).exits(0);
    revoke(&pair, "REVOKED");
    pair.run(&["confirm", "retire/old-identity", "--despite-findings"]).exits(0);
    let status = pair.run(&["status", "--json"]).exits(0).json();
    let step = status["steps"].as_array().unwrap().last().unwrap().clone();
    assert!(step["note"].as_str().unwrap().contains("entries wait"), "{step}");
    pair.run(DRAIN).exits(1);
    pair.run(&["confirm", "retire/old-identity", "--undo"]).exits(0);
    pair.run(DRAIN).exits(0);
    assert_eq!(pair.count(Side::New, "IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_STATE <> 'REVOKED'"), 0);
}

/// What differs after the verdict is no good end either.
#[test]
fn what_is_verified_after_the_end_counts() {
    let pair = ready();
    pair.run(&["safe-to-retire"]).exits(0);
    pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
    pair.run(&["confirm", "retire/old-identity"]).exits(0);
    pair.run(&["run"]).exits(0);
    pair.execute(
        Side::New,
        "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN = 'eyJjIjoi' WHERE ACCESS_TOKEN LIKE 'eyJ%'",
    );
    pair.run(&["verify", "--live"]).exits(1);
    assert!(!is_safe(&pair), "it differs since");
    let ran = pair.run(&["run"]).exits(1);
    assert!(!ran.stdout.contains("Finished and retired"), "{ran}");
}

/// What was written while `verify` read may be what it has not seen.
#[test]
fn what_is_written_while_verify_reads_makes_it_stale() {
    let pair = Pair::new(Engine::Sqlite, 60);
    let running = pair.start_syncing(&["run"]);
    let gate = pair.place.path("gate");
    let point = format!("verify-target=1*return({})", gate.display());
    let mut verifying = pair.place.start_unlooked(&point, &["verify", "--live"]);
    verifying.until_it_waits(&gate);
    let applied = || pair.sync_status()["applied"].as_u64().unwrap_or_default();
    let before = applied();
    revoke(&pair, "REVOKED");
    eventually("it is carried over", || applied() > before);
    std::fs::remove_file(&gate).unwrap();
    verifying.wait().exits(0);
    eventually("it is on record", || pair.run(&["status", "--json"]).exits(0).json()["verified"].is_object());
    let report = pair.run(&["report", "--format", "json"]).exits(0).json();
    let last = report["rotations"][0]["verifications"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["is_stale"], true, "{last}");
    let steps = pair.run(&["status", "--json"]).exits(0).json()["steps"].clone();
    let step = steps.as_array().unwrap().iter().rfind(|step| step["name"] == "verified").unwrap().clone();
    assert_eq!(step["written_since"], true, "{step}");
    running.signal(rustix::process::Signal::INT);
    running.wait().exits(130);
    // One that nothing came in between is not.
    pair.run(&["verify", "--live"]).exits(0);
    let report = pair.run(&["report", "--format", "json"]).exits(0).json();
    let last = report["rotations"][0]["verifications"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["is_stale"], false, "{last}");
}
