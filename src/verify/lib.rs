//! Verifying: every row and file against the journal, read-only, with one verdict each.
//!
//! The journal is walked chunk by chunk, so memory is bounded by one chunk (and by the rows that
//! were tried again, which are few). What stands in a chunk's range now is compared with what the
//! journal last recorded of it.

use keyrotation_cipher as cipher;
use keyrotation_codec as codec;
use keyrotation_common::{activity, blocking, error, signals};
use keyrotation_db as db;
use keyrotation_engine as engine;
use keyrotation_plan as plan;
use keyrotation_source as source;

mod judge;

use std::collections::{BTreeMap, HashMap};

use keyrotation_journal::{Journal, Key, Ordinal, RowRecord, Span, TargetId, failpoint};
use serde::Serialize;

use crate::activity::{Activity, Task};
use crate::blocking::blocking;
use crate::engine::{ChunkPlanner, JournalHandle};
use crate::error::Result;
#[cfg(feature = "failpoints")]
use crate::error::{Error, Id};
use crate::plan::Job;
use crate::signals::Stop;
use crate::source::Rows;

pub use judge::Verdict;
use judge::{Judge, Judged};

/// Findings of each verdict that are listed for each target; all are counted.
pub const LISTED: u64 = 100;

/// What verifying is asked to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The part of the chunks that is checked, between 0 and 1; all of them without it.
    pub sample: Option<f64>,
    /// The new server is running and may change, add and delete rows.
    pub live: bool,
}

/// What verifying found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// One entry for each target.
    pub targets: Vec<TargetReport>,
}

/// What verifying found in one target.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TargetReport {
    /// The target's id.
    pub id: String,
    /// The table or kind of files.
    pub place: String,
    /// Rows by verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Rows that hold plain values or NULL only, and that the journal therefore only counts.
    pub without_ciphertext: u64,
    /// Chunks that were checked, and how many there are.
    pub chunks: (u64, u64),
    /// Indexes that were dropped while the table was rewritten, and are not there as they were.
    pub missing_indexes: Vec<String>,
    /// Rows that are not `same`: the first [`LISTED`] of each verdict.
    pub findings: Vec<Finding>,
}

impl TargetReport {
    /// What is gone of the recorded rows, and what was written anew: of how many, how many, and which of the two.
    pub fn losses(&self) -> [(u64, u64, &'static str); 2] {
        let count = |verdict| self.verdicts.get(&verdict).copied().unwrap_or_default();
        let recorded: u64 = Verdict::ALL.iter().filter(|it| **it != Verdict::New).map(|it| count(*it)).sum();
        [
            (recorded, count(Verdict::Gone), "are not there any more"),
            (recorded, count(Verdict::Changed), "were changed since"),
        ]
    }
}

/// A row that is not as the journal recorded it.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The row's key.
    pub key: String,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found.
    pub what: String,
}

impl Report {
    /// Rows with this verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.targets.iter().map(|target| target.verdicts.get(&verdict).copied().unwrap_or_default()).sum()
    }

    /// Rows, and indexes, that make `verify` end with exit code 1. While a server is running its owner may have
    /// changed an index.
    pub fn differences(&self, live: bool) -> u64 {
        let counts = |verdict: &&Verdict| !live || matches!(verdict, Verdict::Bad | Verdict::Failed);
        let rows: u64 =
            Verdict::ALL.iter().filter(|v| **v != Verdict::Same).filter(counts).map(|v| self.count(*v)).sum();
        let indexes: usize = self.targets.iter().map(|target| target.missing_indexes.len()).sum();
        rows + if live { 0 } else { indexes as u64 }
    }
}

/// Compares every job's rows with the journal.
pub async fn verify(
    journal: &JournalHandle,
    planner: &ChunkPlanner,
    jobs: &[Job],
    options: Options,
    activity: &Activity,
    stop: &Stop,
) -> Result<Report> {
    let mut report = Report::default();
    for job in jobs {
        if stop.requested() {
            break;
        }
        report.targets.push(verify_one(journal, planner, job, options, activity, stop).await?);
    }
    Ok(report)
}

async fn verify_one(
    journal: &JournalHandle,
    planner: &ChunkPlanner,
    job: &Job,
    options: Options,
    activity: &Activity,
    stop: &Stop,
) -> Result<TargetReport> {
    let chunks = journal.state(|state| state.targets[job.index.position()].next_ordinal);
    let doing = activity.begin(Task::Verify, &job.place, Some(chunks.get()));
    failpoint!("verify-target", Error::new(Id::System, "failure planned by a test"));
    let target = job.index;
    let mut report =
        TargetReport { id: job.id.to_string(), place: job.place.clone(), ..TargetReport::default() };
    // Rows that were tried again or found astray: their last record counts, wherever they stand.
    let later = journal.read(move |journal| keyed_rows(journal, target)).await?;
    let mut judge = Judge::new(planner.clone(), job.clone(), options.live, later);
    let mut walk = job.source.walk_all();
    let mut covered = false;
    let sample = options.sample.map(|part| Sample::new(part, chunks.get()));
    for ordinal in Ordinal::before(chunks) {
        doing.advance(1);
        let span = journal.read(move |journal| journal.span(target, ordinal)).await?;
        let Span::Range { after, upto } = span else { continue };
        covered |= upto.is_none();
        report.chunks.1 += 1;
        if stop.requested() || sample.is_some_and(|sample| !sample.has(ordinal)) {
            continue;
        }
        report.chunks.0 += 1;
        let records = journal.read(move |journal| journal.rows(target, ordinal)).await?;
        judge.begin(records);
        walk.over(after.as_ref(), upto.as_ref());
        judge = compare(judge, job, &mut walk).await?;
        add(&mut report, job, judge.end());
    }
    if !covered && options.sample.is_none() {
        // The rotation did not reach the end of the table: what lies behind is unknown to the journal.
        let frontier = journal.state(|state| state.targets[target.position()].frontier.clone());
        walk.over(frontier.as_ref(), None);
        judge = compare(judge, job, &mut walk).await?;
        add(&mut report, job, judge.end());
    }
    if options.sample.is_none() {
        judge.begin_unseen();
        add(&mut report, job, judge.end());
    }
    let indexes = journal.state(|state| state.targets[target.position()].dropped_indexes.clone());
    if let Some(table) = job.indexes.as_ref().filter(|_| !indexes.is_empty()) {
        report.missing_indexes = table.missing(&indexes).await?;
    }
    Ok(report)
}

/// Judges all rows of a range, page by page.
async fn compare(mut judge: Judge, job: &Job, walk: &mut Rows) -> Result<Judge> {
    while let Some(page) = walk.next(job.page_rows()).await? {
        judge = blocking(move || {
            for row in &page {
                judge.row(row);
            }
            Ok(judge)
        })
        .await?;
    }
    Ok(judge)
}

/// The last records of rows in chunks that name their rows.
fn keyed_rows(journal: &Journal, target: TargetId) -> keyrotation_journal::Result<HashMap<Key, RowRecord>> {
    let mut rows = HashMap::new();
    for ordinal in journal.overlays(target) {
        rows.extend(journal.rows(target, ordinal?)?.into_iter().map(|row| (row.key.clone(), row)));
    }
    Ok(rows)
}

fn add(report: &mut TargetReport, job: &Job, judged: Judged) {
    report.without_ciphertext += judged.without_ciphertext;
    *report.verdicts.entry(Verdict::Same).or_default() += judged.same;
    for found in judged.findings {
        // Each verdict has room of its own: what a running server changed must not hide what is bad.
        let before = report.verdicts.entry(found.verdict).or_default();
        *before += 1;
        if *before <= LISTED {
            report.findings.push(Finding {
                key: found.key.to_string(),
                column: found.column.map(|column| job.columns[column].to_string()),
                verdict: found.verdict,
                what: found.what,
            });
        }
    }
}

/// A part of the chunks, at equal distances from a random start: never none of them.
#[derive(Debug, Clone, Copy)]
struct Sample {
    part: f64,
    start: f64,
}

#[allow(clippy::cast_precision_loss)] // no table has 2^52 chunks
impl Sample {
    fn new(part: f64, chunks: u64) -> Self {
        let random = f64::from(getrandom::u32().unwrap_or_default()) / (f64::from(u32::MAX) + 1.0);
        Self { part: part.max(1.0 / chunks.max(1) as f64), start: random }
    }

    fn has(self, ordinal: Ordinal) -> bool {
        let taken = |chunks: u64| (chunks as f64).mul_add(self.part, self.start).floor();
        taken(ordinal.get() + 1) > taken(ordinal.get())
    }
}

#[cfg(test)]
mod tests {
    use keyrotation_journal::Ordinal;

    use super::Sample;

    #[test]
    fn a_sample_has_its_part_of_the_chunks_and_at_least_one() {
        for (part, chunks, expected) in
            [(0.05, 1000, 50), (0.05, 3, 1), (1.0, 7, 7), (0.5, 9, 4), (0.000_1, 1, 1)]
        {
            for _ in 0..100 {
                let sample = Sample::new(part, chunks);
                let taken =
                    Ordinal::before(Ordinal::new(chunks)).filter(|&ordinal| sample.has(ordinal)).count();
                assert!((expected..=expected + 1).contains(&taken), "{taken} of {chunks} at {part}");
            }
        }
    }
}
