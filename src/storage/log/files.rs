//! The files of the log: how they are named, created, listed and deleted.

use std::io;
use std::path::{Path, PathBuf};

use super::frame::{LOG_HEADER_BYTES_MAX, LogHeader};
use crate::disk::{AppendFile, Disk, TEMPORARY_SUFFIX};
use crate::error::StorageError;
use crate::store_id::StoreId;

const PREFIX: &str = "log-";

/// Creates a file with a header under a temporary name, and syncs it.
pub(super) fn create_temporary(
    disk: &dyn Disk,
    dir: &Path,
    first: u64,
    store: StoreId,
) -> Result<(Box<dyn AppendFile>, LogHeader), StorageError> {
    let path = temporary(dir, first);
    let header = LogHeader { first, salt: rand::random(), store: Some(store) };
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

/// Returns the paths of all files with their first positions, in order.
pub(crate) fn paths_in_order(disk: &dyn Disk, dir: &Path) -> Result<Vec<(u64, PathBuf)>, StorageError> {
    let firsts = first_positions(disk, dir)?;
    Ok(firsts.into_iter().map(|first| (first, dir.join(file_name(first)))).collect())
}

/// Returns the path of the file whose first record is at position `first`.
pub(crate) fn path_of(dir: &Path, first: u64) -> PathBuf {
    dir.join(file_name(first))
}

/// What the names and the headers of the files say about a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogIdentity {
    /// The position of the first record; `None` if there are no files.
    pub(crate) first: Option<u64>,
    /// The store it belongs to; `None` if no readable header says so.
    pub(crate) store: Option<StoreId>,
}

/// Reads the headers of all files. Fails if they belong to different stores. Files whose headers cannot be read are left to
/// [`scan`](super::scan).
pub(crate) fn identify(disk: &dyn Disk, dir: &Path) -> Result<LogIdentity, StorageError> {
    let firsts = first_positions(disk, dir)?;
    let mut identity = LogIdentity { first: firsts.first().copied(), store: None };
    for first in firsts {
        let path = dir.join(file_name(first));
        let found = read_header(disk, &path).map_err(StorageError::io("read", &path))?.and_then(|header| header.store);
        match (identity.store, found) {
            (Some(store), Some(other)) if store != other => {
                let problem = format!("this log belongs to another store, {other}, than the files next to it, {store}");
                return Err(StorageError::wrong_log(&path, &problem));
            }
            (_, Some(store)) => identity.store = Some(store),
            (_, None) => {}
        }
    }
    Ok(identity)
}

fn read_header(disk: &dyn Disk, path: &Path) -> io::Result<Option<LogHeader>> {
    let file = disk.open(path)?;
    let len = file.length()?.min(LOG_HEADER_BYTES_MAX as u64);
    let mut bytes = vec![0; len as usize];
    file.read_at(&mut bytes, 0)?;
    Ok(LogHeader::decode(&bytes).ok())
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
