//! Repair of a log that is damaged in the middle. The server refuses to start on such a log, because anything it did would
//! lose acknowledged changes. Repair lets an operator decide, and deletes nothing: what is cut off is kept in other files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory_lock::lock_directories;
use super::disk::{Disk, read_all};
use super::error::StorageError;
use super::log;
use super::options::StoreOptions;
use super::sealing::checkpoint::DamagedSegments;
use super::sealing::generations;
use super::segment::SegmentCache;
use super::set_aside::{free_name, set_file_aside};

/// A damaged place in the log, and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDamage {
    /// The file.
    pub path: PathBuf,
    /// The offset at which the damage starts.
    pub offset: u64,
    /// What is wrong there.
    pub problem: String,
    /// The log files after that one.
    pub later: Vec<PathBuf>,
    /// The number of changes after the damage that are still readable. They cannot be kept, because they depend on changes that
    /// are lost.
    pub readable_changes: u64,
}

/// Finds the first damage in a log. Changes nothing.
pub fn find_damage(disk: &dyn Disk, options: &StoreOptions) -> Result<Option<LogDamage>, StorageError> {
    let _locks = lock_directories(disk, options)?;
    find(disk, options)
}

/// Cuts the log at its first damage, so that a store can be opened with the changes before it. The rest is set aside in files
/// whose paths are returned.
pub fn cut_damage(disk: &dyn Disk, options: &StoreOptions) -> Result<Vec<PathBuf>, StorageError> {
    let _locks = lock_directories(disk, options)?;
    let Some(damage) = find(disk, options)? else { return Ok(Vec::new()) };
    let mut set_aside = Vec::new();
    // Last file first: a power cut in between leaves a log that is still damaged, at the same place.
    for path in damage.later.iter().rev() {
        set_aside.push(set_file_aside(disk, &options.log_dir, path)?);
    }
    if damage.offset == 0 {
        set_aside.push(set_file_aside(disk, &options.log_dir, &damage.path)?);
    } else {
        let bytes = read_all(disk, &damage.path).map_err(StorageError::io("read", &damage.path))?;
        let copy = free_name(disk, &options.log_dir, &damage.path)?;
        let tail = bytes.get(damage.offset as usize..).unwrap_or_default();
        write_new(disk, &copy, tail).map_err(StorageError::io("write", &copy))?;
        disk.sync_dir(&options.log_dir).map_err(StorageError::io("sync", &options.log_dir))?;
        disk.append(&damage.path, damage.offset).map_err(StorageError::io("cut", &damage.path))?;
        set_aside.push(copy);
    }
    set_aside.reverse();
    Ok(set_aside)
}

fn find(disk: &dyn Disk, options: &StoreOptions) -> Result<Option<LogDamage>, StorageError> {
    let cache = Arc::new(SegmentCache::new(options.segment_cache_bytes));
    let identity = log::identify(disk, &options.log_dir)?;
    let start = generations::choose(disk, &options.data_dir, identity.first, &cache, DamagedSegments::LeaveOut)?;
    let extent = log::scan(disk, &options.log_dir, start.checkpoint.position, &mut |_, _| Ok(()))?;
    let Some(log::Damage { path, offset, problem, later }) = extent.damage else { return Ok(None) };
    let mut readable_changes = log::records_after(disk, &path, offset)?;
    for path in &later {
        readable_changes += log::records_after(disk, path, 0)?;
    }
    Ok(Some(LogDamage { path, offset: offset as u64, problem, later, readable_changes }))
}

fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = disk.create(path)?;
    file.append(bytes)?;
    file.sync()
}
