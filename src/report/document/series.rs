//! A course over time in a bounded number of buckets, however long it takes.
//!
//! Buckets begin narrow; whenever the time outgrows them, pairs of neighbours become one.

use serde::Serialize;

/// The most buckets that a series has.
const MOST: usize = 120;

/// Values over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Series {
    /// How long one bucket is, in milliseconds.
    pub bucket_milliseconds: u64,
    /// One value for each bucket from the beginning on; none where nothing was recorded.
    pub values: Vec<Option<u64>>,
    #[serde(skip)]
    merge: Merge,
}

/// How two values of one bucket become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merge {
    Sum,
    Peak,
}

impl Series {
    /// A series that adds up what falls into one bucket.
    pub(super) fn sums() -> Self {
        Self { bucket_milliseconds: 100, values: Vec::new(), merge: Merge::Sum }
    }

    /// A series that keeps the greatest of what falls into one bucket.
    pub(super) fn peaks() -> Self {
        Self { bucket_milliseconds: 1000, values: Vec::new(), merge: Merge::Peak }
    }

    /// Takes in a value, `at` milliseconds from the beginning.
    pub(super) fn push(&mut self, at: u64, value: u64) {
        let place = loop {
            match usize::try_from(at / self.bucket_milliseconds) {
                Ok(place) if place < MOST => break place,
                _ => self.widen(),
            }
        };
        if self.values.len() <= place {
            self.values.resize(place + 1, None);
        }
        if let Some(slot) = self.values.get_mut(place) {
            *slot = join(*slot, Some(value), self.merge);
        }
    }

    fn widen(&mut self) {
        let merge = self.merge;
        let pairs =
            self.values.chunks(2).map(|pair| pair.iter().copied().fold(None, |a, b| join(a, b, merge)));
        self.values = pairs.collect();
        self.bucket_milliseconds = self.bucket_milliseconds.saturating_mul(2);
    }

    /// How long the series is, in milliseconds.
    pub fn milliseconds(&self) -> u64 {
        self.bucket_milliseconds.saturating_mul(self.values.len() as u64)
    }

    /// The greatest value.
    pub fn peak(&self) -> u64 {
        self.values.iter().flatten().copied().max().unwrap_or_default()
    }
}

fn join(a: Option<u64>, b: Option<u64>, merge: Merge) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(match merge {
            Merge::Sum => a.saturating_add(b),
            Merge::Peak => a.max(b),
        }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Series};

    #[test]
    fn buckets_widen_and_nothing_is_lost() {
        let mut series = Series::sums();
        for at in 0..100_000_u64 {
            series.push(at * 97, 3);
        }
        assert!(series.values.len() <= MOST && series.values.len() > MOST / 2);
        assert_eq!(series.values.iter().flatten().sum::<u64>(), 300_000);
        assert!(series.milliseconds() >= 99_999 * 97);
        // A moment ten years on is one more push, not one more bucket for each second.
        series.push(10 * 365 * 24 * 3600 * 1000, 1);
        assert!(series.values.len() <= MOST);
        assert_eq!(series.values.iter().flatten().sum::<u64>(), 300_001);
    }

    #[test]
    fn peaks_are_kept_and_gaps_stay_gaps() {
        let mut series = Series::peaks();
        series.push(100, 5);
        series.push(900, 4);
        series.push(3_100, 0);
        assert_eq!(series.values, [Some(5), None, None, Some(0)]);
        series.push(130_000, 2);
        assert_eq!((series.values[0], series.peak(), series.bucket_milliseconds), (Some(5), 5, 2000));
    }
}
