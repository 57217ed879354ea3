//! What a rotation was started with: what must be the same when it is resumed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::KeyFingerprints;
use crate::config::{FilesJob, Mode, OwnTargets, Settings};
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
    /// Those of further nodes, in the order in which they were named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_homes: Vec<String>,
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
    /// The new server's home, if files are rotated.
    #[serde(default)]
    home: Option<String>,
    /// Those of further nodes.
    #[serde(default)]
    further_homes: Vec<String>,
}

impl Gist {
    /// Of the bytes that the journal stores; none if they cannot be read.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The homes of all nodes of which files are rotated.
    pub fn homes(&self) -> impl Iterator<Item = &String> {
        self.home.iter().chain(&self.further_homes)
    }
}

impl Fingerprint {
    /// The fingerprint of these settings over these targets, without what is known of them.
    pub fn of(settings: &Settings, targets: Vec<String>) -> Self {
        let databases = settings.databases.as_ref();
        let further = settings.files.iter().flat_map(|job| &job.further_homes);
        Self {
            mode: settings.mode,
            keys: KeyFingerprints::of(&settings.keys),
            identity: databases.map(|job| job.identity.identity()),
            registry: databases.map(|job| job.registry.identity()),
            home: settings.files.as_ref().map(|job| job.home.display().to_string()),
            further_homes: further.map(|home| home.display().to_string()).collect(),
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
        self.must_match_but_for_homes(now)?;
        self.must_have_homes_of(now)
    }

    /// Refuses settings of another rotation than this one, which is finished: it has not looked at what they name.
    pub fn must_be_that_of(&self, now: &Self) -> Result<()> {
        self.must_match_but_for_homes(now).map_err(begin_another)?;
        self.must_have_homes_of(now)
    }

    /// Likewise of one that is retired, whose old key and old databases may be gone from the settings.
    pub fn must_lead_to(&self, now: &Self) -> Result<()> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let differences = [
            ("newSecretKey (fingerprint)", self.keys.new_key.clone(), now.keys.new_key.clone()),
            ("newIdnDBUrl", text(&self.identity), text(&now.identity)),
            ("newRegDBUrl", text(&self.registry), text(&now.registry)),
        ];
        match differences.into_iter().find(|(_, journal, now)| journal != now) {
            None => Ok(()),
            Some((key, journal, now)) => Err(begin_another(other(key, &now, &journal))),
        }
    }

    fn must_match_but_for_homes(&self, now: &Self) -> Result<()> {
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
            ("transformation", transformation(self.upgrade), transformation(now.upgrade)),
            ("stores", stores(&self.stores), stores(&now.stores)),
            ("targets", self.own.to_string(), now.own.to_string()),
        ];
        let of_others = || differences.into_iter().find(|(_, journal, now)| journal != now);
        match self.keys.difference(&now.keys).or_else(of_others) {
            None => Ok(()),
            Some((key, journal, now)) => Err(other(key, &now, &journal)),
        }
    }

    /// Refuses other homes than those that the rotation was begun with. A node that is named no more would keep its
    /// values, and of one that is named since the chunks that are done know nothing. Their order says nothing.
    fn must_have_homes_of(&self, now: &Self) -> Result<()> {
        let (begun, named) = (self.homes(), now.homes());
        if begun == named {
            return Ok(());
        }
        let list = |homes: &BTreeSet<&str>| {
            if homes.is_empty() {
                "none".to_owned()
            } else {
                homes.iter().copied().collect::<Vec<_>>().join(", ")
            }
        };
        let key = if now.mode.is_in_place() { "homes" } else { "newISHome" };
        let error = other(key, &list(&named), &list(&begun));
        let missing: BTreeSet<&str> = begun.difference(&named).copied().collect();
        Err(match missing.is_empty() {
            true => error.fix(
                "to continue it, name those that it was started with; then begin another for all of them \
                 with `keyrotation run --new`",
            ),
            false if named.is_empty() || begun.len() == 1 => error,
            false => error.fix(format!(
                "name {} again, or begin another with `keyrotation run --new`, without it",
                list(&missing)
            )),
        })
    }

    fn homes(&self) -> BTreeSet<&str> {
        self.home.iter().chain(&self.further_homes).map(String::as_str).collect()
    }

    /// These settings with the homes in the order in which the rotation was begun: files of the first are named by
    /// their path in it, those of the others by the whole path.
    pub fn in_its_order(&self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        let Some(job) = settings.files.take() else { return settings };
        let begun = self.home.iter().chain(&self.further_homes).map(PathBuf::from);
        let named: Vec<PathBuf> = std::iter::once(&job.home).chain(&job.further_homes).cloned().collect();
        let mut homes: Vec<PathBuf> = begun.filter(|home| named.contains(home)).collect();
        homes.extend(named.into_iter().filter(|home| !homes.contains(home)).collect::<Vec<_>>());
        let mut homes = homes.into_iter();
        let home = homes.next().unwrap_or(job.home);
        settings.files = Some(FilesJob { home, further_homes: homes.collect(), ..job });
        settings
    }
}

fn other(key: &str, now: &str, journal: &str) -> Error {
    let what = format!("{key} is {now}, and the journal's rotation was started with {journal}");
    Error::new(Id::JournalOther, what)
}

fn begin_another(error: Error) -> Error {
    error.fix(
        "the journal's rotation is finished, and nothing was changed: begin another with `keyrotation run --new`, or use the \
         properties.yaml with which it was started",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(homes: &[&str]) -> Fingerprint {
        let text = r#"{"old_key":"76267dca757ad0fc","new_key":"a4eb51e86e44494a","identity":null,"registry":null,
                       "home":null,"mode":"in-place","upgrade":false,"targets":[]}"#;
        let plan = Fingerprint::decode(text.as_bytes()).unwrap();
        let mut homes = homes.iter().map(|&home| home.to_owned());
        Fingerprint { home: homes.next(), further_homes: homes.collect(), ..plan }
    }

    #[test]
    fn other_homes_are_another_rotation_and_their_order_is_none() {
        let begun = with(&["/n1", "/n2"]);
        assert!(begun.must_match(&with(&["/n2", "/n1"])).is_ok());
        for (named, told) in [
            (&["/n1"][..], "name /n2 again"),
            (&["/n1", "/n3"], "name /n2 again"),
            (&["/n1", "/n2", "/n3"], "run --new"),
            (&[], "homes is none"),
        ] {
            let refused = begun.must_match(&with(named)).unwrap_err();
            assert_eq!(refused.id(), Id::JournalOther);
            let said = format!("{} {}", refused.what(), refused.remedy());
            assert!(said.contains(told) && said.contains("started with /n1, /n2"), "{said}");
        }
    }

    #[test]
    fn further_homes_are_recorded_and_one_home_alone_is_recorded_as_ever() {
        let text = |homes: &[&str]| String::from_utf8(with(homes).encode()).unwrap();
        assert!(!text(&["/n1"]).contains("further"));
        let two = text(&["/n1", "/n2"]);
        assert!(two.contains(r#""home":"/n1","further_homes":["/n2"],"#), "{two}");
        assert_eq!(Gist::decode(two.as_bytes()).unwrap().homes().collect::<Vec<_>>(), ["/n1", "/n2"]);
    }
}
