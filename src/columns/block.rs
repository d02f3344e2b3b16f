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

    /// The number of blocks that it stands for: more than one if it is made of neighbouring blocks, which together have its summary.
    fn part_count(&self) -> usize {
        1
    }

    /// Returns the blocks that it stands for, in order of time, if there are several.
    fn parts(&self) -> Result<Vec<Arc<dyn Block>>, SourceError> {
        Ok(Vec::new())
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

impl Summary {
    /// Returns the summary of a block together with that of the next one; `None` if that has another type, does not follow it, or
    /// differs from it in whether there are numbers.
    pub fn followed_by(&self, next: &Summary) -> Option<Summary> {
        let is_alike = self.field_type == next.field_type && self.numbers.is_some() == next.numbers.is_some();
        if !is_alike || self.range.max >= next.range.min {
            return None;
        }
        Some(Summary {
            range: TimeRange { min: self.range.min, max: next.range.max },
            count: self.count.checked_add(next.count)?,
            field_type: self.field_type,
            numbers: self.numbers.zip(next.numbers).and_then(|(numbers, next)| numbers.followed_by(next)),
        })
    }
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

impl NumberSummary {
    /// Of equal extremes the earlier one stays, as where blocks are compared one by one.
    fn followed_by(self, next: NumberSummary) -> Option<NumberSummary> {
        match (self, next) {
            (
                NumberSummary::Float { min, max, first, .. },
                NumberSummary::Float { min: next_min, max: next_max, last, .. },
            ) => Some(NumberSummary::Float {
                min: if next_min < min { next_min } else { min },
                max: if next_max > max { next_max } else { max },
                first,
                last,
            }),
            (
                NumberSummary::Integer { min, max, first, sum, .. },
                NumberSummary::Integer { min: next_min, max: next_max, last, sum: next_sum, .. },
            ) => Some(NumberSummary::Integer {
                min: min.min(next_min),
                max: max.max(next_max),
                first,
                last,
                sum: sum.zip(next_sum).and_then(|(sum, more)| sum.checked_add(more)),
            }),
            _ => None,
        }
    }
}

/// The reason why data could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);
