//! Giving way: nothing is written while a server has too much work, or those that follow it are too far behind.
//!
//! Invariant: what cannot be told is not taken for little. A limit that somebody has set holds the work up while its
//! measure is not known; one that nobody has set counts only where it can be measured.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::activity::Activity;
use crate::db::feeds::{Feed, Feeds};
use crate::db::history::History;
use crate::db::load::{Follower, Load};
use crate::db::server::Kind;
use crate::db::{Db, DbError};
use crate::signals::Stop;

/// How often servers are asked.
const EVERY: Duration = Duration::from_secs(1);

/// For how much of the time a cluster may hold its nodes up before it is too much: one part of so many.
const HELD_UP: u32 = 10;

/// What is too much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// How far behind those may be that follow a server.
    pub lag: Option<Duration>,
    /// How many statements may run in it.
    pub load: Option<u32>,
    /// Whether somebody has set them.
    pub asked: bool,
}

/// Whether to hold back, and why; cheap to clone, and all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Throttle(watch::Sender<Option<String>>);

impl Throttle {
    /// Returns once there is no reason to hold back.
    pub async fn until_free(&self, activity: &Activity) {
        let mut reasons = self.0.subscribe();
        loop {
            let reason = reasons.borrow_and_update().clone();
            let Some(reason) = reason else { return };
            let _waiting = activity.give_way(reason);
            if reasons.changed().await.is_err() {
                return;
            }
        }
    }

    /// From now on there is this reason to hold back, or none.
    fn set(&self, reason: Option<String>) {
        self.0.send_if_modified(|known| {
            match (&known, &reason) {
                (None, Some(why)) => tracing::warn!("nothing is written meanwhile: {why}"),
                (Some(_), None) => tracing::info!("it continues: the servers have room again"),
                _ => {}
            }
            let is_new = *known != reason;
            *known = reason;
            is_new
        });
    }
}

/// Servers that are asked, and what they have said so far.
#[derive(Debug)]
pub struct Throttler {
    throttle: Throttle,
    limits: Limits,
    servers: Vec<Server>,
    /// Servers that follow, and tell themselves how far behind they are.
    replicas: Vec<Db>,
}

/// A server that is written to.
#[derive(Debug)]
struct Server {
    db: Db,
    log: Log,
    /// What it has, by GTIDs, and the numbers of its own transactions (MySQL and MariaDB).
    history: Option<History>,
    written: Log,
    /// For how long its cluster had held it up, and when that was asked.
    held_up: Option<(u64, Instant)>,
}

/// Where a log was at which time: who has replayed it up to a place is as far behind as that place is old. No clock
/// is compared with another.
#[derive(Debug, Default)]
struct Log(VecDeque<(Instant, i64)>);

impl Log {
    /// Notes a place, and forgets those that are older than `most`, but for the youngest of them.
    fn note(&mut self, now: Instant, written: i64, most: Duration) {
        while self.0.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) > most) {
            self.0.pop_front();
        }
        self.0.push_back((now, written));
    }

    fn lag(&self, now: Instant, replayed: i64) -> Duration {
        let first_ahead = self.0.iter().find(|(_, written)| *written > replayed);
        first_ahead.map_or(Duration::ZERO, |(at, _)| now.saturating_duration_since(*at))
    }
}

impl Throttler {
    /// Holds `throttle` back by what these servers say.
    pub fn new(throttle: Throttle, limits: Limits, servers: Vec<Db>, replicas: Vec<Db>) -> Self {
        let server =
            |db| Server { db, log: Log::default(), history: None, written: Log::default(), held_up: None };
        Self { throttle, limits, servers: servers.into_iter().map(server).collect(), replicas }
    }

    /// Asks, again and again, until somebody asks to stop.
    pub async fn run(mut self, stop: Stop) {
        if self.limits.lag.is_none() && self.limits.load.is_none() {
            return;
        }
        loop {
            let reason = self.look().await;
            self.throttle.set(reason);
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.asked() => break,
            }
        }
        self.throttle.set(None);
        self.close().await;
    }

    /// Closes the connections to those that follow.
    pub async fn close(&self) {
        for replica in &self.replicas {
            replica.close().await;
        }
    }

    /// Asks every server once: why to hold back, if there is a reason.
    async fn look(&mut self) -> Option<String> {
        for server in &mut self.servers {
            let reason = match server.db.load().await {
                Ok(load) => server.weigh(self.limits, &load, Instant::now()),
                Err(error) => self.limits.asked.then(|| unknown(&error)),
            };
            if let Some(reason) = reason {
                return Some(format!("{}: {reason}", server.db.place()));
            }
        }
        let most = self.limits.lag?;
        for server in self.servers.iter_mut().filter(|_| !self.replicas.is_empty()) {
            if let Err(error) = server.note_written(most).await {
                return Some(format!("{}: {}", server.db.place(), unknown(&error)));
            }
        }
        for replica in &self.replicas {
            if let Some(reason) = behind(replica, &self.servers, most).await {
                return Some(format!("{}: {reason}", replica.place()));
            }
        }
        None
    }

    /// Why a limit that somebody has set could never be told to be kept, if that is so.
    pub async fn cannot_tell(&self) -> Result<Option<String>, DbError> {
        if !self.limits.asked {
            return Ok(None);
        }
        for Server { db, .. } in &self.servers {
            let (place, load) = (db.place(), db.load().await?);
            let is_hidden = load.followers.iter().any(|follower| follower.replayed.is_none());
            let why = match db.server_kind() {
                _ if self.limits.load.is_some() && load.running.is_none() => "its load is not asked for",
                Some(Kind::Postgres) if self.limits.load.is_some() && db.is_blind().await? => GRANT,
                Some(Kind::Postgres) if self.limits.lag.is_some() && is_hidden => GRANT,
                Some(Kind::Postgres) => continue,
                Some(Kind::MySql) if self.limits.lag.is_none() => continue,
                Some(Kind::MySql) if load.held_up.is_some() || !self.replicas.is_empty() => continue,
                Some(Kind::MySql) => {
                    "it does not say how far its replicas are behind: name them in properties.yaml, \
                     `replicas: [jdbc:mysql://…]`"
                }
                _ if self.limits.lag.is_some() && self.replicas.is_empty() => "it has no known replica",
                _ => continue,
            };
            return Ok(Some(format!("{place}: {why}")));
        }
        Ok(None)
    }
}

impl Server {
    fn weigh(&mut self, limits: Limits, load: &Load, now: Instant) -> Option<String> {
        if let (Some(most), Some(running)) = (limits.load, load.running)
            && running > u64::from(most)
        {
            return Some(format!("{running} statements run, and --max-load is {most}"));
        }
        let most = limits.lag?;
        self.log.note(now, load.written, most);
        for Follower { name, replayed } in &load.followers {
            match replayed.map(|at| self.log.lag(now, at)) {
                Some(lag) if lag > most => return Some(too_late(name, lag, most)),
                None if limits.asked => return Some(format!("the lag of {name} cannot be seen: {GRANT}")),
                _ => {}
            }
        }
        self.held_up(load, now)
    }

    /// Notes how much it has written, by GTIDs.
    async fn note_written(&mut self, most: Duration) -> Result<(), DbError> {
        self.history = self.db.history().await?;
        if let Some(written) = self.history.as_ref().and_then(History::written) {
            self.written.note(Instant::now(), written, most);
        }
        Ok(())
    }

    /// How old the first of its transactions is that a replica of it does not have; none if that does not follow it.
    fn lag_of(&self, replica: &History, feeds: &Feeds, now: Instant) -> Option<Duration> {
        let ours = self.history.as_ref()?;
        ours.written()?;
        let is_source = |feed: &Feed| feed.source.as_deref().is_some_and(|source| ours.is_called(source));
        let had = replica.last_of(ours).or_else(|| feeds.found.iter().any(is_source).then_some(0))?;
        Some(self.written.lag(now, had))
    }

    /// Whether the cluster has held its nodes up for a part of the time since it was asked last.
    fn held_up(&mut self, load: &Load, now: Instant) -> Option<String> {
        let (before, asked) = std::mem::replace(&mut self.held_up, load.held_up.map(|held| (held, now)))?;
        let held = Duration::from_nanos(load.held_up?.saturating_sub(before));
        let is_too_long = held * HELD_UP > now.saturating_duration_since(asked);
        is_too_long.then(|| {
            format!("the cluster waits for its slowest node: {} ms since the last look", held.as_millis())
        })
    }
}

/// What lets a user see what others do on PostgreSQL.
const GRANT: &str = "this user may not see it: `GRANT pg_monitor TO` this user";

/// What else it takes.
const SEEN_BY: &str = "does it run, and may this user see it (REPLICATION CLIENT; on MariaDB SLAVE MONITOR)?";

/// Why a server that follows is too far behind: by what it says itself, and by which of the servers' transactions it has.
/// One whose link is frozen says that it has all.
async fn behind(replica: &Db, servers: &[Server], most: Duration) -> Option<String> {
    let feeds = match replica.feeds().await {
        Ok(feeds) => feeds,
        Err(error) => return Some(unknown(&error)),
    };
    if let Some(why) = feeds.unseen {
        return Some(why);
    }
    if feeds.found.is_empty() {
        return Some("it follows no other server, so its lag is not known".to_owned());
    }
    let said = feeds.found.iter().find_map(|feed| match feed.lag {
        Some(lag) if lag <= most => None,
        Some(lag) => Some(too_late("the replica", lag, most)),
        None => Some(format!("{}, and its lag is not known: {SEEN_BY}", feed.what)),
    });
    if said.is_some() {
        return said;
    }
    let history = match replica.history().await {
        Ok(history) => history?,
        Err(error) => return Some(unknown(&error)),
    };
    let now = Instant::now();
    let lag = servers.iter().filter_map(|server| server.lag_of(&history, &feeds, now)).max()?;
    (lag > most).then(|| too_late("the replica", lag, most))
}

fn too_late(name: &str, lag: Duration, most: Duration) -> String {
    format!("{name} is {:.1} s behind, more than {:.1} s (--max-lag)", lag.as_secs_f64(), most.as_secs_f64())
}

fn unknown(error: &DbError) -> String {
    format!("its load cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64) -> Instant {
        static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *BEGAN.get_or_init(Instant::now) + Duration::from_secs(number)
    }

    #[test]
    fn a_follower_is_as_late_as_the_first_place_that_it_has_not_replayed_is_old() {
        let mut log = Log::default();
        for (at, written) in [(0, 100), (1, 200), (2, 300), (3, 300)] {
            log.note(second(at), written, Duration::from_mins(1));
        }
        assert_eq!(log.lag(second(3), 300), Duration::ZERO);
        assert_eq!(log.lag(second(9), 300), Duration::ZERO, "nothing is left to replay");
        assert_eq!(log.lag(second(3), 250), Duration::from_secs(1));
        assert_eq!(log.lag(second(3), 0), Duration::from_secs(3));
    }

    #[test]
    fn a_lag_of_any_length_is_told() {
        let (mut log, most) = (Log::default(), Duration::from_hours(1));
        for at in 0..5000 {
            log.note(second(at), 100 + i64::try_from(at).unwrap(), most);
        }
        assert!(log.lag(second(5000), 50) > most, "{:?}", log.lag(second(5000), 50));
        assert!(log.0.len() < 3610, "{}", log.0.len());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_goes_on_once_there_is_no_reason_any_more() {
        let (throttle, activity) = (Throttle::default(), Activity::default());
        throttle.until_free(&activity).await;
        throttle.set(Some("a replica is behind".to_owned()));
        let waits = throttle.until_free(&activity);
        let lifts = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(activity.waiting().as_deref(), Some("a replica is behind"));
            assert!(activity.gives_way());
            throttle.set(Some("another one is".to_owned()));
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(activity.waiting().as_deref(), Some("another one is"));
            throttle.set(None);
        };
        let begun = Instant::now();
        tokio::join!(waits, lifts);
        assert_eq!((begun.elapsed(), activity.waiting()), (Duration::from_secs(6), None));
    }
}
