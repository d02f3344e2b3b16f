//! [`Source`]: everything that the evaluator can ask of stored data.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_model::{FieldType, SeriesKey, Text, TimeRange, Timestamp};

use super::block::Block;
use super::predicate::SeriesPredicate;
use super::series_id::SeriesId;

/// One retention policy of one database at one instant. Its answers never change.
///
/// Implemented by storage snapshots and by the model store of the executable semantics.
pub trait Source: Send + Sync {
    /// Returns the measurements, in byte order.
    fn measurements(&self) -> Vec<Text>;

    /// Returns the start times of its shards. The order of rows with equal times begins anew at each of them.
    fn shard_starts(&self) -> Vec<Timestamp>;

    /// Returns the field keys of a measurement, each with the types that it has in shards that overlap `range`, in the
    /// order of [`FieldType::ALL`].
    fn field_types(&self, measurement: &[u8], range: TimeRange) -> BTreeMap<Text, Vec<FieldType>>;

    /// Returns the tag keys of a measurement.
    fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text>;

    /// Passes each series of a measurement for which `predicate` holds to `visit`, in the order of their keys, until it breaks. Where
    /// finding them takes time, `visit` is called with nothing.
    fn for_each_series(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        visit: &mut dyn FnMut(Option<SeriesRef>) -> ControlFlow<()>,
    ) -> ControlFlow<()>;

    /// Returns the series of a measurement for which `predicate` holds, in the order of their keys, unless `go_on` breaks. It is
    /// called for each series with the bytes of memory that the series takes, and with zero where finding them takes time.
    fn series_while(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        go_on: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Option<Vec<SeriesRef>> {
        let mut found = Vec::new();
        let flow = self.for_each_series(measurement, predicate, &mut |series| {
            let Some(series) = series else { return go_on(0) };
            go_on(series.memory())?;
            found.push(series);
            ControlFlow::Continue(())
        });
        flow.is_continue().then_some(found)
    }

    /// Returns the wanted tag keys with the values that they have in the series of a measurement for which `predicate` holds, each
    /// once, in byte order, unless `go_on` breaks. It is called with the bytes of each tag, and with zero where finding them
    /// takes time.
    fn tag_values_while(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        is_wanted: &dyn Fn(&Text) -> bool,
        go_on: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Option<Vec<(Text, Text)>> {
        let mut found = BTreeSet::new();
        let flow = self.for_each_series(measurement, predicate, &mut |series| {
            let Some(series) = series else { return go_on(0) };
            for (key, value) in series.key.tags.iter().filter(|(key, _)| is_wanted(key)) {
                if found.insert((key.clone(), value.clone())) {
                    go_on(key.len() + value.len())?;
                }
            }
            ControlFlow::Continue(())
        });
        flow.is_continue().then(|| found.into_iter().collect())
    }

    /// Returns what [`Source::series_while`] does if nothing breaks it.
    fn series(&self, measurement: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef> {
        self.series_while(measurement, predicate, &mut |_| ControlFlow::Continue(())).unwrap_or_default()
    }

    /// Returns the values of one field of one series in `range`: blocks in time order that do not overlap and hold each
    /// time once (the last write wins). Blocks may reach beyond `range`; the caller cuts them. Their types may differ. A block may
    /// stand for several ([`Block::parts`]).
    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>>;

    /// Returns what [`Source::blocks`] does, for each of several fields, which may take less work together.
    fn blocks_of_fields(&self, series: SeriesId, fields: &[&[u8]], range: TimeRange) -> Vec<Vec<Arc<dyn Block>>> {
        fields.iter().map(|field| self.blocks(series, field, range)).collect()
    }
}

/// A series that matched a predicate.
#[derive(Debug, Clone)]
pub struct SeriesRef {
    /// The number to give to [`Source::blocks`].
    pub id: SeriesId,
    /// Its key.
    pub key: Arc<SeriesKey>,
}

impl SeriesRef {
    /// The bytes of memory that it and its key take.
    pub fn memory(&self) -> usize {
        let tags = self.key.tags.iter().map(|(key, value)| 2 * size_of::<Text>() + key.len() + value.len());
        size_of::<SeriesRef>() + size_of::<SeriesKey>() + self.key.raw.len() + tags.sum::<usize>()
    }
}
