//! Triggers of the change log that are there and do not fire.

use crate::db::Db;
use crate::error::{Error, Id, Result};
use crate::target::SyncTable;

/// Refuses a table of the old database whose triggers are disabled, or do not fire for what a subscription
/// applies to it.
pub(super) async fn refuse(old: &Db, table: &SyncTable) -> Result<()> {
    let place = table.relation.table;
    let failed = |error| Error::new(Id::Database, format!("{place}: {error}"));
    let states = old.trigger_states().await.map_err(failed)?;
    let names = table.trigger_names();
    let ours: Vec<_> = states.iter().filter(|(name, _)| names.contains(name)).collect();
    let refused = |text: String| {
        let fix = "run `keyrotation triggers install` again: it enables them for everything";
        Err(Error::new(Id::SyncNoTriggers, text).fix(fix))
    };
    if let Some((name, _)) = ours.iter().find(|(_, state)| matches!(state.as_str(), "D" | "R")) {
        return refused(format!("oldIdnDBUrl: the sync trigger {name} on {place} is disabled"));
    }
    let Some((name, _)) = ours.first() else { return Ok(()) };
    match old.feeds().await.map_err(failed)?.running().next() {
        None => Ok(()),
        Some(feed) => refused(format!(
            "oldIdnDBUrl: the sync trigger {name} on {place} does not fire for what comes from elsewhere: {}",
            feed.what
        )),
    }
}
