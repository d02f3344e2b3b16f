//! The series of the index. Each is a row of symbols, 4 bytes for each tag, and has a shape, which it shares with all series
//! of its measurement that have the same tag keys.
//!
//! Rows are numbered from 0 on in the order of their ids. The numbers of removed rows are not used again.

use std::cmp::Ordering;

use fluxstone_columns::SeriesId;
use fluxstone_model::escape::unescape_measurement;
use fluxstone_model::{RawSeriesKey, SeriesKey, TagSet, Text};
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;

use super::names::{Names, Symbol};
use crate::name_table::NameTable;
use crate::stored_hash::StoredHash;

/// The number of a row.
pub(super) type RowNumber = u32;

/// The symbols of the tag values of a row.
type Symbols = SmallVec<[Symbol; 16]>;
/// The tags of a row: keys and values.
pub(super) type Tags = SmallVec<[(Symbol, Symbol); 16]>;

/// Added to the number of the shape of removed rows, which can still be compared with others.
const REMOVED: u32 = 1 << 31;

/// The memory of a row: in the list and in the table.
const ROW_BYTES: usize = 48;
/// The memory of a tag of a row: its symbol, and its entry in the postings.
const VALUE_BYTES: usize = 24;
/// The memory of a shape, without its measurement and keys.
const SHAPE_BYTES: usize = 192;

/// All rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) names: Names,
    shapes: Vec<Shape>,
    shape_table: HashTable<(u32, StoredHash)>,
    /// The shape that was looked for last: the next new series mostly has the same.
    last_shape: Option<u32>,
    /// The unescaped measurements, so that the shapes of a measurement share its name.
    measurements: NameTable<()>,
    all: Vec<Row>,
    /// The symbols of the raw tag values of all rows.
    values: Vec<Symbol>,
    row_table: HashTable<(RowNumber, StoredHash)>,
    hasher: DefaultHashBuilder,
    removed: usize,
}

#[derive(Debug, Clone)]
struct Shape {
    /// The raw measurement.
    measurement: Text,
    /// The unescaped measurement.
    name: Text,
    /// The raw tag keys, in order.
    keys: Box<[Symbol]>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    id: SeriesId,
    shape: u32,
    /// The index of its first value.
    values_at: u32,
}

impl Row {
    /// The index of its shape.
    fn shape(self) -> usize {
        (self.shape & !REMOVED) as usize
    }
}

impl Rows {
    /// Returns the row of a series, and whether it was added because there was none. `id` must be larger than all earlier
    /// ones; `None` if it is not, or if there are too many rows.
    pub(super) fn find_or_add(&mut self, id: SeriesId, series: &RawSeriesKey<'_>) -> Option<(RowNumber, bool)> {
        let number = RowNumber::try_from(self.all.len()).ok()?;
        let values_at = u32::try_from(self.values.len()).ok()?;
        if self.has_reached(id) {
            return None;
        }
        let shape = match self.last_shape {
            Some(shape) if self.has_shape(series, shape) => shape,
            _ => {
                let keys: Symbols = series.tags.iter().map(|(key, _)| self.names.intern(key)).collect();
                self.shape_of(series.measurement, &keys)
            }
        };
        self.last_shape = Some(shape);
        let new: Symbols = series.tags.iter().map(|(_, value)| self.names.intern(value)).collect();
        let hash = StoredHash::of(&self.hasher, (shape, &*new));
        let Rows { shapes, all, values, row_table, .. } = self;
        let is_it = |(number, known): &(RowNumber, StoredHash)| {
            let row = all[*number as usize];
            *known == hash && row.shape == shape && *values_of(shapes, values, row) == *new
        };
        match row_table.entry(hash.whole(), is_it, |(_, hash)| hash.whole()) {
            Entry::Occupied(entry) => Some((entry.get().0, false)),
            Entry::Vacant(entry) => {
                entry.insert((number, hash));
                self.all.push(Row { id, shape, values_at });
                self.values.extend_from_slice(&new);
                Some((number, true))
            }
        }
    }

    /// Whether there is, or was, a series with this id or a larger one.
    pub(super) fn has_reached(&self, id: SeriesId) -> bool {
        self.all.last().is_some_and(|last| last.id >= id)
    }

    /// Whether a series has the measurement and the tag keys of a shape.
    fn has_shape(&self, series: &RawSeriesKey<'_>, shape: u32) -> bool {
        let Some(Shape { measurement, keys, .. }) = self.shapes.get(shape as usize) else { return false };
        let is_key = |(symbol, tag): (&Symbol, &(&[u8], &[u8]))| self.names.text(*symbol).as_bytes() == tag.0;
        *series.measurement == **measurement
            && keys.len() == series.tags.len()
            && keys.iter().zip(&series.tags).all(is_key)
    }

    /// Returns the shape of a measurement and tag keys, which is added if it does not exist.
    fn shape_of(&mut self, measurement: &[u8], keys: &[Symbol]) -> u32 {
        if let Some(shape) = self.find_shape(measurement, keys) {
            return shape;
        }
        let number = self.shapes.len() as u32;
        let name = unescape_measurement(measurement);
        let (name, ()) = self.measurements.get_or_insert(&name, || (Text::from(&*name), ()));
        let name = name.clone();
        let raw = if *name == *measurement { name.clone() } else { Text::from(measurement) };
        self.shapes.push(Shape { measurement: raw, name, keys: keys.into() });
        let hash = StoredHash::of(&self.hasher, (measurement, keys));
        self.shape_table.insert_unique(hash.whole(), (number, hash), |(_, hash)| hash.whole());
        number
    }

    fn find_shape(&self, measurement: &[u8], keys: &[Symbol]) -> Option<u32> {
        let hash = StoredHash::of(&self.hasher, (measurement, keys));
        let is_it = |(number, known): &(u32, StoredHash)| {
            let shape = &self.shapes[*number as usize];
            *known == hash && *shape.measurement == *measurement && *shape.keys == *keys
        };
        self.shape_table.find(hash.whole(), is_it).map(|(number, _)| *number)
    }

    /// Returns the row of a series.
    pub(super) fn find(&self, series: &RawSeriesKey<'_>) -> Option<RowNumber> {
        let keys = series.tags.iter().map(|(key, _)| self.names.get(key)).collect::<Option<Symbols>>()?;
        let shape = self.find_shape(series.measurement, &keys)?;
        let values = series.tags.iter().map(|(_, value)| self.names.get(value)).collect::<Option<Symbols>>()?;
        let hash = StoredHash::of(&self.hasher, (shape, &*values));
        let is_it = |(number, known): &(RowNumber, StoredHash)| {
            let row = self.all[*number as usize];
            *known == hash && row.shape == shape && *values_of(&self.shapes, &self.values, row) == *values
        };
        self.row_table.find(hash.whole(), is_it).map(|(number, _)| *number)
    }

    /// Removes a row from those that are found by their keys.
    pub(super) fn forget(&mut self, number: RowNumber) {
        let Some(row) = self.row(number) else { return };
        let hash = StoredHash::of(&self.hasher, (row.shape, values_of(&self.shapes, &self.values, row)));
        if let Ok(entry) = self.row_table.find_entry(hash.whole(), |(other, _)| *other == number) {
            entry.remove();
        }
    }

    /// Removes rows from those that are found by their keys, where these are all rows of their measurement.
    pub(super) fn forget_all(&mut self, rows: impl Iterator<Item = RowNumber>) {
        self.last_shape = None;
        let mut shapes: Vec<u32> = Vec::new();
        for row in rows.filter_map(|number| self.row(number)) {
            // Mostly there are a few shapes, and many rows of each in succession.
            if shapes.last() != Some(&row.shape) {
                shapes.push(row.shape);
            }
        }
        shapes.sort_unstable();
        shapes.dedup();
        for number in shapes {
            // A series with these tag keys that is added later gets another shape, so it is another series.
            let shape = &self.shapes[number as usize];
            let hash = StoredHash::of(&self.hasher, (shape.measurement.as_bytes(), &*shape.keys));
            if let Ok(entry) = self.shape_table.find_entry(hash.whole(), |(other, _)| *other == number) {
                entry.remove();
            }
        }
    }

    /// Removes a row.
    pub(super) fn remove(&mut self, number: RowNumber) {
        if self.row(number).is_none() {
            return;
        }
        self.forget(number);
        self.all[number as usize].shape |= REMOVED;
        self.removed += 1;
    }

    /// The estimated memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.names.memory()
            + self.all.len() * ROW_BYTES
            + self.values.len() * VALUE_BYTES
            + self.shapes.len() * SHAPE_BYTES
            + self.shapes.iter().map(|shape| shape.measurement.len() + 4 * shape.keys.len()).sum::<usize>()
    }

    /// The number of rows that were not removed.
    pub(super) fn len(&self) -> usize {
        self.all.len() - self.removed
    }

    /// The number of removed rows.
    pub(super) fn removed(&self) -> usize {
        self.removed
    }

    /// Returns the number of the first row whose id is `id` or larger.
    pub(super) fn from(&self, id: SeriesId) -> RowNumber {
        let (Some(first), Some(last)) = (self.all.first(), self.all.last()) else { return 0 };
        if last.id < id {
            return self.all.len() as RowNumber;
        }
        // Ids grow at least as fast as numbers, and mostly exactly as fast.
        let most = id.0.saturating_sub(first.id.0).min(self.all.len() as u64) as usize;
        if self.all.get(most).is_some_and(|row| row.id == id) {
            return most as RowNumber;
        }
        self.all[..most].partition_point(|row| row.id < id) as RowNumber
    }

    /// Returns the number of the row with this id.
    pub(super) fn number(&self, id: SeriesId) -> Option<RowNumber> {
        let number = self.from(id);
        self.row(number).filter(|row| row.id == id).map(|_| number)
    }

    /// Returns the numbers in `range` whose rows were not removed.
    pub(super) fn numbers(&self, range: std::ops::Range<RowNumber>) -> impl Iterator<Item = RowNumber> {
        let end = range.end.min(self.all.len() as RowNumber);
        (range.start..end).filter(|number| self.row(*number).is_some())
    }

    /// The id of a row.
    pub(super) fn id(&self, number: RowNumber) -> SeriesId {
        self.all[number as usize].id
    }

    /// The measurement of a row that was not removed.
    pub(super) fn measurement(&self, number: RowNumber) -> Option<&Text> {
        Some(&self.shapes[self.row(number)?.shape as usize].name)
    }

    /// Returns the unescaped tags of a row. Of tags with equal keys only the first is returned.
    pub(super) fn tags(&self, number: RowNumber) -> Tags {
        let mut tags = Tags::new();
        for (key, value) in self.raw_tags(number) {
            let key = self.names.unescaped(key);
            if !tags.iter().any(|(known, _)| *known == key) {
                tags.push((key, self.names.unescaped(value)));
            }
        }
        tags
    }

    /// Returns the whole key of a row that was not removed.
    pub(super) fn key(&self, number: RowNumber) -> Option<SeriesKey> {
        let measurement = self.measurement(number)?.clone();
        let raw = Text::from(self.raw_parts(number).concat());
        let text = |symbol| self.names.text(symbol).clone();
        let tags = self.tags(number).into_iter().map(|(key, value)| (text(key), text(value)));
        Some(SeriesKey { raw, measurement, tags: TagSet::new(tags.collect()) })
    }

    /// Returns the parts of the raw key of a row.
    pub(super) fn raw_parts(&self, number: RowNumber) -> Vec<&[u8]> {
        let shape = self.all.get(number as usize).map(|row| &self.shapes[row.shape()]);
        let mut parts: Vec<&[u8]> = Vec::with_capacity(1 + 4 * shape.map_or(0, |shape| shape.keys.len()));
        parts.extend(shape.map(|shape| &*shape.measurement));
        for (key, value) in self.raw_tags(number) {
            parts.extend([&b","[..], self.names.text(key), b"=", self.names.text(value)]);
        }
        parts
    }

    /// Appends the raw key of a row.
    pub(super) fn put_raw(&self, number: RowNumber, out: &mut Vec<u8>) {
        let Some(row) = self.all.get(number as usize) else { return };
        out.extend_from_slice(&self.shapes[row.shape()].measurement);
        for (key, value) in self.raw_tags(number) {
            for part in [&b","[..], self.names.text(key), b"=", self.names.text(value)] {
                out.extend_from_slice(part);
            }
        }
    }

    /// Compares the raw keys of two rows, also of removed ones. Rows with the same key are in the order of their numbers.
    pub(super) fn compare(&self, a: RowNumber, b: RowNumber) -> Ordering {
        let (row_a, row_b) = (self.all[a as usize], self.all[b as usize]);
        let mut same = 0;
        if row_a.shape() == row_b.shape() {
            // The bytes before the first value that differs are the same.
            let values = |row| values_of(&self.shapes, &self.values, row);
            let (a, b) = (values(row_a), values(row_b));
            let first = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len());
            same = 4 + 4 * first;
            if let (Some(a), Some(b)) = (a.get(first), b.get(first)) {
                let (a, b) = (self.names.text(*a), self.names.text(*b));
                let len = a.len().min(b.len());
                let order = a[..len].cmp(&b[..len]);
                if order.is_ne() {
                    return order;
                }
                // One begins with the other, so what follows them decides.
            }
        }
        let bytes = |number| self.raw_parts(number).into_iter().skip(same).flatten();
        bytes(a).cmp(bytes(b)).then(a.cmp(&b))
    }

    fn row(&self, number: RowNumber) -> Option<Row> {
        self.all.get(number as usize).copied().filter(|row| row.shape < REMOVED)
    }

    fn raw_tags(&self, number: RowNumber) -> impl Iterator<Item = (Symbol, Symbol)> {
        let row = self.all.get(number as usize).copied();
        let keys = row.map_or(&[][..], |row| &*self.shapes[row.shape()].keys);
        let values = row.map_or(&[][..], |row| values_of(&self.shapes, &self.values, row));
        keys.iter().copied().zip(values.iter().copied())
    }
}

/// The tag values of a row.
fn values_of<'v>(shapes: &[Shape], values: &'v [Symbol], row: Row) -> &'v [Symbol] {
    let at = row.values_at as usize;
    &values[at..at + shapes[row.shape()].keys.len()]
}
