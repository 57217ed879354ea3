//! `status`: where a rotation stands.

use keyrotation_journal::submitted_steps;
use serde::Serialize;

use super::args::StatusArgs;
use super::{Session, print, print_json};
use crate::config;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::report::{StatusView, status_text, whole_status_text};
use crate::runbook::{Facts, Progress, Variant, list, progress};
use crate::runner::{all_failures, read, view};

/// The format of the JSON document where there is no rotation.
const SCHEMA: u32 = 1;

/// Shows where the rotation stands: from the journal, or, while a process holds it, from what that
/// process last said.
pub(super) async fn status(session: &Session, args: &StatusArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let mut view = match view(&dir) {
        Err(error) if error.id() == Id::JournalAbsent => return not_begun(session, args, error),
        view => view?,
    };
    if args.failures {
        all_failures(&read(&dir).await?.0, &mut view)?;
    }
    let variant = Variant::of_status(&view);
    let facts = Facts::new(Some(view), &[]);
    let progress = progress(variant, &facts);
    if args.json {
        print_json(&Document { status: facts.status.as_ref(), runbook: progress })?;
    } else {
        let text = if session.global.verbose > 0 { whole_status_text } else { status_text };
        print(&format!("{}\n{}", facts.status.as_ref().map(text).unwrap_or_default(), list(&progress)))?;
    }
    Ok(Exit::Done)
}

/// Before there is a rotation: where the steps stand, if any was taken. Where nothing is on record the
/// folder may be a wrong one, and the error says so.
fn not_begun(session: &Session, args: &StatusArgs, absent: Error) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let left = submitted_steps(&dir)?;
    if left.is_empty() {
        return Err(absent);
    }
    let outline = config::draft(&session.global.config);
    let variant = Variant::of_draft(&outline);
    let configured = Some(outline.problem.map_or(Ok(()), Err));
    let progress = progress(variant, &Facts { configured, ..Facts::new(None, &left) });
    if args.json {
        print_json(&serde_json::json!({ "schema": SCHEMA, "state": "not_begun", "runbook": progress }))?;
    } else {
        print(&format!("{}\n\n{}", absent.what(), list(&progress)))?;
    }
    Ok(Exit::Done)
}

/// What `status --json` prints.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    status: Option<&'a StatusView>,
    runbook: Progress,
}
