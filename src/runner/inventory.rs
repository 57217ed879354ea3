//! What `keys` does: which key is every value under, without a journal and without a change.

use std::num::NonZeroU32;
use std::path::Path;

use super::reading::view;
use super::unfinished::roll_back_unfinished;
use super::{Explanations, Screen, listen, proved};
use crate::activity::Activity;
use crate::codec::value::{KeyIdPolicy, Policy, Recoder};
use crate::config::Settings;
use crate::engine::Pacer;
use crate::error::{Id, Result};
use crate::plan::{self, Access, OldDatabases};
use crate::report::Reporter;
use crate::signals::Stop;
use keyrotation_inventory::{
    Beside, Folders, Inventory, Looked, Progress, Scanned, Surroundings, inventory, scan,
};

/// What is asked of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// No more rows in a second.
    pub rows_per_second: Option<NonZeroU32>,
    /// What stands outside the targets is looked for, too.
    pub everywhere: bool,
    /// That look goes on where an interrupted one has stopped.
    pub resume_scan: bool,
    /// The user's word that all values were rotated before, so that none is under an old key.
    pub all_already_new: bool,
}

/// Looks at every value, and on request everywhere else, too; none when asked to stop.
pub async fn take_inventory(
    screen: Screen<'_>,
    settings: &Settings,
    dir: &Path,
    asked: Asked,
) -> Result<Option<Inventory>> {
    let before = proved::events_before(settings, dir);
    let surroundings = surroundings(settings);
    // Nothing is asked of the old side but where it is: it is about what stands in the databases that are rotated.
    let mut settings = settings.clone();
    settings.sync_tables = None;
    if let Some(databases) = &mut settings.databases {
        (databases.old_identity, databases.old_registry) = (None, None);
        databases.stores.iter_mut().for_each(|store| store.old = None);
    }
    roll_back_unfinished(&settings, dir).await?;
    let deployment =
        plan::connect(&settings, &plan::whole_registry(&settings)?, None, Access::ReadOnly).await?;
    let (_, stop) = listen()?;
    let activity = Activity::default();
    deployment.stop_with(&stop, &activity);
    let recoder = Recoder::new(settings.keys.clone(), Policy { upgrade: false, key_id: KeyIdPolicy::Always });
    let pacer = Pacer::new(settings.sizes, settings.sizes.rows, false);
    pacer.limit(asked.rows_per_second.map(NonZeroU32::get));
    let reporter = Reporter::of(activity.clone(), screen.progress, screen.bars);
    let targets = inventory(&deployment.jobs, &recoder, &pacer, &activity, &stop).await;
    let outside = match &targets {
        Ok(targets) if asked.everywhere && !stop.requested() => {
            let mut beside = Beside::default();
            for target in targets {
                beside.add(&target.beside);
            }
            let progress = &mut scan_progress(dir, &settings, asked.resume_scan);
            let looked =
                scan(&deployment, &surroundings, &recoder, Some(beside), progress, &activity, &stop).await;
            ended(progress, &looked, &stop);
            Some(looked)
        }
        _ => None,
    };
    reporter.finish().await;
    let (targets, outside) = (targets?, outside.transpose()?);
    if stop.requested() {
        return Ok(None);
    }
    let mut left = not_looked_at(&settings);
    left.extend(unnamed_homes(&settings, dir));
    left.extend(deployment.feeds_of_copies().await?);
    deployment.close().await;
    let absent = deployment.absent_places().into_iter();
    let absent = absent.map(|(place, reason)| (place.to_owned(), reason.to_owned())).collect();
    let in_use = plan::totp_keys_in_use(&settings);
    let looked = Looked { targets, absent, not_looked_at: left, outside, in_use };
    let inventory = Inventory::of(&recoder, looked, || {
        let word = asked.all_already_new.then(|| "--all-already-new was given".to_owned());
        Explanations::default().explained(dir, &settings).or(word)
    });
    proved::record(&settings, dir, &inventory, before).await;
    Ok(Some(inventory))
}

/// How far a look outside the targets has come.
pub(super) fn scan_progress(dir: &Path, settings: &Settings, resume: bool) -> Progress {
    Progress::beside(dir, &settings.keys, resume)
}

/// Says how to go on with a look outside the targets that has not come to its end.
pub(super) fn ended(progress: &mut Progress, looked: &Result<Scanned>, stop: &Stop) {
    if looked.is_ok() && !stop.requested() {
        progress.end();
    } else {
        tracing::info!("the scan is not complete: add --resume-scan to continue with the next table");
    }
}

/// The homes of all nodes, and where links in them may lead; and the old server's databases, which may be beside the new
/// ones.
pub(super) fn surroundings(settings: &Settings) -> Surroundings {
    let folders = settings.files.as_ref().map(|job| {
        let homes = std::iter::once(&job.home).chain(&job.further_homes).cloned().collect();
        Folders { homes, allowed_roots: job.allowed_roots.clone() }
    });
    Surroundings { folders: folders.unwrap_or_default(), old: OldDatabases::of(settings) }
}

/// The homes that the rotation in place of these keys was begun with, and that are named no more.
fn unnamed_homes(settings: &Settings, dir: &Path) -> Vec<String> {
    if !settings.mode.is_in_place() {
        return Vec::new();
    }
    let status = match view(dir) {
        Ok(status) => status,
        Err(error) if error.id() == Id::JournalAbsent => return Vec::new(),
        Err(error) => return vec![format!("homes that only the journal names ({})", error.what())],
    };
    let is_its = status.keys.is_some_and(|keys| keys.new_key == settings.keys.new_key().fingerprint());
    let named = surroundings(settings).folders.homes;
    let unnamed =
        status.homes.into_iter().filter(|home| !named.iter().any(|named| named.as_os_str() == &**home));
    unnamed
        .filter(|_| is_its)
        .map(|home| format!("the files under {home} (`homes` does not name it any more)"))
        .collect()
}

fn not_looked_at(settings: &Settings) -> Vec<String> {
    let mut left = Vec::new();
    if settings.databases.is_none() {
        left.push("the databases (enableDBMigrator is not true)".to_owned());
    }
    if settings.files.is_none() {
        left.push("the configuration files (enableConfigMigrator is not true)".to_owned());
    }
    left.extend(settings.without_tables.iter().map(|table| format!("the table {table}")));
    left
}
