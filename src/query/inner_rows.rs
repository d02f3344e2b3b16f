//! Rows of an inner query of points, as blocks that the outer query reads. The rows of each series are cut into slices.
//!
//! Memory is bounded: once the slices hold many values together, further slices are not kept but computed again when they are
//! read.

use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::{Batch, Block, SourceError, Summary};
use fluxstone_model::TimeRange;

use super::answer_source::{AnswerBlock, Blocks, TimedCells, batch};
use super::budget::Reservation;
use super::column_slice::ColumnSlice;
use super::context::Context;
use super::cursor::SeriesCursor;
use super::error::QueryError;
use super::execution::Execution;
use super::groups::Group;
use super::plan::{Plan, PointPlan, Projection};
use super::point_expr::PointExpr;
use super::value::Value;

/// A slice ends when it has this many rows (or fewer, if the memory limit is lower) and its rows end together with the blocks
/// that they come from, so that slices of slices are not computed twice.
const SLICE_ROWS: usize = 8192;
/// A slice ends in any case when it has this many times as many rows.
const SLICE_FACTOR: usize = 4;
/// A slice also ends when it has this many cells and its rows end with their blocks.
const SLICE_CELLS: usize = 1 << 18;
/// The memory of a cell of a slice, and of its copy in a block.
const ROW_CELL_BYTES: usize = size_of::<Value>() + 24;
/// The memory of a row of a slice besides its cells.
const ROW_BYTES: usize = 32;
/// Slices may keep this many times [`Context::window_values_max`] values in memory.
const KEPT_FACTOR: usize = 4;

/// A query of points that keeps its series apart.
pub(super) struct InnerRows {
    pub(super) plan: Plan,
    /// One for each series.
    pub(super) groups: Vec<Group>,
    pub(super) context: Context,
    /// The memory of the groups.
    pub(super) _memory: Reservation,
}

/// Turns the rows of an inner query into blocks.
pub(super) struct Slicer {
    rows: Arc<InnerRows>,
    values_kept: usize,
}

/// Neighbouring rows of one series: their times and their other cells.
#[derive(Default)]
struct Slice {
    times: Vec<i64>,
    cells: Vec<Value>,
}

/// The values of a column in a slice that is not kept in memory.
struct SliceBlock {
    rows: Arc<InnerRows>,
    group: usize,
    column: usize,
    summary: Summary,
}

/// Reads the rows of one series.
struct SliceReader {
    cursor: SeriesCursor,
    outputs: Vec<PointExpr>,
    /// Whether the cursor has a batch that was not taken yet.
    has_batch: bool,
    /// The memory of the slice that was returned last.
    memory: Reservation,
}

impl Slicer {
    pub(super) fn new(rows: InnerRows) -> Slicer {
        Slicer { rows: Arc::new(rows), values_kept: 0 }
    }

    pub(super) fn rows(&self) -> &Arc<InnerRows> {
        &self.rows
    }

    /// Returns the blocks of each column of a group, or `None` if it has no rows.
    pub(super) fn blocks(
        &mut self,
        group: usize,
        execution: &Execution<'_>,
        memory: &mut Reservation,
    ) -> Result<Option<Vec<Blocks>>, QueryError> {
        let values_max = self.rows.context.window_values_max;
        let (slice_rows, kept_max) = (SLICE_ROWS.min(values_max).max(1), values_max.saturating_mul(KEPT_FACTOR));
        let Some(mut reader) = self.rows.reader(group, self.rows.plan.range, execution)? else { return Ok(None) };
        let slice_rows = slice_rows.min(SLICE_CELLS / reader.outputs.len().max(1)).max(1);
        let mut columns: Vec<Blocks> = vec![Vec::new(); reader.outputs.len()];
        loop {
            let slice = reader.next_slice(slice_rows, execution)?;
            if slice.times.is_empty() {
                return Ok(Some(columns));
            }
            let rows = slice.rows();
            for (column, blocks) in columns.iter_mut().enumerate() {
                let Some(batch) = batch(&rows, column) else { continue };
                let block = AnswerBlock(Arc::new(batch));
                if self.values_kept < kept_max {
                    self.values_kept += block.0.times.len();
                    memory.grow(ColumnSlice::of(&block.0.values).bytes() + size_of_val(&**block.0.times))?;
                    blocks.push(Arc::new(block));
                } else {
                    let summary = block.summary();
                    blocks.push(Arc::new(SliceBlock { rows: self.rows.clone(), group, column, summary }));
                }
            }
        }
    }
}

impl InnerRows {
    fn reader(
        &self,
        group: usize,
        range: TimeRange,
        execution: &Execution<'_>,
    ) -> Result<Option<SliceReader>, QueryError> {
        let Projection::Points(PointPlan { reads, outputs }) = &self.plan.projection else { return Ok(None) };
        let Some(member) = self.groups[group].series.first().filter(|_| reads.selected > 0) else { return Ok(None) };
        let mut cursor = SeriesCursor::new(&self.plan, member, reads, range, false, 1, execution)?;
        let outputs = outputs.iter().map(|output| output.of_series(&member.series.key)).collect();
        let has_batch = cursor.next_batch(execution)?;
        Ok(has_batch.then_some(SliceReader { cursor, outputs, has_batch, memory: execution.reserve() }))
    }
}

impl SliceReader {
    /// Returns about `rows` more rows, or an empty slice at the end.
    fn next_slice(&mut self, rows: usize, execution: &Execution<'_>) -> Result<Slice, QueryError> {
        let mut slice = Slice::default();
        self.memory.resize(0)?;
        while self.has_batch {
            // The rows are copied once more when they become blocks.
            self.memory.grow(self.cursor.len() * (self.outputs.len() * ROW_CELL_BYTES + ROW_BYTES))?;
            self.cursor.for_each(|time, point| {
                slice.times.push(time);
                slice.cells.extend(self.outputs.iter().map(|output| output.cell(point)));
            });
            let ends_with_blocks = self.cursor.is_last_of_blocks();
            self.has_batch = self.cursor.next_batch(execution)?;
            let taken = slice.times.len();
            if taken >= rows && ends_with_blocks || taken >= rows.saturating_mul(SLICE_FACTOR) {
                break;
            }
        }
        Ok(slice)
    }
}

impl Slice {
    /// The rows with their times.
    fn rows(&self) -> Vec<TimedCells<'_>> {
        let width = self.cells.len().checked_div(self.times.len()).unwrap_or(0).max(1);
        self.times.iter().copied().zip(self.cells.chunks(width)).collect()
    }
}

impl Block for SliceBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        // The reader of the block has counted the points, and asks between blocks whether to go on.
        let mut go_on = |_| ControlFlow::Continue(());
        let execution = Execution::new(&self.rows.context, &mut go_on);
        let column = execution.without_counting(|| {
            let reader = self.rows.reader(self.group, self.summary.range, &execution)?;
            let slice =
                reader.map_or_else(|| Ok(Slice::default()), |mut reader| reader.next_slice(usize::MAX, &execution))?;
            Ok(batch(&slice.rows(), self.column))
        });
        match column {
            Ok(Some(batch)) => Ok(Arc::new(batch)),
            Ok(None) => Err(SourceError("an inner query returned different rows when it was run again".to_owned())),
            Err(QueryError::Source(error)) => Err(error),
            Err(error) => Err(SourceError(error.to_string())),
        }
    }
}
