//! The speed at which points are written and sealed, in rows per second: from parsed points to a snapshot that has them.
//!
//! Rows are like those of the Time Series Benchmark Suite's DevOps use case, with one tag and ten integer fields. The log
//! is written and synced on the disk of the temporary directory, except in `memtable` and `create`, whose disk is memory:
//! there, only the record, its checksum and the insertion into the memtable remain. `look-up` finds the series of rows with
//! one field among 200,000; `create` writes rows of new series; `commit` is one row, from its text to the disk.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::columns::SeriesPredicate;
use fluxstone::engine::ingest::UnescapedStrings;
use fluxstone::line_protocol::{Precision, parse};
use fluxstone::model::{TimeRange, Timestamp};
use fluxstone::storage::disk::Disk;
use fluxstone::storage::memory_disk::MemoryDisk;
use fluxstone::storage::{Store, StoreOptions};

use shared::stores::{DATABASE, SHARD, all_of, put, seal, write};

mod shared {
    pub(crate) mod stores;
}

const ROWS: u64 = 5_000;
const HOSTS: u64 = 100;
const FIELDS: u64 = 10;
const SENSORS: u64 = 200_000;

/// A body of `ROWS` lines, the times from `start` on.
fn body(start: u64) -> String {
    let mut body = String::new();
    for row in 0..ROWS {
        write!(body, "cpu,hostname=host_{} ", row % HOSTS).expect("writing to a string cannot fail");
        for field in 0..FIELDS {
            let separator = if field == 0 { "" } else { "," };
            write!(body, "{separator}usage_{field}={}i", (row * 7 + field) % 100)
                .expect("writing to a string cannot fail");
        }
        writeln!(body, " {}", (start + row / HOSTS) * 10_000_000_000).expect("writing to a string cannot fail");
    }
    body
}

fn open(dir: &tempfile::TempDir, memtable_bytes_max: usize) -> Store {
    let options = StoreOptions { memtable_bytes_max, ..StoreOptions::in_directory(dir.path()) };
    Store::open(options, &mut |_| Ok(())).expect("a new directory")
}

fn storage(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut group = criterion.benchmark_group("storage");
    group.throughput(Throughput::Elements(ROWS));

    let text = body(0);
    let parsed = parse(text.as_bytes(), Precision::Nanosecond, Timestamp(0));
    let strings = UnescapedStrings::of(&parsed);
    let batch = strings.batch(parsed);
    let all = all_of(&batch);
    let store = open(&dir, 64 << 20);
    write(&store, &text, Precision::Nanosecond);
    group.bench_function("resolve", |bencher| {
        bencher.iter(|| {
            // Dropped without a commit: only the path into the record is measured.
            let mut transaction = store.begin().expect("a working disk");
            put(&mut transaction, black_box(&batch), &all)
        });
    });

    let mut start = 0;
    group.bench_function("write", |bencher| {
        bencher.iter_batched(
            || {
                start += ROWS / HOSTS;
                body(start)
            },
            |text| write(&store, &text, Precision::Nanosecond),
            BatchSize::LargeInput,
        );
    });

    group.bench_function("seal", |bencher| {
        bencher.iter_batched(
            || {
                let dir = tempfile::tempdir().expect("a temporary directory");
                let store = open(&dir, 1 << 30);
                write(&store, &text, Precision::Nanosecond);
                (store, dir)
            },
            |(store, dir)| {
                seal(&store);
                (store, dir)
            },
            BatchSize::PerIteration,
        );
    });

    group.bench_function("read", |bencher| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = open(&dir, 1 << 30);
        write(&store, &text, Precision::Nanosecond);
        seal(&store);
        let source = store.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)]);
        let series = source.series(b"cpu", &SeriesPredicate::All);
        bencher.iter(|| {
            for series in &series {
                for block in source.blocks(series.id, b"usage_0", TimeRange::ALL) {
                    black_box(block.decode().expect("an undamaged block"));
                }
            }
        });
    });
}

/// Rows of one field, each of another series, from number `first` on.
fn sensors(first: u64) -> String {
    let mut body = String::new();
    for sensor in first..first + ROWS {
        writeln!(body, "reading,sensor=sensor_{sensor},site=site_{} value=1.5 {sensor}", sensor % 1000)
            .expect("writing to a string cannot fail");
    }
    body
}

fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("storage");
    group.throughput(Throughput::Elements(ROWS));

    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = open(&dir, 1 << 30);
    for first in (0..SENSORS).step_by(ROWS as usize) {
        write(&store, &sensors(first), Precision::Nanosecond);
    }
    let text = sensors(SENSORS / 2);
    let parsed = parse(text.as_bytes(), Precision::Nanosecond, Timestamp(0));
    let strings = UnescapedStrings::of(&parsed);
    let batch = strings.batch(parsed);
    let all = all_of(&batch);
    group.bench_function("look-up", |bencher| {
        bencher.iter(|| {
            let mut transaction = store.begin().expect("a working disk");
            put(&mut transaction, black_box(&batch), &all)
        });
    });

    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let options = StoreOptions { memtable_bytes_max: 64 << 20, ..StoreOptions::in_directory("store".as_ref()) };
    let in_memory = Store::open_on(&disk, options, &mut |_| Ok(())).expect("an empty disk");
    let mut start = 0;
    group.bench_function("memtable", |bencher| {
        bencher.iter_batched(
            || {
                start += ROWS / HOSTS;
                body(start)
            },
            |text| write(&in_memory, &text, Precision::Nanosecond),
            BatchSize::LargeInput,
        );
    });

    let mut first = 0;
    group.bench_function("create", |bencher| {
        bencher.iter_batched(
            || {
                first += ROWS;
                sensors(first)
            },
            |text| write(&in_memory, &text, Precision::Nanosecond),
            BatchSize::LargeInput,
        );
    });

    group.throughput(Throughput::Elements(1));
    let mut time = 0;
    group.bench_function("commit", |bencher| {
        bencher.iter(|| {
            time += 1;
            write(&store, &format!("reading,sensor=sensor_7,site=site_7 value=2.5 {time}"), Precision::Nanosecond);
        });
    });
}

criterion_group!(benches, storage, parts);
criterion_main!(benches);
