//! Statements that take long. Where no question to the server tells what they wait for, the driver can at least end
//! them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::process::Process;
use super::session::Session;
use super::wire::{Operation, Request};
use super::{Inner, JdbcDb};

/// From then on a statement takes long.
const LONG: Duration = Duration::from_secs(5);

/// The sessions of which something was asked that is not answered yet, by their numbers.
#[derive(Debug, Default)]
pub(super) struct AtWork(Mutex<HashMap<u32, (Instant, Arc<Process>)>>);

impl AtWork {
    fn sessions(&self) -> MutexGuard<'_, HashMap<u32, (Instant, Arc<Process>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For as long as an answer is awaited.
pub(super) struct Awaiting {
    db: Arc<Inner>,
    session: u32,
}

impl Awaiting {
    pub(super) fn from(db: &Arc<Inner>, session: &Session) -> Self {
        let (number, process) = (session.number(), Arc::clone(session.process()));
        db.at_work.sessions().insert(number, (Instant::now(), process));
        Self { db: Arc::clone(db), session: number }
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        self.db.at_work.sessions().remove(&self.session);
    }
}

impl JdbcDb {
    /// The sessions whose statement takes long.
    pub(crate) fn stalled(&self) -> Vec<u32> {
        let at_work = self.inner.at_work.sessions();
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
        if let Some((_, process)) = self.inner.at_work.sessions().get(&session) {
            process.tell(Request::new(process.number(), session, Operation::Cancel, 0));
        }
    }
}
