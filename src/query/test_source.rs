//! A source in memory for the tests of this module: line protocol in, small blocks out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluxstone_columns::{
    Batch, Block, Column, NumberSummary, SeriesId, SeriesPredicate, SeriesRef, Source, SourceError, Summary,
};
use fluxstone_influxql::ast::Measurement;
use fluxstone_line_protocol::Precision;
use fluxstone_model::{FieldType, FieldValue, Scalar, SeriesKey, Text, TimeRange, Timestamp};

use super::{QueryError, Sources};

/// Series in the order of their keys; the position of a series is its id.
#[derive(Default)]
pub(super) struct MemorySource {
    series: Vec<(Arc<SeriesKey>, Fields)>,
    block_points_max: usize,
}

/// The values of each field by time.
type Fields = BTreeMap<Text, BTreeMap<i64, FieldValue>>;

/// One source for every measurement.
pub(super) struct OneSource(pub(super) Arc<MemorySource>);

impl Sources for OneSource {
    fn source(&self, _: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        Ok(self.0.clone())
    }
}

impl MemorySource {
    /// The points of a text in line protocol, with times in seconds, in blocks of at most `block_points_max` values.
    pub(super) fn new(points: &str, block_points_max: usize) -> MemorySource {
        let body = fluxstone_line_protocol::parse(points.as_bytes(), Precision::Second, Timestamp(0));
        assert_eq!(body.errors, [], "bad test data");
        let mut series: BTreeMap<SeriesKey, Fields> = BTreeMap::new();
        for point in &body.points {
            let fields = series.entry(SeriesKey::parse(point.series)).or_default();
            for field in body.fields_of(point) {
                let value = match field.value {
                    Scalar::String(raw) => {
                        FieldValue::String(Text::from(&*fluxstone_line_protocol::unescape_string(raw)))
                    }
                    value => FieldValue::from(value),
                };
                fields
                    .entry(Text::from(&*fluxstone_line_protocol::unescape_field_key(field.key)))
                    .or_default()
                    .insert(point.time.0, value);
            }
        }
        let series = series.into_iter().map(|(key, fields)| (Arc::new(key), fields)).collect();
        MemorySource { series, block_points_max }
    }

    fn of_measurement<'a>(&'a self, measurement: &'a [u8]) -> impl Iterator<Item = &'a (Arc<SeriesKey>, Fields)> {
        self.series.iter().filter(move |(key, _)| key.measurement == *measurement)
    }
}

impl Source for MemorySource {
    fn measurements(&self) -> Vec<Text> {
        let names: BTreeSet<Text> = self.series.iter().map(|(key, _)| key.measurement.clone()).collect();
        names.into_iter().collect()
    }

    fn shard_starts(&self) -> Vec<Timestamp> {
        Vec::new()
    }

    fn field_types(&self, measurement: &[u8], range: TimeRange) -> BTreeMap<Text, Vec<FieldType>> {
        let mut types: BTreeMap<Text, BTreeSet<FieldType>> = BTreeMap::new();
        for (_, fields) in self.of_measurement(measurement) {
            for (name, values) in fields {
                let inside = values.iter().filter(|(time, _)| range.contains(Timestamp(**time)));
                let found: BTreeSet<_> = inside.map(|(_, value)| value.field_type()).collect();
                if !found.is_empty() {
                    types.entry(name.clone()).or_default().extend(found);
                }
            }
        }
        types.into_iter().map(|(name, types)| (name, types.into_iter().collect())).collect()
    }

    fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        self.of_measurement(measurement).flat_map(|(key, _)| key.tags.iter().map(|(k, _)| k.clone())).collect()
    }

    fn series(&self, measurement: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef> {
        let numbered = self.series.iter().enumerate();
        let wanted = numbered.filter(|(_, (key, _))| key.measurement == *measurement && predicate.holds(&key.tags));
        wanted.map(|(id, (key, _))| SeriesRef { id: SeriesId(id as u64), key: key.clone() }).collect()
    }

    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>> {
        let Some(values) = self.series[series.0 as usize].1.get(field) else { return Vec::new() };
        let values: Vec<(i64, FieldValue)> = values.iter().map(|(t, v)| (*t, v.clone())).collect();
        let runs = values.chunk_by(|a, b| a.1.field_type() == b.1.field_type());
        let blocks = runs.flat_map(|run| run.chunks(self.block_points_max)).map(MemoryBlock::new);
        let inside = blocks.filter(|block| block.summary().range.overlaps(range));
        inside.map(|block| Arc::new(block) as Arc<dyn Block>).collect()
    }
}

struct MemoryBlock(Arc<Batch>);

impl MemoryBlock {
    fn new(values: &[(i64, FieldValue)]) -> MemoryBlock {
        let times = values.iter().map(|(time, _)| *time).collect();
        let of = |kind| values.iter().map(|(_, v)| v).all(|v| v.field_type() == kind);
        let column = if of(FieldType::Float) {
            Column::Float(
                values.iter().filter_map(|(_, v)| if let FieldValue::Float(v) = v { Some(*v) } else { None }).collect(),
            )
        } else if of(FieldType::Integer) {
            Column::Integer(
                values
                    .iter()
                    .filter_map(|(_, v)| if let FieldValue::Integer(v) = v { Some(*v) } else { None })
                    .collect(),
            )
        } else if of(FieldType::String) {
            Column::String(
                values
                    .iter()
                    .filter_map(|(_, v)| if let FieldValue::String(v) = v { Some(v.clone()) } else { None })
                    .collect(),
            )
        } else {
            Column::Boolean(
                values
                    .iter()
                    .filter_map(|(_, v)| if let FieldValue::Boolean(v) = v { Some(*v) } else { None })
                    .collect(),
            )
        };
        MemoryBlock(Arc::new(Batch { times: Arc::new(times), values: column }))
    }
}

impl Block for MemoryBlock {
    fn summary(&self) -> Summary {
        let Batch { times, values } = &*self.0;
        let numbers = match values {
            Column::Float(v) => Some(NumberSummary::Float {
                min: v.iter().copied().fold(f64::INFINITY, f64::min),
                max: v.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                first: v[0],
                last: v[v.len() - 1],
            }),
            Column::Integer(v) => Some(NumberSummary::Integer {
                min: v.iter().copied().min().unwrap(),
                max: v.iter().copied().max().unwrap(),
                first: v[0],
                last: v[v.len() - 1],
                sum: v.iter().try_fold(0_i64, |sum, v| sum.checked_add(*v)),
            }),
            Column::String(_) | Column::Boolean(_) => None,
        };
        let range = TimeRange { min: Timestamp(times[0]), max: Timestamp(times[times.len() - 1]) };
        Summary { range, count: times.len() as u32, field_type: values.field_type(), numbers }
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Ok(self.0.clone())
    }
}
