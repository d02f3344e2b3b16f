//! Turns the pieces of the answer of a sub-query into the blocks of an [`AnswerSource`] as they arrive.
//!
//! A series of a source has each time once, in ascending order. Rows that come like that, as most do, become blocks at once, which
//! take less memory than rows. From the first row that does not on, the rows of a series are kept until all have arrived; rows with
//! equal times then become several series.

use std::sync::Arc;

use fluxstone_columns::Block;
use fluxstone_model::Text;

use super::answer_source::{AnswerBlock, AnswerSource, Blocks, TimedCells, batch};
use super::budget::Reservation;
use super::error::QueryError;
use super::result::SeriesRows;
use super::value::Value;

/// The maximum number of rows in one block.
const BLOCK_ROWS_MAX: usize = 4096;
/// The memory of a time or of a value in a block.
const BLOCK_CELL_BYTES: usize = 16;

/// The answer of a sub-query while its pieces arrive.
pub(super) struct AnswerRows {
    source: AnswerSource,
    /// The series whose last piece has not arrived.
    open: Option<OpenSeries>,
    /// The memory of rows that are not in blocks yet.
    memory: Reservation,
}

/// A series of the answer.
struct OpenSeries {
    name: Text,
    tags: Arc<[(Text, Text)]>,
    columns: Arc<[Text]>,
    /// The rows in blocks, for each column except the time.
    blocks: Vec<Blocks>,
    /// The time of the last row in blocks.
    last: Option<i64>,
    /// The cells of all later rows.
    rest: Vec<Value>,
}

impl AnswerRows {
    /// An empty answer. `memory` is a reservation of the query that holds nothing.
    pub(super) fn new(source: AnswerSource, memory: Reservation) -> AnswerRows {
        AnswerRows { source, open: None, memory }
    }

    /// Adds the next piece.
    pub(super) fn add(&mut self, piece: SeriesRows) -> Result<(), QueryError> {
        let SeriesRows { name, tags, columns, cells, more_rows, .. } = piece.into_cells();
        let width = columns.len().max(1);
        let new =
            || OpenSeries { name, tags, blocks: vec![Vec::new(); width - 1], columns, last: None, rest: Vec::new() };
        let open = self.open.get_or_insert_with(new);
        let rows: Vec<TimedCells<'_>> = timed(&cells, width).collect();
        if open.rest.is_empty() && ascends(&rows, open.last) {
            self.source.memory.grow(blocks_bytes(&cells))?;
            open.push_blocks(&rows);
        } else {
            self.memory.grow(cells.len() * size_of::<Value>() + text_bytes(&cells))?;
            open.rest.extend(cells);
        }
        if !more_rows && let Some(series) = self.open.take() {
            self.close(series, width)?;
        }
        Ok(())
    }

    /// Returns the whole answer.
    pub(super) fn finish(self) -> AnswerSource {
        self.source
    }

    /// Adds a series to the source.
    fn close(&mut self, mut series: OpenSeries, width: usize) -> Result<(), QueryError> {
        let cells = std::mem::take(&mut series.rest);
        let row_count = cells.len() / width;
        self.memory.grow(2 * row_count * size_of::<TimedCells<'_>>())?;
        self.source.memory.grow(blocks_bytes(&cells))?;
        let mut rows: Vec<TimedCells<'_>> = timed(&cells, width).collect();
        // The sort is stable: rows of equal times stay in the order of the answer.
        rows.sort_by_key(|row| row.0);
        loop {
            let mut later = Vec::new();
            let mut last = series.last;
            rows.retain(|row| {
                let is_next = last.is_none_or(|last| last < row.0);
                if is_next {
                    last = Some(row.0);
                } else {
                    later.push(*row);
                }
                is_next
            });
            series.push_blocks(&rows);
            let blocks = std::mem::replace(&mut series.blocks, vec![Vec::new(); width - 1]);
            self.source.push(&series.name, &series.tags, &series.columns, blocks)?;
            series.last = None;
            rows = later;
            if rows.is_empty() {
                return self.memory.resize(0);
            }
        }
    }
}

impl OpenSeries {
    /// Appends rows in order of time.
    fn push_blocks(&mut self, rows: &[TimedCells<'_>]) {
        for rows in rows.chunks(BLOCK_ROWS_MAX) {
            for (column, blocks) in self.blocks.iter_mut().enumerate() {
                blocks
                    .extend(batch(rows, column).map(|batch| Arc::new(AnswerBlock(Arc::new(batch))) as Arc<dyn Block>));
            }
        }
        self.last = rows.last().map(|row| row.0).or(self.last);
    }
}

/// The rows with their times.
fn timed(cells: &[Value], width: usize) -> impl Iterator<Item = TimedCells<'_>> {
    cells.chunks_exact(width).filter_map(|row| match row {
        [Value::Time(time), cells @ ..] => Some((time.0, cells)),
        _ => None,
    })
}

/// Whether each row is later than the one before, and the first one later than `last`.
fn ascends(rows: &[TimedCells<'_>], last: Option<i64>) -> bool {
    let starts_later = rows.first().is_none_or(|first| last.is_none_or(|last| last < first.0));
    starts_later && rows.windows(2).all(|pair| pair[0].0 < pair[1].0)
}

/// The memory that cells take in blocks. Each column has its own times.
fn blocks_bytes(cells: &[Value]) -> usize {
    cells.len() * BLOCK_CELL_BYTES + text_bytes(cells)
}

/// The memory of the strings among some cells.
fn text_bytes(cells: &[Value]) -> usize {
    cells.iter().map(Value::text_bytes).sum()
}
