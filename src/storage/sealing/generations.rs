//! The two generations of the checkpoint: the newest, and the one before it, to which a start falls back if the newest or a file
//! that only the newest lists is damaged.
//!
//! Invariant: the files that either generation lists, and the log after the previous one, are kept. So the previous generation
//! leads to the same state as the newest one, by a longer replay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, TEMPORARY_SUFFIX};
use crate::error::StorageError;
use crate::sealing::checkpoint::{Checkpoint, DamagedSegments, is_of_later_version};
use crate::segment::SegmentCache;
use crate::set_aside::{is_set_aside, set_file_aside};
use crate::state::State;

/// The name of the newest checkpoint.
pub(crate) const NEWEST: &str = "checkpoint";
/// The name of the checkpoint before it.
pub(crate) const PREVIOUS: &str = "checkpoint-previous";

/// The checkpoint from which a store is opened.
pub(crate) struct Start {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) state: State,
    pub(crate) generations: Generations,
    /// The damaged files of newer generations, which are not used.
    pub(crate) damaged: Vec<(PathBuf, StorageError)>,
}

/// The position and the files of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Generation {
    position: u64,
    files: BTreeSet<String>,
}

impl Generation {
    fn of(checkpoint: &Checkpoint) -> Generation {
        Generation { position: checkpoint.position, files: checkpoint.files().collect() }
    }
}

/// Which files the checkpoints on disk need.
#[derive(Debug)]
pub(crate) struct Generations {
    newest: Generation,
    previous: Option<Generation>,
    /// The files of a checkpoint that is being written, or whose writing failed.
    pending: BTreeSet<String>,
    /// Whether an attempt at writing has failed, so that it is unknown which checkpoint has which name.
    is_uncertain: bool,
}

/// Chooses the newest generation that is complete, and loads its state. `log_first` is the position at which the log begins. If
/// none is complete, chooses the newest that only lacks segment files, unless damaged ones are refused. Changes nothing.
pub(crate) fn choose(
    disk: &dyn Disk,
    dir: &Path,
    log_first: Option<u64>,
    cache: &Arc<SegmentCache>,
    damaged_segments: DamagedSegments,
) -> Result<Start, StorageError> {
    match choose_with(disk, dir, log_first, cache, DamagedSegments::Refuse) {
        Err(StorageError::Damaged { .. }) if damaged_segments == DamagedSegments::LeaveOut => {
            choose_with(disk, dir, log_first, cache, damaged_segments)
        }
        chosen => chosen,
    }
}

fn choose_with(
    disk: &dyn Disk,
    dir: &Path,
    log_first: Option<u64>,
    cache: &Arc<SegmentCache>,
    damaged_segments: DamagedSegments,
) -> Result<Start, StorageError> {
    let mut damaged: Vec<(PathBuf, StorageError)> = Vec::new();
    for name in [NEWEST, PREVIOUS] {
        let path = dir.join(name);
        let checkpoint = match Checkpoint::read(disk, &path) {
            Ok(None) => continue,
            Ok(Some(checkpoint)) => checkpoint,
            Err(error) => {
                keep_if_damage(error, &mut damaged)?;
                continue;
            }
        };
        let is_fallback = !damaged.is_empty();
        if is_fallback && log_first.is_none_or(|first| first > checkpoint.position) {
            break;
        }
        match checkpoint.load(disk, dir, cache, damaged_segments) {
            Ok(state) => {
                let mut before = if name == NEWEST { read_previous(disk, dir)? } else { None };
                if before.is_none() && log_first == Some(1) {
                    // The complete log leads to the same state.
                    before = Some(Checkpoint::empty());
                }
                let generations = Generations::new(&checkpoint, before.as_ref());
                return Ok(Start { checkpoint, state, generations, damaged });
            }
            Err(error) => {
                if name == NEWEST {
                    damaged.push((path, error.share()));
                }
                keep_if_damage(error, &mut damaged)?;
            }
        }
    }
    // Before the first checkpoint, and until the second one, the log begins at the first record.
    if damaged.is_empty() || log_first == Some(1) {
        let checkpoint = Checkpoint::empty();
        let generations = Generations::new(&checkpoint, None);
        return Ok(Start { checkpoint, state: State::new(), generations, damaged });
    }
    Err(damaged.swap_remove(0).1)
}

/// Adds a damaged file to `damaged`. Other errors do not mean that a file is lost.
fn keep_if_damage(error: StorageError, damaged: &mut Vec<(PathBuf, StorageError)>) -> Result<(), StorageError> {
    match &error {
        StorageError::Damaged { path, problem } if !is_of_later_version(problem) => {
            damaged.push((path.clone(), error));
            Ok(())
        }
        _ => Err(error),
    }
}

/// Reads the checkpoint before the newest one, which is sound. If the previous one is damaged, it counts as missing.
fn read_previous(disk: &dyn Disk, dir: &Path) -> Result<Option<Checkpoint>, StorageError> {
    match Checkpoint::read(disk, &dir.join(PREVIOUS)) {
        Err(error @ StorageError::Damaged { .. }) => {
            tracing::warn!(%error, "the previous checkpoint is damaged, but not needed; the next checkpoint replaces it");
            Ok(None)
        }
        read => read,
    }
}

impl Start {
    /// Renames the damaged files, so that they are neither used nor removed. Without damage, nothing happens.
    pub(crate) fn set_damaged_aside(&self, disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
        for (path, error) in &self.damaged {
            let present = disk.list(dir).map_err(StorageError::io("list", dir))?;
            let is_there = path.file_name().is_some_and(|name| present.iter().any(|n| name.to_string_lossy() == **n));
            if !is_there {
                continue;
            }
            let kept_as = set_file_aside(disk, dir, path)?;
            tracing::error!(%error, file = %path.display(), kept_as = %kept_as.display(),
                "set a file aside; its contents are taken from the previous checkpoint and the log");
        }
        Ok(())
    }
}

impl Generations {
    fn new(newest: &Checkpoint, previous: Option<&Checkpoint>) -> Generations {
        Generations {
            newest: Generation::of(newest),
            previous: previous.map(Generation::of),
            pending: BTreeSet::new(),
            is_uncertain: false,
        }
    }

    /// Whether a file may be needed when the store is next opened.
    pub(crate) fn keep(&self, name: &str) -> bool {
        let previous = self.previous.as_ref().is_some_and(|previous| previous.files.contains(name));
        previous || self.newest.files.contains(name) || self.pending.contains(name) || is_set_aside(name)
    }

    /// Makes `checkpoint` the newest generation. All files that it lists must be durable.
    ///
    /// If this fails, either the newest generation so far or `checkpoint` may be found when the store is next opened.
    pub(crate) fn write(&mut self, disk: &dyn Disk, dir: &Path, checkpoint: &Checkpoint) -> Result<(), StorageError> {
        let (newest, previous) = (dir.join(NEWEST), dir.join(PREVIOUS));
        let new = Generation::of(checkpoint);
        self.pending.extend(new.files.iter().cloned());
        let temporary = dir.join(format!("{NEWEST}{TEMPORARY_SUFFIX}"));
        write_synced(disk, &temporary, &checkpoint.encode()).map_err(StorageError::io("write", &temporary))?;
        let mut replaced = Some(self.newest.clone());
        if self.is_uncertain {
            replaced = Checkpoint::read(disk, &newest)?.as_ref().map(Generation::of);
        }
        self.is_uncertain = true;
        let names = disk.list(dir).map_err(StorageError::io("list", dir))?;
        if names.iter().any(|name| name == NEWEST) {
            disk.rename(&newest, &previous).map_err(StorageError::io("rename", &newest))?;
        }
        disk.rename(&temporary, &newest).map_err(StorageError::io("rename", &temporary))?;
        disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
        self.is_uncertain = false;
        self.previous = Some(replaced.unwrap_or_else(|| self.newest.clone()));
        self.newest = new;
        self.pending.clear();
        Ok(())
    }

    /// Gives up the previous generation, so that what only it needs can be removed. Returns whether there was one.
    pub(crate) fn drop_previous(&mut self, disk: &dyn Disk, dir: &Path) -> Result<bool, StorageError> {
        // There is a previous generation only after a newest one was written; the first one's is the complete log, without a file.
        if self.is_uncertain || self.previous.is_none() {
            return Ok(false);
        }
        let names = disk.list(dir).map_err(StorageError::io("list", dir))?;
        if !names.iter().any(|name| name == NEWEST) {
            return Ok(false);
        }
        if names.iter().any(|name| name == PREVIOUS) {
            let path = dir.join(PREVIOUS);
            disk.remove(&path).map_err(StorageError::io("remove", &path))?;
        }
        // Even if it is gone already: an earlier attempt may have failed here.
        disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
        self.previous = None;
        Ok(true)
    }

    /// Whether nothing is kept for the previous generation alone.
    pub(crate) fn are_same(&self) -> bool {
        self.previous.as_ref().is_none_or(|previous| *previous == self.newest)
    }

    /// The position of the oldest record that a start from either generation needs.
    pub(crate) fn log_needed_from(&self) -> u64 {
        self.previous.as_ref().map_or(self.newest.position, |previous| previous.position)
    }
}

fn write_synced(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = disk.create(path)?;
    file.append(bytes)?;
    file.sync()
}
