//! What the log says up to a position: catalog records, and for each database its series and shards.
//!
//! [`State::apply`] is the only way in which it changes, live and at replay alike, but for sealing, which moves values from
//! memory to files and changes no answer. Everything large is behind an `Arc`: a snapshot clones the pointers, and what it
//! holds stays as it is.

use std::sync::Arc;

use fluxstone_codec::CodecError;
use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, ShardId, TimeRange};
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::CatalogRecord;
use super::fields::{Field, FieldTable};
use super::memtable::Memtable;
use super::record::{Entries, Entry};
use super::segment::Segment;
use super::series_index::{SeriesBound, SeriesIndex};

/// Everything that readers can see.
#[derive(Debug)]
pub(super) struct State {
    /// The position of the next record to be applied.
    pub(super) position: u64,
    /// Series from here on are not on disk yet.
    pub(super) series_bound: SeriesBound,
    /// The catalog as storage knows it: bytes that the engine understands.
    pub(super) catalog: CatalogBytes,
    databases: HashMap<DatabaseId, Database>,
    /// The memory that memtables take, estimated.
    pub(super) memory: Memory,
    /// Whether series were removed since the last sealing.
    series_removed: bool,
}

/// Estimated memory of memtables, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    /// Of those that are written to.
    pub(super) active: usize,
    /// Of those that are being sealed.
    pub(super) sealing: usize,
}

/// The whole catalog at some time, and its changes since.
#[derive(Debug, Clone, Default)]
pub(super) struct CatalogBytes {
    pub(super) base: Option<Arc<[u8]>>,
    pub(super) changes: Vec<Arc<[u8]>>,
}

/// One database.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) index: Arc<RwLock<SeriesIndex>>,
    shards: HashMap<ShardId, Arc<Shard>>,
    /// Series removed since the last sealing, whose values segment files may hold.
    removed: Vec<SeriesId>,
}

/// One shard. What was written later comes later: segments, then what is being sealed, then what is active.
#[derive(Debug, Clone, Default)]
pub(super) struct Shard {
    pub(super) fields: Arc<FieldTable>,
    pub(super) segments: Vec<SegmentFile>,
    pub(super) sealing: Option<Arc<Frozen>>,
    pub(super) active: Memtable,
    /// Deletes that concern segments or what is being sealed.
    pub(super) tombstones: Arc<Vec<Tombstone>>,
}

/// A segment file with the number in its name.
#[derive(Debug, Clone)]
pub(super) struct SegmentFile {
    pub(super) number: u64,
    pub(super) segment: Arc<Segment>,
}

/// A memtable that is being sealed.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) memtable: Memtable,
    /// The position of the first record that it does not cover.
    pub(super) position: u64,
}

/// A delete. It applies to what covers records before its position and not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tombstone {
    /// The position of the record.
    pub(super) position: u64,
    pub(super) range: TimeRange,
    /// In order.
    pub(super) series: Arc<[SeriesId]>,
}

/// Everything as of one position, to be sealed.
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
    pub(super) index: Arc<RwLock<SeriesIndex>>,
    pub(super) shards: Vec<(ShardId, Arc<Shard>)>,
    /// In order.
    pub(super) removed: Vec<SeriesId>,
}

/// What became of one shard of a [`SealJob`].
#[derive(Debug)]
pub(super) struct SealedShard {
    pub(super) database: DatabaseId,
    pub(super) shard: ShardId,
    /// The segments from here on were merged into the new one.
    pub(super) merged_from: usize,
    /// The new file, unless nothing is left.
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
        }
    }

    pub(super) fn databases(&self) -> impl Iterator<Item = (&DatabaseId, &Database)> {
        self.databases.iter()
    }

    pub(super) fn database(&self, id: DatabaseId) -> Option<&Database> {
        self.databases.get(&id)
    }

    /// A database, made empty if it is not there.
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

    fn apply_entry(&mut self, entry: Entry<'_>) -> Result<(), CodecError> {
        match entry {
            Entry::Catalog(change) => self.catalog.changes.push(Arc::from(change)),
            Entry::Series { database, id, key } => {
                self.series_bound = self.series_bound.max(SeriesBound(SeriesId(id.0.saturating_add(1))));
                let index = &self.database_mut(database).index;
                // While the server runs, the writer has put it there already.
                if !index.read().has_reached(id) {
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
                let active = &mut self.database_mut(database).shard_mut(shard).active;
                let before = active.bytes();
                let inserted = active.insert(rows);
                let after = active.bytes();
                self.memory.active += after - before;
                inserted?;
            }
            Entry::Delete { database, shards, mut series, range } => {
                series.sort_unstable();
                let tombstone = Tombstone { position: self.position, range, series: series.into() };
                let database = self.database_mut(database);
                for shard in shards {
                    if let Some(shard) = database.shards.get_mut(&shard) {
                        Arc::make_mut(shard).delete(&tombstone);
                    }
                }
            }
            Entry::RemoveSeries { database, series } => self.remove_series(database, &series),
            Entry::DropMeasurement { database, measurement } => {
                let index = self.database_mut(database).index.clone();
                let series = index.read().series_of(measurement);
                drop(index);
                self.remove_series(database, &series);
                self.database_mut(database).forget_fields(measurement);
            }
            Entry::DropShards { database, shards } => {
                for shard in shards {
                    let dropped = self.database_mut(database).shards.remove(&shard);
                    self.forget_memory(dropped.as_deref());
                }
            }
            Entry::DropDatabase { database } => {
                self.series_removed = true;
                let dropped = self.databases.remove(&database);
                for shard in dropped.iter().flat_map(|d| d.shards.values()) {
                    self.forget_memory(Some(shard));
                }
            }
        }
        Ok(())
    }

    fn remove_series(&mut self, database: DatabaseId, series: &[SeriesId]) {
        self.series_removed = true;
        self.database_mut(database).remove_series(series);
    }

    fn forget_memory(&mut self, shard: Option<&Shard>) {
        let bytes = shard.map_or(0, |shard| shard.active.bytes());
        self.memory.active = self.memory.active.saturating_sub(bytes);
    }

    /// Closes all memtables, so that everything up to here can be sealed. Not while another job is under way.
    pub(super) fn freeze(&mut self) -> SealJob {
        let position = self.position;
        let mut databases = Vec::with_capacity(self.databases.len());
        for (id, database) in &mut self.databases {
            for shard in database.shards.values_mut().filter(|shard| !shard.active.is_empty()) {
                let shard = Arc::make_mut(shard);
                let memtable = std::mem::take(&mut shard.active);
                shard.sealing = Some(Arc::new(Frozen { memtable, position }));
            }
            let mut removed = std::mem::take(&mut database.removed);
            removed.sort_unstable();
            let shards = database.shards.iter().map(|(id, shard)| (*id, shard.clone())).collect();
            databases.push(SealDatabase { id: *id, index: database.index.clone(), shards, removed });
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

    /// Puts the new segment files in place of what they hold.
    pub(super) fn publish(&mut self, position: u64, sealed: &[SealedShard]) {
        for done in sealed {
            let database = self.databases.get_mut(&done.database);
            // It may have been dropped meanwhile.
            let Some(shard) = database.and_then(|d| d.shards.get_mut(&done.shard)) else { continue };
            Arc::make_mut(shard).publish(position, done);
        }
        self.memory.sealing = 0;
    }
}

impl CatalogBytes {
    /// The records in order.
    pub(super) fn records(&self) -> impl Iterator<Item = CatalogRecord<'_>> {
        let base = self.base.iter().map(|bytes| CatalogRecord::Checkpoint(bytes));
        base.chain(self.changes.iter().map(|bytes| CatalogRecord::Change(bytes)))
    }
}

impl Database {
    pub(super) fn shards(&self) -> impl Iterator<Item = (&ShardId, &Arc<Shard>)> {
        self.shards.iter()
    }

    pub(super) fn shard(&self, id: ShardId) -> Option<&Arc<Shard>> {
        self.shards.get(&id)
    }

    /// A shard to be changed, made empty if it is not there.
    pub(super) fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        Arc::make_mut(self.shards.entry(id).or_default())
    }

    fn remove_series(&mut self, series: &[SeriesId]) {
        for shard in self.shards.values_mut() {
            let shard = Arc::make_mut(shard);
            for id in series {
                shard.active.remove(*id);
            }
        }
        if let Some(index) = Arc::get_mut(&mut self.index) {
            index.get_mut().remove(series);
        } else {
            // A snapshot has it: that one stays as it is.
            let mut index = self.index.read().clone();
            index.remove(series);
            self.index = Arc::new(RwLock::new(index));
        }
        self.removed.extend_from_slice(series);
    }

    fn forget_fields(&mut self, measurement: &[u8]) {
        for shard in self.shards.values_mut() {
            if shard.fields.of(measurement).is_some() {
                Arc::make_mut(&mut Arc::make_mut(shard).fields).remove_measurement(measurement);
            }
        }
    }
}

impl Shard {
    fn delete(&mut self, tombstone: &Tombstone) {
        for id in &*tombstone.series {
            self.active.delete(*id, tombstone.range);
        }
        if self.sealing.is_some() || !self.segments.is_empty() {
            Arc::make_mut(&mut self.tombstones).push(tombstone.clone());
        }
    }

    /// Puts the new segment file in place of what it holds.
    pub(super) fn publish(&mut self, position: u64, done: &SealedShard) {
        self.sealing = None;
        self.segments.truncate(done.merged_from);
        self.segments.extend(done.new.clone());
        if done.deletes_done && !self.tombstones.is_empty() {
            Arc::make_mut(&mut self.tombstones).retain(|tombstone| tombstone.position >= position);
        }
    }

    /// The ranges in which values of a series were deleted after everything before `position` was written.
    pub(super) fn deleted_since(&self, position: u64, series: SeriesId) -> Vec<TimeRange> {
        let later = self.tombstones.iter().filter(|tombstone| tombstone.position >= position);
        later.filter(|t| t.series.binary_search(&series).is_ok()).map(|t| t.range).collect()
    }
}
