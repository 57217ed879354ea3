//! Where a rotation ends and the next one begins, as far as the steps tell; and whether the copy is older
//! than the change log: what changed between the two is recorded nowhere.

use keyrotation_journal::{Step, TAKEN_BACK};

use super::Variant;
use super::steps::{ALREADY, FROM_NOW_ON, IDENTITY_COPIED, TRIGGERS_INSTALLED};

/// Whether a step of this name comes before a rotation begins: it may be of the next one.
pub fn is_preparation(variant: Variant, name: &str) -> bool {
    let name = name.strip_prefix(TAKEN_BACK).unwrap_or(name);
    let is_its = |item: &super::Item| item.name == name;
    let has = |step: &super::Step| step.items(variant).any(is_its);
    variant.steps().iter().any(|step| step.comes_before && has(step))
}

/// Why the copy cannot be kept in step, going by the steps in the order of recording and when the rotation
/// began, if it has; none if nothing speaks against it.
pub fn copy_is_older(steps: &[Step], began: Option<i64>) -> Option<String> {
    let is_installed = |step: &Step| step.name == TRIGGERS_INSTALLED && !step.note.contains(ALREADY);
    // Afterwards this program's own work alone counts: people may write down late what they did before.
    let since_begun = began.is_some_and(|began| {
        let is_own = |step: &Step| is_installed(step) && step.note.contains(FROM_NOW_ON);
        steps.iter().any(|step| step.at >= began && is_own(step))
    });
    if since_begun {
        let what = "the triggers in the old identity database were installed after the copy was made and the rotation \
                    begun: what changed there before is in no change log";
        return Some(what.to_owned());
    }
    // The first ones after which changes were recorded without a break.
    let at = steps.iter().rposition(is_installed)?;
    let is_copy = |step: &&Step| step.name.strip_prefix(TAKEN_BACK).unwrap_or(&step.name) == IDENTITY_COPIED;
    let (before, after) = steps.split_at(at);
    let copied = |steps: &[Step]| {
        steps.iter().rev().find(is_copy).is_some_and(|step| !step.name.starts_with(TAKEN_BACK))
    };
    // Once it is begun, what was done before that was looked at then.
    (began.is_none() && copied(before) && !copied(after)).then(|| {
        "the triggers in the old identity database were installed after the copy was made: what changed there in \
         between is in no change log"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(names: &[&str]) -> Vec<Step> {
        let step = |(at, name): (i64, &&str)| {
            let (name, note) = name.split_once('+').unwrap_or((name, "from now on"));
            Step { at, name: name.into(), note: note.into(), user: "u".into(), host: "h".into() }
        };
        (0..).zip(names).map(step).collect()
    }

    #[test]
    fn what_was_copied_before_its_changes_were_recorded_is_too_old() {
        let copy = IDENTITY_COPIED;
        let is_older = |names: &[&str], began| copy_is_older(&steps(names), began).is_some();
        for fine in [
            &[][..],
            &[copy],
            &["triggers-installed", copy],
            &[copy, "triggers-installed", copy],
            &["triggers-installed", copy, "triggers-installed+already"],
            &[copy, "undo:copy/identity", "triggers-installed"],
        ] {
            assert!(!is_older(fine, None), "{fine:?}");
        }
        for old in [
            &[copy, "triggers-installed"][..],
            &["triggers-installed", copy, "triggers-removed", "triggers-installed"],
            &[copy, "triggers-installed", copy, "undo:copy/identity"],
        ] {
            assert!(is_older(old, None), "{old:?}");
        }
        // A rotation has begun on the copy.
        assert!(is_older(&["triggers-installed", "triggers-removed", "triggers-installed"], Some(1)));
        assert!(!is_older(&["triggers-installed", "triggers-installed+already"], Some(1)));
        // What people say of it afterwards is no installing.
        assert!(!is_older(&["triggers-installed", "triggers-installed+by the DBA, late paperwork"], Some(1)));
        assert!(!is_older(
            &["triggers-installed+already there", "triggers-installed+already there"],
            Some(1)
        ));
    }
}
