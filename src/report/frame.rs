//! A running rotation on a terminal that is drawn again and again, and as single lines.

use std::fmt::Write as _;

use super::text::short_place;
use super::{StatusView, TargetView, status_text, thousands};
use crate::invocation::spelled;

/// The status, cut to a terminal of so many columns and lines: what matters least goes first.
pub fn frame(view: &StatusView, (columns, lines): (usize, usize)) -> Vec<String> {
    let room = lines.saturating_sub(1).max(1); // the cursor stands on the last one
    let mut text: Vec<String> = spelled(&status_text(view)).lines().map(str::to_owned).collect();
    let is_row = |line: &str, states: &[&str]| {
        view.all().any(|target| {
            states.contains(&&*target.state)
                && line.strip_prefix(short_place(&target.place)).is_some_and(|rest| rest.starts_with(' '))
        })
    };
    let least: [&dyn Fn(&str) -> bool; 4] = [
        &|line| line.starts_with("step ") || line.starts_with("failed: ") || line.starts_with("held: "),
        &|line| is_row(line, &["pending", "skipped"]),
        &|line| is_row(line, &["done"]),
        &|line| line.is_empty(),
    ];
    for is_least in least {
        if text.len() > room {
            text.retain(|line| !is_least(line));
        }
    }
    text.truncate(room);
    text.into_iter().map(|line| line.chars().take(columns.max(1)).collect()).collect()
}

/// The status as one line, without its time.
pub fn line(view: &StatusView) -> String {
    let rows: u64 = view.all().map(|target| target.rows).sum();
    let total: u64 = view.all().filter_map(|target| target.total).sum();
    let mut text = format!("{}: ", view.state.word());
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
    if view.failed() > 0 {
        let _ = write!(text, ", {} failed", thousands(view.failed()));
    }
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

    use super::*;
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
        let view = view();
        let whole = frame(&view, (200, 60));
        assert_eq!(whole.len(), status_text(&view).lines().count());
        let place = &view.targets[1].place;
        for lines in [24, 12, 8] {
            let small = frame(&view, (60, lines));
            assert!(small.len() < lines && small.iter().all(|line| line.chars().count() <= 60), "{small:?}");
            assert!(small[0].contains("is running"), "{small:?}");
            assert!(small.iter().any(|line| line.starts_with(place.as_str())), "{lines}: {small:?}");
        }
        assert_eq!(frame(&view, (0, 0)).len(), 1);
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
