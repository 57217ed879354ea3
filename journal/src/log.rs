//! How entries, and the index of closed chunks, lie in the store.
//!
//! An entry is the length of its event (with its time), the event, then the packed rows; cut into
//! pages, each a record under `r | entry | page`. A closed chunk has one index value under
//! `c | target | ordinal`, written once: the numbers of the entries that speak of the chunk.

use crate::chunk::{RowRecord, pack, unpack};
use crate::error::{Error, Result};
use crate::event::{Entry, Event};
use crate::ids::{Ordinal, TargetId};
use crate::record::{Chain, FORMAT, Kind, MacBytes, Record, Unsealed, from_bytes, seal, to_bytes, unseal};
use crate::store::{Store, Write};
use crate::wire::{Malformed, Reader, put_bytes, put_varint};

/// How many bytes of an entry go into one page. sled keeps up to 17 neighbouring values together,
/// and puts what is above 128 KiB then into a file of its own, which it never syncs.
const PAGE_BYTES: usize = 3_500;

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Its number: 0, 1, 2, …
    pub number: u64,
    /// When it was recorded, in Unix milliseconds.
    pub at: i64,
    /// What happened.
    pub event: Event,
}

/// How much of an entry is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Event,
    Whole,
}

/// An entry that was read.
#[derive(Debug)]
pub(crate) struct ReadEntry {
    pub(crate) logged: Logged,
    pub(crate) rows: Vec<RowRecord>,
    pub(crate) records: u64,
    /// The MAC of the last record that was read.
    pub(crate) mac: MacBytes,
}

/// The index value of a closed chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    /// Whether a row of it failed.
    pub(crate) failed: bool,
    /// Whether it is a chunk of named rows.
    pub(crate) overlay: bool,
    /// Its entries: the start, second attempts, the end.
    pub(crate) entries: Vec<u64>,
}

/// A key of the log or the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogKey {
    /// A page of an entry.
    Record { entry: u64, page: u32 },
    /// The index of a closed chunk.
    Index { target: TargetId, ordinal: Ordinal },
}

impl LogKey {
    const RECORD: u8 = b'r';
    /// What keys of the index begin with.
    pub(crate) const INDEX: u8 = b'c';

    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Record { entry, page } => {
                [&[Self::RECORD], entry.to_be_bytes().as_slice(), page.to_be_bytes().as_slice()].concat()
            }
            Self::Index { target, ordinal } => {
                let (target, ordinal) = (target.get().to_be_bytes(), ordinal.get().to_be_bytes());
                [&[Self::INDEX], target.as_slice(), ordinal.as_slice()].concat()
            }
        }
    }

    /// The key that may follow: the next page, or the next chunk of the target.
    pub(crate) fn following(self) -> Self {
        match self {
            Self::Record { entry, page } => Self::Record { entry, page: page.saturating_add(1) },
            Self::Index { target, ordinal } => {
                Self::Index { target, ordinal: ordinal.following().unwrap_or(ordinal) }
            }
        }
    }

    /// The first page of the next entry, after the last page of one; none at the end.
    pub(crate) fn next_entry(self) -> Option<Self> {
        match self {
            Self::Record { entry, page: 1.. } => Some(Self::Record { entry: entry.checked_add(1)?, page: 0 }),
            _ => None,
        }
    }
}

/// The key that these bytes are; none if they are of another kind.
pub(crate) fn log_key(key: &[u8]) -> Option<LogKey> {
    let (kind, rest) = key.split_first()?;
    match *kind {
        LogKey::RECORD => {
            let (entry, page) = rest.split_first_chunk()?;
            let (entry, page) = (u64::from_be_bytes(*entry), u32::from_be_bytes(page.try_into().ok()?));
            Some(LogKey::Record { entry, page })
        }
        LogKey::INDEX => {
            let (target, ordinal) = rest.split_first_chunk()?;
            let target = TargetId::new(u16::from_be_bytes(*target));
            let ordinal = Ordinal::new(u64::from_be_bytes(ordinal.try_into().ok()?));
            Some(LogKey::Index { target, ordinal })
        }
        _ => None,
    }
}

fn record_key(entry: u64, page: u32) -> Vec<u8> {
    LogKey::Record { entry, page }.bytes()
}

fn index_key(target: TargetId, ordinal: Ordinal) -> Vec<u8> {
    LogKey::Index { target, ordinal }.bytes()
}

/// Appends the records of entry `number` to `group`; `mac` is moved on to the last record's.
pub(crate) fn write_entry(
    group: &mut Vec<Write>,
    chain: &Chain,
    mac: &mut MacBytes,
    number: u64,
    at: i64,
    entry: &Entry,
) -> Result<(), String> {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, &to_bytes(&(at, &entry.event)).map_err(|error| error.to_string())?);
    pack(&entry.rows, &mut bytes);
    let mut pages = bytes.chunks(PAGE_BYTES).zip(0_u32..).peekable();
    while let Some((payload, page)) = pages.next() {
        let key = record_key(number, page);
        let last = pages.peek().is_none();
        let mut record = Record { format: FORMAT, last, mac: MacBytes::default(), payload };
        record.mac = chain.link(mac, &key, &record);
        *mac = record.mac;
        let value = record.seal(&key);
        group.push((key, Some(value)));
    }
    Ok(())
}

/// Reads entry `number`. With a chain and the MAC of the record before, every record is checked.
pub(crate) fn read_entry(
    store: &dyn Store,
    number: u64,
    extent: Extent,
    chain: Option<(&Chain, MacBytes)>,
) -> Result<ReadEntry> {
    let dir = store.place();
    let damaged = |what: &str| Error::damaged(dir, format!("event {number}: {what}"));
    let mut before = chain.map(|(_, mac)| mac);
    let mut bytes = Vec::new();
    for page in 0..=u32::MAX {
        let key = record_key(number, page);
        let value = store.get(&key)?.ok_or_else(|| damaged("a record is missing"))?;
        let record =
            Record::open(&key, &value).map_err(|why| unsealed(store, &format!("event {number}"), why))?;
        if let (Some((chain, _)), Some(before)) = (chain, &mut before) {
            if chain.link(before, &key, &record) != record.mac {
                return Err(damaged("its record was changed after it was written"));
            }
            *before = record.mac;
        }
        bytes.extend_from_slice(record.payload);
        if record.last || extent == Extent::Event {
            let mut reader = Reader::new(&bytes);
            let event = match reader.bytes() {
                Err(_) if !record.last => continue,
                event => event.map_err(|why| damaged(&why.to_string()))?,
            };
            let (at, event) = from_bytes(event).map_err(|why| damaged(&why.to_string()))?;
            let rows = match extent {
                Extent::Event => Vec::new(),
                Extent::Whole => unpack(reader).map_err(|why| damaged(&why.to_string()))?,
            };
            let logged = Logged { number, at, event };
            return Ok(ReadEntry { logged, rows, records: u64::from(page) + 1, mac: record.mac });
        }
    }
    Err(damaged("it has no end"))
}

/// Hands every record of entry `number` to `take` as it is stored, its key first; checksums are
/// checked.
pub(crate) fn stored_records(
    store: &dyn Store,
    number: u64,
    mut take: impl FnMut(&[u8], &[u8]),
) -> Result<()> {
    let damaged = |what: &str| Error::damaged(store.place(), format!("event {number}: {what}"));
    for page in 0..=u32::MAX {
        let key = record_key(number, page);
        let value = store.get(&key)?.ok_or_else(|| damaged("a record is missing"))?;
        let record =
            Record::open(&key, &value).map_err(|why| unsealed(store, &format!("event {number}"), why))?;
        take(&key, &value);
        if record.last {
            return Ok(());
        }
    }
    Err(damaged("it has no end"))
}

/// Whether there is an entry with this number.
pub(crate) fn has_entry(store: &dyn Store, number: u64) -> Result<bool> {
    Ok(store.get(&record_key(number, 0))?.is_some())
}

impl Index {
    /// The value to be written for the chunk.
    pub(crate) fn write(&self, target: TargetId, ordinal: Ordinal) -> Write {
        let mut body = vec![u8::from(self.failed) | u8::from(self.overlay) << 1];
        for entry in &self.entries {
            put_varint(&mut body, *entry);
        }
        let key = index_key(target, ordinal);
        let value = seal(&key, Kind::Index, &body);
        (key, Some(value))
    }

    /// Reads the index value of a chunk that is closed.
    pub(crate) fn read(store: &dyn Store, target: TargetId, ordinal: Ordinal) -> Result<Self> {
        let name = || format!("the index of chunk {ordinal} of target {target}");
        let key = index_key(target, ordinal);
        let value = store
            .get(&key)?
            .ok_or_else(|| Error::damaged(store.place(), format!("{} is missing", name())))?;
        let body = unseal(&key, Kind::Index, &value).map_err(|why| unsealed(store, &name(), why))?;
        Self::decode(body).map_err(|why| unsealed(store, &name(), why.into()))
    }

    fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let flags = reader.byte()?;
        if flags > 3 {
            return Err(Malformed("it has an unknown flag"));
        }
        let mut entries = Vec::new();
        while !reader.is_empty() {
            entries.push(reader.varint()?);
        }
        Ok(Self { failed: flags & 1 != 0, overlay: flags & 2 != 0, entries })
    }
}

/// Explains a value that is not what was written.
pub(crate) fn unsealed(store: &dyn Store, name: &str, why: Unsealed) -> Error {
    match why {
        Unsealed::Format(format) => Error::Incompatible { dir: store.place().to_owned(), format },
        other => Error::damaged(store.place(), format!("{name}: {other}")),
    }
}
