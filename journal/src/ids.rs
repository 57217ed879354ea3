//! What targets and chunks are named by in the journal: numbers that are not to be mistaken for others.
//!
//! In the format they are plain integers, as they were before they had types.

use serde::{Deserialize, Serialize};

/// A target's position in [`Rotation::targets`](crate::Rotation::targets).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetId(u16);

/// A chunk's number within its target: 0, 1, 2, … without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ordinal(u64);

impl TargetId {
    /// The target at this position.
    pub const fn new(position: u16) -> Self {
        Self(position)
    }

    /// The positions in order: to be zipped with a list of targets.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u16::MAX).map(Self)
    }

    /// The number, as the journal's format has it.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The position in the list.
    pub const fn position(self) -> usize {
        self.0 as usize
    }
}

impl Ordinal {
    /// The first chunk of every target.
    pub const FIRST: Self = Self(0);

    /// The chunk with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// All chunks before the one that is `next`: how many they are is its number.
    pub fn before(next: Self) -> impl DoubleEndedIterator<Item = Self> {
        (0..next.0).map(Self)
    }

    /// The number, as the journal's format has it.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The chunk after this one; none after the last that can be numbered.
    pub const fn following(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl std::fmt::Display for TargetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for Ordinal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
