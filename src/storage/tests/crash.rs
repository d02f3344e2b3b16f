//! Power cuts: random changes, a disk that dies at any operation, and what must be there afterwards.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::memory_disk::Failure;
use super::*;

/// How many shards there are at a time. One that is dropped is followed by one with a new id.
const SHARDS: usize = 2;

/// One change.
#[derive(Debug, Clone)]
enum Step {
    /// Series, field, time, value.
    Write(usize, Vec<(u8, u8, i64, i64)>),
    Delete(u8, i64, i64),
    DropMeasurement,
    DropShard(usize),
    Catalog(u8),
    Checkpoint,
}

fn step() -> impl Strategy<Value = Step> {
    let point = (0_u8..6, 0_u8..2, 0_i64..40, any::<i64>());
    prop_oneof![
        8 => (0_usize..2, proptest::collection::vec(point, 1..30)).prop_map(|(shard, points)| Step::Write(shard, points)),
        2 => (0_u8..6, 0_i64..40, 0_i64..20).prop_map(|(series, from, len)| Step::Delete(series, from, from + len)),
        1 => Just(Step::DropMeasurement),
        1 => (0_usize..2).prop_map(Step::DropShard),
        1 => any::<u8>().prop_map(Step::Catalog),
        2 => Just(Step::Checkpoint),
    ]
}

/// What the store should hold.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    shards: [ShardId; SHARDS],
    /// By place of the shard, series and field.
    values: BTreeMap<(usize, String, String), BTreeMap<i64, i64>>,
    series: BTreeSet<String>,
    catalog: Vec<u8>,
}

/// Series 0 to 2 are of measurement `a`, the others of `b`.
fn series_name(series: u8) -> String {
    format!("{},t={series}", if series < 3 { "a" } else { "b" })
}

impl Model {
    fn new() -> Self {
        Model {
            shards: [ShardId(1), ShardId(2)],
            values: BTreeMap::new(),
            series: BTreeSet::new(),
            catalog: Vec::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Write(shard, points) => {
                for (series, field, time, value) in points {
                    let name = series_name(*series);
                    self.series.insert(name.clone());
                    self.values.entry((*shard, name, format!("f{field}"))).or_default().insert(*time, *value);
                }
            }
            Step::Delete(series, from, to) => {
                let name = series_name(*series);
                for (key, values) in &mut self.values {
                    if key.1 == name {
                        values.retain(|time, _| !(*from..=*to).contains(time));
                    }
                }
                self.forget_emptied(&BTreeSet::from([name]));
            }
            Step::DropMeasurement => {
                self.values.retain(|(_, series, _), _| !series.starts_with("a,"));
                self.series.retain(|series| !series.starts_with("a,"));
            }
            Step::DropShard(shard) => {
                let touched = self.values.iter().filter(|((s, ..), v)| s == shard && !v.is_empty());
                let touched = touched.map(|((_, series, _), _)| series.clone()).collect();
                self.values.retain(|(s, ..), _| s != shard);
                self.shards[*shard].0 += SHARDS as u64;
                self.forget_emptied(&touched);
            }
            Step::Catalog(change) => self.catalog.push(*change),
            Step::Checkpoint => {}
        }
    }

    fn forget_emptied(&mut self, touched: &BTreeSet<String>) {
        self.values.retain(|_, values| !values.is_empty());
        let with_values: BTreeSet<String> = self.values.keys().map(|(_, series, _)| series.clone()).collect();
        self.series.retain(|series| !touched.contains(series) || with_values.contains(series));
    }

    fn dump(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.series.iter().cloned().collect();
        for ((shard, series, field), values) in &self.values {
            let values: Vec<String> = values.iter().map(|(time, value)| format!("{time}={value}i")).collect();
            lines.push(format!("{shard} {series} {field} {}", values.join(" ")));
        }
        lines.push(format!("{:?}", self.catalog));
        lines
    }
}

/// A store on a disk in memory.
struct Machine {
    store: Store,
    catalog: Vec<u8>,
}

impl Machine {
    fn start(disk: &MemoryDisk, memtable_bytes_max: usize) -> Result<Machine, StorageError> {
        let mut catalog = Vec::new();
        let store = open_on(disk, memtable_bytes_max, &mut |record| {
            match record {
                CatalogRecord::Checkpoint(bytes) => catalog = bytes.to_vec(),
                CatalogRecord::Change(bytes) => catalog.extend_from_slice(bytes),
            }
            Ok(())
        })?;
        Ok(Machine { store, catalog })
    }

    fn run(&mut self, step: &Step, shards: [ShardId; SHARDS]) -> Result<(), StorageError> {
        let mut transaction = self.store.begin()?;
        match step {
            Step::Write(shard, points) => {
                let lines: Vec<String> = points
                    .iter()
                    .map(|(s, field, time, value)| format!("{} f{field}={value}i {time}", series_name(*s)))
                    .collect();
                let lines = lines.join("\n");
                let body = body(&lines);
                let all: Vec<u32> = (0..points.len() as u32).collect();
                transaction.write(DB, shards[*shard], &body, &all)?;
            }
            Step::Delete(series, from, to) => {
                let name = series_name(*series);
                let source = self.store.snapshot(DB, &[]);
                let all = source.series(&name.as_bytes()[..1], &SeriesPredicate::All);
                let ids: Vec<_> = all.iter().filter(|s| s.key.raw == name.as_str()).map(|s| s.id).collect();
                transaction.delete(DB, &shards, &ids, range(*from, *to));
            }
            Step::DropMeasurement => transaction.drop_measurement(DB, b"a"),
            Step::DropShard(shard) => transaction.drop_shards(DB, &[shards[*shard]]),
            Step::Catalog(change) => {
                transaction.catalog_change(&[*change]);
                self.catalog.push(*change);
            }
            Step::Checkpoint => {
                drop(transaction);
                return self.store.checkpoint(&|| Ok(self.catalog.clone()));
            }
        }
        transaction.commit().wait()
    }

    fn dump(&self, shards: [ShardId; SHARDS]) -> Vec<String> {
        let source = self.store.snapshot(DB, &[]);
        let all = |m: &Text| source.series(m, &SeriesPredicate::All);
        let mut lines: Vec<String> = source.measurements().iter().flat_map(all).map(|s| s.key.to_string()).collect();
        for (at, shard) in shards.iter().enumerate() {
            let values = dump(&*self.store.snapshot(DB, &[(*shard, TimeRange::ALL)]));
            lines.extend(values.into_iter().map(|line| format!("{at} {line}")));
        }
        lines.push(format!("{:?}", self.catalog));
        lines
    }
}

/// The one of `possible` that a machine holds.
fn found(machine: &Machine, possible: &[Model]) -> Result<Model, TestCaseError> {
    let found = possible.iter().find(|model| model.dump() == machine.dump(model.shards));
    found.cloned().ok_or_else(|| {
        let shards = possible[possible.len() - 1].shards;
        TestCaseError::fail(format!("found {:#?}\nbut expected one of {possible:#?}", machine.dump(shards)))
    })
}

/// Runs steps until one fails; the models that may be found afterwards.
fn run_until_failure(machine: &mut Machine, steps: &[Step], model: &mut Model) -> Vec<Model> {
    for step in steps {
        let before = model.clone();
        model.apply(step);
        if machine.run(step, before.shards).is_err() {
            if matches!(step, Step::Checkpoint) {
                // Nothing is lost, and changes go on.
                continue;
            }
            // Not acknowledged: it may have happened or not.
            return vec![before, model.clone()];
        }
    }
    vec![model.clone()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    // spec: storage.durability.1, storage.durability.2, storage.durability.3, storage.checkpoint.3
    #[test]
    fn after_a_power_cut_what_was_acknowledged_is_there_and_nothing_half(
        rounds in proptest::collection::vec((proptest::collection::vec(step(), 1..25), 0_u64..120, any::<u64>()), 1..4),
        memtable_bytes_max in prop_oneof![Just(500_usize), Just(5_000), Just(1 << 20)],
    ) {
        let mut disk = MemoryDisk::default();
        let mut possible = vec![Model::new()];
        for (steps, survives, seed) in rounds {
            // The power may also go while the store is being opened.
            disk.fail_after(survives, Failure::All);
            if let Ok(mut machine) = Machine::start(&disk, memtable_bytes_max) {
                let mut model = found(&machine, &possible)?;
                possible = run_until_failure(&mut machine, &steps, &mut model);
            }
            disk = disk.crash(seed);
        }
        let machine = Machine::start(&disk, memtable_bytes_max).map_err(|e| TestCaseError::fail(e.to_string()))?;
        found(&machine, &possible)?;
    }

    // spec: storage.durability.4
    #[test]
    fn after_one_failed_operation_nothing_acknowledged_is_lost(
        steps in proptest::collection::vec(step(), 1..25),
        survives in 0_u64..80,
        seed: u64,
    ) {
        let disk = MemoryDisk::default();
        let mut machine = Machine::start(&disk, 500).map_err(|e| TestCaseError::fail(e.to_string()))?;
        disk.fail_after(survives, Failure::Once);
        let mut model = Model::new();
        let possible = run_until_failure(&mut machine, &steps, &mut model);
        if possible.len() > 1 {
            // Nothing is accepted any more, though the disk would take it.
            let refused = machine.run(&Step::Catalog(0), model.shards);
            prop_assert!(matches!(refused, Err(StorageError::ReadOnly)));
        }
        drop(machine);
        let machine = Machine::start(&disk.crash(seed), 500).map_err(|e| TestCaseError::fail(e.to_string()))?;
        found(&machine, &possible)?;
    }

    // spec: storage.segment.1
    #[test]
    fn sealing_changes_no_answer(steps in proptest::collection::vec(step(), 1..60)) {
        let disk = MemoryDisk::default();
        let mut machine = Machine::start(&disk, 300).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let mut model = Model::new();
        for step in &steps {
            machine.run(step, model.shards).map_err(|e| TestCaseError::fail(e.to_string()))?;
            model.apply(step);
            prop_assert_eq!(machine.dump(model.shards), model.dump());
        }
    }
}

// spec: storage.checkpoint.1
#[test]
fn files_that_are_no_longer_needed_go() {
    let disk = MemoryDisk::default();
    let shards = Model::new().shards;
    let mut machine = Machine::start(&disk, 1 << 20).unwrap();
    for round in 0..40 {
        machine.run(&Step::Write(0, vec![(0, 0, round, round)]), shards).unwrap();
        machine.run(&Step::Checkpoint, shards).unwrap();
    }
    let names: Vec<String> = disk.names().iter().map(|path| path.display().to_string()).collect();
    let of = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
    assert!(of("/data/segment-") <= 7, "{names:?}");
    assert_eq!((of("/data/series-"), of("/log/log-"), of("/data/checkpoint")), (1, 1, 1), "{names:?}");
    machine.run(&Step::DropShard(0), shards).unwrap();
    machine.run(&Step::Checkpoint, shards).unwrap();
    let names = disk.names();
    assert!(!names.iter().any(|path| path.display().to_string().contains("segment")), "{names:?}");
}
