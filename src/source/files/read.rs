//! Reading a configuration file: a regular one, no larger than it may be, through no link that comes meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::{Candidate, MAX_BYTES, Refusal};
use crate::codec::envelope::{Form, form};
use crate::error::{Error, Id, Result};

/// Reads a candidate's file; `None` if it is gone.
pub fn read(candidate: &Candidate) -> Result<Option<Vec<u8>>, Refusal> {
    read_file(&candidate.path)
}

pub(super) fn read_file(path: &Path) -> Result<Option<Vec<u8>>, Refusal> {
    // Neither follows a link that was put there meanwhile nor waits for the other end of a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    read_regular(&file).map(Some)
}

fn read_regular(file: &File) -> Result<Vec<u8>, Refusal> {
    if !file.metadata().map_err(|error| unreadable(&error))?.is_file() {
        return Err(Refusal::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Refusal::TooLarge);
    }
    Ok(bytes)
}

pub(super) fn unreadable(error: &io::Error) -> Refusal {
    Refusal::Unreadable(error.to_string())
}

/// Whether an envelope is anywhere in a file of any kind.
pub fn holds_ciphertext(stored: &[u8]) -> bool {
    /// No envelope is shorter.
    const SHORTEST: usize = 40;
    let is_outside = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"+/=".contains(byte);
    let words = stored.split(is_outside).filter(|word| word.len() >= SHORTEST);
    words.filter_map(|word| std::str::from_utf8(word).ok()).any(|word| form(word) != Form::Plain)
}

/// The names in a folder.
pub(super) fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect())
        .map_err(|error| {
            Error::new(
                Id::FolderUnreadable,
                format!("the folder {} cannot be read: {error}", folder.display()),
            )
        })
}
