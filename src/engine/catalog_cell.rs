//! The current catalog, in two versions: the latest, on which the next change is decided, and the visible one, which requests
//! read.
//!
//! Invariant: the visible catalog is on disk. A version becomes the latest when its record is passed to the log, and visible when
//! the record is on disk. A request that was decided on a version is acknowledged only when that version is visible. Everything
//! that the request relied on, such as a shard that another request created, is then on disk too.

use std::sync::Arc;

use arc_swap::ArcSwap;
use fluxstone_catalog::Catalog;
use parking_lot::{Condvar, Mutex};

/// A catalog with its version number.
#[derive(Debug, Clone)]
pub(super) struct Version {
    number: u64,
    pub(super) catalog: Arc<Catalog>,
}

#[derive(Debug)]
pub(super) struct CatalogCell {
    latest: Mutex<Version>,
    visible: ArcSwap<Version>,
    /// Whether the log refused a version. No later version becomes visible.
    failed: Mutex<bool>,
    changed: Condvar,
}

impl CatalogCell {
    /// Creates a cell with a catalog that is on disk.
    pub(super) fn new(catalog: Catalog) -> Self {
        let version = Version { number: 0, catalog: Arc::new(catalog) };
        CatalogCell {
            latest: Mutex::new(version.clone()),
            visible: ArcSwap::from_pointee(version),
            failed: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    /// The catalog that requests read.
    pub(super) fn visible(&self) -> Arc<Catalog> {
        self.visible.load().catalog.clone()
    }

    /// The version on which the next change is decided. Only meaningful inside a transaction of the store, which orders changes.
    pub(super) fn latest(&self) -> Version {
        self.latest.lock().clone()
    }

    /// Makes `catalog` the latest version. Must be called inside the transaction that logs it.
    pub(super) fn advance(&self, catalog: Catalog) -> Version {
        let mut latest = self.latest.lock();
        *latest = Version { number: latest.number + 1, catalog: Arc::new(catalog) };
        latest.clone()
    }

    /// Makes a version visible, whose record is on disk, unless a later one is already visible.
    pub(super) fn publish(&self, version: Version) {
        let version = Arc::new(version);
        self.visible.rcu(|visible| if visible.number < version.number { version.clone() } else { visible.clone() });
        // Waiting threads check the version under this lock.
        let _failed = self.failed.lock();
        self.changed.notify_all();
    }

    /// Records that a version could not be written to disk.
    pub(super) fn fail(&self) {
        *self.failed.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until `version` or a later one is visible. Returns false if it never will be.
    pub(super) fn wait_until_visible(&self, version: &Version) -> bool {
        if self.visible.load().number >= version.number {
            return true;
        }
        let mut failed = self.failed.lock();
        while self.visible.load().number < version.number {
            if *failed {
                return false;
            }
            self.changed.wait(&mut failed);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_on_disk_are_visible_and_older_ones_never_replace_newer_ones() {
        let cell = CatalogCell::new(Catalog::default());
        let make = |name: &str| {
            let latest = cell.latest();
            cell.advance(latest.catalog.apply_all(&latest.catalog.create_database(name, None, true).unwrap()))
        };
        let first = make("a");
        let second = make("b");
        assert_eq!(cell.visible().databases().len(), 0);
        cell.publish(second.clone());
        cell.publish(first.clone());
        assert_eq!(cell.visible().databases().len(), 2);
        assert!(cell.wait_until_visible(&first) && cell.wait_until_visible(&second));
        let third = make("c");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| cell.wait_until_visible(&third));
            cell.fail();
            assert!(!waiting.join().unwrap());
        });
        assert!(cell.wait_until_visible(&second));
    }
}
