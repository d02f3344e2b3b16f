//! The requests by endpoint and status, and how long they took, for `/metrics`.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The upper ends of the classes of durations, in seconds.
const DURATION_CLASSES: [f64; 13] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The durations by endpoint.
type Durations = Family<[(&'static str, &'static str); 1], Histogram, fn() -> Histogram>;

/// The requests by endpoint.
pub(super) struct RequestMetrics {
    responses: Family<[(&'static str, String); 2], Counter>,
    durations: Durations,
}

impl fmt::Debug for RequestMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMetrics").finish_non_exhaustive()
    }
}

impl Default for RequestMetrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(DURATION_CLASSES);
        RequestMetrics { responses: Family::default(), durations: Family::new_with_constructor(histogram) }
    }
}

impl RequestMetrics {
    /// Counts a request whose answer has been sent, or given up. Endpoints and statuses are few.
    pub(super) fn count(&self, endpoint: &'static str, status: StatusCode, took: Duration) {
        let labels = [("endpoint", endpoint.to_owned()), ("code", status.as_str().to_owned())];
        self.responses.get_or_create(&labels).inc();
        self.durations.get_or_create(&[("endpoint", endpoint)]).observe(took.as_secs_f64());
    }

    /// Adds them to the metrics of an answer.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("http_responses", "Answers by endpoint and status", self.responses.clone());
        let help = "Time from the head of a request to the end of its answer";
        registry.register("http_request_duration_seconds", help, self.durations.clone());
    }
}
