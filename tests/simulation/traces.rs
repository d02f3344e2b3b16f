//! Traces of the model of durability (`fluxstone_spec::durability`), replayed on the real storage: after each action the committer
//! and the sealer must be about to perform the operation of the disk that the model says, and after each power cut the store
//! must do what the model does to open, and hold what the model holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fluxstone::columns::{Column, SeriesPredicate};
use fluxstone::model::{DatabaseId, ShardId, TimeRange, Timestamp};
use fluxstone::storage::disk::Disk;
use fluxstone::storage::memory_disk::{Failure, MemoryDisk, Shortage};
use fluxstone::storage::{self, Commit, StorageError, Store, StoreOptions};
use fluxstone_spec::durability::committer::Mode;
use fluxstone_spec::durability::contents::{Change, SHARDS, Values};
use fluxstone_spec::durability::disk::{Dir, File, Name, Operation, Survival};
use fluxstone_spec::durability::{Action, Bounds, Clause, Durability, Fault, Phase, State, Thread};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::gate::{GatedDisk, PATIENCE, Performed};
use crate::machine::DATA_DIR;
use crate::report;

const LOG_DIR: &str = "/wal";
const DATABASE: DatabaseId = DatabaseId(1);
/// A deletion is up to here; a write has a value before it, and others after it.
const DELETABLE: i64 = 100;
const KEPT: i64 = 1000;
/// The most power cuts of a walk, not counting those on copies.
const CRASHES: u8 = 4;

fn path(name: Name) -> PathBuf {
    let dir = if name.file.dir() == Dir::Data { DATA_DIR } else { LOG_DIR };
    let stem = match name.file {
        File::Checkpoint => "checkpoint".to_owned(),
        File::Previous => "checkpoint-previous".to_owned(),
        File::Damaged => "checkpoint.damaged".to_owned(),
        File::Segment(number) => format!("segment-{number:020}"),
        File::Series(number) => format!("series-{number:020}"),
        File::Log(first) => format!("log-{first:020}"),
    };
    Path::new(dir).join(if name.is_temporary { format!("{stem}.tmp") } else { stem })
}

fn performed(operation: &Operation) -> Performed {
    match operation {
        Operation::Create(name) => Performed::Create(path(*name)),
        Operation::Write(name, _) | Operation::Append(name, _) => Performed::Write(path(*name)),
        Operation::Sync(name) => Performed::Sync(path(*name)),
        Operation::Rename(from, to) => Performed::Rename(path(*from), path(*to)),
        Operation::Remove(name) => Performed::Remove(path(*name)),
        Operation::Cut(name, _) => Performed::Cut(path(*name)),
        Operation::SyncDir(Dir::Data) => Performed::SyncDir(DATA_DIR.into()),
        Operation::SyncDir(Dir::Log) => Performed::SyncDir(LOG_DIR.into()),
    }
}

fn stored(mode: Mode) -> storage::Mode {
    match mode {
        Mode::Writable => storage::Mode::Writable,
        Mode::DiskFull => storage::Mode::DiskFull,
        Mode::ReadOnly => storage::Mode::ReadOnly,
    }
}

/// What of the disk survives.
fn crash(disk: &MemoryDisk, state: &State, survival: Survival) -> MemoryDisk {
    let mut kept: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for (nth, name) in state.disk.unsynced(survival.names).into_iter().enumerate() {
        *kept.entry(path(name)).or_insert(true) &= survival.bytes & (1 << nth) != 0;
    }
    disk.crash_keeping(&|nth| survival.names & (1 << nth) != 0, &mut |path| kept.get(path).copied().unwrap_or(true))
}

/// The real store, next to a state of the model.
struct Replay {
    model: Durability,
    state: State,
    disk: GatedDisk,
    store: Option<Arc<Store>>,
    /// The value that the write at each position has: each change has another number.
    numbers: Vec<u64>,
    next_number: u64,
    /// The changes that are not acknowledged, with their positions.
    commits: Vec<(usize, Commit)>,
    checkpoint: Option<JoinHandle<Result<(), StorageError>>>,
    trace: Vec<Action>,
}

impl Replay {
    fn options(&self) -> StoreOptions {
        StoreOptions {
            data_dir: DATA_DIR.into(),
            log_dir: LOG_DIR.into(),
            memtable_bytes_max: if self.model.small_memory { 1 } else { 1 << 30 },
            seal_step: if self.model.in_steps { Duration::ZERO } else { Duration::from_hours(1) },
            seal_idle_after: Duration::from_hours(1),
            ..StoreOptions::in_directory(Path::new("/"))
        }
    }

    fn new(model: Durability) -> Replay {
        let mut replay = Replay {
            model,
            state: model.start(),
            disk: GatedDisk::new(MemoryDisk::default()),
            store: None,
            numbers: Vec::new(),
            next_number: 0,
            commits: Vec::new(),
            checkpoint: None,
            trace: Vec::new(),
        };
        replay.open();
        replay
    }

    /// What the model does next, on both.
    fn act(&mut self, action: Action) {
        self.trace.push(action);
        let next = self.model.after(&self.state, action);
        match action {
            Action::Change(change) => self.change(change),
            Action::Seal => {
                let store = self.store.clone().expect("it is open");
                self.checkpoint = Some(std::thread::spawn(move || store.checkpoint(&|| Ok(Vec::new()))));
            }
            Action::Retry => {}
            Action::Step(thread) => self.disk.step(thread),
            Action::Fail(thread) => {
                self.disk.disk.fail_after(0, Failure::Once);
                self.disk.step(thread);
            }
            Action::Space(dir, is_there) => {
                let dir = if dir == Dir::Data { DATA_DIR } else { LOG_DIR };
                self.disk.disk.set_shortage(Path::new(dir), (!is_there).then_some(Shortage::DiskFull));
            }
            Action::Crash(survival) => {
                let after = crash(&self.disk.disk, &self.state, survival);
                self.abandon();
                self.disk = GatedDisk::new(after);
            }
            Action::Stop => {
                let after = self.disk.disk.after_stop();
                self.abandon();
                self.disk = GatedDisk::new(after);
            }
            Action::Damage => self.disk.disk.damage(&path(File::Checkpoint.named()), |bytes| bytes[9] ^= 1),
        }
        self.state = next;
        self.agree();
    }

    fn change(&mut self, change: Change) {
        let store = self.store.as_ref().expect("it is open");
        let mut transaction = store.begin().expect("the model says that it is writable");
        self.next_number += 1;
        self.numbers.push(self.next_number);
        let (position, number) = (self.numbers.len(), self.next_number);
        match change {
            Change::Write(shard) => {
                let kept = KEPT + position as i64;
                let lines = format!(
                    "m,s={shard} v={number}i {position}\nm,s={shard} v={number}i {kept}\nn,k={position} v={number}i {KEPT}\n"
                );
                let shard = ShardId(u64::from(shard) + 1);
                crate::machine::write(&mut transaction, DATABASE, shard, &lines).expect("it has memory");
            }
            Change::Delete(shard) => {
                let source = store.snapshot(DATABASE, &[]);
                let mut series = source.series(b"m", &SeriesPredicate::All);
                series.retain(|series| series.key.raw == *format!("m,s={shard}"));
                let series: Vec<_> = series.iter().map(|series| series.id).collect();
                let range = TimeRange { min: Timestamp(0), max: Timestamp(DELETABLE) };
                transaction.delete(DATABASE, &[ShardId(u64::from(shard) + 1)], &series, range);
            }
        }
        self.commits.push((position, transaction.commit()));
    }

    /// Opens the store, and performs the operations of the model.
    fn open(&mut self) {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let error = match Store::open_on(&disk, self.options(), &mut |_| Ok(())) {
            Ok(store) => {
                self.store = Some(Arc::new(store));
                None
            }
            Err(error) => Some(error),
        };
        let mut expected = Vec::new();
        while let Phase::Opening(_) = self.state.phase {
            expected.extend(Durability::next_operation(&self.state, Thread::Opener).map(performed));
            self.state = self.model.after(&self.state, Action::Step(Thread::Opener));
        }
        assert_eq!(
            self.disk.opening(),
            expected,
            "the operations of a start, then those of the model: {:?}",
            self.trace
        );
        let is_open = matches!(self.state.phase, Phase::Running(_));
        assert_eq!(self.store.is_some(), is_open, "{error:?}: {:?}", self.trace);
        self.numbers.truncate(self.state.changes.len());
        self.agree();
    }

    /// Ends the store without anything more happening to the disk that is compared.
    fn abandon(&mut self) {
        self.disk.disk.fail_after(0, Failure::All);
        self.disk.open_gate();
        self.commits.clear();
        if let Some(checkpoint) = self.checkpoint.take() {
            let _ = checkpoint.join();
        }
        self.store = None;
    }

    /// Checks that the store is where the model is.
    fn agree(&mut self) {
        let Phase::Running(running) = &self.state.phase else { return };
        let Some(store) = &self.store else { return };
        for clause in Clause::ALL {
            assert!(self.model.keeps(&self.state, clause), "{clause:?}: {:?}", self.trace);
        }
        let acknowledged = self.state.acknowledged;
        let mode = running.committer.mode;
        // A change that was held while the disk was full was answered then: only the mode shows that it is visible now.
        let patience = Instant::now() + PATIENCE;
        while store.health().mode != stored(mode) {
            assert!(Instant::now() < patience, "{:?}, then {mode:?}: {:?}", store.health(), self.trace);
            std::thread::yield_now();
        }
        let is_writable = mode == Mode::Writable;
        for (position, commit) in std::mem::take(&mut self.commits) {
            if position <= acknowledged {
                commit.wait().unwrap_or_else(|error| panic!("not acknowledged: {error}: {:?}", self.trace));
            } else if !is_writable {
                commit.wait().expect_err("nothing is acknowledged now");
            } else {
                self.commits.push((position, commit));
            }
        }
        if running.sealer.is_idle() || running.sealer.is_waiting() {
            let is_requested = running.committer.wants_seal || !running.committer.is_idle();
            if let Some(checkpoint) = self.checkpoint.take_if(|_| !is_requested || running.sealer.is_waiting()) {
                let result = checkpoint.join().expect("it does not panic");
                let is_done = result.is_ok() && running.sealer.is_idle();
                assert!(is_done || running.sealer.is_waiting() || !is_writable, "{result:?}: {:?}", self.trace);
            }
        }
        for thread in [Thread::Committer, Thread::Sealer] {
            if let Some(operation) = Durability::next_operation(&self.state, thread) {
                let found = self.disk.next(thread);
                assert_eq!(found, performed(operation), "the {thread:?}, then that of the model: {:?}", self.trace);
            }
        }
        assert_eq!(self.values(store), running.memory.values().map(Some), "store, then model: {:?}", self.trace);
    }

    /// What queries find in each shard; `None` if it is only a part of a write.
    fn values(&self, store: &Store) -> [Option<Values>; SHARDS] {
        [0, 1].map(|shard| {
            let source = store.snapshot(DATABASE, &[(ShardId(shard + 1), TimeRange::ALL)]);
            let (mut kept, mut values) = (Values::default(), Values::default());
            for measurement in [&b"m"[..], b"n"] {
                for series in source.series(measurement, &SeriesPredicate::All) {
                    for block in source.blocks(series.id, b"v", TimeRange::ALL) {
                        let batch = block.decode().expect("what was written can be read");
                        let Column::Integer(integers) = &batch.values else { panic!("integers were written") };
                        for (time, number) in batch.times.iter().zip(integers) {
                            let key = String::from_utf8_lossy(&series.key.raw).into_owned();
                            let position = match (*time, key.strip_prefix("n,k=")) {
                                (_, Some(position)) => position.parse().expect("a position"),
                                (time, None) => (time % KEPT) as u8,
                            };
                            if self.numbers.get(usize::from(position) - 1) != Some(&(*number as u64)) {
                                return None;
                            }
                            match (*time, measurement) {
                                (_, b"n") => values.written.insert(position),
                                (time, _) if time <= DELETABLE => values.deletable.insert(position),
                                _ => kept.written.insert(position),
                            }
                        }
                    }
                }
            }
            (kept.written == values.written).then_some(values)
        })
    }

    /// Cuts the power on a copy, perhaps once more while that starts, and opens it.
    fn try_power_cut(&self, random: &mut StdRng, count: &mut Counts) {
        let mut trace = self.trace.clone();
        let first = survival(&self.state, random);
        trace.push(Action::Crash(first));
        let mut disk = crash(&self.disk.disk, &self.state, first);
        let mut state = self.model.after(&self.state, Action::Crash(first));
        count.power_cuts += 1;
        let operations = random.random_range(0..16);
        if let Some((later, steps)) = self.during_start(&state, operations) {
            disk.fail_after(operations, Failure::All);
            let gated = GatedDisk::new(disk.clone());
            let opened = Store::open_on(&(Arc::new(gated) as Arc<dyn Disk>), self.options(), &mut |_| Ok(()));
            assert!(opened.is_err(), "the start did more than in the model: {trace:?}");
            let second = survival(&later, random);
            trace.extend(steps);
            trace.push(Action::Crash(second));
            disk = crash(&disk, &later, second);
            state = self.model.after(&later, Action::Crash(second));
            count.power_cuts += 1;
        }
        let (numbers, disk) = (self.numbers.clone(), GatedDisk::new(disk));
        let mut after = Replay {
            model: self.model,
            state,
            disk,
            store: None,
            numbers,
            next_number: 0,
            commits: Vec::new(),
            checkpoint: None,
            trace,
        };
        after.open();
    }

    /// The state after so many operations of a start, unless it ends before.
    fn during_start(&self, state: &State, operations: u64) -> Option<(State, Vec<Action>)> {
        let (mut state, mut steps, mut left) = (state.clone(), Vec::new(), operations);
        while left > 0 && matches!(state.phase, Phase::Opening(_)) {
            left -= u64::from(Durability::next_operation(&state, Thread::Opener).is_some());
            state = self.model.after(&state, Action::Step(Thread::Opener));
            steps.push(Action::Step(Thread::Opener));
        }
        Durability::next_operation(&state, Thread::Opener)?;
        matches!(state.phase, Phase::Opening(_)).then_some((state, steps))
    }
}

/// If the two do not agree, the threads of storage still wait at the gate.
impl Drop for Replay {
    fn drop(&mut self) {
        self.abandon();
    }
}

#[derive(Default)]
struct Counts {
    actions: u64,
    power_cuts: u64,
}

fn survival(state: &State, random: &mut StdRng) -> Survival {
    let names = random.random_range(0..1_u32 << state.disk.pending_names());
    let bytes = random.random_range(0..1_u32 << state.disk.unsynced(names).len());
    Survival { names, bytes }
}

/// Walks through the model at random, with a fixed seed, and the store with it.
fn walk(model: Durability, seed: u64, count: &mut Counts) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut replay = Replay::new(model);
    let mut crashes = CRASHES;
    loop {
        let mut actions = Vec::new();
        replay.model.possible(&replay.state, &mut actions);
        actions.retain(|action| !matches!(action, Action::Crash(_)));
        let is_crash = actions.is_empty() || random.random_ratio(1, 30);
        let action = match actions.choose(&mut random) {
            _ if is_crash && crashes > 0 => {
                crashes -= 1;
                Action::Crash(survival(&replay.state, &mut random))
            }
            Some(action) => *action,
            None => break,
        };
        count.actions += 1;
        replay.act(action);
        if matches!(replay.state.phase, Phase::Opening(_)) {
            if replay.model.can_damage(&replay.state) && random.random() {
                replay.act(Action::Damage);
            }
            replay.open();
        } else {
            replay.try_power_cut(&mut random, count);
        }
    }
}

fn replay(name: &str, walks: u64, model: Durability) {
    let began = Instant::now();
    let mut count = Counts::default();
    for seed in 0..walks {
        walk(model, seed, &mut count);
    }
    let Counts { actions, power_cuts } = count;
    report(&format!("traces: {name}: {actions} actions and {power_cuts} power cuts in {:.1?}", began.elapsed()));
}

const MANY: Bounds = Bounds {
    changes: 8,
    deletions: 0,
    waiting: 0,
    seals: 4,
    retries: 0,
    crashes: 200,
    stops: 1,
    damages: 1,
    shortages: 0,
    failures: 0,
};

// spec: storage.durability.1, storage.durability.2, storage.durability.3, storage.durability.6, storage.checkpoint.4
#[test]
fn commits_and_checkpoints_are_those_of_the_model() {
    let model = |bounds| Durability { bounds, in_steps: false, small_memory: false, fault: None };
    replay("groups", 12, model(Bounds { waiting: 2, ..MANY }));
    replay("deletions", 12, model(Bounds { deletions: 2, ..MANY }));
}

// spec: storage.durability.1, storage.durability.2, storage.checkpoint.8
#[test]
fn sealing_in_steps_is_that_of_the_model() {
    let bounds = Bounds { deletions: 3, ..MANY };
    replay("steps", 16, Durability { bounds, in_steps: true, small_memory: false, fault: None });
}

// spec: storage.durability.1, storage.durability.3
#[test]
fn replay_that_seals_is_that_of_the_model() {
    let bounds = Bounds { changes: 6, seals: 0, ..MANY };
    replay("replay", 16, Durability { bounds, in_steps: false, small_memory: true, fault: None });
}

// spec: storage.durability.4, storage.durability.7
#[test]
fn failures_cost_what_they_cost_in_the_model() {
    let bounds = Bounds { failures: 1, retries: 1, damages: 0, ..MANY };
    replay("failures", 12, Durability { bounds, in_steps: false, small_memory: false, fault: None });
}

// spec: storage.durability.7, storage.durability.12, storage.checkpoint.5
#[test]
fn a_full_disk_costs_what_it_costs_in_the_model() {
    let bounds = Bounds { shortages: 1, retries: 1, ..MANY };
    replay("full", 12, Durability { bounds, in_steps: false, small_memory: false, fault: None });
}

#[test]
#[should_panic(expected = "then that of the model")]
fn a_model_without_a_rule_does_not_agree_with_the_storage() {
    let fault = Some(Fault::ListBeforeNames);
    replay("broken", 12, Durability { bounds: MANY, in_steps: false, small_memory: false, fault });
}
