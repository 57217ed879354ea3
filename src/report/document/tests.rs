//! Reports on journals that are made up: hostile texts, killed sessions, redaction, several journals.

use std::path::Path;

use keyrotation_journal::{
    CellOutcome, CellRecord, Entry, Event, Journal, Key, KeyPart, MemoryStore, Ordinal, Pending, Rotation,
    RowRecord, Seen, SessionEnd, Span, Step, Tally, TargetHead, TargetId, TargetKind,
};
use serde_json::Value;

use super::{Document, Format, Level, Made, Source};
use crate::plan::Fingerprint;

mod periods;
mod running;

const START: i64 = 1_750_000_000_000;

/// Text of the worst kind: markup, a formula, control characters, a turn of direction.
const HOSTILE: &str = "=cmd|' /C calc'!A0</td><script>alert(1)</script>\u{202e}\u{7}\"'&";

/// A journal in memory, some of which is as a test wants it.
struct Tale {
    journal: Journal,
}

fn head(id: &str, kind: TargetKind) -> TargetHead {
    TargetHead { id: id.into(), label: format!("{id} rows"), kind, groups: Vec::new() }
}

fn key(text: &str) -> Key {
    Key(vec![KeyPart::Int(-1234), KeyPart::Text(text.into())])
}

fn row(text: &str, outcomes: Vec<CellOutcome>) -> RowRecord {
    let cells = (0_u8..).zip(outcomes).map(|(column, outcome)| CellRecord { column, outcome }).collect();
    RowRecord { key: key(text), cells }
}

fn rotated() -> CellOutcome {
    CellOutcome::Rotated { before: [1; 16], after: [2; 16], plain: [3; 16] }
}

fn failed(reason: &str) -> CellOutcome {
    CellOutcome::Failed { before: [1; 16], reason: reason.into() }
}

fn session(at: i64, user: &str) -> Event {
    Event::SessionStarted {
        at,
        pid: 7,
        host: "bastion".into(),
        user: user.into(),
        version: "0.1.0".into(),
        command: format!("run --config /home/{user}/properties.yaml"),
    }
}

fn step(at: i64, name: &str, note: &str) -> Step {
    Step { at, name: name.into(), note: note.into(), user: "alice".into(), host: "bastion".into() }
}

fn chunk(target: u16, ordinal: u64, span: Span, rows: Vec<RowRecord>) -> Entry {
    let (target, ordinal) = (TargetId::new(target), Ordinal::new(ordinal));
    Entry::new(Event::ChunkStarted { target, ordinal, span }, rows)
}

fn done(target: u16, ordinal: u64, tally: Tally, replaces: Tally) -> Entry {
    let (target, ordinal) = (TargetId::new(target), Ordinal::new(ordinal));
    Event::ChunkDone { target, ordinal, tally, replaces }.into()
}

fn tally(rotated: u64, failed: u64) -> Tally {
    Tally { rows: rotated + failed, rotated, failed, ..Tally::default() }
}

fn all() -> Span {
    Span::Range { after: None, upto: None }
}

impl Tale {
    /// A rotation from `old` that has begun, with a session of alice's.
    fn begun(id: u8, old: &str) -> Self {
        let fingerprint = Fingerprint {
            own: keyrotation_config::OwnTargets::default(),
            stores: std::collections::BTreeMap::new(),
            descriptors: None,
            mode: keyrotation_config::Mode::BlueGreen,
            keys: crate::plan::KeyFingerprints {
                old_key: old.into(),
                new_key: "bbbb-2222".into(),
                further_old_keys: Vec::new(),
                totp_keys: None,
            },
            identity: Some("postgresql://db/identity".into()),
            registry: None,
            home: Some("/opt/new".into()),
            further_homes: Vec::new(),
            old_identity: None,
            upgrade: false,
            targets: Vec::new(),
        };
        let rotation = Rotation {
            id: [id; 16],
            created_at: START,
            version: "0.1.0".into(),
            fingerprint: fingerprint.encode(),
            targets: vec![
                head("oauth2-access-token", TargetKind::Table),
                head("tenant-userstores", TargetKind::Files),
                head("sync-oauth2-access-token", TargetKind::Sync),
            ],
        };
        let mut journal = Journal::begin_in(MemoryStore::new(), rotation, &[9; 32]).unwrap();
        journal.append(vec![session(START, "alice").into()]).unwrap();
        Self { journal }
    }

    fn append(&mut self, entries: Vec<Entry>) {
        self.journal.append(entries).unwrap();
    }

    /// Everything done: two tokens rotated, one failed and tried again with success, one file failed.
    fn finished(id: u8, old: &str) -> Self {
        let mut made = Self::begun(id, old);
        let rows = vec![
            row("one", vec![rotated(), rotated()]),
            row("two", vec![rotated(), failed("it is not base64")]),
            row(HOSTILE, vec![rotated()]),
        ];
        made.append(vec![
            Event::StepTaken(step(START + 1, "reason", &format!("breach: {HOSTILE}"))).into(),
            Event::TargetStarted { target: TargetId::new(0), total: Some(3) }.into(),
            Event::TargetStarted { target: TargetId::new(1), total: Some(1) }.into(),
            Event::TargetSkipped { target: TargetId::new(2), reason: "no sync".into() }.into(),
            chunk(0, 0, all(), rows),
            done(0, 0, tally(2, 1), Tally::default()),
        ]);
        // Killed; the next session tries the failed row again.
        made.append(vec![session(START + 60_000, "bob").into()]);
        made.append(vec![
            chunk(0, 1, Span::Keys, vec![row("two", vec![rotated(), rotated()])]),
            done(0, 1, tally(1, 0), tally(0, 1)),
            Event::SweepStarted { target: TargetId::new(0), pass: 1 }.into(),
            Event::SweepDone { target: TargetId::new(0), pass: 1, strays: 0 }.into(),
            Event::TargetDone { target: TargetId::new(0) }.into(),
            chunk(1, 0, all(), vec![row("userstores/=2+3.xml", vec![failed(HOSTILE)])]),
            done(1, 0, tally(0, 1), Tally::default()),
            Event::SweepStarted { target: TargetId::new(1), pass: 1 }.into(),
            Event::SweepDone { target: TargetId::new(1), pass: 1, strays: 0 }.into(),
            Event::TargetDone { target: TargetId::new(1) }.into(),
            Event::RotationFinished { at: START + 70_000 }.into(),
            Event::SyncStarted { at: START + 70_000 }.into(),
            Event::SyncSeen(Seen { at: START + 70_001, drained: true, ..Seen::default() }).into(),
            Event::SessionEnded { at: START + 70_001, end: SessionEnd::Completed }.into(),
        ]);
        made
    }
}

fn document<'a>(made: &'a [Tale], left: &'a [Step], how: Made) -> (Document, Vec<Source<'a>>) {
    let sources: Vec<Source<'a>> = made
        .iter()
        .map(|made| Source {
            dir: Path::new("j"),
            journal: &made.journal,
            left,
            held: false,
            checked: true,
            doing: None,
        })
        .collect();
    let how = Made { version: "0.1.0".into(), user: "carol".into(), host: "desk".into(), ..how };
    let document = Document::new(&sources, how.bound_to(&sources).unwrap()).unwrap();
    (document, sources)
}

/// Likewise, with steps in the log of the first.
fn with_steps(made: &mut [Tale], steps: &[Step], how: Made) -> Document {
    made[0].append(steps.iter().map(|step| Event::StepTaken(step.clone()).into()).collect());
    document(made, &[], how).0
}

fn text(document: &Document, format: Format, sources: &[Source<'_>]) -> String {
    let mut out = Vec::new();
    document.write(format, sources, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json(document: &Document, sources: &[Source<'_>]) -> Value {
    serde_json::from_str(&text(document, Format::Json, sources)).unwrap()
}

#[test]
fn hostile_text_stays_text_in_every_format() {
    let made = [Tale::finished(1, "aaaa-1111")];
    let left = [step(START + 80_000, "note", &HOSTILE.repeat(400))];
    let (html, sources) = document(&made, &left, Made::default());
    let page = text(&html, Format::Html, &sources);
    assert!(!page.contains("<script"), "markup got through");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}\\u{7}"), "it is shown as it is");
    assert!(!page.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'));
    assert!(page.contains("more characters)") && page.len() < 120_000, "a long note is cut: {}", page.len());
    // Nothing is loaded.
    for word in ["http:", "https:", "src=", "url(", "@import", "<link", "<img", "<iframe", "<object"] {
        assert!(!page.contains(word), "the page has {word}");
    }

    let (rows, sources) = document(&made, &left, Made { rows: true, ..Made::default() });
    for format in [Format::Csv, Format::Json] {
        let written = text(&rows, format, &sources);
        assert!(!written.chars().any(|c| c.is_control() && !"\r\n".contains(c)), "{written}");
    }
    let csv = text(&rows, Format::Csv, &sources);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 4, "a line is a line whatever its key: {csv}");
    for cell in lines.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "a formula: {cell}");
    }
    // JSON gives everything as it was recorded.
    let value = json(&rows, &sources);
    let keys: Vec<&str> =
        value["rows"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert!(keys.contains(&format!("-1234/{HOSTILE}").as_str()), "{keys:?}");
}

#[test]
fn every_row_stands_once_with_what_became_of_it_last() {
    let made = [Tale::finished(1, "aaaa-1111")];
    let (rows, sources) = document(&made, &[], Made { rows: true, ..Made::default() });
    let value = json(&rows, &sources);
    let row = |key: &str| {
        let found: Vec<&Value> = value["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["key"] == format!("-1234/{key}"))
            .collect();
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        found[0].clone()
    };
    assert_eq!(row("two")["outcome"], "rotated", "the second attempt counts");
    assert_eq!(row("two")["values"].as_array().unwrap().len(), 2);
    assert_eq!(row("userstores/=2+3.xml")["values"][0]["reason"], HOSTILE);
    assert!(row("one")["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    // The sum of the rows is the count of the table.
    let targets = value["rotations"][0]["targets"].as_array().unwrap();
    assert_eq!((&targets[0]["rotated"], &targets[0]["failed"]), (&3.into(), &0.into()));
    assert_eq!(value["totals"]["failed"], 1);
    let handled: u64 = value["rotations"][0]["throughput"]["values"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(handled, 3 + 1 + 1, "the chart has each row each time it was handled");
}

#[test]
fn rows_of_a_chunk_that_was_not_finished_are_said_to_be_unknown() {
    let mut made = Tale::begun(1, "aaaa-1111");
    made.append(vec![
        Event::TargetStarted { target: TargetId::new(0), total: Some(2) }.into(),
        chunk(0, 0, all(), vec![row("one", vec![rotated()]), row("two", vec![failed("no")])]),
    ]);
    let made = [made];
    let (rows, sources) = document(&made, &[], Made { rows: true, ..Made::default() });
    let value = json(&rows, &sources);
    assert_eq!(rows.verdict.level, Level::Bad);
    assert_eq!(rows.verdict.headline, "Not finished");
    for row in value["rows"].as_array().unwrap() {
        assert_eq!((&row["outcome"], &row["at"]), (&"unknown".into(), &Value::Null), "{row}");
    }
}

#[test]
fn redacting_leaves_no_name_and_the_same_name_stays_the_same() {
    let made = [Tale::finished(1, "aaaa-1111"), Tale::finished(2, "aaaa-1111")];
    let how = Made { rows: true, redacted: true, ..Made::default() };
    let (hidden, sources) = document(&made, &[], how.clone());
    for format in [Format::Html, Format::Json, Format::Csv] {
        let written = text(&hidden, format, &sources);
        for name in ["alice", "bob", "carol", "-1234/one", "=2+3.xml", "/home/"] {
            assert!(!written.contains(name), "{name} is in {format:?}:\n{written}");
        }
    }
    let value = json(&hidden, &sources);
    let sessions = |at: usize| value["rotations"][at]["sessions"][0]["user"].clone();
    assert_eq!(sessions(0), sessions(1), "one name is one digest in both journals");
    assert!(sessions(0).as_str().unwrap().starts_with("user-"));
    assert_eq!(value["rotations"][0]["sessions"][0]["command"], "run --config …");
    let keys: std::collections::BTreeSet<&str> =
        value["rows"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 4, "four rows, the same ones in both journals");
    // Another report on the same journal has the same digests; one on another journal has others.
    let (again, _) = document(&made, &[], how.clone());
    assert_eq!(json(&again, &sources)["rows"], value["rows"]);
    let (other, sources) = document(&made[1..], &[], how);
    assert_ne!(json(&other, &sources)["rotations"][0]["sessions"][0]["user"], sessions(0));
}

#[test]
fn journals_of_one_report_are_of_the_same_keys_and_named_once() {
    let made = [Tale::finished(1, "aaaa-1111"), Tale::finished(2, "aaaa-1111")];
    let (both, sources) = document(&made, &[], Made::default());
    assert_eq!((both.rotations.len(), both.totals.rotated_rows, both.totals.failed), (2, 6, 2));
    let page = text(&both, Format::Html, &sources);
    assert!(page.contains("id=\"tables-1\"") && page.contains("id=\"tables-2\""), "ids are unique");

    for (other, id) in
        [(Tale::finished(2, "cccc-3333"), "KR-JRN-005"), (Tale::finished(1, "aaaa-1111"), "KR-CFG-020")]
    {
        let made = [Tale::finished(1, "aaaa-1111"), other];
        let sources: Vec<Source<'_>> = made
            .iter()
            .map(|made| Source {
                dir: Path::new("j"),
                journal: &made.journal,
                left: &[],
                held: false,
                checked: true,
                doing: None,
            })
            .collect();
        let how = Made::default().bound_to(&sources).unwrap();
        let error = Document::new(&sources, how).unwrap_err();
        assert_eq!(error.id().code(), id, "{error}");
    }
}

/// Verifications as `verify` leaves them.
fn verified(at: i64, sample: &str, failed: u64, bad: u64) -> Step {
    let note = format!(
        "live=no sample={sample} chunks=2/2 events=20 rows=4 same={} gone=0 new=0 changed=0 failed={failed} bad={bad} \
         without-ciphertext=0 differences={}",
        4 - failed - bad,
        failed + bad
    );
    step(at, if failed + bad == 0 { "verified" } else { "verify-differences" }, &note)
}

#[test]
fn the_verdict_is_no_better_than_what_was_found() {
    let now = jiff::Timestamp::now().as_millisecond() + 3_600_000; // what was written was written before
    for (left, level, headline) in [
        (vec![], Level::Attention, "Finished, with failures"),
        (vec![verified(now, "all", 1, 0)], Level::Attention, "Finished, with failures"),
        (vec![verified(now, "all", 1, 1)], Level::Bad, "Verification found differences"),
        (
            vec![verified(now, "all", 0, 1), verified(now + 1, "all", 1, 0)],
            Level::Attention,
            "Finished, with failures",
        ),
    ] {
        let mut made = [Tale::finished(1, "aaaa-1111")];
        // Beside the log it counts for nothing.
        let (beside, _) = document(&made, &left, Made::default());
        assert_eq!(beside.verdict.headline, "Finished, with failures");
        let document = with_steps(&mut made, &left, Made::default());
        assert_eq!(
            (document.verdict.level, document.verdict.headline.as_str()),
            (level, headline),
            "{left:?}"
        );
    }
    // Without a failure.
    let whole = || {
        let mut made = Tale::begun(1, "aaaa-1111");
        made.append(vec![
            Event::TargetStarted { target: TargetId::new(0), total: Some(1) }.into(),
            Event::TargetSkipped { target: TargetId::new(1), reason: "none".into() }.into(),
            Event::TargetSkipped { target: TargetId::new(2), reason: "none".into() }.into(),
            chunk(0, 0, all(), vec![row("one", vec![rotated()])]),
            done(0, 0, tally(1, 0), Tally::default()),
            Event::SweepStarted { target: TargetId::new(0), pass: 1 }.into(),
            Event::SweepDone { target: TargetId::new(0), pass: 1, strays: 0 }.into(),
            Event::TargetDone { target: TargetId::new(0) }.into(),
            Event::RotationFinished { at: START + 9 }.into(),
            Event::SyncStarted { at: START + 9 }.into(),
        ]);
        let seen = |at: i64, lag: u64, drained: bool| {
            let tables = vec![Pending { target: TargetId::new(2), entries: 0, held: 0, failed: 0 }];
            Event::SyncSeen(Seen { at, tables, lag: Some(lag), drained }).into()
        };
        made.append(vec![
            seen(START + 10_000, 400, false),
            seen(START + 70_000, 90, false),
            seen(START + 71_000, 20, true),
            Event::SessionEnded { at: START + 71_000, end: SessionEnd::Completed }.into(),
        ]);
        [made]
    };
    for (left, level, headline) in [
        (vec![], Level::Attention, "Finished, not verified"),
        (vec![verified(now, "5%", 0, 0)], Level::Attention, "Finished and verified by sample"),
        (vec![verified(now, "all", 0, 0)], Level::Good, "Finished and verified"),
    ] {
        let mut made = whole();
        made[0].append(left.iter().map(|step| Event::StepTaken(step.clone()).into()).collect());
        let (document, sources) = document(&made, &[], Made::default());
        assert_eq!(
            (document.verdict.level, document.verdict.headline.as_str()),
            (level, headline),
            "{left:?}"
        );
        // The lag as it was recorded, and a chart of it.
        let value = json(&document, &sources);
        let lags: Vec<u64> = value["rotations"][0]["sync"]["lag"]["values"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        assert_eq!(lags, [400, 90, 20]);
        assert!(text(&document, Format::Html, &sources).contains("0.4 s old when it was carried over"));
    }
}
