//! `--stop-at` and `--stop-after`: an end that is planned when the work begins.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::error::{Error, Id, Result};

/// A moment as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopTime {
    /// The next time that the clock on the wall shows this.
    Clock(Time),
    /// This very moment.
    At(Timestamp),
}

impl FromStr for StopTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_clock = text.len() <= 8 && text.contains(':');
        match (is_clock, text.parse(), text.parse()) {
            (true, Ok(time), _) => Ok(Self::Clock(time)),
            (false, _, Ok(at)) => Ok(Self::At(at)),
            _ => Err("write a time of day as 05:00, or a moment as 2026-11-25T05:00:00+01:00".to_owned()),
        }
    }
}

impl StopTime {
    /// When that is.
    fn after(self, now: &Zoned) -> Option<Timestamp> {
        match self {
            Self::At(at) => (at > now.timestamp()).then_some(at),
            Self::Clock(time) => {
                // Where a time is skipped or comes twice, because clocks are set, the day has it all the same.
                let on =
                    |day: jiff::civil::Date| day.to_datetime(time).to_zoned(now.time_zone().clone()).ok();
                let days = [Some(now.date()), now.date().tomorrow().ok()];
                let moments = days.into_iter().flatten().filter_map(on);
                moments.map(|moment| moment.timestamp()).find(|at| *at > now.timestamp())
            }
        }
    }
}

/// An end as typed: one of the two, or none.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlannedEnd {
    /// At this moment.
    pub at: Option<StopTime>,
    /// After this time.
    pub after: Option<Duration>,
}

/// When that is.
pub fn planned(end: PlannedEnd) -> Result<Option<Timestamp>> {
    planned_at(end, &Zoned::now())
}

fn planned_at(end: PlannedEnd, now: &Zoned) -> Result<Option<Timestamp>> {
    let at = match (end.at, end.after) {
        (Some(moment), _) => moment.after(now),
        (_, Some(time)) => {
            SignedDuration::try_from(time).ok().and_then(|time| now.timestamp().checked_add(time).ok())
        }
        (None, None) => return Ok(None),
    };
    match at {
        Some(at) => Ok(Some(at)),
        None => Err(Error::new(Id::CommandLineValue, "the time to stop at is past, or too far away")),
    }
}

/// A time as people type it: `90s`, `5m` or `2h`.
pub fn duration(text: &str) -> std::result::Result<Duration, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("write it as 90s, 5m or 1h".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "write it as 90s, 5m or 1h".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(moment: &str, now: &str) -> Option<String> {
        let now: Zoned = now.parse().unwrap();
        let at = moment.parse::<StopTime>().unwrap().after(&now)?;
        Some(at.to_zoned(now.time_zone().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    #[test]
    fn a_time_of_day_is_the_next_one_on_the_wall() {
        let evening = "2026-11-24T22:30:00[Europe/Berlin]";
        assert_eq!(after("05:00", evening).unwrap(), "2026-11-25 05:00:00");
        assert_eq!(after("23:15:30", evening).unwrap(), "2026-11-24 23:15:30");
        assert_eq!(after("22:30", evening).unwrap(), "2026-11-25 22:30:00", "now is not the next one");
        // Clocks are set: 02:30 is skipped on the one day, and comes twice on the other.
        assert_eq!(after("02:30", "2026-03-29T01:00:00[Europe/Berlin]").unwrap(), "2026-03-29 03:30:00");
        assert_eq!(after("02:30", "2026-10-25T01:00:00[Europe/Berlin]").unwrap(), "2026-10-25 02:30:00");
    }

    #[test]
    fn a_moment_is_that_one_and_must_not_be_past() {
        let now = "2026-11-24T22:30:00[Europe/Berlin]";
        assert_eq!(after("2026-11-24T22:00:00Z", now).unwrap(), "2026-11-24 23:00:00");
        assert_eq!(after("2026-11-24T21:30:00Z", now), None);
        for wrong in ["5", "25:00", "05:00pm", "tomorrow", "2026-11-24", "2026-11-24T22:00:00", ""] {
            assert!(wrong.parse::<StopTime>().is_err(), "{wrong}");
        }
        let past = PlannedEnd { at: Some("2020-01-01T00:00:00Z".parse().unwrap()), after: None };
        assert_eq!(planned_at(past, &now.parse().unwrap()).unwrap_err().exit() as u8, 2);
        let after = PlannedEnd { at: None, after: Some(Duration::from_hours(2)) };
        let at = planned_at(after, &now.parse().unwrap()).unwrap().unwrap();
        assert_eq!(at.to_string(), "2026-11-24T23:30:00Z");
    }
}
