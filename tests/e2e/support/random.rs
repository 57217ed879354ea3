//! How often, and what by chance: from the environment, so that a run can be longer, and had again.

use std::env;

/// How many rounds a test makes: `KEYROTATION_ROUNDS`, or `default` where that is not set.
pub(crate) fn rounds(default: u64) -> u64 {
    number_from("KEYROTATION_ROUNDS", default)
}

/// Whether a test that has many cases makes those that differ most, not all: where `KEYROTATION_ROUNDS` is
/// not set.
pub(crate) fn is_brief() -> bool {
    env::var_os("KEYROTATION_ROUNDS").is_none()
}

fn number_from(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// A sequence that can be had again by its seed (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of `KEYROTATION_SEED`, 1 where that is not set.
    pub(crate) fn seeded() -> Self {
        Self(number_from("KEYROTATION_SEED", 1).max(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Another sequence that depends on this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next() | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A place in something so long.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    /// Between 0 and 1.
    pub(crate) fn part(&mut self) -> f64 {
        let of = u32::MAX;
        f64::from(u32::try_from(self.below(of.into())).unwrap_or(of)) / f64::from(of)
    }
}
