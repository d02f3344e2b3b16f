//! The order of the durable steps of storage, as a state machine: small enough that a model checker tries every order of steps, with
//! a crash between any two of them, and every choice of what a crash keeps.
//!
//! A step is one operation of the disk ([`disk`]). The committer ([`committer`]) appends frames to the log, syncs it, and then
//! acknowledges; the sealer ([`sealing`]) moves values to segment files, writes the checkpoint and removes what is not needed;
//! the start ([`opening`]) chooses a checkpoint and replays the log, which may seal, too. A state is what is on the disk and what
//! the server knows ([`contents`]); an action is the next operation of one of the three, or something that clients or the world do.
//!
//! `verdict` tells which clauses a state breaks. The tests of this module check that no reachable state breaks any, and
//! that each of the rules of order matters: a model with one [`Fault`] has states that do. The simulation (`tests/simulation`)
//! replays actions of the model on the real storage, operation by operation, so that model and code cannot drift apart.
//!
//! What the model leaves out: the contents of files beyond two values of a write, the removal of series, damage of other files than the
//! newest checkpoint, and repair.

pub mod committer;
pub mod contents;
pub mod disk;
mod fault;
pub mod opening;
pub mod sealing;
#[cfg(test)]
mod tests;
mod verdict;

pub use fault::Fault;
pub use verdict::Clause;

use committer::{Committer, Mode, Work};
use contents::{Change, Memory, Shard, expected};
use disk::{Dir, Disk, Failure, File, Operation, Survival};
use opening::{Opened, Opening, Setting};
use sealing::{Sealer, Surroundings};

/// How many of each may happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Changes by clients.
    pub changes: u8,
    /// How many of them are deletions.
    pub deletions: u8,
    /// How many changes wait for the frame that is being written.
    pub waiting: u8,
    /// Checkpoints that clients or a pause ask for.
    pub seals: u8,
    /// Further attempts at sealing after a failure.
    pub retries: u8,
    /// Power cuts.
    pub crashes: u8,
    /// Stops of the process, after which the system still writes what it was given.
    pub stops: u8,
    /// Damages of the newest checkpoint, each while the server is stopped.
    pub damages: u8,
    /// Times when the disk of a directory has no space.
    pub shortages: u8,
    /// Operations that fail for another reason.
    pub failures: u8,
}

/// The state machine.
#[derive(Debug, Clone, Copy)]
pub struct Durability {
    /// What may happen.
    pub bounds: Bounds,
    /// Whether sealing writes a checkpoint after each shard.
    pub in_steps: bool,
    /// Whether memtables are full with the first change, when a store is open and while it is opened.
    pub small_memory: bool,
    /// The rule that is broken.
    pub fault: Option<Fault>,
}

/// What the server does at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It starts.
    Opening(Box<Opening>),
    /// It is open.
    Running(Box<Running>),
    /// It did not start.
    Refused,
}

/// A server that is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Running {
    /// What queries see.
    pub memory: Memory,
    /// The sealer.
    pub sealer: Sealer,
    /// The committer.
    pub committer: Committer,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The disk.
    pub disk: Disk,
    /// What the server does.
    pub phase: Phase,
    /// The changes that were passed to the log, in order.
    pub changes: Vec<Change>,
    /// How many of the first of them are acknowledged.
    pub acknowledged: usize,
    /// What may still happen.
    left: Bounds,
    /// Whether a start found other changes than it must.
    lost: Option<Loss>,
    /// How many changes were acknowledged when the log failed.
    failed_at: Option<usize>,
    /// Whether there was no space for data since the first start.
    was_full: bool,
    /// Whether changes were accepted again after the disk of the log was full.
    has_recovered: bool,
}

/// What a start found to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Loss {
    /// An acknowledged change is missing.
    Acknowledged,
    /// A change is there in part.
    Partial,
}

/// A thread of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Thread {
    /// The one that opens the store.
    Opener,
    /// The committer.
    Committer,
    /// The sealer.
    Sealer,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client asks for a change.
    Change(Change),
    /// A client asks for a checkpoint, or no change has arrived for some time.
    Seal,
    /// The pause after a failed attempt at sealing is over.
    Retry,
    /// A thread performs its next operation.
    Step(Thread),
    /// The next operation of a thread fails, for another reason than a lack of space.
    Fail(Thread),
    /// The disk of a directory becomes full, or has space again.
    Space(Dir, bool),
    /// The power is cut.
    Crash(Survival),
    /// The process stops. What was written is there, but not durable.
    Stop,
    /// The newest checkpoint is damaged while the server is stopped.
    Damage,
}

impl Durability {
    fn setting(&self) -> Setting {
        let Durability { in_steps, small_memory, fault, .. } = *self;
        Setting { in_steps, small_memory, fault }
    }

    /// A disk without files, on which a store is created.
    pub fn start(&self) -> State {
        State {
            disk: Disk::default(),
            phase: Phase::Opening(Box::new(Opening::new(self.setting()))),
            changes: Vec::new(),
            acknowledged: 0,
            left: self.bounds,
            lost: None,
            failed_at: None,
            was_full: false,
            has_recovered: false,
        }
    }

    /// What can happen in a state.
    pub fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        match &state.phase {
            Phase::Refused => return,
            Phase::Opening(_) => {
                actions.push(Action::Step(Thread::Opener));
                if self.can_damage(state) {
                    actions.push(Action::Damage);
                }
            }
            Phase::Running(running) => self.possible_while_open(running, left, actions),
        }
        if left.shortages > 0 && matches!(state.phase, Phase::Running(_)) {
            actions.extend([Dir::Data, Dir::Log].map(|dir| Action::Space(dir, false)));
        }
        for dir in [Dir::Data, Dir::Log] {
            if state.disk.full[dir as usize] {
                actions.retain(|action| *action != Action::Space(dir, false));
                actions.push(Action::Space(dir, true));
            }
        }
        if left.stops > 0 {
            actions.push(Action::Stop);
        }
        if left.crashes > 0 {
            for names in 0..1 << state.disk.pending_names() {
                let unsynced = state.disk.unsynced(names).len();
                actions.extend((0..1 << unsynced).map(|bytes| Action::Crash(Survival { names, bytes })));
            }
        }
    }

    /// Whether the newest checkpoint can be damaged now. A lack of space may have cost the previous one; then it is not.
    pub fn can_damage(&self, state: &State) -> bool {
        let Phase::Opening(opening) = &state.phase else { return false };
        let has_way_back = state.disk.read(File::Previous).is_some() || !state.was_full;
        let has_newest = state.disk.read(File::Checkpoint).is_some();
        state.left.damages > 0 && opening.has_not_begun() && has_newest && has_way_back
    }

    fn possible_while_open(&self, running: &Running, left: &Bounds, actions: &mut Vec<Action>) {
        let Running { memory, sealer, committer } = running;
        let is_idle = committer.is_idle();
        if left.changes > 0 && committer.mode == Mode::Writable {
            if is_idle || (!self.small_memory && committer.queue.len() < usize::from(left.waiting)) {
                actions.extend([0, 1].map(|shard: Shard| Action::Change(Change::Write(shard))));
            }
            if left.deletions > 0 && is_idle && memory.shards[0].exists {
                actions.push(Action::Change(Change::Delete(0)));
            }
        }
        if left.seals > 0 && is_idle && committer.mode == Mode::Writable && sealer.is_idle() {
            actions.push(Action::Seal);
        }
        if left.retries > 0 && sealer.is_waiting() && committer.mode != Mode::ReadOnly {
            actions.push(Action::Retry);
        }
        let threads = [(Thread::Committer, &committer.operations), (Thread::Sealer, &sealer.operations)];
        for (thread, _) in threads.into_iter().filter(|(_, operations)| !operations.is_empty()) {
            actions.push(Action::Step(thread));
            if left.failures > 0 {
                actions.push(Action::Fail(thread));
            }
        }
    }

    /// The state after an action.
    #[must_use]
    pub fn after(&self, state: &State, action: Action) -> State {
        let mut next = state.clone();
        match action {
            Action::Change(change) => {
                next.left.changes -= 1;
                next.left.deletions -= u8::from(matches!(change, Change::Delete(_)));
                if let Phase::Running(running) = &mut next.phase {
                    running.committer.queue.push(change);
                }
                self.go_on(&mut next);
            }
            Action::Seal => {
                next.left.seals -= 1;
                if let Phase::Running(running) = &mut next.phase {
                    running.committer.wants_seal = true;
                }
                self.go_on(&mut next);
            }
            Action::Retry => {
                next.left.retries -= 1;
                let State { phase, disk, .. } = &mut next;
                if let Phase::Running(running) = phase {
                    let Running { memory, sealer, .. } = &mut **running;
                    sealer.begin(&mut self.surroundings(disk, memory));
                }
            }
            Action::Step(Thread::Opener) => self.open(&mut next),
            Action::Step(thread) => self.step(&mut next, thread, false),
            Action::Fail(thread) => {
                next.left.failures -= 1;
                self.step(&mut next, thread, true);
            }
            Action::Space(dir, is_there) => {
                next.left.shortages -= u8::from(!is_there);
                next.was_full |= dir == Dir::Data;
                next.disk.full[dir as usize] = !is_there;
            }
            Action::Crash(survival) => {
                next.left.crashes -= 1;
                next.disk = next.disk.crash(survival);
                self.stop(&mut next);
            }
            Action::Stop => {
                next.left.stops -= 1;
                self.stop(&mut next);
            }
            Action::Damage => {
                next.left.damages -= 1;
                next.disk.damage(File::Checkpoint);
            }
        }
        next
    }

    /// The operation that a thread performs next.
    pub fn next_operation(state: &State, thread: Thread) -> Option<&Operation> {
        match (&state.phase, thread) {
            (Phase::Opening(opening), Thread::Opener) => opening.operations.front(),
            (Phase::Running(running), Thread::Committer) => running.committer.operations.front(),
            (Phase::Running(running), Thread::Sealer) => running.sealer.operations.front(),
            _ => None,
        }
    }

    fn stop(&self, state: &mut State) {
        state.phase = Phase::Opening(Box::new(Opening::new(self.setting())));
        state.failed_at = None;
    }

    fn surroundings<'s>(&self, disk: &'s Disk, memory: &'s mut Memory) -> Surroundings<'s> {
        Surroundings { disk, memory, in_steps: self.in_steps, fault: self.fault }
    }

    /// A step of the start.
    fn open(&self, state: &mut State) {
        let Phase::Opening(opening) = std::mem::replace(&mut state.phase, Phase::Refused) else { return };
        match opening.step(&mut state.disk, &state.changes, self.setting()) {
            Opened::Refused => {}
            Opened::NotYet(opening) => state.phase = Phase::Opening(opening),
            Opened::Open { memory, sealer, committer, changes } => {
                let is_prefix = state.changes.starts_with(&changes);
                if !is_prefix || memory.values() != expected(&changes) {
                    state.lost = Some(Loss::Partial);
                }
                if changes.len() < state.acknowledged {
                    state.lost = Some(Loss::Acknowledged);
                }
                // Those that were found are visible from now on.
                state.acknowledged = changes.len();
                state.changes = changes;
                state.phase = Phase::Running(Box::new(Running { memory, sealer: *sealer, committer }));
                self.go_on(state);
            }
        }
    }

    /// A step of the committer or the sealer.
    fn step(&self, state: &mut State, thread: Thread, fails: bool) {
        let State { disk, phase: Phase::Running(running), changes, acknowledged, failed_at, has_recovered, .. } = state
        else {
            return;
        };
        let Running { memory, sealer, committer } = &mut **running;
        let operations = if thread == Thread::Sealer { &mut sealer.operations } else { &mut committer.operations };
        let Some(operation) = operations.pop_front() else { return };
        let performed = disk.perform(&operation, fails);
        if thread == Thread::Sealer {
            let with = &mut self.surroundings(disk, memory);
            match performed {
                Ok(()) if sealer.operations.is_empty() => sealer.stage_ended(with),
                Ok(()) => {}
                Err(failure) => sealer.failed(&operation, failure, with),
            }
        } else {
            let is_of_log =
                matches!(operation, Operation::Append(..) | Operation::Sync(disk::Name { is_temporary: false, .. }));
            if is_of_log && performed == Err(Failure::Io) {
                *failed_at = Some(*acknowledged);
            }
            let was_full = committer.mode == Mode::DiskFull;
            let (small_memory, fault) = (self.small_memory, self.fault);
            let work = &mut Work { memory, sealer, changes, acknowledged, small_memory, fault };
            let closes = match performed {
                Ok(()) => committer.succeeded(&operation, work),
                Err(failure) => committer.failed(&operation, failure, work),
            };
            *has_recovered |= was_full && committer.mode == Mode::Writable;
            if closes {
                self.close(disk, running, changes);
            }
        }
        self.go_on(state);
    }

    /// Lets idle threads begin what is to be done.
    fn go_on(&self, state: &mut State) {
        let State { disk, phase: Phase::Running(running), changes, acknowledged, .. } = state else { return };
        if running.sealer.has_unbegun_job() {
            let Running { memory, sealer, .. } = &mut **running;
            sealer.begin(&mut self.surroundings(disk, memory));
        }
        let (small_memory, fault) = (self.small_memory, self.fault);
        loop {
            let Running { memory, sealer, committer } = &mut **running;
            let closes = committer.go_on(&mut Work { memory, sealer, changes, acknowledged, small_memory, fault });
            if !closes {
                break;
            }
            self.close(disk, running, changes);
        }
    }

    /// Closes memtables and hands them to the sealer.
    fn close(&self, disk: &Disk, running: &mut Running, changes: &[Change]) {
        let Running { memory, sealer, .. } = running;
        sealer.close(memory, changes);
        sealer.begin(&mut self.surroundings(disk, memory));
    }
}
