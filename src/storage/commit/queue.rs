//! The commit queue: records wait in it for the committer, and the committer and others wait for the sealer.
//!
//! Invariant: whoever waits here is woken, even if the thread that they wait for ends or panics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::commit::budget::Reservation;
use crate::error::StorageError;

/// The approximate maximum size of the records of one group commit together.
const GROUP_BYTES_MAX: usize = 32 << 20;

/// The queue between transactions, the committer and the sealer.
#[derive(Debug)]
pub(crate) struct CommitQueue {
    inner: Mutex<QueueState>,
    /// How long the first record of a group waits for others.
    fsync_delay: Duration,
    /// Everything is sealed when no record has arrived for this long.
    idle_after: Duration,
    /// Something was enqueued, sealing ended, or the store is closing.
    filled: Condvar,
    /// Sealing ended or failed again.
    sealed: Condvar,
    /// The sealer should retry at once, or give up.
    retry: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    items: Vec<Pending>,
    bytes: usize,
    /// When the first of `items` arrived.
    since: Option<Instant>,
    /// Whether someone who keeps others from enqueuing is waiting for `items`.
    is_hurried: bool,
    phase: Phase,
    seals: Seals,
    /// When everything is sealed unless a record arrives first.
    idle_at: Option<Instant>,
    /// Whether no record has arrived since that moment.
    is_idle: bool,
}

/// Runs of the sealer: requested, in progress and done.
#[derive(Debug, Default)]
struct Seals {
    is_requested: bool,
    started: u64,
    ended: u64,
    /// The number of failed attempts since the store was opened.
    failures: u64,
    /// Why the last attempt of the current run failed.
    error: Option<StorageError>,
    retry_requested: bool,
    /// Whether files are kept that one more run frees, although there is nothing new to seal.
    is_unsettled: bool,
}

/// The life cycle of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Phase {
    #[default]
    Open,
    /// What is enqueued will still be done.
    Closing,
    /// A thread has ended: nothing more will be done.
    Ended,
}

/// An item that has not been completed yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) item: Item,
    /// The memory of the record until its values are counted as those of memtables.
    reservation: Option<Reservation>,
    ticket: Arc<Ticket>,
    is_complete: bool,
}

/// Something for the committer to do. Items are done in order.
#[derive(Debug)]
pub(crate) enum Item {
    /// A record to be written and applied.
    Record(Vec<u8>),
    /// The whole catalog, which replaces all catalog changes so far. Nothing is written.
    CatalogBase(Vec<u8>),
    /// Nothing. Whoever waits for it waits for everything before it.
    Barrier,
}

/// The committer's next task.
pub(crate) enum Work {
    Group(Vec<Pending>),
    Seal,
    /// It is time to try again what could not be done.
    Retry,
}

/// The outcome of one item, when it is known.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    result: Mutex<Option<Result<(), StorageError>>>,
    done: Condvar,
}

/// Identifies one run of the sealer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SealNumber(u64);

impl Ticket {
    /// Blocks until the record is on disk and visible, or has failed.
    pub(crate) fn wait(&self) -> Result<(), StorageError> {
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
    pub(crate) fn complete(mut self, result: Result<(), StorageError>) {
        self.reservation = None;
        self.answer(result);
    }

    /// Tells whoever waits, once. The item can still be done later.
    pub(crate) fn answer(&mut self, result: Result<(), StorageError>) {
        if !self.is_complete {
            *self.ticket.result.lock() = Some(result);
            self.ticket.done.notify_one();
            self.is_complete = true;
        }
    }
}

/// If a thread panics and drops the item, whoever waits for it must not wait forever.
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
    /// Creates an empty queue, in which the first record of a group waits for others for `fsync_delay`, and everything is sealed
    /// when no record arrives for `idle_after`.
    pub(crate) fn new(fsync_delay: Duration, idle_after: Duration) -> Self {
        CommitQueue {
            inner: Mutex::default(),
            fsync_delay,
            idle_after,
            filled: Condvar::new(),
            sealed: Condvar::new(),
            retry: Condvar::new(),
        }
    }

    /// Hands an item to the committer.
    pub(crate) fn push(&self, item: Item, reservation: Option<Reservation>) -> Arc<Ticket> {
        self.enqueue(item, reservation, false)
    }

    /// Like [`CommitQueue::push`], for a caller that keeps others from enqueuing anything: the committer does not wait for more.
    pub(crate) fn push_alone(&self, item: Item) -> Arc<Ticket> {
        self.enqueue(item, None, true)
    }

    fn enqueue(&self, item: Item, reservation: Option<Reservation>, is_alone: bool) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        let pending = Pending { item, reservation, ticket: ticket.clone(), is_complete: false };
        let mut state = self.inner.lock();
        if state.phase < Phase::Ended {
            state.since.get_or_insert_with(Instant::now);
            state.bytes += pending.item.record().map_or(0, <[u8]>::len);
            state.items.push(pending);
            state.is_hurried |= is_alone;
            self.filled.notify_one();
        }
        ticket
    }

    /// Reports that there is something to seal when the store has been idle for long enough.
    pub(crate) fn note_unsealed(&self) {
        self.inner.lock().idle_at = Instant::now().checked_add(self.idle_after);
        self.filled.notify_one();
    }

    /// Requests that everything applied so far is sealed. Returns the run that does it, for
    /// [`CommitQueue::wait_sealed_until`].
    pub(crate) fn request_seal(&self) -> SealNumber {
        let number = self.inner.lock().seals.request();
        self.filled.notify_one();
        number
    }

    /// Seals everything applied so far, retrying at once if the last attempt failed. Returns an error when an attempt fails;
    /// the sealer keeps trying.
    pub(crate) fn seal(&self) -> Result<(), StorageError> {
        let mut state = self.inner.lock();
        let number = state.seals.request();
        let failures = state.seals.failures;
        state.seals.retry_requested = true;
        self.filled.notify_one();
        self.retry.notify_one();
        while state.seals.ended < number.0 && state.phase < Phase::Ended {
            if state.seals.failures > failures {
                return Err(state.seals.error.as_ref().map_or(StorageError::ReadOnly, StorageError::share));
            }
            self.sealed.wait(&mut state);
        }
        Ok(())
    }

    /// Blocks until a run of the sealer has ended. Returns `false` if it has not by `deadline`.
    pub(crate) fn wait_sealed_until(&self, number: SealNumber, deadline: Instant) -> bool {
        let mut state = self.inner.lock();
        while state.seals.ended < number.0 && state.phase < Phase::Ended {
            if self.sealed.wait_until(&mut state, deadline).timed_out() {
                return false;
            }
        }
        true
    }

    /// Requests another run of the sealer now, if one more frees files.
    pub(crate) fn settle(&self) {
        let mut state = self.inner.lock();
        if state.seals.is_unsettled && state.seals.started == state.seals.ended {
            state.seals.request();
        }
    }

    /// Reports that a run of the sealer has ended. Unless `is_settled`, one more frees files; it begins when the store is idle.
    pub(crate) fn seal_ended(&self, is_settled: bool) {
        let mut state = self.inner.lock();
        state.seals.ended += 1;
        state.seals.error = None;
        state.seals.is_unsettled = !is_settled;
        if !is_settled && state.idle_at.is_none() {
            let pause = if state.is_idle { Duration::ZERO } else { self.idle_after };
            state.idle_at = Instant::now().checked_add(pause);
        }
        self.sealed.notify_all();
        self.filled.notify_one();
    }

    /// Reports that an attempt at sealing failed, and blocks until it is time for the next one. Returns `false` if there should
    /// not be one.
    pub(crate) fn seal_failed(&self, error: StorageError, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        let mut state = self.inner.lock();
        state.seals.failures += 1;
        state.seals.error = Some(error);
        state.seals.retry_requested = false;
        self.sealed.notify_all();
        while state.phase == Phase::Open && !state.seals.retry_requested {
            if self.retry.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.phase == Phase::Open
    }

    /// Why the last attempt at sealing failed, if it did.
    pub(crate) fn seal_error(&self) -> Option<String> {
        self.inner.lock().seals.error.as_ref().map(StorageError::to_string)
    }

    /// Whether the last attempt at sealing failed.
    pub(crate) fn is_seal_failing(&self) -> bool {
        self.inner.lock().seals.error.is_some()
    }

    /// Whether the store is not closing.
    pub(crate) fn is_open(&self) -> bool {
        self.inner.lock().phase == Phase::Open
    }

    /// Counts a run of the sealer that was begun before the committer started.
    pub(crate) fn seal_begun(&self) {
        self.inner.lock().seals.started += 1;
    }

    /// Lets the committer end once everything is done.
    pub(crate) fn close(&self) {
        let mut state = self.inner.lock();
        state.phase = state.phase.max(Phase::Closing);
        self.filled.notify_one();
        self.retry.notify_all();
    }

    /// Wakes everyone, because nothing more will be done.
    pub(crate) fn abandon(&self) {
        let mut state = self.inner.lock();
        state.phase = Phase::Ended;
        state.items.clear();
        self.sealed.notify_all();
        self.filled.notify_all();
        self.retry.notify_all();
    }

    /// Blocks until there is something to do. Returns `None` when there will never be.
    ///
    /// `retry_at` says that the committer holds items that it could not do yet, and when it tries again.
    pub(crate) fn next_work(&self, retry_at: Option<Instant>) -> Option<Work> {
        let mut state = self.inner.lock();
        loop {
            // What is not sealed is in the log: a store that closes does not begin to seal it.
            let is_open = state.phase == Phase::Open;
            if is_open && state.seals.is_requested && state.seals.started == state.seals.ended {
                state.seals.is_requested = false;
                state.seals.started += 1;
                state.idle_at = None;
                return Some(Work::Seal);
            }
            if retry_at.is_some_and(|at| at <= Instant::now()) {
                return Some(Work::Retry);
            }
            if let Some(since) = state.since {
                let due = since.checked_add(self.fsync_delay);
                if state.is_urgent() || due.is_some_and(|due| due <= Instant::now()) {
                    (state.idle_at, state.is_idle) = (Instant::now().checked_add(self.idle_after), false);
                    return Some(Work::Group(state.take_group()));
                }
                self.wait_filled(&mut state, due, retry_at);
                continue;
            }
            if state.phase > Phase::Open {
                return None;
            }
            match state.idle_at {
                Some(idle_at) if idle_at <= Instant::now() => {
                    (state.idle_at, state.is_idle) = (None, true);
                    state.seals.request();
                }
                idle_at => self.wait_filled(&mut state, idle_at, retry_at),
            }
        }
    }

    /// Blocks until something is enqueued, but no longer than until the earlier one of two moments.
    fn wait_filled(&self, state: &mut MutexGuard<'_, QueueState>, one: Option<Instant>, other: Option<Instant>) {
        match one.into_iter().chain(other).min() {
            Some(until) => {
                self.filled.wait_until(state, until);
            }
            None => self.filled.wait(state),
        }
    }
}

impl Seals {
    fn request(&mut self) -> SealNumber {
        self.is_requested = true;
        SealNumber(self.started + 1)
    }
}

impl QueueState {
    /// Whether there is no point in waiting for more records.
    fn is_urgent(&self) -> bool {
        self.is_hurried || self.phase > Phase::Open || self.bytes >= GROUP_BYTES_MAX
    }

    /// Takes the items of the next group commit.
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
    /// The bytes to be written to the log, if any.
    pub(crate) fn record(&self) -> Option<&[u8]> {
        match self {
            Item::Record(record) => Some(record),
            Item::CatalogBase(_) | Item::Barrier => None,
        }
    }
}
