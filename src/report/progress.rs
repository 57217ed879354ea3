//! What a running rotation shows: a bar or lines on the screen, the guide's lines, and the status
//! file that `status` reads from another terminal.

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use keyrotation_journal::TargetKind;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{ActivityView, StatusView, SyncView, guide_lines, thousands};
use crate::control::Board;
use crate::engine::{Ledger, Pacer, Pause};
use crate::sync::Watch;

/// How often the status file and the bar are made new: `status` is never more than a second old.
const TICK: Duration = Duration::from_millis(400);

/// How often a line tells the progress where there is no terminal for a bar.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often the lines of the sync phase are told when they change.
const SYNC_LINES_EVERY: Duration = Duration::from_secs(1);

/// Shows a rotation until told to end.
#[derive(Debug)]
pub struct Reporter {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Where it is looked up what the program does, and where that is shown to other processes.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The journal.
    pub ledger: Ledger,
    /// What the sync phase sees.
    pub watch: Watch,
    /// The pace.
    pub pacer: Pacer,
    /// Whether it stands still.
    pub pause: Pause,
    /// For whoever asks over the control socket.
    pub board: Board,
}

struct Shown {
    sources: Sources,
    /// The status that was shown last.
    last: Option<StatusView>,
    /// The guide's lines of the sync phase that were told last.
    sync_lines: Vec<String>,
    journal: PathBuf,
    bar: Option<ProgressBar>,
    total: u64,
    told: HashSet<String>,
    line_at: Instant,
    began: Instant,
    rows_before: u64,
}

impl Reporter {
    /// Begins to show. `total` is how many rows and files there are in all.
    pub fn start(
        sources: Sources,
        journal: PathBuf,
        total: u64,
        progress: &MultiProgress,
        quiet: bool,
    ) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| progress.add(bar(total)));
        let view = sources.view();
        let told =
            view.all().filter(|target| is_finished(&target.state)).map(|target| target.id.clone()).collect();
        let rows_before = view.all().map(|target| target.rows).sum();
        let now = Instant::now();
        let sync_lines = view.sync.iter().flat_map(SyncView::guide_lines).collect();
        let mut shown = Shown {
            sources,
            last: None,
            sync_lines,
            journal,
            bar,
            total,
            told,
            line_at: now,
            began: now,
            rows_before,
        };
        let (end, mut ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                shown.tick(false);
                tokio::select! {
                    _ = &mut ended => break,
                    () = shown.sources.board.wanted() => {}
                    () = tokio::time::sleep(TICK) => {}
                }
            }
            shown.tick(true);
            if let Some(bar) = &shown.bar {
                bar.finish_and_clear();
            }
        });
        Self { end, task }
    }

    /// Shows the last state and ends.
    pub async fn finish(self) {
        let _ = self.end.send(());
        let _ = self.task.await;
    }
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
        let view = self.ledger.state(|state| {
            let view = StatusView::new(state, true);
            match &seen {
                Some(seen) => view.observed(state, seen),
                None => view,
            }
        });
        StatusView { activity: Some(ActivityView::of(&self.pacer, &self.pause)), ..view }
    }
}

fn is_finished(state: &str) -> bool {
    matches!(state, "done" | "skipped")
}

fn bar(total: u64) -> ProgressBar {
    let style = "{msg:40!} {wide_bar} {human_pos}/{human_len} rows, {per_sec}, {eta} left";
    // The template is a constant; the default style stands in if it were wrong.
    let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

impl Shown {
    /// The guide's lines of the sync phase, those whose counts have changed.
    fn tell_sync(&mut self, view: &StatusView, is_last: bool) {
        let Some(sync) = view.sync.as_ref().filter(|sync| sync.started_at.is_some()) else { return };
        let lines = sync.guide_lines();
        let is_early = self.line_at.elapsed() < SYNC_LINES_EVERY && !is_last;
        if lines == self.sync_lines || is_early {
            return;
        }
        self.line_at = Instant::now();
        lines.iter().filter(|line| !self.sync_lines.contains(line)).for_each(|line| tracing::info!("{line}"));
        self.sync_lines = lines;
    }

    fn tick(&mut self, is_last: bool) {
        let view = self.sources.view();
        publish(&self.journal, &view);
        // That time has passed is no news.
        let is_news = self.last.as_ref().is_none_or(|last| {
            let same_time = StatusView { updated_at: last.updated_at.clone(), ..view.clone() };
            same_time != *last
        });
        self.sources.board.show(&view, is_news);
        self.last = Some(view.clone());
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
        self.tell_sync(&view, is_last);
        let rows: u64 = view.all().map(|target| target.rows).sum();
        let current = view.all().find(|target| matches!(&*target.state, "running" | "sweeping"));
        let doing = current.map_or_else(String::new, |target| match &*target.state {
            "sweeping" => format!("checking {}", target.place),
            _ => target.place.clone(),
        });
        if let Some(bar) = &self.bar {
            bar.set_length(self.total.max(rows));
            bar.set_position(rows);
            bar.set_message(doing);
        } else if self.line_at.elapsed() >= LINE_EVERY && current.is_some() {
            self.line_at = Instant::now();
            let seconds = self.began.elapsed().as_secs().max(1);
            let rate = rows.saturating_sub(self.rows_before) / seconds;
            tracing::info!(
                "{doing}: {} of {} rows in all, {} rows/s",
                thousands(rows),
                thousands(self.total.max(rows)),
                thousands(rate)
            );
        }
    }
}
