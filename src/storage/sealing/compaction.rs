//! Compaction: merges segment files and the closed memtable of a shard into one new segment file, column by column.
//!
//! Merging starts with the newest files and continues as long as the next file is not much larger than what is merged already,
//! so that each file of a shard has more than twice the values of the next newer one. It also includes files with deleted
//! values, and all that are newer. Values that were deleted or overwritten, or that belong to a removed series, are left out.
//! The clauses `storage.compaction.*` explain why this ends, and how often a value is rewritten.

use std::iter::Peekable;
use std::sync::Arc;

use fluxstone_columns::SeriesId;

use crate::error::StorageError;
use crate::memtable::MemoryColumn;
use crate::merge::{Piece, merge};
use crate::record::FieldId;
use crate::segment::{BlockEntry, Segment, SegmentError, SegmentWriter, SequentialReader};
use crate::shared_index::IndexReader;
use crate::state::{SegmentFile, Shard, Tombstone};

/// A file is merged if it has up to this many times the values of everything newer.
const GROWTH: u64 = 2;

/// Which files of a shard are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MergePlan {
    /// The index of the first segment that is merged, with all after it; the number of segments if none is.
    pub(crate) merged_from: usize,
    /// Whether none of the remaining files has deleted values.
    pub(crate) deletes_done: bool,
}

impl MergePlan {
    /// Plans a merge of files after the last unreadable one, which stays as it is with all older files.
    pub(crate) fn new(shard: &Shard, removed: &[SeriesId]) -> MergePlan {
        loop {
            let unreadable = shard.segments.iter().rposition(|file| file.segment.is_unreadable());
            let (stay, files) = shard.segments.split_at(unreadable.map_or(0, |at| at + 1));
            // An error means that one more file is unreadable, so this happens at most once per file.
            let Ok(with_deletes) = first_with_deletes(shard, files, removed) else { continue };
            let sizes: Vec<u64> = files.iter().map(|file| file.segment.values()).collect();
            let new = shard.sealing.as_ref().map_or(0, |frozen| frozen.memtable.values());
            let merged_from = stay.len() + first_to_merge(&sizes, new, with_deletes);
            let deletes_done = stay.iter().all(|file| tombstones_of(shard, &file.segment).next().is_none());
            return MergePlan { merged_from, deletes_done };
        }
    }
}

/// Returns the index of the first file, oldest first, that is merged with the newer ones and `new` values from memory. Files
/// from index `with_deletes` on have to be merged.
fn first_to_merge(sizes: &[u64], new: u64, with_deletes: usize) -> usize {
    let mut first = with_deletes.min(sizes.len());
    let mut merged = new + sizes[first..].iter().sum::<u64>();
    while let Some(size) = first.checked_sub(1).map(|before| sizes[before])
        && size <= GROWTH * merged
    {
        first -= 1;
        merged += size;
    }
    first
}

/// Returns the deletes that may affect values of a file.
fn tombstones_of<'s>(shard: &'s Shard, segment: &Segment) -> impl Iterator<Item = &'s Tombstone> {
    let (position, range) = (segment.header().position, segment.range());
    shard.tombstones.iter().filter(move |t| t.position >= position && t.range.overlaps(range))
}

/// Returns the index of the first file with values of a removed series, or with values that a tombstone may affect.
fn first_with_deletes(shard: &Shard, files: &[SegmentFile], removed: &[SeriesId]) -> Result<usize, SegmentError> {
    for (at, file) in files.iter().enumerate() {
        let affected = tombstones_of(shard, &file.segment).flat_map(|t| t.series.iter());
        for series in removed.iter().chain(affected) {
            if !file.segment.fields_of(*series)?.is_empty() {
                return Ok(at);
            }
        }
    }
    Ok(files.len())
}

/// Writes the merged contents of the segments from `merged_from` on and of the closed memtable, leaving out series that are not
/// in the index.
pub(crate) fn write_columns(
    shard: &Shard,
    merged_from: usize,
    index: &IndexReader,
    writer: &mut SegmentWriter,
) -> Result<(), StorageError> {
    let mut columns = ColumnCursor::new(shard, merged_from)?;
    let mut last = None;
    while let Some(ShardColumn { series, field, mut pieces, in_memory }) = columns.next()? {
        let exists = match last {
            Some((known, exists)) if known == series => exists,
            _ => index.has(series),
        };
        last = Some((series, exists));
        if !exists {
            continue;
        }
        if let Some(column) = in_memory {
            let is_all = pieces.is_empty();
            if is_all && column.each_sorted(|batch| writer.add(series, field, &batch))? {
                continue;
            }
            pieces.extend(column.chunks().iter().filter_map(|chunk| Piece::in_memory(chunk, &[])));
        }
        for block in merge(pieces) {
            let batch = block.decode().map_err(|error| StorageError::Damaged {
                path: writer.path().to_owned(),
                problem: format!("cannot read the values to merge: {error}"),
            })?;
            writer.add(series, field, &batch)?;
        }
    }
    Ok(())
}

/// Returns all columns in the order of series and field.
struct ColumnCursor<'a> {
    shard: &'a Shard,
    /// Oldest first.
    segments: Vec<SegmentInput>,
    in_memory: Peekable<Box<dyn Iterator<Item = MemoryColumn<'a>> + 'a>>,
}

/// A segment file that is read from beginning to end.
struct SegmentInput {
    reader: SequentialReader,
    next: Option<BlockEntry>,
}

/// All values of one field of one series.
struct ShardColumn<'a> {
    series: SeriesId,
    field: FieldId,
    /// Those in files, in the order in which they were written ...
    pieces: Vec<Piece>,
    /// ... and those in memory, which are newer.
    in_memory: Option<MemoryColumn<'a>>,
}

impl<'a> ColumnCursor<'a> {
    fn new(shard: &'a Shard, merged_from: usize) -> Result<Self, StorageError> {
        let files = shard.segments.get(merged_from..).unwrap_or_default();
        let segments = files.iter().map(|file| SegmentInput::new(&file.segment)).collect::<Result<_, _>>()?;
        let in_memory = shard.sealing.as_deref().into_iter().flat_map(|frozen| frozen.memtable.columns());
        let in_memory: Box<dyn Iterator<Item = _>> = Box::new(in_memory);
        Ok(ColumnCursor { shard, segments, in_memory: in_memory.peekable() })
    }

    fn next(&mut self) -> Result<Option<ShardColumn<'a>>, StorageError> {
        let stored = self.segments.iter().filter_map(|input| Some(input.next?.key()));
        let Some(key) = stored.chain(self.in_memory.peek().map(|column| column.key)).min() else { return Ok(None) };
        let (series, field) = key;
        let mut pieces = Vec::new();
        for input in &mut self.segments {
            let deleted = self.shard.deleted_since(input.reader.segment().header().position, series);
            while let Some(entry) = input.take_if(key)? {
                pieces.push(Piece::new(input.reader.block(entry), true, &deleted));
            }
        }
        let in_memory = self.in_memory.next_if(|column| column.key == key);
        Ok(Some(ShardColumn { series, field, pieces, in_memory }))
    }
}

impl SegmentInput {
    fn new(segment: &Arc<Segment>) -> Result<Self, StorageError> {
        let mut input = SegmentInput { reader: SequentialReader::new(segment), next: None };
        input.advance()?;
        Ok(input)
    }

    /// Returns the next entry if it belongs to the column `key`.
    fn take_if(&mut self, key: (SeriesId, FieldId)) -> Result<Option<BlockEntry>, StorageError> {
        if self.next.is_some_and(|entry| entry.key() == key) { self.advance() } else { Ok(None) }
    }

    fn advance(&mut self) -> Result<Option<BlockEntry>, StorageError> {
        let next = self.reader.next_entry().transpose();
        let next = next.map_err(|error| unreadable(self.reader.segment(), &error))?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}

fn unreadable(segment: &Segment, error: &SegmentError) -> StorageError {
    StorageError::damaged(segment.path(), error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file with its number of values, and how often the oldest of them were rewritten.
    #[derive(Debug, Clone, Copy)]
    struct File {
        values: u64,
        rewrites: i32,
    }

    /// Merges as planned. Of a thousand merged values, `kept` remain.
    fn seal(files: &mut Vec<File>, new: u64, with_deletes: usize, kept: u64) {
        let sizes: Vec<u64> = files.iter().map(|file| file.values).collect();
        let first = first_to_merge(&sizes, new, with_deletes);
        let merged = files.split_off(first);
        let values = (new + merged.iter().map(|file| file.values).sum::<u64>()) * kept / 1000;
        let rewrites = merged.iter().map(|file| file.rewrites + 1).max().unwrap_or(0);
        if values > 0 {
            files.push(File { values, rewrites });
        }
    }

    proptest! {
        // spec: storage.compaction.2
        #[test]
        fn each_file_has_more_than_twice_the_values_of_the_next(
            steps in proptest::collection::vec((0_u64..2000, proptest::option::weighted(0.2, 0_usize..10), 0_u64..=1000), 0..200)
        ) {
            let mut files = Vec::new();
            let mut written = 0;
            for (new, with_deletes, kept) in steps {
                written += new;
                let count = files.len();
                seal(&mut files, new, with_deletes.unwrap_or(count), kept);
                prop_assert!(files.windows(2).all(|pair| pair[0].values > 2 * pair[1].values), "{:?}", files);
                prop_assert!(files.len() <= 1 + written.max(1).ilog2() as usize);
            }
        }

        // spec: storage.compaction.3
        #[test]
        fn each_rewrite_of_a_value_is_into_a_file_half_as_large_again(new in proptest::collection::vec(1_u64..2000, 0..300)) {
            let mut files = Vec::new();
            for new in new {
                let count = files.len();
                seal(&mut files, new, count, 1000);
                prop_assert!(files.iter().all(|file| 1.5_f64.powi(file.rewrites) <= file.values as f64), "{:?}", files);
            }
        }

        // spec: storage.compaction.3
        #[test]
        fn nothing_is_merged_if_nothing_is_new_or_deleted(sizes in proptest::collection::vec(1_u64..1000, 0..20)) {
            prop_assert_eq!(first_to_merge(&sizes, 0, sizes.len()), sizes.len());
        }
    }
}
