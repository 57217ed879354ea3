//! The live status file: what a running program shows to others while it holds the journal.
//!
//! The holder of the journal writes it: taking the journal removes what an earlier
//! holder said. Its content is the caller's own. It is replaced at once, so a reader sees the old or the new, and
//! not synced: after a crash the journal itself tells the state.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::head::replace;
use crate::lock::NO_LINK;
use crate::steps::STEPS;

pub(crate) const LIVE: &str = "live";
pub(crate) const LIVE_TEMPORARY: &str = "live.tmp";

/// The name that is kept free in the folder for a socket on which the holder of the journal listens.
/// The holder of the journal may replace it: it is an earlier holder's.
pub const CONTROL: &str = "control";

/// Replaces the live status of the journal in `dir`.
pub fn write_live(dir: &Path, bytes: &[u8]) -> Result<()> {
    replace(&dir.join(LIVE), bytes, false)
}

/// Removes the live status of an earlier holder of the journal in `dir`.
pub(crate) fn clear_live(dir: &Path) -> Result<()> {
    let path = dir.join(LIVE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
        _ => Ok(()),
    }
}

/// The live status of the journal in `dir`, if there is one.
pub fn read_live(dir: &Path) -> Result<Option<Vec<u8>>> {
    let path = dir.join(LIVE);
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        OpenOptions::new().read(true).custom_flags(NO_LINK).open(&path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// Whether the live status in `dir` was said after a step was left there last, or taken over. A step that
/// is taken over is in the live status only with its next word.
pub fn live_knows_steps(dir: &Path) -> Result<bool> {
    let changed = |name: &str| {
        let path = dir.join(name);
        match path.symlink_metadata().and_then(|file| file.modified()) {
            Ok(time) => Ok(Some(time)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", &path)(error)),
        }
    };
    Ok(changed(STEPS)? <= changed(LIVE)?)
}
