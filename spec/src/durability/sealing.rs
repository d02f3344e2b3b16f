//! The sealer of the model: it moves memtables to segment files, writes the checkpoint, and removes what is not needed any more.
//!
//! It is a sequence of stages, each of which is a list of operations of the disk. What happens next is decided when the list is
//! empty or an operation fails.

use std::collections::{BTreeSet, VecDeque};

use super::contents::{
    Change, Checkpoint, ListedShard, Memory, Position, Positions, SHARDS, Segment, SeriesFile, ShardState, series_bound,
};
use super::disk::{Content, Dir, Disk, Failure, File, Name, Operation};
use super::fault::Fault;

/// A file is merged if it has up to this many times the values of everything newer.
const GROWTH: u32 = 2;

/// The position and the files of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Generation {
    position: Position,
    files: BTreeSet<File>,
}

impl Generation {
    pub(super) fn of(checkpoint: &Checkpoint) -> Generation {
        let segments = checkpoint.shards.iter().flat_map(|shard| &shard.segments).map(|number| File::Segment(*number));
        let series = checkpoint.series.iter().map(|file| File::Series(file.number));
        Generation { position: checkpoint.position, files: segments.chain(series).collect() }
    }
}

/// Everything up to one position, to be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Job {
    position: Position,
    shards: [ShardState; SHARDS],
    /// The ids of series before each position.
    series: Vec<u8>,
}

/// The result of sealing one shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sealed {
    shard: usize,
    merged_from: usize,
    new: Option<Segment>,
    deletes_done: bool,
}

/// What is done of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Progress {
    position: Position,
    first_file: u8,
    /// The shards that are done, in their order.
    shards: Vec<ListedShard>,
    /// Those of them that changed.
    sealed: Vec<Sealed>,
    /// How many of both the newest checkpoint lists.
    listed: (usize, usize),
}

/// What the operations at hand are for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    /// There is no job.
    Idle,
    /// The last attempt failed; the next one begins when the sealer is told to.
    Waiting,
    Segment(Sealed),
    /// Removes a segment file for whose merge there was no space.
    Unmerged,
    Series(Vec<SeriesFile>),
    /// The last field is the generation that this checkpoint replaces, if it is not known to be the newest one.
    Checkpoint {
        checkpoint: Checkpoint,
        is_last: bool,
        replaced: Option<Generation>,
    },
    CleanUp(Next),
    DropPrevious,
}

/// What follows after cleaning up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Next {
    Shard,
    End,
    Failed(Failure),
    Again,
}

/// The sealer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts about its past")]
pub struct Sealer {
    /// The remaining operations of the stage.
    pub(super) operations: VecDeque<Operation>,
    stage: Stage,
    next_file: u8,
    newest: Checkpoint,
    newest_files: Generation,
    previous: Option<Generation>,
    /// The files of a checkpoint whose writing was begun.
    pending: BTreeSet<File>,
    /// Whether it is unknown which checkpoint has which name.
    is_uncertain: bool,
    progress: Progress,
    job: Option<Job>,
    /// Whether this attempt follows one for which there was no space.
    is_second_attempt: bool,
    /// Whether a job has ended.
    has_ended: bool,
    /// Whether a removal failed, so that files are left until the next attempt.
    pub(super) has_left_files: bool,
}

/// What the sealer works with.
pub(super) struct Surroundings<'s> {
    pub(super) disk: &'s Disk,
    pub(super) memory: &'s mut Memory,
    pub(super) in_steps: bool,
    pub(super) fault: Option<Fault>,
}

impl Sealer {
    pub(super) fn new(newest: Checkpoint, previous: Option<&Checkpoint>) -> Sealer {
        Sealer {
            operations: VecDeque::new(),
            stage: Stage::Idle,
            next_file: newest.next_file,
            newest_files: Generation::of(&newest),
            newest,
            previous: previous.map(Generation::of),
            pending: BTreeSet::new(),
            is_uncertain: false,
            progress: Progress::default(),
            job: None,
            is_second_attempt: false,
            has_ended: false,
            has_left_files: false,
        }
    }

    /// Whether a job can be handed over.
    pub fn is_idle(&self) -> bool {
        self.stage == Stage::Idle && self.job.is_none()
    }

    /// Whether the last attempt failed, and the next one has not begun.
    pub fn is_waiting(&self) -> bool {
        self.stage == Stage::Waiting
    }

    /// Whether a job was taken over whose work has not begun.
    pub(super) fn has_unbegun_job(&self) -> bool {
        self.stage == Stage::Idle && self.job.is_some()
    }

    /// Whether a job has ended since the start, and another checkpoint would free files.
    pub(super) fn is_unsettled(&self) -> bool {
        self.has_ended && self.previous.as_ref().is_some_and(|previous| *previous != self.newest_files)
    }

    /// Closes memtables, so that everything up to the current position can be sealed. `changes` are all in the log.
    pub(super) fn close(&mut self, memory: &mut Memory, changes: &[Change]) {
        let position = memory.position;
        for shard in memory.shards.iter_mut().filter(|shard| !shard.active.is_empty()) {
            shard.sealing = Some((std::mem::take(&mut shard.active), position));
        }
        memory.is_filled = false;
        let series = (0..position).map(|before| series_bound(&changes[..before as usize])).collect();
        self.job = Some(Job { position, shards: memory.shards.clone(), series });
    }

    /// Begins an attempt at the job.
    pub(super) fn begin(&mut self, with: &mut Surroundings<'_>) {
        self.is_second_attempt = false;
        self.attempt(with);
    }

    fn attempt(&mut self, with: &mut Surroundings<'_>) {
        let position = self.job.as_ref().map_or(0, |job| job.position);
        if self.progress.position != position {
            self.progress = Progress { position, first_file: self.next_file, ..Progress::default() };
        }
        self.progress.shards.truncate(self.progress.listed.0);
        self.progress.sealed.truncate(self.progress.listed.1);
        if with.fault == Some(Fault::TruncateBeforeCheckpoint) {
            let names: Vec<Name> = with.disk.names().collect();
            self.operations.extend(logs_before(&names, position).into_iter().map(Operation::Remove));
        }
        self.next_shard(with);
    }

    /// Seals the next shard with something to do, or ends the job.
    fn next_shard(&mut self, with: &mut Surroundings<'_>) {
        let Some(job) = self.job.clone() else { return };
        while self.progress.shards.len() < SHARDS {
            let at = self.progress.shards.len();
            let shard = &job.shards[at];
            if !shard.exists {
                self.progress.shards.push(ListedShard::default());
                continue;
            }
            if with.in_steps && self.progress.sealed.len() != self.progress.listed.1 {
                let checkpoint = self.checkpoint_of_step(&job, with.fault);
                return self.write_checkpoint(checkpoint, false, with);
            }
            let merged_from = first_to_merge(shard);
            let sealed = Sealed { shard: at, merged_from, new: None, deletes_done: true };
            if shard.is_sealed_past(job.position) {
                self.progress.shards.push(listed(shard, None, job.position));
            } else if shard.sealing.is_none() && merged_from == shard.segments.len() {
                let done = (!shard.tombstones.is_empty()).then_some(sealed);
                self.progress.shards.push(listed(shard, done.as_ref(), job.position));
                self.progress.sealed.extend(done);
            } else {
                return self.write_segment(shard, sealed, job.position, with.fault);
            }
        }
        self.write_series(&job, with);
    }

    fn write_segment(&mut self, shard: &ShardState, mut sealed: Sealed, position: Position, fault: Option<Fault>) {
        let number = self.take_number();
        let values = shard.merged(sealed.merged_from);
        let segment = Segment { number, position, values };
        sealed.new = Some(segment);
        let syncs = fault != Some(Fault::SegmentWithoutSync);
        self.operations.extend(written(File::Segment(number), Content::Segment(segment), syncs, true));
        self.stage = Stage::Segment(sealed);
    }

    /// A checkpoint with the shards that are done, and all others as they were at the position of the newest one.
    fn checkpoint_of_step(&self, job: &Job, fault: Option<Fault>) -> Checkpoint {
        let mut shards: Vec<ListedShard> = self.progress.shards.clone();
        shards.extend(job.shards[shards.len()..].iter().map(|shard| listed(shard, None, job.position)));
        for shard in &mut shards {
            let is_ahead = shard.segments.last().is_some_and(|number| *number >= self.progress.first_file);
            if !is_ahead {
                // The records that follow bring these deletions again.
                shard.tombstones = shard.tombstones.and(Positions::before(self.newest.position));
            }
        }
        let is_broken = fault == Some(Fault::StepCoversEverything);
        Checkpoint {
            position: if is_broken { job.position } else { self.newest.position },
            next_file: self.next_file,
            shards: shards.try_into().unwrap_or_default(),
            ..self.newest.clone()
        }
    }

    fn write_series(&mut self, job: &Job, with: &mut Surroundings<'_>) {
        let mut files = self.newest.series.clone();
        let ids_before =
            |position: Position| job.series.get(usize::from(position).saturating_sub(1)).copied().unwrap_or(0);
        let id_of = |first: Position| if first == 0 { 0 } else { ids_before(first) };
        let end = job.position;
        let mut first = files.last().map_or(0, |file| file.end);
        if id_of(first) == ids_before(end) || with.fault == Some(Fault::ForgetSeries) {
            return self.write_last_checkpoint(job, files, with);
        }
        while let Some(file) = files.pop_if(|file| file.span <= 2 * (ids_before(end) - id_of(first))) {
            first = file.first;
        }
        let span = ids_before(end) - id_of(first);
        let file = SeriesFile { number: self.take_number(), first, end, span };
        self.operations.extend(written(File::Series(file.number), Content::Series(file), true, true));
        self.operations.push_back(Operation::SyncDir(Dir::Data));
        files.push(file);
        self.stage = Stage::Series(files);
    }

    fn write_last_checkpoint(&mut self, job: &Job, series: Vec<SeriesFile>, with: &mut Surroundings<'_>) {
        let shards = self.progress.shards.clone().try_into().unwrap_or_default();
        let is_broken = with.fault == Some(Fault::CoverLaterChanges);
        let position = if is_broken { with.memory.position } else { job.position };
        let checkpoint = Checkpoint { position, next_file: self.next_file, series, shards };
        self.write_checkpoint(checkpoint, true, with);
    }

    fn write_checkpoint(&mut self, checkpoint: Checkpoint, is_last: bool, with: &mut Surroundings<'_>) {
        if with.fault != Some(Fault::ListBeforeNames) {
            self.operations.push_back(Operation::SyncDir(Dir::Data));
        }
        let syncs = with.fault != Some(Fault::CheckpointWithoutSync);
        let content = Content::Checkpoint(checkpoint.clone());
        self.operations.extend(written(File::Checkpoint, content, syncs, false));
        if with.disk.read(File::Checkpoint).is_some() && with.fault != Some(Fault::NothingForPrevious) {
            self.operations.push_back(Operation::Rename(File::Checkpoint.named(), File::Previous.named()));
        }
        self.operations.push_back(Operation::Rename(File::Checkpoint.temporary(), File::Checkpoint.named()));
        if with.fault != Some(Fault::TruncateBeforeName) {
            self.operations.push_back(Operation::SyncDir(Dir::Data));
        }
        let replaced = match with.disk.read(File::Checkpoint) {
            Some(Content::Checkpoint(found)) if self.is_uncertain => Some(Generation::of(found)),
            _ => None,
        };
        self.stage = Stage::Checkpoint { checkpoint, is_last, replaced };
    }

    /// The last operation of the stage has succeeded.
    pub(super) fn stage_ended(&mut self, with: &mut Surroundings<'_>) {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle | Stage::Waiting => {}
            Stage::Segment(sealed) => {
                if with.fault == Some(Fault::HideClosed) {
                    with.memory.shards[sealed.shard].sealing = None;
                }
                if let Some(job) = &self.job {
                    self.progress.shards.push(listed(&job.shards[sealed.shard], Some(&sealed), job.position));
                    self.progress.sealed.push(sealed);
                }
                self.next_shard(with);
            }
            Stage::Unmerged => self.write_unmerged(with),
            Stage::Series(files) => {
                if let Some(job) = self.job.clone() {
                    self.write_last_checkpoint(&job, files, with);
                }
            }
            Stage::Checkpoint { checkpoint, is_last, replaced } => {
                self.previous = Some(replaced.unwrap_or_else(|| self.newest_files.clone()));
                if with.fault == Some(Fault::NothingForPrevious) {
                    self.previous = None;
                }
                self.newest_files = Generation::of(&checkpoint);
                self.newest = Checkpoint { shards: Default::default(), ..checkpoint };
                self.pending.clear();
                self.is_uncertain = false;
                for sealed in &self.progress.sealed[self.progress.listed.1..] {
                    publish(&mut with.memory.shards[sealed.shard], sealed, self.progress.position);
                }
                self.progress.listed.1 = self.progress.sealed.len();
                if is_last {
                    self.progress = Progress::default();
                } else {
                    self.progress.listed.0 = self.progress.shards.len();
                }
                self.clean_up(if is_last { Next::End } else { Next::Shard }, with);
            }
            Stage::CleanUp(next) => self.cleaned_up(next, with),
            Stage::DropPrevious => {
                self.previous = None;
                self.clean_up(Next::Again, with);
            }
        }
    }

    /// The first of the remaining operations has failed.
    pub(super) fn failed(&mut self, operation: &Operation, failure: Failure, with: &mut Surroundings<'_>) {
        let rest = std::mem::take(&mut self.operations);
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Segment(sealed) if failure == Failure::NoSpace && self.can_do_without_merging(&sealed) => {
                self.operations.push_back(Operation::Remove(File::Segment(self.next_file - 1).temporary()));
                self.stage = Stage::Unmerged;
            }
            Stage::Checkpoint { checkpoint, .. } => {
                let is_first = matches!(operation, Operation::SyncDir(_)) && !rest.is_empty();
                if !is_first {
                    self.pending.extend(Generation::of(&checkpoint).files);
                }
                self.is_uncertain |= !is_first && matches!(operation, Operation::Rename(..) | Operation::SyncDir(_));
                self.clean_up(Next::Failed(failure), with);
            }
            // The file may not have been created.
            Stage::Unmerged => self.write_unmerged(with),
            Stage::CleanUp(next) => {
                self.has_left_files = true;
                self.cleaned_up(next, with);
            }
            Stage::DropPrevious => self.stage = Stage::Waiting,
            Stage::Idle | Stage::Waiting | Stage::Segment(_) | Stage::Series(_) => {
                self.clean_up(Next::Failed(failure), with);
            }
        }
    }

    fn can_do_without_merging(&self, sealed: &Sealed) -> bool {
        let Some(job) = &self.job else { return false };
        sealed.merged_from < job.shards[sealed.shard].segments.len()
    }

    /// Writes only the values of the closed memtable of the next shard.
    fn write_unmerged(&mut self, with: &mut Surroundings<'_>) {
        let Some(job) = self.job.clone() else { return };
        let at = self.progress.shards.len();
        let shard = &job.shards[at];
        if shard.sealing.is_none() {
            self.progress.shards.push(listed(shard, None, job.position));
            return self.next_shard(with);
        }
        let sealed = Sealed { shard: at, merged_from: shard.segments.len(), new: None, deletes_done: false };
        self.write_segment(shard, sealed, job.position, with.fault);
    }

    /// Removes what no checkpoint needs.
    fn clean_up(&mut self, next: Next, with: &mut Surroundings<'_>) {
        let names: Vec<Name> = with.disk.names().collect();
        let mut needed_from = self.previous.as_ref().map_or(self.newest_files.position, |previous| previous.position);
        if with.fault == Some(Fault::TruncateForNewest) {
            needed_from = self.newest_files.position;
        }
        self.operations.extend(logs_before(&names, needed_from).into_iter().map(Operation::Remove));
        if with.fault != Some(Fault::LeaveFiles) {
            self.operations.extend(self.unlisted(&names).into_iter().map(Operation::Remove));
        }
        self.stage = Stage::CleanUp(next);
        self.has_left_files = false;
        if self.operations.is_empty() {
            self.stage_ended(with);
        }
    }

    fn cleaned_up(&mut self, next: Next, with: &mut Surroundings<'_>) {
        match next {
            Next::Shard => self.next_shard(with),
            Next::End => (self.job, self.has_ended) = (None, true),
            Next::Again => {
                self.is_second_attempt = true;
                self.attempt(with);
            }
            Next::Failed(failure) => {
                let can_drop = !self.is_uncertain && self.previous.is_some();
                let has_newest = with.disk.read(File::Checkpoint).is_some();
                if failure == Failure::NoSpace && !self.is_second_attempt && can_drop && has_newest {
                    if with.disk.read(File::Previous).is_some() {
                        self.operations.push_back(Operation::Remove(File::Previous.named()));
                    }
                    self.operations.push_back(Operation::SyncDir(Dir::Data));
                    self.stage = Stage::DropPrevious;
                } else {
                    self.stage = Stage::Waiting;
                }
            }
        }
    }

    /// The files of the data directory that no checkpoint lists.
    pub(super) fn unlisted(&self, names: &[Name]) -> Vec<Name> {
        let is_kept = |file: &File| {
            let is_listed = |generation: &Generation| generation.files.contains(file);
            is_listed(&self.newest_files)
                || self.previous.as_ref().is_some_and(is_listed)
                || self.pending.contains(file)
        };
        let is_ours = |name: &Name| {
            name.file.dir() == Dir::Data
                && (name.is_temporary || matches!(name.file, File::Segment(_) | File::Series(_)))
        };
        names.iter().copied().filter(|name| is_ours(name) && (name.is_temporary || !is_kept(&name.file))).collect()
    }

    fn take_number(&mut self) -> u8 {
        self.next_file += 1;
        self.next_file - 1
    }
}

/// The operations that write a file, and give it its name.
pub(super) fn written(file: File, content: Content, syncs: bool, renames: bool) -> impl Iterator<Item = Operation> {
    let temporary = file.temporary();
    let create = [Operation::Create(temporary), Operation::Write(temporary, content)];
    let sync = syncs.then_some(Operation::Sync(temporary));
    let rename = renames.then_some(Operation::Rename(temporary, file.named()));
    create.into_iter().chain(sync).chain(rename)
}

/// The log files all of whose records are before a position.
fn logs_before(names: &[Name], position: Position) -> Vec<Name> {
    let firsts: Vec<Position> = names.iter().copied().filter_map(log_first).collect();
    let old = firsts.windows(2).filter(|pair| pair[1] <= position);
    old.map(|pair| File::Log(pair[0]).named()).collect()
}

/// The position of the first record of a log file, unless the name is that of another file.
pub(super) fn log_first(name: Name) -> Option<Position> {
    match name {
        Name { file: File::Log(first), is_temporary: false } => Some(first),
        _ => None,
    }
}

/// The shard as the checkpoint lists it after sealing.
fn listed(shard: &ShardState, sealed: Option<&Sealed>, position: Position) -> ListedShard {
    let mut shard = shard.clone();
    if let Some(sealed) = sealed {
        publish(&mut shard, sealed, position);
    }
    let segments = shard.segments.iter().map(|segment| segment.number).collect();
    ListedShard { exists: true, segments, tombstones: shard.tombstones }
}

/// Replaces the closed memtable and the merged segments by the new one.
fn publish(shard: &mut ShardState, sealed: &Sealed, position: Position) {
    shard.sealing = None;
    shard.segments.truncate(sealed.merged_from);
    shard.segments.extend(sealed.new);
    if sealed.deletes_done {
        shard.tombstones = shard.tombstones.from(position);
    }
}

/// The index of the first segment that is merged with all newer ones.
fn first_to_merge(shard: &ShardState) -> usize {
    let has_deleted =
        |segment: &Segment| !segment.values.deletable.is_empty() && shard.is_deleted_since(segment.position);
    let segments = &shard.segments;
    let mut first = segments.iter().position(has_deleted).unwrap_or(segments.len());
    let new = shard.sealing.map_or(0, |(values, _)| values.len());
    let mut merged = new + segments[first..].iter().map(|segment| segment.values.len()).sum::<u32>();
    while let Some(before) = first.checked_sub(1)
        && segments[before].values.len() <= GROWTH * merged
    {
        first = before;
        merged += segments[before].values.len();
    }
    first
}
