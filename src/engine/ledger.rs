//! The journal as the engine uses it: shared, asynchronous, with entries that may wait.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyrotation_journal::{Entry, Event, JobState, Journal, Step};

use crate::blocking::blocking;
use crate::error::{Error, Result};

/// How often whoever closes the journal looks whether others still read.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A journal that several tasks append to.
#[derive(Debug, Clone)]
pub struct Ledger {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    /// Entries whose durability nothing waits for: they ride with the next group.
    deferred: Vec<Entry>,
}

impl Ledger {
    /// A ledger over an open journal.
    pub fn new(journal: Journal) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { journal, deferred: Vec::new() })) }
    }

    /// Appends entries, with all that were deferred before them, and returns when they are
    /// durable.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let mut inner = lock(&inner);
            let mut group = std::mem::take(&mut inner.deferred);
            group.extend(entries);
            if group.is_empty() {
                return Ok(());
            }
            inner.journal.append(group).map_err(Error::from)
        })
        .await
    }

    /// Leaves an entry to the next group. Losing it in a crash must be harmless: a `ChunkDone`
    /// is found out again from the rows themselves.
    pub fn defer(&self, entry: Entry) {
        lock(&self.inner).deferred.push(entry);
    }

    /// Makes deferred entries durable.
    pub async fn flush(&self) -> Result<()> {
        self.append(Vec::new()).await
    }

    /// Looks at the state that the durable entries make up.
    pub fn state<R>(&self, look: impl FnOnce(&JobState) -> R) -> R {
        look(lock(&self.inner).journal.state())
    }

    /// Begins a session with these events, and takes over the steps that others have left for the journal in
    /// `dir`. Those that are there as the first session begins were left before the rotation began.
    pub async fn begin_session(&self, dir: PathBuf, events: Vec<Event>) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let mut events = Some(events);
            let mut begin = |steps: Vec<Step>| {
                let mut inner = lock(&inner);
                let mut group = std::mem::take(&mut inner.deferred);
                group.extend(events.take().into_iter().flatten().map(Entry::from));
                let new = inner.journal.state().not_known(steps);
                group.extend(new.into_iter().map(|step| Event::StepTaken(step).into()));
                inner.journal.append(group).map_err(Error::from)
            };
            keyrotation_journal::take_steps::<Error>(&dir, &mut begin)?;
            begin(Vec::new()) // with what was begun already there is nothing to append
        })
        .await
    }

    /// Takes over the steps that others have left for the journal in `dir`, and says whether there
    /// were any.
    pub async fn take_steps(&self, dir: PathBuf) -> Result<bool> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let mut any = false;
            keyrotation_journal::take_steps::<Error>(&dir, |steps| {
                any = true;
                let mut inner = lock(&inner);
                let mut group = std::mem::take(&mut inner.deferred);
                let new = inner.journal.state().not_known(steps);
                group.extend(new.into_iter().map(|step| Event::StepTaken(step).into()));
                inner.journal.append(group).map_err(Error::from)
            })?;
            Ok(any)
        })
        .await
    }

    /// Closes the journal, once no other task has it any more.
    pub async fn close(self) {
        while Arc::strong_count(&self.inner) > 1 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Reads from the journal, off the asynchronous threads.
    pub async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Journal) -> keyrotation_journal::Result<R> + Send + 'static,
    ) -> Result<R> {
        let inner = Arc::clone(&self.inner);
        blocking(move || read(&lock(&inner).journal).map_err(Error::from)).await
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}
