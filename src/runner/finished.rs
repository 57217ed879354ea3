//! Rotations of which nothing more is to come, and those that a command cannot begin or go on with.

use std::path::Path;

use keyrotation_journal::{Journal, Step, submitted_steps};

use super::reading::{open, view};
use super::steps::Place;
use super::triggers::waits_in_old;
use crate::config::Settings;
use crate::error::{Error, Id, Result};
use crate::plan::{Fingerprint, KeyFingerprints};
use crate::report::{StatusView, summary_sentence};
use crate::runbook::{Facts, against_end, is_retired, retirement};

/// What is known when a command is to continue a rotation.
#[derive(Debug)]
pub enum Found {
    /// No rotation was begun.
    Absent,
    /// One that can be gone on with, or is to be put aside.
    Open(Box<Journal>),
    /// One that is finished for good.
    Finished(Box<StatusView>),
}

/// What could not be loaded, unless the rotation is retired: then it is needed no more, as an old key that is
/// destroyed.
pub fn retired_or(dir: &Path, error: Error) -> Result<StatusView> {
    match view(dir) {
        Ok(view) if is_retired(&view) => Ok(view),
        _ => Err(error),
    }
}

/// How a rotation has ended of which nothing more is to come.
#[derive(Debug)]
pub struct Ended {
    /// That it has, for the log.
    pub what: String,
    /// The same for people, with its counts.
    pub sentence: String,
    /// What stands against that it is a good end: what is on record, and what waits in the old identity database where
    /// that is still there. It makes the exit code that it made when it was found.
    pub against: Vec<String>,
}

/// Looks how a rotation has ended.
pub async fn ended(place: &Place, view: &StatusView) -> Ended {
    let retired = retirement(view);
    let is_retired = retired.is_some();
    let mut against = retired.unwrap_or_else(|| against_end(view));
    if is_retired && view.sync.is_some() {
        let facts = Facts::new(Some(view.clone().by_the_log()), &[]);
        against.extend(waits_in_old(place, &facts).await);
    }
    let [what, title] = match (is_retired, against.is_empty()) {
        (true, true) => ["finished and retired", "Finished and retired: "],
        (true, false) => [
            "retired, but not everything is as it should be",
            "Retired, but not everything is \
                                                                             as it should be: ",
        ],
        (false, _) => ["finished", ""],
    };
    let id = &view.rotation_id;
    let what =
        format!("rotation {id} is {what}, and nothing was changed; `keyrotation run --new` begins another");
    Ended { what, sentence: format!("{title}{}", summary_sentence(view)), against }
}

/// The journal of an earlier rotation, which one that begins now puts aside if `anew` says so. One that can be
/// gone on with is not put aside unasked.
pub fn earlier(dir: &Path, settings: &Settings, anew: bool) -> Result<Found> {
    let journal = match Journal::open(dir)? {
        Some(journal) if !anew => journal,
        Some(journal) => return Ok(Found::Open(Box::new(journal))),
        None => return Ok(Found::Absent),
    };
    if let Some(view) = finished(dir, &journal, false)? {
        refuse_another(&journal, settings, &view)?;
        return Ok(Found::Finished(Box::new(view)));
    }
    let name = journal.state().rotation.name();
    Err(Error::new(
        Id::JournalUnfinished,
        match journal.state().sync.started_at {
            None => format!("{} holds rotation {name}, which is not finished", dir.display()),
            Some(_) => format!("{} holds rotation {name}, which is in its sync phase", dir.display()),
        },
    )
    .fix(
        "continue it with `keyrotation resume`, or put it aside and begin again with `keyrotation run --new`",
    ))
}

/// The journal to go on with; none if no rotation was begun.
pub fn to_resume(dir: &Path, settings: &Settings, retry_failed: bool) -> Result<Found> {
    let Some(journal) = Journal::open(dir)? else { return Ok(Found::Absent) };
    let Some(view) = finished(dir, &journal, retry_failed)? else {
        return Ok(Found::Open(Box::new(journal)));
    };
    refuse_another(&journal, settings, &view)?;
    Ok(Found::Finished(Box::new(view)))
}

/// A rotation that is finished has not looked at a value of another key, another database, a table or a node that was
/// named since.
fn refuse_another(journal: &Journal, settings: &Settings, view: &StatusView) -> Result<()> {
    let plan = Fingerprint::decode(&journal.state().rotation.fingerprint)?;
    let now = Fingerprint::of(settings, plan.targets.clone());
    if is_retired(view) {
        return plan.must_lead_to(&now);
    }
    plan.must_be_that_of(&now)?;
    let keys = keys_not_looked_for(settings, &plan.keys, &journal.state().steps);
    if keys.is_empty() {
        return Ok(());
    }
    let name = &view.rotation_id;
    let what = format!(
        "oldSecretKeys has {}, which rotation {name}, which is finished, knew nothing of",
        keys.join(", ")
    );
    Err(Error::new(Id::JournalOther, what)
        .fix("`keyrotation resume --retry-failed` tries with it what could not be rotated"))
}

/// The step by which a key is recorded that the rotation was not begun with.
pub(super) const OLD_KEY_ADDED: &str = "old-key-added";

/// The fingerprints of old keys that the settings have and no session of the rotation had.
pub(super) fn keys_not_looked_for(
    settings: &Settings,
    begun: &KeyFingerprints,
    steps: &[Step],
) -> Vec<String> {
    let mut added = begun.added(&KeyFingerprints::of(&settings.keys));
    added.retain(|key| !steps.iter().any(|step| step.name == OLD_KEY_ADDED && step.note.contains(key)));
    added
}

/// The journal of a rotation whose sync phase has begun.
pub fn to_sync(dir: &Path, settings: &Settings) -> Result<Found> {
    let journal = open(dir)?;
    if !journal.state().syncs() {
        let name = journal.state().rotation.name();
        return Err(Error::new(Id::SyncNotBegun, format!("rotation {name} was begun without sync")));
    }
    if journal.state().sync.started_at.is_none() {
        return Err(Error::new(Id::SyncNotReady, "not everything is re-encrypted yet"));
    }
    Ok(match finished(dir, &journal, true)? {
        Some(view) => {
            refuse_another(&journal, settings, &view)?;
            Found::Finished(Box::new(view))
        }
        None => Found::Open(Box::new(journal)),
    })
}

/// Its status if the rotation in `dir` is finished for good; none if it can be gone on with.
fn finished(dir: &Path, journal: &Journal, retry_failed: bool) -> Result<Option<StatusView>> {
    let view = StatusView::new(journal.state(), false).with_left(&submitted_steps(dir)?);
    let goes_on =
        !is_retired(&view) && (retry_failed || view.re_encrypted_at.is_none() || journal.state().syncs());
    Ok((!goes_on).then_some(view))
}
