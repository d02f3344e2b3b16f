//! Which series have which tags: for each tag key and tag value of a measurement a set of rows.

use std::ops::{BitAnd, BitOr, Sub};

use hashbrown::HashMap;
use roaring::RoaringBitmap;

use super::names::{Names, Symbol};
use super::rows::RowNumber;
use crate::model::Text;
use crate::query::SeriesPredicate;

/// Some rows.
pub(super) type RowSet = RoaringBitmap;

/// The rows that have a tag value: often only one has it, as with the name of a host.
#[derive(Debug, Clone)]
enum Posting {
    One(RowNumber),
    Many(Box<RowSet>),
}

/// The rows of one measurement.
#[derive(Debug, Clone, Default)]
pub(super) struct MeasurementPostings {
    rows: RowSet,
    /// By tag key, then tag value.
    tags: HashMap<Symbol, HashMap<Symbol, Posting>>,
}

impl MeasurementPostings {
    /// Adds a row that is greater than all before.
    pub(super) fn add(&mut self, row: RowNumber, tags: &[(Symbol, Symbol)]) {
        push(&mut self.rows, row);
        for (key, value) in tags {
            let values = self.tags.entry(*key).or_default();
            values.entry(*value).and_modify(|posting| posting.add(row)).or_insert(Posting::One(row));
        }
    }

    /// Takes a row out, with tags that only it had.
    pub(super) fn remove(&mut self, row: RowNumber, tags: &[(Symbol, Symbol)]) {
        self.rows.remove(row);
        for (key, value) in tags {
            let Some(values) = self.tags.get_mut(key) else { continue };
            if values.get_mut(value).is_some_and(|posting| posting.remove(row)) {
                values.remove(value);
            }
            if values.is_empty() {
                self.tags.remove(key);
            }
        }
    }

    /// All rows.
    pub(super) fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// How many values a tag key has.
    pub(super) fn tag_values(&self, key: &[u8], names: &Names) -> usize {
        self.values_of(key, names).map_or(0, HashMap::len)
    }

    /// Whether a row has a tag.
    pub(super) fn has_tag(&self, key: &[u8], value: &[u8], names: &Names) -> bool {
        self.posting(key, value, names).is_some()
    }

    /// The tag keys that rows before `end` have, in no order.
    pub(super) fn tag_keys<'p>(&'p self, end: RowNumber, names: &'p Names) -> impl Iterator<Item = &'p Text> {
        let is_visible = move |values: &HashMap<Symbol, Posting>| values.values().any(|posting| posting.least() < end);
        self.tags.iter().filter(move |(_, values)| is_visible(values)).map(|(key, _)| names.text(*key))
    }

    fn values_of(&self, key: &[u8], names: &Names) -> Option<&HashMap<Symbol, Posting>> {
        self.tags.get(&names.get(key)?)
    }

    fn posting(&self, key: &[u8], value: &[u8], names: &Names) -> Option<&Posting> {
        self.values_of(key, names)?.get(&names.get(value)?)
    }

    /// The rows for which `predicate` holds. A row without a tag has the empty text as its value.
    pub(super) fn matching(&self, predicate: &SeriesPredicate, names: &Names) -> RowSet {
        match predicate {
            SeriesPredicate::All => self.rows.clone(),
            SeriesPredicate::None => RowSet::new(),
            SeriesPredicate::Equal { key, value } if value.is_empty() => self.without(key, names),
            SeriesPredicate::Equal { key, value } => {
                self.posting(key, value, names).map_or_else(RowSet::new, Posting::rows)
            }
            SeriesPredicate::NotEqual { key, value } => {
                let equal = SeriesPredicate::Equal { key: key.clone(), value: value.clone() };
                (&self.rows).sub(self.matching(&equal, names))
            }
            // The pattern is tried once for each value, not for each series.
            SeriesPredicate::Match { key, regex } => {
                let values = self.values_of(key, names).into_iter().flatten();
                let matched = values.filter(|(value, _)| regex.is_match(names.text(**value)));
                let with = union(matched.map(|(_, posting)| posting));
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

    /// The rows that do not have a tag key.
    fn without(&self, key: &[u8], names: &Names) -> RowSet {
        (&self.rows).sub(union(self.values_of(key, names).into_iter().flat_map(HashMap::values)))
    }
}

impl Posting {
    fn add(&mut self, row: RowNumber) {
        match self {
            Posting::One(one) => *self = Posting::Many(Box::new([*one, row].into_iter().collect())),
            Posting::Many(rows) => push(rows, row),
        }
    }

    /// Takes a row out; whether none is left.
    fn remove(&mut self, row: RowNumber) -> bool {
        match self {
            Posting::One(one) => *one == row,
            Posting::Many(rows) => {
                rows.remove(row);
                rows.is_empty()
            }
        }
    }

    fn least(&self) -> RowNumber {
        match self {
            Posting::One(one) => *one,
            Posting::Many(rows) => rows.min().unwrap_or(RowNumber::MAX),
        }
    }

    fn rows(&self) -> RowSet {
        match self {
            Posting::One(one) => [*one].into_iter().collect(),
            Posting::Many(rows) => RowSet::clone(rows),
        }
    }
}

/// Adds a row that is mostly greater than all before.
fn push(rows: &mut RowSet, row: RowNumber) {
    if rows.try_push(row).is_err() {
        rows.insert(row);
    }
}

fn union<'p>(postings: impl Iterator<Item = &'p Posting>) -> RowSet {
    let mut all = RowSet::new();
    let mut ones = Vec::new();
    for posting in postings {
        match posting {
            Posting::One(one) => ones.push(*one),
            Posting::Many(rows) => all |= &**rows,
        }
    }
    // In order, so that each is appended.
    ones.sort_unstable();
    all.bitor(ones.into_iter().collect::<RowSet>())
}
