//! The promises of storage under simulation: random histories of changes, seals, failing disks, power cuts and starts on a
//! disk in memory, compared with the executable semantics at every step.
//!
//! In addition to those that are steps of the history, power cuts are tried during and after every step, on copies of the
//! disk. After each one the store must open, hold everything that was acknowledged, and hold all or nothing of the change
//! in progress, and it must hold the same if the newest checkpoint is damaged. `PROPTEST_CASES` sets the number of histories.
//!
//! `traces` replays the model of durability of the specification, operation by operation.

mod gate;
mod history;
mod machine;
mod model;
mod traces;
mod writers;

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fluxstone::storage::StorageError;
use fluxstone::storage::memory_disk::{Failure, MemoryDisk, Shortage};
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use history::{Change, Event, Setup, Step};
use machine::{DATA_DIR, Machine, options};
use model::Model;

/// The number of histories if `PROPTEST_CASES` is not set.
const HISTORIES: u32 = 200;

/// A power cut is tried after every so many operations of the disk.
const IMAGE_EVERY: u64 = 3;

/// The newest checkpoint is damaged after one of so many power cuts.
const DAMAGE_EVERY: u64 = 4;

static COUNTS: Counts = Counts::new();

/// Numbers of simulated events, for the report.
struct Counts {
    histories: AtomicU64,
    steps: AtomicU64,
    power_cuts: AtomicU64,
    failures: AtomicU64,
    damages: AtomicU64,
}

impl Counts {
    const fn new() -> Self {
        Counts {
            histories: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            power_cuts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            damages: AtomicU64::new(0),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The configuration of a property, with `cases` cases if `PROPTEST_CASES` is not set.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 5_000, ..default }
}

/// Prints a line that is shown even if the test passes.
fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The choice of the next step does not depend on a state. The outcome of steps depends on where the disk failed, so the
/// model is kept together with the store.
struct Histories;

impl ReferenceStateMachine for Histories {
    type State = Setup;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Setup> {
        history::setup().boxed()
    }

    fn transitions(_: &Setup) -> BoxedStrategy<Step> {
        history::step().boxed()
    }

    fn apply(setup: Setup, _: &Step) -> Setup {
        setup
    }
}

/// A store, its disk, and its expected contents.
struct Simulation {
    setup: Setup,
    disk: MemoryDisk,
    machine: Option<Machine>,
    model: Model,
    /// Whether the disk of the data directory has ever been full.
    was_full: bool,
}

impl StateMachineTest for Simulation {
    type SystemUnderTest = Simulation;
    type Reference = Histories;

    fn init_test(setup: &Setup) -> Simulation {
        count(&COUNTS.histories);
        let disk = MemoryDisk::default();
        let machine = Machine::start(&disk, options(*setup)).expect("an empty disk");
        Simulation { setup: *setup, disk, machine: Some(machine), model: Model::new(), was_full: false }
    }

    fn apply(mut simulation: Simulation, _: &Setup, step: Step) -> Simulation {
        count(&COUNTS.steps);
        simulation.step(&step);
        simulation
    }

    fn check_invariants(simulation: &Simulation, _: &Setup) {
        assert_eq!(simulation.machine().dump(&simulation.model), simulation.model.dump(), "store, then model");
    }
}

impl Simulation {
    fn machine(&self) -> &Machine {
        self.machine.as_ref().expect("open between steps")
    }

    fn step(&mut self, step: &Step) {
        self.disk.record_images(step.image_after, IMAGE_EVERY);
        let disk = self.disk.clone();
        let before = self.model.clone();
        // The possible states after a power cut during the step. A change that was not acknowledged, and is gone after the
        // step, may still have been on the disk for a moment.
        let mut possible = vec![before.clone()];
        match &step.event {
            Event::Change(change) => {
                let mut after = before.clone();
                after.apply(change);
                possible.push(after);
                self.change(change, step.seed);
            }
            Event::Checkpoint => self.checkpoint(step.seed),
            Event::Failure(after, failure) => self.disk.fail_after(*after, *failure),
            Event::Shortage(shortage) => {
                self.was_full |= *shortage == Some(Shortage::DiskFull);
                self.disk.set_shortage(Path::new(DATA_DIR), *shortage);
            }
            Event::Restart => {
                self.machine = None;
                self.start(std::slice::from_ref(&before), step.seed);
            }
            Event::PowerCut(survives) => {
                self.machine = None;
                self.disk = self.disk.crash(step.seed);
                count(&COUNTS.power_cuts);
                self.cut_again(*survives, step.seed);
                self.start(std::slice::from_ref(&before), step.seed);
            }
        }
        // The power may have failed during the step, or now.
        for (nth, image) in (0..).zip(disk.take_images()) {
            self.power_cut(&image, &possible, step.seed.wrapping_add(nth));
        }
        self.power_cut(&self.disk, std::slice::from_ref(&self.model), step.seed ^ 1);
    }

    fn change(&mut self, change: &Change, seed: u64) {
        let before = self.model.clone();
        let machine = self.machine.as_mut().expect("open between steps");
        match machine.run(change, &before) {
            Ok(()) => {
                self.model.apply(change);
                self.check_removal(seed);
            }
            // No part of it was logged.
            Err(StorageError::Busy) => {}
            Err(_) => {
                let mut after = before.clone();
                after.apply(change);
                self.failed(&[before, after], seed);
            }
        }
    }

    /// Checks a store whose change was acknowledged. If it is read-only now, the change was a removal, and the series that it
    /// left without values could not be removed yet: they are listed until the store is opened again.
    fn check_removal(&mut self, seed: u64) {
        if self.machine().store.begin().is_ok() {
            return;
        }
        let found = self.machine().dump(&self.model);
        let is_missing = |line: &String| !found.contains(line);
        assert_eq!(self.model.dump().into_iter().find(is_missing), None, "an acknowledged change is missing");
        let values = |lines: &[String]| lines.iter().filter(|line| line.contains('.')).count();
        assert_eq!(values(&found), values(&self.model.dump()), "something that was removed has values");
        count(&COUNTS.failures);
        self.machine = None;
        if self.disk.is_dead() {
            self.disk = self.disk.crash(seed);
            count(&COUNTS.power_cuts);
        }
        let model = self.model.clone();
        self.start(&[model], seed);
    }

    fn checkpoint(&mut self, seed: u64) {
        if self.machine().checkpoint().is_err() && self.machine().store.begin().is_err() {
            let before = self.model.clone();
            self.failed(&[before], seed);
        }
    }

    /// Checks a store after a change that was not acknowledged: it shows the state before the change, accepts no more
    /// changes, and holds one of `possible` after a restart.
    fn failed(&mut self, possible: &[Model], seed: u64) {
        count(&COUNTS.failures);
        let machine = self.machine.take().expect("open between steps");
        assert!(matches!(machine.store.begin(), Err(StorageError::ReadOnly)));
        assert_eq!(machine.dump(&possible[0]), possible[0].dump(), "a change that was not acknowledged is visible");
        drop(machine);
        // Either the machine restarts, or only the server, if the disk still works.
        if seed.is_multiple_of(2) || self.disk.is_dead() {
            self.disk = self.disk.crash(seed);
            count(&COUNTS.power_cuts);
        }
        self.start(possible, seed);
    }

    /// Opens the store, which must then hold one of `possible`.
    fn start(&mut self, possible: &[Model], seed: u64) {
        self.disk.set_shortage(Path::new(DATA_DIR), None);
        let started = Machine::start(&self.disk, options(self.setup));
        let started = started.and_then(|machine| machine.store.begin().map(drop).map(|()| machine));
        let machine = started.unwrap_or_else(|error| {
            // A failure that was still pending happened while the store was opened.
            assert!(self.disk.has_failed(), "the store does not open: {error}");
            count(&COUNTS.failures);
            self.disk = self.disk.crash(seed);
            count(&COUNTS.power_cuts);
            open(&self.disk, self.setup)
        });
        self.model = found(&machine, possible);
        self.machine = Some(machine);
    }

    /// Cuts the power while the store starts.
    fn cut_again(&mut self, survives: u64, seed: u64) {
        self.disk.fail_after(survives, Failure::All);
        drop(Machine::start(&self.disk, options(self.setup)));
        self.disk = self.disk.crash(seed.rotate_left(7));
        count(&COUNTS.power_cuts);
    }

    /// Cuts the power on a copy of a disk.
    fn power_cut(&self, disk: &MemoryDisk, possible: &[Model], seed: u64) {
        count(&COUNTS.power_cuts);
        let machine = open(&disk.crash(seed), self.setup);
        let model = found(&machine, possible);
        drop(machine);
        // What the newest checkpoint holds is also in the previous one and the log after it.
        let damaged = disk.crash(seed);
        if seed.is_multiple_of(DAMAGE_EVERY) && damage_checkpoint(&damaged, self.was_full, seed) {
            count(&COUNTS.damages);
            found(&open(&damaged, self.setup), &[model]);
        }
    }
}

/// Flips a bit of the newest checkpoint, if there is one. A full disk may have cost the previous one; then it must be there.
fn damage_checkpoint(disk: &MemoryDisk, was_full: bool, seed: u64) -> bool {
    let path = Path::new(DATA_DIR).join("checkpoint");
    let names = disk.names();
    let has_previous = names.contains(&Path::new(DATA_DIR).join("checkpoint-previous"));
    let exists = names.contains(&path) && (has_previous || !was_full);
    if exists {
        disk.damage(&path, |bytes| {
            let at = seed as usize % bytes.len();
            bytes[at] ^= 1 << (seed % 8);
        });
    }
    exists
}

fn open(disk: &MemoryDisk, setup: Setup) -> Machine {
    let started = Machine::start(disk, options(setup));
    started.unwrap_or_else(|error| panic!("the store does not open after a power cut: {error}"))
}

/// Returns the one of `possible` that a machine holds.
fn found(machine: &Machine, possible: &[Model]) -> Model {
    let is_it = |model: &&Model| machine.dump(model) == model.dump();
    possible.iter().find(is_it).cloned().unwrap_or_else(|| {
        let dumps: Vec<_> = possible.iter().map(Model::dump).collect();
        panic!("found {:#?}\nbut expected one of {dumps:#?}", machine.dump(&possible[0]))
    })
}

prop_state_machine! {
    #![proptest_config(config(HISTORIES))]
    fn run_histories(sequential 1..40 => Simulation);
}

// spec: storage.durability.1, storage.durability.2, storage.durability.3, storage.durability.4, storage.durability.7
// spec: storage.checkpoint.3, storage.checkpoint.4, storage.segment.1, storage.record.1, storage.record.4, storage.log.6
#[test]
fn after_any_history_acknowledged_changes_are_complete_and_others_not_partial() {
    let began = Instant::now();
    run_histories();
    let Counts { histories, steps, power_cuts, failures, damages } = &COUNTS;
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    report(&format!(
        "simulation: {} histories with {} steps, {} power cuts, {} failures of the disk and {} damaged checkpoints in {:.1?}",
        of(histories),
        of(steps),
        of(power_cuts),
        of(failures),
        of(damages),
        began.elapsed()
    ));
    assert!(of(power_cuts) > of(histories) && of(failures) > 0 && of(damages) > 0);
}
