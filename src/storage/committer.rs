//! The committer: one thread that makes records durable, many at a time, and then visible, in log order.
//!
//! Invariant: a record is applied to the state after it is on disk and never otherwise, and whoever waits for it is woken
//! after that. After the first failure nothing is written any more: what reached the disk is decided by the next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex, RwLock};

use super::error::StorageError;
use super::log::LogWriter;
use super::state::State;

/// Records of one group commit together have about this many bytes at most.
const GROUP_BYTES_MAX: usize = 32 << 20;

/// Where records wait for the committer.
#[derive(Debug, Default)]
pub(super) struct CommitQueue {
    inner: Mutex<Waiting>,
    /// Something was enqueued, or the store closes.
    filled: Condvar,
    /// Everything that was enqueued is done.
    drained: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    records: Vec<Pending>,
    is_busy: bool,
    is_closed: bool,
}

#[derive(Debug)]
struct Pending {
    record: Vec<u8>,
    ticket: Arc<Ticket>,
}

/// What became of one record.
#[derive(Debug, Default)]
pub(super) struct Ticket {
    result: Mutex<Option<Result<(), StorageError>>>,
    done: Condvar,
}

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

    fn complete(&self, result: Result<(), StorageError>) {
        *self.result.lock() = Some(result);
        self.done.notify_one();
    }
}

impl CommitQueue {
    /// Hands a record to the committer.
    pub(super) fn push(&self, record: Vec<u8>) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        self.inner.lock().records.push(Pending { record, ticket: ticket.clone() });
        self.filled.notify_one();
        ticket
    }

    /// Blocks until everything enqueued before is done. The caller sees to it that nothing is enqueued meanwhile.
    pub(super) fn drain(&self) {
        let mut waiting = self.inner.lock();
        while waiting.is_busy || !waiting.records.is_empty() {
            self.drained.wait(&mut waiting);
        }
    }

    /// Lets the committer end when everything is done.
    pub(super) fn close(&self) {
        self.inner.lock().is_closed = true;
        self.filled.notify_one();
    }

    /// The next group, or `None` if there will be none.
    fn next_group(&self) -> Option<Vec<Pending>> {
        let mut waiting = self.inner.lock();
        waiting.is_busy = false;
        if waiting.records.is_empty() {
            self.drained.notify_all();
        }
        while waiting.records.is_empty() {
            if waiting.is_closed {
                return None;
            }
            self.filled.wait(&mut waiting);
        }
        let mut bytes = 0;
        let fitting = waiting.records.iter().take_while(|pending| {
            bytes += pending.record.len();
            bytes <= GROUP_BYTES_MAX
        });
        let count = fitting.count().max(1);
        waiting.is_busy = true;
        Some(waiting.records.drain(..count).collect())
    }
}

/// The thread's work: runs until the queue is closed and empty.
pub(super) fn run(queue: &CommitQueue, mut log: LogWriter, state: &RwLock<State>, is_read_only: &AtomicBool) {
    while let Some(group) = queue.next_group() {
        let outcome = if is_read_only.load(Ordering::Acquire) {
            Err(StorageError::ReadOnly)
        } else {
            commit(&group, &mut log, state)
        };
        if let Err(error) = &outcome
            && !is_read_only.swap(true, Ordering::AcqRel)
        {
            tracing::error!(%error, "storage is read-only from now on: a change could not be written");
        }
        for pending in group {
            pending.ticket.complete(outcome.as_ref().copied().map_err(StorageError::share));
        }
    }
}

fn commit(group: &[Pending], log: &mut LogWriter, state: &RwLock<State>) -> Result<(), StorageError> {
    let records: Vec<&[u8]> = group.iter().map(|pending| &pending.record[..]).collect();
    log.append(&records)?;
    for record in records {
        // One lock for each record: a reader waits for one change at most, and sees each whole or not at all.
        let applied = state.write().apply(record);
        applied
            .map_err(|error| StorageError::damaged(log.path(), format!("a record that was just written: {error}")))?;
    }
    Ok(())
}
