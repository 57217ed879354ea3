//! The list of failures stays true while rows are tried again.

use super::{done, failed, named, range, rotated, running};
use crate::{Entry, Event, Journal, MAX_FAILURES, Ordinal, Tally, TargetId};

fn reasons(journal: &Journal) -> Vec<String> {
    journal.state().targets[0].failures.iter().map(|failure| failure.reason.clone()).collect()
}

/// Closes a chunk of rows tried again: `was` failed before, `is` fail now.
fn retried(ordinal: u64, was: u64, is: u64) -> Entry {
    let tally = |rotated, failed| Tally { rows: rotated + failed, rotated, failed, ..Tally::default() };
    let (target, ordinal) = (TargetId::new(0), Ordinal::new(ordinal));
    Event::ChunkDone { target, ordinal, tally: tally(was - is, is), replaces: tally(0, was) }.into()
}

#[test]
fn a_row_that_succeeds_later_leaves_the_list() {
    let (_, mut journal) = running();
    let rows = vec![rotated(1), failed(2, "two"), failed(3, "three")];
    journal.append(vec![Entry::new(range(0, None, None), rows)]).unwrap();
    journal.append(vec![done(0, 1, 2).into()]).unwrap();
    assert_eq!(reasons(&journal), ["two", "three"]);

    journal.append(vec![Entry::new(named(1), vec![rotated(2), failed(3, "three again")])]).unwrap();
    journal.append(vec![retried(1, 2, 1)]).unwrap();
    assert_eq!(reasons(&journal), ["three again"]);
    assert_eq!(journal.state().targets[0].tally.failed, 1);
}

#[test]
fn an_amendment_counts_more_than_the_plan() {
    let (_, mut journal) = running();
    journal
        .append(vec![Entry::new(range(0, None, None), vec![rotated(1), failed(2, "unreadable")])])
        .unwrap();
    let amendments = vec![failed(1, "changed meanwhile"), rotated(2)];
    journal.append(vec![Entry::new(done(0, 1, 1), amendments)]).unwrap();
    assert_eq!(reasons(&journal), ["changed meanwhile"]);
}

#[test]
fn the_list_fills_up_again_while_rows_are_tried_again() {
    let (store, mut journal) = running();
    let all = u64::try_from(MAX_FAILURES).unwrap() + 50;
    let rows = (0..all).map(|n| failed(n, &n.to_string())).collect();
    journal.append(vec![Entry::new(range(0, None, None), rows), done(0, 0, all).into()]).unwrap();
    let first: Vec<String> = (0..100).map(|n: u64| n.to_string()).collect();
    assert_eq!(reasons(&journal), first);

    // Every second row succeeds, chunk by chunk.
    for (ordinal, start) in (0..all).step_by(30).enumerate() {
        let ordinal = u64::try_from(ordinal).unwrap() + 1;
        let again =
            (start..start + 30).map(|n| if n % 2 == 0 { rotated(n) } else { failed(n, &n.to_string()) });
        let group = vec![Entry::new(named(ordinal), again.collect()), retried(ordinal, 30, 15)];
        journal.append(group).unwrap();
        assert_eq!(super::reopen(store.copy()).state(), journal.state());
    }
    let odd: Vec<String> = (0..all).filter(|n| n % 2 == 1).map(|n| n.to_string()).collect();
    assert_eq!(reasons(&journal), odd);
    assert_eq!(journal.state().targets[0].tally.failed, all / 2);
    let chunks: Vec<_> = journal.failed_chunks(TargetId::new(0)).map(|chunk| chunk.unwrap().get()).collect();
    assert_eq!(chunks, [0, 1, 2, 3, 4, 5]);
}
