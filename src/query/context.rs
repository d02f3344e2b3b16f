//! Everything that a query is given: where its data comes from, the time, the limits, the threads. Decided before it starts.

use std::sync::Arc;

use fluxstone_columns::Source;
use fluxstone_compat::SelectSemantics;
use fluxstone_influxql::ast::Measurement;
use fluxstone_model::Timestamp;

use super::budget::MemoryBudget;
use super::error::QueryError;
use super::read_counts::ReadCounter;
use super::worker_pool::WorkerPool;

/// The server's value for [`Context::window_values_max`].
pub const WINDOW_VALUES_MAX: usize = 1 << 18;

/// Finds the data that FROM names. The names are complete: the engine has filled in databases and policies.
pub trait Sources {
    /// Returns the data of the policy that `measurement` names.
    fn source(&self, measurement: &Measurement) -> Result<Arc<dyn Source>, QueryError>;
}

/// One source for all measurements.
impl Sources for Arc<dyn Source> {
    fn source(&self, _: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        Ok(self.clone())
    }
}

/// Everything outside its data that a query may depend on, decided before the query starts.
#[derive(Debug, Clone)]
pub struct Context {
    /// The value of `now()`.
    pub now: Timestamp,
    /// The number of rows in one chunk of a series, at least 1. Each but the last has exactly so many; it is one piece, or more if
    /// its rows are wide.
    pub chunk_rows: usize,
    /// The limits of the `[coordinator]` section.
    pub limits: SelectLimits,
    /// The memory that the query may hold: `max-query-memory` and `max-total-query-memory`.
    pub memory: MemoryBudget,
    /// Counts what the query reads.
    pub reads: ReadCounter,
    /// Whether rows without computed columns may be plain ([`crate::PlainRows`]).
    pub plain_rows: bool,
    /// How many values of a window a function such as `median` may hold in memory; if there are more, it reads them several
    /// times. An inner query of points may hold a small multiple of this number.
    pub window_values_max: usize,
    /// The threads that help with queries of many groups.
    pub workers: WorkerPool,
    /// Which answers to give where the documentation and InfluxDB 1.2.4 disagree.
    pub semantics: SelectSemantics,
}

/// A piece ends when its cells, or their strings, take this many bytes.
const PIECE_BYTES_MAX: usize = 256 << 10;

impl Context {
    /// The maximum number of bytes that the cells of a piece take, and their strings.
    pub(super) fn piece_bytes_max(&self) -> usize {
        self.memory.bytes_max().map_or(PIECE_BYTES_MAX, |bytes_max| PIECE_BYTES_MAX.min(bytes_max / 8))
    }
}

/// `max-select-point`, `max-select-series`, `max-select-buckets`; zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelectLimits {
    /// The maximum number of points that one SELECT may read.
    pub points_max: u64,
    /// The maximum number of series that one SELECT may read.
    pub series_max: u64,
    /// The maximum number of windows that one SELECT may create.
    pub buckets_max: u64,
}
