//! Transactions: changes that are assembled under the commit lock, each into one log record.
//!
//! Invariant: until [`Transaction::commit`] nothing is visible outside, and a dropped transaction takes back its additions
//! to the live schema. Changes that remove something wait until all earlier changes are applied, and are themselves
//! applied before the next transaction begins, so they can decide by looking at the state.

use std::sync::Arc;
use std::time::Duration;

use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, ShardId, Text, TimeRange};
use hashbrown::HashSet;
use parking_lot::MutexGuard;

use super::commit::budget::Reservation;
use super::commit::queue::{Item, Ticket};
use super::error::StorageError;
use super::live_schema::{Addition, LiveSchema};
use super::record::{Entry, RecordBuilder};
use super::shard_writer::{ShardWriter, Target};
use super::state::Shard;
use super::store_core::StoreCore;

/// How often someone who waits for the commit lock checks whether changes are still accepted.
const CHECK_PAUSE: Duration = Duration::from_millis(100);

/// A change that is being assembled. Dropped without [`Transaction::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Transaction<'s> {
    shared: &'s StoreCore,
    live: MutexGuard<'s, LiveSchema>,
    record: RecordBuilder,
    /// The id of the first series that this transaction adds.
    first_series: u64,
    /// What else it added to the live schema.
    additions: Vec<Addition>,
    removals: Vec<Removal>,
    /// The estimated memory that applying the record takes, in bytes.
    cost: usize,
    /// The part of it that stays until series, fields and shards are removed.
    schema: usize,
    reservation: Option<Reservation>,
    /// The reason why it cannot be committed.
    refusal: Option<StorageError>,
}

/// Something that a transaction removes.
#[derive(Debug)]
enum Removal {
    Values { database: DatabaseId, shards: Vec<ShardId>, series: Vec<SeriesId>, range: TimeRange },
    Measurement(DatabaseId, Text),
    Shards(DatabaseId, Vec<ShardId>),
    Database(DatabaseId),
}

impl<'s> Transaction<'s> {
    pub(super) fn begin(shared: &'s StoreCore) -> Result<Self, StorageError> {
        let live = loop {
            // Whoever has the lock may be waiting for a disk that is full.
            shared.check()?;
            if let Some(live) = shared.live.try_lock_for(CHECK_PAUSE) {
                break live;
            }
        };
        shared.check()?;
        let first_series = live.next_series;
        let record = RecordBuilder::default();
        Ok(Transaction {
            shared,
            live,
            record,
            first_series,
            additions: Vec::new(),
            removals: Vec::new(),
            cost: 0,
            schema: 0,
            reservation: None,
            refusal: None,
        })
    }

    /// Takes the memory that was reserved for it.
    pub(super) fn with_reservation(mut self, reservation: Reservation) -> Self {
        self.reservation = Some(reservation);
        self
    }

    /// The estimated memory that the points so far, their series, fields and shards will take, in bytes.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Adapts the memory that is reserved to what the transaction needs. Fails with [`StorageError::Busy`] if there is not
    /// enough now; the transaction should then be dropped, and tried again when [`Store::reserve`](super::Store::reserve) has
    /// waited for it.
    pub fn reserve_cost(&mut self) -> Result<(), StorageError> {
        let Some(reservation) = &mut self.reservation else { return Ok(()) };
        if self.shared.resize(reservation, self.cost) { Ok(()) } else { Err(StorageError::Busy) }
    }

    /// Adds a catalog change.
    pub fn catalog_change(&mut self, change: &[u8]) {
        self.record.put(&Entry::Catalog(change));
    }

    /// Begins to write points to one shard, which is added if it does not exist.
    pub fn shard(&mut self, database: DatabaseId, shard: ShardId) -> Result<ShardWriter<'_>, StorageError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.share());
        }
        let schema_max = self.schema_room();
        let target = Target {
            live: &mut self.live,
            index: self.shared.index(database),
            additions: &mut self.additions,
            record: &mut self.record,
            refusal: &mut self.refusal,
            cost: &mut self.cost,
            cost_max: self.shared.write_bytes_max(),
            schema: &mut self.schema,
            schema_max,
        };
        Ok(ShardWriter::begin(database, shard, target))
    }

    /// The memory that the new series, fields and shards of the transaction may take.
    fn schema_room(&mut self) -> usize {
        let max = self.shared.options.schema_bytes_max;
        if self.live.is_schema_stale && self.live.schema_bytes > max / 2 {
            self.live.schema_bytes = self.shared.state.read().schema_bytes();
            self.live.is_schema_stale = false;
        }
        max.saturating_sub(self.live.schema_bytes)
    }

    /// Deletes the values of `series` in `range` in `shards`, after everything else in the transaction. Series without any
    /// values left are removed from the index; field types stay.
    pub fn delete(&mut self, database: DatabaseId, shards: &[ShardId], series: &[SeriesId], range: TimeRange) {
        let (shards, mut series) = (shards.to_vec(), series.to_vec());
        series.sort_unstable();
        self.removals.push(Removal::Values { database, shards, series, range });
    }

    /// Removes a measurement with its series, all its values, and its field types.
    pub fn drop_measurement(&mut self, database: DatabaseId, measurement: &[u8]) {
        self.removals.push(Removal::Measurement(database, Text::from(measurement)));
    }

    /// Removes shards with their values and field types, and series that have no values elsewhere.
    pub fn drop_shards(&mut self, database: DatabaseId, shards: &[ShardId]) {
        self.removals.push(Removal::Shards(database, shards.to_vec()));
    }

    /// Removes all data of a database.
    pub fn drop_database(&mut self, database: DatabaseId) {
        self.removals.push(Removal::Database(database));
    }

    /// Hands the record to the log and lets the next transaction begin. Wait for the result before acknowledging.
    ///
    /// Does not wait for the disk, unless the transaction removes something.
    pub fn commit(mut self) -> Commit {
        if let Some(refusal) = self.refusal.take() {
            return Commit(Outcome::Done(Err(refusal)));
        }
        if self.removals.is_empty() {
            let record = std::mem::take(&mut self.record);
            self.keep();
            if record.is_empty() {
                return Commit(Outcome::Done(Ok(())));
            }
            let record = Item::Record(record.into_bytes());
            return Commit(Outcome::Pending(self.shared.queue.push(record, self.reservation.take())));
        }
        Commit(Outcome::Done(self.commit_removals()))
    }

    /// Makes the additions to the live schema permanent.
    fn keep(&mut self) {
        self.first_series = self.live.next_series;
        self.additions.clear();
        self.live.schema_bytes += std::mem::take(&mut self.schema);
    }

    fn commit_removals(&mut self) -> Result<(), StorageError> {
        self.shared.queue.drain();
        let mut record = std::mem::take(&mut self.record);
        for removal in &self.removals {
            removal.put(&mut record);
        }
        for (database, series) in self.emptied_series() {
            record.put(&Entry::RemoveSeries { database, series });
        }
        self.keep();
        self.shared.queue.push_alone(Item::Record(record.into_bytes())).wait()?;
        let removals = std::mem::take(&mut self.removals);
        self.follow(&removals);
        Ok(())
    }

    /// Returns the series that will have no values after the removals, among those that had some or were named.
    fn emptied_series(&self) -> Vec<(DatabaseId, Vec<SeriesId>)> {
        let databases: HashSet<DatabaseId> = self.removals.iter().map(Removal::database).collect();
        let emptied = databases.into_iter().filter_map(|id| {
            // The pointers are copied so that nobody waits for the lock while the disk is read.
            let (index, shards) = {
                let state = self.shared.state.read();
                let database = state.database(id)?;
                let shards: Vec<_> = database.shards().map(|(id, shard)| (*id, shard.clone())).collect();
                (database.index.clone(), shards)
            };
            let removals: Vec<&Removal> = self.removals.iter().filter(|r| r.database() == id).collect();
            let mut series: Vec<SeriesId> = removals.iter().flat_map(|r| r.touched_series(&shards)).collect();
            series.sort_unstable();
            series.dedup();
            series.retain(|series| {
                let Some(measurement) = index.read().measurement_of(*series).cloned() else { return false };
                let keeps = |(id, shard): &(ShardId, Arc<Shard>)| {
                    deleted_ranges(*id, *series, &removals)
                        .is_some_and(|deleted| shard.has_values(*series, &measurement, &deleted))
                };
                !shards.iter().any(keeps)
            });
            (!series.is_empty()).then_some((id, series))
        });
        emptied.collect()
    }

    /// Updates the live schema after removals.
    fn follow(&mut self, removals: &[Removal]) {
        self.live.is_schema_stale = true;
        let state = self.shared.state.read();
        let databases: HashSet<DatabaseId> = removals.iter().map(Removal::database).collect();
        for id in databases {
            let Some(database) = state.database(id) else {
                self.live.databases.remove(&id);
                continue;
            };
            let Some(live) = self.live.databases.get_mut(&id) else { continue };
            live.series.forget_recent();
            live.shards.retain(|shard, _| database.shard(*shard).is_some());
            for removal in removals {
                if let Removal::Measurement(of, name) = removal
                    && *of == id
                {
                    live.remove_measurement(name);
                }
            }
        }
    }
}

impl Removal {
    fn database(&self) -> DatabaseId {
        match self {
            Removal::Values { database, .. }
            | Removal::Measurement(database, _)
            | Removal::Shards(database, _)
            | Removal::Database(database) => *database,
        }
    }

    fn put(&self, record: &mut RecordBuilder) {
        match self {
            Removal::Values { database, shards, series, range } => record.put(&Entry::Delete {
                database: *database,
                shards: shards.clone(),
                series: series.clone(),
                range: *range,
            }),
            Removal::Measurement(database, measurement) => {
                record.put(&Entry::DropMeasurement { database: *database, measurement });
            }
            Removal::Shards(database, shards) => {
                record.put(&Entry::DropShards { database: *database, shards: shards.clone() });
            }
            Removal::Database(database) => record.put(&Entry::DropDatabase { database: *database }),
        }
    }

    /// Returns the series that may lose their last value. Those of dropped measurements and databases are removed without
    /// a check.
    fn touched_series(&self, shards: &[(ShardId, Arc<Shard>)]) -> Vec<SeriesId> {
        match self {
            Removal::Values { series, .. } => series.clone(),
            Removal::Shards(_, dropped) => {
                let dropped = shards.iter().filter(|(id, _)| dropped.contains(id));
                dropped.flat_map(|(_, shard)| shard.series()).collect()
            }
            Removal::Measurement(..) | Removal::Database(_) => Vec::new(),
        }
    }
}

/// Returns the ranges of a series that `removals` delete in a shard; `None` if they remove the whole shard.
fn deleted_ranges(id: ShardId, series: SeriesId, removals: &[&Removal]) -> Option<Vec<TimeRange>> {
    let mut deleted = Vec::new();
    for removal in removals {
        match removal {
            Removal::Shards(_, shards) if shards.contains(&id) => return None,
            Removal::Values { shards, series: of, range, .. }
                if shards.contains(&id) && of.binary_search(&series).is_ok() =>
            {
                deleted.push(*range);
            }
            _ => {}
        }
    }
    Some(deleted)
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let first = SeriesId(self.first_series);
        // Their ids are not used again, because the index knows them as removed.
        if self.live.next_series > first.0 {
            let state = self.shared.state.read();
            for (id, live) in &mut self.live.databases {
                live.series.forget_recent();
                if let Some(database) = state.database(*id) {
                    let mut index = database.index.write();
                    let added: Vec<SeriesId> = index.ids_from(first);
                    index.remove(&added);
                }
            }
        }
        for addition in self.additions.drain(..).rev() {
            self.live.take_back(addition);
        }
    }
}

/// A committed transaction on its way to the disk.
#[derive(Debug)]
#[must_use = "a change is acknowledged only after `wait`"]
pub struct Commit(Outcome);

#[derive(Debug)]
enum Outcome {
    Done(Result<(), StorageError>),
    Pending(Arc<Ticket>),
}

impl Commit {
    /// Blocks until the record is on disk and visible to snapshots.
    pub fn wait(self) -> Result<(), StorageError> {
        match self.0 {
            Outcome::Done(result) => result,
            Outcome::Pending(ticket) => ticket.wait(),
        }
    }
}
