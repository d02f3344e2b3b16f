//! The sealer: one thread that moves what memtables hold into segment files, writes the checkpoint, and drops what is then
//! no longer needed: the log before the checkpoint, and files that it does not list.
//!
//! If anything fails, what is on disk is still complete: the old checkpoint and the log behind it. The same job can then be
//! done again from its beginning, with new files.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, ShardId};
use parking_lot::RwLock;

use super::StoreOptions;
use super::checkpoint::{Checkpoint, CheckpointShard, SEGMENT_PREFIX, segment_name};
use super::compaction::{self, Plan};
use super::disk::{Disk, TEMPORARY_SUFFIX};
use super::error::StorageError;
use super::log;
use super::segment::{Segment, SegmentCache, SegmentHeader, SegmentWriter};
use super::series_file::{self, SeriesFile};
use super::state::{SealDatabase, SealJob, SealedShard, SegmentFile, Shard, State};

/// What the thread owns: where the files are, and their numbers.
#[derive(Debug)]
pub(super) struct Sealer {
    disk: Arc<dyn Disk>,
    cache: Arc<SegmentCache>,
    data_dir: PathBuf,
    log_dir: PathBuf,
    next_file: u64,
    series_files: Vec<SeriesFile>,
    /// The files of every checkpoint that the next start may find.
    listed: BTreeSet<String>,
}

impl Sealer {
    /// Goes on after `checkpoint`, the last one.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        cache: Arc<SegmentCache>,
        options: &StoreOptions,
        checkpoint: &Checkpoint,
    ) -> Self {
        Sealer {
            disk,
            cache,
            data_dir: options.data_dir.clone(),
            log_dir: options.log_dir.clone(),
            next_file: checkpoint.next_file,
            series_files: checkpoint.series_files.clone(),
            listed: checkpoint.files().collect(),
        }
    }

    /// Seals everything that `job` holds.
    pub(super) fn seal(&mut self, job: &SealJob, state: &RwLock<State>) -> Result<(), StorageError> {
        let result = self.write(job, state);
        // What a failure left would fill the disk further.
        if let Err(error) = self.remove_unlisted() {
            tracing::warn!(%error, "a file that is no longer needed stays");
        }
        result
    }

    fn write(&mut self, job: &SealJob, state: &RwLock<State>) -> Result<(), StorageError> {
        let mut sealed = Vec::new();
        let mut shards = Vec::new();
        for database in &job.databases {
            for (id, shard) in &database.shards {
                let done = self.seal_shard(job.position, database, *id, shard)?;
                shards.push(listed(database.id, *id, shard, done.as_ref(), job.position));
                sealed.extend(done);
            }
        }
        let series_files = self.write_series(job)?;
        let checkpoint = Checkpoint {
            position: job.position,
            next_series: job.series_bound.0.0,
            next_file: self.next_file,
            catalog: job.catalog.clone(),
            series_files,
            shards,
        };
        // The names of the new files are durable before a checkpoint lists them.
        self.disk.sync_dir(&self.data_dir).map_err(StorageError::io("sync", &self.data_dir))?;
        // If this fails, the next start may find the old checkpoint or the new one.
        self.listed.extend(checkpoint.files());
        checkpoint.write(&*self.disk, &self.data_dir)?;
        self.listed = checkpoint.files().collect();
        self.series_files = checkpoint.series_files;
        state.write().publish(job.position, &sealed);
        if let Err(error) = log::delete_before(&*self.disk, &self.log_dir, job.position) {
            tracing::warn!(%error, "a file of the log that is no longer needed stays");
        }
        Ok(())
    }

    /// Removes the files of the data directory that count no longer, or were left over by a failure.
    pub(super) fn remove_unlisted(&self) -> Result<(), StorageError> {
        let names = self.disk.list(&self.data_dir).map_err(StorageError::io("list", &self.data_dir))?;
        let is_ours = |name: &str| {
            [SEGMENT_PREFIX, series_file::PREFIX].iter().any(|prefix| name.starts_with(prefix))
                || name.ends_with(TEMPORARY_SUFFIX)
        };
        for name in names.into_iter().filter(|name| is_ours(name) && !self.listed.contains(name)) {
            let path = self.data_dir.join(name);
            self.disk.remove(&path).map_err(StorageError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Writes the series that no file holds yet, together with those of the newest files as long as these are small; all of
    /// them if some were removed. Returns the files that hold all series then.
    fn write_series(&mut self, job: &SealJob) -> Result<Vec<SeriesFile>, StorageError> {
        let mut files = if job.series_removed { Vec::new() } else { self.series_files.clone() };
        let end = job.series_bound.0;
        let mut first = files.last().map_or(SeriesId(0), |file| file.end);
        if first == end {
            return Ok(files);
        }
        while let Some(file) = files.pop_if(|file| file.span() <= 2 * (end.0 - first.0)) {
            first = file.first;
        }
        let file = SeriesFile { number: self.take_number(), first, end };
        series_file::write(&*self.disk, &self.data_dir, file, &job.databases)?;
        files.push(file);
        Ok(files)
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next_file;
        self.next_file += 1;
        number
    }

    /// Seals one shard, if there is anything to do.
    fn seal_shard(
        &mut self,
        position: u64,
        database: &SealDatabase,
        id: ShardId,
        shard: &Shard,
    ) -> Result<Option<SealedShard>, StorageError> {
        let all = shard.segments.len();
        let mut plan = Plan::new(shard, &database.removed);
        let mut done = SealedShard {
            database: database.id,
            shard: id,
            merged_from: plan.merged_from,
            new: None,
            deletes_done: plan.deletes_done,
        };
        let nothing_to_write = shard.sealing.is_none() && plan.merged_from == all;
        if nothing_to_write {
            return Ok((!shard.tombstones.is_empty()).then_some(done));
        }
        let header = SegmentHeader { database: database.id, shard: id, position };
        done.new = loop {
            match self.write_segment(header, database, shard, plan.merged_from) {
                Err(error @ StorageError::Damaged { .. }) if plan.merged_from < all => {
                    // The file that can't be read stays as it is, and those behind it are merged without it.
                    let next = Plan::new(shard, &database.removed);
                    if next.merged_from <= plan.merged_from {
                        return Err(error);
                    }
                    tracing::error!(%error, "a segment file can't be merged");
                    plan = next;
                }
                written => break written?,
            }
        };
        (done.merged_from, done.deletes_done) = (plan.merged_from, plan.deletes_done);
        Ok(Some(done))
    }

    /// Writes one file of what the segments from `merged_from` on and the closed memtable hold.
    fn write_segment(
        &mut self,
        header: SegmentHeader,
        database: &SealDatabase,
        shard: &Shard,
        merged_from: usize,
    ) -> Result<Option<SegmentFile>, StorageError> {
        let number = self.take_number();
        let path = self.data_dir.join(segment_name(number));
        let mut writer = SegmentWriter::create(self.disk.clone(), &path, header)?;
        compaction::write_columns(shard, merged_from, &database.index, &mut writer)?;
        if !writer.finish()? {
            return Ok(None);
        }
        let segment = Segment::open(&*self.disk, &path, self.cache.clone())
            .map_err(|error| StorageError::damaged(&path, format!("just written: {error}")))?;
        Ok(Some(SegmentFile { number, segment: Arc::new(segment) }))
    }
}

/// A shard as the checkpoint lists it when sealing is done.
fn listed(
    database: DatabaseId,
    id: ShardId,
    shard: &Shard,
    done: Option<&SealedShard>,
    position: u64,
) -> CheckpointShard {
    let mut shard = shard.clone();
    if let Some(done) = done {
        shard.publish(position, done);
    }
    CheckpointShard {
        database,
        shard: id,
        fields: shard.fields,
        segments: shard.segments.iter().map(|file| file.number).collect(),
        tombstones: shard.tombstones,
    }
}
