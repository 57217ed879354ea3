//! The text of the metrics file, in what two formats have in common.
//!
//! The node exporter reads Prometheus' text format: it refuses a file with the types `info` and `stateset` or with
//! timestamps, and takes `# EOF` for a comment. OpenMetrics wants `# EOF`, and a counter's type under its name without
//! `_total`. So there are counters in the way of OpenMetrics, whose samples count as untyped for the other, and gauges.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use jiff::Timestamp;

use super::super::reasons::word_for;
use super::super::watchers::{Ending, WorkPhase};
use super::super::{StatusView, SyncView, TargetView};
use super::{Facts, Rest};

type Labels<'a> = Vec<(&'static str, &'a str)>;

#[derive(Default)]
struct Page(String);

impl Page {
    fn gauge<'a, N: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, N)>,
    ) {
        self.family(name, "gauge", "", help, samples);
    }

    fn counter<'a, N: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, N)>,
    ) {
        self.family(name, "counter", "_total", help, samples);
    }

    /// A family of samples; without any it is left out. Writing to a String cannot fail.
    fn family<'a, N: Display>(
        &mut self,
        name: &str,
        kind: &str,
        suffix: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, N)>,
    ) {
        let out = &mut self.0;
        for (at, (labels, value)) in samples.into_iter().enumerate() {
            if at == 0 {
                let _ = writeln!(out, "# HELP keyrotation_{name} {help}\n# TYPE keyrotation_{name} {kind}");
            }
            let labels: Vec<_> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(out, "keyrotation_{name}{suffix}{labels} {value}");
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// All of it.
pub(super) fn text(facts: &Facts, now: Timestamp) -> String {
    let mut page = Page::default();
    let version = env!("CARGO_PKG_VERSION");
    page.gauge("build_info", "The program, in its labels.", [(vec![("version", version)], 1)]);
    page.gauge("session_start_timestamp_seconds", "When this process began.", one(seconds(facts.began)));
    page.gauge("last_update_timestamp_seconds", "When this file was written.", one(seconds(now)));
    let phases = WorkPhase::ALL
        .map(|phase| (vec![("phase", phase.word())], u8::from(phase == facts.phase)))
        .into_iter();
    page.gauge("phase", "The phase of the rotation: 1 for the current one.", phases);
    verdict(&mut page, facts.ending.as_ref());
    rests(&mut page, facts);
    let task = facts.activity.task.as_ref();
    let rate = task.and_then(|task| task.per_second);
    page.gauge("rows_per_second", "Speed over the last minute of work.", rate.into_iter().flat_map(one));
    let limit = facts.activity.rows_per_second_limit;
    page.gauge("rows_per_second_limit", "The pace; absent without a limit.", limit.into_iter().flat_map(one));
    let left = task.and_then(|task| task.seconds_left);
    page.gauge("left_seconds", "Time until all is rotated and checked.", left.into_iter().flat_map(one));
    if let Some(view) = &facts.view {
        rotation(&mut page, facts, view);
        if let Some(sync) = &view.sync {
            of_sync(&mut page, sync);
        }
    }
    page.0.push_str("# EOF\n");
    page.0
}

fn one<'a, N>(value: N) -> [(Labels<'a>, N); 1] {
    [(Vec::new(), value)]
}

/// Seconds since 1970.
fn seconds(at: Timestamp) -> String {
    let milliseconds = at.as_millisecond();
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}

fn verdict(page: &mut Page, ending: Option<&Ending>) {
    let now = ending.map_or("running", Ending::word);
    let words = ["running", "completed", "failures", "stopped", "error"];
    let verdicts = words.map(|word| (vec![("verdict", word)], u8::from(word == now)));
    page.gauge("verdict", "How this process ended: 1 for what applies.", verdicts);
    let id = match ending {
        Some(Ending::Error { id, .. }) => Some(*id),
        _ => None,
    };
    page.gauge("last_error_info", "The error that ended this process.", id.map(|id| (vec![("id", id)], 1)));
}

fn rests(page: &mut Page, facts: &Facts) {
    let now = Rest::of(&facts.activity);
    let paused = Rest::ALL.map(|reason| (vec![("reason", reason.word())], u8::from(now == Some(reason))));
    page.gauge(
        "paused",
        "Whether the rotation pauses now, on request or because it waits for something.",
        paused,
    );
    let rests = Rest::ALL.into_iter().zip(facts.rests);
    let rests = rests.map(|(reason, rest)| {
        (vec![("reason", reason.word())], format!("{}.{:03}", rest.as_secs(), rest.subsec_millis()))
    });
    page.counter("paused_seconds", "How long the rotation has paused since this process began.", rests);
}

fn rotation(page: &mut Page, facts: &Facts, view: &StatusView) {
    let mode = if view.mode.is_in_place() { "in-place" } else { "blue-green" };
    let labels = vec![("rotation_id", &*view.rotation_id), ("mode", mode), ("command", facts.command)];
    page.gauge("rotation_info", "The rotation, in its labels.", [(labels, 1)]);
    let at = |text: &str| text.parse::<Timestamp>().ok().map(seconds).into_iter().flat_map(one);
    page.gauge("start_timestamp_seconds", "When the rotation began.", at(&view.started_at));
    let done = view.re_encrypted_at.as_deref();
    page.gauge("finished", "Whether all rows and files are processed.", one(u8::from(done.is_some())));
    page.gauge(
        "finished_timestamp_seconds",
        "When all rows and files had been processed.",
        at(done.unwrap_or_default()),
    );
    targets(page, "rows", "Rows", &view.targets);
    targets(page, "files", "Files", &view.files);
    let is_done = |target: &TargetView| u8::from(matches!(&*target.state, "done" | "skipped"));
    let done = view.all().map(|target| (labels_of(target), is_done(target)));
    page.gauge("target_done", "Whether a table or kind of files is done, or is not there.", done);
    let mut failures: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for target in view.all() {
        for failure in &target.failures {
            *failures.entry((&target.id, &target.place, word_for(&failure.reason))).or_default() += 1;
        }
    }
    let failures = failures.into_iter().map(|((id, place, reason), count)| {
        (vec![("target", id), ("table", place), ("reason", reason)], count)
    });
    page.gauge("failures", "Values that failed, by reason, of the first hundred of each table.", failures);
}

fn labels_of(target: &TargetView) -> Labels<'_> {
    vec![("target", &*target.id), ("table", &*target.place)]
}

fn targets(page: &mut Page, unit: &str, units: &str, targets: &[TargetView]) {
    let outcomes = targets.iter().flat_map(|target| {
        let counts = [
            ("rotated", target.rotated),
            ("plain", target.plain),
            ("null", target.null),
            ("already_new", target.already_new),
            ("gone", target.gone),
        ];
        counts.map(|(outcome, count)| {
            (vec![("target", &*target.id), ("table", &*target.place), ("outcome", outcome)], count)
        })
    });
    page.counter(unit, &format!("{units} that are processed, by outcome."), outcomes);
    let failed = targets.iter().map(|target| (labels_of(target), target.failed));
    page.gauge(&format!("{unit}_failed"), &format!("{units} that are not rotated, for a reason."), failed);
    let known = targets.iter().filter_map(|target| Some((target, target.total?)));
    let planned = known.map(|(target, total)| (labels_of(target), total.max(target.rows)));
    page.gauge(&format!("{unit}_planned"), &format!("{units} that there are."), planned);
}

fn of_sync(page: &mut Page, sync: &SyncView) {
    let lag = sync.lag_milliseconds.map(|lag| format!("{}.{:03}", lag / 1000, lag % 1000));
    page.gauge(
        "sync_lag_seconds",
        "How old the oldest change was when it was carried over.",
        lag.into_iter().flat_map(one),
    );
    page.gauge(
        "sync_drained",
        "Whether all changes are carried over, except held and failed ones.",
        one(u8::from(sync.drained)),
    );
    let tables = |count: fn(&super::super::SyncTableView) -> u64| {
        let kept = sync.tables.iter().filter(|table| table.skipped.is_none());
        kept.map(move |table| (vec![("target", &*table.id), ("table", &*table.place)], count(table)))
    };
    page.gauge(
        "sync_waiting_entries",
        "Entries of the change logs that wait.",
        tables(|table| table.pending),
    );
    page.gauge("sync_held_rows", "Rows that wait for people.", tables(|table| table.held));
    page.gauge("sync_failed_rows", "Rows that cannot be carried over.", tables(|table| table.failed));
    page.counter("sync_applied_rows", "Rows that were carried over.", tables(|table| table.applied));
    page.counter(
        "sync_superseded_rows",
        "Rows that the new server has made its own.",
        tables(|table| table.superseded),
    );
}
