//! Merging: from the pieces that hold values of one field of one series, in the order in which they were written, to
//! blocks in time order that do not overlap. The value written last wins.
//!
//! A piece that overlaps no other, and of which nothing was deleted, goes through as it is, undecoded.

use std::sync::Arc;

use super::segment::{BlockEntry, Segment, SegmentError, StoredBlock};
use crate::model::{FieldType, TimeRange, Timestamp};
use crate::query::{Batch, Block, Column, SourceError, Summary};

/// Values that were written together: a chunk of a memtable or a block of a segment file.
pub(super) struct Piece {
    /// The values.
    pub(super) block: Arc<dyn Block>,
    /// Whether the times ascend strictly.
    pub(super) is_ordered: bool,
    /// Ranges whose values were deleted after the piece was written.
    pub(super) deleted: Vec<TimeRange>,
}

/// A batch in memory.
#[derive(Debug)]
pub(super) struct MemoryBlock {
    batch: Arc<Batch>,
    summary: Summary,
}

/// A block that can't be read.
#[derive(Debug)]
struct FailedBlock {
    summary: Summary,
    error: SourceError,
}

impl Piece {
    /// A chunk of a memtable; `None` if it is empty.
    pub(super) fn in_memory(chunk: &Arc<Batch>, deleted: &[TimeRange]) -> Option<Piece> {
        let is_ordered = chunk.times.is_sorted_by(|a, b| a < b);
        Some(Piece::new(Arc::new(MemoryBlock::new(chunk.clone())?), is_ordered, deleted))
    }

    /// A block of a segment file.
    pub(super) fn stored(segment: &Arc<Segment>, entry: BlockEntry, deleted: &[TimeRange]) -> Piece {
        Piece::new(Arc::new(StoredBlock { segment: segment.clone(), entry }), true, deleted)
    }

    /// Stands for values of a segment file whose index can't be read.
    pub(super) fn unreadable(segment: &Segment, field_type: FieldType, error: &SegmentError) -> Piece {
        let summary = Summary { range: segment.range(), count: 1, field_type, numbers: None };
        Piece::new(Arc::new(FailedBlock { summary, error: segment.source_error(error) }), true, &[])
    }

    fn new(block: Arc<dyn Block>, is_ordered: bool, deleted: &[TimeRange]) -> Piece {
        let range = block.summary().range;
        let deleted = deleted.iter().copied().filter(|d| d.overlaps(range)).collect();
        Piece { block, is_ordered, deleted }
    }

    pub(super) fn range(&self) -> TimeRange {
        self.block.summary().range
    }

    /// Leaves out values of times that are not in `times`.
    pub(super) fn cut_to(&mut self, times: TimeRange) {
        let range = self.range();
        if range.min < times.min {
            let before = Timestamp(times.min.0.saturating_sub(1));
            self.deleted.push(TimeRange { min: Timestamp(i64::MIN), max: before });
        }
        if times.max < range.max {
            let after = Timestamp(times.max.0.saturating_add(1));
            self.deleted.push(TimeRange { min: after, max: Timestamp(i64::MAX) });
        }
    }

    fn is_clean(&self) -> bool {
        self.is_ordered && self.deleted.is_empty()
    }
}

impl MemoryBlock {
    /// A block of a batch, whose times need not be in order; `None` if it is empty.
    pub(super) fn new(batch: Arc<Batch>) -> Option<MemoryBlock> {
        let (min, max) = (*batch.times.iter().min()?, *batch.times.iter().max()?);
        let summary = Summary {
            range: TimeRange { min: Timestamp(min), max: Timestamp(max) },
            count: batch.times.len() as u32,
            field_type: batch.values.field_type(),
            numbers: None,
        };
        Some(MemoryBlock { batch, summary })
    }
}

impl Block for MemoryBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Ok(self.batch.clone())
    }
}

impl Block for FailedBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Err(self.error.clone())
    }
}

/// Merges pieces, given in the order in which they were written.
pub(super) fn merge(pieces: Vec<Piece>) -> Vec<Arc<dyn Block>> {
    let mut by_time: Vec<(usize, Piece)> = pieces.into_iter().enumerate().collect();
    by_time.sort_by_key(|(_, piece)| piece.range().min);
    let mut blocks = Vec::with_capacity(by_time.len());
    let mut cluster: Vec<(usize, Piece)> = Vec::new();
    let mut end = Timestamp(i64::MIN);
    for (order, piece) in by_time {
        let range = piece.range();
        if !cluster.is_empty() && range.min > end {
            blocks.extend(merge_cluster(std::mem::take(&mut cluster)));
        }
        end = if cluster.is_empty() { range.max } else { end.max(range.max) };
        cluster.push((order, piece));
    }
    blocks.extend(merge_cluster(cluster));
    blocks
}

/// Merges pieces that overlap one another.
fn merge_cluster(mut cluster: Vec<(usize, Piece)>) -> Option<Arc<dyn Block>> {
    if let [(_, piece)] = &cluster[..]
        && piece.is_clean()
    {
        return Some(piece.block.clone());
    }
    cluster.sort_by_key(|(order, _)| *order);
    let newest = cluster.last()?.1.block.summary();
    match merge_values(&cluster, newest.field_type) {
        Ok(batch) => MemoryBlock::new(Arc::new(batch)).map(|block| Arc::new(block) as Arc<dyn Block>),
        Err(error) => {
            let ranges = || cluster.iter().map(|(_, piece)| piece.range());
            let range = TimeRange { min: ranges().map(|r| r.min).min()?, max: ranges().map(|r| r.max).max()? };
            let summary = Summary { range, numbers: None, ..newest };
            Some(Arc::new(FailedBlock { summary, error }))
        }
    }
}

/// The values of all pieces, sorted by time, each time once.
fn merge_values(cluster: &[(usize, Piece)], field_type: FieldType) -> Result<Batch, SourceError> {
    let mut times = Vec::new();
    let mut columns = Vec::with_capacity(cluster.len());
    for (_, piece) in cluster {
        let batch = piece.block.decode()?;
        if batch.values.field_type() != field_type {
            return Err(SourceError("a field has values of two types in one shard".to_owned()));
        }
        let column = columns.len() as u32;
        for (at, time) in batch.times.iter().enumerate() {
            if !piece.deleted.iter().any(|range| range.contains(Timestamp(*time))) {
                times.push((*time, column, at as u32));
            }
        }
        columns.push(batch);
    }
    times.sort_by_key(|(time, ..)| *time); // stable: values of one time stay in the order of writing
    let is_last = |i: usize| times.get(i + 1).is_none_or(|next| next.0 != times[i].0);
    let picked: Vec<(i64, u32, u32)> = (0..times.len()).filter(|i| is_last(*i)).map(|i| times[i]).collect();

    let values = match field_type {
        FieldType::Float => Column::Float(pick(&picked, &columns, |c| match c {
            Column::Float(v) => Some(v),
            _ => None,
        })),
        FieldType::Integer => Column::Integer(pick(&picked, &columns, |c| match c {
            Column::Integer(v) => Some(v),
            _ => None,
        })),
        FieldType::String => Column::String(pick(&picked, &columns, |c| match c {
            Column::String(v) => Some(v),
            _ => None,
        })),
        FieldType::Boolean => Column::Boolean(pick(&picked, &columns, |c| match c {
            Column::Boolean(v) => Some(v),
            _ => None,
        })),
    };
    Ok(Batch { times: picked.iter().map(|(time, ..)| *time).collect(), values })
}

/// The picked values out of the columns, which are all of one type.
fn pick<T: Clone>(
    picked: &[(i64, u32, u32)],
    columns: &[Arc<Batch>],
    values_of: impl Fn(&Column) -> Option<&Vec<T>>,
) -> Vec<T> {
    let columns: Vec<&[T]> = columns.iter().map(|c| values_of(&c.values).map_or(&[][..], Vec::as_slice)).collect();
    picked.iter().map(|(_, column, at)| columns[*column as usize][*at as usize].clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn piece(points: &[(i64, i64)], deleted: &[TimeRange]) -> Option<Piece> {
        let (times, values) = points.iter().copied().unzip();
        Piece::in_memory(&Arc::new(Batch { times, values: Column::Integer(values) }), deleted)
    }

    fn points(blocks: &[Arc<dyn Block>]) -> Vec<(i64, i64)> {
        let batches = blocks.iter().map(|b| b.decode().unwrap());
        batches
            .flat_map(|b| match &b.values {
                Column::Integer(v) => b.times.iter().copied().zip(v.iter().copied()).collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn merging_is_writing_one_after_the_other(
            pieces in proptest::collection::vec(
                (proptest::collection::vec((0_i64..50, any::<i64>()), 0..20), proptest::option::of((0_i64..50, 0_i64..50))),
                0..6,
            )
        ) {
            let mut want = BTreeMap::new();
            let mut given = Vec::new();
            for (written, lost) in &pieces {
                let lost: Vec<TimeRange> =
                    lost.iter().map(|(a, b)| TimeRange { min: Timestamp(*a), max: Timestamp(*b) }).collect();
                for (time, value) in written {
                    if !lost.iter().any(|r| r.contains(Timestamp(*time))) {
                        want.insert(*time, *value);
                    }
                }
                given.extend(piece(written, &lost));
            }
            let want: Vec<(i64, i64)> = want.into_iter().collect();
            let blocks = merge(given);
            prop_assert_eq!(points(&blocks), want);
            let ranges: Vec<TimeRange> = blocks.iter().map(|b| b.summary().range).collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].max < pair[1].min));
        }
    }

    #[test]
    fn pieces_that_do_not_overlap_go_through_undecoded() {
        let first = piece(&[(5, 1), (6, 2)], &[]).unwrap();
        let second = piece(&[(1, 3), (4, 4)], &[]).unwrap();
        let (a, b) = (first.block.clone(), second.block.clone());
        let merged = merge(vec![first, second]);
        assert!(Arc::ptr_eq(&merged[0], &b) && Arc::ptr_eq(&merged[1], &a));
    }
}
