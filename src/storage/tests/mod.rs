//! What a store promises as a whole: writes, removals, snapshots, reopening.

use std::sync::Arc;

use fluxstone_columns::{Batch, Column, SeriesPredicate, Source};
use fluxstone_model::{FieldType, RawSeriesKey, Scalar, Text, Timestamp};

use super::memory_disk::MemoryDisk;
use super::*;

mod damage;
mod faults;
mod fixtures;
mod format;
mod lines;
mod removal_steps;
mod repair;
mod steps;

use lines::{Outcome, put};

const DB: DatabaseId = DatabaseId(1);
const SHARD: ShardId = ShardId(1);

/// A store in a temporary directory.
struct Fixture {
    dir: tempfile::TempDir,
    options: StoreOptions,
    store: Option<Store>,
}

impl Fixture {
    fn new() -> Self {
        Fixture::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut StoreOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = StoreOptions { memtable_bytes_max: 1 << 20, ..StoreOptions::in_directory(dir.path()) };
        change(&mut options);
        let mut fixture = Fixture { dir, options, store: None };
        fixture.reopen();
        fixture
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Closes and reopens the store. Returns the catalog records as text.
    fn reopen(&mut self) -> Vec<String> {
        self.store = None;
        let mut catalog = Vec::new();
        let opened = Store::open(self.options.clone(), &mut |record| {
            catalog.push(match record {
                CatalogRecord::Checkpoint(bytes) => format!("checkpoint {}", String::from_utf8_lossy(bytes)),
                CatalogRecord::Change(bytes) => format!("change {}", String::from_utf8_lossy(bytes)),
            });
            Ok(())
        });
        self.store = Some(opened.unwrap());
        catalog
    }

    fn write_to(&self, shard: ShardId, lines: &str) -> Result<Outcome, StorageError> {
        write(self.store(), shard, lines)
    }

    fn write(&self, lines: &str) -> Outcome {
        self.write_to(SHARD, lines).unwrap()
    }

    /// Returns all values of one shard as text.
    fn dump(&self) -> Vec<String> {
        dump(&*self.store().snapshot(DB, &[(SHARD, TimeRange::ALL)]))
    }

    fn series(&self) -> Vec<String> {
        let source = self.store().snapshot(DB, &[]);
        let all = |m: &Text| source.series(m, &SeriesPredicate::All);
        source.measurements().iter().flat_map(all).map(|s| s.key.to_string()).collect()
    }

    fn ids(&self, measurement: &str) -> Vec<fluxstone_columns::SeriesId> {
        let source = self.store().snapshot(DB, &[]);
        source.series(measurement.as_bytes(), &SeriesPredicate::All).iter().map(|s| s.id).collect()
    }
}

/// Opens a store on a simulated disk.
fn open_on(
    disk: &MemoryDisk,
    memtable_bytes_max: usize,
    on_catalog: &mut dyn FnMut(CatalogRecord<'_>) -> Result<(), String>,
) -> Result<Store, StorageError> {
    Store::open_on(&(Arc::new(disk.clone()) as Arc<dyn Disk>), options_on_disk(memtable_bytes_max), on_catalog)
}

/// The options of a store on a simulated disk.
fn options_on_disk(memtable_bytes_max: usize) -> StoreOptions {
    StoreOptions {
        data_dir: "/data".into(),
        log_dir: "/log".into(),
        memtable_bytes_max,
        ..StoreOptions::in_directory(Path::new("/"))
    }
}

fn write(store: &Store, shard: ShardId, lines: &str) -> Result<Outcome, StorageError> {
    let mut transaction = store.begin_write()?;
    let outcome = put(&mut transaction, shard, lines);
    transaction.commit().wait().and(outcome)
}

fn range(min: i64, max: i64) -> TimeRange {
    TimeRange { min: Timestamp(min), max: Timestamp(max) }
}

/// Returns `series field time=value ...` for each field that has values.
fn dump(source: &dyn Source) -> Vec<String> {
    let mut lines = Vec::new();
    for measurement in source.measurements() {
        let fields = source.field_types(&measurement, TimeRange::ALL);
        for series in source.series(&measurement, &SeriesPredicate::All) {
            for field in fields.keys() {
                let blocks = source.blocks(series.id, field, TimeRange::ALL);
                let values: Vec<String> = blocks.iter().flat_map(|b| texts(&b.decode().unwrap())).collect();
                if !values.is_empty() {
                    lines.push(format!("{} {field} {}", series.key, values.join(" ")));
                }
            }
        }
    }
    lines
}

fn texts(batch: &Batch) -> Vec<String> {
    let value = |at: usize| match &batch.values {
        Column::Float(v) => v[at].to_string(),
        Column::Integer(v) => format!("{}i", v[at]),
        Column::String(v) => format!("\"{}\"", v[at]),
        Column::Boolean(v) => v[at].to_string(),
    };
    batch.times.iter().enumerate().map(|(at, time)| format!("{time}={}", value(at))).collect()
}

#[test]
fn acknowledged_changes_survive_reopening() {
    let mut f = Fixture::new();
    f.write("cpu,host=b,dc=x v=1,s=\"a \\\"b\\\"\" 2\ncpu,dc=x,host=b v=2,n=3i,t=true 1\nmem v=7 1");
    f.write("cpu,dc=x,host=b v=9 2");
    let want = [
        "cpu,dc=x,host=b n 1=3i",
        "cpu,dc=x,host=b s 2=\"a \"b\"\"",
        "cpu,dc=x,host=b t 1=true",
        "cpu,dc=x,host=b v 1=2 2=9",
        "mem v 1=7",
    ];
    assert_eq!(f.dump(), want);
    f.reopen();
    assert_eq!(f.dump(), want);
    f.store().checkpoint(&|| Ok(Vec::new())).unwrap();
    assert_eq!(f.dump(), want);
    f.reopen();
    assert_eq!(f.dump(), want);
    f.write("mem v=8 2");
    f.reopen();
    assert_eq!(f.dump()[4], "mem v 1=7 2=8");
}

// spec: storage.checkpoint.1
#[test]
fn files_that_are_no_longer_needed_are_removed() {
    let disk = MemoryDisk::default();
    let store = open_on(&disk, 1 << 20, &mut |_| Ok(())).unwrap();
    for round in 0..40 {
        write(&store, SHARD, &format!("m v={round} {round}")).unwrap();
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
    }
    let names: Vec<String> = disk.names().iter().map(|path| path.display().to_string()).collect();
    let of = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
    assert!(of("/data/segment-") <= 14, "{names:?}");
    assert_eq!((of("/data/series-"), of("/log/log-"), of("/data/checkpoint")), (1, 2, 2), "{names:?}");
    let mut transaction = store.begin().unwrap();
    transaction.drop_shards(DB, &[SHARD]);
    transaction.commit().wait().unwrap();
    for _ in 0..2 {
        store.checkpoint(&|| Ok(Vec::new())).unwrap();
    }
    let names = disk.names();
    assert!(!names.iter().any(|path| path.display().to_string().contains("segment")), "{names:?}");
}

#[test]
fn catalog_records_are_replayed_in_order() {
    let mut f = Fixture::new();
    for change in ["a", "b"] {
        let mut transaction = f.store().begin().unwrap();
        transaction.catalog_change(change.as_bytes());
        transaction.commit().wait().unwrap();
    }
    assert_eq!(f.reopen(), ["change a", "change b"]);
    f.store().checkpoint(&|| Ok(b"ab".to_vec())).unwrap();
    let mut transaction = f.store().begin().unwrap();
    transaction.catalog_change(b"c");
    transaction.commit().wait().unwrap();
    assert_eq!(f.reopen(), ["checkpoint ab", "change c"]);
}

#[test]
fn a_dropped_transaction_leaves_no_trace() {
    let mut f = Fixture::new();
    f.write("m,a=1 v=1 1");
    let lines = "m,a=2 w=1 1\nn v=1 1";
    let mut transaction = f.store().begin().unwrap();
    put(&mut transaction, SHARD, lines).unwrap();
    put(&mut transaction, ShardId(2), lines).unwrap();
    drop(transaction);
    assert_eq!(f.series(), ["m,a=1"]);
    let outcome = f.write("m,a=2 w=1i 1");
    assert_eq!(outcome, Outcome { stored: 1, dropped: 0 });
    for _ in 0..2 {
        assert_eq!(f.dump(), ["m,a=1 v 1=1", "m,a=2 w 1=1i"]);
        f.reopen();
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_series_and_fields_but_no_rows() {
    let mut f = Fixture::new();
    let mut transaction = f.store().begin().unwrap();
    let mut writer = transaction.shard(DB, SHARD).unwrap();
    assert!(writer.is_new_shard());
    let series = writer.add_series(&RawSeriesKey::new(b"m,a=1")).unwrap();
    let field = writer.add_field(series, 0, b"v", FieldType::Float);
    writer.begin_row(series, Timestamp(1), 1);
    writer.put_value(field.id, Scalar::Float(1.0));
    drop(writer);
    transaction.commit().wait().unwrap();
    for _ in 0..2 {
        let source = f.store().snapshot(DB, &[(SHARD, TimeRange::ALL)]);
        assert_eq!((f.series(), f.dump()), (vec!["m,a=1".to_owned()], Vec::new()));
        assert_eq!(source.field_types(b"m", TimeRange::ALL).into_values().next(), Some(vec![FieldType::Float]));
        drop(source);
        f.reopen();
    }
}

// spec: storage.durability.6
#[test]
fn a_snapshot_does_not_change() {
    let f = Fixture::new();
    f.write("m,a=1 v=1 1");
    let source = f.store().snapshot(DB, &[(SHARD, TimeRange::ALL)]);
    f.write("m,a=1 v=2 1\nm,a=2 v=2 1");
    let mut transaction = f.store().begin().unwrap();
    transaction.drop_measurement(DB, b"m");
    transaction.commit().wait().unwrap();
    assert_eq!(dump(&*source), ["m,a=1 v 1=1"]);
    assert_eq!(f.dump(), [""; 0]);
}

// spec: select.limit.memory.1
#[test]
fn blocks_count_the_values_that_were_copied_for_them() {
    let f = Fixture::new();
    let lines =
        |from: usize, to: usize| (from..to).map(|time| format!("m v={time} {time}")).collect::<Vec<_>>().join("\n");
    let memory = || {
        let snapshot = f.store().snapshot(DB, &[(SHARD, TimeRange::ALL)]);
        let series = f.ids("m")[0];
        snapshot.blocks(series, b"v", TimeRange::ALL).iter().map(|block| block.memory()).sum::<usize>()
    };
    f.write(&lines(0, 1025));
    assert!(memory() < 1024, "rows are copied only when they are decoded: {}", memory());
    f.write(&lines(1025, 1524));
    assert!(memory() < 1024, "also those of a chunk that grows: {}", memory());
    f.write("m v=0 1000");
    assert!(memory() >= 1524 * 8, "the times of values that overlap are kept: {}", memory());
}

// spec: storage.durability.6, storage.log.4
#[test]
fn readers_see_whole_changes_while_writers_write() {
    let f = Fixture::with(|o| o.memtable_bytes_max = 20_000);
    let store = f.store();
    let count = |line: Option<&String>| line.map_or(0, |line| line.matches('=').count() - 1);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                for round in 0..50 {
                    let time = writer * 1000 + round;
                    write(store, SHARD, &format!("m,t=a v={writer} {time}\nm,t=b v={writer} {time}")).unwrap();
                    // Acknowledged changes are visible.
                    let source = store.snapshot(DB, &[(SHARD, TimeRange::ALL)]);
                    let lines = dump(&*source);
                    assert!(lines.iter().all(|line| line.contains(&format!(" {time}={writer}"))), "{lines:?}");
                    assert_eq!(count(lines.first()), count(lines.get(1)));
                }
            });
        }
    });
    assert_eq!(f.dump().iter().map(|line| count(Some(line))).collect::<Vec<_>>(), [200, 200]);
}

// spec: storage.durability.5
#[test]
fn a_store_can_be_opened_only_once() {
    let f = Fixture::new();
    let again = Store::open(f.options.clone(), &mut |_| Ok(()));
    assert!(matches!(again, Err(StorageError::Locked(dir)) if dir == f.dir.path().join("data")));
    // A log also belongs to one store only.
    let data_dir = f.dir.path().join("other");
    let other = Store::open(StoreOptions { data_dir, ..f.options.clone() }, &mut |_| Ok(()));
    assert!(matches!(other, Err(StorageError::Locked(dir)) if dir == f.dir.path().join("wal")));
}

#[test]
fn each_shard_has_its_own_field_types() {
    let f = Fixture::new();
    f.write("m v=1 1");
    f.write_to(ShardId(2), "m v=1i 100").unwrap();
    let shards = [(ShardId(2), range(100, 199)), (SHARD, range(0, 99))];
    let source = f.store().snapshot(DB, &shards);
    assert_eq!(dump(&*source), ["m v 1=1 100=1i"]);
    let types = |range| source.field_types(b"m", range).into_values().next().unwrap();
    assert_eq!(types(TimeRange::ALL), [FieldType::Float, FieldType::Integer]);
    assert_eq!(types(range(150, 150)), [FieldType::Integer]);
}

mod removals {
    use super::*;

    #[test]
    fn a_delete_removes_values_and_series_that_become_empty() {
        let mut f = Fixture::new();
        f.write("m,a=1 v=1 1\nm,a=1 v=2 2\nm,a=2 v=3 1");
        let mut transaction = f.store().begin().unwrap();
        transaction.delete(DB, &[SHARD], &f.ids("m"), range(1, 1));
        transaction.commit().wait().unwrap();
        for _ in 0..2 {
            assert_eq!(f.dump(), ["m,a=1 v 2=2"]);
            assert_eq!(f.series(), ["m,a=1"]);
            f.reopen();
        }
        // The field type outlives the series, and later writes are visible.
        assert_eq!(f.write("m,a=2 v=1i 1").dropped, 1);
        assert_eq!(f.write("m,a=2 v=5 1").stored, 1);
        assert_eq!(f.dump(), ["m,a=1 v 2=2", "m,a=2 v 1=5"]);
    }

    #[test]
    fn dropping_a_measurement_drops_its_field_types() {
        let mut f = Fixture::new();
        f.write("m v=1 1\nn v=1 1");
        let mut transaction = f.store().begin().unwrap();
        transaction.drop_measurement(DB, b"m");
        transaction.commit().wait().unwrap();
        assert_eq!(f.write("m v=1i 1").stored, 1);
        for _ in 0..2 {
            assert_eq!(f.dump(), ["m v 1=1i", "n v 1=1"]);
            f.reopen();
        }
    }

    #[test]
    fn dropping_a_shard_removes_series_that_are_only_in_it() {
        let mut f = Fixture::new();
        f.write("m,a=1 v=1 1\nm,a=2 v=1 1");
        f.write_to(ShardId(2), "m,a=2 v=1 1\nm,a=3 v=1 1").unwrap();
        let mut transaction = f.store().begin().unwrap();
        transaction.drop_shards(DB, &[SHARD]);
        transaction.commit().wait().unwrap();
        for _ in 0..2 {
            assert_eq!(f.series(), ["m,a=2", "m,a=3"]);
            assert_eq!(f.dump(), [""; 0]);
            f.reopen();
        }
    }

    #[test]
    fn dropping_a_database_removes_everything() {
        let mut f = Fixture::new();
        f.write("m,a=1 v=1 1");
        let mut transaction = f.store().begin().unwrap();
        transaction.drop_database(DB);
        transaction.commit().wait().unwrap();
        assert_eq!(f.series(), [""; 0]);
        f.reopen();
        assert_eq!((f.series().len(), f.store().series_count(DB)), (0, 0));
        assert_eq!(f.write("m v=1i 1").stored, 1);
    }
}

// spec: write.memory.3
#[test]
fn replay_seals_as_it_goes() {
    let disk = MemoryDisk::default();
    let writes = 200;
    {
        let store = open_on(&disk, 1 << 30, &mut |_| Ok(())).unwrap();
        for at in 0..writes {
            write(&store, ShardId(at % 50), &format!("m,t={at} v={at} {at}")).unwrap();
        }
    }
    let segments =
        |disk: &MemoryDisk| disk.names().iter().filter(|name| name.to_string_lossy().contains("segment-")).count();
    assert_eq!(segments(&disk), 0, "closing a store does not seal");
    let bound = 8 << 10;
    let store = open_on(&disk, bound, &mut |_| Ok(())).unwrap();
    assert!(store.memory_bytes() <= 2 * bound + memtable::TABLE_BYTES + (1 << 10), "{}", store.memory_bytes());
    assert!(segments(&disk) > 0);
    let count = |store: &Store| {
        let values = |shard| dump(&*store.snapshot(DB, &[(ShardId(shard), TimeRange::ALL)])).len();
        (0..50).map(values).sum::<usize>()
    };
    assert_eq!(count(&store), writes as usize);
    drop(store);
    assert_eq!(count(&open_on(&disk.crash(1), bound, &mut |_| Ok(())).unwrap()), writes as usize);
}

// spec: write.memory.3
#[test]
fn replay_goes_on_when_it_cannot_seal() {
    let disk = MemoryDisk::default();
    {
        let store = open_on(&disk, 1 << 30, &mut |_| Ok(())).unwrap();
        for at in 0..100 {
            write(&store, SHARD, &format!("m,t={at} v={at} {at}")).unwrap();
        }
    }
    let expected = "m,t=7 v 7=7".to_owned();
    let has_all = |store: &Store| {
        let values = dump(&*store.snapshot(DB, &[(SHARD, TimeRange::ALL)]));
        values.len() == 100 && values.contains(&expected)
    };
    disk.set_shortage(Path::new("/data"), Some(memory_disk::Shortage::DiskFull));
    let store = open_on(&disk, 1 << 10, &mut |_| Ok(())).unwrap();
    assert!(has_all(&store));
    disk.set_shortage(Path::new("/data"), None);
    // An attempt that began before there was space may still fail.
    while store.checkpoint(&|| Ok(Vec::new())).is_err() {}
    assert!(has_all(&store));
    drop(store);
    assert!(has_all(&open_on(&disk.crash(1), 1 << 10, &mut |_| Ok(())).unwrap()));
}
