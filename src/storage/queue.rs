//! The queue: where records wait for the committer, and the committer and others for the sealer.
//!
//! Invariant: whoever waits here is woken, whatever becomes of the threads that they wait for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::error::StorageError;

/// Records of one group commit together have about this many bytes at most.
const GROUP_BYTES_MAX: usize = 32 << 20;

/// Where records wait for the committer, and the committer and others for the sealer.
#[derive(Debug)]
pub(super) struct CommitQueue {
    inner: Mutex<Waiting>,
    /// How long the first record of a group waits for others.
    fsync_delay: Duration,
    /// Something was enqueued, sealing ended, or the store closes.
    filled: Condvar,
    /// Everything that was enqueued is done.
    drained: Condvar,
    /// Sealing ended, or failed once more.
    sealed: Condvar,
    /// The sealer is to try again at once, or not at all.
    retry: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    items: Vec<Pending>,
    bytes: usize,
    /// When the first of `items` came.
    since: Option<Instant>,
    /// Whether someone waits for `items` who keeps others from adding to them.
    is_hurried: bool,
    is_busy: bool,
    phase: Phase,
    seals: Seals,
}

/// Runs of the sealer: wanted, under way and done.
#[derive(Debug, Default)]
struct Seals {
    is_wanted: bool,
    begun: u64,
    ended: u64,
    /// Attempts that failed, ever.
    failures: u64,
    /// Why the last attempt of the run under way failed.
    error: Option<StorageError>,
    retry_wanted: bool,
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
pub(super) struct Pending {
    pub(super) item: Item,
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
pub(super) enum Work {
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
    pub(super) fn complete(mut self, result: Result<(), StorageError>) {
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
    /// An empty queue, in which the first record of a group waits for others as long as `fsync_delay`.
    pub(super) fn new(fsync_delay: Duration) -> Self {
        CommitQueue {
            inner: Mutex::default(),
            fsync_delay,
            filled: Condvar::new(),
            drained: Condvar::new(),
            sealed: Condvar::new(),
            retry: Condvar::new(),
        }
    }

    /// Hands something to the committer.
    pub(super) fn push(&self, item: Item) -> Arc<Ticket> {
        self.enqueue(item, false)
    }

    /// As [`CommitQueue::push`], for a caller who lets nobody else enqueue anything meanwhile: nothing is waited for.
    pub(super) fn push_alone(&self, item: Item) -> Arc<Ticket> {
        self.enqueue(item, true)
    }

    fn enqueue(&self, item: Item, is_alone: bool) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        let pending = Pending { item, ticket: ticket.clone(), is_complete: false };
        let mut waiting = self.inner.lock();
        if waiting.phase < Phase::Ended {
            waiting.since.get_or_insert_with(Instant::now);
            waiting.bytes += pending.item.record().map_or(0, <[u8]>::len);
            waiting.items.push(pending);
            waiting.is_hurried |= is_alone;
            self.filled.notify_one();
        }
        ticket
    }

    /// Blocks until everything enqueued before is done. The caller sees to it that nothing is enqueued meanwhile.
    pub(super) fn drain(&self) {
        let mut waiting = self.inner.lock();
        waiting.is_hurried = !waiting.items.is_empty();
        self.filled.notify_one();
        while waiting.is_busy || !waiting.items.is_empty() {
            self.drained.wait(&mut waiting);
        }
    }

    /// Asks for everything to be sealed that is applied now; the run that does it, for [`CommitQueue::wait_sealed_until`].
    pub(super) fn want_seal(&self) -> SealNumber {
        let number = self.inner.lock().seals.want();
        self.filled.notify_one();
        number
    }

    /// Seals everything that is applied now, without waiting for the next attempt if the last one failed. Errs when an
    /// attempt fails; the sealer goes on trying.
    pub(super) fn seal(&self) -> Result<(), StorageError> {
        let mut waiting = self.inner.lock();
        let number = waiting.seals.want();
        let failures = waiting.seals.failures;
        waiting.seals.retry_wanted = true;
        self.filled.notify_one();
        self.retry.notify_one();
        while waiting.seals.ended < number.0 && waiting.phase < Phase::Ended {
            if waiting.seals.failures > failures {
                return Err(waiting.seals.error.as_ref().map_or(StorageError::ReadOnly, StorageError::share));
            }
            self.sealed.wait(&mut waiting);
        }
        Ok(())
    }

    /// Blocks until a run of the sealer has ended; `false` if it takes longer than until `deadline`.
    pub(super) fn wait_sealed_until(&self, number: SealNumber, deadline: Instant) -> bool {
        let mut waiting = self.inner.lock();
        while waiting.seals.ended < number.0 && waiting.phase < Phase::Ended {
            if self.sealed.wait_until(&mut waiting, deadline).timed_out() {
                return false;
            }
        }
        true
    }

    /// Says that a run of the sealer has ended.
    pub(super) fn seal_ended(&self) {
        let mut waiting = self.inner.lock();
        waiting.seals.ended += 1;
        waiting.seals.error = None;
        self.sealed.notify_all();
        self.filled.notify_one();
    }

    /// Says that an attempt at sealing failed, and blocks until it is time for the next one; `false` if there is to be none.
    pub(super) fn seal_failed(&self, error: StorageError, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        let mut waiting = self.inner.lock();
        waiting.seals.failures += 1;
        waiting.seals.error = Some(error);
        waiting.seals.retry_wanted = false;
        self.sealed.notify_all();
        while waiting.phase == Phase::Open && !waiting.seals.retry_wanted {
            if self.retry.wait_until(&mut waiting, deadline).timed_out() {
                break;
            }
        }
        waiting.phase == Phase::Open
    }

    /// Whether the last attempt at sealing failed.
    pub(super) fn is_seal_failing(&self) -> bool {
        self.inner.lock().seals.error.is_some()
    }

    /// Lets the committer end when everything is done.
    pub(super) fn close(&self) {
        let mut waiting = self.inner.lock();
        waiting.phase = waiting.phase.max(Phase::Closing);
        self.filled.notify_one();
        self.retry.notify_all();
    }

    /// Wakes everyone: nothing will be done any more.
    pub(super) fn abandon(&self) {
        let mut waiting = self.inner.lock();
        waiting.phase = Phase::Ended;
        waiting.is_busy = false;
        waiting.items.clear();
        self.drained.notify_all();
        self.sealed.notify_all();
        self.filled.notify_all();
        self.retry.notify_all();
    }

    /// What to do next, or `None` if there will be nothing.
    pub(super) fn next_work(&self) -> Option<Work> {
        let mut waiting = self.inner.lock();
        waiting.is_busy = false;
        if waiting.items.is_empty() {
            self.drained.notify_all();
        }
        loop {
            if waiting.seals.is_wanted && waiting.seals.begun == waiting.seals.ended {
                waiting.seals.is_wanted = false;
                waiting.seals.begun += 1;
                return Some(Work::Seal);
            }
            if let Some(since) = waiting.since {
                let due = since.checked_add(self.fsync_delay);
                if waiting.is_urgent() || due.is_some_and(|due| due <= Instant::now()) {
                    waiting.is_busy = true;
                    return Some(Work::Group(waiting.take_group()));
                }
                match due {
                    Some(due) => {
                        self.filled.wait_until(&mut waiting, due);
                    }
                    None => self.filled.wait(&mut waiting),
                }
                continue;
            }
            if waiting.phase > Phase::Open {
                return None;
            }
            self.filled.wait(&mut waiting);
        }
    }
}

impl Seals {
    fn want(&mut self) -> SealNumber {
        self.is_wanted = true;
        SealNumber(self.begun + 1)
    }
}

impl Waiting {
    /// Whether nothing is gained by waiting for more records.
    fn is_urgent(&self) -> bool {
        self.is_hurried || self.phase > Phase::Open || self.bytes >= GROUP_BYTES_MAX
    }

    fn take_group(&mut self) -> Vec<Pending> {
        let mut bytes = 0;
        let mut count = 0;
        for pending in &self.items {
            let len = pending.item.record().map_or(0, <[u8]>::len);
            if count > 0 && bytes + len > GROUP_BYTES_MAX {
                break;
            }
            bytes += len;
            count += 1;
        }
        self.bytes -= bytes;
        let group = self.items.drain(..count).collect();
        if self.items.is_empty() {
            (self.since, self.is_hurried) = (None, false);
        }
        group
    }
}

impl Item {
    pub(super) fn record(&self) -> Option<&[u8]> {
        match self {
            Item::Record(record) => Some(record),
            Item::CatalogBase(_) => None,
        }
    }
}
