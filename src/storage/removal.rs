//! The second step of a removal: series without values are removed from the index.
//!
//! A deletion is one record like any other. Series that it emptied are looked for afterwards, while others write, and are
//! removed by further records. A watch notes the series that are written during the search, because these stay.
//!
//! Invariant: no checkpoint covers the first record of a removal without the others, because the sealer does the second step
//! itself if nobody has. So after a crash between them the log still has the first, and the next start finishes the removal.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxstone_columns::SeriesId;
use fluxstone_model::DatabaseId;
use hashbrown::HashSet;
use parking_lot::MutexGuard;

use super::commit::queue::{Item, Ticket};
use super::error::StorageError;
use super::record::{Entry, RecordBuilder};
use super::state::Touched;
use super::store_core::StoreCore;

/// The most series that are removed by one record, while other writers wait.
const SERIES_PER_RECORD: usize = 4096;

/// Removes the series that applied removals have emptied, and clears what nobody sees any more. What cannot be done now is
/// done before the next checkpoint.
pub(super) fn finish(core: &StoreCore) {
    if let Err(error) = remove_emptied(core) {
        tracing::error!(%error, "cannot remove series without values yet");
    }
    core.clear_removed();
}

/// Removes the series that applied removals have emptied.
pub(super) fn remove_emptied(core: &StoreCore) -> Result<(), StorageError> {
    let Some(search) = Search::begin(core)? else { return Ok(()) };
    let removed = search.emptied().into_iter().try_for_each(|(database, emptied)| search.remove(database, &emptied));
    if removed.is_err() {
        search.give_up();
    }
    removed
}

/// A search for series without values, and the watch on writers.
pub(super) struct Search<'s> {
    core: &'s StoreCore,
    touched: Vec<(DatabaseId, Touched)>,
    _one_at_a_time: MutexGuard<'s, ()>,
}

impl<'s> Search<'s> {
    /// Waits until everything before the watch has been applied. `None` if there is nothing to look for, because others have
    /// finished what was begun.
    pub(super) fn begin(core: &'s StoreCore) -> Result<Option<Self>, StorageError> {
        let one_at_a_time = core.removal_lock.lock();
        if core.state.read().touched.is_empty() {
            return Ok(None);
        }
        let everything_before: Arc<Ticket> = {
            let mut live = core.live.lock();
            core.check()?;
            live.watch = Some(HashSet::new());
            core.queue.push_alone(Item::Barrier)
        };
        // From here on, dropping it ends the watch.
        let mut search = Search { core, touched: Vec::new(), _one_at_a_time: one_at_a_time };
        everything_before.wait()?;
        search.touched = std::mem::take(&mut core.state.write().touched);
        Ok(Some(search))
    }

    /// Leaves everything to a later search.
    fn give_up(mut self) {
        self.core.state.write().touched.append(&mut self.touched);
    }

    /// Returns the series that removals touched and that have no values. Reads index pages, but holds no lock that others
    /// need.
    pub(super) fn emptied(&self) -> Vec<(DatabaseId, Vec<SeriesId>)> {
        let databases: BTreeSet<DatabaseId> = self.touched.iter().map(|(database, _)| *database).collect();
        let emptied = databases.into_iter().filter_map(|id| {
            let (reader, shards) = {
                let state = self.core.state.read();
                let database = state.database(id)?;
                let shards: Vec<_> = database.shards().map(|(_, shard)| shard.clone()).collect();
                (state.reader(database), shards)
            };
            let touched = self.touched.iter().filter(|(database, _)| *database == id);
            let mut series: Vec<SeriesId> = touched.flat_map(|(_, touched)| touched.series()).collect();
            series.sort_unstable();
            series.dedup();
            series.retain(|series| {
                let measurement = reader.measurement_of(*series);
                measurement.is_some_and(|measurement| !shards.iter().any(|s| s.has_values(*series, &measurement)))
            });
            (!series.is_empty()).then_some((id, series))
        });
        emptied.collect()
    }

    /// Removes those of `emptied` that have not been written since the search began.
    pub(super) fn remove(&self, database: DatabaseId, emptied: &[SeriesId]) -> Result<(), StorageError> {
        let mut tickets = Vec::new();
        for some in emptied.chunks(SERIES_PER_RECORD) {
            let mut live = self.core.live.lock();
            self.core.check()?;
            let Some(index) = self.core.existing_index(database) else { break };
            let is_written = |series: &SeriesId| live.watch.as_ref().is_some_and(|watch| watch.contains(series));
            let series: Vec<SeriesId> = some.iter().copied().filter(|series| !is_written(series)).collect();
            if series.is_empty() {
                continue;
            }
            index.write().hide(&series);
            live.is_schema_stale = true;
            if let Some(live) = live.databases.get_mut(&database) {
                live.series.forget_recent();
            }
            let mut record = RecordBuilder::default();
            record.put(&Entry::RemoveSeries { database, series });
            tickets.push(self.core.queue.push_alone(Item::Record(record.into_bytes())));
        }
        tickets.iter().try_for_each(|ticket| ticket.wait())
    }
}

impl Drop for Search<'_> {
    fn drop(&mut self) {
        self.core.live.lock().watch = None;
    }
}
