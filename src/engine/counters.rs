//! Counters of the server's work, which SHOW STATS lists.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts since the server started.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) queries_executed: AtomicU64,
    pub(super) queries_finished: AtomicU64,
    pub(super) query_nanos: AtomicU64,
    pub(super) writes_ok: AtomicU64,
    pub(super) writes_failed: AtomicU64,
    /// Handed to the delivery to subscriptions.
    pub(super) writes_delivered: AtomicU64,
    pub(super) points_stored: AtomicU64,
    pub(super) points_dropped: AtomicU64,
    pub(super) request_points_stored: AtomicU64,
    pub(super) request_points_dropped: AtomicU64,
    pub(super) request_points_failed: AtomicU64,
    pub(super) continuous_queries_ok: AtomicU64,
    pub(super) continuous_queries_failed: AtomicU64,
    /// Not allowed to run.
    pub(super) continuous_queries_skipped: AtomicU64,
    /// Of background work.
    pub(super) panics: AtomicU64,
}

impl Counters {
    pub(super) fn count_query_start(&self) {
        self.queries_executed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_query_end(&self, took: Duration) {
        self.queries_finished.fetch_add(1, Ordering::Relaxed);
        self.query_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn count_write(&self, ok: bool) {
        let counter = if ok { &self.writes_ok } else { &self.writes_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_continuous_query(&self, ok: bool) {
        let counter = if ok { &self.continuous_queries_ok } else { &self.continuous_queries_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the points of a request: `dropped` of them, or all of them if it failed.
    pub(super) fn count_request_points(&self, points: u64, dropped: Result<u64, ()>) {
        match dropped {
            Ok(dropped) => {
                self.request_points_stored.fetch_add(points.saturating_sub(dropped), Ordering::Relaxed);
                self.request_points_dropped.fetch_add(dropped, Ordering::Relaxed);
            }
            Err(()) => {
                self.request_points_failed.fetch_add(points, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn count_points(&self, stored: u64, dropped: u64) {
        self.points_stored.fetch_add(stored, Ordering::Relaxed);
        self.points_dropped.fetch_add(dropped, Ordering::Relaxed);
    }
}
