//! Transactions: changes that are assembled under the commit lock, each into one log record.
//!
//! Invariant: until [`Transaction::commit`] nothing is visible outside, and a dropped transaction takes back its additions
//! to the live schema. What a transaction removes disappears from the live schema when it is committed, and from what readers
//! see when its record is applied. Series that a deletion leaves without values are removed afterwards (`removal`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, ShardId, Text, TimeRange};
use parking_lot::MutexGuard;

use super::commit::budget::Reservation;
use super::commit::queue::{Item, Ticket};
use super::error::StorageError;
use super::live_schema::LiveSchema;
use super::record::{Entry, RecordBuilder};
use super::removal;
use super::shard_writer::{ShardWriter, Target};
use super::store_core::StoreCore;

/// A change that is being assembled. Dropped without [`Transaction::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Transaction<'s> {
    shared: &'s Arc<StoreCore>,
    live: MutexGuard<'s, LiveSchema>,
    /// The record so far. A dropped transaction takes back the shards and fields that it defines.
    record: RecordBuilder,
    /// The id of the first series that this transaction adds.
    first_series: u64,
    removals: Vec<Removal>,
    /// The estimated memory that applying the record takes, in bytes.
    cost: usize,
    /// The part of it that stays until series, fields and shards are removed.
    schema: usize,
    reservation: Option<Reservation>,
    /// The series that it writes, if there is a watch on them.
    written: Vec<SeriesId>,
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
    pub(super) fn begin(shared: &'s Arc<StoreCore>) -> Result<Self, StorageError> {
        let live = shared.live.lock();
        shared.check()?;
        let first_series = live.next_series;
        let record = RecordBuilder::default();
        Ok(Transaction {
            shared,
            live,
            record,
            first_series,
            removals: Vec::new(),
            cost: 0,
            schema: 0,
            reservation: None,
            written: Vec::new(),
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
            record: &mut self.record,
            refusal: &mut self.refusal,
            cost: &mut self.cost,
            cost_max: self.shared.write_bytes_max(),
            written: &mut self.written,
            schema: &mut self.schema,
            schema_max,
        };
        Ok(ShardWriter::begin(database, shard, target))
    }

    /// The memory that the new series, fields and shards of the transaction may take.
    fn schema_room(&mut self) -> usize {
        let max = self.shared.options.schema_bytes_max;
        if self.live.schema_bytes > max / 2 && self.shared.schema_shrank.swap(false, Ordering::AcqRel) {
            self.live.schema_bytes = self.shared.state.read().schema_bytes();
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

    /// Removes all data of a database. Its id must not be used again before the transaction is on disk.
    pub fn drop_database(&mut self, database: DatabaseId) {
        self.removals.push(Removal::Database(database));
    }

    /// Hands the record to the log and lets the next transaction begin. Wait for the result before acknowledging.
    ///
    /// Does not wait for the disk.
    pub fn commit(mut self) -> Commit {
        if let Some(refusal) = self.refusal.take() {
            return Commit { outcome: Outcome::Done(Err(refusal)), to_finish: None };
        }
        let mut record = std::mem::take(&mut self.record);
        for removal in &self.removals {
            removal.put(&mut record);
        }
        self.keep();
        if record.is_empty() {
            return Commit { outcome: Outcome::Done(Ok(())), to_finish: None };
        }
        self.follow();
        let to_finish = (!self.removals.is_empty()).then(|| self.shared.clone());
        let queue = &self.shared.queue;
        let item = Item::Record(record.into_bytes());
        // Whoever removes something does not wait for others to share the sync.
        let ticket =
            if self.removals.is_empty() { queue.push(item, self.reservation.take()) } else { queue.push_alone(item) };
        Commit { outcome: Outcome::Pending(ticket), to_finish }
    }

    /// Makes the additions to the live schema permanent.
    fn keep(&mut self) {
        self.first_series = self.live.next_series;
        if let Some(watch) = &mut self.live.watch {
            watch.extend(self.written.drain(..));
        }
        self.live.schema_bytes += std::mem::take(&mut self.schema);
    }

    /// Updates the live schema for what the transaction removes.
    fn follow(&mut self) {
        for removal in &self.removals {
            let Some(live) = self.live.databases.get_mut(&removal.database()) else { continue };
            match removal {
                Removal::Values { .. } => {}
                Removal::Measurement(database, name) => {
                    if let Some(index) = self.shared.existing_index(*database) {
                        index.write().hide_measurement(name);
                    }
                    live.series.forget_recent();
                    live.remove_measurement(name);
                }
                Removal::Shards(_, shards) => live.shards.retain(|shard, _| !shards.contains(shard)),
                Removal::Database(database) => {
                    self.live.databases.remove(database);
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
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let first = SeriesId(self.first_series);
        // Their ids are not used again, because the index knows them as removed.
        if self.live.next_series > first.0 {
            let state = self.shared.state.read();
            for (id, live) in &mut self.live.databases {
                let Some(database) = state.database(*id) else { continue };
                let added: Vec<SeriesId> = database.index.read().ids_from(first);
                if !added.is_empty() {
                    live.series.forget_recent();
                    database.index.write().take_back(&added);
                }
            }
        }
        // Of a transaction that was committed there is nothing left.
        self.live.take_back(&self.record);
    }
}

/// A committed transaction on its way to the disk.
#[derive(Debug)]
#[must_use = "a change is acknowledged only after `wait`"]
pub struct Commit {
    outcome: Outcome,
    /// The store whose removal is to be finished, if it is one.
    to_finish: Option<Arc<StoreCore>>,
}

#[derive(Debug)]
enum Outcome {
    Done(Result<(), StorageError>),
    Pending(Arc<Ticket>),
}

impl Commit {
    /// Blocks until the record is on disk and visible to snapshots. Series that a deletion left without values may still be
    /// listed.
    pub fn wait_durable(&mut self) -> Result<(), StorageError> {
        match std::mem::replace(&mut self.outcome, Outcome::Done(Ok(()))) {
            Outcome::Done(result) => result,
            Outcome::Pending(ticket) => ticket.wait(),
        }
    }

    /// Blocks until the record is on disk and visible to snapshots, and series without values are removed. If only the latter
    /// fails, the change was made nevertheless, and the series are removed later.
    pub fn wait(mut self) -> Result<(), StorageError> {
        self.wait_durable()?;
        if let Some(core) = self.to_finish.take() {
            removal::finish(&core);
        }
        Ok(())
    }
}
