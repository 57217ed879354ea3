//! The command of `onEvent`: what it is told, and that it holds nothing up.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::report::{Ending, Watchers};

/// A folder with a script, which is told of how work ended.
fn told(script: &str) -> (TempDir, EventCommand) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("told.sh"), script).unwrap();
    let command = EventCommand::new("cmd:sh told.sh first second", dir.path()).unwrap();
    (dir, command)
}

/// A queue with one announcement, of an error.
fn queue() -> Announcements {
    let queue = Announcements::default();
    let watchers = Watchers::new("run", None, Some(queue.clone()));
    watchers.end(&Ending::Error { id: "KR-ENV-001", what: "gone".to_owned() }, None);
    queue
}

fn tell_for(command: &EventCommand, limit: Duration) -> Result<(), String> {
    let announcement = queue().take().unwrap();
    let end = Instant::now() + limit;
    tell(command, &announcement, || end)
}

fn read(dir: &TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap_or_default()
}

#[test]
fn a_command_gets_one_object_on_its_standard_input() {
    let (dir, command) = told("echo $1 $2 > words; cat > said; pwd > where");
    tell_for(&command, LIMIT).unwrap();
    let said: serde_json::Value = serde_json::from_str(&read(&dir, "said")).unwrap();
    assert_eq!((&said["schema"], &said["event"]), (&1.into(), &"error".into()), "{said}");
    assert_eq!(said["error"]["id"], "KR-ENV-001");
    assert_eq!(read(&dir, "words"), "first second\n");
    let folder = dir.path().canonicalize().unwrap();
    assert_eq!(Path::new(read(&dir, "where").trim()), folder, "where properties.yaml is");
}

#[test]
fn one_that_fails_is_told_of_with_its_last_words() {
    let (_dir, command) = told("echo no such host >&2; echo '\u{7}second line' >&2; exit 7");
    assert_eq!(
        tell_for(&command, LIMIT).unwrap_err(),
        "ended with exit code 7: no such host \\u{7}second line"
    );
    let (_dir, command) = told("kill -9 $$");
    assert_eq!(tell_for(&command, LIMIT).unwrap_err(), "ended with signal 9");
    let (_dir, command) = told("yes x | head -c 1000000 >&2; exit 1");
    assert!(tell_for(&command, LIMIT).unwrap_err().len() < 1100);
    let absent = EventCommand::new("./no-such-command", Path::new("/")).unwrap();
    assert!(tell_for(&absent, LIMIT).unwrap_err().starts_with("cannot be started: "));
}

/// A command that reads nothing, or continues in the background, delays nothing.
#[test]
fn one_that_reads_nothing_or_leaves_children_is_not_waited_for() {
    let (_dir, command) = told("exec <&-; sleep 20 & exit 3");
    let begun = Instant::now();
    assert_eq!(tell_for(&command, LIMIT).unwrap_err(), "ended with exit code 3");
    assert!(begun.elapsed() < Duration::from_secs(9));
}

#[test]
fn one_that_takes_too_long_is_killed_with_its_children() {
    let (dir, command) = told("sh -c 'sleep 2; echo alive > alive' & echo waiting >&2; wait; sleep 20");
    let begun = Instant::now();
    let said = tell_for(&command, Duration::from_millis(500)).unwrap_err();
    assert_eq!(said, "takes too long, and was killed: waiting");
    assert!(begun.elapsed() < Duration::from_secs(9));
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(read(&dir, "alive"), "", "the child is dead, too");
}

#[test]
fn what_others_may_write_to_does_not_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, command) = told("echo ran > ran");
    fs::set_permissions(dir.path().join("told.sh"), fs::Permissions::from_mode(0o777)).unwrap();
    let said = tell_for(&command, LIMIT).unwrap_err();
    assert!(said.starts_with("does not run: everyone may write to "), "{said}");
    assert_eq!(read(&dir, "ran"), "");
}

#[test]
fn once_it_is_over_all_runs_have_as_long_as_one_and_the_last_is_not_forgotten() {
    let (begun, limit, second) = (Instant::now(), Duration::from_secs(10), Duration::from_secs(1));
    assert_eq!(deadline(begun, limit, None), begun + limit);
    let closed = begun + 2 * second;
    assert_eq!(deadline(begun, limit, Some((closed, false))), begun + 7 * second, "half of what is left");
    assert_eq!(deadline(begun, limit, Some((closed, true))), begun + limit);
    let late = closed + 6 * second;
    assert_eq!(deadline(late, limit, Some((closed, true))), closed + limit);

    let (dir, command) = told("cat > now; cat now >> said; grep -q '\"stopped\"' now || sleep 20");
    let queue = queue();
    for _ in 0..4 {
        Watchers::new("run", None, Some(queue.clone())).end(&Ending::Stopped, None);
    }
    queue.close();
    let begun = Instant::now();
    tell_all(&command, &queue, Duration::from_secs(2));
    assert!(begun.elapsed() < Duration::from_secs(9));
    let said = read(&dir, "said");
    assert_eq!(said.lines().count(), 2, "the first one hangs, the last one comes all the same: {said}");
    assert!(said.contains("\"lost\":3"), "{said}");
}
