//! Replacing a configuration file: compare and set, all or nothing.
//!
//! The new content goes to a temporary file in the same folder, gets the original's owner, access
//! list and mode, and is flushed; the original is read once more; the temporary file is renamed
//! over it; the folder is flushed.
//!
//! Invariants:
//! - At every moment the name holds either all of the old content or all of the new.
//! - A file that is no longer, byte for byte, what was read is not replaced. (A writer that comes
//!   between the last look and the rename, some microseconds, would lose its change: file systems
//!   offer no better comparison. A server should not be writing to the new home yet.)
//! - No temporary file ends in `.xml`, which a running server would deploy, and none is readable
//!   for more people than the original. Only a killed process leaves one behind; see [`sweep`].
//! - Owner, group, mode, access list and `user.*` attributes are kept, or nothing is replaced.
//!   Security labels are left to the system's policy for the folder. Other hard links to the file
//!   keep the old content.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use keyrotation_journal::failpoint;
use rustix::fs::{OFlags, XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

use crate::error::{Error, Id, Result};

const PREFIX: &str = ".keyrotation-";
const SUFFIX: &str = ".tmp";

/// How an attempt to replace a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The file has the new content, on disk.
    Replaced,
    /// The file is not what was read; it was left alone.
    Changed,
    /// The file is not there any more.
    Gone,
}

/// Replaces the content `expected` of the file at `path` by `new`.
///
/// `path` must be the real file: a symbolic link there is an error. Fails with
/// [`Id::FileNotReplaced`], the file being as it was, or with [`Id::FileNotFlushed`], the file
/// having its new content now but perhaps not after a power failure.
pub fn replace(path: &Path, expected: &[u8], new: &[u8]) -> Result<Outcome> {
    failpoint!("file-before-temp", untouched(path, "begin", PLANNED));
    let Some(original) = open(path).map_err(|error| untouched(path, "open it", error))? else {
        return Ok(Outcome::Gone);
    };
    let Some(folder) = path.parent() else { return Err(untouched(path, "find its folder", "none")) };

    let mut temporary =
        Temporary::create(folder).map_err(|error| untouched(path, "create a temporary file", error))?;
    temporary.file.write_all(new).map_err(|error| untouched(path, "write a temporary file", error))?;
    keep_access(&original, &temporary.file)
        .map_err(|error| untouched(path, "keep its owner, access list and mode", error))?;
    temporary.file.sync_all().map_err(|error| untouched(path, "flush a temporary file", error))?;

    match holds(path, expected).map_err(|error| untouched(path, "read it again", error))? {
        None => return Ok(Outcome::Gone),
        Some(false) => return Ok(Outcome::Changed),
        Some(true) => {}
    }
    failpoint!("file-before-rename", untouched(path, "rename a temporary file", PLANNED));
    temporary.rename(path).map_err(|error| untouched(path, "rename a temporary file", error))?;
    failpoint!("file-after-rename", unflushed(path, PLANNED));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| unflushed(path, error))?;
    failpoint!("file-after-flush", unflushed(path, PLANNED));
    Ok(Outcome::Replaced)
}

/// Whether [`replace`] would be allowed to replace the file, with the error that it would end with.
/// Writes nothing. A file that is gone is no error, and what attributes the folder's file system takes
/// shows only when they are set.
pub fn may_replace(path: &Path) -> Result<()> {
    let Some(original) = open(path).map_err(|error| untouched(path, "open it", error))? else {
        return Ok(());
    };
    let Some(folder) = path.parent() else { return Err(untouched(path, "find its folder", "none")) };
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        .map_err(|error| untouched(path, "create a temporary file", io::Error::from(error)))?;
    may_keep_owner(&original, folder)
        .map_err(|error| untouched(path, "keep its owner, access list and mode", error))
}

/// Whether a file made in `folder` could be given the owner and the group of `original`.
fn may_keep_owner(original: &File, folder: &Path) -> io::Result<()> {
    const SET_GROUP: u32 = 0o2000;
    let (wanted, folder) = (original.metadata()?, fs::metadata(folder)?);
    let user = rustix::process::geteuid().as_raw();
    let own_group = rustix::process::getegid().as_raw();
    let given = if folder.mode() & SET_GROUP == 0 { own_group } else { folder.gid() };
    if (wanted.uid(), wanted.gid()) == (user, given) || may_give_away() {
        return Ok(());
    }
    let groups = rustix::process::getgroups()?;
    let is_ours = |group: u32| group == own_group || groups.iter().any(|ours| ours.as_raw() == group);
    if wanted.uid() == user && is_ours(wanted.gid()) { Ok(()) } else { Err(Errno::PERM.into()) }
}

/// Whether this process may give files to others (CAP_CHOWN, the first of the capabilities).
fn may_give_away() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    match effective.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()) {
        Some(capabilities) => capabilities & 1 == 1,
        None => rustix::process::geteuid().is_root(),
    }
}

/// Removes the temporary files that a killed process left in `folder`, and names them.
///
/// Only while nobody else replaces files there: another process would find its temporary file gone,
/// and fail without harm.
pub fn sweep(folder: &Path) -> Result<Vec<PathBuf>> {
    let stays = |path: &Path, error| {
        Error::new(Id::LeftoverStays, format!("cannot remove leftovers: {}: {error}", path.display()))
    };
    let mut removed = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| stays(folder, error))? {
        let entry = entry.map_err(|error| stays(folder, error))?;
        let path = entry.path();
        if is_temporary(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::remove_file(&path).map_err(|error| stays(&path, error))?;
            removed.push(path);
        }
    }
    removed.sort_unstable();
    Ok(removed)
}

/// Whether a file has the name of one of our temporary files.
fn is_temporary(name: &OsStr) -> bool {
    let unique = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    unique.is_some_and(|unique| unique.len() == 16 && unique.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A file that is removed unless it is renamed.
struct Temporary {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Temporary {
    fn create(folder: &Path) -> io::Result<Self> {
        let unique = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        let path = folder.join(format!("{PREFIX}{unique:016x}{SUFFIX}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file, renamed: false })
    }

    fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // On failure it stays for the next sweep; the error that led here matters more.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Err(io::Error::other("not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the file holds exactly these bytes; `None` if there is no file.
fn holds(path: &Path, expected: &[u8]) -> io::Result<Option<bool>> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(expected.len() + 1);
    file.take(expected.len() as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes == expected))
}

/// Gives `to` the owner, group, access list, attributes and mode of `from`.
fn keep_access(from: &File, to: &File) -> io::Result<()> {
    let (wanted, given) = (from.metadata()?, to.metadata()?);
    if (wanted.uid(), wanted.gid()) != (given.uid(), given.gid()) {
        fchown(to, Some(wanted.uid()), Some(wanted.gid()))?;
    }
    copy_attributes(from, to)?;
    // Last: a change of owner clears bits of the mode, and an access list governs its group bits.
    to.set_permissions(wanted.permissions())
}

fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    let wanted = attributes(from)?;
    for name in attributes(to)? {
        // Such as an access list that the folder gives to every new file.
        if !wanted.contains(&name) {
            fremovexattr(to, name.as_slice())?;
        }
    }
    for name in wanted {
        let mut value = vec![0; rustix::fs::fgetxattr_query(from, name.as_slice())?];
        let length = fgetxattr(from, name.as_slice(), value.as_mut_slice())?;
        value.truncate(length);
        fsetxattr(to, name.as_slice(), &value, XattrFlags::empty())?;
    }
    Ok(())
}

/// The names of a file's extended attributes, without those that the system's policy governs.
fn attributes(file: &File) -> io::Result<Vec<Vec<u8>>> {
    let mut names = match rustix::fs::flistxattr_query(file) {
        Ok(size) => vec![0; size],
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let length = flistxattr(file, names.as_mut_slice())?;
    names.truncate(length);
    let governed = |name: &[u8]| name.starts_with(b"security.") || name.starts_with(b"trusted.");
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !governed(name));
    Ok(names.map(<[u8]>::to_vec).collect())
}

fn untouched(path: &Path, cannot: &str, why: impl Display) -> Error {
    Error::new(Id::FileNotReplaced, format!("{}: cannot {cannot}: {why}", path.display()))
}

fn unflushed(path: &Path, why: impl Display) -> Error {
    Error::new(Id::FileNotFlushed, format!("{}: cannot flush its folder: {why}", path.display()))
}

#[cfg(feature = "failpoints")]
const PLANNED: &str = "failure planned by a test";

#[cfg(test)]
mod tests;
