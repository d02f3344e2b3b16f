//! The order of the series keys of a measurement, computed when it is first needed and updated when it is needed again.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::postings::RowSet;
use super::rows::RowNumber;

/// The rows of a measurement in the order of their keys, as far as they have been sorted.
///
/// Nobody may wait for its lock while he keeps writers of the index waiting: who holds the lock waits for these writers.
#[derive(Debug, Default)]
pub(super) struct KeyOrder(OnceLock<Arc<Mutex<Sorted>>>);

#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Rows that no longer exist may be among them.
    rows: Arc<Vec<RowNumber>>,
    /// Rows from this one on are not among them.
    end: RowNumber,
}

impl KeyOrder {
    /// Returns what is to be locked. It takes no memory before this is called.
    pub(super) fn get(&self) -> Arc<Mutex<Sorted>> {
        self.0.get_or_init(Arc::default).clone()
    }
}

impl Sorted {
    /// Returns the rows of `set`, which are all of the measurement, and possibly others, in the order of their keys.
    ///
    /// Others may have asked with a later set, so nothing is known of rows after the last one of this set.
    pub(super) fn of(
        &mut self,
        set: &RowSet,
        compare: &mut dyn FnMut(RowNumber, RowNumber) -> Ordering,
    ) -> Arc<Vec<RowNumber>> {
        if self.rows.len() as u64 > 2 * set.len() {
            let last = set.max();
            let may_exist = |row: &RowNumber| set.contains(*row) || last.is_none_or(|last| *row > last);
            self.rows = Arc::new(self.rows.iter().copied().filter(may_exist).collect());
        }
        let mut added: Vec<RowNumber> = set.range(self.end..).collect();
        let Some(&last) = added.last() else { return self.rows.clone() };
        added.sort_unstable_by(|a, b| compare(*a, *b));
        let old = std::mem::take(&mut self.rows);
        let mut merged = Vec::with_capacity(old.len() + added.len());
        let mut copied = 0;
        for row in added {
            // A binary search for its position needs fewer comparisons than a merge.
            let here = copied + old[copied..].partition_point(|other| compare(*other, row).is_lt());
            merged.extend_from_slice(&old[copied..here]);
            merged.push(row);
            copied = here;
        }
        merged.extend_from_slice(&old[copied..]);
        *self = Sorted { rows: Arc::new(merged), end: last + 1 };
        self.rows.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sorted: &mut Sorted, rows: impl IntoIterator<Item = RowNumber>) -> Vec<RowNumber> {
        let set: RowSet = rows.into_iter().collect();
        // Keys are in the reverse order of rows.
        sorted.of(&set, &mut |a, b| b.cmp(&a)).to_vec()
    }

    #[test]
    fn a_set_from_before_does_not_remove_what_was_added_since() {
        let mut sorted = Sorted::default();
        assert_eq!(order(&mut sorted, 0..6), [5, 4, 3, 2, 1, 0]);
        assert_eq!(order(&mut sorted, [1]), [5, 4, 3, 2, 1], "row 0 is gone, and the set is from before 2");
        assert_eq!(order(&mut sorted, []), [5, 4, 3, 2, 1]);
        assert_eq!(order(&mut sorted, 1..8), [7, 6, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn rows_that_are_gone_are_left_out_in_the_end() {
        let mut sorted = Sorted::default();
        order(&mut sorted, 0..100);
        assert_eq!(order(&mut sorted, 60..102).len(), 42);
    }
}
