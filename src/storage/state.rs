//! The state that the log describes up to a position: the catalog's bytes, and the series and shards of each database.
//!
//! Invariant: apart from sealing, which moves values from memory to files without changing any answer, the state changes only
//! through [`State::apply`], during normal operation and replay alike. Everything large is behind an `Arc`: a snapshot clones
//! the pointers, and what it holds never changes.

use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, ShardId, TimeRange};
use hashbrown::HashMap;

use super::catalog_bytes::CatalogBytes;
use super::damaged_segment::DamagedSegment;
use super::fields::{Field, FieldTable};
use super::memtable::Memtable;
use super::record::{Entries, Entry};
use super::segment::Segment;
use super::series_index::{SeriesBound, View};
use super::shared_index::{IndexReader, SharedIndex};

/// The estimated memory of a shard, for good: its entries in state, live schema, catalog and checkpoint, and its segment file.
/// With one field, 2.8 KB were measured once it was sealed.
pub(super) const SHARD_BYTES: usize = 2560;

/// Everything that readers see.
#[derive(Debug)]
pub(super) struct State {
    /// The position of the next record to apply.
    pub(super) position: u64,
    /// Series with ids from here on are not visible yet.
    pub(super) series_bound: SeriesBound,
    /// The catalog, as bytes that only the engine understands.
    pub(super) catalog: CatalogBytes,
    databases: HashMap<DatabaseId, Database>,
    /// The estimated memory of memtables.
    pub(super) memory: Memory,
    /// Whether series have been removed since the last sealing.
    series_removed: bool,
    /// What deletions touched. The second step of a removal takes it, and removes the series that have no values left.
    pub(super) touched: Vec<(DatabaseId, Touched)>,
    /// Dropped databases, whose memory is freed when nobody waits for it.
    pub(super) dropped: Vec<Database>,
}

/// Series that may have lost their last value.
#[derive(Debug)]
pub(super) enum Touched {
    Series(Arc<[SeriesId]>),
    /// Those of a shard that was dropped.
    Shard(Arc<Shard>),
}

/// The estimated memory of memtables, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    /// Memtables that are being written to.
    pub(super) active: usize,
    /// Memtables that are being sealed.
    pub(super) sealing: usize,
}

/// One database.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) index: Arc<SharedIndex>,
    shards: HashMap<ShardId, Arc<Shard>>,
    /// Series that were removed since the last sealing. Segment files may still hold their values.
    removed: Vec<SeriesId>,
}

/// One shard. Values are, from oldest to newest, in `segments`, `sealing` and `active`.
#[derive(Debug, Clone, Default)]
pub(super) struct Shard {
    pub(super) fields: Arc<FieldTable>,
    pub(super) segments: Vec<SegmentFile>,
    pub(super) sealing: Option<Arc<FrozenMemtable>>,
    pub(super) active: Memtable,
    /// Deletes that apply to `segments` or `sealing`.
    pub(super) tombstones: Arc<Vec<Tombstone>>,
}

/// A segment file and the number in its name.
#[derive(Debug, Clone)]
pub(super) struct SegmentFile {
    pub(super) number: u64,
    pub(super) segment: Arc<Segment>,
}

/// A memtable that is being sealed.
#[derive(Debug)]
pub(super) struct FrozenMemtable {
    pub(super) memtable: Memtable,
    /// The position of the first record that it does not cover.
    pub(super) position: u64,
}

/// A delete. It applies to segments and memtables that cover only records before its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tombstone {
    /// The position of its log record.
    pub(super) position: u64,
    pub(super) range: TimeRange,
    /// Sorted.
    pub(super) series: Arc<[SeriesId]>,
}

/// Everything up to one position, to be sealed.
#[derive(Debug)]
pub(super) struct SealJob {
    /// The position of the first record that is not covered.
    pub(super) position: u64,
    pub(super) series_bound: SeriesBound,
    pub(super) catalog: CatalogBytes,
    pub(super) databases: Vec<SealDatabase>,
    pub(super) series_removed: bool,
}

/// One database of a [`SealJob`].
#[derive(Debug)]
pub(super) struct SealDatabase {
    pub(super) id: DatabaseId,
    pub(super) index: IndexReader,
    pub(super) shards: Vec<(ShardId, Arc<Shard>)>,
    /// Sorted.
    pub(super) removed: Vec<SeriesId>,
}

/// The result of sealing one shard of a [`SealJob`].
#[derive(Debug)]
pub(super) struct SealedShard {
    pub(super) database: DatabaseId,
    pub(super) shard: ShardId,
    /// The segments from this index on were merged into the new one.
    pub(super) merged_from: usize,
    /// The new file, unless no values were left.
    pub(super) new: Option<SegmentFile>,
    /// Whether all deletes up to the position were applied.
    pub(super) deletes_done: bool,
}

impl State {
    pub(super) fn new() -> Self {
        State {
            position: 1,
            series_bound: SeriesBound(SeriesId(1)),
            catalog: CatalogBytes::default(),
            databases: HashMap::new(),
            memory: Memory::default(),
            series_removed: false,
            touched: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Returns a reader of the series of a database as they are now.
    pub(super) fn reader(&self, database: &Database) -> IndexReader {
        IndexReader::new(database.index.clone(), self.view())
    }

    /// What is visible now.
    pub(super) fn view(&self) -> View {
        View { bound: self.series_bound, position: self.position }
    }

    pub(super) fn databases(&self) -> impl Iterator<Item = (&DatabaseId, &Database)> {
        self.databases.iter()
    }

    pub(super) fn database(&self, id: DatabaseId) -> Option<&Database> {
        self.databases.get(&id)
    }

    /// Returns the segment files that are known to be damaged, in the order of databases and shards.
    pub(super) fn damaged_segments(&self) -> Vec<DamagedSegment> {
        let mut damaged = Vec::new();
        for (database, shards) in &self.databases {
            for (shard, contents) in shards.shards() {
                let segments = contents.segments.iter().map(|file| &file.segment);
                damaged.extend(segments.filter(|segment| segment.is_unreadable()).map(|segment| DamagedSegment {
                    path: segment.path().to_owned(),
                    database: *database,
                    shard: *shard,
                    problem: segment.why_left_out().map(str::to_owned),
                }));
            }
        }
        damaged.sort_by(|a, b| (a.database, a.shard, &a.path).cmp(&(b.database, b.shard, &b.path)));
        damaged
    }

    /// Returns a database, creating an empty one if there is none.
    pub(super) fn database_mut(&mut self, id: DatabaseId) -> &mut Database {
        self.databases.entry(id).or_default()
    }

    /// Applies the record at `self.position`.
    pub(super) fn apply(&mut self, record: &[u8]) -> Result<(), CodecError> {
        for entry in Entries::new(record) {
            self.apply_entry(entry?)?;
        }
        self.position += 1;
        Ok(())
    }

    pub(super) fn apply_entry(&mut self, entry: Entry<'_>) -> Result<(), CodecError> {
        match entry {
            Entry::Catalog(change) => self.catalog.changes.push(Arc::from(change)),
            Entry::Series { database, id, key } => {
                self.series_bound = self.series_bound.max(SeriesBound(SeriesId(id.0.saturating_add(1))));
                let index = &self.database_mut(database).index;
                // Except during replay, the writer has inserted it already.
                if !index.has_reached(id) {
                    index.write().insert(id, key);
                }
            }
            Entry::Shard { database, shard } => {
                self.database_mut(database).shard_mut(shard);
            }
            Entry::Field { database, shard, id, field_type, measurement, name } => {
                let shard = self.database_mut(database).shard_mut(shard);
                Arc::make_mut(&mut shard.fields).insert(measurement, name, Field { id, field_type });
            }
            Entry::Points { database, shard, rows } => {
                let position = self.position;
                let shard = self.database_mut(database).shard_mut(shard);
                if shard.is_sealed_past(position) {
                    return Ok(());
                }
                let active = &mut shard.active;
                let before = active.bytes();
                let inserted = active.insert(rows);
                let after = active.bytes();
                self.memory.active += after - before;
                inserted?;
            }
            Entry::Delete { database, shards, mut series, range } => {
                series.sort_unstable();
                let tombstone = Tombstone { position: self.position, range, series: series.into() };
                self.touched.push((database, Touched::Series(tombstone.series.clone())));
                let database = self.database_mut(database);
                for shard in shards {
                    let shard = database.shards.get_mut(&shard);
                    if let Some(shard) = shard.filter(|shard| !shard.is_sealed_past(tombstone.position)) {
                        Arc::make_mut(shard).delete(&tombstone);
                    }
                }
            }
            Entry::RemoveSeries { database, series } => {
                let position = self.position;
                self.series_removed = true;
                let database = self.database_mut(database);
                database.index.write().remove(&series, position);
                database.removed.extend(series);
            }
            Entry::DropMeasurement { database, measurement } => {
                let (bound, position) = (self.series_bound, self.position);
                self.series_removed = true;
                let database = self.database_mut(database);
                let removed = database.index.write().remove_measurement(measurement, bound, position);
                database.removed.extend(removed);
                database.remove_fields(measurement);
            }
            Entry::DropShards { database, shards } => {
                for shard in shards {
                    let dropped = self.database_mut(database).shards.remove(&shard);
                    self.release_memory(dropped.as_deref());
                    self.touched.extend(dropped.map(|shard| (database, Touched::Shard(shard))));
                }
            }
            Entry::DropDatabase { database } => {
                self.series_removed = true;
                let dropped = self.databases.remove(&database);
                for shard in dropped.iter().flat_map(|d| d.shards.values()) {
                    self.release_memory(Some(shard));
                }
                self.dropped.extend(dropped);
            }
        }
        Ok(())
    }

    fn release_memory(&mut self, shard: Option<&Shard>) {
        let bytes = shard.map_or(0, |shard| shard.active.bytes());
        self.memory.active = self.memory.active.saturating_sub(bytes);
    }

    /// Closes all memtables, so that everything up to the current position can be sealed. Must not be called while another job
    /// is in progress.
    pub(super) fn freeze(&mut self) -> SealJob {
        let (position, view) = (self.position, self.view());
        let mut databases = Vec::with_capacity(self.databases.len());
        for (id, database) in &mut self.databases {
            for shard in database.shards.values_mut().filter(|shard| !shard.active.is_empty()) {
                let shard = Arc::make_mut(shard);
                let memtable = std::mem::take(&mut shard.active);
                shard.sealing = Some(Arc::new(FrozenMemtable { memtable, position }));
            }
            let mut removed = std::mem::take(&mut database.removed);
            removed.sort_unstable();
            let mut shards: Vec<_> = database.shards.iter().map(|(id, shard)| (*id, shard.clone())).collect();
            // A fixed order makes the steps of sealing repeatable.
            shards.sort_unstable_by_key(|(id, _)| *id);
            let index = IndexReader::new(database.index.clone(), view);
            databases.push(SealDatabase { id: *id, index, shards, removed });
        }
        self.memory = Memory { active: 0, sealing: self.memory.sealing + self.memory.active };
        SealJob {
            position,
            series_bound: self.series_bound,
            catalog: self.catalog.clone(),
            databases,
            series_removed: std::mem::take(&mut self.series_removed),
        }
    }

    /// Replaces memtables and merged segments by the new segment files.
    pub(super) fn publish(&mut self, position: u64, sealed: &[SealedShard]) {
        for done in sealed {
            let database = self.databases.get_mut(&done.database);
            // The shard may have been dropped in the meantime.
            let Some(shard) = database.and_then(|d| d.shards.get_mut(&done.shard)) else { continue };
            Arc::make_mut(shard).publish(position, done);
        }
    }

    /// Frees the memory of closed memtables: all of them are in segment files.
    pub(super) fn sealing_ended(&mut self) {
        self.memory.sealing = 0;
    }

    /// The estimated memory of series, fields and shards, which stays until they are removed.
    pub(super) fn schema_bytes(&self) -> usize {
        let of = |database: &Database| {
            let shards = database.shards.values().map(|shard| SHARD_BYTES + shard.fields.memory());
            database.index.read().memory() + shards.sum::<usize>()
        };
        self.databases.values().map(of).sum()
    }

    /// Whether a segment file covers records that do not exist (any more).
    pub(super) fn is_behind_files(&self) -> bool {
        let mut shards = self.databases.values().flat_map(|database| database.shards.values());
        shards.any(|shard| shard.is_sealed_past(self.position))
    }
}

impl Touched {
    pub(super) fn series(&self) -> Vec<SeriesId> {
        match self {
            Touched::Series(series) => series.to_vec(),
            Touched::Shard(shard) => shard.series().into_iter().collect(),
        }
    }
}

impl Database {
    pub(super) fn shards(&self) -> impl Iterator<Item = (&ShardId, &Arc<Shard>)> {
        self.shards.iter()
    }

    pub(super) fn shard(&self, id: ShardId) -> Option<&Arc<Shard>> {
        self.shards.get(&id)
    }

    /// Returns a shard to be changed, creating an empty one if there is none.
    pub(super) fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        Arc::make_mut(self.shards.entry(id).or_default())
    }

    fn remove_fields(&mut self, measurement: &[u8]) {
        for shard in self.shards.values_mut() {
            if shard.fields.of(measurement).is_some() {
                Arc::make_mut(&mut Arc::make_mut(shard).fields).remove_measurement(measurement);
            }
        }
    }
}

impl Shard {
    /// Whether a segment file has the result of the record at a position. During replay this is so for shards whose sealing was
    /// complete when that of others was interrupted.
    pub(super) fn is_sealed_past(&self, position: u64) -> bool {
        self.segments.last().is_some_and(|file| file.segment.header().position > position)
    }

    fn delete(&mut self, tombstone: &Tombstone) {
        if !self.active.is_empty() {
            for id in &*tombstone.series {
                self.active.delete(*id, tombstone.range);
            }
        }
        if self.sealing.is_some() || !self.segments.is_empty() {
            Arc::make_mut(&mut self.tombstones).push(tombstone.clone());
        }
    }

    /// Replaces the memtable and the merged segments by the new segment file.
    pub(super) fn publish(&mut self, position: u64, done: &SealedShard) {
        self.sealing = None;
        self.segments.truncate(done.merged_from);
        self.segments.extend(done.new.clone());
        if done.deletes_done && !self.tombstones.is_empty() {
            Arc::make_mut(&mut self.tombstones).retain(|tombstone| tombstone.position >= position);
        }
    }

    /// Returns the time ranges in which values of a series were deleted by records from `position` on.
    pub(super) fn deleted_since(&self, position: u64, series: SeriesId) -> Vec<TimeRange> {
        let later = self.tombstones.iter().filter(|tombstone| tombstone.position >= position);
        later.filter(|t| t.series.binary_search(&series).is_ok()).map(|t| t.range).collect()
    }
}
