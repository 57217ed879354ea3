//! `verify`: the journal's chain, then every row and file against it.

use std::fmt::Write as _;
use std::path::Path;

use keyrotation_journal::{ChainReport, Journal};

use super::args::VerifyArgs;
use super::{Session, print, print_json, session, status};
use crate::activity::{Activity, Task};
use crate::cipher::chain_key;
use crate::config::{self, Overrides};
use crate::engine::ChunkPlanner;
use crate::error::{Id, Result};
use crate::exit::Exit;
use crate::plan::{self, Deployment};
use crate::report::{Reporter, StatusView, Verification, printable, publish, thousands};
use crate::runner::{self, SharedJournal};
use crate::signals::Stop;
use crate::verify::{LISTED, Options, Report, TargetReport, Verdict, verify as compare};

/// Checks the journal's chain, then compares every row and file with it.
pub(super) async fn verify(session: &Session, args: &VerifyArgs) -> Result<Exit> {
    let settings = config::load(&session.global.config, &Overrides::default())?;
    session::notices(&settings);
    let dir = session.global.journal_dir();
    let (mut journal, held) = journal(&dir).await?;
    let rotation = runner::unlock(&mut journal, &settings)?;
    if held {
        tracing::info!("another process carries changes over: the journal is read as it is at this moment");
    } else {
        publish(&dir, &StatusView::new(journal.state(), false));
    }
    let status = StatusView::new(journal.state(), false);
    let syncs = journal.state().sync.started_at.is_some();
    let shared =
        if held { SharedJournal::alone(&dir, journal) } else { SharedJournal::new(&dir, journal, "verify") };
    tracing::info!("checking the journal's chain");
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), session.global.progress(), &session.progress);
    let chain = match check_chain(&shared, &activity).await {
        Ok(chain) => chain,
        Err(error) => {
            reporter.finish().await;
            return Err(error);
        }
    };
    if status.finished_at.is_none() {
        tracing::warn!("the rotation is not finished: what it has not reached yet counts as bad");
    }
    let deployment = plan::connect(&settings, Some(&rotation.targets), plan::Access::ReadOnly).await?;
    let (_, stop) = runner::listen()?;
    // Once changes are carried over, the new server may run, too.
    let live = args.live || syncs;
    if live && !args.live {
        tracing::info!("the sync phase has begun, so what servers may change is no difference (--live)");
    }
    let options = Options { sample: args.sample.map(|percent| percent / 100.0), live };
    tracing::info!("comparing rows and files with the journal");
    let planner = runner::planner(&settings, &rotation);
    let report = compare_all(&shared, &planner, &deployment, options, &activity, &stop).await;
    reporter.finish().await;
    let report = report?;
    deployment.close().await;
    if stop.requested() {
        return Ok(Exit::Interrupted);
    }
    let differences = report.differences(live);
    // First: it is so also if nobody can be told.
    let found = found(&report, chain.entries, args.sample, live);
    let recorded = runner::step(found.step_name(), &found.note());
    shared.record(recorded, &chain_key(&settings.new_key, &rotation.id)).await?;
    if args.json {
        print_json(&serde_json::json!({
            "schema": 1,
            "rotation_id": status.rotation_id,
            "finished": status.finished_at.is_some(),
            "journal": { "events": chain.entries, "whole": true },
            "sample_percent": args.sample,
            "live": live,
            "differences": differences,
            "targets": report.targets,
        }))?;
    } else {
        print(&text(&report, chain.entries, args, differences))?;
    }
    Ok(if differences == 0 { Exit::Done } else { Exit::Differences })
}

/// Checks the journal's chain.
pub(super) async fn check_chain(shared: &SharedJournal, activity: &Activity) -> Result<ChainReport> {
    let doing = activity.begin(Task::Chain, "the journal", Some(shared.ledger.state(|state| state.entries)));
    shared.ledger.read(move |journal| journal.check_chain(|_, _| doing.advance(1))).await
}

/// Compares every row and file with the journal. A table that is not there any more is an error: it would be
/// looked at no more than a row that nobody has.
pub(super) async fn compare_all(
    shared: &SharedJournal,
    planner: &ChunkPlanner,
    deployment: &Deployment,
    options: Options,
    activity: &Activity,
    stop: &Stop,
) -> Result<Report> {
    deployment.refuse_vanished(&shared.ledger.state(Clone::clone)).await?;
    deployment.stop_with(stop, activity);
    compare(&shared.ledger, planner, &deployment.jobs, options, activity, stop).await
}

/// The journal, and whether another process holds it. One that carries changes over may: what it has
/// rotated stays as it is. While values are being rotated there is nothing yet that could be verified.
async fn journal(dir: &Path) -> Result<(Journal, bool)> {
    let locked = match status::open(dir) {
        Err(error) if error.id() == Id::JournalLocked => error,
        opened => return Ok((opened?, false)),
    };
    let (journal, held) = status::read(dir).await?;
    if held && journal.state().sync.started_at.is_none() {
        return Err(locked.fix(
            "what it has not reached yet can only be found bad: let it end, or wait for it with `keyrotation status \
             --wait re-encrypted`; then `keyrotation verify`",
        ));
    }
    Ok((journal, held))
}

/// What is left in the journal of what was found.
pub(super) fn found(report: &Report, events: u64, sample: Option<f64>, live: bool) -> Verification {
    let sum = |count: fn(&TargetReport) -> u64| report.targets.iter().map(count).sum();
    Verification {
        live,
        sample: sample.map_or_else(|| "all".to_owned(), |percent| format!("{percent}%")),
        chunks_checked: sum(|target| target.chunks.0),
        chunks: sum(|target| target.chunks.1),
        events,
        rows: Verdict::ALL.iter().map(|verdict| report.count(*verdict)).sum(),
        same: report.count(Verdict::Same),
        gone: report.count(Verdict::Gone),
        new: report.count(Verdict::New),
        changed: report.count(Verdict::Changed),
        failed: report.count(Verdict::Failed),
        bad: report.count(Verdict::Bad),
        without_ciphertext: sum(|target| target.without_ciphertext),
        differences: report.differences(live),
    }
}

fn text(report: &Report, events: u64, args: &VerifyArgs, differences: u64) -> String {
    let mut out = format!("the journal is whole: {} events\n\n", thousands(events));
    let _ = write!(out, "{:<52}", "table or files");
    for verdict in Verdict::ALL {
        let _ = write!(out, " {:>10}", verdict.word());
    }
    out.push('\n');
    for target in &report.targets {
        let _ = write!(out, "{:<52}", target.place);
        for verdict in Verdict::ALL {
            let _ =
                write!(out, " {:>10}", thousands(target.verdicts.get(verdict).copied().unwrap_or_default()));
        }
        out.push('\n');
    }
    out.push('\n');
    for target in &report.targets {
        for found in &target.findings {
            let column = found.column.as_deref().unwrap_or("");
            let _ = writeln!(
                out,
                "{}: {} {} {column}: {}",
                found.verdict.word(),
                target.place,
                printable(&found.key),
                found.what
            );
        }
        for (verdict, count) in target.verdicts.iter().filter(|(verdict, _)| **verdict != Verdict::Same) {
            if *count > LISTED {
                let more = thousands(count - LISTED);
                let _ = writeln!(out, "{}: {} and {more} more", verdict.word(), target.place);
            }
        }
    }
    if args.sample.is_some() {
        let (checked, all) =
            report.targets.iter().fold((0, 0), |sum, t| (sum.0 + t.chunks.0, sum.1 + t.chunks.1));
        let _ = writeln!(
            out,
            "sample: {checked} of {all} chunks were checked; rows outside them, and rows tried again, were not"
        );
    }
    let _ = writeln!(
        out,
        "{} rows and files are as recorded, {} hold no ciphertext, {} differ.",
        thousands(report.count(Verdict::Same)),
        thousands(report.targets.iter().map(|target| target.without_ciphertext).sum()),
        thousands(differences)
    );
    out
}
