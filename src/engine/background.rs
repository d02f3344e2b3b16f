//! Work that no request asks for: checkpoints, and dropping what has outlived its retention policy.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Core;
use super::change::encode;
use crate::storage::StorageError;

/// How often it is asked whether a checkpoint is due.
const CHECKPOINT_POLL: Duration = Duration::from_millis(200);

/// The background thread. Dropping it stops the thread and waits for it.
#[derive(Debug)]
pub(super) struct Background {
    /// Closing it is the signal to stop.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(super) fn start(core: &Arc<Core>) -> Self {
        let (stop, stopped) = channel();
        let core = Arc::clone(core);
        let thread = std::thread::Builder::new().name("background".into()).spawn(move || {
            let mut schedule = Schedule::new(core.options.retention_check_ns);
            while stopped.recv_timeout(CHECKPOINT_POLL) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = core.background_turn(&mut schedule) {
                    tracing::error!(%error, "background work failed");
                }
            }
        });
        match thread {
            Ok(thread) => Background { stop: Some(stop), thread: Some(thread) },
            Err(error) => {
                tracing::error!(%error, "no thread for background work");
                Background { stop: None, thread: None }
            }
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was reported by its hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// When expired data is looked for next.
#[derive(Debug)]
struct Schedule {
    interval: Duration,
    next: Option<Instant>,
}

impl Schedule {
    fn new(interval_ns: u64) -> Self {
        let interval = Duration::from_nanos(interval_ns);
        Schedule { interval, next: (interval_ns > 0).then(|| Instant::now() + interval) }
    }

    fn is_due(&mut self) -> bool {
        let Some(next) = self.next else { return false };
        let now = Instant::now();
        if now < next {
            return false;
        }
        self.next = now.checked_add(self.interval);
        true
    }
}

impl Core {
    fn background_turn(&self, schedule: &mut Schedule) -> Result<(), StorageError> {
        if self.store.checkpoint_due() {
            self.checkpoint()?;
        }
        if schedule.is_due() {
            self.drop_expired()?;
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), StorageError> {
        self.store.checkpoint(&|| encode(&*self.catalog.latest().catalog))
    }

    /// Drops the shard groups whose points have all outlived their policies.
    pub(super) fn drop_expired(&self) -> Result<(), StorageError> {
        let now = self.clock.now();
        if self.catalog.visible().expired_groups(now).is_empty() {
            return Ok(());
        }
        self.change(|catalog, transaction| {
            let mut changes = Vec::new();
            for (database, shard, change) in catalog.expired_groups(now) {
                transaction.drop_shards(database, &[shard]);
                changes.push(change);
            }
            Ok(changes)
        })
    }
}
