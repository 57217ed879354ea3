//! A journal against a model: random events, each prefix opened again.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::{CHAIN_KEY, failed, key, range, reopen, rotated, rotation, running, session};
use crate::{
    CellOutcome, CellRecord, Entry, Error, Event, Failure, Fault, IndexDefinition, Journal, Key, MemoryStore,
    Ordinal, Phase, RowRecord, SessionEnd, Span, Tally, TargetId,
};

const FIRST: TargetId = TargetId::new(0);

/// Random numbers that proptest can shrink.
struct Tape(std::vec::IntoIter<u8>);

impl Tape {
    fn below(&mut self, n: u8) -> u8 {
        self.0.next().unwrap_or_default() % n
    }

    fn ended(&self) -> bool {
        self.0.len() == 0
    }
}

/// Some event that may or may not be legal now, for one of the two targets.
fn event(tape: &mut Tape, journal: &Journal) -> Event {
    let state = journal.state();
    let target = TargetId::new(tape.below(2).into());
    let of = &state.targets[target.position()];
    let ordinal = of.next_ordinal;
    let open = of.open.keys().nth(usize::from(tape.below(3))).copied().unwrap_or(ordinal);
    match tape.below(26) {
        0 => session().event,
        1 => Event::SessionEnded { at: 5, end: SessionEnd::Interrupted },
        2..4 => Event::TargetStarted { target, total: None },
        4 if tape.below(4) == 0 => Event::TargetSkipped { target, reason: "absent".into() },
        4..10 => {
            let upto = (tape.below(8) > 0).then(|| key(ordinal.get() + 1000));
            let span = Span::Range { after: of.frontier.clone(), upto };
            Event::ChunkStarted { target, ordinal, span }
        }
        10..12 => Event::ChunkStarted { target, ordinal, span: Span::Keys },
        12 => Event::RowsReplanned { target, ordinal: open },
        13..20 => {
            let rotated = u64::from(tape.below(5));
            let tally = Tally { rows: rotated, rotated, ..Tally::default() };
            Event::ChunkDone { target, ordinal: open, tally, replaces: Tally::default() }
        }
        20 => Event::SweepStarted { target, pass: of.sweeps + 1 },
        21 => Event::SweepDone { target, pass: of.sweeps, strays: u64::from(tape.below(2)) },
        22 => Event::TargetDone { target },
        23 => {
            let create = vec!["CREATE INDEX one ON it (c)".to_owned()];
            let index = IndexDefinition { table: "it".into(), name: "one".into(), create };
            Event::IndexesDropped { target, indexes: vec![index; usize::from(tape.below(3))] }
        }
        24 => Event::IndexesRebuilt { target },
        _ if of.phase == Phase::Done => Event::TargetReopened { target, reason: "again".into() },
        _ => Event::RotationFinished { at: 9 },
    }
}

fn rows(tape: &mut Tape, event: &Event) -> Vec<RowRecord> {
    if !matches!(event, Event::ChunkStarted { .. } | Event::RowsReplanned { .. } | Event::ChunkDone { .. }) {
        return Vec::new();
    }
    let first = u64::from(tape.below(12));
    (first..first + u64::from(tape.below(5)))
        .map(|n| if tape.below(3) == 0 { failed(n, "broken") } else { rotated(n) })
        .collect()
}

/// The last record of each row, chunk by chunk, from what was appended.
#[derive(Default)]
struct Model {
    chunks: BTreeMap<(TargetId, Ordinal), (Span, Vec<RowRecord>)>,
    latest: BTreeMap<(TargetId, Key), RowRecord>,
}

impl Model {
    fn note(&mut self, entry: &Entry) {
        let chunk = match &entry.event {
            Event::ChunkStarted { target, ordinal, span } => {
                self.chunks.insert((*target, *ordinal), (span.clone(), Vec::new()));
                (*target, *ordinal)
            }
            Event::RowsReplanned { target, ordinal } | Event::ChunkDone { target, ordinal, .. } => {
                (*target, *ordinal)
            }
            _ => return,
        };
        let known = &mut self.chunks.get_mut(&chunk).unwrap().1;
        for row in &entry.rows {
            match known.iter_mut().find(|earlier| earlier.key == row.key) {
                Some(earlier) => *earlier = row.clone(),
                None => known.push(row.clone()),
            }
            self.latest.insert((chunk.0, row.key.clone()), row.clone());
        }
    }

    fn compare(&self, journal: &Journal) {
        for target in [0, 1].map(TargetId::new) {
            let spans: Vec<(Ordinal, Span)> = journal.chunks(target).map(Result::unwrap).collect();
            let known = self.chunks.iter().filter(|((t, _), _)| *t == target);
            let expected: Vec<(Ordinal, Span)> =
                known.clone().map(|((_, o), (span, _))| (*o, span.clone())).collect();
            assert_eq!(spans, expected);
            for ((_, ordinal), (_, rows)) in known {
                assert_eq!(&journal.rows(target, *ordinal).unwrap(), rows);
            }
            let state = &journal.state().targets[target.position()];
            let mut listed = state.failures.clone();
            listed.sort_by(|a, b| a.key.cmp(&b.key));
            let mut failing = Vec::new();
            for ((_, key), row) in self.latest.iter().filter(|((t, _), _)| *t == target) {
                for CellRecord { column, outcome } in &row.cells {
                    if let CellOutcome::Failed { reason, .. } = outcome {
                        failing.push(Failure { key: key.clone(), column: *column, reason: reason.clone() });
                    }
                }
            }
            assert_eq!(listed, failing);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Live, opened again at any prefix, and replayed from the first event: always the same state.
    #[test]
    fn every_prefix_opens_to_the_state_it_had(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let store = MemoryStore::new();
        let mut journal = Journal::begin_in(store.clone(), rotation(), &CHAIN_KEY).unwrap();
        let mut model = Model::default();
        let mut tape = Tape(bytes.into_iter());
        while !tape.ended() {
            let group: Vec<Entry> = (0..=tape.below(3))
                .map(|_| {
                    let event = event(&mut tape, &journal);
                    let rows = rows(&mut tape, &event);
                    Entry::new(event, rows)
                })
                .collect();
            let before = journal.state().clone();
            match journal.append(group.clone()) {
                Ok(()) => group.iter().for_each(|entry| model.note(entry)),
                Err(Error::Illegal { .. }) => prop_assert_eq!(journal.state(), &before),
                Err(other) => panic!("{other}"),
            }
            let opened = reopen(store.copy());
            prop_assert_eq!(opened.state(), journal.state());
        }
        journal.check_chain(|_, _| ()).unwrap();
        model.compare(&journal);
        model.compare(&reopen(store));
    }

    /// A failed append is all or nothing, whatever fails; the journal takes nothing more until opened anew.
    #[test]
    fn a_failed_append_is_all_or_nothing(groups in 1..6_u64, mark_lost in any::<bool>()) {
        let (store, mut journal) = running();
        let fault = if mark_lost { Fault::MarkLost } else { Fault::NothingKept };
        for n in 0..groups {
            journal.append(vec![Entry::new(range(n, n.checked_sub(1), Some(n)), vec![rotated(n)])]).unwrap();
        }
        let before = journal.state().clone();
        store.fail_at(groups + 3, fault);
        let entry = Entry::new(range(groups, Some(groups - 1), None), vec![rotated(groups)]);
        let failed = journal.append(vec![entry.clone()]);
        assert!(matches!(failed, Err(Error::Io { .. })));
        let again = journal.append(vec![entry.clone()]);
        assert!(matches!(again, Err(Error::Broken { .. })));

        let mut opened = reopen(store.clone());
        if mark_lost {
            prop_assert_eq!(opened.state().entries, before.entries + 1);
        } else {
            prop_assert_eq!(opened.state(), &before);
            opened.append(vec![entry]).unwrap();
        }
        opened.check_chain(|_, _| ()).unwrap();
        opened.append(vec![Event::RowsReplanned { target: FIRST, ordinal: Ordinal::new(groups) }.into()]).unwrap();
        let again = reopen(store);
        prop_assert_eq!(again.state(), opened.state());
    }
}

/// Found by killing: the mark of a group is lost, and then that of the next one, too.
#[test]
fn two_marks_lost_in_a_row_are_no_damage() {
    let (store, mut journal) = running();
    for n in 0..5_u64 {
        store.fail_at(3 + n, Fault::MarkLost);
        let chunk = range(n, n.checked_sub(1), Some(n));
        assert!(matches!(journal.append(vec![chunk.into()]), Err(Error::Io { .. })));
        journal = reopen(store.clone());
        assert_eq!(journal.state().targets[0].next_ordinal, Ordinal::new(n + 1));
    }
    journal.check_chain(|_, _| ()).unwrap();
}

#[test]
fn rows_are_found_by_their_key_in_the_last_chunk_that_has_them() {
    let (_, mut journal) = running();
    journal.append(vec![Entry::new(range(0, None, Some(5)), (0..5).map(rotated).collect())]).unwrap();
    let close = |ordinal, rotated, failed| Entry::from(super::done(ordinal, rotated, failed));
    let last = Entry::new(range(1, Some(5), None), vec![failed(7, "bad")]);
    journal.append(vec![close(0, 5, 0), last, close(1, 0, 1)]).unwrap();
    journal.append(vec![Entry::new(super::named(2), vec![rotated(7), rotated(2)])]).unwrap();
    let wanted: HashSet<Key> = [1, 2, 7, 99].map(key).into();
    let found = journal.find(FIRST, &wanted).unwrap();
    let of = |n| found.get(&key(n)).cloned();
    assert_eq!(of(1), Some((Ordinal::new(0), rotated(1))));
    assert_eq!(of(2), Some((Ordinal::new(2), rotated(2))));
    assert_eq!(of(7), Some((Ordinal::new(2), rotated(7))));
    assert_eq!(found.len(), 3);
    assert_eq!(journal.failed_chunks(FIRST).map(Result::unwrap).collect::<Vec<_>>(), [Ordinal::new(1)]);
    assert_eq!(journal.overlays(FIRST).count(), 0);
    assert!(matches!(journal.rows(FIRST, Ordinal::new(3)), Err(Error::NoSuchChunk { .. })));
    assert!(matches!(journal.rows(TargetId::new(9), Ordinal::FIRST), Err(Error::NoSuchChunk { .. })));
    journal.append(vec![close(2, 2, 0)]).unwrap();
    assert_eq!(journal.overlays(FIRST).map(Result::unwrap).collect::<Vec<_>>(), [Ordinal::new(2)]);
    let names: Vec<&str> = journal.events().map(|logged| logged.unwrap().event.name()).collect();
    assert_eq!(names.len(), 9);
    assert_eq!(names.first(), Some(&"RotationStarted"));
}

#[test]
fn nothing_is_appended_without_the_key() {
    let (store, journal) = running();
    drop(journal);
    let mut journal = Journal::open_in(store.clone()).unwrap().unwrap();
    assert!(matches!(journal.append(vec![session()]), Err(Error::Sealed { .. })));
    assert!(matches!(journal.check_chain(|_, _| ()), Err(Error::Sealed { .. })));
    assert!(matches!(journal.unlock(&[0; 32]), Err(Error::WrongKey { .. })));
    assert!(matches!(journal.append(vec![session()]), Err(Error::Sealed { .. })));
    assert!(matches!(Journal::begin_in(store, rotation(), &CHAIN_KEY), Err(Error::Exists { .. })));
    assert!(Journal::open_in(MemoryStore::new()).unwrap().is_none());
}

#[test]
fn a_group_of_one_chunk_adds_less_than_a_kibibyte_besides_its_rows() {
    let (store, mut journal) = running();
    let rows = |n: u64| (n * 1000..n * 1000 + 1000).map(rotated).collect::<Vec<_>>();
    journal.append(vec![Entry::new(range(0, None, Some(999)), rows(0))]).unwrap();
    for n in 1..5 {
        let before = store.written();
        let next = Entry::new(range(n, Some(n * 1000 - 1), Some(n * 1000 + 999)), rows(n));
        journal.append(vec![super::done(n - 1, 1000, 0).into(), next]).unwrap();
        let added = store.written() - before;
        // 34 pages with a key of 13 bytes and a header of 22 each.
        let packed = 116_000 + 34 * 35;
        assert!(added < packed + 1024, "{added} bytes");
    }
}
