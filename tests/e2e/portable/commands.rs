//! What each command does with each kind of journal, and that those who look change nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use crate::kit::{Kit, Refused as _, eventually, same_tree, tree};
use crate::support::stand_in;

#[test]
fn plan_changes_not_a_byte_with_whatever_journal() {
    let kit = Kit::new();
    let plan = |what: &str| {
        let before = tree(kit.folder());
        let text = kit.run(&["plan"]).exits(0);
        assert!(
            text.stdout.contains("IDN_OAUTH2_ACCESS_TOKEN") && text.stdout.contains(what),
            "{}",
            text.stdout
        );
        // Whatever the journal holds, the steps are there.
        assert!(text.stdout.contains("10  open  Retire the old deployment and the old key"), "{text}");
        kit.run(&["plan", "--json", "-vv"]).exits(0);
        same_tree(&before, &tree(kit.folder()));
    };
    plan("there is no journal yet");
    kit.interrupt();
    plan("the journal holds a rotation");
    kit.run(&["resume"]).exits(0);
    plan("the journal holds a rotation");
    kit.run(&["verify"]).exits(0);
    plan("6  done  Rotate and verify");
}

/// Without sync nothing was carried over that could be missing.
#[test]
fn safe_to_retire_says_where_else_to_look_without_sync() {
    let kit = Kit::rotated();
    let ran = kit.run(&["safe-to-retire"]).refused(4, "KR-SYN-002");
    assert!(
        ran.stderr.contains("was begun without sync") && ran.stderr.contains("`keyrotation runbook retire`"),
        "{ran}"
    );
}

#[test]
fn plan_as_json() {
    let kit = Kit::new();
    let plan = kit.run(&["plan", "--json"]).exits(0).json();
    assert_eq!(plan["schema"], 1);
    assert_eq!(plan["changes"].as_array().unwrap().len(), 3, "{plan}");
    assert_eq!(plan["ambiguous"], 0);
    let tokens =
        plan["targets"].as_array().unwrap().iter().find(|t| t["id"] == "oauth2-access-token").unwrap();
    assert_eq!(tokens["rows"], kit.deployment.counts.table("IDN_OAUTH2_ACCESS_TOKEN").rows);
    assert_eq!(tokens["under_new"], 0);
    // A table that is not there, and that this version does not have, is said to be skipped.
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.0.0\n").unwrap();
    kit.sql("DROP TABLE WF_BPS_PROFILE");
    let plan = kit.run(&["plan", "--json"]).exits(0).json();
    assert_eq!(plan["absent"][0][0], "WF_BPS_PROFILE", "{plan}");
}

#[test]
fn a_finished_rotation_is_left_alone_until_a_new_one_is_asked_for() {
    let kit = Kit::rotated();
    let before = databases(&kit);
    for command in ["run", "resume"] {
        let done = kit.run(&[command]).exits(0);
        assert!(done.stderr.contains("is finished, and nothing was changed"), "{}", done.stderr);
        assert!(done.stderr.contains("keyrotation run --new"), "{}", done.stderr);
    }
    same_tree(&before, &databases(&kit));

    let first = kit.run(&["status", "--json"]).exits(0).json();
    let done = kit.run(&["run", "--new"]).exits(0);
    assert!(done.stderr.contains("already under the new key"), "{}", done.stderr);
    let id = first["rotation_id"].as_str().unwrap();
    let archived = kit.folder().join(format!("keyrotation-journal-{id}"));
    let path = archived.to_str().unwrap();
    let old = kit.run(&["--journal", path, "status", "--json"]).exits(0).json();
    assert_eq!(old["rotation_id"], first["rotation_id"]);
    let second = kit.run(&["status", "--json"]).exits(0).json();
    assert_ne!(second["rotation_id"], first["rotation_id"]);
    let counts = |status: &serde_json::Value, what: &str| -> u64 {
        let all = status["targets"].as_array().unwrap().iter().chain(status["files"].as_array().unwrap());
        all.map(|target| target[what].as_u64().unwrap()).sum()
    };
    assert_eq!(counts(&second, "rotated"), 0);
    assert_eq!(counts(&second, "already_new"), counts(&first, "rotated"));
    same_tree(&before, &databases(&kit));
}

fn databases(kit: &Kit) -> std::collections::BTreeMap<std::path::PathBuf, (u32, Vec<u8>)> {
    let mut all = tree(kit.folder());
    all.retain(|path, _| {
        path.extension().is_some_and(|e| e == "db") || path.starts_with(&kit.deployment.home)
    });
    all
}

#[test]
fn a_new_rotation_keeps_the_earlier_journal_until_all_checks_are_passed() {
    let kit = Kit::rotated();
    let id = kit.run(&["status", "--json"]).exits(0).json()["rotation_id"].clone();
    kit.sql("CREATE TABLE IDN_OAUTH2_ACCESS_TOKEN_TEMP (SYNC_ID INTEGER)");
    kit.run(&["run", "--new"]).refused(2, "KR-CFG-050");
    assert_eq!(kit.run(&["status", "--json"]).exits(0).json()["rotation_id"], id);
}

#[test]
fn an_unfinished_rotation_is_resumed_not_begun_again() {
    let kit = Kit::new();
    kit.interrupt();
    let before = databases(&kit);
    let done = kit.run(&["run"]).refused(4, "KR-JRN-006");
    assert!(done.error().contains("keyrotation resume"), "{}", done.error());
    same_tree(&before, &databases(&kit));
    kit.run(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
}

#[test]
fn resume_without_a_rotation_begins_one() {
    let kit = Kit::new();
    let done = kit.run(&["resume"]).exits(0);
    assert!(done.stderr.contains("no rotation was begun yet"), "{}", done.stderr);
    kit.run(&["verify"]).exits(0);
}

#[test]
fn a_journal_in_which_nothing_was_recorded_is_taken_as_empty() {
    let kit = Kit::new();
    kit.run_at("journal-before-batch=return", &["run"]).refused(4, "KR-JRN-004");
    assert!(kit.journal().exists());
    kit.run(&["status"]).refused(4, "KR-JRN-007");
    let plan = kit.run(&["plan"]).exits(0);
    assert!(plan.stdout.contains("there is no journal yet"), "{}", plan.stdout);
    kit.run(&["run"]).exits(0);
}

#[test]
fn a_folder_with_something_else_in_it_is_no_journal() {
    let kit = Kit::new();
    let folder = kit.beside("precious");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("thesis.txt"), "irreplaceable").unwrap();
    let done = kit.run(&["run", "--journal", folder.to_str().unwrap()]).refused(4, "KR-JRN-009");
    assert!(done.error().contains("thesis.txt"), "{}", done.error());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn without_a_rotation_there_is_nothing_to_look_at() {
    let kit = Kit::new();
    let before = tree(kit.folder());
    for command in [&["status"][..], &["status", "--json"], &["verify"]] {
        let done = kit.run(command).refused(4, "KR-JRN-007");
        let error = done.error();
        assert!(error.contains("`keyrotation runbook`") && error.contains("`keyrotation run`"), "{error}");
    }
    same_tree(&before, &tree(kit.folder()));
}

/// Steps 1 to 5 come before there is a journal.
#[test]
fn status_tells_how_far_the_steps_are_before_a_rotation_is_begun() {
    let kit = Kit::new();
    kit.run(&["confirm", "copy"]).exits(0);
    let text = kit.run(&["status"]).exits(0).stdout;
    assert!(text.lines().next().unwrap().ends_with(" holds no rotation"), "{text}");
    assert!(text.contains("\nrunbook (maintenance window): ") && text.contains("   3  done "), "{text}");
    assert!(text.contains("what to do now: `keyrotation runbook`"), "{text}");
    let status = kit.run(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["schema"], &status["state"]), (&1.into(), &"not_begun".into()), "{status}");
    assert_eq!(status["runbook"]["steps"][2]["state"], "done", "{status}");
    kit.run(&["verify"]).refused(4, "KR-JRN-007");
    kit.run(&["run"]).exits(0);
    assert_eq!(kit.status()["state"], "completed");
}

#[test]
fn global_options_stand_before_or_after_the_subcommand() {
    let kit = Kit::new();
    let config = kit.deployment.config.to_str().unwrap();
    let journal = kit.beside("elsewhere/journal");
    let journal = journal.to_str().unwrap();
    for args in [
        &["--config", config, "--journal", journal, "-q", "run"][..],
        &["verify", "--journal", journal, "-c", config, "-vv"],
        &["-v", "status", "--json", "--journal", journal],
    ] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_keyrotation"));
        let output = program.args(args).current_dir("/").output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
    // properties.yaml is the default, and the journal's place is beside it.
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_keyrotation"));
    assert!(
        program
            .args(["plan", "--all-already-new"])
            .current_dir(kit.folder())
            .output()
            .unwrap()
            .status
            .success()
    );
    let mode = fs::metadata(journal).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(!kit.journal().exists(), "the journal is where it was asked for");
    assert!(kit.logs().is_empty() && fs::read_dir(kit.beside("elsewhere")).unwrap().count() == 2);
}

#[test]
fn quiet_says_warnings_only() {
    let kit = Kit::new();
    let done = kit.run(&["run", "-q", "--color", "always"]).exits(0);
    // That only a stand-in was tried is a warning.
    let is_of_stand_in = |line: &&str| stand_in().is_some() && line.contains("only on stand-ins");
    let said: Vec<&str> = done.stderr.lines().filter(|line| !is_of_stand_in(line)).collect();
    assert!(said.is_empty(), "{said:?}");
    assert!(done.stdout.contains("0 failed."));
}

#[test]
fn the_demo_ends_with_one_sentence_and_says_what_to_look_at() {
    let kit = Kit::new();
    let folder = kit.beside("demo");
    let demo = |args: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_keyrotation"));
        let output = program.arg("demo").arg(&folder).args(args).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, stdout, stderr) = demo(&["--tokens", "150"]);
    assert_eq!(code, Some(0));
    assert!(!stderr.contains("WARN"), "{stderr}");
    let last = stdout.lines().last().unwrap();
    assert!(last.starts_with("Demo done and verified: ") && last.ends_with("0 failed."), "{last}");
    for path in ["properties.yaml", "old-identity.db", "new-identity.db", "keyrotation-journal"] {
        assert!(folder.join(path).exists(), "{path}");
    }
    assert!(stdout.contains("try next:") && stdout.contains("resume"), "{stdout}");
    // What it prints can be typed as it stands, and everything that can be compared is named.
    let typed = |wanted: &str| {
        let is_it = |line: &&str| line.starts_with("     ") && line.contains(wanted);
        let command = stdout.lines().find(is_it).unwrap_or_else(|| panic!("no {wanted} in {stdout}"));
        let output = std::process::Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(typed(" status ").contains("is completed"));
    let again = kit.beside("again");
    let program = |args: &[&str]| {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_keyrotation")).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    program(&["demo", again.to_str().unwrap(), "--tokens", "150", "--no-run"]);
    let config = again.join("properties.yaml");
    let plan = program(&["plan", "--json", "--config", config.to_str().unwrap()]);
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    let outcome = |id: &str| {
        let checks = plan["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id}"))["outcome"].clone()
    };
    assert_eq!(outcome("old-registry-rows"), "ok");
    assert_eq!(outcome("old-files"), "ok");
    let tokens = &plan["tokens"];
    let count = |name: &str| tokens[name].as_u64().unwrap();
    assert!(count("inactive") + count("expired") < count("rows"), "some tokens live: {tokens}");
    // A folder with something in it is never written to.
    let before = tree(&folder);
    let (code, stdout, stderr) = demo(&[]);
    assert_eq!((code, &*stdout), (Some(3), ""));
    assert!(stderr.contains("KR-ENV-030"), "{stderr}");
    same_tree(&before, &tree(&folder));
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let kit = Kit::new();
    let running = kit.start_slow(1000, &["run"]);
    running.signal(Signal::TERM);
    let done = running.wait().exits(130);
    assert!(done.stderr.contains("keyrotation resume"), "{}", done.stderr);
    let status = kit.run(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["state"], &status["resumable"]), (&"interrupted".into(), &true.into()));
    eventually("it can be resumed", || kit.run(&["resume"]).code() == Some(0));
}
