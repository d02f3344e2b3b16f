//! Memtables: the values of one shard that no segment file holds yet.
//!
//! A series begins as a few points in a row, if they are numbers of one field; with more values, fields or strings it becomes
//! append-only columns. So a million series of a point each take little, and long columns are written to without a look back.
//!
//! Everything is shared by `Arc` and copied only when written to while a snapshot holds it, and then only the parts of the
//! table, series and column ends that are touched: cloning a memtable costs a few pointers, however much it holds.

use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_columns::{Batch, SeriesId};
use fluxstone_model::{Scalar, TimeRange, Timestamp};
use smallvec::{SmallVec, smallvec};

use super::column_buffer::ColumnBuffer;
use super::few_points::FewPoints;
use super::record::{FieldId, RowHead, Rows};
use super::series_table::{SeriesTable, Slot};

/// Estimated memory of a series, of one that has columns, and of a column, beside the values.
const SERIES_BYTES: usize = 40;
const COLUMNS_BYTES: usize = 64;
const COLUMN_BYTES: usize = 192;
/// A new series has memory for the fields of its first point, up to this many: most series have no others.
const FIELDS_FIRST_MAX: usize = 64;

/// The values of one series.
#[derive(Debug, Clone)]
enum Series {
    /// Just made, or left so by a record that can't be read.
    None,
    Few(FewPoints),
    Columns(Arc<SeriesColumns>),
}

type SeriesColumns = Vec<(FieldId, ColumnBuffer)>;

/// Values of one shard in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Memtable {
    series: SeriesTable<Series>,
    bytes: usize,
}

impl Memtable {
    /// Whether there are no values.
    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// How many values there are, times that were written twice counted twice.
    pub(super) fn values(&self) -> u64 {
        self.series.entries().map(Series::values).sum()
    }

    /// The memory that the values take, estimated.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends points.
    pub(super) fn insert(&mut self, mut rows: Rows<'_>) -> Result<(), CodecError> {
        while let Some(row) = rows.next_row()? {
            self.bytes += self.insert_row(row, &mut rows)?;
        }
        Ok(())
    }

    /// Appends a point, and returns the memory that it takes.
    fn insert_row(&mut self, row: RowHead, rows: &mut Rows<'_>) -> Result<usize, CodecError> {
        let mut bytes = 0;
        let series = match self.series.slot(row.series) {
            Slot::Occupied(series) => series,
            Slot::Vacant(slot) => {
                bytes += SERIES_BYTES;
                if slot.is_first_of_page() {
                    bytes += SeriesTable::<Series>::PAGE_BYTES;
                }
                slot.insert(Series::None)
            }
        };
        if row.fields == 1 {
            let (field, cell) = rows.next_value()?;
            return Ok(bytes + series.push(row.time, field, cell)?);
        }
        let columns = series.columns((row.fields as usize).min(FIELDS_FIRST_MAX), &mut bytes)?;
        for at in 0..row.fields as usize {
            let (field, cell) = rows.next_value()?;
            bytes += push(columns, at, row.time, field, cell)?;
        }
        Ok(bytes)
    }

    /// All columns in the order of series and field.
    pub(super) fn columns(&self) -> impl Iterator<Item = MemoryColumn<'_>> {
        self.series.iter().flat_map(|(id, series)| {
            let mut fields: SmallVec<[FieldId; 16]> = match series {
                Series::None => SmallVec::new(),
                Series::Few(few) => smallvec![few.field()],
                Series::Columns(columns) => columns.iter().map(|(field, _)| *field).collect(),
            };
            fields.sort_unstable();
            fields.into_iter().map(move |field| MemoryColumn { key: (id, field), series })
        })
    }

    /// The values of a field of a series in chunks, in the order in which they were written. Times within them may be in any
    /// order.
    pub(super) fn chunks(&self, series: SeriesId, field: FieldId) -> Vec<Arc<Batch>> {
        self.series.get(series).map_or_else(Vec::new, |series| series.chunks(field))
    }

    /// The series that have values here, in order.
    pub(super) fn series(&self) -> impl Iterator<Item = SeriesId> {
        self.series.iter().map(|(id, _)| id)
    }

    /// Deletes the values of a series at some times.
    pub(super) fn delete(&mut self, series: SeriesId, range: TimeRange) {
        if self.series.get(series).is_none() {
            return;
        }
        let is_left = match self.series.slot(series) {
            Slot::Vacant(_) | Slot::Occupied(Series::None) => false,
            Slot::Occupied(Series::Few(few)) => few.delete(range),
            Slot::Occupied(Series::Columns(columns)) => {
                let columns = Arc::make_mut(columns);
                columns.retain_mut(|(_, column)| column.delete(range));
                !columns.is_empty()
            }
        };
        if !is_left {
            self.series.remove(series);
        }
    }

    /// Forgets a series.
    pub(super) fn remove(&mut self, series: SeriesId) {
        self.series.remove(series);
    }
}

/// The values of one field of one series.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemoryColumn<'m> {
    /// The series and the field.
    pub(super) key: (SeriesId, FieldId),
    series: &'m Series,
}

impl MemoryColumn<'_> {
    /// The values, as [`Memtable::chunks`] gives them.
    pub(super) fn chunks(&self) -> Vec<Arc<Batch>> {
        self.series.chunks(self.key.1)
    }
}

impl Series {
    /// Appends a value, and returns the memory that it takes.
    fn push(&mut self, time: Timestamp, field: FieldId, cell: Scalar<'_>) -> Result<usize, CodecError> {
        match self {
            Series::None => {
                if let Some(few) = FewPoints::new(time, field, cell) {
                    *self = Series::Few(few);
                    return Ok(0);
                }
            }
            Series::Few(few) => {
                if let Some(bytes) = few.push(time, field, cell) {
                    return Ok(bytes);
                }
            }
            Series::Columns(_) => {}
        }
        let mut bytes = 0;
        let columns = self.columns(1, &mut bytes)?;
        Ok(bytes + push(columns, 0, time, field, cell)?)
    }

    /// The columns of the series, which is turned into such if it is not, with memory for some. The memory for that is added to
    /// `bytes`.
    fn columns(&mut self, capacity: usize, bytes: &mut usize) -> Result<&mut SeriesColumns, CodecError> {
        if !matches!(self, Series::Columns(_)) {
            let mut columns = SeriesColumns::with_capacity(capacity);
            if let Series::Few(few) = self {
                for (time, cell) in few.points() {
                    *bytes += push(&mut columns, 0, time, few.field(), cell)?;
                }
            }
            *bytes += COLUMNS_BYTES;
            *self = Series::Columns(Arc::new(columns));
        }
        match self {
            Series::Columns(columns) => Ok(Arc::make_mut(columns)),
            Series::None | Series::Few(_) => Err(CodecError::Malformed("a series has no columns")),
        }
    }

    fn chunks(&self, field: FieldId) -> Vec<Arc<Batch>> {
        match self {
            Series::Few(few) if few.field() == field => vec![Arc::new(few.to_batch())],
            Series::None | Series::Few(_) => Vec::new(),
            Series::Columns(columns) => {
                let column = columns.iter().find(|(id, _)| *id == field);
                column.into_iter().flat_map(|(_, column)| column.chunks()).collect()
            }
        }
    }

    fn values(&self) -> u64 {
        match self {
            Series::None => 0,
            Series::Few(few) => few.points().len() as u64,
            Series::Columns(columns) => columns.iter().map(|(_, column)| column.values()).sum(),
        }
    }
}

/// Appends a value to the column of its field, which is probably the one at place `at`: points of a series mostly have the same
/// fields in the same order.
fn push(
    columns: &mut SeriesColumns,
    at: usize,
    time: Timestamp,
    field: FieldId,
    cell: Scalar<'_>,
) -> Result<usize, CodecError> {
    let found = match columns.get(at) {
        Some((id, _)) if *id == field => Some(at),
        _ => columns.iter().position(|(id, _)| *id == field),
    };
    if let Some(at) = found {
        return columns[at].1.push(time, cell);
    }
    let mut column = ColumnBuffer::new(cell);
    let bytes = column.push(time, cell)?;
    columns.push((field, column));
    Ok(COLUMN_BYTES + bytes)
}
