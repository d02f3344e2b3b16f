//! Rows of an inner query of points, as blocks that an outer query reads: those of each series in slices of neighbours.
//!
//! Memory is bounded: when slices hold many values together, further ones are only counted, and computed again when somebody reads
//! them.

use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::{Batch, Block, SourceError, Summary};
use fluxstone_model::TimeRange;

use super::cursor::SeriesCursor;
use super::execution::Execution;
use super::groups::Group;
use super::plan::{Plan, PointPlan, Projection};
use super::point_expr::PointExpr;
use super::subquery::{AnswerBlock, Blocks, batch};
use super::{Context, QueryError, Value};

/// A slice ends when it has so many rows, if memory for so many values is allowed, and with the blocks that its rows are of: so
/// slices of slices are not computed twice.
const SLICE_ROWS: usize = 8192;
/// It ends anyhow when it has this many times as many.
const SLICE_FACTOR: usize = 4;
/// Slices may keep this many times [`Context::window_values_max`] values.
const KEPT_FACTOR: usize = 4;

/// A query of points that keeps its series apart.
pub(super) struct InnerRows {
    pub(super) plan: Plan,
    /// Of one series each.
    pub(super) groups: Vec<Group>,
    pub(super) context: Context,
}

/// Makes the blocks of the columns of an answer.
pub(super) struct Slicer {
    rows: Arc<InnerRows>,
    values_kept: usize,
}

/// Neighbouring rows of one series: their times, and their cells without these.
#[derive(Default)]
struct Slice {
    times: Vec<i64>,
    cells: Vec<Value>,
}

/// The values of a column in a slice that is not kept.
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
    /// Whether the cursor has a batch that was not taken.
    has_batch: bool,
}

impl Slicer {
    pub(super) fn new(rows: InnerRows) -> Slicer {
        Slicer { rows: Arc::new(rows), values_kept: 0 }
    }

    pub(super) fn rows(&self) -> &Arc<InnerRows> {
        &self.rows
    }

    /// The blocks of each column of a group; `None` without rows.
    pub(super) fn blocks(
        &mut self,
        group: usize,
        execution: &Execution<'_>,
    ) -> Result<Option<Vec<Blocks>>, QueryError> {
        let values_max = self.rows.context.window_values_max;
        let (slice_rows, kept_max) = (SLICE_ROWS.min(values_max).max(1), values_max.saturating_mul(KEPT_FACTOR));
        let Some(mut reader) = self.rows.reader(group, self.rows.plan.range, execution)? else { return Ok(None) };
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
        let mut cursor = SeriesCursor::new(&self.plan, member, reads, range, false)?;
        let outputs = outputs.iter().map(|output| output.of_series(&member.series.key)).collect();
        let has_batch = cursor.next_batch(execution)?;
        Ok(has_batch.then_some(SliceReader { cursor, outputs, has_batch }))
    }
}

impl SliceReader {
    /// The next rows, about so many; none at the end.
    fn next_slice(&mut self, rows: usize, execution: &Execution<'_>) -> Result<Slice, QueryError> {
        let mut slice = Slice::default();
        while self.has_batch {
            self.cursor.for_each(|time, point| {
                slice.times.push(time);
                slice.cells.extend(self.outputs.iter().map(|output| output.eval(point).to_value()));
            });
            let is_cut_clean = self.cursor.is_last_of_blocks();
            self.has_batch = self.cursor.next_batch(execution)?;
            let taken = slice.times.len();
            if taken >= rows && is_cut_clean || taken >= rows.saturating_mul(SLICE_FACTOR) {
                break;
            }
        }
        Ok(slice)
    }
}

impl Slice {
    /// The rows with their times.
    fn rows(&self) -> Vec<(i64, &[Value])> {
        let width = self.cells.len().checked_div(self.times.len()).unwrap_or(0).max(1);
        self.times.iter().copied().zip(self.cells.chunks(width)).collect()
    }
}

impl Block for SliceBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        // Whoever reads blocks asks between them whether to go on, and has counted the points.
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
            Ok(None) => Err(SourceError("an inner query gave other rows when it was run again".to_owned())),
            Err(QueryError::Source(error)) => Err(error),
            Err(error) => Err(SourceError(error.to_string())),
        }
    }
}
