//! `status`: what it says while a rotation runs and afterwards, for people and for scripts.

use jiff::Timestamp;
use serde_json::Value;

use crate::kit::Kit;

/// Asserts that `value` has every member of `shape`, each of one of the kinds in words.
#[track_caller]
fn has_shape(value: &Value, shape: &[(&str, &str)]) {
    for (member, kinds) in shape {
        let found = value.get(member).unwrap_or_else(|| panic!("no {member} in {value}"));
        let kind = match found {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "text",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        };
        assert!(kinds.split('|').any(|allowed| allowed == kind), "{member} is a {kind}: {value}");
    }
}

const WHOLE: &[(&str, &str)] = &[
    ("schema", "number"),
    ("rotation_id", "text"),
    ("state", "text"),
    ("resumable", "bool"),
    ("started_at", "text"),
    ("updated_at", "text"),
    ("targets", "list"),
    ("files", "list"),
    ("sync", "null"),
];

const TARGET: &[(&str, &str)] = &[
    ("id", "text"),
    ("label", "text"),
    ("state", "text"),
    ("total", "number|null"),
    ("rows", "number"),
    ("rotated", "number"),
    ("plain", "number"),
    ("null", "number"),
    ("already_new", "number"),
    ("resealed", "number"),
    ("gone", "number"),
    ("failed", "number"),
    ("failures", "list"),
];

const FAILURE: &[(&str, &str)] = &[("key", "text"), ("column", "text"), ("reason", "text")];

#[track_caller]
fn check(status: &Value, state: &str) {
    has_shape(status, WHOLE);
    assert_eq!(status["schema"], 1);
    assert_eq!(status["state"], state, "{status}");
    for moment in ["started_at", "updated_at"] {
        assert!(status[moment].as_str().unwrap().parse::<Timestamp>().is_ok(), "{status}");
    }
    let targets = [status["targets"].as_array().unwrap(), status["files"].as_array().unwrap()];
    assert_eq!((targets[0].len(), targets[1].len()), (13, 4), "every target is listed, done or not");
    for target in targets.into_iter().flatten() {
        has_shape(target, TARGET);
        let count = |what: &str| target[what].as_u64().unwrap();
        let kinds = ["failed", "rotated", "already_new", "plain", "null"];
        assert_eq!(count("rows"), kinds.iter().map(|kind| count(kind)).sum::<u64>(), "{target}");
        for failure in target["failures"].as_array().unwrap() {
            has_shape(failure, FAILURE);
        }
    }
}

pub(crate) fn status_has_every_member_in_every_state() {
    let kit = Kit::new();
    wait_spoil(&kit);
    kit.interrupt();
    let status = kit.run(&["status", "--json"]).exits(0).json();
    check(&status, "failed");
    assert_eq!(status["resumable"], true);
    assert!(status["error"].as_str().unwrap().contains("KR-DB-001"), "{status}");

    kit.run(&["resume"]).exits(1);
    let status = kit.run(&["status", "--json"]).exits(0).json();
    check(&status, "completed");
    assert_eq!(status["resumable"], false);
    let failures: Vec<_> = status["targets"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|target| {
            target["failures"].as_array().unwrap().iter().map(|f| (target["id"].clone(), f.clone()))
        })
        .collect();
    assert!(failures.len() >= 8, "{failures:?}");
    let text = kit.run(&["status"]).exits(0).stdout;
    for (_, failure) in &failures {
        assert!(text.contains(failure["reason"].as_str().unwrap()), "{failure} is not in\n{text}");
    }
    assert!(text.contains("resume --retry-failed"), "{text}");
}

/// Values that cannot be rotated; of those that would stop a run, none.
fn wait_spoil(kit: &Kit) {
    kit.damage();
    kit.sql("DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 9001");
}

#[test]
fn status_follows_a_running_rotation_within_a_second_also_during_one_long_chunk() {
    let kit = Kit::new();
    let running = kit.start_slow(6000, &["run"]);
    for _ in 0..8 {
        let status = kit.run_unlooked(&["status", "--json"]).exits(0).json();
        check(&status, "running");
        assert_eq!(status["pid"], running.pid());
        let updated: Timestamp = status["updated_at"].as_str().unwrap().parse().unwrap();
        let age = Timestamp::now().duration_since(updated);
        assert!(age.as_millis() <= 1000, "{} ms old", age.as_millis());
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    let text = kit.run_unlooked(&["status"]).exits(0).stdout;
    assert!(text.contains(&format!("process {}", running.pid())), "{text}");
    running.wait().exits(0);
    check(&kit.run(&["status", "--json"]).exits(0).json(), "completed");
}

#[test]
fn what_a_killed_rotation_said_is_not_taken_for_news() {
    let kit = Kit::new();
    let running = kit.start_slow(20_000, &["run"]);
    drop(running); // SIGKILL
    let status = kit.run(&["status", "--json"]).exits(0).json();
    check(&status, "interrupted");
    assert_eq!((&status["resumable"], &status["pid"]), (&true.into(), &Value::Null));

    // Whoever takes the journal next speaks for itself from the first moment on.
    let running = kit.start_slow(1500, &["resume"]);
    let status = kit.run(&["status", "--json"]).exits(0).json();
    check(&status, "running");
    assert_eq!(status["pid"], running.pid());
    running.wait().exits(0);
}

#[test]
fn status_lists_a_hundred_failures_and_all_when_asked() {
    let kit = Kit::new();
    let foreign = "eyJjIjoiQUFBQSIsInQiOiJSU0EifQ=="; // {"c":"AAAA","t":"RSA"}
    kit.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
         INSERT INTO IDN_OAUTH_CONSUMER_SECRETS (SECRET_ID, SECRET_VALUE) SELECT 'bad' || i, '{foreign}' FROM n"
    ));
    kit.run(&["run", "--chunk-size", "70"]).exits(1);
    let listed = |args: &[&str]| -> Vec<String> {
        let status = kit.run(args).exits(0).json();
        check(&status, "completed");
        let target =
            status["targets"].as_array().unwrap().iter().find(|t| t["id"] == "oauth-consumer-secrets");
        let target = target.unwrap().clone();
        assert_eq!(target["failed"], 250);
        target["failures"].as_array().unwrap().iter().map(|f| f["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&["status", "--json"]).len(), 100);
    let all: std::collections::BTreeSet<_> =
        listed(&["status", "--json", "--failures"]).into_iter().collect();
    assert_eq!(all, (1..=250).map(|number| format!("bad{number}")).collect());

    let lines = |args: &[&str]| kit.run(args).exits(0).stdout;
    let text = lines(&["status"]);
    assert_eq!(text.matches("\nfailed: ").count(), 100);
    assert!(text.contains("`keyrotation status --failures`"), "it says that there are more:\n{text}");
    assert_eq!(lines(&["status", "--failures"]).matches("\nfailed: ").count(), 250);
}

#[test]
fn status_tells_of_a_finished_rotation_while_it_is_being_verified() {
    let kit = Kit::rotated();
    let here = kit.beside("here");
    let mut verify = kit.start_at(&format!("verify-target=1*return({})", here.display()), &["verify"]);
    verify.until_it_waits(&here);
    let status = kit.run_unlooked(&["status", "--json"]).exits(0).json();
    check(&status, "completed");
    std::fs::remove_file(here).unwrap();
    verify.wait().exits(0);
}
