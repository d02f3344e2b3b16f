//! The engine that other crates use, and opening it. Recovery restores the catalog and the store.

use std::sync::{Arc, OnceLock};

use fluxstone_catalog::{Catalog, Change};
use fluxstone_storage::disk::Disk;
use fluxstone_storage::real_disk::RealDisk;
use fluxstone_storage::{CatalogRecord, StorageError, Store, StoreHealth, StoreOptions};
use parking_lot::Mutex;

use super::background::Background;
use super::catalog_cell::CatalogCell;
use super::clock::{Clock, SystemClock};
use super::counted::Sources;
use super::counters::Counters;
use super::engine_core::Core;
use super::options::EngineOptions;
use super::passwords::Passwords;
use super::queries::Registry;
use super::shard_counters::ShardCounters;

/// An open engine. Dropping it stops the background work and waits for it.
#[derive(Debug)]
pub struct Engine {
    pub(super) core: Arc<Core>,
    /// Holds references to the core. Dropping it ends its threads, so that the store closes with the engine.
    _background: Background,
}

impl Engine {
    /// Opens the data directories and recovers everything that was acknowledged.
    pub fn open(options: EngineOptions) -> Result<Engine, StorageError> {
        Engine::open_with_clock(options, Arc::new(SystemClock))
    }

    /// Opens an engine that takes the time from `clock`.
    pub fn open_with_clock(options: EngineOptions, clock: Arc<dyn Clock>) -> Result<Engine, StorageError> {
        Engine::open_on(&(Arc::new(RealDisk::default()) as Arc<dyn Disk>), options, clock)
    }

    /// Opens an engine on `disk`.
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
                start_without_damaged_segments: options.start_without_damaged_segments,
                schema_bytes_max: if options.schema_bytes_max > 0 { options.schema_bytes_max } else { usize::MAX },
                ..StoreOptions::in_directory(&options.data_dir)
            },
            &mut |record| replay(&mut catalog, &record),
        )?;
        let core = Arc::new(Core {
            store,
            catalog: CatalogCell::new(catalog),
            started: clock.now(),
            clock,
            passwords: Passwords::default(),
            queries: Registry::new(options.concurrent_queries_max),
            query_memory: fluxstone_query::MemoryPool::new(options.total_query_memory_max),
            query_workers: fluxstone_query::WorkerPool::new(
                std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            ),
            counters: Counters::default(),
            shard_counters: ShardCounters::default(),
            delivery: OnceLock::new(),
            statistics_sources: Sources::default(),
            continuous_queries: Mutex::default(),
            options,
        });
        let background = Background::start(&core);
        Ok(Engine { core, _background: background })
    }
}

impl Engine {
    /// Whether the store accepts changes, and what is wrong with it.
    pub fn storage_health(&self) -> StoreHealth {
        self.core.store.health()
    }
}

/// Returns the catalog that the records of a store describe.
pub fn read_catalog<'r>(records: impl Iterator<Item = CatalogRecord<'r>>) -> Result<Catalog, String> {
    let mut catalog = Catalog::default();
    for record in records {
        replay(&mut catalog, &record)?;
    }
    Ok(catalog)
}

/// Applies one record of the log or the checkpoint to `catalog`.
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
