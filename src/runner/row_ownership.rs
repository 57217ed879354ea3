//! Whose the rows of the copy are when sync begins: this program's, or those of a new server that has run on it
//! before this rotation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keyrotation_journal::{Event, JobState, Journal, Step, TAKEN_BACK, TargetKind, step_in_force};

use super::{step, taken, unlock};
use crate::config::Settings;
use crate::engine::{Context, Flow};
use crate::error::{Error, Id, Result};
use crate::plan::{Deployment, JobSurvey, Survey, SyncPlan};
use crate::report::thousands;
use crate::sync::{self, NEW_SERVER_HAS_RUN, ROUTE_TRAFFIC};
use crate::target::Store;

/// The step that says which old keys values of the copy were under.
const KEYS_OF_COPY: &str = "keys-of-copy";

/// Steps of an earlier rotation of the same databases that go on to count.
const COUNT_ON: [&str; 2] = [ROUTE_TRAFFIC, crate::runbook::OLD_SERVER_STOPPED];

/// How the note of a step begins that counts on from an earlier journal.
const COUNTS_ON: &str = "counts on from ";

/// Values of any table that were under the new key before this rotation are of an earlier one, and so is a
/// journal of the same databases that kept them in step: the new server may have run since, and rows that it made would
/// be taken for this program's, and deleted. So people have to say whether it has; what they have said of that rotation
/// counts on.
pub(super) async fn decide(
    context: &Context,
    settings: &Settings,
    plan: &SyncPlan,
    dir: &Path,
    has_run: bool,
) -> Result<Flow> {
    if sync::is_marked(context) {
        return Ok(Flow::Finished);
    }
    let targets = &plan.targets;
    let ([identity_moved, identity_already, already], stands) = context.journal.state(|state| {
        let tables = || {
            let tables = state.rotation.targets.iter().zip(&state.targets);
            let tables = tables.filter(|(head, _)| head.kind == TargetKind::Table);
            tables.map(|(head, target)| (targets.table(&head.id).map(|table| &table.store), &target.tally))
        };
        let of_identity =
            || tables().filter(|(store, _)| *store == Some(&Store::Identity)).map(|(_, tally)| tally);
        let counts = [
            of_identity().map(|tally| tally.rotated).sum::<u64>(),
            of_identity().map(|tally| tally.already_new).sum(),
            tables().map(|(_, tally)| tally.already_new).sum(),
        ];
        (counts, state.step_is_in_force(NEW_SERVER_HAS_RUN))
    });
    let Some(unexplained) = keys_of_nobody(context, settings, plan).await? else {
        return Ok(Flow::Interrupted);
    };
    // A copy of which all values were under keys of the old server's was made since, whatever came before.
    if identity_already == 0 && identity_moved > 0 && unexplained.is_empty() {
        return Ok(Flow::Finished);
    }
    let archives = archives(settings, dir);
    let kept_in_step = archives.iter().find(|state| state.sync.started_at.is_some());
    let why = match kept_in_step {
        _ if !unexplained.is_empty() => {
            let keys: Vec<&str> = unexplained.iter().map(String::as_str).collect();
            format!(
                "values of the copy were under the key {}, and no value of the old database is: an earlier rotation \
                 made them",
                keys.join(", ")
            )
        }
        _ if already > 0 => {
            format!("{} rows were under the new key before this rotation", thousands(already))
        }
        Some(state) => {
            format!("rotation {}, which was put aside, has kept this copy in step", state.rotation.name())
        }
        None => return Ok(Flow::Finished),
    };
    if !stands && !has_run {
        let text = format!(
            "{why}: the new server may have run on this copy, and nothing tells which rows are its own"
        );
        return Err(Error::new(Id::NewServerHasRun, text));
    }
    let mut steps = earlier_steps(context, &archives);
    if !stands {
        steps.push(step(NEW_SERVER_HAS_RUN, "every row that the copy holds is the new server's own"));
    }
    let events = steps.into_iter().map(|step| Event::StepTaken(step).into());
    context.journal.append(events.collect()).await?;
    Ok(Flow::Finished)
}

/// Where there are several old keys: which of them values of the copy were under, as far as it was looked at before the
/// rotation began.
pub(super) fn keys_of_copy(deployment: &Deployment, survey: &Survey, settings: &Settings) -> Option<Event> {
    let plan = deployment.sync.as_ref().filter(|_| settings.keys.old_keys().count() > 1)?;
    let is_kept = |job: &&JobSurvey| plan.jobs.iter().any(|kept| *kept.place() == *job.place);
    let found: BTreeSet<&str> =
        survey.jobs.iter().filter(is_kept).flat_map(|job| job.under.keys()).map(String::as_str).collect();
    Some(taken(KEYS_OF_COPY, &found.into_iter().collect::<Vec<_>>().join(", ")))
}

/// The old keys that values of the copy were under and none of the old database's is. None if somebody asks to stop.
async fn keys_of_nobody(
    context: &Context,
    settings: &Settings,
    plan: &SyncPlan,
) -> Result<Option<BTreeSet<String>>> {
    let all: BTreeSet<String> = settings.keys.old_keys().map(|key| key.fingerprint().to_owned()).collect();
    if all.len() < 2 {
        return Ok(Some(BTreeSet::new()));
    }
    let found = context.journal.state(|state| {
        let step = step_in_force(&state.steps, KEYS_OF_COPY, |step| &step.name);
        step.map(|step| step.note.split(", ").filter(|key| all.contains(*key)).map(str::to_owned).collect())
    });
    sync::not_in_old(context, plan, found.unwrap_or(all)).await
}

/// The steps that stand in journals of the same databases that were put aside, or that were left with them.
fn earlier_steps(context: &Context, archives: &[JobState]) -> Vec<Step> {
    let mut found = Vec::new();
    for name in COUNT_ON {
        let (stands, left) = context.journal.state(|state| {
            (state.step_is_in_force(name), step_in_force(&state.steps, name, |step| &step.name).cloned())
        });
        if stands {
            continue;
        }
        let earlier = left.map(|left| ("what was left before this rotation".to_owned(), left));
        if let Some((whose, earlier)) = earlier.or_else(|| in_archives(archives, name)) {
            tracing::warn!("{name} still counts: {whose} has it");
            found.push(step(name, &format!("{COUNTS_ON}{whose}: {}", earlier.note)));
        }
    }
    found
}

fn in_archives(archives: &[JobState], name: &str) -> Option<(String, Step)> {
    let mentions = |step: &Step| step.name.strip_prefix(TAKEN_BACK).unwrap_or(&step.name) == name;
    // One that counted on from another came after it, whatever their clocks say.
    let comes_first = |state: &&JobState| {
        let from = format!("{COUNTS_ON}rotation {}:", state.rotation.name());
        let counts_on = |step: &Step| step.name == name && step.note.starts_with(&from);
        archives.iter().any(|other| other.steps.iter().any(counts_on))
    };
    let speak_of_it = archives.iter().filter(|state| state.steps.iter().any(mentions) && !comes_first(state));
    // The last that speaks of it decides: it may have taken the step back.
    let last = speak_of_it.max_by_key(|state| state.rotation.created_at)?;
    let stands = last.step_is_in_force(name).then(|| step_in_force(&last.steps, name, |step| &step.name));
    Some((format!("rotation {}", last.rotation.name()), stands??.clone()))
}

/// What the journals of the same databases and keys say that were put aside.
fn archives(settings: &Settings, dir: &Path) -> Vec<JobState> {
    let beside = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = dir.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let prefix = format!("{name}-");
    let is_archive = |path: &Path| {
        path.is_dir()
            && path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&prefix))
    };
    let state = |path: PathBuf| {
        // What is no journal, or one of other databases or keys, says nothing of these.
        let mut journal = Journal::open(&path).ok()??;
        unlock(&mut journal, settings).ok()?;
        Some(journal.state().clone())
    };
    let folders = std::fs::read_dir(beside).into_iter().flatten().flatten();
    folders.map(|entry| entry.path()).filter(|path| is_archive(path)).filter_map(state).collect()
}

#[cfg(test)]
mod tests {
    use keyrotation_journal::Rotation;

    use super::*;

    fn archive(id: u8, created_at: i64, steps: &[(&str, &str)]) -> JobState {
        let (version, fingerprint) = ("v".to_owned(), Vec::new());
        let rotation = Rotation { id: [id; 16], created_at, version, fingerprint, targets: Vec::new() };
        let mut state = JobState::new(rotation);
        state.steps = steps.iter().map(|(name, note)| step(name, note)).collect();
        state
    }

    #[test]
    fn of_journals_that_were_put_aside_the_last_decides_whatever_their_clocks_say() {
        let first = archive(1, 9, &[(ROUTE_TRAFFIC, "at noon")]);
        let on = format!("{COUNTS_ON}rotation {}: at noon", first.rotation.name());
        let undone = format!("{TAKEN_BACK}{ROUTE_TRAFFIC}");
        let (name, _) = in_archives(std::slice::from_ref(&first), ROUTE_TRAFFIC).unwrap();
        assert!(name.contains(&first.rotation.name()));
        // The clock of the second one was behind.
        let second = archive(2, 3, &[(ROUTE_TRAFFIC, &on), (&undone, "")]);
        assert!(in_archives(&[first.clone(), second.clone()], ROUTE_TRAFFIC).is_none());
        assert!(in_archives(&[second, first], ROUTE_TRAFFIC).is_none());
    }
}
