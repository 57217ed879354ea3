//! Rotations of which nothing more is to come: whoever would go on is told so.

use super::tell;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::{StatusView, summary_sentence};
use crate::runbook::is_retired;

/// Says so.
pub(super) fn finished(view: &StatusView) -> Result<Exit> {
    let [what, title] =
        if is_retired(view) { ["finished and retired", "Finished and retired: "] } else { ["finished", ""] };
    tracing::info!(
        "rotation {} is {what}, and nothing was changed; `keyrotation run --new` begins another",
        view.rotation_id
    );
    tell(&format!("{title}{}\n", summary_sentence(view)))?;
    Ok(Exit::Done)
}
