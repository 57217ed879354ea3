//! What `verify` and `keys` found and what of it stands: the one place that decides it for the status, the runbook, the
//! report, and the confirmation of a step.

use serde::{Deserialize, Serialize};

use super::thousands;
use super::verified::{OLD_KEYS_MAY_GO, OLD_KEYS_MAY_NOT_GO, Verification};

/// What one call of `keys` found in place, kept as a step: words, and a line of `name=value` pairs behind them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeysFound {
    /// Whether every old key may go.
    pub may_go: bool,
    /// Why, in words.
    pub words: String,
    /// Ciphertexts in the targets that are under an old key, or may be; none in a note of an earlier version.
    pub in_targets: Option<u64>,
    /// Likewise outside the targets; none if nobody looked there.
    pub outside: Option<u64>,
    /// Events that the journal had when it began to look; none in a note of an earlier version.
    pub events: Option<u64>,
}

impl KeysFound {
    /// The step that it is left as.
    pub const fn step_name(&self) -> &'static str {
        if self.may_go { OLD_KEYS_MAY_GO } else { OLD_KEYS_MAY_NOT_GO }
    }

    /// The step's note.
    pub fn note(&self) -> String {
        let pair = |name: &str, count: Option<u64>| count.map(|count| format!("{name}={count}"));
        let pairs =
            [pair("in-targets", self.in_targets), pair("outside", self.outside), pair("events", self.events)];
        let pairs: Vec<String> = pairs.into_iter().flatten().collect();
        format!("{}; {}", self.words, pairs.join(" "))
    }

    /// What a step says that was left by `keys`; none for every other step.
    pub fn of_step(name: &str, note: &str) -> Option<Self> {
        if ![OLD_KEYS_MAY_GO, OLD_KEYS_MAY_NOT_GO].contains(&name) {
            return None;
        }
        let may_go = name == OLD_KEYS_MAY_GO;
        let (words, pairs) = note.rsplit_once("; ").unwrap_or((note, ""));
        let all: Option<Vec<(&str, &str)>> =
            pairs.split_whitespace().map(|pair| pair.split_once('=')).collect();
        let count = |name: &str| -> Option<u64> {
            let (_, count) = all.iter().flatten().find(|(known, _)| *known == name)?;
            count.parse().ok()
        };
        let is_its = count("in-targets").is_some();
        // A note of an earlier version has words alone.
        let looked_outside = note.contains("outside the targets") || note.contains("outside of them");
        let outside = looked_outside.then_some(u64::from(!may_go));
        Some(Self {
            may_go,
            words: if is_its { words } else { note }.to_owned(),
            in_targets: count("in-targets"),
            outside: if is_its { count("outside") } else { outside },
            events: count("events"),
        })
    }

    /// Whether values of the targets are under an old key, or may be.
    pub fn contradicts_a_verification(&self) -> bool {
        !self.may_go && self.in_targets != Some(0)
    }
}

/// A step, as far as what was found goes.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// When, RFC 3339 in UTC.
    pub at: &'a str,
    /// By whom.
    pub by: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What was said of it.
    pub note: &'a str,
    /// Whether something was written after it.
    pub written_since: bool,
}

/// Something that was found, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found<T> {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// By whom.
    pub by: String,
    /// Whether something was written after it.
    pub written_since: bool,
    /// What.
    pub what: T,
}

impl<T> Found<T> {
    fn new(step: &Taken<'_>, what: T) -> Self {
        let (at, by) = (step.at.to_owned(), step.by.to_owned());
        Self { at, by, written_since: step.written_since, what }
    }
}

/// What was found and stands: until somebody has looked as far again.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The verification that counts: the last one of all rows, or with differences other than what had failed.
    pub verification: Option<Found<Verification>>,
    /// A part of the rows in which nothing else differed, looked at after that.
    pub sample: Option<Found<Verification>>,
    /// What `keys` found last.
    pub keys: Option<Found<KeysFound>>,
    /// Values under an old key that the last look outside the targets found there: one in the targets alone does not
    /// make that good, whichever command looked.
    pub outside: Option<Found<u64>>,
}

impl Standing {
    /// By the steps in the order of recording.
    pub fn of<'a>(steps: impl Iterator<Item = Taken<'a>>) -> Self {
        let mut standing = Self::default();
        for step in steps {
            let mut outside = None;
            if let Some(found) = Verification::of_step(step.name, step.note) {
                outside = found.outside;
                let found = Found::new(&step, found);
                // A part in which only what had failed differs says no more of the rest than one in which nothing does.
                if found.what.is_whole() || !found.what.is_of_failed_rows() {
                    (standing.verification, standing.sample) = (Some(found), None);
                } else {
                    standing.sample = Some(found);
                }
            } else if let Some(found) = KeysFound::of_step(step.name, step.note) {
                outside = found.outside;
                standing.keys = Some(Found::new(&step, found));
            }
            if let Some(count) = outside {
                standing.outside = (count > 0).then(|| Found::new(&step, count));
            }
        }
        standing
    }

    /// The verification that counts, or a part of one where there is no other.
    pub fn verified(&self) -> Option<&Found<Verification>> {
        self.verification.as_ref().or(self.sample.as_ref())
    }

    /// What stands outside the targets, in words.
    pub fn outside_words(&self) -> Option<String> {
        let outside = self.outside.as_ref()?;
        Some(format!(
            "{} values outside the targets are under an old key, or may be, at {}, and nobody has looked there since \
             (`keyrotation verify --scan`)",
            thousands(outside.what),
            outside.at
        ))
    }

    /// Why an old key may not go, as `keys` has found last, in words.
    pub fn keys_words(&self) -> Option<String> {
        let keys = self.keys.as_ref().filter(|keys| !keys.what.may_go)?;
        Some(format!("`keyrotation keys` found at {}: {}", keys.at, keys.what.words))
    }
}

/// How many events the journal had when it was looked at for what a step tells.
pub(super) fn events_at(name: &str, note: &str) -> Option<u64> {
    let of_verification = || Verification::of_step(name, note).map(|found| found.events);
    KeysFound::of_step(name, note).map_or_else(of_verification, |found| found.events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(steps: &[(&str, String)]) -> Standing {
        let at = "2026-11-30T01:00:00Z";
        Standing::of(steps.iter().map(|(name, note)| Taken {
            at,
            by: "u on h",
            name,
            note,
            written_since: false,
        }))
    }

    fn verification(sample: &str, differences: u64, outside: Option<u64>) -> (&'static str, String) {
        let found = Verification {
            sample: sample.into(),
            differences,
            outside,
            events: 9,
            ..Verification::default()
        };
        (found.step_name(), found.note())
    }

    fn keys(may_go: bool, in_targets: u64, outside: Option<u64>) -> (&'static str, String) {
        let words = "aaaa: 3 in IDN_SECRET; bbbb: none".to_owned();
        let found = KeysFound { may_go, words, in_targets: Some(in_targets), outside, events: Some(7) };
        assert_eq!(KeysFound::of_step(found.step_name(), &found.note()), Some(found.clone()));
        (found.step_name(), found.note())
    }

    #[test]
    fn a_sample_counts_only_where_nothing_else_does() {
        let found = standing(&[verification("5%", 0, None)]);
        assert!(found.verification.is_none() && found.verified().is_some());
        let found = standing(&[verification("all", 2, None), verification("5%", 0, None)]);
        assert_eq!(found.verified().unwrap().what.differences, 2);
        assert!(found.sample.is_some());
        // Nor does it where only what had failed differs in it.
        let failed =
            Verification { sample: "5%".into(), differences: 1, failed: 1, ..Verification::default() };
        let failed = (failed.step_name(), failed.note());
        let found = standing(&[verification("all", 2, None), failed]);
        assert_eq!(found.verified().unwrap().what.differences, 2);
        let found = standing(&[verification("all", 2, None), verification("all", 0, None)]);
        assert!(found.verified().unwrap().what.differences == 0 && found.sample.is_none());
        let found = standing(&[verification("all", 0, None), verification("5%", 1, None)]);
        assert_eq!(found.verified().unwrap().what.differences, 1);
    }

    #[test]
    fn what_was_found_outside_stands_until_somebody_looks_there() {
        let stands = |steps: &[_]| standing(steps).outside.map(|found| found.what);
        assert_eq!(stands(&[keys(false, 0, Some(2)), keys(true, 0, None)]), Some(2));
        assert_eq!(stands(&[keys(false, 0, Some(2)), verification("all", 0, None)]), Some(2));
        assert_eq!(stands(&[keys(false, 0, Some(2)), verification("all", 0, Some(0))]), None);
        assert_eq!(stands(&[verification("all", 2, Some(2)), keys(true, 0, Some(0))]), None);
        assert_eq!(stands(&[verification("all", 2, Some(2)), keys(true, 0, None)]), Some(2));
    }

    #[test]
    fn notes_of_earlier_versions_are_understood() {
        let found = |name, note| KeysFound::of_step(name, note).unwrap();
        let scanned = found(
            OLD_KEYS_MAY_NOT_GO,
            "aaaa: there are values outside the targets that are under it; bbbb: no value in the targets is under it",
        );
        assert!(scanned.words.ends_with("under it") && scanned.outside == Some(1));
        assert!(scanned.contradicts_a_verification(), "who knows where they are");
        let clean = found(OLD_KEYS_MAY_GO, "aaaa: no value is under it, in the targets or outside of them");
        assert_eq!((clean.outside, clean.events), (Some(0), None));
        assert_eq!(found(OLD_KEYS_MAY_GO, "aaaa: no value in the targets is under it").outside, None);
        assert_eq!(KeysFound::of_step("verified", ""), None);
    }
}
