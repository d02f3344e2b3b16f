//! Ingest: the rules that decide which points of a write a shard keeps (the clauses `write.shard.*`): names, limits and
//! field types.
//!
//! A write comes as a [`PointBatch`](fluxstone_columns::PointBatch), made from line protocol ([`UnescapedStrings`]) or
//! from the rows of a SELECT INTO. [`write_shard`] checks the points of one shard in order, adds their new series and
//! fields, and hands the points that are kept to storage. Storage does not know these rules, and this module does not know
//! files: it works on a [`ShardWriter`](fluxstone_storage::ShardWriter) under the commit lock.
//!
//! Which points belong to which shard is decided in the module `write` of the engine; the words for refusals are in
//! `write_error`.

mod body;
mod dropped;
mod outcome;
mod shard;
#[cfg(test)]
mod tests;

pub use body::UnescapedStrings;
pub use dropped::{DropReason, DroppedPoint, DroppedPoints};
pub use outcome::{IngestError, WriteLimits, WriteOutcome};
pub use shard::{ResolvedBatch, write_shard, write_shard_with};
