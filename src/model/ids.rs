//! Identifiers that are never reused, so that dropped data cannot reappear under a name that is used again.

/// Identifies a database. Counted from 1 over the lifetime of a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct DatabaseId(pub u64);

/// Identifies a shard. Counted from 1 over the lifetime of a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ShardId(pub u64);
