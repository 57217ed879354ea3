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

/// Rotates the data encryption key of a WSO2 Identity Server deployment.
///
/// It decrypts values in the identity and registry databases and in configuration files of the *copy* of
/// the deployment (the blue-green guide's NEW_IS_HOME) with the old key, and encrypts them with the new
/// one. A journal records every step: you can interrupt it at any time, and `resume` continues.
#[derive(Debug, Parser)]
#[command(name = "keyrotation", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 finished, but rows failed or verify found differences; \
2 usage or configuration; 3 environment; 4 journal; 5 a human must look; 6 no process works on it; \
124 time is over; 130 interrupted, can be resumed.")]
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
    /// Print more; twice prints everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Print only warnings and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// The format of lines on the screen and in the log.
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

    /// The properties file, unless it is the default.
    pub fn given_config(&self) -> Option<&Path> {
        Some(self.config.as_path()).filter(|config| *config != Path::new(PROPERTIES))
    }

    /// How progress is shown; with `--quiet` it is not shown unless `--progress` asks for it.
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
    /// Continue an interrupted rotation, or start one.
    Resume(ResumeArgs),
    /// Carry over changes that users make on the old server: the sync phase alone.
    Sync(SyncPhaseArgs),
    /// Install, remove or print the triggers that record changes in the old identity database.
    Triggers(TriggersArgs),
    /// Print or restore the indexes that an unfinished rotation has dropped.
    Indexes(IndexesArgs),
    /// Show all steps of the day: which are done, and what to do now.
    Runbook(RunbookArgs),
    /// Record a step that people do by hand, such as `route-traffic`.
    Confirm(ConfirmArgs),
    /// Check whether the old identity database can be retired.
    SafeToRetire(RetireArgs),
    /// Write the new key and the copies into the new server's deployment.toml (step 7).
    Configure(ConfigureArgs),
    /// Show what `run` would do, and change nothing.
    Plan(PlanArgs),
    /// Count the values under each key, and say whether an old key can be removed.
    Keys(KeysArgs),
    /// Check everything that a rotation needs, and change nothing.
    Preflight(PreflightArgs),
    /// Show the progress of the rotation, also while it runs.
    Status(StatusArgs),
    /// Pause the running rotation at a safe point, until `continue`.
    Pause,
    /// Continue a paused rotation.
    Continue,
    /// Limit the running rotation to N rows per second.
    Pace(PaceArgs),
    /// End the running rotation at a safe point.
    Stop(StopArgs),
    /// Check the journal, then compare every row and file with it.
    Verify(VerifyArgs),
    /// Write a report on the rotation, from its journal only.
    Report(ReportArgs),
    /// Explain an error id, or a check of `preflight`, and what to do.
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

/// Options of commands that write.
#[derive(Debug, Clone, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option")]
pub struct WorkArgs {
    /// Rows in a chunk; without it chunks adapt between 100 and 10,000 rows.
    #[arg(long, value_name = "N")]
    pub chunk_size: Option<u32>,
    /// Connections to each server that write at the same time [default: the machine's cores, 2 to 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub connections: Option<u32>,
    /// Limit writing to N rows per second, over all connections.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_rows_per_second: Option<u32>,
    /// Pause while a replica lags further behind than this, such as 2s.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub max_lag: Option<Duration>,
    /// Pause while a server runs more statements than this, including this program's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_load: Option<u32>,
    /// Drop indexes before a table is rewritten, and create them again [default: auto, from 50,000 rows on].
    #[arg(long, value_name = "WHEN")]
    pub rebuild_indexes: Option<RebuildIndexes>,
    /// How long to wait for a database that is gone, in seconds [default: 120].
    #[arg(long, value_name = "SECONDS")]
    pub patience: Option<u64>,
    /// Continue although other programs are connected to the new databases.
    #[arg(long)]
    pub others_connected: bool,
    /// With `mode: in-place`: all servers on the database were restarted with both keys, and may run.
    #[arg(long)]
    pub servers_have_both_keys: bool,
    /// What the operator accepts.
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
    /// Move the journal of an earlier rotation aside under its id, and start again.
    #[arg(long)]
    pub new: bool,
    /// Do everything except writing, and say what would be rotated and what would fail.
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
    /// The new server is running: its changes are no differences, only broken values are.
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
    /// Continue an interrupted scan with its next table; the scan may be a day old.
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
    /// Limit reading to N rows per second, to spare a server that is in use.
    #[arg(long, value_name = "N")]
    pub max_rows_per_second: Option<NonZeroU32>,
    /// All values were rotated before: accept that none is under an old key and no journal explains it.
    #[arg(long)]
    pub all_already_new: bool,
    /// Continue without a table that every version has; may be repeated.
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
