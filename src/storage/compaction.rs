//! Compaction: what a shard has in segment files and in a closed memtable, column by column, into one new segment file.
//!
//! Which files are merged: always the newest ones, as long as they are not much larger than what is being added, so that a
//! value is rewritten a few times at most and a shard has few files; and those of which something was deleted, with all
//! that are newer. What was deleted, overwritten or belongs to a removed series is left out.

use std::iter::Peekable;
use std::sync::Arc;

use parking_lot::RwLock;

use super::error::StorageError;
use super::memtable::{ColumnBuffer, Memtable};
use super::merge::{Piece, merge};
use super::record::FieldId;
use super::segment::{BlockEntry, EntryCursor, Segment, SegmentError, SegmentWriter};
use super::series_index::SeriesIndex;
use super::state::Shard;
use crate::query::SeriesId;

/// Files are merged that have up to this many times the bytes of what is newer.
const GROWTH: u64 = 2;
/// Values in memory take about this many times the bytes that they take in a file.
const MEMORY_FACTOR: u64 = 4;

/// The segment from which on all are merged; the number of segments, if none is.
///
/// Errs if a file can't be read to see whether it holds anything that was deleted.
pub(super) fn first_to_merge(shard: &Shard, removed: &[SeriesId]) -> Result<usize, StorageError> {
    Ok(first_small(shard).min(first_with_deletes(shard, removed)?))
}

fn first_small(shard: &Shard) -> usize {
    let mut first = shard.segments.len();
    let Some(frozen) = &shard.sealing else { return first };
    let mut bytes = frozen.memtable.bytes() as u64 / MEMORY_FACTOR;
    for file in shard.segments.iter().rev() {
        if file.segment.bytes() > GROWTH * bytes {
            break;
        }
        bytes += file.segment.bytes();
        first -= 1;
    }
    first
}

/// The first segment that holds values of a removed series, or values that a tombstone may concern.
fn first_with_deletes(shard: &Shard, removed: &[SeriesId]) -> Result<usize, StorageError> {
    for (at, file) in shard.segments.iter().enumerate() {
        let segment = &*file.segment;
        let later = shard.tombstones.iter().filter(|t| t.position >= segment.header().position);
        let concerned = later.filter(|t| t.range.overlaps(segment.range())).flat_map(|t| t.series.iter());
        for series in removed.iter().chain(concerned) {
            let fields = segment.fields_of(*series).map_err(|error| unreadable(segment, &error))?;
            if !fields.is_empty() {
                return Ok(at);
            }
        }
    }
    Ok(shard.segments.len())
}

/// Writes what the segments from `merged_from` on and the closed memtable hold, of series that are in the index.
pub(super) fn write_columns(
    shard: &Shard,
    merged_from: usize,
    index: &RwLock<SeriesIndex>,
    writer: &mut SegmentWriter,
) -> Result<(), StorageError> {
    let mut columns = Columns::new(shard, merged_from)?;
    while let Some(ShardColumn { series, field, pieces }) = columns.next()? {
        if !index.read().contains(series) {
            continue;
        }
        for block in merge(pieces) {
            let batch = block.decode().map_err(|error| StorageError::Damaged {
                path: writer.path().to_owned(),
                problem: format!("what it is made of can't be read: {error}"),
            })?;
            writer.add(series, field, &batch)?;
        }
    }
    Ok(())
}

/// Walks through all columns in the order of series and field.
struct Columns<'a> {
    shard: &'a Shard,
    /// Oldest first.
    segments: Vec<Input>,
    memtable: Option<&'a Memtable>,
    in_memory: Peekable<std::vec::IntoIter<(SeriesId, FieldId)>>,
}

/// A segment file that is read from its beginning.
struct Input {
    segment: Arc<Segment>,
    cursor: EntryCursor,
    next: Option<BlockEntry>,
}

/// All values of one field of one series.
struct ShardColumn {
    series: SeriesId,
    field: FieldId,
    /// In the order of writing.
    pieces: Vec<Piece>,
}

impl<'a> Columns<'a> {
    fn new(shard: &'a Shard, merged_from: usize) -> Result<Self, StorageError> {
        let files = shard.segments.get(merged_from..).unwrap_or_default();
        let segments = files.iter().map(|file| Input::new(&file.segment)).collect::<Result<_, _>>()?;
        let memtable = shard.sealing.as_deref().map(|frozen| &frozen.memtable);
        let mut in_memory: Vec<(SeriesId, FieldId)> = Vec::new();
        for series in memtable.into_iter().flat_map(Memtable::series) {
            let columns = memtable.and_then(|memtable| memtable.columns(series));
            in_memory.extend(columns.into_iter().flatten().map(|(field, _)| (series, *field)));
        }
        in_memory.sort_unstable();
        Ok(Columns { shard, segments, memtable, in_memory: in_memory.into_iter().peekable() })
    }

    fn next(&mut self) -> Result<Option<ShardColumn>, StorageError> {
        let stored = self.segments.iter().filter_map(|input| Some(input.next?.key()));
        let Some(key) = stored.chain(self.in_memory.peek().copied()).min() else { return Ok(None) };
        let (series, field) = key;
        let mut pieces = Vec::new();
        for input in &mut self.segments {
            let deleted = self.shard.deleted_since(input.segment.header().position, series);
            while let Some(entry) = input.take_if(key)? {
                pieces.push(Piece::stored(&input.segment, entry, &deleted));
            }
        }
        if self.in_memory.next_if_eq(&key).is_some() {
            let column = self.memtable.and_then(|memtable| memtable.column(series, field));
            let chunks = column.into_iter().flat_map(ColumnBuffer::chunks);
            pieces.extend(chunks.filter_map(|chunk| Piece::in_memory(&chunk, &[])));
        }
        Ok(Some(ShardColumn { series, field, pieces }))
    }
}

impl Input {
    fn new(segment: &Arc<Segment>) -> Result<Self, StorageError> {
        let mut input = Input { segment: segment.clone(), cursor: segment.entries(), next: None };
        input.advance()?;
        Ok(input)
    }

    /// The next entry, if it is of the column `key`.
    fn take_if(&mut self, key: (SeriesId, FieldId)) -> Result<Option<BlockEntry>, StorageError> {
        if self.next.is_some_and(|entry| entry.key() == key) { self.advance() } else { Ok(None) }
    }

    fn advance(&mut self) -> Result<Option<BlockEntry>, StorageError> {
        let next = self.cursor.next().transpose().map_err(|error| unreadable(&self.segment, &error))?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}

fn unreadable(segment: &Segment, error: &SegmentError) -> StorageError {
    StorageError::damaged(segment.path(), error.to_string())
}
