//! The settings that the HTTP API depends on, resolved by whoever starts the server.

use fluxstone_compat::{AnswerSemantics, CsvNullCells};

use super::access_file::AccessLog;
use super::control::Script;

/// The settings of the `[http]` section, and those of `[compat]` that answers depend on.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct HttpOptions {
    /// `auth-enabled`.
    pub auth_enabled: bool,
    /// `realm`.
    pub realm: String,
    /// `shared-secret`; empty refuses every token.
    pub shared_secret: String,
    /// `pprof-enabled`.
    pub has_profiles: bool,
    /// `build-header`.
    pub build_header: bool,
    /// `log-enabled`.
    pub log_requests: bool,
    /// `access-log-path`: where requests are logged, unless it is the log of the server.
    pub access_log: Option<AccessLog>,
    /// `metrics-enabled`: whether `/metrics` exists.
    pub has_metrics: bool,
    /// `metrics-auth-enabled`.
    pub metrics_need_credentials: bool,
    /// `explorer-enabled`: whether there are pages for people.
    pub has_explorer: bool,
    /// `https-enabled`: whether cookies are for encrypted connections only.
    pub is_encrypted: bool,
    /// `write-tracing`.
    pub write_tracing: bool,
    /// `max-row-limit`; `None` is unlimited.
    pub rows_max: Option<usize>,
    /// `max-connection-limit`; `None` is unlimited.
    pub connections_max: Option<usize>,
    /// `max-body-size`; `None` is unlimited.
    pub body_bytes_max: Option<usize>,
    /// `max-body-memory`; `None` is unlimited.
    pub body_memory_bytes_max: Option<usize>,
    /// `min-transfer-rate`, in bytes per second; zero is any rate.
    pub transfer_rate_min: u64,
    /// `max-concurrent-query-limit`.
    pub queries_max: usize,
    /// `max-open-answer-limit`.
    pub answers_max: usize,
    /// `max-concurrent-write-limit`.
    pub writes_max: usize,
    /// The threads that serve connections.
    pub threads: usize,
    /// The script of a server that may be controlled; without one there are no endpoints for it.
    pub control: Option<Script>,
    /// `[compat] profile`.
    pub semantics: AnswerSemantics,
    /// `[compat] clause-header`.
    pub clause_header: bool,
    /// `[compat] csv-null-cells`.
    pub csv_null_cells: CsvNullCells,
}
