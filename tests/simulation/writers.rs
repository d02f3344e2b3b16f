//! Several writers at once, whose records share frames of the log, and a disk that fails under them.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fluxstone::columns::SeriesPredicate;
use fluxstone::model::{DatabaseId, ShardId, TimeRange, Timestamp};
use fluxstone::storage::memory_disk::{Failure, MemoryDisk};
use fluxstone::storage::{StorageError, StoreOptions};
use proptest::prelude::*;
use proptest::sample::select;

use crate::history::Setup;
use crate::machine::{Machine, options};
use crate::{config, count, report};

const DATABASE: DatabaseId = DatabaseId(1);
const SHARD: ShardId = ShardId(1);
const FIELDS: [&str; 2] = ["f", "g"];

static RUNS: AtomicU64 = AtomicU64::new(0);
static POWER_CUTS: AtomicU64 = AtomicU64::new(0);

/// What one writer does next. Each has a series of its own.
#[derive(Debug, Clone)]
enum Change {
    /// Times; the value is the number of the change.
    Write(Vec<i64>),
    /// Up to this time.
    Delete(i64),
}

/// The values of one writer's series by time, all its fields being equal.
type Values = BTreeMap<i64, i64>;

fn apply(values: &mut Values, change: &Change, number: i64) {
    match change {
        Change::Write(times) => values.extend(times.iter().map(|time| (*time, number))),
        Change::Delete(to) => values.retain(|time, _| time > to),
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        9 => proptest::collection::vec(0_i64..30, 1..6).prop_map(Change::Write),
        1 => (0_i64..30).prop_map(Change::Delete),
    ]
}

fn run(machine: &Machine, writer: usize, change: &Change, number: i64) -> Result<(), StorageError> {
    match change {
        Change::Write(times) => {
            let lines = times.iter().map(|time| format!("m,w={writer} f={number}i,g={number}i {time}\n"));
            let lines: String = lines.collect();
            let mut transaction = machine.store.begin_write()?;
            crate::machine::write(&mut transaction, DATABASE, SHARD, &lines)?;
            transaction.commit().wait()
        }
        Change::Delete(to) => {
            let source = machine.store.snapshot(DATABASE, &[]);
            let mut series = source.series(b"m", &SeriesPredicate::All);
            series.retain(|series| series.key.raw == *format!("m,w={writer}"));
            let ids: Vec<_> = series.iter().map(|series| series.id).collect();
            let mut transaction = machine.store.begin()?;
            transaction.delete(DATABASE, &[SHARD], &ids, TimeRange { min: Timestamp(0), max: Timestamp(*to) });
            transaction.commit().wait()
        }
    }
}

/// The values of a writer in each of its fields.
fn read(machine: &Machine, writer: usize) -> [Values; 2] {
    let source = machine.store.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)]);
    let all = source.series(b"m", &SeriesPredicate::All);
    let series = all.iter().find(|series| series.key.raw == *format!("m,w={writer}"));
    FIELDS.map(|field| {
        let blocks = series.map(|series| source.blocks(series.id, field.as_bytes(), TimeRange::ALL));
        let mut values = Values::new();
        for block in blocks.into_iter().flatten() {
            let batch = block.decode().expect("what was written can be read");
            let fluxstone::columns::Column::Integer(integers) = &batch.values else { panic!("integers were written") };
            values.extend(batch.times.iter().copied().zip(integers.iter().copied()));
        }
        values
    })
}

/// What a writer's series may hold: what was acknowledged, and that with the change that was not.
type Possible = Vec<Values>;

/// Works until the changes or the store end.
fn write(machine: &Machine, writer: usize, changes: &[Change]) -> Possible {
    let mut values = Values::new();
    for (number, change) in (0..).zip(changes) {
        let before = values.clone();
        apply(&mut values, change, number);
        match run(machine, writer, change, number) {
            Ok(()) => assert_eq!(read(machine, writer), [values.clone(), values.clone()], "acknowledged is visible"),
            Err(StorageError::Busy) => values = before,
            Err(_) => return vec![before, values],
        }
    }
    vec![values]
}

fn check(machine: &Machine, possible: &[Possible]) {
    for (writer, possible) in possible.iter().enumerate() {
        let [f, g] = read(machine, writer);
        assert_eq!(f, g, "half a point of writer {writer}");
        assert!(possible.contains(&f), "writer {writer}: found {f:?}\nbut expected one of {possible:?}");
    }
}

proptest! {
    #![proptest_config(config(150))]

    fn run_writers(
        changes in proptest::collection::vec(proptest::collection::vec(change(), 1..20), 2..6),
        survives in 0_u64..80,
        failure in select(&[Failure::All, Failure::Once][..]),
        memtable_bytes_max in select(&[300, 1 << 20][..]),
        delay_us in select(&[0_u64, 0, 100][..]),
        seed: u64,
    ) {
        count(&RUNS);
        let setup = Setup { memtable_bytes_max, seals_in_steps: seed.is_multiple_of(2) };
        let options = StoreOptions { fsync_delay: Duration::from_micros(delay_us), ..options(setup) };
        let disk = MemoryDisk::default();
        let machine = Machine::start(&disk, options.clone()).expect("an empty disk");
        disk.fail_after(survives, failure);
        let barrier = Barrier::new(changes.len());
        let possible: Vec<Possible> = std::thread::scope(|scope| {
            let writer = |(nth, changes): (usize, &'_ Vec<Change>)| {
                barrier.wait();
                write(&machine, nth, changes)
            };
            let threads: Vec<_> =
                changes.iter().enumerate().map(|own| scope.spawn(move || writer(own))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a writer found what it wrote")).collect()
        });
        // While the store lives, nobody sees what was not acknowledged.
        let acknowledged: Vec<Possible> = possible.iter().map(|possible| possible[..1].to_vec()).collect();
        check(&machine, &acknowledged);
        drop(machine);
        for seed in seed..=seed.saturating_add(2) {
            count(&POWER_CUTS);
            check(&Machine::start(&disk.crash(seed), options.clone()).expect("it opens"), &possible);
        }
        if !disk.is_dead() {
            disk.heal();
            check(&Machine::start(&disk, options).expect("it opens"), &possible);
        }
    }
}

// spec: storage.durability.1, storage.durability.2, storage.durability.6, storage.log.4
#[test]
fn writers_at_once_lose_nothing_acknowledged_when_their_group_fails() {
    run_writers();
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    report(&format!("simulation: {} runs of several writers at once with {} power cuts", of(&RUNS), of(&POWER_CUTS)));
}
