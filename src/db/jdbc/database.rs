//! A database that is reached through its JDBC driver.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::ask::Ask;
use super::opened::{Opened, answer, connect, greet, patience};
use super::pooled::{BridgeSession, JdbcTransaction};
use super::session::Session;
use super::stalled::AtWork;
use super::wire::Operation;
use super::{postgres, table};
use crate::dialect::{Dialect, Questions};
use crate::driver::{Driver, Taker};
use crate::error::{Class, DbError};
use crate::own_sessions::OwnSessions;
use crate::remote::{self, STATEMENT_BYTES};
use crate::server::{Access, Route, Server};
use crate::table::{Kind, TableInfo};
use crate::value::{Record, Value, first_number};

/// A database that is reached through its JDBC driver.
#[derive(Debug, Clone)]
pub(crate) struct JdbcDb {
    opened: Arc<Opened>,
}

impl JdbcDb {
    pub(crate) async fn open(
        server: &Server,
        route: &Route,
        access: Access,
        connections: u32,
    ) -> Result<Self, DbError> {
        let (mut session, major) = connect(server, route, access, None).await?;
        let dialect = Dialect::of(server.kind, major);
        let mut questions = dialect.questions;
        // First of all: a process of ours that looks meanwhile is not to take it for a stranger.
        let own = OwnSessions::at(&server.to_string());
        greet(&mut session, dialect, server, &own).await?;
        if let Some(blind) = dialect.blind
            && answer(&mut session, dialect, server, questions.sessions).await.is_err()
        {
            questions = blind;
        }
        if access == Access::ReadWrite && !dialect.is_read_only.is_empty() {
            let answer = answer(&mut session, dialect, server, dialect.is_read_only).await?;
            if first_number(&answer).is_some_and(|flag| flag != 0) {
                let text = "is a replica, or set to read only: give the primary's host";
                return Err(DbError::new(Class::Environment, text));
            }
        }
        if access == Access::ReadWrite && !dialect.flush.is_empty() {
            answer(&mut session, dialect, server, dialect.flush).await?; // whether that is allowed shows now
        }
        let statement_bytes = match dialect.max_packet {
            "" => STATEMENT_BYTES,
            packet => remote::statement_bytes(&answer(&mut session, dialect, server, packet).await?),
        };
        let (room, mut answers) = (&questions.room, Vec::new());
        for ask in room.asks {
            answers.push(answer(&mut session, dialect, server, ask).await?);
        }
        let connections = remote::within_room(connections, (room.left)(&answers));
        let opened = Opened {
            server: server.clone(),
            route: route.clone(),
            access,
            dialect,
            questions,
            connections,
            statement_bytes,
            permits: Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1))),
            idle: Mutex::default(),
            own,
            at_work: AtWork::default(),
            set_back: Mutex::default(),
        };
        opened.idle().push(session);
        Ok(Self { opened: Arc::new(opened) })
    }

    /// Whether it is a file that one process at a time can open: nobody else can be at it.
    pub(crate) fn is_sole(&self) -> bool {
        self.opened.route.sole
    }

    /// A connection of its own, outside the pool.
    pub(crate) async fn connect(&self) -> Result<BridgeSession, DbError> {
        let session = self.opened.session().await?;
        Ok(BridgeSession { session: Some(session), db: Arc::clone(&self.opened), permit: None })
    }

    async fn acquire(&self) -> Result<BridgeSession, DbError> {
        let permits = &self.opened.permits;
        let permit = remote::place(permits, self.opened.connections, patience(&self.opened.server)).await?;
        let idle = {
            let mut idle = self.opened.idle();
            idle.retain(Session::is_usable);
            idle.pop()
        };
        let session = match idle {
            Some(session) => session,
            None => self.opened.session().await?,
        };
        Ok(BridgeSession { session: Some(session), db: Arc::clone(&self.opened), permit: Some(permit) })
    }

    /// Runs statements one by one, in a session of their own that is closed then.
    pub(crate) async fn statements(&self, statements: &[String]) -> Result<(), DbError> {
        let mut session = self.connect().await?;
        for statement in statements {
            session.unprepared(statement).await?;
        }
        session.close().await;
        Ok(())
    }

    /// Statements that take long.
    pub(crate) fn at_work(&self) -> &AtWork {
        &self.opened.at_work
    }
}

impl Driver for JdbcDb {
    type Transaction = JdbcTransaction;

    fn dialect(&self) -> &'static Dialect {
        self.opened.dialect
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.opened.server)
    }

    fn questions(&self) -> Option<&'static Questions> {
        (!self.is_sole()).then_some(self.opened.questions)
    }

    fn connections(&self) -> u32 {
        self.opened.connections
    }

    fn statement_bytes(&self) -> usize {
        self.opened.statement_bytes
    }

    fn only_reads(&self) -> bool {
        self.opened.access == Access::ReadOnly
    }

    fn own(&self) -> Option<&OwnSessions> {
        Some(&self.opened.own)
    }

    fn hands_on(&self) -> bool {
        false
    }

    async fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        self.acquire().await?.run(sql, params).await
    }

    async fn read_each(&self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<Record>, DbError> {
        self.acquire().await?.each(sql, rows).await
    }

    async fn read_arrays(&self, sql: &str, arrays: &[(Kind, Vec<&Value>)]) -> Result<Vec<Record>, DbError> {
        self.read(sql, &postgres::literals(arrays)).await
    }

    async fn each(&self, sql: &str, found: Taker<'_>) -> Result<(), DbError> {
        for record in self.read(sql, &[]).await? {
            if let Some(room) = found(record) {
                room.await;
            }
        }
        Ok(())
    }

    async fn script(&self, sql: &str) -> Result<(), DbError> {
        self.acquire().await?.unprepared(sql).await
    }

    async fn begin(&self, _beside: bool) -> Result<JdbcTransaction, DbError> {
        let mut session = self.acquire().await?;
        session.begin().await?;
        Ok(JdbcTransaction { session })
    }

    async fn table(&self, name: &str) -> Result<Option<TableInfo>, DbError> {
        let (rows, _) = self.acquire().await?.ask(Ask::Text(Operation::Describe, name)).await?;
        Ok(table::by_driver(rows))
    }

    async fn rest(&self) {
        if self.is_sole() {
            return; // the file would be anybody's
        }
        let idle = std::mem::take(&mut *self.opened.idle());
        for session in idle {
            session.close().await;
        }
    }

    async fn write_at_once(&self) -> Result<(), DbError> {
        let Some(delay) = &self.opened.dialect.write_delay else { return Ok(()) };
        if self.opened.access == Access::ReadOnly {
            return Ok(());
        }
        let found = first_number(&self.read(delay.ask, &[]).await?);
        let before = found.and_then(|found| u32::try_from(found).ok()).unwrap_or(delay.usual);
        if before > 0 {
            self.read(&(delay.set)(0), &[]).await?;
            tracing::debug!(
                "{}: commits were written up to {before} ms later, now at once",
                self.opened.server
            );
            *self.opened.set_back.lock().unwrap_or_else(PoisonError::into_inner) = Some((delay.set)(before));
        }
        Ok(())
    }

    async fn close(&self) {
        self.opened.permits.close();
        let mut idle = std::mem::take(&mut *self.opened.idle());
        if let Some(session) = idle.iter_mut().find(|session| session.is_usable()) {
            self.opened.set_back(session).await;
        }
        for session in idle {
            session.close().await;
        }
    }
}
