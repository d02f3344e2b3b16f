//! The start of the model: it chooses a checkpoint, replays the log after it, and removes what no checkpoint lists.

use std::collections::VecDeque;

use super::committer::Committer;
use super::contents::{Change, Checkpoint, Frame, Memory, Position, Segment, ShardState};
use super::disk::{Content, Dir, Disk, File, Name, Operation};
use super::fault::Fault;
use super::sealing::{Sealer, Surroundings, log_first, written};

/// What the operations at hand are for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    /// Makes the names in the data directory durable.
    Names,
    /// Sets the damaged checkpoint aside.
    SetAside,
    /// Removes unfinished log files, and makes the names of the others durable.
    Log,
    /// Seals memtables while the log is read.
    Seal,
    /// Cuts off a torn end of the log, or creates the first log file.
    End,
    Unlisted,
}

/// A store that is being opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Opening {
    /// The remaining operations of the stage.
    pub(super) operations: VecDeque<Operation>,
    stage: Stage,
    memory: Memory,
    sealer: Sealer,
    /// The records of the log, and how many of the first of them are applied.
    changes: Vec<Change>,
    /// The last file of the log and the number of its whole frames.
    end: Option<(Position, usize)>,
    /// Whether memtables were closed.
    has_job: bool,
    /// Whether sealing failed.
    has_failed: bool,
}

/// What has become of an attempt to open a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "it exists only for a moment")]
pub(super) enum Opened {
    /// There is more to do.
    NotYet(Box<Opening>),
    /// Something is missing or damaged.
    Refused,
    /// The store is open. The changes are those in its log.
    Open { memory: Memory, sealer: Box<Sealer>, committer: Committer, changes: Vec<Change> },
}

/// The conditions of a start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) in_steps: bool,
    pub(super) small_memory: bool,
    pub(super) fault: Option<Fault>,
}

impl Opening {
    pub(super) fn new(setting: Setting) -> Opening {
        let mut operations = VecDeque::new();
        if setting.fault != Some(Fault::StartWithoutSync) {
            operations.push_back(Operation::SyncDir(Dir::Data));
        }
        Opening {
            operations,
            stage: Stage::Names,
            memory: Memory::new(),
            sealer: Sealer::new(Checkpoint::empty(), None),
            changes: Vec::new(),
            end: None,
            has_job: false,
            has_failed: false,
        }
    }

    /// Whether nothing was done yet.
    pub(super) fn has_not_begun(&self) -> bool {
        self.stage == Stage::Names && self.operations.len() == 1
    }

    /// Performs the next operation.
    pub(super) fn step(mut self: Box<Self>, disk: &mut Disk, known: &[Change], setting: Setting) -> Opened {
        if let Some(operation) = self.operations.pop_front() {
            let performed = disk.perform(&operation, false);
            if self.stage == Stage::Seal {
                let at = self.sealer.operations.pop_front();
                debug_assert_eq!(at.as_ref(), Some(&operation));
                let with = &mut surroundings(disk, &mut self.memory, setting);
                match performed {
                    Ok(()) if self.sealer.operations.is_empty() => self.sealer.stage_ended(with),
                    Ok(()) => {}
                    Err(failure) => self.sealer.failed(&operation, failure, with),
                }
                self.operations.clone_from(&self.sealer.operations);
            } else if performed.is_err() {
                return Opened::Refused;
            }
        }
        self.go_on(disk, known, setting)
    }

    fn go_on(mut self: Box<Self>, disk: &Disk, known: &[Change], setting: Setting) -> Opened {
        while self.operations.is_empty() {
            match self.stage {
                Stage::Names => {
                    let Some(is_damaged) = self.choose(disk) else { return Opened::Refused };
                    self.stage = Stage::SetAside;
                    if is_damaged {
                        let damaged = (File::Checkpoint.named(), File::Damaged.named());
                        self.operations
                            .extend([Operation::Rename(damaged.0, damaged.1), Operation::SyncDir(Dir::Data)]);
                    }
                }
                Stage::SetAside => {
                    let is_unfinished = |name: &Name| name.file.dir() == Dir::Log && name.is_temporary;
                    self.operations.extend(disk.names().filter(is_unfinished).map(Operation::Remove));
                    if setting.fault != Some(Fault::StartWithoutSync) {
                        self.operations.push_back(Operation::SyncDir(Dir::Log));
                    }
                    self.stage = Stage::Log;
                }
                Stage::Log => {
                    let Some(scan) = scan(disk, self.memory.position) else { return Opened::Refused };
                    // The checkpoint covers those before.
                    self.changes = known[..usize::from(self.memory.position) - 1].to_vec();
                    self.changes.extend(scan.changes);
                    self.end = scan.end;
                    self.stage = Stage::Seal;
                    self.replay(disk, setting);
                }
                Stage::Seal => {
                    // The rest of what could not be sealed stays in memory.
                    self.has_failed |= self.sealer.is_waiting();
                    if !self.has_failed {
                        self.sealer.close(&mut self.memory, &self.changes);
                    }
                    self.replay(disk, setting);
                }
                Stage::End => {
                    let names: Vec<Name> = disk.names().collect();
                    self.operations.extend(self.sealer.unlisted(&names).into_iter().map(Operation::Remove));
                    self.stage = Stage::Unlisted;
                }
                Stage::Unlisted => return self.opened(setting),
            }
        }
        Opened::NotYet(self)
    }

    /// Chooses the newest generation that is complete. Returns `None` if there is none, and otherwise whether the newest
    /// checkpoint is damaged.
    fn choose(&mut self, disk: &Disk) -> Option<bool> {
        let log = disk.names().filter_map(log_first).min();
        let mut is_damaged = false;
        for file in [File::Checkpoint, File::Previous] {
            let Some(content) = disk.read(file) else { continue };
            let is_loaded = match content {
                Content::Checkpoint(checkpoint)
                    if is_damaged && log.is_none_or(|first| first > checkpoint.position) =>
                {
                    break;
                }
                Content::Checkpoint(checkpoint) => self.load(disk, checkpoint),
                _ => false,
            };
            if is_loaded && let Content::Checkpoint(checkpoint) = content {
                let previous = match disk.read(File::Previous) {
                    Some(Content::Checkpoint(previous)) if file == File::Checkpoint => Some(previous.clone()),
                    _ => (log == Some(1)).then(Checkpoint::empty),
                };
                self.sealer = Sealer::new(checkpoint.clone(), previous.as_ref());
                let is_right = log.is_some() && (checkpoint.position > 1 || log == Some(1));
                return is_right.then_some(is_damaged);
            }
            is_damaged = true;
        }
        let has_values = disk.names().any(|name| matches!(name.file, File::Segment(_) | File::Series(_)));
        let is_right = log == Some(1) || (log.is_none() && !is_damaged && !has_values);
        is_right.then_some(is_damaged && disk.read(File::Checkpoint).is_some())
    }

    /// Loads the state as of a checkpoint. Returns whether all files that it lists are there.
    fn load(&mut self, disk: &Disk, checkpoint: &Checkpoint) -> bool {
        let mut memory = Memory { position: checkpoint.position, ..Memory::new() };
        for file in &checkpoint.series {
            match disk.read(File::Series(file.number)) {
                Some(Content::Series(found)) => memory.knows(found.first, found.end),
                _ => return false,
            }
        }
        for (shard, listed) in memory.shards.iter_mut().zip(&checkpoint.shards) {
            let segment = |number: &u8| -> Option<Segment> {
                match disk.read(File::Segment(*number)) {
                    Some(Content::Segment(segment)) => Some(*segment),
                    _ => None,
                }
            };
            let Some(segments) = listed.segments.iter().map(segment).collect() else { return false };
            let exists = listed.exists;
            *shard = ShardState { exists, segments, tombstones: listed.tombstones, ..ShardState::default() };
        }
        self.memory = memory;
        true
    }

    /// Applies records until memtables have to be sealed, or to the end.
    fn replay(&mut self, disk: &Disk, setting: Setting) {
        while let Some(change) = self.changes.get(usize::from(self.memory.position) - 1) {
            self.memory.apply(*change, setting.fault == Some(Fault::ApplyCovered));
            if !setting.small_memory || !self.memory.is_filled || self.has_failed {
                continue;
            }
            if self.has_job {
                let with = &mut surroundings(disk, &mut self.memory, setting);
                self.sealer.begin(with);
                self.operations.clone_from(&self.sealer.operations);
                if !self.operations.is_empty() {
                    return;
                }
            }
            self.sealer.close(&mut self.memory, &self.changes);
            self.has_job = true;
        }
        self.stage = Stage::End;
        self.operations.extend(match self.end {
            Some(_) if setting.fault == Some(Fault::KeepTornEnd) => Vec::new(),
            Some((first, frames)) => vec![Operation::Cut(File::Log(first).named(), frames)],
            None => {
                let header = written(File::Log(1), Content::Log(Vec::new()), true, true);
                header.chain([Operation::SyncDir(Dir::Log)]).collect()
            }
        });
    }

    fn opened(self: Box<Self>, setting: Setting) -> Opened {
        let Opening { memory, sealer, changes, end, .. } = *self;
        if memory.shards.iter().any(|shard| shard.is_sealed_past(memory.position)) {
            return Opened::Refused;
        }
        let (first, frames) = end.unwrap_or((1, 0));
        let mut committer = Committer::new(first, frames);
        committer.wants_seal = setting.small_memory && memory.is_filled;
        Opened::Open { memory, sealer: Box::new(sealer), committer, changes }
    }
}

fn surroundings<'s>(disk: &'s Disk, memory: &'s mut Memory, setting: Setting) -> Surroundings<'s> {
    Surroundings { disk, memory, in_steps: setting.in_steps, fault: setting.fault }
}

/// What can be read of a log.
struct Scan {
    /// The records from the given position on.
    changes: Vec<Change>,
    end: Option<(Position, usize)>,
}

/// Reads the log from a position on. `None` if something is missing or damaged.
fn scan(disk: &Disk, from: Position) -> Option<Scan> {
    let firsts: Vec<Position> = disk.names().filter_map(log_first).collect();
    let needed = firsts.partition_point(|first| *first <= from).saturating_sub(1);
    let mut scan = Scan { changes: Vec::new(), end: None };
    let mut next = from;
    for (nth, &first) in firsts[needed..].iter().enumerate() {
        let Some(Content::Log(frames)) = disk.read(File::Log(first)) else { return None };
        if (nth == 0 && first > next) || (nth > 0 && first != next) {
            return None;
        }
        next = first;
        let whole = frames.iter().position(|frame| *frame == Frame::Torn).unwrap_or(frames.len());
        let is_last = needed + nth + 1 == firsts.len();
        let is_damaged = frames[whole..].iter().any(|frame| *frame != Frame::Torn);
        if is_damaged || (whole < frames.len() && !is_last) {
            return None;
        }
        for frame in &frames[..whole] {
            let Frame::Whole(changes) = frame else { continue };
            for change in changes {
                if next >= from {
                    scan.changes.push(*change);
                }
                next += 1;
            }
        }
        scan.end = Some((first, whole));
    }
    (next >= from && (scan.end.is_some() || from == 1)).then_some(scan)
}

/// How many changes a start finds after a power cut that keeps as little as possible; `None` if there is no start then.
pub(super) fn found_at_worst(disk: &Disk) -> Option<usize> {
    let disk = disk.worst_case();
    let mut opening = Opening::new(Setting { in_steps: false, small_memory: false, fault: None });
    opening.choose(&disk)?;
    let scan = scan(&disk, opening.memory.position)?;
    Some(usize::from(opening.memory.position) - 1 + scan.changes.len())
}

/// Whether the newest checkpoint, if there is one, can be used.
pub(super) fn is_newest_complete(disk: &Disk) -> bool {
    let mut opening = Opening::new(Setting { in_steps: false, small_memory: false, fault: None });
    match disk.read(File::Checkpoint) {
        None => true,
        Some(Content::Checkpoint(checkpoint)) => opening.load(disk, checkpoint),
        Some(_) => false,
    }
}
