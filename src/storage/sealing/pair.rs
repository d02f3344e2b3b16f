//! The data directory and the log directory belong together: they hold the checkpoint and the log of one store.
//!
//! Invariant: a store is created only if both directories are empty, so that a directory that is not mounted is never taken for
//! that of a new store.

use crate::disk::Disk;
use crate::error::StorageError;
use crate::log::LogIdentity;
use crate::options::StoreOptions;
use crate::sealing::checkpoint::SEGMENT_PREFIX;
use crate::sealing::generations::Start;
use crate::sealing::series_file;
use crate::store_id::StoreId;

/// Checks that the log is the one that the checkpoint continues in, without reading its records. Returns the id of the store,
/// which is a new one if neither has any.
pub(crate) fn check_pair(
    disk: &dyn Disk,
    options: &StoreOptions,
    start: &Start,
    log: LogIdentity,
) -> Result<StoreId, StorageError> {
    let StoreOptions { data_dir, log_dir, .. } = options;
    let (data, needed) = (data_dir.display(), start.checkpoint.position);
    if let (Some(of_checkpoint), Some(of_log)) = (start.checkpoint.store, log.store)
        && of_checkpoint != of_log
    {
        let problem = format!("this is the log of the store {of_log}, but {data} belongs to the store {of_checkpoint}");
        return Err(StorageError::wrong_log(log_dir, &problem));
    }
    match log.first {
        None if needed > 1 => {
            let problem = format!("there is no log, but the checkpoint in {data} needs it from record {needed} on");
            return Err(StorageError::wrong_log(log_dir, &problem));
        }
        None if has_stored_values(disk, options)? => {
            let problem = format!("there is no log, and no checkpoint for the other files in {data}");
            return Err(StorageError::wrong_log(log_dir, &problem));
        }
        Some(first) if needed == 1 && first > 1 => {
            let problem =
                format!("the log begins at record {first}, but {data} has no checkpoint of the records before");
            return Err(StorageError::wrong_log(log_dir, &problem));
        }
        _ => {}
    }
    Ok(start.checkpoint.store.or(log.store).unwrap_or_else(StoreId::random))
}

fn has_stored_values(disk: &dyn Disk, options: &StoreOptions) -> Result<bool, StorageError> {
    let names = disk.list(&options.data_dir).map_err(StorageError::io("list", &options.data_dir))?;
    Ok(names.iter().any(|name| name.starts_with(SEGMENT_PREFIX) || name.starts_with(series_file::PREFIX)))
}
