//! Triggers in an identity database: whether they may come or go now, and what is recorded of that.

use std::path::Path;

use jiff::Timestamp;
use keyrotation_journal::{Step, submitted_steps};

use super::reading::view;
use super::steps::{Place, Side, leave, open_side};
use crate::config;
use crate::db::{Access, Db};
use crate::error::{Error, Id, Result};
use crate::plan;
use crate::report::StepView;
use crate::runbook::{
    ALREADY, COPY_CLEANED, FROM_NOW_ON, Facts, TRIGGERS_INSTALLED, TRIGGERS_REMOVED, copy_is_older,
};
use crate::target::TargetRegistry;
use keyrotation_triggers::{self as triggers, Action};

/// Installs the triggers in the old database; says the result.
pub async fn install_triggers(place: &Place) -> Result<String> {
    let targets = plan::built_in();
    let db = open_side(place, Side::Old, Access::ReadWrite).await?;
    let found = triggers::find(&db, &targets).await?;
    if let Some(table) = found.foreign.first() {
        if let Some(why) = found.broken.first() {
            let text = format!("{}: the Java tool's change log is there, and {why}", db.place());
            return Err(Error::new(Id::SyncNoTriggers, text)
                .fix("let that tool's script make its triggers again, or `keyrotation triggers remove --on old` first"));
        }
        let text = format!(
            "{}: the Java tool's change log is there {ALREADY} ({table}_TEMP and others): it works with keyrotation, \
             and nothing was changed",
            db.place()
        );
        leave(place, TRIGGERS_INSTALLED, &text).await?;
        return Ok(format!("{text}\n"));
    }
    triggers::install(&db, &targets).await?;
    let now = triggers::find(&db, &targets).await?;
    if now.whole.is_empty() || !now.parts.is_empty() {
        let text = match now.broken.first() {
            Some(why) => format!("{}: only a part of the change log is there: {why}", db.place()),
            None => format!("{}: there is no change log after all", db.place()),
        };
        return Err(Error::new(Id::Database, text)
            .fix("see that it is the identity database, and that this user sees its triggers"));
    }
    let since = if found.whole == now.whole { ALREADY } else { FROM_NOW_ON };
    let text = format!("{}: changes to {} tables are recorded {since}", db.place(), now.whole.len());
    leave(place, TRIGGERS_INSTALLED, &text).await?;
    let next = match gap(&place.journal)? {
        Some(why) => format!("{why}: make a new copy (step 3 of the guide), then `keyrotation run --new`"),
        None => "make the copy (step 3 of the guide)".to_owned(),
    };
    db.close().await;
    Ok(format!("{text}: {}\nnext: {next}\n", now.whole.join(", ")))
}

/// Why the copy is older than the change log, as far as the steps on record tell; none if it is not.
fn gap(dir: &Path) -> Result<Option<String>> {
    let status = match view(dir) {
        Err(error) if error.id() == Id::JournalAbsent => {
            return Ok(copy_is_older(&submitted_steps(dir)?, None));
        }
        status => status?,
    };
    let moment = |text: &str| text.parse().map_or(0, Timestamp::as_millisecond);
    let step = |step: &StepView| Step {
        at: moment(&step.at),
        name: step.name.clone(),
        note: step.note.clone(),
        user: String::new(),
        host: String::new(),
    };
    let steps: Vec<Step> = status.steps.iter().map(step).collect();
    Ok(copy_is_older(&steps, Some(moment(&status.started_at))))
}

/// Without the change log, changes that the new database lacks could not be found.
async fn refuse_before_the_verdict(place: &Place, db: &Db, targets: &TargetRegistry) -> Result<()> {
    let database = config::load_identity(&place.config, true)?.0.identity();
    let status = match view(&place.journal) {
        Err(error) if error.id() == Id::JournalAbsent => None,
        status => Some(status?),
    };
    // By another name it may be the same one.
    let other =
        status.as_ref().and_then(|status| status.old_identity.as_ref()).filter(|old| **old != database);
    if let Some(other) = other {
        let what = format!(
            "the journal belongs to an old identity database named {other}, and this one is named \
             {database}: nothing tells whether it is safe to retire"
        );
        return Err(Error::new(Id::TriggersNeeded, what));
    }
    let facts = Facts::new(status, &[]);
    let keeps_in_step = facts.status.as_ref().is_some_and(|status| status.sync.is_some());
    if keeps_in_step && !facts.is_safe_to_retire() {
        let what = "the old identity database is not known to be safe to retire: without its triggers, \
                    changes there are lost unnoticed";
        return Err(Error::new(Id::TriggersNeeded, what));
    }
    match waiting(db, targets).await? {
        Some(what) => Err(Error::new(Id::TriggersNeeded, what)),
        None => Ok(()),
    }
}

/// That entries wait in the change logs, in words; none if none do.
async fn waiting(db: &Db, targets: &TargetRegistry) -> Result<Option<String>> {
    let waiting = triggers::waiting(db, targets).await?;
    let logs: Vec<_> = waiting.iter().map(|(log, count)| format!("{count} in {log}")).collect();
    Ok((!logs.is_empty()).then(|| format!("entries wait that were not carried over: {}", logs.join(", "))))
}

/// Likewise, in the old identity database, as long as its triggers are not known to be gone. What cannot be looked at
/// is taken for gone.
pub(super) async fn waits_in_old(place: &Place, facts: &Facts) -> Option<String> {
    if facts.stands_since_the_beginning(TRIGGERS_REMOVED) {
        return None;
    }
    let looked = async {
        let db = open_side(place, Side::Old, Access::ReadOnly).await?;
        let found = waiting(&db, &plan::built_in()).await;
        db.close().await;
        found
    };
    let looked: Result<_> = looked.await;
    looked.unwrap_or_else(|error| {
        tracing::debug!("the old identity database cannot be read: {}", error.what());
        None
    })
}

/// Removes the triggers from one side; says the result.
pub async fn remove_triggers(place: &Place, on: Side, force: bool) -> Result<String> {
    let targets = plan::built_in();
    let db = open_side(place, on, Access::ReadWrite).await?;
    if on == Side::Old && !force {
        refuse_before_the_verdict(place, &db, &targets).await?;
    }
    let found = triggers::find(&db, &targets).await?;
    if found.whole.is_empty() && found.parts.is_empty() {
        let text = format!("{}: there are no sync triggers and no change log", db.place());
        if on == Side::New {
            leave(place, COPY_CLEANED, &text).await?;
        }
        return Ok(format!("{text}\n"));
    }
    triggers::run(&db, &targets, Action::Remove).await?;
    let left = triggers::find(&db, &targets).await?;
    if let Some(table) = left.whole.iter().chain(&left.parts).next() {
        let text = format!("{}: a part of the change log of {table} is still there", db.place());
        return Err(Error::new(Id::Database, text).fix("remove it with the database's own client"));
    }
    let text = format!("{}: sync triggers and change log removed", db.place());
    leave(place, if on == Side::New { COPY_CLEANED } else { TRIGGERS_REMOVED }, &text).await?;
    db.close().await;
    Ok(format!("{text}\n"))
}
