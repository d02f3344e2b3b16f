//! The decisions to create shard groups for points and ahead of time, to drop a shard, and to drop expired groups.

use std::borrow::Cow;

use fluxstone_model::{DatabaseId, Nanos, ShardId, Timestamp};

use crate::catalog::Catalog;
use crate::change::Change;
use crate::database::Database;
use crate::policy::RetentionPolicy;
use crate::shard_group::{ShardGroup, ShardGroups};

/// Finds the groups for the points of a request, and plans missing ones.
#[derive(Debug)]
pub struct GroupPlanner<'c> {
    catalog: &'c Catalog,
    database: DatabaseId,
    policy: &'c RetentionPolicy,
    /// The groups of the policy, copied when the first one is planned.
    groups: Cow<'c, ShardGroups>,
    planned: Vec<ShardGroup>,
}

impl<'c> GroupPlanner<'c> {
    /// A planner for points of one policy.
    pub fn new(catalog: &'c Catalog, database: &'c Database, policy: &'c RetentionPolicy) -> Self {
        GroupPlanner {
            catalog,
            database: database.id,
            policy,
            groups: Cow::Borrowed(&policy.groups),
            planned: Vec::new(),
        }
    }

    /// The shard for a point at `time`.
    pub fn shard_for(&mut self, time: Timestamp) -> ShardId {
        if let Some(shard) = self.groups.shard_at(time) {
            return shard;
        }
        let number = self.planned.len() as u64 + 1;
        let shard = ShardId(self.catalog.last_shard.saturating_add(number));
        let id = self.catalog.last_group.saturating_add(number);
        let group = ShardGroup::aligned(id, shard, time, self.policy.shard_duration);
        self.groups.to_mut().insert(group);
        self.planned.push(group);
        shard
    }

    /// The number of planned groups.
    pub fn planned(&self) -> usize {
        self.planned.len()
    }

    /// The changes that create the planned groups.
    pub fn into_changes(self) -> Vec<Change> {
        let (database, policy) = (self.database, &self.policy.name);
        self.planned.into_iter().map(|group| Change::CreateGroup { database, policy: policy.clone(), group }).collect()
    }
}

impl Catalog {
    /// `DROP SHARD id`: drops the shard and its group. No changes if the shard does not exist.
    pub fn drop_shard(&self, shard: ShardId) -> Vec<Change> {
        self.shard(shard)
            .map(|(database, _, group)| Change::DropGroup { database: database.id, group: group.id })
            .into_iter()
            .collect()
    }

    /// The changes that create the shard groups that are needed within `advance` from `now`: for each policy whose last group still
    /// goes on and ends by then, the group after it. A database with `groups_max` groups or more gets none; zero is no limit.
    pub fn groups_ahead(&self, now: Timestamp, advance: Nanos, groups_max: usize) -> Vec<Change> {
        let until = i128::from(now.0) + i128::from(advance.0);
        let mut changes = Vec::new();
        for database in self.databases() {
            let mut count: usize = database.policies.iter().map(|policy| policy.groups.iter().len()).sum();
            for policy in &database.policies {
                let Some(last) = policy.groups.iter().last() else { continue };
                let goes_on = last.end > i128::from(now.0) && last.end < until;
                // The end is not in the range of times where nothing can follow.
                let Some(next) = i64::try_from(last.end + 1).ok().map(Timestamp) else { continue };
                if !goes_on || policy.groups.shard_at(next).is_some() || (groups_max > 0 && count >= groups_max) {
                    continue;
                }
                let number = changes.len() as u64 + 1;
                let id = self.last_group.saturating_add(number);
                let shard = ShardId(self.last_shard.saturating_add(number));
                let group = ShardGroup::aligned(id, shard, next, policy.shard_duration);
                count += 1;
                changes.push(Change::CreateGroup { database: database.id, policy: policy.name.clone(), group });
            }
        }
        changes
    }

    /// The shards whose points have all expired at `now`, with the changes that drop their groups.
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
