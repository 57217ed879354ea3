//! Progress: lines, bars and JSON while long work is on.

use serde_json::Value;

use crate::kit::{Kit, eventually};
use crate::portable::control::slow_with;
use crate::sqlite::follow::{Terminal, parser};
use crate::support::Place;

/// The objects among what was said.
fn objects(said: &str) -> Vec<Value> {
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole); // the last line may be half there
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn a_machine_gets_one_object_a_line_with_reasons() {
    let place = Place::new(60);
    let running = slow_with(&place, &["--progress", "json", "--log-format", "json", "--quiet"]);
    let seen = |wanted: &dyn Fn(&Value) -> bool| objects(&running.said("err")).iter().any(wanted);
    let is_rotating = |object: &Value| {
        object["event"] == "progress"
            && object["activity"]["task"]["name"] == "rotating"
            && object["activity"]["rows_per_second_limit"] == 20
    };
    eventually("it tells what it does", || seen(&is_rotating));
    place.run_unlooked(&["pause"]).exits(0);
    let is_paused = |object: &Value| object["activity"]["paused"]["still"] == true;
    eventually("it tells that it is paused", || seen(&is_paused));
    place.run_unlooked(&["stop"]).exits(0);
    let ran = running.wait().exits(130);
    for object in objects(&ran.stderr).iter().filter(|object| object["event"] == "progress") {
        assert_eq!(object["schema"], 1);
        object["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let Value::Object(task) = &object["activity"]["task"] else { continue };
        let members: Vec<_> = task.keys().map(String::as_str).collect();
        let expected = [
            "name",
            "place",
            "unit",
            "done",
            "total",
            "per_second",
            "permille",
            "seconds_left",
            "seconds_left_here",
        ];
        assert_eq!(members, expected);
        let total = task["total"].as_u64().unwrap_or(u64::MAX);
        assert!(task["done"].as_u64().unwrap() <= total, "{object}");
    }
}

#[test]
fn lines_come_now_and_then_where_there_is_no_terminal() {
    let place = Place::new(60);
    let mut running = slow_with(&place, &[]);
    let silent = Place::new(60);
    let none = slow_with(&silent, &["--progress", "none"]);
    running.until_it_says(" rows in all");
    let said = running.said("err");
    let line = said.lines().find(|line| line.contains(" rows in all")).unwrap();
    assert!(line.contains("rotating ") && line.contains("paced at 20 rows/s"), "{line}");
    assert!(!line.contains('\x1b'), "{line}");
    for place in [&place, &silent] {
        place.run_unlooked(&["stop"]).exits(0);
    }
    let ran = running.wait().exits(130);
    let lines = ran.stderr.lines().filter(|line| line.contains(" rows in all")).count();
    assert!(lines <= 6, "{lines} lines within seconds:\n{}", ran.stderr);
    let ran = none.wait().exits(130);
    assert!(!ran.stderr.contains(" rows in all"), "{ran}");
}

#[test]
fn a_bar_stands_in_one_place_on_a_terminal_and_goes_in_the_end() {
    let place = Place::new(60);
    let slowly = ["run", "--chunk-size", "20", "--max-rows-per-second", "20"];
    let terminal = Terminal::of(&place, &slowly, None);
    eventually("it listens", || place.journal().join("control").exists());
    eventually("there is a bar", || terminal.written().contains("rows in all"));
    let so_far = terminal.written().len();
    eventually("it is drawn again", || terminal.written().len() > so_far + 400);
    place.run_unlooked(&["stop"]).exits(0);
    let (code, written) = terminal.end();
    assert_eq!(code, Some(130));
    let mut parser = parser();
    let (mut most, mut seen) = (0, String::new());
    for some in written.chunks(64) {
        parser.process(some);
        let screen = parser.screen().contents();
        most = most.max(screen.matches("rows in all").count());
        if screen.contains("rotating IDN_IDENTITY_USER_DATA [") && screen.contains("paced at 20 rows/s") {
            seen = screen;
        }
    }
    assert_eq!(most, 1, "bars pile up: {seen}");
    assert!(!seen.is_empty(), "no bar was seen:\n{}", parser.screen().contents());
    let end = parser.screen().contents();
    assert!(!end.contains("rows in all") && end.contains("`keyrotation resume`"), "{end}");
    assert!(String::from_utf8_lossy(&written).contains("\x1b[33m"), "no colours");

    let terminal = Terminal::of(&place, &["resume"], Some(("NO_COLOR", "1")));
    let (code, written) = terminal.end();
    assert_eq!(code, Some(0));
    let text = String::from_utf8_lossy(&written);
    for colour in ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[2m"] {
        assert!(!text.contains(colour), "a colour in spite of NO_COLOR: {text}");
    }
}

/// Holds a command at a point of its work, and returns what it says of that meanwhile.
pub(crate) fn held_at(place: &Place, point: &str, args: &[&str], name: &str) -> Value {
    let args = [args, &["--progress", "json", "--log-format", "json", "--quiet"]].concat();
    let gate = place.path("gate");
    let mut running = place.start_at(&format!("{point}=1*return({})", gate.display()), &args);
    running.until_it_waits(&gate);
    // One that was being said just then may tell of before.
    let times = || running.said("err").matches(&format!("\"{name}\"")).count();
    let before = times();
    eventually("it says how far it is at the gate", || times() > before + 1);
    let objects = objects(&running.said("err"));
    std::fs::remove_file(&gate).unwrap();
    let ran = running.wait().exits(0);
    let task = objects.iter().map(|object| &object["activity"]["task"]).rfind(|task| task["name"] == name);
    task.unwrap_or_else(|| panic!("{ran}")).clone()
}

#[test]
fn whoever_takes_long_tells_how_far_it_is() {
    let kit = Kit::new();
    let task = held_at(&kit, "rehearse-target", &["plan", "--rehearse"], "rehearsing");
    assert_eq!((&task["unit"], &task["place"]), (&"rows".into(), &"IDN_IDENTITY_USER_DATA".into()));
    kit.run(&["run"]).exits(0);
    let task = held_at(&kit, "verify-target", &["verify"], "verifying");
    assert_eq!((&task["unit"], &task["place"]), (&"chunks".into(), &"IDN_IDENTITY_USER_DATA".into()));
    assert!(task["total"].as_u64().unwrap() > 0);
    let output = kit.beside("report.html").display().to_string();
    let task = held_at(&kit, "report-events", &["report", "--output", &output], "reading");
    assert_eq!((&task["unit"], &task["place"]), (&"records".into(), &"the journal".into()));
    assert!(task["done"].as_u64().unwrap() > 0, "its digest comes first");
}

/// A limit of which nobody could tell whether it is kept is none.
#[test]
fn a_limit_that_cannot_be_measured_is_refused() {
    let kit = Kit::new();
    for words in [["--max-lag", "2s"], ["--max-load", "20"]] {
        let ran = kit.run(&["run", words[0], words[1]]).exits(2);
        assert!(ran.stderr.contains("--max-lag, --max-load: "), "{ran}");
    }
    kit.configure("replicas", Some("[jdbc:sqlite:other.db]"));
    kit.run(&["plan"]).exits(2);
    kit.configure("replicas", None);
    kit.run(&["resume"]).exits(0);
}
