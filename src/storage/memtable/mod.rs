//! Memtables: the values of one shard that no segment file holds yet.
//!
//! A series starts as a few points in a row if they are numbers of one field; with more values, more fields or strings it
//! becomes append-only columns. So a million series of one point each take little memory, and appending to a long column
//! never touches its earlier values.
//!
//! Invariant: a snapshot's clone never changes. Everything is shared by `Arc` and copied only when it is written to while a
//! snapshot holds it, and then only the affected parts of the table, series and column ends: cloning a memtable copies a few
//! pointers, however much it holds.

mod column_buffer;
mod few_points;
mod series_columns;
mod series_table;

use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_columns::{Batch, SeriesId};
use fluxstone_model::{Scalar, TimeRange, Timestamp};
use smallvec::{SmallVec, smallvec};

use crate::record::{FieldId, RowHead, Rows};
use column_buffer::ColumnBuffer;
pub(crate) use column_buffer::STRING_BYTES;
use few_points::FewPoints;
use series_columns::{COLUMN_BYTES, SeriesColumns};
use series_table::{SeriesTable, Slot};

/// The estimated memory of a series, without its values.
const SERIES_BYTES: usize = 40;
/// The additional memory of a series with columns.
const COLUMNS_BYTES: usize = 64;
/// The memory of a number; a string takes [`STRING_BYTES`] and its bytes in addition.
pub(crate) const VALUE_BYTES: usize = 16;
/// The memory of a page of neighbouring series.
pub(crate) const PAGE_BYTES: usize = SeriesTable::<SeriesValues>::PAGE_BYTES;

/// The memory of a memtable with values, without its pages.
pub(crate) const TABLE_BYTES: usize = 256;

/// Returns the most memory that a series takes without its values, if its points have this number of fields. One with a
/// single number has no columns.
pub(crate) fn series_bytes(fields: usize) -> usize {
    if fields == 1 { SERIES_BYTES + 32 } else { SERIES_BYTES + COLUMNS_BYTES + fields * COLUMN_BYTES }
}

/// Returns the number of the page of a series.
pub(crate) fn page_of(series: SeriesId) -> u64 {
    series_table::page_of(series).0
}

/// A new series allocates columns for the fields of its first point, up to this many: most series never get others.
const FIELDS_FIRST_MAX: usize = 1 << 17;

/// The values of one series.
#[derive(Debug, Clone)]
enum SeriesValues {
    /// A new series, or one whose first record could not be read.
    Empty,
    Few(FewPoints),
    Columns(Arc<SeriesColumns>),
}

/// The values of one shard in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memtable {
    series: SeriesTable<SeriesValues>,
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
        if row.fields == 1 {
            let (field, cell) = rows.next_value()?;
            return Ok(bytes + series.push(row.time, field, cell)?);
        }
        let columns = series.columns((row.fields as usize).min(FIELDS_FIRST_MAX), &mut bytes)?;
        for at in 0..row.fields as usize {
            let (field, cell) = rows.next_value()?;
            bytes += columns.push(at, row.time, field, cell)?;
        }
        Ok(bytes)
    }

    /// Returns all columns in the order of series and field.
    pub(crate) fn columns(&self) -> impl Iterator<Item = MemoryColumn<'_>> {
        self.series.iter().flat_map(|(id, series)| {
            let mut fields: SmallVec<[FieldId; 16]> = match series {
                SeriesValues::Empty => SmallVec::new(),
                SeriesValues::Few(few) => smallvec![few.field()],
                SeriesValues::Columns(columns) => columns.iter().map(|(field, _)| *field).collect(),
            };
            fields.sort_unstable();
            fields.into_iter().map(move |field| MemoryColumn { key: (id, field), series })
        })
    }

    /// Returns the values of a field of a series in chunks, in the order in which they were written. Times may be in any order
    /// within and across chunks.
    pub(crate) fn chunks(&self, series: SeriesId, field: FieldId) -> Vec<Arc<Batch>> {
        self.series.get(series).map_or_else(Vec::new, |series| series.chunks(field))
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
            Slot::Occupied(SeriesValues::Columns(columns)) => Arc::make_mut(columns).delete(range),
        };
        if !is_left {
            self.series.remove(series);
        }
    }
}

/// The values of one field of one series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryColumn<'m> {
    /// The series and the field.
    pub(crate) key: (SeriesId, FieldId),
    series: &'m SeriesValues,
}

impl MemoryColumn<'_> {
    /// Returns the values, like [`Memtable::chunks`].
    pub(crate) fn chunks(&self) -> Vec<Arc<Batch>> {
        self.series.chunks(self.key.1)
    }
}

impl SeriesValues {
    /// Appends a value and returns the memory that it takes.
    fn push(&mut self, time: Timestamp, field: FieldId, cell: Scalar<'_>) -> Result<usize, CodecError> {
        match self {
            SeriesValues::Empty => {
                if let Some(few) = FewPoints::new(time, field, cell) {
                    *self = SeriesValues::Few(few);
                    return Ok(0);
                }
            }
            SeriesValues::Few(few) => {
                if let Some(bytes) = few.push(time, field, cell) {
                    return Ok(bytes);
                }
            }
            SeriesValues::Columns(_) => {}
        }
        let mut bytes = 0;
        let columns = self.columns(1, &mut bytes)?;
        Ok(bytes + columns.push(0, time, field, cell)?)
    }

    /// Returns the columns of the series. If it has none yet, it is converted, with capacity for some, and the memory that this
    /// takes is added to `bytes`.
    fn columns(&mut self, capacity: usize, bytes: &mut usize) -> Result<&mut SeriesColumns, CodecError> {
        if !matches!(self, SeriesValues::Columns(_)) {
            let mut columns = SeriesColumns::with_capacity(capacity);
            if let SeriesValues::Few(few) = self {
                for (time, cell) in few.points() {
                    *bytes += columns.push(0, time, few.field(), cell)?;
                }
            }
            *bytes += COLUMNS_BYTES;
            *self = SeriesValues::Columns(Arc::new(columns));
        }
        match self {
            SeriesValues::Columns(columns) => Ok(Arc::make_mut(columns)),
            SeriesValues::Empty | SeriesValues::Few(_) => Err(CodecError::Malformed("a series without columns")),
        }
    }

    fn chunks(&self, field: FieldId) -> Vec<Arc<Batch>> {
        match self {
            SeriesValues::Few(few) if few.field() == field => vec![Arc::new(few.to_batch())],
            SeriesValues::Empty | SeriesValues::Few(_) => Vec::new(),
            SeriesValues::Columns(columns) => columns.get(field).into_iter().flat_map(ColumnBuffer::chunks).collect(),
        }
    }

    fn values(&self) -> u64 {
        match self {
            SeriesValues::Empty => 0,
            SeriesValues::Few(few) => few.points().len() as u64,
            SeriesValues::Columns(columns) => columns.iter().map(|(_, column)| column.values()).sum(),
        }
    }
}
