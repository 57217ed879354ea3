//! A group of files as rows: the key is the path under newISHome, the value is the content.

use std::path::PathBuf;
use std::sync::Arc;

use keyrotation_journal::{Key, KeyPart};

use super::Row;
use super::course::Course;
use super::files::{self, Candidate, Listing, Refusal};
use crate::db::Value;
use crate::error::{Error, Id, Result};
use crate::target::FileGroup;

/// The files of one group, in one home or in those of several nodes.
#[derive(Debug, Clone)]
pub struct FileRows {
    group: Arc<FileGroup>,
    /// Each with what its files' names begin with: nothing in the first.
    homes: Arc<[(String, PathBuf)]>,
    allowed_roots: Vec<PathBuf>,
}

impl FileRows {
    /// The files of `group` under `home`, and under those of further nodes.
    pub fn new(
        group: Arc<FileGroup>,
        home: PathBuf,
        further_homes: &[PathBuf],
        allowed_roots: Vec<PathBuf>,
    ) -> Self {
        let further = further_homes.iter().map(|home| (format!("{}/", home.display()), home.clone()));
        let homes = std::iter::once((String::new(), home)).chain(further).collect();
        Self { group, homes, allowed_roots }
    }

    /// What is in the group's folders now.
    pub fn list(&self) -> Result<Listing> {
        let mut all = Listing::default();
        for (prefix, home) in &*self.homes {
            all.add(prefix, files::list(&self.group, home, &self.allowed_roots)?);
        }
        tracing::trace!("{}: reads {} files to list them", self.group.id, all.candidates.len());
        Ok(all)
    }

    /// Where the file with this key is, for people.
    pub fn path_of(&self, key: &Key) -> String {
        let name = name_of(key).unwrap_or_default();
        // Names in the first home are relative, those of further ones are whole paths.
        self.homes.first().map_or_else(|| name.to_owned(), |(_, home)| home.join(name).display().to_string())
    }

    pub(super) fn walk(&self) -> FileWalk {
        FileWalk { files: self.clone(), found: None, course: Course::default() }
    }

    fn in_order(&self) -> Result<Vec<Found>> {
        let mut found = found(self.list()?);
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    pub(super) fn rows(&self, keys: &[&Key]) -> Result<Vec<Row>> {
        let names: Vec<&str> = keys.iter().filter_map(|key| name_of(key)).collect();
        Ok(found(self.find(&names)?).into_iter().filter_map(|(name, file)| row(name, file)).collect())
    }

    /// The files with these names, without a look at the others.
    pub fn find(&self, names: &[&str]) -> Result<Listing> {
        let mut all = Listing::default();
        for (prefix, home) in &*self.homes {
            // Names in the first home are relative, those of further ones are whole paths.
            let is_of_it = |name: &&str| name.starts_with('/') != prefix.is_empty();
            let of_it = names.iter().copied().filter(is_of_it);
            let relative: Vec<&str> = of_it.filter_map(|name| name.strip_prefix(prefix.as_str())).collect();
            if !relative.is_empty() {
                all.add(prefix, files::find(&self.group, home, &self.allowed_roots, &relative)?);
            }
        }
        Ok(all)
    }
}

fn found(listing: Listing) -> Vec<Found> {
    let failed = listing.failed.into_iter().map(|failed| (failed.relative, Err(failed.refusal)));
    let candidates = listing.candidates.into_iter().map(|file| (file.relative.clone(), Ok(file)));
    candidates.chain(failed).collect()
}

/// A file by its name, or why it counts as failed.
type Found = (String, Result<Candidate, Refusal>);

/// A walk over the files of a group: listed once, and read page by page.
#[derive(Debug)]
pub(super) struct FileWalk {
    files: FileRows,
    /// What is there, in order; none before the first request.
    found: Option<Vec<Found>>,
    course: Course<String>,
}

impl FileWalk {
    /// From now on only over the files behind `after`, up to and including `upto`.
    pub(super) fn over(&mut self, after: Option<&Key>, upto: Option<&Key>) {
        let name = |key: Option<&Key>| key.and_then(name_of).map(str::to_owned);
        self.course.over(name(after), name(upto));
    }

    pub(super) fn go_on_behind(&mut self, key: &Key) {
        match name_of(key) {
            Some(name) => self.course.go_on_behind(name.to_owned()),
            None => self.course.begin_again(),
        }
    }

    pub(super) async fn next(&mut self, limit: usize) -> Result<Option<Vec<Row>>> {
        let all = match &mut self.found {
            Some(found) => found,
            none => none.insert(self.files.in_order()?),
        };
        let read = |after: Option<String>, upto: Option<String>, limit| {
            let at = all.partition_point(|(name, _)| after.as_ref().is_some_and(|after| name <= after));
            let is_within = |found: &&Found| upto.as_ref().is_none_or(|upto| found.0 <= *upto);
            let page = all.iter().skip(at).take_while(is_within).take(limit).cloned();
            std::future::ready(Ok::<_, Error>(page.collect::<Vec<_>>()))
        };
        // Some may have gone away since they were listed.
        let key = |(name, _): &Found| Some(name.clone());
        let is_at = |(name, _): &Found, key: &String| name == key;
        let stuck =
            |name: &String| Error::new(Id::System, format!("{name}: the file comes again behind itself"));
        while let Some(page) = self.course.next(limit, &read, key, is_at, stuck).await? {
            let rows: Vec<_> = page.into_iter().filter_map(|(name, file)| row(name, file)).collect();
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }
}

/// The path that a file's key holds.
pub fn name_of(key: &Key) -> Option<&str> {
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
