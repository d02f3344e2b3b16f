//! Storage: the log, memtables, segment files, the series index, snapshots. Knows nothing of InfluxQL statements.
//!
//! The log is the database: every change is one record of one append-only log, and everything else here is a cache of
//! the log's prefix. A change is acknowledged when its record is on disk. Readers work on immutable snapshots.
//!
//! The way of a change: [`Transaction`] resolves it against the live schema (`live_schema`, `shard_writer`) into one record
//! (`record`); the committer thread (`queue`, `committer`) writes a group of records as one frame (`frame`, `log`), and then applies
//! each to the state (`state`: `series_index`, `fields`, `memtable`). The way of a query: `snapshot` collects what holds
//! values, `merge` makes blocks of it. Sealing: when memtables are full, the `sealer` thread writes them to segment files
//! ([`segment`], `compaction`), lists these in the `checkpoint`, and drops the log before it. All files are reached through
//! [`disk`], which is [`real_disk`] or, in simulations, [`memory_disk`]. A log that is
//! damaged can be cut by hand with [`repair`].

mod checkpoint;
mod column_buffer;
mod committer;
mod compaction;
pub mod disk;
mod error;
mod few_points;
mod fields;
pub mod frame;
mod live_schema;
mod log;
pub mod memory_disk;
mod memtable;
mod merge;
mod queue;
pub mod real_disk;
mod recent_series;
pub mod record;
pub mod repair;
mod sealer;
pub mod segment;
mod series_file;
mod series_index;
mod series_table;
mod shard_writer;
mod snapshot;
mod state;
mod stored_hash;
#[cfg(test)]
mod tests;
mod transaction;

pub use error::StorageError;
pub use fields::Field;
pub use recent_series::{MeasurementNumber, ResolvedSeries};
pub use record::RECORD_BYTES_MAX;
pub use shard_writer::ShardWriter;
pub use transaction::{Commit, Transaction};

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use checkpoint::Checkpoint;
use disk::Disk;
use fluxstone_columns::Source;
use fluxstone_model::{DatabaseId, ShardId, TimeRange};
use live_schema::LiveSchema;
use log::LogWriter;
use parking_lot::{Mutex, RwLock};
use queue::{CommitQueue, Item};
use real_disk::RealDisk;
use sealer::Sealer;
use segment::ReadCache;
use series_index::{SeriesBound, SeriesIndex};
use snapshot::Snapshot;
use state::State;

/// The file of each directory that is locked while a store is open.
const LOCK_FILE: &str = "lock";

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where segment files and the checkpoint live.
    pub data_dir: PathBuf,
    /// Where the log lives.
    pub log_dir: PathBuf,
    /// Memtables are sealed into segment files when they hold this many bytes together.
    pub memtable_bytes_max: usize,
    /// `wal-fsync-delay`: how long a change waits for others to share its sync. It is acknowledged after that, always.
    pub fsync_delay: Duration,
    /// `cache-snapshot-write-cold-duration`: what is in memtables is sealed, full or not, when there was no change for so long.
    pub seal_idle_after: Duration,
    /// `write-timeout`: how long a write waits while memory is full because sealing does not keep up, or fails.
    pub write_timeout: Duration,
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
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// A catalog record met while a store is opened. The bytes are the engine's; storage only keeps them in order.
#[derive(Debug)]
pub enum CatalogRecord<'a> {
    /// The whole catalog as of the checkpoint. Comes first, if there is one.
    Checkpoint(&'a [u8]),
    /// One change, in log order.
    Change(&'a [u8]),
}

/// A checkpoint with a new catalog is due when this many catalog changes came after the last.
const CATALOG_CHANGES_MAX: usize = 1000;
/// Memtables may take this many times [`StoreOptions::memtable_bytes_max`] before writers wait for the sealer: while some are
/// sealed, as many others fill.
const MEMORY_FACTOR: usize = 2;

/// Everything on disk, and the memory that mirrors it.
pub struct Store {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    _locks: Vec<Lock>,
}

/// Holds a directory.
type Lock = Box<dyn fmt::Debug + Send + Sync>;

/// What the threads of a store share.
struct Shared {
    options: StoreOptions,
    /// The commit lock: one transaction at a time.
    live: Mutex<LiveSchema>,
    queue: CommitQueue,
    state: RwLock<State>,
    is_read_only: AtomicBool,
}

impl Store {
    /// Opens the store, or makes an empty one: reads the checkpoint, replays the log, cuts a torn tail. `on_catalog` gets every
    /// catalog record in order. Takes a lock on the directory.
    pub fn open(
        options: StoreOptions,
        on_catalog: &mut dyn FnMut(CatalogRecord<'_>) -> Result<(), String>,
    ) -> Result<Store, StorageError> {
        Store::open_on(&(Arc::new(RealDisk::default()) as Arc<dyn Disk>), options, on_catalog)
    }

    /// As [`Store::open`], on a disk of the caller's.
    pub fn open_on(
        disk: &Arc<dyn Disk>,
        options: StoreOptions,
        on_catalog: &mut dyn FnMut(CatalogRecord<'_>) -> Result<(), String>,
    ) -> Result<Store, StorageError> {
        let StoreOptions { data_dir, log_dir, .. } = &options;
        for dir in [data_dir, log_dir] {
            disk.create_dir_all(dir).map_err(StorageError::io("create", dir))?;
        }
        let locks = lock_directories(&**disk, &options)?;
        // What is found may so far be in the system's memory only, and is about to be relied on.
        disk.sync_dir(data_dir).map_err(StorageError::io("sync", data_dir))?;
        let checkpoint = Checkpoint::read(&**disk, data_dir)?.unwrap_or_else(Checkpoint::empty);
        let cache = Arc::<ReadCache>::default();
        let mut state = checkpoint.load(&**disk, data_dir, &cache)?;
        let sealer = Sealer::new(disk.clone(), cache, &options, &checkpoint);
        sealer.remove_unlisted()?;
        let log = log::recover(disk, log_dir, state.position, &mut |position, record| {
            let applied = state.apply(record);
            applied.map_err(|error| StorageError::damaged(log_dir, format!("record {position}: {error}")))
        })?;
        for record in state.catalog.records() {
            on_catalog(record).map_err(|problem| StorageError::damaged(log_dir, problem))?;
        }
        Store::start(options, state, log, sealer, locks)
    }

    fn start(
        options: StoreOptions,
        state: State,
        log: LogWriter,
        sealer: Sealer,
        locks: Vec<Lock>,
    ) -> Result<Store, StorageError> {
        let shared = Arc::new(Shared {
            live: Mutex::new(LiveSchema::new(&state)),
            queue: CommitQueue::new(options.fsync_delay, options.seal_idle_after),
            options,
            state: RwLock::new(state),
            is_read_only: AtomicBool::new(false),
        });
        let mut store = Store { shared: shared.clone(), threads: Vec::new(), _locks: locks };
        let (jobs, sealer_jobs) = std::sync::mpsc::sync_channel(1);
        let for_sealer = shared.clone();
        store.spawn("sealer", move || committer::run_sealer(&for_sealer, sealer, &sealer_jobs))?;
        let for_committer = shared.clone();
        store.spawn("committer", move || committer::run_committer(&for_committer, log, &jobs))?;
        let unsealed_bytes = shared.state.read().memory.active;
        if unsealed_bytes > shared.options.memtable_bytes_max {
            shared.queue.want_seal();
        } else if unsealed_bytes > 0 {
            shared.queue.unsealed();
        }
        Ok(store)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StorageError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let dir = &self.shared.options.data_dir;
        self.threads.push(thread.map_err(StorageError::io("start a thread for", dir))?);
        Ok(())
    }

    /// Begins a change. One at a time: others wait until it is committed (which does not wait for the disk) or dropped.
    pub fn begin(&self) -> Result<Transaction<'_>, StorageError> {
        Transaction::begin(&self.shared)
    }

    /// As [`Store::begin`], for points: waits first until there is memory for them, no longer than
    /// [`StoreOptions::write_timeout`].
    pub fn begin_write(&self) -> Result<Transaction<'_>, StorageError> {
        self.shared.wait_for_memory()?;
        self.begin()
    }

    /// What all transactions that were acknowledged before this call left in the given shards of one database, each given
    /// with the times that it is for. The times of two shards do not overlap.
    ///
    /// Measurements and tags are those of the whole database; fields and values those of the shards.
    pub fn snapshot(&self, database: DatabaseId, shards: &[(ShardId, TimeRange)]) -> Arc<dyn Source> {
        Arc::new(Snapshot::new(&self.shared.state.read(), database, shards))
    }

    /// How many series a database has.
    pub fn series_count(&self, database: DatabaseId) -> usize {
        self.with_index(database, SeriesIndex::len).unwrap_or(0)
    }

    /// How many measurements a database has.
    pub fn measurement_count(&self, database: DatabaseId) -> usize {
        self.with_index(database, |index, bound| index.measurements(bound).len()).unwrap_or(0)
    }

    /// Whether a measurement has a series.
    pub fn has_measurement(&self, database: DatabaseId, measurement: &[u8]) -> bool {
        self.with_index(database, |index, bound| index.has_measurement(measurement, bound)).unwrap_or(false)
    }

    /// Seals all memtables, writes a checkpoint with `catalog` and drops the log before it.
    ///
    /// The store does this by itself when memtables are full or the log is long, and then keeps the catalog as the last
    /// one given here and the changes since. `catalog` is called while no transaction is open: it must return the outcome
    /// of all changes whose transactions were committed, whether or not anyone waited for them, and of no others; it must
    /// not begin a transaction.
    ///
    /// When sealing fails, nothing is lost and the store tries again by itself.
    pub fn checkpoint(&self, catalog: &dyn Fn() -> Result<Vec<u8>, StorageError>) -> Result<(), StorageError> {
        let ticket = {
            let _commit_lock = self.shared.live.lock();
            self.shared.queue.push_alone(Item::CatalogBase(catalog()?))
        };
        ticket.wait()?;
        self.shared.queue.seal()?;
        self.shared.check()
    }

    /// Whether there are so many catalog changes since the last [`Store::checkpoint`] that another one is due. Not while
    /// sealing fails, since it would fail too.
    pub fn checkpoint_due(&self) -> bool {
        !self.shared.queue.is_seal_failing() && self.shared.state.read().catalog.changes.len() >= CATALOG_CHANGES_MAX
    }

    fn with_index<T>(&self, database: DatabaseId, ask: impl FnOnce(&SeriesIndex, SeriesBound) -> T) -> Option<T> {
        let (index, bound) = {
            let state = self.shared.state.read();
            (state.database(database)?.index.clone(), state.series_bound)
        };
        let index = index.read();
        Some(ask(&index, bound))
    }
}

/// Takes the locks of the directories of a store.
fn lock_directories(disk: &dyn Disk, options: &StoreOptions) -> Result<Vec<Lock>, StorageError> {
    let mut locks = Vec::new();
    for dir in BTreeSet::from([&options.data_dir, &options.log_dir]) {
        let lock = disk.lock(&dir.join(LOCK_FILE)).map_err(StorageError::io("lock", dir))?;
        locks.push(lock.ok_or_else(|| StorageError::Locked(dir.clone()))?);
    }
    Ok(locks)
}

/// Waits for what was committed, and stops the threads.
impl Drop for Store {
    fn drop(&mut self) {
        self.shared.queue.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of storage panicked");
            }
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Shared {
    /// Whether changes can be written.
    fn check(&self) -> Result<(), StorageError> {
        if self.is_read_only.load(Ordering::Acquire) { Err(StorageError::ReadOnly) } else { Ok(()) }
    }

    /// Waits until there is memory for more points.
    fn wait_for_memory(&self) -> Result<(), StorageError> {
        let deadline = Instant::now() + self.options.write_timeout;
        loop {
            self.check()?;
            let memory = self.state.read().memory;
            if memory.active + memory.sealing <= self.options.memtable_bytes_max.saturating_mul(MEMORY_FACTOR) {
                return Ok(());
            }
            let number = self.queue.want_seal();
            if !self.queue.wait_sealed_until(number, deadline) {
                return Err(StorageError::Busy);
            }
        }
    }

    /// The series index of a database, made empty if it is not there.
    fn index(&self, database: DatabaseId) -> Arc<RwLock<SeriesIndex>> {
        let found = self.state.read().database(database).map(|d| d.index.clone());
        found.unwrap_or_else(|| self.state.write().database_mut(database).index.clone())
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
