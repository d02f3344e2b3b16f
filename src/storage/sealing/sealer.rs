//! The sealer: moves the contents of memtables to segment files, writes the checkpoint, and then drops what is no longer
//! needed: the log before the previous checkpoint, and files that neither of the two lists.
//!
//! Invariant: if anything fails, the old checkpoint and the log after it are still complete on disk. The same job can then be
//! done again from the beginning, with new files.
//!
//! A job that takes long writes checkpoints on its way. They have the position of the checkpoint before the job, but list the
//! segment files of the shards that are done: replay leaves out the records that these cover. The job goes on after the last of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fluxstone_columns::SeriesId;
use fluxstone_model::{DatabaseId, ShardId};
use parking_lot::RwLock;

use crate::disk::{Disk, TEMPORARY_SUFFIX};
use crate::error::StorageError;
use crate::log;
use crate::options::StoreOptions;
use crate::sealing::checkpoint::{Checkpoint, CheckpointShard, SEGMENT_PREFIX, segment_name};
use crate::sealing::compaction::{self, MergePlan};
use crate::sealing::generations::Generations;
use crate::sealing::series_file::{self, SeriesFile};
use crate::segment::{Segment, SegmentCache, SegmentHeader, SegmentWriter};
use crate::state::{SealDatabase, SealJob, SealedShard, SegmentFile, Shard, State};
use crate::store_id::StoreId;

/// Writes segment files, series files and checkpoints, and numbers them.
#[derive(Debug)]
pub(crate) struct Sealer {
    disk: Arc<dyn Disk>,
    cache: Arc<SegmentCache>,
    data_dir: PathBuf,
    log_dir: PathBuf,
    store: StoreId,
    next_file: u64,
    /// The newest checkpoint, without its shards.
    newest: Checkpoint,
    /// The checkpoints that may be found when the store is next opened.
    generations: Generations,
    progress: Progress,
    /// How long a job works before it writes a checkpoint of what is done.
    step: Duration,
    /// Whether segment files that are ahead of the job are rewritten.
    realigns: bool,
}

/// What is done of a job.
#[derive(Debug, Default)]
struct Progress {
    /// The position of the job.
    position: u64,
    /// The number of the first file that it wrote.
    first_file: u64,
    /// The shards that are done, in the order of the job.
    shards: Vec<CheckpointShard>,
    /// Those of them that changed.
    sealed: Vec<SealedShard>,
    /// How many of both the newest checkpoint lists.
    listed: (usize, usize),
}

impl Sealer {
    /// Continues after `checkpoint`, which is the newest of `generations`.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        cache: Arc<SegmentCache>,
        options: &StoreOptions,
        store: StoreId,
        checkpoint: &Checkpoint,
        generations: Generations,
    ) -> Self {
        Sealer {
            disk,
            cache,
            data_dir: options.data_dir.clone(),
            log_dir: options.log_dir.clone(),
            store,
            next_file: checkpoint.next_file,
            newest: Checkpoint { shards: Vec::new(), ..checkpoint.clone() },
            generations,
            progress: Progress::default(),
            step: options.seal_step,
            realigns: false,
        }
    }

    /// Seals everything that `job` holds. Returns `false` if `goes_on` said before a shard that it should stop; the shards
    /// before it are sealed then.
    pub(crate) fn seal(
        &mut self,
        job: &SealJob,
        state: &RwLock<State>,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<bool, StorageError> {
        let mut result = self.write(job, state, goes_on);
        self.clean_up();
        if result.as_ref().is_err_and(StorageError::is_no_space)
            && self.generations.drop_previous(&*self.disk, &self.data_dir)?
        {
            tracing::warn!("the disk is full: removed the previous checkpoint to make space");
            self.clean_up();
            result = self.write(job, state, goes_on);
            self.clean_up();
        }
        result
    }

    /// Whether another checkpoint would free nothing, unless there is something new to seal.
    pub(crate) fn is_settled(&self) -> bool {
        self.generations.are_same()
    }

    /// Removes what no checkpoint needs. Files left by a failed attempt would keep filling the disk.
    fn clean_up(&self) {
        let log = log::delete_before(&*self.disk, &self.log_dir, self.generations.log_needed_from());
        if let Err(error) = log.and_then(|()| self.remove_unlisted()) {
            tracing::warn!(%error, "cannot remove a file that is no longer needed");
        }
    }

    fn write(
        &mut self,
        job: &SealJob,
        state: &RwLock<State>,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<bool, StorageError> {
        self.progress.resume(job.position, self.next_file);
        let mut since = Instant::now();
        let shards =
            job.databases.iter().flat_map(|database| database.shards.iter().map(move |shard| (database, shard)));
        for (database, (id, shard)) in shards.skip(self.progress.shards.len()) {
            let goes_on = goes_on();
            if !goes_on || since.elapsed() >= self.step {
                self.write_step(job, state)?;
                since = Instant::now();
            }
            if !goes_on {
                return Ok(false);
            }
            let done = self.seal_shard(job.position, database, *id, shard)?;
            self.progress.shards.push(checkpoint_shard(database.id, *id, shard, done.as_ref(), job.position));
            self.progress.sealed.extend(done);
        }
        let series_files = self.write_series(job)?;
        let checkpoint = Checkpoint {
            store: Some(self.store),
            position: job.position,
            next_series: job.series_bound.0.0,
            next_file: self.next_file,
            catalog: job.catalog.clone(),
            series_files,
            shards: self.progress.shards.clone(),
        };
        self.write_checkpoint(checkpoint, state)?;
        state.write().sealing_ended();
        self.progress = Progress::default();
        Ok(true)
    }

    /// Writes a checkpoint with the shards that are done, and all others as they were at the position of the newest one.
    fn write_step(&mut self, job: &SealJob, state: &RwLock<State>) -> Result<(), StorageError> {
        let done = self.progress.shards.len();
        if self.progress.sealed.len() == self.progress.listed.1 {
            return Ok(());
        }
        let all = job.databases.iter().flat_map(|database| database.shards.iter().map(|shard| (database.id, shard)));
        let others =
            all.skip(done).map(|(database, (id, shard))| checkpoint_shard(database, *id, shard, None, job.position));
        let mut shards: Vec<_> = self.progress.shards.iter().cloned().chain(others).collect();
        for shard in &mut shards {
            // The records that follow will bring these deletions again, except where a new file covers them.
            let is_ahead = shard.segments.last().is_some_and(|number| *number >= self.progress.first_file);
            if !is_ahead && shard.tombstones.iter().any(|tombstone| tombstone.position >= self.newest.position) {
                Arc::make_mut(&mut shard.tombstones).retain(|tombstone| tombstone.position < self.newest.position);
            }
        }
        let checkpoint =
            Checkpoint { store: Some(self.store), next_file: self.next_file, shards, ..self.newest.clone() };
        self.write_checkpoint(checkpoint, state)?;
        self.progress.listed.0 = done;
        self.clean_up();
        Ok(())
    }

    /// Writes a checkpoint, and publishes the shards that it is the first to list.
    fn write_checkpoint(&mut self, checkpoint: Checkpoint, state: &RwLock<State>) -> Result<(), StorageError> {
        // The names of the new files must be durable before a checkpoint lists them.
        self.disk.sync_dir(&self.data_dir).map_err(StorageError::io("sync", &self.data_dir))?;
        self.generations.write(&*self.disk, &self.data_dir, &checkpoint)?;
        self.newest = Checkpoint { shards: Vec::new(), ..checkpoint };
        let Progress { position, sealed, listed, .. } = &mut self.progress;
        state.write().publish(*position, sealed.get(listed.1..).unwrap_or_default());
        listed.1 = sealed.len();
        Ok(())
    }

    /// Seals everything that `job` holds, and rewrites all segment files that are ahead of it.
    pub(crate) fn realign(&mut self, job: &SealJob, state: &RwLock<State>) -> Result<(), StorageError> {
        self.realigns = true;
        let result = self.seal(job, state, &|| true);
        self.realigns = false;
        result.map(|_| ())
    }

    /// Removes files of the data directory that are no longer needed or were left by a failure.
    pub(crate) fn remove_unlisted(&self) -> Result<(), StorageError> {
        let names = self.disk.list(&self.data_dir).map_err(StorageError::io("list", &self.data_dir))?;
        let is_ours = |name: &str| {
            [SEGMENT_PREFIX, series_file::PREFIX].iter().any(|prefix| name.starts_with(prefix))
                || name.ends_with(TEMPORARY_SUFFIX)
        };
        for name in names.into_iter().filter(|name| is_ours(name) && !self.generations.keep(name)) {
            let path = self.data_dir.join(name);
            self.disk.remove(&path).map_err(StorageError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Writes the series that are not in a file yet, merging them with the newest files as long as those are small. If series
    /// were removed, writes all of them. Returns the files that then hold all series.
    fn write_series(&mut self, job: &SealJob) -> Result<Vec<SeriesFile>, StorageError> {
        let mut files = if job.series_removed { Vec::new() } else { self.newest.series_files.clone() };
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

    /// Seals one shard. Returns `None` if there is nothing to do.
    fn seal_shard(
        &mut self,
        position: u64,
        database: &SealDatabase,
        id: ShardId,
        shard: &Shard,
    ) -> Result<Option<SealedShard>, StorageError> {
        let all = shard.segments.len();
        let mut plan = MergePlan::new(shard, &database.removed);
        if shard.is_sealed_past(position) {
            if !self.realigns {
                // It was sealed before the store was opened, and the series in its files may be unknown yet.
                return Ok(None);
            }
            let is_ahead = |file: &SegmentFile| file.segment.header().position > position;
            plan.merged_from = shard.segments.iter().position(is_ahead).unwrap_or(all).min(plan.merged_from);
        }
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
                    // The unreadable file stays as it is, and those after it are merged without it.
                    let next = MergePlan::new(shard, &database.removed);
                    if next.merged_from <= plan.merged_from {
                        return Err(error);
                    }
                    tracing::error!(%error, "cannot merge a segment file");
                    plan = next;
                }
                Err(error) if error.is_no_space() && plan.merged_from < all => {
                    let Some(unmerged) = self.without_merging(shard) else { return Ok(None) };
                    tracing::warn!(%error, "no space to merge segment files: sealing without merging");
                    plan = unmerged;
                }
                written => break written?,
            }
        };
        (done.merged_from, done.deletes_done) = (plan.merged_from, plan.deletes_done);
        Ok(Some(done))
    }

    /// Returns the plan that needs the least space after there was not enough for another one: only the closed memtable is written.
    /// `None` if there is none.
    fn without_merging(&self, shard: &Shard) -> Option<MergePlan> {
        let name = segment_name(self.next_file - 1);
        let path = self.data_dir.join(format!("{name}{TEMPORARY_SUFFIX}"));
        // What was written of the merged file takes the space that is needed now. If it cannot be removed, the attempt fails.
        let _ = self.disk.remove(&path);
        shard.sealing.as_ref()?;
        Some(MergePlan { merged_from: shard.segments.len(), deletes_done: false })
    }

    /// Writes the contents of the segments from `merged_from` on and of the closed memtable to one new file. Returns `None` if
    /// no values are left.
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
            .map_err(|error| StorageError::damaged(&path, format!("a file that was just written: {error}")))?;
        Ok(Some(SegmentFile { number, segment: Arc::new(segment) }))
    }
}

impl Progress {
    /// Continues the job at `position` after what the newest checkpoint lists of it, or begins another one.
    fn resume(&mut self, position: u64, next_file: u64) {
        if self.position != position {
            *self = Progress { position, first_file: next_file, ..Progress::default() };
        }
        self.shards.truncate(self.listed.0);
        self.sealed.truncate(self.listed.1);
    }
}

/// Returns the shard as the checkpoint lists it after sealing.
fn checkpoint_shard(
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
