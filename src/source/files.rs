//! Which configuration files a rotation looks at, and reading them.
//!
//! File groups are data ([`FileGroup`]): folders under newISHome, and the root element that makes an XML file one
//! of the group, whatever its name if it holds ciphertext. Listing writes nothing, not even to tidy up.
//!
//! Invariants:
//! - Nothing outside newISHome and the allowed roots is opened, wherever symbolic links lead; what
//!   is refused for that is reported as failed, never passed over in silence.
//! - A candidate's name, relative to newISHome and with slashes, is its key in the journal; its
//!   path is the real file, so a link to a file stays a link.
//! - A file with ciphertext in it is a candidate or failed, never passed over in silence.
//! - The order of candidates is the byte order of their names.

mod read;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::codec::envelope::{Form, form};
use crate::codec::{Reason, xml};
use crate::error::{Error, Id, Result};
use crate::target::FileGroup;

pub use read::{holds_ciphertext, read};
use read::{names, read_file, unreadable};

/// The largest file that is read, in bytes; the files in question have a few thousand.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What is in the folders of a group, each list in byte order of the names.
#[derive(Debug, Default)]
pub struct Listing {
    /// The files of the group.
    pub candidates: Vec<Candidate>,
    /// What might be a file of the group, or hold some, but cannot be dealt with: failed files.
    pub failed: Vec<Failed>,
    /// What else the operator may want to know.
    pub remarks: Vec<Remark>,
    /// The folders that were read: the real ones, where leftovers of an interrupted run may be.
    pub folders: Vec<PathBuf>,
}

impl Listing {
    /// Adds what is in another home, with what its names begin with.
    pub(super) fn add(&mut self, prefix: &str, other: Self) {
        let named =
            |relative: String| if prefix.is_empty() { relative } else { format!("{prefix}{relative}") };
        let Self { candidates, failed, remarks, folders } = other;
        let candidates = candidates.into_iter();
        self.candidates.extend(candidates.map(|file| Candidate { relative: named(file.relative), ..file }));
        let failed = failed.into_iter();
        self.failed.extend(failed.map(|file| Failed { relative: named(file.relative), ..file }));
        let remarks = remarks.into_iter();
        self.remarks.extend(remarks.map(|remark| Remark { relative: named(remark.relative), ..remark }));
        self.folders.extend(folders);
    }
}

/// A file of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name relative to newISHome, with slashes.
    pub relative: String,
    /// The file itself, symbolic links resolved.
    pub path: PathBuf,
}

/// A file or folder that counts as failed before any value was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its name relative to newISHome; what is not UTF-8 in it is replaced.
    pub relative: String,
    /// Why.
    pub refusal: Refusal,
}

/// Something that was seen and left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// How much it matters.
    pub level: Level,
    /// Its name relative to newISHome; what is not UTF-8 in it is replaced.
    pub relative: String,
    /// What it is, and what follows from that.
    pub text: &'static str,
}

/// How much a [`Remark`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of interest only when something is missing.
    Debug,
    /// Worth a line.
    Note,
    /// The operator should act.
    Warning,
}

/// Why a file or folder is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It lies outside newISHome and the allowed roots.
    #[error(
        "a symbolic link leads out of newISHome, to {}: if that belongs to the new deployment, \
         add it to allowedRoots", .0.display()
    )]
    Outside(PathBuf),
    /// A symbolic link without a target.
    #[error("a symbolic link that leads nowhere")]
    Dangling,
    /// Its name cannot be written down exactly.
    #[error("its name is not UTF-8: rename it")]
    Name,
    /// A folder is expected.
    #[error("not a folder")]
    NotAFolder,
    /// A device, a pipe or the like.
    #[error("not a regular file")]
    NotAFile,
    /// Larger than [`MAX_BYTES`].
    #[error("larger than {} MiB", MAX_BYTES / (1024 * 1024))]
    TooLarge,
    /// The operating system says no.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It holds ciphertext, and is no file of any group.
    #[error(
        "it holds an encrypted value, but it is not a file that can be rotated: delete it, or move it out \
         of this folder"
    )]
    Ciphertext,
    /// Its content is not understood.
    #[error(transparent)]
    Content(#[from] Reason),
}

/// Lists the files of a group. Folders that are not there hold no files.
///
/// Fails with [`Id::HomeUnreadable`] if `home` or an allowed root is not there, and with
/// [`Id::FolderUnreadable`] if a folder cannot be read: its content is unknown.
pub fn list(group: &FileGroup, home: &Path, allowed_roots: &[PathBuf]) -> Result<Listing> {
    let mut lister = Lister::new(group, home, allowed_roots)?;
    for folder in &group.folders {
        lister.go_down(&folder.split('/').collect::<Vec<_>>())?;
    }
    Ok(sorted(lister.listing))
}

/// The files of a group with these names, as [`list`] finds them, without a look at the others.
pub fn find(group: &FileGroup, home: &Path, allowed_roots: &[PathBuf], names: &[&str]) -> Result<Listing> {
    let places: Option<Vec<_>> = names.iter().map(|name| place_of(group, name)).collect();
    let mut listing = match places {
        Some(places) => {
            let mut lister = Lister::new(group, home, allowed_roots)?;
            for (folders, name) in places {
                lister.only = Some(name);
                lister.go_down(&folders)?;
            }
            sorted(lister.listing)
        }
        // What has failed as a whole folder, or has a name that cannot be written down, is only met on the way.
        None => list(group, home, allowed_roots)?,
    };
    listing.candidates.retain(|file| names.contains(&&*file.relative));
    listing.failed.retain(|failed| names.contains(&&*failed.relative));
    Ok(listing)
}

/// The folders that lead to a file of a group, and its name there; none if it can be no file of it.
fn place_of<'a>(group: &FileGroup, name: &'a str) -> Option<(Vec<&'a str>, &'a OsStr)> {
    let (folder, file) = name.rsplit_once('/')?;
    let folders: Vec<&str> = folder.split('/').collect();
    let fits = |pattern: &str| {
        let segments = pattern.split('/');
        segments.clone().count() == folders.len()
            && segments.zip(&folders).all(|(segment, folder)| segment == "*" || segment == *folder)
    };
    let is_exact = !name.contains(char::REPLACEMENT_CHARACTER);
    (is_exact && group.folders.iter().any(|pattern| fits(pattern))).then_some((folders, OsStr::new(file)))
}

fn sorted(mut listing: Listing) -> Listing {
    listing.candidates.sort_unstable_by(|a, b| a.relative.cmp(&b.relative));
    listing.failed.sort_by(|a, b| a.relative.cmp(&b.relative));
    listing.remarks.sort_by(|a, b| a.relative.cmp(&b.relative));
    listing.folders.sort_unstable();
    listing.folders.dedup();
    listing
}

fn real_folder(path: &Path) -> Result<PathBuf> {
    let refuse = |why: &dyn std::fmt::Display| {
        Error::new(Id::HomeUnreadable, format!("the folder {} cannot be read: {why}", path.display()))
    };
    let real = fs::canonicalize(path).map_err(|error| refuse(&error))?;
    if real.is_dir() { Ok(real) } else { Err(refuse(&"it is not a folder")) }
}

struct Lister<'a> {
    group: &'a FileGroup,
    /// Real folders; everything that is opened lies under one of them.
    roots: Vec<PathBuf>,
    /// The one name that is looked for at the end of the way, if not all are.
    only: Option<&'a OsStr>,
    listing: Listing,
}

impl<'a> Lister<'a> {
    fn new(group: &'a FileGroup, home: &Path, allowed_roots: &[PathBuf]) -> Result<Self> {
        let mut roots = vec![real_folder(home)?];
        for root in allowed_roots {
            roots.push(real_folder(root)?);
        }
        Ok(Self { group, roots, only: None, listing: Listing::default() })
    }

    /// Goes down from the home.
    fn go_down(&mut self, segments: &[&str]) -> Result<()> {
        let home = self.roots[0].clone();
        self.descend(&home, "", segments)
    }

    /// Goes down from `folder`, a real one, along the segments, and lists what is at the end.
    fn descend(&mut self, folder: &Path, relative: &str, segments: &[&str]) -> Result<()> {
        match segments {
            [] => self.files(folder, relative),
            ["*", rest @ ..] => {
                for name in names(folder)? {
                    // Loose files between the tenants' folders are none of the group's.
                    if !folder.join(&name).is_file() {
                        self.enter(folder, relative, &name, rest)?;
                    }
                }
                Ok(())
            }
            [name, rest @ ..] => self.enter(folder, relative, OsStr::new(name), rest),
        }
    }

    fn enter(&mut self, folder: &Path, relative: &str, name: &OsStr, rest: &[&str]) -> Result<()> {
        let relative = join(relative, name);
        let refusal = match self.resolve(&folder.join(name)) {
            Ok(None) => return Ok(()),
            Ok(Some(_)) if name.to_str().is_none() => Refusal::Name,
            Ok(Some(real)) if real.is_dir() => return self.descend(&real, &relative, rest),
            Ok(Some(_)) => Refusal::NotAFolder,
            Err(refusal) => refusal,
        };
        self.fail(relative, refusal);
        Ok(())
    }

    fn files(&mut self, folder: &Path, relative: &str) -> Result<()> {
        self.listing.folders.push(folder.to_owned());
        let found = match self.only {
            Some(name) => vec![name.to_owned()],
            None => names(folder)?,
        };
        for name in found {
            let path = folder.join(&name);
            let relative = join(relative, &name);
            if !is_xml(&name) {
                self.other(&path, relative, &name);
            } else if let Err(refusal) = self.file(&path, relative.clone(), &name) {
                self.fail(relative, refusal);
            }
        }
        Ok(())
    }

    /// A file that is not named like a candidate: an editor's or a hand's copy of one is one.
    fn other(&mut self, path: &Path, relative: String, name: &OsStr) {
        let bytes = name.as_encoded_bytes();
        let is_ours = bytes.starts_with(b".keyrotation-") && bytes.ends_with(b".tmp"); // it will be removed
        let stored = match self.resolve(path) {
            Ok(Some(real)) if real.is_file() && !is_ours => Some((read_file(&real), real)),
            _ => None,
        };
        match stored {
            Some((Ok(Some(stored)), real)) if self.is_copy(&stored) => match name.to_str() {
                Some(_) => self.listing.candidates.push(Candidate { relative, path: real }),
                None => self.fail(relative, Refusal::Name),
            },
            Some((Ok(Some(stored)), _)) if holds_ciphertext(&stored) => {
                self.fail(relative, Refusal::Ciphertext);
            }
            Some((Err(_), _)) => {
                let text = "it cannot be read, so it may hold ciphertext; it stays as it is";
                self.remark(Level::Warning, relative, text);
            }
            _ if bytes.ends_with(b".enc") && !path.is_dir() => {
                let text = "holds a plain password until a server starts and encrypts it with its own key; \
                            it stays as it is";
                self.remark(Level::Warning, relative, text);
            }
            _ if path.is_dir() => self.folder(path, relative),
            _ => self.remark(Level::Debug, relative, "not named *.xml; it stays as it is"),
        }
    }

    /// A folder within one of the group's: servers do not look into it, nor into what is in it.
    fn folder(&mut self, path: &Path, relative: String) {
        let mut is_whole = true;
        for entry in WalkDir::new(path) {
            let stored = match entry {
                Ok(entry) if entry.file_type().is_file() => read_file(entry.path()),
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(_) | Err(_) => {
                    is_whole = false; // links among them
                    continue;
                }
            };
            match stored {
                Ok(Some(stored)) if holds_ciphertext(&stored) => {
                    let text = "a folder with files that hold ciphertext, which stays under the old key: \
                                delete it, or move it";
                    return self.remark(Level::Warning, relative, text);
                }
                Ok(_) => {}
                Err(_) => is_whole = false,
            }
        }
        if is_whole {
            self.remark(Level::Debug, relative, "a folder; it stays as it is");
        } else {
            let text = "a folder with links or files that cannot be read, so they may hold ciphertext; it \
                        stays as it is";
            self.remark(Level::Warning, relative, text);
        }
    }

    /// Whether it is what files of the group are, with something encrypted in it.
    fn is_copy(&self, stored: &[u8]) -> bool {
        let is_sealed = |slot: &crate::codec::Slot| form(&slot.text) != Form::Plain;
        xml::root(stored).is_ok_and(|root| root == self.group.root)
            && xml::slots(stored).is_ok_and(|slots| slots.iter().any(is_sealed))
    }

    fn file(&mut self, path: &Path, relative: String, name: &OsStr) -> Result<(), Refusal> {
        let Some(real) = self.resolve(path)? else { return Ok(()) };
        let metadata = fs::metadata(&real).map_err(|error| unreadable(&error))?;
        if metadata.is_dir() {
            self.folder(&real, relative);
            return Ok(());
        }
        if name.to_str().is_none() {
            return Err(Refusal::Name);
        }
        let Some(stored) = read_file(&real)? else { return Ok(()) };
        if xml::root(&stored)? != self.group.root {
            if holds_ciphertext(&stored) {
                return Err(Refusal::Ciphertext);
            }
            self.remark(
                Level::Note,
                relative,
                "an XML file of another kind, by its root element; it stays as it is",
            );
            return Ok(());
        }
        if metadata.nlink() > 1 {
            let text = "has other names (hard links), which will keep the old values";
            self.remark(Level::Warning, relative.clone(), text);
        }
        self.listing.candidates.push(Candidate { relative, path: real });
        Ok(())
    }

    /// The real path, or `None` if there is nothing.
    fn resolve(&self, path: &Path) -> Result<Option<PathBuf>, Refusal> {
        match fs::canonicalize(path) {
            Ok(real) if self.roots.iter().any(|root| real.starts_with(root)) => Ok(Some(real)),
            Ok(real) => Err(Refusal::Outside(real)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unreadable(&error)),
            Err(_) if path.is_symlink() => Err(Refusal::Dangling),
            Err(_) => Ok(None),
        }
    }

    fn fail(&mut self, relative: String, refusal: Refusal) {
        self.listing.failed.push(Failed { relative, refusal });
    }

    fn remark(&mut self, level: Level, relative: String, text: &'static str) {
        self.listing.remarks.push(Remark { level, relative, text });
    }
}

/// Whether a file is named like a candidate.
fn is_xml(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.len() >= 4 && bytes[bytes.len() - 4..].eq_ignore_ascii_case(b".xml")
}

fn join(relative: &str, name: &OsStr) -> String {
    let name = name.to_string_lossy();
    if relative.is_empty() { name.into_owned() } else { format!("{relative}/{name}") }
}

#[cfg(test)]
mod tests;
