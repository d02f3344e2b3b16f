//! Work that no request asks for: checkpoints, dropping expired shard groups, and continuous queries.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fluxstone_storage::StorageError;

use super::Core;
use super::change::encode;

/// How often a due checkpoint is checked for.
const CHECKPOINT_POLL: Duration = Duration::from_millis(200);

/// The background threads. Dropping it stops them and waits for them.
#[derive(Debug)]
pub(super) struct Background {
    workers: Vec<Worker>,
}

/// A thread that does its work at a fixed interval.
#[derive(Debug)]
struct Worker {
    /// Dropping it signals the thread to stop.
    stop: Option<Sender<()>>,
    /// Set together with the signal, for work that takes long.
    cancelled: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Background {
    pub(super) fn start(core: &Arc<Core>) -> Self {
        let mut background = Background { workers: Vec::new() };
        let housekeeper = Arc::clone(core);
        let mut timer = Timer::new(core.options.retention_check_ns);
        let mut delivered_from = None;
        background.spawn(core, "background", CHECKPOINT_POLL, move |_| {
            housekeeper.refresh_delivery(&mut delivered_from);
            if let Err(error) = housekeeper.background_turn(&mut timer) {
                tracing::error!(%error, "background work failed");
            }
        });
        let every = Duration::from_nanos(core.options.continuous_queries.run_interval_ns);
        if !every.is_zero() {
            let runner = Arc::clone(core);
            background.spawn(core, "continuous queries", every, move |cancelled| {
                if !runner.time_stands_still() {
                    runner.run_continuous_queries(&mut runner.continuous_queries.lock(), cancelled);
                }
            });
        }
        background
    }

    /// Starts a thread that calls `turn` every so often. It goes on after a panic.
    fn spawn(
        &mut self,
        core: &Arc<Core>,
        name: &'static str,
        every: Duration,
        mut turn: impl FnMut(&AtomicBool) + Send + 'static,
    ) {
        let (stop, stopped) = channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&cancelled);
        let guard = Arc::clone(core);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                guard.guarded(name, || turn(&flag));
            }
        });
        match thread {
            Ok(thread) => self.workers.push(Worker { stop: Some(stop), cancelled, thread }),
            Err(error) => tracing::error!(%error, name, "no thread for background work"),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.cancelled.store(true, Ordering::Relaxed);
            worker.stop = None;
        }
        for worker in self.workers.drain(..) {
            // The panic hook has already reported a panic in the thread.
            let _ = worker.thread.join();
        }
    }
}

/// When expired data is checked for next.
#[derive(Debug)]
struct Timer {
    interval: Duration,
    next: Option<Instant>,
}

impl Timer {
    fn new(interval_ns: u64) -> Self {
        let interval = Duration::from_nanos(interval_ns);
        Timer { interval, next: (interval_ns > 0).then(|| Instant::now().checked_add(interval)).flatten() }
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
    /// Does `work`. A panic in it is a defect that must not end the thread: it is logged and counted, and gives `None`.
    pub(super) fn guarded<R>(&self, name: &str, work: impl FnOnce() -> R) -> Option<R> {
        // Locks are released by unwinding, and what they protect is replaced as a whole or checked again by the next turn.
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => Some(result),
            Err(payload) => {
                self.counters.panics.fetch_add(1, Ordering::Relaxed);
                let text = payload.downcast_ref::<&str>().map(ToString::to_string);
                let panic = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
                tracing::error!(name, panic, "background work panicked, which is a defect; it goes on");
                None
            }
        }
    }

    fn background_turn(&self, timer: &mut Timer) -> Result<(), StorageError> {
        if self.store.checkpoint_due() {
            self.checkpoint()?;
        }
        if timer.is_due() && !self.time_stands_still() {
            self.drop_expired()?;
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), StorageError> {
        self.store.checkpoint(&|| encode(&*self.catalog.latest().catalog))
    }

    /// Drops the shard groups whose points have all expired.
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
