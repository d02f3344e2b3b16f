//! Snapshots: some shards of one database at one position of the log. They implement [`Source`] for queries.
//!
//! Invariant: a snapshot never changes. It holds the shards by `Arc`, and reads the series of its position. Its only lock is
//! that of the index, which is held during look-ups, never during a disk read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::{Block, SeriesId, SeriesPredicate, SeriesRef, Source};
use fluxstone_model::{DatabaseId, FieldType, ShardId, Text, TimeRange, Timestamp};
use smallvec::SmallVec;

use super::fields::{Field, Fields};
use super::memtable::Memtable;
use super::merge::{Piece, merge};
use super::segment::StoredColumn;
use super::shared_index::IndexReader;
use super::state::{SegmentFile, Shard, State};

/// Some shards of one database at one position of the log.
pub(super) struct Snapshot {
    /// `None` if the database does not exist.
    series: Option<IndexReader>,
    /// Sorted by time range. A shard may occur several times, with different ranges.
    shards: Vec<(TimeRange, Arc<Shard>)>,
}

impl Snapshot {
    /// Takes a snapshot. Shards that hold nothing are left out.
    pub(super) fn new(state: &State, database: DatabaseId, shards: &[(ShardId, TimeRange)]) -> Self {
        let Some(database) = state.database(database) else {
            return Snapshot { series: None, shards: Vec::new() };
        };
        let mut shards: Vec<_> =
            shards.iter().filter_map(|(id, range)| Some((*range, database.shard(*id)?.clone()))).collect();
        shards.sort_by_key(|(range, _)| range.min);
        Snapshot { series: Some(state.reader(database)), shards }
    }
}

impl Source for Snapshot {
    fn measurements(&self) -> Vec<Text> {
        self.series.as_ref().map_or_else(Vec::new, IndexReader::measurements)
    }

    fn shard_starts(&self) -> Vec<Timestamp> {
        self.shards.iter().map(|(times, _)| times.min).collect()
    }

    fn field_types(&self, measurement: &[u8], range: TimeRange) -> BTreeMap<Text, Vec<FieldType>> {
        let mut types: BTreeMap<Text, BTreeSet<FieldType>> = BTreeMap::new();
        let overlapping = self.shards.iter().filter(|(shard_range, _)| shard_range.overlaps(range));
        for (name, field) in overlapping.filter_map(|(_, shard)| shard.fields.of(measurement)).flat_map(Fields::iter) {
            types.entry(name.clone()).or_default().insert(field.field_type);
        }
        types.into_iter().map(|(name, types)| (name, types.into_iter().collect())).collect()
    }

    fn tag_keys(&self, measurement: &[u8]) -> BTreeSet<Text> {
        self.series.as_ref().map_or_else(BTreeSet::new, |series| series.tag_keys(measurement))
    }

    fn for_each_series(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        visit: &mut dyn FnMut(Option<SeriesRef>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(series) = &self.series else { return ControlFlow::Continue(()) };
        series.for_each_matching(measurement, predicate, visit)
    }

    fn tag_values_while(
        &self,
        measurement: &[u8],
        predicate: &SeriesPredicate,
        is_wanted: &dyn Fn(&Text) -> bool,
        go_on: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Option<Vec<(Text, Text)>> {
        let Some(series) = &self.series else { return Some(Vec::new()) };
        series.tag_values_while(measurement, predicate, is_wanted, go_on)
    }

    fn blocks(&self, series: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>> {
        self.blocks_of_fields(series, &[field], range).pop().unwrap_or_default()
    }

    fn blocks_of_fields(&self, series: SeriesId, fields: &[&[u8]], range: TimeRange) -> Vec<Vec<Arc<dyn Block>>> {
        let mut blocks = vec![Vec::new(); fields.len()];
        let measurement = self.series.as_ref().and_then(|index| index.measurement_of(series));
        let Some(measurement) = measurement else { return blocks };
        for (times, shard) in self.shards.iter().filter(|(shard_range, _)| shard_range.overlaps(range)) {
            let Some(known) = shard.fields.of(&measurement) else { continue };
            let known: SmallVec<[Option<Field>; 16]> = fields.iter().map(|field| Some(*known.get(field)?.1)).collect();
            let pieces = shard.pieces(series, &known, range.intersect(*times));
            for (mut pieces, blocks) in pieces.into_iter().zip(&mut blocks) {
                for piece in &mut pieces {
                    piece.cut_to(*times);
                }
                blocks.extend(merge(pieces).into_iter().filter(|block| block.summary().range.overlaps(range)));
            }
        }
        blocks
    }
}

impl Shard {
    /// Returns for each of some fields the pieces that may hold values of one series within `range`, in the order in which they
    /// were written.
    fn pieces(&self, series: SeriesId, fields: &[Option<Field>], range: TimeRange) -> Vec<Vec<Piece>> {
        let mut pieces: Vec<Vec<Piece>> = fields.iter().map(|_| Vec::new()).collect();
        let ids = || fields.iter().flatten().map(|field| field.id);
        let (Some(min), Some(max)) = (ids().min(), ids().max()) else { return pieces };
        let known = || fields.iter().enumerate().filter_map(|(at, field)| Some((at, (*field)?)));
        for SegmentFile { segment, .. } in &self.segments {
            if !segment.range().overlaps(range) {
                continue;
            }
            let deleted = self.deleted_since(segment.header().position, series);
            match segment.columns_between(series, min, max) {
                Ok(pages) => {
                    for (at, field) in known() {
                        let columns = pages.iter().flat_map(|page| StoredColumn::of(segment, page, field.id));
                        pieces[at].extend(columns.map(|column| Piece::stored(column, &deleted)));
                    }
                }
                Err(error) => {
                    for (at, field) in known() {
                        pieces[at].push(Piece::unreadable(segment, field.field_type, range, &error));
                    }
                }
            }
        }
        if let Some(frozen) = &self.sealing {
            let deleted = self.deleted_since(frozen.position, series);
            let chunks = frozen.memtable.chunks_of_fields(series, ids(), range);
            for ((at, _), chunks) in known().zip(chunks) {
                pieces[at].extend(chunks.iter().filter_map(|chunk| Piece::in_memory(chunk, &deleted)));
            }
        }
        let chunks = self.active.chunks_of_fields(series, ids(), range);
        for ((at, _), chunks) in known().zip(chunks) {
            pieces[at].extend(chunks.iter().filter_map(|chunk| Piece::in_memory(chunk, &[])));
        }
        for pieces in &mut pieces {
            pieces.retain(|piece| piece.range().overlaps(range));
        }
        pieces
    }

    /// Whether a series of a measurement has a value.
    pub(super) fn has_values(&self, series: SeriesId, measurement: &[u8]) -> bool {
        let mut fields = self.fields.of(measurement).into_iter().flat_map(Fields::iter);
        fields.any(|(_, field)| {
            // Overwriting a value does not change whether there is one, so each piece can be judged on its own.
            let pieces = self.pieces(series, &[Some(*field)], TimeRange::ALL);
            pieces.iter().flatten().any(Piece::keeps_a_value)
        })
    }

    /// Returns the series that may have values here, leaving out those of unreadable segment files.
    pub(super) fn series(&self) -> BTreeSet<SeriesId> {
        let frozen = self.sealing.as_deref().map(|frozen| &frozen.memtable);
        let in_memory = frozen.into_iter().chain([&self.active]).flat_map(Memtable::series);
        let stored = self.segments.iter().flat_map(|file| file.segment.entries().filter_map(Result::ok));
        in_memory.chain(stored.map(|entry| entry.series)).collect()
    }
}
