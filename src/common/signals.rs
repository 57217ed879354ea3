//! Signals: the first one asks to stop at a safe point, the second one to leave at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How urgently the program is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// No stop was requested.
    None,
    /// Finish the chunks in flight.
    AtSafePoint,
    /// Roll back what is in flight.
    Now,
}

/// Whether a stop was requested; cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct Stop {
    urgency: watch::Receiver<Urgency>,
}

/// Asks to stop: the other end of a [`Stop`].
#[derive(Debug, Clone)]
pub struct Stopper {
    urgency: watch::Sender<Urgency>,
}

impl Stop {
    /// A stop that was not requested yet, and the end that requests it.
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(Urgency::None);
        (Stopper { urgency: sender }, Self { urgency: receiver })
    }

    /// Whether to begin nothing more.
    pub fn requested(&self) -> bool {
        *self.urgency.borrow() >= Urgency::AtSafePoint
    }

    /// Returns when nothing more is to be begun.
    pub async fn asked(&self) {
        self.at_least(Urgency::AtSafePoint).await;
    }

    /// Returns when work in flight must be dropped, too.
    pub async fn now(&self) {
        self.at_least(Urgency::Now).await;
    }

    async fn at_least(&self, wanted: Urgency) {
        let mut urgency = self.urgency.clone();
        if urgency.wait_for(|urgency| *urgency >= wanted).await.is_err() {
            std::future::pending::<()>().await; // no sender is left that could request it
        }
    }
}

impl Stopper {
    /// Requests a stop at the next safe point; says whether this was the first request.
    pub fn ask_once(&self) -> bool {
        self.urgency.send_if_modified(|urgency| {
            let is_new = *urgency == Urgency::None;
            *urgency = (*urgency).max(Urgency::AtSafePoint);
            is_new
        })
    }

    /// Whether a stop was requested.
    pub fn is_asked(&self) -> bool {
        *self.urgency.borrow() != Urgency::None
    }

    /// Asks once more.
    pub fn ask(&self) -> Urgency {
        let next = match *self.urgency.borrow() {
            Urgency::None => Urgency::AtSafePoint,
            Urgency::AtSafePoint | Urgency::Now => Urgency::Now,
        };
        self.urgency.send_replace(next);
        next
    }
}

/// A stop that SIGINT, SIGTERM and holders of the other end ask for.
pub fn listen() -> std::io::Result<(Stopper, Stop)> {
    let (stopper, stop) = Stop::new();
    let other = stopper.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stopper.ask() == Urgency::Now {
                tracing::warn!("stopping now: open transactions are rolled back");
            } else {
                tracing::warn!(
                    "stopping at the next safe point; a second Ctrl-C or SIGTERM rolls back and ends at once"
                );
            }
        }
    });
    Ok((other, stop))
}
