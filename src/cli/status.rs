//! `status`: where a rotation stands.

use std::path::Path;
use std::time::Duration;

use keyrotation_journal::{Journal, live_knows_steps, submitted_steps};

use serde::Serialize;

use super::args::StatusArgs;
use super::{Session, control, print, print_json};
use crate::config;
use crate::control::read_along;
use crate::engine::failed_rows;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::report::{FailureView, StatusView, failures_of, published, status_text};
use crate::runbook::{Facts, Progress, Variant, list, progress};

/// The format of the JSON document where there is no rotation.
const SCHEMA: u32 = 1;

/// How often, every tenth of a second, `status` looks for the word of a process that holds the journal.
const PATIENCE: u32 = 20;

/// After how many of them it is done without a word on the steps that were taken last.
const UNTIL_ITS_NEXT_WORD: u32 = 10;

/// Shows where the rotation stands: from the journal, or, while a process holds it, from what that
/// process last said.
pub(super) async fn status(session: &Session, args: &StatusArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let mut view = match view(&dir) {
        Err(error) if error.id() == Id::JournalAbsent => return not_begun(session, args, error),
        view => view?,
    };
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
        ))?;
    }
    Ok(Exit::Done)
}

/// Before there is a rotation: where the steps stand, if any was taken. Where nothing is on record the
/// folder may be a wrong one, and the error says so.
fn not_begun(session: &Session, args: &StatusArgs, absent: Error) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let left = submitted_steps(&dir)?;
    if left.is_empty() {
        return Err(absent);
    }
    let outline = config::draft(&session.global.config);
    let configured = Some(outline.problem.map_or(Ok(()), Err));
    let progress = progress(Variant::of(outline.sync), &Facts { configured, ..Facts::new(None, &left) });
    if args.json {
        print_json(&serde_json::json!({ "schema": SCHEMA, "state": "not_begun", "runbook": progress }))?;
    } else {
        print(&format!("{}\n\n{}", absent.what(), list(&progress)))?;
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
    let left = submitted_steps(dir)?; // first: what is recorded meanwhile is then in both, and not in neither
    // Whoever holds the journal says at once how it stands; until then there is no status file.
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
pub(super) async fn read(dir: &Path) -> Result<(Journal, bool)> {
    if Journal::peek(dir)?.is_none() {
        return Err(absent(dir));
    }
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
    if Journal::peek(dir)?.is_none() {
        return Err(absent(dir));
    }
    Journal::open(dir)?.ok_or_else(|| absent(dir))
}

/// That there is no rotation in `dir`; or none yet, since a process has only begun.
pub(super) fn absent(dir: &Path) -> Error {
    let place = dir.display();
    match Journal::holder(dir) {
        Ok(Some(holder)) => {
            let what = format!("{place} holds no rotation yet: {holder} looks at what is there first");
            Error::new(Id::JournalAbsent, what)
                .fix("ask again once it works, which `keyrotation status --watch` shows; `keyrotation stop` ends it")
        }
        _ => Error::new(Id::JournalAbsent, format!("{place} holds no rotation")),
    }
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
