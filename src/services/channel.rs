//! The queue of one destination, or of the destinations of a subscription of mode ANY, and the task that empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fluxstone_engine::{DeliveredPoints, DeliveryCounts};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::destination::Destination;

/// Points in a queue, and their share of the memory of all queues.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) points: DeliveredPoints,
    pub(super) _memory: OwnedSemaphorePermit,
}

/// Counts that a queue and whoever asks for statistics share.
#[derive(Debug, Default)]
pub(super) struct Counts {
    points_written: AtomicU64,
    write_failures: AtomicU64,
}

impl Counts {
    pub(super) fn count_points(&self, points: u64) {
        self.points_written.fetch_add(points, Ordering::Relaxed);
    }

    pub(super) fn count_failure(&self) {
        self.write_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> DeliveryCounts {
        DeliveryCounts {
            points_written: self.points_written.load(Ordering::Relaxed),
            write_failures: self.write_failures.load(Ordering::Relaxed),
        }
    }
}

/// A destination and its counts.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) destination: Destination,
    pub(super) counts: Counts,
}

/// The destinations that a queue is for: points go to the first of them that takes them, beginning with another one each time.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) destinations: Vec<Arc<Counted>>,
    /// Of all subscriptions.
    pub(super) total: Arc<Counts>,
    /// How many writes are sent at the same time.
    pub(super) concurrency: usize,
}

impl Channel {
    /// Sends what is queued, until the queue is closed and empty.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Queued>) {
        let channel = Arc::new(self);
        let sending = Arc::new(Semaphore::new(channel.concurrency));
        let mut first = 0;
        while let Some(queued) = queue.recv().await {
            let Ok(turn) = Arc::clone(&sending).acquire_owned().await else { return };
            let channel = Arc::clone(&channel);
            tokio::spawn(async move {
                channel.send(first, &queued.points).await;
                drop((turn, queued));
            });
            first = first.wrapping_add(1);
        }
    }

    async fn send(&self, first: usize, points: &DeliveredPoints) {
        let count = self.destinations.len();
        for at in 0..count {
            let Counted { destination, counts } = &*self.destinations[(first.wrapping_add(at)) % count];
            match destination.send(points).await {
                Ok(()) => {
                    counts.count_points(points.count());
                    self.total.count_points(points.count());
                    return;
                }
                Err(error) => {
                    counts.count_failure();
                    tracing::debug!(destination = destination.url(), %error, "points were not delivered");
                }
            }
        }
        self.total.count_failure();
    }
}
