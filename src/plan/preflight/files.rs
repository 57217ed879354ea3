//! Checks of the new server's configuration files.

use super::{Check, Facts, Found, Needs, Refusal, unless_any};
use crate::error::Id;
use crate::source::files::{Level, Listing, Refusal as Why};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "home",
        title: "the server is an Identity Server of a known version",
        needs: Needs::Files,
        warns: "its version is not known, and so it is not known whether it looks for key ids",
        refuses: &[Id::ConfigHome],
        fix: "check that bin/version.txt exists, or set `enableKeyId`",
        look: home,
    },
    Check {
        id: "files-readable",
        title: "the configuration files can be read",
        needs: Needs::Files,
        warns: "some cannot: they would be reported as failed",
        refuses: &[Id::HomeUnreadable, Id::FolderUnreadable],
        fix: "let the user who runs keyrotation read them, and check that they are XML files of WSO2",
        look: readable,
    },
    Check {
        id: "symbolic-links",
        title: "no symbolic link leads out of the server's home",
        needs: Needs::Files,
        warns: "some do, or lead nowhere: what they name would be reported as failed",
        refuses: &[],
        fix: "name the folder in allowedRoots if it is the new server's, or remove the link",
        look: links,
    },
    Check {
        id: "files-replaceable",
        title: "the configuration files can be replaced",
        needs: Needs::Files,
        warns: "some cannot: if they hold encrypted values, they would be reported as failed",
        refuses: &[],
        fix: "run keyrotation as the user whom the files belong to, and let that user write to their folders",
        look: |facts| unless_any(&facts.fixed_files, "all of them"),
    },
    Check {
        id: "file-remarks",
        title: "nothing else in these folders needs attention",
        needs: Needs::Files,
        warns: "a file holds a plain password, or has other names that will keep the old values",
        refuses: &[],
        fix: "start a server once so that it encrypts the password, before the copy is made; remove hard links",
        look: remarks,
    },
];

fn listings<'a>(facts: &'a Facts<'_>, judge: impl FnOnce(&'a [Listing]) -> Found) -> Found {
    match &facts.files {
        Ok(listings) => judge(listings),
        Err(refusal) => Found::NotChecked(format!("an earlier error prevented it: [{}]", refusal.id)),
    }
}

fn home(facts: &Facts<'_>) -> Found {
    let Some(home) = &facts.home else { return Found::NotChecked("it was not looked at".to_owned()) };
    let text = |(major, minor, patch): (u32, u32, u32)| format!("{major}.{minor}.{patch}");
    match (home.version, home.kernel) {
        (Some(version), _) => Found::Ok(format!("Identity Server {}", text(version))),
        (None, Some(kernel)) => Found::Ok(format!("an Identity Server on kernel {}", text(kernel))),
        (None, None) => Found::Warning("nothing in newISHome tells its version".to_owned()),
    }
}

fn failed(listings: &[Listing], links: bool) -> Vec<String> {
    let failed = listings.iter().flat_map(|listing| &listing.failed);
    let of_kind = failed.filter(|file| matches!(file.refusal, Why::Outside(_) | Why::Dangling) == links);
    of_kind.map(|file| format!("{}: {}", file.relative.escape_debug(), file.refusal)).collect()
}

fn readable(facts: &Facts<'_>) -> Found {
    if let Err(refusal) = &facts.files {
        return Found::Refuse(Refusal::clone(refusal));
    }
    listings(facts, |listings| {
        let files: usize = listings.iter().map(|listing| listing.candidates.len()).sum();
        unless_any(&failed(listings, false), format!("{files} files"))
    })
}

fn links(facts: &Facts<'_>) -> Found {
    listings(facts, |listings| unless_any(&failed(listings, true), "none"))
}

fn remarks(facts: &Facts<'_>) -> Found {
    listings(facts, |listings| {
        let remarks = listings.iter().flat_map(|listing| &listing.remarks);
        let grave = remarks.filter(|remark| remark.level == Level::Warning);
        let text = grave.map(|remark| format!("{}: {}", remark.relative.escape_debug(), remark.text));
        unless_any(&text.collect::<Vec<_>>(), "nothing")
    })
}
