//! Triggers of the change log that are there and do not fire.

use super::SyncPlan;
use crate::db::Db;
use crate::error::{Error, Id, Result};
use crate::guard::refused;
use crate::target::{SyncTable, TargetRegistry};
use crate::triggers::{self, State};

/// Whether a table of the old database has its sync triggers. Refuses those of which one is missing, is disabled, does
/// not fire for all that it has to, or not for what a subscription applies to the table.
pub(super) async fn has_triggers(old: &Db, targets: &TargetRegistry, table: &SyncTable) -> Result<bool> {
    let place = &table.relation.table;
    let failed = |error| Error::new(Id::Database, format!("{place}: {error}"));
    let refused = |text: String| Err(not_whole(text));
    match triggers::state(old, targets, table).await? {
        State::Absent => return Ok(false),
        State::Broken(why) => return refused(format!("oldIdnDBUrl: {why}")),
        State::Flawed(why) => {
            let text = format!("oldIdnDBUrl: {why}");
            return Err(Error::new(Id::SyncNoTriggers, text).fix(triggers::FLAWED));
        }
        State::Whole => {}
    }
    let states = old.trigger_states().await.map_err(failed)?;
    let Some((name, _)) = states.iter().find(|(name, _)| table.is_trigger(name)) else { return Ok(true) };
    match old.feeds().await.map_err(failed)?.running().next() {
        None => Ok(true),
        Some(feed) => refused(format!(
            "oldIdnDBUrl: the sync trigger {name} on {place} does not fire for what comes from elsewhere: {}",
            feed.what
        )),
    }
}

/// Refuses an old database into which changes come for which its triggers do not fire.
pub(super) async fn refuse_untriggered(old: &Db) -> Result<()> {
    let failed = |error| Error::new(Id::Database, format!("oldIdnDBUrl: {error}"));
    let feeds = old.feeds_beside_triggers().await.map_err(failed)?;
    if let Some(feed) = feeds.running().next() {
        let text =
            format!("oldIdnDBUrl: {}, and triggers do not fire for the rows that it brings", feed.what);
        return Err(Error::new(Id::SyncNoTriggers, text).fix(
            "name the server that the users' Identity Server writes to, with the triggers in it; on MariaDB \
             `slave_run_triggers_for_rbr = YES` lets them fire here",
        ));
    }
    if let Some(unseen) = &feeds.unseen {
        tracing::warn!("oldIdnDBUrl: {unseen}; if there are any, the change log misses what they bring");
    }
    Ok(())
}

fn not_whole(text: String) -> Error {
    let fix = "run `keyrotation triggers install` again: it makes them whole and enables them for everything";
    Error::new(Id::SyncNoTriggers, text).fix(fix)
}

impl SyncPlan {
    /// Looks whether the triggers are still there and fire: what changes without them is in no change log.
    pub async fn look_at_triggers(&self) -> Result<()> {
        let read = || self.old.triggers();
        let triggers = self.old_guard.try_reading("the sync triggers", read).await;
        let triggers = triggers.map_err(|error| refused("the sync triggers", &error))?.unwrap_or_default();
        for job in &self.jobs {
            let kind = self.old.server_kind();
            let why =
                match triggers::state_among(&self.targets, kind, &job.table, job.is_foreign(), &triggers) {
                    State::Whole => continue,
                    State::Absent => format!("there are no sync triggers on {} any more", job.place()),
                    State::Broken(why) | State::Flawed(why) => why,
                };
            let text = format!("oldIdnDBUrl: {why}, so what has changed meanwhile may be in no change log");
            return Err(Error::new(Id::SyncNoTriggers, text).fix(
                "let a DBA run what `keyrotation triggers print` prints, then run this command again: it \
                 compares every row first",
            ));
        }
        Ok(())
    }
}
