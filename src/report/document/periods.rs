//! Cryptoperiods: how long a key was, and should be, in use.
//!
//! The journal knows when a key was replaced. Since when the old one was in use, and what the
//! organisation's rules say of the new one, only people know; what they do not say is marked.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;

use super::{Made, RotationPart};

/// The step that says that nobody uses the old server any more.
const OLD_SERVER_STOPPED: &str = "old-server-stopped";

/// The step that says, in place, that every server was restarted with the new key alone.
const ONE_KEY: &str = "one-key/restarted";

/// The step that says that the old key is destroyed or sealed.
const OLD_KEY_DESTROYED: &str = "retire/old-key";

/// How long a symmetric data-encryption key should protect new data at most, in years.
const YEARS: i32 = 2;

const ADVICE: &str = "advice: NIST SP 800-57 Part 1 Rev. 5, 5.3.6 recommends that a symmetric data-encryption key \
                      protects new data for no more than two years";

/// How long the two keys are in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cryptoperiods {
    /// Since when the old key was in use, as the report's maker says.
    pub old_in_use_since: Option<String>,
    /// When the last value was moved off it; none if that is not finished everywhere.
    pub old_replaced_at: Option<String>,
    /// From the one to the other, in days.
    pub old_days_in_use: Option<i64>,
    /// When the old server was stopped, which is the end of the old key's use, as people confirmed. In place: when every
    /// server was restarted with the new key alone.
    pub old_server_stopped_at: Option<String>,
    /// When the old key was destroyed or sealed, as people confirmed.
    pub old_destroyed_at: Option<String>,
    /// Since when the new key is in use.
    pub new_in_use_since: String,
    /// The day by which it is to be replaced.
    pub next_rotation_due: String,
    /// Where that day comes from.
    pub due_by: String,
    /// Whether it is advice, and not what the report's maker says.
    pub due_is_advice: bool,
}

/// Whether it was the servers' own database that was rotated, and no copy.
pub(super) fn is_in_place(rotations: &[RotationPart]) -> bool {
    rotations.iter().any(|rotation| rotation.plan.mode.is_in_place())
}

impl Cryptoperiods {
    pub(super) fn of(rotations: &[RotationPart], made: &Made) -> Self {
        let began = rotations.iter().map(|rotation| rotation.began_at).min().unwrap_or_default();
        let began = Timestamp::from_millisecond(began).unwrap_or(Timestamp::UNIX_EPOCH);
        // The last of all journals: a key is replaced once it is replaced everywhere.
        let last = |at: fn(&RotationPart) -> Option<&str>| -> Option<String> {
            let all: Option<Vec<&str>> = rotations.iter().map(at).collect();
            all?.into_iter().max_by_key(|at| at.parse::<Timestamp>().ok()).map(str::to_owned)
        };
        let confirmed = |name: &str| {
            rotations
                .iter()
                .filter_map(|rotation| rotation.step(name))
                .map(|step| step.at.clone())
                .next_back()
        };
        let old_replaced_at = last(|rotation| rotation.finished_at.as_deref());
        let days =
            made.key_in_use_since.as_deref().zip(old_replaced_at.as_deref()).and_then(|(since, until)| {
                let (since, until) = (since.parse::<Date>().ok()?, until.parse::<Timestamp>().ok()?);
                let until = until.to_zoned(jiff::tz::TimeZone::UTC).date();
                Some(i64::from(since.until(until).ok()?.get_days()))
            });
        let advised = began.to_zoned(jiff::tz::TimeZone::UTC).date().checked_add(YEARS.years());
        Self {
            old_in_use_since: made.key_in_use_since.clone(),
            old_replaced_at,
            old_days_in_use: days,
            old_server_stopped_at: confirmed(if is_in_place(rotations) {
                ONE_KEY
            } else {
                OLD_SERVER_STOPPED
            }),
            old_destroyed_at: confirmed(OLD_KEY_DESTROYED),
            new_in_use_since: crate::moment(began),
            next_rotation_due: match (&made.next_rotation_due, advised) {
                (Some(due), _) => due.clone(),
                (None, Ok(date)) => date.to_string(),
                (None, Err(_)) => String::new(),
            },
            due_by: if made.next_rotation_due.is_some() { "given when the report was made" } else { ADVICE }
                .to_owned(),
            due_is_advice: made.next_rotation_due.is_none(),
        }
    }
}
