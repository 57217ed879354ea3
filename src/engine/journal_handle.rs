//! The journal as the engine uses it: shared, asynchronous, with entries that may wait.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyrotation_journal::{Entry, Event, JobState, Journal, Submission, TAKEN_BACK};

use crate::blocking::blocking;
use crate::error::{Error, Result};

/// How often whoever closes the journal looks whether others still read.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The names of steps that say what this program has found.
const FINDINGS: [&str; 3] = ["verified", "verify-differences", "safe-to-retire"];

/// A journal that several tasks append to.
#[derive(Debug, Clone)]
pub struct JournalHandle {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    /// Entries whose durability nothing waits for: they ride with the next group.
    deferred: Vec<Entry>,
}

impl JournalHandle {
    /// A journal over an open journal.
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
            let mut begin = |left: Vec<Submission>| {
                let mut inner = lock(&inner);
                let mut group = std::mem::take(&mut inner.deferred);
                group.extend(events.take().into_iter().flatten().map(Entry::from));
                group.extend(taken_over(&inner.journal, left));
                inner.journal.append(group).map_err(Error::from)?;
                Ok::<_, Error>(true)
            };
            keyrotation_journal::accept_steps(&dir, &mut begin)?;
            begin(Vec::new()).map(drop) // with what was begun already there is nothing to append
        })
        .await
    }

    /// Takes over the steps that others have left for the journal in `dir`, and says whether there
    /// were any.
    pub async fn accept_steps(&self, dir: PathBuf) -> Result<bool> {
        self.take_some(dir, |_| true).await
    }

    /// Likewise, but only those that are this rotation's by their names; the others go on waiting.
    pub async fn take_some(
        &self,
        dir: PathBuf,
        is_its: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<bool> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let mut any = false;
            keyrotation_journal::accept_steps::<Error>(&dir, |left| {
                any = true;
                let mut inner = lock(&inner);
                let mut group = std::mem::take(&mut inner.deferred);
                let count = left.len();
                let left: Vec<_> = left.into_iter().filter(|left| is_its(&left.step.name)).collect();
                let all = left.len() == count;
                group.extend(taken_over(&inner.journal, left));
                inner.journal.append(group).map_err(Error::from)?;
                Ok(all)
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

/// The entries that record what waited beside the log and may go into it, but for what the log has already.
fn taken_over(journal: &Journal, left: Vec<Submission>) -> Vec<Entry> {
    let believed = left.into_iter().filter(|left| is_believed(journal, left)).map(|left| left.step).collect();
    journal.state().not_known(believed).into_iter().map(|step| Event::StepTaken(step).into()).collect()
}

/// Whether a step that waited beside the log may go into it. Who may write to the folder may leave any, so
/// what this program found counts only with the key's proof, and what is of another rotation never.
fn is_believed(journal: &Journal, left: &Submission) -> bool {
    let name = &left.step.name;
    let id = journal.state().rotation.id;
    if left.rotation.is_some_and(|rotation| rotation != id) {
        tracing::warn!(
            "the step {name} that waited beside the log is another rotation's: it is not recorded"
        );
        return false;
    }
    if is_finding(name) && !journal.vouches_for(left) {
        tracing::warn!(
            "the step {name} that waited beside the log has no proof that this program found it: it is not \
             recorded; do it again"
        );
        return false;
    }
    true
}

/// Whether a step of this name says what this program has found, and not what people have done.
pub fn is_finding(name: &str) -> bool {
    FINDINGS.contains(&name.strip_prefix(TAKEN_BACK).unwrap_or(name))
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}
