//! The counters that SHOW STATS and `/debug/vars` show, under the names of InfluxDB's HTTP statistics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fluxstone_engine::{Statistics, WrittenPoints};
use fluxstone_query::Value;

use super::request_metrics::RequestMetrics;

macro_rules! counters {
    ($($field:ident $name:literal $about:literal),* $(,)?) => {
        /// Counters since the start of the server, and gauges of its current work.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(#[doc = $about] pub(super) $field: Counter,)*
            /// Requests by endpoint, with how long they took.
            pub(super) by_endpoint: RequestMetrics,
        }

        impl Counters {
            /// Returns the module `httpd` of a server that listens on `bind`, with the points of writes.
            pub(super) fn statistics(&self, bind: &str, points: WrittenPoints) -> Statistics {
                let mut values = vec![
                    ("pointsWrittenDropped", points.dropped),
                    ("pointsWrittenFail", points.failed),
                    ("pointsWrittenOK", points.stored),
                    $(($name, self.$field.get())),*
                ];
                values.sort_unstable();
                let values = values.into_iter().map(|(name, value)| (name, Value::Integer(value as i64))).collect();
                Statistics { name: "httpd", tags: vec![("bind", bind.to_owned())], values }
            }
        }
    };
}

counters! {
    requests "req" "Requests.",
    requests_active "reqActive" "Requests being answered.",
    request_ns "reqDurationNs" "Time spent on requests.",
    pings "pingReq" "Requests to /ping.",
    statuses "statusReq" "Requests to /status.",
    queries "queryReq" "Requests to /query.",
    query_ns "queryReqDurationNs" "Time until answers to /query began.",
    query_bytes "queryRespBytes" "Bytes of answers to /query before compression.",
    writes "writeReq" "Requests to /write.",
    writes_active "writeReqActive" "Writes in progress.",
    write_ns "writeReqDurationNs" "Time spent on /write.",
    write_bytes "writeReqBytes" "Bytes of line protocol, unpacked.",
    client_errors "clientError" "Answers with status 4xx.",
    server_errors "serverError" "Answers with status 5xx.",
    unauthorized "authFail" "Answers with status 401.",
    panics "recoveredPanics" "Requests that failed because of a defect of the server.",
    connections "connections" "Open connections.",
    connections_refused "connectionsRefused" "Connections dropped because of max-connection-limit.",
}

/// A counter or a gauge.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn add_time(&self, time: Duration) {
        self.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds one until the result is dropped.
    pub(super) fn while_held(&self) -> Held<'_> {
        self.add(1);
        Held(self)
    }
}

/// Keeps a gauge raised by one.
#[derive(Debug)]
pub(super) struct Held<'c>(&'c Counter);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
