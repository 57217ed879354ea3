//! The sync phase: what is possible when, marks that outlive a crash, and rows on their way.

use super::{CHAIN_KEY, digest, key, reopen, session};
use crate::{
    CopyRow, Entry, Error, Event, Fault, JobState, Journal, MemoryStore, Ordinal, Pending, Rotation, RowMark,
    Seen, Span, Step, Tally, TargetHead, TargetId, TargetKind,
};

fn rotation() -> Rotation {
    let head = |id: &str, kind| TargetHead { id: id.into(), label: id.into(), kind, groups: Vec::new() };
    Rotation {
        targets: vec![
            head("tokens", TargetKind::Table),
            head("sync-tokens", TargetKind::Sync),
            head("sync-scopes", TargetKind::Sync),
        ],
        ..super::rotation()
    }
}

fn copy(target: u16, n: u64) -> Event {
    let row = CopyRow { key: key(n), before: None, after: Some(digest(n)) };
    Event::CopyStarted { target: TargetId::new(target), rows: vec![row] }
}

fn done(target: u16, applied: u64) -> Event {
    Event::CopyDone { target: TargetId::new(target), applied, superseded: vec![key(99)] }
}

fn seen() -> Event {
    Event::SyncSeen(Seen {
        at: 5,
        tables: vec![Pending { target: TargetId::new(1), entries: 3, held: 2, failed: 1 }],
        lag: Some(7),
        drained: true,
    })
}

fn step() -> Event {
    Event::StepTaken(Step {
        at: 1,
        name: "route-traffic".into(),
        note: "n".into(),
        user: "u".into(),
        host: "h".into(),
    })
}

/// Every target done: the table skipped, one sync table marked in one range, the other skipped.
fn finished() -> Vec<Event> {
    let skip = |target| Event::TargetSkipped { target: TargetId::new(target), reason: "absent".into() };
    let tally = Tally { rows: 1, plain: 1, ..Tally::default() };
    vec![
        skip(0),
        Event::TargetStarted { target: TargetId::new(1), total: Some(1) },
        Event::ChunkStarted {
            target: TargetId::new(1),
            ordinal: Ordinal::new(0),
            span: Span::Range { after: None, upto: None },
        },
        Event::ChunkDone {
            target: TargetId::new(1),
            ordinal: Ordinal::new(0),
            tally,
            replaces: Tally::default(),
        },
        Event::TargetDone { target: TargetId::new(1) },
        skip(2),
        Event::RotationFinished { at: 2 },
    ]
}

fn state_after(events: &[Event]) -> JobState {
    let state = JobState::new(rotation()).apply(0, &session().event, &[]).unwrap();
    events.iter().fold(state, |state, event| state.apply(0, event, &[]).unwrap())
}

fn may(events: &[Event], event: &Event) -> bool {
    state_after(events).apply(0, event, &[]).is_ok()
}

#[test]
fn sync_begins_once_and_only_when_all_is_done() {
    let start = Event::SyncStarted { at: 3 };
    assert!(!may(&finished()[..6], &start), "not finished");
    assert!(may(&finished(), &start));
    let syncing = [finished(), vec![start.clone()]].concat();
    assert!(!may(&syncing, &start), "twice");
    for event in [copy(1, 1), seen()] {
        assert!(!may(&finished(), &event), "{} before sync", event.name());
        assert!(may(&syncing, &event), "{}", event.name());
    }
    assert!(may(&[], &step()) && may(&syncing, &step()));
    let without = JobState::new(super::rotation());
    assert!(!without.syncs());
    let skipped =
        |target| Event::TargetSkipped { target: TargetId::new(target), reason: "no such table".into() };
    assert!(state_after(&[skipped(1)]).syncs(), "one of two");
    assert!(!state_after(&[skipped(1), skipped(2)]).syncs(), "nothing is left to be kept in step");
    assert!(!may(&syncing, &copy(0, 1)), "no table that is kept in step");
    assert!(!may(&syncing, &copy(9, 1)), "no table at all");
}

#[test]
fn rows_are_on_their_way_in_one_table_at_a_time() {
    let syncing = [finished(), vec![Event::SyncStarted { at: 3 }]].concat();
    assert!(!may(&syncing, &done(1, 1)), "nothing is on its way");
    assert!(may(&syncing, &done(1, 0)), "rows that were only looked at");
    let open = [syncing, vec![copy(1, 1)]].concat();
    assert!(may(&open, &copy(1, 2)), "a second attempt");
    assert!(!may(&open, &copy(2, 1)) && !may(&open, &done(2, 0)), "another table");
    let closed = state_after(&[open, vec![done(1, 1), done(2, 0)]].concat());
    assert_eq!(
        (closed.sync.tables[&TargetId::new(1)].applied, closed.sync.tables[&TargetId::new(1)].superseded),
        (1, 1)
    );
    assert_eq!(
        (closed.sync.tables[&TargetId::new(2)].applied, closed.sync.tables[&TargetId::new(2)].superseded),
        (0, 1)
    );
}

#[test]
fn a_table_that_is_kept_in_step_is_not_swept() {
    let marked = &finished()[..4];
    assert!(!may(marked, &Event::SweepStarted { target: TargetId::new(1), pass: 1 }));
    assert!(!may(&finished()[..3], &Event::TargetDone { target: TargetId::new(1) }), "a range is open");
    assert!(
        !may(&finished()[..2], &Event::TargetDone { target: TargetId::new(1) }),
        "no range was handed out"
    );
    assert!(may(marked, &Event::TargetDone { target: TargetId::new(1) }));
}

fn syncing() -> (MemoryStore, Journal) {
    let store = MemoryStore::new();
    let mut journal = Journal::begin_in(store.clone(), rotation(), &CHAIN_KEY).unwrap();
    let mut events = vec![session()];
    events.extend(finished().into_iter().map(Entry::from));
    events.push(Event::SyncStarted { at: 3 }.into());
    journal.append(events).unwrap();
    (store, journal)
}

#[test]
fn marks_and_rows_on_their_way_outlive_the_process() {
    let (store, mut journal) = syncing();
    let on_its_way = RowMark { before: None, after: Some(digest(1)) };
    journal.append(vec![Entry::marked(copy(1, 1), vec![(key(1), Some(on_its_way))])]).unwrap();
    drop(journal);
    let mut journal = reopen(store.clone());
    assert_eq!(journal.mark(TargetId::new(1), &key(1)).unwrap(), Some(on_its_way));
    assert_eq!(journal.mark(TargetId::new(1), &key(2)).unwrap(), None);
    assert_eq!(journal.mark(TargetId::new(2), &key(1)).unwrap(), None, "another table");
    let (target, rows) = journal.open_copy().unwrap().unwrap();
    assert_eq!((target, rows[0].after), (TargetId::new(1), Some(digest(1))));
    let settled = vec![(key(1), Some(RowMark::settled(digest(1)))), (key(3), None)];
    journal.append(vec![Entry::marked(done(1, 1), settled), seen().into(), step().into()]).unwrap();
    let journal = reopen(store);
    assert_eq!(journal.mark(TargetId::new(1), &key(1)).unwrap(), Some(RowMark::settled(digest(1))));
    assert!(journal.open_copy().unwrap().is_none());
    assert_eq!(journal.state().sync.seen.as_ref().unwrap().tables[0].held, 2);
    assert_eq!(journal.state().steps.len(), 1);
    journal.check_chain(|_, _| {}).unwrap();
}

#[test]
fn a_group_that_was_lost_sets_no_mark() {
    let (store, mut journal) = syncing();
    store.fail_at(3, Fault::NothingKept);
    let mark = vec![(key(1), Some(RowMark::settled(digest(1))))];
    assert!(journal.append(vec![Entry::marked(copy(1, 1), mark)]).is_err());
    let journal = reopen(store);
    assert_eq!(journal.mark(TargetId::new(1), &key(1)).unwrap(), None);
    assert!(journal.open_copy().unwrap().is_none());
}

#[test]
fn a_mark_is_read_with_the_key_alone() {
    let (store, journal) = syncing();
    drop(journal);
    let journal = Journal::open_in(store).unwrap().unwrap();
    assert!(matches!(journal.mark(TargetId::new(1), &key(1)), Err(Error::Sealed { .. })));
}

/// Steps count by the order in which they are recorded: a clock says nothing.
#[test]
fn steps_that_are_left_count_by_when_they_are_taken_over() {
    let at = rotation().created_at;
    let left =
        |at: i64| Step { at, name: "a".into(), note: String::new(), user: "u".into(), host: "h".into() };
    let take = |state: JobState, step: Step| {
        let new = state.not_known(vec![step.clone(), step]);
        new.into_iter().fold(state, |state, step| state.apply(at, &Event::StepTaken(step), &[]).unwrap())
    };
    // Left before the rotation began, by a clock that is ahead.
    let state = JobState::new(rotation());
    let inherited = state.not_known(vec![left(at + 99)]);
    let mut state = state.apply(at, &session().event, &[]).unwrap();
    for step in inherited {
        state = state.apply(at, &Event::StepTaken(step), &[]).unwrap();
    }
    assert!(!state.step_is_in_force("a") && state.steps.len() == 1);
    // Handed over again after a crash.
    let state = take(state, left(at + 99));
    assert!(!state.step_is_in_force("a") && state.steps.len() == 1);
    // Left since, by a clock that is behind.
    let state = take(state, left(at - 99));
    assert!(state.step_is_in_force("a") && state.steps.len() == 2);
}
