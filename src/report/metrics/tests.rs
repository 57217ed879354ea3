//! The metrics file: its text by a strict reader, its times, and how it takes its place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use keyrotation_journal::{JobState, Rotation, TargetHead, TargetKind};

use super::super::{FailureView, PausedView, SyncTableView, SyncView, TaskView};
use super::*;

fn status() -> StatusView {
    let head = |id: &str, kind| TargetHead {
        id: id.to_owned(),
        label: "odd \"label\"\\".to_owned(),
        kind,
        groups: Vec::new(),
    };
    let rotation = Rotation {
        id: [1; 16],
        created_at: 1_700_000_000_123,
        version: "test".into(),
        fingerprint: Vec::new(),
        targets: vec![head("t1", TargetKind::Table), head("f1", TargetKind::Files)],
    };
    let mut status = StatusView::new(&JobState::new(rotation), true);
    let table = &mut status.targets[0];
    (table.place, table.total, table.rows, table.rotated, table.failed) = ("T".into(), Some(10), 7, 5, 2);
    for key in ["anna", "bob"] {
        let reason = "neither the old nor the new key decrypts it".to_owned();
        table.failures.push(FailureView { key: key.into(), column: "C".into(), reason });
    }
    status
}

fn with_sync() -> StatusView {
    let table = |id: &str| {
        let mut table = SyncTableView::default();
        id.clone_into(&mut table.id);
        table
    };
    let (mut kept, mut skipped) = (table("s1"), table("s2"));
    (kept.place, kept.pending, kept.held) = ("S".into(), 4, 1);
    skipped.skipped = Some("no".into());
    let sync = SyncView {
        started_at: Some("now".into()),
        lag_milliseconds: Some(2500),
        tables: vec![kept, skipped],
        ..SyncView::default()
    };
    // All is rotated, and what users change is still carried over.
    let re_encrypted_at = Some("2026-11-24T22:30:00.000Z".into());
    StatusView { sync: Some(sync), re_encrypted_at, ..status() }
}

fn facts(view: Option<&StatusView>) -> Facts {
    let mut file = MetricsFile::new(PathBuf::new(), "run");
    if let Some(view) = view {
        file.see(view);
    }
    Facts { began: Timestamp::UNIX_EPOCH, ..file.facts }
}

/// What both formats take, read strictly: families in one piece, each with its help and type, known once; and names,
/// labels and values as they are to be.
#[track_caller]
fn samples(text: &str) -> Vec<(String, f64)> {
    let body = text.strip_suffix("# EOF\n").expect("an end");
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !name.is_empty();
    let (mut families, mut samples) = (Vec::new(), Vec::new());
    let mut lines = body.lines().peekable();
    while let Some(help) = lines.next() {
        let (family, words) = help.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(is_name(family) && words.ends_with('.') && !words.contains(['\\', '"']), "{help}");
        assert!(!families.contains(&family), "{family} comes twice");
        families.push(family);
        let of_type = lines.next().unwrap().strip_prefix("# TYPE ").unwrap();
        let suffix = match of_type.strip_prefix(family).unwrap() {
            " gauge" => "",
            " counter" => "_total",
            other => panic!("{family} has the type{other}"),
        };
        let mut in_family = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let rest = series.strip_prefix(family).unwrap().strip_prefix(suffix).unwrap();
            if !rest.is_empty() {
                let labels = rest.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
                for label in labels.split("\",") {
                    let (name, value) = label.split_once("=\"").unwrap();
                    assert!(is_name(name) && !value.contains('\n'), "{line}");
                }
            }
            assert!(samples.iter().all(|(known, _)| known != series), "{series} comes twice");
            samples.push((series.to_owned(), value.parse().unwrap()));
            in_family += 1;
        }
        assert!(in_family > 0, "{family} has no sample");
    }
    samples
}

fn value(samples: &[(String, f64)], series: &str) -> Option<f64> {
    samples.iter().find(|(known, _)| known == series).map(|(_, value)| *value)
}

#[test]
fn before_the_rotation_is_known_the_page_is_sound() {
    let found = samples(&page::text(&facts(None), Timestamp::UNIX_EPOCH));
    assert_eq!(value(&found, "keyrotation_phase{phase=\"looking\"}"), Some(1.0));
    assert_eq!(value(&found, "keyrotation_verdict{verdict=\"running\"}"), Some(1.0));
    assert_eq!(value(&found, "keyrotation_last_update_timestamp_seconds"), Some(0.0));
    assert!(
        !found.iter().any(|(series, _)| series.contains("rows_total") || series.contains("rotation_info"))
    );
}

#[test]
fn the_page_has_what_the_status_has_and_no_part_of_a_row() {
    let mut facts = facts(Some(&with_sync()));
    facts.activity.task = Some(TaskView { per_second: Some(900), ..TaskView::default() });
    facts.activity.rows_per_second_limit = Some(1000);
    let text = page::text(&facts, Timestamp::from_millisecond(1500).unwrap());
    let found = samples(&text);
    let of_table = "target=\"t1\",table=\"T\"";
    for (series, expected) in [
        (format!("keyrotation_rows_total{{{of_table},outcome=\"rotated\"}}"), 5.0),
        (format!("keyrotation_rows_failed{{{of_table}}}"), 2.0),
        (format!("keyrotation_rows_planned{{{of_table}}}"), 10.0),
        (format!("keyrotation_failures{{{of_table},reason=\"neither_key\"}}"), 2.0),
        ("keyrotation_files_failed{target=\"f1\",table=\"odd \\\"label\\\"\\\\\"}".to_owned(), 0.0),
        ("keyrotation_rows_per_second".to_owned(), 900.0),
        ("keyrotation_rows_per_second_limit".to_owned(), 1000.0),
        ("keyrotation_phase{phase=\"syncing\"}".to_owned(), 1.0),
        ("keyrotation_sync_lag_seconds".to_owned(), 2.5),
        ("keyrotation_sync_waiting_entries{target=\"s1\",table=\"S\"}".to_owned(), 4.0),
        ("keyrotation_sync_held_rows{target=\"s1\",table=\"S\"}".to_owned(), 1.0),
        ("keyrotation_start_timestamp_seconds".to_owned(), 1_700_000_000.123),
        ("keyrotation_last_update_timestamp_seconds".to_owned(), 1.5),
        ("keyrotation_finished".to_owned(), 1.0),
    ] {
        assert_eq!(value(&found, &series), Some(expected), "{series} in:\n{text}");
    }
    assert!(!text.contains("anna") && !text.contains("s2"), "{text}");
}

#[test]
fn pauses_are_counted_by_their_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = MetricsFile::new(dir.path().join("k.prom"), "sync");
    let mut now = file.looked;
    let mut pass = |file: &mut MetricsFile, seconds, activity: &ActivityView| {
        now += Duration::from_secs(seconds);
        file.pass(now, activity);
        samples(&page::text(&file.facts, Timestamp::now()))
    };
    let paused = PausedView { since: String::new(), by: "anna".into(), still: true };
    let paused = ActivityView { paused: Some(paused), waiting: Some("x".into()), ..ActivityView::default() };
    let waiting = ActivityView { waiting: Some("x".into()), ..ActivityView::default() };
    let found = pass(&mut file, 3, &paused);
    assert_eq!(value(&found, "keyrotation_paused{reason=\"asked\"}"), Some(1.0));
    assert_eq!(value(&found, "keyrotation_paused_seconds_total{reason=\"asked\"}"), Some(0.0));
    pass(&mut file, 7, &waiting);
    let throttled = ActivityView { throttled: true, ..waiting };
    pass(&mut file, 2, &throttled);
    let found = pass(&mut file, 4, &ActivityView::default());
    assert_eq!(value(&found, "keyrotation_paused{reason=\"asked\"}"), Some(0.0));
    assert_eq!(value(&found, "keyrotation_paused_seconds_total{reason=\"asked\"}"), Some(7.0));
    assert_eq!(value(&found, "keyrotation_paused_seconds_total{reason=\"waiting\"}"), Some(2.0));
    assert_eq!(value(&found, "keyrotation_paused_seconds_total{reason=\"throttled\"}"), Some(4.0));
}

#[test]
fn the_file_is_replaced_for_everybody_to_read_and_says_how_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.prom");
    fs::write(&path, "old").unwrap();
    let mut file = MetricsFile::new(path.clone(), "run");
    file.write(Instant::now());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    file.end(&Ending::Error { id: "KR-ENV-001", what: "s3cret".into() }, Some(&status()));
    let text = fs::read_to_string(&path).unwrap();
    let found = samples(&text);
    assert_eq!(value(&found, "keyrotation_verdict{verdict=\"error\"}"), Some(1.0));
    assert_eq!(value(&found, "keyrotation_verdict{verdict=\"running\"}"), Some(0.0));
    assert_eq!(value(&found, "keyrotation_last_error_info{id=\"KR-ENV-001\"}"), Some(1.0));
    assert_eq!(value(&found, "keyrotation_phase{phase=\"ended\"}"), Some(1.0));
    assert!(!text.contains("s3cret"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn a_file_that_cannot_be_written_is_no_error() {
    let mut file = MetricsFile::new(PathBuf::from("/no/such/folder/k.prom"), "run");
    file.write(Instant::now());
    assert!(file.warned);
    file.end(&Ending::Completed, None);
}
