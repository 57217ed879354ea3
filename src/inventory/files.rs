//! Every file below a home, for ciphertext.
//!
//! Invariants: a file of any size is read to its end, a part at a time; where a symbolic link leads is looked at there, or
//! it is named: nothing is left out without a word.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::scan::{Outside, Scanned};
use crate::codec::embedded;
use crate::codec::value::Recoder;
use crate::signals::Stop;

/// So much of a file is in memory, in bytes.
const PART: usize = 16 << 20;

/// So much of a part is looked at again with the next one: no envelope that a server writes is longer.
const OVERLAP: usize = 1 << 20;

/// Which folders are looked through.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// The homes of all nodes, without symbolic links.
    pub homes: Vec<PathBuf>,
    /// Folders outside of them into which symbolic links may lead.
    pub allowed_roots: Vec<PathBuf>,
}

/// Looks through a home. Ends early, with what it has, when asked to stop.
pub(super) fn files(
    home: &Path,
    folders: &Folders,
    targets: &BTreeSet<PathBuf>,
    recoder: &Recoder,
    stop: &Stop,
    scanned: &mut Scanned,
) {
    let mut open = vec![home.to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
            if stop.requested() {
                return;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    scanned.not_looked_at.push(error.to_string());
                    continue;
                }
            };
            let path = entry.path();
            if targets.contains(path) {
                continue;
            }
            if entry.file_type().is_file() {
                file(path, recoder, scanned);
            } else if entry.path_is_symlink() {
                match led(path, folders) {
                    Led::Nowhere => {}
                    Led::ToFile(real) if targets.contains(&real) => {}
                    Led::ToFile(_) => file(path, recoder, scanned),
                    Led::ToFolder(real) => open.extend(seen.insert(real.clone()).then_some(real)),
                    Led::Away(why) => scanned.not_looked_at.push(format!("{}: {why}", path.display())),
                }
            }
        }
    }
}

/// Where a symbolic link leads.
enum Led {
    /// To nothing, or to what is looked through anyway.
    Nowhere,
    ToFile(PathBuf),
    /// To a folder into which links may lead.
    ToFolder(PathBuf),
    /// To what is not looked through.
    Away(String),
}

fn led(link: &Path, folders: &Folders) -> Led {
    let real = match link.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Led::Nowhere,
        Err(error) => return Led::Away(error.to_string()),
    };
    let is_in = |folders: &[PathBuf]| folders.iter().any(|folder| real.starts_with(folder));
    if is_in(&folders.homes) {
        Led::Nowhere
    } else if real.is_file() {
        Led::ToFile(real)
    } else if real.is_dir() && is_in(&folders.allowed_roots) {
        Led::ToFolder(real)
    } else if real.is_dir() {
        let real = real.display();
        Led::Away(format!("a symbolic link to the folder {real}, which allowedRoots does not name"))
    } else {
        Led::Nowhere // no file
    }
}

fn file(path: &Path, recoder: &Recoder, scanned: &mut Scanned) {
    let place = path.display().to_string();
    let mut found = Outside::at(place.clone());
    match File::open(path).and_then(|file| look_through(file, recoder, &mut found)) {
        Ok(0) => scanned.files += 1,
        Ok(long) => {
            scanned.files += 1;
            let most = OVERLAP >> 20;
            scanned.not_looked_at.push(format!("{place}: {long} envelopes that are longer than {most} MiB"));
        }
        Err(error) => scanned.not_looked_at.push(format!("{place}: {error}")),
    }
    if !found.is_empty() {
        scanned.found.push(found);
    }
}

/// Counts the envelopes of a file; says how many are too long for that.
fn look_through(mut file: impl io::Read, recoder: &Recoder, found: &mut Outside) -> io::Result<usize> {
    let (mut part, mut long) = (Vec::new(), 0);
    loop {
        let wanted = PART - part.len();
        let is_last = file.by_ref().take(wanted as u64).read_to_end(&mut part)? < wanted;
        if is_last {
            found.count(recoder, &embedded::envelopes(&part));
            return Ok(long);
        }
        let begun = embedded::begun_before(&part, PART - OVERLAP);
        found.count(recoder, &begun.whole);
        long += begun.cut;
        part.drain(..begun.end);
    }
}
