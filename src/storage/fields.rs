//! The fields of a shard: for each measurement and field key the id and the type, which its first value decides.
//!
//! Snapshots share the fields of each measurement: one that changes is copied, and of the others only pointers.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxstone_model::{FieldType, Text};

use super::name_table::NameTable;
use super::record::FieldId;

/// The estimated memory of a field of a shard, in addition to twice its name.
pub(super) const FIELD_BYTES: usize = 256;

/// A field of a measurement in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The id by which rows name it.
    pub id: FieldId,
    /// The type of all its values.
    pub field_type: FieldType,
}

/// The fields of a measurement by name.
pub(super) type Fields = NameTable<Field>;

/// The fields of one shard.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldTable {
    measurements: BTreeMap<Text, Arc<Fields>>,
    /// The id of the next field; ids of dropped fields are not used again.
    next: u32,
}

impl FieldTable {
    /// Creates a table whose next field gets the id `next`.
    pub(super) fn with_next(next: u32) -> Self {
        FieldTable { measurements: BTreeMap::new(), next }
    }

    /// Adds a field, unless it exists.
    pub(super) fn insert(&mut self, measurement: &[u8], name: &[u8], field: Field) {
        self.next = self.next.max(field.id.0.saturating_add(1));
        let fields = match self.measurements.get_mut(measurement) {
            Some(fields) => fields,
            None => self.measurements.entry(Text::from(measurement)).or_default(),
        };
        Arc::make_mut(fields).get_or_insert(name, || (Text::from(name), field));
    }

    /// Removes the fields of a measurement.
    pub(super) fn remove_measurement(&mut self, measurement: &[u8]) {
        self.measurements.remove(measurement);
    }

    /// Returns the fields of a measurement.
    pub(super) fn of(&self, measurement: &[u8]) -> Option<&Fields> {
        self.measurements.get(measurement).map(|fields| &**fields)
    }

    /// Returns all measurements in order, with their fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Text, &Fields)> {
        self.measurements.iter().map(|(measurement, fields)| (measurement, &**fields))
    }

    /// The number of measurements that have fields.
    pub(super) fn len(&self) -> usize {
        self.measurements.len()
    }

    /// The estimated memory of the fields here and in the live schema.
    pub(super) fn memory(&self) -> usize {
        let fields = self.measurements.values().flat_map(|fields| fields.iter());
        fields.map(|(name, _)| FIELD_BYTES + 2 * name.len()).sum()
    }

    /// The id of the next field.
    pub(super) fn next(&self) -> u32 {
        self.next
    }
}
