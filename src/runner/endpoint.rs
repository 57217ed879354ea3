//! The journal's folder in the hands of this process: others are answered, also while it only reads the
//! journal or has only begun.

use std::path::{Path, PathBuf};

use keyrotation_journal::{Event, Journal, Reserved, Rotation, Step, Submission, submit};

use crate::control::{Controls, RequestHandler, Server};
use crate::engine::JournalHandle;
use crate::error::Result;
use crate::report::{StatusView, publish};
use crate::signals::Stopper;

/// Where others reach this process.
pub(super) struct ControlEndpoint {
    pub(super) handler: RequestHandler,
    server: Option<Server>,
}

impl ControlEndpoint {
    /// Listens in the folder `dir`, which this process holds. Where that cannot be had it goes on without.
    pub(super) fn open(dir: &Path, handler: RequestHandler) -> Self {
        let server = Server::start(dir, handler.clone());
        let server = server.inspect_err(|error| {
            if handler.works() {
                tracing::warn!("`keyrotation pause`, `pace` and `stop` do not reach this process: {error}");
            } else {
                tracing::debug!("other processes cannot read the journal meanwhile: {error}");
            }
        });
        Self { handler, server: server.ok() }
    }

    /// From now on this process can be controlled.
    pub(super) fn work(&self, controls: Controls) {
        self.handler.work(controls);
    }

    /// Stops listening once the client that changed something has its answer.
    pub(super) async fn close(self) {
        if let Some(server) = self.server {
            server.close().await;
        }
    }
}

/// A journal that this process holds only to read it, and that others may read along with.
pub struct SharedJournal {
    /// The journal.
    pub journal: JournalHandle,
    dir: PathBuf,
    /// There as long as the journal is.
    endpoint: Option<ControlEndpoint>,
}

impl SharedJournal {
    /// Lets others read along with the journal in `dir`, which this process holds for a command that only
    /// reads it.
    pub fn new(dir: &Path, journal: Journal, command: &'static str) -> Self {
        let status = StatusView::new(journal.state(), false);
        let journal = JournalHandle::new(journal);
        let endpoint = ControlEndpoint::open(dir, RequestHandler::reading(command, journal.clone(), &status));
        Self { journal, dir: dir.to_owned(), endpoint: Some(endpoint) }
    }

    /// A journal that another process holds, which is nobody else's to share.
    pub fn alone(dir: &Path, journal: Journal) -> Self {
        Self { journal: JournalHandle::new(journal), dir: dir.to_owned(), endpoint: None }
    }

    /// Records what was found: in the log, with all that waits beside it. While another process has the
    /// log it is left beside it, with a proof that its writer has the key.
    pub async fn record(&self, found: Step, chain_key: &[u8; 32]) -> Result<()> {
        if self.endpoint.is_some() {
            self.journal.accept_steps(self.dir.clone()).await?;
            self.journal.append(vec![Event::StepTaken(found).into()]).await?;
            publish(&self.dir, &self.journal.state(|state| StatusView::new(state, false)));
            return Ok(());
        }
        let rotation = self.journal.state(|state| state.rotation.id);
        Ok(submit(&self.dir, &Submission::proved(found, rotation, chain_key))?)
    }
}

/// The folder of a journal that is to begin once all checks are passed.
pub(super) struct JournalReservation<'a> {
    dir: &'a Path,
    /// First, so that its socket is gone before the folder is left.
    endpoint: ControlEndpoint,
    held: FolderContents,
}

/// What is in the folder meanwhile.
enum FolderContents {
    /// Nothing, and no other process begins one there.
    Nothing(Reserved),
    /// The journal of an earlier rotation, which must not be continued.
    Earlier(JournalHandle),
}

impl<'a> JournalReservation<'a> {
    /// Takes the folder `dir`, with the journal of an earlier rotation if there is one.
    pub(super) fn take(
        dir: &'a Path,
        earlier: Option<Journal>,
        command: &'static str,
        stopper: &Stopper,
    ) -> Result<Self> {
        let beginning = |journal| RequestHandler::beginning(command, journal, stopper.clone());
        let (held, handler) = match earlier {
            None => (FolderContents::Nothing(Journal::reserve(dir)?), beginning(None)),
            Some(journal) => {
                let status = StatusView::new(journal.state(), false);
                let journal = JournalHandle::new(journal);
                let handler = beginning(Some(journal.clone()));
                handler.feed().show(&status, true);
                (FolderContents::Earlier(journal), handler)
            }
        };
        Ok(Self { dir, endpoint: ControlEndpoint::open(dir, handler), held })
    }

    /// Begins the journal. An earlier one is put aside; others then ask at another endpoint.
    pub(super) async fn begin(
        self,
        rotation: Rotation,
        chain: &[u8; 32],
    ) -> Result<(Journal, ControlEndpoint)> {
        let Self { dir, endpoint, held } = self;
        match held {
            FolderContents::Nothing(reserved) => {
                Ok((Journal::begin_reserved(reserved, rotation, chain)?, endpoint))
            }
            FolderContents::Earlier(journal) => {
                let name = journal.state(|state| state.rotation.name());
                let handler = endpoint.handler.anew();
                endpoint.close().await;
                journal.close().await;
                let aside = Journal::archive(dir, &name)?;
                tracing::info!("the journal of rotation {name} is now {}", aside.display());
                Ok((Journal::begin(dir, rotation, chain)?, ControlEndpoint::open(dir, handler)))
            }
        }
    }

    /// Leaves it as it was.
    pub(super) async fn leave(self) {
        self.endpoint.close().await;
    }
}
