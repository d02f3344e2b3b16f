//! A database: its shards and its series, and the effect of deletions on them.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_line_protocol::ParsedBody;
use fluxstone_model::{SeriesKey, ShardId, TimeRange};

use crate::points::Points;
use crate::write::{Outcome, TypeConflictInRequest, write};

/// The contents of one database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Database {
    /// The shards that were ever written to.
    pub shards: BTreeMap<ShardId, Points>,
    /// The series that listings show, with or without values.
    pub series: BTreeSet<SeriesKey>,
}

impl Database {
    /// Applies the points of a body, all of which belong to one shard.
    pub fn write(&mut self, shard: ShardId, body: &ParsedBody<'_>) -> Result<Outcome, TypeConflictInRequest> {
        let is_new = !self.shards.contains_key(&shard);
        let points = self.shards.entry(shard).or_default();
        let outcome = write(points, body, is_new);
        // Series belong to the whole database.
        self.series.append(&mut points.series);
        outcome
    }

    /// Applies DELETE or DROP SERIES to these series.
    ///
    /// Transcribes `statements.delete.1` and `statements.delete.4`.
    pub fn delete(&mut self, series: &BTreeSet<SeriesKey>, range: TimeRange) {
        for points in self.shards.values_mut() {
            points.list.retain(|point| !(series.contains(&point.series) && range.contains(point.time)));
        }
        self.forget_without_values(series);
    }

    /// Applies DROP MEASUREMENT. Transcribes `statements.delete.5`.
    pub fn drop_measurement(&mut self, name: &[u8]) {
        for points in self.shards.values_mut() {
            points.list.retain(|point| point.series.measurement != *name);
            points.types.retain(|(measurement, _), _| measurement != name);
        }
        self.series.retain(|series| series.measurement != *name);
    }

    /// Applies DROP SHARD, or the end of the retention of a shard.
    ///
    /// Transcribes `statements.shard.4` and `statements.shard.5`.
    pub fn drop_shard(&mut self, shard: ShardId) {
        let Some(points) = self.shards.remove(&shard) else { return };
        self.forget_without_values(&points.list.into_iter().map(|point| point.series).collect());
    }

    fn forget_without_values(&mut self, touched: &BTreeSet<SeriesKey>) {
        let all = self.shards.values().flat_map(|points| &points.list);
        let with_values: BTreeSet<&SeriesKey> = all.map(|point| &point.series).collect();
        self.series.retain(|series| !touched.contains(series) || with_values.contains(series));
    }
}
