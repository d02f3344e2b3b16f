//! The sealer's thread, which retries as long as sealing fails.
//!
//! A failure of sealing loses nothing: what is not sealed is in the log and in memory, and writers wait when memory is full.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::sealer::Sealer;
use crate::error::StorageError;
use crate::removal;
use crate::state::SealJob;
use crate::store_core::{AbandonOnExit, StoreCore};

/// The pause after the first failure. It doubles with each further failure ...
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(250);
/// ... up to this.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Runs the sealer until the committer has ended.
pub(crate) fn run_sealer(core: &StoreCore, mut sealer: Sealer, jobs: &Receiver<SealJob>) {
    let _abandon = AbandonOnExit(core);
    for job in jobs {
        if seal(core, &mut sealer, &job) {
            drop(job);
            core.clear_removed();
            core.queue.seal_ended(sealer.is_settled());
        }
    }
}

/// Retries until sealing succeeds, or the store closes (between two shards) or becomes read-only. Returns `false` if memtables are still waiting
/// to be sealed, so that no others may be closed.
fn seal(core: &StoreCore, sealer: &mut Sealer, job: &SealJob) -> bool {
    let mut pause = RETRY_PAUSE_MIN;
    while core.check_not_read_only().is_ok() {
        let error = match seal_once(core, sealer, job) {
            Ok(is_done) => {
                if pause > RETRY_PAUSE_MIN {
                    tracing::info!("sealing works again");
                }
                return is_done;
            }
            Err(error) => error,
        };
        tracing::error!(%error, retry_in = ?pause, "cannot seal memtables; they and the log are kept");
        if !core.queue.seal_failed(error, pause) {
            return false;
        }
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
    // A read-only store closes no more memtables.
    true
}

/// Seals once. A panic counts as a failure: the sealer writes new files, and publishes them only when it has finished.
fn seal_once(core: &StoreCore, sealer: &mut Sealer, job: &SealJob) -> Result<bool, StorageError> {
    let attempt = || {
        // A checkpoint must not separate the records of a removal.
        removal::remove_emptied(core)?;
        sealer.seal(job, &core.state, &|| core.queue.is_open())
    };
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| {
        core.condition.count_panic();
        Err(StorageError::Panicked("sealer"))
    })
}
