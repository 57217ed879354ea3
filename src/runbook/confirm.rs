//! What people may confirm: names as they are typed, and what stands against a confirmation.

use super::progress::{Facts, differences, proved, verified};
use super::steps::{BY_HAND, IN_PLACE, OLD_KEY_DESTROYED, ONE_KEY, PROVED, STEPS};
use super::{Finding, Item, KnownBy, Step, Variant};
use crate::report::Verification;

/// What a typed name stands for.
#[derive(Debug)]
pub struct Named {
    /// The step that it is of.
    pub step: &'static Step,
    /// The items that it names: one, or all of a step that people can confirm.
    pub items: Vec<&'static Item>,
}

/// What stands against a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// It is not so, and to say so would do harm.
    Refuse(String),
    /// It may be so, but it is not in order.
    Warn(String),
}

/// Finds what a name stands for; an error says why not, with the nearest name.
pub fn find(variant: Variant, typed: &str) -> Result<Named, String> {
    let steps = || variant.steps().iter().filter(|step| step.title(variant).is_some());
    for step in steps() {
        if let Some(item) = step.items(variant).find(|item| item.name == typed) {
            return match item.known_by {
                KnownBy::Program(_) => Err(format!("{} is checked by the program, not confirmed", item.name)),
                _ => Ok(Named { step, items: vec![item] }),
            };
        }
        if step.id == typed {
            let items: Vec<_> = step.items(variant).filter(|item| may_be_confirmed(item)).collect();
            if items.is_empty() {
                return Err(format!("{typed} is checked by the program, not confirmed"));
            }
            if step.item_by_item {
                return Err(format!("{typed} is confirmed item by item"));
            }
            return Ok(Named { step, items });
        }
    }
    let elsewhere = STEPS
        .iter()
        .chain(IN_PLACE)
        .any(|step| step.id == typed || step.items.iter().any(|item| item.name == typed));
    if elsewhere {
        return Err(format!("{typed} is no part of this rotation ({})", variant.words()));
    }
    // Comparing takes time with the product of the lengths, and no name is that long.
    let typed: String = typed.chars().take(64).collect();
    let near = |name: &&str| strsim::normalized_damerau_levenshtein(&typed, name);
    let names = steps().flat_map(|step| names(step, variant));
    let nearest = names.max_by(|one, other| near(one).total_cmp(&near(other))).unwrap_or_default();
    let typed = typed.escape_default();
    Err(format!("{typed} is no step; the nearest is {nearest}"))
}

/// The names that can be confirmed, of a step and of its items.
fn names(step: &'static Step, variant: Variant) -> impl Iterator<Item = &'static str> {
    let items: Vec<_> =
        step.items(variant).filter(|item| may_be_confirmed(item)).map(|item| item.name).collect();
    let whole = (!step.item_by_item && items.len() > 1).then_some(step.id);
    whole.into_iter().chain(items)
}

fn may_be_confirmed(item: &Item) -> bool {
    !matches!(item.known_by, KnownBy::Program(_))
}

/// What stands against confirming an item now.
pub fn objection(step: &Step, item: &Item, facts: &Facts) -> Option<Objection> {
    let is_end = matches!(step.id, "one-key" | "retire");
    let needs_start = matches!(item.name, "start/started" | "route-traffic") || is_end;
    match facts.may_start() {
        Finding::Not(why) if needs_start => {
            return Some(Objection::Refuse(format!("{} cannot be so: {why}", item.name)));
        }
        _ => {}
    }
    if item.name == "deployment/edited"
        && let Some((_, left)) = facts.configured_last().and_then(|step| step.note.split_once(BY_HAND))
    {
        return Some(Objection::Warn(format!("`keyrotation configure` has left to you: {left}")));
    }
    let pending =
        facts.status.as_ref().and_then(|status| status.sync.as_ref()).map_or(0, |sync| sync.pending);
    if item.name == "route-traffic" && pending > 0 {
        let why = format!("{pending} changes are not carried over yet; users may miss them for a moment");
        return Some(Objection::Warn(why));
    }
    let is_in_place = facts.status.as_ref().is_some_and(|status| status.mode.is_in_place());
    if is_end && is_in_place {
        return objection_in_place(item, facts);
    }
    if is_end {
        let is_verified = matches!(verified(facts), Finding::So(..));
        let switched = facts.recorded(crate::sync::ROUTE_TRAFFIC).is_some();
        if !switched {
            return Some(Objection::Warn(
                "nobody has confirmed that traffic goes to the new server".to_owned(),
            ));
        }
        let failed = facts.status.as_ref().map_or(0, crate::report::StatusView::failed);
        if failed > 0 && item.name.starts_with("retire/") {
            return Some(Objection::Warn(format!(
                "{failed} rows or files could not be moved to the new key: they open under the old one at most"
            )));
        }
        if !is_verified && item.name.starts_with("retire/") {
            return Some(Objection::Warn("the rotation was not verified: `keyrotation verify`".to_owned()));
        }
    }
    None
}

/// In place there is no other deployment to go back to: what the old key opens is gone with it.
fn objection_in_place(item: &Item, facts: &Facts) -> Option<Objection> {
    let refuse = |why: String| Some(Objection::Refuse(format!("{} cannot be so yet: {why}", item.name)));
    let proof = proved(facts);
    match &proof {
        Finding::Not(why) => return refuse(why.clone()),
        Finding::Unknown if item.name == PROVED => {
            return refuse("`keyrotation keys` has not said so since everything was rotated".to_owned());
        }
        _ => {}
    }
    let failed = facts.status.as_ref().map_or(0, crate::report::StatusView::failed);
    let left = format!("{failed} rows or files could not be moved to the new key");
    // What had failed differs, too.
    let is_known = |found: Verification| found.differences == found.failed;
    match verified(facts) {
        Finding::Not(why) if !(failed > 0 && differences(facts).is_some_and(is_known)) => {
            return refuse(format!("it is not verified (`keyrotation verify`): {why}"));
        }
        _ => {}
    }
    if failed > 0 && !matches!(proof, Finding::So(..)) {
        return refuse(format!("{left}: `keyrotation keys` says whether the old key opens them"));
    }
    if item.name == OLD_KEY_DESTROYED && facts.recorded(ONE_KEY).is_none() {
        return refuse("nobody has confirmed one-key: servers may still have the old key".to_owned());
    }
    (failed > 0).then(|| Objection::Warn(format!("{left}; the old key opens none of them")))
}

/// In place: why servers still need the old key, as far as is known; none if nothing needs it.
pub fn old_key_is_needed(facts: &Facts) -> Option<String> {
    let step = IN_PLACE.iter().find(|step| step.items.iter().any(|item| item.name == ONE_KEY))?;
    let item = step.items.iter().find(|item| item.name == ONE_KEY)?;
    match objection(step, item, facts) {
        Some(Objection::Refuse(why)) => Some(why),
        _ => None,
    }
}
