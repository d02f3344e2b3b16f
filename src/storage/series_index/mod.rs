//! The series index of one database: its series, and which of them have which tags.
//!
//! Writers add series before their log record is on disk, so every query names a [`View`] with the [`SeriesBound`] up to which
//! series are visible: ids ascend in log order. Writers hide series before the record that removes them is on disk: they no
//! longer find them, and may add them again, while readers still see them. When the record is applied, series are marked with
//! its position: only older views see them. They are cleared when there are none.
//!
//! The index is made for millions of series: names are stored once (`names`), a series is a row of their numbers (`rows`),
//! tags lead to bitmaps of rows (`postings`), and keys are assembled when they are needed. Whoever reads much of it lets
//! writers in between (`walk`).

mod names;
mod order;
mod postings;
mod rows;
pub(super) mod walk;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use fluxstone_columns::SeriesId;
use fluxstone_model::{RawSeriesKey, Text};
use order::KeyOrder;
use postings::{MeasurementPostings, RowSet};
use rows::{RowNumber, Rows};

/// The index is rebuilt without removed rows when there are more of them than of others, and more than this.
const REMOVED_MIN: usize = 1024;

/// The memory of a measurement, without its series.
const MEASUREMENT_BYTES: usize = 512;

/// The first series id that is not visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeriesBound(pub(super) SeriesId);

impl SeriesBound {
    /// All series are visible.
    pub(super) const ALL: SeriesBound = SeriesBound(SeriesId(u64::MAX));
}

/// What is visible at one position of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) bound: SeriesBound,
    /// Series that were removed by a record before this position are not visible.
    pub(super) position: u64,
}

impl View {
    /// Everything that has not been removed.
    pub(super) const ALL: View = View { bound: SeriesBound::ALL, position: u64::MAX };
}

/// The series of one database.
#[derive(Debug, Default)]
pub(super) struct SeriesIndex {
    rows: Rows,
    measurements: BTreeMap<Text, Measurement>,
    /// Rows that writers no longer find, but that have not been cleared.
    hidden: RowSet,
    /// Those among them that were removed by an applied record, by its position.
    removed: BTreeMap<u64, RowSet>,
}

#[derive(Debug, Default)]
struct Measurement {
    postings: MeasurementPostings,
    order: KeyOrder,
}

impl SeriesIndex {
    /// Adds a series, given its raw key, unless it exists. `id` must be larger than all earlier ones.
    pub(super) fn insert(&mut self, id: SeriesId, key: &[u8]) {
        self.find_or_add(id, &RawSeriesKey::new(key));
    }

    /// Returns a series and its measurement. A new series is added with this id, which must be larger than all earlier ones;
    /// `None` if it is not, or if there are too many series.
    pub(super) fn find_or_add(&mut self, id: SeriesId, series: &RawSeriesKey<'_>) -> Option<(SeriesId, &Text)> {
        let (row, is_new) = self.rows.find_or_add(id, series)?;
        let name = self.rows.measurement(row)?;
        if is_new {
            let measurement = match self.measurements.get_mut(name.as_bytes()) {
                Some(measurement) => measurement,
                None => self.measurements.entry(name.clone()).or_default(),
            };
            measurement.postings.add(row, &self.rows.tags(row));
        }
        Some((self.rows.id(row), name))
    }

    /// Takes series back that no view shows yet.
    pub(super) fn take_back(&mut self, series: &[SeriesId]) {
        let rows: Vec<RowNumber> = series.iter().filter_map(|id| self.rows.number(*id)).collect();
        self.clear(&rows);
    }

    /// Hides series from writers.
    pub(super) fn hide(&mut self, series: &[SeriesId]) {
        for row in series.iter().filter_map(|id| self.rows.number(*id)).collect::<Vec<_>>() {
            self.hide_row(row);
        }
    }

    /// Hides the series of a measurement from writers.
    pub(super) fn hide_measurement(&mut self, measurement: &[u8]) {
        let Some(measurement) = self.measurements.get(measurement) else { return };
        let rows = measurement.postings.rows();
        self.rows.forget_all(rows.iter());
        self.hidden |= rows;
    }

    fn hide_row(&mut self, row: RowNumber) {
        if self.hidden.insert(row) {
            self.rows.forget(row);
        }
    }

    /// Marks series as removed by the record at `position`.
    pub(super) fn remove(&mut self, series: &[SeriesId], position: u64) {
        let rows: RowSet = series.iter().filter_map(|id| self.rows.number(*id)).collect();
        self.remove_rows(rows, position);
    }

    /// Marks the series of a measurement as removed by the record at `position`, and returns them.
    pub(super) fn remove_measurement(
        &mut self,
        measurement: &[u8],
        bound: SeriesBound,
        position: u64,
    ) -> Vec<SeriesId> {
        let Some(measurement) = self.measurements.get(measurement) else { return Vec::new() };
        let mut rows = measurement.postings.rows().clone();
        self.keep_visible(&mut rows, View { bound, position });
        let series = rows.iter().map(|row| self.rows.id(row)).collect();
        self.remove_rows(rows, position);
        series
    }

    fn remove_rows(&mut self, rows: RowSet, position: u64) {
        for row in &rows - &self.hidden {
            self.hide_row(row);
        }
        *self.removed.entry(position).or_default() |= rows;
    }

    /// Clears up to `count` of the series that were removed before `position`, with the measurements and tags that only they
    /// had. Returns how many.
    pub(super) fn clear_removed(&mut self, position: u64, count: usize) -> usize {
        let Some(mut first) = self.removed.first_entry().filter(|entry| *entry.key() < position) else { return 0 };
        let rows: Vec<RowNumber> = first.get().iter().take(count).collect();
        first.get_mut().remove_smallest(count as u64);
        if first.get().is_empty() {
            first.remove();
        }
        self.clear(&rows);
        rows.len()
    }

    fn clear(&mut self, rows: &[RowNumber]) {
        for &row in rows {
            self.hidden.remove(row);
            let Some(name) = self.rows.measurement(row).cloned() else { continue };
            if let Some(measurement) = self.measurements.get_mut(&name) {
                measurement.postings.remove(row, &self.rows.tags(row));
                if measurement.postings.rows().is_empty() {
                    self.measurements.remove(&name);
                }
            }
            self.rows.remove(row);
        }
    }

    /// The number of rows that were cleared, if they are most of all rows, so that the index should be rebuilt. Not while
    /// some are hidden, which a new index could not know.
    pub(super) fn sparse(&self) -> Option<usize> {
        let removed = self.rows.removed();
        (removed > self.rows.len().max(REMOVED_MIN) && self.hidden.is_empty()).then_some(removed)
    }

    /// Leaves only the visible ones of some rows.
    fn keep_visible(&self, rows: &mut RowSet, view: View) {
        rows.remove_range(self.end(view)..);
        for (_, removed) in self.removed.range(..view.position) {
            *rows -= removed;
        }
    }

    /// Whether a row is visible.
    fn is_visible(&self, row: RowNumber, view: View) -> bool {
        row < self.end(view) && !self.removed.range(..view.position).any(|(_, removed)| removed.contains(row))
    }

    /// The number of removed series that are not cleared yet.
    #[cfg(test)]
    pub(super) fn uncleared(&self) -> u64 {
        self.hidden.len()
    }

    /// The number of series that writers find.
    pub(super) fn live_len(&self) -> usize {
        self.rows.len() - self.hidden.len() as usize
    }

    /// The estimated memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.rows.memory() + self.measurements.len() * MEASUREMENT_BYTES
    }

    /// The number of visible series.
    pub(super) fn len(&self, view: View) -> usize {
        let end = self.end(view);
        let removed = self.removed.range(..view.position).map(|(_, rows)| rows.range_cardinality(..end) as usize);
        self.rows.numbers(0..end).count() - removed.sum::<usize>()
    }

    /// Returns a series and its measurement, if it exists.
    pub(super) fn find(&self, series: &RawSeriesKey<'_>) -> Option<(SeriesId, &Text)> {
        let row = self.rows.find(series)?;
        Some((self.rows.id(row), self.rows.measurement(row)?))
    }

    /// Whether there is, or was, a series with this id or a larger one.
    pub(super) fn has_reached(&self, id: SeriesId) -> bool {
        self.rows.has_reached(id)
    }

    /// The measurement of a visible series.
    pub(super) fn measurement_of(&self, id: SeriesId, view: View) -> Option<&Text> {
        let row = self.rows.number(id).filter(|row| self.is_visible(*row, view))?;
        self.rows.measurement(row)
    }

    /// Returns the ids from `first` on.
    pub(super) fn ids_from(&self, first: SeriesId) -> Vec<SeriesId> {
        self.rows.numbers(self.rows.from(first)..RowNumber::MAX).map(|row| self.rows.id(row)).collect()
    }

    /// Returns the series from `first` on with their raw keys, tags sorted, in the order of their ids.
    pub(super) fn iter_from(&self, first: SeriesId, view: View) -> impl Iterator<Item = (SeriesId, Vec<u8>)> {
        let rows = self.rows.numbers(self.rows.from(first)..self.end(view));
        let rows = rows.filter(move |row| self.is_visible(*row, view));
        rows.map(|row| (self.rows.id(row), self.rows.raw_parts(row).concat()))
    }

    /// Like [`SeriesIndex::iter_from`], but passes the keys to `visit` until it breaks.
    pub(super) fn visit_from(
        &self,
        first: SeriesId,
        view: View,
        visit: &mut dyn FnMut(SeriesId, &[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut key = Vec::new();
        let mut rows = self.rows.numbers(self.rows.from(first)..self.end(view));
        rows.try_for_each(|row| {
            if !self.is_visible(row, view) {
                return ControlFlow::Continue(());
            }
            key.clear();
            self.rows.put_raw(row, &mut key);
            visit(self.rows.id(row), &key)
        })
    }

    /// Whether the measurement has a visible series.
    pub(super) fn has_measurement(&self, measurement: &[u8], view: View) -> bool {
        self.measurements.get(measurement).is_some_and(|m| self.shows(m.postings.rows(), view))
    }

    /// Whether one of some rows is visible.
    fn shows(&self, rows: &RowSet, view: View) -> bool {
        let Some(first) = rows.min().filter(|first| *first < self.end(view)) else { return false };
        if self.is_visible(first, view) {
            return true;
        }
        let mut rows = rows.clone();
        self.keep_visible(&mut rows, view);
        !rows.is_empty()
    }

    /// The number of values of a tag key in a measurement.
    pub(super) fn tag_values(&self, measurement: &[u8], key: &[u8]) -> usize {
        self.measurements.get(measurement).map_or(0, |m| m.postings.tag_values(key, &self.rows.names))
    }

    /// Whether a series of a measurement has a tag.
    pub(super) fn has_tag(&self, measurement: &[u8], key: &[u8], value: &[u8]) -> bool {
        self.measurements.get(measurement).is_some_and(|m| m.postings.has_tag(key, value, &self.rows.names))
    }

    /// The first row that is not visible.
    fn end(&self, view: View) -> RowNumber {
        self.rows.from(view.bound.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use fluxstone_columns::{SeriesPredicate, SeriesRef};
    use fluxstone_go::Regex;
    use fluxstone_model::SeriesKey;
    use proptest::prelude::*;

    use super::*;

    impl SeriesIndex {
        fn matching(&self, measurement: &[u8], predicate: &SeriesPredicate, view: View) -> Vec<SeriesRef> {
            walk::matching(&mut walk::Still(self), measurement, predicate, view)
        }

        fn tag_keys(&self, measurement: &[u8], view: View) -> BTreeSet<Text> {
            walk::tag_keys(&mut walk::Still(self), measurement, view)
        }

        fn measurements(&self, view: View) -> Vec<Text> {
            walk::measurements(&mut walk::Still(self), view)
        }
    }

    fn index(keys: &[&str]) -> SeriesIndex {
        let mut index = SeriesIndex::default();
        for (id, key) in (1..).zip(keys) {
            index.insert(SeriesId(id), key.as_bytes());
        }
        index
    }

    fn find(index: &SeriesIndex, series: &str) -> Option<(u64, Text)> {
        index.find(&RawSeriesKey::new(series.as_bytes())).map(|(id, measurement)| (id.0, measurement.clone()))
    }

    fn equal(key: &str, value: &str) -> SeriesPredicate {
        SeriesPredicate::Equal { key: key.into(), value: value.into() }
    }

    fn raw(series: &[SeriesRef]) -> Vec<String> {
        series.iter().map(|s| s.key.to_string()).collect()
    }

    fn all(index: &SeriesIndex, view: View) -> Vec<String> {
        raw(&index.matching(b"m", &SeriesPredicate::All, view))
    }

    #[test]
    fn series_are_in_the_order_of_their_keys() {
        let index = index(&["m,b=1", "m", "m,a=2,b=1", "n,b=1"]);
        assert_eq!(all(&index, View::ALL), ["m", "m,a=2,b=1", "m,b=1"]);
        assert_eq!(raw(&index.matching(b"m", &equal("b", "1"), View::ALL)), ["m,a=2,b=1", "m,b=1"]);
        let both = SeriesPredicate::And(Box::new(equal("a", "2")), Box::new(equal("b", "1")));
        assert_eq!(raw(&index.matching(b"m", &both, View::ALL)), ["m,a=2,b=1"]);
    }

    fn regex(pattern: &str) -> Regex {
        fluxstone_go::compile_regex(pattern).unwrap()
    }

    /// Predicates on the tags `a` and `b`, whose values are `x`, `y`, `z` or none.
    fn predicate() -> impl Strategy<Value = SeriesPredicate> {
        let test = (prop_oneof!["a", "b"], prop_oneof!["x", "y", "z", ""], 0..6).prop_map(|(key, value, kind)| {
            let (key, pattern) = (Text::from(key), regex(&format!("^[{value}x]?$")));
            match kind {
                0 => SeriesPredicate::Equal { key, value: value.into() },
                1 => SeriesPredicate::NotEqual { key, value: value.into() },
                2 => SeriesPredicate::Match { key, regex: pattern },
                3 => SeriesPredicate::OneOf { key, values: Arc::new([Text::from("x"), value.into()].into()) },
                4 => SeriesPredicate::NoneOf { key, values: Arc::new([Text::from("x"), value.into()].into()) },
                _ => SeriesPredicate::NotMatch { key, regex: pattern },
            }
        });
        let leaf = prop_oneof![6 => test, 1 => Just(SeriesPredicate::All), 1 => Just(SeriesPredicate::None)];
        leaf.prop_recursive(3, 8, 2, |inner| {
            (inner.clone(), inner, any::<bool>()).prop_map(|(a, b, both)| {
                let (a, b) = (Box::new(a), Box::new(b));
                if both { SeriesPredicate::And(a, b) } else { SeriesPredicate::Or(a, b) }
            })
        })
    }

    proptest! {
        /// Compares with the definition of predicates, with series removed and hidden.
        #[test]
        fn the_index_finds_the_series_for_which_a_predicate_holds(
            keys in proptest::collection::btree_set("m(,a=[xyz])?(,b=([xyz]|x,|x=))?(,c=[x-z]{1,2})?", 0..30),
            removed in proptest::collection::vec(1_u64..30, 0..5),
            bound in 1_u64..40,
            predicate in predicate(),
        ) {
            // An escaped comma or equals sign.
            let keys: Vec<String> = keys.into_iter().map(|k| k.replace("x,,", "x\\,,").replace("x=", "x\\=")).collect();
            let mut keys: Vec<&str> = keys.iter().map(String::as_str).filter(|k| !k.ends_with(',')).collect();
            keys.reverse();
            let mut index = index(&keys);
            // Half of them are cleared. The rest is only marked, and a view before that still shows them.
            for (position, id) in (1..).zip(&removed) {
                index.remove(&[SeriesId(*id)], position);
            }
            let (seen, cleared) = (removed.len() as u64 / 2 + 1, removed.len() as u64 / 4 + 1);
            while index.clear_removed(cleared, 1) > 0 {}
            let gone = &removed[..seen as usize - 1];
            let shown = |id: u64| !gone.contains(&id) && id < bound;
            let series = (1..).zip(&keys).filter(|(id, _)| shown(*id)).map(|(_, key)| SeriesKey::parse(key.as_bytes()));
            let mut want: Vec<SeriesKey> = series.filter(|key| predicate.holds(&key.tags)).collect();
            want.sort();
            let got = index.matching(b"m", &predicate, View { bound: SeriesBound(SeriesId(bound)), position: seen });
            let parts = |key: &SeriesKey| (key.raw.clone(), key.measurement.clone(), key.tags.clone());
            prop_assert_eq!(
                got.iter().map(|s| parts(&s.key)).collect::<Vec<_>>(),
                want.iter().map(parts).collect::<Vec<_>>()
            );
            for (id, key) in (1..).zip(&keys) {
                let found = find(&index, key).map(|(id, _)| id);
                prop_assert_eq!(found, (!removed.contains(&id)).then_some(id));
            }
        }
    }

    #[test]
    fn a_series_is_found_with_its_tags_in_any_order() {
        let index = index(&["m,a=1,b=2", r"m\ 2,a=1"]);
        assert_eq!(find(&index, "m,b=2,a=1"), Some((1, "m".into())));
        assert_eq!(find(&index, r"m\ 2,a=1"), Some((2, "m 2".into())));
        assert_eq!(find(&index, "m,a=2,b=1"), None);
    }

    // spec: storage.schema.1
    #[test]
    fn each_of_many_measurements_is_added_without_a_look_at_the_others() {
        // This would take minutes if it were not so.
        const MEASUREMENTS: u64 = 100_000;
        let mut index = SeriesIndex::default();
        for id in 0..MEASUREMENTS {
            index.insert(SeriesId(id), format!("m\\ {id},a=1").as_bytes());
        }
        assert_eq!(index.measurements.len() as u64, MEASUREMENTS);
        assert_eq!(find(&index, r"m\ 77,a=1"), Some((77, "m 77".into())));
    }

    #[test]
    fn series_at_or_above_the_bound_are_hidden() {
        let index = index(&["m,b=1", "m,c=1", "n"]);
        let view = View { bound: SeriesBound(SeriesId(2)), position: 1 };
        assert_eq!(index.measurements(view), ["m"]);
        assert_eq!(all(&index, view), ["m,b=1"]);
        assert_eq!(index.tag_keys(b"m", view), BTreeSet::from(["b".into()]));
        assert!(!index.has_measurement(b"n", view));
        assert_eq!(index.len(view), 1);
    }

    #[test]
    fn tags_and_measurements_are_removed_with_their_last_series() {
        let mut index = index(&["m,a=1,b=1", "m,b=1", "n"]);
        index.remove(&[SeriesId(1), SeriesId(3)], 5);
        while index.clear_removed(6, 1) > 0 {}
        assert_eq!(index.measurements(View::ALL), ["m"]);
        assert_eq!(index.tag_keys(b"m", View::ALL), BTreeSet::from(["b".into()]));
        assert_eq!((index.tag_values(b"m", b"a"), index.tag_values(b"m", b"b")), (0, 1));
        assert!(index.has_tag(b"m", b"b", b"1") && !index.has_tag(b"m", b"a", b"1"));
        assert_eq!(index.len(View::ALL), 1);
    }
}
