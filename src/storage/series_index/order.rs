//! The order of the keys of a measurement, found when it is first asked for and brought up to date then.

use std::sync::Arc;

use parking_lot::Mutex;

use super::postings::RowSet;
use super::rows::{RowNumber, Rows};

/// The rows of a measurement in the order of their keys, as far as they were sorted.
#[derive(Debug, Default)]
pub(super) struct KeyOrder(Mutex<Sorted>);

#[derive(Debug, Clone, Default)]
struct Sorted {
    rows: Arc<Vec<RowNumber>>,
    /// Rows from here on are not among them.
    end: RowNumber,
}

impl Clone for KeyOrder {
    fn clone(&self) -> Self {
        KeyOrder(Mutex::new(self.0.lock().clone()))
    }
}

impl KeyOrder {
    /// All of `set` in the order of their keys. It has not lost a row since it was asked for before.
    pub(super) fn of(&self, set: &RowSet, rows: &Rows) -> Arc<Vec<RowNumber>> {
        let mut sorted = self.0.lock();
        let mut added: Vec<RowNumber> = set.range(sorted.end..).collect();
        let Some(&last) = added.last() else { return sorted.rows.clone() };
        added.sort_unstable_by(|a, b| rows.compare(*a, *b));
        let before = std::mem::take(&mut sorted.rows);
        let mut merged = Vec::with_capacity(before.len() + added.len());
        let mut copied = 0;
        for row in added {
            // Where it belongs among what is left; the binary search needs fewer comparisons than a merge.
            let here = copied + before[copied..].partition_point(|other| rows.compare(*other, row).is_lt());
            merged.extend_from_slice(&before[copied..here]);
            merged.push(row);
            copied = here;
        }
        merged.extend_from_slice(&before[copied..]);
        *sorted = Sorted { rows: Arc::new(merged), end: last + 1 };
        sorted.rows.clone()
    }
}
