//! The speed of encoding rows in JSON and CSV, in bytes per second: one series of times, floats, integers and short strings.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::engine::StatementResult;
use fluxstone::http::{Answer, AnswerOptions};
use fluxstone::model::{Text, TimeUnit, Timestamp};
use fluxstone::query::{SeriesRows, Value};

use shared::answers::COMPACT;

mod shared {
    pub(crate) mod answers;
}

/// Rows of a piece, as the engine makes them.
const ROWS: usize = 10_000;

fn piece() -> StatementResult {
    let hosts = [Text::from("server01"), Text::from("server02")];
    let row = |i: usize| {
        let time = Timestamp(1_488_327_378_000_000_000 + i as i64 * 10_000_000_000);
        let load = (i * 7919 % 100_000) as f64 / 1000.0;
        [Value::Time(time), Value::Float(load), Value::Integer(i as i64 * 31), Value::String(hosts[i % 2].clone())]
    };
    let series = SeriesRows {
        name: "cpu".into(),
        tags: Arc::new([]),
        columns: ["time".into(), "load".into(), "count".into(), "host".into()].into(),
        cells: (0..ROWS).flat_map(row).collect(),
        plain: None,
        more_rows: false,
    };
    StatementResult { series: Some(series), ..StatementResult::default() }
}

fn encode(options: AnswerOptions, piece: StatementResult) -> Vec<u8> {
    let mut answer = Answer::new(options);
    let _ = answer.add(piece);
    answer.finish()
}

fn encoding(criterion: &mut Criterion) {
    let piece = piece();
    let mut group = criterion.benchmark_group("encoding");
    for (name, options) in [
        ("json", COMPACT),
        ("json-epoch", AnswerOptions { epoch: Some(TimeUnit::Millisecond), ..COMPACT }),
        ("json-pretty", AnswerOptions { pretty: true, ..COMPACT }),
        ("csv", AnswerOptions { csv: true, ..COMPACT }),
    ] {
        group.throughput(Throughput::Bytes(encode(options, piece.clone()).len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || piece.clone(),
                |piece| black_box(encode(options, piece)),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, encoding);
criterion_main!(benches);
