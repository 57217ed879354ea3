//! A journal that this process holds only to read it, and that others may read along with.

use std::path::Path;

use keyrotation_journal::Journal;

use crate::control::{Reading, Server};
use crate::engine::Ledger;
use crate::report::StatusView;

/// Such a journal.
pub(super) struct Shared {
    /// The journal.
    pub(super) ledger: Ledger,
    server: Option<Server>,
}

impl Shared {
    /// Lets others read along with the journal in `dir`, which this process holds for a command. Where
    /// that cannot be had they are told to come later.
    pub(super) fn new(dir: &Path, journal: Journal, command: &'static str) -> Self {
        let status = StatusView::new(journal.state(), false);
        let ledger = Ledger::new(journal);
        let server = Server::start(dir, Reading::new(ledger.clone(), &status, command));
        let server = server.inspect_err(|error| tracing::debug!("nobody can read along: {error}"));
        Self { ledger, server: server.ok() }
    }

    /// A journal that another process holds, which is nobody else's to share.
    pub(super) fn alone(journal: Journal) -> Self {
        Self { ledger: Ledger::new(journal), server: None }
    }

    /// Gives the journal up, once nobody reads along any more.
    pub(super) async fn close(self) {
        let Self { ledger, server } = self;
        drop(server);
        ledger.close().await;
    }
}
