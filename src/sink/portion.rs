//! How much a transaction holds: no more than a cluster takes, and less where others are in the way.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Change;
use super::table::swap;
use crate::db::TransactionLimits;

/// After how many transactions that got through the next may be larger again.
const IN_A_ROW: usize = 8;

/// What the transactions on one table may hold; they share it.
#[derive(Debug)]
pub(super) struct Portion {
    limits: TransactionLimits,
    /// The most rows, after others were in the way.
    rows: AtomicUsize,
    /// How many have got through since.
    through: AtomicUsize,
}

impl Portion {
    pub(super) fn new(limits: TransactionLimits) -> Self {
        Self { limits, rows: AtomicUsize::new(usize::MAX), through: AtomicUsize::new(0) }
    }

    /// How many of these changes go into the next transaction: at least one.
    pub(super) fn of(&self, changes: &[&Change]) -> usize {
        let most = self.rows.load(Ordering::Relaxed).min(self.limits.rows.unwrap_or(usize::MAX)).max(1);
        let mut room = self.limits.bytes.unwrap_or(usize::MAX);
        let fits = |change: &&&Change| {
            let weight = swap(change).weight();
            let fits = weight <= room;
            room = room.saturating_sub(weight);
            fits
        };
        changes.iter().take(most).take_while(fits).count().max(1)
    }

    /// Whether no other session has been in the way yet, or not for long.
    pub(super) fn is_whole(&self) -> bool {
        self.rows.load(Ordering::Relaxed) == usize::MAX
    }

    /// Others were in the way of so many rows: the next are half as many, but one at least.
    pub(super) fn halve(&self, rows: usize) {
        self.through.store(0, Ordering::Relaxed);
        self.rows.fetch_min((rows / 2).max(1), Ordering::Relaxed);
    }

    /// So many rows got through: after some such the next may be twice as many.
    pub(super) fn got_through(&self, rows: usize) {
        let most = self.rows.load(Ordering::Relaxed);
        if rows >= most && self.through.fetch_add(1, Ordering::Relaxed) + 1 >= IN_A_ROW {
            self.through.store(0, Ordering::Relaxed);
            self.rows.store(most.saturating_mul(2), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use keyrotation_journal::{Key, KeyPart};

    use super::super::ChangedCell;
    use super::*;
    use crate::db::Value;

    fn change(bytes: usize) -> Change {
        let value = |length| Value::Bytes(vec![0; length]);
        let cell = ChangedCell { column: 0, old: value(bytes / 2), new: value(bytes - bytes / 2) };
        Change { key: Key(vec![KeyPart::Int(1)]), cells: vec![cell] }
    }

    #[test]
    fn others_in_the_way_halve_it_and_peace_doubles_it_again() {
        let changes: Vec<Change> = (0..1000).map(|_| change(10)).collect();
        let changes: Vec<&Change> = changes.iter().collect();
        let portion = Portion::new(TransactionLimits::default());
        assert_eq!(portion.of(&changes), 1000);
        for rows in [500, 250, 125, 62, 31, 15, 7, 3, 1] {
            assert!(portion.is_whole() == (rows == 500));
            portion.halve(portion.of(&changes));
            assert_eq!(portion.of(&changes), rows);
        }
        for _ in 0..IN_A_ROW {
            assert_eq!(portion.of(&changes), 1);
            portion.got_through(1);
        }
        assert_eq!(portion.of(&changes), 2);
    }

    #[test]
    fn it_stays_within_a_clusters_limits_and_holds_one_row_at_least() {
        let changes = [change(400), change(400), change(400), change(4000)];
        let changes: Vec<&Change> = changes.iter().collect();
        let within = |rows, bytes| Portion::new(TransactionLimits { rows, bytes });
        assert_eq!(within(Some(2), None).of(&changes), 2);
        assert_eq!(within(None, Some(1000)).of(&changes), 2);
        assert_eq!(within(None, Some(1000)).of(&changes[3..]), 1, "its refusal is then the row's own");
        assert_eq!(within(Some(0), Some(0)).of(&changes), 1);
    }
}
