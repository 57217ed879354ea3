//! What `verify` does: the journal's chain, then every row and file against it.

use std::path::Path;

use keyrotation_journal::{ChainReport, Journal};

use super::inventory::{ended, scan_progress, surroundings};
use super::reading::{open, read};
use super::unfinished::roll_back_unfinished;
use super::{Screen, SharedJournal, listen, planner, step, unlock};
use crate::activity::{Activity, Task};
use crate::cipher::chain_key;
use crate::config::Settings;
use crate::engine::ChunkPlanner;
use crate::error::{Id, Result};
use crate::plan::{self, Deployment, Fingerprint};
use crate::report::{Reporter, StatusView, Verification, comparison_text, publish, scan_text, verification};
use crate::signals::Stop;
use crate::verify::{Options, Report, verify as compare};
use keyrotation_inventory::{Scanned, scan};

/// What came of it.
#[derive(Debug)]
pub struct Verified {
    rotation_id: String,
    /// Whether the rotation is finished.
    finished: bool,
    sample: Option<f64>,
    report: Report,
    /// What was recorded of it.
    found: Verification,
    /// What stands outside the targets, and how many values of it are under an old key, or may be; none without a scan.
    outside: Option<(u64, Scanned)>,
}

impl Verified {
    /// Whether nothing differs, and nothing that was asked for was left unseen.
    pub fn is_clean(&self) -> bool {
        self.found.differences == 0
    }

    /// The document for programs.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "schema": 1,
            "rotation_id": self.rotation_id,
            "finished": self.finished,
            "journal": { "events": self.found.events, "whole": true },
            "sample_percent": self.sample,
            "live": self.found.live,
            "differences": self.found.differences,
            "targets": self.report.targets,
            "outside": self.outside.as_ref().map(|(under_old, scanned)| {
                serde_json::json!({ "under_old": under_old, "scan": scanned })
            }),
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let outside = self.outside.as_ref().map(|(under_old, scanned)| scan_text(*under_old, scanned));
        comparison_text(&self.report, &self.found) + &outside.unwrap_or_default()
    }
}

/// What is asked of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// A percentage of the chunks.
    pub sample: Option<f64>,
    /// Servers may be running.
    pub live: bool,
    /// What stands outside the targets is looked for, too.
    pub everywhere: bool,
    /// That look goes on where an interrupted one has stopped.
    pub resume_scan: bool,
}

/// Checks the journal's chain, then compares every row and file with it. None when asked to stop.
pub async fn verify(
    screen: Screen<'_>,
    settings: &Settings,
    dir: &Path,
    Asked { sample, live, everywhere, resume_scan }: Asked,
) -> Result<Option<Verified>> {
    let live = live || settings.mode.is_in_place();
    let (mut journal, held) = journal(dir).await?;
    let rotation = unlock(&mut journal, settings)?;
    let settings = &Fingerprint::decode(&rotation.fingerprint)?.in_its_order(settings);
    if held {
        tracing::info!("another process carries changes over: the journal is read as it is at this moment");
    } else {
        publish(dir, &StatusView::new(journal.state(), false));
    }
    let status = StatusView::new(journal.state(), false);
    let syncs = journal.state().sync.started_at.is_some();
    let shared =
        if held { SharedJournal::alone(dir, journal) } else { SharedJournal::new(dir, journal, "verify") };
    tracing::info!("checking the journal's chain");
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), screen.progress, screen.bars);
    let chain = match check_chain(&shared, &activity).await {
        Ok(chain) => chain,
        Err(error) => {
            reporter.finish().await;
            return Err(error);
        }
    };
    if status.re_encrypted_at.is_none() {
        tracing::warn!("the rotation is not finished: what it has not reached yet counts as bad");
    }
    let (targets, heads) = (plan::recorded(&rotation), Some(rotation.targets.as_slice()));
    roll_back_unfinished(settings, dir).await?;
    let deployment = plan::connect(settings, &targets, heads, plan::Access::ReadOnly).await?;
    for feed in deployment.feeds_of_copies().await? {
        tracing::warn!("{feed}");
    }
    for narrow in deployment.idle_filters().await? {
        tracing::warn!("{narrow}");
    }
    let (_, stop) = listen()?;
    // Once changes are carried over, the new server may run, too.
    if syncs && !live {
        tracing::info!(
            "the sync phase has begun, so changes that servers may make are not differences (--live)"
        );
    }
    let live = live || syncs;
    let options = Options { sample: sample.map(|percent| percent / 100.0), live };
    tracing::info!("comparing rows and files with the journal");
    let planner = planner(settings, &rotation);
    let report = compare_all(&shared, &planner, &deployment, options, &activity, &stop).await;
    let outside = if everywhere && report.is_ok() && !stop.requested() {
        let (around, progress) = (surroundings(settings), &mut scan_progress(dir, settings, resume_scan));
        let looked = scan(&deployment, &around, planner.recoder(), None, progress, &activity, &stop).await;
        ended(progress, &looked, &stop);
        Some(looked)
    } else {
        None
    };
    reporter.finish().await;
    let (report, outside) = (report?, outside.transpose()?);
    deployment.close().await;
    if stop.requested() {
        return Ok(None);
    }
    // First: it holds even if the result cannot be printed.
    let found = verification(&report, chain.entries, sample, live);
    let outside = outside.map(|scanned| (scanned.under_old(&settings.keys), scanned));
    let found = match &outside {
        Some((under_old, scanned)) => found.with_outside(*under_old, scanned.not_looked_at.len() as u64),
        None => found,
    };
    shared
        .record(step(found.step_name(), &found.note()), &chain_key(settings.keys.new_key(), &rotation.id))
        .await?;
    let finished = status.re_encrypted_at.is_some();
    Ok(Some(Verified { rotation_id: status.rotation_id, finished, sample, report, found, outside }))
}

/// Checks the journal's chain.
pub(super) async fn check_chain(shared: &SharedJournal, activity: &Activity) -> Result<ChainReport> {
    let doing = activity.begin(Task::Chain, "the journal", Some(shared.journal.state(|state| state.entries)));
    shared.journal.read(move |journal| journal.check_chain(|_, _| doing.advance(1))).await
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
    deployment.refuse_vanished(&shared.journal.state(Clone::clone)).await?;
    deployment.stop_with(stop, activity);
    compare(&shared.journal, planner, &deployment.jobs, options, activity, stop).await
}

/// The journal, and whether another process holds it. One that carries changes over may: what it has
/// rotated stays as it is. While values are being rotated there is nothing yet that could be verified.
async fn journal(dir: &Path) -> Result<(Journal, bool)> {
    let locked = match open(dir) {
        Err(error) if error.id() == Id::JournalLocked => error,
        opened => return Ok((opened?, false)),
    };
    let (journal, held) = read(dir).await?;
    if held && journal.state().sync.started_at.is_none() {
        return Err(locked.fix(
            "rows that it has not reached yet would only count as bad: let it end, or wait for it with \
             `keyrotation status --wait re-encrypted`; then `keyrotation verify`",
        ));
    }
    Ok((journal, held))
}
