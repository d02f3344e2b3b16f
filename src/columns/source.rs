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

    /// Returns the series of a measurement for which `predicate` holds, in the order of their keys, unless `go_on` breaks. It is
    /// called for each series with the bytes of memory that the series takes, and with zero where finding them takes time.
    fn series_while(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        go_on: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Option<Vec<SeriesRef>>;

    /// Returns what [`Source::series_while`] does if nothing breaks it.
    fn series(&self, measurement: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef> {
        self.series_while(measurement, predicate, &mut |_| ControlFlow::Continue(())).unwrap_or_default()
    }

    /// Returns the values of one field of one series in `range`: blocks in time order that do not overlap and hold each
    /// time once (the last write wins). Blocks may reach beyond `range`; the caller cuts them. Their types may differ.
    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>>;
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
