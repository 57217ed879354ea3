//! Monitoring from outside: the metrics file, read by an independent parser, and the command of `onEvent`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::{Kit, Refused as _, eventually};
use crate::portable::control::slow_with;
use crate::support::Place;

/// The samples of a metrics file, as an independent reader finds them: see `tests/support/read_metrics.py`.
struct Metrics(Vec<Value>);

impl Metrics {
    #[track_caller]
    fn read(path: &Path) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/read_metrics.py");
        let output = Command::new("python3").arg(script).arg(path).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let needed = "python3 with the package `prometheus-client` is needed, and says:";
        assert!(output.status.success(), "{needed} {stderr}");
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The sum of the samples of a name with these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let is_it = |sample: &&Value| {
            sample[0] == name && labels.iter().all(|(label, value)| sample[1][*label] == *value)
        };
        self.0.iter().filter(is_it).map(|sample| sample[2].as_f64().unwrap()).sum()
    }

    #[track_caller]
    fn ended(&self, verdict: &str) {
        assert!((self.sum("keyrotation_verdict", &[("verdict", verdict)]) - 1.0).abs() < 0.1, "{:?}", self.0);
        assert!((self.sum("keyrotation_verdict", &[]) - 1.0).abs() < 0.1, "one of them");
        assert!((self.sum("keyrotation_phase", &[("phase", "ended")]) - 1.0).abs() < 0.1);
    }
}

/// Damaged values, and nothing that would stop the run.
fn damaged() -> Kit {
    let kit = Kit::new();
    kit.damage();
    kit.sql("DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 9001");
    kit
}

/// A command for `onEvent`, which keeps what it is told.
fn listen(place: &Place, more: &str) -> PathBuf {
    let folder = place.deployment.config.parent().unwrap();
    fs::write(folder.join("told.sh"), format!("env >> env; cat >> told; {more}\n")).unwrap();
    let config = fs::read_to_string(&place.deployment.config).unwrap();
    fs::write(&place.deployment.config, format!("{config}\nonEvent: sh told.sh\n")).unwrap();
    folder.join("told")
}

/// What it was told, in its order.
fn told(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events(all: &[Value]) -> Vec<&str> {
    all.iter().map(|said| said["event"].as_str().unwrap()).collect()
}

#[test]
fn metrics_are_those_of_status_for_every_parser_and_hold_no_secret() {
    let kit = damaged();
    let path = kit.beside("keyrotation.prom");
    let file = path.to_str().unwrap();
    kit.run_at("table-before-commit=2*off->return", &["run", "--chunk-size", "50", "--metrics-file", file])
        .exits(3);
    let metrics = Metrics::read(&path);
    metrics.ended("error");
    assert!(metrics.sum("keyrotation_last_error_info", &[]) > 0.5, "{:?}", metrics.0);
    kit.run(&["resume", "--metrics-file", file]).exits(1);
    let metrics = Metrics::read(&path);
    metrics.ended("failures");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    let status = kit.status();
    let mut counted = 0.0;
    for (name, kind) in [("rows", "targets"), ("files", "files")] {
        for target in status[kind].as_array().unwrap() {
            let id = ("target", target["id"].as_str().unwrap());
            for outcome in ["rotated", "plain", "null", "already_new", "gone"] {
                let found = metrics.sum(&format!("keyrotation_{name}_total"), &[id, ("outcome", outcome)]);
                assert_eq!(Some(found), target[outcome].as_f64(), "{outcome} of {target}");
                counted += found;
            }
            let failed = metrics.sum(&format!("keyrotation_{name}_failed"), &[id]);
            assert_eq!(Some(failed), target["failed"].as_f64(), "{target}");
            let done = metrics.sum("keyrotation_target_done", &[id]);
            assert!((done - 1.0).abs() < 0.1, "{target}");
        }
    }
    assert!(counted > 100.0);
    assert!(metrics.sum("keyrotation_failures", &[("reason", "damaged")]) > 0.5, "{:?}", metrics.0);
    let text = fs::read_to_string(&path).unwrap();
    let spec = &kit.deployment.spec;
    for secret in [spec.old_key.as_str(), spec.new_key.as_str(), "jdbc:"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn a_metrics_file_that_cannot_be_written_is_one_warning() {
    let kit = Kit::new();
    let ran = kit.run(&["run", "--metrics-file", "/no/such/folder/k.prom"]).exits(0);
    assert_eq!(ran.stderr.matches("the metrics file is not written").count(), 1, "{ran}");
    kit.run(&["verify"]).exits(0);
}

#[test]
fn the_command_of_on_event_is_told_of_start_failures_and_the_end_and_gets_no_secret() {
    let kit = damaged();
    let heard = listen(&kit, "");
    kit.configure("oldSecretKey", Some("env:HEARD_OLD_KEY"));
    let key = kit.deployment.spec.old_key.clone();
    let run = |args: &[&str]| kit.run_as(kit.command(args).env("HEARD_OLD_KEY", &key));
    run(&["run"]).exits(1);
    let all = told(&heard);
    let mut kinds = events(&all);
    kinds.dedup(); // the first failures come at once, the others at the end
    assert_eq!(kinds, ["start", "failure", "done"], "{all:?}");
    let (sessions_end, done) = (all.len(), &all[all.len() - 1]);
    let status = run(&["status", "--json"]).exits(0).json();
    assert_eq!((&done["rotation_id"], &done["phase"]), (&status["rotation_id"], &"ended".into()));
    let new: u64 = all.iter().filter_map(|said| said["new_failures"].as_u64()).sum();
    assert_eq!(Some(new), done["failed"].as_u64(), "each failure is in one group: {all:?}");
    assert!(all[sessions_end - 2]["reasons"]["damaged"].as_u64() > Some(0), "{all:?}");
    let env = fs::read_to_string(heard.with_file_name("env")).unwrap();
    assert!(env.contains("PATH=") && !env.contains("HEARD_OLD_KEY") && !env.contains(&key), "{env}");
    let text = fs::read_to_string(&heard).unwrap();
    assert!(!text.contains(&key) && !text.contains("jdbc:"), "{text}");

    // Another command, or none, is no reason to refuse to go on.
    kit.configure("onEvent", Some("sh told.sh again"));
    run(&["resume", "--retry-failed"]).exits(1);
    let all = told(&heard);
    assert_eq!(
        (events(&all[sessions_end..]).first(), all.last().unwrap()["command"].as_str()),
        (Some(&"start"), Some("resume"))
    );
    kit.configure("onEvent", None);
    run(&["resume", "--retry-failed"]).exits(1);
}

#[test]
fn an_error_before_the_first_write_is_told_too() {
    let kit = Kit::new();
    let heard = listen(&kit, "echo no network >&2; exit 3");
    let ran = kit.run_at("session-connect=return", &["run"]);
    assert!(ran.code().is_some_and(|code| code > 1), "{ran}");
    let all = told(&heard);
    assert_eq!((events(&all), &all[0]["phase"]), (vec!["error"], &"looking".into()), "{all:?}");
    assert!(all[0]["error"]["id"].as_str().is_some_and(|id| id.starts_with("KR-")), "{all:?}");
    let warning = "onEvent: sh, run for the event `error`, ended with exit code 3: no network";
    assert_eq!(ran.stderr.matches(warning).count(), 1, "{ran}");
}

#[test]
fn a_command_that_hangs_holds_nothing_up_and_is_killed_at_the_end() {
    let kit = Kit::new();
    let heard = listen(&kit, "sleep 100");
    let begun = Instant::now();
    let ran = kit.run(&["run"]).exits(0);
    assert!(begun.elapsed() < Duration::from_secs(90), "{ran}");
    assert!(
        ran.stderr.contains("onEvent: sh, run for the event `start`, takes too long, and was killed"),
        "{ran}"
    );
    assert_eq!(events(&told(&heard)), ["start", "done"]);
    kit.run(&["verify"]).exits(0);
}

#[test]
fn a_command_that_others_may_write_to_is_refused_before_anything_is_begun() {
    let kit = Kit::new();
    listen(&kit, "");
    let script = kit.deployment.config.with_file_name("told.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o777)).unwrap();
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-005");
    assert!(ran.stderr.contains("everyone may write to "), "{ran}");
    assert!(!kit.journal().exists());
}

#[test]
fn a_pause_is_in_the_metrics_and_told_of() {
    let place = Place::new(120);
    let heard = listen(&place, "");
    let path = place.deployment.config.with_file_name("k.prom");
    let running = slow_with(&place, &["--metrics-file", path.to_str().unwrap()]);
    eventually("it writes", || path.exists());
    place.run_unlooked(&["pause"]).exits(0);
    let is_paused = || Metrics::read(&path).sum("keyrotation_paused", &[("reason", "asked")]) > 0.5;
    eventually("the pause is in the file", is_paused);
    eventually("it is told of", || events(&told(&heard)).contains(&"pause"));
    place.run_unlooked(&["stop"]).exits(0);
    running.wait().exits(130);
    Metrics::read(&path).ended("stopped");
    assert!(Metrics::read(&path).sum("keyrotation_paused_seconds_total", &[("reason", "asked")]) > 0.1);
    let all = told(&heard);
    assert_eq!(all.last().unwrap()["event"], "stopped", "{all:?}");
}
