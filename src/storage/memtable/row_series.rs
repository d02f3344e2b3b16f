//! The values of one series in a memtable: chunks of rows, and columns for what comes after too many changes of layout.
//!
//! Invariant: the rows are older than the columns. The number of chunks that are not full is bounded, except for those that
//! were closed because a snapshot held them.

use std::sync::{Arc, OnceLock};

use fluxstone_codec::CodecError;
use fluxstone_columns::{Batch, Block, SourceError, Summary};
use fluxstone_model::TimeRange;
use smallvec::{SmallVec, smallvec};

use super::column_buffer::ColumnBuffer;
use super::few_points::FewPoints;
use super::layout::{Layout, RecentLayouts};
use super::row_chunk::{RowChunk, Run, times_of, values_of};
use super::series_columns::SeriesColumns;
use crate::record::{FieldId, FieldTag, RowHead, Rows};

/// After this many changes of layout a series gets columns: a field is then found without going through many chunks.
const CHANGES_MAX: u32 = 8;
/// The estimated memory of a series with rows, without its values, layouts and columns.
pub(super) const ROWS_BYTES: usize = 144;
/// A series allocates columns for the fields of its first row that needs them, up to this many.
const FIELDS_FIRST_MAX: usize = 1 << 17;

/// The most values of a block that is made of several chunks.
const BLOCK_VALUES_MAX: usize = 1024;

/// Values of one field of one series, in the order in which they were written.
#[derive(Clone)]
pub(crate) enum MemoryChunk {
    Batch(Arc<Batch>),
    Rows(Arc<RowsBlock>),
    /// Strictly in the order of time.
    Sorted(Arc<dyn Block>),
}

/// The values of one series.
#[derive(Debug, Default)]
pub(super) struct RowSeries {
    closed: Vec<Arc<RowChunk>>,
    open: Option<RowChunk>,
    changes: u32,
    columns: Option<Box<SeriesColumns>>,
}

/// A series is cloned when it is written to while a snapshot holds it. The clone's open chunk is closed unless it is short, so
/// that no value is copied often, however many snapshots there are.
impl Clone for RowSeries {
    fn clone(&self) -> Self {
        let mut closed = self.closed.clone();
        let mut open = self.open.clone();
        if let Some(chunk) = open.as_mut().filter(|chunk| chunk.is_worth_closing()) {
            let next = chunk.following(1);
            closed.push(Arc::new(std::mem::replace(chunk, next)));
        }
        RowSeries { closed, open, changes: self.changes, columns: self.columns.clone() }
    }
}

impl RowSeries {
    /// Converts a few points. The memory that the layout takes is added to `bytes`.
    pub(super) fn of_few(few: &FewPoints, layouts: &mut RecentLayouts, bytes: &mut usize) -> RowSeries {
        let mut series = RowSeries::default();
        if let Some((layout, layout_bytes)) = layouts.get_or_add(&[few.tag()]) {
            *bytes += layout_bytes;
            let mut chunk = RowChunk::new(layout);
            for (time, bits) in few.bits() {
                chunk.push_number(time, bits);
            }
            series.open = Some(chunk);
        }
        series
    }

    /// Appends a row and returns the memory that it takes.
    #[inline]
    pub(super) fn push(
        &mut self,
        row: RowHead,
        rows: &mut Rows<'_>,
        layouts: &mut Arc<RecentLayouts>,
    ) -> Result<usize, CodecError> {
        let values = rows.clone();
        if let (Some(open), None) = (&mut self.open, &self.columns)
            && open.layout().tags().len() == row.fields as usize
        {
            if open.is_full() {
                let next = open.following(self.closed.len());
                self.closed.push(Arc::new(std::mem::replace(open, next)));
            }
            if let Some(bytes) = open.push(row.time, rows)? {
                return Ok(bytes);
            }
        }
        *rows = values;
        self.push_other(row, rows, layouts)
    }

    /// Appends a row with another layout than the last one.
    #[cold]
    fn push_other(
        &mut self,
        row: RowHead,
        rows: &mut Rows<'_>,
        layouts: &mut Arc<RecentLayouts>,
    ) -> Result<usize, CodecError> {
        if self.columns.is_none() && self.changes < CHANGES_MAX {
            let tags = tags(row, rows.clone())?;
            if let Some((layout, layout_bytes)) = Arc::make_mut(layouts).get_or_add(&tags) {
                self.changes += 1;
                let before = self.open.take().filter(|chunk| !chunk.is_empty());
                self.closed.extend(before.map(Arc::new));
                let bytes = self.open.insert(RowChunk::new(layout)).push(row.time, rows)?;
                return Ok(layout_bytes + bytes.ok_or(CodecError::Malformed("a row that changed"))?);
            }
        }
        let count = (row.fields as usize).min(FIELDS_FIRST_MAX);
        let columns = self.columns.get_or_insert_with(|| Box::new(SeriesColumns::with_capacity(count)));
        let mut bytes = 0;
        for at in 0..row.fields as usize {
            let (field, cell) = rows.next_value()?;
            bytes += columns.push(at, row.time, field, cell)?;
        }
        Ok(bytes)
    }

    /// The rows that are not in columns.
    pub(super) fn chunks_of_rows(&self) -> impl Iterator<Item = &RowChunk> {
        self.closed.iter().map(|chunk| &**chunk).chain(&self.open)
    }

    /// Returns the fields that have values, in order.
    pub(super) fn fields(&self) -> SmallVec<[FieldId; 16]> {
        let mut fields: SmallVec<[FieldId; 16]> = SmallVec::new();
        let mut last = None;
        for chunk in self.chunks_of_rows().filter(|chunk| !chunk.is_empty()) {
            // Neighbours mostly share their layout.
            let layout = Arc::as_ptr(chunk.layout());
            if last.replace(layout) != Some(layout) {
                fields.extend(chunk.layout().tags().iter().map(|tag| tag.field()));
            }
        }
        fields.extend(self.columns.iter().flat_map(|columns| columns.iter()).map(|(field, _)| *field));
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Returns the values of a field in the order in which they were written; those outside `range` may be left out.
    pub(super) fn chunks(self: &Arc<Self>, field: FieldId, range: TimeRange) -> Vec<MemoryChunk> {
        let mut chunks: Vec<MemoryChunk> = Vec::new();
        let mut block: Option<RowsBlock> = None;
        let mut finder = Finder::new(field);
        for (number, chunk) in (0..).zip(self.chunks_of_rows()) {
            if chunk.is_empty() || !chunk.range().overlaps(range) || finder.position(chunk).is_none() {
                continue;
            }
            if !block.as_mut().is_some_and(|block| block.extend(number, chunk)) {
                let next = RowsBlock::new(self.clone(), field, number, chunk, &mut finder);
                chunks.extend(std::mem::replace(&mut block, next).map(|block| MemoryChunk::Rows(Arc::new(block))));
            }
        }
        chunks.extend(block.map(|block| MemoryChunk::Rows(Arc::new(block))));
        let column = self.columns.as_ref().and_then(|columns| columns.get(field));
        chunks.extend(column.into_iter().flat_map(ColumnBuffer::chunks).map(MemoryChunk::Batch));
        chunks
    }

    /// Returns a chunk of rows by its number.
    pub(super) fn chunk(&self, number: u32) -> Option<&RowChunk> {
        match self.closed.get(number as usize) {
            Some(chunk) => Some(chunk),
            None => self.open.as_ref(),
        }
    }

    /// Whether all values are in rows.
    pub(super) fn has_only_rows(&self) -> bool {
        self.columns.is_none()
    }

    /// The number of values.
    pub(super) fn values(&self) -> u64 {
        let rows = self.chunks_of_rows().map(|chunk| (chunk.rows() * chunk.layout().tags().len()) as u64);
        let columns = self.columns.iter().flat_map(|columns| columns.iter());
        rows.sum::<u64>() + columns.map(|(_, column)| column.values()).sum::<u64>()
    }

    /// Deletes the values within a time range. Returns whether any are left.
    pub(super) fn delete(&mut self, range: TimeRange) -> bool {
        for chunk in self.closed.iter_mut().filter(|chunk| chunk.has_row_within(range)) {
            Arc::make_mut(chunk).delete(range);
        }
        if let Some(open) = self.open.as_mut().filter(|open| open.has_row_within(range)) {
            open.delete(range);
        }
        self.closed.retain(|chunk| !chunk.is_empty());
        if self.columns.as_mut().is_some_and(|columns| !columns.delete(range)) {
            self.columns = None;
        }
        self.chunks_of_rows().any(|chunk| !chunk.is_empty()) || self.columns.is_some()
    }
}

/// Finds a field in chunks, of which neighbours mostly share their layout.
#[derive(Debug)]
struct Finder {
    field: FieldId,
    found: Option<(*const Layout, Option<usize>)>,
}

impl Finder {
    fn new(field: FieldId) -> Finder {
        Finder { field, found: None }
    }

    /// Returns the position of the field in the layout of a chunk.
    fn position(&mut self, chunk: &RowChunk) -> Option<usize> {
        let layout = Arc::as_ptr(chunk.layout());
        match self.found {
            Some((known, position)) if known == layout => position,
            _ => {
                let position = chunk.layout().position(self.field);
                self.found = Some((layout, position));
                position
            }
        }
    }
}

/// The values of one field in some chunks of rows, which are copied when they are asked for.
#[derive(Debug)]
pub(crate) struct RowsBlock {
    series: Arc<RowSeries>,
    field: FieldId,
    /// The numbers of the chunks; all have the field.
    chunks: SmallVec<[u32; 6]>,
    summary: Summary,
    is_ordered: bool,
    /// The times once they were asked for.
    times: TimesCell,
}

/// Times that blocks of several fields share.
type TimesCell = Arc<OnceLock<Arc<Vec<i64>>>>;

/// The times of the blocks of one series, so that those of the same chunks copy them once.
#[derive(Debug, Default)]
pub(super) struct SharedTimes(Vec<(SmallVec<[u32; 6]>, TimesCell)>);

impl SharedTimes {
    /// Lets the blocks among `chunks`, which nobody else has yet, share times with those of other fields.
    pub(super) fn share(&mut self, chunks: &mut [MemoryChunk]) {
        for chunk in chunks {
            let MemoryChunk::Rows(block) = chunk else { continue };
            let Some(block) = Arc::get_mut(block) else { continue };
            match self.0.iter().find(|(chunks, _)| *chunks == block.chunks) {
                Some((_, times)) => block.times = times.clone(),
                None => self.0.push((block.chunks.clone(), block.times.clone())),
            }
        }
    }
}

impl RowsBlock {
    /// Creates a block of one chunk. `None` if the chunk does not have the field.
    fn new(series: Arc<RowSeries>, field: FieldId, number: u32, chunk: &RowChunk, finder: &mut Finder) -> Option<Self> {
        let field_type = chunk.layout().tags().get(finder.position(chunk)?)?.field_type();
        let summary = Summary { range: chunk.range(), count: chunk.rows() as u32, field_type, numbers: None };
        let (chunks, is_ordered, times) = (smallvec![number], chunk.is_ordered(), TimesCell::default());
        Some(RowsBlock { series, field, chunks, summary, is_ordered, times })
    }

    /// Adds a chunk, if the block then still has few values.
    fn extend(&mut self, number: u32, chunk: &RowChunk) -> bool {
        let count = self.summary.count as usize + chunk.rows();
        if count > BLOCK_VALUES_MAX {
            return false;
        }
        let (range, other) = (self.summary.range, chunk.range());
        self.is_ordered &= chunk.is_ordered() && other.min > range.max;
        self.summary.range = TimeRange { min: range.min.min(other.min), max: range.max.max(other.max) };
        self.summary.count = count as u32;
        self.chunks.push(number);
        true
    }

    /// Whether the times are strictly ascending.
    pub(crate) fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    fn chunks(&self) -> impl Iterator<Item = &RowChunk> {
        self.chunks.iter().filter_map(|number| self.series.chunk(*number))
    }

    fn to_times(&self) -> Arc<Vec<i64>> {
        let copied = || Arc::new(times_of(self.chunks().map(Run::all), self.summary.count as usize));
        self.times.get_or_init(copied).clone()
    }

    /// Returns the values.
    pub(crate) fn to_batch(&self) -> Batch {
        let mut finder = Finder::new(self.field);
        let runs = self.chunks().filter_map(|chunk| Some((Run::all(chunk), finder.position(chunk)?)));
        let values = values_of(runs, self.summary.field_type, self.summary.count as usize);
        Batch { times: self.to_times(), values }
    }
}

impl Block for RowsBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn times(&self) -> Result<Arc<Vec<i64>>, SourceError> {
        Ok(self.to_times())
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Ok(Arc::new(self.to_batch()))
    }
}

/// Returns the fields and types of a row.
fn tags(row: RowHead, mut rows: Rows<'_>) -> Result<SmallVec<[FieldTag; 16]>, CodecError> {
    let mut tags = SmallVec::new();
    for _ in 0..row.fields {
        let (field, value) = rows.next_value()?;
        tags.push(FieldTag::new(field, value.field_type()));
    }
    Ok(tags)
}
