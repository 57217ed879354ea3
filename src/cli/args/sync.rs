//! Options of the sync phase.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{EndArgs, duration};
use crate::runner::SyncOptions;

/// Options of the sync phase (with enableSyncMigrator).
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Sync")]
pub struct SyncArgs {
    /// End when no change that can be carried over has come for the time of --quiet-for.
    #[arg(long)]
    pub until_drained: bool,
    /// The time for --until-drained, such as 60s or 5m.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, requires = "until_drained")]
    pub quiet_for: Duration,
    /// Keep acknowledged entries of the change log.
    #[arg(long)]
    pub keep_acknowledged: bool,
    /// Accept that the old database has lost this many rows, and delete them in the copy.
    #[arg(long, value_name = "N")]
    pub accept_deletes: Option<u64>,
    /// The new server has run on this copy: treat every row in it as the new server's own.
    #[arg(long)]
    pub new_server_has_run: bool,
}

impl SyncArgs {
    /// What is asked of the sync phase.
    pub(in crate::cli) fn options(&self) -> SyncOptions {
        SyncOptions {
            until_quiet_for: self.until_drained.then_some(self.quiet_for),
            keep_acknowledged: self.keep_acknowledged,
            accept_deletes: self.accept_deletes.unwrap_or_default(),
        }
    }
}

/// Options of `sync`.
#[derive(Debug, Clone, Default, Args)]
pub struct SyncPhaseArgs {
    /// What it has in common with `resume`.
    #[command(flatten)]
    pub sync: SyncArgs,
    /// When it ends at the latest.
    #[command(flatten)]
    pub end: EndArgs,
    /// The log file; by default `keyrotation-<id>.log` beside the journal.
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Write no log file.
    #[arg(long, conflicts_with = "log_file")]
    pub no_log_file: bool,
    /// How long to wait for a database that is gone, in seconds [default: 120].
    #[arg(long, value_name = "SECONDS")]
    pub patience: Option<u64>,
    /// Write metrics for Prometheus' node exporter to this file, every few seconds and at the end.
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
}
