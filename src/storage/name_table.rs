//! A table of names. It keeps their hashes, so that it grows without reading the names again: the time to add a name stays
//! short even when the table doubles.

use fluxstone_model::Text;
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::stored_hash::StoredHash;

/// Values by name.
#[derive(Debug, Clone)]
pub(super) struct NameTable<V> {
    entries: HashTable<(StoredHash, Text, V)>,
    hasher: DefaultHashBuilder,
}

impl<V> Default for NameTable<V> {
    fn default() -> Self {
        NameTable { entries: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<V> NameTable<V> {
    /// Returns a name as it is stored, and its value.
    pub(super) fn get(&self, name: &[u8]) -> Option<(&Text, &V)> {
        let hash = StoredHash::of(&self.hasher, name);
        let found = self.entries.find(hash.whole(), |(known, text, _)| *known == hash && text.as_bytes() == name);
        found.map(|(_, text, value)| (text, value))
    }

    /// Returns a name as it is stored, and its value. If it is not in the table, it is added with the value and as the text that
    /// `new` returns.
    pub(super) fn get_or_insert(&mut self, name: &[u8], new: impl FnOnce() -> (Text, V)) -> (&Text, &V) {
        let hash = StoredHash::of(&self.hasher, name);
        let is_it = |(known, text, _): &(StoredHash, Text, V)| *known == hash && text.as_bytes() == name;
        let entry = match self.entries.entry(hash.whole(), is_it, |(hash, _, _)| hash.whole()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let (text, value) = new();
                entry.insert((hash, text, value)).into_mut()
            }
        };
        (&entry.1, &entry.2)
    }

    /// Makes room for this many names in total.
    pub(super) fn reserve(&mut self, total: usize) {
        self.entries.reserve(total.saturating_sub(self.entries.len()), |(hash, _, _)| hash.whole());
    }

    /// Removes a name, and returns its value.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<V> {
        let hash = StoredHash::of(&self.hasher, name);
        let found = self.entries.find_entry(hash.whole(), |(known, text, _)| *known == hash && text.as_bytes() == name);
        found.ok().map(|entry| entry.remove().0.2)
    }

    /// Returns all names with their values, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Text, &V)> {
        self.entries.iter().map(|(_, name, value)| (name, value))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_until_they_are_removed() {
        let mut table = NameTable::default();
        for n in 0..1000 {
            let name = format!("n{n}");
            assert_eq!(table.get_or_insert(name.as_bytes(), || (Text::from(&*name), n)).1, &n);
            assert_eq!(table.get_or_insert(name.as_bytes(), || unreachable!()).1, &n);
        }
        assert_eq!((table.len(), table.remove(b"n7"), table.remove(b"n7")), (1000, Some(7), None));
        assert_eq!((table.get(b"n8"), table.get(b"n7")), (Some((&"n8".into(), &8)), None));
        assert_eq!(table.iter().map(|(_, n)| n).sum::<i32>(), 999 * 500 - 7);
    }
}
