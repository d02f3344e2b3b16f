//! The data: a list of values, each with its series, field and time.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_model::{FieldType, FieldValue, SeriesKey, Text, Timestamp};

/// One value of one field of one series at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Measurement and tags.
    pub series: SeriesKey,
    /// The field's name.
    pub field: Text,
    /// The time.
    pub time: Timestamp,
    /// The value.
    pub value: FieldValue,
}

/// The contents of one shard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    /// At most one value for each series, field and time, in the order of first writing.
    pub list: Vec<Point>,
    /// All series that were written to, including those of points that were dropped for a type conflict.
    pub series: BTreeSet<SeriesKey>,
    /// The type of each field of each measurement, decided by its first value.
    pub types: BTreeMap<(Text, Text), FieldType>,
}

impl Points {
    /// Adds a value, or replaces the one that the series has for this field at this time. Other fields are unchanged.
    ///
    /// Transcribes `write.point.1`.
    pub fn put(&mut self, new: Point) {
        let same = |old: &&mut Point| old.series == new.series && old.field == new.field && old.time == new.time;
        match self.list.iter_mut().find(same) {
            Some(old) => old.value = new.value,
            None => self.list.push(new),
        }
    }
}
