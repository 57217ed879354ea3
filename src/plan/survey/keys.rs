//! What the values say of the two keys: whether a rotation may begin with them.
//!
//! Invariants: each target is judged by its own values, and all of them together; nothing that stops a rotation
//! is judged by a spread.

use std::collections::BTreeMap;

use super::{JobSurvey, Survey};
use crate::Accepted;
use crate::error::{Error, Id, Result};

/// Of the values that were opened, one in so many may open under no key before it is too many; and so
/// many may in any case.
const UNREADABLE_SHARE: u64 = 20;
const UNREADABLE_FEW: u64 = 2;

/// If no more than one value in so many is under the old key, nearly all are under the new one; so few are
/// strays in any case, among this many times as many.
const OLD_SHARE: u64 = 10;
const OLD_FEW: u64 = 2;
const AMONG: u64 = 4;

/// Whether neither key decrypts so many of the values that a human has to look.
pub fn is_too_many(unreadable: u64, opened: u64) -> bool {
    unreadable > UNREADABLE_FEW && unreadable * UNREADABLE_SHARE > opened
}

impl JobSurvey {
    fn opened(&self) -> u64 {
        self.under_old + self.under_new + self.under_kept + self.unreadable
    }

    fn is_mostly_strange(&self) -> bool {
        is_too_many(self.unreadable, self.opened())
    }

    /// Whether a spread of the values says half as much.
    pub(super) fn may_be_strange(&self) -> bool {
        let about = self.about_old + self.about_new + self.about_strange;
        self.about_strange * 2 * UNREADABLE_SHARE > about
    }

    /// How many values open under neither key, in words.
    fn strange(&self) -> String {
        format!("{} of {} in {}", self.unreadable, self.opened(), self.place)
    }
}

impl Survey {
    /// Values that were opened, and open under neither key.
    fn unreadable(&self) -> u64 {
        self.sum(|job| job.unreadable)
    }

    /// Whether so many values of one target, or of all together, open under neither key that somebody has to
    /// look: a small table may be wholly under a third key.
    fn is_mostly_strange(&self) -> bool {
        self.jobs.iter().any(JobSurvey::is_mostly_strange)
            || is_too_many(self.unreadable(), self.sum(JobSurvey::opened))
    }

    /// Whether nothing, or next to nothing, is under the old key, and something under the new one: so it looks
    /// when the keys are the wrong way round.
    pub fn is_nearly_all_new(&self) -> bool {
        let (old, new) = (self.sum(|job| job.about_old), self.sum(|job| job.about_new));
        new > 0 && (old * OLD_SHARE <= old + new || (old <= OLD_FEW && old * AMONG <= new))
    }

    /// How many values open under neither key, by target, for those who are not stopped by them.
    pub fn strange(&self) -> Option<String> {
        let strange = self.jobs.iter().filter(|job| job.unreadable > 0).map(JobSurvey::strange);
        let strange: Vec<_> = strange.collect();
        (!strange.is_empty()).then(|| format!("neither key decrypts some values: {}", strange.join(", ")))
    }

    /// What the values say of the keys, for the screen; an error if the old key cannot be the right one, or
    /// if a human has to look and has not accepted it.
    pub fn check_keys(&self, accepted: &Accepted) -> Result<String> {
        let (old, new) = (self.sum(|job| job.under_old), self.sum(|job| job.under_new));
        let sampled = old + new + self.unreadable();
        if self.encrypted() == 0 {
            return Ok("nothing is encrypted here: there is nothing to rotate".to_owned());
        }
        if sampled > 0 && old + new == 0 {
            return Err(Error::new(
                Id::WrongOldKey,
                format!(
                    "oldSecretKey: neither the old nor the new key decrypts any of {sampled} sampled values"
                ),
            ));
        }
        if old == 0 && sampled - new > new {
            return Err(Error::new(
                Id::WrongOldKey,
                format!(
                    "oldSecretKey: it decrypts none of {sampled} sampled values, and the new key decrypts only {new}"
                ),
            ));
        }
        if self.is_mostly_strange() {
            self.check_unreadable(sampled, accepted.unreadable)?;
        }
        let without_id = match self.sum(|job| job.without_id) {
            0 => String::new(),
            count => format!(" ({count} of them without its id, which the new server asks for)"),
        };
        let kept = match self.sum(|job| job.under_kept) {
            0 => String::new(),
            count => format!(", {count} under the key that stays"),
        };
        if self.is_nearly_all_new() {
            let why = match &accepted.explained {
                Some(why) => why.as_str(),
                None if accepted.all_already_new => "--all-already-new was given",
                None => {
                    let few = if old == 0 { "none is".to_owned() } else { format!("only {old} are") };
                    return Err(Error::new(
                        Id::AllAlreadyNew,
                        format!(
                            "oldSecretKey, newSecretKey: of {sampled} values, {few} under the old key, and \
                             {new} are under the new one{without_id}; the two keys are probably swapped"
                        ),
                    ));
                }
            };
            return Ok(match old {
                0 => format!("all {new} values are already under the new key{without_id}{kept}: {why}"),
                _ => format!(
                    "{old} values are under the old key, and {new} already under the new one{without_id}{kept}: {why}"
                ),
            });
        }
        let sample = if self.sum(|job| job.passed_over) == 0 { "" } else { "sampled " };
        let (key, by_key) = self.by_key();
        Ok(format!(
            "of {sampled} {sample}values, {old} are under the old {key}{by_key}, and {new} under the new \
             one{without_id}{kept}"
        ))
    }

    /// How many values are under which old key, if they are under several.
    fn by_key(&self) -> (&'static str, String) {
        let mut keys: BTreeMap<&str, u64> = BTreeMap::new();
        for (key, count) in self.jobs.iter().flat_map(|job| &job.under) {
            *keys.entry(key).or_default() += count;
        }
        if keys.len() < 2 {
            return ("key", String::new());
        }
        let counts: Vec<_> = keys.into_iter().map(|(key, count)| format!("{count} under {key}")).collect();
        ("keys", format!(" ({})", counts.join(", ")))
    }

    fn check_unreadable(&self, opened: u64, accepted: Option<u64>) -> Result<()> {
        let found = self.unreadable();
        if accepted.is_some_and(|accepted| found <= accepted) {
            return Ok(());
        }
        let strange = self.jobs.iter().filter(|job| job.unreadable > 0).map(JobSurvey::strange);
        let what = format!(
            "of {opened} values, neither the old nor the new key decrypts {found}: {}",
            strange.collect::<Vec<_>>().join(", ")
        );
        Err(Error::new(Id::MostUnreadable, what).fix(format!(
            "check whether they are under a third key, and whether this is the right copy; to leave them as \
             they are and rotate the rest, add --accept-unreadable {found}"
        )))
    }

    /// Refuses to begin over values that open under both keys, unless exactly that many are
    /// accepted.
    pub fn check_ambiguous(&self, accepted: Option<u64>) -> Result<()> {
        let found = self.ambiguous();
        if found == 0 || accepted == Some(found) {
            return Ok(());
        }
        let places: Vec<_> =
            self.jobs.iter().filter(|job| job.ambiguous > 0).map(|job| &*job.place).collect();
        Err(Error::new(
            Id::Ambiguous,
            format!("both keys decrypt {found} ECB or CBC values, in {}", places.join(", ")),
        )
        .fix(format!(
            "check the rows; to leave them as they are and rotate the rest, add --accept-ambiguous {found}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(place: &str, under_old: u64, under_new: u64, unreadable: u64) -> JobSurvey {
        let place = place.to_owned();
        let gcm = under_old + under_new + unreadable;
        let (about_old, about_new) = (under_old, under_new);
        JobSurvey {
            place,
            gcm,
            under_old,
            under_new,
            unreadable,
            about_old,
            about_new,
            ..JobSurvey::default()
        }
    }

    fn id(jobs: &[JobSurvey]) -> Option<Id> {
        let survey = Survey { jobs: jobs.to_vec() };
        survey.check_keys(&Accepted::default()).err().map(|error| error.id())
    }

    #[test]
    fn each_target_is_judged_by_its_own_values() {
        let large = job("LARGE", 10_000, 0, 0);
        assert_eq!(id(&[large.clone(), job("SMALL", 0, 0, 3)]), Some(Id::MostUnreadable));
        assert_eq!(id(&[large.clone(), job("SMALL", 97, 0, 6)]), Some(Id::MostUnreadable));
        // One that strayed among few stops nothing, and is named.
        let few = [large, job("SMALL", 1, 0, 1), job("OTHER", 0, 0, 2)];
        assert_eq!(id(&few), None);
        let survey = Survey { jobs: few.to_vec() };
        let said = survey.strange().unwrap_or_default();
        assert!(said.contains("1 of 2 in SMALL") && said.contains("2 of 2 in OTHER"), "{said}");
    }

    #[test]
    fn next_to_nothing_under_the_old_key_is_nothing() {
        for (old, new) in [(0, 1), (1, 4), (2, 8), (1, 10_000), (1_000, 10_000)] {
            assert_eq!(id(&[job("A", old, new, 0)]), Some(Id::AllAlreadyNew), "{old} and {new}");
        }
        for (old, new) in [(1, 0), (1, 3), (3, 20), (2_000, 10_000), (10_000, 1)] {
            assert_eq!(id(&[job("A", old, new, 0)]), None, "{old} and {new}");
        }
    }
}
