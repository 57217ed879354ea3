//! Whose the rows of the copy are when sync begins: this program's, or those of a new server that has run on it
//! before this rotation.

use std::path::{Path, PathBuf};

use keyrotation_journal::{Journal, Step, TAKEN_BACK, TargetKind, step_in_force};

use super::{step, unlock};
use crate::config::Settings;
use crate::engine::Context;
use crate::error::{Error, Id, Result};
use crate::report::thousands;
use crate::sync::{self, NEW_SERVER_HAS_RUN, ROUTE_TRAFFIC};
use crate::target::{Store, TargetRegistry};

/// Steps of an earlier rotation of the same databases that go on to count.
const COUNT_ON: [&str; 2] = [ROUTE_TRAFFIC, crate::runbook::OLD_SERVER_STOPPED];

/// Values that were under the new key before this rotation are of an earlier one: the new server may have run
/// since, and rows that it made would be taken for this program's, and deleted. So people have to say whether
/// it has; what they have said of that rotation counts on.
pub(super) async fn decide(
    context: &Context,
    settings: &Settings,
    targets: &TargetRegistry,
    dir: &Path,
    has_run: bool,
) -> Result<()> {
    let (already, stands) = context.journal.state(|state| {
        let is_in_identity = |id: &str| targets.table(id).is_some_and(|table| table.store == Store::Identity);
        let tables = state.rotation.targets.iter().zip(&state.targets);
        let tables = tables.filter(|(head, _)| head.kind == TargetKind::Table && is_in_identity(&head.id));
        let already: u64 = tables.map(|(_, target)| target.tally.already_new).sum();
        (already, state.step_is_in_force(NEW_SERVER_HAS_RUN))
    });
    if sync::is_marked(context) || already == 0 {
        return Ok(());
    }
    if !stands && !has_run {
        let text = format!(
            "{} rows were under the new key before this rotation: the new server may have run on this copy, and \
             which of its rows are its own cannot be told",
            thousands(already)
        );
        return Err(Error::new(Id::NewServerHasRun, text));
    }
    let mut steps = earlier_steps(context, settings, dir);
    if !stands {
        steps.push(step(NEW_SERVER_HAS_RUN, "every row that the copy holds is the new server's own"));
    }
    let events = steps.into_iter().map(|step| keyrotation_journal::Event::StepTaken(step).into());
    context.journal.append(events.collect()).await
}

/// The steps that stand in journals of the same databases that were put aside, or that were left with them.
fn earlier_steps(context: &Context, settings: &Settings, dir: &Path) -> Vec<Step> {
    let mut found = Vec::new();
    for name in COUNT_ON {
        let (stands, left) = context.journal.state(|state| {
            (state.step_is_in_force(name), step_in_force(&state.steps, name, |step| &step.name).cloned())
        });
        if stands {
            continue;
        }
        let earlier = left.map(|left| ("what was left before this rotation".to_owned(), left));
        if let Some((whose, earlier)) = earlier.or_else(|| in_archives(settings, dir, name)) {
            tracing::warn!("{name} counts on: {whose} says so");
            found.push(step(name, &format!("counts on from {whose}: {}", earlier.note)));
        }
    }
    found
}

fn in_archives(settings: &Settings, dir: &Path, name: &str) -> Option<(String, Step)> {
    let beside = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}-", dir.file_name()?.to_str()?);
    let folders = std::fs::read_dir(beside).ok()?.flatten();
    let is_archive = |path: &Path| {
        path.is_dir()
            && path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&prefix))
    };
    let mentions = |step: &Step| step.name.strip_prefix(TAKEN_BACK).unwrap_or(&step.name) == name;
    let says = |path: PathBuf| {
        // What is no journal, or one of other databases or keys, says nothing of these.
        let mut journal = Journal::open(&path).ok()??;
        unlock(&mut journal, settings).ok()?;
        let state = journal.state();
        if !state.steps.iter().any(mentions) {
            return None;
        }
        let step =
            step_in_force(&state.steps, name, |step| &step.name).filter(|_| state.step_is_in_force(name));
        Some((state.rotation.created_at, format!("rotation {}", state.rotation.name()), step.cloned()))
    };
    // The last that speaks of it decides: it may have taken the step back.
    let archives = folders.map(|entry| entry.path()).filter(|path| is_archive(path)).filter_map(says);
    let (_, whose, step) = archives.max_by_key(|(at, ..)| *at)?;
    Some((whose, step?))
}
