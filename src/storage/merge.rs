//! Merging: turns the pieces that hold values of one field of one series, in the order in which they were written, into blocks
//! in time order that do not overlap. The value written last wins.
//!
//! A piece that overlaps no other, and of which nothing was deleted, is passed through unchanged. For overlapping pieces, only
//! the times are read to decide which values count; the values are decoded on demand.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use fluxstone_columns::{Batch, Block, Column, SourceError, Summary};
use fluxstone_model::{FieldType, TimeRange, Timestamp};

use super::memtable::MemoryChunk;
use super::segment::{Segment, SegmentError, StoredColumn};

/// Values that were written together: a chunk of a memtable or a block of a segment file.
pub(super) struct Piece {
    /// The values.
    pub(super) block: Arc<dyn Block>,
    /// Whether the times are strictly ascending.
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

/// A block that cannot be read.
#[derive(Debug)]
struct FailedBlock {
    summary: Summary,
    error: SourceError,
}

impl Piece {
    /// Creates a piece from a chunk of a memtable. Returns `None` if the chunk is empty.
    pub(super) fn in_memory(chunk: &MemoryChunk, deleted: &[TimeRange]) -> Option<Piece> {
        let (block, is_ordered): (Arc<dyn Block>, bool) = match chunk {
            MemoryChunk::Rows(rows) => (rows.clone(), rows.is_ordered()),
            MemoryChunk::Sorted(rows) => (rows.clone(), true),
            MemoryChunk::Batch(batch) => {
                let is_ordered = batch.times.is_sorted_by(|a, b| a < b);
                (Arc::new(MemoryBlock::new(batch.clone())?), is_ordered)
            }
        };
        Some(Piece::new(block, is_ordered, deleted))
    }

    /// Creates a piece from a column of a segment file.
    pub(super) fn stored(column: StoredColumn, deleted: &[TimeRange]) -> Piece {
        Piece::new(Arc::new(column), true, deleted)
    }

    /// Creates a piece that stands for the values in `range` of a segment file whose index cannot be read.
    pub(super) fn unreadable(
        segment: &Segment,
        field_type: FieldType,
        range: TimeRange,
        error: &SegmentError,
    ) -> Piece {
        let summary = Summary { range: segment.range().intersect(range), count: 1, field_type, numbers: None };
        Piece::new(Arc::new(FailedBlock { summary, error: segment.source_error(error) }), true, &[])
    }

    /// Creates a piece from a block, whose times are strictly ascending if it `is_ordered`.
    pub(super) fn new(block: Arc<dyn Block>, is_ordered: bool, deleted: &[TimeRange]) -> Piece {
        let range = block.summary().range;
        let deleted = deleted.iter().copied().filter(|d| d.overlaps(range)).collect();
        Piece { block, is_ordered, deleted }
    }

    pub(super) fn range(&self) -> TimeRange {
        self.block.summary().range
    }

    /// Leaves out values at times outside `times`.
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

    /// Whether there is a value that was not deleted. Reads the block only if it was partly deleted; if it cannot be read, the
    /// answer is yes.
    pub(super) fn keeps_a_value(&self) -> bool {
        let TimeRange { min, max } = self.range();
        if self.deleted.is_empty() {
            return true;
        }
        if self.deleted.iter().any(|range| range.contains(min) && range.contains(max)) {
            return false;
        }
        let is_left = |time: &i64| !self.deleted.iter().any(|range| range.contains(Timestamp(*time)));
        self.block.times().map_or(true, |times| times.iter().any(is_left))
    }

    /// Replaces a piece that is made of several blocks by a piece for each.
    fn take_apart(self, apart: &mut Vec<Piece>) {
        if self.block.part_count() == 1 {
            apart.push(self);
            return;
        }
        match self.block.parts() {
            Ok(parts) => apart.extend(parts.into_iter().map(|part| Piece::new(part, self.is_ordered, &self.deleted))),
            Err(error) => {
                let block = FailedBlock { summary: self.block.summary(), error };
                apart.push(Piece { block: Arc::new(block), ..self });
            }
        }
    }

    fn is_clean(&self) -> bool {
        self.is_ordered && self.deleted.is_empty()
    }
}

impl MemoryBlock {
    /// Creates a block from a batch, whose times need not be in order. Returns `None` if it is empty.
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

    fn memory(&self) -> usize {
        // A batch that nobody else has was copied from a chunk that still grows.
        if Arc::strong_count(&self.batch) == 1 { self.batch.memory() } else { 0 }
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Ok(self.batch.clone())
    }
}

impl Block for FailedBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn has_summary(&self) -> bool {
        false
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Err(self.error.clone())
    }
}

/// Merges pieces, given in the order in which they were written.
pub(super) fn merge(pieces: Vec<Piece>) -> Vec<Arc<dyn Block>> {
    let follow_each_other = pieces.windows(2).all(|pair| pair[0].range().max < pair[1].range().min);
    if follow_each_other && pieces.iter().all(Piece::is_clean) {
        return pieces.into_iter().map(|piece| piece.block).collect();
    }
    let mut by_time: Vec<(usize, Piece)> = pieces.into_iter().enumerate().collect();
    by_time.sort_by_key(|(_, piece)| piece.range().min);
    let mut blocks = Vec::with_capacity(by_time.len());
    let mut cluster: Vec<(usize, Piece)> = Vec::new();
    let mut end = Timestamp(i64::MIN);
    for (order, piece) in by_time {
        let range = piece.range();
        if !cluster.is_empty() && range.min > end {
            merge_cluster(std::mem::take(&mut cluster), &mut blocks);
        }
        end = if cluster.is_empty() { range.max } else { end.max(range.max) };
        cluster.push((order, piece));
    }
    merge_cluster(cluster, &mut blocks);
    blocks
}

/// Merges pieces that overlap one another.
fn merge_cluster(mut cluster: Vec<(usize, Piece)>, blocks: &mut Vec<Arc<dyn Block>>) {
    if let [(_, piece)] = &cluster[..]
        && piece.is_clean()
    {
        blocks.push(piece.block.clone());
        return;
    }
    cluster.sort_by_key(|(order, _)| *order);
    if cluster.iter().any(|(_, piece)| piece.block.part_count() > 1) {
        // Of pieces made of several blocks, only the blocks that overlap others have to be merged.
        let mut apart = Vec::new();
        for (_, piece) in cluster {
            piece.take_apart(&mut apart);
        }
        blocks.append(&mut merge(apart));
        return;
    }
    let Some(newest) = cluster.last().map(|(_, piece)| piece.block.summary()) else { return };
    match Overlap::new(&cluster, newest.field_type) {
        Ok(overlap) => overlap.blocks(blocks),
        Err(error) => {
            let ranges = || cluster.iter().map(|(_, piece)| piece.range());
            let min = ranges().map(|r| r.min).min().unwrap_or(newest.range.min);
            let max = ranges().map(|r| r.max).max().unwrap_or(newest.range.max);
            let summary = Summary { range: TimeRange { min, max }, numbers: None, ..newest };
            blocks.push(Arc::new(FailedBlock { summary, error }));
        }
    }
}

/// The memory of a time and of a decoded value, which a string exceeds.
const TIMED_VALUE_BYTES: usize = 2 * size_of::<i64>();

/// The most pieces that overlap one another of which each is decoded for every block that is made from it. A query that reads many
/// series side by side would otherwise keep the values around the ends of all files.
const DECODED_ANEW_MAX: usize = 4;

/// A piece whose times are known.
struct TimedPiece {
    block: Arc<dyn Block>,
    times: Arc<Vec<i64>>,
    /// Its values, if they are decoded once for all blocks that are made from it.
    kept: Option<OnceLock<Result<Arc<Batch>, SourceError>>>,
}

impl TimedPiece {
    fn batch(&self) -> Result<Arc<Batch>, SourceError> {
        match &self.kept {
            Some(kept) => kept.get_or_init(|| self.block.decode()).clone(),
            None => self.block.decode(),
        }
    }

    /// The memory of the piece. Pieces of several fields may share their times, which somebody else keeps as well.
    fn memory(&self) -> usize {
        let kept = match self.kept {
            Some(_) => self.times.len() * TIMED_VALUE_BYTES,
            None => size_of_val(&**self.times) / (Arc::strong_count(&self.times) - 1).max(1),
        };
        self.block.memory() + kept
    }
}

/// Pieces that overlap one another, in the order in which they were written.
struct Overlap<'p> {
    pieces: Vec<(&'p Piece, Arc<TimedPiece>)>,
    field_type: FieldType,
}

impl<'p> Overlap<'p> {
    fn new(cluster: &'p [(usize, Piece)], field_type: FieldType) -> Result<Self, SourceError> {
        let mut pieces = Vec::with_capacity(cluster.len());
        for (_, piece) in cluster {
            if piece.block.summary().field_type != field_type {
                return Err(SourceError("a field has values of two types in one shard".to_owned()));
            }
            let (block, times) = (piece.block.clone(), piece.block.times()?);
            let kept = (cluster.len() > DECODED_ANEW_MAX).then(OnceLock::new);
            pieces.push((piece, Arc::new(TimedPiece { block, times, kept })));
        }
        Ok(Overlap { pieces, field_type })
    }

    /// Splits time at the ends of the pieces. Sections with a single piece are passed through, the others are merged.
    fn blocks(&self, blocks: &mut Vec<Arc<dyn Block>>) {
        let ends = |piece: &Piece| [i128::from(piece.range().min.0), i128::from(piece.range().max.0) + 1];
        let cuts: BTreeSet<i128> = self.pieces.iter().flat_map(|(piece, _)| ends(piece)).collect();
        let cuts: Vec<i128> = cuts.into_iter().collect();
        let mut merged: Option<Range<i128>> = None;
        for pair in cuts.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let mut here = self.pieces.iter().filter(|(piece, _)| ends(piece)[0] < to && ends(piece)[1] > from);
            if let (Some((piece, timed)), None) = (here.next(), here.next())
                && piece.is_clean()
            {
                blocks.extend(merged.take().and_then(|range| self.merged(range)));
                let at = |cut: i128| timed.times.partition_point(|time| i128::from(*time) < cut);
                blocks.extend(self.block(vec![timed.clone()], Picks::Slice(at(from)..at(to))));
            } else {
                merged = Some(merged.map_or(from, |range| range.start)..to);
            }
        }
        blocks.extend(merged.and_then(|range| self.merged(range)));
    }

    /// Returns the merged values of all pieces within a range: sorted by time, with one value per time.
    fn merged(&self, range: Range<i128>) -> Option<Arc<dyn Block>> {
        let mut found: Vec<(i64, u32, u32)> = Vec::new();
        for (number, (piece, timed)) in (0..).zip(&self.pieces) {
            let indexes = if piece.is_ordered {
                let at = |cut: i128| timed.times.partition_point(|time| i128::from(*time) < cut);
                at(range.start)..at(range.end)
            } else {
                0..timed.times.len()
            };
            for at in indexes {
                let time = timed.times[at];
                let is_deleted = || piece.deleted.iter().any(|range| range.contains(Timestamp(time)));
                if range.contains(&i128::from(time)) && !is_deleted() {
                    found.push((time, number, at as u32));
                }
            }
        }
        found.sort_by_key(|(time, ..)| *time); // stable, so values of the same time stay in the order in which they were written
        let is_last = |at: usize| found.get(at + 1).is_none_or(|next| next.0 != found[at].0);
        let picked = (0..found.len()).filter(|at| is_last(*at)).map(|at| found[at]).collect();
        self.block(self.pieces.iter().map(|(_, timed)| timed.clone()).collect(), Picks::Scattered(picked))
    }

    /// Returns a block of the picked values, unless there are none.
    fn block(&self, pieces: Vec<Arc<TimedPiece>>, picks: Picks) -> Option<Arc<dyn Block>> {
        let ends = match &picks {
            Picks::Slice(indexes) => {
                let times = &pieces.first()?.times[indexes.clone()];
                (*times.first()?, *times.last()?, times.len())
            }
            Picks::Scattered(picked) => (picked.first()?.0, picked.last()?.0, picked.len()),
        };
        let range = TimeRange { min: Timestamp(ends.0), max: Timestamp(ends.1) };
        let summary = Summary { range, count: ends.2 as u32, field_type: self.field_type, numbers: None };
        Some(Arc::new(MergedBlock { pieces, picks, summary }))
    }
}

/// Which values of some pieces form a block.
#[derive(Debug)]
enum Picks {
    /// Consecutive values of the only piece.
    Slice(Range<usize>),
    /// The time, the piece and the index in the piece of each value.
    Scattered(Vec<(i64, u32, u32)>),
}

/// Values picked from several pieces, which are decoded on demand.
struct MergedBlock {
    pieces: Vec<Arc<TimedPiece>>,
    picks: Picks,
    summary: Summary,
}

impl Block for MergedBlock {
    fn summary(&self) -> Summary {
        self.summary
    }

    fn memory(&self) -> usize {
        match &self.picks {
            // The piece overlaps others, and counts with what was picked from them.
            Picks::Slice(_) => 0,
            Picks::Scattered(picked) => {
                size_of_val(&**picked) + self.pieces.iter().map(|piece| piece.memory()).sum::<usize>()
            }
        }
    }

    fn times(&self) -> Result<Arc<Vec<i64>>, SourceError> {
        let times = match (&self.picks, &self.pieces[..]) {
            (Picks::Slice(indexes), [piece, ..]) => piece.times[indexes.clone()].to_vec(),
            (Picks::Slice(_), []) => Vec::new(),
            (Picks::Scattered(picked), _) => picked.iter().map(|(time, ..)| *time).collect(),
        };
        Ok(Arc::new(times))
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        let batches = self.pieces.iter().map(|piece| piece.batch()).collect::<Result<Vec<_>, _>>()?;
        macro_rules! column {
            ($kind:ident) => {{
                let columns = batches.iter().map(|batch| match &batch.values {
                    Column::$kind(values) => &values[..],
                    _ => &[],
                });
                Column::$kind(self.picks.pick(&columns.collect::<Vec<_>>()))
            }};
        }
        let values = match self.summary.field_type {
            FieldType::Float => column!(Float),
            FieldType::Integer => column!(Integer),
            FieldType::String => column!(String),
            FieldType::Boolean => column!(Boolean),
        };
        let times = self.times()?;
        if values.len() != times.len() {
            return Err(SourceError("a field has values of two types in one shard".to_owned()));
        }
        Ok(Arc::new(Batch { times, values }))
    }
}

impl Picks {
    /// Picks the values from the columns. Returns too few if a column is shorter than expected or of the wrong type.
    fn pick<T: Clone>(&self, columns: &[&[T]]) -> Vec<T> {
        match self {
            Picks::Slice(indexes) => {
                columns.first().and_then(|column| column.get(indexes.clone())).unwrap_or_default().to_vec()
            }
            Picks::Scattered(picked) => {
                let value = |(_, column, at): &(i64, u32, u32)| columns.get(*column as usize)?.get(*at as usize);
                picked.iter().filter_map(value).cloned().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn piece(points: &[(i64, i64)], deleted: &[TimeRange]) -> Option<Piece> {
        let (times, values): (Vec<i64>, Vec<i64>) = points.iter().copied().unzip();
        let batch = Batch { times: Arc::new(times), values: Column::Integer(values) };
        Piece::in_memory(&MemoryChunk::Batch(Arc::new(batch)), deleted)
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
        fn merging_equals_writing_the_pieces_in_order(
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

    proptest! {
        #[test]
        fn a_piece_keeps_a_value_exactly_if_merging_it_leaves_one(
            written in proptest::collection::vec((0_i64..50, any::<i64>()), 1..20),
            lost in proptest::collection::vec((0_i64..50, 0_i64..50), 0..4),
        ) {
            let lost: Vec<TimeRange> =
                lost.iter().map(|(a, b)| TimeRange { min: Timestamp(*a), max: Timestamp(*b) }).collect();
            let piece = piece(&written, &lost).unwrap();
            let keeps = piece.keeps_a_value();
            prop_assert_eq!(keeps, !merge(vec![piece]).is_empty());
        }
    }

    #[test]
    fn pieces_that_do_not_overlap_are_passed_through() {
        let first = piece(&[(5, 1), (6, 2)], &[]).unwrap();
        let second = piece(&[(1, 3), (4, 4)], &[]).unwrap();
        let (a, b) = (first.block.clone(), second.block.clone());
        let merged = merge(vec![first, second]);
        assert!(Arc::ptr_eq(&merged[0], &b) && Arc::ptr_eq(&merged[1], &a));
    }
}
