//! The report on a finished or unfinished rotation, for those who must answer for it: made from
//! journals alone, without keys and databases.
//!
//! [`Document`] is the model; it is written as HTML, JSON or CSV. The same journals and the same
//! [`Made`] give the same bytes, so a report can be compared with the journal it claims to be of.
//!
//! Invariants: rows are written as they are read, never collected; text of others (keys, notes,
//! reasons) passes through `safe` or the JSON writer before it reaches a page or a cell.

mod check;
mod csv;
mod file;
mod history;
mod html;
mod json;
mod periods;
mod redact;
mod rotation;
mod rows;
mod safe;
mod series;
#[cfg(test)]
mod tests;
mod verdict;

use std::io;
use std::path::Path;

use keyrotation_journal::{Journal, Step};
use serde::{Deserialize, Serialize};

pub use check::{Checked, check};
pub use file::write_file;
pub use history::{Lag, ReopenedPart, SessionPart, SweepPart, Throughput, Timeline};
pub use html::META as HTML_META;
pub use periods::Cryptoperiods;
pub use rotation::{LogPart, PlanPart, RotationPart, StepPart, SyncPart, TargetPart, VerificationPart};
pub use rows::{RowPart, ValuePart};
pub use series::Series;
pub use verdict::{Level, Totals, Verdict};

use crate::error::{Error, Id, Result};
use keyrotation_common::activity::Doing;
use redact::Redactor;

/// The document's format.
const SCHEMA: u32 = 1;

/// The step that says why a rotation was made.
pub const REASON: &str = "reason";

/// One journal of the rotation that is reported on.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its folder.
    pub dir: &'a Path,
    /// The journal.
    pub journal: &'a Journal,
    /// Steps that wait beside it to be recorded.
    pub left: &'a [Step],
    /// Whether another process holds it and works on the rotation.
    pub held: bool,
    /// Whether the MACs of all its records were checked, which needs the new key.
    pub checked: bool,
    /// Where it is said how far it is read.
    pub doing: Option<&'a Doing>,
}

/// What a report looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One page for people.
    Html,
    /// One document for programs.
    Json,
    /// One line for each table, or each row.
    Csv,
}

/// How a report was made. It stands in the report, so that the report can be made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// By which version of the program.
    pub version: String,
    /// The operating system's user.
    pub user: String,
    /// The host.
    pub host: String,
    /// Whether it lists every row.
    pub rows: bool,
    /// Whether names are redacted.
    pub redacted: bool,
    /// Which deployment it is about, as the report's maker says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Since when the old key was in use, as the report's maker says.
    pub key_in_use_since: Option<String>,
    /// When the next rotation is due, as the report's maker says.
    pub next_rotation_due: Option<String>,
    /// The journals that it was made from, as they were.
    pub of: Vec<Bound>,
}

/// What a report is bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The rotation's id.
    pub rotation_id: String,
    /// Events in its log.
    pub events: u64,
    /// The SHA-256 over them.
    pub log_sha256: String,
    /// Steps that stood beside the log.
    pub steps_beside: usize,
    /// Whether a process was working on the rotation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
    /// Whether the MACs of all records were checked with the key.
    #[serde(default)]
    pub macs_checked: bool,
}

/// A report.
#[derive(Debug, Serialize)]
pub struct Document {
    /// The document's format: 1.
    pub schema: u32,
    /// How it was made.
    pub made: Made,
    /// What came of the rotation, in a sentence.
    pub verdict: Verdict,
    /// Fingerprint of the old key.
    pub old_key: String,
    /// Fingerprint of the new key.
    pub new_key: String,
    /// How long the keys are in use.
    pub cryptoperiods: Cryptoperiods,
    /// Counts over all journals.
    pub totals: Totals,
    /// One for each journal.
    pub rotations: Vec<RotationPart>,
    #[serde(skip)]
    redactor: Redactor,
}

/// Why a report was not written.
#[derive(Debug)]
pub enum WriteError {
    /// Its file or pipe takes nothing.
    Output(io::Error),
    /// The journal cannot be read.
    Journal(Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Journal(error)
    }
}

impl From<keyrotation_journal::Error> for WriteError {
    fn from(error: keyrotation_journal::Error) -> Self {
        Self::Journal(error.into())
    }
}

impl Made {
    /// The same with the journals as they are now, and with the maker's name redacted if need be.
    pub fn bound_to(mut self, sources: &[Source<'_>]) -> Result<Self> {
        self.user = redactor(&self, sources)?.user(&self.user);
        self.of = sources.iter().map(Bound::to).collect::<Result<_>>()?;
        Ok(self)
    }
}

impl Source<'_> {
    /// One more record of the journal was read.
    fn advance(&self) {
        if let Some(doing) = self.doing {
            doing.advance(1);
        }
    }

    /// The SHA-256 over the first entries of the log.
    fn sha256(&self, entries: u64) -> Result<String> {
        Ok(hex(&self.journal.log_sha256_with(entries, || self.advance())?))
    }
}

impl Bound {
    /// Whether the journal's log is, or begins with, the one that the report was made from.
    pub fn is_part_of(&self, source: &Source<'_>) -> Result<bool> {
        let is_long_enough = source.journal.state().entries >= self.events;
        Ok(is_long_enough && source.sha256(self.events)? == self.log_sha256)
    }

    fn to(source: &Source<'_>) -> Result<Self> {
        let events = source.journal.state().entries;
        Ok(Self {
            rotation_id: source.journal.state().rotation.name(),
            events,
            log_sha256: source.sha256(events)?,
            steps_beside: source.left.len(),
            running: source.held,
            macs_checked: source.checked,
        })
    }
}

impl Document {
    /// The report on these journals, which must be of the same keys. `made` must be bound to them.
    pub fn new(sources: &[Source<'_>], made: Made) -> Result<Self> {
        let redactor = redactor(&made, sources)?;
        let mut rotations: Vec<RotationPart> = Vec::new();
        for (source, bound) in sources.iter().zip(&made.of) {
            let part = RotationPart::new(source, bound, &redactor)?;
            if let Some(first) = rotations.first() {
                first.must_belong_to(&part, source.dir)?;
            }
            if rotations.iter().any(|other| other.rotation_id == part.rotation_id) {
                return Err(Error::new(
                    Id::CommandLineValue,
                    format!("{} is a copy of a journal that was named already", source.dir.display()),
                )
                .fix("name each journal once"));
            }
            rotations.push(part);
        }
        let (old_key, new_key) = match rotations.first() {
            Some(first) => {
                (first.plan.keys.old_keys().collect::<Vec<_>>().join(", "), first.plan.keys.new_key.clone())
            }
            None => return Err(Error::new(Id::JournalAbsent, "no journal was named")),
        };
        let totals = Totals::of(&rotations);
        Ok(Self {
            schema: SCHEMA,
            verdict: Verdict::of(&rotations, &totals),
            cryptoperiods: Cryptoperiods::of(&rotations, &made),
            made,
            old_key,
            new_key,
            totals,
            rotations,
            redactor,
        })
    }

    /// Writes it. `sources` are the ones that it was made of; their rows are read as they are written.
    pub fn write(
        &self,
        format: Format,
        sources: &[Source<'_>],
        out: &mut dyn io::Write,
    ) -> Result<(), WriteError> {
        let sources = if self.made.rows { sources } else { &[] };
        match format {
            Format::Html => Ok(out.write_all(html::page(self).as_bytes())?),
            Format::Json => json::write(self, sources, out),
            Format::Csv => csv::write(self, sources, out),
        }
    }
}

/// All journals of one report share a secret, so that a name is the same name in all of them.
fn redactor(made: &Made, sources: &[Source<'_>]) -> Result<Redactor> {
    let first = sources.first().filter(|_| made.redacted);
    Ok(Redactor::new(first.map(|source| source.journal.secret(redact::PURPOSE)).transpose()?))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
