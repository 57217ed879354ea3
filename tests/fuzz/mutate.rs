//! Mutations, and the small random generator that chooses them: the same seed makes the same inputs.

/// No input grows beyond this.
pub(crate) const MAX_LENGTH: usize = 256 * 1024;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    /// A number from 1 to two to the power of `bits - 1`, mostly a small one.
    fn skewed(&mut self, bits: usize) -> usize {
        let limit = 1 << self.below(bits);
        1 + self.below(limit)
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// A range of at most `longest` bytes within `length`.
    fn range(&mut self, length: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let end = start + self.below(longest.min(length - start) + 1);
        start..end
    }
}

/// Values that length fields, counts and numbers go wrong at.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x0001_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0x7FFF_FFFF_FFFF_FFFF,
    u64::MAX,
];

/// A few changes at random to `input`, some with parts of `other`.
pub(crate) fn mutate(input: &[u8], other: &[u8], dictionary: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.skewed(4) {
        one(&mut bytes, other, dictionary, random);
        bytes.truncate(MAX_LENGTH);
    }
    bytes
}

fn one(bytes: &mut Vec<u8>, other: &[u8], dictionary: &[&[u8]], random: &mut Random) {
    let length = bytes.len();
    let at = random.below(length + 1);
    match random.below(11) {
        0 if at < length => bytes[at] ^= 1 << random.below(8),
        1 if at < length => bytes[at] = random.next().to_be_bytes()[0],
        2 => drop(bytes.drain(random.range(length, 64))),
        3 => {
            let copy = bytes[random.range(length, 256)].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => drop(bytes.splice(at..at, random.pick(dictionary).iter().copied())),
        5 => {
            let token = random.pick(dictionary);
            let end = (at + token.len()).min(length);
            bytes.splice(at..end, token.iter().copied());
        }
        6 => {
            let part = other[random.range(other.len(), 1024)].to_vec();
            bytes.splice(random.range(length, 1024), part);
        }
        7 if random.below(4) == 0 => bytes.truncate(at),
        8 => {
            let number = NUMBERS[random.below(NUMBERS.len())].to_be_bytes();
            let width = random.pick(&[&1, &2, &4, &8]);
            let end = (at + width).min(length);
            bytes.splice(at..end, number[8 - width..].iter().copied());
        }
        9 if at < length => {
            let step = u8::try_from(1 + random.below(8)).expect("below 9");
            bytes[at] = if random.below(2) == 0 {
                bytes[at].wrapping_add(step)
            } else {
                bytes[at].wrapping_sub(step)
            };
        }
        // Many times the same: deep nesting, long lists.
        10 if random.below(4) == 0 => {
            let unit = if random.below(2) == 0 {
                random.pick(dictionary).to_vec()
            } else {
                bytes[random.range(length, 64)].to_vec()
            };
            bytes.splice(at..at, unit.repeat(random.skewed(13)));
        }
        _ => {}
    }
}
