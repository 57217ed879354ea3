//! A group of files as rows: the key is the path under newISHome, the value is the content.

use std::path::PathBuf;

use keyrotation_journal::{Key, KeyPart};

use super::Row;
use super::files::{self, Candidate, FileGroup, Listing, Refusal};
use crate::db::Value;
use crate::error::Result;

/// The files of one group.
#[derive(Debug, Clone)]
pub struct FileRows {
    group: &'static FileGroup,
    home: PathBuf,
    allowed_roots: Vec<PathBuf>,
}

impl FileRows {
    /// The files of `group` under `home`.
    pub fn new(group: &'static FileGroup, home: PathBuf, allowed_roots: Vec<PathBuf>) -> Self {
        Self { group, home, allowed_roots }
    }

    /// What is in the group's folders now.
    pub fn list(&self) -> Result<Listing> {
        files::list(self.group, &self.home, &self.allowed_roots)
    }

    pub(super) fn page(&self, after: Option<&Key>, upto: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        let mut found = self.found()?;
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let behind = |name: &str| after.and_then(name_of).is_none_or(|after| name > after);
        let within = |name: &str| upto.and_then(name_of).is_none_or(|upto| name <= upto);
        found.retain(|(name, _)| behind(name) && within(name));
        Ok(found.into_iter().filter_map(|(name, file)| row(name, file)).take(limit).collect())
    }

    pub(super) fn rows(&self, keys: &[&Key]) -> Result<Vec<Row>> {
        let mut found = self.found()?;
        found.retain(|(name, _)| keys.iter().any(|key| name_of(key) == Some(name)));
        Ok(found.into_iter().filter_map(|(name, file)| row(name, file)).collect())
    }

    fn found(&self) -> Result<Vec<(String, Result<Candidate, Refusal>)>> {
        let listing = self.list()?;
        let failed = listing.failed.into_iter().map(|failed| (failed.relative, Err(failed.refusal)));
        let candidates = listing.candidates.into_iter().map(|file| (file.relative.clone(), Ok(file)));
        Ok(candidates.chain(failed).collect())
    }
}

/// The path that a file's key holds.
pub(crate) fn name_of(key: &Key) -> Option<&str> {
    match key.0.as_slice() {
        [KeyPart::Text(name)] => Some(name),
        _ => None,
    }
}

/// The file as a row; `None` if it went away since it was listed.
fn row(name: String, file: Result<Candidate, Refusal>) -> Option<Row> {
    let (value, problem) = match file.and_then(|file| files::read(&file)) {
        Ok(None) => return None,
        Ok(Some(bytes)) => (Value::Bytes(bytes), None),
        Err(refusal) => (Value::Null, Some(refusal.to_string())),
    };
    let key = Key(vec![KeyPart::Text(name)]);
    Some(Row { key, values: vec![value], hashes: vec![None], group: None, problem })
}
