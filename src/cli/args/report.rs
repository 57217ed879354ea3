//! Options of `report`, and what `run` records for it.

use std::path::PathBuf;

use clap::{Args, ValueEnum as _};

/// Why a rotation is made.
#[derive(Debug, Clone, Default, Args)]
pub struct WhyArgs {
    /// Why the key is replaced, for the report.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<Reason>,
    /// What else there is to say of the reason.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "reason")]
    pub note: String,
}

/// Why a key is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Reason {
    /// Its cryptoperiod is over, or a policy says so.
    Policy,
    /// It is, or may be, known to somebody who should not know it.
    Breach,
    /// Somebody who knew it has left or changed roles.
    Personnel,
    /// A longer key or another transformation.
    Upgrade,
    /// A rehearsal.
    Rehearsal,
    /// What the note says.
    Other,
}

impl Reason {
    /// Its word, with what else there is to say.
    pub fn with(self, note: &str) -> String {
        let word = self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        if note.is_empty() { word } else { format!("{word}: {note}") }
    }
}

/// Options of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// What it looks like [default: what the output's name ends in; html where that has no ending].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
    /// The file to write [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite an existing file.
    #[arg(long, requires = "output")]
    pub force: bool,
    /// A further journal of the same two keys, such as another node's; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub also: Vec<PathBuf>,
    /// List every row and file (json and csv).
    #[arg(long)]
    pub rows: bool,
    /// Put keyed digests in place of user names and keys of rows.
    #[arg(long)]
    pub redact: bool,
    /// Which deployment it is about, such as "Customer login, production".
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Since when the old key was in use, such as 2024-03-01.
    #[arg(long, value_name = "DATE")]
    pub key_in_use_since: Option<jiff::civil::Date>,
    /// When the next rotation is due [default: two years on, as NIST SP 800-57 advises].
    #[arg(long, value_name = "DATE")]
    pub next_rotation_due: Option<jiff::civil::Date>,
    /// Write nothing: compare this report with the journal.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "format"])]
    pub check: Option<PathBuf>,
}

/// What a report looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// One page, for people.
    Html,
    /// One document, for programs.
    Json,
    /// One line for each table and file group, or for each row.
    Csv,
}
