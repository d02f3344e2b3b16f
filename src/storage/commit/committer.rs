//! The committer: the thread that makes groups of records durable and then visible, in log order.
//!
//! Between groups it closes memtables for the sealer, because then the state is exactly what the log says.
//!
//! Invariant: a record is applied to the state only after it is on disk, and whoever waits for it is woken after that. After
//! the first failure nothing is written to the log again.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::queue::{Item, Pending, Work};
use crate::catalog_bytes::CatalogBytes;
use crate::error::StorageError;
use crate::log::LogWriter;
use crate::state::SealJob;
use crate::store_core::{AbandonOnExit, StoreCore};

/// Everything is sealed when the log has grown by this many bytes, so that opening the store never replays more.
const UNSEALED_LOG_BYTES_MAX: u64 = 256 << 20;

/// Runs the committer until the queue is closed and empty.
pub(crate) fn run_committer(core: &StoreCore, mut log: LogWriter, jobs: &SyncSender<SealJob>) {
    let _abandon = AbandonOnExit(core);
    let mut sealed_at = 0;
    while let Some(work) = core.queue.next_work() {
        match work {
            Work::Group(group) => {
                let outcome = core.check().and_then(|()| commit(&group, &mut log, core));
                if let Err(error) = &outcome {
                    fail(core, error);
                }
                let is_full = core.state.read().memory.active > core.options.memtable_bytes_max;
                if is_full || log.bytes_written() - sealed_at > UNSEALED_LOG_BYTES_MAX {
                    core.queue.request_seal();
                }
                for pending in group {
                    pending.complete(outcome.as_ref().copied().map_err(StorageError::share));
                }
            }
            Work::Seal => {
                sealed_at = log.bytes_written();
                let rotated = core.check().and_then(|()| log.rotate());
                if let Err(error) = &rotated {
                    fail(core, error);
                }
                let handed_over = rotated.is_ok() && jobs.send(core.state.write().freeze()).is_ok();
                if !handed_over {
                    core.queue.seal_ended();
                }
            }
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

/// Makes the store read-only, and logs why the first time.
fn fail(core: &StoreCore, error: &StorageError) {
    if !core.set_read_only() {
        tracing::error!(%error, "cannot write the log: storage is read-only until the server is restarted");
    }
}
