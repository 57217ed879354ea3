//! A connection of the bridge's: one request after the other.

use std::sync::Arc;

use super::super::Value;
use super::super::remote::{self, LAST_ANSWER};
use super::process::{Outcome, Process};
use super::wire::{Operation, Request};

/// What a connection is opened with.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) url: &'a str,
    pub(super) read_only: bool,
    /// As what a NULL is bound, of `java.sql.Types`.
    pub(super) nulls: u32,
    /// The driver whose bytes of a text are UTF-8, see `JdbcDriver::utf8`.
    pub(super) utf8_driver: &'a str,
    pub(super) properties: &'a [(&'a str, &'a str)],
    /// Statements to run first.
    pub(super) setup: &'a [String],
}

/// What is asked of a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    /// A connection.
    Open(&'a Opening<'a>),
    /// One statement with its values.
    Query(&'a str, &'a [Value]),
    /// Likewise, with values from wherever they are.
    Change(&'a str, &'a [&'a Value]),
    /// One statement for each set of values.
    Many(Operation, &'a str, &'a [Vec<&'a Value>]),
    /// What takes a text.
    Text(Operation, &'a str),
    /// What takes nothing.
    Plain(Operation),
}

impl Ask<'_> {
    const fn operation(&self) -> Operation {
        match self {
            Self::Open(_) => Operation::Open,
            Self::Query(..) | Self::Change(..) => Operation::Query,
            Self::Many(operation, ..) | Self::Text(operation, _) | Self::Plain(operation) => *operation,
        }
    }

    /// How many bytes it takes, roughly; with secrets in it, no fewer.
    fn room(&self) -> usize {
        let weight = |value: &Value| value.weight() + 8;
        match self {
            Self::Open(with) => {
                let pairs: usize =
                    with.properties.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
                let setup: usize = with.setup.iter().map(|statement| statement.len() + 4).sum();
                with.url.len() + with.utf8_driver.len() + pairs + setup + 32
            }
            Self::Query(sql, params) => sql.len() + 16 + params.iter().map(weight).sum::<usize>(),
            Self::Change(sql, params) => {
                sql.len() + 16 + params.iter().map(|value| weight(value)).sum::<usize>()
            }
            Self::Many(_, sql, rows) => {
                sql.len() + 16 + rows.iter().flatten().map(|value| weight(value)).sum::<usize>()
            }
            Self::Text(_, text) => text.len() + 8,
            Self::Plain(_) => 0,
        }
    }

    fn fill(&self, request: &mut Request) {
        match self {
            Self::Open(with) => {
                request.text(with.url).flag(with.read_only).number(with.nulls).text(with.utf8_driver);
                request.count(with.properties.len());
                for (name, value) in with.properties {
                    request.text(name).text(value);
                }
                request.count(with.setup.len());
                for statement in with.setup {
                    request.text(statement);
                }
            }
            Self::Query(sql, params) => {
                request.text(sql).count(params.len());
                for param in *params {
                    request.value(param);
                }
            }
            Self::Change(sql, params) => {
                request.text(sql).count(params.len());
                for param in *params {
                    request.value(param);
                }
            }
            Self::Many(_, sql, rows) => {
                request.text(sql).count(rows.first().map_or(0, Vec::len)).count(rows.len());
                for value in rows.iter().flatten() {
                    request.value(value);
                }
            }
            Self::Text(_, text) => drop(request.text(text)),
            Self::Plain(_) => {}
        }
    }
}

/// A connection to a database, by way of the bridge. Dropped, it is closed; in the midst of a
/// request it is torn.
#[derive(Debug)]
pub(super) struct Session {
    process: Arc<Process>,
    number: u32,
    /// Nobody has read the answer to its last request.
    busy: bool,
    /// A transaction is open.
    working: bool,
    /// It cannot be used any more.
    broken: bool,
}

impl Session {
    /// A session that nothing has been asked of.
    pub(super) fn new(process: Arc<Process>) -> Self {
        let number = process.session();
        Self { process, number, busy: false, working: false, broken: false }
    }

    /// Whether another statement can be sent to it.
    pub(super) fn is_usable(&self) -> bool {
        !self.busy && !self.broken && !self.process.is_over()
    }

    pub(super) fn is_working(&self) -> bool {
        self.working
    }

    /// From now on it is not given to others.
    pub(super) fn give_up(&mut self) {
        self.broken = true;
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
        self.busy = true;
        let told = self.process.ask(number, request).await;
        self.busy = false;
        // No word at all: it has ended.
        let outcome = told.unwrap_or_else(|_| Err(self.process.failure()));
        match ask.operation() {
            Operation::Begin => self.working = outcome.is_ok(),
            Operation::Commit | Operation::Rollback => {
                self.working = false;
                self.broken |= outcome.is_err();
            }
            _ => {}
        }
        outcome
    }

    /// Rolls back what nobody goes on with, and does not wait for it: what comes next does.
    pub(super) fn abandon(&mut self) {
        self.working = false;
        self.process.tell(Request::new(self.process.number(), self.number, Operation::Rollback, 0));
    }

    /// Closes it and waits until it is closed.
    pub(super) async fn close(mut self) {
        if self.is_usable() {
            let closed = async { Ok(self.ask(Ask::Plain(Operation::Close)).await) };
            let _ = remote::within(Some(LAST_ANSWER), closed).await; // nothing is left to lose
            self.broken = true;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What waits for its answer may wait for ever.
        let how = if self.busy { Operation::Abort } else { Operation::Close };
        self.process.tell(Request::new(self.process.number(), self.number, how, 0));
    }
}
