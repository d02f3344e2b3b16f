//! The steps of a repair. Each keeps the file as it was, and replaces it at once: a crash leaves the old file or the new one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, ShardId};

use crate::disk::{Disk, read_all, replace};
use crate::error::StorageError;
use crate::log;
use crate::options::StoreOptions;
use crate::sealing::series_file::{self, SeriesFile};
use crate::segment::salvage::salvage;
use crate::segment::{SegmentHeader, SegmentWriter};
use crate::series_index::SeriesBound;
use crate::set_aside::{copy_file_aside, free_name, set_file_aside};
use crate::state::{SealDatabase, State};
use crate::store_id::StoreId;

/// A series with its database and its key.
pub(super) type StoredSeries = (DatabaseId, SeriesId, Vec<u8>);

/// What to do about a damaged file.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing can be done.
    Nothing,
    /// Gives files other names, in this order.
    SetAside(Vec<PathBuf>),
    /// Replaces a file.
    Replace { path: PathBuf, bytes: Vec<u8> },
    /// Writes a segment file with what can be read of it. It covers the records before `position`, unless its header says so itself.
    Segment { path: PathBuf, of_shard: (DatabaseId, ShardId), position: u64 },
    /// Writes a series file with these series.
    Series { file: SeriesFile, series: Vec<StoredSeries> },
    /// Cuts the log.
    Cut(log::Damage),
    /// Sets files aside, and starts a log at `position`.
    RestartLog { position: u64, store: Option<StoreId>, aside: Vec<PathBuf> },
}

impl Step {
    /// Does it. Returns the files that were set aside.
    pub(super) fn run(&self, disk: &Arc<dyn Disk>, options: &StoreOptions) -> Result<Vec<PathBuf>, StorageError> {
        let StoreOptions { data_dir, log_dir, .. } = options;
        match self {
            Step::Nothing => Ok(Vec::new()),
            Step::SetAside(paths) => set_aside(&**disk, paths),
            Step::Replace { path, bytes } => {
                let kept = keep(&**disk, path)?;
                let (dir, name) = split(path);
                replace(&**disk, dir, &name, bytes).map_err(StorageError::io("write", path))?;
                Ok(kept)
            }
            Step::Segment { path, of_shard, position } => write_segment(disk, path, *of_shard, *position),
            Step::Series { file, series } => {
                let path = data_dir.join(series_file::file_name(file.number));
                let kept = keep(&**disk, &path)?;
                series_file::write(&**disk, data_dir, *file, &indexes(series))?;
                Ok(kept)
            }
            Step::Cut(damage) => cut(&**disk, log_dir, damage),
            Step::RestartLog { position, store, aside } => {
                let mut kept = set_aside(&**disk, aside)?;
                kept.reverse();
                log::start_empty(disk, log_dir, store.unwrap_or_else(StoreId::random), *position)?;
                Ok(kept)
            }
        }
    }
}

fn split(path: &Path) -> (&Path, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (path.parent().unwrap_or(Path::new(".")), name)
}

fn exists(disk: &dyn Disk, path: &Path) -> Result<bool, StorageError> {
    let (dir, name) = split(path);
    Ok(disk.list(dir).map_err(StorageError::io("list", dir))?.contains(&name))
}

/// Gives files that exist other names.
fn set_aside(disk: &dyn Disk, paths: &[PathBuf]) -> Result<Vec<PathBuf>, StorageError> {
    let mut kept = Vec::new();
    for path in paths {
        if exists(disk, path)? {
            kept.push(set_file_aside(disk, split(path).0, path)?);
        }
    }
    Ok(kept)
}

/// Copies a file, if it exists, so that it can be replaced.
fn keep(disk: &dyn Disk, path: &Path) -> Result<Vec<PathBuf>, StorageError> {
    if exists(disk, path)? { Ok(vec![copy_file_aside(disk, split(path).0, path)?]) } else { Ok(Vec::new()) }
}

fn write_segment(
    disk: &Arc<dyn Disk>,
    path: &Path,
    of_shard: (DatabaseId, ShardId),
    position: u64,
) -> Result<Vec<PathBuf>, StorageError> {
    let kept = keep(&**disk, path)?;
    let known = SegmentHeader { database: of_shard.0, shard: of_shard.1, position };
    let header = salvage(&**disk, path, of_shard, position, &mut |_, _| Ok(()))?.header.unwrap_or(known);
    let mut writer = SegmentWriter::create(disk.clone(), path, header)?;
    salvage(&**disk, path, of_shard, position, &mut |entry, batch| writer.add(entry.series, entry.field, batch))?;
    writer.finish_even_if_empty()?;
    let dir = split(path).0;
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
    Ok(kept)
}

/// Returns the indexes of the databases of some series, which are in the order of their ids.
fn indexes(series: &[StoredSeries]) -> Vec<SealDatabase> {
    let mut state = State::new();
    state.series_bound = SeriesBound::ALL;
    for (database, id, key) in series {
        state.database_mut(*database).index.write().insert(*id, key);
    }
    let mut databases: Vec<SealDatabase> = state
        .databases()
        .map(|(id, database)| SealDatabase {
            id: *id,
            index: state.reader(database),
            shards: Vec::new(),
            removed: Vec::new(),
        })
        .collect();
    databases.sort_by_key(|database| database.id);
    databases
}

/// Cuts the log at a damage. The rest is set aside.
fn cut(disk: &dyn Disk, dir: &Path, damage: &log::Damage) -> Result<Vec<PathBuf>, StorageError> {
    // Last file first: a power cut in between leaves a log that is still damaged, at the same place.
    let later: Vec<PathBuf> = damage.later.iter().rev().cloned().collect();
    let mut kept = set_aside(disk, &later)?;
    if damage.offset == 0 {
        kept.extend(set_aside(disk, std::slice::from_ref(&damage.path))?);
    } else {
        let bytes = read_all(disk, &damage.path).map_err(StorageError::io("read", &damage.path))?;
        let copy = free_name(disk, dir, &damage.path)?;
        let tail = bytes.get(damage.offset..).unwrap_or_default();
        write_new(disk, &copy, tail).map_err(StorageError::io("write", &copy))?;
        disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
        disk.append(&damage.path, damage.offset as u64).map_err(StorageError::io("cut", &damage.path))?;
        kept.push(copy);
    }
    kept.reverse();
    Ok(kept)
}

fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = disk.create(path)?;
    file.append(bytes)?;
    file.sync()
}
