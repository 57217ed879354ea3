//! Rotations of which nothing more is to come: whoever would go on is told so.

use std::path::Path;

use keyrotation_journal::{Journal, submitted_steps};

use super::{print, status};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::report::{StatusView, summary_sentence};
use crate::runbook::is_retired;

/// What could not be loaded, unless the rotation is retired: then it is needed no more, as an old key that is
/// destroyed.
pub(super) fn finished_without_key(dir: &Path, error: Error) -> Result<Exit> {
    match status::view(dir) {
        Ok(view) if is_retired(&view) => say(&view),
        _ => Err(error),
    }
}

/// Says so if the rotation in `dir` is finished for good; none if it can be gone on with.
pub(super) fn finished(dir: &Path, journal: &Journal, retry_failed: bool) -> Result<Option<Exit>> {
    let view = StatusView::new(journal.state(), false).with_left(&submitted_steps(dir)?);
    if !is_retired(&view) && (retry_failed || view.finished_at.is_none() || journal.state().syncs()) {
        return Ok(None);
    }
    say(&view).map(Some)
}

fn say(view: &StatusView) -> Result<Exit> {
    let [what, title] =
        if is_retired(view) { ["finished and retired", "Finished and retired: "] } else { ["finished", ""] };
    tracing::info!(
        "rotation {} is {what}, and nothing was changed; `keyrotation run --new` begins another",
        view.rotation_id
    );
    print(&format!("{title}{}\n", summary_sentence(view)))?;
    Ok(Exit::Done)
}
