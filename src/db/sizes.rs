//! How much is read and written at once: every such number of the program, in one value.

/// Rows, keys and entries at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of a page whose values have a few hundred bytes each.
    pub rows: usize,
    /// Rows of a page whose values may have a thousand times that: serialized objects and files.
    pub heavy_rows: usize,
    /// The fewest rows that a chunk adapts to.
    pub chunk_min: usize,
    /// The most.
    pub chunk_max: usize,
    /// The most rows of a chunk among several that are written side by side.
    pub side_by_side: usize,
    /// Rows after which a transaction of several chunks is committed. Each transaction touches nearly every
    /// page of the indexes over ciphertexts, so fewer of them are quicker.
    pub transaction: usize,
    /// Rows of a chunk that a rehearsal writes.
    pub rehearsed: usize,
    /// Rows of a chunk that names its rows: strays, and those that are tried again.
    pub named: usize,
    /// Rows that are carried over in one transaction.
    pub carried: usize,
    /// Entries of a change log that are read at once.
    pub entries: usize,
    /// Those that are acknowledged in one transaction: never a long one on the live server.
    pub acknowledged: usize,
    /// Pages of entries that one table gets before the next one's turn.
    pub pages_of_entries: usize,
    /// Pages of keys that are looked for in the other database before the change log gets its turn.
    pub pages_of_keys: usize,
    /// Likewise while a change log has more entries than one page takes.
    pub pages_of_keys_behind: usize,
    /// Keys that one statement reads rows by.
    pub keys: usize,
    /// Likewise, where a key of several columns is written out once for each row: no optimizer takes very
    /// many of them for so many looks into the index.
    pub wide_keys: usize,
    /// Keys that one statement locks, changes or deletes rows by.
    pub changed_keys: usize,
    /// Rows that one statement locks, changes, deletes or inserts with an array for each column.
    pub in_arrays: usize,
    /// The most rows that one statement inserts.
    pub inserted: usize,
    /// The most values that it inserts.
    pub inserted_values: usize,
    /// The most rows that one statement compares and sets; each dialect has a number of its own below that.
    pub compared: usize,
    /// By way of a driver that does not hand rows on as they come: rows of a table in which ciphertext is looked for.
    pub looked_through: usize,
}

impl Sizes {
    /// What was measured to be quick.
    pub const USUAL: Self = Self {
        rows: 1000,
        heavy_rows: 50,
        chunk_min: 100,
        chunk_max: 10_000,
        side_by_side: 1000,
        transaction: 200_000,
        rehearsed: 250,
        named: 1000,
        carried: 1000,
        entries: 8000,
        acknowledged: 2000,
        pages_of_entries: 1,
        pages_of_keys: 10,
        pages_of_keys_behind: 1,
        keys: 500,
        wide_keys: 64,
        changed_keys: 256,
        in_arrays: 1000,
        inserted: 500,
        inserted_values: 16_000,
        compared: 2000,
        looked_through: 1000,
    };

    /// Small transactions, for a database that servers work with.
    pub fn gentle() -> Self {
        let usual = Self::new();
        Self {
            chunk_max: usual.chunk_max.min(500),
            side_by_side: usual.side_by_side.min(200),
            transaction: usual.transaction.min(500),
            named: usual.named.min(200),
            ..usual
        }
    }

    /// The usual ones; what a test asks for in its stead.
    pub fn new() -> Self {
        #[cfg(feature = "failpoints")]
        if let Some(size) = std::env::var("KEYROTATION_SIZES").ok().and_then(|size| size.parse().ok()) {
            return Self::of(size);
        }
        Self::USUAL
    }

    /// So little of everything that each test crosses the end of a page.
    #[cfg(feature = "failpoints")]
    fn of(size: usize) -> Self {
        Self {
            rows: size,
            heavy_rows: size,
            chunk_min: size,
            chunk_max: 4 * size,
            side_by_side: size,
            transaction: 3 * size,
            rehearsed: size,
            named: size,
            carried: size,
            entries: size,
            acknowledged: size,
            pages_of_entries: size,
            pages_of_keys: size,
            pages_of_keys_behind: 1,
            keys: size,
            wide_keys: size,
            changed_keys: size,
            in_arrays: size,
            inserted: size,
            inserted_values: 16_000,
            compared: size,
            looked_through: size,
        }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self::new()
    }
}
