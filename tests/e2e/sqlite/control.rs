//! Live control: another terminal lets a running rotation stand still, go on, slow down and end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::kit::{Kit, Refused as _, eventually};
use crate::portable::control::slow;
use crate::support::Place;

#[test]
fn a_pause_lets_what_is_in_flight_end_and_says_so_until_then() {
    let place = Place::new(60);
    let gate = place.path("gate");
    let plan = format!("table-before-commit=2*off->1*return({})", gate.display());
    let mut running = place.start_at(&plan, &["run", "--chunk-size", "300"]);
    running.until_it_waits(&gate);
    let said = place.run_unlooked(&["pause"]).exits(0).stdout;
    assert!(said.contains("paused; it still finishes what it has begun"), "{said}");
    let look = || place.run_unlooked(&["status", "--json"]).exits(0).json();
    assert_eq!(look()["activity"]["paused"]["still"], false);
    fs::remove_file(&gate).unwrap();
    eventually("it stands still", || look()["activity"]["paused"]["still"] == true);
    place.run_unlooked(&["continue"]).exits(0);
    running.wait().exits(0);
}

#[test]
fn without_a_running_program_each_says_so_in_one_line() {
    let kit = Kit::new();
    for command in [&["pause"][..], &["continue"], &["pace", "5"], &["stop"]] {
        kit.run(command).refused(4, "KR-JRN-007");
    }
    kit.interrupt();
    for command in [&["pause"][..], &["continue"], &["pace", "off"]] {
        let ran = kit.run(command).refused(6, "KR-CTL-001");
        assert!(ran.stderr.contains(", which is stopped by an error"), "{ran}");
    }
    let ran = kit.run(&["stop"]).exits(0);
    assert!(ran.stdout.starts_with("there is nothing to stop: no process works on rotation "), "{ran}");
    assert_eq!(ran.stdout.lines().count(), 1);
    assert_eq!(kit.run(&["pace", "0"]).code(), Some(2));
}

#[test]
fn a_killed_programs_socket_is_no_programs_and_the_next_one_replaces_it() {
    let place = Place::new(60);
    let running = slow(&place);
    place.run_unlooked(&["pause"]).exits(0);
    running.kill();
    assert!(place.journal().join("control").exists(), "a killed process leaves its socket");
    assert_eq!(place.run_unlooked(&["pause"]).code(), Some(6));
    let mut running = place.start(&["resume"]);
    running.until_it_says("rotation ");
    running.wait().exits(0);
    assert!(!place.journal().join("control").exists());
}

/// What a user who is somebody else hears; the folder's rights, which keep them out, are taken away.
#[test]
fn another_user_is_refused_whatever_the_rights_of_the_folder_are() {
    let place = Place::new(60);
    let running = slow(&place);
    let socket = place.journal().join("control");
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(place.journal().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    open(place.deployment.folder.as_path(), 0o755);
    open(&place.journal(), 0o755);
    open(&socket, 0o777);
    let mut ask = Command::new("python3");
    ask.args(["-c", ASK]).arg(&socket).stdin(Stdio::null());
    let own = rustix::process::geteuid();
    if own.is_root() {
        ask.uid(65_534);
    } else {
        // Without root there is no second user to be: the same user is heard, which shows at least
        // that the question is asked of the right process. Who is heard is a test of src/control.
        let said = String::from_utf8(ask.output().unwrap().stdout).unwrap();
        assert!(said.contains("\"changed\":true"), "{said}");
        return;
    }
    let said = ask.output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("only the same user and root may send requests"), "{text}{:?}", said.stderr);
    let status = place.run_unlooked(&["status", "--json"]).exits(0).json();
    assert_eq!(status["activity"]["paused"], Value::Null);
    place.run_unlooked(&["stop"]).exits(0);
    running.wait().exits(130);
}

const ASK: &str = r#"
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try:
    s.sendall(b'{"version":1,"ask":"pause","user":"x","host":"y"}\n')
except BrokenPipeError:
    pass
print(s.makefile().readline())
"#;
