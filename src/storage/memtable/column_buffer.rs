//! The values of one field of one series in a memtable: closed chunks, which snapshots share, and an open chunk, which grows.

use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_columns::{Batch, Column};
use fluxstone_model::{Scalar, Text, TimeRange, Timestamp};

/// The number of values at which a chunk is closed.
const CHUNK_VALUES_MAX: usize = 1024;
/// The initial capacity of a chunk that follows a closed one.
const CHUNK_VALUES_FIRST: usize = 256;
/// When a column that a snapshot holds is copied, its open chunk is closed if it has at least this many values.
const CHUNK_VALUES_COPIED_MAX: usize = 64;
/// The estimated memory of a string, without its bytes.
pub(crate) const STRING_BYTES: usize = 32;

/// The values of one field of one series, in the order in which they were written.
#[derive(Debug)]
pub(super) struct ColumnBuffer {
    closed: Vec<Arc<Batch>>,
    open: OpenChunk,
}

/// The last chunk of a column, which grows.
#[derive(Debug, Clone)]
struct OpenChunk {
    times: Vec<i64>,
    values: Column,
}

/// A column is cloned when it is written to while a snapshot holds it. The clone's open chunk is closed unless it is short, so
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

impl ColumnBuffer {
    /// Creates an empty column of the type of its first value.
    pub(super) fn new(first: Scalar<'_>) -> Self {
        let values = match first {
            Scalar::Float(_) => Column::Float(Vec::new()),
            Scalar::Integer(_) => Column::Integer(Vec::new()),
            Scalar::String(_) => Column::String(Vec::new()),
            Scalar::Boolean(_) => Column::Boolean(Vec::new()),
        };
        ColumnBuffer { closed: Vec::new(), open: OpenChunk { times: Vec::new(), values } }
    }

    /// Appends a value and returns the memory it takes.
    pub(super) fn push(&mut self, time: Timestamp, cell: Scalar<'_>) -> Result<usize, CodecError> {
        if self.open.times.len() >= CHUNK_VALUES_MAX {
            self.closed.push(self.open.close(CHUNK_VALUES_FIRST));
        }
        let open = &mut self.open;
        let bytes = match (&mut open.values, cell) {
            (Column::Float(values), Scalar::Float(value)) => {
                values.push(value);
                16
            }
            (Column::Integer(values), Scalar::Integer(value)) => {
                values.push(value);
                16
            }
            (Column::String(values), Scalar::String(value)) => {
                values.push(Text::from(value));
                8 + STRING_BYTES + value.len()
            }
            (Column::Boolean(values), Scalar::Boolean(value)) => {
                values.push(value);
                9
            }
            _ => return Err(CodecError::Malformed("a field has values of two types")),
        };
        open.times.push(time.0);
        Ok(bytes)
    }

    /// Returns the chunks in the order in which they were written. Times within a chunk may be in any order. The open chunk is
    /// copied.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Arc<Batch>> {
        let open = (!self.open.times.is_empty()).then(|| Arc::new(self.open.clone().into_batch()));
        self.closed.iter().cloned().chain(open)
    }

    /// Returns the number of values.
    pub(super) fn values(&self) -> u64 {
        let closed: usize = self.closed.iter().map(|chunk| chunk.times.len()).sum();
        (closed + self.open.times.len()) as u64
    }

    /// Deletes the values within a time range. Returns whether any are left.
    pub(super) fn delete(&mut self, range: TimeRange) -> bool {
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

impl OpenChunk {
    /// Returns the contents as a batch and leaves an empty chunk with capacity for `capacity` values.
    fn close(&mut self, capacity: usize) -> Arc<Batch> {
        let empty = empty_like(&self.values, capacity);
        Arc::new(std::mem::replace(self, empty).into_batch())
    }

    fn into_batch(self) -> Batch {
        Batch { times: Arc::new(self.times), values: self.values }
    }
}

/// Returns the values at times outside `range`.
fn without(times: &[i64], values: &Column, range: TimeRange) -> OpenChunk {
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
    OpenChunk { times: keep(times, times, range), values }
}

/// Returns an empty chunk of the type of `column`.
fn empty_like(column: &Column, capacity: usize) -> OpenChunk {
    let values = match column {
        Column::Float(_) => Column::Float(Vec::with_capacity(capacity)),
        Column::Integer(_) => Column::Integer(Vec::with_capacity(capacity)),
        Column::String(_) => Column::String(Vec::with_capacity(capacity)),
        Column::Boolean(_) => Column::Boolean(Vec::with_capacity(capacity)),
    };
    OpenChunk { times: Vec::with_capacity(capacity), values }
}
