//! A [`Source`] in memory, for tests and benches.
//!
//! A [`MemorySourceBuilder`] takes values one by one and cuts them into small blocks, so that little data has many blocks. A block has
//! values of one type and one shard, and a complete summary.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fluxstone_model::{FieldType, FieldValue, SeriesKey, Text, TimeRange, Timestamp};

use super::{Batch, Block, Column, NumberSummary, SeriesId, SeriesPredicate, SeriesRef, Source, SourceError, Summary};

/// Data in memory that does not change.
#[derive(Debug)]
pub struct MemorySource {
    /// In the order of the keys. The position of a series is its id.
    series: Vec<MemorySeries>,
    /// The types of the fields of each measurement, and where they have them.
    types: BTreeMap<Text, Vec<(Text, FieldType, TimeRange)>>,
    shard_starts: Vec<Timestamp>,
    decodes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct MemorySeries {
    key: Arc<SeriesKey>,
    fields: BTreeMap<Text, Vec<Arc<MemoryBlock>>>,
}

#[derive(Debug)]
struct MemoryBlock {
    summary: Summary,
    batch: Arc<Batch>,
    decodes: Arc<AtomicUsize>,
}

/// Collects the data of a [`MemorySource`].
#[derive(Debug)]
pub struct MemorySourceBuilder {
    block_values_max: usize,
    series: BTreeSet<SeriesKey>,
    types: BTreeMap<Text, Vec<(Text, FieldType, TimeRange)>>,
    shard_starts: Vec<Timestamp>,
    /// The values of each shard, of each field of each series.
    shards: Vec<BTreeMap<(SeriesKey, Text), BTreeMap<i64, FieldValue>>>,
}

impl MemorySourceBuilder {
    /// Starts a source whose blocks have at most `block_values_max` values.
    pub fn new(block_values_max: usize) -> MemorySourceBuilder {
        MemorySourceBuilder {
            block_values_max: block_values_max.max(1),
            series: BTreeSet::new(),
            types: BTreeMap::new(),
            shard_starts: Vec::new(),
            shards: vec![BTreeMap::new()],
        }
    }

    /// Begins a shard, which the values added from now on belong to. Shards come in order of time.
    pub fn begin_shard(&mut self, start: Timestamp) {
        self.shard_starts.push(start);
        self.shards.push(BTreeMap::new());
    }

    /// Adds a series, which need not have values.
    pub fn add_series(&mut self, key: SeriesKey) {
        self.series.insert(key);
    }

    /// Adds a field with the type that it has in `range`, where it need not have values.
    pub fn add_field(&mut self, measurement: Text, field: Text, field_type: FieldType, range: TimeRange) {
        self.types.entry(measurement).or_default().push((field, field_type, range));
    }

    /// Adds a value, or replaces the one that the field has at this time.
    pub fn add_value(&mut self, series: &SeriesKey, field: Text, time: Timestamp, value: FieldValue) {
        if !self.series.contains(series) {
            self.series.insert(series.clone());
        }
        if let Some(shard) = self.shards.last_mut() {
            shard.entry((series.clone(), field)).or_default().insert(time.0, value);
        }
    }

    /// Cuts the values into blocks.
    pub fn build(self) -> MemorySource {
        let MemorySourceBuilder { block_values_max, series, mut types, shard_starts, shards } = self;
        let decodes = Arc::new(AtomicUsize::new(0));
        let mut fields: BTreeMap<SeriesKey, BTreeMap<Text, Vec<Arc<MemoryBlock>>>> =
            series.into_iter().map(|key| (key, BTreeMap::new())).collect();
        for ((key, field), values) in shards.into_iter().flatten() {
            let values: Vec<(i64, FieldValue)> = values.into_iter().collect();
            let same_type = values.chunk_by(|a, b| a.1.field_type() == b.1.field_type());
            for values in same_type.flat_map(|values| values.chunks(block_values_max)) {
                let Some(block) = MemoryBlock::new(values, &decodes) else { continue };
                let Summary { field_type, range, .. } = block.summary;
                types.entry(key.measurement.clone()).or_default().push((field.clone(), field_type, range));
                fields.entry(key.clone()).or_default().entry(field.clone()).or_default().push(Arc::new(block));
            }
        }
        let series = fields.into_iter().map(|(key, fields)| MemorySeries { key: Arc::new(key), fields }).collect();
        MemorySource { series, types, shard_starts, decodes }
    }
}

impl MemorySource {
    /// How many times blocks were decoded.
    pub fn decode_count(&self) -> usize {
        self.decodes.load(Ordering::Relaxed)
    }

    fn of_measurement<'a>(&'a self, measurement: &'a [u8]) -> impl Iterator<Item = (SeriesId, &'a MemorySeries)> {
        let numbered = (0..).map(SeriesId).zip(&self.series);
        numbered.filter(move |(_, series)| series.key.measurement == *measurement)
    }
}

impl Source for MemorySource {
    fn measurements(&self) -> Vec<Text> {
        let names: BTreeSet<Text> = self.series.iter().map(|series| series.key.measurement.clone()).collect();
        names.into_iter().collect()
    }

    fn shard_starts(&self) -> Vec<Timestamp> {
        self.shard_starts.clone()
    }

    fn field_types(&self, measurement: &[u8], range: TimeRange) -> BTreeMap<Text, Vec<FieldType>> {
        let types = self.types.get(measurement).into_iter().flatten();
        let mut fields: BTreeMap<Text, BTreeSet<FieldType>> = BTreeMap::new();
        for (field, field_type, _) in types.filter(|(_, _, times)| times.overlaps(range)) {
            match fields.get_mut(field) {
                Some(known) => drop(known.insert(*field_type)),
                None => drop(fields.insert(field.clone(), BTreeSet::from([*field_type]))),
            }
        }
        fields.into_iter().map(|(field, types)| (field, types.into_iter().collect())).collect()
    }

    fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        let tags = self.of_measurement(measurement).flat_map(|(_, series)| series.key.tags.iter());
        tags.map(|(key, _)| key.clone()).collect()
    }

    fn for_each_series(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        visit: &mut dyn FnMut(Option<SeriesRef>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        visit(None)?;
        let wanted = self.of_measurement(measurement).filter(|(_, series)| predicate.holds(&series.key.tags));
        wanted.map(|(id, series)| SeriesRef { id, key: series.key.clone() }).try_for_each(|series| visit(Some(series)))
    }

    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>> {
        let series = usize::try_from(series.0).ok().and_then(|at| self.series.get(at));
        let blocks = series.and_then(|series| series.fields.get(field)).into_iter().flatten();
        let overlapping = blocks.filter(|block| block.summary.range.overlaps(range));
        let mut columns: Vec<MemoryColumn> = Vec::new();
        for block in overlapping {
            if !columns.last_mut().is_some_and(|column| column.add(block)) {
                columns.push(MemoryColumn { summary: block.summary, blocks: vec![block.clone()] });
            }
        }
        columns.into_iter().map(|column| Arc::new(column) as Arc<dyn Block>).collect()
    }
}

/// Neighbouring blocks, as a source returns them: together.
struct MemoryColumn {
    summary: Summary,
    blocks: Vec<Arc<MemoryBlock>>,
}

impl MemoryColumn {
    /// Adds a block, if it follows the others.
    fn add(&mut self, block: &Arc<MemoryBlock>) -> bool {
        let Some(summary) = self.summary.followed_by(&block.summary) else { return false };
        self.summary = summary;
        self.blocks.push(block.clone());
        true
    }
}

impl Block for MemoryColumn {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn part_count(&self) -> usize {
        self.blocks.len()
    }

    fn parts(&self) -> Result<Vec<Arc<dyn Block>>, SourceError> {
        Ok(self.blocks.iter().map(|block| block.clone() as Arc<dyn Block>).collect())
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        match &self.blocks[..] {
            [block] => block.decode(),
            _ => Err(SourceError("several blocks are decoded one by one".to_owned())),
        }
    }
}

impl MemoryBlock {
    /// `values` have one type and ascending times; `None` if there are none.
    fn new(values: &[(i64, FieldValue)], decodes: &Arc<AtomicUsize>) -> Option<MemoryBlock> {
        let ((first, _), (last, _)) = (values.first()?, values.last()?);
        let column = column(values)?;
        let summary = Summary {
            range: TimeRange { min: Timestamp(*first), max: Timestamp(*last) },
            count: u32::try_from(values.len()).ok()?,
            field_type: column.field_type(),
            numbers: numbers(&column),
        };
        let times = values.iter().map(|(time, _)| *time).collect();
        let batch = Arc::new(Batch { times: Arc::new(times), values: column });
        Some(MemoryBlock { summary, batch, decodes: decodes.clone() })
    }
}

impl Block for MemoryBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        self.decodes.fetch_add(1, Ordering::Relaxed);
        Ok(self.batch.clone())
    }
}

fn column(values: &[(i64, FieldValue)]) -> Option<Column> {
    macro_rules! column {
        ($kind:ident) => {{
            let values = values.iter().filter_map(|(_, value)| match value {
                FieldValue::$kind(value) => Some(value.clone()),
                _ => None,
            });
            Column::$kind(values.collect())
        }};
    }
    Some(match values.first()?.1 {
        FieldValue::Float(_) => column!(Float),
        FieldValue::Integer(_) => column!(Integer),
        FieldValue::String(_) => column!(String),
        FieldValue::Boolean(_) => column!(Boolean),
    })
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
            sum: values.iter().try_fold(0_i64, |sum, value| sum.checked_add(*value)),
        }),
        Column::String(_) | Column::Boolean(_) => None,
    }
}
