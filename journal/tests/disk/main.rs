//! Journals on disk: folders, damage, kills and syncs. What needs a process of its own runs this
//! test binary again as a child.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests, too")]

mod crash;
mod damage;
mod durability;
mod folder;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use keyrotation_journal::{
    CellOutcome, CellRecord, Entry, Error, Event, Journal, Key, KeyPart, Rotation, RowRecord, Span, Tally,
    TargetHead, TargetId, TargetKind,
};

const CHAIN_KEY: [u8; 32] = [9; 32];

fn rotation() -> Rotation {
    Rotation {
        id: [3; 16],
        created_at: 1_700_000_000_000,
        version: "1".into(),
        fingerprint: b"plan".to_vec(),
        targets: vec![TargetHead {
            id: "tokens".into(),
            label: "Tokens".into(),
            kind: TargetKind::Table,
            groups: Vec::new(),
        }],
    }
}

fn key(n: u64) -> Key {
    Key(vec![KeyPart::Text(format!("00000000-0000-4000-8000-{n:012x}"))])
}

fn row(n: u64) -> RowRecord {
    let digest = |salt: u64| {
        let half = (n ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        [half, half].concat().try_into().unwrap()
    };
    let outcome = CellOutcome::Rotated { before: digest(1), after: digest(2), plain: digest(3) };
    RowRecord { key: key(n), cells: vec![CellRecord { column: 0, outcome }] }
}

fn first_group() -> Vec<Entry> {
    let session = Event::SessionStarted {
        at: 1,
        pid: 1,
        host: "h".into(),
        user: "u".into(),
        version: "1".into(),
        command: "run".into(),
    };
    vec![session.into(), Event::TargetStarted { target: TargetId::new(0), total: None }.into()]
}

/// Closes the open chunk, if any, and starts the next one with `rows` rows.
fn next_group(journal: &Journal, rows: u64) -> Vec<Entry> {
    let target = &journal.state().targets[0];
    let mut group = Vec::new();
    if let Some(ordinal) = target.open.keys().next() {
        let tally = Tally { rows, rotated: rows, ..Tally::default() };
        group.push(
            Event::ChunkDone {
                target: TargetId::new(0),
                ordinal: *ordinal,
                tally,
                replaces: Tally::default(),
            }
            .into(),
        );
    }
    let ordinal = target.next_ordinal;
    let first = ordinal.get() * rows;
    let span = Span::Range { after: target.frontier.clone(), upto: Some(key(first + rows)) };
    let records = (first..first + rows).map(row).collect();
    group.push(Entry::new(Event::ChunkStarted { target: TargetId::new(0), ordinal, span }, records));
    group
}

/// Begins a journal in `dir` and appends `groups` chunks of `rows` rows.
fn make(dir: &Path, groups: u64, rows: u64) -> Journal {
    let mut journal = Journal::begin(dir, rotation(), &CHAIN_KEY).unwrap();
    journal.append(first_group()).unwrap();
    for _ in 0..groups {
        let group = next_group(&journal, rows);
        journal.append(group).unwrap();
    }
    journal
}

/// Opens, unlocks, checks and reads everything.
fn verify(dir: &Path) -> Result<Journal, Error> {
    let mut journal = Journal::open(dir)?.ok_or(Error::Broken { dir: dir.to_owned() })?;
    journal.unlock(&CHAIN_KEY)?;
    journal.check_chain(|_, _| ())?;
    for chunk in journal.chunks(TargetId::new(0)) {
        let (ordinal, _) = chunk?;
        for found in journal.rows(TargetId::new(0), ordinal)? {
            let KeyPart::Text(text) = &found.key.0[0] else { panic!() };
            let n = u64::from_str_radix(&text[24..], 16).unwrap();
            assert_eq!(found, row(n));
        }
    }
    Ok(journal)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// This test binary, told to run the test `name` as a child with `CHILD` set to `argument`.
fn child(name: &str, argument: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads", "1"]).env("CHILD", argument);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What [`child`] was told; none when the test runs by itself.
fn child_argument() -> Option<std::path::PathBuf> {
    std::env::var_os("CHILD").map(Into::into)
}
