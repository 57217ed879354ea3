//! What binds a report to its journal.

use sha2::{Digest as _, Sha256};

use super::{done, range, reopen, rotated, running};
use crate::{Entry, Event, Ordinal, Store as _, TargetId};

#[test]
fn the_digest_of_the_log_is_the_same_as_long_as_the_log_is() {
    let (store, mut journal) = running();
    let events = journal.state().entries;
    assert_eq!(journal.tip().entries, events);
    let first = journal.log_sha256(events).unwrap();
    // What is hashed, put together by hand from the store.
    let mut sha = Sha256::new();
    for number in 0..events {
        for page in 0_u32.. {
            let key = [b"r", number.to_be_bytes().as_slice(), &page.to_be_bytes()].concat();
            let Some(value) = store.get(&key).unwrap() else { break };
            sha.update(&key);
            sha.update(u32::try_from(value.len()).unwrap().to_le_bytes());
            sha.update(&value);
        }
    }
    assert_eq!(first, <[u8; 32]>::from(sha.finalize()));

    let secret = journal.secret("a purpose").unwrap();
    let rows = (0..100).map(rotated).collect(); // of several pages
    journal.append(vec![Entry::new(range(0, None, None), rows), done(0, 100, 0).into()]).unwrap();
    let all = journal.log_sha256(u64::MAX).unwrap();
    assert_ne!(all, first);
    assert_eq!(journal.log_sha256(events).unwrap(), first, "the log only grows");
    assert_eq!(journal.log_sha256(events + 2).unwrap(), all);
    assert_eq!(journal.secret("a purpose").unwrap(), secret);
    assert_ne!(journal.secret("another").unwrap(), secret);
    let reopened = reopen(store);
    assert_eq!((reopened.log_sha256(u64::MAX).unwrap(), reopened.tip()), (all, journal.tip()));
}

#[test]
fn an_open_chunk_has_no_end() {
    let (_, mut journal) = running();
    journal.append(vec![Entry::new(range(0, None, Some(9)), vec![rotated(1)])]).unwrap();
    let open = journal.chunk_times(TargetId::new(0), Ordinal::new(0)).unwrap();
    assert_eq!(open.done_at, None);
    journal
        .append(vec![Event::RowsReplanned { target: TargetId::new(0), ordinal: Ordinal::new(0) }.into()])
        .unwrap();
    assert_eq!(journal.chunk_times(TargetId::new(0), Ordinal::new(0)).unwrap(), open);
    journal.append(vec![done(0, 1, 0).into()]).unwrap();
    let closed = journal.chunk_times(TargetId::new(0), Ordinal::new(0)).unwrap();
    assert_eq!(closed.started_at, open.started_at);
    assert!(closed.done_at.is_some_and(|at| at >= closed.started_at));
    assert!(journal.chunk_times(TargetId::new(0), Ordinal::new(1)).is_err());
}
