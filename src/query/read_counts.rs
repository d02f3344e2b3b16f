//! Counts of what a query reads.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what a query reads. Clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct ReadCounter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    points: AtomicU64,
    blocks_decoded: AtomicU64,
    blocks_summarized: AtomicU64,
}

/// What a query has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadCounts {
    /// Values in the range of times, as `max-select-point` counts them.
    pub points: u64,
    /// Blocks that were decoded.
    pub blocks_decoded: u64,
    /// Blocks of which only the summary was needed.
    pub blocks_summarized: u64,
}

impl ReadCounter {
    /// What has been read so far, by the parts of the query that have ended.
    pub fn counts(&self) -> ReadCounts {
        let Counts { points, blocks_decoded, blocks_summarized } = &*self.0;
        let [points, blocks_decoded, blocks_summarized] =
            [points, blocks_decoded, blocks_summarized].map(|count| count.load(Ordering::Relaxed));
        ReadCounts { points, blocks_decoded, blocks_summarized }
    }

    /// The counts of one thread.
    pub(super) fn begin(&self) -> Reads {
        Reads {
            counter: self.clone(),
            points: Cell::new(0),
            blocks_decoded: Cell::new(0),
            blocks_summarized: Cell::new(0),
        }
    }
}

/// What one thread reads. It is added to the others when this is dropped.
#[derive(Debug)]
pub(super) struct Reads {
    counter: ReadCounter,
    points: Cell<u64>,
    blocks_decoded: Cell<u64>,
    blocks_summarized: Cell<u64>,
}

impl Reads {
    /// Returns how many there are now.
    pub(super) fn add_points(&self, count: usize) -> u64 {
        let points = self.points.get() + count as u64;
        self.points.set(points);
        points
    }

    pub(super) fn add_decoded(&self) {
        self.blocks_decoded.set(self.blocks_decoded.get() + 1);
    }

    pub(super) fn add_summarized(&self, count: usize) {
        self.blocks_summarized.set(self.blocks_summarized.get() + count as u64);
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        let Counts { points, blocks_decoded, blocks_summarized } = &*self.counter.0;
        points.fetch_add(self.points.get(), Ordering::Relaxed);
        blocks_decoded.fetch_add(self.blocks_decoded.get(), Ordering::Relaxed);
        blocks_summarized.fetch_add(self.blocks_summarized.get(), Ordering::Relaxed);
    }
}
