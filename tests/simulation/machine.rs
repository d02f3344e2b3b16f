//! A store on a simulated disk, and how changes are made in it and its contents read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fluxstone::columns::{Batch, Column, SeriesPredicate};
use fluxstone::engine::ingest::{IngestError, UnescapedStrings, WriteLimits, write_shard};
use fluxstone::model::{DatabaseId, FieldValue, ShardId, TimeRange};
use fluxstone::storage::disk::Disk;
use fluxstone::storage::memory_disk::MemoryDisk;
use fluxstone::storage::{CatalogRecord, StorageError, Store, StoreOptions, Transaction};

use crate::history::{Change, MEASUREMENTS, Setup};
use crate::model::{Model, Place, is_meant, parsed};

pub(crate) const DATA_DIR: &str = "/data";

/// A store on a simulated disk.
pub(crate) struct Machine {
    pub(crate) store: Store,
    /// The catalog, which is no more than bytes here, as it was when the store was opened.
    catalog: Vec<u8>,
}

pub(crate) fn options(setup: Setup) -> StoreOptions {
    let usual = StoreOptions::in_directory(Path::new("/"));
    let Setup { memtable_bytes_max, seals_in_steps } = setup;
    StoreOptions {
        seal_step: if seals_in_steps { Duration::ZERO } else { usual.seal_step },
        data_dir: DATA_DIR.into(),
        memtable_bytes_max,
        // Nobody waits for the sealer's next attempt.
        write_timeout: Duration::ZERO,
        ..usual
    }
}

/// Writes lines to a shard. Refused points are tested elsewhere.
pub(crate) fn write(
    transaction: &mut Transaction<'_>,
    database: DatabaseId,
    shard: ShardId,
    lines: &str,
) -> Result<(), StorageError> {
    let body = parsed(lines);
    let all: Vec<u32> = (0..body.points.len() as u32).collect();
    let strings = UnescapedStrings::of(&body);
    let writer = transaction.shard(database, shard)?;
    match write_shard(writer, &strings.batch(body), &all, WriteLimits::default()) {
        Ok(_) | Err(IngestError::TypeConflictInRequest(_) | IngestError::CacheFull { .. }) => Ok(()),
        Err(IngestError::Storage(error)) => Err(error),
    }
}

impl Machine {
    pub(crate) fn start(disk: &MemoryDisk, options: StoreOptions) -> Result<Machine, StorageError> {
        let mut catalog = Vec::new();
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let store = Store::open_on(&disk, options, &mut |record| {
            match record {
                CatalogRecord::Checkpoint(bytes) => catalog = bytes.to_vec(),
                CatalogRecord::Change(bytes) => catalog.extend_from_slice(bytes),
            }
            Ok(())
        })?;
        Ok(Machine { store, catalog })
    }

    /// Makes a change. The ids are those of `model`, which knows nothing of the change yet.
    pub(crate) fn run(&mut self, change: &Change, model: &Model) -> Result<(), StorageError> {
        match change {
            Change::Write { database, bodies, catalog } => {
                let mut transaction = self.store.begin_write()?;
                let place = model.place(*database);
                for (shard, text) in bodies {
                    write(&mut transaction, place.id, place.shards[*shard], text)?;
                }
                if let Some(catalog) = catalog {
                    transaction.catalog_change(&[*catalog]);
                }
                transaction.commit().wait()?;
                self.catalog.extend(catalog);
            }
            Change::Delete { database, measurement, tag, range } => {
                let place = model.place(*database);
                let source = self.store.snapshot(place.id, &[]);
                let mut series = source.series(measurement.as_bytes(), &SeriesPredicate::All);
                series.retain(|series| is_meant(&series.key.raw, measurement, *tag));
                let series: Vec<_> = series.iter().map(|series| series.id).collect();
                let mut transaction = self.store.begin()?;
                transaction.delete(place.id, &place.shards, &series, *range);
                transaction.commit().wait()?;
            }
            Change::DropMeasurement { database, measurement } => {
                let mut transaction = self.store.begin()?;
                transaction.drop_measurement(model.place(*database).id, measurement.as_bytes());
                transaction.commit().wait()?;
            }
            Change::DropShards { database, shards, catalog } => {
                let place = model.place(*database);
                let mut transaction = self.store.begin()?;
                transaction.drop_shards(place.id, &shards.iter().map(|at| place.shards[*at]).collect::<Vec<_>>());
                transaction.catalog_change(&[*catalog]);
                transaction.commit().wait()?;
                self.catalog.push(*catalog);
            }
            Change::DropDatabase { database } => {
                let mut transaction = self.store.begin()?;
                transaction.drop_database(model.place(*database).id);
                transaction.commit().wait()?;
            }
        }
        Ok(())
    }

    pub(crate) fn checkpoint(&self) -> Result<(), StorageError> {
        self.store.checkpoint(&|| Ok(self.catalog.clone()))
    }

    /// All that is in the places of `model`, as [`Model::dump`] has it.
    pub(crate) fn dump(&self, model: &Model) -> Vec<String> {
        let mut lines = vec![format!("catalog {:?}", self.catalog)];
        for (at, place) in model.places().iter().enumerate() {
            self.dump_place(at, place, &mut lines);
        }
        lines.sort();
        lines
    }

    fn dump_place(&self, at: usize, place: &Place, lines: &mut Vec<String>) {
        let source = self.store.snapshot(place.id, &[]);
        for measurement in source.measurements() {
            let series = source.series(&measurement, &SeriesPredicate::All);
            assert!(!series.is_empty(), "a measurement without series is listed");
            lines.extend(series.iter().map(|series| format!("{at} {}", series.key.raw)));
        }
        for (shard, id) in place.shards.iter().enumerate() {
            let source = self.store.snapshot(place.id, &[(*id, TimeRange::ALL)]);
            for measurement in MEASUREMENTS {
                let types = source.field_types(measurement.as_bytes(), TimeRange::ALL);
                let named = types.iter().flat_map(|(field, types)| types.iter().map(move |t| (field, t)));
                lines.extend(named.map(|(field, t)| format!("{at}.{shard} {measurement}.{field} {t:?}")));
                for series in source.series(measurement.as_bytes(), &SeriesPredicate::All) {
                    for field in types.keys() {
                        let blocks = source.blocks(series.id, field, TimeRange::ALL);
                        let batches = blocks.iter().map(|block| block.decode().expect("what was written can be read"));
                        let values: Vec<String> = batches.flat_map(|batch| texts(&batch)).collect();
                        if !values.is_empty() {
                            lines.push(format!("{at}.{shard} {} {field} {}", series.key.raw, values.join(" ")));
                        }
                    }
                }
            }
        }
    }
}

fn texts(batch: &Batch) -> Vec<String> {
    let value = |at: usize| match &batch.values {
        Column::Float(values) => FieldValue::Float(values[at]),
        Column::Integer(values) => FieldValue::Integer(values[at]),
        Column::String(values) => FieldValue::String(values[at].clone()),
        Column::Boolean(values) => FieldValue::Boolean(values[at]),
    };
    batch.times.iter().enumerate().map(|(at, time)| format!("{time}={:?}", value(at))).collect()
}
