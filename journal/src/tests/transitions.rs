//! The transition table: every event in every situation, against the text beside this file.
//!
//! `UPDATE_TRANSITIONS=1 cargo test -p keyrotation-journal transitions` writes it anew.

use std::fmt::Write as _;

use super::{done, key, named, range, rotated, rotation, session, started};
use crate::{
    Entry, Event, GroupTally, IndexDefinition, JobState, Ordinal, Phase, SessionEnd, Span, Tally, TargetId,
};

/// Situations by name: the events that lead there from a rotation with an open session.
fn situations() -> Vec<(&'static str, Vec<Event>)> {
    let running = vec![started()];
    let open = [running.clone(), vec![range(0, None, Some(9))]].concat();
    let between = [open.clone(), vec![done(0, 1, 0)]].concat();
    let last_open = [between.clone(), vec![range(1, Some(9), None)]].concat();
    let exhausted = [last_open.clone(), vec![done(1, 1, 1)]].concat();
    let sweeping = [exhausted.clone(), vec![sweep(1)]].concat();
    let stray_open = [sweeping.clone(), vec![named(2)]].concat();
    let strays = [sweeping.clone(), vec![swept(1, 3)]].concat();
    let clean = [sweeping.clone(), vec![swept(1, 0)]].concat();
    let target_done = [clean.clone(), vec![Event::TargetDone { target: TargetId::new(0) }]].concat();
    let without = [running.clone(), vec![drop_indexes()]].concat();
    let swept_without =
        [without.clone(), vec![range(0, None, None), done(0, 1, 0), sweep(1), swept(1, 0)]].concat();
    let skipped = vec![skip(0)];
    let all_done = [target_done.clone(), vec![skip(1)]].concat();
    let finished = [all_done.clone(), vec![Event::RotationFinished { at: 1 }]].concat();
    let reopened = [finished.clone(), vec![reopen()]].concat();
    let ended = [open.clone(), vec![end(SessionEnd::Interrupted)]].concat();
    vec![
        ("pending", vec![]),
        ("running", running),
        ("running, chunk 0 open", open),
        ("running, between chunks", between),
        ("running, last range open", last_open),
        ("running, all ranges closed", exhausted),
        ("sweeping", sweeping),
        ("sweeping, a stray open", stray_open),
        ("running, strays found", strays),
        ("swept", clean),
        ("done", target_done),
        ("skipped", skipped),
        ("all targets done", all_done),
        ("finished", finished),
        ("reopened", reopened),
        ("session ended", ended),
        ("running without indexes", without),
        ("swept without indexes", swept_without),
    ]
}

fn sweep(pass: u32) -> Event {
    Event::SweepStarted { target: TargetId::new(0), pass }
}

fn swept(pass: u32, strays: u64) -> Event {
    Event::SweepDone { target: TargetId::new(0), pass, strays }
}

fn skip(target: u16) -> Event {
    Event::TargetSkipped { target: TargetId::new(target), reason: "absent".into() }
}

fn reopen() -> Event {
    Event::TargetReopened { target: TargetId::new(0), reason: "retry".into() }
}

fn drop_indexes() -> Event {
    let create = vec!["CREATE INDEX one ON it (c)".to_owned()];
    Event::IndexesDropped {
        target: TargetId::new(0),
        indexes: vec![IndexDefinition { table: "it".into(), name: "one".into(), create }],
    }
}

fn end(end: SessionEnd) -> Event {
    Event::SessionEnded { at: 2, end }
}

/// For each kind of event the one that fits the state best, so that the table shows the rule of the
/// phase and not a wrong number.
fn events(state: &JobState) -> Vec<Event> {
    let target = &state.targets[0];
    let ordinal = target.next_ordinal;
    let open = target.open.keys().next().copied().unwrap_or(ordinal);
    let span = |upto| Span::Range { after: target.frontier.clone(), upto };
    let pass = if let Phase::Sweeping { pass } = target.phase { pass } else { target.sweeps };
    vec![
        Event::RotationStarted(rotation()),
        session().event,
        started(),
        skip(0),
        Event::ChunkStarted { target: TargetId::new(0), ordinal, span: span(Some(key(ordinal.get() + 50))) },
        Event::ChunkStarted { target: TargetId::new(0), ordinal, span: span(None) },
        named(ordinal.get()),
        Event::RowsReplanned { target: TargetId::new(0), ordinal: open },
        done(open.get(), 1, 0),
        sweep(target.sweeps + 1),
        swept(pass, 0),
        swept(pass, 1),
        Event::TargetDone { target: TargetId::new(0) },
        reopen(),
        end(SessionEnd::Completed),
        end(SessionEnd::Interrupted),
        end(SessionEnd::Failed { id: "KR-1".into(), what: "it".into() }),
        Event::RotationFinished { at: 3 },
        drop_indexes(),
        Event::IndexesRebuilt { target: TargetId::new(0) },
    ]
}

fn name(event: &Event) -> String {
    match event {
        Event::ChunkStarted { span: Span::Keys, .. } => "ChunkStarted keys".into(),
        Event::ChunkStarted { span: Span::Range { upto: None, .. }, .. } => "ChunkStarted last range".into(),
        Event::ChunkStarted { .. } => "ChunkStarted range".into(),
        Event::SweepDone { strays, .. } => format!("SweepDone strays={strays}"),
        Event::SessionEnded { end: SessionEnd::Failed { .. }, .. } => "SessionEnded Failed".into(),
        Event::SessionEnded { end, .. } => format!("SessionEnded {end:?}"),
        other => other.name().into(),
    }
}

fn state_after(events: &[Event]) -> JobState {
    let state = JobState::new(rotation()).apply(0, &session().event, &[]).unwrap();
    events.iter().fold(state, |state, event| state.apply(0, event, &[]).unwrap())
}

#[test]
fn the_table_is_as_written() {
    let mut table = String::new();
    for (situation, events_before) in situations() {
        writeln!(table, "{situation}").unwrap();
        let state = state_after(&events_before);
        for event in events(&state) {
            let verdict = match state.clone().apply(1, &event, &[]) {
                Ok(after) => format!("-> {}{}", after.targets[0].phase.name(), rest(&after)),
                Err(error) => format!("no: {}", error.why),
            };
            writeln!(table, "  {:<26} {verdict}", name(&event)).unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/transitions.txt");
    if std::env::var_os("UPDATE_TRANSITIONS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    for (line, (found, wanted)) in table.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, wanted, "line {} of {path}", line + 1);
    }
    assert_eq!(table.lines().count(), expected.lines().count(), "lines in {path}");
}

fn rest(state: &JobState) -> &'static str {
    match (state.open_session().is_some(), state.finished_at.is_some()) {
        (true, false) => "",
        (true, true) => ", finished",
        (false, false) => ", no session",
        (false, true) => ", finished, no session",
    }
}

#[test]
fn numbers_must_fit() {
    let refused = |before: &[Event], event: Event, why: &str| {
        let error = state_after(before).apply(0, &event, &[]).unwrap_err();
        assert!(error.why.contains(why), "{error} instead of {why}");
    };
    let open = [started(), range(0, None, Some(9))];
    let closed = [started(), range(0, None, None), done(0, 1, 0)];
    refused(&open, range(2, Some(9), None), "number 1, not 2");
    refused(&open, range(1, Some(8), None), "does not begin where the last one ended");
    refused(&open, range(1, None, None), "does not begin where the last one ended");
    refused(&open, done(1, 1, 0), "chunk 1 is not open");
    refused(
        &open,
        Event::RowsReplanned { target: TargetId::new(0), ordinal: Ordinal::new(1) },
        "chunk 1 is not open",
    );
    refused(&closed, sweep(2), "sweep is number 1, not 2");
    refused(&closed, Event::TargetStarted { target: TargetId::new(2), total: None }, "no such target");
    let swept_once = [closed.as_slice(), &[sweep(1)]].concat();
    refused(&swept_once, swept(2, 0), "sweep 1 is on, not 2");
}

#[test]
fn tallies_must_add_up() {
    let close = |span: &[Event], ordinal, tally, replaces| {
        let (target, ordinal) = (TargetId::new(0), Ordinal::new(ordinal));
        let event = Event::ChunkDone { target, ordinal, tally, replaces };
        state_after(span)
            .apply(0, &event, &[])
            .map(|state| state.targets[0].tally.clone())
            .map_err(|error| error.why)
    };
    let two = Tally { rows: 2, rotated: 1, failed: 1, ..Tally::default() };
    let crooked = Tally { rows: 3, ..two.clone() };
    let open = [started(), range(0, None, None)];
    assert_eq!(close(&open, 0, two.clone(), Tally::default()), Ok(two.clone()));
    assert_eq!(
        close(&open, 0, crooked, Tally::default()).unwrap_err(),
        "the rows are not the sum of their parts"
    );
    assert_eq!(
        close(&open, 0, two.clone(), two.clone()).unwrap_err(),
        "the rows of a range were counted before"
    );
    let grouped = Tally { groups: vec![GroupTally::default()], ..two.clone() };
    assert_eq!(
        close(&open, 0, grouped, Tally::default()).unwrap_err(),
        "the sub-counts are not those of the target"
    );

    // Row 2 failed, is tried again, and succeeds.
    let again = [open.as_slice(), &[done(0, 1, 1), named(1)]].concat();
    let success = Tally { rows: 1, rotated: 1, ..Tally::default() };
    let failure = Tally { rows: 1, failed: 1, ..Tally::default() };
    let both = Tally { rows: 2, rotated: 2, ..Tally::default() };
    assert_eq!(close(&again, 1, success.clone(), failure), Ok(both));
    let more = Tally { rows: 2, failed: 2, ..Tally::default() };
    assert_eq!(
        close(&again, 1, success, more).unwrap_err(),
        "more rows would be taken back than were counted"
    );
}

#[test]
fn only_chunks_have_rows() {
    let state = JobState::new(rotation());
    let error = state.apply(0, &session().event, &[rotated(1)]).unwrap_err();
    assert_eq!(error.to_string(), "SessionStarted is not possible here: it cannot carry rows");
    let pending = Entry::from(done(0, 0, 0)).event;
    let error = state_after(&[]).apply(0, &pending, &[]).unwrap_err();
    assert_eq!(error.to_string(), "ChunkDone of tokens is not possible here: the target is pending");
}
