//! The command line as typed.

mod accept;
mod day;
mod live;
mod report;
mod sync;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::out;
use crate::config::RebuildIndexes;
use crate::runner::{LogTo, Options, SyncOptions, duration};
use crate::telemetry::{Color, LogFormat, Progress, Verbosity};

pub use super::completions::{CompletionsArgs, ManArgs};
pub use super::configure::ConfigureArgs;
pub use super::explain::ExplainArgs;
pub use accept::{AcceptArgs, PlanArgs, PreflightArgs};
pub use day::{
    ConfirmArgs, IndexesAction, IndexesArgs, RetireArgs, RunbookArgs, TriggersAction, TriggersArgs,
    TriggersPrint, TriggersWhere,
};
pub use live::{EndArgs, Pace, PaceArgs, StatusArgs, StopArgs, Until};
pub use report::{Reason, ReportArgs, ReportFormat, WhyArgs};
pub use sync::{SyncArgs, SyncPhaseArgs};

/// The properties file where none is named.
const PROPERTIES: &str = "properties.yaml";

/// Rotates the data encryption key of a WSO2 Identity Server deployment, resumably.
///
/// Values in the identity and registry databases and in configuration files of the *copy* of the
/// deployment (the blue-green guide's NEW_IS_HOME) are opened with the old key and sealed with the
/// new one. Every step is recorded in a journal: interrupt it whenever you like, `resume` goes on.
#[derive(Debug, Parser)]
#[command(name = "keyrotation", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 finished, but rows failed or verify found differences; \
2 usage or configuration; 3 environment; 4 journal; 5 a human must look; 6 no process works on it; \
124 not in time; 130 interrupted, resumable.")]
pub struct Cli {
    /// What every subcommand takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that stand before or after the subcommand.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The properties file.
    #[arg(short, long, global = true, value_name = "FILE", default_value = PROPERTIES)]
    pub config: PathBuf,
    /// The journal's folder [default: keyrotation-journal beside the properties file].
    #[arg(long, global = true, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Say more; twice says everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but warnings and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// How lines on the screen and in the log look.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// How progress is shown.
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub progress: Progress,
}

impl Global {
    /// The journal's folder: where it was asked for, else beside the properties file.
    pub fn journal_dir(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| self.config.with_file_name("keyrotation-journal"))
    }

    /// The properties file, unless it is the one that nobody need name.
    pub fn given_config(&self) -> Option<&Path> {
        Some(self.config.as_path()).filter(|config| *config != Path::new(PROPERTIES))
    }

    /// How progress is shown; whoever wants little to be said gets none unless it is asked for.
    pub fn progress(&self) -> Progress {
        match (self.progress, self.quiet) {
            (Progress::Auto, true) => Progress::None,
            (progress, _) => progress,
        }
    }

    /// How much is said.
    pub fn verbosity(&self) -> Verbosity {
        Verbosity { verbose: self.verbose, quiet: self.quiet, format: self.log_format, color: self.color }
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a rotation.
    Run(RunArgs),
    /// Go on with an interrupted rotation, or start one.
    Resume(ResumeArgs),
    /// Carry over what end users change on the old server: the sync phase alone.
    Sync(SyncPhaseArgs),
    /// Install, remove or print what records changes in the old identity database.
    Triggers(TriggersArgs),
    /// Print or make again the indexes that an unfinished rotation has dropped.
    Indexes(IndexesArgs),
    /// Show the steps of the whole day: what is done, what to do now and how.
    Runbook(RunbookArgs),
    /// Record a step that people take, such as `route-traffic`.
    Confirm(ConfirmArgs),
    /// Say whether the old identity database can be retired.
    SafeToRetire(RetireArgs),
    /// Put the new key and the copies into the new server's deployment.toml (step 7).
    Configure(ConfigureArgs),
    /// Show what `run` would do, and change nothing.
    Plan(PlanArgs),
    /// Count the values under each key, and say whether an old key may go.
    Keys(KeysArgs),
    /// Check all that should be so before a rotation, and change nothing.
    Preflight(PreflightArgs),
    /// Show where the rotation stands, also while it runs.
    Status(StatusArgs),
    /// Let the running rotation stand still at a safe point, until `continue`.
    Pause,
    /// Let a paused rotation go on.
    Continue,
    /// Let the running rotation write no more rows in a second.
    Pace(PaceArgs),
    /// End the running rotation at a safe point.
    Stop(StopArgs),
    /// Check the journal, then every row and file against it.
    Verify(VerifyArgs),
    /// Write a report on the rotation, from its journal alone.
    Report(ReportArgs),
    /// Say what an error id, or a check of `preflight`, means and what to do.
    Explain(ExplainArgs),
    /// Write a commented properties.yaml.
    Init(InitArgs),
    /// Print a new random key.
    Keygen(KeygenArgs),
    /// Print the fingerprints of both keys, to compare them over the phone.
    Fingerprint(FingerprintArgs),
    /// Make a small deployment in a folder, rotate it and verify it.
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for every command into a folder.
    Man(ManArgs),
}

impl Command {
    /// The properties file that `demo` writes and works with.
    pub fn config_of_demo(&self) -> Option<PathBuf> {
        match self {
            #[cfg(feature = "demo")]
            Self::Demo(args) => Some(args.folder.join(PROPERTIES)),
            _ => None,
        }
    }
}

/// Options of what writes.
#[derive(Debug, Clone, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option")]
pub struct WorkArgs {
    /// Rows in a chunk, taken literally; without it chunks adapt between 100 and 10,000 rows.
    #[arg(long, value_name = "N")]
    pub chunk_size: Option<u32>,
    /// Connections to each server that write at once [default: the machine's cores, 2 to 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub connections: Option<u32>,
    /// Write no more rows in a second, over all connections.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_rows_per_second: Option<u32>,
    /// Write nothing while a server that follows is further behind, such as 2s.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub max_lag: Option<Duration>,
    /// Write nothing while more statements run in a server, this program's among them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_load: Option<u32>,
    /// Drop indexes while a table is rewritten, and make them again [default: auto, for 50,000 rows and more].
    #[arg(long, value_name = "WHEN")]
    pub rebuild_indexes: Option<RebuildIndexes>,
    /// How long to wait for a database that is gone, in seconds [default: 120].
    #[arg(long, value_name = "SECONDS")]
    pub patience: Option<u64>,
    /// Go on although other programs are connected to the new databases.
    #[arg(long)]
    pub others_connected: bool,
    /// With `mode: in-place`: every server on the database was restarted with both keys, and may run.
    #[arg(long)]
    pub servers_have_both_keys: bool,
    /// What somebody has looked at.
    #[command(flatten)]
    pub accept: AcceptArgs,
    /// Rotate to a key that can be guessed or is shorter than the old one.
    #[arg(long)]
    pub accept_weak_key: bool,
    /// The log file, or `-` for standard output; by default `keyrotation-<id>.log` beside the journal.
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Write no log file.
    #[arg(long, conflicts_with = "log_file")]
    pub no_log_file: bool,
    /// Write metrics for Prometheus' node exporter to this file, every few seconds and at the end.
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
}

impl WorkArgs {
    /// What is asked of a rotation, with what is asked of its sync phase.
    pub(in crate::cli) fn options(&self, sync: SyncOptions, new_server_has_run: bool) -> Options {
        let log = match (self.no_log_file, &self.log_file) {
            (true, _) => LogTo::Nowhere,
            (false, Some(path)) if path.as_os_str() == "-" => LogTo::Output(out::for_log),
            (false, Some(path)) => LogTo::File(path.clone()),
            (false, None) => LogTo::BesideJournal,
        };
        Options {
            accept: self.accept.accept(),
            accept_weak_key: self.accept_weak_key,
            others_connected: self.others_connected,
            servers_have_both_keys: self.servers_have_both_keys,
            log,
            sync,
            new_server_has_run,
            metrics_file: self.metrics_file.clone(),
            ..Options::default()
        }
    }
}

/// Options of `run`.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Put the journal of an earlier rotation aside under its id, and begin again.
    #[arg(long)]
    pub new: bool,
    /// Do everything but write, and tell what would be rotated and what would fail.
    #[arg(long, conflicts_with = "metrics_file")]
    pub dry_run: bool,
    /// With --dry-run: one JSON document on stdout.
    #[arg(long, requires = "dry_run")]
    pub json: bool,
    /// Why it is made.
    #[command(flatten)]
    pub why: WhyArgs,
    /// What it has in common with `resume`.
    #[command(flatten)]
    pub work: WorkArgs,
    /// When it ends at the latest.
    #[command(flatten)]
    pub end: EndArgs,
    /// What it does once everything is re-encrypted.
    #[command(flatten)]
    pub sync: SyncArgs,
}

/// Options of `resume`.
#[derive(Debug, Clone, Default, Args)]
pub struct ResumeArgs {
    /// Try failed rows again.
    #[arg(long)]
    pub retry_failed: bool,
    /// What it has in common with `run`.
    #[command(flatten)]
    pub work: WorkArgs,
    /// When it ends at the latest.
    #[command(flatten)]
    pub end: EndArgs,
    /// What it does once everything is re-encrypted.
    #[command(flatten)]
    pub sync: SyncArgs,
}

/// Options of `verify`.
#[derive(Debug, Clone, Default, Args)]
pub struct VerifyArgs {
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
    /// Check only a random part of the chunks, such as 5%.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub sample: Option<f64>,
    /// The new server is running: only what is broken is a difference, not what it changed.
    #[arg(long)]
    pub live: bool,
    /// Where else is looked.
    #[command(flatten)]
    pub look: ScanArgs,
}

/// Where else is looked.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ScanArgs {
    /// Also look for ciphertext in all other columns of the databases and all other files under the homes.
    #[arg(long)]
    pub scan: bool,
    /// Go on with the next table where a scan that was interrupted has stopped; it may be a day old.
    #[arg(long, requires = "scan")]
    pub resume_scan: bool,
}

/// Options of `keys`.
#[derive(Debug, Clone, Default, Args)]
pub struct KeysArgs {
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
    /// Where else is looked.
    #[command(flatten)]
    pub look: ScanArgs,
    /// Read no more rows in a second: a server that is in use has other work.
    #[arg(long, value_name = "N")]
    pub max_rows_per_second: Option<NonZeroU32>,
    /// Everything was moved before: that nothing is under an old key needs no journal that says why.
    #[arg(long)]
    pub all_already_new: bool,
    /// Go on without a table that every version has; may be repeated.
    #[arg(long, value_name = "TABLE")]
    pub without_table: Vec<String>,
}

/// Options of `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Overwrite an existing file.
    #[arg(long)]
    pub force: bool,
}

/// Options of `keygen`.
#[derive(Debug, Clone, Args)]
pub struct KeygenArgs {
    /// The Identity Server's version; from 7.1 on a key has 64 digits.
    #[arg(long = "for", value_name = "VERSION")]
    pub server: Option<String>,
}

/// Options of `fingerprint`.
#[derive(Debug, Clone, Args)]
pub struct FingerprintArgs {
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Options of `demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// The folder, which must be empty or absent.
    #[arg(default_value = "keyrotation-demo")]
    pub folder: PathBuf,
    /// Access tokens to make.
    #[arg(long, value_name = "N", default_value_t = 5000)]
    pub tokens: u64,
    /// Only make the deployment; do not rotate it.
    #[arg(long)]
    pub no_run: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.trim_end_matches('%').trim().parse().map_err(|_| "not a percentage".to_owned())?;
    if number > 0.0 && number <= 100.0 { Ok(number) } else { Err("between 0 and 100%".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn every_subcommand_is_sound() {
        super::Cli::command().debug_assert();
    }
}
