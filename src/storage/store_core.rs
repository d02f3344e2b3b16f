//! What a store shares with its threads and its transactions.
//!
//! Invariant: once the log cannot be written, the store is read-only until it is opened again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fluxstone_model::DatabaseId;
use parking_lot::{Mutex, RwLock};

use crate::commit::queue::CommitQueue;
use crate::error::StorageError;
use crate::live_schema::LiveSchema;
use crate::options::StoreOptions;
use crate::series_index::SeriesIndex;
use crate::state::State;

/// Memtables may grow to this many times [`StoreOptions::memtable_bytes_max`] before writers wait for the sealer: while some
/// are being sealed, as many others fill.
const MEMORY_FACTOR: usize = 2;

/// The part of a store that its threads and transactions share.
pub(crate) struct StoreCore {
    pub(crate) options: StoreOptions,
    /// The commit lock: there is one transaction at a time.
    pub(crate) live: Mutex<LiveSchema>,
    pub(crate) queue: CommitQueue,
    pub(crate) state: RwLock<State>,
    is_read_only: AtomicBool,
}

impl StoreCore {
    pub(crate) fn new(options: StoreOptions, state: State) -> StoreCore {
        StoreCore {
            live: Mutex::new(LiveSchema::new(&state)),
            queue: CommitQueue::new(options.fsync_delay, options.seal_idle_after),
            options,
            state: RwLock::new(state),
            is_read_only: AtomicBool::new(false),
        }
    }

    /// Fails if the store is read-only.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if self.is_read_only.load(Ordering::Acquire) { Err(StorageError::ReadOnly) } else { Ok(()) }
    }

    /// Makes the store read-only. Returns whether it was before.
    pub(crate) fn set_read_only(&self) -> bool {
        self.is_read_only.swap(true, Ordering::AcqRel)
    }

    /// Waits until there is memory for more points.
    pub(crate) fn wait_for_memory(&self) -> Result<(), StorageError> {
        let deadline = Instant::now() + self.options.write_timeout;
        loop {
            self.check()?;
            let memory = self.state.read().memory;
            if memory.active + memory.sealing <= self.options.memtable_bytes_max.saturating_mul(MEMORY_FACTOR) {
                return Ok(());
            }
            let number = self.queue.request_seal();
            if !self.queue.wait_sealed_until(number, deadline) {
                return Err(StorageError::Busy);
            }
        }
    }

    /// Returns the series index of a database, creating an empty one if there is none.
    pub(crate) fn index(&self, database: DatabaseId) -> Arc<RwLock<SeriesIndex>> {
        let found = self.state.read().database(database).map(|d| d.index.clone());
        found.unwrap_or_else(|| self.state.write().database_mut(database).index.clone())
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
        if std::thread::panicking() {
            self.0.set_read_only();
        }
        self.0.queue.abandon();
    }
}
