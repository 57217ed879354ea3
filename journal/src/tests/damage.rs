//! Every way of changing what is in a store is noticed: accidents by the checksums, at the latest
//! when the value is read, and edits that mend the checksums by the MACs.

use super::{CHAIN_KEY, done, failed, range, rotated, running};
use crate::record::{Kind, Record, seal, unseal};
use crate::store::Store as _;
use crate::{Entry, Error, Event, Journal, MemoryStore, Ordinal, TargetId};

/// A journal with closed and open chunks, a second attempt and failures.
fn template() -> MemoryStore {
    let (store, mut journal) = running();
    for n in 0..4_u64 {
        let first = n * 100;
        let rows =
            (first..first + 60).map(|n| if n % 20 == 7 { failed(n, "bad") } else { rotated(n) }).collect();
        let chunk = range(n, first.checked_sub(1), Some(first + 99));
        let mut group = vec![Entry::new(chunk, rows)];
        if n > 0 {
            group.insert(0, Entry::new(done(n - 1, 57, 3), vec![failed(first - 90, "changed meanwhile")]));
        }
        journal.append(group).unwrap();
    }
    let again = Event::RowsReplanned { target: TargetId::new(0), ordinal: Ordinal::new(3) };
    journal.append(vec![Entry::new(again, vec![rotated(303)])]).unwrap();
    store
}

/// Opens, unlocks, checks and reads everything, as `verify` does.
fn verify(store: &MemoryStore) -> Result<Journal, Error> {
    let mut journal = Journal::open_in(store.clone())?.ok_or(Error::Broken { dir: "nothing".into() })?;
    journal.unlock(&CHAIN_KEY)?;
    journal.check_chain(|_, _| ())?;
    for chunk in journal.chunks(TargetId::new(0)) {
        journal.rows(TargetId::new(0), chunk?.0)?;
    }
    Ok(journal)
}

fn assert_noticed(store: &MemoryStore, what: &str) {
    match verify(store) {
        Err(Error::Damaged { .. } | Error::WrongKey { .. } | Error::Incompatible { .. }) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn the_template_is_whole() {
    verify(&template()).unwrap();
}

#[test]
fn every_lost_value_is_noticed() {
    let template = template();
    for key in template.keys() {
        let store = template.copy();
        store.tamper(&key, None);
        assert_noticed(&store, &format!("without {key:?}"));
    }
}

#[test]
fn every_flipped_byte_is_noticed() {
    let template = template();
    for key in template.keys() {
        let value = template.get(&key).unwrap().unwrap();
        // Long values are sampled.
        for at in (0..value.len()).step_by(value.len() / 40 + 1) {
            let mut changed = value.clone();
            changed[at] ^= 0x10;
            let store = template.copy();
            store.tamper(&key, Some(changed));
            assert_noticed(&store, &format!("byte {at} of {key:?}"));
        }
    }
}

#[test]
fn exchanged_values_are_noticed_even_with_new_checksums() {
    let template = template();
    let records: Vec<Vec<u8>> = template.keys().into_iter().filter(|key| key.starts_with(b"r")).collect();
    assert!(records.len() > 10);
    for pair in records.windows(2) {
        let [a, b] = pair else { panic!() };
        let of = |key: &[u8]| template.get(key).unwrap().unwrap();
        let plain = template.copy();
        plain.tamper(a, Some(of(b)));
        plain.tamper(b, Some(of(a)));
        assert_noticed(&plain, "exchanged");

        let mended = template.copy();
        let (value_a, value_b) = (of(a), of(b));
        mended.tamper(a, Some(Record::open(b, &value_b).unwrap().seal(a)));
        mended.tamper(b, Some(Record::open(a, &value_a).unwrap().seal(b)));
        assert_noticed(&mended, "exchanged, with new checksums");
    }
}

/// Anyone can compute a CRC; the MAC needs the key.
#[test]
fn an_edit_with_a_new_checksum_is_noticed() {
    let template = template();
    for key in template.keys() {
        let value = template.get(&key).unwrap().unwrap();
        let store = template.copy();
        let edited = match key.first() {
            Some(b'r') => {
                let record = Record::open(&key, &value).unwrap();
                let mut payload = record.payload.to_vec();
                *payload.last_mut().unwrap() ^= 1;
                Record { payload: &payload, ..record }.seal(&key)
            }
            Some(b'c') => edit(&key, Kind::Index, &value),
            _ => edit(&key, Kind::State, &value),
        };
        store.tamper(&key, Some(edited));
        assert_noticed(&store, &format!("edited {key:?}"));
    }
}

fn edit(key: &[u8], kind: Kind, value: &[u8]) -> Vec<u8> {
    let mut body = unseal(key, kind, value).unwrap().to_vec();
    *body.last_mut().unwrap() ^= 1;
    seal(key, kind, &body)
}

#[test]
fn an_older_part_of_the_state_is_noticed() {
    let (store, mut journal) = running();
    let older = store.copy();
    journal.append(vec![range(0, None, None).into()]).unwrap();
    let mut noticed = 0;
    for key in older.keys() {
        let before = older.get(&key).unwrap();
        if store.get(&key).unwrap() == before {
            continue;
        }
        let mixed = store.copy();
        mixed.tamper(&key, before);
        assert_noticed(&mixed, &format!("an older {key:?}"));
        noticed += 1;
    }
    // The job, the target and the seal.
    assert_eq!(noticed, 3);
}

#[test]
fn a_log_that_was_set_back_is_noticed() {
    let (store, mut journal) = running();
    let older = store.copy();
    journal.append(vec![range(0, None, None).into()]).unwrap();
    let one_ahead = store.copy();
    one_ahead.tamper_mark(older.mark());
    verify(&one_ahead).unwrap();
    let behind = older.copy();
    behind.tamper_mark(store.mark());
    assert_noticed(&behind, "one behind its mark");

    journal.append(vec![done(0, 0, 0).into()]).unwrap();
    let two_ahead = store.copy();
    two_ahead.tamper_mark(older.mark());
    assert_noticed(&two_ahead, "two ahead of its mark");
    let other = store.copy();
    other.tamper_mark(crate::Mark { mac: [0; 16], ..store.mark() });
    assert_noticed(&other, "of the same length, with another end");
}

#[test]
fn a_newer_format_is_named() {
    let template = template();
    let key = template.keys().into_iter().find(|key| key.starts_with(b"sm")).unwrap();
    let mut value = template.get(&key).unwrap().unwrap();
    value[0] = crate::FORMAT + 1;
    let crc = crc32fast::hash(&[&key, &value[..2], &value[6..]].concat());
    value[2..6].copy_from_slice(&crc.to_le_bytes());
    template.tamper(&key, Some(value));
    let error = verify(&template).unwrap_err();
    assert!(matches!(error, Error::Incompatible { format, .. } if format == crate::FORMAT + 1), "{error}");
}
