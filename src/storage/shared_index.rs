//! A series index that writers change while readers use it.
//!
//! Invariant: a reader sees the series of one position of the log, however long it reads. A series that is removed is only
//! marked with the position of its removal, and is cleared when no reader is older than that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fluxstone_columns::{SeriesId, SeriesPredicate, SeriesRef};
use fluxstone_model::Text;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::series_index::{SeriesIndex, View, walk};

/// The most series that are cleared while writers wait.
const CLEARED_AT_ONCE: usize = 1024;

/// The most series that are copied while writers wait.
const COPIED_AT_ONCE: usize = 1024;

/// A series index and the positions of its readers.
#[derive(Debug, Default)]
pub(crate) struct SharedIndex {
    index: RwLock<SeriesIndex>,
    /// An id up to which there is, or was, a series: the largest that a writer added.
    added: AtomicU64,
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

    /// Reports that a series was added.
    pub(crate) fn note_added(&self, id: SeriesId) {
        self.added.store(id.0, Ordering::Release);
    }

    /// Whether there is, or was, a series with this id or a larger one. Does not wait for others if a writer reported it.
    pub(crate) fn has_reached(&self, id: SeriesId) -> bool {
        self.added.load(Ordering::Acquire) >= id.0 || self.read().has_reached(id)
    }

    /// Clears series whose removal every reader sees, given the position of the next record to apply. Writers wait for a few
    /// of them at a time.
    pub(crate) fn clear_removed(&self, next_position: u64) {
        let oldest = self.readers.lock().first_key_value().map(|(position, _)| *position);
        let position = oldest.map_or(next_position, |oldest| oldest.min(next_position));
        loop {
            let mut index = self.write();
            let is_done = index.clear_removed(position, CLEARED_AT_ONCE) == 0;
            RwLockWriteGuard::unlock_fair(index);
            if is_done {
                return self.rebuild_if_sparse();
            }
        }
    }

    /// Replaces the index by one without the rows that were cleared, if these are most of them. It is built while others read
    /// and write.
    fn rebuild_if_sparse(&self) {
        let Some(removed) = self.read().sparse() else { return };
        let mut fresh = SeriesIndex::default();
        let mut next = SeriesId(0);
        loop {
            let some: Vec<_> = self.read().iter_from(next, View::ALL).take(COPIED_AT_ONCE).collect();
            next = copy(&some, &mut fresh).unwrap_or(next);
            if some.len() < COPIED_AT_ONCE {
                break;
            }
        }
        let mut index = self.write();
        // Row numbers change, and only readers know any.
        if index.sparse() == Some(removed) && self.readers.lock().is_empty() {
            copy(&index.iter_from(next, View::ALL).collect::<Vec<_>>(), &mut fresh);
            std::mem::swap(&mut *index, &mut fresh);
        }
        // The other one is freed when nobody waits for it any more.
        drop(index);
    }
}

/// Adds series, and returns the id after the last one.
fn copy(series: &[(SeriesId, Vec<u8>)], to: &mut SeriesIndex) -> Option<SeriesId> {
    for (id, key) in series {
        to.insert(*id, key);
    }
    series.last().map(|(id, _)| SeriesId(id.0 + 1))
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

    /// Returns the visible measurements in byte order.
    pub(crate) fn measurements(&self) -> Vec<Text> {
        walk::measurements(&mut self.shared.read(), self.view)
    }

    /// Returns the tag keys of a measurement.
    pub(crate) fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        walk::tag_keys(&mut self.shared.read(), measurement, self.view)
    }

    /// Passes the series of a measurement for which `predicate` holds to `visit`, in the order of their keys, until it breaks: it is
    /// also called with nothing while they are looked for.
    pub(crate) fn for_each_matching(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        visit: &mut dyn FnMut(Option<SeriesRef>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        walk::for_each_matching(&mut self.shared.read(), measurement, predicate, self.view, visit)
    }

    /// Returns the wanted tag keys with their values in the series of a measurement for which `predicate` holds, in byte order,
    /// unless `go_on` breaks: it is asked while they are looked for, and for each with its bytes.
    pub(crate) fn tag_values_while(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        is_wanted: &dyn Fn(&Text) -> bool,
        go_on: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Option<Vec<(Text, Text)>> {
        walk::tag_values_while(&mut self.shared.read(), measurement, predicate, (self.view, is_wanted), go_on)
    }

    /// Returns the measurement of a series, if the series exists.
    pub(crate) fn measurement_of(&self, series: SeriesId) -> Option<Text> {
        self.shared.read().measurement_of(series, self.view).cloned()
    }

    /// Whether a series exists.
    pub(crate) fn has(&self, series: SeriesId) -> bool {
        self.shared.read().measurement_of(series, self.view).is_some()
    }

    /// Passes the series from `first` on with their raw keys to `visit`, in the order of their ids, until it breaks. Writers wait.
    pub(crate) fn visit_from(
        &self,
        first: SeriesId,
        visit: &mut dyn FnMut(SeriesId, &[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.shared.read().visit_from(first, self.view, visit)
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

#[cfg(test)]
mod tests {
    use std::ops::Deref;

    use fluxstone_model::RawSeriesKey;

    use super::*;
    use crate::series_index::SeriesBound;
    use crate::series_index::walk::Reading;

    #[test]
    fn the_index_is_rebuilt_when_most_series_were_removed() {
        let keys: Vec<String> = (0..5000).map(|i| format!("m,a={i}")).collect();
        let shared = Arc::new(SharedIndex::default());
        for (id, key) in (1..).zip(&keys) {
            shared.write().insert(SeriesId(id), key.as_bytes());
        }
        shared.write().remove(&(1..4990).map(SeriesId).collect::<Vec<_>>(), 1);
        let reader = IndexReader::new(shared.clone(), View { bound: SeriesBound::ALL, position: 2 });
        shared.clear_removed(2);
        assert!(shared.read().sparse().is_some(), "nothing is rebuilt under a reader");
        drop(reader);
        shared.clear_removed(2);
        let mut index = shared.write();
        assert_eq!((index.len(View::ALL), index.sparse()), (11, None));
        assert_eq!(index.ids_from(SeriesId(0)), (4990..=5000).map(SeriesId).collect::<Vec<_>>());
        assert_eq!(index.measurement_of(SeriesId(4995), View::ALL), Some(&"m".into()));
        assert_eq!(
            (index.measurement_of(SeriesId(5000), View::ALL).is_some(), index.measurement_of(SeriesId(1), View::ALL)),
            (true, None)
        );
        assert!(index.has_reached(SeriesId(5000)) && !index.has_reached(SeriesId(5001)));
        index.insert(SeriesId(6000), b"m,a=1");
        let found = index.find(&RawSeriesKey::new(b"m,a=1")).map(|(id, _)| id);
        assert_eq!(found, Some(SeriesId(6000)));
    }

    /// Read access during whose pauses series are added and cleared.
    struct Disturbed<'i> {
        shared: &'i SharedIndex,
        guard: Option<RwLockReadGuard<'i, SeriesIndex>>,
        next: u64,
    }

    impl Deref for Disturbed<'_> {
        type Target = SeriesIndex;

        fn deref(&self) -> &SeriesIndex {
            self.guard.as_ref().unwrap()
        }
    }

    impl Reading for Disturbed<'_> {
        fn pause(&mut self) {
            self.guard = None;
            let (id, shared) = (self.next, self.shared);
            shared.write().insert(SeriesId(id), format!("m,a=x{id},b={}", id % 7).as_bytes());
            shared.write().remove(&[SeriesId(id)], 2);
            shared.write().clear_removed(1, 1);
            self.next += 1;
            self.guard = Some(shared.read());
        }

        fn unlocked<T>(&mut self, work: impl FnOnce() -> T) -> T {
            self.pause();
            work()
        }
    }

    // spec: storage.schema.2
    #[test]
    fn a_walk_shows_its_view_whatever_others_do_in_its_pauses() {
        let keys: Vec<String> = (1..=300).map(|id| format!("m,a={},b={}", id * 7 % 307, id % 5)).collect();
        let shared = SharedIndex::default();
        for (id, key) in (1..).zip(&keys) {
            shared.write().insert(SeriesId(id), key.as_bytes());
        }
        for id in 1..=50 {
            shared.write().remove(&[SeriesId(id)], 0);
        }
        let view = View { bound: SeriesBound(SeriesId(301)), position: 1 };
        let mut index = Disturbed { shared: &shared, guard: Some(shared.read()), next: 1000 };
        let mut want: Vec<&String> = keys[50..].iter().filter(|key| !key.ends_with("b=3")).collect();
        want.sort();
        let not_3 = SeriesPredicate::NotEqual { key: "b".into(), value: "3".into() };
        for _ in 0..2 {
            let found = walk::matching(&mut index, b"m", &not_3, view);
            assert_eq!(
                found.iter().map(|series| series.key.to_string()).collect::<Vec<_>>().iter().collect::<Vec<_>>(),
                want
            );
        }
        let without = SeriesPredicate::Equal { key: "a".into(), value: "".into() };
        assert_eq!(walk::matching(&mut index, b"m", &without, view).len(), 0);
        assert_eq!(walk::measurements(&mut index, view), ["m"]);
        assert_eq!(walk::tag_keys(&mut index, b"m", view).len(), 2);
    }

    // spec: storage.schema.2
    #[test]
    fn a_pause_lets_a_writer_in() {
        let shared = SharedIndex::default();
        let mut index = shared.read();
        std::thread::scope(|scope| {
            scope.spawn(|| shared.write().insert(SeriesId(1), b"m"));
            while index.len(View::ALL) == 0 {
                index.pause();
            }
        });
    }
}
