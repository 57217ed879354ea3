//! A folder that is kept for a journal that is about to begin.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::lock::{LOCK, Lock};
use crate::sled_store::{make_folder, must_be_own, refuse_foreign, refuse_taken};

/// Such a folder, in which nothing is recorded yet. Others see who holds it. Unless a journal is begun in it,
/// it is as it was before once this is dropped.
#[derive(Debug)]
pub struct Reserved {
    /// First, so that it is tidied up while it is locked.
    folder: Folder,
    lock: Lock,
}

#[derive(Debug)]
struct Folder {
    dir: PathBuf,
    /// Whether it was not there before.
    made: bool,
    /// Whether a journal is in it.
    stays: bool,
}

impl Reserved {
    /// Takes `dir`, which must be missing, empty, or hold a journal that never got to its first group.
    /// Steps may wait there.
    pub(crate) fn take(dir: &Path) -> Result<Self> {
        let (made, lock) = loop {
            let made = !dir.exists();
            make_folder(dir)?;
            must_be_own(dir)?;
            refuse_foreign(dir)?;
            match Lock::acquire(dir) {
                Err(_) if !dir.exists() => {} // removed meanwhile, by a holder that has begun nothing
                lock => break (made, lock?),
            }
        };
        let mut reserved = Self { folder: Folder { dir: dir.to_owned(), made, stays: false }, lock };
        let taken = refuse_taken(dir);
        reserved.folder.stays = taken.is_err(); // it is another journal's
        taken.map(|()| reserved)
    }

    /// Hands the folder and its lock over to the journal that begins in it.
    pub(crate) fn begun(mut self) -> (PathBuf, Lock) {
        self.folder.stays = true;
        (self.folder.dir.clone(), self.lock)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.stays {
            // A process that waits for the lock sees that its file is gone, and starts again.
            let _ = fs::remove_file(self.dir.join(LOCK));
            if self.made {
                let _ = fs::remove_dir(&self.dir); // not where a step was left meanwhile
            }
        }
    }
}
