//! Simulation of storage: random histories of changes, sealing, disk failures, power cuts and restarts on a simulated disk,
//! compared with the executable semantics after every step.
//!
//! Besides the power cuts that are steps of the history, power cuts are tried on copies of the disk during and after every step.
//! After each one, the store must open and hold everything that was acknowledged, and either all or nothing of the change in
//! progress. `PROPTEST_CASES` sets the number of histories.

mod history;
mod machine;
mod model;
mod writers;

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fluxstone::storage::StorageError;
use fluxstone::storage::memory_disk::{Failure, MemoryDisk};
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use history::{Change, Event, Setup, Step};
use machine::{DATA_DIR, Machine, options};
use model::Model;

/// The number of histories if `PROPTEST_CASES` is not set.
const HISTORIES: u32 = 200;

/// A power cut is tried each time after this many disk operations.
const IMAGE_EVERY: u64 = 3;

static COUNTS: Counts = Counts::new();

/// How much was simulated.
struct Counts {
    histories: AtomicU64,
    steps: AtomicU64,
    power_cuts: AtomicU64,
    failures: AtomicU64,
}

impl Counts {
    const fn new() -> Self {
        Counts {
            histories: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            power_cuts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The configuration of a property, with `cases` cases unless `PROPTEST_CASES` is set.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 5_000, ..default }
}

/// Prints a line even if the output of tests is captured.
fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The reference machine of proptest. It has no state: any step may follow any other. The result of a step depends on where the
/// disk failed, so the model is kept next to the store.
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
}

impl StateMachineTest for Simulation {
    type SystemUnderTest = Simulation;
    type Reference = Histories;

    fn init_test(setup: &Setup) -> Simulation {
        count(&COUNTS.histories);
        let disk = MemoryDisk::default();
        let machine = Machine::start(&disk, options(setup.memtable_bytes_max)).expect("an empty disk");
        Simulation { setup: *setup, disk, machine: Some(machine), model: Model::new() }
    }

    fn apply(mut simulation: Simulation, _: &Setup, step: Step) -> Simulation {
        count(&COUNTS.steps);
        simulation.step(&step);
        simulation
    }

    fn check_invariants(simulation: &Simulation, _: &Setup) {
        assert_eq!(simulation.machine().dump(&simulation.model), simulation.model.dump(), "left: store, right: model");
    }
}

impl Simulation {
    fn machine(&self) -> &Machine {
        self.machine.as_ref().expect("the store is open between steps")
    }

    fn step(&mut self, step: &Step) {
        self.disk.record_images(step.image_after, IMAGE_EVERY);
        let disk = self.disk.clone();
        let before = self.model.clone();
        // What a power cut during the step may leave. A change that was not acknowledged, and is not there in the end, may
        // still have been on the disk for a moment.
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
            Event::Shortage(shortage) => self.disk.set_shortage(Path::new(DATA_DIR), *shortage),
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
        // The power may fail during the step, or now.
        for (nth, image) in (0..).zip(disk.take_images()) {
            self.power_cut(&image, &possible, step.seed.wrapping_add(nth));
        }
        self.power_cut(&self.disk, std::slice::from_ref(&self.model), step.seed ^ 1);
    }

    fn change(&mut self, change: &Change, seed: u64) {
        let before = self.model.clone();
        let machine = self.machine.as_mut().expect("the store is open between steps");
        match machine.make(change, &before) {
            Ok(()) => self.model.apply(change),
            // Nothing was logged.
            Err(StorageError::Busy) => {}
            Err(_) => {
                let mut after = before.clone();
                after.apply(change);
                self.failed(&[before, after], seed);
            }
        }
    }

    fn checkpoint(&mut self, seed: u64) {
        if self.machine().checkpoint().is_err() && self.machine().store.begin().is_err() {
            let before = self.model.clone();
            self.failed(&[before], seed);
        }
    }

    /// Handles a change that was not acknowledged: the store must not show it, must refuse further changes, and must hold one of
    /// `possible` after a restart.
    fn failed(&mut self, possible: &[Model], seed: u64) {
        count(&COUNTS.failures);
        let machine = self.machine.take().expect("the store is open between steps");
        assert!(matches!(machine.store.begin(), Err(StorageError::ReadOnly)));
        assert_eq!(machine.dump(&possible[0]), possible[0].dump(), "an unacknowledged change is visible");
        drop(machine);
        // Either the machine is restarted, or only the server if the disk still works.
        if seed.is_multiple_of(2) || self.disk.is_dead() {
            self.disk = self.disk.crash(seed);
            count(&COUNTS.power_cuts);
        }
        self.start(possible, seed);
    }

    /// Reopens the store, which must hold one of `possible`.
    fn start(&mut self, possible: &[Model], seed: u64) {
        self.disk.set_shortage(Path::new(DATA_DIR), None);
        let started = Machine::start(&self.disk, options(self.setup.memtable_bytes_max));
        let machine = started.unwrap_or_else(|error| {
            // A planned failure happened while the store was opened.
            assert!(self.disk.has_failed(), "the store does not open: {error}");
            count(&COUNTS.failures);
            self.disk = self.disk.crash(seed);
            count(&COUNTS.power_cuts);
            open(&self.disk, self.setup)
        });
        self.model = found(&machine, possible);
        self.machine = Some(machine);
    }

    /// The power fails while the store is being reopened.
    fn cut_again(&mut self, survives: u64, seed: u64) {
        self.disk.fail_after(survives, Failure::All);
        drop(Machine::start(&self.disk, options(self.setup.memtable_bytes_max)));
        self.disk = self.disk.crash(seed.rotate_left(7));
        count(&COUNTS.power_cuts);
    }

    /// Tries a power cut on a copy of a disk.
    fn power_cut(&self, disk: &MemoryDisk, possible: &[Model], seed: u64) {
        count(&COUNTS.power_cuts);
        let machine = open(&disk.crash(seed), self.setup);
        found(&machine, possible);
    }
}

fn open(disk: &MemoryDisk, setup: Setup) -> Machine {
    let started = Machine::start(disk, options(setup.memtable_bytes_max));
    started.unwrap_or_else(|error| panic!("the store does not open after a power cut: {error}"))
}

/// Returns the one of `possible` that a machine holds.
fn found(machine: &Machine, possible: &[Model]) -> Model {
    let matches = |model: &&Model| machine.dump(model) == model.dump();
    possible.iter().find(matches).cloned().unwrap_or_else(|| {
        let dumps: Vec<_> = possible.iter().map(Model::dump).collect();
        panic!("found {:#?}\nbut expected one of {dumps:#?}", machine.dump(&possible[0]))
    })
}

prop_state_machine! {
    #![proptest_config(config(HISTORIES))]
    fn run_histories(sequential 1..40 => Simulation);
}

// spec: storage.durability.1, storage.durability.2, storage.durability.3, storage.durability.4, storage.durability.7
// spec: storage.checkpoint.3, storage.segment.1, storage.record.1, storage.record.4, storage.log.6
#[test]
fn acknowledged_changes_survive_any_history_and_none_is_half_done() {
    let began = Instant::now();
    run_histories();
    let Counts { histories, steps, power_cuts, failures } = &COUNTS;
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    report(&format!(
        "simulation: {} histories with {} steps, {} power cuts and {} disk failures in {:.1?}",
        of(histories),
        of(steps),
        of(power_cuts),
        of(failures),
        began.elapsed()
    ));
    assert!(of(power_cuts) > of(histories) && of(failures) > 0);
}
