//! Benches of the evaluator over a source in memory: scans, merges, means by window and tag, filters, the last point.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::columns::{MemorySource, MemorySourceBuilder, Source};
use fluxstone::compat::SelectSemantics;
use fluxstone::influxql::ast::{Select, Statement};
use fluxstone::influxql::{Parameters, parse};
use fluxstone::model::{FieldValue, SeriesKey, TagSet, Text, Timestamp};
use fluxstone::query::{Context, MemoryBudget, SelectLimits, WINDOW_VALUES_MAX, WorkerPool, run};

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

fn select(text: &str) -> Select {
    let mut parsed = parse(text, &Parameters::new()).expect("a valid query");
    match parsed.statements.remove(0) {
        Statement::Select(select) => *select,
        other => unreachable!("{other:?}"),
    }
}

fn bench(criterion: &mut Criterion, name: &str, hosts: usize, text: &str) {
    let source: Arc<dyn Source> = Arc::new(self::hosts(hosts));
    let select = select(text);
    let now = Timestamp(POINTS * 10 * SECOND);
    let context = Context {
        now,
        chunk_rows: 10_000,
        limits: SelectLimits::default(),
        memory: MemoryBudget::default(),
        window_values_max: WINDOW_VALUES_MAX,
        workers: WorkerPool::none(),
        semantics: SelectSemantics::DOCUMENTED,
    };
    let mut group = criterion.benchmark_group("query");
    group.throughput(Throughput::Elements(POINTS as u64 * hosts as u64));
    group.sample_size(20);
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut rows = 0;
            run(&select, &source, &context, &mut |piece| {
                rows += piece.map_or(0, |piece| piece.row_count());
                ControlFlow::Continue(())
            })
            .expect("a valid query");
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

criterion_group!(benches, queries);
criterion_main!(benches);
