//! The series index of one database: which series there are, and which of them have which tags.
//!
//! Series are added by writers before their log record is on disk, so every question names the [`SeriesBound`] up to which
//! series count: ids ascend in log order. Removing is for changes that wait until no reader can see the index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{SeriesKey, TagSet, Text};
use crate::query::{SeriesId, SeriesPredicate, SeriesRef};

/// Series with smaller ids are visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeriesBound(pub(super) SeriesId);

impl SeriesBound {
    /// Nothing is hidden.
    pub(super) const ALL: SeriesBound = SeriesBound(SeriesId(u64::MAX));

    fn shows(self, id: SeriesId) -> bool {
        id < self.0
    }
}

/// Ids in ascending order.
type SeriesSet = Vec<SeriesId>;

/// The series of one database.
#[derive(Debug, Clone, Default)]
pub(super) struct SeriesIndex {
    by_id: BTreeMap<SeriesId, Arc<SeriesKey>>,
    measurements: BTreeMap<Text, MeasurementIndex>,
}

#[derive(Debug, Clone, Default)]
struct MeasurementIndex {
    by_key: BTreeMap<Text, SeriesRef>,
    /// Tag key, then tag value, to the series that have it.
    tags: BTreeMap<Text, BTreeMap<Text, SeriesSet>>,
}

impl SeriesIndex {
    /// Adds a series. `id` is greater than all before it; one that is there already stays as it is.
    pub(super) fn insert(&mut self, id: SeriesId, key: SeriesKey) {
        if self.by_id.contains_key(&id) {
            return;
        }
        let measurement = self.measurements.entry(key.measurement.clone()).or_default();
        // The texts of the index are shared by all series that have them.
        let shared = |map_key: Option<&Text>, own: &Text| map_key.unwrap_or(own).clone();
        let mut tags = Vec::with_capacity(key.tags.len());
        for (tag, value) in key.tags.iter() {
            let tag = shared(measurement.tags.get_key_value(tag).map(|(k, _)| k), tag);
            let values = measurement.tags.entry(tag.clone()).or_default();
            let value = shared(values.get_key_value(value).map(|(v, _)| v), value);
            values.entry(value.clone()).or_default().push(id);
            tags.push((tag, value));
        }
        let first = measurement.by_key.values().next();
        let name = first.map_or_else(|| key.measurement.clone(), |series| series.key.measurement.clone());
        let key = Arc::new(SeriesKey { raw: key.raw, measurement: name, tags: TagSet::new(tags) });
        measurement.by_key.insert(key.raw.clone(), SeriesRef { id, key: key.clone() });
        self.by_id.insert(id, key);
    }

    /// Takes series out, with measurements and tags that only they had.
    pub(super) fn remove(&mut self, series: &[SeriesId]) {
        for id in series {
            let Some(key) = self.by_id.remove(id) else { continue };
            let Some(measurement) = self.measurements.get_mut(&key.measurement) else { continue };
            measurement.by_key.remove(&key.raw);
            for (tag, value) in key.tags.iter() {
                let Some(values) = measurement.tags.get_mut(tag) else { continue };
                if let Some(set) = values.get_mut(value) {
                    if let Ok(at) = set.binary_search(id) {
                        set.remove(at);
                    }
                    if set.is_empty() {
                        values.remove(value);
                    }
                }
                if values.is_empty() {
                    measurement.tags.remove(tag);
                }
            }
            if measurement.by_key.is_empty() {
                self.measurements.remove(&key.measurement);
            }
        }
    }

    /// How many series there are.
    pub(super) fn len(&self, bound: SeriesBound) -> usize {
        if bound == SeriesBound::ALL { self.by_id.len() } else { self.by_id.range(..bound.0).count() }
    }

    /// The key of a series.
    pub(super) fn key(&self, id: SeriesId) -> Option<&Arc<SeriesKey>> {
        self.by_id.get(&id)
    }

    /// The ids from `first` on.
    pub(super) fn ids_from(&self, first: SeriesId) -> Vec<SeriesId> {
        self.by_id.range(first..).map(|(id, _)| *id).collect()
    }

    /// The series from `first` on, in the order of their ids.
    pub(super) fn iter_from(
        &self,
        first: SeriesId,
        bound: SeriesBound,
    ) -> impl Iterator<Item = (SeriesId, &SeriesKey)> {
        let range = if first < bound.0 { first..bound.0 } else { bound.0..bound.0 };
        self.by_id.range(range).map(|(id, key)| (*id, &**key))
    }

    /// Whether the measurement has a series.
    pub(super) fn has_measurement(&self, measurement: &[u8], bound: SeriesBound) -> bool {
        self.measurements.get(measurement).is_some_and(|m| m.is_visible(bound))
    }

    /// How many values a tag key of a measurement has, and whether `value` is one of them. `None` without the measurement.
    pub(super) fn tag_values(&self, measurement: &[u8], key: &[u8], value: &[u8]) -> Option<(usize, bool)> {
        let values = self.measurements.get(measurement)?.tags.get(key);
        Some(values.map_or((0, false), |values| (values.len(), values.contains_key(value))))
    }

    /// The measurements in byte order.
    pub(super) fn measurements(&self, bound: SeriesBound) -> Vec<Text> {
        let visible = self.measurements.iter().filter(|(_, m)| m.is_visible(bound));
        visible.map(|(name, _)| name.clone()).collect()
    }

    /// The tag keys of a measurement.
    pub(super) fn tag_keys(&self, measurement: &[u8], bound: SeriesBound) -> BTreeSet<Text> {
        let Some(measurement) = self.measurements.get(measurement) else { return BTreeSet::new() };
        let visible = |values: &BTreeMap<Text, SeriesSet>| values.values().any(|set| bound.shows(set[0]));
        measurement.tags.iter().filter(|(_, values)| visible(values)).map(|(key, _)| key.clone()).collect()
    }

    /// All series of a measurement in the order of their keys.
    pub(super) fn series_of(&self, measurement: &[u8], bound: SeriesBound) -> Vec<SeriesRef> {
        let Some(measurement) = self.measurements.get(measurement) else { return Vec::new() };
        measurement.by_key.values().filter(|series| bound.shows(series.id)).cloned().collect()
    }

    /// The series of a measurement for which `predicate` can hold, in the order of their keys. More than those for which
    /// it does hold where tags alone can't tell: the caller checks them.
    pub(super) fn candidates(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        bound: SeriesBound,
    ) -> Vec<SeriesRef> {
        let Some(index) = self.measurements.get(measurement) else { return Vec::new() };
        let Some(set) = index.matching(predicate) else { return self.series_of(measurement, bound) };
        let visible = set.into_iter().filter(|id| bound.shows(*id));
        let mut series: Vec<_> =
            visible.filter_map(|id| Some(SeriesRef { id, key: self.by_id.get(&id)?.clone() })).collect();
        series.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        series
    }
}

impl MeasurementIndex {
    fn is_visible(&self, bound: SeriesBound) -> bool {
        self.by_key.values().any(|series| bound.shows(series.id))
    }

    /// A set that contains all series for which `predicate` holds, or `None` if that is as good as all series.
    fn matching(&self, predicate: &SeriesPredicate) -> Option<SeriesSet> {
        match predicate {
            SeriesPredicate::None => Some(Vec::new()),
            SeriesPredicate::Equal { key, value } if !value.is_empty() => {
                Some(self.tags.get(key).and_then(|values| values.get(value)).cloned().unwrap_or_default())
            }
            // The pattern is tried once for each value, not for each series.
            SeriesPredicate::Match { key, regex } if !regex.is_match(b"") => {
                let values = self.tags.get(key).into_iter().flatten();
                let mut set: SeriesSet =
                    values.filter(|(value, _)| regex.is_match(value)).flat_map(|(_, set)| set).copied().collect();
                set.sort_unstable();
                Some(set)
            }
            SeriesPredicate::And(a, b) => match (self.matching(a), self.matching(b)) {
                (Some(a), Some(b)) => Some(intersection(a, &b)),
                (a, b) => a.or(b),
            },
            SeriesPredicate::Or(a, b) => {
                let mut set = self.matching(a)?;
                set.extend(self.matching(b)?);
                set.sort_unstable();
                set.dedup();
                Some(set)
            }
            _ => None,
        }
    }
}

fn intersection(mut a: SeriesSet, b: &SeriesSet) -> SeriesSet {
    a.retain(|id| b.binary_search(id).is_ok());
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line_protocol::series_key;

    fn index(keys: &[&str]) -> SeriesIndex {
        let mut index = SeriesIndex::default();
        for (id, key) in (1..).zip(keys) {
            index.insert(SeriesId(id), series_key(key.as_bytes()));
        }
        index
    }

    fn equal(key: &str, value: &str) -> SeriesPredicate {
        SeriesPredicate::Equal { key: key.into(), value: value.into() }
    }

    fn raw(series: &[SeriesRef]) -> Vec<String> {
        series.iter().map(|s| s.key.to_string()).collect()
    }

    #[test]
    fn series_come_in_the_order_of_their_keys() {
        let index = index(&["m,b=1", "m", "m,a=2,b=1", "n,b=1"]);
        assert_eq!(raw(&index.series_of(b"m", SeriesBound::ALL)), ["m", "m,a=2,b=1", "m,b=1"]);
        assert_eq!(raw(&index.candidates(b"m", &equal("b", "1"), SeriesBound::ALL)), ["m,a=2,b=1", "m,b=1"]);
        let both = SeriesPredicate::And(Box::new(equal("a", "2")), Box::new(equal("b", "1")));
        assert_eq!(raw(&index.candidates(b"m", &both, SeriesBound::ALL)), ["m,a=2,b=1"]);
    }

    #[test]
    fn series_at_or_above_the_bound_are_hidden() {
        let index = index(&["m,b=1", "m,c=1", "n"]);
        let bound = SeriesBound(SeriesId(2));
        assert_eq!(index.measurements(bound), ["m"]);
        assert_eq!(raw(&index.series_of(b"m", bound)), ["m,b=1"]);
        assert_eq!(index.tag_keys(b"m", bound), BTreeSet::from(["b".into()]));
        assert!(!index.has_measurement(b"n", bound));
        assert_eq!(index.len(bound), 1);
    }

    #[test]
    fn what_only_removed_series_had_goes_with_them() {
        let mut index = index(&["m,a=1,b=1", "m,b=1", "n"]);
        index.remove(&[SeriesId(1), SeriesId(3)]);
        assert_eq!(index.measurements(SeriesBound::ALL), ["m"]);
        assert_eq!(index.tag_keys(b"m", SeriesBound::ALL), BTreeSet::from(["b".into()]));
        assert_eq!(index.tag_values(b"m", b"b", b"1"), Some((1, true)));
        assert_eq!(index.len(SeriesBound::ALL), 1);
    }
}
