//! What a store shares with its threads and its transactions.
//!
//! Invariant: once the log cannot be written, for any reason but a full disk, the store is read-only until it is opened again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fluxstone_model::DatabaseId;
use parking_lot::{Mutex, RwLock};

use crate::commit::budget::{Reservation, WriteMemory};
use crate::commit::queue::CommitQueue;
use crate::error::StorageError;
use crate::health::{Condition, Mode};
use crate::live_schema::LiveSchema;
use crate::options::StoreOptions;
use crate::shared_index::SharedIndex;
use crate::state::State;

/// Memtables may grow to this many times [`StoreOptions::memtable_bytes_max`] before writers wait for the sealer: while some
/// are being sealed, as many others fill.
const MEMORY_FACTOR: usize = 2;

/// One write may need this many times [`StoreOptions::memtable_bytes_max`] ...
const WRITE_FACTOR: usize = 12;
/// ... or this much if that is more, so that a small setting does not refuse a body of ordinary size.
const WRITE_BYTES_MIN: usize = 256 << 20;

/// The part of a store that its threads and transactions share.
pub(crate) struct StoreCore {
    pub(crate) options: StoreOptions,
    /// The commit lock: there is one transaction at a time.
    pub(crate) live: Mutex<LiveSchema>,
    pub(crate) queue: CommitQueue,
    pub(crate) state: RwLock<State>,
    pub(crate) write_memory: Arc<WriteMemory>,
    pub(crate) condition: Condition,
    /// Whether memory of series, fields or shards may have been freed since it was counted.
    pub(crate) schema_shrank: AtomicBool,
    /// Held during the second step of removals: there is one at a time.
    pub(crate) removal_lock: Mutex<()>,
}

impl StoreCore {
    pub(crate) fn new(options: StoreOptions, state: State) -> StoreCore {
        StoreCore {
            live: Mutex::new(LiveSchema::new(&state)),
            queue: CommitQueue::new(options.fsync_delay, options.seal_idle_after),
            options,
            state: RwLock::new(state),
            write_memory: Arc::default(),
            condition: Condition::default(),
            schema_shrank: AtomicBool::new(false),
            removal_lock: Mutex::new(()),
        }
    }

    /// Fails if no change is accepted.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        match self.condition.mode() {
            Mode::Writable => Ok(()),
            Mode::DiskFull => Err(StorageError::DiskFull),
            Mode::ReadOnly => Err(StorageError::ReadOnly),
        }
    }

    /// Fails if no change will ever be accepted again.
    pub(crate) fn check_not_read_only(&self) -> Result<(), StorageError> {
        if self.condition.mode() == Mode::ReadOnly { Err(StorageError::ReadOnly) } else { Ok(()) }
    }

    /// Reserves memory for a write, waiting for it until `deadline`: there is room while memtables and what others have
    /// reserved are within their bound, so that one write can exceed it, but not several together.
    pub(crate) fn reserve(&self, bytes: usize, deadline: Instant) -> Result<Reservation, StorageError> {
        loop {
            self.check()?;
            let reserved = self.write_memory.lock();
            let memtables = self.memtable_bytes();
            let max = self.memory_max();
            if memtables + reserved.total() <= max {
                return Ok(reserved.reserve(bytes));
            }
            let is_in_time = if memtables <= max {
                reserved.wait_until(deadline)
            } else {
                drop(reserved);
                let number = self.queue.request_seal();
                self.queue.wait_sealed_until(number, deadline)
            };
            if !is_in_time {
                return Err(StorageError::Busy);
            }
        }
    }

    /// Changes a reservation to `bytes` if there is room, without waiting. Returns whether there is.
    pub(crate) fn resize(&self, reservation: &mut Reservation, bytes: usize) -> bool {
        let reserved = self.write_memory.lock();
        let has_room = self.memtable_bytes() + reserved.without(reservation) <= self.memory_max();
        if has_room {
            reserved.resize(reservation, bytes);
        }
        has_room
    }

    /// The estimated memory of all memtables.
    pub(crate) fn memtable_bytes(&self) -> usize {
        let memory = self.state.read().memory;
        memory.active + memory.sealing
    }

    /// What memtables and writes under way may take together before another write waits.
    fn memory_max(&self) -> usize {
        self.options.memtable_bytes_max.saturating_mul(MEMORY_FACTOR)
    }

    /// The most memory that one write may need.
    pub(crate) fn write_bytes_max(&self) -> usize {
        self.options.memtable_bytes_max.saturating_mul(WRITE_FACTOR).max(WRITE_BYTES_MIN)
    }

    /// Returns the series index of a database, if there is one.
    pub(crate) fn existing_index(&self, database: DatabaseId) -> Option<Arc<SharedIndex>> {
        self.state.read().database(database).map(|d| d.index.clone())
    }

    /// Frees dropped databases, and clears removed series that no reader sees any more.
    pub(crate) fn clear_removed(&self) {
        let dropped = std::mem::take(&mut self.state.write().dropped);
        drop(dropped);
        let (indexes, position) = {
            let state = self.state.read();
            (state.databases().map(|(_, database)| database.index.clone()).collect::<Vec<_>>(), state.position)
        };
        for index in indexes {
            index.clear_removed(position);
        }
        self.schema_shrank.store(true, Ordering::Release);
    }

    /// Returns the series index of a database, creating an empty one if there is none.
    pub(crate) fn index(&self, database: DatabaseId) -> Arc<SharedIndex> {
        self.existing_index(database).unwrap_or_else(|| self.state.write().database_mut(database).index.clone())
    }
}

impl fmt::Debug for StoreCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreCore").finish_non_exhaustive()
    }
}

/// Wakes everyone who waits for a thread when that thread ends, for whatever reason.
pub(crate) struct AbandonOnExit<'s>(pub(crate) &'s StoreCore);

impl Drop for AbandonOnExit<'_> {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}
