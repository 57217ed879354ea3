//! Progress on the screen: a bar on a terminal, a line now and then elsewhere, or JSON for a machine.

use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{ActivityView, moment};
use crate::fit::wrapped;
use crate::telemetry::{Progress, columns_of_stderr};

/// When the first line comes, and how long after each the next one may.
const FIRST_LINE: Duration = Duration::from_secs(3);
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The least and the most time between two objects of JSON.
const OBJECT_EVERY: Duration = Duration::from_secs(1);
const OBJECT_AFTER: Duration = Duration::from_secs(10);

/// What a bar takes at the least, with its frame and its number.
const LEAST_BAR: usize = 20;

/// Where progress is shown.
#[derive(Debug)]
pub(super) struct Display {
    kind: Kind,
    screen: MultiProgress,
    began: Instant,
    shown: Option<Instant>,
    last: String,
}

#[derive(Debug)]
enum Kind {
    Bar(ProgressBar),
    Plain,
    Json,
    None,
}

impl Display {
    /// As was asked for; on the screen beside other output.
    pub(super) fn new(progress: Progress, screen: &MultiProgress) -> Self {
        let kind = match progress.resolved() {
            Progress::Bar => Kind::Bar(screen.add(ProgressBar::new(0).with_style(style(false, true)))),
            Progress::Plain => Kind::Plain,
            Progress::Json => Kind::Json,
            Progress::Auto | Progress::None => Kind::None,
        };
        Self { kind, screen: screen.clone(), began: Instant::now(), shown: None, last: String::new() }
    }

    /// Shows it, if it is time.
    pub(super) fn show(&mut self, activity: &ActivityView, is_last: bool) {
        let since = self.shown.map(|shown| shown.elapsed());
        match &self.kind {
            Kind::None => {}
            Kind::Bar(bar) => draw(bar, activity),
            Kind::Plain => {
                let text = activity.text();
                let due = since.map_or(self.began.elapsed() >= FIRST_LINE, |since| since >= LINE_EVERY);
                if due && !is_last && !text.is_empty() && text != self.last {
                    tracing::info!("{text}");
                    self.shown = Some(Instant::now());
                    self.last = text;
                }
            }
            Kind::Json => {
                let text = serde_json::to_string(activity).unwrap_or_default();
                let news = text != self.last && since.is_none_or(|since| since >= OBJECT_EVERY);
                if news || is_last || since.is_some_and(|since| since >= OBJECT_AFTER) {
                    self.write(activity);
                    self.shown = Some(Instant::now());
                    self.last = text;
                }
            }
        }
    }

    /// Takes it off the screen.
    pub(super) fn clear(&self) {
        if let Kind::Bar(bar) = &self.kind {
            bar.finish_and_clear();
        }
    }

    fn write(&self, activity: &ActivityView) {
        let object = serde_json::json!({
            "schema": 1,
            "event": "progress",
            "at": moment(Timestamp::now()),
            "activity": activity,
        });
        self.screen.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{object}");
        });
    }
}

fn draw(bar: &ProgressBar, activity: &ActivityView) {
    let (mut prefix, mut message) = (String::new(), activity.reason().unwrap_or_default());
    if let Some(task) = &activity.task {
        prefix = task.title();
        message = match message.as_str() {
            "" => task.counts(),
            reason => format!("{reason}; {}", task.counts()),
        };
    }
    let permille = activity.task.as_ref().and_then(|task| task.permille);
    let has_room = columns_of_stderr().is_none_or(|columns| columns >= prefix.chars().count() + LEAST_BAR);
    bar.set_style(style(permille.is_some(), has_room));
    if let Some(permille) = permille {
        bar.set_length(1000);
        bar.set_position(permille);
    }
    if let Some(columns) = columns_of_stderr() {
        message = wrapped(&message, Some(columns)).into_owned();
    }
    bar.set_prefix(prefix);
    bar.set_message(message);
    bar.tick();
}

/// A bar of everything, what is done now, and how far that is. Each has a line of its own where it must.
fn style(has_bar: bool, has_room: bool) -> ProgressStyle {
    let style = match (has_bar, has_room) {
        (true, true) => "{prefix} [{wide_bar}] {percent}%\n{msg}",
        (true, false) => "{prefix}\n[{wide_bar}] {percent}%\n{msg}",
        (false, _) => "{prefix}\n{msg}",
    };
    // The templates are constants; the default style stands in if they were wrong.
    ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}
