//! Segment files that a running store knows to be damaged. Finding and repairing them is left to `repair`.

use std::path::PathBuf;

use fluxstone_model::{DatabaseId, ShardId};

/// A damaged segment file of an open store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedSegment {
    /// The file.
    pub path: PathBuf,
    /// The database whose values it holds.
    pub database: DatabaseId,
    /// The shard whose values it holds.
    pub shard: ShardId,
    /// Why the store was opened without the file; `None` if only a part of it has turned out to be damaged.
    pub problem: Option<String>,
}
