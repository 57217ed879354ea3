//! Sessions of a server, each with a limit for its answers, and the pool that they are borrowed from.
//!
//! Every question to a server goes through [`Session`], so none is without the limit. A session goes back
//! to the pool only if its last answer was complete: there is nothing to find out then, and nothing to
//! wait for.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::dialect::Dialect;
use super::driver::{Taker, unsupported};
use super::error::{Class, DbError};
use super::own_sessions::OwnSessions;
use super::remote::{LAST_ANSWER, place, within};
use super::server::{Access, Host, Server};
use super::table::Kind;
use super::value::{Record, Value};

/// After how long without use a session is asked whether it is still there.
const IDLE: Duration = Duration::from_secs(30);

/// What a driver does with a connection.
pub(super) trait Native: sqlx::Connection + fmt::Debug + Sized + 'static {
    /// Values that are bound to a statement.
    type Values: Send + Default;

    /// How its server answers.
    const DIALECT: &'static Dialect;
    /// What is said of one that takes no writes.
    const READ_ONLY: &str;

    /// Whether a server has refused a user for a reason that may pass, though it does not say so.
    fn is_login_refused(error: &DbError) -> bool;

    /// Connects to one of the server's hosts.
    fn reach(server: &Server, host: &Host) -> impl Future<Output = Result<Self, DbError>> + Send;

    /// Makes a new session one of ours.
    fn prepare(
        session: &mut Session<Self>,
        server: &Server,
        access: Access,
        own: &OwnSessions,
    ) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Binds values to a statement.
    fn bind<'a>(params: impl IntoIterator<Item = &'a Value>) -> Result<Self::Values, DbError>;

    /// Likewise, one array for each column.
    fn bind_arrays(_arrays: &[(Kind, Vec<&Value>)]) -> Result<Self::Values, DbError> {
        Err(unsupported("arrays"))
    }

    /// Runs a prepared statement, and returns its rows.
    fn fetch(
        &mut self,
        sql: &str,
        values: Self::Values,
    ) -> impl Future<Output = Result<Vec<Record>, DbError>> + Send;

    /// Likewise, and hands each row on as it comes.
    fn each(&mut self, sql: &str, found: Taker<'_>) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Runs a prepared statement, and returns how many rows the server says it affected.
    fn change(
        &mut self,
        sql: &str,
        values: Self::Values,
    ) -> impl Future<Output = Result<u64, DbError>> + Send;

    /// Runs statements that are not prepared.
    fn script(&mut self, sql: &str) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// What is known of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its last answer was complete: another question can follow.
    Sound,
    /// It is in the midst of something, or was left there: it is not known what is still to come.
    Unknown,
    /// It was lost.
    Lost,
}

/// A connection, with the limit for its answers.
#[derive(Debug)]
pub(super) struct Session<C> {
    connection: C,
    limit: Option<Duration>,
    /// Which of the server's hosts it is with.
    host: usize,
    state: State,
    /// A transaction is open.
    is_working: bool,
    used: Instant,
}

impl<C: Native> Session<C> {
    /// A new connection to a host, whose answers may take so long; none waits as long as the network
    /// holds.
    pub(super) fn new(connection: C, host: usize, limit: Option<Duration>) -> Self {
        Self { connection, limit, host, state: State::Sound, is_working: false, used: Instant::now() }
    }

    /// Changes the limit.
    pub(super) fn limited(self, limit: Option<Duration>) -> Self {
        Self { limit, ..self }
    }

    /// Runs a statement, and returns its rows.
    pub(super) async fn fetch(&mut self, sql: &str, values: C::Values) -> Result<Vec<Record>, DbError> {
        self.state = State::Unknown;
        let answer = within(self.limit, self.connection.fetch(sql, values)).await;
        self.heard(answer)
    }

    /// Likewise, and hands each row on as it comes, for as long as it takes.
    pub(super) async fn each(&mut self, sql: &str, found: Taker<'_>) -> Result<(), DbError> {
        self.state = State::Unknown;
        let answer = self.connection.each(sql, found).await;
        self.heard(answer)
    }

    /// Runs a statement, and returns how many rows the server says it affected.
    pub(super) async fn change(&mut self, sql: &str, values: C::Values) -> Result<u64, DbError> {
        self.state = State::Unknown;
        let answer = within(self.limit, self.connection.change(sql, values)).await;
        self.heard(answer)
    }

    /// Runs statements that are not prepared.
    pub(super) async fn script(&mut self, sql: &str) -> Result<(), DbError> {
        self.state = State::Unknown;
        let answer = within(self.limit, self.connection.script(sql)).await;
        self.heard(answer)
    }

    /// Begins a transaction, in which no statement waits longer for what others have locked.
    pub(super) async fn begin(&mut self, lock_wait: Option<Duration>) -> Result<(), DbError> {
        self.is_working = true;
        let limit = C::DIALECT.lock_wait.zip(lock_wait).map_or_else(String::new, |(limit, wait)| limit(wait));
        self.script(&format!("{}{limit}", C::DIALECT.begin)).await
    }

    /// Ends it, by `COMMIT` or `ROLLBACK`.
    async fn end(&mut self, how: &str) -> Result<(), DbError> {
        let ended = self.script(how).await;
        self.is_working = ended.is_err();
        ended
    }

    /// Says farewell, so that the server does not complain of a client that has vanished.
    pub(super) async fn close(self) {
        if self.state == State::Sound {
            let farewell = async { Ok(self.connection.close().await) };
            let _ = within(Some(LAST_ANSWER), farewell).await; // the server notices, late
        }
    }

    /// What the server refuses is an answer, too.
    fn heard<T>(&mut self, answer: Result<T, DbError>) -> Result<T, DbError> {
        self.state = match answer.as_ref().map_err(|error| error.class) {
            Ok(_) | Err(Class::Row | Class::Retry) => State::Sound,
            Err(Class::Environment) => State::Unknown,
            Err(Class::Lost) => State::Lost,
        };
        self.used = Instant::now();
        answer
    }

    async fn is_there(&mut self) -> bool {
        if self.used.elapsed() < IDLE {
            return true;
        }
        let sign = async { Ok(self.connection.ping().await) };
        matches!(within(Some(LAST_ANSWER), sign).await, Ok(Ok(())))
    }
}

/// Sessions that are shared, no more than so many.
#[derive(Debug)]
pub(super) struct Pool<C> {
    idle: Mutex<Vec<Session<C>>>,
    places: Arc<Semaphore>,
    size: u32,
    patience: Duration,
    /// The host that took the last session: all are to be with the same.
    host: AtomicUsize,
}

impl<C: Native> Pool<C> {
    /// A pool with `first` in it, in which nobody waits longer for a place.
    pub(super) fn new(first: Session<C>, size: u32, patience: Duration) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1)));
        let host = AtomicUsize::new(first.host);
        Arc::new(Self { idle: Mutex::new(vec![first]), places, size, patience, host })
    }

    /// The host with which to begin.
    pub(super) fn host(&self) -> usize {
        self.host.load(Ordering::SeqCst)
    }

    /// Lends a session that is there, or a new one.
    pub(super) async fn lend(
        self: &Arc<Self>,
        new: impl Future<Output = Result<Session<C>, DbError>>,
    ) -> Result<PooledSession<C>, DbError> {
        let place = place(&self.places, self.size, self.patience).await?;
        let session = match self.unused().await {
            Some(session) => session,
            None => self.moved(new.await?),
        };
        Ok(PooledSession { session: Some(session), pool: Arc::clone(self), place: Some(place) })
    }

    /// One that is there and still answers.
    async fn unused(&self) -> Option<Session<C>> {
        loop {
            let unused = self.idle().pop();
            let mut session = unused?;
            if session.is_there().await {
                return Some(session);
            }
            self.idle().clear(); // they have been there for even longer
        }
    }

    /// Notes where a new session is; what is with another host is used no more.
    fn moved(&self, session: Session<C>) -> Session<C> {
        if self.host.swap(session.host, Ordering::SeqCst) != session.host {
            self.idle().clear();
        }
        session
    }

    /// Closes the sessions that nobody uses now.
    pub(super) async fn rest(&self) {
        let idle = std::mem::take(&mut *self.idle());
        for session in idle {
            session.close().await;
        }
    }

    /// Closes all sessions, those that are lent as soon as they come back, if that is soon.
    pub(super) async fn close(&self) {
        let all = async { Ok(self.places.acquire_many(self.size).await.map(SemaphorePermit::forget)) };
        let _ = within(Some(LAST_ANSWER), all).await; // what is still lent is cut off when it comes back
        self.places.close();
        let idle = std::mem::take(&mut *self.idle());
        for session in idle {
            session.close().await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_back(&self, session: Session<C>) {
        if !self.places.is_closed() && session.host == self.host() {
            self.idle().push(session);
        }
    }
}

/// A session that is borrowed. Dropped, it goes back: what it had begun is rolled back first. One that
/// is in the midst of something is cut off.
#[derive(Debug)]
pub(super) struct PooledSession<C: Native> {
    /// None only while it goes back.
    session: Option<Session<C>>,
    pool: Arc<Pool<C>>,
    place: Option<OwnedSemaphorePermit>,
}

impl<C: Native> PooledSession<C> {
    /// The session.
    pub(super) fn session(&mut self) -> Result<&mut Session<C>, DbError> {
        self.session.as_mut().ok_or_else(|| DbError::new(Class::Environment, "the connection is closed"))
    }

    /// Commits what it had begun.
    pub(super) async fn commit(mut self) -> Result<(), DbError> {
        self.session()?.end("COMMIT").await
    }

    /// Rolls back what it had begun.
    pub(super) async fn rollback(mut self) -> Result<(), DbError> {
        self.session()?.end("ROLLBACK").await
    }

    /// Runs scripts one after the other for as long as they take, and closes the session: one that fails midway
    /// may leave it in an odd state.
    pub(super) async fn scripts(mut self, scripts: &[impl AsRef<str>]) -> Result<(), DbError> {
        let Some(session) = self.session.take() else { return self.session().map(drop) };
        let mut session = session.limited(None);
        let mut ran = Ok(());
        for script in scripts {
            ran = session.script(script.as_ref()).await;
            if ran.is_err() {
                break;
            }
        }
        session.close().await;
        ran
    }
}

impl<C: Native> Drop for PooledSession<C> {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        match session.state {
            State::Sound if !session.is_working => self.pool.take_back(session),
            State::Sound => {
                let (pool, place) = (Arc::clone(&self.pool), self.place.take());
                let rollback = async move {
                    if let Ok(()) = within(Some(LAST_ANSWER), session.end("ROLLBACK")).await {
                        pool.take_back(session);
                    }
                    drop(place);
                };
                // Without a runtime the program is at its end, and the server rolls back by itself.
                let _ = Handle::try_current().map(|runtime| runtime.spawn(rollback));
            }
            State::Unknown => {}
            State::Lost => self.pool.idle().clear(), // the others were lost with it
        }
    }
}
