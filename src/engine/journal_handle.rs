//! The journal as the engine uses it: shared, asynchronous, with entries that may wait.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyrotation_journal::{Entry, Event, JobState, Journal, Submission, TAKEN_BACK};
use tokio::sync::watch;

use crate::blocking::blocking;
use crate::error::{Error, Result};

/// How often a process that closes the journal looks whether others still read.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The names of steps that say what this program has found.
const FINDINGS: [&str; 5] =
    ["verified", "verify-differences", "safe-to-retire", "old-keys-may-go", "old-keys-may-not-go"];

/// A journal that several tasks append to. Its state is published once it is durable: who looks at it never
/// waits for a disk.
#[derive(Debug, Clone)]
pub struct JournalHandle {
    /// Locked while a group is flushed to the disk, so on blocking threads only.
    journal: Arc<Mutex<Journal>>,
    /// Entries whose durability nothing waits for: they ride with the next group.
    deferred: Arc<Mutex<Vec<Entry>>>,
    state: watch::Sender<Arc<JobState>>,
}

impl JournalHandle {
    /// A handle of an open journal.
    pub fn new(journal: Journal) -> Self {
        let state = watch::Sender::new(journal.kept_state());
        Self { journal: Arc::new(Mutex::new(journal)), deferred: Arc::default(), state }
    }

    /// Appends entries, with all that were deferred before them, and returns when they are
    /// durable.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<()> {
        let this = self.clone();
        blocking(move || {
            if entries.is_empty() && lock(&this.deferred).is_empty() {
                return Ok(());
            }
            this.record(|_| entries)
        })
        .await
    }

    /// Leaves an entry to the next group. Losing it in a crash must be harmless: a `ChunkDone`
    /// is found out again from the rows themselves.
    pub fn defer(&self, entry: Entry) {
        lock(&self.deferred).push(entry);
    }

    /// Makes deferred entries durable.
    pub async fn flush(&self) -> Result<()> {
        self.append(Vec::new()).await
    }

    /// Looks at the state that the durable entries make up.
    pub fn state<R>(&self, look: impl FnOnce(&JobState) -> R) -> R {
        let state = Arc::clone(&self.state.borrow()); // not borrowed while it is looked at
        look(&state)
    }

    /// The state, for tasks that wait for it to change.
    pub fn changes(&self) -> watch::Receiver<Arc<JobState>> {
        self.state.subscribe()
    }

    /// Records what was deferred and these entries, as one group, and publishes the state that comes of it.
    fn record(&self, entries: impl FnOnce(&Journal) -> Vec<Entry>) -> Result<()> {
        let mut journal = lock(&self.journal);
        let mut group = std::mem::take(&mut *lock(&self.deferred));
        group.extend(entries(&journal));
        journal.append(group)?;
        self.state.send_replace(journal.kept_state());
        Ok(())
    }

    /// Begins a session with these events, and takes over the steps that others have left for the journal in
    /// `dir`. Those that are there as the first session begins were left before the rotation began.
    pub async fn begin_session(&self, dir: PathBuf, events: Vec<Event>) -> Result<()> {
        let this = self.clone();
        blocking(move || {
            let mut events = Some(events);
            let mut begin = |left: Vec<Submission>| {
                let events = events.take().into_iter().flatten().map(Entry::from);
                this.record(|journal| events.chain(taken_over(journal, left)).collect())?;
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
        let this = self.clone();
        blocking(move || {
            let mut any = false;
            keyrotation_journal::accept_steps::<Error>(&dir, |left| {
                any = true;
                let count = left.len();
                let left: Vec<_> = left.into_iter().filter(|left| is_its(&left.step.name)).collect();
                let all = left.len() == count;
                this.record(|journal| taken_over(journal, left))?;
                Ok(all)
            })?;
            Ok(any)
        })
        .await
    }

    /// Closes the journal, once no other task has it any more.
    pub async fn close(self) {
        while Arc::strong_count(&self.journal) > 1 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Reads from the journal, off the asynchronous threads.
    pub async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Journal) -> keyrotation_journal::Result<R> + Send + 'static,
    ) -> Result<R> {
        let journal = Arc::clone(&self.journal);
        blocking(move || read(&lock(&journal)).map_err(Error::from)).await
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

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
