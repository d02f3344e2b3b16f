//! What writers resolve points against: the spellings of known series, and the fields of each shard with their types.
//!
//! It is ahead of what readers see by the changes that are on their way to the disk, and is only touched under the commit
//! lock. Invariant: it is what applying all committed records, and those of the open transaction, would give.

use std::collections::BTreeMap;

use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, FieldType, ShardId, Text};
use hashbrown::HashMap;

use super::fields::{Field, FieldTable};
use super::record::FieldId;
use super::spellings::Spellings;
use super::state::State;

/// All databases.
#[derive(Debug, Default)]
pub(super) struct LiveSchema {
    pub(super) databases: HashMap<DatabaseId, LiveDatabase>,
    /// The id of the next new series.
    pub(super) next_series: u64,
}

/// One database.
#[derive(Debug, Default)]
pub(super) struct LiveDatabase {
    /// Series by the text before the fields, as written: one look-up for a point of a series that was seen lately.
    spellings: Spellings,
    measurements: HashMap<Text, MeasurementNumber>,
    next_measurement: u32,
    pub(super) shards: HashMap<ShardId, LiveShard>,
}

/// A measurement within [`LiveDatabase`]; cheaper to compare and to hash than its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MeasurementNumber(pub(super) u32);

/// A series that has an id.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownSeries {
    pub(super) id: SeriesId,
    pub(super) measurement: MeasurementNumber,
}

/// One shard.
#[derive(Debug, Default)]
pub(super) struct LiveShard {
    pub(super) fields: HashMap<MeasurementNumber, LiveFields>,
    next_field: u32,
}

/// The fields of one measurement in one shard.
#[derive(Debug, Default)]
pub(super) struct LiveFields {
    by_name: BTreeMap<Text, Field>,
    /// The fields of the last point in its order: the next point mostly has the same.
    layout: Vec<(Text, Field)>,
}

impl LiveSchema {
    /// What `state` says, once everything is applied.
    pub(super) fn new(state: &State) -> Self {
        let mut live = LiveSchema { databases: HashMap::new(), next_series: state.series_bound.0.0 };
        for (id, database) in state.databases() {
            let target = live.databases.entry(*id).or_default();
            for (shard, content) in database.shards() {
                let table = LiveShard::new(&content.fields, target);
                target.shards.insert(*shard, table);
            }
        }
        live
    }
}

impl LiveDatabase {
    /// The series of a point by what stands before its fields.
    #[inline]
    pub(super) fn find(&mut self, spelling: &[u8]) -> Option<KnownSeries> {
        self.spellings.find(spelling)
    }

    /// Remembers how a series was spelt.
    pub(super) fn remember(&mut self, spelling: &[u8], id: SeriesId, measurement: &Text) -> KnownSeries {
        let known = KnownSeries { id, measurement: self.number(measurement) };
        self.spellings.insert(spelling, known);
        known
    }

    /// Forgets all spellings, since series were removed.
    pub(super) fn forget_spellings(&mut self) {
        self.spellings.clear();
    }

    /// Forgets the field types of a measurement.
    pub(super) fn remove_measurement(&mut self, measurement: &[u8]) {
        if let Some(number) = self.measurements.remove(measurement) {
            for shard in self.shards.values_mut() {
                shard.fields.remove(&number);
            }
        }
    }

    /// The number of a measurement.
    fn number(&mut self, measurement: &Text) -> MeasurementNumber {
        if let Some(number) = self.measurements.get(measurement) {
            return *number;
        }
        let number = MeasurementNumber(self.next_measurement);
        self.next_measurement += 1;
        self.measurements.insert(measurement.clone(), number);
        number
    }
}

impl LiveShard {
    fn new(table: &FieldTable, database: &mut LiveDatabase) -> Self {
        let mut shard = LiveShard { fields: HashMap::new(), next_field: table.next() };
        for (measurement, fields) in table.iter() {
            let live = LiveFields { by_name: fields.clone(), layout: Vec::new() };
            shard.fields.insert(database.number(measurement), live);
        }
        shard
    }

    /// The fields of a measurement, and the counter of field ids.
    pub(super) fn fields_of(&mut self, measurement: MeasurementNumber) -> (&mut LiveFields, &mut u32) {
        (self.fields.entry(measurement).or_default(), &mut self.next_field)
    }
}

impl LiveFields {
    /// The field that the last point had at place `at`, if it was spelt like this.
    #[inline]
    pub(super) fn at(&self, at: usize, spelling: &[u8]) -> Option<Field> {
        self.layout.get(at).filter(|(name, _)| name.as_bytes() == spelling).map(|(_, field)| *field)
    }

    /// A field by its name.
    pub(super) fn find(&self, name: &[u8]) -> Option<Field> {
        self.by_name.get(name).copied()
    }

    /// Remembers at which place a field stood, if it is spelt as it is named.
    pub(super) fn remember(&mut self, at: usize, spelling: &[u8], field: Field) {
        let Some((name, _)) = self.by_name.get_key_value(spelling) else { return };
        let entry = (name.clone(), field);
        if let Some(place) = self.layout.get_mut(at) {
            *place = entry;
        } else if at == self.layout.len() {
            self.layout.push(entry);
        }
    }

    /// Adds a field.
    pub(super) fn add(&mut self, name: &[u8], field_type: FieldType, next: &mut u32) -> Field {
        let field = Field { id: FieldId(*next), field_type };
        *next += 1;
        self.by_name.insert(Text::from(name), field);
        field
    }

    /// Takes a field away that was just added.
    pub(super) fn take_back(&mut self, name: &[u8]) {
        self.by_name.remove(name);
        self.layout.clear();
    }
}
