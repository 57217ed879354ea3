//! What people may confirm: names as they are typed, and what speaks against a confirmation.

use super::doubts::{Doubt, against_safety, doubts};
use super::progress::{Facts, proved};
use super::retired::failures;
use super::steps::{BY_HAND, IN_PLACE, OLD_KEY_DESTROYED, ONE_KEY, PROVED, STEPS, todays};
use super::{Finding, Item, KnownBy, Step, Variant};
use crate::report::StatusView;

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
    /// A record contradicts it: that is refused, too, unless the user insists with `--despite-findings`.
    Against(String),
    /// It may be so, but it is not in order.
    Warn(String),
}

/// Finds what a name stands for; an error says why not, with the nearest name.
pub fn find(variant: Variant, typed: &str) -> Result<Named, String> {
    let typed = todays(typed);
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
        return Err(format!("{typed} is not a part of this rotation ({})", variant.words()));
    }
    // Comparing takes time with the product of the lengths, and no name is that long.
    let typed: String = typed.chars().take(64).collect();
    let near = |name: &&str| strsim::normalized_damerau_levenshtein(&typed, name);
    let names = steps().flat_map(|step| names(step, variant));
    let nearest = names.max_by(|one, other| near(one).total_cmp(&near(other))).unwrap_or_default();
    let typed = typed.escape_default();
    Err(format!("{typed} is not a step; the nearest is {nearest}"))
}

/// The names that can be confirmed, of a step and of its items.
fn names(step: &'static Step, variant: Variant) -> impl Iterator<Item = &'static str> {
    let items: Vec<_> =
        step.items(variant).filter(|item| may_be_confirmed(item)).map(|item| item.name).collect();
    let whole = (!step.item_by_item && items.len() > 1).then_some(step.id);
    whole.into_iter().chain(items)
}

/// The names of every step, of all variants.
pub fn step_names() -> Vec<&'static str> {
    once(STEPS.iter().chain(IN_PLACE).map(|step| step.id))
}

/// Every name that can be confirmed in some variant.
pub fn confirmable() -> Vec<&'static str> {
    let variants = [Variant::ZeroDowntime, Variant::MaintenanceWindow, Variant::InPlace];
    once(variants.into_iter().flat_map(|variant| {
        let steps = variant.steps().iter().filter(move |step| step.title(variant).is_some());
        steps.flat_map(move |step| names(step, variant))
    }))
}

/// Each name once, in the order of the first.
fn once(all: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn may_be_confirmed(item: &Item) -> bool {
    !matches!(item.known_by, KnownBy::Program(_))
}

/// All that stands against confirming an item now.
pub fn objections(step: &Step, item: &Item, facts: &Facts) -> Vec<Objection> {
    let is_end = matches!(step.id, "one-key" | "retire");
    let needs_start = matches!(item.name, "start/started" | "route-traffic") || is_end;
    match facts.may_start() {
        Finding::Not(why) if needs_start => return vec![Objection::Refuse(why)],
        _ => {}
    }
    if item.name == "deployment/edited"
        && let Some((_, left)) = facts.configured_last().and_then(|step| step.note.split_once(BY_HAND))
    {
        return vec![Objection::Warn(format!("`keyrotation configure` has left to you: {left}"))];
    }
    let pending =
        facts.status.as_ref().and_then(|status| status.sync.as_ref()).map_or(0, |sync| sync.pending);
    if item.name == "route-traffic" && pending > 0 {
        let why = format!("{pending} changes are not carried over yet; users may miss them for a moment");
        return vec![Objection::Warn(why)];
    }
    if needs_start && !is_end {
        let doubts = doubts(facts);
        let found = doubts.iter().filter(|doubt| !matches!(doubt, Doubt::Unseen(_)));
        return unverified(found).into_iter().map(Objection::Warn).collect();
    }
    match &facts.status {
        Some(status) if is_end && status.mode.is_in_place() => in_place(item, facts),
        Some(status) if is_end => beside_a_copy(item, facts, status.sync.is_some()),
        _ => Vec::new(),
    }
}

/// What stands against that it is verified, in a sentence; none if nothing does.
fn unverified<'a>(doubts: impl Iterator<Item = &'a Doubt>) -> Option<String> {
    let words: Vec<String> = doubts.map(Doubt::words).collect();
    let why = words.join("; ");
    (!why.is_empty()).then(|| format!("it is not verified (`keyrotation verify`): {why}"))
}

/// Beside a copy the old deployment is the way back, and all that what was not moved can be had from.
fn beside_a_copy(item: &Item, facts: &Facts, is_synced: bool) -> Vec<Objection> {
    let is_of_the_old = item.name.starts_with("retire/");
    let mut all = Vec::new();
    // With sync it is among what speaks against it.
    let is_said = is_synced && is_of_the_old;
    if facts.recorded(crate::sync::ROUTE_TRAFFIC).is_none() && !is_said {
        all.push(Objection::Warn("nobody has confirmed that traffic goes to the new server".to_owned()));
    }
    if !is_of_the_old {
        return all;
    }
    if is_synced {
        all.extend(against_safety(facts).into_iter().map(Objection::Against));
    }
    let left = facts
        .status
        .as_ref()
        .and_then(failures)
        .map(|left| format!("{left}: only the old key can decrypt them"));
    all.extend(left.map(Objection::Against));
    all.extend(unverified(doubts(facts).iter()).map(Objection::Against));
    if item.name == OLD_KEY_DESTROYED {
        let not_rotated = facts.status.as_ref().map(StatusView::not_rotated).unwrap_or_default();
        let needs = |what| format!("{what}: what is under the old key there opens with no other");
        all.extend(not_rotated.into_iter().map(needs).map(Objection::Against));
    }
    all
}

/// In place there is no other deployment to go back to: what the old key opens is gone with it.
fn in_place(item: &Item, facts: &Facts) -> Vec<Objection> {
    // The program's own findings cannot be overruled by a user.
    let against = if item.name == PROVED { Objection::Refuse } else { Objection::Against };
    let (proof, mut all) = (proved(facts), Vec::new());
    match &proof {
        Finding::Not(why) => all.push(against(why.clone())),
        Finding::Unknown => {
            all.push(against("`keyrotation keys` has not said so since everything was rotated".to_owned()));
        }
        Finding::So(..) => {}
    }
    let left = facts.status.as_ref().and_then(failures);
    let doubts = doubts(facts);
    // What had failed differs, too: that alone is nothing new. What `keys` says is said.
    let is_new = |doubt: &&Doubt| {
        let is_said = matches!(&proof, Finding::Not(why) if *why == doubt.words());
        let is_known = left.is_some() && doubt.is_of_failed_rows();
        !(is_said || is_known)
    };
    all.extend(unverified(doubts.iter().filter(is_new)).map(against));
    match left {
        Some(left) if !matches!(proof, Finding::So(..)) => {
            all.push(against(format!("{left}: `keyrotation keys` says whether the old key decrypts them")));
        }
        Some(left) => all.push(Objection::Warn(format!("{left}; the old key decrypts none of them"))),
        None => {}
    }
    if item.name == OLD_KEY_DESTROYED && facts.recorded(ONE_KEY).is_none() {
        let why = "nobody has confirmed one-key: servers may still have the old key";
        all.push(Objection::Refuse(why.to_owned()));
    }
    all
}

/// In place: why servers still need the old key, as far as is known; none if nothing needs it.
pub fn old_key_is_needed(facts: &Facts) -> Option<String> {
    let step = IN_PLACE.iter().find(|step| step.items.iter().any(|item| item.name == ONE_KEY))?;
    let item = step.items.iter().find(|item| item.name == ONE_KEY)?;
    let needs = |objection| match objection {
        Objection::Refuse(why) | Objection::Against(why) => Some(why),
        Objection::Warn(_) => None,
    };
    let why: Vec<String> = objections(step, item, facts).into_iter().filter_map(needs).collect();
    (!why.is_empty()).then(|| why.join("; "))
}
