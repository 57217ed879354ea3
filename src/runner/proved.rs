//! What `keys` found, on record: in place it is what the steps with which the old key goes rest on.

use std::path::Path;

use keyrotation_journal::Journal;

use super::reading::read;
use super::{SharedJournal, step, unlock};
use crate::cipher::chain_key;
use crate::config::Settings;
use crate::error::Result;
use crate::inventory::Inventory;
use crate::report::{OLD_KEYS_MAY_GO, OLD_KEYS_MAY_NOT_GO};

/// Records it where a rotation in place is finished whose keys and databases these are. Elsewhere nothing goes by it.
pub(super) async fn record(settings: &Settings, dir: &Path, inventory: &Inventory) {
    if !settings.mode.is_in_place() || !matches!(Journal::peek(dir), Ok(Some(_))) {
        return;
    }
    if let Err(error) = recorded(settings, dir, inventory).await {
        tracing::warn!("what was found is not on record: {}", error.what());
    }
}

async fn recorded(settings: &Settings, dir: &Path, inventory: &Inventory) -> Result<()> {
    let (mut journal, held) = read(dir).await?;
    let rotation = unlock(&mut journal, settings)?;
    if journal.state().finished_at.is_none() {
        return Ok(());
    }
    let may_go = inventory.all_may_go();
    let name = if may_go { OLD_KEYS_MAY_GO } else { OLD_KEYS_MAY_NOT_GO };
    let keys = inventory.keys.iter().filter(|key| key.may_go == Some(may_go));
    let why: Vec<_> = keys.map(|key| format!("{}: {}", key.fingerprint, key.why)).collect();
    let found = step(name, &why.join("; "));
    let shared =
        if held { SharedJournal::alone(dir, journal) } else { SharedJournal::new(dir, journal, "keys") };
    shared.record(found, &chain_key(settings.keys.new_key(), &rotation.id)).await
}
