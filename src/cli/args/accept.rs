//! Words without which a rotation does not begin, as typed, and what only looks at one.

use clap::Args;

use crate::runner::Accept;

/// What the operator has checked and accepts.
#[derive(Debug, Clone, Default, Args)]
pub struct AcceptArgs {
    /// Skip this many values that both keys decrypt.
    #[arg(long, value_name = "N")]
    pub accept_ambiguous: Option<u64>,
    /// Skip values that neither key decrypts, if there are no more than this.
    #[arg(long, value_name = "N")]
    pub accept_unreadable: Option<u64>,
    /// Continue although no values, or very few, are under the old key, and no journal explains it.
    #[arg(long)]
    pub all_already_new: bool,
    /// Continue without a table that every version has; may be repeated.
    #[arg(long, value_name = "TABLE")]
    pub without_table: Vec<String>,
}

impl AcceptArgs {
    /// What is accepted.
    pub(in crate::cli) fn accept(&self) -> Accept {
        Accept {
            ambiguous: self.accept_ambiguous,
            unreadable: self.accept_unreadable,
            all_already_new: self.all_already_new,
        }
    }
}

/// Options of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
    /// Also write a few chunks of each table and roll them back, to measure how long they take.
    #[arg(long)]
    pub rehearse: bool,
    /// Also look for ciphertext in all other columns of the databases and all other files under the homes.
    #[arg(long)]
    pub scan: bool,
    /// What the operator accepts.
    #[command(flatten)]
    pub accept: AcceptArgs,
}

/// Options of `preflight`.
#[derive(Debug, Clone, Args)]
pub struct PreflightArgs {
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
    /// What the operator accepts.
    #[command(flatten)]
    pub accept: AcceptArgs,
}
