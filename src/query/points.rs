//! Points of one series as columns: reads the blocks of its fields and aligns them by time.
//!
//! A [`RowReader`] turns the blocks of several fields into [`RowBatch`]es: times in ascending order, one column for each field,
//! and gaps where a field has no value. Memory is bounded by one decoded block for each field, or by a part of one if very many
//! fields or series are read side by side. A descending query gets the batches from last to first; within a batch, times always ascend.

use std::sync::Arc;

use fluxstone_columns::{SeriesId, Source, Summary};
use fluxstone_model::{Text, TimeRange};
use smallvec::SmallVec;

use super::budget::Reservation;
use super::error::QueryError;
use super::execution::Execution;
use super::field_cursor::{BlockPart, FieldCursor, FieldEnd, FieldRead};
use super::point_expr::PointExpr;
use super::pruning::{NumberTest, leave_out};
use super::row_batch::{RowBatch, Slots, Times};
use super::value::Value;

/// Reads the fields of one series side by side.
pub(super) struct RowReader {
    cursors: Vec<FieldCursor>,
    descending: bool,
    /// The maximum number of rows that each field keeps decoded.
    rows_max: usize,
    memory: Reservation,
    /// The part of the memory that the rows take which were returned last.
    batch_bytes: usize,
    /// Whether to return the first row on its own, if it is known without the others.
    end_row_is_next: bool,
}

/// The memory of one field of a reader, without its blocks.
const CURSOR_BYTES: usize = size_of::<FieldCursor>();
/// The memory of a block, without its values.
const BLOCK_BYTES: usize = size_of::<Summary>() + 64;
/// The maximum number of cells in rows with gaps.
const MERGED_CELLS_MAX: usize = 1 << 18;
/// The memory of a cell in rows with gaps.
const MERGED_CELL_BYTES: usize = size_of::<Text>() + 1;

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
        let names: SmallVec<[&[u8]; 16]> = fields.iter().map(|field| field.name.as_bytes()).collect();
        for (field, blocks) in fields.iter().zip(source.blocks_of_fields(series, &names, range)) {
            let cursor = FieldCursor::of(blocks, field, range, descending);
            let blocks = cursor.blocks.iter().map(|block| block.part_count() * BLOCK_BYTES + block.memory());
            memory.grow(CURSOR_BYTES + blocks.sum::<usize>())?;
            cursors.push(cursor);
        }
        let rows_max = execution.decoded_rows_max(fields.len().saturating_mul(beside));
        Ok(RowReader { cursors, descending, rows_max, memory, batch_bytes: 0, end_row_is_next: false })
    }

    /// Makes the first batch a single row if summaries tell its values, so that a reader of which only that row is wanted decodes
    /// nothing.
    pub(super) fn begin_with_end_row(&mut self) {
        self.end_row_is_next = true;
    }

    /// Leaves out blocks without points that satisfy `condition`, unless points that are read are to be counted. No row may have been
    /// read yet.
    pub(super) fn leave_out(&mut self, condition: &PointExpr, execution: &Execution<'_>) -> Result<(), QueryError> {
        if execution.context.limits.points_max > 0 {
            return Ok(());
        }
        NumberTest::all_of(condition).iter().try_for_each(|test| leave_out(&mut self.cursors, test))
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
        if std::mem::take(&mut self.end_row_is_next)
            && let Some(row) = self.end_row(execution)?
        {
            return Ok(Some(row));
        }
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

    /// Takes the first row off, if its time is known without decoding a block.
    fn end_row(&mut self, execution: &Execution<'_>) -> Result<Option<RowBatch>, QueryError> {
        let ends: SmallVec<[FieldEnd; 16]> = self.cursors.iter().map(FieldCursor::end).collect();
        let times = ends.iter().filter_map(|end| if let FieldEnd::At(time) = end { Some(*time) } else { None });
        let first = if self.descending { times.max() } else { times.min() };
        let Some(time) = first.filter(|_| !ends.contains(&FieldEnd::Unknown)) else { return Ok(None) };
        let first = FieldEnd::At(time);
        let bytes = ends.len() * size_of::<Slots>() + size_of::<i64>();
        self.memory.grow(bytes)?;
        self.batch_bytes = bytes;
        execution.count_points(ends.iter().filter(|end| **end == first).count())?;
        let mut columns = Vec::with_capacity(ends.len());
        for (cursor, end) in self.cursors.iter_mut().zip(ends) {
            let value = if end == first { Some(cursor.end_value(execution)?) } else { None };
            let text_bytes = value.as_ref().map_or(0, Value::text_bytes);
            self.memory.grow(text_bytes)?;
            self.batch_bytes += text_bytes;
            columns.push(value.map_or(Slots::Absent, Slots::One));
            cursor.skip_to_after(time);
        }
        Ok(Some(RowBatch { times: Times::Own(vec![time]), columns }))
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
