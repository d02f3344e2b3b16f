//! The answer of a sub-query as a [`Source`] in memory, which the outer query reads like any other.
//!
//! A series has each time once, in blocks in time order; who adds series takes care of that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::{Batch, Block, Column, SeriesId, SeriesPredicate, SeriesRef, Source, SourceError, Summary};
use fluxstone_model::{FieldType, SeriesKey, TagSet, Text, TimeRange, Timestamp};

use super::budget::Reservation;
use super::error::QueryError;
use super::scalar::as_float;
use super::value::Value;

/// The blocks of one column of one series.
pub(super) type Blocks = Vec<Arc<dyn Block>>;

/// A row of a sub-query: its time and its other cells.
pub(super) type TimedCells<'a> = (i64, &'a [Value]);

/// The memory of a series without its names and blocks.
const SERIES_BYTES: usize = 256;
/// The memory of a grouped tag of a series.
const TAG_BYTES: usize = 48;
/// The memory of a column of a series.
const COLUMN_BYTES: usize = 64;
/// The memory of a block without its values.
const BLOCK_BYTES: usize = 160;

/// The answer of a sub-query.
pub(super) struct AnswerSource {
    /// The memory of the answer. Whoever adds blocks charges their values.
    pub(super) memory: Reservation,
    pub(super) shard_starts: Vec<Timestamp>,
    /// The tags that the sub-query groups by itself. A series without one of them has the empty value.
    grouped: Vec<Text>,
    /// The position of a series is its id.
    series: Vec<AnswerSeries>,
    fields: BTreeMap<Text, BTreeMap<Text, FieldType>>,
    tags: BTreeMap<Text, BTreeSet<Text>>,
}

struct AnswerSeries {
    key: Arc<SeriesKey>,
    fields: Vec<(Text, Blocks)>,
}

/// A block of values that are kept in memory.
pub(super) struct AnswerBlock(pub(super) Arc<Batch>);

impl AnswerSource {
    /// An empty answer of a sub-query that groups by the tags `grouped`.
    pub(super) fn new(memory: Reservation, grouped: Vec<Text>) -> AnswerSource {
        AnswerSource {
            memory,
            shard_starts: Vec::new(),
            grouped,
            series: Vec::new(),
            fields: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// Adds a series, with the blocks of each column except `time`.
    pub(super) fn push(
        &mut self,
        name: &Text,
        tags: &[(Text, Text)],
        columns: &[Text],
        blocks: Vec<Blocks>,
    ) -> Result<(), QueryError> {
        let block_count: usize = blocks.iter().map(Vec::len).sum();
        let names = tags.len() * TAG_BYTES + columns.len() * COLUMN_BYTES;
        self.memory.grow(SERIES_BYTES + names + block_count * BLOCK_BYTES)?;
        let named = columns.iter().skip(1).cloned().zip(blocks);
        let fields: Vec<(Text, Blocks)> = named.filter(|(_, blocks)| !blocks.is_empty()).collect();
        let present = tags.iter().filter(|(key, value)| !value.is_empty() || self.grouped.contains(key)).cloned();
        let key = SeriesKey {
            // The order of the inner answer is the order of the series.
            raw: Text::from(format!("{:020}", self.series.len())),
            measurement: name.clone(),
            tags: TagSet::new(present.collect()),
        };
        let types = self.fields.entry(name.clone()).or_default();
        for (name, blocks) in &fields {
            let Some(field_type) = blocks.iter().map(|block| block.summary().field_type).min() else { continue };
            types.entry(name.clone()).and_modify(|t| *t = field_type.min(*t)).or_insert(field_type);
        }
        // A column hides a tag of the same name.
        let tags = tags.iter().map(|(key, _)| key).filter(|key| !columns.contains(key));
        self.tags.entry(name.clone()).or_default().extend(tags.cloned());
        self.series.push(AnswerSeries { key: Arc::new(key), fields });
        Ok(())
    }
}

/// Returns the values of one column, or `None` if it has none. A column with integers and floats, which a fill can cause,
/// becomes one of floats.
pub(super) fn batch(rows: &[TimedCells<'_>], column: usize) -> Option<Batch> {
    let cells = || rows.iter().map(|(time, cells)| (*time, &cells[column]));
    let first = cells().map(|(_, value)| value).find(|value| **value != Value::Null)?;
    let is_float = |value: &Value| matches!(value, Value::Float(_));
    let is_number = matches!(first, Value::Integer(_) | Value::Float(_));
    if is_number && cells().any(|(_, value)| is_float(value)) {
        let float = |value: &Value| as_float(value.scalar());
        let (times, values) = cells().filter_map(|(time, value)| Some((time, float(value)?))).unzip();
        return Some(Batch { times: Arc::new(times), values: Column::Float(values) });
    }
    macro_rules! column {
        ($kind:ident, $copy:expr) => {{
            let found = cells().filter_map(|(time, value)| match value {
                Value::$kind(v) => Some((time, $copy(v))),
                _ => None,
            });
            let (times, values) = found.unzip();
            Some(Batch { times: Arc::new(times), values: Column::$kind(values) })
        }};
    }
    match first {
        Value::Integer(_) => column!(Integer, |v: &i64| *v),
        Value::String(_) => column!(String, Text::clone),
        Value::Boolean(_) => column!(Boolean, |v: &bool| *v),
        Value::Float(_) | Value::Null | Value::Time(_) | Value::Ordinal(_) | Value::List(_) => None,
    }
}

impl Source for AnswerSource {
    fn measurements(&self) -> Vec<Text> {
        self.fields.keys().cloned().collect()
    }

    fn shard_starts(&self) -> Vec<Timestamp> {
        self.shard_starts.clone()
    }

    fn field_types(&self, measurement: &[u8], _: TimeRange) -> BTreeMap<Text, Vec<FieldType>> {
        let types = self.fields.get(measurement).into_iter().flatten();
        types.map(|(name, field_type)| (name.clone(), vec![*field_type])).collect()
    }

    fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        self.tags.get(measurement).cloned().unwrap_or_default()
    }

    fn for_each_series(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        visit: &mut dyn FnMut(Option<SeriesRef>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        visit(None)?;
        let numbered = (0..).map(SeriesId).zip(&self.series);
        let mut wanted =
            numbered.filter(|(_, series)| series.key.measurement == *measurement && predicate.holds(&series.key.tags));
        wanted.try_for_each(|(id, series)| visit(Some(SeriesRef { id, key: series.key.clone() })))
    }

    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>> {
        let series = usize::try_from(series.0).ok().and_then(|at| self.series.get(at));
        let found = series.and_then(|series| series.fields.iter().find(|(name, _)| *name == *field));
        let blocks = found.into_iter().flat_map(|(_, blocks)| blocks);
        blocks.filter(|block| block.summary().range.overlaps(range)).cloned().collect()
    }
}

impl Block for AnswerBlock {
    fn summary(&self) -> Summary {
        let times = &self.0.times;
        let ends = (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0));
        Summary {
            range: TimeRange { min: Timestamp(ends.0), max: Timestamp(ends.1) },
            count: u32::try_from(times.len()).unwrap_or(u32::MAX),
            field_type: self.0.values.field_type(),
            numbers: None,
        }
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Ok(self.0.clone())
    }
}
