//! The current catalog, in two versions: the latest, on which the next change is decided, and the visible one, which
//! requests read.
//!
//! Invariant: the visible catalog is on disk. A change becomes the latest when its record is handed to the log, and
//! visible when the record is on disk; the log's order makes versions visible in order.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::catalog::Catalog;

/// A catalog with its place in the order of versions.
#[derive(Debug, Clone)]
pub(super) struct Version {
    number: u64,
    pub(super) catalog: Arc<Catalog>,
}

#[derive(Debug)]
pub(super) struct CatalogCell {
    latest: Mutex<Version>,
    visible: ArcSwap<Version>,
}

impl CatalogCell {
    /// A cell with a catalog that is on disk.
    pub(super) fn new(catalog: Catalog) -> Self {
        let version = Version { number: 0, catalog: Arc::new(catalog) };
        CatalogCell { latest: Mutex::new(version.clone()), visible: ArcSwap::from_pointee(version) }
    }

    /// What requests may see.
    pub(super) fn visible(&self) -> Arc<Catalog> {
        self.visible.load().catalog.clone()
    }

    /// What the next change is decided on. Only meaningful inside a transaction of the store, which orders changes.
    pub(super) fn latest(&self) -> Arc<Catalog> {
        self.latest.lock().catalog.clone()
    }

    /// Makes `catalog` the latest version. Only inside the transaction that logs it.
    pub(super) fn advance(&self, catalog: Catalog) -> Version {
        let mut latest = self.latest.lock();
        *latest = Version { number: latest.number + 1, catalog: Arc::new(catalog) };
        latest.clone()
    }

    /// Makes a version visible whose record is on disk, unless a later one is visible already.
    pub(super) fn publish(&self, version: Version) {
        let version = Arc::new(version);
        self.visible.rcu(|visible| if visible.number < version.number { version.clone() } else { visible.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_not_on_disk_is_not_visible_and_an_older_one_never_replaces_a_newer() {
        let cell = CatalogCell::new(Catalog::default());
        let make = |name: &str| {
            let latest = cell.latest();
            cell.advance(latest.apply_all(&latest.create_database(name, None, true).unwrap()))
        };
        let first = make("a");
        let second = make("b");
        assert_eq!(cell.visible().databases().len(), 0);
        cell.publish(second);
        cell.publish(first);
        assert_eq!(cell.visible().databases().len(), 2);
    }
}
