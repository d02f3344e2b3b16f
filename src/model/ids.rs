//! Identifiers that are never used again, so that what was dropped can't come back under a reused name.

/// A database, counted from 1 over the life of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct DatabaseId(pub u64);

/// A shard, counted from 1 over the life of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ShardId(pub u64);
