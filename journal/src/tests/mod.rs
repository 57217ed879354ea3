//! Tests of the journal, and the small rotation that they share.

mod contract;
mod damage;
mod encoding;
mod evidence;
mod failures;
mod replay;
mod shared_reading;
mod sync;
mod transitions;

use crate::{
    CellOutcome, CellRecord, Digest, Entry, Event, Journal, Key, KeyPart, MemoryStore, Ordinal, Rotation,
    RowRecord, Span, Tally, TargetHead, TargetId, TargetKind,
};

pub(crate) const CHAIN_KEY: [u8; 32] = [42; 32];

pub(crate) fn rotation() -> Rotation {
    let head = |id: &str, kind, groups: &[&str]| TargetHead {
        id: id.into(),
        label: format!("The {id}"),
        kind,
        groups: groups.iter().map(ToString::to_string).collect(),
    };
    Rotation {
        id: *b"0123456789abcdef",
        created_at: 1_700_000_000_000,
        version: "1.2.3".into(),
        fingerprint: b"{\"plan\":1}".repeat(400),
        targets: vec![head("tokens", TargetKind::Table, &[]), head("files", TargetKind::Files, &["a", "b"])],
    }
}

pub(crate) fn session() -> Entry {
    Event::SessionStarted {
        at: 1_700_000_000_001,
        pid: 7,
        host: "host".into(),
        user: "user".into(),
        version: "1.2.3".into(),
        command: "run".into(),
    }
    .into()
}

pub(crate) fn key(n: u64) -> Key {
    Key(vec![KeyPart::Text(format!("00000000-0000-4000-8000-{n:012x}"))])
}

pub(crate) fn digest(n: u64) -> Digest {
    let mut digest = [0xd1; 16];
    digest.iter_mut().zip(n.to_le_bytes()).for_each(|(byte, n)| *byte = n);
    digest
}

pub(crate) fn rotated(n: u64) -> RowRecord {
    let cell = |column| CellRecord {
        column,
        outcome: CellOutcome::Rotated { before: digest(n), after: digest(n + 1), plain: digest(n + 2) },
    };
    RowRecord { key: key(n), cells: vec![cell(0), cell(1)] }
}

pub(crate) fn failed(n: u64, reason: &str) -> RowRecord {
    let outcome = CellOutcome::Failed { before: digest(n), reason: reason.into() };
    RowRecord { key: key(n), cells: vec![CellRecord { column: 1, outcome }] }
}

pub(crate) fn range(ordinal: u64, after: Option<u64>, upto: Option<u64>) -> Event {
    Event::ChunkStarted {
        target: TargetId::new(0),
        ordinal: Ordinal::new(ordinal),
        span: Span::Range { after: after.map(key), upto: upto.map(key) },
    }
}

pub(crate) fn named(ordinal: u64) -> Event {
    Event::ChunkStarted { target: TargetId::new(0), ordinal: Ordinal::new(ordinal), span: Span::Keys }
}

pub(crate) fn done(ordinal: u64, rotated: u64, failed: u64) -> Event {
    let tally = Tally { rows: rotated + failed, rotated, failed, ..Tally::default() };
    Event::ChunkDone {
        target: TargetId::new(0),
        ordinal: Ordinal::new(ordinal),
        tally,
        replaces: Tally::default(),
    }
}

pub(crate) fn started() -> Event {
    Event::TargetStarted { target: TargetId::new(0), total: Some(100) }
}

/// A journal in memory with an open session and the first target started.
pub(crate) fn running() -> (MemoryStore, Journal) {
    let store = MemoryStore::new();
    let mut journal = Journal::begin_in(store.clone(), rotation(), &CHAIN_KEY).unwrap();
    journal.append(vec![session(), started().into()]).unwrap();
    (store, journal)
}

/// Opens what a store holds, and unlocks it.
pub(crate) fn reopen(store: MemoryStore) -> Journal {
    let mut journal = Journal::open_in(store).unwrap().unwrap();
    journal.unlock(&CHAIN_KEY).unwrap();
    journal
}
