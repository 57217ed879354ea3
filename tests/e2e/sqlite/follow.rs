//! `status --watch` and `status --wait`, and an end that is planned when the work begins.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use jiff::{SignedDuration, Timestamp};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::kit::{Kit, Refused as _, eventually};
use crate::portable::control::slow;
use crate::support::Place;

/// A terminal of its own for a command, with all that was written to it in the end.
pub(crate) struct Terminal {
    child: Child,
    reader: JoinHandle<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

const LINES: u16 = 24;
const COLUMNS: u16 = 100;

impl Terminal {
    pub(crate) fn of(place: &Place, args: &[&str], env: Option<(&str, &str)>) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: LINES, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let end = ioctl_tiocgptpeer(&master, flags).unwrap();
        let mut command = place.command(args);
        let stdio = |end: &OwnedFd| Stdio::from(end.try_clone().unwrap());
        command.stdin(stdio(&end)).stdout(stdio(&end)).stderr(stdio(&end)).env("TERM", "xterm");
        command.env_remove("NO_COLOR").envs(env);
        let child = command.spawn().unwrap();
        drop((command, end)); // the reader ends once nobody else can write
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let all = Arc::clone(&written);
        let reader = std::thread::spawn(move || {
            let (mut master, mut some) = (File::from(master), [0; 4096]);
            while let Ok(read @ 1..) = master.read(&mut some) {
                all.lock().unwrap().extend(&some[..read]);
            }
        });
        Self { child, reader, written }
    }

    /// All that was written to it so far.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits for the end: the exit code, and all that was written.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<u8>) {
        let status = self.child.wait().unwrap();
        self.reader.join().unwrap();
        (status.code(), std::mem::take(&mut self.written.lock().unwrap()))
    }
}

/// What somebody who sits at the terminal sees in the end.
fn screen(written: &[u8]) -> String {
    let mut parser = parser();
    parser.process(written);
    parser.screen().contents()
}

/// A terminal of that size that shows nothing yet.
pub(crate) fn parser() -> vt100::Parser {
    let size = |cells| NonZero::new(cells).unwrap();
    vt100::Parser::new(size(LINES), size(COLUMNS), 0)
}

#[test]
fn watch_redraws_on_a_terminal_and_ends_with_the_rotations_exit_code() {
    let place = Place::new(60);
    let running = slow(&place);
    let watch = Terminal::of(&place, &["status", "--watch"], None);
    place.run_unlooked(&["pause"]).exits(0);
    let second = Terminal::of(&place, &["status", "--watch"], None);
    for terminal in [&watch, &second] {
        eventually("it shows the pause", || terminal.written().contains("PAUSED"));
    }
    place.run_unlooked(&["continue"]).exits(0);
    for terminal in [&watch, &second] {
        eventually("it is drawn again", || terminal.written().matches("\x1b[J").count() >= 2);
    }
    place.run_unlooked(&["stop"]).exits(0);
    running.wait().exits(130);
    for terminal in [watch, second] {
        let (code, written) = terminal.end();
        assert_eq!(code, Some(130));
        let text = String::from_utf8_lossy(&written);
        let clear = "\x1b[J";
        assert!(text.matches(clear).count() >= 2, "it redraws: {text}");
        assert!(text.contains("PAUSED"), "{text}");
        // While it runs each frame fits, and stands where the last one stood.
        let last_frame = written.len() - text.rsplit(clear).next().unwrap().len();
        let before = screen(&written[..last_frame - clear.len()]);
        assert_eq!(before.matches("process ").count(), 1, "frames pile up:\n{before}");
        let after = screen(&written);
        assert!(after.contains("next: `keyrotation resume`"), "{after}");
        assert!(!after.contains("(process "), "{after}");
    }
}

#[test]
fn watch_writes_a_line_for_each_change_where_there_is_no_terminal() {
    let place = Place::new(60);
    let running = slow(&place);
    place.run_unlooked(&["pause"]).exits(0);
    let watch = place.start_unlooked("", &["status", "--watch"]);
    let json = place.start_unlooked("", &["status", "--watch", "--json"]);
    let wait = |text: &str| {
        eventually(text, || watch.said("out").contains(text) && !json.said("out").is_empty());
    };
    wait("; paused since ");
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert_eq!(watch.said("out").lines().count(), 1, "nothing has changed: {}", watch.said("out"));
    place.run_unlooked(&["pace", "off"]).exits(0);
    place.run_unlooked(&["continue"]).exits(0);
    running.wait().exits(0);
    let ran = watch.wait_unlooked().exits(0);
    assert!(ran.stdout.lines().last().unwrap().contains(" completed: "), "{ran}");
    assert!(!ran.stdout.contains('\x1b'), "{ran}");
    let ran = json.wait_unlooked().exits(0);
    let states: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(states.last().unwrap()["state"], "completed");
}

#[test]
fn watch_tells_how_a_rotation_ended_that_nobody_works_on() {
    let kit = Kit::new();
    kit.run(&["status", "--watch"]).refused(4, "KR-JRN-007");
    let running = slow(&kit);
    let watch = kit.start_unlooked("", &["status", "--watch"]);
    eventually("it watches", || watch.said("out").contains("running: "));
    running.kill();
    let ran = watch.wait_unlooked().exits(6);
    assert!(ran.stderr.contains("was killed"), "{ran}");
    kit.run_at("table-before-commit=return", &["resume"]).exits(3);
    assert_eq!(kit.run(&["status", "--watch"]).code(), Some(3), "as the error that ended it");
    kit.run(&["resume"]).exits(0);
    kit.run(&["status", "--watch"]).exits(0);
}

#[test]
fn wait_begins_before_the_rotation_and_ends_when_it_is_so_far() {
    let place = Place::new(60);
    let mut early = place.start_unlooked("", &["status", "--wait", "re-encrypted", "--timeout", "10m"]);
    early.until_it_says("waiting for one");
    let ran = place.run_unlooked(&["status", "--wait", "finished", "--timeout", "1s"]);
    assert_eq!(ran.code(), Some(124), "{ran}");

    let running = slow(&place);
    let ran = place.run_unlooked(&["status", "--wait", "re-encrypted", "--timeout", "1s"]);
    assert_eq!(ran.code(), Some(124), "{ran}");
    place.run_unlooked(&["status", "--wait", "drained"]).refused(4, "KR-SYN-002");
    let finished = place.start_unlooked("", &["status", "--wait", "finished"]);
    place.run_unlooked(&["pace", "off"]).exits(0);
    running.wait().exits(0);
    let ran = early.wait_unlooked().exits(0);
    assert!(ran.stdout.ends_with(" is re-encrypted\n"), "{ran}");
    finished.wait_unlooked().exits(0);
    place.run(&["status", "--wait", "re-encrypted", "--json"]).exits(0).json();
}

#[test]
fn wait_ends_at_once_when_the_rotation_ends_before_it_is_so_far() {
    for kill in [false, true] {
        let place = Place::new(60);
        let running = slow(&place);
        let wait = place.start_unlooked("", &["status", "--wait", "re-encrypted", "--timeout", "10m"]);
        place.run_unlooked(&["pause"]).exits(0);
        if kill {
            running.kill();
        } else {
            place.run_unlooked(&["stop"]).exits(0);
            running.wait().exits(130);
        }
        let ran = wait.wait_unlooked().refused(6, "KR-CTL-001");
        assert!(ran.stderr.contains("which is interrupted and not re-encrypted"), "{ran}");
        place.run(&["status", "--wait", "finished"]).refused(6, "KR-CTL-001");
    }
}

#[test]
fn a_planned_end_comes_at_a_safe_point_and_is_on_record() {
    let place = Place::new(120);
    let slowly = ["--chunk-size", "10", "--max-rows-per-second", "5"];
    let ran = place.run(&[&["run", "--stop-after", "12s"], &slowly[..]].concat()).exits(130);
    assert!(ran.stderr.contains("it will stop at a safe point at "), "{ran}");
    assert!(ran.stderr.contains("as planned"), "{ran}");
    assert!(ran.stderr.contains("`keyrotation resume` continues from here"), "{ran}");
    let names = |status: &serde_json::Value| -> Vec<String> {
        let steps = status["steps"].as_array().unwrap().iter();
        steps.map(|step| step["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&place.status()), ["stop-planned", "stop"]);

    let soon = format!("{:.3}", Timestamp::now().checked_add(SignedDuration::from_secs(12)).unwrap());
    let begun = std::time::Instant::now();
    let mut running = place.start(&[&["resume", "--stop-at", &soon], &slowly[..]].concat());
    running.until_it_says("from key ");
    eventually("its end is told", || {
        place.run_unlooked(&["status", "--json"]).exits(0).json()["activity"]["stops_at"] == soon.as_str()
    });
    running.wait().exits(130);
    assert!(begun.elapsed().as_secs() >= 11, "too early");

    // The rotation may be faster than that: then the end is no interruption.
    place.run(&["resume", "--stop-at", "05:00"]).exits(0);
    assert_eq!(names(&place.status()), ["stop-planned", "stop", "stop-planned", "stop", "stop-planned"]);
    let past = place.run(&["resume", "--stop-at", "2020-01-01T00:00:00Z"]);
    past.refused(2, "KR-CFG-020");
    assert_eq!(place.run(&["resume", "--stop-at", "5 o'clock"]).code(), Some(2));
}
