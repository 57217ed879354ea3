//! How fast work goes and how long it will take, said only when it is known.

use std::collections::VecDeque;
use std::time::Duration;

/// The stretch of work over which speed is measured.
const WINDOW: Duration = Duration::from_mins(1);

/// The shortest stretch that says anything of the speed, and of what is to come.
const FOR_A_RATE: Duration = Duration::from_secs(5);
const FOR_A_GUESS: Duration = Duration::from_secs(15);

/// How often a count is kept.
const KEEP_EVERY: Duration = Duration::from_millis(900);

/// Measures speed over the last minute of work. Time in which nothing could be done is not counted:
/// the caller's clock stands still then.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    /// The clock, and how many were done by then; growing.
    counts: VecDeque<(Duration, u64)>,
}

impl Meter {
    /// So many are done by now.
    pub(super) fn note(&mut self, now: Duration, done: u64) {
        if self.counts.back().is_some_and(|(_, before)| done < *before) {
            self.counts.clear(); // other work
        }
        if self.counts.back().is_some_and(|(at, _)| now < *at + KEEP_EVERY) {
            return;
        }
        self.counts.push_back((now, done));
        while self.counts.len() > 2 && self.counts.front().is_some_and(|(at, _)| *at + WINDOW < now) {
            self.counts.pop_front();
        }
    }

    /// How many are done in a second.
    pub(super) fn rate(&self) -> Option<u64> {
        let (time, done) = self.between(0, self.counts.len().checked_sub(1)?)?;
        (time >= FOR_A_RATE).then(|| per_second(time, done))
    }

    /// How long `left` more will take; none while it cannot be told: too little was seen, nothing is
    /// done, or the speed changes.
    pub(super) fn time_for(&self, left: u64) -> Option<Duration> {
        let last = self.counts.len().checked_sub(1)?;
        let (time, done) = self.between(0, last)?;
        if time < FOR_A_GUESS || done == 0 {
            return None;
        }
        // The two halves of what was seen must tell about the same.
        let middle = self.counts.iter().position(|(at, _)| *at >= self.counts[0].0 + time / 2)?;
        let (early, late) = (self.between(0, middle)?, self.between(middle, last)?);
        let (early, late) = (per_second(early.0, early.1), per_second(late.0, late.1));
        if early.max(late) > 2 * early.min(late) {
            return None;
        }
        let nanoseconds = time.as_nanos().checked_mul(u128::from(left))? / u128::from(done);
        u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
    }

    fn between(&self, from: usize, to: usize) -> Option<(Duration, u64)> {
        let ((began, before), (ended, after)) = (self.counts.get(from)?, self.counts.get(to)?);
        Some((ended.checked_sub(*began)?, after.checked_sub(*before)?))
    }
}

fn per_second(time: Duration, done: u64) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    done.saturating_mul(1000) / milliseconds
}

/// A guess in words: no finer than it is good.
pub(super) fn about(time: Duration) -> String {
    let (tens, minutes) = (time.as_secs().div_ceil(10).max(1), time.as_secs().div_ceil(60));
    match minutes {
        0 | 1 if tens < 6 => format!("about {} s left", tens * 10),
        0 | 1 => "about a minute left".to_owned(),
        2..60 => format!("about {minutes} min left"),
        _ => {
            let quarters = minutes.div_ceil(15) * 15;
            match quarters % 60 {
                0 => format!("about {} h left", quarters / 60),
                rest => format!("about {} h {rest} min left", quarters / 60),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A meter that has seen `seconds` of work of which each does what `speed` says.
    fn seen(seconds: u64, speed: impl Fn(u64) -> u64) -> Meter {
        let mut meter = Meter::default();
        let mut done = 0;
        for second in 0..=seconds {
            meter.note(Duration::from_secs(second), done);
            done += speed(second);
        }
        meter
    }

    #[test]
    fn nothing_is_said_before_enough_was_seen() {
        assert_eq!(Meter::default().rate(), None);
        assert_eq!(Meter::default().time_for(10), None);
        assert_eq!(seen(4, |_| 100).rate(), None);
        assert_eq!(seen(5, |_| 100).rate(), Some(100));
        assert_eq!(seen(14, |_| 100).time_for(1000), None);
        assert_eq!(seen(15, |_| 100).time_for(1000), Some(Duration::from_secs(10)));
    }

    #[test]
    fn only_the_last_minute_counts() {
        let meter = seen(300, |second| if second < 200 { 1000 } else { 100 });
        assert_eq!(meter.rate(), Some(100));
        assert_eq!(meter.time_for(6000), Some(Duration::from_mins(1)));
    }

    #[test]
    fn nothing_is_said_of_the_end_while_the_speed_changes_or_nothing_is_done() {
        assert_eq!(seen(60, |second| if second < 30 { 1000 } else { 100 }).time_for(1000), None);
        assert_eq!(seen(60, |second| if second < 30 { 1000 } else { 0 }).time_for(1000), None);
        assert_eq!(seen(60, |_| 0).time_for(1000), None);
        assert_eq!(seen(60, |_| 0).rate(), Some(0));
        // Work that comes in lumps of some seconds, as commits do, is steady all the same.
        let lumps = seen(60, |second| if second % 6 == 5 { 6000 } else { 0 });
        let guess = lumps.time_for(60_000).unwrap();
        assert!((50..=70).contains(&guess.as_secs()), "{guess:?}");
    }

    #[test]
    fn a_count_that_falls_is_other_work() {
        let mut meter = seen(60, |_| 100);
        meter.note(Duration::from_secs(61), 5);
        assert_eq!((meter.rate(), meter.time_for(5)), (None, None));
    }

    #[test]
    fn guesses_are_no_finer_than_they_are_good() {
        let about = |seconds| about(Duration::from_secs(seconds));
        assert_eq!(
            [0, 12, 59, 61, 3540].map(about),
            [
                "about 10 s left",
                "about 20 s left",
                "about a minute left",
                "about 2 min left",
                "about 59 min left"
            ]
        );
        assert_eq!(
            [3600, 3700, 6000, 7200, 90_000].map(about),
            [
                "about 1 h left",
                "about 1 h 15 min left",
                "about 1 h 45 min left",
                "about 2 h left",
                "about 25 h left"
            ]
        );
    }
}
