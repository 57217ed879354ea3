//! The folder: who may use it, what it holds at each point of a begin, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyrotation_journal::{
    Error, Journal, Step, accept_steps, live_knows_steps, read_live, submit_step, write_live,
};
use tempfile::TempDir;

use super::{CHAIN_KEY, copy_folder, first_group, make, next_group, rotation, verify};

fn begin(dir: &Path) -> Result<Journal, Error> {
    Journal::begin(dir, rotation(), &CHAIN_KEY)
}

#[test]
fn looking_makes_nothing() {
    let base = TempDir::new().unwrap();
    let dir = base.path().join("journal");
    assert!(Journal::open(&dir).unwrap().is_none());
    assert_eq!(Journal::peek(&dir).unwrap(), None);
    assert_eq!(Journal::holder(&dir).unwrap(), None);
    assert_eq!(read_live(&dir).unwrap(), None);
    assert!(!dir.exists());
    fs::create_dir(&dir).unwrap();
    assert!(Journal::open(&dir).unwrap().is_none());
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

/// A process that waits for a folder whose holder begins nothing gets it in the end, and exclusively.
#[test]
fn a_reserved_folder_is_held_and_leaves_nothing_unless_a_journal_begins() {
    let base = TempDir::new().unwrap();
    let dir = base.path().join("deep/journal");
    let reserved = Journal::reserve(&dir).unwrap();
    assert_eq!(Journal::holder(&dir).unwrap().unwrap().pid, std::process::id());
    assert!(Journal::peek(&dir).unwrap().is_none());
    for error in [Journal::reserve(&dir).unwrap_err(), Journal::open(&dir).unwrap_err()] {
        assert!(matches!(error, Error::Locked { .. }), "{error}");
    }
    let (waits, there) = (dir.clone(), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            there.wait();
            Journal::reserve(&waits)
        });
        there.wait();
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(reserved);
        let reserved = waiting.join().unwrap().unwrap();
        assert!(Journal::reserve(&dir).is_err(), "the lock is the one that others find");
        drop(reserved);
    });

    // It was there before, with a step that waits; and in the end a journal begins.
    let step =
        Step { at: 1, name: "a".into(), note: String::new(), user: String::new(), host: String::new() };
    submit_step(&dir, &step).unwrap();
    drop(Journal::reserve(&dir).unwrap());
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "the step");
    let reserved = Journal::reserve(&dir).unwrap();
    drop(Journal::begin_reserved(reserved, rotation(), &CHAIN_KEY).unwrap());
    assert!(matches!(Journal::reserve(&dir).unwrap_err(), Error::Exists { .. }));
    verify(&dir).unwrap();
}

#[test]
fn only_the_owner_can_read_it() {
    let base = TempDir::new().unwrap();
    let dir = base.path().join("deep/journal");
    drop(make(&dir, 2, 10));
    write_live(&dir, b"{}").unwrap();
    drop(verify(&dir).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("log")), 0o700);
    let mut files = 0;
    for folder in [dir.clone(), dir.join("log")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files >= 5, "lock, head, live, conf and db, not {files}");
}

#[test]
fn a_second_user_is_told_who_the_first_is() {
    let base = TempDir::new().unwrap();
    let journal = make(base.path(), 1, 10);
    let holder = Journal::holder(base.path()).unwrap().unwrap();
    assert_eq!(holder.pid, std::process::id());
    for error in [Journal::open(base.path()).unwrap_err(), begin(base.path()).unwrap_err()] {
        let text = error.to_string();
        assert!(matches!(error, Error::Locked { .. }), "{text}");
        assert!(text.contains(&format!("process {} on ", std::process::id())), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
    let error = Journal::archive(base.path(), "x").unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert_eq!(Journal::peek(base.path()).unwrap().unwrap().entries, journal.state().entries);
    drop(journal);
    assert_eq!(Journal::holder(base.path()).unwrap(), None);
    verify(base.path()).unwrap();
}

/// Between taking a step over and the next word of the live status it would be seen nowhere.
#[test]
fn a_live_status_that_is_older_than_the_last_step_does_not_know_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path();
    let knows = || live_knows_steps(path).unwrap();
    assert!(knows(), "there is nothing to be known");
    write_live(path, b"{}").unwrap();
    assert!(knows());
    let later = || std::thread::sleep(std::time::Duration::from_millis(20));
    later();
    let step =
        Step { at: 1, name: "a".into(), note: String::new(), user: String::new(), host: String::new() };
    submit_step(path, &step).unwrap();
    assert!(!knows());
    later();
    write_live(path, b"{}").unwrap();
    assert!(knows());
    later();
    accept_steps::<Error>(path, |_| Ok(true)).unwrap();
    assert!(!knows());
    later();
    write_live(path, b"{}").unwrap();
    assert!(knows());
}

#[test]
fn live_status_is_replaced_at_once() {
    let base = TempDir::new().unwrap();
    let _journal = make(base.path(), 1, 10);
    for text in ["one", "", "three"] {
        write_live(base.path(), text.as_bytes()).unwrap();
        assert_eq!(read_live(base.path()).unwrap().unwrap(), text.as_bytes());
    }
}

#[test]
fn an_archived_journal_keeps_its_content_and_frees_its_name() {
    let base = TempDir::new().unwrap();
    let dir = base.path().join("journal");
    let entries = make(&dir, 2, 10).state().entries;
    let archived = Journal::archive(&dir, &rotation().name()).unwrap();
    assert_eq!(archived, base.path().join("journal-03030303-0303-0303-0303-030303030303"));
    assert_eq!(verify(&archived).unwrap().state().entries, entries);
    assert!(!dir.exists());
    drop(begin(&dir).unwrap());
    let error = Journal::archive(&dir, &rotation().name()).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert!(dir.exists());
}

#[test]
fn a_rotation_is_not_begun_over_another_or_among_other_files() {
    let base = TempDir::new().unwrap();
    let dir = base.path().join("journal");
    drop(make(&dir, 1, 10));
    assert!(matches!(begin(&dir).unwrap_err(), Error::Exists { .. }));
    let home = base.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letter.txt"), "dear").unwrap();
    let error = begin(&home).unwrap_err();
    assert!(error.to_string().contains("letter.txt"), "{error}");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
}

/// Each state in which a kill during `begin` can leave the folder, in order.
#[test]
fn a_begin_that_was_killed_counts_as_empty() {
    let base = TempDir::new().unwrap();
    let whole = base.path().join("whole");
    drop(begin(&whole).unwrap());
    let head = fs::read(whole.join("head")).unwrap();
    // Slot 0 holds the head without groups, slot 1 the first group's.
    let mut zero = head.clone();
    zero[4096..].fill(0);
    let case = |name: &str, fill: &dyn Fn(&Path)| {
        let dir = base.path().join(name);
        fs::create_dir(&dir).unwrap();
        fill(&dir);
        assert_eq!(Journal::peek(&dir).unwrap(), None, "{name}");
        assert!(Journal::open(&dir).unwrap().is_none(), "{name}");
        let mut journal = begin(&dir).unwrap();
        journal.append(first_group()).unwrap();
        drop(journal);
        assert_eq!(verify(&dir).unwrap().state().entries, 3, "{name}");
    };
    case("folder", &|_| ());
    case("lock", &|dir| fs::write(dir.join("lock"), "").unwrap());
    case("torn temporary head", &|dir| {
        fs::write(dir.join("lock"), "").unwrap();
        fs::write(dir.join("head.tmp"), &zero[..100]).unwrap();
    });
    case("head", &|dir| fs::write(dir.join("head"), &zero).unwrap());
    case("empty log", &|dir| {
        fs::write(dir.join("head"), &zero).unwrap();
        fs::create_dir(dir.join("log")).unwrap();
    });
    case("half a conf", &|dir| {
        fs::write(dir.join("head"), &zero).unwrap();
        fs::create_dir_all(dir.join("log/blobs")).unwrap();
        fs::write(dir.join("log/conf"), "seg").unwrap();
    });
    case("half a log", &|dir| {
        copy_folder(&whole, dir);
        fs::write(dir.join("head"), &zero).unwrap();
        let db = fs::read(dir.join("log/db")).unwrap();
        fs::write(dir.join("log/db"), &db[..db.len() / 2]).unwrap();
    });
    case("first group, not acknowledged", &|dir| {
        copy_folder(&whole, dir);
        fs::write(dir.join("head"), &zero).unwrap();
    });
    case("torn head of the first group", &|dir| {
        copy_folder(&whole, dir);
        let mut torn = zero.clone();
        torn[4096..4126].copy_from_slice(&head[4096..4126]);
        fs::write(dir.join("head"), &torn).unwrap();
    });
}

#[test]
fn what_no_kill_leaves_behind_is_damage() {
    let base = TempDir::new().unwrap();
    let whole = base.path().join("whole");
    let mut journal = make(&whole, 3, 20);
    let older = fs::read(whole.join("head")).unwrap();
    for _ in 0..2 {
        let group = next_group(&journal, 20);
        journal.append(group).unwrap();
    }
    drop(journal);
    let newest = fs::read(whole.join("head")).unwrap();
    let case = |name: &str, spoil: &dyn Fn(&Path), whole_still: bool| {
        let dir = base.path().join(name);
        copy_folder(&whole, &dir);
        spoil(&dir);
        match verify(&dir) {
            Ok(_) => assert!(whole_still, "{name}"),
            Err(error) => {
                let text = error.to_string();
                assert!(!whole_still && matches!(error, Error::Damaged { .. }), "{name}: {text}");
                assert!(text.contains("move the folder away") && text.lines().count() == 1, "{text}");
                // Nothing is begun over it, either.
                assert!(matches!(begin(&dir), Err(Error::Damaged { .. } | Error::Exists { .. })), "{name}");
            }
        }
    };
    let slot = |slot: usize, with: u8| {
        let mut head = newest.clone();
        head[slot * 4096..slot * 4096 + 57].fill(with);
        head
    };
    // The newest slot is one of the two; the other is one group older.
    case("slot 0 lost", &|dir| fs::write(dir.join("head"), slot(0, 0)).unwrap(), true);
    case("slot 1 lost", &|dir| fs::write(dir.join("head"), slot(1, 0xff)).unwrap(), true);
    case("head cut", &|dir| fs::write(dir.join("head"), &newest[..4096]).unwrap(), true);
    case("head torn", &|dir| fs::write(dir.join("head"), &newest[..20]).unwrap(), false);
    case("head empty", &|dir| fs::write(dir.join("head"), "").unwrap(), false);
    case("head lost", &|dir| fs::remove_file(dir.join("head")).unwrap(), false);
    case("head two groups old", &|dir| fs::write(dir.join("head"), &older).unwrap(), false);
    case("log lost", &|dir| fs::remove_dir_all(dir.join("log")).unwrap(), false);
    case("db lost", &|dir| fs::remove_file(dir.join("log/db")).unwrap(), false);
    case("db empty", &|dir| fs::write(dir.join("log/db"), "").unwrap(), false);
    case("conf changed", &|dir| fs::write(dir.join("log/conf"), "segment_size: 1").unwrap(), false);
    case("conf lost", &|dir| fs::remove_file(dir.join("log/conf")).unwrap(), true);
    case("lock lost", &|dir| fs::remove_file(dir.join("lock")).unwrap(), true);
    case("live torn", &|dir| fs::write(dir.join("live"), "{").unwrap(), true);
}

#[test]
fn a_newer_head_is_named() {
    let base = TempDir::new().unwrap();
    drop(make(base.path(), 1, 10));
    let mut head = fs::read(base.path().join("head")).unwrap();
    for slot in [0, 4096] {
        head[slot + 4] = keyrotation_journal::FORMAT + 1;
        let crc = crc32fast::hash(&head[slot..slot + 53]).to_le_bytes();
        head[slot + 53..slot + 57].copy_from_slice(&crc);
    }
    fs::write(base.path().join("head"), head).unwrap();
    let error = Journal::open(base.path()).unwrap_err();
    assert!(
        matches!(error, Error::Incompatible { format, .. } if format == keyrotation_journal::FORMAT + 1),
        "{error}"
    );
}
