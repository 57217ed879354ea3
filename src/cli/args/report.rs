//! Options of `report`, and what `run` records for it.

use std::path::PathBuf;

use clap::{Args, ValueEnum as _};

/// The reason of a rotation.
#[derive(Debug, Clone, Default, Args)]
pub struct WhyArgs {
    /// The reason for replacing the key, for the report.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<Reason>,
    /// A note on the reason.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "reason")]
    pub note: String,
}

/// Why a key is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Reason {
    /// Its cryptoperiod is over, or a policy requires it.
    Policy,
    /// It is, or may be, compromised.
    Breach,
    /// A person who knew it has left or changed roles.
    Personnel,
    /// A longer key or another transformation.
    Upgrade,
    /// A rehearsal.
    Rehearsal,
    /// What the note says.
    Other,
}

impl Reason {
    /// Its word, with its note.
    pub fn with(self, note: &str) -> String {
        let word = self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        if note.is_empty() { word } else { format!("{word}: {note}") }
    }
}

/// Options of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The format [default: the ending of the output's name, or html without one].
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
    /// Include every row and file (json and csv).
    #[arg(long)]
    pub rows: bool,
    /// Replace user names and keys of rows by keyed digests.
    #[arg(long)]
    pub redact: bool,
    /// The deployment that the report is about, such as "Customer login, production".
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The date since which the old key was in use, such as 2024-03-01.
    #[arg(long, value_name = "DATE")]
    pub key_in_use_since: Option<jiff::civil::Date>,
    /// The date of the next rotation [default: two years later, as NIST SP 800-57 advises].
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
