//! Files that are set aside: damaged files get another name, and are then neither used nor removed.

use std::path::{Path, PathBuf};

use crate::disk::{Disk, TEMPORARY_SUFFIX};
use crate::error::StorageError;

/// The suffix of files that were set aside.
const SET_ASIDE: &str = ".damaged";

/// How many bytes are copied at once.
const COPIED_BYTES: u64 = 64 << 10;

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

/// Copies a file before it is replaced, and returns the path of the copy. Bytes that cannot be read are copied as zeros.
pub(crate) fn copy_file_aside(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<PathBuf, StorageError> {
    let name = free_name(disk, dir, path)?;
    let temporary = PathBuf::from(format!("{}{TEMPORARY_SUFFIX}", name.display()));
    let source = disk.open(path).map_err(StorageError::io("open", path))?;
    let length = source.length().map_err(StorageError::io("read", path))?;
    let mut copy = disk.create(&temporary).map_err(StorageError::io("create", &temporary))?;
    let mut offset = 0;
    while offset < length {
        let mut bytes = vec![0; COPIED_BYTES.min(length - offset) as usize];
        if let Err(error) = source.read_at(&mut bytes, offset) {
            tracing::warn!(file = %path.display(), offset, %error, "copied bytes that cannot be read as zeros");
            bytes.fill(0);
        }
        copy.append(&bytes).map_err(StorageError::io("write", &temporary))?;
        offset += bytes.len() as u64;
    }
    copy.sync().map_err(StorageError::io("sync", &temporary))?;
    drop(copy);
    disk.rename(&temporary, &name).map_err(StorageError::io("rename", &temporary))?;
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
