//! What `keys` found, on record: in place it is what the steps with which the old key goes rest on.

use std::path::Path;

use keyrotation_journal::Journal;

use super::reading::read;
use super::{SharedJournal, step, unlock};
use crate::cipher::chain_key;
use crate::config::Settings;
use crate::error::Result;
use crate::report::KeysFound;
use keyrotation_inventory::Inventory;

/// How many events the journal had before anything was looked at; none where nothing is to be recorded.
pub(super) fn events_before(settings: &Settings, dir: &Path) -> Option<u64> {
    if !settings.mode.is_in_place() {
        return None;
    }
    Journal::peek(dir).ok().flatten().map(|mark| mark.entries)
}

/// Records it where a rotation in place is finished whose keys and databases these are. Elsewhere nothing goes by it.
pub(super) async fn record(settings: &Settings, dir: &Path, inventory: &Inventory, before: Option<u64>) {
    let Some(before) = before else { return };
    if let Err(error) = recorded(settings, dir, inventory, before).await {
        tracing::warn!("what was found is not on record: {}", error.what());
    }
}

async fn recorded(settings: &Settings, dir: &Path, inventory: &Inventory, before: u64) -> Result<()> {
    let (mut journal, held) = read(dir).await?;
    let rotation = unlock(&mut journal, settings)?;
    if journal.state().finished_at.is_none() {
        return Ok(());
    }
    let may_go = inventory.all_may_go();
    let keys = inventory.keys.iter().filter(|key| key.may_go == Some(may_go));
    let mut why: Vec<_> = keys.map(|key| format!("{}: {}", key.fingerprint, key.why)).collect();
    if let Some(earlier) = inventory.outside.as_ref().and_then(|scanned| scanned.looked_earlier.as_ref()) {
        let (tables, began_at) = (earlier.tables, &earlier.began_at);
        why.push(format!("{tables} tables were scanned before an interruption, from {began_at} on"));
    }
    let found = KeysFound {
        may_go,
        words: why.join("; "),
        in_targets: Some(inventory.under_old_keys()),
        outside: inventory.outside_under_old_keys(),
        events: Some(before),
    };
    let found = step(found.step_name(), &found.note());
    let shared =
        if held { SharedJournal::alone(dir, journal) } else { SharedJournal::new(dir, journal, "keys") };
    shared.record(found, &chain_key(settings.keys.new_key(), &rotation.id)).await
}
