//! SIGKILL at random moments, over and over, on the same folder.
//!
//! 30 kills by default; `bash tests/torture.sh kill` makes more.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Except, Place, Random, Snapshot, execute, rounds};

const CHUNK: &str = "100";

pub(crate) fn killed_at_random_moments_each_row_and_file_is_changed_once() {
    let rounds = rounds(6);
    let mut random = Random::seeded();
    let template = Place::on_disk(2000);
    template.count_updates();
    let before = template.snapshot();

    let uninterrupted = template.copy();
    let begun = Instant::now();
    uninterrupted.run(&["run", "--chunk-size", CHUNK]).exits(0);
    // What is there to kill begins behind the checks, which ask a server more.
    let part = if template.site.is_some() { 1.0 } else { 0.4 };
    let mut latest = begun.elapsed().mul_f64(part);
    let expected = uninterrupted.counts();

    let (mut kills, mut deployments, mut midway) = (0, 0, 0);
    while kills < rounds {
        let place = template.copy();
        if deployments % 2 == 1 && place.site.is_none() {
            // SQLite's other way of committing.
            place.databases().iter().for_each(|database| execute(database, "PRAGMA journal_mode = WAL"));
        }
        let killed = kill_until_done(&place, &before, rounds - kills, || latest.mul_f64(random.part()));
        place.run(&["verify"]).exits(0);
        before.must_be_rotated(&place, &Except::default());
        before.must_be_updated_once(&place, &Except::default());
        assert_eq!(place.counts(), expected);
        deployments += 1;
        kills += killed.len() as u64;
        // The machine may have more or less to do than when the time was taken.
        latest = latest.mul_f64(match killed.len() {
            0..5 => 0.7,
            5..15 => 1.0,
            _ => 1.4,
        });
        midway += killed.iter().filter(|rotated| **rotated > 0).count() as u64;
        println!("{kills} kills on {deployments} deployments, {midway} of them midway");
    }
    assert!(midway * 4 >= kills, "only {midway} of {kills} kills on {deployments} deployments came midway");
}

/// Looking opens the journal, too.
#[test]
fn killed_while_they_look_status_and_verify_harm_nothing() {
    let mut random = Random::seeded();
    let place = Place::on_disk(60);
    let before = place.snapshot();
    let ran = place.run_at("table-before-commit=6*off->1*return(kill)", &["run", "--chunk-size", "40"]);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    let status = place.status();
    for command in ["status", "verify"] {
        let begun = Instant::now();
        place.run(&[command]);
        let whole = begun.elapsed();
        for _ in 0..rounds(20) / 3 {
            let looking = place.start(&[command]);
            thread::sleep(whole.mul_f64(random.part()));
            looking.kill();
        }
    }
    // What verify found is recorded, and nothing else has changed.
    let looked_at = place.status();
    for part in ["state", "targets", "files"] {
        assert_eq!(looked_at[part], status[part]);
    }
    place.run(&["resume"]).exits(0);
    before.must_be_rotated(&place, &Except::default());
    place.run(&["verify"]).exits(0);
}

/// Kills the program again and again, at most so many times, until it is done. Returns how many
/// rows were recorded as rotated after each kill.
fn kill_until_done(
    place: &Place,
    before: &Snapshot,
    rounds: u64,
    mut moment: impl FnMut() -> Duration,
) -> Vec<u64> {
    let mut killed = Vec::new();
    let mut files = Files::default();
    let mut command = "run";
    let mut in_vain = 0;
    loop {
        // Databases on a server are looked at once it is done.
        let mut running = place.start_unlooked("", &[command, "--chunk-size", CHUNK]);
        if killed.len() as u64 == rounds {
            running.wait().exits(0);
            return killed;
        }
        // Later, if it never comes to anything: the machine has become busier.
        thread::sleep(moment().mul_f64(1.1_f64.powi(in_vain)));
        if running.ended() {
            running.wait().exits(0);
            files.look(place, before);
            return killed;
        }
        running.kill();
        files.look(place, before);
        let now = rotated(place);
        in_vain = if killed.last().is_none_or(|before| *before == now) { in_vain + 1 } else { 0 };
        killed.push(now);
        command = "resume";
    }
}

/// What the journal says after a kill, if there is one.
fn rotated(place: &Place) -> u64 {
    let status = place.run_unlooked(&["status", "--json"]);
    if status.code() == Some(4) {
        assert!(status.stderr.contains("KR-JRN-007"), "{status}"); // killed before it began
        return 0;
    }
    let status = status.exits(0).json();
    // Killed after the last record, it is complete.
    let complete = status["state"] == "completed";
    assert!(complete || (status["state"] == "interrupted" && status["resumable"] == true), "{status}");
    let targets = status["targets"].as_array().unwrap();
    targets.iter().map(|target| target["rotated"].as_u64().unwrap()).sum()
}

/// The files that were replaced: from then on nothing may touch them.
#[derive(Default)]
struct Files(BTreeMap<String, (u64, i64, i64)>);

impl Files {
    fn look(&mut self, place: &Place, before: &Snapshot) {
        for (name, bytes) in place.files() {
            if before.file(&name).is_none_or(|old| *old == bytes) {
                continue; // not replaced yet, or a temporary file
            }
            let metadata = fs::metadata(place.deployment.home.join(&name)).unwrap();
            let now = (metadata.ino(), metadata.mtime(), metadata.mtime_nsec());
            let first = *self.0.entry(name.clone()).or_insert(now);
            assert_eq!(now, first, "{name} was replaced again");
        }
    }
}
