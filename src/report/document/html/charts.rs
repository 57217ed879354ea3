//! Small charts, drawn here: outcomes of a table, rows over time, lag over time.
//!
//! Each has a title and a description for those who do not see it; the numbers stand in tables.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::words::span;
use crate::document::{Series, Throughput};
use crate::{TargetView, thousands};

/// An outcome of rows: the name of its colour, what it is called, and the count.
type Outcome = (&'static str, &'static str, Count);

/// A count of a table.
pub(super) type Count = fn(&TargetView) -> u64;

/// What a table's rows can come to; what somebody has to see to first.
pub(super) const OUTCOMES: [Outcome; 6] = [
    ("failed", "failed", |view| view.failed),
    ("rotated", "rotated", |view| view.rotated),
    ("already", "already new", |view| view.already_new),
    ("plain", "plain", |view| view.plain),
    ("null", "NULL", |view| view.null),
    ("gone", "gone", |view| view.gone),
];

/// A thousandth of the width is the least that is seen.
const BAR: u64 = 1000;

/// One bar, divided by outcome.
pub(super) fn outcomes(view: &TargetView, id: &str) -> Markup {
    let all: u64 = OUTCOMES.iter().map(|(.., count)| count(view)).sum();
    let told: Vec<String> = OUTCOMES
        .iter()
        .filter(|(.., count)| count(view) > 0)
        .map(|(_, word, count)| format!("{} {word}", thousands(count(view))))
        .collect();
    if all == 0 {
        return html! { span.none { "no rows" } };
    }
    let mut pieces = Vec::new();
    let mut x = 0;
    for (class, _, count) in OUTCOMES {
        let count = count(view);
        if count > 0 {
            // What is there is seen, however little it is.
            let width = (u128::from(count) * u128::from(BAR) / u128::from(all)).max(8);
            let width = u64::try_from(width).unwrap_or(BAR);
            pieces.push((class, x, width));
            x += width;
        }
    }
    html! {
        svg.outcomes role="img" aria-labelledby=(id) viewBox={ "0 0 " (x) " 12" } preserveAspectRatio="none" {
            title id=(id) { (view.place) ": " (told.join(", ")) }
            @for (class, x, width) in pieces {
                rect class=(class) x=(x) y="0" width=(width) height="12" {}
            }
        }
    }
}

/// The colours of [`outcomes`], in words.
pub(super) fn legend() -> Markup {
    html! {
        ul.legend aria-label="Colours" {
            @for (class, word, _) in OUTCOMES {
                li {
                    svg class="swatch" viewBox="0 0 12 12" aria-hidden="true" { rect class=(class) width="12" height="12" {} }
                    (word)
                }
            }
        }
    }
}

/// The room that a chart over time takes, in its own units.
const WIDTH: u64 = 760;
const HEIGHT: u64 = 220;
const LEFT: u64 = 64;
const RIGHT: u64 = 12;
const TOP: u64 = 12;
const BOTTOM: u64 = 34;

/// Axes and their labels.
struct Frame {
    /// What the top of the chart stands for.
    most: u64,
    /// What its right edge stands for, in milliseconds.
    long: u64,
}

impl Frame {
    fn x(&self, milliseconds: u64) -> u64 {
        LEFT + scaled(milliseconds, WIDTH - LEFT - RIGHT, self.long)
    }

    fn y(&self, value: u64) -> u64 {
        HEIGHT - BOTTOM - scaled(value, HEIGHT - TOP - BOTTOM, self.most)
    }

    fn axes(&self, label: impl Fn(u64) -> String) -> Markup {
        let step = (self.most / 4).max(1);
        let ticks: Vec<u64> = (0..=self.most / step).map(|n| n * step).collect();
        html! {
            @for value in ticks {
                line class=@if value == 0 { "axis" } @else { "grid" } x1=(LEFT) x2=(WIDTH - RIGHT) y1=(self.y(value)) y2=(self.y(value)) {}
                text.y x=(LEFT - 8) y=(self.y(value) + 4) { (label(value)) }
            }
            @for part in 0..=4_u64 {
                @let at = self.long * part / 4;
                text class=@if part == 0 { "first" } @else if part == 4 { "last" } @else { "x" } x=(self.x(at)) y=(HEIGHT - 12) { (span(at)) }
            }
        }
    }
}

/// Rows and files a second, over working time.
pub(super) fn throughput(course: &Throughput, id: &str) -> Markup {
    let rows = &course.rows;
    let rate = |count: u64| count.saturating_mul(1000) / rows.bucket_milliseconds.max(1);
    let all: u64 = rows.values.iter().flatten().sum();
    let frame = Frame { most: ceiling(rate(rows.peak())), long: rows.milliseconds().max(1) };
    let description = format!(
        "{} rows and files in {} of working time, {} a second on average and {} at most.",
        thousands(all),
        span(rows.milliseconds()),
        thousands(all.saturating_mul(1000) / rows.milliseconds().max(1)),
        thousands(rate(rows.peak()))
    );
    html! {
        figure {
            figcaption { "Rows and files a second over working time. " (description) }
            div.scroll tabindex="0" role="region" aria-label="Throughput chart" {
                svg.chart role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
                    title id={ (id) "-title" } { "Throughput over working time" }
                    desc id={ (id) "-desc" } { (description) }
                    (frame.axes(thousands))
                    @for (place, count) in (0_u64..).zip(&rows.values) {
                        @if let Some(count) = count.filter(|count| *count > 0) {
                            @let (from, to) = (frame.x(place * rows.bucket_milliseconds), frame.x((place + 1) * rows.bucket_milliseconds));
                            @let top = frame.y(rate(count)).min(HEIGHT - BOTTOM - 1);
                            rect.rotated x=(from) y=(top) width=(to.saturating_sub(from).max(2) - u64::from(to > from + 3)) height=(HEIGHT - BOTTOM - top) {}
                        }
                    }
                    @for at in course.breaks.iter().filter(|at| **at < rows.milliseconds()) {
                        line.break x1=(frame.x(*at)) x2=(frame.x(*at)) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
                    }
                }
            }
            @if course.breaks.iter().any(|at| *at < rows.milliseconds()) {
                p.small { "A dashed line is where a session ended and the next one began; the time between is left out." }
            }
        }
    }
}

/// The lag of the sync phase.
pub(super) fn lag(series: &Series, id: &str) -> Markup {
    let frame = Frame { most: ceiling(series.peak()), long: series.milliseconds().max(1) };
    let description = format!(
        "{} of sync; a change was at most {} old when it was carried over.",
        span(series.milliseconds()),
        span(series.peak())
    );
    // A line from bucket to bucket, interrupted where nothing was recorded.
    let mut path = String::new();
    let mut pen = 'M';
    for (place, value) in (0_u64..).zip(&series.values) {
        match value {
            Some(value) => {
                let (from, to) = (
                    frame.x(place * series.bucket_milliseconds),
                    frame.x((place + 1) * series.bucket_milliseconds),
                );
                let _ = write!(path, "{pen}{from} {y}H{to}", y = frame.y(*value));
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    html! {
        figure {
            figcaption { "How old changes were when they were carried over. " (description) }
            div.scroll tabindex="0" role="region" aria-label="Chart of the lag" {
                svg.chart role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
                    title id={ (id) "-title" } { "Lag of the sync phase" }
                    desc id={ (id) "-desc" } { (description) }
                    (frame.axes(span))
                    path.line d=(path) {}
                }
            }
        }
    }
}

/// `value` of `whole`, in units of a `length`.
fn scaled(value: u64, length: u64, whole: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(length) / u128::from(whole.max(1));
    u64::try_from(scaled).unwrap_or(length).min(length)
}

/// The next round number that four steps lead up to.
fn ceiling(value: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [4, 8, 12, 20, 40_u64] {
            match step.checked_mul(unit) {
                Some(round) if round < value => {}
                Some(round) => return round,
                None => return u64::MAX,
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::{ceiling, scaled};

    #[test]
    fn axes_end_with_round_numbers() {
        let round = [0, 1, 4, 5, 19, 41, 900, 14_100, 1_000_000].map(ceiling);
        assert_eq!(round, [4, 4, 4, 8, 20, 80, 1200, 20_000, 1_200_000]);
        assert_eq!(ceiling(u64::MAX), u64::MAX);
        assert!(round.iter().all(|number| number.is_multiple_of(4)));
    }

    #[test]
    fn nothing_leaves_the_frame() {
        assert_eq!(
            [scaled(0, 100, 7), scaled(7, 100, 7), scaled(9, 100, 7), scaled(5, 100, 0)],
            [0, 100, 100, 100]
        );
        assert_eq!(scaled(u64::MAX, 684, u64::MAX), 684);
    }
}
