//! What came of a rotation, in a sentence, and the sums that it rests on.

use serde::Serialize;

use super::RotationPart;
use crate::plan::AT_YOUR_WORD;
use crate::thousands;

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing is left to do.
    Good,
    /// Somebody should look.
    Attention,
    /// It is not done, or not right.
    Bad,
}

/// A rotation that moved less than one row in so many, the rest being under the new key before, has moved next to
/// nothing.
const NEXT_TO_NOTHING: u64 = 10;

/// What came of a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How good it is.
    pub level: Level,
    /// In a few words.
    pub headline: String,
    /// What stands against a better one.
    pub reasons: Vec<String>,
}

/// Counts over all journals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows that were moved to the new key.
    pub rotated_rows: u64,
    /// Files that were.
    pub rotated_files: u64,
    /// Rows and files under the new key before.
    pub already_new: u64,
    /// Of these, sealed again with the new key's id.
    pub resealed: u64,
    /// Rows and files that hold plain values only.
    pub plain: u64,
    /// Rows that hold NULL only.
    pub null: u64,
    /// Rows and files that could not be moved.
    pub failed: u64,
    /// Rows that were deleted meanwhile.
    pub gone: u64,
    /// Rows that the sync phase carried over.
    pub carried_over: u64,
}

impl Totals {
    pub(super) fn of(rotations: &[RotationPart]) -> Self {
        let mut totals = Self::default();
        for rotation in rotations {
            totals.rotated_rows += rotation.targets.iter().map(|target| target.view.rotated).sum::<u64>();
            totals.rotated_files += rotation.files.iter().map(|target| target.view.rotated).sum::<u64>();
            totals.carried_over += rotation.sync.as_ref().map_or(0, |sync| sync.view.applied);
            for target in rotation.all() {
                totals.rows += target.view.rows;
                totals.already_new += target.view.already_new;
                totals.resealed += target.view.resealed;
                totals.plain += target.view.plain;
                totals.null += target.view.null;
                totals.failed += target.view.failed;
                totals.gone += target.view.gone;
            }
        }
        totals
    }
}

/// Tables that the deployment must have, and that a rotation has skipped.
fn left_out(rotations: &[RotationPart]) -> impl Iterator<Item = (&str, &str)> {
    let targets =
        rotations.iter().flat_map(|rotation| rotation.targets.iter().map(move |target| (rotation, target)));
    targets.filter_map(|(rotation, target)| {
        let skipped = target.view.skipped.as_deref()?;
        let is_missed = rotation.always.contains(&target.view.id) || skipped.ends_with(AT_YOUR_WORD);
        is_missed.then_some((target.view.place.as_str(), skipped))
    })
}

/// What stands of what `verify` and `keys` found.
fn found_of(rotation: &RotationPart, add: &mut impl FnMut(Level, &'static str, String)) {
    verified(rotation, add);
    if let Some(why) = rotation.standing.outside_words() {
        add(Level::Bad, "Verification found differences", why);
    }
    if let Some(why) = rotation.standing.keys_words().filter(|_| rotation.plan.mode.is_in_place()) {
        add(Level::Bad, "Finished, and an old key may not go", why);
    }
}

/// What the verification stands for that counts.
fn verified(rotation: &RotationPart, add: &mut impl FnMut(Level, &'static str, String)) {
    let Some(last) = rotation.standing.verified() else {
        return add(Level::Attention, "Finished, not verified", "nothing was verified".to_owned());
    };
    let (at, found) = (&last.at, &last.what);
    // What stands outside the targets is said by itself.
    if found.in_targets() > 0 || found.unseen > 0 {
        // What was recorded as failed is a difference, too, but a known one.
        let is_known = found.is_of_failed_rows();
        let more = match (is_known, found.outside) {
            (true, _) => ": only the values that had failed".to_owned(),
            (false, Some(_)) => format!(": {}", found.words()),
            (false, None) => String::new(),
        };
        let count = thousands(found.differences);
        let level = if is_known { Level::Attention } else { Level::Bad };
        let why = format!("verify found {count} differences at {at}{more}");
        add(level, "Verification found differences", why);
    } else if last.written_since {
        let why = format!("something was written after it was verified at {at}");
        add(Level::Attention, "Finished, not verified since", why);
    } else if found.takes_changes_on_trust() && !rotation.may_have_run() {
        let why = format!(
            "verify --live attributed {} changed or deleted rows and files to the new server, but nobody \
             has confirmed that it was started (start/started)",
            thousands(found.changed + found.gone)
        );
        add(Level::Attention, "Finished, and what changed since is unexplained", why);
    } else if !found.is_whole() {
        let (checked, all) = (thousands(found.chunks_checked), thousands(found.chunks));
        let why = format!("verify looked at a sample: {checked} of {all} chunks");
        add(Level::Attention, "Finished and verified by sample", why);
    }
}

/// What of the deployment no journal of the report has rotated.
fn left_to_others(rotations: &[RotationPart]) -> impl Iterator<Item = &'static str> {
    let has = |part: fn(&RotationPart) -> bool| rotations.iter().any(part);
    let databases = has(|rotation| {
        rotation.plan.identity_database.is_some() || rotation.plan.registry_database.is_some()
    });
    let files = has(|rotation| rotation.plan.home.is_some());
    let parts = [(databases, "the databases"), (files, "the configuration files")];
    parts.into_iter().filter_map(|(is_there, part)| (!is_there).then_some(part))
}

impl Verdict {
    pub(super) fn of(rotations: &[RotationPart], totals: &Totals) -> Self {
        let mut found: Vec<(Level, &str, String)> = Vec::new();
        for rotation in rotations {
            let of = match rotations.len() {
                1 => String::new(),
                _ => format!("rotation {}: ", rotation.rotation_id),
            };
            let mut add = |level, headline, why: String| found.push((level, headline, format!("{of}{why}")));
            if rotation.state != "completed" {
                let running = rotation.state == "running";
                let why = match (&rotation.error, &rotation.finished_at) {
                    _ if running => format!("a process was working on it, up to {}", rotation.updated_at),
                    (Some(error), _) => format!("the last session ended with {error}"),
                    (None, Some(_)) => "the sync phase is not drained".to_owned(),
                    (None, None) => "some tables or files are not done".to_owned(),
                };
                let headline = if running { "Not finished yet" } else { "Not finished" };
                add(Level::Bad, headline, why);
                for target in rotation.all().filter(|target| !target.view.missing_indexes.is_empty()) {
                    let (place, indexes) = (&target.view.place, target.view.missing_indexes.join(", "));
                    add(Level::Bad, headline, format!("{place}: dropped until it is rotated: {indexes}"));
                }
            }
            found_of(rotation, &mut add);
        }
        for part in left_to_others(rotations).filter(|_| !rotations.is_empty()) {
            let why = format!(
                "{part} were not part of this rotation: what is under the old key there stays so, unless another journal \
                 tells of it (--also)"
            );
            found.push((Level::Attention, "Finished, without a part of the deployment", why));
        }
        for place in rotations.iter().flat_map(|rotation| &rotation.left_out) {
            let why = format!("{place} was left out by `targets`: what is under the old key there stays so");
            found.push((Level::Attention, "Finished, without some tables", why));
        }
        for (place, skipped) in left_out(rotations) {
            let why = format!("{place}, which the deployment should have, was not looked at: {skipped}");
            found.push((Level::Attention, "Finished, without some tables", why));
        }
        // Keys that were swapped look just like that.
        if !rotations.is_empty() && totals.rotated_rows + totals.rotated_files == 0 {
            let why = match totals.already_new {
                0 => "it moved nothing: no value was under either key".to_owned(),
                count => format!(
                    "it moved nothing: {} rows and files were under the new key before",
                    thousands(count)
                ),
            };
            found.push((Level::Attention, "Finished, and nothing was moved", why));
        }
        // … and so do they with a few strays among it. One rotation after another is no such thing: the first moved
        // what the others found.
        let moved = totals.rotated_rows + totals.rotated_files;
        let before =
            rotations.iter().map(|rotation| rotation.all().map(|target| target.view.already_new).sum());
        let before: u64 = before.max().unwrap_or_default();
        if moved > 0 && moved * NEXT_TO_NOTHING < before {
            let why = format!(
                "it moved {} rows and files, and {} were under the new key before",
                thousands(moved),
                thousands(before)
            );
            found.push((Level::Attention, "Finished, and next to nothing was moved", why));
        }
        if totals.failed > 0 {
            let why = format!("{} rows or files could not be moved to the new key", thousands(totals.failed));
            found.push((Level::Attention, "Finished, with failures", why));
        }
        // Last: what is wrong by what the journal says stands above it.
        for rotation in rotations.iter().filter(|rotation| !rotation.log.macs_checked) {
            let why = format!(
                "the MACs of the journal of rotation {} were not checked, since the new key was not \
                 available: an edit would not have been seen",
                rotation.rotation_id
            );
            found.push((Level::Attention, "Finished, by a journal that was not checked", why));
        }
        // The first of the worst is the headline: failures stand above what follows from them.
        let worst = found.iter().map(|(level, ..)| *level).max().unwrap_or(Level::Good);
        let failures = found
            .iter()
            .rev()
            .find(|(level, headline, _)| *level == worst && *headline == "Finished, with failures");
        let headline = failures.or_else(|| found.iter().find(|(level, ..)| *level == worst));
        Self {
            level: worst,
            headline: headline.map_or("Finished and verified", |(_, headline, _)| headline).to_owned(),
            reasons: found.into_iter().map(|(.., why)| why).collect(),
        }
    }
}
