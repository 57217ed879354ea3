//! What `safe-to-retire` does: whether the old identity database can go.

use std::fmt::Write as _;
use std::path::Path;

use keyrotation_journal::{Event, Journal, TAKEN_BACK};

use super::inventory::surroundings;
use super::reading::open;
use super::unfinished::roll_back_unfinished;
use super::verified::{check_chain, compare_all};
use super::{Screen, SharedJournal, listen, planner, step, unlock};
use crate::activity::Activity;
use crate::cipher::chain_key;
use crate::config::Settings;
use crate::error::{Error, Id, Result};
use crate::plan::SyncPlan;
use crate::plan::{self, Deployment};
use crate::report::{
    RETIRABLE, Reporter, Retirable, StatusView, Verification, printable, publish, thousands, verification,
};
use crate::runbook::{OLD_SERVER_STOPPED, copy_is_older};
use crate::sync::{ROUTE_TRAFFIC, Said, Verdict, is_a_loss, verdict};
use crate::verify::{Options, Report, Verdict as Verified};
use keyrotation_inventory::{Progress, Scanned, scan};
use keyrotation_triggers as triggers;

/// Says whether the old identity database can be retired; none when asked to stop.
pub async fn safe_to_retire(
    screen: Screen<'_>,
    settings: &Settings,
    dir: &Path,
    accepted: Vec<String>,
    others_connected: bool,
) -> Result<Option<Retirable>> {
    let mut journal = open(dir)?;
    let rotation = unlock(&mut journal, settings)?;
    if !journal.state().syncs() {
        let name = rotation.name();
        let what = format!(
            "rotation {name} was begun without sync, so nothing was carried over that could be missing"
        );
        return Err(
            Error::new(Id::SyncNotBegun, what).fix("`keyrotation runbook retire` says what is left to do")
        );
    }
    if journal.state().sync.started_at.is_none() {
        return Err(Error::new(Id::SyncNotReady, "sync has carried nothing over yet"));
    }
    publish(dir, &StatusView::by_this_process(journal.state()));
    roll_back_unfinished(settings, dir).await?;
    let deployment = plan::connect_both(settings, &plan::recorded(&rotation), &rotation.targets).await?;
    let Some(plan) = &deployment.sync else {
        return Err(Error::new(Id::SyncNotEnabled, "the old identity database is not known"));
    };
    let (_, stop) = listen()?;
    let planner = planner(settings, &rotation);
    let shared = SharedJournal::new(dir, journal, "safe-to-retire");
    shared.journal.accept_steps(dir.to_owned()).await?; // what was confirmed since the last session
    let state = shared.journal.state(Clone::clone);
    let [switched, stopped] = said_since_sync_began(&shared).await?;
    let places = deployment.jobs.iter().map(|job| job.place.clone()).collect();
    let said = Said { switched, stopped, accepted, others_connected, places };
    let failed = StatusView::new(&state, false).failed();
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), screen.progress, screen.bars);
    deployment.stop_with(&stop, &activity);
    let looked = async {
        let mut verdict = verdict(&shared.journal, &planner, plan, &said, &activity, &stop).await?;
        let chain = check_chain(&shared, &activity).await?;
        let options = Options { sample: None, live: true };
        let report = compare_all(&shared, &planner, &deployment, options, &activity, &stop).await?;
        take_in(&mut verdict, &report);
        take_in_losses(&mut verdict, &said, plan, &report);
        take_in_unsynced(&mut verdict, &said, &deployment, plan).await?;
        let outside = scan(
            &deployment,
            &surroundings(settings),
            planner.recoder(),
            None,
            &mut Progress::default(),
            &activity,
            &stop,
        )
        .await?;
        let verified = verification(&report, chain.entries, None, true);
        Ok::<_, Error>((take_in_outside(&mut verdict, outside, settings, verified), verdict))
    };
    let looked = looked.await;
    reporter.finish().await;
    let (verified, mut verdict) = looked?;
    if stop.requested() {
        deployment.close().await;
        return Ok(None);
    }
    verdict.copies = plan::preflight::beside(&deployment).await;
    let (feeds, unseen) = deployment.feeds_of_all().await?;
    verdict.reasons.extend(feeds);
    verdict.not_looked_at.extend(unseen);
    deployment.close().await;
    let chain = chain_key(settings.keys.new_key(), &rotation.id);
    shared.record(step(verified.step_name(), &verified.note()), &chain).await?;
    if failed > 0 {
        let text = format!("{} rows or files could not be moved to the new key", thousands(failed));
        verdict.reasons.push(format!("{text}: `keyrotation status --failures`"));
    }
    if let Some(why) = copy_is_older(&state.steps, Some(rotation.created_at)) {
        verdict.reasons.push(why);
    }
    for (place, why) in deployment.absent_places() {
        if why == plan::ABSENT_IN_OLD {
            verdict.reasons.push(format!("{place}: {why}, so nothing of it was compared"));
        }
    }
    verdict.not_looked_at.extend(beside(settings, &deployment));
    verdict.safe = verdict.reasons.is_empty();
    if verdict.safe {
        shared.record(step(RETIRABLE, &note(&verdict)), &chain).await?;
    } else if state.step_is_in_force(RETIRABLE) {
        let undone = format!("{TAKEN_BACK}{RETIRABLE}");
        shared.record(step(&undone, &verdict.reasons.join("; ")), &chain).await?;
    }
    Ok(Some(Retirable { verdict, verified }))
}

/// Whether people have said since the sync phase began, and not taken back, that traffic goes to the new server and
/// that the old one is stopped. Before, neither could be so in this rotation: what was said is another's, and
/// an older program does not say whose. The order of recording decides.
async fn said_since_sync_began(shared: &SharedJournal) -> Result<[bool; 2]> {
    let said = |journal: &Journal| {
        let (mut began, mut stands) = (false, [false; 2]);
        for event in journal.events() {
            match event?.event {
                Event::SyncStarted { .. } => began = true,
                Event::StepTaken(step) => {
                    let name = step.name.strip_prefix(TAKEN_BACK).unwrap_or(&step.name);
                    let at = [ROUTE_TRAFFIC, OLD_SERVER_STOPPED].iter().position(|known| *known == name);
                    if let Some(stands) = at.and_then(|at| stands.get_mut(at)) {
                        *stands = began && name == step.name;
                    }
                }
                _ => {}
            }
        }
        Ok(stands)
    };
    shared.journal.read(said).await
}

/// Adds what is not right in the new deployment.
fn take_in(verdict: &mut Verdict, report: &Report) {
    for target in &report.targets {
        if !target.missing_indexes.is_empty() {
            let (place, indexes) = (&target.place, target.missing_indexes.join(", "));
            tracing::warn!(
                "{place}: these indexes were there before the rotation and are missing: {indexes}"
            );
        }
        let count = |verdict| target.verdicts.get(&verdict).copied().unwrap_or_default();
        let bad = count(Verified::Bad) + count(Verified::Failed);
        let mut found = target.findings.iter();
        let Some(first) = found.find(|found| matches!(found.verdict, Verified::Bad | Verified::Failed))
        else {
            continue;
        };
        verdict.reasons.push(format!(
            "{}: {} rows or files of the new deployment are not right: {}: {}; `keyrotation verify --live` lists them",
            target.place,
            thousands(bad),
            printable(&first.key),
            first.what
        ));
    }
}

/// Adds what the new deployment has lost, or holds otherwise, of tables and files that nothing keeps in step: a little
/// of it is what a server does.
fn take_in_losses(verdict: &mut Verdict, said: &Said, plan: &SyncPlan, report: &Report) {
    let is_kept = |place: &str| plan.jobs.iter().any(|job| *job.place() == *place);
    for target in report.targets.iter().filter(|target| !is_kept(&target.place)) {
        for (rows, lost, how) in target.losses().into_iter().filter(|(rows, lost, _)| is_a_loss(*rows, *lost))
        {
            let reason = format!(
                "{}: {} of {} rotated rows or files of the new deployment {how}: a working server does not \
                 change that many",
                target.place,
                thousands(lost),
                thousands(rows)
            );
            verdict.weigh(said, &target.place, &reason);
        }
    }
}

/// Adds the tables that could be kept in step and are not, and what waits in their change logs.
async fn take_in_unsynced(
    verdict: &mut Verdict,
    said: &Said,
    deployment: &Deployment,
    plan: &SyncPlan,
) -> Result<()> {
    let is_kept = |table: &str| plan.jobs.iter().any(|job| *job.place() == *table);
    let there = plan.old.table_names().await.map_err(|error| Error::new(Id::Database, error.to_string()))?;
    let absent = deployment.absent_places();
    for table in plan.targets.synced().iter().filter(|table| !is_kept(&table.relation.table)) {
        let name = &table.relation.table;
        let why = absent.iter().find(|(place, _)| **place == **name);
        let why = why.map_or("`syncTables` leaves it out", |(_, why)| *why);
        if there.iter().any(|there| there.eq_ignore_ascii_case(name)) {
            let reason =
                format!("{name}: {why}, so changes of it were not carried over: only its keys were compared");
            verdict.weigh(said, name, &reason);
        }
    }
    for (log, waiting) in triggers::waiting(&plan.old, &plan.targets).await? {
        let is_counted = plan.jobs.iter().any(|job| job.table.log == log);
        if !is_counted {
            verdict.reasons.push(format!("{log}: {waiting} entries wait, and nothing carries them over"));
        }
    }
    Ok(())
}

/// Adds values outside the targets of the new deployment: those that are certainly under an old key are a reason.
fn take_in_outside(
    verdict: &mut Verdict,
    outside: Scanned,
    settings: &Settings,
    verified: Verification,
) -> Verification {
    let mut sure = 0;
    for found in &outside.found {
        for old in settings.keys.old_keys() {
            let Some(count) = found.keys.get(old.fingerprint()) else { continue };
            sure += count;
            verdict.reasons.push(format!(
                "{}: {} values of the new deployment, outside of what is rotated, are under the old key {}",
                printable(&found.place),
                thousands(*count),
                old.fingerprint()
            ));
        }
    }
    let doubtful = outside.found.iter().filter(|found| found.doubtful() > 0).map(|found| {
        let (place, count) = (printable(&found.place), thousands(found.doubtful()));
        format!(
            "{place}: {count} values may be under an old key: several keys decrypt them, or they are damaged"
        )
    });
    let unseen = doubtful.chain(outside.not_looked_at).chain(outside.left_out);
    verdict.not_looked_at.extend(unseen.map(|place| format!("outside of what is rotated: {place}")));
    // Where nothing is sure, what an earlier look found there stands.
    if sure > 0 { verified.with_outside(sure, 0) } else { verified }
}

/// What stands beside what was compared, and was not looked at.
fn beside(settings: &Settings, deployment: &Deployment) -> Vec<String> {
    let mut unseen = vec![
        "the old registry database, user stores in databases of their own or in LDAP, and the old home: \
         properties.yaml does not name them"
            .to_owned(),
        "tables of the old identity database that this user may not see, or that are in other schemas"
            .to_owned(),
    ];
    if settings.files.is_none() {
        unseen.push("files under newISHome: enableConfigMigrator is false".to_owned());
    }
    unseen.extend(deployment.absent_places().iter().map(|(place, why)| format!("{place}: {why}")));
    unseen
}

fn note(verdict: &Verdict) -> String {
    let mut note = "nothing waits, and what was compared is the same in both databases".to_owned();
    if !verdict.accepted.is_empty() {
        let _ = write!(note, "; accepted: {}", verdict.accepted.join(", "));
    }
    note
}
