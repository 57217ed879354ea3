//! What a rotation was started with: what must be the same when it is resumed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::KeyFingerprints;
use crate::config::{Mode, OwnTargets, Settings};
use crate::error::{Error, Id, Result};
use crate::target::TargetRegistry;

/// The resolved plan, as the journal keeps it. Chunk size, passwords and pace are not in it:
/// those may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Whether it is a copy, or rotated in place.
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    /// Those of the keys.
    #[serde(flatten)]
    pub keys: KeyFingerprints,
    /// The new identity database, if databases are rotated.
    pub identity: Option<String>,
    /// The new registry database, likewise.
    pub registry: Option<String>,
    /// The new server's home, if files are rotated.
    pub home: Option<String>,
    /// The old identity database, if changes are carried over from it.
    #[serde(default)]
    pub old_identity: Option<String>,
    /// Whether ECB and CBC values become GCM values.
    pub upgrade: bool,
    /// Further databases, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, String>,
    /// Tables of people's own, and what is left out.
    #[serde(default, skip_serializing_if = "OwnTargets::is_empty")]
    pub own: OwnTargets,
    /// The targets' ids, in the journal's order.
    pub targets: Vec<String>,
    /// What is known of them, and of all others: what the rotation works with to its end. Journals of earlier versions
    /// do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<TargetRegistry>,
}

/// What of a fingerprint everybody wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Gist {
    /// Whether it is a copy, or rotated in place.
    #[serde(default)]
    pub mode: Mode,
    /// The fingerprints of the keys.
    #[serde(flatten)]
    pub keys: KeyFingerprints,
    /// The old identity database, if changes are carried over from it.
    #[serde(default)]
    pub old_identity: Option<String>,
}

impl Gist {
    /// Of the bytes that the journal stores; none if they cannot be read.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl Fingerprint {
    /// The fingerprint of these settings over these targets, without what is known of them.
    pub fn of(settings: &Settings, targets: Vec<String>) -> Self {
        let databases = settings.databases.as_ref();
        Self {
            mode: settings.mode,
            keys: KeyFingerprints::of(&settings.keys),
            identity: databases.map(|job| job.identity.identity()),
            registry: databases.map(|job| job.registry.identity()),
            home: settings.files.as_ref().map(|job| job.home.display().to_string()),
            old_identity: databases
                .filter(|_| settings.sync_tables.is_some())
                .and_then(|job| Some(job.old_identity.as_ref()?.identity())),
            upgrade: settings.upgrade,
            stores: databases
                .iter()
                .flat_map(|job| &job.stores)
                .map(|store| (store.name.clone(), store.new.identity()))
                .collect(),
            own: settings.own.clone(),
            targets,
            descriptors: None,
        }
    }

    /// The bytes that the journal stores.
    pub fn encode(&self) -> Vec<u8> {
        // A struct of strings and a bool always serializes.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::new(Id::JournalFormat, format!("the journal's plan cannot be read: {error}"))
        })
    }

    /// Refuses settings that differ from the journal's, naming the first difference.
    pub fn must_match(&self, now: &Self) -> Result<()> {
        let transformation =
            |upgrade| if upgrade { "AES/GCM/NoPadding" } else { "each value's own" }.to_owned();
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let stores = |stores: &BTreeMap<String, String>| {
            let each: Vec<String> = stores.iter().map(|(name, url)| format!("{name} ({url})")).collect();
            if each.is_empty() { "none".to_owned() } else { each.join(", ") }
        };
        let mode = |mode: Mode| if mode.is_in_place() { "in-place" } else { "blue-green" }.to_owned();
        let differences = [
            ("mode", mode(self.mode), mode(now.mode)),
            ("newIdnDBUrl", text(&self.identity), text(&now.identity)),
            ("newRegDBUrl", text(&self.registry), text(&now.registry)),
            ("oldIdnDBUrl, with enableSyncMigrator,", text(&self.old_identity), text(&now.old_identity)),
            ("newISHome", text(&self.home), text(&now.home)),
            ("transformation", transformation(self.upgrade), transformation(now.upgrade)),
            ("stores", stores(&self.stores), stores(&now.stores)),
            ("targets", self.own.to_string(), now.own.to_string()),
        ];
        let of_others = || differences.into_iter().find(|(_, journal, now)| journal != now);
        match self.keys.difference(&now.keys).or_else(of_others) {
            None => Ok(()),
            Some((key, journal, now)) => Err(Error::new(
                Id::JournalOther,
                format!("{key} is {now}, and the journal's rotation was started with {journal}"),
            )),
        }
    }
}
