//! `plan` and `status`: looking, and changing nothing.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use keyrotation_journal::Journal;

use super::args::{PlanArgs, StatusArgs};
use super::{Session, print, print_json, session};
use crate::config::{self, Overrides};
use crate::engine::failed_rows;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::plan::{self, Deployment, Survey};
use crate::report::{FailureView, RunState, StatusView, failures_of, status_text, thousands};
use crate::signals::Stop;

/// How often, every tenth of a second, `status` looks for the word of a process that holds the journal.
const PATIENCE: u32 = 20;

/// Shows what `run` would do. Opens no journal: looking at one would write to its folder.
pub(super) async fn plan(session: &Session, args: &PlanArgs) -> Result<Exit> {
    let settings = config::load(&session.global.config, &Overrides::default())?;
    session::notices(&settings);
    let deployment = plan::connect(&settings, None, plan::Access::Look).await?;

    let (_stopper, stop) = Stop::new();
    let recoder = session::recoder(&settings);
    let survey = plan::survey(&deployment.jobs, &recoder, &stop).await?;
    deployment.close().await;
    let keys = survey.check_keys()?;
    deployment.remark_on_files()?;
    let journal = match Journal::peek(&session.global.journal_dir())? {
        None => "there is no journal yet: `keyrotation run` starts the rotation".to_owned(),
        Some(_) => "the journal holds a rotation: see `keyrotation status`".to_owned(),
    };
    if args.json {
        print_json(&serde_json::json!({
            "schema": 1,
            "changes": deployment.places,
            "keys": {
                "old": settings.old_key.fingerprint(),
                "new": settings.new_key.fingerprint(),
                "sample": keys,
            },
            "targets": survey.jobs,
            "absent": deployment.absent_places(),
            "ambiguous": survey.ambiguous(),
            "journal": journal,
        }))?;
    } else {
        print(&plan_text(&deployment, &survey, &keys, &journal));
    }
    Ok(Exit::Done)
}

fn plan_text(deployment: &Deployment, survey: &Survey, keys: &str, journal: &str) -> String {
    let mut out = String::from("`keyrotation run` would change:\n");
    for place in &deployment.places {
        let _ = writeln!(out, "  {place}");
    }
    let _ = writeln!(
        out,
        "\n{:<52} {:>10} {:>10} {:>8} {:>8}",
        "table or files", "rows", "encrypted", "plain", "NULL"
    );
    for job in &survey.jobs {
        let encrypted = job.gcm + job.unauthenticated + job.foreign;
        let _ = writeln!(
            out,
            "{:<52} {:>10} {:>10} {:>8} {:>8}",
            job.place,
            thousands(job.rows),
            thousands(encrypted),
            thousands(job.plain),
            thousands(job.null)
        );
    }
    for (place, reason) in deployment.absent_places() {
        let _ = writeln!(out, "{place}: skipped, {reason}");
    }
    let _ = writeln!(out, "\n{keys}");
    let foreign: u64 = survey.jobs.iter().map(|job| job.foreign).sum();
    if foreign > 0 {
        let _ =
            writeln!(out, "{} values cannot be rotated and would be reported as failed", thousands(foreign));
    }
    if survey.ambiguous() > 0 {
        let _ = writeln!(
            out,
            "{} ECB or CBC values open under both keys: `run` will stop and ask for --accept-ambiguous",
            thousands(survey.ambiguous())
        );
    }
    let _ = writeln!(out, "{journal}");
    out
}

/// Shows where the rotation stands: from the journal, or, while a process holds it, from what that
/// process last said.
pub(super) fn status(session: &Session, args: &StatusArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let mut view = view(&dir)?;
    if args.failures && view.state == RunState::Running {
        tracing::warn!("while a process works on it, the first hundred failures of each table are listed");
    } else if args.failures {
        all_failures(&open(&dir)?, &mut view)?;
    }
    if args.json {
        print_json(&view)?;
    } else {
        print(&status_text(&view));
    }
    Ok(Exit::Done)
}

/// The status of the rotation in `dir`.
pub(super) fn view(dir: &Path) -> Result<StatusView> {
    if Journal::peek(dir)?.is_none() {
        return Err(absent(dir));
    }
    // Whoever holds the journal says at once how it stands; until then there is no status file.
    for _ in 0..PATIENCE {
        if Journal::holder(dir)?.is_none() {
            break;
        }
        if let Some(view) = live(dir)? {
            return Ok(view);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(StatusView::new(open(dir)?.state(), false))
}

/// The journal in `dir`, which must hold a rotation.
pub(super) fn open(dir: &Path) -> Result<Journal> {
    Journal::open(dir)?.ok_or_else(|| absent(dir))
}

fn absent(dir: &Path) -> Error {
    Error::new(Id::JournalAbsent, format!("{} holds no rotation", dir.display()))
}

fn live(dir: &Path) -> Result<Option<StatusView>> {
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
