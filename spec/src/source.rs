//! Lists of points as something that the server's evaluator can read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxstone_columns::{
    Batch, Block, Column, NumberSummary, SeriesId, SeriesPredicate, SeriesRef, Source, SourceError, Summary,
};
use fluxstone_influxql::ast::Measurement;
use fluxstone_model::{FieldType, FieldValue, SeriesKey, Text, TimeRange, Timestamp};
use fluxstone_query::{QueryError, Sources};

use crate::points::{Point, Points};
use crate::policies::Policies;

/// Answers the evaluator from one database, whichever is named.
#[derive(Debug, Clone)]
pub struct ModelStore {
    policies: BTreeMap<String, Arc<ModelSource>>,
    none: Arc<ModelSource>,
}

/// Answers the evaluator from the shards of one policy.
#[derive(Debug)]
struct ModelSource {
    shards: Vec<(TimeRange, Points)>,
    shard_starts: Vec<Timestamp>,
    /// All series of the database. The place of one in the order of the keys is its id.
    series: Vec<Arc<SeriesKey>>,
    blocks: BTreeMap<(SeriesId, Text), Vec<Arc<ModelBlock>>>,
}

impl ModelStore {
    /// A store whose blocks have at most `block_values_max` values, so that small data has many blocks.
    pub fn new(policies: &Policies, block_values_max: usize) -> ModelStore {
        let source = |policy: &str| Arc::new(ModelSource::new(policies, policy, block_values_max.max(1)));
        let sources = policies.shards.keys().map(|name| (name.clone(), source(name)));
        ModelStore { policies: sources.collect(), none: source("no such policy") }
    }
}

impl Sources for ModelStore {
    fn source(&self, measurement: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        let source = self.policies.get(&measurement.policy).unwrap_or(&self.none);
        Ok(source.clone() as Arc<dyn Source>)
    }
}

impl ModelSource {
    fn new(policies: &Policies, policy: &str, block_values_max: usize) -> ModelSource {
        let shards = policies.shards(policy);
        let series: Vec<Arc<SeriesKey>> = policies.database.series.iter().cloned().map(Arc::new).collect();
        let mut blocks: BTreeMap<(SeriesId, Text), Vec<Arc<ModelBlock>>> = BTreeMap::new();
        for (_, points) in &shards {
            let mut values: BTreeMap<(SeriesId, Text), Vec<&Point>> = BTreeMap::new();
            for point in &points.list {
                if let Some(place) = series.iter().position(|key| **key == point.series) {
                    values.entry((SeriesId(place as u64), point.field.clone())).or_default().push(point);
                }
            }
            for (of, mut points) in values {
                points.sort_by_key(|point| point.time);
                let chunks = points.chunks(block_values_max).filter_map(ModelBlock::of);
                blocks.entry(of).or_default().extend(chunks.map(Arc::new));
            }
        }
        let shards = shards.into_iter().map(|(times, points)| (times, points.clone())).collect();
        let shard_starts = policies.shard_starts(policy).into_iter().collect();
        ModelSource { shards, shard_starts, series, blocks }
    }

    fn of_measurement<'a>(&'a self, measurement: &'a [u8]) -> impl Iterator<Item = (SeriesId, &'a Arc<SeriesKey>)> {
        let numbered = (0..).map(SeriesId).zip(&self.series);
        numbered.filter(move |(_, key)| key.measurement == *measurement)
    }
}

impl Source for ModelSource {
    fn measurements(&self) -> Vec<Text> {
        let names: BTreeSet<Text> = self.series.iter().map(|series| series.measurement.clone()).collect();
        names.into_iter().collect()
    }

    fn shard_starts(&self) -> Vec<Timestamp> {
        self.shard_starts.clone()
    }

    fn field_types(&self, measurement: &[u8], range: TimeRange) -> BTreeMap<Text, Vec<FieldType>> {
        let touched = self.shards.iter().filter(|(times, _)| times.overlaps(range));
        let types = touched.flat_map(|(_, points)| &points.types).filter(|((of, _), _)| *of == *measurement);
        let mut fields: BTreeMap<Text, Vec<FieldType>> = BTreeMap::new();
        for ((_, name), field_type) in types {
            let known = fields.entry(name.clone()).or_default();
            known.push(*field_type);
            known.sort();
            known.dedup();
        }
        fields
    }

    fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        let tags = self.of_measurement(measurement).flat_map(|(_, key)| key.tags.iter());
        tags.map(|(key, _)| key.clone()).collect()
    }

    fn series(&self, measurement: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef> {
        let wanted = self.of_measurement(measurement).filter(|(_, key)| predicate.holds(&key.tags));
        wanted.map(|(id, key)| SeriesRef { id, key: key.clone() }).collect()
    }

    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>> {
        let blocks = self.blocks.get(&(series, Text::from(field))).into_iter().flatten();
        let overlapping = blocks.filter(|block| block.summary.range.overlaps(range));
        overlapping.map(|block| block.clone() as Arc<dyn Block>).collect()
    }
}

/// Some values of one field of one series.
#[derive(Debug)]
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
        Some(ModelBlock { summary, batch: Arc::new(Batch { times: Arc::new(times), values: column }) })
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
