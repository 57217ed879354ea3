//! Changes to files, one by one: each is replaced whole, or left as it was.

use std::collections::HashMap;
use std::path::PathBuf;

use super::files::{self, Outcome};
use super::{Applied, Change};
use crate::error::{Id, Result};
use crate::source::{FileRows, name_of};

/// Writes to the files of one group.
#[derive(Debug, Clone)]
pub struct FileSink {
    rows: FileRows,
}

impl FileSink {
    /// Writes to the files that `rows` lists.
    pub fn new(rows: FileRows) -> Self {
        Self { rows }
    }

    pub(super) fn apply(&self, changes: &[&Change]) -> Result<Vec<Applied>> {
        let paths = self.paths(changes)?;
        changes.iter().map(|change| apply_one(change, &paths)).collect()
    }

    /// What would become of changes, as far as the file system tells.
    pub(super) fn foresee(&self, changes: &[&Change]) -> Result<Vec<Applied>> {
        let paths = self.paths(changes)?;
        let foreseen = |change: &&Change| match name_of(&change.key).and_then(|name| paths.get(name)) {
            None => Applied::Missed,
            Some(path) => match files::may_replace(path) {
                Ok(()) => Applied::Written,
                Err(error) => Applied::Refused(error.what().to_owned()),
            },
        };
        Ok(changes.iter().map(foreseen).collect())
    }

    fn paths(&self, changes: &[&Change]) -> Result<HashMap<String, PathBuf>> {
        let names: Vec<&str> = changes.iter().filter_map(|change| name_of(&change.key)).collect();
        let candidates = self.rows.find(&names)?.candidates;
        Ok(candidates.into_iter().map(|file| (file.relative, file.path)).collect())
    }
}

fn apply_one(change: &Change, paths: &HashMap<String, PathBuf>) -> Result<Applied> {
    let path = name_of(&change.key).and_then(|name| paths.get(name));
    let (Some(path), [cell]) = (path, change.cells.as_slice()) else { return Ok(Applied::Missed) };
    let (Some(old), Some(new)) = (cell.old.as_bytes(), cell.new.as_bytes()) else {
        return Ok(Applied::Missed);
    };
    match files::replace(path, old, new) {
        Ok(Outcome::Replaced) => Ok(Applied::Written),
        Ok(Outcome::Changed | Outcome::Gone) => Ok(Applied::Missed),
        // The others go on: one file in a folder without access is that file's failure.
        Err(error) if error.id() == Id::FileNotReplaced => Ok(Applied::Refused(error.what().to_owned())),
        Err(error) => Err(error),
    }
}
