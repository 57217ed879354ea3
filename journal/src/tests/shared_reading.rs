//! A journal that another process holds, read by way of that process.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::{CHAIN_KEY, done, failed, key, range, rotated, running};
use crate::{Entry, Event, Journal, Ordinal, Span, Stored, TargetId, TargetState};

type Shared = Arc<Mutex<Journal>>;

/// Hands over no more than this many bytes at once, and counts how often it was asked.
fn along(held: &Shared, most: usize) -> (Journal, Arc<Mutex<usize>>) {
    let surface = held.lock().unwrap().shared_state().unwrap();
    let (held, asked) = (Arc::clone(held), Arc::new(Mutex::new(0)));
    let count = Arc::clone(&asked);
    let fetch = move |key: &[u8]| -> io::Result<Vec<Stored>> {
        *count.lock().unwrap() += 1;
        held.lock().unwrap().stored_from(key, most).map_err(io::Error::other)
    };
    (Journal::open_along(Path::new("elsewhere"), surface, fetch).unwrap().unwrap(), asked)
}

/// Chunks of several pages each, one with a failure, one still open.
fn eventful() -> Shared {
    let (_, mut journal) = running();
    let rows = |from: u64| (from..from + 90).map(rotated).collect::<Vec<_>>();
    journal.append(vec![Entry::new(range(0, None, Some(89)), rows(0)), done(0, 90, 0).into()]).unwrap();
    let mut second = rows(90);
    second.push(failed(180, "no"));
    journal.append(vec![Entry::new(range(1, Some(89), Some(180)), second)]).unwrap();
    journal.append(vec![done(1, 90, 1).into()]).unwrap();
    journal.append(vec![Entry::new(range(2, Some(180), None), rows(181))]).unwrap();
    Arc::new(Mutex::new(journal))
}

/// All that a report reads.
fn all_of(journal: &Journal) -> impl PartialEq + std::fmt::Debug + use<> {
    let rows: Vec<_> =
        (0..3).map(|chunk| journal.rows(TargetId::new(0), Ordinal::new(chunk)).unwrap()).collect();
    let times: Vec<_> =
        (0..3).map(|chunk| journal.chunk_times(TargetId::new(0), Ordinal::new(chunk)).unwrap()).collect();
    let events: Vec<_> = journal.events().map(Result::unwrap).collect();
    let failed: Vec<_> = journal.failed_chunks(TargetId::new(0)).map(|chunk| chunk.unwrap().get()).collect();
    let found = journal.find(TargetId::new(0), &HashSet::from([key(100)])).unwrap();
    let digests = (journal.log_sha256(u64::MAX).unwrap(), journal.secret("a purpose").unwrap());
    (journal.state().clone(), journal.tip(), rows, times, events, failed, found, digests)
}

#[test]
fn it_says_what_the_journal_says_however_little_is_handed_over_at_once() {
    let held = eventful();
    let expected = all_of(&held.lock().unwrap());
    for most in [0, 1, 5_000, 1 << 20] {
        assert_eq!(all_of(&along(&held, most).0), expected, "{most} bytes at once");
    }
    let (mut reader, asked) = along(&held, 1 << 20);
    reader.log_sha256(u64::MAX).unwrap();
    assert!(*asked.lock().unwrap() <= 3, "what follows comes along");
    reader.unlock(&CHAIN_KEY).unwrap();
    reader.check_chain(|_, _| {}).unwrap();
}

#[test]
fn what_is_written_meanwhile_is_not_seen() {
    let held = eventful();
    let before = all_of(&held.lock().unwrap());
    let (reader, _) = along(&held, 1 << 20);
    for entries in [
        vec![done(2, 90, 0).into()],
        vec![
            Event::ChunkStarted { target: TargetId::new(0), ordinal: Ordinal::new(3), span: Span::Keys }
                .into(),
        ],
    ] {
        held.lock().unwrap().append(entries).unwrap();
        assert_eq!(all_of(&reader), before);
    }
    let later = along(&held, 1 << 20).0;
    let open = |journal: &Journal| journal.state().targets.first().map(|TargetState { open, .. }| open.len());
    assert_eq!((open(&reader), open(&later)), (Some(1), Some(1)));
    assert_ne!(later.state(), reader.state());
}

#[test]
fn nothing_is_written_and_nothing_but_the_log_is_handed_over() {
    let held = eventful();
    let (mut reader, _) = along(&held, 100);
    reader.unlock(&CHAIN_KEY).unwrap();
    assert!(reader.append(vec![done(2, 90, 0).into()]).is_err());
    let journal = held.lock().unwrap();
    for key in [&b""[..], b"r", b"rx", b"sj", b"sm", b"w\0\0", &[b'r'; 14], &[b'c'; 10]] {
        assert_eq!(journal.stored_from(key, 1 << 20).unwrap(), [], "{key:?}");
    }
}

#[test]
fn a_holder_that_has_ended_is_an_error_and_no_damage() {
    let held = eventful();
    let surface = held.lock().unwrap().shared_state().unwrap();
    let gone = |_: &[u8]| Err(io::Error::other("it has ended"));
    let error = Journal::open_along(Path::new("elsewhere"), surface, gone).unwrap_err();
    assert!(error.to_string().contains("it has ended"), "{error}");
    assert!(matches!(error, crate::Error::Io { .. }), "{error}");
}
