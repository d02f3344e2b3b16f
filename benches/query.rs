//! Benches of the evaluator over a source in memory: scans, merges, means by window and tag, filters, the last point; and over segment
//! files: what summaries answer, for a day and for four days, whose times should be about the same, and listings of many series.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::columns::{MemorySource, MemorySourceBuilder, SeriesPredicate, Source};
use fluxstone::line_protocol::Precision;
use fluxstone::model::{FieldValue, SeriesKey, TagSet, Text, TimeRange, Timestamp};
use fluxstone::storage::{Store, StoreOptions};

use shared::queries::{answer, select};
use shared::stores::{DATABASE, SHARD, seal, write};

mod shared {
    pub(crate) mod queries;
    pub(crate) mod stores;
}

const SECOND: i64 = 1_000_000_000;
const POINTS: i64 = 36_000;
const BLOCK_POINTS: usize = 1_000;

/// `cpu,host=h0 ... cpu,host=hN` with one float field, a point every 10 s.
fn hosts(count: usize) -> MemorySource {
    let mut builder = MemorySourceBuilder::new(BLOCK_POINTS);
    for host in 0..count {
        let host = format!("h{host}");
        let series = SeriesKey {
            raw: Text::from(format!("cpu,host={host}")),
            measurement: Text::from("cpu"),
            tags: TagSet::new(vec![(Text::from("host"), Text::from(host))]),
        };
        let field = Text::from("idle");
        for time in (0..POINTS).map(|at| at * 10 * SECOND) {
            let value = (time / SECOND % 977) as f64 / 8.0;
            builder.add_value(&series, field.clone(), Timestamp(time), FieldValue::Float(value));
        }
    }
    builder.build()
}

fn bench(criterion: &mut Criterion, name: &str, hosts: usize, text: &str) {
    let source: Arc<dyn Source> = Arc::new(self::hosts(hosts));
    bench_over(criterion, &source, name, POINTS as u64 * hosts as u64, text);
}

fn bench_over(criterion: &mut Criterion, source: &Arc<dyn Source>, name: &str, values: u64, text: &str) {
    let select = select(text);
    let now = Timestamp(POINTS * 10 * SECOND);
    let mut group = criterion.benchmark_group("query");
    group.throughput(Throughput::Elements(values));
    group.sample_size(20);
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut rows = 0;
            answer(source, &select, now, &mut |piece| rows += piece.row_count());
            black_box(rows)
        });
    });
    group.finish();
}

fn queries(criterion: &mut Criterion) {
    bench(criterion, "raw scan of one series", 1, "SELECT idle FROM cpu");
    bench(criterion, "raw merge of 10 series", 10, "SELECT idle FROM cpu");
    bench(
        criterion,
        "mean by 5 minutes and host, 10 series",
        10,
        "SELECT mean(idle) FROM cpu WHERE time >= 0s GROUP BY time(5m), host",
    );
    bench(criterion, "mean with a filter, 10 series", 10, "SELECT mean(idle) FROM cpu WHERE idle > 50");
    bench(criterion, "last point of 10 series by summaries", 10, "SELECT last(idle) FROM cpu GROUP BY host");
}

/// A store whose lines are sealed.
fn sealed(dir: &tempfile::TempDir, lines: impl Iterator<Item = String>) -> Store {
    let options = StoreOptions { memtable_bytes_max: 1 << 30, ..StoreOptions::in_directory(dir.path()) };
    let store = Store::open(options, &mut |_| Ok(())).expect("a new directory");
    let lines: Vec<String> = lines.collect();
    for lines in lines.chunks(5_000) {
        let text = lines.join("\n");
        write(&store, &text, Precision::Second);
    }
    seal(&store);
    store
}

fn history(criterion: &mut Criterion) {
    const HOSTS: u64 = 20;
    for days in [1, 4] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let times = (0..days * 8640_u64).map(|at| at * 10);
        let line = |host: u64, time: u64| format!("cpu,host=h{host} user={}i,idle={}.5 {time}", time % 97, time % 89);
        let store = sealed(&dir, times.flat_map(|time| (0..HOSTS).map(move |host| line(host, time))));
        let source = store.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)]);
        let values = days * 8640 * HOSTS * 2;
        let last = "SELECT * FROM cpu GROUP BY host ORDER BY time DESC LIMIT 1";
        bench_over(criterion, &source, &format!("lastpoint, segments of {days} days"), values, last);
        let count = "SELECT count(*) FROM cpu";
        bench_over(criterion, &source, &format!("count all, segments of {days} days"), values, count);
    }
}

fn listings(criterion: &mut Criterion) {
    const SERIES: u64 = 50_000;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let line = |id: u64| format!("m,host=h{},id=i{id},region=r{} v={id}i {id}", id % 1000, id % 10);
    let store = sealed(&dir, (0..SERIES).map(line));
    let source = store.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)]);
    let groups = "SELECT v FROM m GROUP BY * SLIMIT 2";
    bench_over(criterion, &source, "two of 50,000 groups", SERIES, groups);
    let hosts = "SELECT v FROM m WHERE host =~ /^(h1|h2|h3)$/ AND (region = 'r1' OR region = 'r2')";
    bench_over(criterion, &source, "a few of 50,000 series by sets of tag values", SERIES, hosts);
    let mut group = criterion.benchmark_group("listing");
    group.bench_function("values of a tag of 50,000 series", |bencher| {
        let is_host = |key: &Text| *key == *"host";
        let go_on = &mut |_| ControlFlow::Continue(());
        bencher.iter(|| black_box(source.tag_values_while(b"m", &SeriesPredicate::All, &is_host, go_on)));
    });
    group.bench_function("the first of 50,000 series", |bencher| {
        bencher.iter(|| {
            let mut first = None;
            let _ = source.for_each_series(b"m", &SeriesPredicate::All, &mut |series| {
                first = series;
                if first.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            black_box(first)
        });
    });
    group.finish();
}

criterion_group!(benches, queries, history, listings);
criterion_main!(benches);
