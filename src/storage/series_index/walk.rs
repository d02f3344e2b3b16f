//! Long reads of the index, which let writers in between their steps.
//!
//! Invariant: what a walk returns does not depend on what writers do in the meantime, if its view is that of a registered reader
//! (`shared_index`): the rows that it shows are not cleared and keep their numbers, and rows that are added are not visible.

use std::collections::BTreeSet;
use std::ops::{BitAnd, BitOr, Bound, ControlFlow, Deref, Sub};
use std::sync::Arc;

use fluxstone_columns::{SeriesPredicate, SeriesRef};
use fluxstone_model::Text;
use parking_lot::RwLockReadGuard;

use super::names::Symbol;
use super::postings::{MeasurementPostings, RowSet};
use super::rows::RowNumber;
use super::{Measurement, SeriesIndex, View};

/// A set of series is sorted on its own if it is at most this fraction (one in ...) of its measurement; otherwise the order of
/// the whole measurement is used.
const SORTED_FRACTION: u64 = 8;

/// Asks whether to go on, given the bytes of memory that the next step takes.
type GoOn<'g> = &'g mut dyn FnMut(usize) -> ControlFlow<()>;

/// The number of measurements in one step.
const MEASUREMENTS_AT_ONCE: usize = 64;

/// Access to an index that others may change in each pause.
pub(crate) trait Reading: Deref<Target = SeriesIndex> {
    /// Lets a writer in if one is waiting, which costs little if none is.
    fn pause(&mut self);

    /// Does work for which the index is not needed.
    fn unlocked<T>(&mut self, work: impl FnOnce() -> T) -> T;
}

impl Reading for RwLockReadGuard<'_, SeriesIndex> {
    fn pause(&mut self) {
        RwLockReadGuard::bump(self);
    }

    fn unlocked<T>(&mut self, work: impl FnOnce() -> T) -> T {
        RwLockReadGuard::unlocked(self, work)
    }
}

/// Returns the visible measurements in byte order.
pub(crate) fn measurements(index: &mut impl Reading, view: View) -> Vec<Text> {
    let mut found = Vec::new();
    let mut last: Option<Text> = None;
    loop {
        let from = last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut walked = 0;
        let mut next = None;
        for (name, measurement) in
            index.measurements.range::<Text, _>((from, Bound::Unbounded)).take(MEASUREMENTS_AT_ONCE)
        {
            walked += 1;
            next = Some(name);
            if index.shows(measurement.postings.rows(), view) {
                found.push(name.clone());
            }
        }
        if walked < MEASUREMENTS_AT_ONCE {
            return found;
        }
        last = next.cloned();
        index.pause();
    }
}

/// Returns the tag keys of the visible series of a measurement.
pub(crate) fn tag_keys(index: &mut impl Reading, measurement: &[u8], view: View) -> BTreeSet<Text> {
    let keys = postings(index, measurement).map_or_else(Vec::new, MeasurementPostings::keys);
    let mut found = BTreeSet::new();
    for key in keys {
        index.pause();
        let is_visible = |row| index.is_visible(row, view);
        if postings(index, measurement).is_some_and(|postings| postings.have(key, &is_visible)) {
            found.insert(index.rows.names.text(key).clone());
        }
    }
    found
}

/// Passes the visible series of a measurement for which `predicate` holds to `visit`, in the order of their keys, until it breaks: it
/// is also called with nothing, for each tag value that is looked at.
pub(crate) fn for_each_matching(
    index: &mut impl Reading,
    measurement: &[u8],
    predicate: &SeriesPredicate,
    view: View,
    visit: &mut dyn FnMut(Option<SeriesRef>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let found = rows_matching(index, measurement, predicate, &mut |_| visit(None));
    let Some(mut set) = found else { return ControlFlow::Break(()) };
    index.keep_visible(&mut set, view);
    for row in sorted(index, measurement, &set).iter().copied().filter(|row| set.contains(*row)) {
        index.pause();
        let Some(key) = index.rows.key(row) else { continue };
        visit(Some(SeriesRef { id: index.rows.id(row), key: Arc::new(key) }))?;
    }
    ControlFlow::Continue(())
}

/// Returns the wanted tag keys with the values that they have in the visible series of a measurement for which `predicate` holds, each
/// once, in byte order, unless `go_on` breaks: it is asked for each value that is looked at, and for each found one with its bytes.
pub(crate) fn tag_values_while(
    index: &mut impl Reading,
    measurement: &[u8],
    predicate: &SeriesPredicate,
    (view, is_wanted): (View, &dyn Fn(&Text) -> bool),
    go_on: GoOn<'_>,
) -> Option<Vec<(Text, Text)>> {
    let mut set = rows_matching(index, measurement, predicate, go_on)?;
    index.keep_visible(&mut set, view);
    let keys = postings(index, measurement).map_or_else(Vec::new, MeasurementPostings::keys);
    let mut found = Vec::new();
    for key in keys.into_iter().filter(|key| is_wanted(index.rows.names.text(*key))).collect::<Vec<_>>() {
        for value in values_in(index, measurement, key, &set, go_on)? {
            let (key, value) = (index.rows.names.text(key), index.rows.names.text(value));
            go_on(key.len() + value.len()).is_continue().then_some(())?;
            found.push((key.clone(), value.clone()));
        }
    }
    Some(index.unlocked(|| {
        found.sort_unstable();
        found
    }))
}

/// Returns the values that a tag key has in some rows, in no particular order: by looking at the rows, or at the rows of each
/// value, whichever are fewer.
fn values_in(
    index: &mut impl Reading,
    measurement: &[u8],
    key: Symbol,
    set: &RowSet,
    go_on: GoOn<'_>,
) -> Option<Vec<Symbol>> {
    let values = postings(index, measurement).map_or_else(Vec::new, |postings| postings.values(key));
    let mut found = Vec::new();
    if set.len() < values.len() as u64 {
        for row in set {
            index.pause();
            go_on(0).is_continue().then_some(())?;
            found.extend(index.rows.tags(row).into_iter().filter(|(other, _)| *other == key).map(|(_, value)| value));
        }
        found.sort_unstable();
        found.dedup();
        return Some(found);
    }
    for (value, one) in values {
        index.pause();
        go_on(0).is_continue().then_some(())?;
        let is_found = if let Some(row) = one {
            set.contains(row)
        } else {
            let many = postings(index, measurement).and_then(|postings| postings.many(key, value));
            many.is_some_and(|many| !many.is_disjoint(set))
        };
        if is_found {
            found.push(value);
        }
    }
    Some(found)
}

fn postings<'i>(index: &'i SeriesIndex, measurement: &[u8]) -> Option<&'i MeasurementPostings> {
    index.measurements.get(measurement).map(|measurement| &measurement.postings)
}

fn all_rows(index: &SeriesIndex, measurement: &[u8]) -> RowSet {
    postings(index, measurement).map_or_else(RowSet::new, |postings| postings.rows().clone())
}

/// Returns the rows for which `predicate` holds, and possibly others that were added during the walk. A row without a tag has
/// the empty text as its value.
fn rows_matching(
    index: &mut impl Reading,
    measurement: &[u8],
    predicate: &SeriesPredicate,
    go_on: GoOn<'_>,
) -> Option<RowSet> {
    go_on(0).is_continue().then_some(())?;
    let rows = match predicate {
        SeriesPredicate::All => all_rows(index, measurement),
        SeriesPredicate::None => RowSet::new(),
        SeriesPredicate::Equal { key, value } if value.is_empty() => without(index, measurement, key, go_on)?,
        SeriesPredicate::Equal { key, value } => {
            let find = || postings(index, measurement)?.with_tag(key, value, &index.rows.names);
            find().unwrap_or_default()
        }
        SeriesPredicate::NotEqual { key, value } => {
            let equal = SeriesPredicate::Equal { key: key.clone(), value: value.clone() };
            let equal = rows_matching(index, measurement, &equal, go_on)?;
            all_rows(index, measurement).sub(equal)
        }
        SeriesPredicate::OneOf { key, values } => one_of(index, measurement, key, values, go_on)?,
        SeriesPredicate::NoneOf { key, values } => {
            let one_of = one_of(index, measurement, key, values, go_on)?;
            all_rows(index, measurement).sub(one_of)
        }
        SeriesPredicate::Match { key, regex } => {
            let with = with(index, measurement, key, &|value| regex.is_match(value), go_on)?;
            if regex.is_match(b"") { with.bitor(without(index, measurement, key, go_on)?) } else { with }
        }
        SeriesPredicate::NotMatch { key, regex } => {
            let matching = SeriesPredicate::Match { key: key.clone(), regex: regex.clone() };
            let matching = rows_matching(index, measurement, &matching, go_on)?;
            all_rows(index, measurement).sub(matching)
        }
        SeriesPredicate::And(a, b) => {
            let a = rows_matching(index, measurement, a, go_on)?;
            a.bitand(rows_matching(index, measurement, b, go_on)?)
        }
        SeriesPredicate::Or(a, b) => {
            let a = rows_matching(index, measurement, a, go_on)?;
            a.bitor(rows_matching(index, measurement, b, go_on)?)
        }
    };
    Some(rows)
}

/// Returns the rows with one of some values of a tag.
fn one_of(
    index: &mut impl Reading,
    measurement: &[u8],
    key: &Text,
    values: &BTreeSet<Text>,
    go_on: GoOn<'_>,
) -> Option<RowSet> {
    let mut rows = RowSet::new();
    for value in values {
        index.pause();
        let equal = SeriesPredicate::Equal { key: key.clone(), value: value.clone() };
        rows |= rows_matching(index, measurement, &equal, go_on)?;
    }
    Some(rows)
}

/// Returns the rows with a tag whose value is wanted, which is asked once for each value, not for each series.
fn with(
    index: &mut impl Reading,
    measurement: &[u8],
    key: &[u8],
    is_wanted: &dyn Fn(&[u8]) -> bool,
    go_on: GoOn<'_>,
) -> Option<RowSet> {
    let find = || Some((index.rows.names.get(key)?, postings(index, measurement)?));
    let Some((key, found)) = find() else { return Some(RowSet::new()) };
    let values = found.values(key);
    let (mut ones, mut all) = (Vec::new(), RowSet::new());
    for (value, one) in values {
        index.pause();
        go_on(0).is_continue().then_some(())?;
        if !is_wanted(index.rows.names.text(value)) {
            continue;
        }
        if let Some(row) = one {
            ones.push(row);
        } else if let Some(many) = postings(index, measurement).and_then(|postings| postings.many(key, value)) {
            all |= many;
        }
    }
    Some(index.unlocked(|| {
        // Sorted, so that each one is appended to the set.
        ones.sort_unstable();
        all.bitor(ones.into_iter().collect::<RowSet>())
    }))
}

/// Returns the rows without a tag key.
fn without(index: &mut impl Reading, measurement: &[u8], key: &[u8], go_on: GoOn<'_>) -> Option<RowSet> {
    let with = with(index, measurement, key, &|_| true, go_on)?;
    Some(all_rows(index, measurement).sub(with))
}

/// Returns rows of a measurement in the order of their keys, possibly with others among them.
fn sorted(index: &mut impl Reading, measurement: &[u8], set: &RowSet) -> Arc<Vec<RowNumber>> {
    let Some(Measurement { postings, order }) = index.measurements.get(measurement) else { return Arc::default() };
    if set.len() <= postings.rows().len() / SORTED_FRACTION {
        let mut sorted: Vec<RowNumber> = set.iter().collect();
        sorted.sort_unstable_by(|a, b| {
            index.pause();
            index.rows.compare(*a, *b)
        });
        return Arc::new(sorted);
    }
    let (order, all) = (order.get(), postings.rows().clone());
    let mut sorted = index.unlocked(|| order.lock());
    sorted.of(&all, &mut |a, b| {
        index.pause();
        index.rows.compare(a, b)
    })
}

/// Returns the visible series of a measurement for which `predicate` holds, in the order of their keys.
#[cfg(test)]
pub(crate) fn matching(
    index: &mut impl Reading,
    measurement: &[u8],
    predicate: &SeriesPredicate,
    view: View,
) -> Vec<SeriesRef> {
    let mut found = Vec::new();
    let _ = for_each_matching(index, measurement, predicate, view, &mut |series| {
        found.extend(series);
        ControlFlow::Continue(())
    });
    found
}

/// An index that nobody changes.
#[cfg(test)]
pub(super) struct Still<'i>(pub(super) &'i SeriesIndex);

#[cfg(test)]
impl Deref for Still<'_> {
    type Target = SeriesIndex;

    fn deref(&self) -> &SeriesIndex {
        self.0
    }
}

#[cfg(test)]
impl Reading for Still<'_> {
    fn pause(&mut self) {}

    fn unlocked<T>(&mut self, work: impl FnOnce() -> T) -> T {
        work()
    }
}
