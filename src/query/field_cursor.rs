//! The values of one field of one series: its blocks, and the part of a decoded block.
//!
//! Blocks are decoded one at a time as they are needed, so memory is bounded by one block, or by a part of one.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use fluxstone_columns::{Batch, Block, Column, NumberSummary, SeriesId, Source};
use fluxstone_model::{FieldType, Scalar, Text, TimeRange, Timestamp};

use super::budget::Reservation;
use super::column_slice::ColumnSlice;
use super::error::QueryError;
use super::execution::Execution;
use super::value::Value;

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
    pub(super) batch: Arc<Batch>,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The blocks of one field that were not read yet, and the rest of the one that was decoded last.
pub(super) struct FieldCursor {
    pub(super) blocks: VecDeque<Arc<dyn Block>>,
    pub(super) read_as: FieldType,
    pub(super) range: TimeRange,
    descending: bool,
    pub(super) rest: Option<BlockPart>,
    /// The memory of the decoded block.
    rest_bytes: usize,
}

/// Where the values of a field begin, in the order of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldEnd {
    NoValues,
    At(i64),
    Unknown,
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
    pub(super) fn get(&self, row: usize) -> Scalar<'_> {
        ColumnSlice::of(&self.batch.values).get(self.from + row)
    }

    #[inline]
    pub(super) fn cell(&self, row: usize) -> Value {
        ColumnSlice::of(&self.batch.values).cell(self.from + row)
    }

    /// Splits off the first `count` values.
    pub(super) fn split_front(&mut self, count: usize) -> BlockPart {
        let front = BlockPart { batch: self.batch.clone(), from: self.from, to: self.from + count };
        self.from += count;
        front
    }

    /// Splits off the last `count` values.
    pub(super) fn split_back(&mut self, count: usize) -> BlockPart {
        let back = BlockPart { batch: self.batch.clone(), from: self.to - count, to: self.to };
        self.to -= count;
        back
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
        FieldCursor::of(source.blocks(series, &field.name, range), field, range, descending)
    }

    /// The values in `range` of the blocks of a field.
    pub(super) fn of(
        blocks: Vec<Arc<dyn Block>>,
        field: &FieldRead,
        range: TimeRange,
        descending: bool,
    ) -> FieldCursor {
        let mut blocks = VecDeque::from(blocks);
        blocks.retain(|block| can_read(block.summary().field_type, field.read_as));
        FieldCursor { blocks, read_as: field.read_as, range, descending, rest: None, rest_bytes: 0 }
    }

    /// Returns the next block, not decoded, which may stand for several. The rest of the block before it must have been read.
    pub(super) fn next_column(&mut self) -> Option<Arc<dyn Block>> {
        if self.descending { self.blocks.pop_back() } else { self.blocks.pop_front() }
    }

    /// Puts the parts of a block back that are in the range, if it stands for several. Returns whether it does.
    pub(super) fn take_apart(&mut self, block: &dyn Block) -> Result<bool, QueryError> {
        if block.part_count() == 1 {
            return Ok(false);
        }
        let mut parts = block.parts()?;
        parts.retain(|part| part.summary().range.overlaps(self.range));
        if self.descending {
            self.blocks.extend(parts);
        } else {
            parts.into_iter().rev().for_each(|part| self.blocks.push_front(part));
        }
        Ok(true)
    }

    /// Returns the next single block, not decoded. The rest of the block before it must have been read.
    pub(super) fn next_block(&mut self) -> Result<Option<Arc<dyn Block>>, QueryError> {
        while let Some(block) = self.next_column() {
            if !self.take_apart(&*block)? {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// Whether any value is left. Decodes only blocks that reach beyond both ends of the range.
    pub(super) fn has_values(&mut self, execution: &Execution<'_>) -> Result<bool, QueryError> {
        while let Some(block) = self.next_column() {
            let TimeRange { min, max } = block.summary().range;
            let is_sure = self.range.contains(min) || self.range.contains(max);
            if is_sure {
                execution.count_summarized(1);
            }
            if is_sure || !self.take_apart(&*block)? && self.decode(&*block, execution)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Decodes the part of `block` that lies in the range, as the requested type.
    pub(super) fn decode(&self, block: &dyn Block, execution: &Execution<'_>) -> Result<Option<BlockPart>, QueryError> {
        let batch = read_as(block.decode()?, self.read_as);
        execution.count_decoded();
        let part = BlockPart::cut(batch, self.range);
        execution.count_points(part.as_ref().map_or(0, |part| part.times().len()))?;
        Ok(part)
    }

    /// Decodes the next block that has values in the range, or only its next `rows_max` rows.
    fn next_part(&mut self, rows_max: usize, execution: &Execution<'_>) -> Result<Option<BlockPart>, QueryError> {
        while let Some(block) = self.next_block()? {
            let batch = read_as(block.decode()?, self.read_as);
            execution.count_decoded();
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

    /// The time of the first value, if it is known without decoding a block.
    pub(super) fn end(&self) -> FieldEnd {
        let Some(block) = self.end_block() else { return FieldEnd::NoValues };
        let TimeRange { min, max } = block.summary().range;
        let end = if self.descending { max } else { min };
        let is_known = self.rest.is_none() && block.has_summary() && self.range.contains(end);
        if is_known { FieldEnd::At(end.0) } else { FieldEnd::Unknown }
    }

    fn end_block(&self) -> Option<&Arc<dyn Block>> {
        if self.descending { self.blocks.back() } else { self.blocks.front() }
    }

    /// The first value, which must be at the end of its block. Decodes the block if its summary has no numbers.
    pub(super) fn end_value(&mut self, execution: &Execution<'_>) -> Result<Value, QueryError> {
        let numbers = self.end_block().and_then(|block| block.summary().numbers);
        if numbers.is_some() {
            execution.count_summarized(1);
        }
        let value = match numbers {
            Some(NumberSummary::Float { first, last, .. }) => Scalar::Float(if self.descending { last } else { first }),
            Some(NumberSummary::Integer { first, last, .. }) => {
                Scalar::Integer(if self.descending { last } else { first })
            }
            None => {
                let Some(block) = self.next_block()? else { return Ok(Value::Null) };
                let batch = read_as(block.decode()?, self.read_as);
                execution.count_decoded();
                let last = batch.times.len().saturating_sub(1);
                let value = ColumnSlice::of(&batch.values).cell(if self.descending { last } else { 0 });
                if self.descending {
                    self.blocks.push_back(block);
                } else {
                    self.blocks.push_front(block);
                }
                return Ok(value);
            }
        };
        Ok(match (value, self.read_as) {
            (Scalar::Integer(value), FieldType::Float) => Value::Float(value as f64),
            (Scalar::Float(value), FieldType::Integer) => Value::Integer(value as i64),
            (value, _) => Some(value).into(),
        })
    }

    /// Leaves out values at `time`, and those that precede them in the order of the answer.
    pub(super) fn skip_to_after(&mut self, time: i64) {
        let next = if self.descending { time.checked_sub(1) } else { time.checked_add(1) };
        match next.map(Timestamp) {
            Some(next) if self.descending => self.range.max = next.min(self.range.max),
            Some(next) => self.range.min = next.max(self.range.min),
            None => self.blocks.clear(),
        }
        while self.end_block().is_some_and(|block| !block.summary().range.overlaps(self.range)) {
            self.next_column();
        }
    }

    pub(super) fn is_between_blocks(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.times().is_empty())
    }

    pub(super) fn fill(
        &mut self,
        rows_max: usize,
        memory: &mut Reservation,
        execution: &Execution<'_>,
    ) -> Result<(), QueryError> {
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

/// The memory of a batch.
fn batch_bytes(batch: &Batch) -> usize {
    size_of_val(&**batch.times) + ColumnSlice::of(&batch.values).bytes()
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
