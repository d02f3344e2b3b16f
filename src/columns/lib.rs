//! What a query reads from. The evaluator knows nothing else about data, so it runs without a disk.

#[cfg(feature = "test-source")]
mod memory_source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxstone_go::Regex;
use fluxstone_model::{FieldType, SeriesKey, TagSet, Text, TimeRange, Timestamp};

#[cfg(feature = "test-source")]
pub use memory_source::{MemorySource, MemorySourceBuilder};

/// One retention policy of one database at one instant. What it answers never changes.
///
/// Implemented by storage snapshots and by the model store of the executable semantics.
pub trait Source: Send + Sync {
    /// The measurements, in byte order.
    fn measurements(&self) -> Vec<Text>;

    /// When its shards begin. The order of rows of equal times begins anew there.
    fn shard_starts(&self) -> Vec<Timestamp>;

    /// The field keys of a measurement, each with the types it has in shards that overlap `range`, in the order of
    /// [`FieldType::ALL`].
    fn field_types(&self, measurement: &[u8], range: TimeRange) -> BTreeMap<Text, Vec<FieldType>>;

    /// The tag keys of a measurement.
    fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text>;

    /// The series of a measurement for which `predicate` holds, in the order of their keys.
    fn series(&self, measurement: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef>;

    /// The values of one field of one series in `range`: blocks in time order that do not overlap, each time once (the
    /// last write wins). Blocks may reach beyond `range`; the caller cuts. The types of blocks may differ.
    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>>;
}

/// A run of values of one field of one series.
pub trait Block: Send + Sync {
    /// What is known without decoding.
    fn summary(&self) -> Summary;

    /// The times, if that is cheaper than decoding all.
    fn times(&self) -> Result<Arc<Vec<i64>>, SourceError> {
        self.decode().map(|batch| batch.times.clone())
    }

    /// The values. Errors when the stored bytes are damaged.
    fn decode(&self) -> Result<Arc<Batch>, SourceError>;
}

/// Identifies a series within a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u64);

/// A series that matched.
#[derive(Debug, Clone)]
pub struct SeriesRef {
    /// For [`Source::blocks`].
    pub id: SeriesId,
    /// Its key.
    pub key: Arc<SeriesKey>,
}

/// What a block holds, without its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// From the first to the last time.
    pub range: TimeRange,
    /// How many values; at least one.
    pub count: u32,
    /// The type of all of them.
    pub field_type: FieldType,
    /// Extremes and ends, where the type has an order and the block stores them.
    pub numbers: Option<NumberSummary>,
}

/// The part of a summary that only numbers have.
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

/// Decoded values: `times[i]` belongs to value `i`. Times ascend strictly.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Nanoseconds since the epoch. The fields of a series mostly have the same times, and then share them.
    pub times: Arc<Vec<i64>>,
    /// As many as `times`.
    pub values: Column,
}

/// Values of one type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "one variant for each field type")]
pub enum Column {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    String(Vec<Text>),
    Boolean(Vec<bool>),
}

impl Column {
    /// The type of the values.
    pub fn field_type(&self) -> FieldType {
        match self {
            Column::Float(_) => FieldType::Float,
            Column::Integer(_) => FieldType::Integer,
            Column::String(_) => FieldType::String,
            Column::Boolean(_) => FieldType::Boolean,
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Column::Float(v) => v.len(),
            Column::Integer(v) => v.len(),
            Column::String(v) => v.len(),
            Column::Boolean(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which series may contribute: a condition on tags that an index can answer. An absent tag is the empty text.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "read as conditions on one series")]
pub enum SeriesPredicate {
    All,
    None,
    Equal { key: Text, value: Text },
    NotEqual { key: Text, value: Text },
    Match { key: Text, regex: Regex },
    NotMatch { key: Text, regex: Regex },
    And(Box<SeriesPredicate>, Box<SeriesPredicate>),
    Or(Box<SeriesPredicate>, Box<SeriesPredicate>),
}

impl SeriesPredicate {
    /// The meaning: whether a series with these tags is wanted. Indexes are faster ways to the same answer.
    pub fn holds(&self, tags: &TagSet) -> bool {
        let value = |key: &Text| tags.get(key).map_or(&[][..], Text::as_bytes);
        match self {
            SeriesPredicate::All => true,
            SeriesPredicate::None => false,
            SeriesPredicate::Equal { key, value: want } => value(key) == want.as_bytes(),
            SeriesPredicate::NotEqual { key, value: want } => value(key) != want.as_bytes(),
            SeriesPredicate::Match { key, regex } => regex.is_match(value(key)),
            SeriesPredicate::NotMatch { key, regex } => !regex.is_match(value(key)),
            SeriesPredicate::And(a, b) => a.holds(tags) && b.holds(tags),
            SeriesPredicate::Or(a, b) => a.holds(tags) || b.holds(tags),
        }
    }
}

/// Why data could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);
