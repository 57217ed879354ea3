//! Records of a journal, edited so that their checksums fit: what can be read without the key is read
//! without a panic, and with the key every edit is noticed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use keyrotation_journal::{
    CellOutcome, CellRecord, Entry, Error, Event, Journal, Key, KeyPart, Mark, MemoryStore, Ordinal, Result,
    Rotation, RowRecord, Span, Store, Tally, TargetHead, TargetId, TargetKind, Write,
};

pub(crate) const DICTIONARY: &[&[u8]] = &[
    b"\x00",
    b"\x01",
    b"\xFA",
    b"\xFB",
    b"\xFC",
    b"\xFD\xFF\xFF\xFF",
    b"\x80\x01",
    b"\xFF\xFF\xFF\xFF\x0F",
    b"tokens",
];

const CHAIN_KEY: [u8; 32] = [9; 32];
/// Version, kind and checksum; then the MAC.
const HEADER: usize = 6;
const MAC: usize = 16;

/// A store of which everybody knows what is in it.
#[derive(Debug, Clone, Default)]
struct Open {
    store: MemoryStore,
    values: Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

impl Store for Open {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.values.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn commit(&mut self, group: Vec<Write>, mark: Mark) -> Result<()> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in &group {
            match value {
                Some(value) => values.insert(key.clone(), value.clone()),
                None => values.remove(key),
            };
        }
        self.store.commit(group, mark)
    }

    fn mark(&self) -> Mark {
        self.store.mark()
    }

    fn place(&self) -> &Path {
        self.store.place()
    }
}

fn template() -> Open {
    let store = Open::default();
    let rotation = Rotation {
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
    };
    let mut journal = Journal::begin_in(store.clone(), rotation, &CHAIN_KEY).expect("a journal");
    let session = Event::SessionStarted {
        at: 1_700_000_000_001,
        pid: 7,
        host: "idp".into(),
        user: "wso2".into(),
        version: "1".into(),
        command: "run".into(),
    };
    let started = Event::TargetStarted { target: TargetId::new(0), total: Some(9) };
    journal.append(vec![session.into(), started.into()]).expect("it starts");
    for ordinal in 0..3 {
        let rows = (0..5).map(|n| row(ordinal * 5 + n)).collect();
        let upto = Key(vec![KeyPart::Int(i64::try_from(ordinal).unwrap_or(0) * 5 + 5)]);
        let after = ordinal.checked_sub(1).map(|_| journal.state().targets[0].frontier.clone());
        let span = Span::Range { after: after.flatten(), upto: Some(upto) };
        journal
            .append(vec![Entry::new(
                Event::ChunkStarted { target: TargetId::new(0), ordinal: Ordinal::new(ordinal), span },
                rows,
            )])
            .expect("it is open");
        if ordinal < 2 {
            let tally = Tally { rows: 5, rotated: 4, failed: 1, ..Tally::default() };
            let done = Event::ChunkDone {
                target: TargetId::new(0),
                ordinal: Ordinal::new(ordinal),
                tally,
                replaces: Tally::default(),
            };
            journal.append(vec![done.into()]).expect("it is closed");
        }
    }
    store
}

fn row(n: u64) -> RowRecord {
    let digest = [u8::try_from(n % 256).unwrap_or(0); 16];
    let outcome = match n % 5 {
        0 => CellOutcome::Failed { before: digest, reason: "it does not open".into() },
        1 => CellOutcome::AlreadyNew { after: digest, plain: digest },
        _ => CellOutcome::Rotated { before: digest, after: digest, plain: digest },
    };
    let key = Key(vec![KeyPart::Int(i64::try_from(n).unwrap_or(0))]);
    RowRecord { key, cells: vec![CellRecord { column: 0, outcome }] }
}

thread_local! {
    static TEMPLATE: RefCell<Option<Open>> = const { RefCell::new(None) };
}

/// The first byte says which value is edited; the others are its body, in a record of the log what
/// stands behind its MAC.
pub(crate) fn run(input: &[u8]) -> u64 {
    let mut seen = DefaultHasher::new();
    let Some((which, payload)) = input.split_first() else { return 0 };
    let template = TEMPLATE.with_borrow_mut(|kept| kept.get_or_insert_with(template).clone());
    let mut values = template.values.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let at = usize::from(*which) % values.len();
    let (key, value) = values.iter_mut().nth(at).expect("there are so many");
    let kept = if key.starts_with(b"r") { HEADER + MAC } else { HEADER };
    let edited = fitted(key, &value[..kept], payload);
    let same = edited == *value;
    *value = edited;
    let store = Open { store: template.store, values: Arc::new(Mutex::new(values)) };
    at.hash(&mut seen);
    match read(store) {
        Ok(()) => assert!(same, "an edit of value {at} was not noticed"),
        Err(error @ (Error::Damaged { .. } | Error::WrongKey { .. } | Error::Incompatible { .. })) => {
            let letters: String = error.to_string().chars().filter(|c| !c.is_ascii_digit()).collect();
            letters.hash(&mut seen);
        }
        Err(error) => panic!("{error}"),
    }
    payload.len().checked_ilog2().hash(&mut seen);
    seen.finish()
}

fn fitted(key: &[u8], head: &[u8], payload: &[u8]) -> Vec<u8> {
    let (head, mac) = head.split_at(HEADER);
    let body = [mac, payload].concat();
    let crc = crc32fast::hash(&[key, &head[..2], &body].concat());
    [&head[..2], &crc.to_le_bytes(), &body].concat()
}

/// Reads all there is, first without the key.
fn read(store: Open) -> Result<()> {
    let nothing = || Error::Broken { dir: "nothing".into() };
    let mut journal = Journal::open_in(store)?.ok_or_else(nothing)?;
    for event in journal.events() {
        event?;
    }
    for chunk in journal.chunks(TargetId::new(0)) {
        journal.rows(TargetId::new(0), chunk?.0)?;
    }
    journal.unlock(&CHAIN_KEY)?;
    journal.check_chain(|_, _| ())?;
    Ok(())
}
