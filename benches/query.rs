//! The evaluator over a source in memory: a raw scan of one series, the mean of many series by window and tag, and the last point.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::columns::{
    Batch, Block, Column, NumberSummary, SeriesId, SeriesPredicate, SeriesRef, Source, SourceError, Summary,
};
use fluxstone::compat::SelectSemantics;
use fluxstone::influxql::ast::{Measurement, Select, Statement};
use fluxstone::influxql::{Parameters, parse};
use fluxstone::model::{FieldType, SeriesKey, TagSet, Text, TimeRange, Timestamp};
use fluxstone::query::{Context, QueryError, SelectLimits, Sources, WINDOW_VALUES_MAX, WorkerPool, run};

const SECOND: i64 = 1_000_000_000;
const POINTS: i64 = 36_000;
const BLOCK_POINTS: usize = 1_000;

/// `cpu,host=h0 ... cpu,host=hN` with one float field, a point every 10 s.
struct Synthetic {
    series: Vec<Arc<SeriesKey>>,
    blocks: Vec<Arc<MemoryBlock>>,
}

struct MemoryBlock(Arc<Batch>);

impl Synthetic {
    fn new(hosts: usize) -> Synthetic {
        let key = |host| {
            let value = format!("h{host}");
            Arc::new(SeriesKey {
                raw: Text::from(format!("cpu,host={value}")),
                measurement: Text::from("cpu"),
                tags: TagSet::new(vec![(Text::from("host"), Text::from(value))]),
            })
        };
        let times: Vec<i64> = (0..POINTS).map(|at| at * 10 * SECOND).collect();
        let block = |times: &[i64]| {
            let values = times.iter().map(|time| (time / SECOND % 977) as f64 / 8.0).collect();
            Arc::new(MemoryBlock(Arc::new(Batch { times: Arc::new(times.to_vec()), values: Column::Float(values) })))
        };
        let mut series: Vec<_> = (0..hosts).map(key).collect();
        series.sort();
        Synthetic { series, blocks: times.chunks(BLOCK_POINTS).map(block).collect() }
    }
}

impl Source for Synthetic {
    fn measurements(&self) -> Vec<Text> {
        vec![Text::from("cpu")]
    }

    fn shard_starts(&self) -> Vec<Timestamp> {
        Vec::new()
    }

    fn field_types(&self, _: &[u8], _: TimeRange) -> BTreeMap<Text, Vec<FieldType>> {
        BTreeMap::from([(Text::from("idle"), vec![FieldType::Float])])
    }

    fn tag_keys(&self, _: &[u8]) -> BTreeSet<Text> {
        BTreeSet::from([Text::from("host")])
    }

    fn series(&self, _: &[u8], predicate: &SeriesPredicate) -> Vec<SeriesRef> {
        let numbered = (0..).map(SeriesId).zip(&self.series).filter(|(_, key)| predicate.holds(&key.tags));
        numbered.map(|(id, key)| SeriesRef { id, key: key.clone() }).collect()
    }

    fn blocks(&self, _: SeriesId, field: &[u8], range: TimeRange) -> Vec<Arc<dyn Block>> {
        let inside = self.blocks.iter().filter(|block| field == b"idle" && block.summary().range.overlaps(range));
        inside.map(|block| block.clone() as Arc<dyn Block>).collect()
    }
}

impl Block for MemoryBlock {
    fn summary(&self) -> Summary {
        let Batch { times, values } = &*self.0;
        let (first, last) = (times[0], times[times.len() - 1]);
        let numbers = match values {
            Column::Float(v) => Some(NumberSummary::Float { min: v[0], max: v[0], first: v[0], last: v[v.len() - 1] }),
            _ => None,
        };
        let range = TimeRange { min: Timestamp(first), max: Timestamp(last) };
        Summary { range, count: times.len() as u32, field_type: values.field_type(), numbers }
    }

    fn decode(&self) -> Result<Arc<Batch>, SourceError> {
        Ok(self.0.clone())
    }
}

struct Only(Arc<Synthetic>);

impl Sources for Only {
    fn source(&self, _: &Measurement) -> Result<Arc<dyn Source>, QueryError> {
        Ok(self.0.clone())
    }
}

fn select(text: &str) -> Select {
    let mut parsed = parse(text, &Parameters::new()).expect("a good query");
    match parsed.statements.remove(0) {
        Statement::Select(select) => *select,
        other => unreachable!("{other:?}"),
    }
}

fn bench(criterion: &mut Criterion, name: &str, hosts: usize, text: &str) {
    let sources = Only(Arc::new(Synthetic::new(hosts)));
    let select = select(text);
    let now = Timestamp(POINTS * 10 * SECOND);
    let context = Context {
        now,
        chunk_rows: 10_000,
        limits: SelectLimits::default(),
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
            run(&select, &sources, &context, &mut |piece| {
                rows += piece.map_or(0, |piece| piece.row_count());
                ControlFlow::Continue(())
            })
            .expect("a good query");
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
