//! Shard groups: the ranges of a policy's time, and the shards that hold them.
//!
//! Groups of one policy can overlap after its shard duration was altered. A time then belongs to the oldest group that covers
//! it. Later groups never hold points of that time, so every point is in exactly one shard.

use fluxstone_go::truncate_time;
use fluxstone_model::{Nanos, ShardId, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

/// A range of a policy's time, and the shard that holds its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardGroup {
    /// Never reused on this server.
    pub id: u64,
    /// The one shard of the group.
    pub shard: ShardId,
    /// The first nanosecond. The first possible group begins before the range of 64 bits.
    pub start: i128,
    /// One past the last nanosecond.
    pub end: i128,
}

/// The latest possible end of a group.
const END_MAX: i128 = Timestamp::MAX.0 as i128 + 1;

impl ShardGroup {
    /// The group of length `shard_duration` that holds `time`. Groups are aligned to 0001-01-01T00:00:00Z.
    pub fn aligned(id: u64, shard: ShardId, time: Timestamp, shard_duration: Nanos) -> Self {
        let length = i128::from(shard_duration.0.max(1));
        let time = i128::from(time.0);
        let start = truncate_time(time, length);
        ShardGroup { id, shard, start, end: (start + length).min(END_MAX) }
    }

    /// Whether the group covers `time`.
    pub fn contains(&self, time: Timestamp) -> bool {
        (self.start..self.end).contains(&i128::from(time.0))
    }

    /// The time at which all its points have expired under a policy of this duration; the end of the group if they never do.
    pub fn expiry(&self, duration: Nanos) -> i128 {
        self.end + i128::from(duration.0)
    }

    fn order(&self) -> (i128, i128) {
        (self.end, self.start)
    }

    /// The times of the group that a point can have.
    fn times(&self) -> TimeRange {
        // Both ends fit after clamping to the times of points.
        let cut = |time: i128| Timestamp(time.clamp(Timestamp::MIN.0.into(), Timestamp::MAX.0.into()) as i64);
        TimeRange { min: cut(self.start), max: cut(self.end - 1) }
    }
}

/// The groups of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<ShardGroup>", into = "Vec<ShardGroup>")]
pub struct ShardGroups {
    /// Sorted by `(end, start)`.
    groups: Vec<ShardGroup>,
    /// The shard that each time belongs to: sorted ranges without overlap. Derived from `groups`.
    stretches: Vec<(ShardId, TimeRange)>,
}

impl From<Vec<ShardGroup>> for ShardGroups {
    fn from(mut groups: Vec<ShardGroup>) -> Self {
        groups.sort_by_key(|g| g.id);
        let mut all = ShardGroups::default();
        for group in groups {
            all.insert(group);
        }
        all
    }
}

impl From<ShardGroups> for Vec<ShardGroup> {
    fn from(groups: ShardGroups) -> Self {
        groups.groups
    }
}

impl ShardGroups {
    /// The groups, sorted by end and then by start.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ShardGroup> {
        self.groups.iter()
    }

    /// Whether there are no groups.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The shards by the times that belong to them: sorted, without overlap. A shard has several stretches if older groups are
    /// inside its range.
    pub fn stretches(&self) -> &[(ShardId, TimeRange)] {
        &self.stretches
    }

    /// All shards.
    pub fn shards(&self) -> Vec<ShardId> {
        self.groups.iter().map(|g| g.shard).collect()
    }

    /// The shard that `time` belongs to.
    pub fn shard_at(&self, time: Timestamp) -> Option<ShardId> {
        let at = self.stretches.partition_point(|(_, range)| range.max < time);
        self.stretches.get(at).filter(|(_, range)| range.contains(time)).map(|(shard, _)| *shard)
    }

    /// Adds the newest group. It gets the times that no other group covers.
    pub(super) fn insert(&mut self, group: ShardGroup) {
        let at = self.groups.partition_point(|g| g.order() <= group.order());
        self.groups.insert(at, group);
        let mut rest = group.times();
        let mut at = self.stretches.partition_point(|(_, range)| range.max < rest.min);
        while !rest.is_empty() {
            let next = self.stretches.get(at).map(|(_, range)| *range).filter(|range| range.min <= rest.max);
            let gap_end = next.map_or(rest.max, |range| Timestamp(range.min.0.saturating_sub(1)));
            let gap = TimeRange { min: rest.min, max: gap_end };
            if !gap.is_empty() {
                self.stretches.insert(at, (group.shard, gap));
                at += 1;
            }
            let Some(next) = next else { break };
            rest.min = Timestamp(next.max.0.saturating_add(1));
            at += 1;
        }
    }

    /// Removes a group. Its times go to the oldest of the remaining groups that cover them.
    pub(super) fn remove(&mut self, id: u64) {
        if self.groups.iter().any(|g| g.id == id) {
            let mut left = std::mem::take(&mut self.groups);
            left.retain(|g| g.id != id);
            *self = ShardGroups::from(left);
        }
    }
}
