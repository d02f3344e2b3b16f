//! The series index of one database: its series, and which of them have which tags.
//!
//! Writers add series before their log record is on disk, so every query names the [`SeriesBound`] up to which series are
//! visible: ids ascend in log order. Series are only removed by changes that wait until no reader can see the index.
//!
//! The index is made for millions of series: names are stored once (`names`), a series is a row of their numbers (`rows`),
//! tags lead to bitmaps of rows (`postings`), and keys are assembled when they are needed.

mod names;
mod order;
mod postings;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxstone_columns::{SeriesId, SeriesPredicate, SeriesRef};
use fluxstone_model::{RawSeriesKey, Text};
use order::KeyOrder;
use postings::{MeasurementPostings, RowSet};
use rows::{RowNumber, Rows};

/// The index is rebuilt without removed rows when there are more of them than of others, and more than this.
const REMOVED_MIN: usize = 1024;
/// A set of series is sorted on its own if it is at most this fraction (one in ...) of its measurement; otherwise the order of
/// the whole measurement is used.
const SORTED_FRACTION: u64 = 8;

/// The memory of a measurement, without its series.
const MEASUREMENT_BYTES: usize = 512;

/// The first series id that is not visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeriesBound(pub(super) SeriesId);

impl SeriesBound {
    /// All series are visible.
    pub(super) const ALL: SeriesBound = SeriesBound(SeriesId(u64::MAX));
}

/// The series of one database.
#[derive(Debug, Clone, Default)]
pub(super) struct SeriesIndex {
    rows: Rows,
    measurements: BTreeMap<Text, Measurement>,
}

#[derive(Debug, Clone, Default)]
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

    /// Removes series, and the measurements and tags that only they had.
    pub(super) fn remove(&mut self, series: &[SeriesId]) {
        for row in series.iter().filter_map(|id| self.rows.number(*id)).collect::<Vec<_>>() {
            let Some(name) = self.rows.measurement(row).cloned() else { continue };
            if let Some(measurement) = self.measurements.get_mut(&name) {
                measurement.postings.remove(row, &self.rows.tags(row));
                measurement.order = KeyOrder::default();
                if measurement.postings.rows().is_empty() {
                    self.measurements.remove(&name);
                }
            }
            self.rows.remove(row);
        }
        if self.rows.removed() > self.rows.len().max(REMOVED_MIN) {
            let mut fresh = SeriesIndex::default();
            for (id, key) in self.iter_from(SeriesId(0), SeriesBound::ALL) {
                fresh.insert(id, &key);
            }
            *self = fresh;
        }
    }

    /// The estimated memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.rows.memory() + self.measurements.len() * MEASUREMENT_BYTES
    }

    /// The number of visible series.
    pub(super) fn len(&self, bound: SeriesBound) -> usize {
        if bound == SeriesBound::ALL { self.rows.len() } else { self.rows.numbers(0..self.end(bound)).count() }
    }

    /// Returns a series and its measurement, if it exists.
    pub(super) fn find(&self, series: &RawSeriesKey<'_>) -> Option<(SeriesId, &Text)> {
        let row = self.rows.find(series)?;
        Some((self.rows.id(row), self.rows.measurement(row)?))
    }

    /// Whether a series exists.
    pub(super) fn contains(&self, id: SeriesId) -> bool {
        self.rows.number(id).is_some()
    }

    /// Whether there is, or was, a series with this id or a larger one.
    pub(super) fn has_reached(&self, id: SeriesId) -> bool {
        self.rows.has_reached(id)
    }

    /// The measurement of a series.
    pub(super) fn measurement_of(&self, id: SeriesId) -> Option<&Text> {
        self.rows.measurement(self.rows.number(id)?)
    }

    /// Returns the ids from `first` on.
    pub(super) fn ids_from(&self, first: SeriesId) -> Vec<SeriesId> {
        self.rows.numbers(self.rows.from(first)..RowNumber::MAX).map(|row| self.rows.id(row)).collect()
    }

    /// Returns the series from `first` on with their raw keys, tags sorted, in the order of their ids.
    pub(super) fn iter_from(&self, first: SeriesId, bound: SeriesBound) -> impl Iterator<Item = (SeriesId, Vec<u8>)> {
        let rows = self.rows.numbers(self.rows.from(first)..self.end(bound));
        rows.map(|row| (self.rows.id(row), self.rows.raw_parts(row).concat()))
    }

    /// Whether the measurement has a visible series.
    pub(super) fn has_measurement(&self, measurement: &[u8], bound: SeriesBound) -> bool {
        self.measurements.get(measurement).is_some_and(|m| m.is_visible(self.end(bound)))
    }

    /// The number of values of a tag key in a measurement.
    pub(super) fn tag_values(&self, measurement: &[u8], key: &[u8]) -> usize {
        self.measurements.get(measurement).map_or(0, |m| m.postings.tag_values(key, &self.rows.names))
    }

    /// Whether a series of a measurement has a tag.
    pub(super) fn has_tag(&self, measurement: &[u8], key: &[u8], value: &[u8]) -> bool {
        self.measurements.get(measurement).is_some_and(|m| m.postings.has_tag(key, value, &self.rows.names))
    }

    /// Returns the visible measurements in byte order.
    pub(super) fn measurements(&self, bound: SeriesBound) -> Vec<Text> {
        let visible = self.measurements.iter().filter(|(_, m)| m.is_visible(self.end(bound)));
        visible.map(|(name, _)| name.clone()).collect()
    }

    /// Returns the tag keys of the visible series of a measurement.
    pub(super) fn tag_keys(&self, measurement: &[u8], bound: SeriesBound) -> BTreeSet<Text> {
        let Some(measurement) = self.measurements.get(measurement) else { return BTreeSet::new() };
        measurement.postings.tag_keys(self.end(bound), &self.rows.names).cloned().collect()
    }

    /// Returns the ids of all series of a measurement, in order.
    pub(super) fn series_of(&self, measurement: &[u8]) -> Vec<SeriesId> {
        let rows = self.measurements.get(measurement).into_iter().flat_map(|m| m.postings.rows());
        rows.map(|row| self.rows.id(row)).collect()
    }

    /// Returns the visible series of a measurement for which `predicate` holds, in the order of their keys.
    pub(super) fn matching(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        bound: SeriesBound,
    ) -> Vec<SeriesRef> {
        let Some(measurement) = self.measurements.get(measurement) else { return Vec::new() };
        let mut set = measurement.postings.matching(predicate, &self.rows.names);
        set.remove_range(self.end(bound)..);
        let rows = measurement.sorted(&set, &self.rows);
        let key = |row: RowNumber| Some(SeriesRef { id: self.rows.id(row), key: Arc::new(self.rows.key(row)?) });
        rows.into_iter().filter_map(key).collect()
    }

    /// The first row that is not visible.
    fn end(&self, bound: SeriesBound) -> RowNumber {
        self.rows.from(bound.0)
    }
}

impl Measurement {
    fn is_visible(&self, end: RowNumber) -> bool {
        self.postings.rows().min().is_some_and(|least| least < end)
    }

    /// Sorts rows of this measurement by their keys.
    fn sorted(&self, set: &RowSet, rows: &Rows) -> Vec<RowNumber> {
        if set.len() <= self.postings.rows().len() / SORTED_FRACTION {
            let mut sorted: Vec<RowNumber> = set.iter().collect();
            sorted.sort_unstable_by(|a, b| rows.compare(*a, *b));
            return sorted;
        }
        self.order.of(self.postings.rows(), rows).iter().copied().filter(|row| set.contains(*row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use fluxstone_go::Regex;
    use fluxstone_model::SeriesKey;

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

    fn all(index: &SeriesIndex, bound: SeriesBound) -> Vec<String> {
        raw(&index.matching(b"m", &SeriesPredicate::All, bound))
    }

    #[test]
    fn series_are_in_the_order_of_their_keys() {
        let index = index(&["m,b=1", "m", "m,a=2,b=1", "n,b=1"]);
        assert_eq!(all(&index, SeriesBound::ALL), ["m", "m,a=2,b=1", "m,b=1"]);
        assert_eq!(raw(&index.matching(b"m", &equal("b", "1"), SeriesBound::ALL)), ["m,a=2,b=1", "m,b=1"]);
        let both = SeriesPredicate::And(Box::new(equal("a", "2")), Box::new(equal("b", "1")));
        assert_eq!(raw(&index.matching(b"m", &both, SeriesBound::ALL)), ["m,a=2,b=1"]);
    }

    fn regex(pattern: &str) -> Regex {
        let compiled = Arc::new(regex::bytes::Regex::new(pattern).unwrap());
        Regex { text: pattern.to_owned(), compiled }
    }

    /// Predicates on the tags `a` and `b`, whose values are `x`, `y`, `z` or none.
    fn predicate() -> impl Strategy<Value = SeriesPredicate> {
        let test = (prop_oneof!["a", "b"], prop_oneof!["x", "y", "z", ""], 0..4).prop_map(|(key, value, kind)| {
            let (key, pattern) = (Text::from(key), regex(&format!("^[{value}x]?$")));
            match kind {
                0 => SeriesPredicate::Equal { key, value: value.into() },
                1 => SeriesPredicate::NotEqual { key, value: value.into() },
                2 => SeriesPredicate::Match { key, regex: pattern },
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
            index.remove(&removed.iter().copied().map(SeriesId).collect::<Vec<_>>());
            let shown = |id: u64| !removed.contains(&id) && id < bound;
            let series = (1..).zip(&keys).filter(|(id, _)| shown(*id)).map(|(_, key)| SeriesKey::parse(key.as_bytes()));
            let mut want: Vec<SeriesKey> = series.filter(|key| predicate.holds(&key.tags)).collect();
            want.sort();
            let got = index.matching(b"m", &predicate, SeriesBound(SeriesId(bound)));
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
    fn the_index_is_rebuilt_when_most_series_were_removed() {
        let keys: Vec<String> = (0..5000).map(|i| format!("m,a={i}")).collect();
        let mut index = index(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        index.remove(&(1..4990).map(SeriesId).collect::<Vec<_>>());
        assert_eq!((index.len(SeriesBound::ALL), index.rows.removed()), (11, 0));
        assert_eq!(index.ids_from(SeriesId(0)), (4990..=5000).map(SeriesId).collect::<Vec<_>>());
        assert_eq!(index.measurement_of(SeriesId(4995)), Some(&"m".into()));
        assert_eq!((index.measurement_of(SeriesId(5000)).is_some(), index.measurement_of(SeriesId(1))), (true, None));
        assert!(index.has_reached(SeriesId(5000)) && !index.has_reached(SeriesId(5001)));
        index.insert(SeriesId(6000), b"m,a=1");
        assert_eq!(find(&index, "m,a=1").map(|(id, _)| id), Some(6000));
    }

    #[test]
    fn series_at_or_above_the_bound_are_hidden() {
        let index = index(&["m,b=1", "m,c=1", "n"]);
        let bound = SeriesBound(SeriesId(2));
        assert_eq!(index.measurements(bound), ["m"]);
        assert_eq!(all(&index, bound), ["m,b=1"]);
        assert_eq!(index.tag_keys(b"m", bound), BTreeSet::from(["b".into()]));
        assert!(!index.has_measurement(b"n", bound));
        assert_eq!(index.len(bound), 1);
    }

    #[test]
    fn tags_and_measurements_are_removed_with_their_last_series() {
        let mut index = index(&["m,a=1,b=1", "m,b=1", "n"]);
        index.remove(&[SeriesId(1), SeriesId(3)]);
        assert_eq!(index.measurements(SeriesBound::ALL), ["m"]);
        assert_eq!(index.tag_keys(b"m", SeriesBound::ALL), BTreeSet::from(["b".into()]));
        assert_eq!((index.tag_values(b"m", b"a"), index.tag_values(b"m", b"b")), (0, 1));
        assert!(index.has_tag(b"m", b"b", b"1") && !index.has_tag(b"m", b"a", b"1"));
        assert_eq!(index.len(SeriesBound::ALL), 1);
    }
}
