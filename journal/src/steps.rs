//! Steps that were taken while no session could record them: an inbox beside the log.
//!
//! Before a rotation begins there is no journal, and while one runs its process holds it. So a step
//! is left in a file of the journal's folder, durably, and the next session, or the one that runs,
//! takes it over into the log. A step is in the file until the log has it. Each has a checksum, and names its
//! rotation if it is known; one that the program itself vouches for has a MAC under the rotation's key.
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
use crate::inbox::{Submission, take_apart};
use crate::lock::NO_LINK;
use crate::sled_store::{make_folder, must_be_own};

pub(crate) const STEPS: &str = "steps";

/// What the name of a step begins with that takes another one back.
pub const TAKEN_BACK: &str = "undo:";

/// The last step of this name, among steps in the order of recording, unless it was taken back since.
pub fn step_in_force<'a, T>(steps: &'a [T], name: &str, name_of: impl Fn(&T) -> &str) -> Option<&'a T> {
    let concerns = |step: &&T| {
        let its = name_of(step);
        its.strip_prefix(TAKEN_BACK).unwrap_or(its) == name
    };
    steps.iter().rev().find(concerns).filter(|step| name_of(step) == name)
}

/// Leaves a step for the journal in `dir`, which is made if need be.
pub fn submit_step(dir: &Path, step: &Step) -> Result<()> {
    submit(dir, &Submission::new(step.clone(), None))
}

/// Likewise, with what is known of where it belongs. Durable on return; what was torn by a crash is cut off
/// first, so that nothing ever stands behind it.
pub fn submit(dir: &Path, left: &Submission) -> Result<()> {
    make_folder(dir)?;
    must_be_own(dir)?;
    let path = dir.join(STEPS);
    let mut file = open(&path, true)?;
    file.lock().map_err(Error::io("lock", &path))?;
    let record = left.encode().map_err(|why| Error::damaged(dir, why.to_string()))?;
    let (_, whole) = read(dir, &mut file)?;
    let written = file.set_len(whole).and_then(|()| file.write_all(&record)).and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = file.set_len(whole); // a part of it is no step, and the next one cuts it off, too
        return Err(Error::io("write", &path)(error));
    }
    sync_folder(dir)
}

/// Hands the steps that were left in `dir` to `record`, and removes them once it has taken them all, which it
/// says. A crash in between hands them over again.
pub fn accept_steps<E: From<Error>>(
    dir: &Path,
    record: impl FnOnce(Vec<Submission>) -> std::result::Result<bool, E>,
) -> std::result::Result<(), E> {
    let path = dir.join(STEPS);
    if !path.try_exists().map_err(Error::io("look at", &path))? {
        return Ok(());
    }
    let mut file = open(&path, false)?;
    file.lock().map_err(Error::io("lock", &path))?;
    if file.metadata().map_err(Error::io("look at", &path))?.len() == 0 {
        return Ok(()); // asked all the time while changes are carried over
    }
    let (steps, _) = read(dir, &mut file)?;
    if !steps.is_empty() && !record(steps)? {
        return Ok(());
    }
    file.set_len(0).and_then(|()| file.sync_all()).map_err(Error::io("write", &path))?;
    Ok(())
}

/// The steps that wait in `dir` to be taken over; they go on waiting.
pub fn submitted_steps(dir: &Path) -> Result<Vec<Step>> {
    Ok(submissions(dir)?.into_iter().map(|left| left.step).collect())
}

/// Likewise, with what is known of where they belong.
pub fn submissions(dir: &Path) -> Result<Vec<Submission>> {
    let path = dir.join(STEPS);
    let mut file = match open_to_read(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("open", &path)(error)),
    };
    file.lock_shared().map_err(Error::io("lock", &path))?;
    Ok(read(dir, &mut file)?.0)
}

/// The steps in a file, and how long it is up to the end of the last one. The end of a file may be torn by
/// a crash: that step was never acknowledged. Anything else that cannot be read is refused.
fn read(dir: &Path, file: &mut File) -> Result<(Vec<Submission>, u64)> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io("read", &dir.join(STEPS)))?;
    let (steps, whole) =
        take_apart(&bytes).map_err(|why| Error::Steps { path: dir.join(STEPS), why: why.0 })?;
    if whole < bytes.len() {
        tracing::warn!(
            "{}: its end was torn by a crash: the step that was being left is not recorded; `keyrotation confirm \
             --list` shows those that are",
            dir.join(STEPS).display()
        );
    }
    Ok((steps, whole as u64))
}

/// Lets the folders `dir`, which has steps that nobody has taken over, and `aside`, which is made with
/// the same steps in it, change places, all at once. Whether it did: without steps there is no need to,
/// and not every file system can.
pub(crate) fn swap_with_steps(dir: &Path, aside: &Path) -> Result<bool> {
    if !has_steps(dir) {
        return Ok(false);
    }
    make_folder(aside)?;
    // One file under both names: a step that is about to be written to one is in both.
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
    options.read(true).append(true).create(create).mode(0o600).custom_flags(NO_LINK);
    options.open(path).map_err(Error::io("open", path))
}

fn open_to_read(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(NO_LINK).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Chain, to_bytes};

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
        submit_step(dir.path(), &step("one")).unwrap();
        submit_step(dir.path(), &step("two")).unwrap();
        assert_eq!(submitted_steps(dir.path()).unwrap(), [step("one"), step("two")]);
        let refused = accept_steps(dir.path(), |_| Err(Error::damaged(dir.path(), "planned")));
        assert!(refused.is_err());
        let mut taken = Vec::new();
        accept_steps::<Error>(dir.path(), |steps| {
            taken = steps.into_iter().map(|left| left.step).collect();
            Ok(true)
        })
        .unwrap();
        assert_eq!(taken, [step("one"), step("two")]);
        accept_steps::<Error>(dir.path(), |_| panic!("nothing is left")).unwrap();
        assert!(submitted_steps(dir.path()).unwrap().is_empty());
        assert!(submitted_steps(&dir.path().join("absent")).unwrap().is_empty());
    }

    fn named(name: &str) -> Step {
        Step { at: 1, name: name.into(), note: "n".into(), user: "u".into(), host: "h".into() }
    }

    fn names(dir: &Path) -> Vec<String> {
        submitted_steps(dir).unwrap().into_iter().map(|step| step.name).collect()
    }

    #[test]
    fn an_append_never_stands_behind_a_torn_tail() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(STEPS);
        submit_step(dir.path(), &named("one")).unwrap();
        let whole = fs::read(&path).unwrap();
        submit_step(dir.path(), &named("torn")).unwrap();
        let two = fs::read(&path).unwrap();
        for length in whole.len()..two.len() {
            // Cut short; and of the right length, with blocks that were never written.
            for torn in [two[..length].to_vec(), [&two[..length], &vec![0; two.len() - length]].concat()] {
                fs::write(&path, torn).unwrap();
                assert_eq!(names(dir.path()), ["one"], "{length}");
                submit_step(dir.path(), &named("three")).unwrap();
                assert_eq!(names(dir.path()), ["one", "three"], "{length}");
            }
        }
    }

    #[test]
    fn an_edit_before_the_end_is_refused_and_never_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(STEPS);
        for name in ["one", "two"] {
            submit_step(dir.path(), &named(name)).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() / 2 {
            let mut edited = whole.clone();
            edited[at] ^= 1;
            fs::write(&path, &edited).unwrap();
            assert!(submitted_steps(dir.path()).is_err(), "{at}");
            assert!(submit_step(dir.path(), &named("three")).is_err(), "{at}");
            assert_eq!(fs::read(&path).unwrap(), edited, "and it is left as it is");
        }
    }

    #[test]
    fn steps_of_older_programs_are_read_and_followed() {
        let dir = tempfile::tempdir().unwrap();
        let mut old = Vec::new();
        for name in ["one", "two"] {
            crate::wire::put_bytes(&mut old, &to_bytes(&named(name)).unwrap());
        }
        for torn in [0, 3] {
            fs::write(dir.path().join(STEPS), &old[..old.len() - torn]).unwrap();
            submit_step(dir.path(), &named("three")).unwrap();
            let expected: &[&str] = if torn == 0 { &["one", "two", "three"] } else { &["one", "three"] };
            assert_eq!(names(dir.path()), expected);
        }
    }

    #[test]
    fn a_proof_is_of_one_step_of_one_rotation_under_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let chain = |byte| Chain::new(&[byte; 32]);
        submit(dir.path(), &Submission::proved(named("one"), [1; 16], &[7; 32])).unwrap();
        submit(dir.path(), &Submission::new(named("one"), Some([1; 16]))).unwrap();
        let left = submissions(dir.path()).unwrap();
        assert!(left[0].is_proved(&[1; 16], &chain(7)));
        assert!(!left[0].is_proved(&[1; 16], &chain(8)) && !left[0].is_proved(&[2; 16], &chain(7)));
        assert!(!Submission { step: named("two"), ..left[0].clone() }.is_proved(&[1; 16], &chain(7)));
        assert!(!left[1].is_proved(&[1; 16], &chain(7)));
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        for name in [STEPS, "lock"] {
            let folder = dir.path().join(format!("with-{name}"));
            fs::create_dir(&folder).unwrap();
            fs::write(&target, "kept").unwrap();
            std::os::unix::fs::symlink(&target, folder.join(name)).unwrap();
            if name == STEPS {
                assert!(submit_step(&folder, &named("one")).is_err() && submitted_steps(&folder).is_err());
            }
            assert!(crate::Journal::reserve(&folder).is_err() || name == STEPS);
            assert_eq!(fs::read(&target).unwrap(), b"kept", "{name}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_temporary_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, "kept").unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join("live.tmp")).unwrap();
        assert!(crate::write_live(dir.path(), b"overwritten").is_err());
        assert_eq!(fs::read(&target).unwrap(), b"kept");
    }

    #[test]
    fn what_is_read_in_the_folder_is_no_link_either() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, "{}").unwrap();
        let folder = dir.path().join("journal");
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&target, folder.join("live")).unwrap();
        assert!(crate::read_live(&folder).is_err());
        fs::remove_file(folder.join("live")).unwrap();

        let rotation = crate::Rotation {
            id: [1; 16],
            created_at: 1,
            version: "v".into(),
            fingerprint: Vec::new(),
            targets: Vec::new(),
        };
        drop(crate::Journal::begin(&folder, rotation, &[7; 32]).unwrap());
        assert!(crate::Journal::open(&folder).unwrap().is_some());
        for name in ["log/db", "log"] {
            let (path, aside) = (folder.join(name), dir.path().join("aside"));
            fs::rename(&path, &aside).unwrap();
            std::os::unix::fs::symlink(&aside, &path).unwrap();
            let refused = crate::Journal::open(&folder).unwrap_err().to_string();
            assert!(refused.contains("is a link"), "{name}: {refused}");
            fs::remove_file(&path).unwrap();
            fs::rename(&aside, &path).unwrap();
        }
        assert!(crate::Journal::open(&folder).unwrap().is_some());
    }

    #[test]
    fn a_folder_that_others_may_write_to_or_that_is_a_link_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("journal");
        submit_step(&folder, &named("one")).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        std::os::unix::fs::symlink(&folder, dir.path().join("link")).unwrap();
        let refused = |dir: &Path| {
            let refused = [submit_step(dir, &named("two")), crate::Journal::reserve(dir).map(drop)];
            refused.iter().all(|refused| matches!(refused, Err(Error::Exposed { .. })))
        };
        assert!(refused(&dir.path().join("link")) && !refused(&folder));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(refused(&folder));
    }

    #[test]
    fn a_step_stands_until_it_is_taken_back() {
        let steps = ["a", "b", "undo:a", "undo:b", "b"];
        let stands = |steps: &[&str], name: &str| step_in_force(steps, name, |step| step).is_some();
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
        submit_step(&dir, &step).unwrap();
        let aside = folder.path().join("journal-old");
        // What was left by an archiving that died before the folders changed places.
        fs::create_dir(&aside).unwrap();
        fs::hard_link(dir.join(STEPS), aside.join(STEPS)).unwrap();
        crate::Journal::archive(&dir, "old").unwrap();
        assert!(!aside.join(STEPS).exists() && aside.join("lock").exists());
        // One that died after it.
        assert!(swap_with_steps(&dir, &folder.path().join("journal-next")).unwrap());
        assert_eq!(submitted_steps(&dir).unwrap(), std::slice::from_ref(&step));
        let mut taken = Vec::new();
        accept_steps::<Error>(&dir, |steps| {
            taken = steps.into_iter().map(|left| left.step).collect();
            Ok(true)
        })
        .unwrap();
        assert_eq!(taken, [step]);
    }
}
