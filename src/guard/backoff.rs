//! Trying again: who was in the way may leave, and a server that is gone may come back.

use std::time::{Duration, Instant};

use crate::activity::{Activity, Waiting};
use crate::db::{Class, DbError};
use crate::signals::Stop;

/// The longest pause before the second attempt; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts while another session is in the way.
const ATTEMPTS: u32 = 10;

/// Pauses between the attempts at one thing. They are random, so that those who stood in each
/// other's way do not meet again.
#[derive(Debug)]
pub struct Backoff {
    place: String,
    patience: Duration,
    stop: Option<Stop>,
    begun: Option<Instant>,
    said: Option<Instant>,
    attempts: u32,
    activity: Option<Activity>,
    /// Says what is waited for, from the first failure until the attempts are over.
    waiting: Option<Waiting>,
}

impl Backoff {
    pub(super) fn new(
        place: String,
        patience: Duration,
        stop: Option<Stop>,
        activity: Option<Activity>,
    ) -> Self {
        Self { place, patience, stop, begun: None, said: None, attempts: 0, activity, waiting: None }
    }

    /// Lets others go first for a moment.
    pub async fn moment(&self) {
        tokio::time::sleep(pause(1, random())).await;
    }

    /// Waits before another attempt, and says why; gives the error back if another makes no sense. Where
    /// a stop is requested, what was waited for counts as lost.
    pub async fn after(&mut self, mut error: DbError) -> Result<(), DbError> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        self.attempts += 1;
        let patient = match error.class {
            Class::Retry => self.attempts < ATTEMPTS,
            Class::Lost => begun.elapsed() < self.patience,
            Class::Row | Class::Environment => false,
        };
        if !patient {
            return Err(error);
        }
        if self.stop.as_ref().is_some_and(Stop::requested) {
            error.class = Class::Lost; // it might have come to something
            return Err(error);
        }
        if self.said.is_none_or(|said| said.elapsed() >= LONGEST_PAUSE) {
            let limit = match error.class {
                Class::Lost => format!("for up to {} s", self.patience.as_secs()),
                _ => format!("up to {ATTEMPTS} times"),
            };
            tracing::warn!("{}: {error}; trying again, {limit}", self.place);
            self.said = Some(Instant::now());
        }
        self.waiting =
            self.activity.as_ref().map(|activity| activity.wait(format!("{}: {error}", self.place)));
        let pause = pause(self.attempts, random());
        match &self.stop {
            Some(stop) => tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.asked() => {}
            },
            None => tokio::time::sleep(pause).await,
        }
        Ok(())
    }
}

/// The pause after so many attempts: any part of the longest, by `random` from 0 to 255.
fn pause(attempts: u32, random: u8) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(10)).min(LONGEST_PAUSE);
    longest * (u32::from(random) + 1) / 256
}

/// Without randomness the pauses are the longest, which does no harm.
fn random() -> u8 {
    let mut byte = [u8::MAX];
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_five_seconds_and_are_never_nothing() {
        assert_eq!(pause(1, 255), FIRST_PAUSE);
        assert_eq!(pause(3, 255), FIRST_PAUSE * 4);
        assert_eq!(pause(40, 255), LONGEST_PAUSE);
        assert!(pause(1, 0) > Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_in_the_way_gets_ten_attempts_and_a_refusal_none() {
        let error = |class| DbError::new(class, "planned");
        let mut backoff = Backoff::new("T".into(), Duration::from_mins(2), None, None);
        let mut attempts = 1;
        while backoff.after(error(Class::Retry)).await.is_ok() {
            attempts += 1;
        }
        assert_eq!(attempts, ATTEMPTS);
        for class in [Class::Row, Class::Environment] {
            let mut backoff = Backoff::new("T".into(), Duration::from_mins(2), None, None);
            assert!(backoff.after(error(class)).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_lost_server_is_waited_for_until_patience_ends_or_somebody_asks_to_stop() {
        let lost = || DbError::new(Class::Lost, "planned");
        let mut impatient = Backoff::new("T".into(), Duration::from_millis(300), None, None);
        let begun = Instant::now();
        while impatient.after(lost()).await.is_ok() {}
        assert!(begun.elapsed() >= Duration::from_millis(300));
        let (stopper, stop) = Stop::new();
        let mut asked = Backoff::new("T".into(), Duration::from_mins(2), Some(stop), None);
        stopper.ask();
        assert!(asked.after(lost()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_known_what_is_waited_for_until_that_is_there() {
        let activity = Activity::default();
        let mut backoff = Backoff::new("T".into(), Duration::from_mins(2), None, Some(activity.clone()));
        assert_eq!(activity.waiting(), None);
        backoff.after(DbError::new(Class::Lost, "planned")).await.unwrap();
        assert_eq!(activity.waiting().as_deref(), Some("T: planned"), "while it is tried again, too");
        drop(backoff);
        assert_eq!(activity.waiting(), None);
    }
}
