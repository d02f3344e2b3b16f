//! A series index that writers change while readers use it.
//!
//! Invariant: a reader sees the series of one position of the log, however long it reads. A series that is removed is only
//! marked with the position of its removal, and is cleared when no reader is older than that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxstone_columns::{SeriesId, SeriesPredicate, SeriesRef};
use fluxstone_model::Text;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::series_index::{SeriesIndex, View};

/// The most series that are cleared while writers wait.
const CLEARED_AT_ONCE: usize = 1024;

/// A series index and the positions of its readers.
#[derive(Debug, Default)]
pub(crate) struct SharedIndex {
    index: RwLock<SeriesIndex>,
    /// How many readers there are of each position.
    readers: Mutex<BTreeMap<u64, usize>>,
}

impl SharedIndex {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, SeriesIndex> {
        self.index.read()
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, SeriesIndex> {
        self.index.write()
    }

    /// Clears series whose removal every reader sees, given the position of the next record to apply. Writers wait for a few
    /// of them at a time.
    pub(crate) fn clear_removed(&self, next_position: u64) {
        let oldest = self.readers.lock().first_key_value().map(|(position, _)| *position);
        let position = oldest.map_or(next_position, |oldest| oldest.min(next_position));
        loop {
            let mut index = self.write();
            let is_done = index.clear_removed(position, CLEARED_AT_ONCE) == 0;
            // Row numbers change, and only readers know any.
            if is_done && self.readers.lock().is_empty() {
                index.rebuild_if_sparse();
            }
            RwLockWriteGuard::unlock_fair(index);
            if is_done {
                return;
            }
        }
    }
}

/// A reader of the series of one position of the log.
#[derive(Debug)]
pub(crate) struct IndexReader {
    shared: Arc<SharedIndex>,
    view: View,
}

impl IndexReader {
    /// Begins to read. `view` must not be older than the state to which the index belongs.
    pub(crate) fn new(shared: Arc<SharedIndex>, view: View) -> Self {
        *shared.readers.lock().entry(view.position).or_default() += 1;
        IndexReader { shared, view }
    }

    /// Returns the measurements in byte order.
    pub(crate) fn measurements(&self) -> Vec<Text> {
        self.shared.read().measurements(self.view)
    }

    /// Returns the tag keys of a measurement.
    pub(crate) fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        self.shared.read().tag_keys(measurement, self.view)
    }

    /// Returns the series of a measurement for which `predicate` holds, in the order of their keys.
    pub(crate) fn matching(&self, measurement: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef> {
        self.shared.read().matching(measurement, predicate, self.view)
    }

    /// Returns the measurement of a series, if the series exists.
    pub(crate) fn measurement_of(&self, series: SeriesId) -> Option<Text> {
        self.shared.read().measurement_of(series, self.view).cloned()
    }

    /// Returns up to `count` series from `first` on with their raw keys, in the order of their ids.
    pub(crate) fn series_from(&self, first: SeriesId, count: usize) -> Vec<(SeriesId, Vec<u8>)> {
        self.shared.read().iter_from(first, self.view).take(count).collect()
    }
}

impl Drop for IndexReader {
    fn drop(&mut self) {
        let mut readers = self.shared.readers.lock();
        if let Some(count) = readers.get_mut(&self.view.position) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.view.position);
            }
        }
    }
}
