//! What the program is doing now, for clients.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, watch};

/// How long a client that has changed something waits until it is visible.
const UNTIL_SEEN: Duration = Duration::from_secs(1);

/// A status, with its number.
#[derive(Debug, Clone, Default)]
struct NumberedStatus {
    /// Grows with each status that says something new.
    number: u64,
    status: Arc<serde_json::Value>,
}

/// Where the status hangs out; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct StatusFeed {
    current: watch::Sender<NumberedStatus>,
    wanted: Arc<Notify>,
}

impl StatusFeed {
    /// Publishes a status. Clients that wait for news are told only if it is new.
    pub fn show(&self, status: &impl Serialize, is_news: bool) {
        let Ok(status) = serde_json::to_value(status) else { return };
        self.current.send_if_modified(|current| {
            current.status = Arc::new(status);
            current.number += u64::from(is_news);
            is_news
        });
    }

    /// Returns when a client wants a new status to be published at once.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Has a new status published, which the next request will find.
    pub(super) async fn renew(&self) {
        let mut current = self.current.subscribe();
        self.wanted.notify_one();
        let _ = tokio::time::timeout(UNTIL_SEEN, current.changed()).await;
    }

    /// The status and its number, as soon as it is not number `after`, at the latest after `patience`.
    /// Without a number it is the one that hangs there, as soon as there is one.
    pub(super) async fn look(&self, after: Option<u64>, patience: Duration) -> (u64, serde_json::Value) {
        let known = after.unwrap_or_default(); // the first one is number 1
        let mut news = self.current.subscribe();
        let _ = tokio::time::timeout(patience, news.wait_for(|current| current.number != known)).await;
        self.now()
    }

    /// The latest status, null if there is none yet, and its number.
    pub(super) fn now(&self) -> (u64, serde_json::Value) {
        let current = self.current.borrow().clone();
        (current.number, (*current.status).clone())
    }
}
