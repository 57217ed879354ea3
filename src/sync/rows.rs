//! Whole rows, decrypted: their content, and a digest that tells whether two are the same.
//!
//! Two ciphertexts of one plaintext differ, so a value under the key counts by its plaintext.

use keyrotation_journal::{Digest, Key};

use crate::codec::value::{Evidence, Verdict};
use crate::codec::{Codec, Reason};
use crate::db::{Identifier, Record, Value};
use crate::engine::ChunkPlanner;
use crate::plan::{Cipher, SyncJob};
use crate::target::sync::ACTIVE;

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its key, as its own database has it.
    pub(super) key: Key,
    /// Its other columns, in the job's order.
    pub(super) cells: Vec<Cell>,
    /// What it is as a whole.
    pub(super) digest: Digest,
}

impl Row {
    /// The bytes of its values.
    pub(super) fn bytes(&self) -> usize {
        let of = |cell: &Cell| match &cell.value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) | Value::NotText(bytes) => bytes.len(),
            Value::Null | Value::Int(_) | Value::Real(_) => size_of::<i64>(),
        };
        self.cells.iter().map(of).sum()
    }

    /// Whether a record as read (the key's columns, then the job's) has the same values, byte for byte.
    pub(super) fn is_record(&self, record: &[Value], width: usize) -> bool {
        record.get(width..).is_some_and(|values| values.iter().eq(self.cells.iter().map(|cell| &cell.value)))
    }

    /// Whether it is good for something, if it has a state.
    pub(super) fn is_in_use(&self, job: &SyncJob) -> Option<bool> {
        let at = job.column(job.table.state.as_ref()?)?;
        Some(self.cells.get(at)?.value.as_text()? == ACTIVE)
    }
}

/// One column of a row.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// What stands there; in a row of the old database, what is to stand in the new one.
    pub(super) value: Value,
    /// The digest of the plaintext, where it is under the key.
    plain: Option<Digest>,
}

impl Cell {
    /// Whether it says the same as another.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self.plain, other.plain) {
            (Some(here), Some(there)) => here == there,
            (None, None) => self.value == other.value,
            _ => false,
        }
    }
}

/// Where rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The old database: values are sealed with the new key on their way.
    Old,
    /// The new one.
    New,
}

/// A row of the old database that cannot be carried over, or any other.
pub(super) type Opened = Result<Row, (Key, String)>;

/// Opens rows as read: the key's columns, then the job's. Rows with a key that is none are left out.
pub(super) fn open(planner: &ChunkPlanner, job: &SyncJob, side: Side, records: Vec<Record>) -> Vec<Opened> {
    records.into_iter().filter_map(|record| open_one(planner, job, side, record)).collect()
}

fn open_one(planner: &ChunkPlanner, job: &SyncJob, side: Side, record: Record) -> Option<Opened> {
    let mut values = record.into_iter();
    let width = job.table.relation.key.len();
    let key = job.key(values.by_ref().take(width))?;
    let mut cells: Vec<Cell> = values.map(|value| Cell { value, plain: None }).collect();
    for cipher in &job.ciphers {
        if let Err(reason) = open_cell(planner, job, side, *cipher, &mut cells) {
            let column = job.columns.get(cipher.column).map_or("?", Identifier::as_str);
            return Some(Err((key, format!("{column}: {reason}"))));
        }
    }
    let digest = digest(planner, job, &key, &cells);
    Some(Ok(Row { key, cells, digest }))
}

fn open_cell(
    planner: &ChunkPlanner,
    job: &SyncJob,
    side: Side,
    cipher: Cipher,
    cells: &mut [Cell],
) -> Result<(), String> {
    let Some(stored) = cells.get(cipher.column).and_then(|cell| cell.value.as_bytes()) else { return Ok(()) };
    let hash = cipher.hash.and_then(|at| cells.get(at)?.value.as_text());
    let verdict = planner.recoder().classify(&Codec::Envelope, stored, Evidence { hash, recorded: None });
    let (opened, sealed) = match verdict {
        // The server takes it for plain, so it is carried over as it stands; `verify` says what stands in it.
        Verdict::Plain | Verdict::Unreadable(Reason::Beside) => return Ok(()),
        Verdict::UnderNew(opened) => (opened, None),
        Verdict::UnderOld(opened) | Verdict::WithoutId(opened) if side == Side::New => (opened, None),
        Verdict::UnderOld(opened) | Verdict::WithoutId(opened) => {
            let sealed = planner.recoder().reseal(stored, &opened).map_err(|reason| reason.to_string())?;
            (opened, Some(sealed))
        }
        // What stands in the new database is compared, never written: as it stands.
        Verdict::Unreadable(_) if side == Side::New => return Ok(()),
        Verdict::Unreadable(reason) => return Err(reason.to_string()),
    };
    let column = job.columns.get(cipher.column).map_or("", Identifier::as_str);
    // Not over the row's key: it may change.
    let plain = planner.digest(&[b"cell", job.table.id.as_bytes(), column.as_bytes(), opened.plaintext()]);
    if let Some(cell) = cells.get_mut(cipher.column) {
        cell.plain = Some(plain);
        if let Some(sealed) = sealed {
            cell.value = cell.value.with_bytes(sealed);
        }
    }
    Ok(())
}

fn digest(planner: &ChunkPlanner, job: &SyncJob, key: &Key, cells: &[Cell]) -> Digest {
    let mut place = Vec::with_capacity(64);
    key.encode(&mut place);
    let parts: Vec<(u8, Vec<u8>)> = cells.iter().map(encoded).collect();
    let mut all: Vec<&[u8]> = vec![b"row", job.table.id.as_bytes(), &place];
    for (column, (tag, bytes)) in job.columns.iter().zip(&parts) {
        all.extend([column.as_bytes(), std::slice::from_ref(tag), bytes]);
    }
    planner.digest(&all)
}

fn encoded(cell: &Cell) -> (u8, Vec<u8>) {
    if let Some(plain) = cell.plain {
        return (b'p', plain.to_vec());
    }
    match &cell.value {
        Value::Null => (b'0', Vec::new()),
        Value::Int(number) => (b'i', number.to_le_bytes().to_vec()),
        Value::Real(number) => (b'r', number.to_bits().to_le_bytes().to_vec()),
        Value::Text(text) => (b't', text.as_bytes().to_vec()),
        Value::NotText(bytes) => (b'n', bytes.clone()),
        Value::Bytes(bytes) => (b'b', bytes.clone()),
    }
}
