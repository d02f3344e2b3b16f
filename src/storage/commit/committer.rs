//! The committer: the thread that makes groups of records durable and then visible, in log order.
//!
//! Between groups it closes memtables for the sealer, because then the state is exactly what the log says.
//!
//! Invariant: a record is applied to the state only after it is on disk, and whoever waits for it is woken after that. After
//! the first failure nothing is written to the log again, unless the disk was full: then the records are held and tried again,
//! because those after them build on them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::queue::{Item, Pending, Work};
use crate::catalog_bytes::CatalogBytes;
use crate::error::StorageError;
use crate::health::Mode;
use crate::log::LogWriter;
use crate::record::{Entries, Entry};
use crate::state::SealJob;
use crate::store_core::{AbandonOnExit, StoreCore};

/// Everything is sealed when the log has grown by this many bytes, so that opening the store never replays more.
const UNSEALED_LOG_BYTES_MAX: u64 = 256 << 20;
/// The pause between attempts at writing to a full disk.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Runs the committer until the queue is closed and empty. A panic makes the store read-only.
pub(crate) fn run_committer(core: &StoreCore, log: LogWriter, jobs: &SyncSender<SealJob>) {
    let _abandon = AbandonOnExit(core);
    let mut committer = Committer { core, log, jobs, held: Vec::new(), sealed_at: 0 };
    if catch_unwind(AssertUnwindSafe(|| committer.run())).is_err() {
        core.condition.count_panic();
        fail(core, &StorageError::Panicked("committer"));
    }
}

struct Committer<'c> {
    core: &'c StoreCore,
    log: LogWriter,
    jobs: &'c SyncSender<SealJob>,
    /// Items that could not be written because the disk is full, in order.
    held: Vec<Pending>,
    /// The size of the log when everything was last sealed.
    sealed_at: u64,
}

impl Committer<'_> {
    fn run(&mut self) {
        loop {
            let retry_at = (!self.held.is_empty()).then(|| Instant::now() + RETRY_PAUSE);
            match self.core.queue.next_work(retry_at) {
                Some(Work::Group(group)) => self.commit(group),
                Some(Work::Retry) => self.commit(Vec::new()),
                Some(Work::Seal) => self.hand_over(),
                None => break,
            }
        }
        if !self.held.is_empty() {
            self.commit(Vec::new());
        }
        for pending in self.held.drain(..) {
            pending.complete(Err(StorageError::DiskFull));
        }
    }

    /// Commits the held items and a group.
    fn commit(&mut self, group: Vec<Pending>) {
        let core = self.core;
        self.held.extend(group);
        let outcome = core.check_not_read_only().and_then(|()| commit(&self.held, &mut self.log, core));
        match &outcome {
            Err(StorageError::DiskFull) => return self.hold(),
            Err(error) => fail(core, error),
            Ok(()) => {
                if core.condition.set(Mode::Writable, None) {
                    tracing::info!("the disk has space again: changes are accepted");
                }
            }
        }
        let is_full = core.state.read().memory.active > core.options.memtable_bytes_max;
        if is_full || self.log.bytes_written() - self.sealed_at > UNSEALED_LOG_BYTES_MAX {
            core.queue.request_seal();
        }
        for pending in self.held.drain(..) {
            pending.complete(outcome.as_ref().copied().map_err(StorageError::share));
        }
    }

    /// Refuses changes until the held items can be written. Those who wait for points, or for everything before a barrier, are told
    /// at once. Changes of the catalog and removals are decisions on which others already build, so those who made them wait for
    /// the outcome.
    fn hold(&mut self) {
        let reason = format!("no space for {}", self.log.path().display());
        if self.core.condition.set(Mode::DiskFull, Some(reason)) {
            tracing::error!(file = %self.log.path().display(),
                "the disk is full: changes are refused until there is space for the log");
            // Sealing may free more than it needs, because the log before the previous checkpoint is removed.
            self.core.queue.request_seal();
        }
        self.core.queue.settle();
        for pending in self.held.iter_mut().filter(|pending| is_independent(&pending.item)) {
            pending.answer(Err(StorageError::DiskFull));
        }
    }

    /// Closes all memtables and hands them to the sealer.
    fn hand_over(&mut self) {
        self.sealed_at = self.log.bytes_written();
        let rotated = self.core.check_not_read_only().and_then(|()| self.log.rotate());
        if let Err(error) = &rotated {
            fail(self.core, error);
        }
        let handed_over = rotated.is_ok() && self.jobs.send(self.core.state.write().freeze()).is_ok();
        if !handed_over {
            // Nothing was sealed, and nothing will be.
            self.core.queue.seal_ended(true);
        }
    }
}

/// Writes the records of a group to the log, and applies all its items to the state.
fn commit(group: &[Pending], log: &mut LogWriter, core: &StoreCore) -> Result<(), StorageError> {
    let records: Vec<&[u8]> = group.iter().filter_map(|pending| pending.item.record()).collect();
    if !records.is_empty() {
        log.append(&records)?;
    }
    for pending in group {
        // One lock per record: a reader waits for one change at most, and sees each change completely or not at all.
        let mut state = core.state.write();
        match &pending.item {
            Item::Record(record) => state.apply(record).map_err(|error| {
                StorageError::damaged(log.path(), format!("a record that was just written: {error}"))
            })?,
            Item::CatalogBase(bytes) => {
                state.catalog = CatalogBytes { base: Some(Arc::from(&bytes[..])), changes: Vec::new() };
            }
            Item::Barrier => {}
        }
    }
    Ok(())
}

/// Whether nobody builds on the outcome of an item: it only adds points, or is a barrier.
fn is_independent(item: &Item) -> bool {
    if matches!(item, Item::Barrier) {
        return true;
    }
    item.record().is_some_and(|record| {
        Entries::new(record).all(|entry| match entry {
            Ok(Entry::Series { .. } | Entry::Shard { .. } | Entry::Field { .. } | Entry::Points { .. }) => true,
            Ok(
                Entry::Catalog(_)
                | Entry::Delete { .. }
                | Entry::RemoveSeries { .. }
                | Entry::DropMeasurement { .. }
                | Entry::DropShards { .. }
                | Entry::DropDatabase { .. },
            )
            | Err(_) => false,
        })
    })
}

/// Makes the store read-only, and logs why the first time.
fn fail(core: &StoreCore, error: &StorageError) {
    if core.condition.set(Mode::ReadOnly, Some(error.to_string())) {
        tracing::error!(%error, "cannot write the log: storage is read-only until the server is restarted");
    }
}
