//! Databases by way of their JDBC drivers: a bridge in Java moves statements and rows, nothing else.
//! All SQL comes from here, as for the other drivers.

mod errors;
mod lease;
mod postgres;
mod process;
mod session;
mod stalled;
mod table;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::claim::Claim;
use super::dialect::Questions;
use super::own_sessions::{Greeting, OwnSessions};
use super::remote;
use super::server::{Route, Server};
use super::table::{Kind, TableInfo};
use super::{Access, Class, DbError, Dialect, Record, STATEMENT_BYTES, Value};
pub(crate) use lease::{BridgeSession, JdbcTransaction};
use process::Process;
use session::{Ask, Opening, Session};
use stalled::AtWork;
use wire::Operation;

/// How long a file may be held by the bridge of a process that was killed: until its Java has noticed.
const AFTERLIFE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// A database that is reached through its JDBC driver.
#[derive(Debug, Clone)]
pub struct JdbcDb {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: Server,
    route: Route,
    access: Access,
    dialect: &'static Dialect,
    questions: &'static Questions,
    connections: u32,
    statement_bytes: usize,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
    claim: Claim,
    own: OwnSessions,
    at_work: AtWork,
}

impl JdbcDb {
    pub(super) async fn open(
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
            if answer.first().and_then(|record| record.first()?.as_int()).is_some_and(|flag| flag != 0) {
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
        let inner = Inner {
            server: server.clone(),
            route: route.clone(),
            access,
            dialect,
            questions,
            connections,
            statement_bytes,
            permits: Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1))),
            idle: Mutex::default(),
            claim: Claim::default(),
            own,
            at_work: AtWork::default(),
        };
        inner.idle().push(session);
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) fn is_same_handle(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(super) fn access(&self) -> Access {
        self.inner.access
    }

    pub(super) fn server(&self) -> &Server {
        &self.inner.server
    }

    pub(super) fn dialect(&self) -> &'static Dialect {
        self.inner.dialect
    }

    pub(super) fn questions(&self) -> &'static Questions {
        self.inner.questions
    }

    pub(super) fn connections(&self) -> u32 {
        self.inner.connections
    }

    pub(super) fn statement_bytes(&self) -> usize {
        self.inner.statement_bytes
    }

    pub(super) fn claim(&self) -> &Claim {
        &self.inner.claim
    }

    /// Which of the server's sessions are this process's.
    pub(super) fn own(&self) -> &OwnSessions {
        &self.inner.own
    }

    /// Whether it is a file that one process at a time can open: nobody else can be at it.
    pub(super) fn is_sole(&self) -> bool {
        self.inner.route.sole
    }

    /// A connection of its own, outside the pool.
    pub(super) async fn connect(&self) -> Result<BridgeSession, DbError> {
        let session = self.inner.session().await?;
        Ok(BridgeSession { session: Some(session), db: Arc::clone(&self.inner), permit: None })
    }

    async fn acquire(&self) -> Result<BridgeSession, DbError> {
        let permits = &self.inner.permits;
        let permit = remote::place(permits, self.inner.connections, patience(self.server())).await?;
        let idle = {
            let mut idle = self.inner.idle();
            idle.retain(Session::is_usable);
            idle.pop()
        };
        let session = match idle {
            Some(session) => session,
            None => self.inner.session().await?,
        };
        Ok(BridgeSession { session: Some(session), db: Arc::clone(&self.inner), permit: Some(permit) })
    }

    pub(super) async fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        self.acquire().await?.run(sql, params).await
    }

    /// One query for each set of values.
    pub(super) async fn read_each(&self, sql: &str, rows: &[Vec<&Value>]) -> Result<Vec<Record>, DbError> {
        self.acquire().await?.each(sql, rows).await
    }

    pub(super) async fn read_arrays(
        &self,
        sql: &str,
        arrays: &[(Kind, Vec<&Value>)],
    ) -> Result<Vec<Record>, DbError> {
        self.read(sql, &postgres::literals(arrays)).await
    }

    pub(super) async fn script(&self, sql: &str) -> Result<(), DbError> {
        self.acquire().await?.unprepared(sql).await
    }

    pub(super) async fn statements(&self, statements: &[String]) -> Result<(), DbError> {
        let mut lease = self.connect().await?;
        for statement in statements {
            lease.unprepared(statement).await?;
        }
        lease.close().await;
        Ok(())
    }

    pub(super) async fn begin(&self) -> Result<JdbcTransaction, DbError> {
        let mut lease = self.acquire().await?;
        lease.begin().await?;
        Ok(JdbcTransaction { lease })
    }

    /// A table, as the driver describes it.
    pub(super) async fn table(&self, name: &str) -> Result<Option<TableInfo>, DbError> {
        let (rows, _) = self.acquire().await?.ask(Ask::Text(Operation::Describe, name)).await?;
        Ok(table::by_driver(rows))
    }

    /// Closes the sessions that nobody uses now.
    pub(super) async fn rest(&self) {
        let idle = std::mem::take(&mut *self.inner.idle());
        for session in idle {
            session.close().await;
        }
    }

    pub(super) async fn close(&self) {
        if let Some(claim) = self.inner.claim.lock().await.take() {
            claim.close().await;
            if let Some(row) = self.inner.questions.lock_row {
                let _ = self.script(row.remove).await; // it does no harm where it stays
            }
        }
        self.inner.permits.close();
        let idle = std::mem::take(&mut *self.inner.idle());
        for session in idle {
            session.close().await;
        }
    }
}

impl Inner {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session.
    async fn session(&self) -> Result<Session, DbError> {
        let _opening = self.own.opening();
        let (mut session, _) = connect(&self.server, &self.route, self.access, Some(self.dialect)).await?;
        greet(&mut session, self.dialect, &self.server, &self.own).await?;
        Ok(session)
    }
}

/// Asks for the server's number of a session, where sessions of this process go by that.
async fn greet(
    session: &mut Session,
    dialect: &Dialect,
    server: &Server,
    own: &OwnSessions,
) -> Result<(), DbError> {
    let questions = dialect.questions;
    if !questions.by_number {
        return Ok(());
    }
    let mut greeting = Greeting::new(questions);
    let mut rows = answer(session, dialect, server, &greeting.sql).await;
    if greeting.mark.is_some() && rows.as_ref().is_err_and(|error| error.class == Class::Environment) {
        greeting = Greeting::unmarked(questions); // a cluster that forbids such locks
        rows = answer(session, dialect, server, &greeting.sql).await;
    }
    own.note(&rows?, greeting.mark);
    Ok(())
}

/// The rows that answer a question without values in it, which is no work for the server.
async fn answer(
    session: &mut Session,
    dialect: &Dialect,
    server: &Server,
    sql: &str,
) -> Result<Vec<Record>, DbError> {
    let sql = postgres::marks(dialect, sql);
    let asked = async { Ok(session.ask(Ask::Query(&sql, &[])).await) };
    let asked = remote::within(Some(patience(server)), asked).await?;
    asked.map(|(rows, _)| rows).map_err(|failure| errors::explain(dialect, &failure))
}

/// How long a session may take to open, and to answer what is no work. The driver keeps to the URL's own
/// limit; this is for one that does not.
fn patience(server: &Server) -> Duration {
    server.connect_timeout + Duration::from_secs(30)
}

/// Opens a session; gives the major version of the database, too.
async fn connect(
    server: &Server,
    route: &Route,
    access: Access,
    dialect: Option<&Dialect>,
) -> Result<(Session, i64), DbError> {
    let process = Process::with(&route.java).await?;
    process.hide(&server.password);
    process.hide(&route.url);
    let url = match access {
        Access::ReadOnly => format!("{}{}", *route.url, route.read_only),
        Access::ReadWrite => (*route.url).clone(),
    };
    let url = zeroize::Zeroizing::new(url);
    let unversioned = Dialect::of(server.kind, i64::MAX);
    let driver = &unversioned.driver;
    let mut setup: Vec<String> = unversioned.session.iter().map(|&sql| sql.to_owned()).collect();
    setup.extend((unversioned.setup)(server, access));
    let mut properties = vec![("user", server.user.as_str()), ("password", server.password.as_str())];
    if !driver.program.is_empty() {
        properties.push((driver.program, remote::application()));
    }
    properties.extend(driver.properties);
    properties.extend(route.properties.iter().map(|(name, value)| (*name, value.as_str())));
    let opening = Opening {
        url: &url,
        read_only: access == Access::ReadOnly,
        nulls: driver.null_type,
        utf8_driver: driver.utf8,
        properties: &properties,
        setup: &setup,
    };
    let begun = Instant::now();
    let (session, opened) = loop {
        let mut session = Session::new(Arc::clone(&process));
        let opened = session.ask(Ask::Open(&opening));
        let opened = remote::within(Some(patience(server)), async { Ok(opened.await) }).await?;
        let is_held =
            opened.as_ref().is_err_and(|failure| Some(failure.code) == unversioned.in_use) && route.sole;
        if !is_held || begun.elapsed() >= AFTERLIFE {
            break (session, opened);
        }
        tokio::time::sleep(PAUSE).await;
    };
    let (_, done) = opened.map_err(|failure| errors::explain(dialect.unwrap_or(unversioned), &failure))?;
    remote::set_up_sockets_of(session.process().pid);
    let mut told = done.reader();
    let product = (told.text(), told.text(), told.text());
    let major = told.number().unwrap_or_default();
    if let (None, (Some(name), Some(version), Some(driver))) = (dialect, product) {
        tracing::debug!("{server}: {name} {version}, driver {driver}");
    }
    Ok((session, major))
}
