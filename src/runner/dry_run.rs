//! What `run --dry-run` does: what a rotation would come to, without the rotation.

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use keyrotation_journal::{Journal, Phase, TargetState};

use super::planned::dry_planner;
use super::unfinished::roll_back_unfinished;
use super::{Checked, Explanations, Options, Screen, checked, listen_until};
use crate::config::Settings;
use crate::engine;
use crate::error::Result;
use crate::plan::Access;
use crate::report::{DryRunView, Reporter};

/// Reads, opens and seals everything, and tells what would be rotated and what would fail. It refuses
/// what `run` refuses, and keeps other rotations off the databases meanwhile; it begins no journal and
/// no log file.
/// None when asked to stop. `anew` says that a journal that is there would be put aside.
pub async fn dry_run(
    screen: Screen<'_>,
    settings: &Settings,
    options: &Options,
    dir: &Path,
    anew: bool,
) -> Result<Option<DryRunView>> {
    let (started_at, begun) = (Timestamp::now(), Instant::now());
    if !anew && Journal::peek(dir)?.is_some() {
        tracing::warn!(
            "the journal holds a rotation, so `keyrotation run` needs --new to begin another; this is what \
             that one would do"
        );
    }
    let (_, stop) = listen_until(options.end)?;
    let ask = Explanations::default();
    roll_back_unfinished(settings, dir).await?;
    let found = checked(screen, settings, options, dir, &stop, Access::ReadOnly, ask).await?;
    let Some(found) = found else { return Ok(interrupted()) };
    let Checked { deployment, activity, survey } = found;
    deployment.check_privileges(settings).await?;
    deployment.remark_on_files()?;
    tracing::info!("a dry run: every value is decrypted and encrypted, and nothing is written");
    let reporter = Reporter::of(activity.clone(), screen.progress, screen.bars);
    let rows: Vec<_> = survey.jobs.iter().map(|found| Some(found.rows)).collect();
    let states = engine::dry_run(&dry_planner(settings), &deployment.jobs, &rows, &activity, &stop).await;
    reporter.finish().await;
    let states = states?;
    deployment.close().await;
    let Some(states) = states else { return Ok(interrupted()) };

    let mut found: Vec<_> = deployment.heads.iter().map(|head| (head, TargetState::default())).collect();
    for (job, state) in deployment.jobs.iter().zip(states) {
        found[job.index.position()].1 = state;
    }
    for (index, reason) in &deployment.absent {
        found[index.position()].1.phase = Phase::Skipped { reason: reason.clone() };
    }
    Ok(Some(DryRunView::new(&deployment.targets, &found, started_at, begun.elapsed())))
}

fn interrupted() -> Option<DryRunView> {
    tracing::warn!("interrupted; nothing was changed");
    None
}
