//! Why nothing may be under the old key: what was rotated before, as journals and the new server's own
//! configuration tell.

use std::path::{Path, PathBuf};

use keyrotation_journal::Journal;

use crate::config::{Deployment, Said, Settings};
use crate::plan::{Accepted, Survey};
use crate::report::{StatusView, published};

/// What the operator has checked and accepts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Accept {
    /// So many values that open under both keys are left as they are.
    pub ambiguous: Option<u64>,
    /// So many values that open under neither key are left as they are, or fewer.
    pub unreadable: Option<u64>,
    /// Everything is under the new key already.
    pub all_already_new: bool,
}

impl Accept {
    /// Likewise; and where nearly everything is under the new key, what explains that.
    pub fn of(&self, survey: &Survey, ask: Explanations, journal: &Path, settings: &Settings) -> Accepted {
        let explained = if survey.is_nearly_all_new() { ask.explained(journal, settings) } else { None };
        Accepted {
            ambiguous: self.ambiguous,
            unreadable: self.unreadable,
            all_already_new: self.all_already_new,
            explained,
        }
    }
}

/// What there is to ask for an explanation.
#[derive(Debug, Clone, Default)]
pub struct Explanations {
    /// What the journal that this process holds tells.
    known: Option<String>,
    /// It holds one, or the place of one: nothing more is to be learned there.
    held: bool,
}

impl Explanations {
    /// When a rotation begins, the journal that was there before is asked.
    pub fn holding(journal: Option<&Journal>, settings: &Settings) -> Self {
        Self {
            known: journal.and_then(|journal| told(&StatusView::new(journal.state(), false), settings)),
            held: true,
        }
    }

    /// What explains that nearly everything is under the new key: a journal of the same two keys that has moved
    /// values, this one or one that was put aside; or a new server that is told of exactly these keys.
    pub(super) fn explained(self, dir: &Path, settings: &Settings) -> Option<String> {
        if self.known.is_some() {
            return self.known;
        }
        let here = (!self.held).then(|| dir.to_owned());
        for dir in here.into_iter().chain(put_aside(dir)) {
            if let Some(told) = status(&dir).and_then(|view| told(&view, settings)) {
                return Some(told);
            }
        }
        let toml = Deployment::read(&settings.files.as_ref()?.home).ok()??;
        match (toml.key(), toml.old_key()) {
            (Said::This(key), Said::This(old))
                if key == *settings.keys.new_key() && old == *settings.keys.old_key() =>
            {
                Some("deployment.toml has the new key, and the old one as old_key".to_owned())
            }
            _ => None,
        }
    }
}

/// What a journal tells, if it is of these keys and has moved anything.
fn told(view: &StatusView, settings: &Settings) -> Option<String> {
    let keys = view.keys.as_ref()?;
    // Never a further old key: the rotation before this one went from it to what is the old key now, and to
    // a user who has swapped the keys, that one is the new key.
    let is_of_these = keys.new_key == settings.keys.new_key().fingerprint()
        && keys.old_key == settings.keys.old_key().fingerprint();
    let mut totp = settings.keys.pairs().filter(|(_, to)| *to != settings.keys.new_key());
    let is_of_these = is_of_these
        && keys.totp_keys.as_ref().is_none_or(|[old, new]| {
            totp.next().is_none_or(|(from, to)| [from.fingerprint(), to.fingerprint()] == [old.as_str(), new])
        });
    let has_moved = view.all().any(|target| target.rotated + target.resealed > 0);
    (is_of_these && has_moved).then(|| format!("rotation {} has moved them", view.rotation_id))
}

/// The status of a journal, of which not a byte changes: a copy of it is opened. One that cannot be read
/// explains nothing.
fn status(dir: &Path) -> Option<StatusView> {
    Journal::peek(dir).ok()??;
    if Journal::holder(dir).ok()?.is_some() {
        return published(dir).ok()?; // as its process says
    }
    let copy = tempfile::Builder::new().prefix(".keyrotation-").tempdir().ok()?; // of mode 0700
    copy_tree(dir, copy.path()).ok()?;
    let journal = Journal::open(copy.path()).ok()??;
    Some(StatusView::new(journal.state(), false))
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            std::fs::create_dir(&to)?;
            copy_tree(&entry.path(), &to)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// The journals that were put aside beside this one.
fn put_aside(dir: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (dir.parent(), dir.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let begins = format!("{name}-");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let aside =
        entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&begins)));
    aside.map(|entry| entry.path()).collect()
}
