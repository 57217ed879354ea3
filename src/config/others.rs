//! Whether another user may write to a file or replace it, through any folder or link on the way.
//!
//! One mechanism for all that this program believes or runs: properties.yaml, files with secrets, commands with
//! their arguments, JDBC drivers.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf};

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stake {
    /// It runs as this user: it is to be root's or this user's own, with all folders on the way.
    Runs,
    /// Its content is trusted: only the owner, whom the user has chosen, may write to it.
    IsBelieved,
}

/// Follows no more links than this.
const LINKS: usize = 40;
const EVERYONE: u32 = 0o002;
const GROUP: u32 = 0o020;
/// Set on a folder, it keeps what is in it from all but its owners.
const STICKY: u32 = 0o1000;

/// Who else may write there, in words; none if no other user may, or if there is no such file.
pub(super) fn who_else_may_write(path: &Path, stake: Stake) -> Option<String> {
    let own = rustix::process::geteuid().as_raw();
    let is_ours = |user: u32| user == 0 || user == own;
    let way = way(path).ok()?;
    let last = way.len().checked_sub(1)?;
    // Whether everyone may make something in the folder before, and so have made this.
    let mut anybody_made = false;
    for (at, step) in way.iter().enumerate() {
        let found = step.symlink_metadata().ok()?;
        let (mode, place) = (found.mode(), step.display());
        if (anybody_made || stake == Stake::Runs) && !is_ours(found.uid()) {
            return Some(format!("{place} belongs to user {}", found.uid()));
        }
        if found.is_symlink() || found.file_type().is_char_device() {
            continue; // its own mode says nothing
        }
        let kept = found.is_dir() && mode & STICKY != 0 && at != last;
        if mode & EVERYONE != 0 && !kept {
            return Some(format!("everyone may write to {place}"));
        }
        if mode & GROUP != 0 && !kept && !is_private(step, found.gid(), is_ours) {
            return Some(format!("group {} may write to {place}", found.gid()));
        }
        anybody_made = found.is_dir() && mode & (EVERYONE | GROUP) != 0;
    }
    None
}

/// Each folder and each link by which a path is found, then what it names.
fn way(path: &Path) -> io::Result<Vec<PathBuf>> {
    let path = std::path::absolute(path)?;
    let mut left: VecDeque<OsString> = names(&path).collect();
    let (mut here, mut way, mut links) = (PathBuf::from("/"), vec![PathBuf::from("/")], 0);
    while let Some(name) = left.pop_front() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(name);
        way.push(next.clone());
        if !next.symlink_metadata()?.is_symlink() {
            here = next;
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(io::Error::other("too many links"));
        }
        let target = fs::read_link(&next)?;
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        left = names(&target).chain(left).collect();
    }
    // What a link at the end leads to comes last; a folder that was gone through may be it, too.
    if way.last() != Some(&here) {
        way.push(here);
    }
    Ok(way)
}

fn names(path: &Path) -> impl Iterator<Item = OsString> + use<'_> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// Whether a group has nobody in it but root and this user, and no access list names others. A group that the
/// machine's own files do not tell of may have anybody in it.
fn is_private(path: &Path, group: u32, is_ours: impl Fn(u32) -> bool) -> bool {
    let mut list = [0_u8; 256];
    let has_list = match rustix::fs::getxattr(path, "system.posix_acl_access", &mut list[..]) {
        Ok(length) => length > 0,
        Err(error) => error == rustix::io::Errno::RANGE,
    };
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    !has_list && (group == 0 || has_no_others(group, &read("/etc/group"), &read("/etc/passwd"), is_ours))
}

fn has_no_others(group: u32, groups: &str, users: &str, is_ours: impl Fn(u32) -> bool) -> bool {
    let lines = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
    };
    let (groups, users) = (lines(groups), lines(users));
    let field = |line: &[String], at: usize| line.get(at).cloned().unwrap_or_default();
    let Some(found) = groups.iter().find(|line| field(line, 2) == group.to_string()) else { return false };
    let is_of_ours = |line: &Vec<String>| field(line, 2).parse().is_ok_and(&is_ours);
    let is_our_name = |name: &str| users.iter().any(|line| field(line, 0) == name && is_of_ours(line));
    let mut own_group_of = users.iter().filter(|line| field(line, 3) == group.to_string());
    field(found, 3).split(',').filter(|name| !name.is_empty()).all(is_our_name)
        && own_group_of.all(is_of_ours)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn set(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn whoever_may_replace_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (lib, jar) = (folder.path().join("lib"), folder.path().join("lib/h2.jar"));
        fs::create_dir(&lib).unwrap();
        fs::write(&jar, "").unwrap();
        let link = folder.path().join("link.jar");
        symlink("lib/../lib/h2.jar", &link).unwrap();
        set(&lib, 0o755);
        set(&jar, 0o644);
        for stake in [Stake::Runs, Stake::IsBelieved] {
            for path in [&jar, &link] {
                let who = || who_else_may_write(path, stake);
                assert_eq!(who(), None);
                set(&jar, 0o646);
                assert!(who().unwrap().ends_with("h2.jar"));
                set(&jar, 0o644);
                set(&lib, 0o757);
                assert!(who().unwrap().ends_with("lib"));
                set(&lib, 0o1757);
                assert_eq!(who(), None, "nobody else may replace what is ours there");
                set(&lib, 0o755);
            }
        }
        assert_eq!(who_else_may_write(Path::new("/no/such/file"), Stake::Runs), None);
    }

    /// The link that leads there is as much to be trusted as what it leads to.
    #[test]
    fn a_folder_in_which_a_link_can_be_replaced_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        symlink(folder.path().join("file"), open.join("second")).unwrap();
        symlink("open/second", folder.path().join("first")).unwrap();
        set(&open, 0o777);
        let who = who_else_may_write(&folder.path().join("first"), Stake::IsBelieved).unwrap();
        assert!(who.ends_with("/open"), "{who}");
        set(&open, 0o755);
        assert_eq!(who_else_may_write(&folder.path().join("first"), Stake::IsBelieved), None);
    }

    #[test]
    fn what_is_another_users_does_not_run() {
        if !rustix::process::geteuid().is_root() {
            return; // only root can give files away
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        std::os::unix::fs::chown(&file, Some(54_321), Some(54_321)).unwrap();
        set(&file, 0o640);
        assert!(who_else_may_write(&file, Stake::Runs).unwrap().contains("belongs to user 54321"));
        assert_eq!(who_else_may_write(&file, Stake::IsBelieved), None);
        set(&file, 0o660);
        assert!(who_else_may_write(&file, Stake::IsBelieved).unwrap().contains("group 54321 may write"));
        set(&file, 0o640);
        set(folder.path(), 0o1777);
        assert!(who_else_may_write(&file, Stake::IsBelieved).unwrap().contains("belongs to user 54321"));
    }

    #[test]
    fn a_group_is_private_if_nobody_else_is_in_it() {
        let groups = "root:x:0:\nalice:x:1000:\nteam:x:50:alice,bob\nempty:x:51:\nmine:x:52:alice,root\n";
        let users = "root:x:0:0::/:\nalice:x:1000:1000::/:\nbob:x:1001:52::/:\n";
        let of = |group| has_no_others(group, groups, users, |user| user == 0 || user == 1000);
        assert!(of(1000) && of(51));
        assert!(!of(50), "bob is named");
        assert!(!of(52), "it is bob's own group");
        assert!(!of(60), "nothing is known of it");
        assert!(!has_no_others(1000, groups, users, |user| user == 0 || user == 1001));
    }
}
