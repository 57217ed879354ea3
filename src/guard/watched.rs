//! Work in a server that takes long: what it waits for is named within seconds, and a stop ends it.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::Guard;
use crate::activity::Waiting;
use crate::db::holdups::Holdup;
use crate::db::{Class, DbError};
use crate::signals::Stop;

/// After how long, and how often, it is asked what the work waits for.
const LOOK: Duration = Duration::from_secs(3);

/// How long the server has for what was cancelled.
const LAST: Duration = Duration::from_secs(5);

impl Guard {
    /// Awaits work in the database. What it waits for there is shown; if a stop is requested meanwhile, it
    /// is cancelled, and given up if that does not help: then it counts as lost, and the rows tell later what
    /// came of it.
    pub async fn watched<T, E: From<DbError>>(
        &self,
        place: &str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut work = pin!(work);
        if self.db.server_kind().is_none() {
            return work.await;
        }
        let (mut said, mut cancelled) = (None::<Said>, None::<Instant>);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.asked_to_stop(), if said.is_some() && cancelled.is_none() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            // It goes on while it is asked about.
            let look = async { self.db.holdups().await.unwrap_or_default() };
            let holdups = tokio::select! {
                biased;
                done = &mut work => return done,
                holdups = tokio::time::timeout(LOOK, look) => holdups.unwrap_or_default(),
            };
            if let Some(text) = listed(&holdups) {
                said = Some(self.say(place, text, said.take()));
            } else if cancelled.is_none() {
                said = None;
            }
            if said.is_none() || !self.stop.get().is_some_and(Stop::requested) {
                continue;
            }
            match cancelled {
                None => {
                    let _ = tokio::time::timeout(LOOK, self.db.cancel(&holdups)).await;
                    cancelled = Some(Instant::now());
                }
                Some(at) if at.elapsed() >= LAST => {
                    let what = said.map_or_else(String::new, |said| said.text);
                    let what = format!("stopped while the server waited for {what}");
                    return Err(DbError::new(Class::Lost, what).into());
                }
                Some(_) => {}
            }
        }
    }

    async fn asked_to_stop(&self) {
        match self.stop.get() {
            Some(stop) => stop.asked().await,
            None => std::future::pending().await,
        }
    }

    /// Says what is waited for, if it is something else than before.
    fn say(&self, place: &str, text: String, before: Option<Said>) -> Said {
        match before {
            Some(said) if said.text == text => said,
            _ => {
                tracing::warn!("{place}: the server waits for {text}");
                let what = format!("{place}: {text}");
                Said { text, _waiting: self.activity.get().map(|activity| activity.wait(what)) }
            }
        }
    }
}

/// What was said.
struct Said {
    text: String,
    _waiting: Option<Waiting>,
}

fn listed(holdups: &[Holdup]) -> Option<String> {
    let mut texts: Vec<&str> = holdups.iter().map(|holdup| holdup.what.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    (!texts.is_empty()).then(|| texts.join("; "))
}
