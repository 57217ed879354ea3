//! A database through the hours of a rotation: is it still ours alone, and what to do when it is
//! out of reach for a while.

use keyrotation_common::{activity, error, failpoint, signals};
use keyrotation_db as db;
use keyrotation_target as target;

mod backoff;
mod watched;

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};

use crate::activity::Activity;
use crate::db::LockState;
use crate::db::feeds::Feed;
use crate::db::sessions::ForeignSession;
use crate::db::{Class, Db, DbError};
use crate::error::{Error, Id, Result};
use crate::failpoint::async_failpoint;
use crate::signals::Stop;
use crate::target::Store;

pub use backoff::Backoff;

/// How often the server is asked.
const INTERVAL: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(500);

/// Watches one database.
#[derive(Debug)]
pub struct Guard {
    db: Db,
    store: Store,
    patience: Duration,
    others_expected: AtomicBool,
    lost: watch::Sender<bool>,
    stop: OnceLock<Stop>,
    activity: OnceLock<Activity>,
    asked: Mutex<Asked>,
    /// The lock was taken again. Whether the server that answers now is fed by another one was not checked since.
    feeds_unasked: AtomicBool,
}

/// When the server was asked last.
#[derive(Debug)]
struct Asked {
    /// Whether the database is ours alone: work goes on by that.
    whether_ours: Instant,
    /// Only to keep the lock: the result decides nothing.
    to_keep: Instant,
}

impl Guard {
    /// A guard of `db`, which waits so long for a server that is gone.
    pub fn new(db: Db, store: Store, patience: Duration) -> Self {
        Self {
            db,
            store,
            patience,
            others_expected: AtomicBool::new(true),
            lost: watch::Sender::new(false),
            stop: OnceLock::new(),
            activity: OnceLock::new(),
            asked: Mutex::new(Asked { whether_ours: Instant::now(), to_keep: Instant::now() }),
            feeds_unasked: AtomicBool::new(false),
        }
    }

    /// From now on waits end when a stop is requested, and it is known what is waited for.
    pub fn stop_with(&self, stop: Stop, activity: Activity) {
        let _ = self.stop.set(stop); // there is only one
        let _ = self.activity.set(activity);
    }

    /// Pauses between attempts at something in `place`.
    pub fn backoff(&self, place: &str) -> Backoff {
        Backoff::new(place.to_owned(), self.patience, self.stop.get().cloned(), self.activity.get().cloned())
    }

    /// Tries something that changes nothing until it succeeds or there is no sense in it.
    pub async fn try_reading<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        place: &str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, DbError> {
        let mut backoff = self.backoff(place);
        loop {
            match self.watched(place, attempt()).await {
                Ok(done) => return Ok(done),
                Err(error) => backoff.after(error).await?,
            }
        }
    }

    /// Whether it watches this database.
    pub fn watches(&self, db: &Db) -> bool {
        self.db.is_same_handle(db)
    }

    /// Whether other sessions are no reason to stop.
    pub fn expect_others(&self, expected: bool) {
        self.others_expected.store(expected, Ordering::Relaxed);
    }

    /// The server was lost, or is now: whatever answers next may not have all that was committed.
    pub fn mark_lost(&self) {
        if self.db.server_kind().is_some() {
            self.lost.send_replace(true);
        }
    }

    /// Returns once the server was lost and that was not handled yet; or, for `false`, once it was handled.
    pub async fn until_lost_is(&self, doubted: bool) {
        // It fails only without a sender, and there is this one.
        let _ = self.lost.subscribe().wait_for(|lost| *lost == doubted).await;
    }

    /// Whether the server was lost and that was not handled yet.
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// Whether the server was lost since this was last asked.
    pub fn take_lost(&self) -> bool {
        self.lost.send_replace(false)
    }

    /// Returns when the database is ours; an error if it is another rotation's, or others have come.
    /// Who asks again within two seconds is told so without a question to the server.
    pub async fn hold(&self) -> Result<()> {
        self.hold_unless_asked(INTERVAL).await
    }

    /// Likewise, as it is at this moment: it includes a loss that was not noticed yet.
    pub async fn hold_now(&self) -> Result<()> {
        self.hold_unless_asked(Duration::ZERO).await
    }

    async fn hold_unless_asked(&self, lately: Duration) -> Result<()> {
        if self.db.server_kind().is_none() {
            return Ok(());
        }
        let mut asked = self.asked.lock().await;
        if asked.whether_ours.elapsed() < lately {
            return Ok(());
        }
        let mut backoff = self.backoff(&format!("{} database", self.store.name()));
        let begun = Instant::now();
        loop {
            self.keep_claim().await?;
            if self.others_expected.load(Ordering::Relaxed) {
                break;
            }
            match self.foreign_sessions().await {
                Ok(foreign_sessions) if foreign_sessions.is_empty() => break,
                Ok(foreign_sessions) => {
                    // One of our user's may be one that we have lost, and that the server has not missed yet.
                    if let Some(one) = foreign_sessions.iter().find(|one| one.afterlife <= begun.elapsed()) {
                        return Err(self.refusal(one));
                    }
                    if self.stop.get().is_some_and(Stop::requested) {
                        return Err(Error::new(Id::DatabaseLost, "stopped while waiting for a session"));
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                // A server that is gone in between takes the lock with it, too.
                Err(error) => backoff.after(error).await.map_err(|error| self.failed(&error))?,
            }
        }
        asked.whether_ours = Instant::now();
        Ok(())
    }

    /// Keeps the database's lock while nothing is done with it. A server that is gone, or a lock that
    /// another process has taken meanwhile, counts once work continues: then [`Guard::hold`] handles it.
    pub async fn keep(&self) {
        if self.db.server_kind().is_none() {
            return;
        }
        let mut asked = self.asked.lock().await;
        if asked.to_keep.elapsed() < INTERVAL {
            return;
        }
        asked.to_keep = Instant::now();
        let store = self.store.name();
        match self.db.hold().await {
            Ok(LockState::Kept) => {}
            Ok(LockState::Retaken) => self.regained(),
            Ok(LockState::ByAnother) => {
                tracing::debug!("{store} database: another session has the rotation's lock");
            }
            Err(error) => tracing::debug!("{store} database: {error}"),
        }
    }

    /// What answers now may be another server than the one that was lost.
    fn regained(&self) {
        self.mark_lost();
        self.feeds_unasked.store(true, Ordering::Relaxed);
        let store = self.store.name();
        tracing::warn!("{store} database: the rotation's lock was lost with its connection, and taken again");
    }

    async fn keep_claim(&self) -> Result<()> {
        let begun = Instant::now();
        let mut waiting = None;
        loop {
            let (problem, taken) = match self.db.hold().await {
                Ok(state) if state != LockState::ByAnother => {
                    if state == LockState::Retaken {
                        self.regained();
                    }
                    match self.refuse_fed().await {
                        Ok(()) => return Ok(()),
                        Err(Refused::Fed(error)) => return Err(error),
                        Err(Refused::Unasked(error)) if error.class == Class::Lost => {
                            (error.to_string(), false)
                        }
                        Err(Refused::Unasked(error)) => return Err(self.failed(&error)),
                    }
                }
                Ok(_) => ("another session has the lock".to_owned(), true),
                Err(error) if error.class == Class::Lost => (error.to_string(), false),
                Err(error) => return Err(self.failed(&error)),
            };
            self.mark_lost();
            if begun.elapsed() >= self.patience || self.stop.get().is_some_and(Stop::requested) {
                let text = format!(
                    "{} database: the rotation's lock cannot be regained: {problem}",
                    self.store.name()
                );
                let mut error = Error::new(Id::DatabaseLost, text);
                if taken {
                    error = error.fix(
                        "check whether another rotation runs, end what holds the lock, then `keyrotation resume`",
                    );
                }
                return Err(error);
            }
            if waiting.is_none() {
                let what = format!("the lock of the {} database: {problem}", self.store.name());
                waiting = Some(self.activity.get().map(|activity| activity.wait(what)));
                tracing::warn!(
                    "{} database: the rotation's lock was lost ({problem}); waiting for it for up to {} s",
                    self.store.name(),
                    self.patience.as_secs()
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Refuses a server that is fed from elsewhere since it was lost, as a replica is after its restart.
    async fn refuse_fed(&self) -> Result<(), Refused> {
        if !self.feeds_unasked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let feeds = self.db.feeds().await.map_err(Refused::Unasked)?;
        if let Some(feed) = feeds.found.iter().find(|feed| feed.overwrites()) {
            let fix = format!(
                "end that there: `{}`; then `keyrotation resume`, and `keyrotation verify` after it",
                feed.end
            );
            return Err(Refused::Fed(fed(&format!("{} database", self.store.name()), feed).fix(fix)));
        }
        self.feeds_unasked.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn foreign_sessions(&self) -> Result<Vec<ForeignSession>, DbError> {
        async_failpoint!("guard-lost", DbError::new(Class::Lost, "failure planned by a test"));
        let mut foreign_sessions = self.db.foreign_sessions().await?;
        // A process that waits for the lock, or only reads: without the lock no keyrotation writes.
        foreign_sessions.retain(|session| !session.is_keyrotation);
        Ok(foreign_sessions)
    }

    fn refusal(&self, session: &ForeignSession) -> Error {
        let text = format!("{} database: somebody has connected: {}", self.store.name(), session.who);
        Error::new(Id::OthersConnected, text)
            .fix("stop them, then `keyrotation resume`; if they change nothing, add --others-connected")
    }

    fn failed(&self, error: &DbError) -> Error {
        refused(&format!("{} database", self.store.name()), error)
    }
}

/// Why a database into which changes come from elsewhere is refused.
enum Refused {
    Fed(Error),
    /// It could not be asked.
    Unasked(DbError),
}

/// A database that changes come into from elsewhere, as an error.
pub fn fed(place: &str, feed: &Feed) -> Error {
    Error::new(Id::CopyFed, format!("{place}: it is fed from elsewhere: {}", feed.what))
}

/// A database's answer about a place, as an error: of what, the answer says.
pub fn refused(place: &str, error: &DbError) -> Error {
    let id = match error.class {
        _ if error.hides_rows() => Id::RowsHidden,
        Class::Lost => Id::DatabaseLost,
        Class::Retry | Class::Row | Class::Environment => Id::Database,
    };
    let refused = Error::new(id, format!("{place}: {error}"));
    match error.remedy() {
        Some(remedy) => refused.fix(remedy),
        None => refused,
    }
}
