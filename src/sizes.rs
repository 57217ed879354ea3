//! How much is read and written at once: every such number of the program, in one value.

/// Rows, keys and entries at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of a page whose values have a few hundred bytes each.
    pub rows: usize,
    /// Rows that are carried over in one transaction.
    pub carried: usize,
    /// Entries of a change log that are read, and acknowledged, at once: never a long transaction on the
    /// live server.
    pub entries: usize,
    /// Pages of entries that one table gets before the next one's turn.
    pub pages_of_entries: usize,
    /// Pages of keys that are looked for in the other database before the change log gets its turn.
    pub pages_of_keys: usize,
}

impl Sizes {
    /// What was measured to be quick.
    pub const USUAL: Self =
        Self { rows: 1000, carried: 1000, entries: 2000, pages_of_entries: 4, pages_of_keys: 10 };

    /// The usual ones; what a test asks for in its stead.
    pub fn new() -> Self {
        #[cfg(feature = "failpoints")]
        if let Some(size) = std::env::var("KEYROTATION_SIZES").ok().and_then(|size| size.parse().ok()) {
            return Self::of(size);
        }
        Self::USUAL
    }

    /// So few of everything that each test crosses the end of a page.
    #[cfg(feature = "failpoints")]
    fn of(size: usize) -> Self {
        Self { rows: size, carried: size, entries: size, pages_of_entries: size, pages_of_keys: size }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self::new()
    }
}
