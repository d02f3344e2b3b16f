//! The files of the log: how they are named, created, listed and deleted.

use std::path::{Path, PathBuf};

use super::frame::LogHeader;
use crate::disk::{AppendFile, Disk, TEMPORARY_SUFFIX};
use crate::error::StorageError;

const PREFIX: &str = "log-";

/// Creates a file with a header under a temporary name, and syncs it.
pub(super) fn create_temporary(
    disk: &dyn Disk,
    dir: &Path,
    first: u64,
) -> Result<(Box<dyn AppendFile>, LogHeader), StorageError> {
    let path = temporary(dir, first);
    let header = LogHeader { first, salt: rand::random() };
    let mut file = disk.create(&path).map_err(StorageError::io("create", &path))?;
    let written = file.append(&header.encode()).map_err(StorageError::io("write", &path));
    match written.and_then(|()| file.sync().map_err(StorageError::io("sync", &path))) {
        Ok(()) => Ok((file, header)),
        Err(error) => {
            // If it cannot be removed either, it is replaced, or removed when the store is next opened.
            let _ = disk.remove(&path);
            Err(error)
        }
    }
}

/// Gives a file made by [`create_temporary`] its final name.
pub(super) fn install(disk: &dyn Disk, dir: &Path, first: u64) -> Result<PathBuf, StorageError> {
    let path = dir.join(file_name(first));
    disk.rename(&temporary(dir, first), &path).map_err(StorageError::io("rename", &path))?;
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
    Ok(path)
}

/// Returns the first positions of all files, in ascending order.
pub(super) fn first_positions(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, StorageError> {
    let names = disk.list(dir).map_err(StorageError::io("list", dir))?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Deletes the files all of whose records are before `position`.
pub(crate) fn delete_before(disk: &dyn Disk, dir: &Path, position: u64) -> Result<(), StorageError> {
    let firsts = first_positions(disk, dir)?;
    for pair in firsts.windows(2) {
        if pair[1] <= position {
            let path = dir.join(file_name(pair[0]));
            disk.remove(&path).map_err(StorageError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Removes files that were being created when the server crashed.
pub(super) fn remove_temporary(disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
    let names = disk.list(dir).map_err(StorageError::io("list", dir))?;
    for name in names.iter().filter(|name| name.starts_with(PREFIX) && name.ends_with(TEMPORARY_SUFFIX)) {
        let path = dir.join(name);
        disk.remove(&path).map_err(StorageError::io("remove", &path))?;
    }
    Ok(())
}

/// Returns the name of the file whose first record is at position `first`.
pub(super) fn file_name(first: u64) -> String {
    format!("{PREFIX}{first:020}")
}

fn temporary(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{}{TEMPORARY_SUFFIX}", file_name(first)))
}
