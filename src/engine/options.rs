//! The options of an engine: the parts of the configuration that concern it.

use std::path::PathBuf;
use std::time::Duration;

use fluxstone_compat::{LineProtocolSemantics, ListingSemantics, Profile, SelectSemantics, StatementSemantics};

/// The options of an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// `[data] dir`.
    pub data_dir: PathBuf,
    /// `[data] wal-dir`.
    pub log_dir: PathBuf,
    /// `[meta] retention-autocreate`.
    pub retention_autocreate: bool,
    /// `[data] cache-max-memory-size`, bytes.
    pub memtable_bytes_max: usize,
    /// The same if it was changed, for those who have InfluxDB's limit in mind (`compat.write.cache`); otherwise zero, no limit.
    pub cache_bytes_max: u64,
    /// `[data] max-series-per-database`; zero means no limit.
    pub series_per_database_max: u64,
    /// `[data] max-values-per-tag`; zero means no limit.
    pub values_per_tag_max: u64,
    /// `[data] max-shards-per-database`; zero means no limit.
    pub shards_per_database_max: usize,
    /// `[data] max-schema-memory`, bytes; zero means no limit.
    pub schema_bytes_max: usize,
    /// `[coordinator] max-shards-per-write`; zero means no limit.
    pub shards_per_write_max: usize,
    /// `[data] wal-fsync-delay`.
    pub fsync_delay: Duration,
    /// `[data] cache-snapshot-write-cold-duration`.
    pub seal_idle_after: Duration,
    /// `[coordinator] write-timeout`.
    pub write_timeout: Duration,
    /// `[data] segment-cache-size`, bytes.
    pub segment_cache_bytes: usize,
    /// `[data] start-without-damaged-segments`.
    pub start_without_damaged_segments: bool,
    /// `[coordinator] max-select-point`, `max-select-series`, `max-select-buckets`.
    pub select_limits: fluxstone_query::SelectLimits,
    /// `[coordinator] max-query-memory`, bytes; zero means no limit.
    pub query_memory_max: usize,
    /// `[coordinator] max-total-query-memory`, bytes; zero means no limit.
    pub total_query_memory_max: usize,
    /// `[coordinator] query-timeout`, nanoseconds; zero means no timeout.
    pub query_timeout_ns: u64,
    /// `[coordinator] max-concurrent-queries`; zero means no limit.
    pub concurrent_queries_max: usize,
    /// `[retention] check-interval`, nanoseconds; zero (also for `[retention] enabled = false`) never drops expired data.
    pub retention_check_ns: u64,
    /// `[shard-precreation]`.
    pub shard_precreation: ShardPrecreationOptions,
    /// `[coordinator] log-queries-after`; zero logs none.
    pub log_queries_after: Duration,
    /// `[continuous_queries]`.
    pub continuous_queries: ContinuousQueryOptions,
    /// Which answers to give where the documentation and InfluxDB 1.2.4 disagree.
    pub semantics: EngineSemantics,
}

/// Which answers to give where the documentation and InfluxDB 1.2.4 disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineSemantics {
    /// For the bodies of writes.
    pub line_protocol: LineProtocolSemantics,
    /// For SELECT.
    pub select: SelectSemantics,
    /// For SHOW.
    pub listings: ListingSemantics,
    /// For writes and all other statements.
    pub statements: StatementSemantics,
}

impl From<Profile> for EngineSemantics {
    fn from(profile: Profile) -> Self {
        EngineSemantics {
            line_protocol: profile.into(),
            select: profile.into(),
            listings: profile.into(),
            statements: profile.into(),
        }
    }
}

/// The options of the continuous-query service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContinuousQueryOptions {
    /// `run-interval`, nanoseconds: how often due queries are checked for. Zero (also for `enabled = false`) never runs any.
    pub run_interval_ns: u64,
    /// `log-enabled`.
    pub log_runs: bool,
}

/// The options of creating shard groups ahead of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardPrecreationOptions {
    /// `check-interval`, nanoseconds. Zero (also for `enabled = false`) never creates any.
    pub check_ns: u64,
    /// `advance-period`, nanoseconds: how long before the end of a group the next one is created.
    pub advance_ns: u64,
}
