//! The command line as typed: watching, waiting for and controlling a rotation that runs.

use std::time::Duration;

use clap::Args;

use super::duration;
use crate::runner::{PlannedEnd, StopTime};

/// Options of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
    /// List every failure, not only the first hundred of each table.
    #[arg(long)]
    pub failures: bool,
    /// Repeat it until no process works on the rotation, and end with that process's exit code.
    #[arg(long, conflicts_with_all = ["failures", "wait"])]
    pub watch: bool,
    /// Print nothing, and return when the rotation is this far; exit code 6 if it ends before.
    #[arg(long, value_name = "STATE", conflicts_with = "failures")]
    pub wait: Option<Until>,
    /// Wait no longer than this, such as 90s, 5m or 2h; exit code 124 when the time is over.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "wait")]
    pub timeout: Option<Duration>,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Until {
    /// Every row and file is processed; with sync NEW_IS_HOME can be started.
    ReEncrypted,
    /// All changes are carried over, except held and failed ones.
    Drained,
    /// The rotation is finished, and no process works on it.
    Finished,
}

/// A planned end.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct EndArgs {
    /// End at a safe point at the next 05:00 local time, or at a time such as
    /// 2026-11-25T05:00:00+01:00; `resume` continues.
    #[arg(long, value_name = "TIME", conflicts_with = "stop_after")]
    pub stop_at: Option<StopTime>,
    /// End at a safe point after this time, such as 90s, 5m or 2h; `resume` continues.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub stop_after: Option<Duration>,
}

impl EndArgs {
    /// The end that is planned.
    pub(in crate::cli) fn planned(self) -> PlannedEnd {
        PlannedEnd { at: self.stop_at, after: self.stop_after }
    }
}

/// Options of `pace`.
#[derive(Debug, Clone, Args)]
pub struct PaceArgs {
    /// Rows per second, over all connections; `off` removes the limit.
    #[arg(value_name = "N|off", value_parser = pace)]
    pub pace: Pace,
}

/// A pace as typed: rows in a second, or none for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(pub Option<u32>);

/// Options of `stop`.
#[derive(Debug, Clone, Args)]
pub struct StopArgs {
    /// Do not wait for its end.
    #[arg(long)]
    pub no_wait: bool,
}

fn pace(text: &str) -> Result<Pace, String> {
    if text == "off" {
        return Ok(Pace(None));
    }
    match text.replace([',', '_'], "").parse() {
        Ok(most) if most > 0 => Ok(Pace(Some(most))),
        _ => Err("a number of rows of at least 1, or `off`; to pause: `keyrotation pause`".to_owned()),
    }
}
