//! Rows of one series that have the same layout, one after the other: time and values in cells of eight bytes, strings apart.

use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_columns::Column;
use fluxstone_model::{FieldType, Text, TimeRange, Timestamp};

use super::column_buffer::STRING_BYTES;
use super::layout::Layout;
use crate::record::Rows;

/// A chunk takes about this many cells ...
const CHUNK_CELLS: usize = 2048;
/// ... but at least and at most this many rows.
const CHUNK_ROWS_MIN: usize = 16;
const CHUNK_ROWS_MAX: usize = 1024;
/// A chunk that a snapshot holds is copied when the next row comes if it has fewer rows and cells than this.
const COPIED_ROWS_MAX: usize = 64;
const COPIED_CELLS_MAX: usize = 1024;

/// Rows of one layout, in the order in which they were written.
///
/// Invariant: `cells` holds whole rows. A string's cell is its index in `strings`.
#[derive(Debug, Clone)]
pub(super) struct RowChunk {
    layout: Arc<Layout>,
    /// For each row its time, then its values.
    cells: Vec<u64>,
    strings: Vec<Text>,
    /// From the first to the last time.
    range: TimeRange,
    /// Whether the times are strictly ascending.
    is_ordered: bool,
}

impl RowChunk {
    /// Creates an empty chunk.
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        RowChunk { layout, cells: Vec::new(), strings: Vec::new(), range: NO_TIMES, is_ordered: true }
    }

    /// Creates an empty chunk that follows some others. The longer the series is, the more memory the chunk takes at once.
    pub(super) fn following(&self, others: usize) -> Self {
        let mut next = RowChunk::new(self.layout.clone());
        let cells = CHUNK_CELLS / 4 * others.clamp(1, 4);
        next.cells.reserve_exact(cells / self.row_cells() * self.row_cells()); // none for many fields
        next
    }

    pub(super) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    pub(super) fn rows(&self) -> usize {
        self.cells.len() / self.row_cells()
    }

    pub(super) fn range(&self) -> TimeRange {
        self.range
    }

    fn rows_of_cells(&self) -> std::slice::ChunksExact<'_, u64> {
        self.cells.chunks_exact(self.row_cells())
    }

    /// The cells of a row.
    fn row_cells(&self) -> usize {
        1 + self.layout.tags().len()
    }

    fn rows_max(&self) -> usize {
        (CHUNK_CELLS / self.row_cells()).clamp(CHUNK_ROWS_MIN, CHUNK_ROWS_MAX)
    }

    /// Whether no further row belongs here.
    pub(super) fn is_full(&self) -> bool {
        self.cells.len() >= self.rows_max() * self.row_cells()
    }

    /// Whether it is long enough to be closed rather than to be copied again.
    pub(super) fn is_worth_closing(&self) -> bool {
        self.cells.len() >= COPIED_CELLS_MAX || self.cells.len() >= COPIED_ROWS_MAX * self.row_cells()
    }

    /// Makes room for another row.
    fn grow(&mut self) {
        let row_cells = self.row_cells();
        if self.cells.capacity() - self.cells.len() < row_cells {
            let rows = self.rows();
            let target = if rows < 2 { rows + 1 } else { (rows * 2).min(self.rows_max()).max(rows + 1) };
            self.cells.reserve_exact((target - rows) * row_cells);
        }
    }

    /// Appends a row whose values come next in `rows`, and returns the memory that it takes. `None` if it has another layout:
    /// then nothing was appended, but values were read.
    #[inline]
    pub(super) fn push(&mut self, time: Timestamp, rows: &mut Rows<'_>) -> Result<Option<usize>, CodecError> {
        let (cells, strings) = (self.cells.len(), self.strings.len());
        self.grow();
        self.cells.push(time.0 as u64);
        let taken = take_values(&self.layout, rows, &mut self.cells, &mut self.strings);
        if !matches!(taken, Ok(true)) {
            self.cells.truncate(cells);
            self.strings.truncate(strings);
            return taken.map(|_| None);
        }
        self.cover(time);
        let texts: usize = self.strings[strings..].iter().map(|text| STRING_BYTES + text.len()).sum();
        Ok(Some(size_of::<u64>() * self.row_cells() + texts))
    }

    /// Appends a row of a single number.
    pub(super) fn push_number(&mut self, time: Timestamp, bits: u64) {
        self.grow();
        self.cells.extend([time.0 as u64, bits]);
        self.cover(time);
    }

    /// Whether the times are strictly ascending.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Takes the time of a new row into account.
    fn cover(&mut self, time: Timestamp) {
        self.is_ordered &= time > self.range.max || self.range == NO_TIMES;
        self.range = TimeRange { min: self.range.min.min(time), max: self.range.max.max(time) };
    }

    /// Deletes the rows within a time range.
    pub(super) fn delete(&mut self, range: TimeRange) {
        let mut left = RowChunk::new(self.layout.clone());
        for row in self.rows_of_cells() {
            let time = Timestamp(row[0] as i64);
            if range.contains(time) {
                continue;
            }
            left.cells.push(row[0]);
            for (tag, cell) in self.layout.tags().iter().zip(&row[1..]) {
                if tag.field_type() == FieldType::String {
                    left.cells.push(left.strings.len() as u64);
                    left.strings.push(self.strings[*cell as usize].clone());
                } else {
                    left.cells.push(*cell);
                }
            }
            left.cover(time);
        }
        *self = left;
    }

    /// Whether a row is within a time range.
    pub(super) fn has_row_within(&self, range: TimeRange) -> bool {
        !self.is_empty()
            && self.range.overlaps(range)
            && self.rows_of_cells().any(|row| range.contains(Timestamp(row[0] as i64)))
    }
}

/// The range of a chunk without rows.
const NO_TIMES: TimeRange = TimeRange { min: Timestamp(i64::MAX), max: Timestamp(i64::MIN) };

/// Reads the values of a row, if they have the given layout.
#[inline]
fn take_values(
    layout: &Layout,
    rows: &mut Rows<'_>,
    cells: &mut Vec<u64>,
    strings: &mut Vec<Text>,
) -> Result<bool, CodecError> {
    for tag in layout.tags() {
        if rows.next_tag()? != *tag {
            return Ok(false);
        }
        cells.push(if tag.field_type() == FieldType::String {
            strings.push(Text::from(rows.string()?));
            strings.len() as u64 - 1
        } else {
            rows.bits(*tag)?
        });
    }
    Ok(true)
}

/// Consecutive rows of a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'c> {
    pub(super) chunk: &'c RowChunk,
    pub(super) first: usize,
    pub(super) rows: usize,
}

impl<'c> Run<'c> {
    /// All rows of a chunk.
    pub(super) fn all(chunk: &'c RowChunk) -> Run<'c> {
        Run { chunk, first: 0, rows: chunk.rows() }
    }

    fn rows(self) -> std::slice::ChunksExact<'c, u64> {
        let cells = self.chunk.row_cells();
        self.chunk.cells[self.first * cells..(self.first + self.rows) * cells].chunks_exact(cells)
    }

    /// The times of its rows.
    pub(super) fn times(self) -> impl ExactSizeIterator<Item = i64> + use<'c> {
        self.rows().map(|row| row[0] as i64)
    }
}

/// The times of some runs, which have this many rows.
pub(super) fn times_of<'c>(runs: impl Iterator<Item = Run<'c>>, rows: usize) -> Vec<i64> {
    let mut times = Vec::with_capacity(rows);
    for run in runs {
        times.extend(run.times());
    }
    times
}

/// The values of some runs at a position of the layouts of their chunks, all of one type.
pub(super) fn values_of<'c>(
    runs: impl Iterator<Item = (Run<'c>, usize)>,
    field_type: FieldType,
    rows: usize,
) -> Column {
    let mut column = empty_column(field_type, rows);
    for (run, at) in runs {
        let cells = run.rows().map(|row| row[1 + at]);
        match &mut column {
            Column::Float(values) => values.extend(cells.map(f64::from_bits)),
            Column::Integer(values) => values.extend(cells.map(|cell| cell as i64)),
            Column::Boolean(values) => values.extend(cells.map(|cell| cell != 0)),
            Column::String(values) => values.extend(cells.map(|cell| run.chunk.strings[cell as usize].clone())),
        }
    }
    column
}

fn empty_column(field_type: FieldType, capacity: usize) -> Column {
    match field_type {
        FieldType::Float => Column::Float(Vec::with_capacity(capacity)),
        FieldType::Integer => Column::Integer(Vec::with_capacity(capacity)),
        FieldType::String => Column::String(Vec::with_capacity(capacity)),
        FieldType::Boolean => Column::Boolean(Vec::with_capacity(capacity)),
    }
}
