//! The threads that help with large queries, shared by all queries of a server.
//!
//! A query reserves free threads and never waits for any: what finds none free runs on its caller's thread. A reserved thread
//! may therefore block until its results are taken, as for a slow client, without holding up another query.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// A bounded set of threads for parts of queries. Clones share the threads, which are started on first use.
#[derive(Debug, Clone)]
pub struct WorkerPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    size: usize,
    free: AtomicUsize,
    /// `None` if the threads could not be started.
    threads: OnceLock<Option<ThreadPool>>,
}

/// Some threads of a pool, which are returned to it on drop.
pub(super) struct Reserved<'p> {
    pool: &'p WorkerPool,
    pub(super) threads: &'p ThreadPool,
    pub(super) count: usize,
}

impl WorkerPool {
    /// A pool of `size` threads. With fewer than two, queries run on their callers' threads.
    pub fn new(size: usize) -> WorkerPool {
        WorkerPool(Arc::new(Shared { size, free: AtomicUsize::new(size), threads: OnceLock::new() }))
    }

    /// A pool without threads.
    pub fn none() -> WorkerPool {
        WorkerPool::new(0)
    }

    /// Reserves at most `wanted` free threads; `None` if fewer than two are free.
    pub(super) fn reserve(&self, wanted: usize) -> Option<Reserved<'_>> {
        let shared = &*self.0;
        if wanted < 2 || shared.size < 2 {
            return None;
        }
        let threads = shared.threads.get_or_init(|| start(shared.size)).as_ref()?;
        let take = |free: usize| (free >= 2).then(|| free - free.min(wanted));
        let free = shared.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok()?;
        Some(Reserved { pool: self, threads, count: free.min(wanted) })
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.pool.0.free.fetch_add(self.count, Ordering::AcqRel);
    }
}

fn start(size: usize) -> Option<ThreadPool> {
    ThreadPoolBuilder::new().num_threads(size).thread_name(|number| format!("query-{number}")).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_share_the_threads_and_never_wait_for_them() {
        let pool = WorkerPool::new(5);
        let first = pool.reserve(3).unwrap();
        let second = pool.clone();
        let second = second.reserve(8).unwrap();
        assert_eq!((first.count, second.count), (3, 2));
        assert!(pool.reserve(2).is_none());
        drop(first);
        assert_eq!(pool.reserve(2).unwrap().count, 2);
    }

    #[test]
    fn fewer_than_two_threads_are_not_worth_it() {
        assert!(WorkerPool::none().reserve(2).is_none());
        assert!(WorkerPool::new(1).reserve(2).is_none());
        assert!(WorkerPool::new(4).reserve(1).is_none());
    }
}
