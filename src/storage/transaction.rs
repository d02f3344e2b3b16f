//! Transactions: changes that are being put together under the commit lock, each into one log record.
//!
//! Invariant: until [`Transaction::commit`] nothing is visible outside, and a transaction that is dropped takes back what
//! it added to the live schema. Changes that remove something wait until everything before them is applied, and are
//! themselves applied before the next transaction begins, so they can decide by looking at the state.

use std::sync::Arc;

use fluxstone_columns::SeriesId;
use fluxstone_line_protocol::ParsedBody;
use fluxstone_model::{DatabaseId, ShardId, Text, TimeRange};
use hashbrown::HashSet;
use parking_lot::MutexGuard;

use super::WriteOutcome;
use super::commit::queue::{Item, Ticket};
use super::error::StorageError;
use super::live_schema::{LiveSchema, MeasurementNumber};
use super::record::{Entry, RECORD_BYTES_MAX, RecordBuilder};
use super::shard_write::{self, Target, Written};
use super::state::Shard;
use super::store_core::StoreCore;

/// A change that is being put together. Dropped without [`Transaction::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Transaction<'s> {
    shared: &'s StoreCore,
    live: MutexGuard<'s, LiveSchema>,
    record: RecordBuilder,
    /// The id of the first series that this transaction adds.
    first_series: u64,
    undo: Vec<Undo>,
    removals: Vec<Removal>,
    /// Why it can't be committed.
    refusal: Option<StorageError>,
}

/// What a dropped transaction takes back, beside series.
#[derive(Debug)]
enum Undo {
    Field(DatabaseId, ShardId, MeasurementNumber, Text),
    Shard(DatabaseId, ShardId),
}

/// What a transaction removes.
#[derive(Debug)]
enum Removal {
    Values { database: DatabaseId, shards: Vec<ShardId>, series: Vec<SeriesId>, range: TimeRange },
    Measurement(DatabaseId, Text),
    Shards(DatabaseId, Vec<ShardId>),
    Database(DatabaseId),
}

impl<'s> Transaction<'s> {
    pub(super) fn begin(shared: &'s StoreCore) -> Result<Self, StorageError> {
        let live = shared.live.lock();
        shared.check()?;
        let first_series = live.next_series;
        let record = RecordBuilder::default();
        Ok(Transaction { shared, live, record, first_series, undo: Vec::new(), removals: Vec::new(), refusal: None })
    }

    /// Adds a catalog change.
    pub fn catalog_change(&mut self, change: &[u8]) {
        self.record.put(&Entry::Catalog(change));
    }

    /// Adds points to one shard: those of `body` whose indexes are in `points`, by the rules of the clauses `write.shard.*`.
    ///
    /// On [`StorageError::TypeConflictInRequest`] no point of the shard is stored, but the transaction can go on and be
    /// committed: the shard, the series of its points and the fields before the conflict are then known.
    pub fn write(
        &mut self,
        database: DatabaseId,
        shard: ShardId,
        body: &ParsedBody<'_>,
        points: &[u32],
    ) -> Result<WriteOutcome, StorageError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.share());
        }
        let index = self.shared.index(database);
        let LiveSchema { databases, next_series } = &mut *self.live;
        let live = databases.entry(database).or_default();
        let limits = self.shared.limits();
        let target = Target { database, shard, live, index: &index, next_series, limits };
        let record = std::mem::take(&mut self.record);
        let Written { record, definitions, new_fields, is_new_shard, outcome } =
            shard_write::write(target, body, points, record);
        self.record = record;
        self.record.append(&definitions);
        let fields = new_fields.into_iter();
        self.undo.extend(fields.map(|(measurement, name)| Undo::Field(database, shard, measurement, name)));
        if is_new_shard {
            self.undo.push(Undo::Shard(database, shard));
        }
        if self.record.len() > RECORD_BYTES_MAX {
            let refusal = StorageError::TooLarge(self.record.len());
            self.refusal = Some(refusal.share());
            return Err(refusal);
        }
        outcome
    }

    /// Deletes the values of `series` in `range` in `shards`, after everything else of the transaction. Series left without values leave the index; types stay.
    pub fn delete(&mut self, database: DatabaseId, shards: &[ShardId], series: &[SeriesId], range: TimeRange) {
        let (shards, mut series) = (shards.to_vec(), series.to_vec());
        series.sort_unstable();
        self.removals.push(Removal::Values { database, shards, series, range });
    }

    /// Removes a measurement with its series, values of all times, and field types.
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

    /// Hands the record to the log and lets the next transaction begin. Wait on the result before acknowledging.
    ///
    /// Does not wait for the disk, except where the transaction removes something.
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
            return Commit(Outcome::Pending(self.shared.queue.push(Item::Record(record.into_bytes()))));
        }
        Commit(Outcome::Done(self.commit_removals()))
    }

    /// Makes what was added to the live schema stay.
    fn keep(&mut self) {
        self.first_series = self.live.next_series;
        self.undo.clear();
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

    /// The series that will have no values when the removals are done, and had some or were named.
    fn emptied_series(&self) -> Vec<(DatabaseId, Vec<SeriesId>)> {
        let databases: HashSet<DatabaseId> = self.removals.iter().map(Removal::database).collect();
        let emptied = databases.into_iter().filter_map(|id| {
            // The pointers are copied, so that nobody waits for the lock while a disk is read.
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

    /// Brings the live schema up to the state after removals.
    fn follow(&mut self, removals: &[Removal]) {
        let state = self.shared.state.read();
        let databases: HashSet<DatabaseId> = removals.iter().map(Removal::database).collect();
        for id in databases {
            let Some(database) = state.database(id) else {
                self.live.databases.remove(&id);
                continue;
            };
            let Some(live) = self.live.databases.get_mut(&id) else { continue };
            live.forget_spellings();
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

    /// The series that may lose their last value. Those of dropped measurements and databases go without being asked.
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

/// The ranges of a series that `removals` delete in a shard; `None` if the shard goes as a whole.
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
        // Their ids are not used again, for the index knows them as removed.
        if self.live.next_series > first.0 {
            let state = self.shared.state.read();
            for (id, live) in &mut self.live.databases {
                live.forget_spellings();
                if let Some(database) = state.database(*id) {
                    let mut index = database.index.write();
                    let added: Vec<SeriesId> = index.ids_from(first);
                    index.remove(&added);
                }
            }
        }
        for undo in self.undo.drain(..).rev() {
            match undo {
                Undo::Field(database, shard, measurement, name) => {
                    let live = self.live.databases.get_mut(&database);
                    if let Some(shard) = live.and_then(|live| live.shards.get_mut(&shard)) {
                        shard.fields_of(measurement).0.take_back(&name);
                    }
                }
                Undo::Shard(database, shard) => {
                    if let Some(live) = self.live.databases.get_mut(&database) {
                        live.shards.remove(&shard);
                    }
                }
            }
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
