//! Storage: the log, memtables, segment files, the series index, snapshots. Knows nothing of InfluxQL statements.
//!
//! The log is the database: every change is one record of one append-only log, and everything else here is a cache of
//! the log's prefix. A change is acknowledged when its record is on disk. Readers work on immutable snapshots.

use std::path::PathBuf;

use crate::line_protocol::ParsedBody;
use crate::model::{DatabaseId, ShardId, Text, TimeRange};
use crate::query::{SeriesId, Source};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where segment files and the checkpoint live.
    pub data_dir: PathBuf,
    /// Where the log lives.
    pub log_dir: PathBuf,
    /// Memtables are sealed into segment files when they hold this many bytes together.
    pub memtable_bytes_max: usize,
    /// `max-series-per-database`; zero is no limit.
    pub series_per_database_max: u64,
    /// `max-values-per-tag`; zero is no limit.
    pub values_per_tag_max: u64,
}

/// A catalog record met while a store is opened. The bytes are the engine's; storage only keeps them in order.
#[derive(Debug)]
pub enum CatalogRecord<'a> {
    /// The whole catalog as of the checkpoint. Comes first, if there is one.
    Checkpoint(&'a [u8]),
    /// One change, in log order.
    Change(&'a [u8]),
}

/// Everything on disk, and the memory that mirrors it.
#[derive(Debug)]
pub struct Store;

impl Store {
    /// Opens the store, or makes an empty one: reads the checkpoint, replays the log, cuts a torn tail. `on_catalog` gets every
    /// catalog record in order. Takes a lock on the directory.
    pub fn open(
        options: StoreOptions,
        on_catalog: &mut dyn FnMut(CatalogRecord<'_>) -> Result<(), String>,
    ) -> Result<Store, StorageError> {
        let _ = (options, on_catalog);
        Err(StorageError::ReadOnly)
    }

    /// Begins a change. One at a time: others wait until it is committed (which does not wait for the disk) or dropped.
    pub fn begin(&self) -> Transaction<'_> {
        Transaction { _store: self }
    }

    /// What all transactions that were acknowledged before this call left in the given shards of one database.
    /// Measurements and tags are those of the whole database; fields and values those of the shards.
    pub fn snapshot(&self, database: DatabaseId, shards: &[ShardId]) -> std::sync::Arc<dyn Source> {
        let _ = (database, shards);
        unreachable!()
    }

    /// Seals all memtables, writes a checkpoint with `catalog` and drops the log before it.
    pub fn checkpoint(&self, catalog: &dyn Fn() -> Vec<u8>) -> Result<(), StorageError> {
        let _ = catalog;
        Ok(())
    }

    /// Whether enough was logged since the last checkpoint that another one is due.
    pub fn checkpoint_due(&self) -> bool {
        false
    }
}

/// A change that is being put together. Dropped without [`Transaction::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Transaction<'s> {
    _store: &'s Store,
}

impl Transaction<'_> {
    /// Adds a catalog change.
    pub fn catalog_change(&mut self, change: &[u8]) {
        let _ = change;
    }

    /// Adds points to one shard: those of `body` whose indexes are in `points`, by the rules of the clauses `write.shard.*`.
    pub fn write(
        &mut self,
        database: DatabaseId,
        shard: ShardId,
        body: &ParsedBody<'_>,
        points: &[u32],
    ) -> Result<WriteOutcome, StorageError> {
        let _ = (database, shard, body, points);
        Err(StorageError::ReadOnly)
    }

    /// Deletes the values of `series` in `range` in `shards`. Series left without values leave the index; types stay.
    pub fn delete(&mut self, database: DatabaseId, shards: &[ShardId], series: &[SeriesId], range: TimeRange) {
        let _ = (database, shards, series, range);
    }

    /// Removes a measurement with its series, values of all times, and field types.
    pub fn drop_measurement(&mut self, database: DatabaseId, measurement: &[u8]) {
        let _ = (database, measurement);
    }

    /// Removes shards with their values and field types, and series that are only there.
    pub fn drop_shards(&mut self, database: DatabaseId, shards: &[ShardId]) {
        let _ = (database, shards);
    }

    /// Removes all data of a database.
    pub fn drop_database(&mut self, database: DatabaseId) {
        let _ = database;
    }

    /// Hands the record to the log and lets the next transaction begin. Wait on the result before acknowledging.
    pub fn commit(self) -> Commit {
        Commit
    }
}

/// A committed transaction on its way to the disk.
#[derive(Debug)]
#[must_use = "a change is acknowledged only after `wait`"]
pub struct Commit;

impl Commit {
    /// Blocks until the record is on disk and visible to snapshots.
    pub fn wait(self) -> Result<(), StorageError> {
        Err(StorageError::ReadOnly)
    }
}

/// What became of the points of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOutcome {
    /// How many points will be stored.
    pub stored: u64,
    /// How many were dropped; a point with k conflicting fields counts k.
    pub dropped: u64,
    /// Why the first of them was.
    pub reason: Option<DropReason>,
}

/// Why a shard dropped a point. The engine words it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of the message")]
pub enum DropReason {
    TypeConflict { measurement: Text, field: Text, new: crate::model::FieldType, existing: crate::model::FieldType },
    TimeTag { measurement: Text },
    TimeField { measurement: Text },
    SeriesLimit { series: u64, max: u64 },
    TagValueLimit { measurement: Text, key: Text, value: Text, values: u64, max: u64 },
}

/// Why storage could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// An earlier write to disk failed; nothing is accepted until the server is restarted.
    #[error("storage is read-only after a disk error")]
    ReadOnly,
    /// The disk said no.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the path.
        context: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// Another process has the directory open.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// A new field came with two types in one request to a new shard.
    #[error("field type conflict")]
    TypeConflictInRequest,
    /// Waited too long for memory.
    #[error("timeout")]
    Busy,
}
