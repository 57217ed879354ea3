//! The store's contract, for every store.

use std::path::Path;

use tempfile::TempDir;

use crate::head::Mark;
use crate::memory_store::{Fault, MemoryStore};
use crate::reserved::Reserved;
use crate::sled_store::SledStore;
use crate::store::Store;

/// A store that can be closed and opened again.
trait Bench {
    fn first(&self) -> Box<dyn Store>;
    fn again(&self) -> Box<dyn Store>;
}

struct InMemory(MemoryStore);

impl Bench for InMemory {
    fn first(&self) -> Box<dyn Store> {
        Box::new(self.0.clone())
    }

    fn again(&self) -> Box<dyn Store> {
        Box::new(self.0.clone())
    }
}

struct OnDisk(TempDir);

impl OnDisk {
    fn dir(&self) -> &Path {
        self.0.path()
    }
}

impl Bench for OnDisk {
    fn first(&self) -> Box<dyn Store> {
        Box::new(SledStore::create(Reserved::take(self.dir()).unwrap()).unwrap())
    }

    fn again(&self) -> Box<dyn Store> {
        Box::new(SledStore::open(self.dir()).unwrap().unwrap())
    }
}

fn benches() -> [Box<dyn Bench>; 2] {
    [Box::new(InMemory(MemoryStore::new())), Box::new(OnDisk(TempDir::new().unwrap()))]
}

fn mark(group: u64) -> Mark {
    Mark { group, entries: group * 2, mac: [u8::try_from(group).unwrap(); 16] }
}

#[test]
fn a_group_and_its_mark_are_there_after_opening_again() {
    for bench in benches() {
        let mut store = bench.first();
        assert_eq!(store.mark(), Mark::default());
        assert_eq!(store.get(b"a").unwrap(), None);
        store.commit(vec![(b"a".into(), Some(vec![1])), (b"b".into(), Some(vec![]))], mark(1)).unwrap();
        store.commit(vec![(b"a".into(), None), (b"b".into(), Some(vec![2; 7000]))], mark(2)).unwrap();
        for _ in 0..2 {
            assert_eq!(store.mark(), mark(2));
            assert_eq!(store.get(b"a").unwrap(), None);
            assert_eq!(store.get(b"b").unwrap(), Some(vec![2; 7000]));
            drop(store);
            store = bench.again();
        }
    }
}

#[test]
fn many_groups_stay_apart() {
    for bench in benches() {
        let mut store = bench.first();
        for n in 1..=60_u64 {
            let group = (0..40_u64)
                .map(|i| ((n * 40 + i).to_be_bytes().to_vec(), Some(vec![u8::try_from(n).unwrap(); 3500])));
            store.commit(group.collect(), mark(n)).unwrap();
        }
        drop(store);
        let store = bench.again();
        for n in 1..=60_u64 {
            for i in 0..40_u64 {
                let value = store.get(&(n * 40 + i).to_be_bytes()).unwrap().unwrap();
                assert_eq!(value, vec![u8::try_from(n).unwrap(); 3500]);
            }
        }
    }
}

#[test]
fn a_planned_failure_keeps_all_or_nothing() {
    for (fault, kept) in [(Fault::NothingKept, false), (Fault::MarkLost, true)] {
        let disk = MemoryStore::new();
        let mut store = disk.clone();
        store.commit(vec![(b"a".into(), Some(vec![1]))], mark(1)).unwrap();
        disk.fail_at(2, fault);
        store.commit(vec![(b"a".into(), Some(vec![2])), (b"b".into(), Some(vec![2]))], mark(2)).unwrap_err();
        assert_eq!(store.mark(), mark(1));
        assert_eq!(store.get(b"a").unwrap(), Some(vec![if kept { 2 } else { 1 }]));
        assert_eq!(store.get(b"b").unwrap().is_some(), kept);
    }
}

/// sled lets go of its file in a thread of its own: opening the journal again waits for that.
#[test]
fn a_journal_that_this_process_has_just_closed_opens_again() {
    let folder = OnDisk(tempfile::tempdir().unwrap());
    let mut store = folder.first();
    store.commit(vec![(b"a".into(), Some(vec![1]))], mark(1)).unwrap();
    drop(store);
    let lingering = sled::Config::default().path(folder.dir().join("log")).open().unwrap();
    let letting_go = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(lingering);
    });
    assert_eq!(folder.again().get(b"a").unwrap(), Some(vec![1]));
    letting_go.join().unwrap();
}
