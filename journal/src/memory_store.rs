//! A store in memory, for tests: a stand-in for the disk that fails when told to.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::head::Mark;
use crate::store::{Store, Write};

/// How a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing of the group is kept.
    NothingKept,
    /// The group is kept, its mark is not, as when the process dies in between.
    MarkLost,
}

/// A store in memory. Clones share one disk, so that a journal can be opened again after a failure.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    mark: Mark,
    fault: Option<(u64, Fault)>,
    written: usize,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the commit of group number `group` (the first is 1) fail, once.
    pub fn fail_at(&self, group: u64, fault: Fault) {
        self.disk().fault = Some((group, fault));
    }

    /// A copy of the disk as it is now, on its own.
    #[must_use]
    pub fn copy(&self) -> Self {
        let disk = self.disk();
        Self(Arc::new(Mutex::new(Disk { values: disk.values.clone(), mark: disk.mark, ..Disk::default() })))
    }

    /// How many bytes were ever written, keys included.
    pub fn written(&self) -> usize {
        self.disk().written
    }

    /// Every key, for tests that damage what is under one.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> Vec<Vec<u8>> {
        self.disk().values.keys().cloned().collect()
    }

    /// Puts `value` under `key` behind everyone's back.
    #[cfg(test)]
    pub(crate) fn tamper(&self, key: &[u8], value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.disk().values.insert(key.to_vec(), value),
            None => self.disk().values.remove(key),
        };
    }

    /// Sets the mark behind everyone's back.
    #[cfg(test)]
    pub(crate) fn tamper_mark(&self, mark: Mark) {
        self.disk().mark = mark;
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.disk().values.get(key).cloned())
    }

    fn commit(&mut self, group: Vec<Write>, mark: Mark) -> Result<()> {
        let mut disk = self.disk();
        let fault = disk.fault.take_if(|(at, _)| *at == mark.group).map(|(_, fault)| fault);
        if fault != Some(Fault::NothingKept) {
            for (key, value) in group {
                disk.written += key.len() + value.as_ref().map_or(0, Vec::len);
                match value {
                    Some(value) => disk.values.insert(key, value),
                    None => disk.values.remove(&key),
                };
            }
        }
        if fault.is_some() {
            let planned = io::Error::other("a planned failure");
            return Err(Error::Io { doing: "write", path: self.place().to_owned(), source: planned });
        }
        disk.mark = mark;
        Ok(())
    }

    fn mark(&self) -> Mark {
        self.disk().mark
    }

    fn place(&self) -> &Path {
        Path::new("memory")
    }
}
