//! Storage: the log, memtables, segment files, the series index and snapshots. It knows neither InfluxQL nor HTTP.
//!
//! The log is the database: every change is one record in one append-only log, and everything else is a cache of the log's
//! prefix. A change is acknowledged when its record is on disk. Readers work on immutable snapshots.
//!
//! # The path of a change
//!
//! A [`Transaction`] resolves the change against the live schema (`live_schema`, `shard_writer`) into one record (`record`).
//! The committer thread (`commit`) writes a group of records as one frame (`log`) and then applies each of them to the state
//! (`state`, which holds `series_index`, `fields` and `memtable`). A deletion is followed by records that remove the series
//! without values (`removal`). When memtables are full, the sealer thread (`sealing`)
//! writes them to segment files ([`segment`]), lists these in the checkpoint, and drops the log before it.
//!
//! # The path of a query
//!
//! A `snapshot` collects the pieces that hold values, and `merge` turns them into blocks.
//!
//! # Disks
//!
//! All files are accessed through the trait in [`disk`]: [`real_disk`] implements it for the file system, and, with the
//! feature `memory-disk` for tests, `memory_disk` simulates a disk that fails. [`repair`] checks and repairs
//! a damaged store on demand.

mod bit_flip;
mod catalog_bytes;
mod commit;
mod damaged_segment;
mod directory_lock;
pub mod disk;
mod error;
mod fields;
mod health;
mod live_schema;
mod log;
#[cfg(any(test, feature = "memory-disk"))]
pub mod memory_disk;
mod memtable;
mod merge;
mod name_table;
mod options;
pub mod real_disk;
mod recent_series;
pub mod record;
mod removal;
pub mod repair;
mod sealing;
pub mod segment;
mod series_index;
mod set_aside;
mod shard_writer;
mod shared_index;
mod snapshot;
mod state;
mod store_core;
mod store_id;
mod stored_hash;
#[cfg(test)]
mod tests;
mod transaction;

pub use catalog_bytes::CatalogRecord;
pub use commit::budget::Reservation;
pub use damaged_segment::DamagedSegment;
pub use error::StorageError;
pub use fields::Field;
pub use health::{Mode, StoreHealth};
pub use log::frame;
pub use options::StoreOptions;
pub use recent_series::{MeasurementNumber, ResolvedSeries};
pub use record::RECORD_BYTES_MAX;
pub use shard_writer::ShardWriter;
pub use store_id::StoreId;
pub use transaction::{Commit, Transaction};

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use fluxstone_columns::Source;
use fluxstone_model::{DatabaseId, ShardId, TimeRange};
use parking_lot::RwLock;

use commit::committer::run_committer;
use commit::queue::Item;
use directory_lock::lock_directories;
use disk::{Disk, DiskLock};
use log::LogWriter;
use real_disk::RealDisk;
use sealing::checkpoint::DamagedSegments;
use sealing::generations::{self, Start};
use sealing::pair::check_pair;
use sealing::sealer::Sealer;
use sealing::thread::run_sealer;
use segment::SegmentCache;
use series_index::{SeriesIndex, View};
use shared_index::IndexReader;
use snapshot::Snapshot;
use state::{SealJob, State};
use store_core::StoreCore;

/// A checkpoint with a new catalog is due after this many catalog changes.
const CATALOG_CHANGES_MAX: usize = 1000;

/// An open store: everything on disk, and the memory that mirrors it.
pub struct Store {
    core: Arc<StoreCore>,
    threads: Vec<JoinHandle<()>>,
    _locks: Vec<DiskLock>,
}

impl Store {
    /// Opens the store, or creates an empty one: locks its directories, reads the checkpoint, replays the log and cuts off a
    /// torn tail. `on_catalog` is called with every catalog record in order.
    pub fn open(
        options: StoreOptions,
        on_catalog: &mut dyn FnMut(CatalogRecord<'_>) -> Result<(), String>,
    ) -> Result<Store, StorageError> {
        Store::open_on(&(Arc::new(RealDisk::default()) as Arc<dyn Disk>), options, on_catalog)
    }

    /// Like [`Store::open`], on the given disk.
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
        // The file names may not be durable yet, and the store is about to rely on them.
        disk.sync_dir(data_dir).map_err(StorageError::io("sync", data_dir))?;
        let cache = Arc::new(SegmentCache::new(options.segment_cache_bytes));
        let identity = log::identify(&**disk, log_dir)?;
        let damaged_segments = DamagedSegments::of(&options);
        let start = generations::choose(&**disk, data_dir, identity.first, &cache, damaged_segments)?;
        let store = check_pair(&**disk, &options, &start, identity)?;
        start.set_damaged_aside(&**disk, data_dir)?;
        for DamagedSegment { path, database, shard, problem } in start.state.damaged_segments() {
            tracing::error!(file = %path.display(), database = database.0, shard = shard.0, problem = problem.unwrap_or_default(),
                "started without a damaged segment file; queries that may need its values are refused; \
                 `fluxstone repair` says what can be kept");
        }
        let Start { checkpoint, state, generations, .. } = start;
        let mut sealer = Sealer::new(disk.clone(), cache, &options, store, &checkpoint, generations);
        let position = state.position;
        let state = RwLock::new(state);
        let mut closed = ClosedInReplay::default();
        let log = log::recover(disk, log_dir, store, position, &mut |position, record| {
            let applied = state.write().apply(record);
            applied.map_err(|error| StorageError::damaged(log_dir, format!("record {position}: {error}")))?;
            if state.read().memory.active > options.memtable_bytes_max {
                closed.close(&mut sealer, &state);
            }
            Ok(())
        })?;
        if state.read().is_behind_files() {
            realign(log_dir, &mut sealer, &state, closed.job.take())?;
        }
        // Only a complete log proves that the other files are not needed.
        sealer.remove_unlisted()?;
        let state = state.into_inner();
        for record in state.catalog.records() {
            on_catalog(record).map_err(|problem| StorageError::damaged(log_dir, problem))?;
        }
        Store::start(options, state, log, (sealer, closed.job), locks)
    }

    fn start(
        options: StoreOptions,
        state: State,
        log: LogWriter,
        (sealer, unsealed): (Sealer, Option<SealJob>),
        locks: Vec<DiskLock>,
    ) -> Result<Store, StorageError> {
        let core = Arc::new(StoreCore::new(options, state));
        let mut store = Store { core: core.clone(), threads: Vec::new(), _locks: locks };
        let (jobs, sealer_jobs) = std::sync::mpsc::sync_channel(1);
        if let Some(job) = unsealed {
            core.queue.seal_begun();
            // There is room for one, and the receiver exists.
            let _ = jobs.send(job);
        }
        let sealer_core = core.clone();
        let is_settled = sealer.is_settled();
        store.spawn("sealer", move || run_sealer(&sealer_core, sealer, &sealer_jobs))?;
        let committer_core = core.clone();
        store.spawn("committer", move || run_committer(&committer_core, log, &jobs))?;
        let unsealed_bytes = core.state.read().memory.active;
        if unsealed_bytes > core.options.memtable_bytes_max {
            core.queue.request_seal();
        } else if unsealed_bytes > 0 || !is_settled {
            core.queue.note_unsealed();
        }
        removal::finish(&core);
        Ok(store)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StorageError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let dir = &self.core.options.data_dir;
        self.threads.push(thread.map_err(StorageError::io("start a thread for", dir))?);
        Ok(())
    }

    /// Begins a change. There is one at a time: others wait until it is dropped or committed, which does not wait for the disk.
    pub fn begin(&self) -> Result<Transaction<'_>, StorageError> {
        Transaction::begin(&self.core)
    }

    /// Like [`Store::begin`], for points: waits up to [`StoreOptions::write_timeout`] for memory first.
    pub fn begin_write(&self) -> Result<Transaction<'_>, StorageError> {
        let reservation = self.reserve(0, Instant::now() + self.core.options.write_timeout)?;
        self.begin_reserved(reservation)
    }

    /// Reserves memory for a write of about this many bytes, waiting for it until `deadline`. Begin no transaction meanwhile.
    pub fn reserve(&self, bytes: usize, deadline: Instant) -> Result<Reservation, StorageError> {
        self.core.reserve(bytes, deadline)
    }

    /// Like [`Store::begin`], for points for which memory is reserved.
    pub fn begin_reserved(&self, reservation: Reservation) -> Result<Transaction<'_>, StorageError> {
        Ok(self.begin()?.with_reservation(reservation))
    }

    /// The estimated memory of the values that are not in segment files, and of the writes that are under way, in bytes.
    pub fn memory_bytes(&self) -> usize {
        // Both at one moment: what a write has reserved becomes part of its memtable.
        let reserved = self.core.write_memory.lock();
        reserved.total() + self.core.memtable_bytes()
    }

    /// Returns a snapshot of the given shards of one database, each with the time range it is responsible for. The ranges of
    /// two shards must not overlap. The snapshot contains every transaction that was acknowledged before this call.
    ///
    /// Measurements and tags are those of the whole database, fields and values those of the shards.
    pub fn snapshot(&self, database: DatabaseId, shards: &[(ShardId, TimeRange)]) -> Arc<dyn Source> {
        Arc::new(Snapshot::new(&self.core.state.read(), database, shards))
    }

    /// Returns the segment files that the store was opened without, and those of which a part has turned out to be damaged.
    pub fn damaged_segments(&self) -> Vec<DamagedSegment> {
        self.core.state.read().damaged_segments()
    }

    /// Returns the number of series in a database.
    pub fn series_count(&self, database: DatabaseId) -> usize {
        self.with_index(database, SeriesIndex::len).unwrap_or(0)
    }

    /// Returns the number of measurements in a database.
    pub fn measurement_count(&self, database: DatabaseId) -> usize {
        self.reader(database).map_or(0, |series| series.measurements().len())
    }

    /// Returns the size of the segment files of a shard, in bytes.
    pub fn disk_bytes(&self, database: DatabaseId, shard: ShardId) -> u64 {
        let state = self.core.state.read();
        let shard = state.database(database).and_then(|database| database.shard(shard));
        shard.map_or(0, |shard| shard.segments.iter().map(|file| file.segment.file_bytes()).sum())
    }

    /// Whether a measurement has any series.
    pub fn has_measurement(&self, database: DatabaseId, measurement: &[u8]) -> bool {
        self.with_index(database, |index, view| index.has_measurement(measurement, view)).unwrap_or(false)
    }

    /// Seals all memtables, writes a checkpoint with the result of `catalog`, and drops the log before it.
    ///
    /// The store also does this on its own when memtables are full or the log is long; it then keeps the last catalog given
    /// here and the changes since. `catalog` is called while no transaction is open and must not begin one. It must return
    /// the result of all committed changes, whether or not anyone has waited for them yet, and of no others.
    ///
    /// If sealing fails, nothing is lost and the store retries on its own.
    pub fn checkpoint(&self, catalog: &dyn Fn() -> Result<Vec<u8>, StorageError>) -> Result<(), StorageError> {
        self.core.check()?;
        let ticket = {
            let _commit_lock = self.core.live.lock();
            self.core.queue.push_alone(Item::CatalogBase(catalog()?))
        };
        ticket.wait()?;
        self.core.queue.seal()?;
        self.core.check()
    }

    /// Whether there have been so many catalog changes since the last [`Store::checkpoint`] that another one is due. Never
    /// while sealing fails or the store accepts no changes, because the checkpoint would fail too.
    pub fn checkpoint_due(&self) -> bool {
        self.core.check().is_ok()
            && !self.core.queue.is_seal_failing()
            && self.core.state.read().catalog.changes.len() >= CATALOG_CHANGES_MAX
    }

    /// Returns whether the store accepts changes, and what is wrong with it.
    pub fn health(&self) -> StoreHealth {
        self.core.condition.health(self.core.queue.seal_error(), self.damaged_segments())
    }

    fn reader(&self, database: DatabaseId) -> Option<IndexReader> {
        let state = self.core.state.read();
        state.database(database).map(|database| state.reader(database))
    }

    fn with_index<T>(&self, database: DatabaseId, ask: impl FnOnce(&SeriesIndex, View) -> T) -> Option<T> {
        let (index, view) = {
            let state = self.core.state.read();
            (state.database(database)?.index.clone(), state.view())
        };
        let index = index.read();
        Some(ask(&index, view))
    }
}

/// The memtables that were closed while the log is read, and are not sealed yet.
#[derive(Debug, Default)]
struct ClosedInReplay {
    job: Option<SealJob>,
    /// Whether sealing failed. It is tried again once the log is read; the rest of it stays in memory.
    has_failed: bool,
}

impl ClosedInReplay {
    /// Closes the memtables. Sealing them is left to the sealer's thread, so that the start does not wait for it, unless replay
    /// fills further ones: it takes no more memory than the server did.
    fn close(&mut self, sealer: &mut Sealer, state: &RwLock<State>) {
        if self.has_failed {
            return;
        }
        if let Some(job) = &self.job
            && let Err(error) = sealer.seal(job, state, &|| true)
        {
            tracing::error!(%error, "cannot seal memtables while the log is read; the rest of it is kept in memory");
            self.has_failed = true;
            return;
        }
        self.job = Some(state.write().freeze());
    }
}

/// After the end of the log was lost: rewrites the segment files that cover records which do not exist any more, because new
/// records get their positions.
fn realign(
    log_dir: &Path,
    sealer: &mut Sealer,
    state: &RwLock<State>,
    unsealed: Option<SealJob>,
) -> Result<(), StorageError> {
    tracing::warn!("the end of the log is missing: rewriting segment files that were written after it");
    if let Some(job) = unsealed {
        sealer.seal(&job, state, &|| true)?;
    }
    let job = state.write().freeze();
    sealer.realign(&job, state)?;
    if state.read().is_behind_files() {
        let problem = format!("the log ends at record {}, but segment files hold later ones", job.position);
        return Err(StorageError::wrong_log(log_dir, &problem));
    }
    Ok(())
}

/// Waits for committed changes and stops the threads.
impl Drop for Store {
    fn drop(&mut self) {
        self.core.queue.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a storage thread panicked");
            }
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
