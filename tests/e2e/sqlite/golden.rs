//! Journals of earlier programs: each released format is opened by every later one.
//!
//! `tests/vectors/journal_1`, `_2` and `_3` are journals of rotations that were killed; see the README there.

use std::fs;
use std::path::Path;

use keyrotation::cipher::{SecretKey, chain_key};
use keyrotation::demo::Spec;
use keyrotation::plan;
use keyrotation_journal::{Error, Event, Journal, Rotation, Step};
use serde_json::Value;
use walkdir::WalkDir;

use crate::kit::{Kit, Refused as _};

/// One of each format.
const GOLDEN: [&str; 3] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/journal_1"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/journal_2"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/journal_3"),
];

/// A deployment with the golden journal in place of its own.
fn with_the_golden_journal(golden: &str) -> Kit {
    let kit = Kit::new();
    put(golden, &kit.journal());
    kit
}

/// Opening writes to a journal's files: a copy is opened.
fn put(golden: &str, to: &Path) {
    let from = Path::new(golden).join("journal");
    for entry in WalkDir::new(&from) {
        let entry = entry.unwrap();
        let to = to.join(entry.path().strip_prefix(&from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir(&to).unwrap();
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn expected(golden: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(Path::new(golden).join("status.json")).unwrap()).unwrap()
}

#[test]
fn status_says_what_it_said_then() {
    for golden in GOLDEN {
        let kit = with_the_golden_journal(golden);
        let (status, expected) = (kit.status(), expected(golden));
        assert_eq!((&status["state"], &status["resumable"]), (&"interrupted".into(), &true.into()));
        for name in ["rotation_id", "started_at"] {
            assert_eq!(status[name], expected[name]);
        }
        assert_eq!(Value::from(kit.counts()), expected["counts"]);
        let missing = status["targets"].as_array().unwrap().iter().map(|target| &target["missing_indexes"]);
        let missing = missing.filter(|missing| !missing.as_array().unwrap().is_empty()).collect::<Vec<_>>();
        assert_eq!(missing.first().copied(), expected.get("missing_indexes"));
    }
}

#[test]
fn its_chain_is_whole_under_its_key_and_no_other() {
    for golden in GOLDEN {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("journal");
        put(golden, &dir);
        let key = |text: &str, journal: &Journal| {
            chain_key(&SecretKey::parse(text).unwrap(), &journal.state().rotation.id)
        };
        let mut journal = Journal::open(&dir).unwrap().unwrap();
        let spec = Spec::default();
        let wrong = key(&spec.old_key, &journal);
        assert!(matches!(journal.unlock(&wrong), Err(Error::WrongKey { .. })));
        let right = key(&spec.new_key, &journal);
        journal.unlock(&right).unwrap();
        let report = journal.check_chain(|_, _| ()).unwrap();
        assert_eq!(report.entries, journal.state().entries);
        assert!(report.rows > 100 && report.chunks > 5, "{report:?}");

        // It goes on in today's format.
        let step =
            Step { at: 1, name: "block".into(), note: String::new(), user: "it".into(), host: "it".into() };
        journal.append(vec![Event::StepTaken(step.clone()).into()]).unwrap();
        drop(journal);
        let mut journal = Journal::open(&dir).unwrap().unwrap();
        journal.unlock(&right).unwrap();
        assert_eq!(journal.check_chain(|_, _| ()).unwrap().entries, report.entries + 1);
        assert_eq!(journal.state().steps.last(), Some(&step));
    }
}

#[test]
fn what_it_was_begun_with_is_what_is_built_in() {
    for golden in GOLDEN {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("journal");
        put(golden, &dir);
        let journal = Journal::open(&dir).unwrap().unwrap();
        let known = plan::recorded(&journal.state().rotation);
        assert_eq!((&known, plan::described_otherwise(&known).len()), (&plan::built_in(), 0));
    }
}

/// Begun by a version that recorded no descriptors, and killed before its first write.
#[test]
fn a_rotation_of_an_earlier_version_goes_on_and_is_verified() {
    let kit = Kit::new();
    let ran = kit.run_at("table-before-write=return(kill)", &["run"]);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    let begun = Journal::open(&kit.journal()).unwrap().unwrap().state().rotation.clone();
    let mut earlier: Value = serde_json::from_slice(&begun.fingerprint).unwrap();
    assert!(earlier.as_object_mut().unwrap().shift_remove("descriptors").is_some());
    let fingerprint = serde_json::to_vec(&earlier).unwrap();
    fs::remove_dir_all(kit.journal()).unwrap();
    let key = chain_key(&SecretKey::parse(&kit.deployment.spec.new_key).unwrap(), &begun.id);
    let rotation = Rotation { fingerprint, ..Rotation::clone(&begun) };
    drop(Journal::begin(&kit.journal(), rotation, &key).unwrap());
    for command in ["resume", "verify"] {
        kit.run(&[command]).exits(0);
    }
    assert_eq!(kit.status()["state"], "completed");
}

#[test]
fn nobody_elses_deployment_goes_on_with_it() {
    for golden in GOLDEN {
        let kit = with_the_golden_journal(golden);
        let (before, status) = (kit.snapshot(), kit.status());
        for command in ["resume", "verify"] {
            kit.run(&[command]).refused(4, "KR-JRN-005");
        }
        kit.configure("newSecretKey", Some("'00112233445566778899aabbccddeeff'"));
        for command in ["resume", "verify"] {
            kit.run(&[command]).refused(4, "KR-JRN-005");
        }
        before.must_be_untouched(&kit);
        assert_eq!(kit.status(), status);
    }
}
