//! The options with which a store is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::segment::SEGMENT_CACHE_BYTES;

/// A tenth of it is more than writing a checkpoint of many shards takes.
const SEAL_STEP: Duration = Duration::from_secs(10);

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The directory of the segment files and the checkpoint.
    pub data_dir: PathBuf,
    /// The directory of the log.
    pub log_dir: PathBuf,
    /// The total size of memtables, in bytes, above which they are sealed into segment files.
    pub memtable_bytes_max: usize,
    /// `wal-fsync-delay`: how long a change waits for others to share its sync. It is never acknowledged before the sync.
    pub fsync_delay: Duration,
    /// `cache-snapshot-write-cold-duration`: memtables, full or not, are sealed after this long without a change.
    pub seal_idle_after: Duration,
    /// Sealing that takes longer than this writes a checkpoint of what it has done so far, again and again, so that not all of it
    /// is lost if it is interrupted.
    pub seal_step: Duration,
    /// `write-timeout`: how long a write waits while memory is full because sealing fails or does not keep up.
    pub write_timeout: Duration,
    /// `max-schema-memory`: the estimated memory that series, fields and shards may take, in bytes.
    pub schema_bytes_max: usize,
    /// `segment-cache-size`: the memory for recently read parts of segment files, in bytes.
    pub segment_cache_bytes: usize,
    /// `start-without-damaged-segments`: whether the store opens although a segment file is missing or damaged. What needs its
    /// values then fails.
    pub start_without_damaged_segments: bool,
}

impl StoreOptions {
    /// The defaults, with everything in one directory.
    pub fn in_directory(directory: &Path) -> Self {
        StoreOptions {
            data_dir: directory.join("data"),
            log_dir: directory.join("wal"),
            memtable_bytes_max: 64 << 20,
            fsync_delay: Duration::ZERO,
            seal_idle_after: Duration::from_mins(10),
            seal_step: SEAL_STEP,
            write_timeout: Duration::from_secs(10),
            schema_bytes_max: usize::MAX,
            segment_cache_bytes: SEGMENT_CACHE_BYTES,
            start_without_damaged_segments: false,
        }
    }
}
