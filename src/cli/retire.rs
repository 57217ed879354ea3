//! `safe-to-retire`: whether the old identity database can go.

use std::fmt::Write as _;

use keyrotation_journal::{Event, Journal, TAKEN_BACK};
use serde::Serialize;

use super::args::RetireArgs;
use super::{Session, print, print_json, session, status, verify};
use crate::activity::Activity;
use crate::cipher::chain_key;
use crate::config::{self, Overrides, Settings};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::plan::{self, Deployment};
use crate::report::{RETIRABLE, Reporter, StatusView, Verification, publish, thousands};
use crate::runbook::{OLD_SERVER_STOPPED, copy_is_older};
use crate::runner::{self, SharedJournal};
use crate::sync::{ROUTE_TRAFFIC, Said, Verdict, verdict};
use crate::verify::{Options, Report, Verdict as Verified};

/// The whole of what was found.
#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    verdict: Verdict,
    /// What comparing every row and file of the new deployment with the journal came to.
    verified: Verification,
}

/// Says whether the old identity database can be retired.
pub(super) async fn safe_to_retire(session: &Session, args: &RetireArgs) -> Result<Exit> {
    let settings = config::load(&session.global.config, &Overrides::default())?;
    session::notices(&settings);
    let dir = session.global.journal_dir();
    let mut journal = status::open(&dir)?;
    let rotation = runner::unlock(&mut journal, &settings)?;
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
        return Err(Error::new(Id::SyncNotReady, "nothing was kept in step yet"));
    }
    publish(&dir, &StatusView::by_this_process(journal.state()));
    let deployment = plan::connect_both(&settings, &rotation.targets).await?;
    let Some(plan) = &deployment.sync else {
        return Err(Error::new(Id::SyncNotEnabled, "the old identity database is not known"));
    };
    let (_, stop) = runner::listen()?;
    let planner = runner::planner(&settings, &rotation);
    let shared = SharedJournal::new(&dir, journal, "safe-to-retire");
    shared.ledger.accept_steps(dir.clone()).await?; // what was confirmed since the last session
    let state = shared.ledger.state(Clone::clone);
    let [switched, stopped] = said_since_sync_began(&shared).await?;
    let said = Said {
        switched,
        stopped,
        accepted: args.accept_drift.clone(),
        others_connected: args.others_connected,
    };
    let failed = StatusView::new(&state, false).failed();
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), session.global.progress(), &session.progress);
    deployment.stop_with(&stop, &activity);
    let looked = async {
        let mut verdict = verdict(&shared.ledger, &planner, plan, &said, &activity).await?;
        let chain = verify::check_chain(&shared, &activity).await?;
        let options = Options { sample: None, live: true };
        let report = verify::compare_all(&shared, &planner, &deployment, options, &activity, &stop).await?;
        take_in(&mut verdict, &report);
        Ok::<_, Error>((verify::found(&report, chain.entries, None, true), verdict))
    };
    let looked = looked.await;
    reporter.finish().await;
    let (verified, mut verdict) = looked?;
    verdict.copies = plan::preflight::beside(&deployment).await;
    deployment.close().await;
    if stop.requested() {
        return Ok(Exit::Interrupted);
    }
    let chain = chain_key(&settings.new_key, &rotation.id);
    shared.record(runner::step(verified.step_name(), &verified.note()), &chain).await?;
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
    verdict.not_looked_at.extend(beside(&settings, &deployment));
    verdict.safe = verdict.reasons.is_empty();
    if verdict.safe {
        shared.record(runner::step(RETIRABLE, &note(&verdict)), &chain).await?;
    } else if state.step_is_in_force(RETIRABLE) {
        let undone = format!("{TAKEN_BACK}{RETIRABLE}");
        shared.record(runner::step(&undone, &verdict.reasons.join("; ")), &chain).await?;
    }
    let found = Found { verdict, verified };
    if args.json {
        print_json(&found)?;
    } else {
        print(&text(&found))?;
    }
    Ok(if found.verdict.safe { Exit::Done } else { Exit::Differences })
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
    shared.ledger.read(said).await
}

/// Adds what is not right in the new deployment.
fn take_in(verdict: &mut Verdict, report: &Report) {
    for target in &report.targets {
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
            crate::report::printable(&first.key),
            first.what
        ));
    }
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
        let _ = write!(note, "; at your word: {}", verdict.accepted.join(", "));
    }
    note
}

fn text(Found { verdict, verified }: &Found) -> String {
    let mut out = String::new();
    for table in &verdict.tables {
        let _ = writeln!(
            out,
            "{}: {} rows are the same, {} are the new server's own, {} differ",
            table.table,
            thousands(table.same),
            thousands(table.superseded),
            thousands(table.differences)
        );
        for key in &table.differing {
            let _ = writeln!(out, "  differs: {}", crate::report::printable(key));
        }
        for key in &table.left_over_keys {
            let _ = writeln!(out, "  in the new database only: {}", crate::report::printable(key));
        }
    }
    for drift in &verdict.drift {
        let (old, new) = (thousands(drift.old), thousands(drift.new));
        let table = &drift.table;
        let _ = writeln!(
            out,
            "{table}: {old} rows in the old database, {new} in the new one; it is not kept in step"
        );
    }
    let _ = writeln!(
        out,
        "the new deployment: {} rows and files were compared with the journal, {} are not right",
        thousands(verified.rows),
        thousands(verified.differences)
    );
    for copy in &verdict.copies {
        let copy = crate::report::printable(copy);
        let _ = writeln!(out, "beside what was rotated, and not under the new key: {copy}");
    }
    for unseen in &verdict.not_looked_at {
        let _ = writeln!(out, "not looked at: {}", crate::report::printable(unseen));
    }
    if verdict.safe {
        out.push_str(
            "safe to retire: nothing waits, and what was compared is the same in both databases; next: `keyrotation \
             triggers remove --on old`\n",
        );
    } else {
        for reason in &verdict.reasons {
            let _ = writeln!(out, "not yet: {}", crate::report::printable(reason));
        }
    }
    out
}
