//! Files that are set aside: damaged files get another name, and are then neither used nor removed.

use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::error::StorageError;

/// The suffix of files that were set aside.
const SET_ASIDE: &str = ".damaged";

/// Whether a file of this name was set aside.
pub(crate) fn is_set_aside(name: &str) -> bool {
    name.contains(SET_ASIDE)
}

/// Renames a file, and returns its new path.
pub(crate) fn set_file_aside(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<PathBuf, StorageError> {
    let name = free_name(disk, dir, path)?;
    disk.rename(path, &name).map_err(StorageError::io("rename", path))?;
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
    Ok(name)
}

/// Returns an unused name for what is set aside from a file, in its directory.
pub(crate) fn free_name(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<PathBuf, StorageError> {
    let taken = disk.list(dir).map_err(StorageError::io("list", dir))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut free = format!("{name}{SET_ASIDE}");
    let mut number = 2;
    while taken.contains(&free) {
        free = format!("{name}{SET_ASIDE}-{number}");
        number += 1;
    }
    Ok(dir.join(free))
}
