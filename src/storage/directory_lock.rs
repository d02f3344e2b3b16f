//! The locks that keep a second process out of the directories of an open store.

use std::collections::BTreeSet;

use crate::disk::{Disk, DiskLock};
use crate::error::StorageError;
use crate::options::StoreOptions;

/// The file of each directory that is locked while a store is open.
pub(crate) const LOCK_FILE: &str = "lock";

/// Locks the directories of a store until the result is dropped.
pub(crate) fn lock_directories(disk: &dyn Disk, options: &StoreOptions) -> Result<Vec<DiskLock>, StorageError> {
    let mut locks = Vec::new();
    for dir in BTreeSet::from([&options.data_dir, &options.log_dir]) {
        let lock = disk.lock(&dir.join(LOCK_FILE)).map_err(StorageError::io("lock", dir))?;
        locks.push(lock.ok_or_else(|| StorageError::Locked(dir.clone()))?);
    }
    Ok(locks)
}
