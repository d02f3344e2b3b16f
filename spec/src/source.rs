//! The list of points as something that the server's evaluator can read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxstone::influxql::ast::Measurement;
use fluxstone::model::{FieldType, FieldValue, Text, TimeRange, Timestamp};
use fluxstone::query::{
    Batch, Block, Column, NumberSummary, QueryError, SeriesId, SeriesPredicate, SeriesRef, Source, SourceError,
    Sources, Summary,
};

use crate::points::{Point, Points};

/// Answers the evaluator from a list of points.
#[derive(Debug, Clone)]
pub struct ModelStore {
    points: Arc<Points>,
    block_values_max: usize,
}

impl ModelStore {
    /// A store whose blocks have at most `block_values_max` values, so that small data has many blocks.
    pub fn new(points: Points, block_values_max: usize) -> ModelStore {
        ModelStore { points: Arc::new(points), block_values_max: block_values_max.max(1) }
    }
}

/// All measurements are in the one store, whatever database and policy are named.
impl Sources for ModelStore {
    fn source(&self, _: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Source for ModelStore {
    fn measurements(&self) -> Vec<Text> {
        let names: BTreeSet<Text> = self.points.series.iter().map(|series| series.measurement.clone()).collect();
        names.into_iter().collect()
    }

    fn shard_starts(&self) -> Vec<Timestamp> {
        Vec::new()
    }

    fn field_types(&self, measurement: &[u8], _: TimeRange) -> BTreeMap<Text, Vec<FieldType>> {
        // The one shard overlaps every range.
        let fields = self.points.types.iter().filter(|((of, _), _)| *of == *measurement);
        fields.map(|((_, name), field_type)| (name.clone(), vec![*field_type])).collect()
    }

    fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        self.points.tag_keys(measurement)
    }

    fn series(&self, measurement: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef> {
        // The place of a series in the order of the keys is its id.
        let numbered = (0..).map(SeriesId).zip(&self.points.series);
        let wanted = numbered.filter(|(_, key)| key.measurement == *measurement && predicate.holds(&key.tags));
        wanted.map(|(id, key)| SeriesRef { id, key: Arc::new(key.clone()) }).collect()
    }

    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>> {
        let Some(key) = self.points.series.iter().nth(series.0 as usize) else { return Vec::new() };
        let wanted = self.points.list.iter().filter(|point| point.series == *key && point.field == *field);
        let mut values: Vec<&Point> = wanted.collect();
        values.sort_by_key(|point| point.time);
        let blocks = values.chunks(self.block_values_max).filter_map(ModelBlock::of);
        let overlapping = blocks.filter(|block| block.summary.range.overlaps(range));
        overlapping.map(|block| Arc::new(block) as Arc<dyn Block>).collect()
    }
}

/// Some values of one field of one series.
struct ModelBlock {
    summary: Summary,
    batch: Arc<Batch>,
}

impl Block for ModelBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Ok(self.batch.clone())
    }
}

impl ModelBlock {
    /// Values in time order. All have one type, since a field has one type in a shard.
    fn of(values: &[&Point]) -> Option<ModelBlock> {
        let (first, last) = (values.first()?, values.last()?);
        let column = column(values);
        let summary = Summary {
            range: TimeRange { min: first.time, max: last.time },
            count: u32::try_from(values.len()).ok()?,
            field_type: column.field_type(),
            numbers: numbers(&column),
        };
        let times = values.iter().map(|point| point.time).map(|Timestamp(nanos)| nanos).collect();
        Some(ModelBlock { summary, batch: Arc::new(Batch { times, values: column }) })
    }
}

fn column(values: &[&Point]) -> Column {
    let mut floats = Vec::new();
    let mut integers = Vec::new();
    let mut strings = Vec::new();
    let mut booleans = Vec::new();
    for point in values {
        match &point.value {
            FieldValue::Float(value) => floats.push(*value),
            FieldValue::Integer(value) => integers.push(*value),
            FieldValue::String(value) => strings.push(value.clone()),
            FieldValue::Boolean(value) => booleans.push(*value),
        }
    }
    match (floats.is_empty(), integers.is_empty(), strings.is_empty()) {
        (false, _, _) => Column::Float(floats),
        (_, false, _) => Column::Integer(integers),
        (_, _, false) => Column::String(strings),
        _ => Column::Boolean(booleans),
    }
}

fn numbers(column: &Column) -> Option<NumberSummary> {
    match column {
        Column::Float(values) => Some(NumberSummary::Float {
            min: values.iter().copied().reduce(f64::min)?,
            max: values.iter().copied().reduce(f64::max)?,
            first: *values.first()?,
            last: *values.last()?,
        }),
        Column::Integer(values) => Some(NumberSummary::Integer {
            min: *values.iter().min()?,
            max: *values.iter().max()?,
            first: *values.first()?,
            last: *values.last()?,
            sum: values.iter().try_fold(0i64, |sum, value| sum.checked_add(*value)),
        }),
        Column::String(_) | Column::Boolean(_) => None,
    }
}
