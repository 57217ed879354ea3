//! A whole day with users on the old server: what the runbook says at each step, what is confirmed,
//! refused and taken back, and that the end is reached.

use std::fs;

use keyrotation::demo::Spec;
use rustix::process::Signal;
use serde_json::Value;

use super::pair::Pair;
use crate::kit::{Refused as _, eventually};
use crate::sqlite::documented::of_the_day;
use crate::sqlite::progress::held_at;
use crate::support::{Engine, Place};

/// The runbook, by its own command.
fn day(pair: &Pair) -> Value {
    pair.run(&["runbook", "--json"]).exits(0).json()
}

/// The step that is to be done now.
fn now(pair: &Pair) -> String {
    day(pair)["now"].as_str().unwrap_or("nothing").to_owned()
}

fn item(runbook: &Value, name: &str) -> Value {
    let mut items =
        runbook["steps"].as_array().unwrap().iter().flat_map(|step| step["items"].as_array().unwrap());
    items.find(|item| item["name"] == name).cloned().unwrap_or_else(|| panic!("no {name} in {runbook}"))
}

fn confirm(pair: &Pair, args: &[&str]) {
    pair.run(&[&["confirm"], args].concat()).exits(0);
}

/// A text without what differs from run to run: the folder, moments, the user and the host.
fn steady(pair: &Pair, text: &str) -> String {
    let folder = pair.place.deployment.folder.display().to_string();
    let by = item(&day(pair), "block/admin")["by"].as_str().unwrap_or("nobody").to_owned();
    let text = text.replace(&folder, "FOLDER").replace(&by, "USER on HOST");
    let moment = |word: &str| {
        let bare = word.trim_end_matches([':', ';']);
        let is_moment = bare.len() > 10 && bare.parse::<jiff::Timestamp>().is_ok();
        if is_moment { word.replace(bare, "MOMENT") } else { word.to_owned() }
    };
    let line = |line: &str| line.split(' ').map(moment).collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

#[test]
fn a_day_without_downtime_from_the_first_step_to_the_last() {
    let pair = Pair::without_triggers(Engine::Sqlite, 60);
    assert_eq!(now(&pair), "block");
    insta::assert_snapshot!("first", steady(&pair, &pair.run(&["runbook"]).exits(0).stdout));
    // Nothing of this is so yet.
    for name in ["triggers-installed", "start", "route-traffic", "retire/old-key", "old-server-stopped"] {
        pair.run(&["confirm", name]).refused(2, "KR-CFG-024");
    }
    pair.run(&["confirm", "blok"]).refused(2, "KR-CFG-020");
    assert!(!pair.place.journal().exists(), "what is refused leaves nothing");

    confirm(&pair, &["block", "--note", "change 4711"]);
    assert_eq!(now(&pair), "triggers");
    let admin = item(&day(&pair), "block/admin");
    assert_eq!((&admin["done"], &admin["note"]), (&true.into(), &"change 4711".into()));
    assert!(admin["by"].as_str().unwrap().contains(" on "), "{admin}");
    pair.run(&["triggers", "install"]).exits(0);
    assert_eq!(now(&pair), "copy");
    confirm(&pair, &["copy"]);
    assert_eq!(now(&pair), "clean-copy");
    pair.run(&["triggers", "remove", "--on", "new"]).exits(0);
    assert_eq!(now(&pair), "properties");
    confirm(&pair, &["properties/key-kept"]);
    assert_eq!(now(&pair), "run");
    let plan = pair.run(&["plan"]).exits(0).stdout;
    assert!(plan.contains(">  6  now   Rotate") && plan.contains("5 of 10 steps are done"), "{plan}");
    pair.run(&["confirm", "run/re-encrypted"]).refused(2, "KR-CFG-020");

    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let status = pair.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["runbook"]["now"], "deployment", "{status}");
    assert_eq!(status["schema"], 1);
    // What the file says is seen, where it says it.
    let toml = pair.place.deployment.home.join("repository/conf/deployment.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let with = |key: &str| text.replace("key = \"$secret{encryption_key}\"", &format!("key = \"{key}\""));
    for (key, why) in [(pair.keys()[0], "but the old key"), ("0011223344556677", "neither the old key nor")] {
        fs::write(&toml, with(key)).unwrap();
        let ran = pair.run(&["confirm", "deployment"]).refused(2, "KR-CFG-024");
        assert!(ran.stderr.contains(why), "{ran}");
    }
    fs::write(&toml, with(pair.keys()[1])).unwrap();
    confirm(&pair, &["deployment"]);
    confirm(&pair, &["start/started"]);
    assert_eq!(now(&pair), "switch");
    // A mistake is taken back, and stays on record.
    confirm(&pair, &["start/started", "--undo", "--note", "the wrong node"]);
    assert_eq!(now(&pair), "start");
    pair.run(&["confirm", "start", "--undo"]).refused(2, "KR-CFG-024");
    let names: Vec<Value> = {
        let status = pair.run(&["status", "--json"]).exits(0).json();
        status["steps"].as_array().unwrap().iter().map(|step| step["name"].clone()).collect()
    };
    assert_eq!(names[names.len() - 2..], [Value::from("start/started"), "undo:start/started".into()]);
    confirm(&pair, &["start"]);

    confirm(&pair, &["route-traffic"]);
    assert_eq!(item(&day(&pair), "switch/drained")["done"], false, "it was drained before, not since");
    pair.run(&["sync", "--until-drained", "--quiet-for", "1s"]).exits(0);
    assert_eq!(item(&day(&pair), "switch/drained")["done"], true);
    confirm(&pair, &["switch/opened"]);
    assert_eq!(now(&pair), "retire");
    let list = pair.run(&["status"]).exits(0).stdout;
    assert!(list.contains("> 10  now   Retire the old deployment and the old key"), "{list}");

    pair.run(&["confirm", "retire"]).refused(2, "KR-CFG-020");
    pair.run(&["confirm", "triggers-removed"]).refused(2, "KR-CFG-024");
    confirm(&pair, &["old-server-stopped"]);
    let task = held_at(&pair.place, "retire-target", &["safe-to-retire"], "comparing");
    assert_eq!(task["place"], "IDN_IDENTITY_USER_DATA", "it tells how far it is");
    pair.run(&["verify"]).exits(0);
    pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
    // What is destroyed is not there any more.
    let config = fs::read_to_string(&pair.place.deployment.config).unwrap();
    let kept: Vec<&str> = config.lines().filter(|line| !line.starts_with("oldSecretKey")).collect();
    fs::write(&pair.place.deployment.config, kept.join("\n")).unwrap();
    let things = ["old-identity", "old-registry", "dumps", "logs", "backups", "old-home", "old-key"];
    for thing in things {
        assert_eq!(now(&pair), "retire", "{thing} is left");
        confirm(&pair, &[&format!("retire/{thing}"), "--note", "shredded"]);
    }
    let runbook = day(&pair);
    assert_eq!(runbook["now"], Value::Null, "{runbook}");
    for command in ["run", "resume", "sync"] {
        let ran = pair.run(&[command]).exits(0);
        assert!(
            ran.stdout.contains("Finished and retired") && ran.stderr.contains("finished and retired"),
            "{ran}"
        );
    }
    // All that people have said is under the MAC, also what no session came after.
    assert_eq!(fs::metadata(pair.place.journal().join("steps")).unwrap().len(), 0);
    insta::assert_snapshot!("last", steady(&pair, &pair.run(&["confirm", "--list"]).exits(0).stdout));
    let steps: Vec<_> =
        runbook["steps"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert_eq!(steps, vec![Value::from("done"); 10]);
}

/// The shape that scripts rely on: every member of the document, and no other.
#[test]
fn the_document_is_stable() {
    let pair = Pair::without_triggers(Engine::Sqlite, 20);
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let document = day(&pair);
    assert_eq!(members(&document), ["schema", "variant", "now", "steps", "advice"]);
    assert_eq!((&document["schema"], &document["variant"]), (&1.into(), &"zero_downtime".into()));
    let step = &document["steps"][0];
    assert_eq!(members(step), ["number", "id", "title", "state", "items"]);
    assert_eq!(members(&step["items"][0]), ["name", "title", "confirmable", "done", "at", "by", "note"]);
    assert_eq!(members(&document["advice"][0]), ["id", "lines"]);
    for line in document["advice"].as_array().unwrap().iter().flat_map(|one| one["lines"].as_array().unwrap())
    {
        assert!(matches!(&*members(line).concat(), "say" | "command"), "{line}");
    }
    let ids: Vec<_> = document["steps"].as_array().unwrap().iter().map(|step| step["id"].clone()).collect();
    let expected = [
        "block",
        "triggers",
        "copy",
        "clean-copy",
        "properties",
        "run",
        "deployment",
        "start",
        "switch",
        "retire",
    ];
    assert_eq!(ids, expected.map(Value::from));
}

/// No secret of the deployment is in any page.
#[test]
fn the_runbook_tells_no_secret() {
    let pair = Pair::without_triggers(Engine::Postgres, 20);
    let said = pair.run(&["runbook", "--all"]).exits(0);
    let config = std::fs::read_to_string(&pair.place.deployment.config).unwrap();
    let value = |key: &str| {
        let line = config.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_once(": ").unwrap().1.trim_matches(['\'', '"']).to_owned()
    };
    for secret in ["oldSecretKey", "newSecretKey", "oldIdnPassword", "newIdnPassword"].map(value) {
        assert!(secret.len() > 10 && !said.stdout.contains(&secret), "{secret}");
    }
    assert!(said.stdout.contains("pg_dump --host=127.0.0.1"), "{said}");
}

#[test]
fn the_documented_day_without_downtime_is_the_real_one() {
    let pair = Pair::without_triggers(Engine::Sqlite, 60);
    let mut running = None;
    for command in of_the_day("Zero downtime") {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        match args[0] {
            "run" => {
                running = Some(pair.start_syncing(&args));
                eventually("the status tells of the sync", || pair.sync_status()["started_at"].is_string());
                continue;
            }
            "sync" => {
                let running = running.take().expect("the page has `run` before `sync`");
                running.signal(Signal::INT);
                running.wait().exits(130);
                args.extend(["--quiet-for", "1s"]);
            }
            _ => {}
        }
        pair.run(&args).exits(0);
    }
    let runbook = day(&pair);
    assert_eq!(runbook["now"], Value::Null, "{runbook}");
}

#[test]
fn the_documented_maintenance_window_is_the_real_one() {
    let place = Place::in_files(&Spec { tokens: 60, ..Spec::default() });
    for command in of_the_day("Maintenance window") {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        place.run_unlooked(&args).exits(0);
    }
    let runbook = place.run_unlooked(&["runbook", "--json"]).exits(0).json();
    assert_eq!((&runbook["variant"], &runbook["now"]), (&"maintenance_window".into(), &"retire".into()));
    let missed: Vec<_> =
        runbook["steps"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert_eq!(missed.iter().filter(|state| **state == "done").count(), 7, "{runbook}");
}

/// Whoever has destroyed the old key is not asked for it again.
#[test]
fn after_a_maintenance_window_the_old_key_is_needed_no_more() {
    let kit = crate::kit::Kit::rotated();
    kit.run(&["verify"]).exits(0);
    kit.run(&["configure"]).exits(0);
    for step in ["start", "route-traffic", "switch/opened"] {
        kit.run(&["confirm", step]).exits(0);
    }
    let all = fs::read_to_string(&kit.deployment.config).unwrap();
    kit.configure("oldSecretKey", None);
    // Not yet: it may only be missing here.
    kit.run(&["run"]).exits(2);
    for thing in ["old-identity", "old-registry", "dumps", "logs", "backups", "old-home", "old-key"] {
        kit.run(&["confirm", &format!("retire/{thing}")]).exits(0);
    }
    for command in ["run", "resume"] {
        let ran = kit.run(&[command]).exits(0);
        assert!(
            ran.stdout.contains("Finished and retired") && ran.stderr.contains("finished and retired"),
            "{ran}"
        );
    }
    kit.run(&["status"]).exits(0);
    kit.run(&["confirm", "--list"]).exits(0);
    assert_eq!(fs::metadata(kit.journal().join("steps")).unwrap().len(), 0, "all is under the MAC");
    // With another rotation it is a mistake again.
    kit.run(&["run", "--new"]).exits(2);
    fs::write(&kit.deployment.config, all).unwrap();
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stdout.contains("Finished and retired"), "{ran}");
}
