//! Steps around a rotation, left for its journal or recorded in it.

use std::path::{Path, PathBuf};

use keyrotation_journal::{Journal, Submission, submissions, submit};

use super::notices::say;
use super::reading::{open, view};
use super::step;
use crate::cipher::{SecretKey, chain_key};
use crate::config;
use crate::db::{Access, Db};
use crate::engine::JournalHandle;
use crate::error::{Id, Result};
use crate::plan;
use crate::report::{StatusView, publish};
use crate::runbook::{Variant, is_preparation};

/// Where a rotation's files are.
#[derive(Debug, Clone)]
pub struct Place {
    /// The properties file.
    pub config: PathBuf,
    /// The journal's folder.
    pub journal: PathBuf,
}

/// One of the two identity databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// The old server's.
    Old,
    /// The copy.
    New,
}

/// Opens the identity database of one side alone.
pub async fn open_side(place: &Place, side: Side, access: Access) -> Result<Db> {
    let (database, notices) = config::load_identity(&place.config, side == Side::Old)?;
    say(&notices);
    plan::open_alone(&database, access).await
}

/// Records a step: in the log, if nobody else holds it and the key is available; else it is left beside it for
/// the next process that works with it. Steps before a rotation wait there for it.
pub async fn leave(place: &Place, name: &str, note: &str) -> Result<()> {
    let dir = &place.journal;
    let status = view(dir).ok(); // a journal that cannot be read is none to belong to
    let of_this = status.filter(|status| !is_preparation(Variant::of_status(status), name));
    let rotation = of_this.and_then(|status| keyrotation_journal::rotation_id(&status.rotation_id));
    submit(dir, &Submission::new(step(name, note), rotation))?;
    if rotation.is_some() {
        take_over(dir, || config::new_key_at_hand(&place.config)).await;
    }
    Ok(())
}

/// Takes steps that wait beside the log of a rotation into it, if there are any: by this key, or by that of properties.yaml,
/// for which a command is run, since the caller needs it.
pub async fn take_waiting(place: &Place, key: Option<&SecretKey>) {
    let waits = submissions(&place.journal).is_ok_and(|left| left.iter().any(|left| left.rotation.is_some()));
    if waits {
        let given = key.cloned();
        take_over(&place.journal, || match given {
            Some(key) => Ok(Some(key)),
            None => config::new_key_for_a_check(&place.config),
        })
        .await;
    }
}

/// Takes what waits beside the log into it. Where that cannot be, it waits, and that is said.
async fn take_over(dir: &Path, key: impl FnOnce() -> Result<Option<SecretKey>>) {
    let taken = async {
        if let Some(holder) = Journal::holder(dir)? {
            tracing::debug!("{holder} records the step");
            return Ok(());
        }
        let Some(new_key) = key()? else {
            tracing::info!(
                "the new key has to be typed in, so the step waits beside the journal's log until a command \
                 has the key (`keyrotation verify`, or `keyrotation report` if `cmd:` gives it)"
            );
            return Ok(());
        };
        let mut journal = open(dir)?;
        let id = journal.state().rotation.id;
        let variant = Variant::of_status(&StatusView::new(journal.state(), false));
        journal.unlock(&chain_key(&new_key, &id))?;
        let journal = JournalHandle::new(journal);
        journal.take_some(dir.to_owned(), move |name| !is_preparation(variant, name)).await?;
        publish(dir, &journal.state(|state| StatusView::new(state, false)));
        journal.close().await;
        Ok(())
    };
    let taken: Result<()> = taken.await;
    match taken {
        Err(error) if error.id() == Id::JournalLocked => {} // the process that has it takes the step over
        Err(error) => tracing::warn!(
            "the step waits beside the journal's log, where nothing protects it, until a command records it: {}",
            error.what()
        ),
        Ok(()) => {}
    }
}
