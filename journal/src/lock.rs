//! Who holds a journal: an advisory lock on a file in its folder, with the holder's particulars
//! inside for others to read.
//!
//! The lock, not a stored word, tells whether a rotation is running: the operating system drops it
//! with the process, however that ends.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::clock::now_millis;
use crate::error::{Error, Result};

pub(crate) const LOCK: &str = "lock";

/// A name in the journal's folder that is a link is nobody's of ours: what it points to is not touched.
#[allow(clippy::cast_possible_wrap)] // the kernel's flags are bits
pub(crate) const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// How often a lock is tried anew whose file was removed just then.
const TRIES: u32 = 10;

/// The process that holds a journal, as it described itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its host.
    pub host: String,
    /// When it took the journal, in Unix milliseconds.
    pub since: i64,
    /// Its command line, cut short.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {} (`{}`)", self.pid, self.host, self.command)
    }
}

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock of the journal in `dir`, making its file if need be. Waits a moment, since a
    /// look by another process takes it, too.
    pub(crate) fn acquire(dir: &Path) -> Result<Self> {
        for _ in 0..TRIES {
            let lock = Self::take(dir)?;
            if lock.0.metadata().map_err(Error::io("look at", &dir.join(LOCK)))?.nlink() > 0 {
                return Ok(lock);
            }
            // Its holder has begun nothing, and removed it in the meantime.
        }
        Self::take(dir)
    }

    fn take(dir: &Path) -> Result<Self> {
        let path = dir.join(LOCK);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(NO_LINK)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        for attempt in 0.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < 10 => thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { dir: dir.to_owned(), holder: read(&mut file) });
                }
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(describe().as_bytes()))
            .map_err(Error::io("write", &path))?;
        Ok(Self(file))
    }
}

/// Who holds the journal in `dir` now; none if no process does. A holder that has not yet written its
/// particulars is unknown.
pub(crate) fn holder(dir: &Path) -> Result<Option<Holder>> {
    let path = dir.join(LOCK);
    let mut file = match OpenOptions::new().read(true).custom_flags(NO_LINK).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", &path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read(&mut file).unwrap_or_else(|| Holder {
            pid: 0,
            host: "unknown".into(),
            since: 0,
            command: "unknown".into(),
        }))),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}

fn describe() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "unknown" } else { host.trim() };
    let command =
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let command: String = command.chars().filter(|c| !c.is_control()).take(200).collect();
    format!("{}\n{host}\n{}\n{command}\n", std::process::id(), now_millis())
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    Some(Holder {
        pid: lines.next()?.parse().ok()?,
        host: lines.next()?.to_owned(),
        since: lines.next()?.parse().ok()?,
        command: lines.next()?.to_owned(),
    })
}
