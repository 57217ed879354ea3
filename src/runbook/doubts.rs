//! What on record stands against that a rotation is verified, and against that the old deployment may go.

use super::Facts;
use super::steps::OLD_SERVER_STOPPED;
use crate::report::{RETIRABLE, VERIFY_DIFFERENCES, Verification, thousands};
use crate::sync::ROUTE_TRAFFIC;

/// What stands against that a rotation is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Not every row was looked at since everything was rotated.
    Unseen(String),
    /// The verification that counts has found differences.
    Differs(Verification),
    /// Something else was found, or was taken on trust.
    Found(String),
}

impl Doubt {
    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Unseen(words) | Self::Found(words) => words.clone(),
            Self::Differs(found) => found.words(),
        }
    }

    /// Whether it is no more than rows that had failed, which differ, too.
    pub(super) fn is_of_failed_rows(&self) -> bool {
        matches!(self, Self::Differs(found) if found.is_of_failed_rows())
    }
}

/// All that stands against it, the most telling first.
pub(super) fn doubts(facts: &Facts) -> Vec<Doubt> {
    if facts.status.as_ref().is_none_or(|status| status.re_encrypted_at.is_none()) {
        return vec![Doubt::Unseen("not yet".to_owned())];
    }
    let standing = facts.standing();
    let mut all = Vec::new();
    match standing.verification.as_ref() {
        None => all.push(Doubt::Unseen("not yet".to_owned())),
        Some(last) if last.written_since => {
            all.push(Doubt::Unseen("rows were rotated after it was verified".to_owned()));
        }
        // What stands outside the targets counts by itself.
        Some(last) if last.what.in_targets() + last.what.unseen > 0 => {
            all.push(Doubt::Differs(last.what.clone()));
        }
        Some(last) if last.what.takes_changes_on_trust() && !facts.may_have_run() => {
            all.push(Doubt::Found(format!(
                "{} rows or files changed or were deleted, and nobody has confirmed that the new server \
                 runs: run `keyrotation verify` without --live",
                thousands(last.what.changed + last.what.gone)
            )));
        }
        Some(_) => {}
    }
    all.extend(standing.outside_words().map(Doubt::Found));
    if standing.keys.as_ref().is_some_and(|keys| keys.what.contradicts_a_verification()) {
        all.extend(standing.keys_words().map(Doubt::Found));
    }
    all
}

/// All that stands against that the old identity database is safe to retire; nothing if it was found so, and nothing has
/// come since that says otherwise.
pub(super) fn against_safety(facts: &Facts) -> Vec<String> {
    let mut all = against_carrying_over(facts);
    let after = facts.steps.iter().rev().take_while(|step| step.name != RETIRABLE);
    if facts.recorded_since(RETIRABLE).is_some()
        && after.into_iter().any(|step| step.name == VERIFY_DIFFERENCES)
    {
        all.push("`keyrotation verify` has found differences after `keyrotation safe-to-retire`".to_owned());
    }
    all
}

/// Likewise, of what would still be to be carried over.
pub(super) fn against_carrying_over(facts: &Facts) -> Vec<String> {
    let mut all = Vec::new();
    match facts.recorded_since(RETIRABLE) {
        None => all.push("`keyrotation safe-to-retire` has not said so".to_owned()),
        Some(step) if step.written_since => {
            all.push("changes were carried over after `keyrotation safe-to-retire` ran".to_owned());
        }
        Some(_) => {}
    }
    for (name, what) in [
        (ROUTE_TRAFFIC, "nobody has confirmed that traffic goes to the new server"),
        (OLD_SERVER_STOPPED, "nobody has confirmed that the old server is stopped"),
    ] {
        if !facts.stands_since_the_beginning(name) {
            all.push(what.to_owned());
        }
    }
    all
}
