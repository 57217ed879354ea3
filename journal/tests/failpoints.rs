//! The named points around each sync, one after the other: an error, then a panic. A process of its
//! own, since failpoints hold for the whole process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fail::FailScenario;
use keyrotation_journal::{Entry, Error, Event, Journal, Rotation, TargetHead, TargetKind};
use tempfile::TempDir;

const CHAIN_KEY: [u8; 32] = [1; 32];

/// Each point with whether the group is there afterwards.
const POINTS: [(&str, bool); 4] = [
    ("journal-before-batch", false),
    ("journal-before-sync", true),
    ("journal-before-head", true),
    ("journal-after-head", true),
];

fn rotation() -> Rotation {
    let target =
        TargetHead { id: "t".into(), label: "T".into(), kind: TargetKind::Table, groups: Vec::new() };
    Rotation {
        id: [1; 16],
        created_at: 1,
        version: "1".into(),
        fingerprint: Vec::new(),
        targets: vec![target],
    }
}

fn session() -> Entry {
    let text = String::new;
    Event::SessionStarted { at: 1, pid: 1, host: text(), user: text(), version: text(), command: text() }
        .into()
}

#[test]
fn a_failure_at_any_point_is_all_or_nothing() {
    let scenario = FailScenario::setup();
    let base = TempDir::new().unwrap();
    let dir = base.path().join("journal");
    drop(Journal::begin(&dir, rotation(), &CHAIN_KEY).unwrap());
    let mut expected = 1;
    for action in ["return", "panic"] {
        // Twice over, so that each failure also follows each other one.
        for (point, kept) in POINTS.into_iter().chain(POINTS).chain(POINTS.into_iter().rev()) {
            let mut journal = Journal::open(&dir).unwrap().unwrap();
            journal.unlock(&CHAIN_KEY).unwrap();
            assert_eq!(journal.state().entries, expected, "before {action} at {point}");
            fail::cfg(point, action).unwrap();
            let result = catch_unwind(AssertUnwindSafe(|| journal.append(vec![session()])));
            fail::remove(point);
            match result {
                Ok(result) => {
                    assert!(matches!(result, Err(Error::Io { .. })), "{action} at {point}: {result:?}");
                }
                Err(_) => assert_eq!(action, "panic"),
            }
            assert!(
                matches!(journal.append(vec![session()]), Err(Error::Broken { .. })),
                "{action} at {point}"
            );
            expected += u64::from(kept);
        }
    }
    let mut journal = Journal::open(&dir).unwrap().unwrap();
    journal.unlock(&CHAIN_KEY).unwrap();
    assert_eq!(journal.check_chain(|_, _| ()).unwrap().entries, expected);
    scenario.teardown();
}

#[test]
fn a_begin_that_failed_is_begun_anew() {
    let scenario = FailScenario::setup();
    let base = TempDir::new().unwrap();
    for (point, _) in POINTS {
        let dir = base.path().join(point);
        fail::cfg(point, "return").unwrap();
        Journal::begin(&dir, rotation(), &CHAIN_KEY).unwrap_err();
        fail::remove(point);
        if point == "journal-after-head" {
            // It was recorded, only not acknowledged.
            assert_eq!(Journal::open(&dir).unwrap().unwrap().state().entries, 1);
        } else {
            assert!(Journal::open(&dir).unwrap().is_none(), "{point}");
            drop(Journal::begin(&dir, rotation(), &CHAIN_KEY).unwrap());
        }
    }
    scenario.teardown();
}
