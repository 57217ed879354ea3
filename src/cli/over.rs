//! Rotations of which nothing more is to come: whoever would go on is told so.

use std::path::Path;

use keyrotation_journal::{Journal, left_steps};

use super::print;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::{StatusView, summary_sentence};
use crate::runbook::is_retired;

/// Says so if the rotation in `dir` is finished for good; none if it can be gone on with.
pub(super) fn over(dir: &Path, journal: &Journal, retry_failed: bool) -> Result<Option<Exit>> {
    let view = StatusView::new(journal.state(), false).with_left(&left_steps(dir)?);
    let is_retired = is_retired(&view);
    if !is_retired && (retry_failed || view.finished_at.is_none() || journal.state().syncs()) {
        return Ok(None);
    }
    let what = if is_retired { "finished and retired" } else { "finished" };
    tracing::info!(
        "rotation {} is {what}, and nothing was changed; `keyrotation run --new` begins another",
        view.rotation_id
    );
    let what = if is_retired { "Finished and retired: " } else { "" };
    print(&format!("{what}{}\n", summary_sentence(&view)))?;
    Ok(Some(Exit::Done))
}
