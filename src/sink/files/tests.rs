//! Tests of replacing files: what is kept, what is refused, what is left behind.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const OLD: &[u8] = b"<r>old</r>";
const NEW: &[u8] = b"<r>new, and longer</r>";

/// A folder with one file that holds `OLD`.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.xml");
    fs::write(&path, OLD).unwrap();
    (folder, path)
}

/// That nothing but the file itself is in its folder.
fn alone(path: &Path) -> bool {
    fs::read_dir(path.parent().unwrap()).unwrap().count() == usize::from(path.exists())
}

#[test]
fn a_file_is_replaced_by_another_one() {
    let (_folder, path) = folder();
    let before = fs::metadata(&path).unwrap().ino();
    assert_eq!(replace(&path, OLD, NEW).unwrap(), Outcome::Replaced);
    assert_eq!(fs::read(&path).unwrap(), NEW);
    assert_ne!(fs::metadata(&path).unwrap().ino(), before, "renamed, not written in place");
    assert!(alone(&path));
}

#[test]
fn a_file_that_changed_meanwhile_is_left_alone() {
    let (_folder, path) = folder();
    for now in [&b"<r>0ld</r>"[..], b"<r>old</r>\n", b"<r>old</r", b""] {
        fs::write(&path, now).unwrap();
        assert_eq!(replace(&path, OLD, NEW).unwrap(), Outcome::Changed);
        assert_eq!(fs::read(&path).unwrap(), now);
        assert!(alone(&path));
    }
}

#[test]
fn a_file_that_is_gone_stays_gone() {
    let (_folder, path) = folder();
    fs::remove_file(&path).unwrap();
    assert_eq!(replace(&path, OLD, NEW).unwrap(), Outcome::Gone);
    assert!(alone(&path));
}

#[test]
fn asking_whether_a_file_may_be_replaced_writes_nothing() {
    let (folder, path) = folder();
    let before = fs::metadata(folder.path()).unwrap().modified().unwrap();
    may_replace(&path).unwrap();
    may_replace(&folder.path().join("none.xml")).unwrap();
    let link = folder.path().join("link.xml");
    assert_eq!(fs::metadata(folder.path()).unwrap().modified().unwrap(), before);
    symlink(&path, &link).unwrap();
    let (foreseen, happened) = (may_replace(&link).unwrap_err(), replace(&link, OLD, NEW).unwrap_err());
    assert_eq!((foreseen.id(), foreseen.what()), (happened.id(), happened.what()));
    // root may do both.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let said = |error: Error| (error.id(), error.what().to_owned());
    let (foreseen, happened) = (may_replace(&path), replace(&path, OLD, NEW));
    assert_eq!(foreseen.map_err(said), happened.map(drop).map_err(said));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn owner_group_and_mode_are_kept() {
    let (_folder, path) = folder();
    // Only root can give files away; anyone else checks that nothing is taken.
    let root = rustix::process::geteuid().is_root();
    let owner = if root {
        (1234, 4321)
    } else {
        (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
    };
    std::os::unix::fs::chown(&path, Some(owner.0), Some(owner.1)).unwrap();
    for mode in [0o640, 0o600, 0o444, 0o666, 0o775] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::write(path.with_extension("txt"), OLD).unwrap();
        let content = fs::read(&path).unwrap();
        assert_eq!(replace(&path, &content, NEW).unwrap(), Outcome::Replaced);
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), owner);
        assert_eq!(metadata.mode() & 0o7777, mode);
    }
}

/// An access list as the kernel stores it: version 2, then (tag, permissions, id) for the owner, the
/// user 1234, the group, the mask and the others.
fn access_list(user: u16) -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, user, 1234), (4, 4, u32::MAX), (16, 6, u32::MAX), (32, 0, u32::MAX)];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

fn access_list_of(path: &Path) -> Option<Vec<u8>> {
    let mut value = vec![0; 1000];
    let length = rustix::fs::getxattr(path, "system.posix_acl_access", value.as_mut_slice()).ok()?;
    value.truncate(length);
    Some(value)
}

#[test]
fn an_access_list_is_kept() {
    let (_folder, path) = folder();
    let list = access_list(6);
    rustix::fs::setxattr(&path, "system.posix_acl_access", &list, XattrFlags::empty()).unwrap();
    let mode = fs::metadata(&path).unwrap().mode();
    assert_eq!(replace(&path, OLD, NEW).unwrap(), Outcome::Replaced);
    assert_eq!(access_list_of(&path), Some(list));
    assert_eq!(fs::metadata(&path).unwrap().mode(), mode);
}

#[test]
fn an_access_list_that_the_folder_hands_out_is_not_taken_on() {
    let (folder, path) = folder();
    let default = access_list(7);
    rustix::fs::setxattr(folder.path(), "system.posix_acl_default", &default, XattrFlags::empty()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(folder.path().join("other"), "").unwrap();
    assert!(access_list_of(&folder.path().join("other")).is_some(), "the folder does hand it out");
    assert_eq!(replace(&path, OLD, NEW).unwrap(), Outcome::Replaced);
    assert_eq!(access_list_of(&path), None);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn a_link_is_never_replaced() {
    let (folder, path) = folder();
    let link = folder.path().join("link.xml");
    symlink(&path, &link).unwrap();
    let error = replace(&link, OLD, NEW).unwrap_err();
    assert_eq!(error.id(), Id::FileNotReplaced);
    assert!(link.is_symlink());
    assert_eq!(fs::read(&path).unwrap(), OLD);
}

#[test]
fn a_folder_in_place_of_the_file_is_an_error() {
    let (folder, path) = folder();
    let error = replace(folder.path(), OLD, NEW).unwrap_err();
    assert_eq!(error.id(), Id::FileNotReplaced);
    assert!(error.what().contains("not a regular file"), "{error}");
    assert!(alone(&path));
}

#[test]
fn a_long_name_leaves_room_for_the_temporary_one() {
    let (folder, _) = folder();
    let path = folder.path().join("x".repeat(251) + ".xml");
    fs::write(&path, OLD).unwrap();
    assert_eq!(replace(&path, OLD, NEW).unwrap(), Outcome::Replaced);
}

#[test]
fn temporary_files_are_private_not_deployed_and_known_as_ours() {
    let (folder, _) = folder();
    let temporary = Temporary::create(folder.path()).unwrap();
    assert_eq!(fs::metadata(&temporary.path).unwrap().mode() & 0o777, 0o600);
    assert!(temporary.path.extension().unwrap() != "xml");
    assert!(is_temporary(temporary.path.file_name().unwrap()));
}

#[test]
fn sweeping_removes_what_is_ours_and_nothing_else() {
    let (folder, path) = folder();
    let file = |name: &str| folder.path().join(name);
    let ours = file(".keyrotation-0123456789abcdef.tmp");
    fs::write(&ours, NEW).unwrap();
    let others = [
        ".keyrotation-0123456789abcde.tmp",
        ".keyrotation-0123456789abcdeg.tmp",
        ".keyrotation-notes.tmp",
        "keyrotation-0123456789abcdef.tmp",
        ".keyrotation-0123456789abcdef.tmp.xml",
    ];
    for name in others {
        fs::write(file(name), NEW).unwrap();
    }
    symlink(&path, file(".keyrotation-0000000000000000.tmp")).unwrap();
    fs::create_dir(file(".keyrotation-1111111111111111.tmp")).unwrap();
    assert_eq!(sweep(folder.path()).unwrap(), [ours]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), others.len() + 3);
    assert!(sweep(folder.path()).unwrap().is_empty());
    assert_eq!(sweep(&file("missing")).unwrap_err().id(), Id::LeftoverStays);
}

/// Readers see the old content or the new, at every moment.
#[test]
fn readers_never_see_half_a_file() {
    let (_folder, path) = folder();
    let (a, b) = (vec![b'a'; 100_000], vec![b'b'; 90_000]);
    fs::write(&path, &a).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let seen = fs::read(&path).unwrap();
                assert!(seen == a || seen == b);
            }
        });
        for _ in 0..20 {
            assert_eq!(replace(&path, &a, &b).unwrap(), Outcome::Replaced);
            assert_eq!(replace(&path, &b, &a).unwrap(), Outcome::Replaced);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// Two that replace the same file: one wins each round, the other is told.
#[test]
fn of_two_replacements_the_file_is_one_of_them() {
    let (_folder, path) = folder();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let tasks: Vec<_> =
            [b"1", b"2", b"3"].map(|new| scope.spawn(|| replace(&path, OLD, new.as_slice()).unwrap())).into();
        tasks.into_iter().map(|task| task.join().unwrap()).collect()
    });
    assert!(outcomes.contains(&Outcome::Replaced));
    assert_eq!(fs::read(&path).unwrap().len(), 1);
    assert!(alone(&path));
}

/// Failpoints are global, so these act only in the thread that asked for them.
#[cfg(feature = "failpoints")]
mod failpoints {
    use super::*;

    fn at(point: &str, act: impl Fn() + Send + Sync + 'static) {
        let thread = std::thread::current().id();
        fail::cfg_callback(point, move || {
            if std::thread::current().id() == thread {
                act();
            }
        })
        .unwrap();
    }

    #[test]
    fn a_crash_leaves_the_old_file_or_the_new_one() {
        for (point, left) in
            [("file-before-temp", OLD), ("file-before-rename", OLD), ("file-after-rename", NEW)]
        {
            let (_folder, path) = folder();
            at(point, || panic!("planned"));
            std::panic::catch_unwind(|| replace(&path, OLD, NEW)).unwrap_err();
            fail::remove(point);
            assert_eq!(fs::read(&path).unwrap(), left, "{point}");
            assert!(alone(&path), "{point}");
        }
    }
}
