//! Whether a copy is rotated beside the server that is in use, or the database that it is in use on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::keys::{IN_PLACE, Key};
use super::resolve::{Resolver, wrong};
use super::syntax::items;
use crate::error::{Id, Result};

/// What is rotated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A copy of the deployment, beside the old one.
    #[default]
    BlueGreen,
    /// The deployment itself: its servers have both keys, or are stopped.
    InPlace,
}

impl Mode {
    /// Whether it is the deployment itself.
    pub fn is_in_place(self) -> bool {
        self == Self::InPlace
    }

    /// Whether it is the default.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// A key by the name that it has in this mode.
    pub(super) fn name(self, key: Key) -> &'static str {
        let in_place = IN_PLACE.iter().find(|(of, _)| self.is_in_place() && *of == key);
        in_place.map_or(key.name(), |(_, name)| name)
    }
}

/// Keys of a second deployment beside the one that is rotated.
const BESIDE: [Key; 9] = [
    Key::OldIdnDbUrl,
    Key::OldIdnUsername,
    Key::OldIdnPassword,
    Key::OldIsHome,
    Key::OldRegDbUrl,
    Key::OldRegUsername,
    Key::OldRegPassword,
    Key::SyncTables,
    Key::EnableSyncMigrator,
];

impl Resolver<'_> {
    /// What `mode` says, if the other keys go with it.
    pub(super) fn mode(&self) -> Result<Mode> {
        let mode = match self.given(Key::Mode) {
            None => Mode::BlueGreen,
            Some(entry) => match entry.value.expose() {
                "blue-green" => Mode::BlueGreen,
                "in-place" => Mode::InPlace,
                _ => return Err(wrong(Id::ConfigValue, entry, "is neither blue-green nor in-place")),
            },
        };
        match mode {
            Mode::BlueGreen => self.refuse_names_of_in_place()?,
            Mode::InPlace => self.refuse_beside()?,
        }
        Ok(mode)
    }

    fn refuse_names_of_in_place(&self) -> Result<()> {
        let named = IN_PLACE.iter().filter_map(|(key, name)| {
            let entry = self.raw.get(*key).filter(|entry| entry.name == *name)?;
            Some((entry, format!("is for `mode: in-place`; for a copy use {key}")))
        });
        let homes = self.given(Key::Homes).map(|entry| (entry, "is for `mode: in-place`".to_owned()));
        match named.chain(homes).next() {
            None => Ok(()),
            Some((entry, what)) => Err(wrong(Id::ConfigValue, entry, what).fix(
                "write `mode: in-place` to rotate the database that the servers use, or use the copy's name",
            )),
        }
    }

    fn refuse_beside(&self) -> Result<()> {
        let is_on =
            |key: Key, value: &str| key != Key::EnableSyncMigrator || value.eq_ignore_ascii_case("true");
        let beside = |key: &Key| self.given(*key).filter(|entry| is_on(*key, entry.value.expose()));
        if let Some(entry) = BESIDE.iter().find_map(beside) {
            let what = "is given, and with `mode: in-place` there is no old deployment beside the one that is rotated";
            return Err(wrong(Id::ConfigValue, entry, what).fix("remove the line, or the line with mode"));
        }
        if let Some(entry) = self.given(Key::EnableKeyId)
            && entry.value.expose().eq_ignore_ascii_case("false")
        {
            let what =
                "is false, and with `mode: in-place` servers tell the values under the new key by its id";
            return Err(wrong(Id::ConfigValue, entry, what).fix("remove the line"));
        }
        if let Some(entry) = self.given(Key::RebuildIndexes)
            && entry.value.expose() == "always"
        {
            let what = "is always, and with `mode: in-place` the servers need their indexes";
            return Err(wrong(Id::ConfigValue, entry, what).fix("remove the line"));
        }
        Ok(())
    }

    /// The homes of all nodes that `homes` names, each once.
    pub(super) fn nodes(&self) -> Result<Vec<PathBuf>> {
        let Some(entry) = self.given(Key::Homes) else { return Ok(Vec::new()) };
        let mut nodes = Vec::new();
        for item in items(entry.value.expose()) {
            let node = self.find_home(item).map_err(|problem| wrong(Id::ConfigHome, entry, problem))?;
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        Ok(nodes)
    }
}
