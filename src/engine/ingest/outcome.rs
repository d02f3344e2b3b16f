//! What can become of the points of a write: they are stored, dropped for a reason, or the write fails.

use fluxstone_storage::StorageError;

use super::dropped::{DropReason, DroppedPoints};

/// The limits that writes must keep; zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteLimits {
    /// `max-series-per-database`.
    pub series_per_database_max: u64,
    /// `max-values-per-tag`.
    pub values_per_tag_max: u64,
    /// The bytes of the values of a request that fit into a shard's cache, as InfluxDB counts them.
    pub cache_bytes_max: u64,
}

/// The number of points that were stored and dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOutcome {
    /// How many points will be stored.
    pub stored: u64,
    /// How many were dropped; a point with k conflicting fields counts k.
    pub dropped: u64,
    /// Why the first of them was dropped, in the order of the checks.
    pub reason: Option<DropReason>,
    /// The first of them in the order of the request.
    pub first_dropped: DroppedPoints,
}

impl WriteOutcome {
    /// Adds the outcome of another shard.
    pub fn add(&mut self, other: WriteOutcome) {
        self.stored += other.stored;
        self.dropped += other.dropped;
        self.reason = self.reason.take().or(other.reason);
        self.first_dropped.add(other.first_dropped);
    }

    /// Whether the reason why a point is dropped is of interest.
    pub(super) fn takes(&self, index: u32) -> bool {
        self.reason.is_none() || self.first_dropped.takes(index)
    }

    /// Keeps the reason why a point is dropped.
    pub(super) fn note(&mut self, index: u32, reason: DropReason) {
        self.reason.get_or_insert_with(|| reason.clone());
        self.first_dropped.insert(index, reason);
    }
}

/// The reason why no point of a shard is stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A new field came with two types in one request to a new shard. The transaction can still be committed: the shard,
    /// the series of all points and the fields before the conflict are then known. The first points of the shard that would
    /// not be stored in any case: that of the conflict, and those that are dropped for other reasons.
    #[error("field type conflict")]
    TypeConflictInRequest(Box<DroppedPoints>),
    /// The values do not fit into the cache. The transaction can still be committed: the series and fields are then known.
    #[error("engine: cache-max-memory-size exceeded: ({bytes}/{max})")]
    CacheFull {
        /// Those of the values.
        bytes: u64,
        /// Those that there is room for.
        max: u64,
    },
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
