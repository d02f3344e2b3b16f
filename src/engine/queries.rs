//! The running queries, for SHOW QUERIES, KILL QUERY and the limit on their number.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Principal;

/// A running query.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: u64,
    /// The normal form of the whole request.
    pub(super) text: String,
    /// The `db` parameter.
    pub(super) database: String,
    pub(super) principal: Principal,
    pub(super) started: Instant,
    /// Whether the limit on running queries counts it.
    counts: bool,
    killed: AtomicBool,
    /// Whether it was logged as a slow query.
    logged: AtomicBool,
}

impl Running {
    /// Says that the query is logged as a slow one. Returns whether it was not before.
    pub(super) fn set_logged(&self) -> bool {
        !self.logged.swap(true, Ordering::Relaxed)
    }

    /// Whether KILL QUERY stopped it.
    pub(super) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }
}

/// All running queries, by id.
#[derive(Debug)]
pub(super) struct Registry {
    last: AtomicU64,
    running: Mutex<BTreeMap<u64, Arc<Running>>>,
    /// The most queries that can run at a time; zero means no limit.
    running_max: usize,
}

/// Removes its query from the registry when dropped.
#[derive(Debug)]
pub(super) struct Registration<'r> {
    registry: &'r Registry,
    pub(super) running: Arc<Running>,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.registry.running.lock().remove(&self.running.id);
    }
}

/// The limit on running queries is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("max-concurrent-queries limit exceeded({running}, {max})")]
pub(super) struct TooManyQueries {
    running: usize,
    max: usize,
}

impl Registry {
    pub(super) fn new(running_max: usize) -> Self {
        Registry { last: AtomicU64::new(0), running: Mutex::default(), running_max }
    }

    /// Registers a query until the result is dropped. `counts` says whether the limit applies to it.
    pub(super) fn register(
        &self,
        text: String,
        database: String,
        principal: Principal,
        counts: bool,
    ) -> Result<Registration<'_>, TooManyQueries> {
        let mut all = self.running.lock();
        if counts && self.running_max > 0 {
            let running = all.values().filter(|running| running.counts).count();
            if running >= self.running_max {
                return Err(TooManyQueries { running, max: self.running_max });
            }
        }
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (killed, logged) = (AtomicBool::new(false), AtomicBool::new(false));
        let started = Instant::now();
        let running = Arc::new(Running { id, text, database, principal, started, counts, killed, logged });
        all.insert(id, running.clone());
        Ok(Registration { registry: self, running })
    }

    /// The running queries, sorted by id.
    pub(super) fn list(&self) -> Vec<Arc<Running>> {
        self.running.lock().values().cloned().collect()
    }

    /// Tells a query to stop. Returns false if none has this id.
    pub(super) fn kill(&self, id: u64) -> bool {
        match self.running.lock().get(&id) {
            Some(running) => {
                running.killed.store(true, Ordering::Relaxed);
                true
            }
            None => false,
        }
    }
}

/// The run time of a query as SHOW QUERIES shows it: truncated to the largest unit that is not zero.
pub(super) fn shown_duration(elapsed: Duration) -> fluxstone_model::Nanos {
    let nanos = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
    let unit = [1_000_000_000, 1_000_000, 1_000].into_iter().find(|unit| nanos >= *unit).unwrap_or(1);
    fluxstone_model::Nanos(nanos - nanos % unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: statements.query.2
    #[test]
    fn a_query_is_listed_and_can_be_killed_while_it_runs() {
        let registry = Registry::new(1);
        let first = registry.register("SELECT 1".into(), "d".into(), Principal::Anyone, true).unwrap();
        let refused = registry.register(String::new(), String::new(), Principal::Anyone, true).unwrap_err();
        assert_eq!(refused.to_string(), "max-concurrent-queries limit exceeded(1, 1)");
        assert!(registry.kill(first.running.id));
        assert!(first.running.is_killed());
        let id = first.running.id;
        drop(first);
        assert!(!registry.kill(id));
        assert!(registry.list().is_empty());
        let second = registry.register(String::new(), String::new(), Principal::Anyone, true).unwrap();
        assert!(second.running.id > id);
    }

    // spec: statements.sequence.6
    #[test]
    fn what_does_not_count_is_listed_but_neither_refused_nor_in_the_way() {
        let registry = Registry::new(1);
        let register = |counts| registry.register(String::new(), String::new(), Principal::Anyone, counts);
        let _free = register(false).unwrap();
        let _counted = register(true).unwrap();
        let _free = register(false).unwrap();
        assert_eq!(register(true).unwrap_err().to_string(), "max-concurrent-queries limit exceeded(1, 1)");
        assert_eq!(registry.list().len(), 3);
    }

    // spec: statements.query.1
    #[test]
    fn durations_are_truncated_to_their_unit() {
        for (nanos, shown) in [(999, "999ns"), (26_700, "26µs"), (1_999_999, "1ms"), (61_900_000_000, "1m1s")] {
            assert_eq!(fluxstone_go::DurationText(shown_duration(Duration::from_nanos(nanos)).0).to_string(), shown);
        }
    }
}
