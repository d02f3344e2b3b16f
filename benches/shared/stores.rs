//! Writing lines to one shard of a store.

use fluxstone::columns::PointBatch;
use fluxstone::engine::ingest::{UnescapedStrings, WriteLimits, WriteOutcome, write_shard};
use fluxstone::line_protocol::{Precision, parse};
use fluxstone::model::{DatabaseId, ShardId, Timestamp};
use fluxstone::storage::{Store, Transaction};

/// The database of all points.
pub(crate) const DATABASE: DatabaseId = DatabaseId(1);
/// The shard of all points.
pub(crate) const SHARD: ShardId = ShardId(1);

const LIMITS: WriteLimits = WriteLimits { series_per_database_max: 0, values_per_tag_max: 100_000, cache_bytes_max: 0 };

/// The indexes of all points of a batch.
pub(crate) fn all_of(batch: &PointBatch<'_>) -> Vec<u32> {
    (0..batch.rows().len() as u32).collect()
}

/// Adds points to a transaction.
pub(crate) fn put(transaction: &mut Transaction<'_>, batch: &PointBatch<'_>, points: &[u32]) -> WriteOutcome {
    let writer = transaction.shard(DATABASE, SHARD).expect("an open transaction");
    write_shard(writer, batch, points, LIMITS).expect("valid points")
}

/// Parses lines, writes them in one transaction, and waits until they are on disk.
pub(crate) fn write(store: &Store, lines: &str, precision: Precision) {
    let body = parse(lines.as_bytes(), precision, Timestamp(0));
    let strings = UnescapedStrings::of(&body);
    let batch = strings.batch(body);
    let mut transaction = store.begin().expect("a working disk");
    put(&mut transaction, &batch, &all_of(&batch));
    transaction.commit().wait().expect("a working disk");
}

/// Moves everything in memory to segment files.
pub(crate) fn seal(store: &Store) {
    store.checkpoint(&|| Ok(Vec::new())).expect("a working disk");
}
