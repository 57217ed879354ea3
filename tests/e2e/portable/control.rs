//! Live control: another terminal lets a running rotation stand still, go on, slow down and end.

use std::fs;

use serde_json::Value;

use crate::kit::{Kit, Refused as _, eventually};
use crate::support::{Except, Place, Running};

/// A rotation that is so slow that whatever is asked of it comes in time.
pub(crate) fn slow(place: &Place) -> Running {
    slow_with(place, &[])
}

/// Likewise, with more options.
pub(crate) fn slow_with(place: &Place, args: &[&str]) -> Running {
    let slowly = ["run", "--chunk-size", "20", "--max-rows-per-second", "20"];
    let mut running = place.start(&[&slowly, args].concat());
    let live = place.journal().join("live");
    running.until(|| live.exists());
    running
}

pub(crate) fn rows(status: &Value) -> u64 {
    let targets = status["targets"].as_array().unwrap().iter();
    targets.map(|target| target["rows"].as_u64().unwrap()).sum()
}

fn steps(status: &Value) -> Vec<(String, String)> {
    let text = |step: &Value, member: &str| step[member].as_str().unwrap().to_owned();
    let steps = status["steps"].as_array().unwrap().iter();
    steps.map(|step| (text(step, "name"), text(step, "note"))).collect()
}

/// What the test of each engine runs.
pub(crate) fn a_rotation_pauses_goes_on_changes_its_pace_and_stops() {
    let place = Place::new(120);
    place.count_updates();
    let before = place.snapshot();
    let mut running = slow(&place);
    let look = || place.run_unlooked(&["status", "--json"]).exits(0).json();
    let act = |args: &[&str]| place.run_unlooked(args).exits(0).stdout;

    let said = act(&["pause"]);
    assert!(said.contains(": paused: it is at a safe point and keeps its locks"), "{said}");
    let status = look();
    let paused = &status["activity"]["paused"];
    assert_eq!((&status["state"], &paused["still"]), (&"running".into(), &true.into()), "{status}");
    assert!(act(&["pause"]).contains("it was already paused, since"));
    let text = act(&["status"]);
    assert!(text.contains(" is running, paused since ") && text.contains("`keyrotation continue`"), "{text}");
    // It stands at a safe point: nothing moves, and nobody waits for it.
    let standing = rows(&look());
    std::thread::sleep(std::time::Duration::from_millis(1200)); // at its pace 24 rows
    assert_eq!(rows(&look()), standing);

    let said = act(&["pace", "1,000,000"]);
    assert!(said.contains("its pace is now 1000000 rows/s; it was 20 rows/s"), "{said}");
    assert!(act(&["pace", "1000000"]).contains("already this"));
    assert!(act(&["pace", "30"]).contains("its pace is now 30 rows/s"));
    assert_eq!(look()["activity"]["rows_per_second_limit"], 30);
    assert!(act(&["continue"]).contains("it continues; it was paused since"));
    assert!(act(&["continue"]).contains("it was not paused"));
    eventually("it goes on", || rows(&look()) > standing);

    let said = act(&["stop"]);
    assert!(said.contains("it stops at the next safe point\n"), "{said}");
    assert!(said.ends_with(" is interrupted; `keyrotation resume` continues it\n"), "it has waited: {said}");
    assert!(running.ended() || !place.journal().join("control").exists());
    running.wait().exits(130);
    assert!(!place.journal().join("control").exists());

    let status = place.status();
    assert_eq!((&status["state"], &status["activity"]), (&"interrupted".into(), &Value::Null));
    let recorded: Vec<_> = steps(&status);
    let names: Vec<_> = recorded.iter().map(|(name, note)| (name.as_str(), note.as_str())).collect();
    let expected =
        [("paused", ""), ("pace", "1000000 rows/s"), ("pace", "30 rows/s"), ("continued", ""), ("stop", "")];
    assert_eq!(names, expected);

    place.run(&["resume"]).exits(0);
    before.must_be_rotated(&place, &Except::default());
    before.must_be_updated_once(&place, &Except::default());
    place.run(&["verify"]).exits(0);
}

#[test]
fn a_paused_rotation_stops_at_once_when_asked_or_signalled() {
    for ask in [true, false] {
        let place = Place::new(60);
        let running = slow(&place);
        place.run_unlooked(&["pause"]).exits(0);
        if ask {
            let said = place.run_unlooked(&["stop", "--no-wait"]).exits(0).stdout;
            assert!(!said.contains("interrupted"), "{said}");
        } else {
            running.signal(rustix::process::Signal::TERM);
        }
        running.wait().exits(130);
        place.run(&["resume"]).exits(0);
    }
}

/// Whoever verifies holds the journal: it cannot be controlled, and others read along with it.
#[test]
fn who_only_reads_is_named_and_lets_others_read_along() {
    let kit = Kit::rotated();
    let gate = kit.path("gate");
    let mut verify = kit.start_at(&format!("verify-target=1*return({})", gate.display()), &["verify"]);
    verify.until_it_waits(&gate);
    let ran = kit.run(&["pause"]).refused(3, "KR-CTL-003");
    assert!(ran.stderr.contains(&format!("process {} (`keyrotation verify`)", verify.pid())), "{ran}");
    assert!(ran.stderr.contains("SIGTERM, which loses nothing"), "{ran}");
    kit.run(&["report", "--format", "json"]).exits(0).json();
    kit.run(&["status", "--failures"]).exits(0);
    kit.run(&["status", "--wait", "finished"]).exits(0);
    kit.run(&["status", "--watch"]).exits(0);
    fs::remove_file(&gate).unwrap();
    verify.wait().exits(0);
}

/// A rotation that begins anew holds the earlier one's journal while it looks at the databases; then it
/// puts it aside, also if somebody reads just then.
#[test]
fn the_earlier_journal_is_read_along_with_until_it_is_put_aside() {
    let kit = Kit::rotated();
    let earlier = kit.status()["rotation_id"].clone();
    let gate = kit.path("gate");
    let again = ["run", "--new"];
    let mut running = kit.start_at(&format!("survey-target=1*return({})", gate.display()), &again);
    running.until_it_waits(&gate);
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert_eq!(report["rotations"][0]["rotation_id"], earlier, "{report}");
    fs::remove_file(&gate).unwrap();
    running.wait().exits(0);
    assert_ne!(kit.status()["rotation_id"], earlier);
    assert_eq!(kit.names().iter().filter(|name| name.starts_with("keyrotation-journal-")).count(), 1);
}

/// Before there is a journal, too, whoever asks is told what goes on, and may end it.
#[test]
fn a_run_that_has_only_begun_says_so_and_can_be_stopped() {
    let kit = Kit::new();
    let gate = kit.path("gate");
    let mut running = kit.start_at(&format!("survey-target=1*return({})", gate.display()), &["run"]);
    running.until_it_waits(&gate);
    let who = format!("process {}", running.pid());
    for command in ["status", "report", "verify"] {
        let error = kit.run(&[command]).refused(4, "KR-JRN-007").stderr;
        assert!(error.contains(&who) && error.contains("first reads the databases and files"), "{error}");
    }
    kit.run(&["run"]).refused(4, "KR-JRN-001");
    let ran = kit.run(&["pace", "5"]).refused(3, "KR-CTL-003");
    assert!(
        ran.stderr.contains(" has only started: ")
            && ran.stderr.contains("repeat this once the rotation has begun"),
        "{ran}"
    );
    let mut watch = kit.start_unlooked("", &["status", "--watch"]);
    watch.until_it_says("reads the databases and files; the rotation has not begun yet");
    let stop = kit.start_unlooked("", &["stop"]);
    running.until_it_says("asked to stop, before anything was written");
    fs::remove_file(&gate).unwrap();
    running.wait().exits(130);
    let said = stop.wait_unlooked().exits(0).stdout;
    assert!(
        said.contains(": it stops; it has written nothing yet\n")
            && said.ends_with("no rotation was begun\n")
    );
    watch.wait_unlooked().refused(4, "KR-JRN-007");
    assert!(!kit.journal().exists() && kit.logs().is_empty(), "it is as it was");
}

/// Likewise in the first moments of one that goes on: while it connects, and while it looks whether the
/// database is the journal's.
#[test]
fn a_resume_that_has_only_begun_lets_others_read_along_and_can_be_stopped() {
    let kit = Kit::new();
    kit.interrupt();
    let gate = kit.path("gate");
    for point in ["session-connect", "evidence"] {
        let mut running = kit.start_at(&format!("{point}=1*return({})", gate.display()), &["resume"]);
        running.until_it_waits(&gate);
        assert_eq!(kit.status()["state"], "running", "{point}");
        kit.run(&["report", "--format", "json"]).exits(0).json();
        kit.run(&["status", "--failures"]).exits(0);
        let watch = kit.start_unlooked("", &["status", "--watch"]);
        kit.run(&["stop", "--no-wait"]).exits(0);
        fs::remove_file(&gate).unwrap();
        let ran = running.wait().exits(130);
        assert!(ran.stderr.contains("interrupted before it continued"), "{point}: {ran}");
        watch.wait_unlooked().exits(3); // as the session before, since this one has done nothing
    }
    kit.run(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
}
