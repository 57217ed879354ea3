//! Tests of the journal as tasks share it.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use keyrotation_journal::{Event, Journal, Mark, MemoryStore, Rotation, Store, Write};

use super::JournalHandle;

/// Longer than anything here takes that does not wait for the disk.
const LONG: Duration = Duration::from_secs(10);

/// A disk that says when it flushes a group, and does so once it is let.
struct SlowDisk {
    store: MemoryStore,
    flushes: SyncSender<()>,
    go_on: Receiver<()>,
}

impl Store for SlowDisk {
    fn get(&self, key: &[u8]) -> keyrotation_journal::Result<Option<Vec<u8>>> {
        self.store.get(key)
    }

    fn commit(&mut self, group: Vec<Write>, mark: Mark) -> keyrotation_journal::Result<()> {
        self.flushes.send(()).unwrap();
        self.go_on.recv().unwrap();
        self.store.commit(group, mark)
    }

    fn mark(&self) -> Mark {
        self.store.mark()
    }

    fn place(&self) -> &Path {
        self.store.place()
    }
}

fn rotation() -> Rotation {
    Rotation {
        id: [1; 16],
        created_at: 1,
        version: "test".into(),
        fingerprint: Vec::new(),
        targets: Vec::new(),
    }
}

fn session(pid: u32) -> Event {
    let [host, user, version, command] = ["host", "user", "test", "run"].map(str::to_owned);
    Event::SessionStarted { at: 5, pid, host, user, version, command }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_the_state_does_not_wait_for_the_disk() {
    let (flushes, flushing) = sync_channel(1);
    let (let_go, go_on) = sync_channel(1);
    let_go.send(()).unwrap(); // the group that begins it
    let disk = SlowDisk { store: MemoryStore::new(), flushes, go_on };
    let handle = JournalHandle::new(Journal::begin_in(disk, rotation(), &[7; 32]).unwrap());
    flushing.recv().unwrap();
    let mut changes = handle.changes();
    assert_eq!(handle.state(|state| (state.entries, state.sessions)), (1, 0));

    let writer = handle.clone();
    let appended = tokio::spawn(async move { writer.append(vec![session(1).into()]).await });
    let flushing = tokio::task::spawn_blocking(move || flushing.recv_timeout(LONG));
    flushing.await.unwrap().unwrap(); // the group is on its way to the disk, and no further
    let reader = handle.clone();
    let seen = tokio::task::spawn_blocking(move || {
        reader.defer(session(2).into());
        reader.state(|state| (state.entries, state.sessions))
    });
    let seen = tokio::time::timeout(LONG, seen).await;
    let_go.send(()).unwrap();
    assert_eq!(seen.expect("it waits for the disk").unwrap(), (1, 0), "what is not durable is not shown");
    appended.await.unwrap().unwrap();
    assert_eq!(handle.state(|state| (state.entries, state.sessions)), (2, 1));
    tokio::time::timeout(LONG, changes.changed()).await.unwrap().unwrap();
    assert_eq!(changes.borrow().entries, 2);
}
