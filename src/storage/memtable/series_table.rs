//! A map from series ids to entries, made for ids that are close together: a page holds neighbouring ids, and each costs one
//! byte in addition to its entry.
//!
//! Pages are spread over buckets. Both are shared by `Arc` and copied on write if another copy of the table has them, so
//! copying a table costs a few hundred pointers at most, whatever its size.

use std::sync::Arc;

use fluxstone_columns::SeriesId;
use hashbrown::HashMap;

/// The number of neighbouring ids on a page; their positions fit in a byte each.
const PAGE_SERIES: usize = 64;
/// The number of buckets of a table with more than [`FIRST_PAGES_MAX`] pages; a power of two.
const BUCKETS: usize = 256;
/// A table with up to this many pages has a single bucket: most shards of a client that makes very many have one page.
const FIRST_PAGES_MAX: usize = 16;

/// Entries by series id.
#[derive(Debug, Clone)]
pub(super) struct SeriesTable<T> {
    /// None, one, or [`BUCKETS`] of them.
    buckets: Vec<Arc<Bucket<T>>>,
}

/// Pages by their numbers.
type Bucket<T> = HashMap<u64, Arc<Page<T>>>;

#[derive(Debug, Clone)]
struct Page<T> {
    /// For each series, one more than the position of its entry; zero if it has none.
    positions: [u8; PAGE_SERIES],
    entries: Vec<T>,
}

/// The slot of a series, with or without an entry.
pub(super) enum Slot<'t, T> {
    Occupied(&'t mut T),
    Vacant(VacantSlot<'t, T>),
}

/// The slot of a series without an entry.
pub(super) struct VacantSlot<'t, T> {
    page: &'t mut Page<T>,
    at: usize,
}

/// Returns the page number of a series, and its index on the page.
pub(super) fn page_of(series: SeriesId) -> (u64, usize) {
    (series.0 / PAGE_SERIES as u64, (series.0 % PAGE_SERIES as u64) as usize)
}

impl<T: Clone> SeriesTable<T> {
    /// The estimated memory of a page in addition to its entries.
    pub(super) const PAGE_BYTES: usize = 160;

    /// Whether there are no entries.
    pub(super) fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    pub(super) fn get(&self, series: SeriesId) -> Option<&T> {
        let (number, at) = page_of(series);
        self.buckets.get(self.bucket_of(number))?.get(&number)?.get(at)
    }

    /// Returns the index of the bucket of a page. Their number is a power of two.
    fn bucket_of(&self, page: u64) -> usize {
        page as usize & self.buckets.len().wrapping_sub(1)
    }

    /// Spreads the pages of the only bucket over [`BUCKETS`].
    fn spread(&mut self) {
        let pages = std::mem::replace(&mut self.buckets, vec![Arc::default(); BUCKETS]);
        for (number, page) in pages.iter().flat_map(|bucket| bucket.iter()) {
            let bucket = self.bucket_of(*number);
            Arc::make_mut(&mut self.buckets[bucket]).insert(*number, page.clone());
        }
    }

    /// Returns the slot of a series.
    pub(super) fn slot(&mut self, series: SeriesId) -> Slot<'_, T> {
        match &self.buckets[..] {
            [] => self.buckets = vec![Arc::default()],
            [only] if only.len() >= FIRST_PAGES_MAX => self.spread(),
            _ => {}
        }
        let (number, at) = page_of(series);
        let bucket = self.bucket_of(number);
        let bucket = Arc::make_mut(&mut self.buckets[bucket]);
        let page = Arc::make_mut(bucket.entry(number).or_default());
        match page.positions[at] {
            0 => Slot::Vacant(VacantSlot { page, at }),
            position => Slot::Occupied(&mut page.entries[usize::from(position) - 1]),
        }
    }

    /// Removes the entry of a series, if it has one.
    pub(super) fn remove(&mut self, series: SeriesId) {
        if self.get(series).is_none() {
            return;
        }
        let (number, at) = page_of(series);
        let bucket = self.bucket_of(number);
        let bucket = Arc::make_mut(&mut self.buckets[bucket]);
        if let Some(page) = bucket.get_mut(&number) {
            let page = Arc::make_mut(page);
            page.remove(at);
            if page.entries.is_empty() {
                bucket.remove(&number);
            }
        }
    }

    /// Returns all entries, in no particular order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &T> {
        self.buckets.iter().flat_map(|bucket| bucket.values()).flat_map(|page| &page.entries)
    }

    /// Returns all entries in the order of their series.
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
        self.entries.get(usize::from(self.positions[at]).checked_sub(1)?)
    }

    /// Removes an existing entry; the last entry moves to its position.
    fn remove(&mut self, at: usize) {
        let position = std::mem::take(&mut self.positions[at]);
        let last = self.entries.len() as u8;
        self.entries.swap_remove(usize::from(position) - 1);
        if let Some(moved) = self.positions.iter_mut().find(|position| **position == last) {
            *moved = position;
        }
    }
}

impl<'t, T> VacantSlot<'t, T> {
    /// Whether the page has no entries yet.
    pub(super) fn is_first_of_page(&self) -> bool {
        self.page.entries.is_empty()
    }

    pub(super) fn insert(self, entry: T) -> &'t mut T {
        let VacantSlot { page, at } = self;
        let position = page.entries.len();
        if position == 0 {
            page.entries.reserve_exact(1);
        }
        page.entries.push(entry);
        page.positions[at] = position as u8 + 1; // there are at most as many entries as positions
        &mut page.entries[position]
    }
}

impl<T> Default for SeriesTable<T> {
    fn default() -> Self {
        SeriesTable { buckets: Vec::new() }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Page { positions: [0; PAGE_SERIES], entries: Vec::new() }
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
        fn it_is_a_map_whose_copies_do_not_change(
            steps in proptest::collection::vec((0_u64..200, 0_u64..20, any::<Option<u32>>(), proptest::bool::weighted(0.1)), 0..200),
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
