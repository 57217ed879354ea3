//! The status in words.

use std::fmt::Write as _;

use keyrotation_journal::step_in_force;

use super::steps::words_of;
use super::{RETIRABLE, RunState, StatusView, TargetView, VERIFIED, VERIFY_DIFFERENCES, VerifiedView};
use crate::fit::{self, wrapped};
use crate::plan::Mode;

/// A number with its thousands divided.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes in words, in steps of a thousand.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    #[allow(clippy::cast_precision_loss)] // three digits are shown
    let (mut left, mut unit) = (number as f64, 0);
    while left >= 999.5 && unit + 1 < UNITS.len() {
        left /= 1000.0;
        unit += 1;
    }
    if unit == 0 || left >= 9.95 {
        format!("{left:.0} {}", UNITS[unit])
    } else {
        format!("{left:.1} {}", UNITS[unit])
    }
}

/// A moment without the parts of its second.
pub fn second(at: &str) -> String {
    match at.split_once('.') {
        Some((whole, rest)) if rest.ends_with('Z') => format!("{whole}Z"),
        _ => at.to_owned(),
    }
}

/// Text from a database or a file name, safe for a terminal: control characters are escaped.
pub fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// The state, with what failed: what can be resumed has not failed.
pub fn state_words(view: &StatusView) -> String {
    let state = match view.state {
        RunState::Failed => "stopped by an error",
        state => state.word(),
    };
    match view.failed() {
        0 => state.to_owned(),
        failed => format!("{state}, {} failed", thousands(failed)),
    }
}

/// The status for people: a headline, a table, what failed, what to do next.
pub fn status_text(view: &StatusView) -> String {
    status_with(view, Lines::WithCounts)
}

/// Likewise, with a line for each table and a column for each count, also where there is nothing to count.
pub fn whole_status_text(view: &StatusView) -> String {
    status_with(view, Lines::All)
}

/// Which tables and files have a line of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    WithCounts,
    All,
}

fn status_with(view: &StatusView, lines: Lines) -> String {
    let mut out = format!("rotation {} is {}", view.rotation_id, state_words(view));
    let paused = view.activity.as_ref().and_then(|activity| activity.paused.as_ref());
    if let Some(paused) = paused {
        let _ = write!(out, ", {}", paused.text());
    }
    if let Some(pid) = view.pid {
        let host = view.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
        let _ = write!(out, " (process {pid}{host})");
    }
    if let Some(keys) = &view.keys {
        let _ = write!(out, "\n{}", keys.text());
    }
    let _ =
        write!(out, "\nstarted {}, last change {}\n\n", second(&view.started_at), second(&view.updated_at));
    out.push_str(&table_of(&view.all().collect::<Vec<_>>(), lines));
    out.push_str(&failures(&view.all().collect::<Vec<_>>(), usize::MAX));
    if view.all().any(|target| target.failures.len() < usize::try_from(target.failed).unwrap_or(usize::MAX)) {
        out.push_str("more rows failed than are listed; `keyrotation status --failures` lists them all\n");
    }
    for target in view.all().filter(|target| !target.missing_indexes.is_empty()) {
        let (place, indexes) = (&target.place, target.missing_indexes.join(", "));
        let _ = writeln!(out, "indexes dropped until {place} is rotated: {}", printable(&indexes));
    }
    if let Some(sync) = &view.sync {
        out.push_str(&sync.text());
    }
    if let Some(at) = view.activity.as_ref().and_then(|activity| activity.stops_at.as_ref()) {
        let _ = writeln!(out, "it stops at a safe point at {}", second(at));
    }
    let activity = view.activity.as_ref().map(super::ActivityView::text);
    if let Some(text) = activity.filter(|text| !text.is_empty()) {
        let _ = writeln!(out, "now: {text}");
    }
    // What `verify` found has a line of its own.
    let is_told = |name: &str| [VERIFIED, VERIFY_DIFFERENCES].contains(&name);
    for step in view.steps.iter().filter(|step| !is_told(&step.name)) {
        let note = words_of(&step.name, &step.note);
        let note = if note.is_empty() { String::new() } else { format!(": {}", printable(&note)) };
        let _ = writeln!(out, "step {} at {} by {}{note}", step.name, second(&step.at), step.by);
    }
    for verified in view.verified.iter().chain(&view.sampled) {
        out.push_str(&verified_line(verified));
    }
    let standing = view.standing();
    for words in standing.outside_words().into_iter().chain(standing.keys_words()) {
        let _ = writeln!(out, "{}", printable(&words));
    }
    if let Some(error) = &view.error {
        let _ = writeln!(out, "the last session ended with {error}");
    }
    let _ = writeln!(out, "{}", next_step(view));
    out
}

/// What `verify` found, in a line.
fn verified_line(verified: &VerifiedView) -> String {
    let found = &verified.found;
    let part = if found.is_whole() { String::new() } else { format!(" (a sample of {})", found.sample) };
    let (same, differ) = (thousands(found.same), thousands(found.in_targets()));
    let is_all = found.in_targets() == found.differences;
    let more = if is_all { String::new() } else { format!("; {}", found.words()) };
    let (at, by) = (second(&verified.at), &verified.by);
    format!("verified at {at} by {by}: {same} rows and files as recorded{part}, {differ} differ{more}\n")
}

/// The failures of tables and files, one a line, so many of each.
pub(super) fn failures(targets: &[&TargetView], most: usize) -> String {
    let mut out = String::new();
    for target in targets {
        for failure in target.failures.iter().take(most) {
            let (key, column, reason) = (printable(&failure.key), &failure.column, &failure.reason);
            let _ = writeln!(out, "failed: {} {key} {column}: {reason}", target.place);
        }
    }
    out
}

/// A column of the table: its title, and its number for a target.
type Counts = (&'static str, fn(&TargetView) -> u64);

/// The counts of tables and files, one a line: what has nothing to count is named below, and a column of zeros alone is
/// left out.
pub(super) fn table(targets: &[&TargetView]) -> String {
    table_of(targets, Lines::WithCounts)
}

fn table_of(targets: &[&TargetView], shown: Lines) -> String {
    const ALWAYS: [Counts; 3] = [
        ("failed", |target| target.failed),
        ("rows", |target| target.rows),
        ("rotated", |target| target.rotated),
    ];
    const IF_ANY: [Counts; 3] = [
        ("already new", |target| target.already_new),
        ("plain, NULL", |target| target.plain + target.null),
        ("gone", |target| target.gone),
    ];
    let is_any = |(_, count): &Counts| shown == Lines::All || targets.iter().any(|target| count(target) > 0);
    let group = |target: &TargetView| group(target).filter(|_| shown == Lines::WithCounts);
    let columns: Vec<Counts> = ALWAYS.into_iter().chain(IF_ANY.into_iter().filter(is_any)).collect();
    let titles = ["table or files", "state"].into_iter().chain(columns.iter().map(|(title, _)| *title));
    let mut lines: Vec<Vec<String>> = vec![titles.map(str::to_owned).collect()];
    for target in targets.iter().filter(|target| group(target).is_none()) {
        let counts = columns.iter().map(|(_, count)| thousands(count(target)));
        let place = short_place(&target.place).to_owned();
        lines.push([place, target.state.clone()].into_iter().chain(counts).collect());
    }
    let mut out = aligned(&lines, 2);
    for word in ["pending", "empty", "skipped"] {
        let places: Vec<&str> = targets
            .iter()
            .filter(|target| group(target) == Some(word))
            .map(|target| short_place(&target.place))
            .collect();
        if !places.is_empty() {
            let _ = writeln!(out, "{word}: {}", places.join(", "));
        }
    }
    out.push('\n');
    out
}

/// What a target is listed under that has nothing to count.
pub(super) fn group(target: &TargetView) -> Option<&'static str> {
    match &*target.state {
        "skipped" => Some("skipped"),
        "pending" if target.rows == 0 => Some("pending"),
        "done" if target.rows + target.gone == 0 => Some("empty"),
        _ => None,
    }
}

/// Lines of cells in columns, under their titles: the first so many begin at the left, the others end at the right. On a
/// terminal that is too narrow for them each line becomes two.
pub(super) fn aligned(lines: &[Vec<String>], left: usize) -> String {
    aligned_in(lines, left, fit::columns())
}

fn aligned_in(lines: &[Vec<String>], left: usize, room: Option<usize>) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let needs = |gap: usize| widths.iter().sum::<usize>() + gap * columns.saturating_sub(1);
    let gap = match room {
        Some(room) if needs(1) > room => return stacked(lines, left, room),
        Some(room) if needs(2) > room => " ",
        _ => "  ",
    };
    let mut out = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(
            |(at, (cell, &width))| {
                if at < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            },
        );
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join(gap).trim_end());
    }
    out
}

/// Each line as its first cell, and below it what the others say that is not nothing.
fn stacked(lines: &[Vec<String>], left: usize, room: usize) -> String {
    let mut out = String::new();
    let Some((titles, lines)) = lines.split_first() else { return out };
    for line in lines {
        let mut said = Vec::new();
        for (at, (cell, title)) in line.iter().zip(titles).enumerate().skip(1) {
            match cell.as_str() {
                "" | "0" => {}
                text if at < left => said.push(text.to_owned()),
                text => said.push(format!("{title}: {text}").replace(' ', "\u{a0}")), // one word
            }
        }
        let place = line.first().map_or("", String::as_str);
        let _ = writeln!(out, "{place}\n{}", wrapped(&format!("  {}", said.join(", ")), Some(room)));
    }
    out.replace('\u{a0}', " ")
}

/// The table, or the kind of files in few words.
pub(super) fn short_place(place: &str) -> &str {
    place.strip_suffix(" configuration files").unwrap_or(place)
}

/// One sentence with the counts.
pub fn summary_sentence(view: &StatusView) -> String {
    let sum =
        |targets: &[TargetView], count: fn(&TargetView) -> u64| -> u64 { targets.iter().map(count).sum() };
    let rows = sum(&view.targets, |target| target.rotated);
    let files = sum(&view.files, |target| target.rotated);
    let already = sum(&view.targets, |t| t.already_new) + sum(&view.files, |t| t.already_new);
    let again = match sum(&view.targets, |t| t.resealed) + sum(&view.files, |t| t.resealed) {
        0 => String::new(),
        again => format!(" ({} of them encrypted again, with the key's id)", thousands(again)),
    };
    format!(
        "{} rows and {} files are now under the new key, {} were there before{again}, {} failed.",
        thousands(rows),
        thousands(files),
        thousands(already),
        thousands(view.failed())
    )
}

/// Whether every row and file was as recorded, after the last was written.
fn is_verified(view: &StatusView) -> bool {
    let is_clean = |last: &VerifiedView| last.found.is_whole() && last.found.differences == 0;
    view.verified.as_ref().is_some_and(is_clean)
        && step_in_force(&view.steps, VERIFIED, |step| &step.name).is_some_and(|step| !step.written_since)
}

fn next_step(view: &StatusView) -> String {
    match view.state {
        RunState::Running if view.activity.as_ref().is_some_and(|activity| activity.paused.is_some()) => {
            let backlog = match &view.sync {
                Some(sync) if sync.started_at.is_some() => {
                    "; meanwhile more and more changes on the old server wait"
                }
                _ => "",
            };
            format!("it is paused{backlog}; `keyrotation continue` continues it")
        }
        RunState::Running => {
            "it is running; `keyrotation stop`, or Ctrl-C in its terminal, stops it at a safe point"
                .to_owned()
        }
        RunState::Interrupted | RunState::Failed if view.all().any(|t| !t.missing_indexes.is_empty()) => {
            "next: `keyrotation resume`; to give the rotation up, `keyrotation indexes restore`".to_owned()
        }
        RunState::Interrupted | RunState::Failed => "next: `keyrotation resume`".to_owned(),
        RunState::Completed if view.failed() > 0 => {
            "next: repair what the failures name, then `keyrotation resume --retry-failed`".to_owned()
        }
        RunState::Completed
            if step_in_force(&view.steps, RETIRABLE, |step| &step.name)
                .is_some_and(|step| !step.written_since) =>
        {
            "next: `keyrotation runbook retire`".to_owned()
        }
        RunState::Completed if view.sync.is_some() => {
            "next: `keyrotation safe-to-retire`; if the old server still serves users, `keyrotation sync`"
                .to_owned()
        }
        RunState::Completed if view.mode == Mode::BlueGreen && is_verified(view) => {
            "next: put the new key and the copies into deployment.toml: `keyrotation configure`".to_owned()
        }
        RunState::Completed => match view.mode {
            Mode::BlueGreen => "next: `keyrotation verify`, then put the new key into deployment.toml",
            Mode::InPlace => {
                "next: `keyrotation verify`, then `keyrotation keys`: may old_key be taken out of deployment.toml?"
            }
        }
        .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{aligned_in, bytes, thousands};

    #[test]
    fn a_table_takes_the_width_that_there_is() {
        let line = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let lines = [
            line(["table or files", "state", "failed", "rows"]),
            line(["IDN_OAUTH2_ACCESS_TOKEN", "running", "0", "1,200"]),
            line(["WF_REQUEST", "done", "2", "40"]),
        ];
        let wide = aligned_in(&lines, 2, None);
        assert_eq!(wide.lines().nth(1), Some("IDN_OAUTH2_ACCESS_TOKEN  running       0  1,200"));
        assert_eq!(aligned_in(&lines, 2, Some(47)), wide);
        let close = aligned_in(&lines, 2, Some(46));
        assert_eq!(close.lines().nth(2), Some("WF_REQUEST              done         2    40"));
        let narrow =
            "IDN_OAUTH2_ACCESS_TOKEN\n  running, rows: 1,200\nWF_REQUEST\n  done, failed: 2, rows: 40\n";
        assert_eq!(aligned_in(&lines, 2, Some(40)), narrow);
    }

    #[test]
    fn bytes_have_two_or_three_digits() {
        assert_eq!(
            [0, 999, 1000, 9949, 9950, 999_499, 1_250_000, 5_000_000_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.2 MB", "5.0 GB"]
        );
    }

    #[test]
    fn thousands_are_divided() {
        assert_eq!(
            [0, 999, 1000, 12_345, 1_234_567].map(thousands),
            ["0", "999", "1,000", "12,345", "1,234,567"]
        );
    }
}
