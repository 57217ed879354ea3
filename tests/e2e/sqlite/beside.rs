//! Steps that wait beside the journal's log: nothing that is not under the key's MAC reaches a headline.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::kit::{Kit, Refused as _};

fn report(kit: &Kit) -> Value {
    kit.run(&["report", "--format", "json"]).exits(0).json()
}

fn inbox(kit: &Kit) -> std::path::PathBuf {
    kit.journal().join("steps")
}

/// A step as a program leaves it that has no key.
fn plant(kit: &Kit, name: &str, note: &str) {
    let step = keyrotation_journal::Step {
        at: jiff::Timestamp::now().as_millisecond(),
        name: name.to_owned(),
        note: note.to_owned(),
        user: "mallory (uid 0)".to_owned(),
        host: "h".to_owned(),
    };
    keyrotation_journal::submit_step(&kit.journal(), &step).unwrap();
}

const GOOD: &str = "live=no sample=all chunks=9/9 events=9 rows=900 same=900 gone=0 new=0 changed=0 failed=0 bad=0 \
                    without-ciphertext=0 differences=0";

#[test]
fn what_verify_found_is_in_the_chain() {
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    assert!(fs::read(inbox(&kit)).map_or(true, |bytes| bytes.is_empty()), "nothing waits beside the log");
    let document = report(&kit);
    assert_eq!(document["verdict"]["headline"], "Finished and verified", "{document}");
    let steps = document["rotations"][0]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["in_log"] == true), "{document}");
    assert!(steps.iter().any(|step| step["user"].as_str().unwrap().contains("(uid ")), "{document}");
}

#[test]
fn a_finding_without_a_proof_reaches_no_headline_and_no_log() {
    let kit = Kit::rotated();
    plant(&kit, "verified", GOOD);
    assert_ne!(report(&kit)["verdict"]["headline"], "Finished and verified");
    let status = kit.status();
    assert_eq!(status["verified"], Value::Null, "{status}");
    let ran = kit.run(&["confirm", "start/started"]).exits(0);
    assert!(ran.stderr.contains("has no proof"), "{ran}");
    assert_ne!(report(&kit)["verdict"]["headline"], "Finished and verified");
    assert_eq!(kit.status()["verified"], Value::Null);
}

#[test]
fn steps_of_another_rotation_are_none_of_this_one() {
    let (kit, other) = (Kit::rotated(), Kit::rotated());
    other.run(&["verify"]).exits(0);
    plant(&other, "verified", GOOD);
    fs::copy(inbox(&other), inbox(&kit)).unwrap();
    assert_ne!(report(&kit)["verdict"]["headline"], "Finished and verified");
    kit.run(&["verify"]).exits(0);
    assert_eq!(report(&kit)["verdict"]["headline"], "Finished and verified");
    assert!(!kit.status()["steps"].to_string().contains("mallory"), "{}", kit.status());
}

/// What people have said of another rotation is nothing that they have said of this one.
#[test]
fn a_confirmation_of_another_rotation_is_not_taken_over() {
    let kit = Kit::rotated();
    let step = |name: &str| keyrotation_journal::Step {
        at: jiff::Timestamp::now().as_millisecond(),
        name: name.to_owned(),
        note: "of another".to_owned(),
        user: "u".to_owned(),
        host: "h".to_owned(),
    };
    let other = keyrotation_journal::Submission::new(step("switch/opened"), Some([9; 16]));
    keyrotation_journal::submit(&kit.journal(), &other).unwrap();
    let ran = kit.run(&["confirm", "start/started"]).exits(0);
    assert!(ran.stderr.contains("is another rotation's"), "{ran}");
    let steps = kit.status()["steps"].to_string();
    assert!(steps.contains("start/started") && !steps.contains("of another"), "{steps}");
}

#[test]
fn a_confirmation_is_under_the_mac_at_once() {
    let kit = Kit::rotated();
    kit.run(&["confirm", "start/started", "--note", "by hand"]).exits(0);
    assert_eq!(fs::metadata(inbox(&kit)).unwrap().len(), 0);
    let document = report(&kit);
    let step =
        &document["rotations"][0]["steps"].as_array().unwrap().iter().find(|step| step["note"] == "by hand");
    assert_eq!(step.unwrap()["in_log"], true, "{document}");
    kit.run(&["verify"]).exits(0);
}

#[test]
fn a_torn_step_swallows_none_that_comes_after_it() {
    let kit = Kit::new();
    kit.run(&["confirm", "block"]).exits(0);
    let whole = fs::read(inbox(&kit)).unwrap();
    plant(&kit, "copy/home", "torn");
    let torn = fs::read(inbox(&kit)).unwrap();
    fs::write(inbox(&kit), &torn[..whole.len() + 20]).unwrap();
    let ran = kit.run(&["confirm", "properties/key-kept"]).exits(0);
    assert!(ran.stderr.contains("torn by a crash"), "{ran}");
    let status = kit.run(&["confirm", "--list"]).exits(0).stdout;
    assert!(status.contains("properties/key-kept"), "{status}");
    kit.run(&["run"]).exits(0);
    let names = kit.status()["steps"].to_string();
    assert!(names.contains("properties/key-kept") && !names.contains("copy/home"), "{names}");
    // One that was changed after it was left is refused.
    plant(&kit, "start/started", "one");
    plant(&kit, "switch/opened", "two");
    let mut changed = fs::read(inbox(&kit)).unwrap();
    changed[12] ^= 1;
    fs::write(inbox(&kit), changed).unwrap();
    kit.run(&["status"]).refused(4, "KR-JRN-002");
}

/// The journal's log with a word in it changed, and all checksums made to fit.
fn edit(kit: &Kit, from: &[u8], to: &[u8]) {
    let log = kit.journal().join("log");
    let db = sled::Config::default().path(log).mode(sled::Mode::HighThroughput).open().unwrap();
    let mut edited = 0;
    for entry in db.scan_prefix("r") {
        let (key, value) = entry.unwrap();
        let Some(at) = value.windows(from.len()).position(|window| window == from) else { continue };
        let mut value = value.to_vec();
        value[at..at + to.len()].copy_from_slice(to);
        let (head, body) = value.split_at(6);
        let crc = crc32fast::hash(&[&key, &head[..2], body].concat());
        db.insert(&key, [&head[..2], &crc.to_le_bytes(), body].concat()).unwrap();
        edited += 1;
    }
    assert!(edited > 0);
    db.flush().unwrap();
}

/// What a report says of a journal stands under the MAC, or the report says that nobody has looked.
#[test]
fn a_report_on_a_journal_that_was_edited_is_refused_or_says_that_it_was_not_checked() {
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    let path = kit.beside("report.json");
    let path = path.to_str().unwrap();
    let checked = |code| kit.run(&["report", "--check", path]).exits(code);
    kit.run(&["report", "--output", path]).exits(0);
    assert!(checked(0).stdout.starts_with(&format!("{path}: byte for byte what the journal gives")));
    // Without the key at hand nobody can tell, and the headline says so.
    let kept = std::fs::read_to_string(&kit.deployment.config).unwrap();
    kit.configure("newSecretKey", None);
    assert!(checked(0).stdout.contains("its MACs were not checked"), "{}", checked(0));
    let document = report(&kit);
    assert_eq!(document["verdict"]["level"], "attention", "{document}");
    assert!(document["verdict"]["headline"].as_str().unwrap().contains("not checked"), "{document}");
    edit(&kit, b"verified", b"veryfied");
    let of_edited = kit.beside("edited.json");
    let of_edited = of_edited.to_str().unwrap();
    kit.run(&["report", "--output", of_edited]).exits(0);
    std::fs::write(&kit.deployment.config, kept).unwrap();
    for args in
        [&["report", "--format", "json"][..], &["report", "--check", of_edited], &["report", "--check", path]]
    {
        let ran = kit.run(args).refused(4, "KR-JRN-002");
        assert!(ran.stderr.contains("changed after it was written"), "{ran}");
    }
}

/// Before anybody has started the new server, what changed is no change of its own.
#[test]
fn live_explains_nothing_before_the_new_server_was_started() {
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    kit.sql("DELETE FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' AND TOKEN_STATE = 'ACTIVE'");
    kit.run(&["verify"]).exits(1);
    kit.run(&["verify", "--live"]).exits(0);
    let verdict = || kit.run(&["report", "--format", "json"]).exits(0).json()["verdict"].clone();
    assert_eq!(verdict()["headline"], "Finished, and what changed since is unexplained", "{}", verdict());
    let runbook = kit.run(&["runbook", "--json"]).exits(0).json();
    let run = runbook["steps"].as_array().unwrap().iter().find(|step| step["id"] == "run").unwrap();
    assert_ne!(run["state"], "done", "{run}");
    kit.run(&["confirm", "start", "--force"]);
    kit.run(&["confirm", "start/started"]);
    assert_eq!(verdict()["headline"], "Finished and verified", "{}", verdict());
}

/// `confirm` runs no command; whoever does takes what waits into the log, and what waits reaches no headline until then.
#[test]
fn a_confirmation_counts_once_it_is_under_the_mac_also_with_keys_from_a_command() {
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    let command = kit.beside("key.sh");
    fs::write(&command, format!("#!/bin/sh\necho {}\n", kit.deployment.spec.new_key)).unwrap();
    fs::set_permissions(&command, fs::Permissions::from_mode(0o700)).unwrap();
    let command = format!("cmd:{}", command.display());
    // Nobody has the key: what anybody may have written there does not end a rotation.
    kit.configure("newSecretKey", Some("'prompt:'"));
    kit.configure("oldSecretKey", None);
    plant(&kit, "retire/old-key", "forged");
    for args in ["run", "resume"] {
        let ran = kit.run(&[args]).exits(2);
        assert!(!ran.stdout.contains("retired"), "{ran}");
    }
    fs::write(inbox(&kit), b"").unwrap();
    kit.configure("newSecretKey", Some(&command));
    for step in ["route-traffic", "retire/old-identity", "retire/old-key"] {
        kit.run(&["confirm", step]).exits(0);
    }
    assert_ne!(fs::metadata(inbox(&kit)).unwrap().len(), 0);
    let document = report(&kit);
    let steps = document["rotations"][0]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["in_log"] == true), "{document}");
    assert!(steps.iter().any(|step| step["name"] == "retire/old-key"), "{document}");
    assert_eq!(fs::metadata(inbox(&kit)).unwrap().len(), 0);
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stdout.contains("Finished and retired"), "{ran}");
}

/// Likewise if `run` is the first that has the key.
#[test]
fn run_takes_over_what_was_confirmed_without_the_key() {
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    let command = kit.beside("key.sh");
    fs::write(&command, format!("#!/bin/sh\necho {}\n", kit.deployment.spec.new_key)).unwrap();
    fs::set_permissions(&command, fs::Permissions::from_mode(0o700)).unwrap();
    kit.configure("newSecretKey", Some(&format!("cmd:{}", command.display())));
    kit.configure("oldSecretKey", None);
    kit.run(&["confirm", "retire/old-key"]).exits(0);
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stdout.contains("Finished and retired"), "{ran}");
    assert_eq!(fs::metadata(inbox(&kit)).unwrap().len(), 0);
}
