//! How much memory queries may hold: a budget for each query, and one pool for all of them.
//!
//! Whatever grows with the data, with the answer or with a number in the query charges a [`Reservation`] before it grows, or, where
//! it grows in small and bounded steps, right after a step. A reservation gives its bytes back when it is dropped. It charges the
//! shared counters in growing steps, so that growing mostly costs a comparison. Sizes are estimates that lie rather above than
//! below what the allocator is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fluxstone_model::Clause;

use super::error::QueryError;

/// Reservations take bytes in multiples of this.
const STEP_MIN: usize = 64;
/// How errors about the limit on all queries begin.
const TOTAL_EXCEEDED: &str = "max-total-query-memory limit exceeded: ";

/// Reservations take at most this many bytes more than they need now, and may keep as many that they need no longer.
const STEP_MAX: usize = 4 << 10;

/// The memory that all queries together may hold. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryPool(Arc<Counter>);

/// The memory that one query may hold. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryBudget(Arc<Share>);

/// What a query holds of a pool.
#[derive(Debug, Default)]
struct Share {
    of_query: Counter,
    of_all: MemoryPool,
}

/// Bytes in use, and how many there may be; zero means no limit.
#[derive(Debug, Default)]
struct Counter {
    max: usize,
    used: AtomicUsize,
}

/// Memory that a part of a query holds.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    held: usize,
    /// What the counters know of: at least `held`.
    charged: usize,
}

impl MemoryPool {
    /// A pool of `bytes_max` bytes; zero means no limit.
    pub fn new(bytes_max: usize) -> MemoryPool {
        MemoryPool(Arc::new(Counter { max: bytes_max, used: AtomicUsize::new(0) }))
    }

    /// A budget of at most `bytes_max` bytes of the pool for one query; zero means no limit other than that of the pool.
    pub fn budget(&self, bytes_max: usize) -> MemoryBudget {
        let of_query = Counter { max: bytes_max, used: AtomicUsize::new(0) };
        MemoryBudget(Arc::new(Share { of_query, of_all: self.clone() }))
    }

    /// The bytes that queries hold now.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }
}

impl Counter {
    /// Takes `bytes`, unless more than the maximum would be in use.
    fn take(&self, bytes: usize) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let fits = self.max == 0 || used <= self.max;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl MemoryBudget {
    /// Whether an error is about the limit on all queries, so that the query may fit later.
    pub fn is_shared_limit(error: &str) -> bool {
        error.starts_with(TOTAL_EXCEEDED)
    }

    /// A reservation of no bytes.
    pub fn reserve(&self) -> Reservation {
        Reservation { budget: self.clone(), held: 0, charged: 0 }
    }

    /// How many bytes the query may hold at most; `None` if there is no limit.
    pub(super) fn bytes_max(&self) -> Option<usize> {
        let limits = [self.0.of_query.max, self.0.of_all.0.max];
        limits.into_iter().filter(|max| *max > 0).min()
    }

    fn take(&self, bytes: usize) -> Result<(), QueryError> {
        let Share { of_query, of_all } = &*self.0;
        // What no budget can hold must not overflow the counters either.
        if bytes > isize::MAX as usize || !of_query.take(bytes) {
            return Err(QueryError::Limit(
                Clause::new("select.limit.memory.1"),
                format!(
                    "max-query-memory limit exceeded: the query needs more than {} bytes ([coordinator] max-query-memory)",
                    of_query.max
                ),
            ));
        }
        if !of_all.0.take(bytes) {
            of_query.give_back(bytes);
            return Err(QueryError::Limit(
                Clause::new("select.limit.memory.2"),
                format!(
                    "{TOTAL_EXCEEDED}all queries together need more than {} bytes ([coordinator] \
                 max-total-query-memory)",
                    of_all.0.max
                ),
            ));
        }
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        self.0.of_query.give_back(bytes);
        self.0.of_all.0.give_back(bytes);
    }
}

impl Reservation {
    /// Charges `bytes` more.
    ///
    /// # Errors
    /// The budget does not have them. The reservation stays as it was.
    #[inline]
    pub fn grow(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.resize(self.held.saturating_add(bytes))
    }

    /// Gives `bytes` back.
    #[inline]
    pub(super) fn shrink(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
        self.return_surplus();
    }

    /// Charges `bytes` in all.
    ///
    /// # Errors
    /// The budget does not have them. The reservation stays as it was.
    #[inline]
    pub fn resize(&mut self, bytes: usize) -> Result<(), QueryError> {
        if bytes > self.charged {
            self.charge(bytes)?;
        }
        self.held = bytes;
        self.return_surplus();
        Ok(())
    }

    #[cold]
    fn charge(&mut self, bytes: usize) -> Result<(), QueryError> {
        // A quarter more than there is, so that growing by small amounts charges seldom.
        let more = (bytes - self.charged).max((self.charged / 4).min(STEP_MAX));
        let more = more.checked_next_multiple_of(STEP_MIN).unwrap_or(usize::MAX);
        self.budget.take(more)?;
        self.charged += more;
        Ok(())
    }

    /// Returns what is charged beyond `held`, if it is much.
    #[inline]
    fn return_surplus(&mut self) {
        if self.charged - self.held > self.held / 2 + STEP_MAX {
            let surplus = self.charged - self.held;
            self.budget.give_back(surplus);
            self.charged -= surplus;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.charged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    // spec: select.limit.memory.1
    #[test]
    fn a_query_may_hold_what_its_budget_has() {
        let budget = MemoryPool::new(0).budget(MIB);
        let mut first = budget.reserve();
        first.grow(MIB / 2).unwrap();
        let mut second = budget.reserve();
        let error = second.grow(MIB).unwrap_err().to_string();
        let want =
            "max-query-memory limit exceeded: the query needs more than 1048576 bytes ([coordinator] max-query-memory)";
        assert_eq!(error, want);
        drop(first);
        second.grow(MIB).unwrap();
        assert!(second.grow(usize::MAX).is_err());
    }

    // spec: select.limit.memory.2
    #[test]
    fn queries_share_a_pool() {
        let pool = MemoryPool::new(MIB);
        let (one, other) = (pool.budget(0), pool.budget(MIB));
        let mut held = one.reserve();
        held.grow(MIB / 2).unwrap();
        let error = other.reserve().grow(MIB).unwrap_err().to_string();
        assert!(error.starts_with("max-total-query-memory limit exceeded: "), "{error}");
        drop(held);
        assert_eq!(pool.used(), 0);
        other.reserve().grow(MIB).unwrap();
        assert_eq!(pool.used(), 0, "a reservation returns its bytes when it is dropped");
    }

    #[test]
    fn a_reservation_charges_in_steps_and_returns_what_it_no_longer_holds() {
        let pool = MemoryPool::new(MIB);
        let budget = pool.budget(0);
        let mut held = budget.reserve();
        held.grow(1).unwrap();
        assert_eq!(pool.used(), STEP_MIN);
        held.grow(STEP_MIN - 1).unwrap();
        assert_eq!(pool.used(), STEP_MIN);
        held.resize(MIB / 2).unwrap();
        held.grow(1).unwrap();
        assert_eq!(pool.used(), MIB / 2 + STEP_MAX);
        held.shrink(MIB / 2);
        assert_eq!(pool.used(), 1);
        assert!(held.resize(2 * MIB).is_err());
        assert_eq!(pool.used(), 1, "a refused charge changes nothing");
    }

    #[test]
    fn the_smaller_limit_counts() {
        assert_eq!(MemoryPool::new(5).budget(7).bytes_max(), Some(5));
        assert_eq!(MemoryPool::new(0).budget(7).bytes_max(), Some(7));
        assert_eq!(MemoryBudget::default().bytes_max(), None);
    }
}
