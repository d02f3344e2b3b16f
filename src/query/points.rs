//! Points of one series as columns: reading the blocks of its fields and bringing them side by side.
//!
//! A [`RowReader`] turns the blocks of several fields into [`RowBatch`]es: times in ascending order, one column for each field,
//! gaps where a field has no value at a time. Blocks are decoded one after the other as they are needed, so memory is
//! bounded by one block for each field. Queries that descend get the batches from the last to the first; within a batch, times
//! always ascend.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use fluxstone_columns::{Batch, Block, Column, SeriesId, Source};
use fluxstone_model::{FieldType, Text, TimeRange, Timestamp};

use super::QueryError;
use super::execution::Execution;
use super::scalar::Scalar;

/// A field that is read, and the type that its values are read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldRead {
    pub(super) name: Text,
    /// Integers are read as floats and floats, cut toward zero, as integers; values of other types are absent.
    pub(super) read_as: FieldType,
}

impl fmt::Display for FieldRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.name, self.read_as)
    }
}

/// A part of a decoded block.
#[derive(Debug, Clone)]
pub(super) struct Run {
    batch: Arc<Batch>,
    from: usize,
    to: usize,
}

/// Values of one type, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Values<'a> {
    Float(&'a [f64]),
    Integer(&'a [i64]),
    String(&'a [Text]),
    Boolean(&'a [bool]),
}

/// Rows of one series, in ascending order of time.
#[derive(Debug, Default)]
pub(super) struct RowBatch {
    times: Times,
    columns: Vec<Slots>,
}

#[derive(Debug)]
enum Times {
    Shared(Run),
    Own(Vec<i64>),
}

/// One column of a [`RowBatch`].
#[derive(Debug)]
enum Slots {
    Absent,
    All(Run),
    Some { values: Column, present: Vec<bool> },
}

/// Reads the fields of one series side by side.
pub(super) struct RowReader {
    cursors: Vec<FieldCursor>,
    descending: bool,
}

/// The blocks of one field, and what is left of the one that was decoded last.
pub(super) struct FieldCursor {
    blocks: VecDeque<Arc<dyn Block>>,
    read_as: FieldType,
    range: TimeRange,
    descending: bool,
    run: Option<Run>,
}

impl Run {
    /// The part of a batch that lies in `range`; `None` if there is nothing.
    fn cut(batch: Arc<Batch>, range: TimeRange) -> Option<Run> {
        let from = batch.times.partition_point(|t| Timestamp(*t) < range.min);
        let to = batch.times.partition_point(|t| Timestamp(*t) <= range.max);
        (from < to).then_some(Run { batch, from, to })
    }

    pub(super) fn times(&self) -> &[i64] {
        &self.batch.times[self.from..self.to]
    }

    pub(super) fn values(&self) -> Values<'_> {
        Values::of(&self.batch.values).part(self.from, self.to)
    }

    /// A copy of the part.
    pub(super) fn to_batch(&self) -> Batch {
        Batch { times: Arc::new(self.times().to_vec()), values: self.values().pick(0..self.to - self.from) }
    }

    fn scalar(&self, row: usize) -> Scalar<'_> {
        Values::of(&self.batch.values).get(self.from + row)
    }

    /// Splits off the first `count` values.
    fn split_front(&mut self, count: usize) -> Run {
        let front = Run { batch: self.batch.clone(), from: self.from, to: self.from + count };
        self.from += count;
        front
    }

    /// Splits off the last `count` values.
    fn split_back(&mut self, count: usize) -> Run {
        let back = Run { batch: self.batch.clone(), from: self.to - count, to: self.to };
        self.to -= count;
        back
    }
}

impl<'a> Values<'a> {
    pub(super) fn of(column: &'a Column) -> Values<'a> {
        match column {
            Column::Float(v) => Values::Float(v),
            Column::Integer(v) => Values::Integer(v),
            Column::String(v) => Values::String(v),
            Column::Boolean(v) => Values::Boolean(v),
        }
    }

    /// The values from `from` up to `to`, which is not included.
    pub(super) fn part(self, from: usize, to: usize) -> Values<'a> {
        match self {
            Values::Float(v) => Values::Float(&v[from..to]),
            Values::Integer(v) => Values::Integer(&v[from..to]),
            Values::String(v) => Values::String(&v[from..to]),
            Values::Boolean(v) => Values::Boolean(&v[from..to]),
        }
    }

    /// The values at some places.
    fn pick(self, places: impl Iterator<Item = usize>) -> Column {
        match self {
            Values::Float(v) => Column::Float(places.map(|at| v[at]).collect()),
            Values::Integer(v) => Column::Integer(places.map(|at| v[at]).collect()),
            Values::String(v) => Column::String(places.map(|at| v[at].clone()).collect()),
            Values::Boolean(v) => Column::Boolean(places.map(|at| v[at]).collect()),
        }
    }

    pub(super) fn get(self, at: usize) -> Scalar<'a> {
        match self {
            Values::Float(v) => Scalar::Float(v[at]),
            Values::Integer(v) => Scalar::Integer(v[at]),
            Values::String(v) => Scalar::String(&v[at]),
            Values::Boolean(v) => Scalar::Boolean(v[at]),
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Times::Own(Vec::new())
    }
}

impl RowBatch {
    pub(super) fn times(&self) -> &[i64] {
        match &self.times {
            Times::Shared(run) => run.times(),
            Times::Own(times) => times,
        }
    }

    /// The value of a column in a row, null where there is none.
    pub(super) fn get(&self, column: usize, row: usize) -> Scalar<'_> {
        match &self.columns[column] {
            Slots::All(run) => run.scalar(row),
            Slots::Some { values, present } if present[row] => Values::of(values).get(row),
            Slots::Absent | Slots::Some { .. } => Scalar::Null,
        }
    }

    /// One row without any value.
    pub(super) fn empty_row(time: i64, columns: usize) -> RowBatch {
        RowBatch { times: Times::Own(vec![time]), columns: (0..columns).map(|_| Slots::Absent).collect() }
    }

    /// The times and values of a column in chosen rows, all of which have one.
    pub(super) fn gather(&self, column: usize, rows: &[u32]) -> (Vec<i64>, Column) {
        let times = self.times();
        let chosen = rows.iter().map(|row| *row as usize);
        let values = match &self.columns[column] {
            Slots::Absent => Column::Float(vec![0.0; rows.len()]),
            Slots::All(run) => run.values().pick(chosen),
            Slots::Some { values, .. } => Values::of(values).pick(chosen),
        };
        (rows.iter().map(|row| times[*row as usize]).collect(), values)
    }

    /// A column that has a value in every row.
    pub(super) fn dense(&self, column: usize) -> Option<Values<'_>> {
        match &self.columns[column] {
            Slots::All(run) => Some(run.values()),
            Slots::Absent | Slots::Some { .. } => None,
        }
    }

    /// Whether a column has a value in a row.
    pub(super) fn has(&self, column: usize, row: usize) -> bool {
        match &self.columns[column] {
            Slots::Absent => false,
            Slots::All(_) => true,
            Slots::Some { present, .. } => present[row],
        }
    }
}

impl FieldCursor {
    /// The values of one field of one series in `range`.
    pub(super) fn new(
        source: &dyn Source,
        series: SeriesId,
        field: &FieldRead,
        range: TimeRange,
        descending: bool,
    ) -> FieldCursor {
        let mut blocks: VecDeque<_> = source.blocks(series, &field.name, range).into();
        blocks.retain(|block| can_read(block.summary().field_type, field.read_as));
        FieldCursor { blocks, read_as: field.read_as, range, descending, run: None }
    }

    /// The next block, not decoded, where nothing of the one before it is left.
    pub(super) fn next_block(&mut self) -> Option<Arc<dyn Block>> {
        if self.descending { self.blocks.pop_back() } else { self.blocks.pop_front() }
    }

    /// Whether there is a value left. Decodes only blocks that reach over both ends of the range.
    pub(super) fn has_values(&mut self, execution: &Execution<'_>) -> Result<bool, QueryError> {
        while let Some(block) = self.next_block() {
            let TimeRange { min, max } = block.summary().range;
            if self.range.contains(min) || self.range.contains(max) || self.decode(&*block, execution)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The part of `block` that belongs to the answer, in the type that was asked for.
    pub(super) fn decode(&self, block: &dyn Block, execution: &Execution<'_>) -> Result<Option<Run>, QueryError> {
        let batch = read_as(block.decode()?, self.read_as);
        let run = Run::cut(batch, self.range);
        execution.count_points(run.as_ref().map_or(0, |run| run.times().len()))?;
        Ok(run)
    }

    /// The next run of values.
    pub(super) fn next_run(&mut self, execution: &Execution<'_>) -> Result<Option<Run>, QueryError> {
        while let Some(block) = self.next_block() {
            if let Some(run) = self.decode(&*block, execution)? {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    fn fill(&mut self, execution: &Execution<'_>) -> Result<(), QueryError> {
        if self.run.as_ref().is_none_or(|run| run.times().is_empty()) {
            self.run = self.next_run(execution)?;
        }
        Ok(())
    }
}

impl RowReader {
    /// Reads `fields` of one series in `range`.
    pub(super) fn new(
        source: &dyn Source,
        series: SeriesId,
        fields: &[FieldRead],
        range: TimeRange,
        descending: bool,
    ) -> RowReader {
        let cursor = |field| FieldCursor::new(source, series, field, range, descending);
        RowReader { cursors: fields.iter().map(cursor).collect(), descending }
    }

    /// Whether nothing is left of the blocks that the rows before came from.
    pub(super) fn is_between_blocks(&self) -> bool {
        self.cursors.iter().all(|cursor| cursor.run.as_ref().is_none_or(|run| run.times().is_empty()))
    }

    /// The next rows: those after the rows before, or, for a reader that descends, those before them.
    pub(super) fn next_batch(&mut self, execution: &Execution<'_>) -> Result<Option<RowBatch>, QueryError> {
        for cursor in &mut self.cursors {
            cursor.fill(execution)?;
        }
        if self.cursors.iter().all(|cursor| cursor.run.is_none()) {
            return Ok(None);
        }
        Ok(Some(self.aligned_rows().unwrap_or_else(|| self.merged_rows())))
    }

    /// Rows in which all fields that have values at all have one: the usual case, without copying.
    fn aligned_rows(&mut self) -> Option<RowBatch> {
        let descending = self.descending;
        let live = || self.cursors.iter().filter_map(|cursor| cursor.run.as_ref());
        let count = live().map(|run| run.times().len()).min()?;
        let part = |run: &Run| if descending { run.to - count..run.to } else { run.from..run.from + count };
        let mut runs = live();
        let first = runs.next()?;
        let has_times_of_first = |run: &Run| {
            let is_shared = Arc::ptr_eq(&run.batch.times, &first.batch.times) && part(run) == part(first);
            is_shared || run.batch.times[part(run)] == first.batch.times[part(first)]
        };
        if !runs.all(has_times_of_first) {
            return None;
        }
        let mut times = None;
        let columns = self
            .cursors
            .iter_mut()
            .map(|cursor| {
                let Some(run) = &mut cursor.run else { return Slots::Absent };
                let split = if descending { run.split_back(count) } else { run.split_front(count) };
                times.get_or_insert_with(|| split.clone());
                Slots::All(split)
            })
            .collect();
        Some(RowBatch { times: Times::Shared(times?), columns })
    }

    /// Rows up to where the first of the runs ends, with gaps.
    fn merged_rows(&mut self) -> RowBatch {
        let parts: Vec<Option<Run>> = if self.descending {
            let firsts = self.cursors.iter().filter_map(|cursor| cursor.run.as_ref()?.times().first());
            let limit = firsts.copied().max().unwrap_or(i64::MAX);
            let split = |run: &mut Run| {
                let kept = run.times().partition_point(|t| *t < limit);
                run.split_back(run.times().len() - kept)
            };
            self.cursors.iter_mut().map(|cursor| cursor.run.as_mut().map(split)).collect()
        } else {
            let lasts = self.cursors.iter().filter_map(|cursor| cursor.run.as_ref()?.times().last());
            let limit = lasts.copied().min().unwrap_or(i64::MIN);
            let split = |run: &mut Run| run.split_front(run.times().partition_point(|t| *t <= limit));
            self.cursors.iter_mut().map(|cursor| cursor.run.as_mut().map(split)).collect()
        };
        let mut times: Vec<i64> = parts.iter().flatten().flat_map(Run::times).copied().collect();
        times.sort_unstable();
        times.dedup();
        let columns = parts.iter().map(|part| part.as_ref().map_or(Slots::Absent, |run| spread(run, &times))).collect();
        RowBatch { times: Times::Own(times), columns }
    }
}

/// A run over a longer list of times, with gaps where it has no value.
fn spread(run: &Run, times: &[i64]) -> Slots {
    let mut at = vec![None; times.len()];
    let mut row = 0;
    for (index, time) in run.times().iter().enumerate() {
        while times[row] < *time {
            row += 1;
        }
        at[row] = Some(index);
    }
    let pick = |at: &[Option<usize>]| match run.values() {
        Values::Float(v) => Column::Float(at.iter().map(|i| i.map_or(0.0, |i| v[i])).collect()),
        Values::Integer(v) => Column::Integer(at.iter().map(|i| i.map_or(0, |i| v[i])).collect()),
        Values::String(v) => {
            let empty = Text::default();
            Column::String(at.iter().map(|i| i.map_or_else(|| empty.clone(), |i| v[i].clone())).collect())
        }
        Values::Boolean(v) => Column::Boolean(at.iter().map(|i| i.is_some_and(|i| v[i])).collect()),
    };
    Slots::Some { values: pick(&at), present: at.iter().map(Option::is_some).collect() }
}

fn can_read(stored: FieldType, wanted: FieldType) -> bool {
    let is_number = |t| matches!(t, FieldType::Float | FieldType::Integer);
    stored == wanted || is_number(stored) && is_number(wanted)
}

fn read_as(batch: Arc<Batch>, wanted: FieldType) -> Arc<Batch> {
    let values = match (&batch.values, wanted) {
        (Column::Integer(v), FieldType::Float) => Column::Float(v.iter().map(|v| *v as f64).collect()),
        (Column::Float(v), FieldType::Integer) => Column::Integer(v.iter().map(|v| *v as i64).collect()),
        _ => return batch,
    };
    Arc::new(Batch { times: batch.times.clone(), values })
}
