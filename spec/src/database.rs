//! A database: shards of retention policies, each a list of points for its own times.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone::model::{SeriesKey, Text, TimeRange, Timestamp};

use crate::points::Points;

/// One shard.
#[derive(Debug, Clone, PartialEq)]
pub struct Shard {
    /// The times that it is for.
    pub times: TimeRange,
    /// What it holds.
    pub points: Points,
}

/// One database: for each retention policy its shards, in the order of their times, which do not overlap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Database {
    /// By name of the policy.
    pub policies: BTreeMap<String, Vec<Shard>>,
}

impl Database {
    /// The shards of a policy; none if there is no such policy.
    pub fn shards(&self, policy: &str) -> &[Shard] {
        self.policies.get(policy).map_or(&[], Vec::as_slice)
    }

    /// All series. Measurements and tags are known to the whole database.
    pub fn series(&self) -> BTreeSet<SeriesKey> {
        self.policies.values().flatten().flat_map(|shard| shard.points.series.iter().cloned()).collect()
    }

    /// The measurements, in byte order.
    pub fn measurements(&self) -> BTreeSet<Text> {
        self.series().into_iter().map(|series| series.measurement).collect()
    }

    /// The tag keys of a measurement.
    pub fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        let series = self.series().into_iter().filter(|series| series.measurement == *measurement);
        series.flat_map(|series| series.tags.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()).collect()
    }

    /// Removes the values of some series at some times from a policy. A series that is left without values anywhere is known no
    /// more; the types of fields stay.
    ///
    /// Transcribes `statements.delete.4`.
    pub fn delete(&mut self, policy: &str, series: &BTreeSet<SeriesKey>, range: TimeRange) {
        for shard in self.policies.get_mut(policy).into_iter().flatten() {
            shard.points.list.retain(|point| !(series.contains(&point.series) && range.contains(point.time)));
        }
        let points = self.policies.values().flatten().flat_map(|shard| &shard.points.list);
        let alive: BTreeSet<SeriesKey> = points.map(|point| point.series.clone()).collect();
        for shard in self.policies.values_mut().flatten() {
            shard.points.series.retain(|known| !series.contains(known) || alive.contains(known));
        }
    }

    /// When the shards of a policy begin that were ever written to.
    pub fn shard_starts(&self, policy: &str) -> BTreeSet<Timestamp> {
        let written = self.shards(policy).iter().filter(|shard| !shard.points.types.is_empty());
        written.map(|shard| shard.times.min).collect()
    }
}
