//! Postings: for each tag key and tag value of a measurement, the set of rows that have the tag.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use roaring::RoaringBitmap;

use super::names::{Names, Symbol};
use super::rows::RowNumber;

/// A set of rows.
pub(super) type RowSet = RoaringBitmap;

/// The rows of each value of a tag key. Values that only one row has are common (host names, for example), and take little
/// memory.
#[derive(Debug, Clone, Default)]
struct Values {
    ones: HashMap<Symbol, RowNumber, SymbolHashes>,
    many: HashMap<Symbol, RowSet, SymbolHashes>,
}

/// Hashes that are close together for symbols that are close together: new values have ascending symbols, and are then added
/// next to each other.
#[derive(Debug, Clone, Default)]
struct SymbolHashes;

#[derive(Debug, Default)]
struct SymbolHasher(u64);

impl BuildHasher for SymbolHashes {
    type Hasher = SymbolHasher;

    fn build_hasher(&self) -> SymbolHasher {
        SymbolHasher::default()
    }
}

impl Hasher for SymbolHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, symbol: u32) {
        /// From here on, symbols with equal lowest bits are spread.
        const NEAR_BITS: u32 = 12;
        let far = (symbol >> NEAR_BITS).wrapping_mul(0x9e37_79b1) >> 8;
        let near = u64::from(symbol.wrapping_add(far));
        // The table tells entries of neighbouring places apart by the highest bits.
        self.0 = near | u64::from(symbol.wrapping_mul(0x9e37_79b1)) << 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The rows of one measurement.
#[derive(Debug, Clone, Default)]
pub(super) struct MeasurementPostings {
    rows: RowSet,
    /// By tag key, then tag value.
    tags: HashMap<Symbol, Values>,
}

impl MeasurementPostings {
    /// Adds a row. Its number is larger than all earlier ones.
    pub(super) fn add(&mut self, row: RowNumber, tags: &[(Symbol, Symbol)]) {
        push(&mut self.rows, row);
        for (key, value) in tags {
            self.tags.entry(*key).or_default().add(*value, row);
        }
    }

    /// Removes a row, and the tags that only it had.
    pub(super) fn remove(&mut self, row: RowNumber, tags: &[(Symbol, Symbol)]) {
        self.rows.remove(row);
        for (key, value) in tags {
            let Some(values) = self.tags.get_mut(key) else { continue };
            values.remove(*value, row);
            if values.len() == 0 {
                self.tags.remove(key);
            }
        }
    }

    /// Returns all rows.
    pub(super) fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// The number of values of a tag key.
    pub(super) fn tag_values(&self, key: &[u8], names: &Names) -> usize {
        self.values_of(key, names).map_or(0, Values::len)
    }

    /// Whether a row has a tag.
    pub(super) fn has_tag(&self, key: &[u8], value: &[u8], names: &Names) -> bool {
        let find = || Some(self.values_of(key, names)?.has(names.get(value)?));
        find().unwrap_or(false)
    }

    /// Returns the tag keys, in no particular order.
    pub(super) fn keys(&self) -> Vec<Symbol> {
        self.tags.keys().copied().collect()
    }

    /// Whether one of the rows with a tag key satisfies a condition.
    pub(super) fn have(&self, key: Symbol, condition: &dyn Fn(RowNumber) -> bool) -> bool {
        self.tags.get(&key).is_some_and(|values| values.have(condition))
    }

    /// Returns the values of a tag key, in no particular order, each with its row if that is the only one.
    pub(super) fn values(&self, key: Symbol) -> Vec<(Symbol, Option<RowNumber>)> {
        let Some(Values { ones, many }) = self.tags.get(&key) else { return Vec::new() };
        let ones = ones.iter().map(|(value, row)| (*value, Some(*row)));
        ones.chain(many.keys().map(|value| (*value, None))).collect()
    }

    /// Returns the rows of a value that several rows have.
    pub(super) fn many(&self, key: Symbol, value: Symbol) -> Option<&RowSet> {
        self.tags.get(&key)?.many.get(&value)
    }

    /// Returns the rows with a tag.
    pub(super) fn with_tag(&self, key: &[u8], value: &[u8], names: &Names) -> Option<RowSet> {
        Some(self.values_of(key, names)?.rows(names.get(value)?))
    }

    fn values_of(&self, key: &[u8], names: &Names) -> Option<&Values> {
        self.tags.get(&names.get(key)?)
    }
}

impl Values {
    fn add(&mut self, value: Symbol, row: RowNumber) {
        if let Some(rows) = self.many.get_mut(&value) {
            push(rows, row);
            return;
        }
        match self.ones.entry(value) {
            Entry::Vacant(entry) => {
                entry.insert(row);
            }
            Entry::Occupied(entry) => {
                self.many.insert(value, [entry.remove(), row].into_iter().collect());
            }
        }
    }

    fn remove(&mut self, value: Symbol, row: RowNumber) {
        if self.ones.get(&value) == Some(&row) {
            self.ones.remove(&value);
        } else if let Some(rows) = self.many.get_mut(&value) {
            rows.remove(row);
            if rows.is_empty() {
                self.many.remove(&value);
            }
        }
    }

    fn len(&self) -> usize {
        self.ones.len() + self.many.len()
    }

    fn has(&self, value: Symbol) -> bool {
        self.ones.contains_key(&value) || self.many.contains_key(&value)
    }

    fn rows(&self, value: Symbol) -> RowSet {
        let one = self.ones.get(&value).map(|one| RowSet::from([*one]));
        one.or_else(|| self.many.get(&value).cloned()).unwrap_or_default()
    }

    /// Whether one of the rows satisfies a condition.
    fn have(&self, condition: &dyn Fn(RowNumber) -> bool) -> bool {
        self.many.values().flatten().any(condition) || self.ones.values().any(|one| condition(*one))
    }
}

/// Adds a row, fast if its number is larger than all others, as it mostly is.
fn push(rows: &mut RowSet, row: RowNumber) {
    if rows.try_push(row).is_err() {
        rows.insert(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest_stay(symbols: impl Iterator<Item = Symbol>, buckets: u64) -> usize {
        let mut counts: HashMap<u64, usize> = HashMap::new();
        for symbol in symbols {
            *counts.entry(SymbolHashes.hash_one(symbol) % buckets).or_default() += 1;
        }
        counts.into_values().max().unwrap_or(0)
    }

    #[test]
    fn symbols_of_any_regular_distance_are_spread() {
        assert_eq!(longest_stay(0..4096, 8192), 1);
        for distance in 12..22 {
            assert!(longest_stay((0..1000).map(|n| n << distance), 2048) < 16, "{distance}");
        }
    }
}
