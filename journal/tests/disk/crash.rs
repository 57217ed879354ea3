//! A child appends until it is killed; no acknowledged group may be missing afterwards.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use keyrotation_journal::Journal;
use tempfile::TempDir;

use super::{CHAIN_KEY, child, child_argument, first_group, next_group, rotation, verify};

const ROUNDS: u64 = 30;

/// Appends for ever, printing the number of entries after each group.
fn append_until_killed(dir: &Path) {
    let mut journal = match Journal::open(dir).unwrap() {
        Some(journal) => journal,
        None => Journal::begin(dir, rotation(), &CHAIN_KEY).unwrap(),
    };
    journal.unlock(&CHAIN_KEY).unwrap();
    if journal.state().sessions == 0 {
        journal.append(first_group()).unwrap();
    }
    loop {
        let group = next_group(&journal, 200);
        journal.append(group).unwrap();
        println!("\nentries {}", journal.state().entries);
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn a_kill_loses_no_acknowledged_group() {
    if let Some(dir) = child_argument() {
        return append_until_killed(&dir);
    }
    let base = TempDir::new().unwrap();
    let dir = base.path().join("journal");
    let mut acknowledged = 0_u64;
    for round in 0..ROUNDS {
        let mut process = child("crash::a_kill_loses_no_acknowledged_group", &dir).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            let numbers = stdout.lines().map_while(Result::ok);
            numbers.filter_map(|line| line.strip_prefix("entries ")?.parse::<u64>().ok()).max()
        });
        // From before the first group to well into the work.
        thread::sleep(Duration::from_millis(5 + round * 37 % 300));
        process.kill().unwrap();
        assert_eq!(process.wait().unwrap().signal(), Some(9), "the child ended by itself in round {round}");
        acknowledged = acknowledged.max(reader.join().unwrap().unwrap_or(0));
        if acknowledged == 0 {
            // Killed before anything was acknowledged: empty, or the first groups are there.
            continue;
        }
        let journal = Journal::open(&dir).unwrap().unwrap();
        assert!(journal.state().entries >= acknowledged, "round {round}");
        acknowledged = journal.state().entries;
    }
    assert!(acknowledged > 2 * ROUNDS, "the children hardly got to work: {acknowledged} entries");
    let journal = verify(&dir).unwrap();
    assert!(journal.state().entries >= acknowledged);
    assert_eq!(fs::read_dir(dir.join("log/blobs")).unwrap().count(), 0);
}
