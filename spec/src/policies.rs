//! A database as queries see it: the shards of each retention policy, with their time ranges.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_model::{SeriesKey, ShardId, Text, TimeRange, Timestamp};

use crate::database::Database;
use crate::points::Points;

/// A database and its retention policies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policies {
    /// The data.
    pub database: Database,
    /// The shards of each policy with their time ranges, in order, without overlap. Shards that were never written to may be
    /// missing from the database.
    pub shards: BTreeMap<String, Vec<(ShardId, TimeRange)>>,
}

impl Policies {
    /// The shards of a policy that were ever written to; empty if the policy does not exist.
    pub fn shards(&self, policy: &str) -> Vec<(TimeRange, &Points)> {
        let named = self.shards.get(policy).into_iter().flatten();
        named.filter_map(|(id, times)| Some((*times, self.database.shards.get(id)?))).collect()
    }

    /// When the shards of a policy begin.
    pub fn shard_starts(&self, policy: &str) -> BTreeSet<Timestamp> {
        self.shards(policy).into_iter().map(|(times, _)| times.min).collect()
    }

    /// The series of a measurement. Series belong to the whole database.
    pub fn series_of(&self, measurement: &[u8]) -> impl Iterator<Item = &SeriesKey> {
        self.database.series.iter().filter(move |series| series.measurement == *measurement)
    }

    /// The measurements, in byte order.
    pub fn measurements(&self) -> BTreeSet<Text> {
        self.database.series.iter().map(|series| series.measurement.clone()).collect()
    }

    /// The tag keys of a measurement.
    pub fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        self.series_of(measurement).flat_map(|series| series.tags.iter()).map(|(key, _)| key.clone()).collect()
    }
}
