//! Watches long work while it is on, and tells of it in [`ReporterEvent`]s.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::MultiProgress;
use jiff::Timestamp;
use keyrotation_journal::{JobState, TargetKind};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::events::{Listeners, Log, ReporterEvent, StatusFile};
use super::gauge::Gauge;
use super::show::Display;
use super::status::time;
use super::{ActivityView, PausedView, StatusView, Watchers, moment};
use crate::control::StatusFeed;
use crate::engine::{JournalHandle, Pacer, Pause};
use crate::telemetry::Progress;
use keyrotation_common::activity::Activity;
use keyrotation_sync::Watch;

/// The least time between two looks at the work, and how often work is looked at that no journal counts.
const TICK: Duration = Duration::from_millis(400);

/// The most time between two looks: what the program is at changes also while nothing is recorded, and `status`
/// is to be no older than about a second.
const AT_LEAST_EVERY: Duration = Duration::from_millis(800);

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
    /// For processes that ask over the control socket.
    pub feed: StatusFeed,
}

/// A rotation that is shown.
struct Shown {
    sources: Sources,
    gauge: Gauge,
    listeners: Listeners,
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
    pub fn start(
        sources: Sources,
        journal: PathBuf,
        progress: Progress,
        screen: &MultiProgress,
        watchers: Option<&Watchers>,
    ) -> Self {
        let view = sources.view();
        let told =
            view.all().filter(|target| is_finished(&target.state)).map(|target| target.id.clone()).collect();
        let now = Instant::now();
        let feed = sources.feed.clone();
        let mut changes = sources.journal.changes();
        let mut listeners = Listeners(vec![
            Box::new(StatusFile(journal)),
            Box::new(feed.clone()),
            Box::new(Log),
            Box::new(Display::new(progress, screen)),
        ]);
        listeners.add(watchers);
        let mut shown = Shown {
            sources,
            gauge: Gauge::new(now),
            listeners,
            last: None,
            told,
            // Each session tells them once at least, so that a table of which nothing came stands in the log with 0.
            sync_lines: Vec::new(),
            sync_told: now,
        };
        let (end, mut ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                shown.tick(false);
                tokio::select! {
                    _ = &mut ended => break,
                    () = feed.wanted() => {}
                    () = news(&mut changes) => {}
                }
            }
            shown.tick(true);
            shown.listeners.tell(&ReporterEvent::Ended);
        });
        Self { end, task }
    }

    /// Begins to show work that no journal counts.
    pub fn of(activity: Activity, progress: Progress, screen: &MultiProgress) -> Self {
        Self::watched(activity, progress, screen, None)
    }

    /// Likewise, also to those who watch from outside.
    pub fn watched(
        activity: Activity,
        progress: Progress,
        screen: &MultiProgress,
        watchers: Option<&Watchers>,
    ) -> Self {
        let mut gauge = Gauge::new(Instant::now());
        let mut listeners = Listeners(vec![Box::new(Display::new(progress, screen))]);
        listeners.add(watchers);
        let (end, mut ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                let waiting = activity.waiting();
                let task = gauge.read(Instant::now(), None, &activity, waiting.is_some(), None);
                let activity = ActivityView { task, waiting, ..ActivityView::default() };
                listeners.tell(&ReporterEvent::Progress { activity: &activity, is_last: false });
                tokio::select! {
                    _ = &mut ended => break,
                    () = tokio::time::sleep(TICK) => {}
                }
            }
            listeners.tell(&ReporterEvent::Ended);
        });
        Self { end, task }
    }

    /// Shows the last state and ends.
    pub async fn finish(self) {
        let _ = self.end.send(());
        let _ = self.task.await;
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
            throttled: self.activity.gives_way(),
            paused,
            rows_per_second_limit: self.pacer.pace(),
            stops_at: self.end.map(moment),
        }
    }
}

/// Returns once something more is recorded, neither too soon nor too late.
async fn news(changes: &mut watch::Receiver<Arc<JobState>>) {
    changes.mark_unchanged(); // it was just looked at
    tokio::time::sleep(TICK).await;
    // A journal that is closed has no more news, and the task that shows it is told to end.
    let _ = tokio::time::timeout(AT_LEAST_EVERY.saturating_sub(TICK), changes.changed()).await;
}

fn is_finished(state: &str) -> bool {
    matches!(state, "done" | "skipped")
}

impl Shown {
    fn tick(&mut self, is_last: bool) {
        let mut view = self.sources.view();
        let mut activity = self.sources.activity();
        let held_up = activity.paused.is_some() || activity.waiting.is_some();
        let limit = activity.rows_per_second_limit;
        activity.task = self.gauge.read(Instant::now(), Some(&view), &self.sources.activity, held_up, limit);
        view.activity = Some(activity.clone());
        // That time has passed is no news.
        let is_news = self.last.as_ref().is_none_or(|last| {
            let same_time = StatusView { updated_at: last.updated_at.clone(), ..view.clone() };
            same_time != *last
        });
        self.listeners.tell(&ReporterEvent::Status { view: &view, is_news });
        self.tell_changes(&view, is_last);
        self.listeners.tell(&ReporterEvent::Progress { activity: &activity, is_last });
        self.last = Some(view);
    }

    /// Tells of what is new since the status before.
    fn tell_changes(&mut self, view: &StatusView, is_last: bool) {
        for (kind, targets) in [(TargetKind::Table, &view.targets), (TargetKind::Files, &view.files)] {
            for target in targets.iter().filter(|target| is_finished(&target.state)) {
                if self.told.insert(target.id.clone()) {
                    self.listeners.tell(&ReporterEvent::TargetFinished { target, kind });
                }
            }
        }
        let Some(sync) = view.sync.as_ref().filter(|sync| sync.started_at.is_some()) else { return };
        let lines = sync.guide_lines();
        let is_early = self.sync_told.elapsed() < SYNC_LINES_EVERY && !is_last;
        if lines == self.sync_lines || is_early {
            return;
        }
        self.sync_told = Instant::now();
        let changed: Vec<_> = lines.iter().filter(|line| !self.sync_lines.contains(line)).cloned().collect();
        self.listeners.tell(&ReporterEvent::SyncAdvanced { lines: &changed });
        self.sync_lines = lines;
    }
}
