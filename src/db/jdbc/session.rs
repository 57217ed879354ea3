//! A connection of the bridge's: one request after the other.

use std::sync::Arc;

use super::ask::Ask;
use super::process::{Outcome, Process};
use super::wire::{Operation, Request};
use crate::pool::State;
use crate::remote::{self, LAST_ANSWER};

/// A connection to a database, by way of the bridge. Dropped, it is closed; in the midst of a
/// request it is torn.
#[derive(Debug)]
pub(super) struct Session {
    process: Arc<Process>,
    number: u32,
    state: State,
    /// A transaction is open.
    is_working: bool,
}

impl Session {
    /// A session that nothing has been asked of.
    pub(super) fn new(process: Arc<Process>) -> Self {
        let number = process.session();
        Self { process, number, state: State::Sound, is_working: false }
    }

    /// Whether another statement can be sent to it.
    pub(super) fn is_usable(&self) -> bool {
        self.state == State::Sound && !self.process.is_over()
    }

    pub(super) fn is_working(&self) -> bool {
        self.is_working
    }

    /// From now on it is not given to others.
    pub(super) fn give_up(&mut self) {
        self.state = State::Lost;
    }

    /// The bridge's number for it.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask(&mut self, ask: Ask<'_>) -> Outcome {
        let number = self.process.number();
        let mut request = Request::new(number, self.number, ask.operation(), ask.room());
        ask.fill(&mut request);
        let before = std::mem::replace(&mut self.state, State::Unknown);
        let told = self.process.ask(number, request).await;
        // No word at all: it has ended.
        let outcome = told.unwrap_or_else(|_| Err(self.process.failure()));
        self.state = before; // one that was lost stays that
        match ask.operation() {
            Operation::Begin => self.is_working = outcome.is_ok(),
            Operation::Commit | Operation::Rollback => {
                self.is_working = false;
                if outcome.is_err() {
                    self.give_up();
                }
            }
            _ => {}
        }
        outcome
    }

    /// Rolls back what nobody goes on with, and does not wait for it: what comes next does.
    pub(super) fn abandon(&mut self) {
        self.is_working = false;
        self.process.tell(Request::new(self.process.number(), self.number, Operation::Rollback, 0));
    }

    /// Closes it and waits until it is closed.
    pub(super) async fn close(mut self) {
        if self.is_usable() {
            let closed = async { Ok(self.ask(Ask::Plain(Operation::Close)).await) };
            let _ = remote::within(Some(LAST_ANSWER), closed).await; // nothing is left to lose
            self.give_up();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What waits for its answer may wait for ever.
        let how = if self.state == State::Unknown { Operation::Abort } else { Operation::Close };
        self.process.tell(Request::new(self.process.number(), self.number, how, 0));
    }
}
