//! The schema against which writers resolve points: the numbers of series and measurements, and the fields of each shard
//! with their types.
//!
//! It is ahead of what readers see by the changes that are on their way to the disk, and is only used under the commit lock.
//! Invariant: it is the result of applying all committed records, and those of the open transaction.

use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, FieldType, ShardId, Text};
use hashbrown::{HashMap, HashSet};

use super::fields::{Field, FieldTable, Fields};
use super::name_table::NameTable;
use super::recent_series::{MeasurementNumber, RecentSeries, ResolvedSeries};
use super::record::{Entry, FieldId, RecordBuilder};
use super::state::State;

/// The live schema of all databases.
#[derive(Debug, Default)]
pub(super) struct LiveSchema {
    pub(super) databases: HashMap<DatabaseId, LiveDatabase>,
    /// The id of the next new series.
    pub(super) next_series: u64,
    /// The series that were written since a search for series without values began.
    pub(super) watch: Option<HashSet<SeriesId>>,
    /// The estimated memory of series, fields and shards. It shrinks only when it is counted anew.
    pub(super) schema_bytes: usize,
}

/// The live schema of one database.
#[derive(Debug, Default)]
pub(super) struct LiveDatabase {
    pub(super) series: LiveSeries,
    pub(super) shards: HashMap<ShardId, LiveShard>,
}

/// The series that were written lately, and the numbers of all measurements.
#[derive(Debug, Default)]
pub(super) struct LiveSeries {
    /// Series by their raw keys as written: one look-up for a point of a series that was seen lately.
    recent: RecentSeries,
    measurements: NameTable<MeasurementNumber>,
    next_measurement: u32,
}

/// The fields of one shard.
#[derive(Debug, Default)]
pub(super) struct LiveShard {
    measurements: HashMap<MeasurementNumber, LiveFields>,
    next_field: u32,
}

/// The fields of one measurement in one shard.
#[derive(Debug, Default)]
pub(super) struct LiveFields {
    by_name: Fields,
    /// The fields of the last point in its order: the next point mostly has the same.
    layout: Vec<(Text, Field)>,
}

impl LiveSchema {
    /// Builds the live schema of a `state` to which everything was applied.
    pub(super) fn new(state: &State) -> Self {
        let mut live = LiveSchema {
            next_series: state.series_bound.0.0,
            schema_bytes: state.schema_bytes(),
            ..LiveSchema::default()
        };
        for (id, database) in state.databases() {
            let target = live.databases.entry(*id).or_default();
            for (shard, content) in database.shards() {
                let table = LiveShard::new(&content.fields, &mut target.series);
                target.shards.insert(*shard, table);
            }
        }
        live
    }

    /// Takes back the fields and shards that a record adds, because it is not going to be committed. Series are taken back by
    /// their ids instead.
    pub(super) fn take_back(&mut self, record: &RecordBuilder) {
        let mut new_shards: Vec<(DatabaseId, ShardId)> = Vec::new();
        // A record that was just built can be read.
        for entry in record.entries().filter_map(Result::ok) {
            match entry {
                Entry::Field { database, shard, measurement, name, .. } => {
                    if let Some(live) = self.databases.get_mut(&database) {
                        live.take_back_field(shard, measurement, name);
                    }
                }
                Entry::Shard { database, shard } => new_shards.push((database, shard)),
                _ => {}
            }
        }
        for (database, shard) in new_shards {
            if let Some(live) = self.databases.get_mut(&database) {
                live.shards.remove(&shard);
            }
        }
    }
}

impl LiveDatabase {
    fn take_back_field(&mut self, shard: ShardId, measurement: &[u8], name: &[u8]) {
        let number = self.series.measurements.get(measurement).map(|(_, number)| *number);
        if let (Some(number), Some(shard)) = (number, self.shards.get_mut(&shard)) {
            shard.of(number).take_back(name);
        }
    }

    /// Forgets the field types of a measurement.
    pub(super) fn remove_measurement(&mut self, measurement: &[u8]) {
        if let Some(number) = self.series.measurements.remove(measurement) {
            for shard in self.shards.values_mut() {
                shard.measurements.remove(&number);
            }
        }
    }
}

impl LiveSeries {
    /// Returns the series with this raw key, if it was written lately.
    #[inline]
    pub(super) fn find(&mut self, raw: &[u8]) -> Option<ResolvedSeries> {
        self.recent.find(raw)
    }

    /// Remembers a raw key of a series.
    pub(super) fn remember(&mut self, raw: &[u8], id: SeriesId, measurement: &Text) -> ResolvedSeries {
        let series = ResolvedSeries { id, measurement: self.number(measurement) };
        self.recent.insert(raw, series);
        series
    }

    /// Forgets all raw keys, because series were removed.
    pub(super) fn forget_recent(&mut self) {
        self.recent.clear();
    }

    /// Returns the number of a measurement. A new measurement gets the next number.
    fn number(&mut self, measurement: &Text) -> MeasurementNumber {
        let next = self.next_measurement;
        let (_, number) =
            self.measurements.get_or_insert(measurement, || (measurement.clone(), MeasurementNumber(next)));
        self.next_measurement = next.max(number.0 + 1);
        *number
    }
}

impl LiveShard {
    fn new(table: &FieldTable, series: &mut LiveSeries) -> Self {
        let mut shard = LiveShard { measurements: HashMap::new(), next_field: table.next() };
        for (measurement, fields) in table.iter() {
            let live = LiveFields { by_name: fields.clone(), layout: Vec::new() };
            shard.measurements.insert(series.number(measurement), live);
        }
        shard
    }

    /// Returns the fields of a measurement.
    pub(super) fn of(&mut self, measurement: MeasurementNumber) -> &mut LiveFields {
        self.measurements.entry(measurement).or_default()
    }

    /// Adds a field that does not exist.
    pub(super) fn add(
        &mut self,
        measurement: MeasurementNumber,
        at: usize,
        name: &[u8],
        field_type: FieldType,
    ) -> Field {
        let field = Field { id: FieldId(self.next_field), field_type };
        self.next_field += 1;
        let name = Text::from(name);
        let fields = self.of(measurement);
        fields.by_name.get_or_insert(&name, || (name.clone(), field));
        fields.remember(at, name, field);
        field
    }
}

impl LiveFields {
    /// Makes room for the fields of a point with this many.
    pub(super) fn expect(&mut self, fields: usize) {
        if self.layout.len() < fields {
            self.by_name.reserve(fields);
            self.layout.reserve(fields - self.layout.len());
        }
    }

    /// Returns a field by its name; `at` is its position in the point.
    #[inline]
    pub(super) fn find(&mut self, at: usize, name: &[u8]) -> Option<Field> {
        match self.layout.get(at) {
            Some((last, field)) if last.as_bytes() == name => Some(*field),
            _ => self.find_by_name(at, name),
        }
    }

    fn find_by_name(&mut self, at: usize, name: &[u8]) -> Option<Field> {
        let (name, field) = self.by_name.get(name)?;
        let (name, field) = (name.clone(), *field);
        self.remember(at, name, field);
        Some(field)
    }

    /// Remembers the position of a field.
    fn remember(&mut self, at: usize, name: Text, field: Field) {
        if let Some(last) = self.layout.get_mut(at) {
            *last = (name, field);
        } else if at == self.layout.len() {
            self.layout.push((name, field));
        }
    }

    /// Removes a field that was just added.
    fn take_back(&mut self, name: &[u8]) {
        self.by_name.remove(name);
        self.layout.clear();
    }
}
