//! The committer: one thread that makes records durable, many at a time, and then visible, in log order. Between groups it
//! closes memtables for the sealer, since then the state is exactly what the log says.
//!
//! Invariant: a record is applied to the state after it is on disk and never otherwise, and whoever waits for it is woken
//! after that. After the first failure nothing is written any more: what reached the disk is decided by the next start.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::Shared;
use super::error::StorageError;
use super::log::LogWriter;
use super::sealer::Sealer;
use super::state::{CatalogBytes, SealJob};

/// Records of one group commit together have about this many bytes at most.
const GROUP_BYTES_MAX: usize = 32 << 20;
/// Everything is sealed when the log has grown by this many bytes, so that a start need not replay more.
const UNSEALED_LOG_BYTES_MAX: u64 = 256 << 20;

/// Where records wait for the committer, and the committer and others for the sealer.
#[derive(Debug, Default)]
pub(super) struct CommitQueue {
    inner: Mutex<Waiting>,
    /// Something was enqueued, sealing ended, or the store closes.
    filled: Condvar,
    /// Everything that was enqueued is done.
    drained: Condvar,
    /// Sealing ended.
    sealed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    items: Vec<Pending>,
    is_busy: bool,
    phase: Phase,
    seal_wanted: bool,
    seals_begun: u64,
    seals_ended: u64,
}

/// How long the queue goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Phase {
    #[default]
    Open,
    /// What is enqueued will be done.
    Closing,
    /// A thread has ended: nothing will be done any more.
    Ended,
}

#[derive(Debug)]
struct Pending {
    item: Item,
    ticket: Arc<Ticket>,
    is_complete: bool,
}

/// What the committer does in order.
#[derive(Debug)]
pub(super) enum Item {
    /// Writes and applies a record.
    Record(Vec<u8>),
    /// From here on this stands for all catalog changes so far. Nothing is written.
    CatalogBase(Vec<u8>),
}

/// What the committer does next.
enum Work {
    Group(Vec<Pending>),
    Seal,
}

/// What became of one item.
#[derive(Debug, Default)]
pub(super) struct Ticket {
    result: Mutex<Option<Result<(), StorageError>>>,
    done: Condvar,
}

/// Names one run of the sealer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SealNumber(u64);

impl Ticket {
    /// Blocks until the record is on disk and visible, or has failed.
    pub(super) fn wait(&self) -> Result<(), StorageError> {
        let mut result = self.result.lock();
        loop {
            match result.take() {
                Some(result) => return result,
                None => self.done.wait(&mut result),
            }
        }
    }
}

impl Pending {
    fn complete(mut self, result: Result<(), StorageError>) {
        *self.ticket.result.lock() = Some(result);
        self.ticket.done.notify_one();
        self.is_complete = true;
    }
}

/// Whoever waits for something that is forgotten, because a thread panicked, must not wait for ever.
impl Drop for Pending {
    fn drop(&mut self) {
        let mut result = self.ticket.result.lock();
        if !self.is_complete {
            *result = Some(Err(StorageError::ReadOnly));
            self.ticket.done.notify_one();
        }
    }
}

impl CommitQueue {
    /// Hands something to the committer.
    pub(super) fn push(&self, item: Item) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        let pending = Pending { item, ticket: ticket.clone(), is_complete: false };
        let mut waiting = self.inner.lock();
        if waiting.phase < Phase::Ended {
            waiting.items.push(pending);
            self.filled.notify_one();
        }
        ticket
    }

    /// Blocks until everything enqueued before is done. The caller sees to it that nothing is enqueued meanwhile.
    pub(super) fn drain(&self) {
        let mut waiting = self.inner.lock();
        while waiting.is_busy || !waiting.items.is_empty() {
            self.drained.wait(&mut waiting);
        }
    }

    /// Asks for everything to be sealed that is applied now; the run that does it, for [`CommitQueue::wait_sealed`].
    pub(super) fn want_seal(&self) -> SealNumber {
        let mut waiting = self.inner.lock();
        waiting.seal_wanted = true;
        self.filled.notify_one();
        SealNumber(waiting.seals_begun + 1)
    }

    /// Blocks until a run of the sealer has ended.
    pub(super) fn wait_sealed(&self, number: SealNumber) {
        let mut waiting = self.inner.lock();
        while waiting.seals_ended < number.0 && waiting.phase < Phase::Ended {
            self.sealed.wait(&mut waiting);
        }
    }

    /// As [`CommitQueue::wait_sealed`]; `false` if it takes longer than until `deadline`.
    pub(super) fn wait_sealed_until(&self, number: SealNumber, deadline: Instant) -> bool {
        let mut waiting = self.inner.lock();
        while waiting.seals_ended < number.0 && waiting.phase < Phase::Ended {
            if self.sealed.wait_until(&mut waiting, deadline).timed_out() {
                return false;
            }
        }
        true
    }

    /// Says that a run of the sealer has ended.
    fn seal_ended(&self) {
        self.inner.lock().seals_ended += 1;
        self.sealed.notify_all();
        self.filled.notify_one();
    }

    /// Lets the committer end when everything is done.
    pub(super) fn close(&self) {
        let mut waiting = self.inner.lock();
        waiting.phase = waiting.phase.max(Phase::Closing);
        self.filled.notify_one();
    }

    /// Wakes everyone: nothing will be done any more.
    fn abandon(&self) {
        let mut waiting = self.inner.lock();
        waiting.phase = Phase::Ended;
        waiting.is_busy = false;
        waiting.items.clear();
        self.drained.notify_all();
        self.sealed.notify_all();
        self.filled.notify_all();
    }

    /// What to do next, or `None` if there will be nothing.
    fn next_work(&self) -> Option<Work> {
        let mut waiting = self.inner.lock();
        waiting.is_busy = false;
        if waiting.items.is_empty() {
            self.drained.notify_all();
        }
        loop {
            if waiting.seal_wanted && waiting.seals_begun == waiting.seals_ended {
                waiting.seal_wanted = false;
                waiting.seals_begun += 1;
                return Some(Work::Seal);
            }
            if !waiting.items.is_empty() {
                waiting.is_busy = true;
                return Some(Work::Group(waiting.take_group()));
            }
            if waiting.phase > Phase::Open {
                return None;
            }
            self.filled.wait(&mut waiting);
        }
    }
}

impl Waiting {
    fn take_group(&mut self) -> Vec<Pending> {
        let mut bytes = 0;
        let fitting = self.items.iter().take_while(|pending| {
            bytes += pending.item.record().map_or(0, <[u8]>::len);
            bytes <= GROUP_BYTES_MAX
        });
        let count = fitting.count().max(1);
        self.items.drain(..count).collect()
    }
}

impl Item {
    fn record(&self) -> Option<&[u8]> {
        match self {
            Item::Record(record) => Some(record),
            Item::CatalogBase(_) => None,
        }
    }
}

/// The committer's work: runs until the queue is closed and empty.
pub(super) fn run_committer(shared: &Shared, mut log: LogWriter, jobs: &SyncSender<SealJob>) {
    let _abandon = AbandonAtEnd(shared);
    let mut sealed_at = 0;
    while let Some(work) = shared.queue.next_work() {
        match work {
            Work::Group(group) => {
                let outcome = shared.check().and_then(|()| commit(&group, &mut log, shared));
                if let Err(error) = &outcome {
                    shared.fail(error);
                }
                let is_full = shared.state.read().memory.active > shared.options.memtable_bytes_max;
                if is_full || log.bytes_written() - sealed_at > UNSEALED_LOG_BYTES_MAX {
                    shared.queue.want_seal();
                }
                for pending in group {
                    pending.complete(outcome.as_ref().copied().map_err(StorageError::share));
                }
            }
            Work::Seal => {
                sealed_at = log.bytes_written();
                let begun = shared.check().and_then(|()| log.rotate());
                if let Err(error) = &begun {
                    shared.fail(error);
                }
                let handed_over = begun.is_ok() && jobs.send(shared.state.write().freeze()).is_ok();
                if !handed_over {
                    shared.queue.seal_ended();
                }
            }
        }
    }
}

/// Sees to it that nobody waits for a thread that has ended, in whatever way.
struct AbandonAtEnd<'s>(&'s Shared);

impl Drop for AbandonAtEnd<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.is_read_only.store(true, Ordering::Release);
        }
        self.0.queue.abandon();
    }
}

fn commit(group: &[Pending], log: &mut LogWriter, shared: &Shared) -> Result<(), StorageError> {
    let records: Vec<&[u8]> = group.iter().filter_map(|pending| pending.item.record()).collect();
    if !records.is_empty() {
        log.append(&records)?;
    }
    for pending in group {
        // One lock for each record: a reader waits for one change at most, and sees each whole or not at all.
        let mut state = shared.state.write();
        match &pending.item {
            Item::Record(record) => state.apply(record).map_err(|error| {
                StorageError::damaged(log.path(), format!("a record that was just written: {error}"))
            })?,
            Item::CatalogBase(bytes) => {
                state.catalog = CatalogBytes { base: Some(Arc::from(&bytes[..])), changes: Vec::new() };
            }
        }
    }
    Ok(())
}

/// The sealer's work: runs until the committer has ended.
pub(super) fn run_sealer(shared: &Shared, mut sealer: Sealer, jobs: &Receiver<SealJob>) {
    let _abandon = AbandonAtEnd(shared);
    for job in jobs {
        if let Err(error) = shared.check().and_then(|()| sealer.seal(&job, &shared.state)) {
            shared.fail(&error);
        }
        drop(job);
        shared.queue.seal_ended();
    }
}

impl Shared {
    /// Makes the store read-only.
    fn fail(&self, error: &StorageError) {
        if !self.is_read_only.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "storage is read-only from now on: a change could not be written");
        }
    }
}
