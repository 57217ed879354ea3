//! Steps that were taken while no session could record them: an inbox beside the log.
//!
//! Before a rotation begins there is no journal, and while one runs its process holds it. So a step
//! is left in a file of the journal's folder, durably, and the next session, or the one that runs,
//! takes it over into the log. A step is in the file until the log has it.
//!
//! Nothing is ever taken out of the record: a step that was a mistake is taken back by another one,
//! named after it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::copy::Step;
use crate::error::{Error, Result};
use crate::head::sync_folder;
use crate::record::{from_bytes, to_bytes};
use crate::sled_store::make_folder;
use crate::wire::{Reader, put_bytes};

pub(crate) const STEPS: &str = "steps";

/// What the name of a step begins with that takes another one back.
pub const TAKEN_BACK: &str = "undo:";

/// The last step of this name, among steps in the order of recording, unless it was taken back since.
pub fn standing<'a, T>(steps: &'a [T], name: &str, name_of: impl Fn(&T) -> &str) -> Option<&'a T> {
    let concerns = |step: &&T| {
        let its = name_of(step);
        its.strip_prefix(TAKEN_BACK).unwrap_or(its) == name
    };
    steps.iter().rev().find(concerns).filter(|step| name_of(step) == name)
}

/// Leaves a step for the journal in `dir`, which is made if need be.
pub fn leave_step(dir: &Path, step: &Step) -> Result<()> {
    make_folder(dir)?;
    let path = dir.join(STEPS);
    let mut file = open(&path, true)?;
    file.lock().map_err(Error::io("lock", &path))?;
    let mut record = Vec::new();
    let step = to_bytes(step).map_err(|why| Error::damaged(dir, why.to_string()))?;
    put_bytes(&mut record, &step);
    file.write_all(&record).and_then(|()| file.sync_all()).map_err(Error::io("write", &path))?;
    sync_folder(dir)
}

/// Hands the steps that were left in `dir` to `record`, and removes them once it has succeeded. A
/// crash in between hands them over again.
pub fn take_steps<E: From<Error>>(
    dir: &Path,
    record: impl FnOnce(Vec<Step>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let path = dir.join(STEPS);
    if !path.try_exists().map_err(Error::io("look at", &path))? {
        return Ok(());
    }
    let mut file = open(&path, false)?;
    file.lock().map_err(Error::io("lock", &path))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    if bytes.is_empty() {
        return Ok(()); // asked all the time while changes are carried over
    }
    let steps = read(&bytes);
    if !steps.is_empty() {
        record(steps)?;
    }
    file.set_len(0).and_then(|()| file.sync_all()).map_err(Error::io("write", &path))?;
    Ok(())
}

/// The steps that wait in `dir` to be taken over; they go on waiting.
pub fn left_steps(dir: &Path) -> Result<Vec<Step>> {
    let path = dir.join(STEPS);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("open", &path)(error)),
    };
    file.lock_shared().map_err(Error::io("lock", &path))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    Ok(read(&bytes))
}

fn read(bytes: &[u8]) -> Vec<Step> {
    let mut reader = Reader::new(bytes);
    let mut steps = Vec::new();
    while !reader.is_empty() {
        // A record that was torn by a crash was never acknowledged.
        let Ok(step) = reader.bytes().and_then(from_bytes::<Step>) else { break };
        steps.push(step);
    }
    steps
}

/// Lets the folders `dir`, which has steps that nobody has taken over, and `aside`, which is made with
/// the same steps in it, change places, all at once. Whether it did: without steps there is no need to,
/// and not every file system can.
pub(crate) fn swap_with_steps(dir: &Path, aside: &Path) -> Result<bool> {
    if !has_steps(dir) {
        return Ok(false);
    }
    make_folder(aside)?;
    // One file under both names: whoever is about to leave a step in it does so in both.
    let swapped = fs::hard_link(dir.join(STEPS), aside.join(STEPS)).and_then(|()| {
        sync_folder(aside).map_err(io::Error::other)?;
        Ok(renameat_with(CWD, dir, CWD, aside, RenameFlags::EXCHANGE)?)
    });
    if swapped.is_err() {
        forget_folder_of_steps(aside)?;
    }
    Ok(swapped.is_ok())
}

/// Removes a folder in which nothing but steps are: it was made to take another's place, and did not.
pub(crate) fn forget_folder_of_steps(dir: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(Error::io("list", dir))?.file_name());
    }
    if names.iter().any(|name| name.to_str() != Some(STEPS)) {
        return Ok(());
    }
    for name in names {
        fs::remove_file(dir.join(&name)).map_err(Error::io("remove", dir))?;
    }
    fs::remove_dir(dir).map_err(Error::io("remove", dir))
}

/// Moves the steps that nobody has taken over from one folder to another, unless they are there, too.
pub(crate) fn keep_steps(from: &Path, to: &Path) -> Result<()> {
    let (left, kept) = (from.join(STEPS), to.join(STEPS));
    if !has_steps(from) {
        return Ok(());
    }
    if has_steps(to) {
        fs::remove_file(&left).map_err(Error::io("remove", &left))?;
        return sync_folder(from);
    }
    make_folder(to)?;
    fs::rename(&left, &kept).map_err(Error::io("move", &left))?;
    sync_folder(to)
}

fn has_steps(dir: &Path) -> bool {
    dir.join(STEPS).metadata().is_ok_and(|file| file.len() > 0)
}

fn open(path: &Path, create: bool) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(create).mode(0o600);
    options.open(path).map_err(Error::io("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_handed_over_once_they_are_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let step = |name: &str| Step {
            at: 1,
            name: name.into(),
            note: String::new(),
            user: "u".into(),
            host: "h".into(),
        };
        leave_step(dir.path(), &step("one")).unwrap();
        leave_step(dir.path(), &step("two")).unwrap();
        assert_eq!(left_steps(dir.path()).unwrap(), [step("one"), step("two")]);
        let refused = take_steps(dir.path(), |_| Err(Error::damaged(dir.path(), "planned")));
        assert!(refused.is_err());
        let mut taken = Vec::new();
        take_steps::<Error>(dir.path(), |steps| {
            taken = steps;
            Ok(())
        })
        .unwrap();
        assert_eq!(taken, [step("one"), step("two")]);
        take_steps::<Error>(dir.path(), |_| panic!("nothing is left")).unwrap();
        assert!(left_steps(dir.path()).unwrap().is_empty());
        assert!(left_steps(&dir.path().join("absent")).unwrap().is_empty());
    }

    #[test]
    fn a_step_stands_until_it_is_taken_back() {
        let steps = ["a", "b", "undo:a", "undo:b", "b"];
        let stands = |steps: &[&str], name: &str| standing(steps, name, |step| step).is_some();
        assert!(stands(&steps[..2], "a") && !stands(&steps[..3], "a") && !stands(&steps, "a"));
        assert!(!stands(&steps[..4], "b") && stands(&steps, "b"), "and may be taken again");
        assert!(!stands(&steps, "undo"));
    }

    #[test]
    fn steps_for_the_next_rotation_are_not_put_aside_with_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("journal");
        let step =
            Step { at: 1, name: "one".into(), note: String::new(), user: "u".into(), host: "h".into() };
        leave_step(&dir, &step).unwrap();
        let aside = folder.path().join("journal-old");
        // What was left by an archiving that died before the folders changed places.
        fs::create_dir(&aside).unwrap();
        fs::hard_link(dir.join(STEPS), aside.join(STEPS)).unwrap();
        crate::Journal::archive(&dir, "old").unwrap();
        assert!(!aside.join(STEPS).exists() && aside.join("lock").exists());
        // One that died after it.
        assert!(swap_with_steps(&dir, &folder.path().join("journal-next")).unwrap());
        assert_eq!(left_steps(&dir).unwrap(), std::slice::from_ref(&step));
        let mut taken = Vec::new();
        take_steps::<Error>(&dir, |steps| {
            taken = steps;
            Ok(())
        })
        .unwrap();
        assert_eq!(taken, [step]);
    }
}
