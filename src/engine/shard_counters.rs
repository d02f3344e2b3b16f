//! What was written to each shard since the server started, which SHOW STATS lists.

use std::collections::HashMap;

use fluxstone_model::ShardId;
use parking_lot::Mutex;

/// The writes of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ShardCounts {
    /// Writes of which something may have been stored.
    pub(super) writes_ok: u64,
    /// Writes of which nothing was stored.
    pub(super) writes_failed: u64,
    pub(super) points_stored: u64,
    /// Left out of writes.
    pub(super) points_dropped: u64,
    /// Of writes of which nothing was stored.
    pub(super) points_failed: u64,
}

impl ShardCounts {
    fn add(&mut self, other: ShardCounts) {
        self.writes_ok += other.writes_ok;
        self.writes_failed += other.writes_failed;
        self.points_stored += other.points_stored;
        self.points_dropped += other.points_dropped;
        self.points_failed += other.points_failed;
    }
}

/// The writes of all shards.
#[derive(Debug, Default)]
pub(super) struct ShardCounters(Mutex<HashMap<ShardId, ShardCounts>>);

impl ShardCounters {
    /// Counts a write to some shards.
    pub(super) fn add(&self, counts: &[(ShardId, ShardCounts)]) {
        let mut all = self.0.lock();
        for (shard, counts) in counts {
            all.entry(*shard).or_default().add(*counts);
        }
    }

    /// The writes of a shard.
    pub(super) fn of(&self, shard: ShardId) -> ShardCounts {
        self.0.lock().get(&shard).copied().unwrap_or_default()
    }

    /// Forgets all shards but these.
    pub(super) fn keep(&self, exists: impl Fn(ShardId) -> bool) {
        self.0.lock().retain(|shard, _| exists(*shard));
    }
}
