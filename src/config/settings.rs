//! The settings that have an effect, with their defaults, under InfluxDB's section and key names and our own `[compat]`. Reading
//! them is left to `load`.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::quantity::{Interval, Size};
use super::value;
use crate::compat::{CsvNullCells, Profile};
use crate::engine::ClockSetting;
use crate::http::Script;

/// All settings that have an effect, with their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// The address of InfluxDB's service for backups, if the file has it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bind_address: String,
    /// `[meta]`
    pub meta: Meta,
    /// `[data]`
    pub data: Data,
    /// `[coordinator]`
    pub coordinator: Coordinator,
    /// `[retention]`
    pub retention: Retention,
    /// `[shard-precreation]`
    pub shard_precreation: ShardPrecreation,
    /// `[logging]`
    pub logging: Logging,
    /// `[continuous_queries]`
    #[serde(rename = "continuous_queries")]
    pub continuous_queries: ContinuousQueries,
    /// `[subscriber]`
    pub subscriber: Subscriber,
    /// `[http]`
    pub http: Http,
    /// `[compat]`
    pub compat: CompatSettings,
    /// Each `[[udp]]`.
    pub udp: Vec<Udp>,
    /// What tests of clients ask for. No file and no variable has it.
    #[serde(skip)]
    pub control: Control,
}

/// What tests of clients ask for, on the command line or of an embedded server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Control {
    /// The clock.
    pub clock: ClockSetting,
    /// Whether the paths below `/fluxstone/` exist.
    pub allowed: bool,
    /// Faults from the start, if control is allowed.
    pub faults: Script,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            bind_address: String::new(),
            meta: Meta::default(),
            data: Data::default(),
            coordinator: Coordinator::default(),
            retention: Retention::default(),
            shard_precreation: ShardPrecreation::default(),
            logging: Logging::default(),
            continuous_queries: ContinuousQueries::default(),
            subscriber: Subscriber::default(),
            http: Http::default(),
            compat: CompatSettings::default(),
            // One that is off, so that its keys are shown.
            udp: vec![Udp::default()],
            control: Control::default(),
        }
    }
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
    /// The directory of the segment files and the checkpoint.
    pub dir: PathBuf,
    /// The directory of the log; empty is `wal` next to `dir`.
    pub wal_dir: PathBuf,
    /// How long a write waits for others to share its sync. Zero syncs at once, together with the writes that wait already.
    pub wal_fsync_delay: Interval,
    /// Bytes that memtables may hold before they are sealed.
    pub cache_max_memory_size: Size,
    /// Memory for recently read parts of segment files.
    /// InfluxDB has no such key.
    pub segment_cache_size: Size,
    /// Whether to start although a segment file is missing or damaged, and refuse queries that may need its values.
    /// InfluxDB has no such key.
    pub start_without_damaged_segments: bool,
    /// After this time without a change, memtables are sealed even if they are not full.
    pub cache_snapshot_write_cold_duration: Interval,
    /// Zero is unlimited.
    pub max_series_per_database: u64,
    /// Zero is unlimited.
    pub max_values_per_tag: u64,
    /// The most shards of a database, in all its policies; zero is unlimited. InfluxDB has no such key.
    pub max_shards_per_database: u32,
    /// Memory for all series, fields and shards of all databases, by estimate; zero is unlimited. InfluxDB has no such key.
    pub max_schema_memory: Size,
}

impl Default for Data {
    fn default() -> Self {
        Data {
            dir: PathBuf::from("fluxstone-data/data"),
            wal_dir: PathBuf::new(),
            wal_fsync_delay: Interval::default(),
            cache_max_memory_size: Size(64 << 20),
            segment_cache_size: Size(24 << 20),
            start_without_damaged_segments: false,
            cache_snapshot_write_cold_duration: Interval(Duration::from_mins(10)),
            max_series_per_database: 1_000_000,
            max_values_per_tag: 100_000,
            // Of an hour each: eleven years.
            max_shards_per_database: 100_000,
            // Several million series.
            max_schema_memory: Size(2 << 30),
        }
    }
}

impl Data {
    /// Returns the directory of the log.
    pub fn log_dir(&self) -> PathBuf {
        if self.wal_dir.as_os_str().is_empty() { self.dir.with_file_name("wal") } else { self.wal_dir.clone() }
    }

    /// Puts data and log into `directory`, as `--data-dir` does.
    pub fn use_directory(&mut self, directory: &std::path::Path) {
        self.dir = directory.join("data");
        self.wal_dir = directory.join("wal");
    }
}

/// `[coordinator]`; zero is unlimited, except in `write-timeout`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "named as the keys of InfluxDB, whose meaning they have")]
pub struct Coordinator {
    /// How long a write waits for memory.
    pub write_timeout: Interval,
    /// The most shards that the points of one write may belong to. InfluxDB has no such key.
    pub max_shards_per_write: u32,
    pub max_concurrent_queries: u32,
    pub query_timeout: Interval,
    /// Queries that take longer are logged; zero logs none.
    pub log_queries_after: Interval,
    pub max_select_point: u64,
    pub max_select_series: u64,
    pub max_select_buckets: u64,
    /// The most memory that one query may hold. InfluxDB has no such key.
    pub max_query_memory: Size,
    /// The most memory that all running queries may hold together, or a quarter of what the process may use. InfluxDB has no such
    /// key.
    pub max_total_query_memory: Size,
}

impl Default for Coordinator {
    fn default() -> Self {
        Coordinator {
            write_timeout: Interval(Duration::from_secs(10)),
            // Of a day each: 27 years in one body.
            max_shards_per_write: 10_000,
            max_concurrent_queries: 0,
            query_timeout: Interval::default(),
            log_queries_after: Interval::default(),
            max_select_point: 0,
            max_select_series: 0,
            max_select_buckets: 0,
            max_query_memory: Size(256 << 20),
            max_total_query_memory: Size(1 << 30),
        }
    }
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Retention {
    /// Whether data older than their policy's duration are dropped.
    pub enabled: bool,
    /// How often expired data are checked for.
    pub check_interval: Interval,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { enabled: true, check_interval: Interval(Duration::from_mins(30)) }
    }
}

/// `[shard-precreation]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ShardPrecreation {
    /// Whether shard groups are created before points need them.
    pub enabled: bool,
    /// How often groups that are about to end are checked for.
    pub check_interval: Interval,
    /// How long before the end of a group the next one is created.
    pub advance_period: Interval,
}

impl Default for ShardPrecreation {
    fn default() -> Self {
        let (check_interval, advance_period) = (Duration::from_mins(10), Duration::from_mins(30));
        ShardPrecreation {
            enabled: true,
            check_interval: Interval(check_interval),
            advance_period: Interval(advance_period),
        }
    }
}

/// `[logging]`, which InfluxDB has since 1.5.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Logging {
    /// How a message is written: `auto` and `text` are lines for people, `json` is an object in each line.
    pub format: LogFormat,
    /// The least important messages that are written: `error`, `warn`, `info` or `debug`. The environment variable `FLUXSTONE_LOG`
    /// takes precedence.
    pub level: LogLevel,
}

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum LogFormat {
    #[default]
    Auto,
    Text,
    Json,
}

/// How important a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the usual names")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

/// `[continuous_queries]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ContinuousQueries {
    /// Whether continuous queries run.
    pub enabled: bool,
    /// Whether each run is logged.
    pub log_enabled: bool,
    /// How often due queries are checked for.
    pub run_interval: Interval,
}

impl Default for ContinuousQueries {
    fn default() -> Self {
        ContinuousQueries { enabled: true, log_enabled: true, run_interval: Interval(Duration::from_secs(1)) }
    }
}

/// `[subscriber]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Subscriber {
    /// Whether points are delivered to subscriptions.
    pub enabled: bool,
    /// How long a destination may take to answer; zero is unlimited.
    pub http_timeout: Interval,
    /// Whether any certificate of a destination is accepted.
    pub insecure_skip_verify: bool,
    /// A PEM file with the only certificates that are trusted; empty trusts those of the system.
    pub ca_certs: PathBuf,
    /// How many writes are sent to a destination at the same time.
    pub write_concurrency: u32,
    /// How many writes wait for a destination; further ones are dropped.
    pub write_buffer_size: u32,
    /// The memory of the writes that wait, for all destinations together. InfluxDB 1.2 does not have this key.
    pub total_buffer_bytes: Size,
}

impl Default for Subscriber {
    fn default() -> Self {
        Subscriber {
            enabled: true,
            http_timeout: Interval(Duration::from_secs(30)),
            insecure_skip_verify: false,
            ca_certs: PathBuf::new(),
            write_concurrency: 40,
            write_buffer_size: 1000,
            total_buffer_bytes: Size(64 << 20),
        }
    }
}

/// A `[[udp]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Udp {
    /// Whether it listens.
    pub enabled: bool,
    /// `host:port`; an empty host is every interface. Not looked at unless it is enabled.
    pub bind_address: String,
    /// The database that points are written to; it is created if it does not exist.
    pub database: String,
    /// The retention policy; empty is the default one.
    pub retention_policy: String,
    /// How many points are written together.
    pub batch_size: u32,
    /// How many batches may wait to be written.
    pub batch_pending: u32,
    /// How long points wait for more.
    pub batch_timeout: Interval,
    /// The bytes of the system's buffer; zero is its own choice.
    pub read_buffer: Size,
    /// The unit of times: `n`, `u`, `ms`, `s`, `m` or `h`; empty is nanoseconds.
    #[serde(deserialize_with = "value::precision")]
    pub precision: String,
}

impl Default for Udp {
    fn default() -> Self {
        Udp {
            enabled: false,
            bind_address: ":8089".to_owned(),
            database: "udp".to_owned(),
            retention_policy: String::new(),
            batch_size: 5000,
            batch_pending: 10,
            batch_timeout: Interval(Duration::from_secs(1)),
            read_buffer: Size(0),
            precision: String::new(),
        }
    }
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the file")]
pub struct Http {
    /// Must stay true: the server has no other interface.
    #[serde(deserialize_with = "value::only_true")]
    pub enabled: bool,
    /// `host:port`; an empty host is every interface.
    #[serde(deserialize_with = "value::bind_address")]
    pub bind_address: String,
    /// Whether requests need credentials.
    pub auth_enabled: bool,
    /// The realm that a 401 names.
    #[serde(deserialize_with = "value::header_text")]
    pub realm: String,
    /// Whether each request is logged. Off by default, unlike InfluxDB.
    pub log_enabled: bool,
    /// The file that requests are logged to; empty is the log of the server. It is opened again on SIGHUP. InfluxDB has this key since
    /// 1.5.
    pub access_log_path: PathBuf,
    /// Whether `/metrics` exists, beside `/fluxstone/metrics`, which always does. InfluxDB does not have this key.
    pub metrics_enabled: bool,
    /// Whether metrics need the credentials of an administrator if `auth-enabled` is true; otherwise they leave out what names
    /// databases. InfluxDB does not have this key.
    pub metrics_auth_enabled: bool,
    /// Whether browsers get the explorer at `/`: `true`, `false`, or `"auto"` for the profile `documented` only. InfluxDB does not have
    /// this key.
    #[serde(with = "value::switch")]
    pub explorer_enabled: Option<bool>,
    /// Whether the body of each write is logged.
    pub write_tracing: bool,
    /// Whether connections to `bind-address` are encrypted.
    pub https_enabled: bool,
    /// A PEM file with the certificate, and those between it and one that clients trust. It is read again on SIGHUP.
    pub https_certificate: PathBuf,
    /// A PEM file with the private key of the certificate; empty if the file of the certificate has it too.
    pub https_private_key: PathBuf,
    /// Whether requests are also served at a unix socket.
    pub unix_socket_enabled: bool,
    /// The path of the unix socket.
    pub bind_socket: PathBuf,
    /// The most rows of an answer that is not chunked; zero or less is unlimited.
    pub max_row_limit: i64,
    /// The most open connections; zero is unlimited.
    pub max_connection_limit: u32,
    /// The secret that signs bearer tokens; empty refuses every token.
    pub shared_secret: String,
    /// Whether `/debug/pprof/` exists, where a page says how to profile this server.
    pub pprof_enabled: bool,
    /// Whether answers have `X-Influxdb-Build: OSS`, as those of InfluxDB 1.4 and later have. InfluxDB does not have this key.
    pub build_header: bool,
    /// The largest request body, as received and also when unpacked; zero is unlimited. InfluxDB 1.2 does not have this key.
    pub max_body_size: Size,
    /// The memory of all request bodies together and of what they are parsed into; zero is unlimited. InfluxDB does not have this
    /// key.
    pub max_body_memory: Size,
    /// The bytes per second that a client must send of a body, and read of an answer, once it has taken its time; zero is any
    /// number. InfluxDB does not have this key.
    pub min_transfer_rate: Size,
    /// The most queries that compute at the same time; further ones wait. Zero, or more than 1,024, is 1,024. InfluxDB does not
    /// have this key.
    pub max_concurrent_query_limit: u32,
    /// The most queries that compute or wait for their clients to read; each takes a thread. Zero, or more than 1,024, is 1,024.
    /// InfluxDB does not have this key.
    pub max_open_answer_limit: u32,
    /// The most writes that are worked on at the same time; further ones wait. Zero, or more than 1,024, is 1,024. InfluxDB 1.2
    /// does not have this key.
    pub max_concurrent_write_limit: u32,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            enabled: true,
            bind_address: "127.0.0.1:8086".to_owned(),
            auth_enabled: false,
            realm: "InfluxDB".to_owned(),
            log_enabled: false,
            access_log_path: PathBuf::new(),
            metrics_enabled: false,
            metrics_auth_enabled: false,
            explorer_enabled: None,
            write_tracing: false,
            https_enabled: false,
            https_certificate: PathBuf::from("/etc/ssl/influxdb.pem"),
            https_private_key: PathBuf::new(),
            unix_socket_enabled: false,
            bind_socket: PathBuf::from("/var/run/influxdb.sock"),
            max_row_limit: 0,
            max_connection_limit: 0,
            shared_secret: String::new(),
            pprof_enabled: true,
            build_header: false,
            max_body_size: Size(64 << 20),
            max_body_memory: Size(512 << 20),
            min_transfer_rate: Size(1 << 10),
            max_concurrent_query_limit: 64,
            max_open_answer_limit: 160,
            max_concurrent_write_limit: 64,
        }
    }
}

impl Http {
    /// Returns the scheme of URLs.
    pub fn scheme(&self) -> &'static str {
        if self.https_enabled { "https" } else { "http" }
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
    /// Whether answers with an error name the clause of the specification in `Fluxstone-Clause`: `true`, `false`, or `"auto"` for
    /// `serve --ephemeral` only.
    #[serde(with = "value::switch")]
    pub clause_header: Option<bool>,
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
