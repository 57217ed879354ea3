//! How many rows and keys a statement takes, and how they are bound.

use super::dialect::{Dialect, Write};
use super::sizes::Sizes;
use super::table::{Kind, Table};
use super::value::Value;

/// How many keys a statement names, of `most`.
pub(super) fn keys_at_once(dialect: &Dialect, table: &Table, most: usize) -> usize {
    let is_wide = table.relation.key.len() > 1 && dialect.write == Write::LockThenBatch;
    if is_wide { Sizes::new().wide_keys } else { most }
}

/// Keys as sets of values, one for each statement.
pub(super) fn each(keys: &[Vec<Value>]) -> Vec<Vec<&Value>> {
    keys.iter().map(|key| key.iter().collect()).collect()
}

/// How many keys a statement for so many names: few statements serve all lengths.
pub(super) fn padded(keys: usize, most: usize) -> usize {
    keys.next_power_of_two().min(most.max(keys))
}

/// Keys as parameters, filled up with the last one, which changes nothing.
pub(super) fn padded_keys(keys: &[Vec<Value>], length: usize) -> Vec<Value> {
    let padding = keys.last().into_iter().cycle().take(length.saturating_sub(keys.len()));
    keys.iter().chain(padding).flatten().cloned().collect()
}

/// An array for each column of the key.
pub(super) fn keys_by_column<'a>(table: &Table, keys: &'a [Vec<Value>]) -> Vec<(Kind, Vec<&'a Value>)> {
    key_arrays(table, &keys.iter().map(Vec::as_slice))
}

/// Likewise, of keys from wherever they are.
pub(super) fn key_arrays<'a>(
    table: &Table,
    keys: &(impl Iterator<Item = &'a [Value]> + Clone),
) -> Vec<(Kind, Vec<&'a Value>)> {
    let column = |(at, (_, kind))| (kind, keys.clone().filter_map(|key| key.get(at)).collect());
    table.key_kinds().enumerate().map(column).collect()
}

/// Divides rows into parts of few different lengths: `most`, or a power of two. A statement for each
/// length is prepared once; of any length, most would be prepared for one use.
pub(super) fn parts<T>(mut rows: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = match rows.len() {
            0 => return None,
            many if many >= most => most,
            few => 1 << few.ilog2(),
        };
        let (part, rest) = rows.split_at(length);
        rows = rest;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_few_lengths_and_leave_nothing_out() {
        let rows: Vec<usize> = (0..1137).collect();
        let lengths: Vec<usize> = parts(&rows, 500).map(<[usize]>::len).collect();
        assert_eq!(lengths, [500, 500, 128, 8, 1]);
        assert_eq!(parts(&rows, 500).collect::<Vec<_>>().concat(), rows);
        assert_eq!(parts(&rows[..0], 500).count(), 0);
    }
}
