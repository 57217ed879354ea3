//! `run --dry-run`: what a rotation would come to, without the rotation.

use std::time::Instant;

use jiff::Timestamp;
use keyrotation_journal::{Journal, Phase, TargetState};

use super::args::RunArgs;
use super::plan::planner;
use super::{Session, print, print_json, session, stop_time};
use crate::engine;
use crate::error::Result;
use crate::exit::Exit;
use crate::plan::Access;
use crate::report::{DryRunView, Reporter};
use crate::runner::{Checked, Explanations, checked, listen_until};

/// Reads, opens and seals everything, and tells what would be rotated and what would fail. It refuses
/// what `run` refuses, and keeps other rotations off the databases meanwhile; it begins no journal and
/// no log file.
pub(super) async fn dry_run(session: &Session, args: &RunArgs) -> Result<Exit> {
    let (started_at, begun) = (Timestamp::now(), Instant::now());
    let settings = session::load(session, &args.work)?;
    let end = stop_time::planned(&args.end)?;
    let options = args.work.options(args.sync.options(), args.sync.new_server_has_run);
    let dir = session.global.journal_dir();
    if !args.new && Journal::peek(&dir)?.is_some() {
        tracing::warn!(
            "the journal holds a rotation, so `keyrotation run` begins none without --new; this is what one would do"
        );
    }
    let (_, stop) = listen_until(end)?;
    let Some(found) = checked(
        session.screen(),
        &settings,
        &options,
        &dir,
        &stop,
        Access::ReadOnly,
        Explanations::default(),
    )
    .await?
    else {
        return Ok(interrupted());
    };
    let Checked { deployment, activity, .. } = found;
    deployment.check_privileges(&settings).await?;
    deployment.remark_on_files()?;
    tracing::info!("a dry run: every value is opened and sealed, and nothing is written");
    let reporter = Reporter::of(activity.clone(), session.global.progress(), &session.progress);
    let states = engine::dry_run(&planner(&settings), &deployment.jobs, &activity, &stop).await;
    reporter.finish().await;
    let states = states?;
    deployment.close().await;
    let Some(states) = states else { return Ok(interrupted()) };

    let failed = states.iter().any(|state| state.tally.failed > 0);
    let exit = if failed { Exit::Differences } else { Exit::Done };
    let mut found: Vec<_> = deployment.heads.iter().map(|head| (head, TargetState::default())).collect();
    for (job, state) in deployment.jobs.iter().zip(states) {
        found[usize::from(job.index)].1 = state;
    }
    for (index, reason) in &deployment.absent {
        found[usize::from(*index)].1.phase = Phase::Skipped { reason: reason.clone() };
    }
    let view = DryRunView::new(&found, started_at, begun.elapsed(), exit as u8);
    if args.json {
        print_json(&view)?;
    } else {
        print(&view.text())?;
    }
    Ok(exit)
}

fn interrupted() -> Exit {
    tracing::warn!("interrupted; nothing was changed");
    Exit::Interrupted
}
