//! Memtables: the values of one shard that no segment file holds yet, in append-only columns.
//!
//! Everything is shared by `Arc` and copied only when written to while a snapshot holds it, and then only the buckets,
//! series and column ends that are touched: cloning a memtable costs a few pointers, however much it holds.

use std::sync::Arc;

use hashbrown::HashMap;

use super::record::{Cell, FieldId, RowHead, Rows};
use crate::codec::CodecError;
use crate::model::{Text, TimeRange, Timestamp};
use crate::query::{Batch, Column, SeriesId};

/// How many buckets the series are spread over, so that copying one for a snapshot's sake copies a part of them.
const BUCKETS: usize = 256;
/// A chunk is closed when it has this many values.
const CHUNK_VALUES_MAX: usize = 1024;
/// A new chunk behind a closed one has memory for this many.
const CHUNK_VALUES_FIRST: usize = 256;
/// The end of a column that a snapshot holds is closed when it is copied, if it has at least this many values.
const CHUNK_VALUES_COPIED_MAX: usize = 64;
/// Estimated memory of a column and of a series, beside the values.
const COLUMN_BYTES: usize = 192;
const SERIES_BYTES: usize = 96;
/// A new series has memory for the fields of its first point, up to this many: most series have no others.
const FIELDS_FIRST_MAX: usize = 64;
const STRING_BYTES: usize = 32;

/// The columns of one series.
pub(super) type SeriesColumns = Vec<(FieldId, ColumnBuffer)>;
type Bucket = HashMap<SeriesId, Arc<SeriesColumns>>;

/// Values of one shard in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Memtable {
    /// None, or [`BUCKETS`].
    buckets: Vec<Arc<Bucket>>,
    bytes: usize,
}

/// The values of one field of one series in the order in which they were written: closed chunks and an open end.
#[derive(Debug)]
pub(super) struct ColumnBuffer {
    closed: Vec<Arc<Batch>>,
    open: Open,
}

/// The end of a column, which grows.
#[derive(Debug, Clone)]
struct Open {
    times: Vec<i64>,
    values: Column,
}

/// Made when a snapshot holds the column that is written to. The values of the copy's end are closed unless they are few, so
/// that no value is copied often, however many snapshots there are.
impl Clone for ColumnBuffer {
    fn clone(&self) -> Self {
        let mut closed = self.closed.clone();
        let mut open = self.open.clone();
        if open.times.len() >= CHUNK_VALUES_COPIED_MAX {
            closed.push(open.close(0));
        }
        ColumnBuffer { closed, open }
    }
}

impl Memtable {
    /// Whether there are no values.
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.iter().all(|bucket| bucket.is_empty())
    }

    /// How many values there are, times that were written twice counted twice.
    pub(super) fn values(&self) -> u64 {
        let columns = self.buckets.iter().flat_map(|bucket| bucket.values()).flat_map(|columns| columns.iter());
        columns.map(|(_, column)| column.values()).sum()
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
            self.insert_row(row, &mut rows)?;
        }
        Ok(())
    }

    fn insert_row(&mut self, row: RowHead, rows: &mut Rows<'_>) -> Result<(), CodecError> {
        let bucket = Arc::make_mut(&mut self.buckets[row.series.0 as usize % BUCKETS]);
        let columns = bucket.entry(row.series).or_insert_with(|| {
            self.bytes += SERIES_BYTES;
            Arc::new(SeriesColumns::with_capacity((row.fields as usize).min(FIELDS_FIRST_MAX)))
        });
        let columns = Arc::make_mut(columns);
        for at in 0..row.fields as usize {
            let (field, cell) = rows.next_cell()?;
            // Points of a series mostly have the same fields in the same order.
            let found = match columns.get(at) {
                Some((id, _)) if *id == field => Some(at),
                _ => columns.iter().position(|(id, _)| *id == field),
            };
            if let Some(at) = found {
                self.bytes += columns[at].1.push(row.time, cell)?;
            } else {
                let mut column = ColumnBuffer::new(cell);
                self.bytes += COLUMN_BYTES + column.push(row.time, cell)?;
                columns.push((field, column));
            }
        }
        Ok(())
    }

    /// The column of a field of a series.
    pub(super) fn column(&self, series: SeriesId, field: FieldId) -> Option<&ColumnBuffer> {
        self.columns(series)?.iter().find(|(id, _)| *id == field).map(|(_, column)| column)
    }

    /// The columns of a series.
    pub(super) fn columns(&self, series: SeriesId) -> Option<&SeriesColumns> {
        let bucket = self.buckets.get(series.0 as usize % BUCKETS)?;
        bucket.get(&series).map(|columns| &**columns)
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
        if let Some(columns) = bucket.get_mut(&series) {
            let columns = Arc::make_mut(columns);
            columns.retain_mut(|(_, column)| column.delete(range));
            if columns.is_empty() {
                bucket.remove(&series);
            }
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

impl ColumnBuffer {
    fn new(first: Cell<'_>) -> Self {
        let values = match first {
            Cell::Float(_) => Column::Float(Vec::new()),
            Cell::Integer(_) => Column::Integer(Vec::new()),
            Cell::String(_) => Column::String(Vec::new()),
            Cell::Boolean(_) => Column::Boolean(Vec::new()),
        };
        ColumnBuffer { closed: Vec::new(), open: Open { times: Vec::new(), values } }
    }

    /// Appends a value and returns the memory it takes.
    fn push(&mut self, time: Timestamp, cell: Cell<'_>) -> Result<usize, CodecError> {
        if self.open.times.len() >= CHUNK_VALUES_MAX {
            self.closed.push(self.open.close(CHUNK_VALUES_FIRST));
        }
        let open = &mut self.open;
        let bytes = match (&mut open.values, cell) {
            (Column::Float(values), Cell::Float(value)) => {
                values.push(value);
                16
            }
            (Column::Integer(values), Cell::Integer(value)) => {
                values.push(value);
                16
            }
            (Column::String(values), Cell::String(value)) => {
                values.push(Text::from(value));
                8 + STRING_BYTES + value.len()
            }
            (Column::Boolean(values), Cell::Boolean(value)) => {
                values.push(value);
                9
            }
            _ => return Err(CodecError::Malformed("a field has values of two types")),
        };
        open.times.push(time.0);
        Ok(bytes)
    }

    /// The chunks in the order in which they were written. Times within them may be in any order. The open one is copied.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Arc<Batch>> {
        let open = (!self.open.times.is_empty()).then(|| Arc::new(self.open.clone().into_batch()));
        self.closed.iter().cloned().chain(open)
    }

    fn values(&self) -> u64 {
        let closed: usize = self.closed.iter().map(|chunk| chunk.times.len()).sum();
        (closed + self.open.times.len()) as u64
    }

    /// Deletes the values at some times; whether any are left.
    fn delete(&mut self, range: TimeRange) -> bool {
        let is_hit = |times: &[i64]| times.iter().any(|t| range.contains(Timestamp(*t)));
        for chunk in self.closed.iter_mut().filter(|chunk| is_hit(&chunk.times)) {
            *chunk = Arc::new(without(&chunk.times, &chunk.values, range).into_batch());
        }
        if is_hit(&self.open.times) {
            self.open = without(&self.open.times, &self.open.values, range);
        }
        self.closed.retain(|chunk| !chunk.times.is_empty());
        !(self.closed.is_empty() && self.open.times.is_empty())
    }
}

impl Open {
    /// Gives what is there, and has memory for `capacity` values then.
    fn close(&mut self, capacity: usize) -> Arc<Batch> {
        let empty = empty_like(&self.values, capacity);
        Arc::new(std::mem::replace(self, empty).into_batch())
    }

    fn into_batch(self) -> Batch {
        Batch { times: Arc::new(self.times), values: self.values }
    }
}

/// The values at times outside of `range`.
fn without(times: &[i64], values: &Column, range: TimeRange) -> Open {
    fn keep<T: Clone>(values: &[T], times: &[i64], range: TimeRange) -> Vec<T> {
        let outside = values.iter().zip(times).filter(|(_, t)| !range.contains(Timestamp(**t)));
        outside.map(|(value, _)| value.clone()).collect()
    }
    let values = match values {
        Column::Float(v) => Column::Float(keep(v, times, range)),
        Column::Integer(v) => Column::Integer(keep(v, times, range)),
        Column::String(v) => Column::String(keep(v, times, range)),
        Column::Boolean(v) => Column::Boolean(keep(v, times, range)),
    };
    Open { times: keep(times, times, range), values }
}

/// The end of a column of the type of `column`, without values, with memory for some.
fn empty_like(column: &Column, capacity: usize) -> Open {
    let values = match column {
        Column::Float(_) => Column::Float(Vec::with_capacity(capacity)),
        Column::Integer(_) => Column::Integer(Vec::with_capacity(capacity)),
        Column::String(_) => Column::String(Vec::with_capacity(capacity)),
        Column::Boolean(_) => Column::Boolean(Vec::with_capacity(capacity)),
    };
    Open { times: Vec::with_capacity(capacity), values }
}
