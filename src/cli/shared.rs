//! The journal's folder in the hands of this process: others are answered, also while it only reads the
//! journal or has only begun.

use std::path::{Path, PathBuf};

use keyrotation_journal::{Event, Journal, Left, Reserved, Rotation, Step, leave};

use crate::control::{Controls, Desk, Server};
use crate::engine::Ledger;
use crate::error::Result;
use crate::report::{StatusView, publish};
use crate::signals::Stopper;

/// Where others reach this process.
pub(super) struct Door {
    pub(super) desk: Desk,
    server: Option<Server>,
}

impl Door {
    /// Listens in the folder `dir`, which this process holds. Where that cannot be had it goes on without.
    pub(super) fn open(dir: &Path, desk: Desk) -> Self {
        let server = Server::start(dir, desk.clone());
        let server = server.inspect_err(|error| {
            if desk.works() {
                tracing::warn!("`keyrotation pause`, `pace` and `stop` do not reach this process: {error}");
            } else {
                tracing::debug!("nobody can read along: {error}");
            }
        });
        Self { desk, server: server.ok() }
    }

    /// From now on this process can be controlled.
    pub(super) fn work(&self, controls: Controls) {
        self.desk.work(controls);
    }

    /// Listens no more, once whoever changed something has its answer.
    pub(super) async fn close(self) {
        if let Some(server) = self.server {
            server.close().await;
        }
    }
}

/// A journal that this process holds only to read it, and that others may read along with.
pub(super) struct Shared {
    /// The journal.
    pub(super) ledger: Ledger,
    dir: PathBuf,
    /// There as long as the journal is.
    door: Option<Door>,
}

impl Shared {
    /// Lets others read along with the journal in `dir`, which this process holds for a command that only
    /// reads it.
    pub(super) fn new(dir: &Path, journal: Journal, command: &'static str) -> Self {
        let status = StatusView::new(journal.state(), false);
        let ledger = Ledger::new(journal);
        let door = Door::open(dir, Desk::reading(command, ledger.clone(), &status));
        Self { ledger, dir: dir.to_owned(), door: Some(door) }
    }

    /// A journal that another process holds, which is nobody else's to share.
    pub(super) fn alone(dir: &Path, journal: Journal) -> Self {
        Self { ledger: Ledger::new(journal), dir: dir.to_owned(), door: None }
    }

    /// Records what was found: in the log, with all that waits beside it. While another process has the
    /// log it is left beside it, with a proof that whoever left it has the key.
    pub(super) async fn record(&self, found: Step, chain_key: &[u8; 32]) -> Result<()> {
        if self.door.is_some() {
            self.ledger.take_steps(self.dir.clone()).await?;
            self.ledger.append(vec![Event::StepTaken(found).into()]).await?;
            publish(&self.dir, &self.ledger.state(|state| StatusView::new(state, false)));
            return Ok(());
        }
        let rotation = self.ledger.state(|state| state.rotation.id);
        Ok(leave(&self.dir, &Left::proved(found, rotation, chain_key))?)
    }
}

/// The folder of a journal that is to begin once all checks are passed.
pub(super) struct Place<'a> {
    dir: &'a Path,
    /// First, so that its socket is gone before the folder is left.
    door: Door,
    held: Held,
}

/// What is in the folder meanwhile.
enum Held {
    /// Nothing, and nobody else begins one there.
    Nothing(Reserved),
    /// The journal of an earlier rotation, with which nobody is to go on.
    Earlier(Ledger),
}

impl<'a> Place<'a> {
    /// Takes the folder `dir`, with the journal of an earlier rotation if there is one.
    pub(super) fn take(
        dir: &'a Path,
        earlier: Option<Journal>,
        command: &'static str,
        stopper: &Stopper,
    ) -> Result<Self> {
        let beginning = |ledger| Desk::beginning(command, ledger, stopper.clone());
        let (held, desk) = match earlier {
            None => (Held::Nothing(Journal::reserve(dir)?), beginning(None)),
            Some(journal) => {
                let status = StatusView::new(journal.state(), false);
                let ledger = Ledger::new(journal);
                let desk = beginning(Some(ledger.clone()));
                desk.board().show(&status, true);
                (Held::Earlier(ledger), desk)
            }
        };
        Ok(Self { dir, door: Door::open(dir, desk), held })
    }

    /// Begins the journal. An earlier one is put aside; others then ask at another door.
    pub(super) async fn begin(self, rotation: Rotation, chain: &[u8; 32]) -> Result<(Journal, Door)> {
        let Self { dir, door, held } = self;
        match held {
            Held::Nothing(reserved) => Ok((Journal::begin_reserved(reserved, rotation, chain)?, door)),
            Held::Earlier(ledger) => {
                let name = ledger.state(|state| state.rotation.name());
                let desk = door.desk.anew();
                door.close().await;
                ledger.close().await;
                let aside = Journal::archive(dir, &name)?;
                tracing::info!("the journal of rotation {name} is now {}", aside.display());
                Ok((Journal::begin(dir, rotation, chain)?, Door::open(dir, desk)))
            }
        }
    }

    /// Leaves it as it was.
    pub(super) async fn leave(self) {
        self.door.close().await;
    }
}
