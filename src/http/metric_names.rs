//! The metrics of `/metrics` that show what SHOW STATS shows: their names, which value each takes, and its labels. The names are
//! promised to those who watch servers; `spec/watching.md` lists them.

/// What a metric does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows. Its name gets the end `_total`.
    Counter,
    /// It grows as a counter does, and its source counts nanoseconds of what it shows in seconds.
    Seconds,
    /// It goes up and down.
    Gauge,
}

/// A metric that takes a value of a module of SHOW STATS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    /// Without the prefix, and without `_total`.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) module: &'static str,
    pub(super) value: &'static str,
    /// The tags of the module that become labels, by the names of both. Modules that do not differ in them are added up.
    pub(super) labels: &'static [(&'static str, &'static str)],
    pub(super) help: &'static str,
}

const NO_LABELS: &[(&str, &str)] = &[];
const DATABASE: &[(&str, &str)] = &[("database", "database")];
const POLICY: &[(&str, &str)] = &[("database", "database"), ("retentionPolicy", "retention_policy")];
const BIND: &[(&str, &str)] = &[("bind", "bind")];

macro_rules! metrics {
    ($($name:literal $kind:ident $module:literal $value:literal $labels:ident $help:literal),* $(,)?) => {
        /// All of them.
        pub(super) const METRICS: &[Metric] = &[
            $(Metric {
                name: $name, kind: Kind::$kind, module: $module, value: $value, labels: $labels, help: $help,
            }),*
        ];
    };
}

metrics! {
    "process_resident_memory_bytes" Gauge "runtime" "Sys" NO_LABELS "Memory of the process",
    "queries_active" Gauge "queryExecutor" "queriesActive" NO_LABELS "Queries that are running",
    "queries_started" Counter "queryExecutor" "queriesExecuted" NO_LABELS "Queries that were started",
    "queries_finished" Counter "queryExecutor" "queriesFinished" NO_LABELS "Queries that have ended",
    "query_duration_seconds" Seconds "queryExecutor" "queryDurationNs" NO_LABELS "Time that ended queries took",
    "database_measurements" Gauge "database" "numMeasurements" DATABASE "Measurements of a database",
    "database_series" Gauge "database" "numSeries" DATABASE "Series of a database",
    "shard_disk_bytes" Gauge "shard" "diskBytes" POLICY "Bytes of the files of a policy's shards",
    "write_requests" Counter "write" "req" NO_LABELS "Writes, of clients and of the server itself",
    "write_errors" Counter "write" "writeError" NO_LABELS "Writes that failed",
    "write_points" Counter "write" "pointReq" NO_LABELS "Points of writes",
    "write_points_dropped" Counter "write" "writeDrop" NO_LABELS "Points that were left out of writes",
    "subscriber_writes" Counter "write" "subWriteOk" NO_LABELS "Writes that were handed to subscriptions",
    "subscriber_points_written" Counter "subscriber" "pointsWritten" NO_LABELS "Points that were delivered to subscriptions",
    "subscriber_write_failures" Counter "subscriber" "writeFailures" NO_LABELS "Deliveries to subscriptions that failed",
    "subscriber_create_failures" Counter "subscriber" "createFailures" NO_LABELS "Destinations that could not be used",
    "continuous_queries_ok" Counter "cq" "queryOk" NO_LABELS "Runs of continuous queries",
    "continuous_queries_failed" Counter "cq" "queryFail" NO_LABELS "Runs of continuous queries that failed",
    "continuous_queries_skipped" Counter "cq" "querySkipped" NO_LABELS "Runs that the author of a continuous query is not allowed",
    "background_panics" Counter "background" "panics" NO_LABELS "Panics of work in the background",
    "storage_damaged_segments" Gauge "storage" "damagedSegments" NO_LABELS "Segment files that are known to be damaged",
    "storage_panics" Counter "storage" "panics" NO_LABELS "Panics of threads of the store",
    "storage_sealing_fails" Gauge "storage" "sealingFails" NO_LABELS "1 if values could not be moved to files lately",
    "udp_batches" Counter "udp" "batchesTx" BIND "Batches of points from UDP that were written",
    "udp_batches_failed" Counter "udp" "batchesTxFail" BIND "Batches of points from UDP that were not written",
    "udp_received_bytes" Counter "udp" "bytesRx" BIND "Bytes that were received by UDP",
    "udp_received_points" Counter "udp" "pointsRx" BIND "Points that were received by UDP",
    "udp_written_points" Counter "udp" "pointsTx" BIND "Points from UDP that were written",
    "udp_parse_failures" Counter "udp" "pointsParseFail" BIND "Datagrams with a line that is not a point",
    "udp_read_failures" Counter "udp" "readFail" BIND "Datagrams that could not be read",
    "http_requests" Counter "httpd" "req" NO_LABELS "Requests",
    "http_requests_active" Gauge "httpd" "reqActive" NO_LABELS "Requests that are being answered",
    "http_write_requests" Counter "httpd" "writeReq" NO_LABELS "Requests to /write",
    "http_writes_active" Gauge "httpd" "writeReqActive" NO_LABELS "Requests to /write that are being answered",
    "http_write_bytes" Counter "httpd" "writeReqBytes" NO_LABELS "Bytes of line protocol, unpacked",
    "http_write_points_ok" Counter "httpd" "pointsWrittenOK" NO_LABELS "Points of requests that were stored",
    "http_write_points_dropped" Counter "httpd" "pointsWrittenDropped" NO_LABELS "Points that were left out of requests",
    "http_write_points_failed" Counter "httpd" "pointsWrittenFail" NO_LABELS "Points of requests that failed",
    "http_query_requests" Counter "httpd" "queryReq" NO_LABELS "Requests to /query",
    "http_query_response_bytes" Counter "httpd" "queryRespBytes" NO_LABELS "Bytes of answers to /query, unpacked",
    "http_ping_requests" Counter "httpd" "pingReq" NO_LABELS "Requests to /ping",
    "http_auth_failures" Counter "httpd" "authFail" NO_LABELS "Answers with status 401",
    "http_client_errors" Counter "httpd" "clientError" NO_LABELS "Answers with status 4xx",
    "http_server_errors" Counter "httpd" "serverError" NO_LABELS "Answers with status 5xx",
    "http_panics" Counter "httpd" "recoveredPanics" NO_LABELS "Requests that failed because of a defect of the server",
    "http_connections" Gauge "httpd" "connections" NO_LABELS "Open connections",
    "http_connections_refused" Counter "httpd" "connectionsRefused" NO_LABELS "Connections that were closed because of max-connection-limit",
}
