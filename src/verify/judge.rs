//! One row against its record.

use std::collections::{HashMap, HashSet};

use keyrotation_journal::{CellOutcome, Key, RowRecord};
use serde::Serialize;

use crate::codec::value::{self, Evidence, hash_agrees};
use crate::codec::{Codec, Reason};
use crate::db::Value;
use crate::engine::{ChunkPlanner, recorded_cell};
use crate::plan::Job;
use crate::source::Row;

/// What a row is, compared with what the journal last recorded of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As recorded, and it opens to the recorded plaintext.
    Same,
    /// Recorded, and not here any more.
    Gone,
    /// Here, under the new key, and unknown to the journal.
    New,
    /// It opens under the new key, but is not what was last recorded.
    Changed,
    /// Recorded as failed, and still as it was.
    Failed,
    /// Under the old key, unreadable, or with another plaintext than recorded.
    Bad,
}

impl Verdict {
    /// All verdicts, from the best to the worst: a row's is the worst of its values'.
    pub const ALL: &[Self] = &[Self::Same, Self::Gone, Self::New, Self::Changed, Self::Failed, Self::Bad];

    /// The word for it, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Gone => "gone",
            Self::New => "new",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Bad => "bad",
        }
    }
}

/// Judges the rows of a target, range by range.
#[derive(Debug)]
pub(super) struct Judge {
    planner: ChunkPlanner,
    job: Job,
    live: bool,
    /// What the journal recorded in this range; what was seen is taken out.
    records: HashMap<Key, RowRecord>,
    /// Rows recorded again later, wherever they stand; and those of them that were seen.
    later: HashMap<Key, RowRecord>,
    later_seen: HashSet<Key>,
    judged: Judged,
}

/// The result.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) same: u64,
    pub(super) without_ciphertext: u64,
    pub(super) findings: Vec<Found>,
}

/// A row that is not the same.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) column: Option<usize>,
    pub(super) verdict: Verdict,
    pub(super) what: String,
}

impl Judge {
    pub(super) fn new(planner: ChunkPlanner, job: Job, live: bool, later: HashMap<Key, RowRecord>) -> Self {
        let (records, later_seen) = (HashMap::new(), HashSet::new());
        Self { planner, job, live, records, later, later_seen, judged: Judged::default() }
    }

    /// Begins with a range, of which the journal recorded this.
    pub(super) fn begin(&mut self, records: Vec<RowRecord>) {
        self.records = records.into_iter().map(|row| (row.key.clone(), row)).collect();
    }

    /// Begins with the rows recorded later that were in no range.
    pub(super) fn begin_unseen(&mut self) {
        self.records = std::mem::take(&mut self.later);
        self.records.retain(|key, _| !self.later_seen.contains(key));
    }

    /// Judges a row that is there.
    pub(super) fn row(&mut self, row: &Row) {
        let here = self.records.remove(&row.key);
        let later = self.later.get(&row.key).cloned();
        if later.is_some() {
            self.later_seen.insert(row.key.clone());
        }
        let record = later.or(here).filter(|record| !is_gone(record));
        let cells = (0..row.values.len()).filter_map(|column| {
            self.cell(row, column, record.as_ref()).map(|(verdict, what)| (verdict, column, what))
        });
        match cells.max_by_key(|(verdict, ..)| *verdict) {
            None => self.judged.without_ciphertext += 1,
            Some((verdict, column, what)) => self.count(row.key.clone(), Some(column), verdict, what),
        }
    }

    /// What the range came to. What was recorded and is not there is gone; a row recorded as gone is as
    /// recorded.
    pub(super) fn end(&mut self) -> Judged {
        let left: Vec<RowRecord> = self.records.drain().map(|(_, record)| record).collect();
        for record in left {
            let recorded_later = self.later.get(&record.key);
            if is_gone(recorded_later.unwrap_or(&record)) || recorded_later.is_some() {
                continue; // judged where it was recorded last
            }
            self.count(record.key, None, Verdict::Gone, "it is not there any more".to_owned());
        }
        std::mem::take(&mut self.judged)
    }

    fn count(&mut self, key: Key, column: Option<usize>, verdict: Verdict, what: String) {
        if verdict == Verdict::Same {
            self.judged.same += 1;
        } else {
            self.judged.findings.push(Found { key, column, verdict, what });
        }
    }

    /// The verdict on one value; none where there is no ciphertext and none was recorded.
    fn cell(&self, row: &Row, column: usize, record: Option<&RowRecord>) -> Option<(Verdict, String)> {
        let recorded = record.and_then(|record| recorded_cell(record, column));
        let verdict = |verdict, what: &str| Some((verdict, what.to_owned()));
        if let Some(problem) = &row.problem {
            let known = matches!(recorded, Some(CellOutcome::Failed { .. }));
            return Some((if known { Verdict::Failed } else { Verdict::Bad }, problem.clone()));
        }
        let Some(stored) = row.values.get(column).and_then(Value::as_bytes) else {
            return recorded.and_then(|_| verdict(self.emptied(), "its value was removed"));
        };
        let digests = self.planner.digests(&self.job, &row.key);
        let digest = digests.stored(column, stored);
        if let Some(CellOutcome::Failed { before, reason }) = recorded
            && *before == digest
        {
            return Some((Verdict::Failed, reason.clone()));
        }
        let hash = row.hashes.get(column).and_then(Option::as_deref);
        let is_recorded =
            |plaintext: &[u8]| recorded_plain(recorded) == Some(digests.plain(column, plaintext));
        let evidence = Evidence { hash, recorded: Some(&is_recorded) };
        match self.planner.recoder().classify(&self.job.codec, stored, evidence) {
            value::Verdict::Plain => recorded.and_then(|_| verdict(self.emptied(), "it is plain now")),
            value::Verdict::UnderOld(_) => verdict(Verdict::Bad, "it is under the old key"),
            value::Verdict::WithoutId(_) => verdict(
                Verdict::Bad,
                "it is under the new key but does not have its id: the new server would decrypt it with the old key",
            ),
            value::Verdict::Unreadable(reason) => Some((Verdict::Bad, reason.to_string())),
            value::Verdict::UnderNew(_) if self.holds_old_beside(stored) => {
                Some((Verdict::Bad, Reason::Beside.to_string()))
            }
            value::Verdict::UnderNew(opened) => {
                if hash.and_then(|hash| hash_agrees(hash, opened.plaintext())) == Some(false) {
                    return verdict(Verdict::Bad, "its plaintext does not match the hash column");
                }
                let Some(recorded) = recorded else {
                    return verdict(Verdict::New, "the journal does not know it");
                };
                if recorded_after(recorded) == Some(digest) && is_recorded(opened.plaintext()) {
                    return verdict(Verdict::Same, "");
                }
                if recorded_plain(Some(recorded)).is_none() || is_recorded(opened.plaintext()) || self.live {
                    return verdict(Verdict::Changed, "it is under the new key, but not as it was recorded");
                }
                verdict(Verdict::Bad, "its plaintext is not the one that was recorded")
            }
        }
    }

    /// Whether an envelope under an old key stands beside the values. What a server reads of a configuration file is
    /// known: a comment there is no value of the target; `--scan` finds it.
    fn holds_old_beside(&self, stored: &[u8]) -> bool {
        self.job.codec != Codec::Xml && self.planner.recoder().has_old_beside(&self.job.codec, stored)
    }

    /// The verdict on a value that held a ciphertext and holds none now: only a server may do that.
    fn emptied(&self) -> Verdict {
        if self.live { Verdict::Changed } else { Verdict::Bad }
    }
}

fn is_gone(record: &RowRecord) -> bool {
    record.cells.iter().any(|cell| cell.outcome == CellOutcome::Gone)
}

fn recorded_plain(recorded: Option<&CellOutcome>) -> Option<crate::cipher::Digest> {
    match recorded? {
        CellOutcome::Rotated { plain, .. }
        | CellOutcome::Resealed { plain, .. }
        | CellOutcome::AlreadyNew { plain, .. } => Some(*plain),
        CellOutcome::Failed { .. } | CellOutcome::Gone => None,
    }
}

fn recorded_after(recorded: &CellOutcome) -> Option<crate::cipher::Digest> {
    match recorded {
        CellOutcome::Rotated { after, .. }
        | CellOutcome::Resealed { after, .. }
        | CellOutcome::AlreadyNew { after, .. } => Some(*after),
        CellOutcome::Failed { .. } | CellOutcome::Gone => None,
    }
}
