//! The journals that a report is made of.

use std::path::{Path, PathBuf};

use keyrotation_journal::{Journal, Step, Submission, submissions};

use super::reading::read;
use crate::activity::{Activity, Doing, Task};
use crate::cipher::chain_key;
use crate::config;
use crate::error::{Error, Id, Result};
use crate::plan::Fingerprint;
use crate::report::Source;

/// A journal that is held open, or read along with the process that works on it, while its report is
/// written.
#[derive(Debug)]
pub struct Opened {
    dir: PathBuf,
    journal: Journal,
    left: Vec<Step>,
    held: bool,
    /// Whether its MACs were checked.
    checked: bool,
}

impl Opened {
    /// What a report is made of.
    pub fn source<'a>(&'a self, doing: Option<&'a Doing>) -> Source<'a> {
        let Self { dir, journal, left, held, checked } = self;
        Source { dir, journal, left, held: *held, checked: *checked, doing }
    }
}

/// Checks the MACs of all records, where the new key can be had without asking anybody for it. A journal that was
/// edited is refused; of one that could not be checked the report says so.
pub fn check_macs(config: &Path, opened: &mut [Opened], activity: &Activity) -> Result<()> {
    let key = match config::new_key_for_a_check(config) {
        Ok(key) => key,
        Err(error) => {
            tracing::debug!("the new key is not available: {}", error.what());
            None
        }
    };
    for one in opened {
        let state = one.journal.state();
        let (id, total) = (state.rotation.id, state.entries);
        let of_it = Fingerprint::decode(&state.rotation.fingerprint)?.keys.new_key;
        let Some(key) = key.as_ref().filter(|key| key.fingerprint() == of_it) else { continue };
        let doing = activity.begin(Task::Chain, "the journal", Some(total));
        one.journal.unlock(&chain_key(key, &id))?;
        one.journal.check_chain(|_, _| doing.advance(1))?;
        one.checked = true;
    }
    Ok(())
}

/// Opens the journals in these folders, each once.
pub async fn open_all(dirs: impl IntoIterator<Item = PathBuf>) -> Result<Vec<Opened>> {
    let mut opened: Vec<Opened> = Vec::new();
    for dir in dirs {
        if opened.iter().any(|other| is_same(&other.dir, &dir)) {
            return Err(Error::new(Id::CommandLineValue, format!("--also {} is named twice", dir.display()))
                .fix("name each journal once"));
        }
        let left = submissions(&dir)?; // first: what is recorded meanwhile is then in both, and not in neither
        let (journal, held) = read(&dir).await?;
        let id = journal.state().rotation.id;
        let is_its = |left: &Submission| left.rotation.is_none_or(|rotation| rotation == id);
        let left = left.into_iter().filter(is_its).map(|left| left.step).collect();
        opened.push(Opened { dir, journal, left, held, checked: false });
    }
    Ok(opened)
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
