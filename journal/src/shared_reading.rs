//! Reading along: a journal that another process holds, by way of that process.
//!
//! The holder hands over its state as it stands after a group ([`Journal::shared_state`]), and later the
//! values of the log and the index that are asked for ([`Journal::stored_from`]). Those never change
//! once they are written, and what was written after the state is not asked for: so the reader sees
//! one moment of the journal, however long it reads and whatever the holder writes meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::head::Mark;
use crate::journal::Journal;
use crate::log::{LogKey, log_key};
use crate::record::{Kind, seal, to_bytes};
use crate::snapshot::SEAL_KEY;
use crate::store::{Store, Write};

/// A key of the store, and the value under it as it is stored.
pub type Stored = (Vec<u8>, Vec<u8>);

/// The state of a journal, as it is stored after a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedState {
    /// The group.
    pub mark: Mark,
    /// The parts of the state, and their seal.
    pub parts: Vec<Stored>,
}

/// Asks the holder for the value under a key and what follows it: see [`Journal::stored_from`].
type Fetch = Box<dyn FnMut(&[u8]) -> io::Result<Vec<Stored>> + Send>;

impl Journal {
    /// What another process needs to open this journal along with this one.
    pub fn shared_state(&self) -> Result<SharedState> {
        let sealed = to_bytes(&self.seal).map_err(|error| self.too_large(error.to_string()))?;
        let parts = self.parts.iter().map(|(key, bytes)| (key.clone(), seal(key, Kind::State, bytes)));
        let seal = (SEAL_KEY.to_vec(), seal(SEAL_KEY, Kind::State, &sealed));
        Ok(SharedState { mark: self.tip, parts: parts.chain([seal]).collect() })
    }

    /// The value under a key of the log or the index, if there is one, and those that follow it, for as
    /// long as they are not more than `most` bytes in all. For other keys there is nothing.
    pub fn stored_from(&self, key: &[u8], most: usize) -> Result<Vec<Stored>> {
        let mut next = log_key(key);
        let mut found: Vec<Stored> = Vec::new();
        let mut bytes = 0;
        while let Some(place) = next {
            let key = place.bytes();
            next = match self.store.get(&key)? {
                Some(value) => {
                    bytes += key.len() + value.len();
                    if !found.is_empty() && bytes > most {
                        break;
                    }
                    found.push((key, value));
                    Some(place.following())
                }
                None if found.is_empty() => None,
                None => place.next_entry(),
            };
        }
        Ok(found)
    }

    /// Opens the journal in `dir`, which another process holds, for reading. `fetch` asks that process.
    pub fn open_along(
        dir: &Path,
        surface: SharedState,
        fetch: impl FnMut(&[u8]) -> io::Result<Vec<Stored>> + Send + 'static,
    ) -> Result<Option<Self>> {
        Self::open_in(AlongStore {
            dir: dir.to_owned(),
            mark: surface.mark,
            parts: surface.parts.into_iter().collect(),
            fetched: Mutex::new(Fetched {
                fetch: Box::new(fetch),
                log: HashMap::new(),
                index: HashMap::new(),
            }),
        })
    }
}

/// The store of another process's journal.
struct AlongStore {
    dir: PathBuf,
    mark: Mark,
    parts: BTreeMap<Vec<u8>, Vec<u8>>,
    fetched: Mutex<Fetched>,
}

/// What was handed over last: of the log and of the index, which are read in turns.
struct Fetched {
    fetch: Fetch,
    log: HashMap<Vec<u8>, Vec<u8>>,
    index: HashMap<Vec<u8>, Vec<u8>>,
}

impl fmt::Debug for AlongStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlongStore").field("dir", &self.dir).field("mark", &self.mark).finish_non_exhaustive()
    }
}

impl Store for AlongStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let is_later = match log_key(key) {
            None => return Ok(self.parts.get(key).cloned()),
            Some(LogKey::Record { entry, .. }) => entry >= self.mark.entries,
            Some(LogKey::Index { .. }) => false, // the state tells which chunks are closed
        };
        if is_later {
            return Ok(None);
        }
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let Fetched { fetch, log, index } = &mut *fetched;
        let known = if key.first() == Some(&LogKey::INDEX) { index } else { log };
        if !known.contains_key(key) {
            *known = fetch(key).map_err(Error::io("ask for", &self.dir))?.into_iter().collect();
        }
        Ok(known.get(key).cloned())
    }

    fn commit(&mut self, _: Vec<Write>, _: Mark) -> Result<()> {
        Err(Error::io("write", &self.dir)(io::Error::other("another process holds the journal")))
    }

    fn mark(&self) -> Mark {
        self.mark
    }

    fn place(&self) -> &Path {
        &self.dir
    }
}
