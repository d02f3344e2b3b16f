//! A table by series, made for ids that lie close together: pages of neighbours, in which a series costs a byte beside its entry.
//!
//! Pages are spread over buckets, and both are shared by `Arc` and copied only when written to while a copy of the table holds
//! them: copying a table costs a few pointers, however much it holds.

use std::sync::Arc;

use fluxstone_columns::SeriesId;
use hashbrown::HashMap;

/// How many neighbours share a page; their places fit in a byte each.
const PAGE_SERIES: usize = 64;
/// How many buckets the pages are spread over.
const BUCKETS: usize = 256;

/// Entries by series.
#[derive(Debug, Clone)]
pub(super) struct SeriesTable<T> {
    /// None, or [`BUCKETS`].
    buckets: Vec<Arc<Bucket<T>>>,
}

/// Pages by their numbers.
type Bucket<T> = HashMap<u64, Arc<Page<T>>>;

#[derive(Debug, Clone)]
struct Page<T> {
    /// For each series one more than the place of its entry; zero, if it has none.
    places: [u8; PAGE_SERIES],
    entries: Vec<T>,
}

/// Where the entry of a series is or would be.
pub(super) enum Slot<'t, T> {
    Occupied(&'t mut T),
    Vacant(VacantSlot<'t, T>),
}

/// Where the entry of a series would be.
pub(super) struct VacantSlot<'t, T> {
    page: &'t mut Page<T>,
    at: usize,
}

/// The number of the page of a series, and its place there.
fn page_of(series: SeriesId) -> (u64, usize) {
    (series.0 / PAGE_SERIES as u64, (series.0 % PAGE_SERIES as u64) as usize)
}

fn bucket_of(page: u64) -> usize {
    (page % BUCKETS as u64) as usize
}

impl<T: Clone> SeriesTable<T> {
    /// The memory that a page takes beside its entries, estimated.
    pub(super) const PAGE_BYTES: usize = 160;

    /// Whether there are no entries.
    pub(super) fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    pub(super) fn get(&self, series: SeriesId) -> Option<&T> {
        let (number, at) = page_of(series);
        self.buckets.get(bucket_of(number))?.get(&number)?.get(at)
    }

    /// The slot of a series.
    pub(super) fn slot(&mut self, series: SeriesId) -> Slot<'_, T> {
        if self.buckets.is_empty() {
            self.buckets = vec![Arc::default(); BUCKETS];
        }
        let (number, at) = page_of(series);
        let bucket = Arc::make_mut(&mut self.buckets[bucket_of(number)]);
        let page = Arc::make_mut(bucket.entry(number).or_default());
        match page.places[at] {
            0 => Slot::Vacant(VacantSlot { page, at }),
            place => Slot::Occupied(&mut page.entries[usize::from(place) - 1]),
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, series: SeriesId) {
        if self.get(series).is_none() {
            return;
        }
        let (number, at) = page_of(series);
        let bucket = Arc::make_mut(&mut self.buckets[bucket_of(number)]);
        if let Some(page) = bucket.get_mut(&number) {
            let page = Arc::make_mut(page);
            page.remove(at);
            if page.entries.is_empty() {
                bucket.remove(&number);
            }
        }
    }

    /// All entries, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &T> {
        self.buckets.iter().flat_map(|bucket| bucket.values()).flat_map(|page| &page.entries)
    }

    /// All entries in the order of their series.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SeriesId, &T)> {
        let mut pages: Vec<(u64, &Page<T>)> = Vec::new();
        pages.extend(self.buckets.iter().flat_map(|bucket| bucket.iter()).map(|(number, page)| (*number, &**page)));
        pages.sort_unstable_by_key(|(number, _)| *number);
        pages.into_iter().flat_map(|(number, page)| {
            let first = number * PAGE_SERIES as u64;
            (0..PAGE_SERIES).filter_map(move |at| Some((SeriesId(first + at as u64), page.get(at)?)))
        })
    }
}

impl<T> Page<T> {
    fn get(&self, at: usize) -> Option<&T> {
        self.entries.get(usize::from(self.places[at]).checked_sub(1)?)
    }

    /// Takes out an entry that is there; the last one comes into its place.
    fn remove(&mut self, at: usize) {
        let place = std::mem::take(&mut self.places[at]);
        let last = self.entries.len() as u8;
        self.entries.swap_remove(usize::from(place) - 1);
        if let Some(moved) = self.places.iter_mut().find(|place| **place == last) {
            *moved = place;
        }
    }
}

impl<'t, T> VacantSlot<'t, T> {
    /// Whether the series has no neighbours with entries.
    pub(super) fn is_first_of_page(&self) -> bool {
        self.page.entries.is_empty()
    }

    pub(super) fn insert(self, entry: T) -> &'t mut T {
        let VacantSlot { page, at } = self;
        let place = page.entries.len();
        page.entries.push(entry);
        page.places[at] = place as u8 + 1; // there are at most as many entries as places
        &mut page.entries[place]
    }
}

impl<T> Default for SeriesTable<T> {
    fn default() -> Self {
        SeriesTable { buckets: Vec::new() }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Page { places: [0; PAGE_SERIES], entries: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(table: &SeriesTable<u32>, want: &BTreeMap<SeriesId, u32>) {
        assert!(table.iter().eq(want.iter().map(|(id, value)| (*id, value))));
        assert_eq!(table.entries().count(), want.len());
        assert_eq!(table.is_empty(), want.is_empty());
    }

    proptest! {
        #[test]
        fn it_is_a_map_whose_copies_stay_as_they_are(
            steps in proptest::collection::vec((0_u64..200, 0_u64..3, any::<Option<u32>>(), proptest::bool::weighted(0.1)), 0..200),
        ) {
            let (mut table, mut model) = (SeriesTable::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for (near, far, value, is_copied) in steps {
                if is_copied {
                    copies.push((table.clone(), model.clone()));
                }
                let id = SeriesId(near + (far << 40));
                match (value, table.slot(id)) {
                    (Some(value), Slot::Occupied(entry)) => *entry = value,
                    (Some(value), Slot::Vacant(slot)) => *slot.insert(0) = value,
                    (None, _) => table.remove(id),
                }
                match value {
                    Some(value) => model.insert(id, value),
                    None => model.remove(&id),
                };
                prop_assert_eq!(table.get(id), model.get(&id));
                check(&table, &model);
            }
            for (table, model) in &copies {
                check(table, model);
            }
        }
    }
}
