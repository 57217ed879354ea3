//! The head record: a small file beside sled that says what must be there.
//!
//! sled opens a truncated file without a word, with rows or everything gone. The head holds the
//! number of the last durable group, its MAC and the length of sled's file, in two slots a page
//! apart, written in turn: a torn write leaves the other slot. It is written, and synced, after
//! each group; so sled is at the head's group, or one ahead if the process died in between.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::lock::NO_LINK;
use crate::record::{FORMAT, MacBytes, is_readable};
use crate::wire::{Malformed, Reader};

pub(crate) const HEAD: &str = "head";
const MAGIC: [u8; 4] = *b"KRJH";
const SLOT_BYTES: usize = 57;
/// A page apart, so that one torn page cannot take both.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
const FILE_BYTES: u64 = 8192;

/// Up to where the log is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// How many groups were appended.
    pub group: u64,
    /// How many entries they hold.
    pub entries: u64,
    /// The MAC of the last record.
    pub mac: MacBytes,
}

/// What the head file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Head {
    /// Counts writes of the head; the newer slot has the greater one.
    serial: u64,
    pub(crate) mark: Mark,
    /// The length of sled's file after the last group, in bytes.
    pub(crate) length: u64,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(&MAGIC);
        slot.push(FORMAT);
        slot.extend_from_slice(&self.serial.to_le_bytes());
        slot.extend_from_slice(&self.mark.group.to_le_bytes());
        slot.extend_from_slice(&self.mark.entries.to_le_bytes());
        slot.extend_from_slice(&self.mark.mac);
        slot.extend_from_slice(&self.length.to_le_bytes());
        slot.extend_from_slice(&crc32fast::hash(&slot).to_le_bytes());
        slot
    }

    /// The head in a slot: `Ok(None)` if the slot is not whole, `Err(format)` if a newer program wrote it.
    fn decode(slot: &[u8]) -> Result<Option<Self>, u8> {
        Self::read(slot).unwrap_or(Ok(None))
    }

    fn read(slot: &[u8]) -> Result<Result<Option<Self>, u8>, Malformed> {
        let mut reader = Reader::new(slot);
        let magic: [u8; 4] = reader.array()?;
        let format = reader.byte()?;
        let head = Self {
            serial: u64::from_le_bytes(reader.array()?),
            mark: Mark {
                group: u64::from_le_bytes(reader.array()?),
                entries: u64::from_le_bytes(reader.array()?),
                mac: reader.array()?,
            },
            length: u64::from_le_bytes(reader.array()?),
        };
        let crc = u32::from_le_bytes(reader.array()?);
        let covered = slot.get(..SLOT_BYTES - 4).unwrap_or_default();
        Ok(match (magic == MAGIC && crc == crc32fast::hash(covered), format) {
            (false, _) => Ok(None),
            (true, format) if is_readable(format) => Ok(Some(head)),
            (true, newer) => Err(newer),
        })
    }
}

/// The head file, open for writing.
#[derive(Debug)]
pub(crate) struct HeadFile {
    file: File,
    path: PathBuf,
    head: Head,
}

impl HeadFile {
    /// Writes the head of a journal without groups, durably, under its name at once or not at all.
    pub(crate) fn create(dir: &Path) -> Result<Self> {
        let head = Head::default();
        let mut bytes = head.encode();
        bytes.resize(usize::try_from(FILE_BYTES).unwrap_or(bytes.len()), 0);
        let path = dir.join(HEAD);
        replace(&path, &bytes, true)?;
        sync_folder(dir)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(NO_LINK)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        Ok(Self { file, path, head })
    }

    /// Opens the head of the journal in `dir`; none if there is no such file.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(HEAD);
        let file = match OpenOptions::new().read(true).write(true).custom_flags(NO_LINK).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", &path)(error)),
        };
        let mut newest: Option<Head> = None;
        for offset in SLOT_OFFSETS {
            let mut slot = [0; SLOT_BYTES];
            match file.read_exact_at(&mut slot, offset) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                Err(error) => return Err(Error::io("read", &path)(error)),
            }
            let head =
                Head::decode(&slot).map_err(|format| Error::Incompatible { dir: dir.to_owned(), format })?;
            newest = newest.into_iter().chain(head).max_by_key(|head| head.serial);
        }
        let head = newest.ok_or_else(|| Error::damaged(dir, "its head record cannot be read"))?;
        Ok(Some(Self { file, path, head }))
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Writes the head into the slot that is not the newest, durably.
    pub(crate) fn write(&mut self, mark: Mark, length: u64) -> Result<()> {
        let head = Head { serial: self.head.serial + 1, mark, length };
        let [even, odd] = SLOT_OFFSETS;
        let offset = if head.serial.is_multiple_of(2) { even } else { odd };
        self.file
            .write_all_at(&head.encode(), offset)
            .and_then(|()| self.file.sync_data())
            .map_err(Error::io("write", &self.path))?;
        self.head = head;
        Ok(())
    }
}

/// Puts `bytes` under `path` at once: a temporary file beside it, then a rename.
pub(crate) fn replace(path: &Path, bytes: &[u8], durable: bool) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(&temporary)
        .map_err(Error::io("open", &temporary))?;
    file.write_all(bytes)
        .and_then(|()| if durable { file.sync_all() } else { Ok(()) })
        .map_err(Error::io("write", &temporary))?;
    fs::rename(&temporary, path).map_err(Error::io("rename to", path))
}

/// Makes the names in `dir` durable.
pub(crate) fn sync_folder(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", dir))
}
