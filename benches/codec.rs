//! How fast blocks of values are encoded and decoded: values for each second, for the kinds of data that are common.

use std::fmt::Debug;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::codec::{CodecError, booleans, floats, integers, strings, times};
use fluxstone::model::Text;

/// As many as a full block has.
const VALUES: usize = 2048;

/// Numbers below `bound` that follow no pattern.
fn noise(bound: u64) -> impl Iterator<Item = u64> {
    let mut state = 1_u64;
    (0..VALUES).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    })
}

fn measure<T: Debug>(
    criterion: &mut Criterion,
    name: &str,
    kinds: &[(&str, Vec<T>)],
    encode: fn(&[T], &mut Vec<u8>),
    decode: fn(&[u8], usize) -> Result<Vec<T>, CodecError>,
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(VALUES as u64));
    for (kind, values) in kinds {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        println!("{name}/{kind}: {:.2} bits for each value", bytes.len() as f64 * 8.0 / VALUES as f64);
        group.bench_function(BenchmarkId::new("encode", kind), |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| {
                out.clear();
                encode(black_box(values), &mut out);
            });
        });
        group.bench_function(BenchmarkId::new("decode", kind), |bencher| {
            bencher.iter(|| decode(black_box(&bytes), VALUES).expect("it was just encoded"));
        });
    }
}

fn codecs(criterion: &mut Criterion) {
    const SECOND: i64 = 1_000_000_000;
    let regular: Vec<i64> = (0..VALUES as i64).map(|i| i * 10 * SECOND).collect();
    let jitter: Vec<i64> = regular.iter().zip(noise(1_000)).map(|(t, n)| t + n as i64 * 1_000_000).collect();
    measure(criterion, "times", &[("regular", regular), ("jitter-ms", jitter)], times::encode, times::decode);

    let constant = vec![21.5; VALUES];
    let whole = noise(100).map(|n| n as f64).collect();
    let decimal = noise(1_000).map(|n| 20.0 + n as f64 / 100.0).collect();
    let random = noise(1 << 30).map(|n| n as f64 / 1e9).collect();
    let kinds = [("constant", constant), ("whole", whole), ("decimal", decimal), ("random", random)];
    measure(criterion, "floats", &kinds, floats::encode, floats::decode);

    let counter = noise(1_000)
        .scan(0, |sum, n| {
            *sum += n as i64;
            Some(*sum)
        })
        .collect();
    let gauge = noise(100).map(|n| n as i64).collect();
    measure(criterion, "integers", &[("counter", counter), ("gauge", gauge)], integers::encode, integers::decode);

    let mixed = noise(2).map(|n| n == 1).collect();
    measure(criterion, "booleans", &[("mixed", mixed)], booleans::encode, booleans::decode);

    let words = noise(20).map(|n| Text::from(format!("service state {n}"))).collect();
    measure(criterion, "strings", &[("words", words)], strings::encode, strings::decode);
}

criterion_group!(benches, codecs);
criterion_main!(benches);
