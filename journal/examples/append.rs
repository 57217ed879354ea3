//! Appends groups to a journal and says what they cost: `append DIR GROUPS ROWS [LIKE]`.
//!
//! The tests trace its system calls; by hand it measures speed, space and memory. An existing
//! journal in DIR is gone on with. One that is new is of the rotation that the journal LIKE has, so that
//! `keyrotation report` can read it.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use keyrotation_journal::{
    CellOutcome, CellRecord, Entry, Event, Journal, Key, KeyPart, Rotation, RowRecord, Span, Tally,
    TargetHead, TargetId, TargetKind,
};

const CHAIN_KEY: [u8; 32] = [7; 32];

#[expect(clippy::print_stdout, reason = "it reports to whoever runs it by hand")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("usage: append DIR GROUPS ROWS")?;
    let groups: u64 = args.next().ok_or("usage: append DIR GROUPS ROWS")?.parse()?;
    let rows: u64 = args.next().ok_or("usage: append DIR GROUPS ROWS")?.parse()?;
    let dir = Path::new(&dir);
    let like = args.next().map(|like| Journal::open(Path::new(&like))).transpose()?.flatten();
    let rotation = like.map_or_else(rotation, |like| Rotation::clone(&like.state().rotation));
    // A table with two values a row.
    let number =
        rotation.targets.iter().position(|head| head.id == "oauth2-access-token-audit").unwrap_or_default();
    let target = TargetId::new(u16::try_from(number)?);

    let opening = Instant::now();
    let mut journal = match Journal::open(dir)? {
        Some(journal) => journal,
        None => Journal::begin(dir, rotation, &CHAIN_KEY)?,
    };
    journal.unlock(&CHAIN_KEY)?;
    println!(
        "opened in {:?}, {} entries, {} KiB resident",
        opening.elapsed(),
        journal.state().entries,
        resident()
    );

    let mut group = vec![session()];
    if journal.state().sessions == 0 {
        group.push(Event::TargetStarted { target, total: None }.into());
    }
    journal.append(group)?;
    let working = Instant::now();
    for done in 1..=groups {
        let state = journal.state().targets.get(number).ok_or("no target")?;
        let mut group = Vec::new();
        if let Some(ordinal) = state.open.keys().next() {
            let tally = Tally { rows, rotated: rows, ..Tally::default() };
            let replaces = Tally::default();
            group.push(Event::ChunkDone { target, ordinal: *ordinal, tally, replaces }.into());
        }
        let ordinal = state.next_ordinal;
        let upto = Some(key(ordinal.get(), rows));
        let span = Span::Range { after: state.frontier.clone(), upto };
        let records = (1..=rows).map(|row| record(ordinal.get(), row)).collect();
        group.push(Entry::new(Event::ChunkStarted { target, ordinal, span }, records));
        journal.append(group)?;
        if done % 100 == 0 {
            println!(
                "{done} groups, {:?}, {} KiB on disk, {} KiB resident",
                working.elapsed(),
                size(dir)?,
                resident()
            );
        }
    }
    println!("{groups} groups of {rows} rows in {:?}, {} KiB on disk", working.elapsed(), size(dir)?);
    if std::env::var_os("CHECK").is_some() {
        let checking = Instant::now();
        println!(
            "{:?} in {:?}, {} KiB resident",
            journal.check_chain(|_, _| ())?,
            checking.elapsed(),
            resident()
        );
    }
    Ok(())
}

fn rotation() -> Rotation {
    let head = |i| TargetHead {
        id: format!("target-{i}"),
        label: format!("Target {i}"),
        kind: TargetKind::Table,
        groups: Vec::new(),
    };
    Rotation {
        id: [1; 16],
        created_at: 1_700_000_000_000,
        version: "0".into(),
        fingerprint: vec![b'x'; 20_000],
        targets: (0..15).map(head).collect(),
    }
}

fn session() -> Entry {
    Event::SessionStarted {
        at: 1_700_000_000_000,
        pid: std::process::id(),
        host: "host".into(),
        user: "user".into(),
        version: "0".into(),
        command: "append".into(),
    }
    .into()
}

fn key(chunk: u64, row: u64) -> Key {
    Key(vec![KeyPart::Text(format!("00000000-0000-4000-{:04x}-{row:012x}", chunk % 0x1_0000))])
}

/// Two rotated values with digests that do not compress.
fn record(chunk: u64, row: u64) -> RowRecord {
    let mut seed = chunk << 32 | row;
    let mut digest = || {
        let mut bytes = [0; 16];
        for half in bytes.chunks_mut(8) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            half.copy_from_slice(&(seed ^ seed >> 31).to_le_bytes());
        }
        bytes
    };
    let mut cell = |column| CellRecord {
        column,
        outcome: CellOutcome::Rotated { before: digest(), after: digest(), plain: digest() },
    };
    RowRecord { key: key(chunk, row), cells: vec![cell(0), cell(1)] }
}

/// The sum of the lengths of all files below `dir`, in KiB.
fn size(dir: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() / 1024 };
    }
    Ok(sum)
}

/// The peak of the process's resident memory, in KiB.
fn resident() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().trim_end_matches(" kB").to_owned()
}
