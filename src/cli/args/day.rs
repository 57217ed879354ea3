//! The command line as typed: the steps of the day, triggers, and the verdict at its end.

use clap::{Args, Subcommand};

use crate::runner::Side;

/// Options of `triggers`.
#[derive(Debug, Clone, Args)]
pub struct TriggersArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TriggersAction,
}

/// What `triggers` does.
#[derive(Debug, Clone, Subcommand)]
pub enum TriggersAction {
    /// Install them in the old identity database (step 2 of the guide).
    Install,
    /// Remove them: from the copy (step 4), and from the old database at the very end.
    Remove(TriggersWhere),
    /// Print the script for a DBA.
    Print(TriggersPrint),
}

/// Where triggers are removed.
#[derive(Debug, Clone, Args)]
pub struct TriggersWhere {
    /// The database.
    #[arg(long, value_name = "DATABASE")]
    pub on: Side,
    /// Also from an old database that is not known to be safe to retire. Later changes there are
    /// lost.
    #[arg(long)]
    pub force: bool,
}

/// What `triggers print` prints.
#[derive(Debug, Clone, Args)]
pub struct TriggersPrint {
    /// Print the script that removes them, not the one that installs them.
    #[arg(long)]
    pub remove: bool,
}

/// Options of `indexes`.
#[derive(Debug, Clone, Args)]
pub struct IndexesArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: IndexesAction,
}

/// What `indexes` does.
#[derive(Debug, Clone, Subcommand)]
pub enum IndexesAction {
    /// Print the statements that create the dropped indexes.
    Print,
    /// Create them again, without continuing the rotation.
    Restore,
}

/// Options of `runbook`.
#[derive(Debug, Clone, Args)]
pub struct RunbookArgs {
    /// The step to show, by its number or name [default: the current one].
    pub step: Option<String>,
    /// Show every step, for printing.
    #[arg(long, conflicts_with = "step")]
    pub all: bool,
    /// One JSON document on stdout.
    #[arg(long, conflicts_with_all = ["step", "all"])]
    pub json: bool,
}

/// Options of `confirm`.
#[derive(Debug, Clone, Args)]
pub struct ConfirmArgs {
    /// The step, or an item of it: `block`, `route-traffic`, `retire/dumps`.
    #[arg(required_unless_present = "list", value_name = "STEP[/ITEM]")]
    pub step: Option<String>,
    /// A note on it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Record it although a finding speaks against it; the step's note then says so.
    #[arg(long, conflicts_with = "undo")]
    pub despite_findings: bool,
    /// Withdraw a confirmation.
    #[arg(long)]
    pub undo: bool,
    /// List every name, and which steps are confirmed.
    #[arg(long, conflicts_with_all = ["step", "undo", "note", "despite_findings"])]
    pub list: bool,
}

/// Options of `safe-to-retire`.
#[derive(Debug, Clone, Args)]
pub struct RetireArgs {
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
    /// Accept rows of this table that only one of the databases has: they may be lost or stay. May be
    /// repeated.
    #[arg(long, value_name = "TABLE")]
    pub accept_drift: Vec<String>,
    /// Accept sessions in the old database, seen or hidden: they are known and serve no users.
    #[arg(long)]
    pub others_connected: bool,
}
