//! The engine: the one place where catalog, storage and query meet. Executes writes and statements. Knows nothing of HTTP.
//!
//! All calls block (on password hashing, on the disk, on evaluation): servers call them from a thread made for that.
//! Invariant: whatever was answered with success is on disk, and readers see nothing that is not.
//!
//! Errors become text in two places: a write's in `write`, a statement's in `statement_error`; both carry the words of
//! the catalog, of storage and of the evaluator unchanged.

mod authorize;
mod background;
mod catalog_cell;
mod change;
mod clock;
mod continuous_queries;
mod definition;
mod delete;
mod diagnostics;
mod execute;
mod field_keys;
pub mod ingest;
mod into;
mod listing;
mod names;
mod passwords;
mod prepare;
mod queries;
mod request;
mod schema;
mod schema_condition;
mod select;
mod statement;
mod statement_error;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use clock::{Clock, SystemClock};
pub use prepare::PreparedQuery;
pub use request::{
    AuthState, ErrorKind, LoginError, Principal, QueryRefusal, QueryRequest, StatementResult, WriteError, WriteRequest,
};

use fluxstone_catalog::{Catalog, Change};
use fluxstone_compat::{LineProtocolSemantics, ListingSemantics, Profile, SelectSemantics, StatementSemantics};
use fluxstone_model::Timestamp;
use fluxstone_storage::disk::Disk;
use fluxstone_storage::real_disk::RealDisk;
use fluxstone_storage::{CatalogRecord, StorageError, Store, StoreOptions};

/// How to open an engine: the parts of the configuration that concern it.
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
    /// `[data] max-series-per-database`; zero is no limit.
    pub series_per_database_max: u64,
    /// `[data] max-values-per-tag`; zero is no limit.
    pub values_per_tag_max: u64,
    /// `[data] wal-fsync-delay`.
    pub fsync_delay: Duration,
    /// `[data] cache-snapshot-write-cold-duration`.
    pub seal_idle_after: Duration,
    /// `[coordinator] write-timeout`.
    pub write_timeout: Duration,
    /// `[data] segment-cache-size`, bytes.
    pub segment_cache_bytes: usize,
    /// `[coordinator] max-select-point`, `max-select-series`, `max-select-buckets`.
    pub select_limits: fluxstone_query::SelectLimits,
    /// `[coordinator] query-timeout`, nanoseconds; zero is none.
    pub query_timeout_ns: u64,
    /// `[coordinator] max-concurrent-queries`; zero is no limit.
    pub concurrent_queries_max: usize,
    /// `[retention] check-interval`, nanoseconds; zero (also for `[retention] enabled = false`) never drops expired data.
    pub retention_check_ns: u64,
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

/// How continuous queries are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContinuousQueryOptions {
    /// `run-interval`, nanoseconds: how often it is looked whether one is due. Zero (also for `enabled = false`) never runs any.
    pub run_interval_ns: u64,
    /// `log-enabled`.
    pub log_runs: bool,
}

/// Everything behind the API. Dropping it stops the background work and waits for it.
#[derive(Debug)]
pub struct Engine {
    core: Arc<Core>,
    /// Dropped before the core's last reference, so that the store closes when the engine does.
    _background: background::Background,
}

/// What requests and the background work share.
#[derive(Debug)]
struct Core {
    options: EngineOptions,
    store: Store,
    catalog: catalog_cell::CatalogCell,
    clock: Arc<dyn Clock>,
    passwords: passwords::Passwords,
    queries: queries::Registry,
    /// The threads that all queries share.
    query_workers: fluxstone_query::WorkerPool,
    counters: diagnostics::Counters,
    started: Timestamp,
}

impl Engine {
    /// Opens the data directories and recovers what was acknowledged.
    pub fn open(options: EngineOptions) -> Result<Engine, StorageError> {
        Engine::open_with_clock(options, Arc::new(SystemClock))
    }

    /// Opens an engine that takes the time from `clock`.
    pub fn open_with_clock(options: EngineOptions, clock: Arc<dyn Clock>) -> Result<Engine, StorageError> {
        Engine::open_on(&(Arc::new(RealDisk::default()) as Arc<dyn Disk>), options, clock)
    }

    /// As [`Engine::open_with_clock`], on a disk of the caller's.
    pub fn open_on(
        disk: &Arc<dyn Disk>,
        options: EngineOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Engine, StorageError> {
        let mut catalog = Catalog::default();
        let store = Store::open_on(
            disk,
            StoreOptions {
                data_dir: options.data_dir.clone(),
                log_dir: options.log_dir.clone(),
                memtable_bytes_max: options.memtable_bytes_max,
                fsync_delay: options.fsync_delay,
                seal_idle_after: options.seal_idle_after,
                write_timeout: options.write_timeout,
                segment_cache_bytes: options.segment_cache_bytes,
            },
            &mut |record| replay(&mut catalog, &record),
        )?;
        let core = Arc::new(Core {
            store,
            catalog: catalog_cell::CatalogCell::new(catalog),
            started: clock.now(),
            clock,
            passwords: passwords::Passwords::default(),
            queries: queries::Registry::new(options.concurrent_queries_max),
            query_workers: fluxstone_query::WorkerPool::new(
                std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            ),
            counters: diagnostics::Counters::default(),
            options,
        });
        let background = background::Background::start(&core);
        Ok(Engine { core, _background: background })
    }
}

/// Brings `catalog` forward by one record of the log or checkpoint.
fn replay(catalog: &mut Catalog, record: &CatalogRecord<'_>) -> Result<(), String> {
    match record {
        CatalogRecord::Checkpoint(bytes) => {
            *catalog = serde_json::from_slice(bytes).map_err(|e| format!("catalog in the checkpoint: {e}"))?;
        }
        CatalogRecord::Change(bytes) => {
            let change: Change = serde_json::from_slice(bytes).map_err(|e| format!("catalog change: {e}"))?;
            catalog.absorb(&change);
        }
    }
    Ok(())
}
