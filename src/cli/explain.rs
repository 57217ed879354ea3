//! `explain`: what an error id or a check means. It needs neither journal nor configuration.

use clap::Args;

use super::{print, print_json};
use crate::error::Result;
use crate::exit::Exit;
use crate::manual::{find, index};

/// Options of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The error id, such as KR-DB-001, or the name of a check [default: list them all].
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// One JSON document on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Prints the page of one of them, or lists them all.
pub(super) fn explain(args: &ExplainArgs) -> Result<Exit> {
    let topic = args.id.as_deref().map(find).transpose()?;
    match (topic, args.json) {
        (Some(topic), true) => print_json(&topic.document())?,
        (Some(topic), false) => print(&topic.text())?,
        (None, true) => print_json(&serde_json::json!({ "schema": 1, "known": index() }))?,
        (None, false) => print(&index().text())?,
    }
    Ok(Exit::Done)
}
