//! How many rows a chunk has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::source::Row;

/// The fewest rows that a chunk adapts to.
const MIN_ROWS: usize = 100;
/// The most rows that a chunk adapts to.
const MAX_ROWS: usize = 10_000;
/// The most bytes of stored values in a chunk.
const MAX_BYTES: usize = 4 << 20;

/// A chunk quicker than this is followed by a larger one: its commit costs more than its rows.
const QUICK: Duration = Duration::from_millis(700);
/// A chunk slower than this is followed by a smaller one: stopping waits for it.
const SLOW: Duration = Duration::from_secs(3);

/// The rows after which a transaction of several chunks is committed. Each transaction touches nearly
/// every page of the indexes over ciphertexts, so fewer of them are quicker.
const TRANSACTION_ROWS: usize = 25_000;
/// A transaction older than this is committed, whatever it holds.
const OLD: Duration = Duration::from_secs(6);

/// Adapts the size of chunks to how long they take and how much they hold.
#[derive(Debug, Clone)]
pub struct Pacer {
    /// What the time allows.
    rows: Arc<AtomicUsize>,
    /// What the weight of the rows seen last allows.
    light: Arc<AtomicUsize>,
    fixed: bool,
}

impl Pacer {
    /// Starts with `rows` a chunk, and stays there if `fixed`.
    pub fn new(rows: usize, fixed: bool) -> Self {
        Self { rows: Arc::new(AtomicUsize::new(rows)), light: Arc::new(AtomicUsize::new(MAX_ROWS)), fixed }
    }

    /// Begins with a target of whose rows only this is known: so many may be read at once.
    pub fn begin(&self, rows: usize) {
        self.light.store(rows, Ordering::Relaxed);
    }

    /// How many rows the next chunk has at most.
    pub fn rows(&self) -> usize {
        let rows = self.rows.load(Ordering::Relaxed);
        if self.fixed { rows } else { rows.min(self.light.load(Ordering::Relaxed)) }
    }

    /// Whether a transaction that holds so many rows and is so old should be committed. One that is
    /// larger saves work, since chunks touch the same pages of the indexes over ciphertexts; one that
    /// is older makes stopping wait. With a fixed size every chunk is committed alone.
    pub fn is_full(&self, rows: usize, age: Duration) -> bool {
        self.fixed || rows >= TRANSACTION_ROWS || age >= OLD
    }

    /// Drops rows from the end of a page until it is no heavier than 4 MiB, and says
    /// whether it had to.
    pub fn trim(&self, page: &mut Vec<Row>) -> bool {
        if self.fixed {
            return false;
        }
        let before = page.len();
        let mut bytes = 0;
        let heavy = page.iter().position(|row| {
            bytes += row.values.iter().map(crate::db::Value::weight).sum::<usize>();
            bytes > MAX_BYTES
        });
        page.truncate(heavy.map_or(before, |at| at.max(1)));
        // The next page is not to be read for nothing: as many rows as would have fitted.
        if let Some(fitting) = (MAX_BYTES * page.len()).checked_div(bytes) {
            self.light.store(fitting.clamp(1, MAX_ROWS), Ordering::Relaxed);
        }
        page.len() < before
    }

    /// Learns from a chunk of `rows` rows that took `elapsed`.
    pub fn learn(&self, rows: usize, elapsed: Duration) {
        let size = self.rows.load(Ordering::Relaxed);
        if self.fixed || rows < self.rows() / 2 {
            return; // a short last page, or one cut by its weight, says nothing of larger ones
        }
        let next = match elapsed {
            quick if quick < QUICK => size * 2,
            slow if slow > SLOW => size / 2,
            _ => size,
        };
        self.rows.store(next.clamp(MIN_ROWS, MAX_ROWS), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use keyrotation_journal::{Key, KeyPart};

    use super::*;
    use crate::db::Value;

    #[test]
    fn quick_chunks_grow_and_slow_ones_shrink_within_bounds() {
        let pacer = Pacer::new(1000, false);
        for _ in 0..10 {
            pacer.learn(pacer.rows(), Duration::from_millis(1));
        }
        assert_eq!(pacer.rows(), MAX_ROWS);
        for _ in 0..10 {
            pacer.learn(pacer.rows(), Duration::from_secs(10));
        }
        assert_eq!(pacer.rows(), MIN_ROWS);
    }

    #[test]
    fn a_size_from_the_command_line_is_taken_literally() {
        let pacer = Pacer::new(7, true);
        pacer.learn(7, Duration::from_millis(1));
        assert_eq!(pacer.rows(), 7);
    }

    #[test]
    fn a_heavy_page_is_cut_but_never_to_nothing() {
        let row = |bytes| Row {
            key: Key(vec![KeyPart::Int(1)]),
            values: vec![Value::Bytes(vec![0; bytes])],
            hashes: vec![None],
            group: None,
            problem: None,
        };
        let pacer = Pacer::new(100, false);
        let mut page = vec![row(MAX_BYTES / 2), row(MAX_BYTES / 2), row(1)];
        pacer.trim(&mut page);
        assert_eq!(page.len(), 2);
        let mut page = vec![row(MAX_BYTES * 2), row(1)];
        pacer.trim(&mut page);
        assert_eq!(page.len(), 1);
    }
}
