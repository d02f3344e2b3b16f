//! Shard groups: which stretch of a policy's time a shard holds.

use serde::{Deserialize, Serialize};

use super::{Catalog, Change, Database, RetentionPolicy};
use crate::model::{DatabaseId, Nanos, ShardId, TimeRange, Timestamp};

/// One stretch of time of a policy, and the shard that holds its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardGroup {
    /// Never used again on this server.
    pub id: u64,
    /// The one shard of the group.
    pub shard: ShardId,
    /// The first nanosecond. The first group of all begins before what 64 bits can hold.
    pub start: i128,
    /// One past the last nanosecond.
    pub end: i128,
}

/// The latest possible end of a group.
const END_MAX: i128 = Timestamp::MAX.0 as i128 + 1;

/// Groups are aligned to 0001-01-01T00:00:00Z, this many nanoseconds before 1970.
const YEAR_ONE_TO_1970: i128 = 62_135_596_800 * 1_000_000_000;

impl ShardGroup {
    /// The group of length `shard_duration` that holds `time`.
    pub fn aligned(id: u64, shard: ShardId, time: Timestamp, shard_duration: Nanos) -> Self {
        let length = i128::from(shard_duration.0.max(1));
        let time = i128::from(time.0);
        let start = time - (time + YEAR_ONE_TO_1970).rem_euclid(length);
        ShardGroup { id, shard, start, end: (start + length).min(END_MAX) }
    }

    /// Whether `time` is inside.
    pub fn contains(&self, time: Timestamp) -> bool {
        (self.start..self.end).contains(&i128::from(time.0))
    }

    /// Whether some time of `range` is inside.
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.start <= i128::from(range.max.0) && i128::from(range.min.0) < self.end
    }

    /// When all its points have outlived a policy of this duration; the end itself if they never do.
    pub fn expiry(&self, duration: Nanos) -> i128 {
        self.end + i128::from(duration.0)
    }

    fn order(&self) -> (i128, i128) {
        (self.end, self.start)
    }
}

impl RetentionPolicy {
    /// The group that a point at `time` goes to: the first that covers it, by `(end, start)`.
    pub fn group_at(&self, time: Timestamp) -> Option<&ShardGroup> {
        group_at(&self.groups, time)
    }

    /// The shards that hold points of `range`, in the order of their time.
    pub fn shards_in(&self, range: TimeRange) -> Vec<ShardId> {
        self.groups.iter().filter(|g| g.overlaps(range)).map(|g| g.shard).collect()
    }

    pub(super) fn insert_group(&mut self, group: ShardGroup) {
        insert(&mut self.groups, group);
    }
}

fn group_at(groups: &[ShardGroup], time: Timestamp) -> Option<&ShardGroup> {
    let first = groups.partition_point(|g| g.end <= i128::from(time.0));
    groups[first..].iter().find(|g| g.contains(time))
}

fn insert(groups: &mut Vec<ShardGroup>, group: ShardGroup) {
    let at = groups.partition_point(|g| g.order() <= group.order());
    groups.insert(at, group);
}

/// Finds the groups of a request's points and plans those that do not exist yet.
#[derive(Debug)]
pub struct GroupPlanner<'c> {
    catalog: &'c Catalog,
    database: DatabaseId,
    policy: &'c RetentionPolicy,
    /// Those of the policy; copied as soon as one is planned.
    groups: std::borrow::Cow<'c, [ShardGroup]>,
    planned: Vec<ShardGroup>,
}

impl<'c> GroupPlanner<'c> {
    /// A plan for points of one policy, with nothing planned yet.
    pub fn new(catalog: &'c Catalog, database: &'c Database, policy: &'c RetentionPolicy) -> Self {
        GroupPlanner {
            catalog,
            database: database.id,
            policy,
            groups: policy.groups.as_slice().into(),
            planned: Vec::new(),
        }
    }

    /// The shard for a point at `time`.
    pub fn shard_for(&mut self, time: Timestamp) -> ShardId {
        if let Some(group) = group_at(&self.groups, time) {
            return group.shard;
        }
        let number = self.planned.len() as u64 + 1;
        let shard = ShardId(self.catalog.last_shard.saturating_add(number));
        let id = self.catalog.last_group.saturating_add(number);
        let group = ShardGroup::aligned(id, shard, time, self.policy.shard_duration);
        insert(self.groups.to_mut(), group);
        self.planned.push(group);
        shard
    }

    /// The changes that make the planned groups.
    pub fn into_changes(self) -> Vec<Change> {
        let (database, policy) = (self.database, &self.policy.name);
        self.planned.into_iter().map(|group| Change::CreateGroup { database, policy: policy.clone(), group }).collect()
    }
}

impl Catalog {
    /// `DROP SHARD id`: the shard and its group. An unknown shard needs no dropping.
    pub fn drop_shard(&self, shard: ShardId) -> Vec<Change> {
        self.shard(shard)
            .map(|(database, _, group)| Change::DropGroup { database: database.id, group: group.id })
            .into_iter()
            .collect()
    }

    /// The shards whose points have all outlived their policies at `now`, with the changes that drop their groups.
    pub fn expired_groups(&self, now: Timestamp) -> Vec<(DatabaseId, ShardId, Change)> {
        let mut expired = Vec::new();
        for database in self.databases() {
            for policy in database.policies.iter().filter(|p| p.duration > Nanos(0)) {
                for group in policy.groups.iter().filter(|g| g.expiry(policy.duration) < i128::from(now.0)) {
                    let change = Change::DropGroup { database: database.id, group: group.id };
                    expired.push((database.id, group.shard, change));
                }
            }
        }
        expired
    }
}
