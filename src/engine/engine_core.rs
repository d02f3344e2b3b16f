//! The state of an engine. Other files add its behaviour in `impl Core` blocks.

use std::sync::{Arc, OnceLock};

use fluxstone_model::Timestamp;
use fluxstone_storage::Store;
use parking_lot::Mutex;

use super::catalog_cell::CatalogCell;
use super::clock::Clock;
use super::continuous_queries::ContinuousQueries;
use super::counted::Sources;
use super::counters::Counters;
use super::delivery::Deliver;
use super::options::EngineOptions;
use super::passwords::Passwords;
use super::queries::Registry;
use super::shard_counters::ShardCounters;

/// The state that requests and the background work share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) options: EngineOptions,
    pub(super) store: Store,
    pub(super) catalog: CatalogCell,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) passwords: Passwords,
    pub(super) queries: Registry,
    /// The threads that all queries share.
    pub(super) query_workers: fluxstone_query::WorkerPool,
    /// The memory that all queries share.
    pub(super) query_memory: fluxstone_query::MemoryPool,
    pub(super) counters: Counters,
    pub(super) shard_counters: ShardCounters,
    /// Set once, by the owner of the engine.
    pub(super) delivery: OnceLock<Arc<dyn Deliver>>,
    pub(super) statistics_sources: Sources,
    pub(super) started: Timestamp,
    /// When each continuous query ran last. Locked while they run.
    pub(super) continuous_queries: Mutex<ContinuousQueries>,
}
