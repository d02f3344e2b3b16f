//! Points of one series as columns: reads the blocks of its fields and aligns them by time.
//!
//! A [`RowReader`] turns the blocks of several fields into [`RowBatch`]es: times in ascending order, one column for each field,
//! and gaps where a field has no value. Blocks are decoded one at a time as they are needed, so memory is bounded by one block
//! for each field, or by a part of one if very many fields or series are read side by side. A descending query gets the batches from last to first; within a batch, times always ascend.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use fluxstone_columns::{Batch, Block, Column, SeriesId, Source, Summary};
use fluxstone_model::{FieldType, Scalar, Text, TimeRange, Timestamp};

use super::budget::Reservation;
use super::column_slice::ColumnSlice;
use super::error::QueryError;
use super::execution::Execution;
use super::result::Value;

/// A field, and the type as which its values are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FieldRead {
    pub(super) name: Text,
    /// Integers can be read as floats, and floats, truncated, as integers; values of other types are absent.
    pub(super) read_as: FieldType,
}

impl fmt::Display for FieldRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.name, self.read_as)
    }
}

/// Part of a decoded block.
#[derive(Debug, Clone)]
pub(super) struct BlockPart {
    batch: Arc<Batch>,
    from: usize,
    to: usize,
}

/// Rows of one series, in ascending order of time.
#[derive(Debug, Default)]
pub(super) struct RowBatch {
    times: Times,
    columns: Vec<Slots>,
}

#[derive(Debug)]
enum Times {
    Shared(BlockPart),
    Own(Vec<i64>),
}

/// One column of a [`RowBatch`].
#[derive(Debug)]
enum Slots {
    Absent,
    All(BlockPart),
    Some { values: Column, present: Vec<bool> },
}

/// Reads the fields of one series side by side.
pub(super) struct RowReader {
    cursors: Vec<FieldCursor>,
    descending: bool,
    /// The maximum number of rows that each field keeps decoded.
    rows_max: usize,
    memory: Reservation,
    /// The part of the memory that the rows take which were returned last.
    batch_bytes: usize,
}

/// The memory of one field of a reader, without its blocks.
const CURSOR_BYTES: usize = size_of::<FieldCursor>();
/// The memory of a block, without its values.
const BLOCK_BYTES: usize = size_of::<Summary>() + 64;
/// The maximum number of cells in rows with gaps.
const MERGED_CELLS_MAX: usize = 1 << 18;
/// The memory of a cell in rows with gaps.
const MERGED_CELL_BYTES: usize = size_of::<Text>() + 1;

/// The blocks of one field that were not read yet, and the rest of the one that was decoded last.
pub(super) struct FieldCursor {
    blocks: VecDeque<Arc<dyn Block>>,
    read_as: FieldType,
    range: TimeRange,
    descending: bool,
    rest: Option<BlockPart>,
    /// The memory of the decoded block.
    rest_bytes: usize,
}

impl BlockPart {
    /// Returns the part of a batch that lies in `range`, or `None` if it is empty.
    fn cut(batch: Arc<Batch>, range: TimeRange) -> Option<BlockPart> {
        let from = batch.times.partition_point(|t| Timestamp(*t) < range.min);
        let to = batch.times.partition_point(|t| Timestamp(*t) <= range.max);
        (from < to).then_some(BlockPart { batch, from, to })
    }

    pub(super) fn times(&self) -> &[i64] {
        &self.batch.times[self.from..self.to]
    }

    pub(super) fn values(&self) -> ColumnSlice<'_> {
        ColumnSlice::of(&self.batch.values).part(self.from, self.to)
    }

    /// The memory of a copy of the part.
    pub(super) fn bytes(&self) -> usize {
        self.values().bytes() + size_of_val(self.times())
    }

    /// Copies the part.
    pub(super) fn to_batch(&self) -> Batch {
        Batch { times: Arc::new(self.times().to_vec()), values: self.values().pick(0..self.to - self.from) }
    }

    #[inline]
    fn get(&self, row: usize) -> Scalar<'_> {
        ColumnSlice::of(&self.batch.values).get(self.from + row)
    }

    #[inline]
    fn cell(&self, row: usize) -> Value {
        ColumnSlice::of(&self.batch.values).cell(self.from + row)
    }

    /// Splits off the first `count` values.
    fn split_front(&mut self, count: usize) -> BlockPart {
        let front = BlockPart { batch: self.batch.clone(), from: self.from, to: self.from + count };
        self.from += count;
        front
    }

    /// Splits off the last `count` values.
    fn split_back(&mut self, count: usize) -> BlockPart {
        let back = BlockPart { batch: self.batch.clone(), from: self.to - count, to: self.to };
        self.to -= count;
        back
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
            Times::Shared(part) => part.times(),
            Times::Own(times) => times,
        }
    }

    /// The value of a column in a row, if there is one.
    #[inline]
    pub(super) fn get(&self, column: usize, row: usize) -> Option<Scalar<'_>> {
        match &self.columns[column] {
            Slots::All(part) => Some(part.get(row)),
            Slots::Some { values, present } if present[row] => Some(ColumnSlice::of(values).get(row)),
            Slots::Absent | Slots::Some { .. } => None,
        }
    }

    /// The value of a column in a row as a cell, null if there is none. Strings share their bytes.
    #[inline]
    pub(super) fn cell(&self, column: usize, row: usize) -> Value {
        match &self.columns[column] {
            Slots::All(part) => part.cell(row),
            Slots::Some { values, present } if present[row] => ColumnSlice::of(values).cell(row),
            Slots::Absent | Slots::Some { .. } => Value::Null,
        }
    }

    /// A batch with a single row that has no values.
    pub(super) fn empty_row(time: i64, columns: usize) -> RowBatch {
        RowBatch { times: Times::Own(vec![time]), columns: (0..columns).map(|_| Slots::Absent).collect() }
    }

    /// Copies the times and values of a column in chosen rows, all of which must have a value.
    pub(super) fn gather(&self, column: usize, rows: &[u32]) -> (Vec<i64>, Column) {
        let times = self.times();
        let chosen = rows.iter().map(|row| *row as usize);
        let values = match &self.columns[column] {
            Slots::Absent => Column::Float(vec![0.0; rows.len()]),
            Slots::All(part) => part.values().pick(chosen),
            Slots::Some { values, .. } => ColumnSlice::of(values).pick(chosen),
        };
        (rows.iter().map(|row| times[*row as usize]).collect(), values)
    }

    /// The values of a column that has one in every row.
    pub(super) fn dense(&self, column: usize) -> Option<ColumnSlice<'_>> {
        match &self.columns[column] {
            Slots::All(part) => Some(part.values()),
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
        FieldCursor { blocks, read_as: field.read_as, range, descending, rest: None, rest_bytes: 0 }
    }

    /// Returns the next block, not decoded. The rest of the block before it must have been read.
    pub(super) fn next_block(&mut self) -> Option<Arc<dyn Block>> {
        if self.descending { self.blocks.pop_back() } else { self.blocks.pop_front() }
    }

    /// Whether any value is left. Decodes only blocks that reach beyond both ends of the range.
    pub(super) fn has_values(&mut self, execution: &Execution<'_>) -> Result<bool, QueryError> {
        while let Some(block) = self.next_block() {
            let TimeRange { min, max } = block.summary().range;
            if self.range.contains(min) || self.range.contains(max) || self.decode(&*block, execution)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Decodes the part of `block` that lies in the range, as the requested type.
    pub(super) fn decode(&self, block: &dyn Block, execution: &Execution<'_>) -> Result<Option<BlockPart>, QueryError> {
        let batch = read_as(block.decode()?, self.read_as);
        let part = BlockPart::cut(batch, self.range);
        execution.count_points(part.as_ref().map_or(0, |part| part.times().len()))?;
        Ok(part)
    }

    /// Decodes the next block that has values in the range, or only its next `rows_max` rows.
    fn next_part(&mut self, rows_max: usize, execution: &Execution<'_>) -> Result<Option<BlockPart>, QueryError> {
        while let Some(block) = self.next_block() {
            let batch = read_as(block.decode()?, self.read_as);
            let is_long = batch.times.len() > rows_max;
            let part = BlockPart::cut(batch, self.range);
            let part = if is_long { part.map(|part| self.few_rows(part, block, rows_max)) } else { part };
            execution.count_points(part.as_ref().map_or(0, |part| part.times().len()))?;
            if part.is_some() {
                return Ok(part);
            }
        }
        Ok(None)
    }

    /// Copies the next `rows_max` rows of a part of `block`. If there are more, the block is decoded again later.
    fn few_rows(&mut self, mut part: BlockPart, block: Arc<dyn Block>, rows_max: usize) -> BlockPart {
        if part.times().len() > rows_max {
            if self.descending {
                part = part.split_back(rows_max);
                self.range.max = Timestamp(part.times()[0] - 1);
                self.blocks.push_back(block);
            } else {
                part = part.split_front(rows_max);
                self.range.min = Timestamp(part.times()[rows_max - 1] + 1);
                self.blocks.push_front(block);
            }
        }
        let batch = Arc::new(part.to_batch());
        BlockPart { from: 0, to: batch.times.len(), batch }
    }

    fn is_between_blocks(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.times().is_empty())
    }

    fn fill(&mut self, rows_max: usize, memory: &mut Reservation, execution: &Execution<'_>) -> Result<(), QueryError> {
        if self.is_between_blocks() {
            memory.shrink(std::mem::take(&mut self.rest_bytes));
            self.rest = self.next_part(rows_max, execution)?;
            let bytes = self.rest.as_ref().map_or(0, |rest| batch_bytes(&rest.batch));
            memory.grow(bytes)?;
            self.rest_bytes = bytes;
        }
        Ok(())
    }
}

impl RowReader {
    /// Reads `fields` of one series in `range`. `beside` is the number of such readers that are used at the same time.
    pub(super) fn new(
        source: &dyn Source,
        series: SeriesId,
        fields: &[FieldRead],
        range: TimeRange,
        descending: bool,
        beside: usize,
        execution: &Execution<'_>,
    ) -> Result<RowReader, QueryError> {
        let mut memory = execution.reserve();
        let mut cursors = Vec::with_capacity(fields.len());
        for field in fields {
            let cursor = FieldCursor::new(source, series, field, range, descending);
            let blocks = cursor.blocks.iter().map(|block| BLOCK_BYTES + block.memory());
            memory.grow(CURSOR_BYTES + blocks.sum::<usize>())?;
            cursors.push(cursor);
        }
        let rows_max = execution.decoded_rows_max(fields.len().saturating_mul(beside));
        Ok(RowReader { cursors, descending, rows_max, memory, batch_bytes: 0 })
    }

    /// The reservation of the reader, to charge what belongs to it.
    pub(super) fn memory(&mut self) -> &mut Reservation {
        &mut self.memory
    }

    /// Whether the rows so far have used up all blocks that were decoded.
    pub(super) fn is_between_blocks(&self) -> bool {
        self.cursors.iter().all(FieldCursor::is_between_blocks)
    }

    /// Returns the next rows: later ones, or earlier ones if the reader descends.
    pub(super) fn next_batch(&mut self, execution: &Execution<'_>) -> Result<Option<RowBatch>, QueryError> {
        self.memory.shrink(std::mem::take(&mut self.batch_bytes));
        for cursor in &mut self.cursors {
            cursor.fill(self.rows_max, &mut self.memory, execution)?;
        }
        if self.cursors.iter().all(|cursor| cursor.rest.is_none()) {
            return Ok(None);
        }
        let (batch, cells) = if let Some(batch) = self.aligned_rows() {
            (batch, 0)
        } else {
            let times = self.merged_times();
            let cells = times.len() * self.cursors.len();
            self.memory.grow(cells * MERGED_CELL_BYTES)?;
            (self.merged_rows(times), cells)
        };
        // The reader's user keeps a list of the rows.
        let bytes = cells * MERGED_CELL_BYTES + batch.times().len() * size_of::<u32>();
        self.memory.grow(bytes - cells * MERGED_CELL_BYTES)?;
        self.batch_bytes = bytes;
        Ok(Some(batch))
    }

    /// Returns rows in which every field that has values has one in each row. This is the usual case and copies nothing.
    fn aligned_rows(&mut self) -> Option<RowBatch> {
        let descending = self.descending;
        let live = || self.cursors.iter().filter_map(|cursor| cursor.rest.as_ref());
        let count = live().map(|rest| rest.times().len()).min()?;
        let rows = |rest: &BlockPart| if descending { rest.to - count..rest.to } else { rest.from..rest.from + count };
        let mut rests = live();
        let first = rests.next()?;
        let has_times_of_first = |rest: &BlockPart| {
            let is_shared = Arc::ptr_eq(&rest.batch.times, &first.batch.times) && rows(rest) == rows(first);
            is_shared || rest.batch.times[rows(rest)] == first.batch.times[rows(first)]
        };
        if !rests.all(has_times_of_first) {
            return None;
        }
        let mut times = None;
        let columns = self
            .cursors
            .iter_mut()
            .map(|cursor| {
                let Some(rest) = &mut cursor.rest else { return Slots::Absent };
                let split = if descending { rest.split_back(count) } else { rest.split_front(count) };
                times.get_or_insert_with(|| split.clone());
                Slots::All(split)
            })
            .collect();
        Some(RowBatch { times: Times::Shared(times?), columns })
    }

    /// The times of the next rows with gaps: up to the end of the decoded block that ends first, and no more than fit in memory.
    fn merged_times(&self) -> Vec<i64> {
        let rows_max = (MERGED_CELLS_MAX / self.cursors.len()).min(self.rows_max).max(1);
        let rests = || self.cursors.iter().filter_map(|cursor| Some(cursor.rest.as_ref()?.times()));
        let mut times: Vec<i64> = if self.descending {
            let firsts = rests().filter_map(|times| times.get(times.len().saturating_sub(rows_max)));
            let limit = firsts.copied().max().unwrap_or(i64::MAX);
            rests().flat_map(|times| &times[times.partition_point(|t| *t < limit)..]).copied().collect()
        } else {
            let lasts = rests().filter_map(|times| times.get(rows_max.min(times.len()).checked_sub(1)?));
            let limit = lasts.copied().min().unwrap_or(i64::MIN);
            rests().flat_map(|times| &times[..times.partition_point(|t| *t <= limit)]).copied().collect()
        };
        times.sort_unstable();
        times.dedup();
        if self.descending {
            times.drain(..times.len().saturating_sub(rows_max));
        } else {
            times.truncate(rows_max);
        }
        times
    }

    /// Returns rows with gaps at the given times, which are the next ones.
    fn merged_rows(&mut self, times: Vec<i64>) -> RowBatch {
        let descending = self.descending;
        let split = |rest: &mut BlockPart| {
            if descending {
                let kept = times.first().map_or(0, |first| rest.times().partition_point(|t| t < first));
                rest.split_back(rest.times().len() - kept)
            } else {
                let taken = times.last().map_or(0, |last| rest.times().partition_point(|t| t <= last));
                rest.split_front(taken)
            }
        };
        let parts = self.cursors.iter_mut().map(|cursor| cursor.rest.as_mut().map(split));
        let columns = parts.map(|part| part.map_or(Slots::Absent, |part| spread(&part, &times))).collect();
        RowBatch { times: Times::Own(times), columns }
    }
}

/// The memory of a batch.
fn batch_bytes(batch: &Batch) -> usize {
    size_of_val(&**batch.times) + ColumnSlice::of(&batch.values).bytes()
}

/// Spreads values over a longer list of times, with gaps where there is no value.
fn spread(part: &BlockPart, times: &[i64]) -> Slots {
    let mut at = vec![None; times.len()];
    let mut row = 0;
    for (index, time) in part.times().iter().enumerate() {
        while times[row] < *time {
            row += 1;
        }
        at[row] = Some(index);
    }
    Slots::Some { values: part.values().pick_or_default(&at), present: at.iter().map(Option::is_some).collect() }
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
