//! Field types: for each shard, measurement and field the type that its first write gave it.

use std::collections::BTreeMap;

use fluxstone_model::{FieldType, Text};

use super::record::FieldId;

/// A field of a measurement in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) id: FieldId,
    pub(super) field_type: FieldType,
}

/// The fields of one shard.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldTable {
    measurements: BTreeMap<Text, BTreeMap<Text, Field>>,
    /// The id that the next field gets; ids of dropped fields don't come back.
    next: u32,
}

impl FieldTable {
    /// A table whose next field gets the id `next`.
    pub(super) fn with_next(next: u32) -> Self {
        FieldTable { measurements: BTreeMap::new(), next }
    }

    /// Adds a field, or finds it there already.
    pub(super) fn insert(&mut self, measurement: &[u8], name: &[u8], field: Field) {
        self.next = self.next.max(field.id.0.saturating_add(1));
        let fields = match self.measurements.get_mut(measurement) {
            Some(fields) => fields,
            None => self.measurements.entry(Text::from(measurement)).or_default(),
        };
        fields.entry(Text::from(name)).or_insert(field);
    }

    /// Forgets the fields of a measurement.
    pub(super) fn remove_measurement(&mut self, measurement: &[u8]) {
        self.measurements.remove(measurement);
    }

    /// The fields of a measurement by name.
    pub(super) fn of(&self, measurement: &[u8]) -> Option<&BTreeMap<Text, Field>> {
        self.measurements.get(measurement)
    }

    /// All measurements with their fields, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Text, &BTreeMap<Text, Field>)> {
        self.measurements.iter()
    }

    /// How many measurements have fields.
    pub(super) fn len(&self) -> usize {
        self.measurements.len()
    }

    /// The id that the next field gets.
    pub(super) fn next(&self) -> u32 {
        self.next
    }
}
