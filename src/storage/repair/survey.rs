//! What is on the disk, and what of it can be read. Every file that a checkpoint lists is read completely.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fluxstone_model::{DatabaseId, ShardId};

use crate::bit_flip::restore_part;
use crate::disk::{Disk, read_all};
use crate::error::StorageError;
use crate::log::{self, LogIdentity};
use crate::options::StoreOptions;
use crate::sealing::checkpoint::{Checkpoint, SEGMENT_PREFIX, is_of_later_version, segment_name};
use crate::sealing::generations::{NEWEST, PREVIOUS};
use crate::sealing::series_file::{self, SeriesFile};
use crate::segment::salvage::{Findings, salvage};
use crate::state::State;

/// Everything that was read.
pub(super) struct Survey<'d> {
    pub(super) disk: &'d dyn Disk,
    pub(super) options: &'d StoreOptions,
    pub(super) newest: Generation,
    pub(super) previous: Generation,
    /// The damaged files that a checkpoint lists, by name.
    pub(super) bad: BTreeMap<String, BadFile>,
    pub(super) log: LogIdentity,
    /// Whether the data directory has files that only a checkpoint gives a meaning.
    pub(super) has_stored_values: bool,
}

/// One of the two checkpoints.
pub(super) struct Generation {
    pub(super) name: &'static str,
    /// Its contents, if they can be read or restored.
    pub(super) checkpoint: Option<Checkpoint>,
    /// Why the file cannot be read as it is; `None` if it can, or if it does not exist.
    pub(super) problem: Option<String>,
    /// The file after flipping back a bit.
    pub(super) restored: Option<Vec<u8>>,
}

/// A damaged file.
pub(super) enum BadFile {
    Series {
        file: SeriesFile,
        problem: String,
        /// The file after flipping back a bit.
        restored: Option<Vec<u8>>,
    },
    Segment(BadSegment),
}

/// A damaged segment file.
pub(super) struct BadSegment {
    pub(super) of_shard: (DatabaseId, ShardId),
    /// The position up to which it covers the log, if its header does not say.
    pub(super) position: u64,
    pub(super) findings: Findings,
}

impl BadFile {
    pub(super) fn problem(&self) -> &str {
        match self {
            BadFile::Series { problem, .. } => problem,
            BadFile::Segment(segment) => segment.findings.problem.as_deref().unwrap_or_default(),
        }
    }
}

impl Generation {
    fn read(disk: &dyn Disk, options: &StoreOptions, name: &'static str) -> Result<Self, StorageError> {
        let path = options.data_dir.join(name);
        let mut generation = Generation { name, checkpoint: None, problem: None, restored: None };
        match Checkpoint::read(disk, &path) {
            Ok(checkpoint) => generation.checkpoint = checkpoint,
            Err(StorageError::Damaged { problem, .. }) if !is_of_later_version(&problem) => {
                let mut bytes = read_all(disk, &path).map_err(StorageError::io("read", &path))?;
                restore_part(&mut bytes);
                generation.checkpoint = Checkpoint::decode(&bytes).ok();
                generation.restored = generation.checkpoint.is_some().then_some(bytes);
                generation.problem = Some(problem);
            }
            Err(error) => return Err(error),
        }
        Ok(generation)
    }

    /// The checkpoint, if it can be read without restoring it.
    pub(super) fn sound(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref().filter(|_| self.problem.is_none())
    }

    /// Whether the file is there.
    pub(super) fn exists(&self) -> bool {
        self.checkpoint.is_some() || self.problem.is_some()
    }
}

impl<'d> Survey<'d> {
    pub(super) fn new(disk: &'d dyn Disk, options: &'d StoreOptions) -> Result<Self, StorageError> {
        let names = disk.list(&options.data_dir).map_err(StorageError::io("list", &options.data_dir))?;
        let is_stored = |name: &String| name.starts_with(SEGMENT_PREFIX) || name.starts_with(series_file::PREFIX);
        let mut survey = Survey {
            disk,
            options,
            newest: Generation::read(disk, options, NEWEST)?,
            previous: Generation::read(disk, options, PREVIOUS)?,
            bad: BTreeMap::new(),
            log: log::identify(disk, &options.log_dir)?,
            has_stored_values: names.iter().any(is_stored),
        };
        let mut bad = BTreeMap::new();
        let mut checked = std::collections::BTreeSet::new();
        // Of a file that both list, the previous one says more precisely which records it covers.
        for checkpoint in [&survey.previous.checkpoint, &survey.newest.checkpoint].into_iter().flatten() {
            for file in
                checkpoint.series_files.iter().filter(|file| checked.insert(series_file::file_name(file.number)))
            {
                if let Some(found) = survey.check_series(*file)? {
                    bad.insert(series_file::file_name(file.number), found);
                }
            }
            for (of_shard, position, number) in survey.segments(checkpoint) {
                let name = segment_name(number);
                if checked.insert(name.clone()) {
                    let path = survey.path(&name);
                    let findings = salvage(disk, &path, of_shard, position, &mut |_, _| Ok(()))?;
                    if findings.problem.is_some() {
                        bad.insert(name, BadFile::Segment(BadSegment { of_shard, position, findings }));
                    }
                }
            }
        }
        survey.bad = bad;
        Ok(survey)
    }

    /// The path of a file of the data directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.options.data_dir.join(name)
    }

    /// Returns the segment files of a checkpoint, each with its shard and the last position up to which it can cover the log.
    pub(super) fn segments(&self, checkpoint: &Checkpoint) -> Vec<((DatabaseId, ShardId), u64, u64)> {
        let mut segments = Vec::new();
        for shard in &checkpoint.shards {
            let mut position = checkpoint.position;
            for &number in shard.segments.iter().rev() {
                segments.push(((shard.database, shard.shard), position, number));
                let header = crate::segment::read_header(self.disk, &self.path(&segment_name(number)));
                position = header.map_or(position, |header| header.position.min(position));
            }
        }
        segments
    }

    fn check_series(&self, file: SeriesFile) -> Result<Option<BadFile>, StorageError> {
        let dir = &self.options.data_dir;
        let problem = match series_file::read(self.disk, dir, file.number, &mut State::new()) {
            Err(StorageError::Damaged { problem, .. }) if !is_of_later_version(&problem) => problem,
            read => return read.map(|()| None),
        };
        let path = self.path(&series_file::file_name(file.number));
        let restored = read_all(self.disk, &path).ok().and_then(|mut bytes| {
            restore_part(&mut bytes)?;
            series_file::decode(&bytes, &mut State::new()).ok()?;
            Some(bytes)
        });
        Ok(Some(BadFile::Series { file, problem, restored }))
    }

    /// Whether all files that a checkpoint lists are sound.
    pub(super) fn is_complete(&self, checkpoint: &Checkpoint) -> bool {
        checkpoint.files().all(|name| !self.bad.contains_key(&name))
    }
}
