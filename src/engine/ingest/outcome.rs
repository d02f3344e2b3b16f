//! What can become of the points of a write: they are stored, dropped for a reason, or the write fails.

use fluxstone_model::{Clause, FieldType, Text};
use fluxstone_storage::StorageError;

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
    /// Why the first of them was dropped.
    pub reason: Option<DropReason>,
}

impl WriteOutcome {
    /// Adds the outcome of another shard.
    pub fn add(&mut self, other: WriteOutcome) {
        self.stored += other.stored;
        self.dropped += other.dropped;
        self.reason = self.reason.take().or(other.reason);
    }
}

/// The reason why a point was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of the message")]
pub enum DropReason {
    TypeConflict { measurement: Text, field: Text, new: FieldType, existing: FieldType },
    TimeTag { measurement: Text },
    TimeField { measurement: Text },
    SeriesLimit { series: u64, max: u64 },
    TagValueLimit { measurement: Text, key: Text, value: Text, values: u64, max: u64 },
}

impl DropReason {
    /// The clause that the point does not keep.
    pub fn clause(&self) -> Clause {
        match self {
            DropReason::TypeConflict { .. } => Clause::new("write.shard.2"),
            DropReason::TimeTag { .. } | DropReason::TimeField { .. } => Clause::new("write.shard.3"),
            DropReason::SeriesLimit { .. } | DropReason::TagValueLimit { .. } => Clause::new("write.shard.4"),
        }
    }
}

/// The reason why no point of a shard is stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A new field came with two types in one request to a new shard. The transaction can still be committed: the shard,
    /// the series of all points and the fields before the conflict are then known.
    #[error("field type conflict")]
    TypeConflictInRequest,
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
