//! SELECT from a sub-query: the inner answer becomes a [`Source`] in memory that the outer query reads like any other.
//!
//! What the outer query says about groups, windows and times is handed inside first, so that the inner query computes no
//! more than is needed. An inner query of points keeps its series apart, so that the outer one merges them as if it read
//! them itself. One that only names fields is not run at all: its answer is the stored blocks, which the outer query decodes, or
//! does not, one after the other. The rows of others are made by `inner_rows`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::{Batch, Block, Column, SeriesId, SeriesPredicate, SeriesRef, Source, SourceError, Summary};
use fluxstone_influxql::ast::{Dimension, Fill, Select};
use fluxstone_model::{FieldType, SeriesKey, TagSet, Text, TimeRange, Timestamp};

use super::conditions::Residual;
use super::evaluate::groups_in_order;
use super::execution::Execution;
use super::groups::Group;
use super::inner_rows::{InnerRows, Slicer};
use super::plan::{Outer, Plan};
use super::points::{FieldCursor, FieldRead};
use super::scalar::Scalar;
use super::schema::Input;
use super::{Context, QueryError, SeriesRows, Sources, Value, evaluate, plan};

/// Runs `inner` for the query that it stands in and gives its measurements.
pub(super) fn inputs(
    inner: &Select,
    outer: &Outer<'_>,
    sources: &dyn Sources,
    context: &Context,
    emit: &mut dyn FnMut(Option<SeriesRows>) -> ControlFlow<()>,
) -> Result<Vec<Input>, QueryError> {
    let inner = adapted(inner, outer);
    let mut plan = plan::plan(&inner, sources, context, outer.bounds, emit)?;
    plan.keep_series_apart();
    let mut answer = Answer::default();
    if plan.series_apart {
        // Rows of points keep the order that they have where they are stored; others come in the order of the answer.
        answer.source.shard_starts.clone_from(&plan.shard_starts);
        if !plan.range.is_empty() {
            answer.source.take_points(plan, context, emit)?;
        }
        return Ok(answer.inputs(true));
    }
    evaluate::evaluate(&plan, context, &mut |piece| match piece {
        Some(piece) => {
            answer.add(piece);
            ControlFlow::Continue(())
        }
        // Only the outer query's rows are handed out, but a kill must be noticed here too.
        None => emit(None),
    })?;
    Ok(answer.inputs(false))
}

/// The inner query with the outer groups, and the outer windows if it has none. Windows without a value are left out unless
/// a fill puts one there.
fn adapted(inner: &Select, outer: &Outer<'_>) -> Select {
    let mut inner = inner.clone().without_target();
    let has_windows = inner.group_by.window().is_some();
    for dimension in &outer.select.group_by.dimensions {
        // Patterns stand for what the inner query shows, so they have nothing to say inside.
        let goes_inside = match dimension {
            Dimension::Time(_) => !has_windows,
            Dimension::Tag(_) => true,
            Dimension::Wildcard | Dimension::Regex(_) => false,
        };
        if goes_inside {
            inner = inner.grouped_by_also(dimension.clone());
        }
    }
    if matches!(inner.fill, None | Some(Fill::Null)) { inner.with_fill(Fill::None) } else { inner }
}

/// The answer of a sub-query while it comes in.
#[derive(Default)]
struct Answer {
    source: AnswerSource,
    open: Option<SeriesRows>,
}

/// The answer of a sub-query, to be read.
#[derive(Default)]
struct AnswerSource {
    shard_starts: Vec<Timestamp>,
    /// The position of a series is its id.
    series: Vec<AnswerSeries>,
    fields: BTreeMap<Text, BTreeMap<Text, FieldType>>,
    tags: BTreeMap<Text, BTreeSet<Text>>,
}

struct AnswerSeries {
    key: Arc<SeriesKey>,
    fields: Vec<(Text, Blocks)>,
}

/// The values of a column.
pub(super) type Blocks = Vec<Arc<dyn Block>>;

/// Values that are kept.
pub(super) struct AnswerBlock(pub(super) Arc<Batch>);

impl Answer {
    fn add(&mut self, mut piece: SeriesRows) {
        let more_rows = piece.more_rows;
        match &mut self.open {
            Some(open) => open.cells.append(&mut piece.cells),
            None => self.open = Some(piece),
        }
        if !more_rows && let Some(series) = self.open.take() {
            self.source.add(&series);
        }
    }

    /// The measurements of the answer. Rows of series that were kept apart come in heap order at equal times.
    fn inputs(self, series_apart: bool) -> Vec<Input> {
        let source: Arc<dyn Source> = Arc::new(self.source);
        let input = |measurement| Input { measurement, source: source.clone(), ordered: !series_apart };
        source.measurements().into_iter().map(input).collect()
    }
}

impl AnswerSource {
    /// Takes the rows of a plan that keeps series apart: stored blocks, if it selects fields as they are and asks nothing of its
    /// points, and else what is computed of them.
    fn take_points(
        &mut self,
        plan: Plan,
        context: &Context,
        emit: &mut dyn FnMut(Option<SeriesRows>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        let execution = Execution::new(context, emit);
        let groups = groups_in_order(&plan, &execution)?;
        let asks = |group: &Group| group.series.iter().any(|member| !matches!(member.residual, Residual::Always));
        if let Some(reads) = plan.stored_fields().filter(|_| !groups.iter().any(asks)) {
            for group in &groups {
                let stored = |read: &&FieldRead| stored_blocks(group, read, plan.range, &execution);
                let columns = reads.iter().map(stored).collect::<Result<Vec<Blocks>, _>>()?;
                if columns.iter().any(|blocks| !blocks.is_empty()) {
                    self.push(&group.measurement, &group.tags, &plan.columns, columns);
                }
            }
            return Ok(());
        }
        let mut slicer = Slicer::new(InnerRows { plan, groups, context: context.clone() });
        for number in 0..slicer.rows().groups.len() {
            let Some(columns) = slicer.blocks(number, &execution)? else { continue };
            let InnerRows { plan, groups, .. } = &**slicer.rows();
            self.push(&groups[number].measurement, &groups[number].tags, &plan.columns, columns);
        }
        Ok(())
    }

    /// Takes the rows of one series. Rows with equal times go to series of their own, since a series has each time once.
    fn add(&mut self, series: &SeriesRows) {
        let mut rows: Vec<(i64, &[Value])> = series
            .rows()
            .filter_map(|row| match row {
                [Value::Time(time), cells @ ..] => Some((time.0, cells)),
                _ => None,
            })
            .collect();
        // Stable: rows of equal times stay in the order of the answer.
        rows.sort_by_key(|row| row.0);
        while !rows.is_empty() {
            let mut later = Vec::new();
            let mut last = None;
            rows.retain(|row| {
                let is_new = last.replace(row.0) != Some(row.0);
                if !is_new {
                    later.push(*row);
                }
                is_new
            });
            self.add_series(series, &rows);
            rows = later;
        }
    }

    fn add_series(&mut self, series: &SeriesRows, rows: &[(i64, &[Value])]) {
        let blocks = |column| {
            let block = batch(rows, column).map(|batch| Arc::new(AnswerBlock(Arc::new(batch))) as Arc<dyn Block>);
            block.into_iter().collect()
        };
        let columns = (0..series.columns.len() - 1).map(blocks).collect();
        self.push(&series.name, &series.tags, &series.columns, columns);
    }

    /// Adds a series, with the blocks of each column but `time`.
    fn push(&mut self, name: &Text, tags: &[(Text, Text)], columns: &[Text], blocks: Vec<Blocks>) {
        let named = columns.iter().skip(1).cloned().zip(blocks);
        let fields: Vec<(Text, Blocks)> = named.filter(|(_, blocks)| !blocks.is_empty()).collect();
        let present = tags.iter().filter(|(_, value)| !value.is_empty()).cloned();
        let key = SeriesKey {
            // The order of the inner answer is the order of the series.
            raw: Text::from(format!("{:020}", self.series.len())),
            measurement: name.clone(),
            tags: TagSet::new(present.collect()),
        };
        let types = self.fields.entry(name.clone()).or_default();
        for (name, blocks) in &fields {
            let Some(field_type) = blocks.first().map(|block| block.summary().field_type) else { continue };
            types.entry(name.clone()).and_modify(|t| *t = field_type.min(*t)).or_insert(field_type);
        }
        // Of a column and a tag of one name the column is seen.
        let tags = tags.iter().map(|(key, _)| key).filter(|key| !columns.contains(key));
        self.tags.entry(name.clone()).or_default().extend(tags.cloned());
        self.series.push(AnswerSeries { key: Arc::new(key), fields });
    }
}

/// The blocks of a field of a series that have values in `range`: those that reach beyond it, or have another type than is asked for,
/// are decoded.
fn stored_blocks(
    group: &Group,
    field: &FieldRead,
    range: TimeRange,
    execution: &Execution<'_>,
) -> Result<Blocks, QueryError> {
    let mut blocks = Blocks::new();
    let Some(member) = group.series.first() else { return Ok(blocks) };
    let mut cursor = FieldCursor::new(&*member.source, member.series.id, field, range, false);
    while let Some(block) = cursor.next_block() {
        let summary = block.summary();
        if range.contains(summary.range.min) && range.contains(summary.range.max) && summary.field_type == field.read_as
        {
            blocks.push(block);
        } else if let Some(run) = cursor.decode(&*block, execution)? {
            blocks.push(Arc::new(AnswerBlock(Arc::new(run.to_batch()))));
        }
    }
    execution.go_on()?;
    Ok(blocks)
}

/// The values of one column, if it has any. One with integers and floats, which a fill can make, has floats.
pub(super) fn batch(rows: &[(i64, &[Value])], column: usize) -> Option<Batch> {
    let cells = || rows.iter().map(|(time, cells)| (*time, &cells[column]));
    let first = cells().map(|(_, value)| value).find(|value| **value != Value::Null)?;
    let is_float = |value: &Value| matches!(value, Value::Float(_));
    let is_number = matches!(first, Value::Integer(_) | Value::Float(_));
    if is_number && cells().any(|(_, value)| is_float(value)) {
        let float = |value: &Value| Scalar::of(value).as_float();
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

    fn series(&self, measurement: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef> {
        let numbered = (0..).map(SeriesId).zip(&self.series);
        let wanted =
            numbered.filter(|(_, series)| series.key.measurement == *measurement && predicate.holds(&series.key.tags));
        wanted.map(|(id, series)| SeriesRef { id, key: series.key.clone() }).collect()
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
