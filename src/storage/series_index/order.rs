//! The order of the series keys of a measurement, computed when it is first needed and updated when it is needed again.

use std::sync::Arc;

use parking_lot::Mutex;

use super::postings::RowSet;
use super::rows::{RowNumber, Rows};

/// The rows of a measurement in the order of their keys, as far as they have been sorted.
#[derive(Debug, Default)]
pub(super) struct KeyOrder(Mutex<Sorted>);

#[derive(Debug, Default)]
struct Sorted {
    rows: Arc<Vec<RowNumber>>,
    /// Rows from this one on are not among them.
    end: RowNumber,
    /// Whether rows may be among them that no longer exist.
    has_lost: bool,
}

impl KeyOrder {
    /// Notes that a row no longer exists.
    pub(super) fn note_loss(&mut self) {
        self.0.get_mut().has_lost = true;
    }

    /// Returns the rows of `set` in the order of their keys.
    pub(super) fn of(&self, set: &RowSet, rows: &Rows) -> Arc<Vec<RowNumber>> {
        let mut sorted = self.0.lock();
        if std::mem::take(&mut sorted.has_lost) {
            sorted.rows = Arc::new(sorted.rows.iter().copied().filter(|row| set.contains(*row)).collect());
        }
        let mut added: Vec<RowNumber> = set.range(sorted.end..).collect();
        let Some(&last) = added.last() else { return sorted.rows.clone() };
        added.sort_unstable_by(|a, b| rows.compare(*a, *b));
        let old = std::mem::take(&mut sorted.rows);
        let mut merged = Vec::with_capacity(old.len() + added.len());
        let mut copied = 0;
        for row in added {
            // A binary search for its position needs fewer comparisons than a merge.
            let here = copied + old[copied..].partition_point(|other| rows.compare(*other, row).is_lt());
            merged.extend_from_slice(&old[copied..here]);
            merged.push(row);
            copied = here;
        }
        merged.extend_from_slice(&old[copied..]);
        *sorted = Sorted { rows: Arc::new(merged), end: last + 1, has_lost: false };
        sorted.rows.clone()
    }
}
