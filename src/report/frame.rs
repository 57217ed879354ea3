//! A running rotation on a terminal that is drawn again and again, and as single lines.

use std::fmt::Write as _;
use std::time::Duration;

use super::meter::about;
use super::text::{failures, group, second, state_words, table};
use super::{ActivityView, StatusView, TargetView, thousands, whole_status_text};
use crate::fit::wrapped;
use crate::invocation::spelled;

/// How many failures a frame shows.
const FAILURES: usize = 5;

/// How wide the bar is, in characters, without its frame.
const BAR: u64 = 20;

/// How a frame is drawn.
#[derive(Debug, Clone, Copy)]
pub struct FrameStyle {
    /// Columns and lines of the terminal.
    pub size: (usize, usize),
    /// All that `status` says, the steps, too.
    pub verbose: bool,
    /// Whether what counts has a colour.
    pub coloured: bool,
}

/// The status on a terminal: how far it is and how it goes, what is worked on, and what failed. Where there is not room for
/// all, what matters least goes first.
pub fn frame(view: &StatusView, look: FrameStyle) -> Vec<String> {
    let (columns, lines) = look.size;
    let room = lines.saturating_sub(1).max(1); // the cursor stands on the last one
    let mut parts =
        if look.verbose { vec![headline(view, look), whole_status_text(view)] } else { parts(view, look) };
    let broken = |parts: &[String]| -> Vec<String> {
        let text = spelled(&parts.concat()).into_owned();
        wrapped(&text, Some(columns)).lines().map(|line| line.replace('\u{a0}', " ")).collect()
    };
    // The first two are what it is about.
    while parts.len() > 2 && broken(&parts).len() > room {
        parts.pop();
    }
    let mut text = broken(&parts);
    text.truncate(room);
    text
}

/// What a frame shows, what matters most first; each part is whole lines.
fn parts(view: &StatusView, look: FrameStyle) -> Vec<String> {
    let is_active = |target: &&TargetView| {
        target.failed > 0 || matches!(&*target.state, "running" | "sweeping") && group(target).is_none()
    };
    let active: Vec<&TargetView> = view.all().filter(is_active).collect();
    let mut parts = vec![headline(view, look)];
    let now = view.activity.as_ref().and_then(|activity| activity.task.as_ref());
    parts.push(now.map_or_else(String::new, |task| format!("{}: {}\n", task.title(), task.counts())));
    if !active.is_empty() {
        parts.push(format!("\n{}", table(&active)));
    }
    if let Some(sync) = &view.sync {
        parts.push(sync.text());
    }
    let targets = view.all().filter(|target| target.state != "skipped").count();
    let done = view.all().filter(|target| target.state == "done").count();
    let name = view.rotation_id.split('-').next().unwrap_or_default();
    let process = view.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    let host = view.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
    parts.push(format!(
        "{done} of {targets} tables and file groups are done; rotation {name}{process}{host}, begun {}\n",
        second(&view.started_at)
    ));
    let failed = failures(&active, FAILURES);
    let listed = failed.lines().count() as u64;
    if listed > 0 {
        parts.push(coloured(&failed, RED, look.coloured));
    }
    if listed < view.failed() {
        parts.push("`keyrotation status --failures` lists all that failed\n".to_owned());
    }
    parts
}

const RED: &str = "31";
const YELLOW: &str = "33";
const GREEN: &str = "32";

/// Lines in a colour, if there are colours.
fn coloured(text: &str, colour: &str, is_on: bool) -> String {
    if !is_on {
        return text.to_owned();
    }
    let mut out = String::new();
    for line in text.lines() {
        let _ = writeln!(out, "\u{1b}[{colour}m{line}\u{1b}[0m");
    }
    out
}

/// How far everything is, how fast it goes, how long it will take, what failed, and why it waits: one line where it has room.
fn headline(view: &StatusView, look: FrameStyle) -> String {
    let task = view.activity.as_ref().and_then(|activity| activity.task.as_ref());
    let mut first = String::new();
    if let Some(permille) = task.and_then(|task| task.permille) {
        let filled = usize::try_from(permille * BAR / 1000).unwrap_or_default();
        let open = usize::try_from(BAR).unwrap_or_default().saturating_sub(filled);
        let _ = write!(first, "{} % [{}{}]", permille / 10, "=".repeat(filled), " ".repeat(open));
        // The bar is one word.
        first = first.replace("% [", "%\u{a0}[").replace(' ', "\u{a0}");
    } else {
        first.push_str(&state_words(view));
    }
    let mut said = Vec::new();
    if let Some(rate) = task.and_then(|task| task.per_second) {
        said.push(format!("{} rows/s", thousands(rate)));
    }
    if let Some(left) = task.and_then(|task| task.seconds_left) {
        said.push(about(Duration::from_secs(left)));
    }
    // What failed in a chunk that is not recorded yet is listed, and not counted.
    let listed: usize = view.all().map(|target| target.failures.len()).sum();
    let failed = view.failed().max(listed as u64);
    let (is_bad, failed) = (failed > 0, format!("{} failed", thousands(failed)));
    said.push(if is_bad { coloured(&failed, RED, look.coloured).trim_end().to_owned() } else { failed });
    let paused = view.activity.as_ref().and_then(|activity| activity.paused.as_ref());
    if let Some(reason) = view.activity.as_ref().and_then(ActivityView::reason) {
        let reason = if paused.is_some_and(|paused| paused.still) {
            reason.replacen("paused", "PAUSED", 1)
        } else {
            reason
        };
        said.push(coloured(&reason, YELLOW, look.coloured).trim_end().to_owned());
    }
    let first = match view.state {
        super::RunState::Completed if !is_bad => coloured(&first, GREEN, look.coloured).trim_end().to_owned(),
        _ => first,
    };
    format!("{first} {}\n", said.join(" · "))
}

/// The status as one line, without its time.
pub fn line(view: &StatusView) -> String {
    let rows: u64 = view.all().map(|target| target.rows).sum();
    let total: u64 = view.all().filter_map(|target| target.total).sum();
    let mut text = format!("{}: ", state_words(view));
    match view.all().find(|target| matches!(&*target.state, "running" | "sweeping")) {
        Some(TargetView { state, place, .. }) if state == "sweeping" => {
            let _ = write!(text, "checking {place}, ");
        }
        Some(target) => {
            let _ = write!(text, "{}, ", target.place);
        }
        None => {}
    }
    let _ = write!(text, "{} of {} rows in all", thousands(rows), thousands(total.max(rows)));
    if let Some(sync) = view.sync.as_ref().filter(|sync| sync.started_at.is_some()) {
        let (applied, pending) = (thousands(sync.applied), thousands(sync.pending));
        let _ = write!(text, "; sync: {applied} carried over, {pending} wait");
    }
    if let Some(reason) = view.activity.as_ref().and_then(super::ActivityView::reason) {
        let _ = write!(text, "; {reason}");
    }
    if let Some(error) = &view.error {
        let _ = write!(text, "; it ended with {error}");
    }
    text
}

#[cfg(test)]
mod tests {
    use keyrotation_journal::{JobState, Rotation, TargetHead, TargetKind};

    use super::super::text::short_place;
    use super::*;
    use crate::fit::width;
    use crate::target::{Target, TargetRegistry};

    fn view() -> StatusView {
        let head = |target: &Target| TargetHead {
            id: target.id.clone(),
            label: target.label.clone(),
            kind: TargetKind::Table,
            groups: Vec::new(),
        };
        let rotation = Rotation {
            id: [1; 16],
            created_at: 1,
            version: "test".into(),
            fingerprint: Vec::new(),
            targets: TargetRegistry::built_in().tables().iter().map(|target| head(target)).collect(),
        };
        let mut view = StatusView::new(&JobState::new(rotation), true);
        view.targets[0].state = "done".into();
        view.targets[1].state = "running".into();
        view
    }

    #[test]
    fn a_frame_fits_its_terminal_and_keeps_what_is_at_work() {
        let mut view = view();
        let failure = super::super::FailureView {
            key: "a-long-key".into(),
            column: "C".into(),
            reason: "damaged: why".into(),
        };
        view.targets[0].failures = vec![failure; 9];
        view.targets[0].failed = 9;
        view.activity = Some(ActivityView {
            task: Some(super::super::TaskView {
                name: "rotating".into(),
                unit: "rows in all".into(),
                permille: Some(415),
                per_second: Some(4595),
                seconds_left: Some(12),
                ..Default::default()
            }),
            paused: Some(super::super::PausedView {
                since: "2026-11-30T22:32:01.250Z".into(),
                by: "root".into(),
                still: true,
            }),
            ..ActivityView::default()
        });
        let look = |columns, lines| FrameStyle { size: (columns, lines), verbose: false, coloured: false };
        let whole = frame(&view, look(200, 60));
        assert_eq!(
            whole[0],
            "41 % [========            ] 4,595 rows/s · about 20 s left · 9 failed · PAUSED since 2026-11-30T22:32:01Z \
             by root"
        );
        assert!(whole.iter().any(|line| line.starts_with("1 of ")), "{whole:?}");
        assert_eq!(whole.iter().filter(|line| line.starts_with("failed: ")).count(), FAILURES, "{whole:?}");
        let place = &view.targets[1].place;
        for (columns, lines) in [(80, 24), (60, 24), (40, 24), (60, 12)] {
            let small = frame(&view, look(columns, lines));
            let fits = small.len() < lines && small.iter().all(|line| width(line) <= columns);
            assert!(fits, "{columns} x {lines}: {small:#?}");
            assert!(small[0].starts_with("41"), "{small:?}");
            assert!(small.iter().any(|line| line.starts_with(place.as_str())), "{lines}: {small:#?}");
        }
        assert_eq!(frame(&view, look(0, 0)).len(), 1);
        let verbose = frame(&view, FrameStyle { verbose: true, ..look(900, 90) });
        assert_eq!(verbose.len(), whole_status_text(&view).lines().count() + 1);
        let waiting = short_place(&view.targets[2].place);
        let has_line = |lines: &[String]| lines.iter().any(|line| line.starts_with(waiting));
        assert!(has_line(&verbose) && !has_line(&whole), "{waiting}: {verbose:#?}");
        let coloured = frame(&view, FrameStyle { coloured: true, ..look(200, 60) });
        assert!(coloured[0].contains("\u{1b}[31m9 failed\u{1b}[0m"), "{coloured:?}");
    }

    #[test]
    fn a_line_says_where_it_stands_and_why_it_is_slow() {
        let mut view = view();
        view.targets[0].rows = 1200;
        view.targets[0].total = Some(1200);
        view.targets[1].total = Some(800);
        view.activity =
            Some(super::super::ActivityView { rows_per_second_limit: Some(50), ..Default::default() });
        let place = view.targets[1].place.clone();
        let expected = format!("running: {place}, 1,200 of 2,000 rows in all; paced at 50 rows/s");
        assert_eq!(line(&view), expected);
    }
}
