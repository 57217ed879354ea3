//! `status`: where a rotation stands.

use std::path::Path;
use std::time::Duration;

use keyrotation_journal::{Journal, left_steps};

use serde::Serialize;

use super::args::StatusArgs;
use super::{Session, control, print, print_json};
use crate::control::read_along;
use crate::engine::failed_rows;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::report::{FailureView, StatusView, failures_of, status_text};
use crate::runbook::{Facts, Progress, Variant, list, progress};

/// How often, every tenth of a second, `status` looks for the word of a process that holds the journal.
const PATIENCE: u32 = 20;

/// Shows where the rotation stands: from the journal, or, while a process holds it, from what that
/// process last said.
pub(super) async fn status(session: &Session, args: &StatusArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let mut view = view(&dir)?;
    if args.failures {
        all_failures(&read(&dir).await?.0, &mut view)?;
    }
    let variant = Variant::of(view.sync.is_some());
    let facts = Facts::new(Some(view), &[]);
    let progress = progress(variant, &facts);
    if args.json {
        print_json(&Document { status: facts.status.as_ref(), runbook: progress })?;
    } else {
        print(&format!(
            "{}\n{}",
            facts.status.as_ref().map(status_text).unwrap_or_default(),
            list(&progress)
        ));
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

/// The status of the rotation in `dir`.
pub(super) fn view(dir: &Path) -> Result<StatusView> {
    if Journal::peek(dir)?.is_none() {
        return Err(absent(dir));
    }
    let left = left_steps(dir)?; // first: what is recorded meanwhile is then in both, and not in neither
    // Whoever holds the journal says at once how it stands; until then there is no status file.
    for _ in 0..PATIENCE {
        let Some(holder) = Journal::holder(dir)? else { break };
        // What an earlier process said last is no news of this one.
        if let Some(view) = live(dir)?.filter(|view| view.pid.is_none_or(|pid| pid == holder.pid)) {
            return Ok(view.with_left(&left));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(StatusView::new(open(dir)?.state(), false).with_left(&left))
}

/// The journal in `dir`, which must hold a rotation, for reading; and whether another process holds
/// it, which it is then read by way of.
pub(super) async fn read(dir: &Path) -> Result<(Journal, bool)> {
    if Journal::holder(dir)?.is_none() {
        match Journal::open(dir) {
            Err(keyrotation_journal::Error::Locked { .. }) => {} // somebody has just taken it
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
    match control::reach(dir).await.map_err(unheard)? {
        Some((client, _)) => Ok((read_along(dir, client).await?.ok_or_else(|| absent(dir))?, true)),
        None => Ok((open(dir)?, false)), // it has just ended
    }
}

/// The journal in `dir`, which must hold a rotation.
pub(super) fn open(dir: &Path) -> Result<Journal> {
    Journal::open(dir)?.ok_or_else(|| absent(dir))
}

pub(super) fn absent(dir: &Path) -> Error {
    Error::new(Id::JournalAbsent, format!("{} holds no rotation", dir.display()))
}

/// What the last process that worked on the rotation in `dir`, or verified it, left as its status; the
/// journal stays closed.
pub(super) fn live(dir: &Path) -> Result<Option<StatusView>> {
    let Some(bytes) = keyrotation_journal::read_live(dir)? else { return Ok(None) };
    Ok(serde_json::from_slice(&bytes).ok())
}

fn all_failures(journal: &Journal, view: &mut StatusView) -> Result<()> {
    let heads = journal.state().rotation.targets.clone();
    for (index, head) in heads.iter().enumerate() {
        #[allow(clippy::cast_possible_truncation)] // there are a few dozen targets
        let failed = failed_rows(journal, index as u16)?;
        let failures: Vec<FailureView> = failed.values().flat_map(|row| failures_of(&head.id, row)).collect();
        let mut targets = view.targets.iter_mut().chain(&mut view.files);
        if let Some(target) = targets.find(|target| target.id == head.id) {
            target.failures = failures;
        }
    }
    Ok(())
}
