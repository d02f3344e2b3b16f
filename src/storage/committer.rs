//! The committer: one thread that makes records durable, many at a time, and then visible, in log order. Between groups it
//! closes memtables for the sealer, since then the state is exactly what the log says. And the sealer's thread, which tries
//! again as long as sealing fails.
//!
//! Invariant: a record is applied to the state after it is on disk and never otherwise, and whoever waits for it is woken
//! after that. After the first failure nothing is written to the log any more. A failure of sealing takes nothing away: what
//! is not sealed is in the log and in memory, and writers wait when that is full.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use super::Shared;
use super::error::StorageError;
use super::log::LogWriter;
use super::queue::{Item, Pending, Work};
use super::sealer::Sealer;
use super::state::{CatalogBytes, SealJob};

/// Everything is sealed when the log has grown by this many bytes, so that a start need not replay more.
const UNSEALED_LOG_BYTES_MAX: u64 = 256 << 20;
/// How long the sealer waits after its first failure; after each further one twice as long ...
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(250);
/// ... but no longer than this.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(30);

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
        if seal(shared, &mut sealer, &job) {
            drop(job);
            shared.queue.seal_ended();
        }
    }
}

/// Tries until it succeeds, or the store closes or is read-only; `false` if memtables wait to be sealed still, so that no
/// others may be closed.
fn seal(shared: &Shared, sealer: &mut Sealer, job: &SealJob) -> bool {
    let mut pause = RETRY_PAUSE_MIN;
    while shared.check().is_ok() {
        let Err(error) = sealer.seal(job, &shared.state) else {
            if pause > RETRY_PAUSE_MIN {
                tracing::info!("sealing goes on");
            }
            return true;
        };
        tracing::error!(%error, retry_in = ?pause, "memtables can't be sealed: they are kept, and so is the log");
        if !shared.queue.seal_failed(error, pause) {
            return false;
        }
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
    // The committer closes no more memtables.
    true
}

impl Shared {
    /// Makes the store read-only.
    fn fail(&self, error: &StorageError) {
        if !self.is_read_only.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "storage is read-only until the server is started again: the log can't be written");
        }
    }
}
