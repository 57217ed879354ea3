//! From rows as read to what a chunk will do: classify, reseal, digest. No input or output here.

use std::collections::HashMap;

use keyrotation_journal::{CellOutcome, CellRecord, Key, RowRecord, Tally};

use super::chunk::{Groups, RowOutcome};
use crate::cipher::{Digest, Digester};
use crate::codec::value::{Evidence, Recoder, Verdict};
use crate::db::Value;
use crate::plan::Job;
use crate::sink::{Change, ChangedCell};
use crate::source::Row;

/// Why a row is not written of which no statement can name the key.
const NAMELESS: &str = "its key cannot be read (a text that is not UTF-8, a floating-point number or NULL): give the row \
                        another key, then run `keyrotation resume --retry-failed`";

/// Makes chunks out of rows.
#[derive(Debug, Clone)]
pub struct ChunkPlanner {
    recoder: Recoder,
    digester: Digester,
}

/// What a chunk will do.
#[derive(Debug, Default)]
pub struct ChunkPlan {
    /// Rows that need no write: counted already.
    pub settled: Tally,
    /// The journal's records of those rows.
    pub records: Vec<RowRecord>,
    /// Rows that need a write.
    pub pending: Vec<Pending>,
    /// Rows whose write was tried, and that were not any more what was read.
    pub missed: Vec<Pending>,
    /// How many rows went in.
    pub rows: usize,
}

/// A row that needs a write.
#[derive(Debug)]
pub struct Pending {
    /// The write.
    pub change: Change,
    /// What the journal says of the row when the write succeeds.
    pub record: RowRecord,
    /// What it said before of attempts that may yet turn out to have succeeded.
    pub earlier: Vec<RowRecord>,
    /// What the row counts as when the write succeeds.
    pub outcome: RowOutcome,
    /// The groups that it may be counted in.
    pub groups: Groups,
}

/// What the journal says of rows: each attempt, in order.
pub type Known = HashMap<Key, Vec<RowRecord>>;

/// What one value comes to.
enum CellPlan {
    Null,
    Plain,
    Settled(CellOutcome),
    Change(CellOutcome, Value),
}

impl ChunkPlanner {
    /// A planner for one rotation.
    pub fn new(recoder: Recoder, digester: Digester) -> Self {
        Self { recoder, digester }
    }

    /// The recoder, for those who only look.
    pub fn recoder(&self) -> &Recoder {
        &self.recoder
    }

    /// Makes a chunk out of rows. `known` is what the journal already recorded of them: a value
    /// that stands as any attempt recorded it is rotated, and is not touched again.
    pub fn plan(&self, job: &Job, rows: Vec<Row>, known: &Known) -> ChunkPlan {
        let mut chunk_plan =
            ChunkPlan { rows: rows.len(), settled: empty_tally(job.groups), ..ChunkPlan::default() };
        for row in rows {
            let recorded = known.get(&row.key).map_or(&[][..], Vec::as_slice);
            self.row(job, row, recorded, &mut chunk_plan);
        }
        chunk_plan
    }

    fn row(&self, job: &Job, mut row: Row, recorded: &[RowRecord], chunk_plan: &mut ChunkPlan) {
        let mut cells = Vec::new();
        let mut changed = Vec::new();
        let mut outcome = RowOutcome::Null;
        let digests = self.digests(job, &row.key);
        for (column, value) in std::mem::take(&mut row.values).into_iter().enumerate() {
            let plan = self.cell(&digests, &row, column, &value, recorded);
            outcome = outcome.max(match &plan {
                CellPlan::Null => RowOutcome::Null,
                CellPlan::Plain => RowOutcome::Plain,
                CellPlan::Settled(outcome) | CellPlan::Change(outcome, _) => RowOutcome::of(outcome),
            });
            let (CellPlan::Settled(cell) | CellPlan::Change(cell, _)) = &plan else { continue };
            #[allow(clippy::cast_possible_truncation)] // no table has 256 value columns
            cells.push(CellRecord { column: column as u8, outcome: cell.clone() });
            if let CellPlan::Change(_, new) = plan {
                changed.push(ChangedCell { column, old: value, new });
            }
        }
        let groups = Groups::of(job, row.group);
        let record = RowRecord { key: row.key, cells };
        if changed.is_empty() {
            outcome.count(&mut chunk_plan.settled, groups);
            // What was recorded of a row that holds no ciphertext any more is replaced, too.
            if !record.cells.is_empty() || !recorded.is_empty() {
                chunk_plan.records.push(record);
            }
        } else {
            let change = Change { key: record.key.clone(), cells: changed };
            let earlier = recorded.to_vec();
            chunk_plan.pending.push(Pending { change, record, earlier, outcome, groups });
        }
    }

    fn cell(
        &self,
        digests: &RowDigests<'_>,
        row: &Row,
        column: usize,
        value: &Value,
        recorded: &[RowRecord],
    ) -> CellPlan {
        let job = digests.job;
        if let Some(problem) = &row.problem {
            return CellPlan::Settled(CellOutcome::Failed { before: [0; 16], reason: problem.clone() });
        }
        let stored = match value {
            Value::Null => return CellPlan::Null,
            Value::Int(_) | Value::Real(_) => return CellPlan::Plain,
            Value::Text(text) => text.as_bytes(),
            Value::Bytes(bytes) | Value::NotText(bytes) => bytes,
        };
        let recorded = || recorded.iter().rev().filter_map(|row| recorded_cell(row, column));
        let digest = |value: &[u8]| digests.stored(column, value);
        let mut stands = None;
        let is_this = |outcome: &&CellOutcome| match outcome {
            CellOutcome::Rotated { after, .. } | CellOutcome::Resealed { after, .. } => {
                *after == *stands.get_or_insert_with(|| digest(stored))
            }
            _ => false,
        };
        if let Some(outcome) = recorded().find(is_this) {
            return CellPlan::Settled(outcome.clone());
        }
        let plain = |plaintext: &[u8]| digests.plain(column, plaintext);
        let is_recorded =
            recorded().next().and_then(plain_of).map(|known| move |text: &[u8]| plain(text) == known);
        let evidence = Evidence {
            hash: row.hashes.get(column).and_then(Option::as_deref),
            recorded: is_recorded.as_ref().map(|is| is as &dyn Fn(&[u8]) -> bool),
        };
        let failed =
            |reason: String| CellPlan::Settled(CellOutcome::Failed { before: digest(stored), reason });
        match self.recoder.classify(&job.codec, stored, evidence) {
            Verdict::Plain => CellPlan::Plain,
            Verdict::UnderNew(opened) => CellPlan::Settled(CellOutcome::AlreadyNew {
                after: digest(stored),
                plain: plain(opened.plaintext()),
            }),
            Verdict::Unreadable(reason) => failed(reason.to_string()),
            ref verdict @ (Verdict::UnderOld(ref opened) | Verdict::WithoutId(ref opened)) => {
                if !row.key.is_readable() {
                    return failed(NAMELESS.to_owned());
                }
                let new = match self.recoder.reseal(stored, opened) {
                    Err(reason) => return failed(reason.to_string()),
                    Ok(new) => new,
                };
                if let Some(reason) = job.too_long(column, &new) {
                    return failed(reason);
                }
                let (before, after, plain) = (digest(stored), digest(&new), plain(opened.plaintext()));
                let outcome = match verdict {
                    Verdict::WithoutId(_) => CellOutcome::Resealed { before, after, plain },
                    _ => CellOutcome::Rotated { before, after, plain },
                };
                CellPlan::Change(outcome, value.with_bytes(new))
            }
        }
    }

    /// The digest over parts that are the caller's own.
    pub fn digest(&self, parts: &[&[u8]]) -> Digest {
        self.digester.digest(parts)
    }

    /// What makes the digests of a row's values.
    pub fn digests<'a>(&'a self, job: &'a Job, key: &Key) -> RowDigests<'a> {
        let mut place = Vec::with_capacity(64);
        key.encode(&mut place);
        RowDigests { digester: &self.digester, job, key: place }
    }
}

/// Makes the digests of a row's values.
#[derive(Debug)]
pub struct RowDigests<'a> {
    digester: &'a Digester,
    job: &'a Job,
    /// The row's key, as the journal writes it.
    key: Vec<u8>,
}

impl RowDigests<'_> {
    /// The digest that stands for a stored value.
    pub fn stored(&self, column: usize, value: &[u8]) -> Digest {
        self.of(b"value", column, value)
    }

    /// The digest that stands for a plaintext.
    pub fn plain(&self, column: usize, plaintext: &[u8]) -> Digest {
        self.of(b"plain", column, plaintext)
    }

    fn of(&self, what: &[u8], column: usize, bytes: &[u8]) -> Digest {
        let Self { digester, job, key } = self;
        digester.digest(&[what, job.id.as_bytes(), job.columns[column].as_bytes(), key, bytes])
    }
}

/// A tally of nothing, with room for a job's groups.
pub(super) fn empty_tally(groups: usize) -> Tally {
    Tally { groups: vec![keyrotation_journal::GroupTally::default(); groups], ..Tally::default() }
}

/// What a row's record says of one column.
pub fn recorded_cell(row: &RowRecord, column: usize) -> Option<&CellOutcome> {
    row.cells.iter().find(|cell| usize::from(cell.column) == column).map(|cell| &cell.outcome)
}

fn plain_of(outcome: &CellOutcome) -> Option<Digest> {
    match outcome {
        CellOutcome::Rotated { plain, .. }
        | CellOutcome::Resealed { plain, .. }
        | CellOutcome::AlreadyNew { plain, .. } => Some(*plain),
        CellOutcome::Failed { .. } | CellOutcome::Gone => None,
    }
}
