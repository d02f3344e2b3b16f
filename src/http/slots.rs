//! The right of a query to run: to a thread, to compute, and, while it has not computed for long, to be one of the few of which each
//! gets a large share of the processors. Many threads that compute at once would leave a small share to those that serve
//! connections, and would keep each other from memory.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::gate::{Gate, Pass, Turn};

/// A query that has computed for so long is long, and no longer one of the few.
const SHORT_MAX: Duration = Duration::from_millis(100);

/// For each core, the queries that compute and are not long.
const SHORT_PER_CORE: usize = 4;

/// Bounds on the queries that compute at a time.
#[derive(Debug, Clone)]
pub(super) struct QueryGates {
    /// All of them.
    all: Gate,
    /// Those that are not long.
    short: Gate,
}

impl QueryGates {
    /// Gates for `all` queries at a time.
    pub(super) fn new(all: usize, cores: usize) -> QueryGates {
        QueryGates { all: Gate::new(all), short: Gate::new(cores * SHORT_PER_CORE) }
    }

    /// Waits until a query may compute. Must be called on a runtime.
    pub(super) async fn pass(&self, turn: Turn) -> QueryPass {
        let all = self.all.pass(turn).await;
        QueryPass { all, short: Some(self.short(turn).await), gates: self.clone(), turn }
    }

    /// Returns the right to compute for a moment, if there is one at once.
    pub(super) fn try_pass(&self, turn: Turn) -> Option<Pass> {
        self.all.try_pass(turn)
    }

    async fn short(&self, turn: Turn) -> ShortPass {
        let pass = Arc::new(Mutex::new(Some(self.short.pass(turn).await)));
        let until_long = Arc::downgrade(&pass);
        tokio::spawn(async move {
            tokio::time::sleep(SHORT_MAX).await;
            if let Some(pass) = until_long.upgrade() {
                drop(pass.lock().take());
            }
        });
        pass
    }
}

/// The right of a query to compute.
#[derive(Debug)]
pub(super) struct QueryPass {
    all: Pass,
    /// `None` while it waits for something.
    short: Option<ShortPass>,
    gates: QueryGates,
    turn: Turn,
}

/// The pass is taken away when the query is long.
type ShortPass = Arc<Mutex<Option<Pass>>>;

impl QueryPass {
    /// Lets other queries compute while this one waits for something.
    pub(super) fn pause(&mut self) {
        self.short = None;
        self.all.pause();
    }

    /// Waits until the query may go on to compute. Must be called on a runtime.
    pub(super) async fn resume(&mut self) {
        self.all.resume().await;
        if self.short.is_none() {
            self.short = Some(self.gates.short(self.turn).await);
        }
    }
}

/// What a query holds while it runs.
#[derive(Debug)]
pub(super) struct Slots {
    /// The right to a thread.
    pub(super) answer: Pass,
    /// The right to compute.
    pub(super) query: QueryPass,
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;
    use std::pin::Pin;
    use std::task::Poll;

    use tokio::time::Instant;

    use super::*;

    fn turn() -> Turn {
        Turn::of(std::net::IpAddr::from(Ipv4Addr::LOCALHOST), 0)
    }

    async fn is_ready<T>(waiting: &mut Pin<Box<impl Future<Output = T>>>) -> bool {
        poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_ready())).await
    }

    // spec: http.slots.4
    #[tokio::test(start_paused = true)]
    async fn long_queries_do_not_keep_others_from_computing() {
        let gates = QueryGates::new(20, 1);
        let begun = Instant::now();
        let mut passes = Vec::new();
        for _ in 0..20 {
            passes.push(gates.pass(turn()).await);
        }
        // The clock moves when all wait: four at a time, until each is long.
        assert_eq!(begun.elapsed().as_millis() / SHORT_MAX.as_millis(), 4);
        // All that may compute do.
        assert!(!is_ready(&mut Box::pin(gates.pass(turn()))).await);
        assert!(gates.try_pass(turn()).is_none());
    }

    // spec: http.slots.1, http.slots.4
    #[tokio::test(start_paused = true)]
    async fn a_query_that_waits_is_short_again_when_it_goes_on() {
        let gates = QueryGates::new(20, 1);
        let mut passes = Vec::new();
        for _ in 0..SHORT_PER_CORE {
            passes.push(gates.pass(turn()).await);
        }
        passes[0].pause();
        let other = gates.pass(turn()).await;
        {
            let mut resuming = Box::pin(passes[0].resume());
            assert!(!is_ready(&mut resuming).await);
            drop(other);
            assert!(is_ready(&mut resuming).await);
        }
        // What another held is not taken from this one when the other one would have been long.
        tokio::time::sleep(SHORT_MAX / 2).await;
        passes[0].pause();
        passes[0].resume().await;
        tokio::time::sleep(SHORT_MAX * 2 / 3).await;
        assert_eq!(passes.iter().filter(|pass| pass.short.as_ref().unwrap().lock().is_some()).count(), 1);
    }
}
