//! A small seeded generator (splitmix64), so that a demo can be made again byte for byte.
//!
//! Nothing secret comes from here: it is predictable on purpose.

use std::fmt::Write as _;

/// The generator's state.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if there is none. Its bias is nothing at the sizes used here.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// Lower-case hexadecimal digits, sixteen at a time.
    pub(super) fn hex(&mut self, sixteens: usize) -> String {
        let mut text = String::with_capacity(16 * sixteens);
        for _ in 0..sixteens {
            let _ = write!(text, "{:016x}", self.next()); // writing to a string cannot fail
        }
        text
    }

    /// A random UUID (version 4) in lower case.
    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// Base32 digits, as TOTP secrets are written.
    pub(super) fn base32(&mut self, length: usize) -> String {
        const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        (0..length)
            .map(|_| DIGITS.get((self.next() & 31) as usize).map_or('A', |&digit| char::from(digit)))
            .collect()
    }
}
