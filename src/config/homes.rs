//! The folders of both servers: the new one's, whose files are rewritten, and the old one's, which is
//! only compared with it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::keys::Key;
use super::resolve::{Resolver, wrong};
use super::syntax::items;
use super::{Level, expand};
use crate::error::{Id, Result};

impl Resolver<'_> {
    /// The new server's folder, if it is named; it must be one when its files are to be rotated.
    pub(super) fn home(&mut self, needed: bool) -> Result<Option<PathBuf>> {
        let key = Key::NewIsHome;
        let entry = if needed { Some(self.needed(key)?) } else { self.given(key) };
        let Some(entry) = entry else { return Ok(None) };
        match self.find_home(entry.value.expose()) {
            Ok(home) => Ok(Some(home)),
            Err(problem) if needed => Err(wrong(Id::ConfigHome, entry, problem)),
            Err(problem) => {
                let text = format!("newISHome {problem}, so the new server's version is not known");
                self.note(Level::Warning, text);
                Ok(None)
            }
        }
    }

    pub(super) fn find_home(&self, value: &str) -> Result<PathBuf, String> {
        let path = expand(value, self.lookup.folder)?;
        let home = path.canonicalize().map_err(|e| format!("({}) cannot be found: {e}", path.display()))?;
        match home.join("repository").is_dir() {
            true => Ok(home),
            false if home.is_dir() => Err(format!("({}) has no folder `repository`", path.display())),
            false => Err(format!("({}) is not a folder", path.display())),
        }
    }

    pub(super) fn allowed_roots(&self) -> Result<Vec<PathBuf>> {
        let key = Key::AllowedRoots;
        let Some(entry) = self.raw.get(key) else { return Ok(Vec::new()) };
        let root = |item: &str| {
            let path = expand(item, self.lookup.folder)?;
            match path.canonicalize() {
                Ok(root) if root.is_dir() => Ok(root),
                Ok(_) => Err(format!("names {}, which is not a folder", path.display())),
                Err(e) => Err(format!("names {}, which cannot be found: {e}", path.display())),
            }
        };
        let roots = items(entry.value.expose()).into_iter().map(root).collect::<Result<_, String>>();
        roots.map_err(|problem| wrong(Id::ConfigValue, entry, problem))
    }

    /// The old server's folder, if it is named and there. It must not be the one that is rewritten.
    pub(super) fn old_home(&mut self, new: Option<&Path>) -> Result<Option<PathBuf>> {
        let key = Key::OldIsHome;
        let Some(entry) = self.given(key) else { return Ok(None) };
        let old = match self.find_home(entry.value.expose()) {
            Ok(old) => old,
            Err(problem) => {
                self.note(Level::Warning, format!("oldISHome {problem}, so the homes are not compared"));
                return Ok(None);
            }
        };
        let identity = |folder: &Path| folder.metadata().map(|found| (found.dev(), found.ino())).ok();
        if new.is_some_and(|new| new == old || identity(new).is_some_and(|new| Some(new) == identity(&old))) {
            return Err(wrong(Id::ConfigOldHome, entry, "is the same folder as newISHome"));
        }
        Ok(Some(old))
    }
}
