//! Postings: for each tag key and tag value of a measurement, the set of rows that have the tag.

use std::ops::{BitAnd, BitOr, ControlFlow, Sub};

use fluxstone_columns::SeriesPredicate;
use fluxstone_model::Text;
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
    ones: HashMap<Symbol, RowNumber>,
    many: HashMap<Symbol, RowSet>,
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

    /// Returns the tag keys of the rows before `end`, in no particular order.
    pub(super) fn tag_keys<'p>(&'p self, end: RowNumber, names: &'p Names) -> impl Iterator<Item = &'p Text> {
        self.tags.iter().filter(move |(_, values)| values.begin_before(end)).map(|(key, _)| names.text(*key))
    }

    fn values_of(&self, key: &[u8], names: &Names) -> Option<&Values> {
        self.tags.get(&names.get(key)?)
    }

    /// Returns the rows for which `predicate` holds, unless `go_on` breaks.
    pub(super) fn matching_while(
        &self,
        predicate: &SeriesPredicate,
        names: &Names,
        go_on: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Option<RowSet> {
        match predicate {
            SeriesPredicate::And(a, b) => {
                Some(self.matching_while(a, names, go_on)?.bitand(self.matching_while(b, names, go_on)?))
            }
            SeriesPredicate::Or(a, b) => {
                Some(self.matching_while(a, names, go_on)?.bitor(self.matching_while(b, names, go_on)?))
            }
            leaf => go_on(0).is_continue().then(|| self.matching(leaf, names)),
        }
    }

    /// Returns the rows for which `predicate` holds. A row without a tag has the empty text as its value.
    pub(super) fn matching(&self, predicate: &SeriesPredicate, names: &Names) -> RowSet {
        match predicate {
            SeriesPredicate::All => self.rows.clone(),
            SeriesPredicate::None => RowSet::new(),
            SeriesPredicate::Equal { key, value } if value.is_empty() => self.without(key, names),
            SeriesPredicate::Equal { key, value } => {
                let find = || Some(self.values_of(key, names)?.rows(names.get(value)?));
                find().unwrap_or_default()
            }
            SeriesPredicate::NotEqual { key, value } => {
                let equal = SeriesPredicate::Equal { key: key.clone(), value: value.clone() };
                (&self.rows).sub(self.matching(&equal, names))
            }
            // The pattern is tried once for each value, not for each series.
            SeriesPredicate::Match { key, regex } => {
                let values = self.values_of(key, names);
                let with = values.map(|values| values.union(|value| regex.is_match(names.text(value))));
                let with = with.unwrap_or_default();
                if regex.is_match(b"") { with.bitor(self.without(key, names)) } else { with }
            }
            SeriesPredicate::NotMatch { key, regex } => {
                let matching = SeriesPredicate::Match { key: key.clone(), regex: regex.clone() };
                (&self.rows).sub(self.matching(&matching, names))
            }
            SeriesPredicate::And(a, b) => self.matching(a, names).bitand(self.matching(b, names)),
            SeriesPredicate::Or(a, b) => self.matching(a, names).bitor(self.matching(b, names)),
        }
    }

    /// Returns the rows without a tag key.
    fn without(&self, key: &[u8], names: &Names) -> RowSet {
        match self.values_of(key, names) {
            Some(values) => (&self.rows).sub(values.union(|_| true)),
            None => self.rows.clone(),
        }
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

    /// Whether a row before `end` has a value.
    fn begin_before(&self, end: RowNumber) -> bool {
        let least = |rows: &RowSet| rows.min().is_some_and(|least| least < end);
        self.many.values().any(least) || self.ones.values().any(|one| *one < end)
    }

    /// Returns the rows of all values for which `is_wanted` holds.
    fn union(&self, is_wanted: impl Fn(Symbol) -> bool) -> RowSet {
        let mut all = RowSet::new();
        for (_, rows) in self.many.iter().filter(|(value, _)| is_wanted(**value)) {
            all |= rows;
        }
        let ones = self.ones.iter().filter(|(value, _)| is_wanted(**value));
        let mut ones: Vec<RowNumber> = ones.map(|(_, one)| *one).collect();
        // Sorted, so that each one is appended to the set.
        ones.sort_unstable();
        all.bitor(ones.into_iter().collect::<RowSet>())
    }
}

/// Adds a row, fast if its number is larger than all others, as it mostly is.
fn push(rows: &mut RowSet, row: RowNumber) {
    if rows.try_push(row).is_err() {
        rows.insert(row);
    }
}
