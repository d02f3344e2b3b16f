//! [`Block`]: a stretch of stored values that may still be encoded, and [`Summary`], the part of it that is known
//! without decoding.

use std::sync::Arc;

use fluxstone_model::{FieldType, TimeRange};

use super::batch::Batch;

/// A stretch of values of one field of one series.
pub trait Block: Send + Sync {
    /// Returns what is known without decoding.
    fn summary(&self) -> Summary;

    /// Whether the summary may stand for the values. Not if the values cannot be read at all: decoding them then says why.
    fn has_summary(&self) -> bool {
        true
    }

    /// Returns the bytes of memory that it holds and does not share with the store: those of values that were copied for it.
    fn memory(&self) -> usize {
        0
    }

    /// Returns the times only, which may be cheaper than decoding everything.
    fn times(&self) -> Result<Arc<Vec<i64>>, SourceError> {
        self.decode().map(|batch| batch.times.clone())
    }

    /// Returns the values. Fails if the stored bytes are damaged.
    fn decode(&self) -> Result<Arc<Batch>, SourceError>;
}

/// The properties of a block that are known without decoding it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// From the first to the last time.
    pub range: TimeRange,
    /// The number of values; at least one.
    pub count: u32,
    /// The type of all values.
    pub field_type: FieldType,
    /// Extremes and ends, for numbers whose block stores them.
    pub numbers: Option<NumberSummary>,
}

/// The part of a summary that only blocks of numbers have.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "minimum, maximum, first and last of the block")]
pub enum NumberSummary {
    Float {
        min: f64,
        max: f64,
        first: f64,
        last: f64,
    },
    /// `sum` is `None` where it overflows 64 bits.
    Integer {
        min: i64,
        max: i64,
        first: i64,
        last: i64,
        sum: Option<i64>,
    },
}

/// The reason why data could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);
