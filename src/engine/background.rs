//! Work that no request asks for: checkpoints, dropping expired shard groups, creating shard groups ahead of time, and continuous
//! queries. Threads wake up by the time of the system, and decide what is due by the engine's clock, which tests move.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use fluxstone_model::{Nanos, Timestamp};
use fluxstone_storage::StorageError;

use super::Core;
use super::change::encode;
use super::options::EngineOptions;

/// How often work that is due is checked for.
const POLL: Duration = Duration::from_millis(200);

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
        let mut timers = Timers::new(&core.options, core.clock.now());
        let mut delivered_from = None;
        background.spawn(core, "background", POLL, move |_| {
            housekeeper.refresh_delivery(&mut delivered_from);
            housekeeper.log_slow_queries();
            housekeeper.background_turn(&mut timers);
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

/// When the services that have an interval work next.
#[derive(Debug)]
pub(super) struct Timers {
    retention: Timer,
    precreation: Timer,
}

impl Timers {
    pub(super) fn new(options: &EngineOptions, now: Timestamp) -> Self {
        let timer = |interval_ns| Timer { interval_ns, last: now };
        Timers { retention: timer(options.retention_check_ns), precreation: timer(options.shard_precreation.check_ns) }
    }
}

/// Tells whether an interval of the engine's clock has passed.
#[derive(Debug)]
struct Timer {
    /// Zero never passes.
    interval_ns: u64,
    last: Timestamp,
}

impl Timer {
    /// Also if the clock has been set back: it must not have to catch up before anything is done again.
    fn is_due(&mut self, now: Timestamp) -> bool {
        let passed = i128::from(now.0) - i128::from(self.last.0);
        if self.interval_ns == 0 || (0..i128::from(self.interval_ns)).contains(&passed) {
            return false;
        }
        self.last = now;
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

    /// Does what is due. What fails is tried again at its next turn, and keeps nothing else from being done.
    pub(super) fn background_turn(&self, timers: &mut Timers) {
        let now = self.clock.now();
        let report = |work: &str, result: Result<(), StorageError>| {
            if let Err(error) = result {
                tracing::error!(%error, work, "background work failed");
            }
        };
        if self.store.checkpoint_due() {
            report("checkpoint", self.checkpoint());
        }
        if self.time_stands_still() {
            return;
        }
        if timers.retention.is_due(now) {
            report("retention", self.drop_expired());
        }
        if timers.precreation.is_due(now) {
            report("shard precreation", self.create_groups_ahead());
        }
    }

    fn checkpoint(&self) -> Result<(), StorageError> {
        self.store.checkpoint(&|| encode(&*self.catalog.latest().catalog))
    }

    /// Creates the shard groups that are needed soon, so that the first writes to them do not have to.
    pub(super) fn create_groups_ahead(&self) -> Result<(), StorageError> {
        let now = self.clock.now();
        let advance = Nanos(i64::try_from(self.options.shard_precreation.advance_ns).unwrap_or(i64::MAX));
        let groups_max = self.options.shards_per_database_max;
        if self.catalog.visible().groups_ahead(now, advance, groups_max).is_empty() {
            return Ok(());
        }
        self.change(|catalog, _| Ok(catalog.groups_ahead(now, advance, groups_max)))
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
