//! Reading a rotation whose journal any process may hold: its status, or the journal itself.

use std::path::Path;
use std::time::Duration;

use keyrotation_journal::{Journal, TargetId, live_knows_steps, submitted_steps};

use super::reaching::reach;
use crate::control::read_along;
use crate::engine::failed_rows;
use crate::error::{Error, Id, Result};
use crate::plan;
use crate::report::{FailureView, StatusView, failures_of, published};

/// How often, every tenth of a second, `status` looks for the word of a process that holds the journal.
const PATIENCE: u32 = 20;

/// After how many of them it is done without a word on the steps that were taken last.
const UNTIL_ITS_NEXT_WORD: u32 = 10;

/// The status of the rotation in `dir`.
pub fn view(dir: &Path) -> Result<StatusView> {
    if Journal::peek(dir)?.is_none() {
        return Err(absent(dir));
    }
    let left = submitted_steps(dir)?; // first: what is recorded meanwhile is then in both, and not in neither
    // The holder of the journal writes its status at once; until then there is no status file.
    for attempt in 0..PATIENCE {
        let Some(holder) = Journal::holder(dir)? else { break };
        let knows_steps = attempt >= UNTIL_ITS_NEXT_WORD || live_knows_steps(dir)?; // first: see above
        // What an earlier process said last is no news of this one.
        let view = published(dir)?.filter(|view| view.pid.is_none_or(|pid| pid == holder.pid));
        if let Some(view) = view.filter(|_| knows_steps) {
            return Ok(view.with_left(&left));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(StatusView::new(open(dir)?.state(), false).with_left(&left))
}

/// The journal in `dir`, which must hold a rotation, for reading; and whether another process holds
/// it, which it is then read by way of.
pub async fn read(dir: &Path) -> Result<(Journal, bool)> {
    if Journal::peek(dir)?.is_none() {
        return Err(absent(dir));
    }
    if Journal::holder(dir)?.is_none() {
        match Journal::open(dir) {
            Err(keyrotation_journal::Error::Locked { .. }) => {} // another process has just taken it
            opened => return Ok((opened?.ok_or_else(|| absent(dir))?, false)),
        }
    }
    let unheard = |error: Error| match error.id() {
        Id::NotListening => {
            let what = format!("{}: {}", dir.display(), error.what());
            Error::new(Id::NotListening, what).fix("repeat this once that process has ended")
        }
        _ => error,
    };
    match reach(dir).await.map_err(unheard)? {
        Some((client, _)) => Ok((read_along(dir, client).await?.ok_or_else(|| absent(dir))?, true)),
        None => Ok((open(dir)?, false)), // it has just ended
    }
}

/// The journal in `dir`, which must hold a rotation.
pub(super) fn open(dir: &Path) -> Result<Journal> {
    if Journal::peek(dir)?.is_none() {
        return Err(absent(dir));
    }
    Journal::open(dir)?.ok_or_else(|| absent(dir))
}

/// That there is no rotation in `dir`; or none yet, since a process has only begun.
pub fn absent(dir: &Path) -> Error {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let place = whole.display();
    match Journal::holder(dir) {
        Ok(Some(holder)) => {
            let what = format!("{place} holds no rotation yet: {holder} first reads the databases and files");
            Error::new(Id::JournalAbsent, what).fix(
                "repeat this once the rotation has begun, which `keyrotation status --watch` shows; \
                      `keyrotation stop` ends it",
            )
        }
        _ => Error::new(Id::JournalAbsent, format!("{place} holds no rotation")),
    }
}

/// Puts every failure of the journal into its status.
pub fn all_failures(journal: &Journal, view: &mut StatusView) -> Result<()> {
    let rotation = &journal.state().rotation;
    let known = plan::recorded(rotation);
    for (target, head) in TargetId::all().zip(&rotation.targets) {
        let failed = failed_rows(journal, target)?;
        let failures: Vec<FailureView> =
            failed.values().flat_map(|row| failures_of(&known, &head.id, row)).collect();
        let mut targets = view.targets.iter_mut().chain(&mut view.files);
        if let Some(target) = targets.find(|target| target.id == head.id) {
            target.failures = failures;
        }
    }
    Ok(())
}
