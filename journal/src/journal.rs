//! The journal: opening, unlocking, appending.
//!
//! Invariants: an event is applied to a copy of the state before anything is written, and the copy
//! becomes the state only once the group is durable; after a failed write the journal takes
//! nothing more until it is opened anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::now_millis;
use crate::copy::{CopyRow, RowMark, mark_key, read_mark, write_mark};
use crate::error::{Error, Result};
use crate::event::{Entry, Event, Rotation};
use crate::failpoint;
use crate::head::{Mark, sync_folder};
use crate::ids::{Ordinal, TargetId};
use crate::inbox::Submission;
use crate::key::Key;
use crate::lock::{self, Holder, Lock};
use crate::log::{Extent, Index, has_entry, read_entry, unsealed, write_entry};
use crate::record::{Chain, Kind, MacBytes, from_bytes, seal, to_bytes, unseal};
use crate::reserved::Reserved;
#[cfg(feature = "failpoints")]
use crate::sled_store::planned_failure;
use crate::sled_store::{SledStore, head_of};
use crate::snapshot::{Parts, SEAL_KEY, Seal, put_together, take_apart};
use crate::state::JobState;
use crate::steps::{forget_folder_of_steps, keep_steps, swap_with_steps};
use crate::store::{Store, Write};
use crate::wire::Malformed;

/// The journal of one rotation, held by this process until dropped.
pub struct Journal {
    pub(crate) store: Box<dyn Store>,
    pub(crate) state: Arc<JobState>,
    /// There once the journal is unlocked.
    pub(crate) chain: Option<Chain>,
    pub(crate) tip: Mark,
    pub(crate) seal: Seal,
    /// The parts of the state as they stand in the store.
    pub(crate) parts: Parts,
    /// A write failed.
    broken: bool,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("place", &self.store.place())
            .field("tip", &self.tip)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Begins a journal in `dir`, which is made if need be, and records the rotation. A folder in
    /// which nothing was ever recorded is begun anew; one that holds a rotation is refused.
    pub fn begin(dir: &Path, rotation: Rotation, chain_key: &[u8; 32]) -> Result<Self> {
        Self::begin_reserved(Self::reserve(dir)?, rotation, chain_key)
    }

    /// Keeps `dir` for a journal that is to begin there later, as [`Journal::begin`] would take it.
    pub fn reserve(dir: &Path) -> Result<Reserved> {
        Reserved::take(dir)
    }

    /// [`Journal::begin`] in a folder that was reserved for it.
    pub fn begin_reserved(reserved: Reserved, rotation: Rotation, chain_key: &[u8; 32]) -> Result<Self> {
        Self::begin_in(SledStore::create(reserved)?, rotation, chain_key)
    }

    /// Opens the journal in `dir` for reading; none if nothing was ever recorded there. Checksums are
    /// checked here, MACs by [`Journal::unlock`].
    pub fn open(dir: &Path) -> Result<Option<Self>> {
        match SledStore::open(dir)? {
            Some(store) => Self::open_in(store),
            None => Ok(None),
        }
    }

    /// [`Journal::begin`] in a store of the caller's choice, which must be empty.
    pub fn begin_in(store: impl Store + 'static, rotation: Rotation, chain_key: &[u8; 32]) -> Result<Self> {
        let chain = Chain::new(chain_key);
        let state = JobState::new(rotation.clone());
        let mark = Mark::default();
        let mut journal = Self {
            store: Box::new(store),
            seal: Seal::new(mark, &Parts::new(), &chain),
            chain: None,
            state: Arc::new(state.clone()),
            tip: mark,
            parts: Parts::new(),
            broken: false,
        };
        if journal.store.mark().group > 0 {
            return Err(Error::Exists { dir: journal.store.place().to_owned() });
        }
        let mut group = Vec::new();
        let mut mac = MacBytes::default();
        let entry = Entry::from(Event::RotationStarted(rotation));
        write_entry(&mut group, &chain, &mut mac, 0, state.updated_at, &entry)
            .map_err(|what| journal.too_large(what))?;
        journal.commit(&chain, group, mac, state)?;
        journal.chain = Some(chain);
        Ok(journal)
    }

    /// [`Journal::open`] on a store of the caller's choice.
    pub fn open_in(store: impl Store + 'static) -> Result<Option<Self>> {
        let store: Box<dyn Store> = Box::new(store);
        let head = store.mark();
        if head.group == 0 {
            return Ok(None);
        }
        let seal = read_seal(&*store)?;
        let damaged = |what: String| Error::damaged(store.place(), what);
        // The process may have died between a group and its head: one ahead is normal.
        let ahead = seal.mark.group.checked_sub(head.group);
        if !matches!(ahead, Some(0 | 1)) || seal.mark.entries < head.entries {
            return Err(damaged(format!(
                "its log ends with group {}, its head record says {}",
                seal.mark.group, head.group
            )));
        }
        for mark in [head, seal.mark] {
            let last = mark.entries.saturating_sub(1);
            if read_entry(&*store, last, Extent::Whole, None)?.mac != mark.mac {
                return Err(damaged(format!("event {last} is not the one that was written")));
            }
        }
        let Event::RotationStarted(rotation) = read_entry(&*store, 0, Extent::Event, None)?.logged.event
        else {
            return Err(damaged("it does not begin with a rotation".into()));
        };
        let (state, parts) = put_together(rotation, |key| read_part(&*store, key).map_err(Reading::Store))
            .map_err(|why| match why {
                Reading::Store(error) => error,
                Reading::Part(why) => damaged(format!("its state: {why}")),
            })?;
        if !seal.fits(&parts) || state.entries != seal.mark.entries {
            return Err(damaged("the parts of its state do not belong together".into()));
        }
        if has_entry(&*store, seal.mark.entries)? {
            return Err(damaged("its log goes on after its end".into()));
        }
        Ok(Some(Self {
            store,
            state: Arc::new(state),
            chain: None,
            tip: seal.mark,
            seal,
            parts,
            broken: false,
        }))
    }

    /// Checks the MACs of the rotation, of the last entry and of the state, and allows appending.
    /// [`Journal::check_chain`] checks everything.
    pub fn unlock(&mut self, chain_key: &[u8; 32]) -> Result<()> {
        let chain = Chain::new(chain_key);
        let zero = MacBytes::default();
        let first = read_entry(&*self.store, 0, Extent::Whole, Some((&chain, zero)))
            .map_err(|_| Error::WrongKey { dir: self.store.place().to_owned() })?;
        let last = self.tip.entries.saturating_sub(1);
        if last > 0 {
            let before = match last - 1 {
                0 => first.mac,
                number => read_entry(&*self.store, number, Extent::Whole, None)?.mac,
            };
            read_entry(&*self.store, last, Extent::Whole, Some((&chain, before)))?;
        }
        if !self.seal.holds(&self.parts, &chain) {
            let what = "its state was changed after it was written";
            return Err(Error::damaged(self.store.place(), what));
        }
        if self.store.mark() != self.tip {
            // The process died between a group and its mark. The next group may, too: catch up first,
            // so that the log is never two ahead.
            self.store.commit(Vec::new(), self.tip)?;
        }
        self.chain = Some(chain);
        Ok(())
    }

    /// Where the rotation stands.
    pub fn state(&self) -> &JobState {
        &self.state
    }

    /// The same, for a caller that keeps it while more is recorded.
    pub fn kept_state(&self) -> Arc<JobState> {
        Arc::clone(&self.state)
    }

    /// Appends `entries` as one group: all of it is recorded, or nothing. Durable on return. An event
    /// that the state does not admit is refused before anything is written.
    pub fn append(&mut self, entries: Vec<Entry>) -> Result<()> {
        let dir = || self.store.place().to_owned();
        if self.broken {
            return Err(Error::Broken { dir: dir() });
        }
        let Some(chain) = self.chain.clone() else { return Err(Error::Sealed { dir: dir() }) };
        if entries.is_empty() {
            return Ok(());
        }
        let at = now_millis();
        let mut group = Vec::new();
        let mut mac = self.tip.mac;
        let mut state = JobState::clone(&self.state);
        // Each entry is let go once it is encoded: a chunk's rows are large.
        for mut entry in entries {
            for row in &mut entry.rows {
                row.cap_reasons();
            }
            if let Some(target) = entry.event.target() {
                let marks = entry.marks.iter();
                group.extend(marks.map(|(key, mark)| write_mark(&chain, target, key, mark.as_ref())));
            }
            let number = state.entries;
            let index = index_of(&state, number, &entry.event);
            state = state
                .apply(at, &entry.event, &entry.rows)
                .map_err(|event| Error::Illegal { dir: dir(), event })?;
            write_entry(&mut group, &chain, &mut mac, number, at, &entry)
                .map_err(|what| self.too_large(what))?;
            group.extend(index);
        }
        self.commit(&chain, group, mac, state)
    }

    /// What a row of a sync table was when this program saw it last; none if it never did. The journal
    /// must be unlocked.
    pub fn mark(&self, target: TargetId, key: &Key) -> Result<Option<RowMark>> {
        let Some(chain) = &self.chain else {
            return Err(Error::Sealed { dir: self.store.place().to_owned() });
        };
        let place = mark_key(target, key);
        let Some(value) = self.store.get(&place)? else { return Ok(None) };
        let mark = read_mark(chain, &place, &value);
        mark.map(Some).map_err(|why| unsealed(&*self.store, "the mark of a row", why))
    }

    /// The rows of a sync table whose commit was not recorded, with its target.
    pub fn open_copy(&self) -> Result<Option<(TargetId, Vec<CopyRow>)>> {
        let Some(number) = self.state.sync.open else { return Ok(None) };
        match read_entry(&*self.store, number, Extent::Event, None)?.logged.event {
            Event::CopyStarted { target, rows } => Ok(Some((target, rows))),
            _ => Err(Error::damaged(self.store.place(), format!("event {number} carries no rows over"))),
        }
    }

    /// Whether a step beside the log was left by a holder of this rotation's key; no while locked.
    pub fn vouches_for(&self, left: &Submission) -> bool {
        let id = &self.state.rotation.id;
        self.chain.as_ref().is_some_and(|chain| left.is_proved(id, chain))
    }

    /// Who holds the journal in `dir` now; none if no process does. Makes nothing.
    pub fn holder(dir: &Path) -> Result<Option<Holder>> {
        lock::holder(dir)
    }

    /// How much is recorded in `dir`, from the head record alone: none if nothing ever was.
    /// Writes nothing at all, unlike opening, and works while another process holds the journal.
    pub fn peek(dir: &Path) -> Result<Option<Mark>> {
        Ok(head_of(dir)?.map(|file| file.head().mark).filter(|mark| mark.group > 0))
    }

    /// Renames the folder `dir` to `<dir>-<name>` and says where it is now. Steps that nobody has taken
    /// over yet stay, for the next rotation. Refused while someone, this process included, holds the journal.
    ///
    /// What stands where, from one operation to the next. A crash leaves one of these lines: with the steps in `dir`,
    /// except between the last two.
    ///
    /// ```text
    ///                                    dir              dir-name
    /// at the beginning                   journal, steps
    /// steps are linked to a new folder   journal, steps   steps            (one file)
    /// the folders are exchanged          steps            journal, steps
    /// the steps' second name is removed  steps            journal
    ///
    /// where the file system cannot exchange folders:
    /// the folder is renamed                               journal, steps   (a step that is left now makes dir)
    /// the steps are moved                steps            journal
    /// ```
    pub fn archive(dir: &Path, name: &str) -> Result<PathBuf> {
        let _lock = Lock::acquire(dir)?;
        let mut archived = dir.as_os_str().to_owned();
        archived.push("-");
        archived.push(name);
        let archived = PathBuf::from(archived);
        forget_folder_of_steps(&archived)?;
        if archived.try_exists().map_err(Error::io("look at", &archived))? {
            return Err(Error::Exists { dir: archived });
        }
        failpoint!("archive-before-rename", planned_failure(dir));
        if !swap_with_steps(dir, &archived)? {
            fs::rename(dir, &archived).map_err(Error::io("rename", dir))?;
        }
        failpoint!("archive-after-rename", planned_failure(dir));
        keep_steps(&archived, dir)?;
        failpoint!("archive-after-steps", planned_failure(dir));
        match archived.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent)?,
            _ => sync_folder(Path::new("."))?,
        }
        Ok(archived)
    }

    /// Adds what the new state changes to `group`, writes it, and takes the state over.
    fn commit(&mut self, chain: &Chain, mut group: Vec<Write>, mac: MacBytes, state: JobState) -> Result<()> {
        let parts = take_apart(&state).map_err(|error| self.too_large(error.to_string()))?;
        let mark = Mark { group: self.tip.group + 1, entries: state.entries, mac };
        for (key, bytes) in &parts {
            if self.parts.get(key) != Some(bytes) {
                group.push((key.clone(), Some(seal(key, Kind::State, bytes))));
            }
        }
        for key in self.parts.keys().filter(|key| !parts.contains_key(*key)) {
            group.push((key.clone(), None));
        }
        let new_seal = Seal::new(mark, &parts, chain);
        let sealed = to_bytes(&new_seal).map_err(|error| self.too_large(error.to_string()))?;
        group.push((SEAL_KEY.to_vec(), Some(seal(SEAL_KEY, Kind::State, &sealed))));
        self.broken = true;
        self.store.commit(group, mark)?;
        self.broken = false;
        self.tip = mark;
        self.seal = new_seal;
        self.parts = parts;
        self.state = Arc::new(state);
        Ok(())
    }

    pub(crate) fn too_large(&self, what: String) -> Error {
        Error::TooLarge { dir: self.store.place().to_owned(), what }
    }
}

/// The index value that closing a chunk adds; `state` is the one before the event.
pub(crate) fn index_of(state: &JobState, number: u64, event: &Event) -> Option<Write> {
    let (target, ordinal, index) = closing(state, number, event)?;
    Some(index.write(target, ordinal))
}

/// The chunk that `event` closes, with its index.
pub(crate) fn closing(state: &JobState, number: u64, event: &Event) -> Option<(TargetId, Ordinal, Index)> {
    let Event::ChunkDone { target, ordinal, tally, .. } = event else { return None };
    let chunk = state.targets.get(target.position())?.open.get(ordinal)?;
    let entries = chunk.entries.iter().copied().chain([number]).collect();
    let overlay = chunk.span == crate::chunk::Span::Keys;
    Some((*target, *ordinal, Index { failed: tally.failed > 0, overlay, entries }))
}

fn read_seal(store: &dyn Store) -> Result<Seal> {
    let value = store.get(SEAL_KEY)?.ok_or_else(|| Error::damaged(store.place(), "its state is missing"))?;
    let body = unseal(SEAL_KEY, Kind::State, &value).map_err(|why| unsealed(store, "its state", why))?;
    from_bytes(body).map_err(|why| unsealed(store, "its state", why.into()))
}

fn read_part(store: &dyn Store, key: &[u8]) -> Result<Vec<u8>> {
    let value =
        store.get(key)?.ok_or_else(|| Error::damaged(store.place(), "a part of its state is missing"))?;
    Ok(unseal(key, Kind::State, &value).map_err(|why| unsealed(store, "its state", why))?.to_vec())
}

/// Why a part of the state could not be read.
enum Reading {
    Store(Error),
    Part(Malformed),
}

impl From<Malformed> for Reading {
    fn from(why: Malformed) -> Self {
        Self::Part(why)
    }
}
