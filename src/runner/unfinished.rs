//! What a killed process has left unfinished in the databases, before somebody looks at them.

use std::path::Path;

use keyrotation_journal::Journal;

use crate::config::Settings;
use crate::error::Result;
use crate::plan;

/// Rolls it back, if the journal's folder holds a rotation: then it was most likely this rotation's.
pub(super) async fn roll_back_unfinished(settings: &Settings, dir: &Path) -> Result<()> {
    if matches!(Journal::peek(dir), Ok(Some(_))) {
        plan::roll_back_unfinished(settings).await?;
    }
    Ok(())
}
