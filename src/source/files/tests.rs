//! Tests of listing and reading, on real folders.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use super::*;
use crate::target::TargetRegistry;

const STORE: &str = "<UserStoreManager><Property encrypted=\"true\">b2xk</Property></UserStoreManager>";
const STORES: &str = "repository/deployment/server/userstores";

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(home.path()).unwrap();
        home
    }

    /// Beside it there is room for what lies outside.
    fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("home")
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn list(&self, id: &str) -> Listing {
        self.list_with(id, &[])
    }

    fn list_with(&self, id: &str, allowed: &[PathBuf]) -> Listing {
        list(&group(id), &self.path(), allowed).unwrap()
    }
}

fn group(id: &str) -> Arc<FileGroup> {
    Arc::clone(TargetRegistry::built_in().file_group(id).unwrap())
}

fn candidates(listing: &Listing) -> Vec<&str> {
    listing.candidates.iter().map(|candidate| candidate.relative.as_str()).collect()
}

fn failed(listing: &Listing) -> Vec<(&str, String)> {
    listing.failed.iter().map(|failed| (failed.relative.as_str(), failed.refusal.to_string())).collect()
}

fn remarks(listing: &Listing) -> Vec<(Level, &str)> {
    listing.remarks.iter().map(|remark| (remark.level, remark.relative.as_str())).collect()
}

#[test]
fn the_guide_s_log_lines_can_be_made_of_the_labels() {
    let known = TargetRegistry::built_in();
    let lines: Vec<_> = known.files().iter().map(|group| format!("Updated {}:", group.label)).collect();
    assert_eq!(
        lines,
        [
            "Updated super tenant secondary userstore configuration files:",
            "Updated tenant secondary userstore configuration files:",
            "Updated event publisher configuration files:",
            "Updated event receiver configuration files:",
        ]
    );
}

#[test]
fn each_group_finds_its_own_files_in_byte_order() {
    let home = Home::new();
    for (folder, kind) in [
        ("userstores", "UserStoreManager"),
        ("eventpublishers", "eventPublisher"),
        ("eventreceivers", "eventReceiver"),
    ] {
        for place in ["deployment/server", "tenants/1", "tenants/10", "tenants/2"] {
            for name in ["b.xml", "B.xml"] {
                home.write(format!("repository/{place}/{folder}/{name}"), format!("<x:{kind} xmlns:x='u'/>"));
            }
        }
    }
    home.write("repository/tenants/README.txt", "not a tenant");
    assert_eq!(
        candidates(&home.list("super-tenant-userstores")),
        ["repository/deployment/server/userstores/B.xml", "repository/deployment/server/userstores/b.xml",]
    );
    assert_eq!(
        candidates(&home.list("tenant-userstores")),
        [
            "repository/tenants/1/userstores/B.xml",
            "repository/tenants/1/userstores/b.xml",
            "repository/tenants/10/userstores/B.xml",
            "repository/tenants/10/userstores/b.xml",
            "repository/tenants/2/userstores/B.xml",
            "repository/tenants/2/userstores/b.xml",
        ]
    );
    for group in ["event-publishers", "event-receivers"] {
        let listing = home.list(group);
        assert_eq!(listing.candidates.len(), 8);
        assert_eq!(listing.folders.len(), 4);
        assert!(listing.failed.is_empty() && listing.remarks.is_empty());
    }
}

#[test]
fn an_empty_home_holds_nothing_and_a_missing_one_is_an_error() {
    let home = Home::new();
    for group in TargetRegistry::built_in().files() {
        let listing = list(group, &home.path(), &[]).unwrap();
        assert!(listing.candidates.is_empty() && listing.failed.is_empty() && listing.folders.is_empty());
    }
    let file = home.write("file", "");
    for (home, allowed) in
        [(home.outside("missing"), vec![]), (file, vec![]), (home.path(), vec![home.outside("missing")])]
    {
        let error = list(&group("super-tenant-userstores"), &home, &allowed).unwrap_err();
        assert_eq!(error.id(), Id::HomeUnreadable);
    }
}

#[test]
fn what_is_no_candidate_is_remarked_on() {
    let home = Home::new();
    home.write(format!("{STORES}/a.xml"), STORE);
    home.write(format!("{STORES}/a.xml.bak"), STORE);
    home.write(format!("{STORES}/A.XML"), STORE);
    home.write(format!("{STORES}/new.enc"), "<UserStoreManager/>");
    home.write(
        format!("{STORES}/other.xml"),
        "<somethingElse><Property encrypted='true'><x/></Property></somethingElse>",
    );
    home.write(format!("{STORES}/folder/b.xml"), STORE);
    home.write(format!("{STORES}/folder.xml/b.xml"), STORE);
    home.write(format!("{STORES}/folder.enc/b.xml"), STORE);
    home.write(format!("{STORES}/.keyrotation-0123456789abcdef.tmp"), STORE);
    let listing = home.list("super-tenant-userstores");
    assert_eq!(candidates(&listing), [format!("{STORES}/A.XML"), format!("{STORES}/a.xml")]);
    let expected = [
        (Level::Debug, ".keyrotation-0123456789abcdef.tmp"),
        (Level::Debug, "a.xml.bak"),
        (Level::Debug, "folder"),
        (Level::Debug, "folder.enc"),
        (Level::Debug, "folder.xml"),
        (Level::Warning, "new.enc"),
        (Level::Note, "other.xml"),
    ];
    let expected: Vec<_> = expected.map(|(level, name)| (level, format!("{STORES}/{name}"))).into();
    let expected: Vec<_> = expected.iter().map(|(level, name)| (*level, name.as_str())).collect();
    assert_eq!(remarks(&listing), expected);
    assert!(listing.failed.is_empty());
}

#[test]
fn files_that_cannot_be_understood_fail_alone() {
    let home = Home::new();
    home.write(format!("{STORES}/good.xml"), STORE);
    home.write(format!("{STORES}/broken.xml"), "<UserStoreManager>\n<Property>");
    home.write(format!("{STORES}/empty.xml"), "");
    home.write(format!("{STORES}/utf16.xml"), b"\xFF\xFE<\0r\0/\0>\0");
    let limit = usize::try_from(MAX_BYTES).unwrap();
    home.write(format!("{STORES}/large.xml"), STORE.to_owned() + &" ".repeat(limit + 1 - STORE.len()));
    home.write(format!("{STORES}/largest.xml"), STORE.to_owned() + &" ".repeat(limit - STORE.len()));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        home.path().join(STORES).join("pipe.xml"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let listing = home.list("super-tenant-userstores");
    assert_eq!(candidates(&listing), [format!("{STORES}/good.xml"), format!("{STORES}/largest.xml")]);
    let failed = failed(&listing);
    let reasons: Vec<_> =
        failed.iter().map(|(name, why)| (name.rsplit('/').next().unwrap(), why.as_str())).collect();
    assert_eq!(
        reasons,
        [
            ("broken.xml", "XML not understood: line 2: the file ends inside an element"),
            ("empty.xml", "XML not understood: line 1: no root element"),
            ("large.xml", "larger than 16 MiB"),
            ("pipe.xml", "not a regular file"),
            ("utf16.xml", "not a text in UTF-8"),
        ]
    );
}

#[test]
fn names_that_are_not_utf8_fail_and_are_shown() {
    let home = Home::new();
    home.write(Path::new(STORES).join(OsString::from_vec(b"caf\xE9.xml".to_vec())), STORE);
    home.write(
        Path::new("repository/tenants").join(OsString::from_vec(b"\xE9".to_vec())).join("userstores/a.xml"),
        STORE,
    );
    for (group, name) in [
        ("super-tenant-userstores", format!("{STORES}/caf\u{fffd}.xml")),
        ("tenant-userstores", "repository/tenants/\u{fffd}".to_owned()),
    ] {
        let listing = home.list(group);
        assert!(listing.candidates.is_empty());
        assert_eq!(failed(&listing), [(name.as_str(), Refusal::Name.to_string())]);
    }
}

#[test]
fn links_within_the_home_lead_to_the_real_file() {
    let home = Home::new();
    let real = home.write("shared/a.xml", STORE);
    home.write(format!("{STORES}/b.xml"), STORE);
    symlink("../../../../shared/a.xml", home.path().join(STORES).join("a.xml")).unwrap();
    let listing = home.list("super-tenant-userstores");
    assert_eq!(candidates(&listing), [format!("{STORES}/a.xml"), format!("{STORES}/b.xml")]);
    assert_eq!(listing.candidates[0].path, real);
    assert_eq!(read(&listing.candidates[0]).unwrap().unwrap(), STORE.as_bytes());
}

#[test]
fn a_home_that_is_a_link_is_the_folder_behind_it() {
    let home = Home::new();
    let real = home.write(format!("{STORES}/a.xml"), STORE);
    symlink(home.path(), home.outside("link")).unwrap();
    let listing = list(&group("super-tenant-userstores"), &home.outside("link"), &[]).unwrap();
    assert_eq!(listing.candidates, [Candidate { relative: format!("{STORES}/a.xml"), path: real }]);
}

#[test]
fn links_out_of_the_home_are_refused_unless_allowed() {
    let home = Home::new();
    let outside = home.outside("outside");
    fs::create_dir_all(outside.join("7/userstores")).unwrap();
    fs::write(outside.join("7/userstores/c.xml"), STORE).unwrap();
    fs::write(outside.join("a.xml"), STORE).unwrap();
    // A name that begins like the home's is still outside.
    fs::create_dir(home.outside("home-old")).unwrap();
    fs::write(home.outside("home-old/b.xml"), STORE).unwrap();
    home.write(format!("{STORES}/z.xml"), STORE);
    symlink(outside.join("a.xml"), home.path().join(STORES).join("a.xml")).unwrap();
    symlink(home.outside("home-old/b.xml"), home.path().join(STORES).join("b.xml")).unwrap();
    fs::create_dir_all(home.path().join("repository/tenants")).unwrap();
    symlink(outside.join("7"), home.path().join("repository/tenants/7")).unwrap();

    let listing = home.list("super-tenant-userstores");
    assert_eq!(candidates(&listing), [format!("{STORES}/z.xml")]);
    assert_eq!(listing.failed.len(), 2);
    assert!(listing.failed.iter().all(|failed| matches!(failed.refusal, Refusal::Outside(_))));
    let listing = home.list("tenant-userstores");
    assert_eq!(
        listing.failed,
        [Failed {
            relative: "repository/tenants/7".to_owned(),
            refusal: Refusal::Outside(outside.join("7")),
        }]
    );

    let allowed = [outside.clone()];
    let listing = home.list_with("super-tenant-userstores", &allowed);
    assert_eq!(candidates(&listing), [format!("{STORES}/a.xml"), format!("{STORES}/z.xml")]);
    assert_eq!(listing.candidates[0].path, outside.join("a.xml"));
    assert_eq!(listing.failed.len(), 1);
    let listing = home.list_with("tenant-userstores", &allowed);
    assert_eq!(candidates(&listing), ["repository/tenants/7/userstores/c.xml"]);
    assert!(listing.failed.is_empty());
}

#[test]
fn links_to_nowhere_and_loops_fail() {
    let home = Home::new();
    home.write(format!("{STORES}/z.xml"), STORE);
    symlink("missing", home.path().join(STORES).join("a.xml")).unwrap();
    symlink("loop.xml", home.path().join(STORES).join("loop.xml")).unwrap();
    fs::create_dir_all(home.path().join("repository/tenants/2")).unwrap();
    symlink("missing", home.path().join("repository/tenants/1")).unwrap();
    symlink("userstores", home.path().join("repository/tenants/2/userstores")).unwrap();
    let listing = home.list("super-tenant-userstores");
    assert_eq!(candidates(&listing), [format!("{STORES}/z.xml")]);
    assert_eq!(listing.failed[0].refusal, Refusal::Dangling);
    assert!(matches!(&listing.failed[1].refusal, Refusal::Unreadable(why) if why.contains("symbolic links")));
    let listing = home.list("tenant-userstores");
    assert_eq!(listing.failed[0].refusal, Refusal::Dangling);
    assert!(matches!(listing.failed[1].refusal, Refusal::Unreadable(_)));
}

#[test]
fn a_file_in_place_of_a_folder_fails() {
    let home = Home::new();
    home.write(STORES, "");
    let listing = home.list("super-tenant-userstores");
    assert_eq!(listing.failed, [Failed { relative: STORES.to_owned(), refusal: Refusal::NotAFolder }]);
}

#[test]
fn hard_links_are_warned_about() {
    let home = Home::new();
    let path = home.write(format!("{STORES}/a.xml"), STORE);
    fs::hard_link(path, home.outside("copy")).unwrap();
    let listing = home.list("super-tenant-userstores");
    assert_eq!(listing.candidates.len(), 1);
    assert_eq!(listing.remarks[0].level, Level::Warning);
}

#[test]
fn a_file_that_vanishes_is_gone_and_one_that_becomes_a_link_is_not_followed() {
    let home = Home::new();
    let path = home.write(format!("{STORES}/a.xml"), STORE);
    let candidate = home.list("super-tenant-userstores").candidates.remove(0);
    fs::remove_file(&path).unwrap();
    assert_eq!(read(&candidate), Ok(None));
    fs::write(home.outside("b.xml"), STORE).unwrap();
    symlink(home.outside("b.xml"), &path).unwrap();
    assert!(matches!(read(&candidate), Err(Refusal::Unreadable(_))));
}

#[test]
fn listing_changes_nothing() {
    let home = Home::new();
    home.write(format!("{STORES}/a.xml"), STORE);
    home.write(format!("{STORES}/.keyrotation-0123456789abcdef.tmp"), "left behind");
    let before = names(&home.path().join(STORES)).unwrap().len();
    home.list("super-tenant-userstores");
    assert_eq!(names(&home.path().join(STORES)).unwrap().len(), before);
}

/// However deep it lies: a server does not look there, and the old key would still open it.
#[test]
fn ciphertext_in_folders_within_is_named_and_so_is_what_cannot_be_looked_into() {
    const ENVELOPE: &str = include_str!("../../../tests/vectors/server_7_1.txt");
    let home = Home::new();
    let what = |home: &Home| home.list("super-tenant-userstores").remarks.remove(0);
    home.write(format!("{STORES}/backup/deep/er/notes.txt"), "nothing");
    assert_eq!(what(&home).level, Level::Debug);
    symlink(home.outside("b"), home.path().join(STORES).join("backup/deep/link")).unwrap();
    let remark = what(&home);
    assert!(remark.level == Level::Warning && remark.text.contains("cannot be read"), "{remark:?}");
    home.write(format!("{STORES}/backup/deep/er/a.xml"), ENVELOPE.trim());
    let remark = what(&home);
    assert!(remark.level == Level::Warning && remark.text.contains("hold ciphertext"), "{remark:?}");
}
