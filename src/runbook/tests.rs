//! Where steps stand, as folds over events of a journal; what is confirmed and what is refused; and
//! the commands for each engine.

mod dumps;

use std::path::{Path, PathBuf};

use keyrotation_journal::{
    Event, JobState, Ordinal, Pending, Rotation, Seen, Span, Step as Taken, Tally, TargetHead, TargetId,
    TargetKind,
};

use super::*;
use crate::config::{DraftConfig, Site};
use crate::db::server::{Host, Kind, Tls, TlsMode};
use crate::report::{StatusView, Verification};

/// A minute of this day, in Unix milliseconds.
fn minute(minute: i64) -> i64 {
    1_790_000_000_000 + minute * 60_000
}

fn taken(at: i64, name: &str) -> Taken {
    Taken { at: minute(at), name: name.into(), note: "n".into(), user: "anna".into(), host: "db1".into() }
}

/// A verification of everything, with so many differences.
fn verification(at: i64, differences: u64) -> Taken {
    let found = Verification {
        sample: "all".into(),
        differences,
        bad: differences,
        events: 99,
        ..Verification::default()
    };
    Taken { note: found.note(), ..taken(at, found.step_name()) }
}

/// A rotation that began at minute 10, after these events, each a minute later.
fn status(sync: bool, events: &[Event]) -> StatusView {
    let head = |id: &str, kind| TargetHead { id: id.into(), label: id.into(), kind, groups: Vec::new() };
    let mut targets = vec![head("idn-secret", TargetKind::Table)];
    if sync {
        targets.push(head("sync-token", TargetKind::Sync));
    }
    let (id, created_at) = ([1; 16], minute(10));
    let rotation = Rotation { id, created_at, version: "1".into(), fingerprint: Vec::new(), targets };
    let session = Event::SessionStarted {
        at: created_at,
        pid: 1,
        host: "db1".into(),
        user: "anna".into(),
        version: "1".into(),
        command: "run".into(),
    };
    let mut state = JobState::new(rotation).apply(created_at, &session, &[]).unwrap();
    for (at, event) in (11..).zip(events) {
        state = state.apply(minute(at), event, &[]).unwrap();
    }
    StatusView::new(&state, false)
}

/// What makes a rotation finished, at minute 20.
fn finished(sync: bool) -> Vec<Event> {
    let mut events = vec![Event::TargetSkipped { target: TargetId::new(0), reason: "no such table".into() }];
    if sync {
        let (target, ordinal) = (TargetId::new(1), Ordinal::FIRST);
        let (tally, replaces) = (Tally::default(), Tally::default());
        events.push(Event::TargetStarted { target, total: None });
        events.push(Event::ChunkStarted { target, ordinal, span: Span::Range { after: None, upto: None } });
        events.push(Event::ChunkDone { target, ordinal, tally, replaces });
        events.push(Event::TargetDone { target });
    }
    events.push(Event::RotationFinished { at: minute(20) });
    events
}

/// The whole of a sync phase: begun at minute 21, and what was seen at a minute.
fn synced(seen_at: i64, entries: u64) -> Vec<Event> {
    let mut events = finished(true);
    events.push(Event::SyncStarted { at: minute(21) });
    events.push(Event::SyncSeen(Seen {
        at: minute(seen_at),
        tables: vec![Pending { target: TargetId::new(1), entries, held: 0, failed: 0 }],
        lag: None,
        drained: entries == 0,
    }));
    events
}

/// The facts of a rotation with these steps, all in the journal, in the order of their times: events are of minute 20,
/// if they do not say when they were.
fn facts(sync: bool, events: Vec<Event>, steps: &[Taken]) -> Facts {
    let steps = steps.iter().cloned().map(Event::StepTaken);
    let mut all: Vec<Event> = events.into_iter().chain(steps).collect();
    all.sort_by_key(|event| match event {
        Event::StepTaken(step) => step.at,
        Event::SyncSeen(seen) => seen.at,
        Event::SyncStarted { at } => *at,
        _ => minute(20),
    });
    Facts::new(Some(status(sync, &all)), &[])
}

/// One letter a step: done, now, next, open, or a dash.
fn marks(progress: &Progress) -> String {
    let letter = |step: &StepState| match step.state {
        Mark::Done => 'D',
        Mark::Now => 'N',
        Mark::Next => 'x',
        Mark::Open => 'o',
        Mark::NotNeeded => '-',
    };
    progress.steps.iter().map(letter).collect()
}

fn at(variant: Variant, facts: &Facts) -> String {
    marks(&progress(variant, facts))
}

use Variant::{MaintenanceWindow as Window, ZeroDowntime as Zero};

#[test]
fn before_the_rotation_what_was_left_counts() {
    let left = |names: &[&str]| {
        let steps: Vec<_> = (0..).zip(names).map(|(at, name)| taken(at, name)).collect();
        Facts::new(None, &steps)
    };
    assert_eq!(at(Zero, &left(&[])), "Nxoooooooo");
    assert_eq!(at(Window, &left(&[])), "N-x-oooooo");
    assert_eq!(at(Zero, &left(&["block/admin"])), "Nxoooooooo", "one of two");
    assert_eq!(at(Zero, &left(&["block/admin", "block/flows"])), "DNxooooooo");
    assert_eq!(at(Window, &left(&["old-server-stopped"])), "D-N-xooooo");
    let both = ["block/admin", "block/flows", "triggers-installed"];
    assert_eq!(at(Zero, &left(&both)), "DDNxoooooo");
    assert_eq!(at(Zero, &left(&[&both[..], &["triggers-removed"]].concat())), "DNxooooooo", "removed again");
    assert_eq!(
        at(Zero, &left(&[&both[..], &["undo:block/flows"]].concat())),
        "oDNxoooooo",
        "and it is not hidden"
    );
    let list = list(&progress(Zero, &left(&["triggers-installed"])));
    assert!(list.contains("not confirmed so far: block/admin, block/flows"), "{list}");
}

#[test]
fn a_file_that_is_complete_is_no_step_that_was_taken() {
    let facts = Facts { configured: Some(Ok(())), ..Facts::new(None, &[taken(1, "properties/key-kept")]) };
    assert_eq!(at(Zero, &facts), "NxooDooooo");
    let facts = Facts { configured: Some(Err("newIdnDBUrl is missing".into())), ..facts };
    assert_eq!(at(Zero, &facts), "Nxoooooooo");
}

#[test]
fn an_item_is_known_by_its_earlier_name_too() {
    let complete = |names: &[&str]| {
        let left: Vec<_> = names.iter().map(|name| taken(1, name)).collect();
        Facts { configured: Some(Ok(())), ..Facts::new(None, &left) }
    };
    assert_eq!(at(Zero, &complete(&["configure/key-kept"])), "NxooDooooo");
    let undone = ["configure/key-kept", "undo:properties/key-kept"];
    assert_eq!(at(Zero, &complete(&undone)), "Nxoooooooo");
    assert_eq!(find(Zero, "configure/key-kept").unwrap().items[0].name, "properties/key-kept");
}

#[test]
fn a_rotation_that_was_begun_proves_what_it_needs() {
    let facts_now = facts(true, Vec::new(), &[]);
    assert_eq!(at(Zero, &facts_now), "oDDDoNxooo", "blocks and keys are known to people alone");
    let all = ["block/admin", "block/flows", "properties/key-kept"].map(|name| taken(5, name));
    assert_eq!(at(Zero, &facts(true, Vec::new(), &all)), "DDDDDNxooo");
    assert_eq!(at(Zero, &facts(true, finished(true), &all)), "DDDDDDNxoo");
    let window = ["old-server-stopped", "properties/key-kept"].map(|name| taken(5, name));
    assert_eq!(at(Window, &facts(false, finished(false), &window)), "D-D-DNxooo", "it is not verified");
}

#[test]
fn a_verification_counts_until_something_is_rotated_again() {
    let rotated = || {
        let (target, ordinal) = (TargetId::new(0), Ordinal::FIRST);
        let (tally, replaces) = (Tally::default(), Tally::default());
        vec![
            Event::TargetStarted { target, total: None },
            Event::ChunkStarted { target, ordinal, span: Span::Range { after: None, upto: None } },
            Event::ChunkDone { target, ordinal, tally, replaces },
            Event::SweepStarted { target, pass: 1 },
            Event::SweepDone { target, pass: 1, strays: 0 },
            Event::TargetDone { target },
            Event::RotationFinished { at: minute(20) },
        ]
    };
    let at_minute = |minute| at(Window, &facts(false, rotated(), &[verification(minute, 0)]));
    assert_eq!(at_minute(25), "o-D-oDNxoo");
    assert_eq!(at_minute(15), "o-D-oNxooo");
    let steps = [verification(25, 0), verification(26, 3)];
    assert_eq!(at(Window, &facts(false, finished(false), &steps)), "o-D-oNxooo", "it differed later");
}

#[test]
fn the_end_of_an_earlier_rotation_is_not_this_ones() {
    let last_year = ["deployment/edited", "start/started", "route-traffic", "switch/opened"];
    let steps: Vec<_> = last_year.map(|name| taken(9, name)).to_vec();
    assert_eq!(at(Zero, &facts(true, synced(40, 0), &steps)), "oDDDoDNxoo");
    let steps: Vec<_> = last_year.map(|name| taken(30, name)).to_vec();
    assert_eq!(at(Zero, &facts(true, synced(40, 0), &steps)), "oDDDoDDDDN");
}

#[test]
fn configure_counts_unless_it_has_left_something_to_people() {
    let configured = |at, note: &str| Taken { note: note.into(), ..taken(at, "configured") };
    let day = |steps: &[Taken]| facts(true, finished(true), steps);
    assert_eq!(at(Zero, &day(&[])), "oDDDoDNxoo");
    let whole = configured(30, "/opt/is/deployment.toml: [encryption] key; backup x.bak");
    assert_eq!(at(Zero, &day(std::slice::from_ref(&whole))), "oDDDoDDNxo");
    assert_eq!(at(Zero, &day(&[configured(9, "x")])), "oDDDoDNxoo", "of an earlier rotation");
    let facts = day(&[whole, configured(31, "x: nothing had to be changed; by hand: [encryption] key")]);
    assert_eq!(at(Zero, &facts), "oDDDoDNxoo");
    let named = find(Zero, "deployment").unwrap();
    let left = "`keyrotation configure` has left to you: [encryption] key".to_owned();
    assert_eq!(objections(named.step, named.items[0], &facts), [Objection::Warn(left)]);
}

#[test]
fn drained_means_after_traffic_was_switched() {
    let routed = taken(30, "route-traffic");
    let item = |facts: &Facts| {
        let progress = progress(Zero, facts);
        let item = progress.steps[8].items.iter().find(|item| item.name == "switch/drained").unwrap().clone();
        (item.done, item.note.unwrap())
    };
    assert_eq!(item(&facts(true, synced(25, 0), &[])).1, "traffic still goes to the old server");
    assert!(!item(&facts(true, synced(25, 0), std::slice::from_ref(&routed))).0, "it was drained before");
    assert!(item(&facts(true, synced(35, 0), std::slice::from_ref(&routed))).0);
    let (done, note) = item(&facts(true, synced(35, 1234), &[routed]));
    assert!(!done && note.contains("1,234 entries"), "{note}");
}

#[test]
fn the_same_facts_give_the_same_and_a_longer_journal_never_less() {
    let all: Vec<Event> = {
        let names = ["block/admin", "block/flows", "properties/key-kept"];
        let steps = names.map(|name| Event::StepTaken(taken(11, name)));
        let later = ["deployment/edited", "start/started", "route-traffic"].map(|name| taken(30, name));
        steps.into_iter().chain(synced(40, 0)).chain(later.map(Event::StepTaken)).collect()
    };
    let done = |count: usize| {
        let facts = Facts::new(Some(status(true, &all[..count])), &[]);
        let marks = at(Zero, &facts);
        assert_eq!(marks, at(Zero, &facts));
        assert_eq!(marks.matches('N').count(), 1, "{marks}");
        marks.matches('D').count()
    };
    let counts: Vec<_> = (0..=all.len()).map(done).collect();
    assert!(counts.is_sorted() && counts.last() == Some(&8), "{counts:?}");
}

#[test]
fn names_are_unique_and_those_that_sync_knows_are_there() {
    for variant in [Zero, Window] {
        let names: Vec<_> = STEPS.iter().flat_map(|step| step.items(variant)).map(|item| item.name).collect();
        let ids: Vec<_> = STEPS.iter().map(|step| step.id).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().chain(&ids).collect();
        assert_eq!(unique.len(), names.len() + ids.len(), "{names:?}");
        assert!(names.contains(&crate::sync::ROUTE_TRAFFIC) && names.contains(&"old-server-stopped"));
    }
    assert_eq!(STEPS.iter().map(|step| step.number).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
}

#[test]
fn what_is_typed_is_found_or_explained() {
    let names = |variant, typed: &str| -> Result<Vec<&str>, String> {
        find(variant, typed).map(|named| named.items.iter().map(|item| item.name).collect())
    };
    assert_eq!(names(Zero, "block").unwrap(), ["block/admin", "block/flows"]);
    assert_eq!(names(Zero, "switch").unwrap(), ["route-traffic", "switch/opened"]);
    assert_eq!(names(Window, "block").unwrap(), ["old-server-stopped"]);
    assert_eq!(names(Zero, "retire/dumps").unwrap(), ["retire/dumps"]);
    for (variant, typed, why) in [
        (Zero, "retire", "retire is confirmed item by item"),
        (Zero, "run", "run is checked by the program, not confirmed"),
        (Zero, "verified", "verified is checked by the program, not confirmed"),
        (Window, "triggers", "triggers is not a part of this rotation (maintenance window)"),
        (Window, "block/admin", "block/admin is not a part of this rotation (maintenance window)"),
        (Zero, "retire/dump", "retire/dump is not a step; the nearest is retire/dumps"),
        (Zero, "\u{1b}[31m", "\\u{1b}[31m is not a step; the nearest is "),
    ] {
        let said = names(variant, typed).unwrap_err();
        assert!(said.starts_with(why), "{said}");
    }
}

#[test]
fn what_cannot_be_is_refused_and_what_is_early_is_warned_of() {
    let object = |typed: &str, facts: &Facts| {
        let named = find(Zero, typed).unwrap();
        objections(named.step, named.items[0], facts)
    };
    let refused = |found: Vec<Objection>| matches!(found[..], [Objection::Refuse(_)]);
    let warned = |found: Vec<Objection>| matches!(found[..], [Objection::Warn(_)]);
    let nothing = Facts::default();
    assert!(refused(object("route-traffic", &nothing)) && refused(object("start/started", &nothing)));
    assert!(refused(object("route-traffic", &facts(true, finished(true), &[]))), "sync has not begun");
    assert!(warned(object("route-traffic", &facts(true, synced(25, 3), &[]))));
    assert_eq!(object("route-traffic", &facts(true, synced(25, 0), &[])), []);
    assert!(warned(object("old-server-stopped", &facts(true, synced(25, 0), &[]))));
    let routed = [taken(30, "route-traffic")];
    assert_eq!(object("old-server-stopped", &facts(true, synced(25, 0), &routed)), []);
    // All that speaks against it is said.
    let against = object("retire/old-key", &facts(true, synced(25, 0), &routed));
    assert!(against.iter().all(|one| matches!(one, Objection::Against(_))), "{against:?}");
    let said = format!("{against:?}");
    for why in ["safe-to-retire", "the old server is stopped", "not verified"] {
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[test]
fn every_step_says_what_to_do_with_whatever_is_known() {
    for sync in [true, false] {
        let known = DraftConfig { sync, version: Some((7, 1, 0)), ..DraftConfig::default() };
        for step in STEPS.iter().filter(|step| step.title(Variant::of(sync)).is_some()) {
            for outline in [&DraftConfig::default(), &known] {
                assert!(!advice(step, Variant::of(sync), outline).is_empty(), "{}", step.id);
            }
        }
    }
}

/// The end of the list is not the end of the day.
#[test]
fn what_is_open_before_the_last_step_is_what_is_to_be_done_now() {
    let end: Vec<Taken> = STEPS[9].items(Window).map(|item| taken(30, item.name)).collect();
    let facts = facts(false, finished(false), &end);
    assert_eq!(at(Window, &facts), "N-D-xooooD");
    let text = list(&progress(Window, &facts));
    assert!(!text.contains("all is done") && text.contains(">  1  now"), "{text}");
}

/// The file is needed from the second step on, and says which variant it is.
#[test]
fn without_a_file_the_first_step_is_to_write_it() {
    let runs = |id: &str, written| {
        let step = STEPS.iter().find(|step| step.id == id).unwrap();
        let advice = advice(step, Window, &DraftConfig { written, ..DraftConfig::default() });
        advice.contains(&Advice::Command("keyrotation init".to_owned()))
    };
    assert!(runs("block", false) && runs("properties", false));
    assert!(!runs("block", true) && !runs("properties", true));
}

/// `run` holds the journal until it has ended.
#[test]
fn run_is_ended_before_the_sync_that_ends_by_itself() {
    let step = STEPS.iter().find(|step| step.id == "switch").unwrap();
    let advice = advice(step, Zero, &DraftConfig::default());
    let at = |command: &str| advice.iter().position(|line| *line == Advice::Command(command.to_owned()));
    assert!(at("keyrotation stop").unwrap() < at("keyrotation sync --until-drained").unwrap());
}

#[test]
fn what_is_closed_depends_on_the_version() {
    let paths = |version| {
        let outline = DraftConfig { version, ..DraftConfig::default() };
        serde_json::to_string(&advice(&STEPS[0], Zero, &outline)).unwrap()
    };
    assert!(!paths(Some((5, 11, 0))).contains("organizations"));
    assert!(paths(Some((7, 0, 0))).contains("/o and /t/TENANT/o"));
    assert!(paths(None).contains("(from 6.0 on)"));
    for path in ["/carbon", "/services", "/console", "/myaccount", "/scim2", "sign-up", "MFA enrolment"] {
        assert!(paths(Some((5, 11, 0))).contains(path), "{path}");
    }
}
