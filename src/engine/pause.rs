//! Standing still: somebody asked the running program to pause, and later to go on.
//!
//! It stands at a safe point: what was begun is committed and recorded, no transaction is open. The
//! databases' locks stay held all the while, so that nobody else takes them for free.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Context, Flow};
use crate::error::Result;
use crate::guard::Guard;

/// How often the locks are seen to meanwhile.
const BEAT: Duration = Duration::from_secs(2);

/// Who asked the program to stand still, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// In Unix milliseconds.
    pub since: i64,
    /// The user and the host.
    pub by: String,
}

/// Whether the program is to stand still; cheap to clone, and all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Pause {
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    asked: Option<Paused>,
    /// Whether it does stand.
    still: bool,
}

/// The program stands still until this is dropped.
#[derive(Debug)]
pub struct PausedGuard<'a>(&'a Pause);

/// What is to become of the rows that come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is their turn.
    Go,
    /// The program is to stand still first.
    Pause,
    /// Somebody asked to stop.
    Stop,
}

impl Pause {
    /// Asks to stand still; says whether nobody had asked before.
    pub fn ask(&self, paused: Paused) -> bool {
        self.state.send_if_modified(|state| {
            let is_new = state.asked.is_none();
            state.asked.get_or_insert(paused);
            is_new
        })
    }

    /// Asks to go on, and says who had asked to stand still.
    pub fn lift(&self) -> Option<Paused> {
        let mut lifted = None;
        self.state.send_if_modified(|state| {
            lifted = state.asked.take();
            lifted.is_some()
        });
        lifted
    }

    /// Whether to stand still at the next safe point.
    pub fn requested(&self) -> bool {
        self.state.borrow().asked.is_some()
    }

    /// Who asked, and whether the program stands still by now.
    pub fn current(&self) -> Option<(Paused, bool)> {
        let state = self.state.borrow();
        state.asked.clone().map(|paused| (paused, state.still))
    }

    /// Returns when somebody asks to stand still.
    pub async fn until_requested(&self) {
        self.until(|state| state.asked.is_some()).await;
    }

    /// Returns when nobody wants it to stand still.
    pub async fn until_lifted(&self) {
        self.until(|state| state.asked.is_none()).await;
    }

    /// Returns when it stands still, or nobody wants it to any more.
    pub async fn until_paused(&self) {
        self.until(|state| state.still || state.asked.is_none()).await;
    }

    /// Says that it stands still from now on.
    pub fn mark_paused(&self) -> PausedGuard<'_> {
        self.state.send_modify(|state| state.still = true);
        PausedGuard(self)
    }

    async fn until(&self, wanted: impl FnMut(&State) -> bool) {
        // It fails only without a sender, and there is this one.
        let _ = self.state.subscribe().wait_for(wanted).await;
    }
}

impl Drop for PausedGuard<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.still = false);
    }
}

impl Context {
    /// A safe point, with nothing in flight: stands still for as long as somebody wants it to. Says
    /// whether to go on.
    pub async fn safe_point(&self) -> Result<Flow> {
        match (self.stop.requested(), self.pause.requested()) {
            (true, _) => Ok(Flow::Interrupted),
            (_, true) => self.wait_while_paused().await,
            _ => Ok(Flow::Finished),
        }
    }

    /// Whether somebody wants it to stand still or to stop: nothing more is to be begun.
    pub fn is_held_up(&self) -> bool {
        self.stop.requested() || self.pause.requested()
    }

    /// Stands still until somebody asks to go on, or to stop.
    pub(super) async fn wait_while_paused(&self) -> Result<Flow> {
        self.journal.flush().await?; // so that others see what was done
        let _still = self.pause.mark_paused();
        while self.stays_paused_for(BEAT).await {}
        Ok(if self.stop.requested() { Flow::Interrupted } else { Flow::Finished })
    }

    /// Keeps the databases' locks for so long; whether to stand still even longer.
    pub async fn stays_paused_for(&self, time: Duration) -> bool {
        // A server that is gone must not keep anybody from going on, or from stopping: what is asked of
        // it goes on by itself.
        let beat = tokio::spawn(keep(self.guards.clone()));
        let passed = async {
            let _ = beat.await;
            tokio::time::sleep(time).await;
        };
        tokio::select! {
            biased;
            () = self.stop.asked() => false,
            () = self.pause.until_lifted() => {
                self.pacer.restart();
                false
            }
            () = passed => true,
        }
    }

    /// Waits until so many rows may be written; not if somebody asks to stand still or to stop first.
    pub async fn may_write(&self, rows: usize) -> bool {
        self.turn(rows).await == Turn::Go
    }

    /// Waits until so many rows may be written, somebody asks to stand still, or to stop.
    pub(super) async fn turn(&self, rows: usize) -> Turn {
        let allowed = async {
            self.throttle.until_free(&self.activity).await;
            let rest = self.pacer.rest();
            if !rest.is_zero() {
                let why = format!("the database, whose commits are slow: a break of {} ms", rest.as_millis());
                let _waiting = self.activity.wait(why);
                tokio::time::sleep(rest).await;
            }
            self.pacer.wait(rows, &self.stop).await
        };
        tokio::select! {
            biased;
            () = self.stop.asked() => Turn::Stop,
            () = self.pause.until_requested() => Turn::Pause,
            flow = allowed => match flow {
                Flow::Finished => Turn::Go,
                Flow::Interrupted => Turn::Stop,
            },
        }
    }
}

async fn keep(guards: Vec<Arc<Guard>>) {
    for guard in guards {
        guard.keep().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused(by: &str) -> Paused {
        Paused { since: 1, by: by.into() }
    }

    #[tokio::test]
    async fn the_first_who_asks_counts_and_the_first_who_lifts_it_ends_it() {
        let pause = Pause::default();
        assert!(!pause.requested());
        assert!(pause.ask(paused("one")));
        assert!(!pause.ask(paused("two")), "it is paused already");
        assert_eq!(pause.current(), Some((paused("one"), false)));
        pause.until_requested().await;
        {
            let _still = pause.mark_paused();
            pause.until_paused().await;
            assert_eq!(pause.current(), Some((paused("one"), true)));
        }
        assert_eq!(pause.clone().lift(), Some(paused("one")), "all clones are one");
        assert_eq!(pause.lift(), None);
        pause.until_lifted().await;
    }
}
