//! Statements that take long. Where no question to the server tells what they wait for, the driver can at least end
//! them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::process::Process;
use super::session::Session;
use super::wire::{Operation, Request};

/// From then on a statement takes long.
const LONG: Duration = Duration::from_secs(5);

/// Since when, and by which process, by the sessions' numbers.
type Sessions = HashMap<u32, (Instant, Arc<Process>)>;

/// The sessions of which something was asked that is not answered yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct AtWork(Arc<Mutex<Sessions>>);

impl AtWork {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions whose statement takes long.
    pub(crate) fn stalled(&self) -> Vec<u32> {
        let at_work = self.sessions();
        let mut stalled: Vec<u32> = at_work
            .iter()
            .filter(|(_, (since, _))| since.elapsed() >= LONG)
            .map(|(number, _)| *number)
            .collect();
        stalled.sort_unstable();
        stalled
    }

    /// Asks the driver to end what a session is at.
    pub(crate) fn cancel(&self, session: u32) {
        if let Some((_, process)) = self.sessions().get(&session) {
            process.tell(Request::new(process.number(), session, Operation::Cancel, 0));
        }
    }
}

/// For as long as an answer is awaited.
pub(super) struct Awaiting {
    at_work: AtWork,
    session: u32,
}

impl Awaiting {
    pub(super) fn from(at_work: &AtWork, session: &Session) -> Self {
        let (number, process) = (session.number(), Arc::clone(session.process()));
        at_work.sessions().insert(number, (Instant::now(), process));
        Self { at_work: at_work.clone(), session: number }
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        self.at_work.sessions().remove(&self.session);
    }
}
