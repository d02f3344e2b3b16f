//! The rows of a series in the order of time, as sealing and queries of several fields need them: sorted once for all fields, which
//! share their times.
//!
//! Invariant: the times of all blocks together are strictly ascending, and of several rows with one time only the last that was
//! written is left. So only series whose rows all have the same layout can be sorted.

use std::sync::Arc;

use fluxstone_columns::{Batch, Block, SourceError, Summary};
use fluxstone_model::{FieldType, TimeRange, Timestamp};
use smallvec::SmallVec;

use super::layout::Layout;
use super::row_chunk::{RowChunk, Run, times_of, values_of};
use super::row_series::RowSeries;
use crate::record::FieldId;
use crate::segment::BLOCK_VALUES_MAX;

/// The rows of a series in the order of time.
#[derive(Debug)]
pub(super) struct SortedRows {
    series: Arc<RowSeries>,
    layout: Arc<Layout>,
    blocks: SmallVec<[Arc<BlockRows>; 1]>,
}

/// The rows of a block, which all fields have.
#[derive(Debug)]
struct BlockRows {
    times: Arc<Vec<i64>>,
    runs: Runs,
}

/// Rows in order.
type Runs = SmallVec<[ChunkRun; 2]>;

/// Consecutive rows of a chunk.
#[derive(Debug, Clone, Copy)]
struct ChunkRun {
    chunk: u32,
    first: u32,
    rows: u32,
}

/// The values of one field in consecutive rows, which are copied when they are asked for.
#[derive(Debug)]
struct SortedBlock {
    series: Arc<RowSeries>,
    rows: Arc<BlockRows>,
    /// The position of the field in the layout.
    at: usize,
    summary: Summary,
}

impl SortedRows {
    /// Sorts the rows of a series; those outside `range` may be left out. `None` if they do not all have the same layout.
    pub(super) fn of(series: &Arc<RowSeries>, range: TimeRange) -> Option<SortedRows> {
        let mut chunks = series.chunks_of_rows().filter(|chunk| !chunk.is_empty());
        let layout = chunks.next()?.layout().clone();
        let is_same = |chunk: &RowChunk| Arc::ptr_eq(chunk.layout(), &layout) || chunk.layout().tags() == layout.tags();
        if !series.has_only_rows() || !chunks.all(is_same) {
            return None;
        }
        let blocks = blocks(series, &sorted_runs(series, range));
        Some(SortedRows { series: series.clone(), layout, blocks })
    }

    /// The fields in order.
    pub(super) fn fields(&self) -> SmallVec<[FieldId; 16]> {
        let mut fields: SmallVec<[FieldId; 16]> = self.layout.tags().iter().map(|tag| tag.field()).collect();
        fields.sort_unstable();
        fields
    }

    /// Returns the values of a field in blocks, which copy them when they are asked for.
    pub(super) fn blocks(&self, field: FieldId) -> impl Iterator<Item = Arc<dyn Block>> {
        self.find(field).into_iter().flat_map(move |(at, field_type)| {
            let block = move |rows| {
                let block = SortedBlock::new(&self.series, rows, at, field_type)?;
                Some(Arc::new(block) as Arc<dyn Block>)
            };
            self.blocks.iter().filter_map(block)
        })
    }

    /// Returns the values of a field.
    pub(super) fn batches(&self, field: FieldId) -> impl Iterator<Item = Batch> {
        self.find(field).into_iter().flat_map(move |(at, field_type)| {
            self.blocks.iter().map(move |rows| rows.batch(&self.series, at, field_type))
        })
    }

    /// Returns the position of a field in the layout, and its type.
    fn find(&self, field: FieldId) -> Option<(usize, FieldType)> {
        let at = self.layout.position(field)?;
        Some((at, self.layout.tags().get(at)?.field_type()))
    }
}

/// Whether the chunks are in the order of time.
pub(super) fn is_ordered(series: &RowSeries) -> bool {
    let mut last = None;
    series.chunks_of_rows().filter(|chunk| !chunk.is_empty()).all(|chunk| {
        let TimeRange { min, max } = chunk.range();
        let follows = last.replace(max).is_none_or(|last| last < min);
        follows && chunk.is_ordered()
    })
}

/// Returns the last row of each time, in the order of time. Only chunks whose times overlap are sorted together.
fn sorted_runs(series: &RowSeries, range: TimeRange) -> Runs {
    let numbered = (0..).zip(series.chunks_of_rows());
    let mut chunks: Vec<(u32, &RowChunk)> =
        numbered.filter(|(_, chunk)| !chunk.is_empty() && chunk.range().overlaps(range)).collect();
    // Stable, so chunks that begin with the same time stay in the order in which they were written.
    chunks.sort_by_key(|(_, chunk)| chunk.range().min);
    let mut runs = Runs::new();
    let mut rest = &mut chunks[..];
    while let Some((_, first)) = rest.first() {
        let mut end = first.range().max;
        let follow = rest.iter().skip(1).take_while(|(_, chunk)| {
            let overlaps = chunk.range().min <= end;
            end = end.max(chunk.range().max);
            overlaps
        });
        let len = 1 + follow.count();
        let (together, after) = rest.split_at_mut(len);
        match together {
            [(number, chunk)] if chunk.is_ordered() => {
                runs.push(ChunkRun { chunk: *number, first: 0, rows: chunk.rows() as u32 });
            }
            _ => {
                together.sort_unstable_by_key(|(number, _)| *number);
                push_sorted(together, &mut runs);
            }
        }
        rest = after;
    }
    runs
}

/// Sorts the rows of chunks, given in the order in which they were written.
fn push_sorted(chunks: &[(u32, &RowChunk)], runs: &mut Runs) {
    let mut all: Vec<(i64, u32, u32)> = Vec::with_capacity(chunks.iter().map(|(_, chunk)| chunk.rows()).sum());
    for (number, chunk) in chunks {
        all.extend(Run::all(chunk).times().zip(0..).map(|(time, row)| (time, *number, row)));
    }
    all.sort_by_key(|(time, ..)| *time); // stable, so rows of the same time stay in the order in which they were written
    for (at, &(time, chunk, row)) in all.iter().enumerate() {
        if all.get(at + 1).is_some_and(|next| next.0 == time) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.chunk == chunk && run.first + run.rows == row => run.rows += 1,
            _ => runs.push(ChunkRun { chunk, first: row, rows: 1 }),
        }
    }
}

/// Splits rows into blocks.
fn blocks(series: &RowSeries, runs: &Runs) -> SmallVec<[Arc<BlockRows>; 1]> {
    let mut blocks = SmallVec::new();
    let (mut block, mut len) = (Runs::new(), 0);
    for run in runs {
        let mut left = *run;
        while left.rows > 0 {
            let rows = left.rows.min((BLOCK_VALUES_MAX - len) as u32);
            block.push(ChunkRun { rows, ..left });
            len += rows as usize;
            (left.first, left.rows) = (left.first + rows, left.rows - rows);
            if len == BLOCK_VALUES_MAX {
                blocks.push(Arc::new(BlockRows::new(series, std::mem::take(&mut block), len)));
                len = 0;
            }
        }
    }
    if len > 0 {
        blocks.push(Arc::new(BlockRows::new(series, block, len)));
    }
    blocks
}

fn resolve<'s>(series: &'s RowSeries, runs: &'s Runs) -> impl Iterator<Item = Run<'s>> {
    runs.iter().filter_map(|run| {
        Some(Run { chunk: series.chunk(run.chunk)?, first: run.first as usize, rows: run.rows as usize })
    })
}

impl BlockRows {
    fn new(series: &RowSeries, runs: Runs, len: usize) -> BlockRows {
        BlockRows { times: Arc::new(times_of(resolve(series, &runs), len)), runs }
    }

    /// Copies the values at a position of the layout.
    fn batch(&self, series: &RowSeries, at: usize, field_type: FieldType) -> Batch {
        let runs = resolve(series, &self.runs).map(|run| (run, at));
        Batch { times: self.times.clone(), values: values_of(runs, field_type, self.times.len()) }
    }
}

impl SortedBlock {
    fn new(series: &Arc<RowSeries>, rows: &Arc<BlockRows>, at: usize, field_type: FieldType) -> Option<SortedBlock> {
        let range = TimeRange { min: Timestamp(*rows.times.first()?), max: Timestamp(*rows.times.last()?) };
        let summary = Summary { range, count: rows.times.len() as u32, field_type, numbers: None };
        Some(SortedBlock { series: series.clone(), rows: rows.clone(), at, summary })
    }
}

impl Block for SortedBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn memory(&self) -> usize {
        // The blocks of several fields share their times.
        size_of_val(&**self.rows.times) / (Arc::strong_count(&self.rows) - 1).max(1)
    }

    fn times(&self) -> Result<Arc<Vec<i64>>, SourceError> {
        Ok(self.rows.times.clone())
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Ok(Arc::new(self.rows.batch(&self.series, self.at, self.summary.field_type)))
    }
}
