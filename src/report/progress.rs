//! Shows long work while it is on: progress and the guide's lines on the screen, and for other
//! processes the status file and the control socket.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::MultiProgress;
use jiff::Timestamp;
use keyrotation_journal::TargetKind;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::gauge::Gauge;
use super::show::Display;
use super::status::time;
use super::{ActivityView, PausedView, StatusView, SyncView, guide_lines};
use crate::activity::Activity;
use crate::control::StatusFeed;
use crate::engine::{JournalHandle, Pacer, Pause};
use crate::error::Result;
use crate::sync::Watch;
use crate::telemetry::Progress;

/// How often the status file and the screen are made new: `status` is never more than a second old.
const TICK: Duration = Duration::from_millis(400);

/// How often the lines of the sync phase are told when they change.
const SYNC_LINES_EVERY: Duration = Duration::from_secs(1);

/// Shows work until told to end.
#[derive(Debug)]
pub struct Reporter {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Where it is looked up what the program does, and where that is shown to other processes.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The journal.
    pub journal: JournalHandle,
    /// What the sync phase sees.
    pub watch: Watch,
    /// The pace.
    pub pacer: Pacer,
    /// Whether it stands still.
    pub pause: Pause,
    /// What it is at.
    pub activity: Activity,
    /// When it ends at the latest.
    pub end: Option<Timestamp>,
    /// For whoever asks over the control socket.
    pub feed: StatusFeed,
}

/// A rotation that is shown.
struct Shown {
    sources: Sources,
    gauge: Gauge,
    display: Display,
    journal: PathBuf,
    /// The status that was shown last.
    last: Option<StatusView>,
    /// Targets of which it was told that they are finished.
    told: HashSet<String>,
    /// The guide's lines of the sync phase that were told last, and when.
    sync_lines: Vec<String>,
    sync_told: Instant,
}

impl Reporter {
    /// Begins to show a rotation whose journal is in the folder `journal`.
    pub fn start(sources: Sources, journal: PathBuf, progress: Progress, screen: &MultiProgress) -> Self {
        let view = sources.view();
        let told =
            view.all().filter(|target| is_finished(&target.state)).map(|target| target.id.clone()).collect();
        let now = Instant::now();
        let feed = sources.feed.clone();
        let mut shown = Shown {
            sources,
            gauge: Gauge::new(now),
            display: Display::new(progress, screen),
            journal,
            last: None,
            told,
            sync_lines: view.sync.iter().flat_map(SyncView::guide_lines).collect(),
            sync_told: now,
        };
        let (end, mut ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                shown.tick(false);
                tokio::select! {
                    _ = &mut ended => break,
                    () = feed.wanted() => {}
                    () = tokio::time::sleep(TICK) => {}
                }
            }
            shown.tick(true);
            shown.display.clear();
        });
        Self { end, task }
    }

    /// Begins to show work that no journal counts.
    pub fn of(activity: Activity, progress: Progress, screen: &MultiProgress) -> Self {
        let (mut gauge, mut display) = (Gauge::new(Instant::now()), Display::new(progress, screen));
        let (end, mut ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                let waiting = activity.waiting();
                let task = gauge.read(Instant::now(), None, &activity, waiting.is_some());
                display.show(&ActivityView { task, waiting, ..ActivityView::default() }, false);
                tokio::select! {
                    _ = &mut ended => break,
                    () = tokio::time::sleep(TICK) => {}
                }
            }
            display.clear();
        });
        Self { end, task }
    }

    /// Shows the last state and ends.
    pub async fn finish(self) {
        let _ = self.end.send(());
        let _ = self.task.await;
    }
}

/// What the last process that worked on the rotation in `dir`, or verified it, left as its status; the
/// journal stays closed.
pub fn published(dir: &Path) -> Result<Option<StatusView>> {
    let Some(bytes) = keyrotation_journal::read_live(dir)? else { return Ok(None) };
    Ok(serde_json::from_slice(&bytes).ok())
}

/// Lets others see this status while the process holds the journal in `dir`.
pub fn publish(dir: &Path, view: &StatusView) {
    let written = serde_json::to_vec(view)
        .map_err(|error| error.to_string())
        .and_then(|bytes| keyrotation_journal::write_live(dir, &bytes).map_err(|error| error.to_string()));
    if let Err(error) = written {
        tracing::debug!("the status file was not written: {error}");
    }
}

impl Sources {
    fn view(&self) -> StatusView {
        let seen = self.watch.look();
        self.journal.state(|state| {
            let view = StatusView::new(state, true);
            match &seen {
                Some(seen) => view.observed(state, seen),
                None => view,
            }
        })
    }

    /// What the program is at, besides its task.
    fn activity(&self) -> ActivityView {
        let paused = self.pause.current().map(|(paused, still)| PausedView {
            since: time(paused.since),
            by: paused.by,
            still,
        });
        ActivityView {
            task: None,
            waiting: self.activity.waiting(),
            paused,
            rows_per_second_limit: self.pacer.pace(),
            stops_at: self.end.map(|at| at.to_string()),
        }
    }
}

fn is_finished(state: &str) -> bool {
    matches!(state, "done" | "skipped")
}

impl Shown {
    fn tick(&mut self, is_last: bool) {
        let mut view = self.sources.view();
        let mut activity = self.sources.activity();
        let held_up = activity.paused.is_some() || activity.waiting.is_some();
        activity.task = self.gauge.read(Instant::now(), Some(&view), &self.sources.activity, held_up);
        view.activity = Some(activity.clone());
        publish(&self.journal, &view);
        // That time has passed is no news.
        let is_news = self.last.as_ref().is_none_or(|last| {
            let same_time = StatusView { updated_at: last.updated_at.clone(), ..view.clone() };
            same_time != *last
        });
        self.sources.feed.show(&view, is_news);
        self.tell_finished(&view);
        self.tell_sync(&view, is_last);
        self.display.show(&activity, is_last);
        self.last = Some(view);
    }

    /// The guide's lines of targets that are finished by now.
    fn tell_finished(&mut self, view: &StatusView) {
        for (kind, targets) in [(TargetKind::Table, &view.targets), (TargetKind::Files, &view.files)] {
            for target in targets.iter().filter(|target| is_finished(&target.state)) {
                if self.told.insert(target.id.clone()) {
                    match &target.skipped {
                        Some(reason) => tracing::info!("{}: skipped, {reason}", target.place),
                        None => guide_lines(target, kind).iter().for_each(|line| tracing::info!("{line}")),
                    }
                }
            }
        }
    }

    /// The guide's lines of the sync phase, those whose counts have changed.
    fn tell_sync(&mut self, view: &StatusView, is_last: bool) {
        let Some(sync) = view.sync.as_ref().filter(|sync| sync.started_at.is_some()) else { return };
        let lines = sync.guide_lines();
        let is_early = self.sync_told.elapsed() < SYNC_LINES_EVERY && !is_last;
        if lines == self.sync_lines || is_early {
            return;
        }
        self.sync_told = Instant::now();
        lines.iter().filter(|line| !self.sync_lines.contains(line)).for_each(|line| tracing::info!("{line}"));
        self.sync_lines = lines;
    }
}
