//! What the log says up to a position: catalog records, and for each database its series and shards.
//!
//! [`State::apply`] is the only way in which it changes, live and at replay alike. Everything large is behind an `Arc`:
//! a snapshot clones the pointers, and what it holds stays as it is.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLock;

use super::CatalogRecord;
use super::fields::{Field, FieldTable};
use super::memtable::Memtable;
use super::record::{Entries, Entry};
use super::series_index::{SeriesBound, SeriesIndex};
use crate::codec::CodecError;
use crate::line_protocol::series_key;
use crate::model::{DatabaseId, ShardId, TimeRange};
use crate::query::SeriesId;

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
    /// The memory that memtables take, estimated, without those that are being sealed.
    pub(super) memtable_bytes: usize,
}

/// The whole catalog at some time, and its changes since.
#[derive(Debug, Clone, Default)]
pub(super) struct CatalogBytes {
    pub(super) base: Option<Arc<[u8]>>,
    pub(super) changes: Vec<Arc<[u8]>>,
}

impl CatalogBytes {
    /// The records in order.
    pub(super) fn records(&self) -> impl Iterator<Item = CatalogRecord<'_>> {
        let base = self.base.iter().map(|bytes| CatalogRecord::Checkpoint(bytes));
        base.chain(self.changes.iter().map(|bytes| CatalogRecord::Change(bytes)))
    }
}

/// One database.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) index: Arc<RwLock<SeriesIndex>>,
    shards: HashMap<ShardId, Arc<Shard>>,
}

/// One shard.
#[derive(Debug, Clone, Default)]
pub(super) struct Shard {
    pub(super) fields: Arc<FieldTable>,
    pub(super) active: Memtable,
}

impl State {
    pub(super) fn new() -> Self {
        State {
            position: 1,
            series_bound: SeriesBound(SeriesId(1)),
            catalog: CatalogBytes::default(),
            databases: HashMap::new(),
            memtable_bytes: 0,
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
                if index.read().key(id).is_none() {
                    index.write().insert(id, series_key(key));
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
                self.memtable_bytes += after - before;
                inserted?;
            }
            Entry::Delete { database, shards, series, range } => {
                let database = self.database_mut(database);
                for shard in shards {
                    if let Some(shard) = database.shards.get_mut(&shard) {
                        Arc::make_mut(shard).delete(&series, range);
                    }
                }
            }
            Entry::RemoveSeries { database, series } => self.database_mut(database).remove_series(&series),
            Entry::DropMeasurement { database, measurement } => {
                self.database_mut(database).drop_measurement(measurement);
            }
            Entry::DropShards { database, shards } => {
                for shard in shards {
                    let dropped = self.database_mut(database).shards.remove(&shard);
                    self.forget_memory(dropped.as_deref());
                }
            }
            Entry::DropDatabase { database } => {
                let dropped = self.databases.remove(&database);
                for shard in dropped.iter().flat_map(|d| d.shards.values()) {
                    self.forget_memory(Some(shard));
                }
            }
        }
        Ok(())
    }

    fn forget_memory(&mut self, shard: Option<&Shard>) {
        let bytes = shard.map_or(0, |shard| shard.active.bytes());
        self.memtable_bytes = self.memtable_bytes.saturating_sub(bytes);
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
    }

    fn drop_measurement(&mut self, measurement: &[u8]) {
        let series = self.index.read().series_of(measurement, SeriesBound::ALL);
        self.remove_series(&series.iter().map(|s| s.id).collect::<Vec<_>>());
        for shard in self.shards.values_mut() {
            if shard.fields.of(measurement).is_some() {
                Arc::make_mut(&mut Arc::make_mut(shard).fields).remove_measurement(measurement);
            }
        }
    }
}

impl Shard {
    fn delete(&mut self, series: &[SeriesId], range: TimeRange) {
        for id in series {
            self.active.delete(*id, range);
        }
    }
}
