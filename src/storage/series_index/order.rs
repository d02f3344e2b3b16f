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
    pub(super) fn of(
        &mut self,
        set: &RowSet,
        compare: &mut dyn FnMut(RowNumber, RowNumber) -> Ordering,
    ) -> Arc<Vec<RowNumber>> {
        if self.rows.len() as u64 > 2 * set.len() {
            self.rows = Arc::new(self.rows.iter().copied().filter(|row| set.contains(*row)).collect());
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
