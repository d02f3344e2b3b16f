//! Settings: InfluxDB's configuration file (TOML, same sections and keys), environment overrides, and our own `[compat]`.
//!
//! A file that InfluxDB 1.2 accepts is accepted here: keys of features that this server does not have are known and without
//! effect, unknown keys are warnings that name them, and a bad value is an error with its place. Settings that would weaken
//! what their owner counts on if they were ignored (HTTPS) are errors.

mod load;
mod quantity;
mod without_effect;

pub use load::{ConfigError, Loaded, load};
pub use quantity::{Interval, Size};

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::compat::{CsvNullCells, Profile};

/// All settings that have an effect, with their defaults.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// `[meta]`
    pub meta: Meta,
    /// `[data]`
    pub data: Data,
    /// `[coordinator]`
    pub coordinator: Coordinator,
    /// `[retention]`
    pub retention: Retention,
    /// `[continuous_queries]`
    #[serde(rename = "continuous_queries")]
    pub continuous_queries: ContinuousQueries,
    /// `[http]`
    pub http: Http,
    /// `[compat]`
    pub compat: CompatSettings,
}

/// `[meta]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Meta {
    /// Whether a new database gets the policy `autogen`.
    pub retention_autocreate: bool,
}

impl Default for Meta {
    fn default() -> Self {
        Meta { retention_autocreate: true }
    }
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Data {
    /// Where segment files and the checkpoint live.
    pub dir: PathBuf,
    /// Where the log lives; empty is `wal` beside `dir`.
    pub wal_dir: PathBuf,
    /// How long a write waits for others to share its sync, after which it is acknowledged; zero syncs at once what waits.
    pub wal_fsync_delay: Interval,
    /// Bytes that memtables may hold before they are sealed.
    pub cache_max_memory_size: Size,
    /// Memory for recently read parts of segment files. InfluxDB has no such key.
    pub segment_cache_size: Size,
    /// What memtables hold is sealed, full or not, when there was no change for so long.
    pub cache_snapshot_write_cold_duration: Interval,
    /// Zero is no limit.
    pub max_series_per_database: u64,
    /// Zero is no limit.
    pub max_values_per_tag: u64,
}

impl Default for Data {
    fn default() -> Self {
        Data {
            dir: PathBuf::from("fluxstone-data/data"),
            wal_dir: PathBuf::new(),
            wal_fsync_delay: Interval::default(),
            cache_max_memory_size: Size(64 << 20),
            segment_cache_size: Size(24 << 20),
            cache_snapshot_write_cold_duration: Interval(Duration::from_mins(10)),
            max_series_per_database: 1_000_000,
            max_values_per_tag: 100_000,
        }
    }
}

impl Data {
    /// Where the log lives.
    pub fn log_dir(&self) -> PathBuf {
        if self.wal_dir.as_os_str().is_empty() { self.dir.with_file_name("wal") } else { self.wal_dir.clone() }
    }

    /// Puts both directories under one, as `--data-dir` does.
    pub fn live_in(&mut self, directory: &std::path::Path) {
        self.dir = directory.join("data");
        self.wal_dir = directory.join("wal");
    }
}

/// `[coordinator]`; zero is no limit everywhere but in `write-timeout`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "named as the keys of InfluxDB, whose meaning they have")]
pub struct Coordinator {
    /// How long a write waits for memory.
    pub write_timeout: Interval,
    pub max_concurrent_queries: u32,
    pub query_timeout: Interval,
    pub max_select_point: u64,
    pub max_select_series: u64,
    pub max_select_buckets: u64,
}

impl Default for Coordinator {
    fn default() -> Self {
        Coordinator {
            write_timeout: Interval(Duration::from_secs(10)),
            max_concurrent_queries: 0,
            query_timeout: Interval::default(),
            max_select_point: 0,
            max_select_series: 0,
            max_select_buckets: 0,
        }
    }
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Retention {
    /// Whether data that are older than their policy's duration are dropped.
    pub enabled: bool,
    /// How often that is looked after.
    pub check_interval: Interval,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { enabled: true, check_interval: Interval(Duration::from_mins(30)) }
    }
}

/// `[continuous_queries]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ContinuousQueries {
    /// Whether continuous queries are run.
    pub enabled: bool,
    /// Whether each run is logged.
    pub log_enabled: bool,
    /// How often it is looked whether one is due.
    pub run_interval: Interval,
}

impl Default for ContinuousQueries {
    fn default() -> Self {
        ContinuousQueries { enabled: true, log_enabled: true, run_interval: Interval(Duration::from_secs(1)) }
    }
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the file")]
pub struct Http {
    /// Must stay true: there is nothing else to serve.
    #[serde(deserialize_with = "load::only_true")]
    pub enabled: bool,
    /// `host:port`; an empty host is every interface.
    #[serde(deserialize_with = "load::bind_address")]
    pub bind_address: String,
    /// Whether requests need credentials.
    pub auth_enabled: bool,
    /// What a 401 asks credentials for.
    #[serde(deserialize_with = "load::header_text")]
    pub realm: String,
    /// Whether each request is logged; not by default, other than in InfluxDB.
    pub log_enabled: bool,
    /// Whether the body of each write is logged.
    pub write_tracing: bool,
    /// Must stay false: TLS is left to a proxy in front.
    #[serde(deserialize_with = "load::only_false")]
    pub https_enabled: bool,
    /// Must stay false.
    #[serde(deserialize_with = "load::only_false")]
    pub unix_socket_enabled: bool,
    /// Rows of an answer that is not chunked; zero or less is no limit.
    pub max_row_limit: i64,
    /// Connections at once; zero is no limit.
    pub max_connection_limit: u32,
    /// What bearer tokens are signed with; empty refuses every token.
    pub shared_secret: String,
    /// Bytes of a request body, as received and again unpacked; zero is no limit. InfluxDB 1.2 has no such key.
    pub max_body_size: Size,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            enabled: true,
            bind_address: "127.0.0.1:8086".to_owned(),
            auth_enabled: false,
            realm: "InfluxDB".to_owned(),
            log_enabled: false,
            write_tracing: false,
            https_enabled: false,
            unix_socket_enabled: false,
            max_row_limit: 0,
            max_connection_limit: 0,
            shared_secret: String::new(),
            max_body_size: Size(64 << 20),
        }
    }
}

/// `[compat]`, which InfluxDB does not have.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct CompatSettings {
    /// `documented` or `1.2.4`.
    #[serde(with = "ProfileName")]
    pub profile: Profile,
    /// `repeat` or `empty`.
    #[serde(with = "CsvNullCellsName")]
    pub csv_null_cells: CsvNullCells,
}

/// The names of [`Profile`] in the file.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Profile", rename_all = "kebab-case")]
enum ProfileName {
    Documented,
    #[serde(rename = "1.2.4")]
    Observed,
}

/// The names of [`CsvNullCells`] in the file.
#[derive(Serialize, Deserialize)]
#[serde(remote = "CsvNullCells", rename_all = "kebab-case")]
enum CsvNullCellsName {
    Repeat,
    Empty,
}

#[cfg(test)]
mod tests;
