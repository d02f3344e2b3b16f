//! Memtables: the values of one shard that no segment file holds yet.
//!
//! A series starts as a few points if they are numbers of one field; with more values, more fields or strings it becomes
//! chunks of rows, which are turned into columns when they are read or sealed. A series whose rows have ever other fields gets
//! columns at once. So a million series of one point each take little memory, and a row costs one append, however many fields
//! it has.
//!
//! Invariant: a snapshot's clone never changes. Everything is shared by `Arc` and copied only when it is written to while a
//! snapshot holds it, and then only the affected parts of the table, and the ends of a series: cloning a memtable copies a few
//! pointers, however much it holds.

mod column_buffer;
mod few_points;
mod layout;
mod row_chunk;
mod row_series;
mod series_columns;
mod series_table;
mod sorted_rows;

use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_columns::{Batch, SeriesId};
use fluxstone_model::TimeRange;
use smallvec::{SmallVec, smallvec};

use crate::record::{FieldId, RowHead, Rows};
pub(crate) use column_buffer::STRING_BYTES;
use few_points::FewPoints;
use layout::RecentLayouts;
pub(crate) use row_series::MemoryChunk;
use row_series::{ROWS_BYTES, RowSeries, SharedTimes};
use series_columns::COLUMN_BYTES;
use series_table::{SeriesTable, Slot};
use sorted_rows::SortedRows;

/// The estimated memory of a series, without its values.
const SERIES_BYTES: usize = 40;
/// The most memory of a number; a string takes [`STRING_BYTES`] and its bytes in addition.
pub(crate) const VALUE_BYTES: usize = 16;
/// The memory of a page of neighbouring series.
pub(crate) const PAGE_BYTES: usize = SeriesTable::<SeriesValues>::PAGE_BYTES;

/// The memory of a memtable with values, without its pages.
pub(crate) const TABLE_BYTES: usize = 256;

/// Returns the most memory that a series takes without its values, if its points have this number of fields. One with a
/// single number has neither rows nor columns.
pub(crate) fn series_bytes(fields: usize) -> usize {
    if fields == 1 { SERIES_BYTES + 32 } else { SERIES_BYTES + ROWS_BYTES + fields * COLUMN_BYTES }
}

/// Returns the number of the page of a series.
pub(crate) fn page_of(series: SeriesId) -> u64 {
    series_table::page_of(series).0
}

/// The values of one series.
#[derive(Debug, Clone)]
enum SeriesValues {
    /// A new series, or one whose first record could not be read.
    Empty,
    Few(FewPoints),
    Rows(Arc<RowSeries>),
}

/// The values of one shard in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memtable {
    series: SeriesTable<SeriesValues>,
    layouts: Arc<RecentLayouts>,
    bytes: usize,
}

impl Memtable {
    /// Whether there are no values.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Returns the number of values. Values written twice for the same time count twice.
    pub(crate) fn values(&self) -> u64 {
        self.series.entries().map(SeriesValues::values).sum()
    }

    /// Returns the estimated memory of the values, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends points.
    pub(crate) fn insert(&mut self, mut rows: Rows<'_>) -> Result<(), CodecError> {
        while let Some(row) = rows.next_row()? {
            if self.bytes == 0 {
                self.bytes = TABLE_BYTES;
            }
            self.bytes += self.insert_row(row, &mut rows)?;
        }
        Ok(())
    }

    /// Appends a point and returns the memory that it takes.
    fn insert_row(&mut self, row: RowHead, rows: &mut Rows<'_>) -> Result<usize, CodecError> {
        let mut bytes = 0;
        let series = match self.series.slot(row.series) {
            Slot::Occupied(series) => series,
            Slot::Vacant(slot) => {
                bytes += SERIES_BYTES;
                if slot.is_first_of_page() {
                    bytes += SeriesTable::<SeriesValues>::PAGE_BYTES;
                }
                slot.insert(SeriesValues::Empty)
            }
        };
        Ok(bytes + series.push(row, rows, &mut self.layouts)?)
    }

    /// Returns all columns in the order of series and field. Their rows are sorted where that can be done for all fields at once.
    pub(crate) fn columns(&self) -> impl Iterator<Item = MemoryColumn<'_>> {
        self.series.iter().flat_map(|(id, series)| {
            let values = SealedValues::of(series);
            let fields: SmallVec<[FieldId; 16]> = match &values {
                SealedValues::Sorted(rows) => rows.fields(),
                SealedValues::Unsorted(series) => series.fields(),
            };
            fields.into_iter().map(move |field| MemoryColumn { key: (id, field), values: values.clone() })
        })
    }

    /// Returns the values of some fields of a series in chunks. They are in the order in which they were written, or sorted. Times may
    /// otherwise be in any order within and across chunks. Chunks without times in `range` may be left out. Empty if the series has no values.
    pub(crate) fn chunks_of_fields(
        &self,
        series: SeriesId,
        fields: impl Iterator<Item = FieldId>,
        range: TimeRange,
    ) -> Vec<Vec<MemoryChunk>> {
        self.series.get(series).map_or_else(Vec::new, |series| series.chunks_of_fields(fields, range))
    }

    /// Returns the series that have values here, in order.
    pub(crate) fn series(&self) -> impl Iterator<Item = SeriesId> {
        self.series.iter().map(|(id, _)| id)
    }

    /// Deletes the values of a series within a time range.
    pub(crate) fn delete(&mut self, series: SeriesId, range: TimeRange) {
        if self.series.get(series).is_none() {
            return;
        }
        let is_left = match self.series.slot(series) {
            Slot::Vacant(_) | Slot::Occupied(SeriesValues::Empty) => false,
            Slot::Occupied(SeriesValues::Few(few)) => few.delete(range),
            Slot::Occupied(SeriesValues::Rows(rows)) => Arc::make_mut(rows).delete(range),
        };
        if !is_left {
            self.series.remove(series);
        }
    }
}

/// The values of one field of one series.
#[derive(Debug, Clone)]
pub(crate) struct MemoryColumn<'m> {
    /// The series and the field.
    pub(crate) key: (SeriesId, FieldId),
    values: SealedValues<'m>,
}

/// The values of a series that is being sealed.
#[derive(Debug, Clone)]
enum SealedValues<'m> {
    Sorted(Arc<SortedRows>),
    Unsorted(&'m SeriesValues),
}

impl<'m> SealedValues<'m> {
    fn of(series: &'m SeriesValues) -> SealedValues<'m> {
        match series {
            SeriesValues::Rows(rows) => {
                SortedRows::of(rows, TimeRange::ALL).map(|rows| SealedValues::Sorted(Arc::new(rows)))
            }
            SeriesValues::Empty | SeriesValues::Few(_) => None,
        }
        .unwrap_or(SealedValues::Unsorted(series))
    }
}

impl MemoryColumn<'_> {
    /// Passes the values to `each` in the order of time. Returns `false` if they are in another order and nothing was passed.
    pub(crate) fn each_sorted<E>(&self, mut each: impl FnMut(Arc<Batch>) -> Result<(), E>) -> Result<bool, E> {
        match &self.values {
            SealedValues::Sorted(rows) => rows.batches(self.key.1).try_for_each(|batch| each(Arc::new(batch)))?,
            SealedValues::Unsorted(SeriesValues::Few(few)) if few.is_sorted() => each(Arc::new(few.to_batch()))?,
            SealedValues::Unsorted(_) => return Ok(false),
        }
        Ok(true)
    }

    /// Returns the values, like [`Memtable::chunks_of_fields`].
    pub(crate) fn chunks(&self) -> Vec<MemoryChunk> {
        match &self.values {
            SealedValues::Sorted(rows) => rows.blocks(self.key.1).map(MemoryChunk::Sorted).collect(),
            SealedValues::Unsorted(series) => series.chunks(self.key.1, TimeRange::ALL),
        }
    }
}

impl SeriesValues {
    /// Appends a row and returns the memory that it takes.
    fn push(
        &mut self,
        row: RowHead,
        rows: &mut Rows<'_>,
        layouts: &mut Arc<RecentLayouts>,
    ) -> Result<usize, CodecError> {
        match self {
            SeriesValues::Rows(series) => Arc::make_mut(series).push(row, rows, layouts),
            SeriesValues::Empty | SeriesValues::Few(_) => self.push_early(row, rows, layouts),
        }
    }

    /// Like [`SeriesValues::push`], for a series that has no rows yet. It may get them.
    fn push_early(
        &mut self,
        row: RowHead,
        rows: &mut Rows<'_>,
        layouts: &mut Arc<RecentLayouts>,
    ) -> Result<usize, CodecError> {
        if row.fields == 1 {
            let (field, cell) = rows.clone().next_value()?;
            let pushed = match self {
                SeriesValues::Empty => FewPoints::new(row.time, field, cell).map(|few| {
                    *self = SeriesValues::Few(few);
                    0
                }),
                SeriesValues::Few(few) => few.push(row.time, field, cell),
                SeriesValues::Rows(_) => None,
            };
            if let Some(bytes) = pushed {
                rows.next_value()?;
                return Ok(bytes);
            }
        }
        let mut bytes = ROWS_BYTES;
        let mut series = match self {
            SeriesValues::Few(few) => RowSeries::of_few(few, Arc::make_mut(layouts), &mut bytes),
            SeriesValues::Empty | SeriesValues::Rows(_) => RowSeries::default(),
        };
        bytes += series.push(row, rows, layouts)?;
        *self = SeriesValues::Rows(Arc::new(series));
        Ok(bytes)
    }

    /// Returns the fields that have values, in order.
    fn fields(&self) -> SmallVec<[FieldId; 16]> {
        match self {
            SeriesValues::Empty => SmallVec::new(),
            SeriesValues::Few(few) => smallvec![few.field()],
            SeriesValues::Rows(rows) => rows.fields(),
        }
    }

    fn chunks_of_fields(&self, fields: impl Iterator<Item = FieldId>, range: TimeRange) -> Vec<Vec<MemoryChunk>> {
        if let SeriesValues::Rows(rows) = self
            && !sorted_rows::is_ordered(rows)
            && let Some(sorted) = SortedRows::of(rows, range)
        {
            return fields.map(|field| sorted.blocks(field).map(MemoryChunk::Sorted).collect()).collect();
        }
        let mut times = SharedTimes::default();
        let of_field = |field| {
            let mut chunks = self.chunks(field, range);
            times.share(&mut chunks);
            chunks
        };
        fields.map(of_field).collect()
    }

    fn chunks(&self, field: FieldId, range: TimeRange) -> Vec<MemoryChunk> {
        match self {
            SeriesValues::Few(few) if few.field() == field => vec![MemoryChunk::Batch(Arc::new(few.to_batch()))],
            SeriesValues::Empty | SeriesValues::Few(_) => Vec::new(),
            SeriesValues::Rows(rows) => rows.chunks(field, range),
        }
    }

    fn values(&self) -> u64 {
        match self {
            SeriesValues::Empty => 0,
            SeriesValues::Few(few) => few.len() as u64,
            SeriesValues::Rows(rows) => rows.values(),
        }
    }
}

#[cfg(test)]
mod tests;
