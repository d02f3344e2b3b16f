//! The committer of the model: it writes changes to the log, then makes them visible and acknowledges them, and closes memtables
//! for the sealer between two groups.

use std::collections::VecDeque;

use super::contents::{Change, Frame, Memory, Position};
use super::disk::{Content, Dir, Failure, File, Operation};
use super::fault::Fault;
use super::sealing::{Sealer, written};

/// Whether changes are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// They are.
    Writable,
    /// Not until there is space for the log.
    DiskFull,
    /// Not until the next start.
    ReadOnly,
}

/// What the operations at hand are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Idle,
    /// Writes a frame with the next so many changes.
    Frame(usize),
    /// Cuts off what a failure left of a frame.
    Cut(Failure),
    /// Starts a log file.
    Rotate,
    /// Removes the log file that could not be started.
    Abandon,
}

/// The committer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Committer {
    /// The remaining operations of the stage.
    pub(super) operations: VecDeque<Operation>,
    stage: Stage,
    /// Changes that wait for the frame that is being written.
    pub(super) queue: Vec<Change>,
    /// The current log file, and the number of its frames.
    log: Position,
    pub(super) frames: usize,
    /// Whether changes are accepted.
    pub mode: Mode,
    /// Whether everything is to be sealed as soon as the sealer is free.
    pub wants_seal: bool,
}

/// What the committer works with.
pub(super) struct Work<'w> {
    pub(super) memory: &'w mut Memory,
    pub(super) sealer: &'w mut Sealer,
    /// All changes that were passed to the log.
    pub(super) changes: &'w mut Vec<Change>,
    pub(super) acknowledged: &'w mut usize,
    pub(super) small_memory: bool,
    pub(super) fault: Option<Fault>,
}

impl Committer {
    pub(super) fn new(log: Position, frames: usize) -> Committer {
        Committer {
            operations: VecDeque::new(),
            stage: Stage::Idle,
            queue: Vec::new(),
            log,
            frames,
            mode: Mode::Writable,
            wants_seal: false,
        }
    }

    /// Whether nothing is being written.
    pub fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// Whether nothing of the next frame is written yet.
    pub(super) fn is_between_attempts(&self) -> bool {
        self.is_idle() || matches!(self.operations.front(), Some(Operation::Append(..) | Operation::Create(_)))
    }

    /// The log file that is being written.
    pub(super) fn log(&self) -> File {
        File::Log(self.log)
    }

    /// Begins what is to be done next. Returns whether memtables are to be closed now.
    pub(super) fn go_on(&mut self, work: &mut Work<'_>) -> bool {
        if self.stage != Stage::Idle || self.mode == Mode::ReadOnly {
            return false;
        }
        if self.wants_seal && work.sealer.is_idle() {
            self.wants_seal = false;
            if self.frames == 0 {
                return true;
            }
            let file = File::Log(work.memory.position);
            let header = Content::Log(Vec::new());
            if work.fault == Some(Fault::LogWithoutTemporary) {
                self.operations.extend([
                    Operation::Create(file.named()),
                    Operation::Write(file.named(), header),
                    Operation::Sync(file.named()),
                ]);
            } else {
                self.operations.extend(written(file, header, true, true));
            }
            self.operations.push_back(Operation::SyncDir(Dir::Log));
            self.stage = Stage::Rotate;
            return false;
        }
        let held = work.changes.len() + 1 - usize::from(work.memory.position);
        if held > 0 || !self.queue.is_empty() {
            self.write_frame(work);
        }
        false
    }

    /// Writes everything that waits as one frame.
    fn write_frame(&mut self, work: &mut Work<'_>) {
        work.changes.append(&mut self.queue);
        let group = work.changes[usize::from(work.memory.position) - 1..].to_vec();
        let name = self.log().named();
        self.stage = Stage::Frame(group.len());
        let frames =
            if work.fault == Some(Fault::TwoFramesAtOnce) { group.chunks(1) } else { group.chunks(group.len()) };
        self.operations.extend(frames.map(|frame| Operation::Append(name, Frame::Whole(frame.to_vec()))));
        self.operations.push_back(Operation::Sync(name));
    }

    /// An operation has succeeded. Returns whether memtables are to be closed now.
    pub(super) fn succeeded(&mut self, operation: &Operation, work: &mut Work<'_>) -> bool {
        if work.fault == Some(Fault::AcknowledgeBeforeSync)
            && let (Stage::Frame(count), Operation::Append(..)) = (self.stage, operation)
        {
            self.acknowledge(count, work);
            self.stage = Stage::Frame(0);
        }
        if !self.operations.is_empty() {
            return false;
        }
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => {}
            Stage::Frame(count) => {
                self.frames += if work.fault == Some(Fault::TwoFramesAtOnce) { count } else { 1 };
                self.mode = Mode::Writable;
                self.acknowledge(count, work);
            }
            Stage::Cut(failure) => self.give_up(failure, work),
            Stage::Rotate => {
                (self.log, self.frames) = (work.memory.position, 0);
                return true;
            }
            Stage::Abandon => return true,
        }
        self.go_on(work)
    }

    /// An operation has failed. Returns whether memtables are to be closed now.
    pub(super) fn failed(&mut self, operation: &Operation, failure: Failure, work: &mut Work<'_>) -> bool {
        let rest = std::mem::take(&mut self.operations);
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Frame(count) => match work.fault {
                Some(Fault::LeaveUnfinishedFrame) if failure == Failure::NoSpace => {
                    self.give_up(failure, work);
                }
                Some(Fault::GoOnAfterFailedSync) => {
                    self.frames += 1;
                    self.acknowledge(count, work);
                }
                _ => {
                    self.operations.push_back(Operation::Cut(self.log().named(), self.frames));
                    self.stage = Stage::Cut(failure);
                    return false;
                }
            },
            Stage::Rotate => match operation {
                // The old file is continued.
                Operation::Create(_) => return true,
                Operation::Write(name, _) | Operation::Sync(name) if !rest.is_empty() => {
                    self.operations.push_back(Operation::Remove(*name));
                    self.stage = Stage::Abandon;
                    return false;
                }
                _ => self.mode = Mode::ReadOnly,
            },
            Stage::Abandon => return true,
            Stage::Idle | Stage::Cut(..) => self.mode = Mode::ReadOnly,
        }
        self.go_on(work)
    }

    fn acknowledge(&mut self, count: usize, work: &mut Work<'_>) {
        for _ in 0..count {
            let change = work.changes[usize::from(work.memory.position) - 1];
            work.memory.apply(change, false);
        }
        *work.acknowledged = usize::from(work.memory.position) - 1;
        self.wants_seal |= work.small_memory && work.memory.is_filled;
    }

    fn give_up(&mut self, failure: Failure, work: &mut Work<'_>) {
        if failure == Failure::NoSpace && work.fault != Some(Fault::ReadOnlyWhenFull) {
            // Sealing may free more than it needs.
            let is_free = work.sealer.is_idle() && work.sealer.is_unsettled();
            self.wants_seal |= self.mode == Mode::Writable || is_free;
            self.mode = Mode::DiskFull;
        } else {
            self.mode = Mode::ReadOnly;
            self.queue.clear();
        }
    }
}
