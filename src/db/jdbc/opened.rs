//! How a session of the bridge is opened, and what all sessions of a database share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::ask::{Ask, Opening};
use super::errors;
use super::postgres;
use super::process::Process;
use super::session::Session;
use super::stalled::AtWork;
use crate::dialect::{Dialect, Questions};
use crate::error::{Class, DbError};
use crate::own_sessions::{Greeting, OwnSessions};
use crate::remote;
use crate::server::{Access, Route, Server};
use crate::value::Record;

/// How long a file may be held by the bridge of a process that was killed: until its Java has noticed.
const AFTERLIFE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// What all handles and sessions of a database share.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) server: Server,
    pub(super) route: Route,
    pub(super) access: Access,
    pub(super) dialect: &'static Dialect,
    pub(super) questions: &'static Questions,
    pub(super) connections: u32,
    pub(super) statement_bytes: usize,
    pub(super) permits: Arc<Semaphore>,
    pub(super) idle: Mutex<Vec<Session>>,
    pub(super) own: OwnSessions,
    pub(super) at_work: AtWork,
    /// Gives the database its delay of writes back, where it was taken away.
    pub(super) set_back: Mutex<Option<String>>,
}

impl Opened {
    pub(super) fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session.
    pub(super) async fn session(&self) -> Result<Session, DbError> {
        let _opening = self.own.opening();
        let (mut session, _) = connect(&self.server, &self.route, self.access, Some(self.dialect)).await?;
        greet(&mut session, self.dialect, &self.server, &self.own).await?;
        Ok(session)
    }

    /// Gives the database its delay of writes back. If that does not last it is none, which is safe, and slower.
    pub(super) async fn set_back(&self, session: &mut Session) {
        let taken = self.set_back.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(set_back) = taken else { return };
        for statement in [&*set_back, self.dialect.flush] {
            if let Err(error) = answer(session, self.dialect, &self.server, statement).await {
                tracing::warn!("{}: {error}; run `{set_back}` there", self.server);
                return;
            }
        }
    }
}

/// Asks for the server's number of a session, where sessions of this process go by that.
pub(super) async fn greet(
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
pub(super) async fn answer(
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
pub(super) fn patience(server: &Server) -> Duration {
    server.connect_timeout + Duration::from_secs(30)
}

/// Opens a session; gives the major version of the database, too.
pub(super) async fn connect(
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
