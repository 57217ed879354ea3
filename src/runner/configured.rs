//! The new server's `deployment.toml` files: which they are, and how they are replaced.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::day::Day;
use super::notices::say;
use super::steps::Place;
use crate::config::{self, DEPLOYMENT, Home, NewServer, Version};
use crate::configure::{self, Choices, Edited, Keys};
use crate::error::{Error, Id, Result};
use crate::plan::KeyFingerprints;
use crate::runbook::{BY_HAND, old_key_is_needed};
use crate::sink::files::{Outcome, replace, sweep};

/// No `deployment.toml` is larger.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Files that are named in place of the one under newISHome.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Files.
    pub files: Vec<PathBuf>,
    /// Homes of nodes.
    pub homes: Vec<PathBuf>,
}

/// A file, with what it has to become.
#[derive(Debug)]
pub struct Work {
    /// Where it is.
    pub path: PathBuf,
    old: Zeroizing<String>,
    /// What it becomes.
    pub edited: Edited,
    /// Its copy, once it is written.
    pub backup: Option<PathBuf>,
    /// Whether it is dealt with.
    pub done: bool,
}

/// All of them, each once, and how the servers are rotated. None is written unless all of them can be edited.
pub fn works(place: &Place, named: &Named, mut choices: Choices) -> Result<(Vec<Work>, Option<Keys>)> {
    let is_named = !named.files.is_empty() || !named.homes.is_empty();
    let (server, notices) = config::load_new_server(&place.config, is_named)?;
    say(&notices);
    if server.mode.is_in_place() {
        choices.in_place = Some(keys_in_place(place, &server, &choices)?);
        if matches!(choices.in_place, Some(Keys::Both | Keys::OldFirst)) {
            refuse_before_7_1(&server, named)?;
        }
    } else if choices.old_key_as.is_some() || choices.rolling {
        let what = "--old-key-as and --rolling are for `mode: in-place`: a new server has only the new key";
        return Err(Error::new(Id::CommandLineValue, what).fix("leave it out"));
    }
    let mut works = Vec::new();
    for path in find(&server, named)? {
        let work = look(path, &server, &choices)?;
        if works.iter().all(|known: &Work| known.path != work.path) {
            works.push(work);
        }
    }
    Ok((works, choices.in_place))
}

/// Which keys servers are to have now: both, until the old one may go as it may be confirmed to be gone.
fn keys_in_place(place: &Place, server: &NewServer, choices: &Choices) -> Result<Keys> {
    let day = Day::look(place)?;
    let keys = KeyFingerprints::of(&server.keys);
    let is_of_these = |recorded: &KeyFingerprints| recorded.new_key == keys.new_key;
    // What a journal says of other keys says nothing of these.
    let is_its = day.facts.status.as_ref().and_then(|status| status.keys.as_ref()).is_some_and(is_of_these);
    let needed = if is_its {
        old_key_is_needed(&day.facts)
    } else {
        Some("the rotation with these keys has not begun".to_owned())
    };
    if choices.rolling {
        // Servers that still write with the old key beside a rotation would never let it end.
        if is_its {
            let what = "--rolling comes before the rotation with these keys, and that has begun";
            return Err(Error::new(Id::StepNotSo, what).fix("leave --rolling out: `key` is the new key now"));
        }
        return Ok(Keys::OldFirst);
    }
    match (needed, choices.remove_old_key) {
        (Some(why), true) => Err(Error::new(Id::StepNotSo, format!("--remove-old-key is too early: {why}"))
            .fix("`keyrotation runbook` says what comes before it")),
        (Some(_), false) => Ok(Keys::Both),
        (None, true) => Ok(Keys::NewAlone),
        (None, false) => Ok(Keys::New),
    }
}

/// A server before 7.1 reads one key.
fn refuse_before_7_1(server: &NewServer, named: &Named) -> Result<()> {
    let homes = if named.homes.is_empty() && named.files.is_empty() { &server.nodes } else { &named.homes };
    let known = homes.iter().map(|home| (home.display().to_string(), Home::inspect(home).version));
    let of_files = named.files.iter().map(|file| (file.display().to_string(), server.version));
    let is_older =
        |(_, version): &(String, Option<Version>)| version.is_some_and(|version| version < (7, 1, 0));
    let Some((place, _)) = known.chain(of_files).find(is_older) else { return Ok(()) };
    let what = format!(
        "{place}: the server is older than 7.1 and reads one key, so it cannot read its database before all is rotated"
    );
    Err(Error::new(Id::ServersLackKeys, what)
        .fix("stop every server, `keyrotation run`, `keyrotation verify`, `keyrotation keys`, and then `keyrotation configure`"))
}

/// What one file has to become.
fn look(path: PathBuf, server: &NewServer, choices: &Choices) -> Result<Work> {
    let old = read(&path)?;
    let edited = configure::edit(&old, server, choices).map_err(|error| {
        Error::new(error.id(), format!("{}: {}", path.display(), error.what())).fix(error.remedy())
    })?;
    say(&edited.notices);
    Ok(Work { path, old, edited, backup: None, done: false })
}

/// Each file is replaced at once or not at all; the first that cannot be ends it.
pub fn write_all(works: &mut [Work]) -> Result<()> {
    for work in works {
        if work.edited.changes.is_empty() {
            close(&work.path)?; // it has the new key already
        } else {
            work.backup = Some(write_file(&work.path, &work.old, &work.edited.text)?);
        }
        work.done = true;
    }
    Ok(())
}

/// The files. One of a home is not to be outside of it: a link might lead into the old server's.
fn find(server: &NewServer, Named { files, homes }: &Named) -> Result<Vec<PathBuf>> {
    let failed = |path: &Path, error: io::Error| {
        Error::new(Id::DeploymentMissing, format!("{}: {error}", path.display()))
    };
    let mut found = Vec::new();
    for file in files {
        found.push(file.canonicalize().map_err(|error| failed(file, error))?);
    }
    let mut homes = homes.clone();
    if found.is_empty() && homes.is_empty() {
        homes.clone_from(&server.nodes);
        if homes.is_empty() {
            let key = if server.mode.is_in_place() { "isHome" } else { "newISHome" };
            return Err(Error::new(Id::ConfigMissingKey, format!("{key} is missing")));
        }
    }
    for home in homes {
        let path = home.join(DEPLOYMENT);
        let inside = home.canonicalize().map_err(|error| failed(&home, error))?;
        let real = path.canonicalize().map_err(|error| failed(&path, error))?;
        if !real.starts_with(&inside) {
            let (path, real, home) = (path.display(), real.display(), home.display());
            return Err(Error::new(
                Id::DeploymentShape,
                format!("{path} is a link out of {home}, to {real}"),
            )
            .fix("put a file of its own there; or, if that file is the new server's, name it with --file"));
        }
        found.push(real);
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let failed = |what: &dyn std::fmt::Display| {
        Error::new(Id::DeploymentMissing, format!("{}: {what}", path.display()))
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    if !path.is_file() {
        return Err(failed(&"not a regular file"));
    }
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed(&"larger than 4 MiB, so it cannot be a deployment.toml"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(failed(&"not UTF-8 text")),
    }
}

/// Replaces the file, after a copy of it was made; names the copy.
fn write_file(path: &Path, old: &str, new: &str) -> Result<PathBuf> {
    let again = "correct what the message names, then `keyrotation configure` again";
    let at = Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
    let backup = configure::backup_name(path, &at);
    let failed = |error: io::Error| Error::new(Id::File, format!("{}: {error}", backup.display())).fix(again);
    if let Some(folder) = path.parent() {
        sweep(folder)?;
    }
    close(path)?;
    keep(&backup, old).map_err(failed)?;
    let outcome = replace(path, old.as_bytes(), new.as_bytes());
    if !matches!(outcome, Ok(Outcome::Replaced))
        && !matches!(&outcome, Err(error) if error.id() == Id::FileNotFlushed)
    {
        // Nothing was replaced: the copy would only be one more place with the old key in it.
        let _ = fs::remove_file(&backup);
    }
    match outcome {
        Ok(Outcome::Replaced) => Ok(backup),
        Ok(Outcome::Changed | Outcome::Gone) => {
            let what = format!("{}: was changed by somebody else meanwhile", path.display());
            Err(Error::new(Id::FileNotReplaced, what).fix("look at it, then `keyrotation configure` again"))
        }
        Err(error) if error.id() == Id::FileNotFlushed => {
            let what = format!("{}; the old file is {}", error.what(), backup.display());
            Err(Error::new(error.id(), what).fix("check the disk, then `keyrotation configure --dry-run`"))
        }
        Err(error) => Err(Error::new(error.id(), error.what()).fix(again)),
    }
}

/// Takes the file from everyone who is neither its owner nor of its group: it is to have the new key.
fn close(path: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::new(Id::File, format!("{}: {error}", path.display()));
    let mode = path.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o007 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o770)).map_err(failed)?;
        tracing::warn!(
            "{}: everyone could read it, and it is the place of the new key: it is closed to others now \
             (mode {:o}); the server's user must own it or be in its group",
            path.display(),
            mode & 0o770
        );
    }
    Ok(())
}

/// Writes the copy, for its owner only, and to the disk before anything is replaced.
fn keep(backup: &Path, old: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(backup)?;
    file.write_all(old.as_bytes())?;
    file.sync_all()
}

/// What the journal is to remember of it.
pub fn note(works: &[Work]) -> String {
    let mut said = Vec::new();
    let mut left: Vec<&str> = Vec::new();
    for Work { path, edited, backup, .. } in works.iter().filter(|work| work.done) {
        let changed: Vec<_> = edited.changes.iter().map(|change| change.entry.as_str()).collect();
        said.push(match backup {
            Some(backup) => {
                format!("{}: {}; backup {}", path.display(), changed.join(", "), backup.display())
            }
            None => format!("{}: nothing had to be changed", path.display()),
        });
        left.extend(edited.by_hand.iter().map(|item| item.what.as_str()));
    }
    // What was not reached is left, too.
    let missed = works.iter().filter(|work| !work.done).map(|work| work.path.to_string_lossy());
    let missed: Vec<_> = missed.collect();
    left.extend(missed.iter().map(|path| &**path));
    left.dedup();
    let mut note = said.join("; ");
    if !left.is_empty() {
        let _ = write!(note, "{BY_HAND}{}", left.join(", "));
    }
    note
}
