//! Sessions that are borrowed, and transactions in them.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::ask::Ask;
use super::opened::Opened;
use super::session::Session;
use super::stalled::Awaiting;
use super::wire::{Done, Operation};
use super::{errors, postgres};
use crate::driver::DriverTransaction;
use crate::error::{Class, DbError};
use crate::remote;
use crate::table::Kind;
use crate::value::{Record, Value};

/// A session that is borrowed from the pool, or alone. Dropped, it goes back, rolled back.
#[derive(Debug)]
pub(crate) struct BridgeSession {
    /// None only while it is given back.
    pub(super) session: Option<Session>,
    pub(super) db: Arc<Opened>,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl BridgeSession {
    pub(super) async fn ask(&mut self, ask: Ask<'_>) -> Result<(Vec<Record>, Done), DbError> {
        let Some(session) = &mut self.session else {
            return Err(DbError::new(Class::Environment, "the connection is closed"));
        };
        let timeout = self.db.server.socket_timeout;
        let _awaiting = Awaiting::from(&self.db.at_work, session);
        let outcome = remote::within(timeout, async { Ok(session.ask(ask).await) }).await?;
        outcome.map_err(|failure| {
            let error = errors::explain(self.db.dialect, &failure);
            if error.class == Class::Lost {
                session.give_up();
                self.db.idle().clear(); // the others were lost with it
            }
            error
        })
    }

    /// Runs a statement that is not prepared.
    pub(super) async fn unprepared(&mut self, sql: &str) -> Result<(), DbError> {
        self.ask(Ask::Text(Operation::Script, sql)).await.map(drop)
    }

    pub(crate) async fn begin(&mut self) -> Result<(), DbError> {
        self.ask(Ask::Plain(Operation::Begin)).await.map(drop)
    }

    async fn end(&mut self, how: Operation) -> Result<(), DbError> {
        self.ask(Ask::Plain(how)).await.map(drop)
    }

    pub(crate) async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        let sql = postgres::marks(self.db.dialect, sql).into_owned();
        self.ask(Ask::Query(&sql, params)).await.map(|(rows, _)| rows)
    }

    /// Runs a statement and returns how many rows the server says it affected.
    async fn change(&mut self, sql: &str, params: Vec<&Value>) -> Result<u64, DbError> {
        let (_, done) = self.ask(Ask::Change(sql, &params)).await?;
        Ok(done.reader().number().and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }

    pub(super) async fn each(&mut self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<Record>, DbError> {
        self.ask(Ask::Many(Operation::Each, sql, rows)).await.map(|(rows, _)| rows)
    }

    async fn batch(&mut self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<i64>, DbError> {
        let (_, done) = self.ask(Ask::Many(Operation::Batch, sql, rows)).await?;
        let mut counts = done.reader();
        let many = counts.number().and_then(|many| usize::try_from(many).ok()).unwrap_or_default();
        let counts: Vec<i64> = (0..many).map_while(|_| counts.number()).collect();
        if counts.len() == rows.len() {
            return Ok(counts);
        }
        let text = format!("the driver counts {} changes where {} were made", counts.len(), rows.len());
        Err(DbError::new(Class::Environment, text))
    }

    /// Closes it, and waits for that.
    pub(crate) async fn close(mut self) {
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }
}

impl Drop for BridgeSession {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        if self.permit.is_none() || !session.is_usable() {
            return; // it is closed with that, and what it had begun is rolled back
        }
        if session.is_working() {
            session.abandon();
        }
        self.db.idle().push(session);
    }
}

/// A writing transaction.
#[derive(Debug)]
pub(crate) struct JdbcTransaction {
    pub(super) session: BridgeSession,
}

impl DriverTransaction for JdbcTransaction {
    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        self.session.run(sql, params).await
    }

    async fn run_arrays(
        &mut self,
        sql: &str,
        arrays: &[(Kind, Vec<&Value>)],
    ) -> Result<Vec<Record>, DbError> {
        self.session.run(sql, &postgres::literals(arrays)).await
    }

    async fn unprepared(&mut self, sql: &str) -> Result<(), DbError> {
        self.session.unprepared(sql).await
    }

    async fn change(&mut self, sql: &str, params: Vec<&Value>) -> Result<u64, DbError> {
        self.session.change(sql, params).await
    }

    async fn each(&mut self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<Record>, DbError> {
        self.session.each(sql, rows).await
    }

    async fn batch(&mut self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<i64>, DbError> {
        self.session.batch(sql, rows).await
    }

    async fn commit(mut self) -> Result<(), DbError> {
        self.session.end(Operation::Commit).await?;
        match self.session.db.dialect.flush {
            "" => Ok(()),
            // Committed or not: the rows will tell.
            flush => self.session.run(flush, &[]).await.map(drop).map_err(|error| {
                DbError::new(Class::Lost, format!("what was committed is not on the disk: {error}"))
            }),
        }
    }

    async fn rollback(mut self) -> Result<(), DbError> {
        self.session.end(Operation::Rollback).await
    }
}
