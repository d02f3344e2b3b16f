//! Memtables: the values of one shard that no segment file holds yet.
//!
//! A series begins as a few points in a row, if they are numbers of one field; with more values, fields or strings it becomes
//! append-only columns. So a million series of a point each take little, and long columns are written to without a look back.
//!
//! Everything is shared by `Arc` and copied only when written to while a snapshot holds it, and then only the buckets,
//! series and column ends that are touched: cloning a memtable costs a few pointers, however much it holds.

use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry as MapEntry;

use super::column_buffer::ColumnBuffer;
use super::few_points::FewPoints;
use super::record::{Cell, FieldId, RowHead, Rows};
use crate::codec::CodecError;
use crate::model::{TimeRange, Timestamp};
use crate::query::{Batch, SeriesId};

/// How many buckets the series are spread over, so that copying one for a snapshot's sake copies a part of them.
const BUCKETS: usize = 256;
/// Estimated memory of a series, of one that has columns, and of a column, beside the values.
const SERIES_BYTES: usize = 80;
const COLUMNS_BYTES: usize = 64;
const COLUMN_BYTES: usize = 192;
/// A new series has memory for the fields of its first point, up to this many: most series have no others.
const FIELDS_FIRST_MAX: usize = 64;

/// The values of one series.
#[derive(Debug, Clone)]
enum Series {
    Few(FewPoints),
    Columns(Arc<SeriesColumns>),
}

type SeriesColumns = Vec<(FieldId, ColumnBuffer)>;
type Bucket = HashMap<SeriesId, Series>;

/// Values of one shard in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Memtable {
    /// None, or [`BUCKETS`].
    buckets: Vec<Arc<Bucket>>,
    bytes: usize,
}

impl Memtable {
    /// Whether there are no values.
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.iter().all(|bucket| bucket.is_empty())
    }

    /// How many values there are, times that were written twice counted twice.
    pub(super) fn values(&self) -> u64 {
        self.buckets.iter().flat_map(|bucket| bucket.values()).map(Series::values).sum()
    }

    /// The memory that the values take, estimated.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends points.
    pub(super) fn insert(&mut self, mut rows: Rows<'_>) -> Result<(), CodecError> {
        if self.buckets.is_empty() {
            let empty = Arc::new(Bucket::new());
            self.buckets = vec![empty; BUCKETS];
        }
        while let Some(row) = rows.next_row()? {
            self.bytes += self.insert_row(row, &mut rows)?;
        }
        Ok(())
    }

    /// Appends a point, and returns the memory that it takes.
    fn insert_row(&mut self, row: RowHead, rows: &mut Rows<'_>) -> Result<usize, CodecError> {
        let bucket = Arc::make_mut(&mut self.buckets[row.series.0 as usize % BUCKETS]);
        let entry = bucket.entry(row.series);
        if row.fields == 1 {
            let (field, cell) = rows.next_cell()?;
            return match entry {
                MapEntry::Occupied(series) => series.into_mut().push(row.time, field, cell),
                MapEntry::Vacant(free) => {
                    let (series, bytes) = Series::new(row.time, field, cell)?;
                    free.insert(series);
                    Ok(bytes)
                }
            };
        }
        let mut bytes = 0;
        let series = entry.or_insert_with(|| {
            bytes += SERIES_BYTES + COLUMNS_BYTES;
            Series::Columns(Arc::new(SeriesColumns::with_capacity((row.fields as usize).min(FIELDS_FIRST_MAX))))
        });
        let columns = series.columns(&mut bytes)?;
        for at in 0..row.fields as usize {
            let (field, cell) = rows.next_cell()?;
            bytes += push(columns, at, row.time, field, cell)?;
        }
        Ok(bytes)
    }

    /// All columns in the order of series and field.
    pub(super) fn columns(&self) -> Vec<MemoryColumn<'_>> {
        let mut columns = Vec::new();
        for (id, series) in self.buckets.iter().flat_map(|bucket| bucket.iter()) {
            let column = |field| MemoryColumn { key: (*id, field), series };
            match series {
                Series::Few(few) => columns.push(column(few.field())),
                Series::Columns(all) => columns.extend(all.iter().map(|(field, _)| column(*field))),
            }
        }
        columns.sort_unstable_by_key(|column| column.key);
        columns
    }

    /// The values of a field of a series in chunks, in the order in which they were written. Times within them may be in any
    /// order.
    pub(super) fn chunks(&self, series: SeriesId, field: FieldId) -> Vec<Arc<Batch>> {
        self.series_of(series).map_or_else(Vec::new, |series| series.chunks(field))
    }

    fn series_of(&self, series: SeriesId) -> Option<&Series> {
        self.buckets.get(series.0 as usize % BUCKETS)?.get(&series)
    }

    /// The series that have values here, in no order.
    pub(super) fn series(&self) -> impl Iterator<Item = SeriesId> {
        self.buckets.iter().flat_map(|bucket| bucket.keys().copied())
    }

    /// Deletes the values of a series at some times.
    pub(super) fn delete(&mut self, series: SeriesId, range: TimeRange) {
        let Some(bucket) = self.buckets.get_mut(series.0 as usize % BUCKETS) else { return };
        if !bucket.contains_key(&series) {
            return;
        }
        let bucket = Arc::make_mut(bucket);
        let is_left = match bucket.get_mut(&series) {
            None => true,
            Some(Series::Few(few)) => few.delete(range),
            Some(Series::Columns(columns)) => {
                let columns = Arc::make_mut(columns);
                columns.retain_mut(|(_, column)| column.delete(range));
                !columns.is_empty()
            }
        };
        if !is_left {
            bucket.remove(&series);
        }
    }

    /// Forgets a series.
    pub(super) fn remove(&mut self, series: SeriesId) {
        if let Some(bucket) = self.buckets.get_mut(series.0 as usize % BUCKETS)
            && bucket.contains_key(&series)
        {
            Arc::make_mut(bucket).remove(&series);
        }
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
    /// A series with one value, and the memory that it takes.
    fn new(time: Timestamp, field: FieldId, cell: Cell<'_>) -> Result<(Series, usize), CodecError> {
        if let Some(few) = FewPoints::new(time, field, cell) {
            return Ok((Series::Few(few), SERIES_BYTES));
        }
        let mut columns = SeriesColumns::with_capacity(1);
        let bytes = push(&mut columns, 0, time, field, cell)?;
        Ok((Series::Columns(Arc::new(columns)), SERIES_BYTES + COLUMNS_BYTES + bytes))
    }

    /// Appends a value, and returns the memory that it takes.
    fn push(&mut self, time: Timestamp, field: FieldId, cell: Cell<'_>) -> Result<usize, CodecError> {
        if let Series::Few(few) = self
            && few.push(time, field, cell)
        {
            return Ok(FewPoints::POINT_BYTES);
        }
        let mut bytes = 0;
        let columns = self.columns(&mut bytes)?;
        Ok(bytes + push(columns, 0, time, field, cell)?)
    }

    /// The columns of the series, which is turned into such if it is not. The memory for that is added to `bytes`.
    fn columns(&mut self, bytes: &mut usize) -> Result<&mut SeriesColumns, CodecError> {
        if let Series::Few(few) = self {
            let mut columns = SeriesColumns::with_capacity(1);
            for (time, cell) in few.points() {
                *bytes += push(&mut columns, 0, time, few.field(), cell)?;
            }
            *bytes += COLUMNS_BYTES;
            *self = Series::Columns(Arc::new(columns));
        }
        match self {
            Series::Columns(columns) => Ok(Arc::make_mut(columns)),
            Series::Few(_) => Err(CodecError::Malformed("a series has no columns")),
        }
    }

    fn chunks(&self, field: FieldId) -> Vec<Arc<Batch>> {
        match self {
            Series::Few(few) if few.field() == field => vec![Arc::new(few.to_batch())],
            Series::Few(_) => Vec::new(),
            Series::Columns(columns) => {
                let column = columns.iter().find(|(id, _)| *id == field);
                column.into_iter().flat_map(|(_, column)| column.chunks()).collect()
            }
        }
    }

    fn values(&self) -> u64 {
        match self {
            Series::Few(few) => few.points().count() as u64,
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
    cell: Cell<'_>,
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
