//! Disks that fail under the journal, the files and an SQLite database: power is lost, syncs fail,
//! no room is left, nothing can be written any more. SIGKILL leaves the page cache whole; this does not.

use std::fs;
use std::process::Command;

use crate::support::{Except, Fault, Place, Ran, Random, Report, Snapshot, execute, rounds};

const RUN: &[&str] = &["run", "--chunk-size", "40"];
const RESUME: &[&str] = &["resume", "--chunk-size", "40"];

/// A deployment, what it held, and what an uninterrupted rotation of it asks of a disk.
struct Template {
    place: Place,
    before: Snapshot,
    counts: Vec<serde_json::Value>,
    whole: Report,
}

impl Template {
    fn new() -> Self {
        let place = Place::new(60);
        place.count_updates();
        let before = place.snapshot();
        let uninterrupted = place.copy();
        let root = uninterrupted.deployment.folder.clone();
        let (ran, report) = uninterrupted.run_on_disk(&root, Fault::None, 1, RUN);
        let ran = ran.exits(0);
        let whole = report.unwrap_or_else(|| panic!("nothing was counted: {ran}"));
        assert!(whole.changes > 200 && whole.syncs > 50, "{whole:?}");
        let counts = uninterrupted.counts();
        Self { place, before, counts, whole }
    }

    /// Each row and file was changed once, as if nothing had happened.
    #[track_caller]
    fn must_be_done(&self, place: &Place) {
        assert_eq!(place.counts(), self.counts);
        self.must_be_rotated(place);
    }

    #[track_caller]
    fn must_be_rotated(&self, place: &Place) {
        self.before.must_be_rotated(place, &Except::default());
        self.before.must_be_updated_once(place, &Except::default());
        place.run(&["verify"]).exits(0);
    }
}

/// One line says what happened and one what to do; nothing of a panic.
#[track_caller]
fn must_be_explained(ran: &Ran) {
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("RUST_BACKTRACE"), "{ran}");
    let error = ran.stderr.split("error: ").nth(1).unwrap_or_else(|| panic!("no error: {ran}"));
    assert!(error.starts_with("[KR-") && error.lines().count() <= 3, "{ran}");
}

/// The power fails again and again, in any change, until the rotation is done.
#[test]
fn power_is_lost_at_any_moment() {
    let template = Template::new();
    let mut random = Random::seeded();
    let (mut losses, mut deployments, mut sectors, mut names) = (0, 0, 0, 0);
    let rounds = rounds(15);
    while losses < rounds {
        let place = template.place.copy();
        if deployments % 2 == 1 {
            // SQLite's other way of committing.
            place.databases().iter().for_each(|database| execute(database, "PRAGMA journal_mode = WAL"));
        }
        deployments += 1;
        let root = place.deployment.folder.clone();
        // Now and then far apart, now and then at the very beginning.
        let reach = (template.whole.changes >> random.below(5)).max(2);
        for attempt in 0.. {
            let fault = match attempt {
                20.. => Fault::None, // it cannot get anywhere: each time too early
                _ => Fault::PowerAt(1 + random.below(reach)),
            };
            // Without a journal it begins one.
            let (ran, report) = place.run_on_disk(&root, fault, random.next(), RESUME);
            if ran.signal().is_none() {
                ran.exits(0);
                break;
            }
            assert_eq!(ran.signal(), Some(9), "{ran}");
            let report = report.expect("the power was lost");
            losses += 1;
            sectors += report.lost_sectors;
            names += report.undone_names;
        }
        template.must_be_done(&place);
    }
    println!("{losses} losses on {deployments} deployments: {sectors} sectors and {names} names");
    assert!(
        sectors > losses && names > losses / 10,
        "{sectors} sectors and {names} names in {losses} losses"
    );
}

/// Where nearly all was moved before, and no journal tells, nothing but its user knows that the keys are the right way
/// round.
fn must_ask_for_a_word(place: &Place, ran: &Ran) {
    assert!(ran.stderr.contains("KR-RUN-010"), "{ran}");
    place.run(&[RUN, &["--all-already-new"]].concat()).exits(0);
}

/// The counterpart, which shows that the test above would see a sync that is missing: on a disk that
/// confirms what it has not written, journals are lost. That is said, and what it says to do helps.
#[test]
fn a_disk_that_lies_about_the_journal_is_found_out() {
    let template = Template::new();
    let mut random = Random::seeded();
    let (mut refused, mut went_on) = (0, 0);
    for _ in 0..rounds(10) {
        let place = template.place.copy();
        let journal = place.journal();
        fs::create_dir(&journal).unwrap();
        let at = 1 + random.below(template.whole.changes / 2);
        let (ran, _) = place.run_on_disk(&journal, Fault::LiesAndPowerAt(at), random.next(), RUN);
        if ran.signal().is_none() {
            ran.exits(0);
            continue;
        }
        let ran = place.run(RESUME);
        if ran.code() == Some(0) {
            went_on += 1; // also where not even a beginning of the journal was left
        } else if ran.code() == Some(5) {
            went_on += 1; // likewise, once nearly all was moved
            must_ask_for_a_word(&place, &ran);
        } else {
            refused += 1;
            must_be_explained(&ran);
            assert!(ran.stderr.contains("KR-JRN-002") && ran.code() == Some(4), "{ran}");
            assert!(ran.stderr.contains("move the folder away"), "{ran}");
            fs::rename(&journal, place.path("away")).unwrap();
            let again = place.run(RUN);
            if again.code() == Some(5) {
                must_ask_for_a_word(&place, &again);
            } else {
                again.exits(0);
            }
        }
        template.must_be_rotated(&place);
    }
    println!("{refused} refused, {went_on} went on");
    assert!(refused > 0, "no lie was found out: {went_on} went on");
}

/// After a sync that failed the kernel has forgotten what was to be written: nothing is tried again.
#[test]
fn a_sync_that_fails_ends_it_and_what_was_not_written_is_not_believed() {
    let template = Template::new();
    let mut random = Random::seeded();
    for _ in 0..rounds(10) {
        let place = template.place.copy();
        let root = place.deployment.folder.clone();
        let at = 1 + random.below(template.whole.syncs);
        let (ran, report) = place.run_on_disk(&root, Fault::SyncFailsAt(at), random.next(), RUN);
        assert_eq!(ran.signal(), Some(9), "the power is lost at the end: {ran}");
        assert!(report.is_some_and(|report| report.syncs >= at), "sync {at} never came: {ran}");
        if !ran.stderr.is_empty() && ran.stderr.contains("error: ") {
            must_be_explained(&ran);
        }
        place.run(&["resume", "--retry-failed"]).exits(0);
        template.must_be_rotated(&place);
    }
}

/// What a kernel does to a file system in which it found an error.
#[test]
fn a_disk_that_becomes_read_only_ends_it_and_nothing_is_lost() {
    let template = Template::new();
    let mut random = Random::seeded();
    for _ in 0..rounds(10) {
        let place = template.place.copy();
        let root = place.deployment.folder.clone();
        let at = 1 + random.below(template.whole.changes);
        let (ran, _) = place.run_on_disk(&root, Fault::ReadOnlyAt(at), 1, RUN);
        ended_by_the_disk(&ran);
        place.run(&["resume", "--retry-failed"]).exits(0);
        template.must_be_rotated(&place);
    }
}

/// sled writes in the background, and does not always wake who waits for a write when it has failed.
#[test]
fn a_write_that_fails_late_ends_it_and_nothing_hangs() {
    let template = Template::new();
    let mut random = Random::seeded();
    // A group of the journal needs two writes: which of them fails, and which waits for it, is up to chance.
    for at in (5..7).chain((2..rounds(2)).map(|_| 3 + random.below(60))) {
        let place = template.place.copy();
        let root = place.deployment.folder.clone();
        let (ran, _) = place.run_on_disk(&root, Fault::LateAt(at), 1, RUN);
        assert_eq!(ran.code(), Some(4), "write {at}: {ran}");
        must_be_explained(&ran);
        place.run(RESUME).exits(0);
        template.must_be_rotated(&place);
    }
}

#[test]
fn a_full_disk_ends_it_and_nothing_is_lost() {
    let template = Template::new();
    let mut random = Random::seeded();
    let mut ended = 0;
    for _ in 0..rounds(10) {
        let place = template.place.copy();
        let root = place.deployment.folder.clone();
        let most = 1 << (10 + random.below(12));
        let bytes = random.below(most);
        let (ran, _) = place.run_on_disk(&root, Fault::FullAfter(bytes), 1, RUN);
        if ran.code() != Some(0) {
            ended_by_the_disk(&ran);
            ended += 1;
            place.run(&["resume", "--retry-failed"]).exits(0);
        }
        template.must_be_rotated(&place);
    }
    assert!(ended > rounds(10) / 4, "only {ended} ran out of room");
}

/// The folder of the journal goes while it is in use.
#[test]
fn a_journal_that_is_removed_meanwhile_is_begun_again() {
    let template = Template::new();
    for at in [2, 4, 9] {
        let place = template.place.copy();
        let gate = place.path("gate");
        let plan = format!("table-before-commit={at}*off->1*return({})", gate.display());
        let mut running = place.start_at(&plan, RUN);
        running.until_it_waits(&gate);
        fs::remove_dir_all(place.journal()).unwrap();
        fs::remove_file(&gate).unwrap();
        let ran = running.wait();
        must_be_explained(&ran);
        assert_eq!(ran.code(), Some(4), "{ran}");
        let ran = place.run(RESUME).exits(0);
        assert!(ran.stderr.contains("no rotation was begun yet"), "{ran}");
        template.must_be_rotated(&place);
    }
}

/// The journal on a file system of its own that is too small for it, and then made larger. Mounting
/// needs no privileges where the kernel allows name spaces; where it does not, the shim makes the limit.
#[test]
fn a_small_file_system_under_the_journal() {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o size="$1k",mode=0700 tmpfs "$2" || exit 250
        "$3" --config "$4" run --chunk-size 40; echo "ended $?" >&2
        mount -o remount,size=64m "$2" || exit 250
        "$3" --config "$4" resume --retry-failed || exit 251
        cp -a "$2/." "$5""#;
    let template = Template::new();
    for kib in [4, 8, 16, 32, 64] {
        let place = template.place.copy();
        let journal = place.journal();
        fs::create_dir(&journal).unwrap();
        let kept = place.path("kept");
        fs::create_dir(&kept).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh", &kib.to_string()]);
        command.arg(&journal).arg(env!("CARGO_BIN_EXE_keyrotation")).arg(&place.deployment.config).arg(&kept);
        let output = command.output().expect("unshare is part of util-linux");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{said}");
        if matches!(output.status.code(), Some(1 | 250)) {
            println!("NO MOUNTS HERE, the shim makes the limit instead: {said}");
            let (ran, _) = place.run_on_disk(&journal, Fault::FullAfter(kib * 1024), 1, RUN);
            ended_by_the_disk(&ran);
            place.run(&["resume", "--retry-failed"]).exits(0);
        } else {
            assert_eq!(output.status.code(), Some(0), "{kib} KiB: {said}");
            let ended = said.split("ended ").nth(1).unwrap();
            assert!(ended.starts_with('4') && said.contains("KR-JRN-004"), "{kib} KiB: {said}");
            fs::remove_dir(&journal).unwrap();
            fs::rename(&kept, &journal).unwrap();
        }
        template.must_be_rotated(&place);
    }
}

fn ended_by_the_disk(ran: &Ran) {
    match ran.code() {
        // Files that could not be replaced; or nothing at all, if it failed behind the last change.
        Some(0 | 1) => {}
        Some(3 | 4) => must_be_explained(ran),
        _ => panic!("{ran}"),
    }
}
