//! Measures the throughput of encoding and decoding blocks, in values per second, for common kinds of data.

use std::fmt::Debug;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::codec::{CodecError, booleans, floats, integers, strings, times};
use fluxstone::model::Text;

/// The number of values in a full block.
const VALUES: usize = 2048;

/// Returns `count` numbers below `bound` without a pattern (the mixer of `SplitMix64`).
fn noise_of(count: usize, bound: u64) -> impl Iterator<Item = u64> {
    (1..=count as u64).map(move |i| {
        let mut bits = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ bits >> 31) % bound
    })
}

fn noise(bound: u64) -> impl Iterator<Item = u64> {
    noise_of(VALUES, bound)
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
        println!("{name}/{kind}: {:.3} bytes for each value", bytes.len() as f64 / VALUES as f64);
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

/// Returns a random walk between 0 and 100 with approximately normally distributed steps of variance 1, like the gauges of the Time
/// Series Benchmark Suite.
fn walk() -> impl Iterator<Item = f64> {
    let mut noise = noise_of(VALUES * 12, 1 << 20);
    (0..VALUES).scan(50.0_f64, move |value, _| {
        let uniform: f64 = noise.by_ref().take(12).map(|n| n as f64 / f64::from(1 << 20)).sum();
        *value = (*value + uniform - 6.0).clamp(0.0, 100.0);
        Some(*value)
    })
}

/// Returns the sums of steps below 1,000.
fn counter() -> impl Iterator<Item = i64> {
    noise(1_000).scan(0, |sum, n| {
        *sum += n as i64;
        Some(*sum)
    })
}

fn codecs(criterion: &mut Criterion) {
    const SECOND: i64 = 1_000_000_000;
    let regular: Vec<i64> = (0..VALUES as i64).map(|i| i * 10 * SECOND).collect();
    let jitter: Vec<i64> = regular.iter().zip(noise(1_000)).map(|(t, n)| t + n as i64 * 1_000_000).collect();
    let gaps: Vec<i64> = (0..VALUES as i64).map(|i| (i + i / 100) * 10 * SECOND).collect();
    let kinds = [("regular", regular), ("gaps", gaps), ("jitter-ms", jitter)];
    measure(criterion, "times", &kinds, times::encode, times::decode);

    let kinds = [
        ("walk", walk().map(|v| (v * 100.0).round() / 100.0).collect()),
        ("counter", counter().map(|v| v as f64).collect()),
        ("gauge", noise(1_000).map(|n| (2_000 + n) as f64 / 100.0).collect()),
        ("constant", vec![21.5; VALUES]),
        ("walk-binary", walk().map(|v| v / 3.0).collect()),
        ("random", noise(u64::MAX).map(f64::from_bits).collect()),
    ];
    measure(criterion, "floats", &kinds, floats::encode, floats::decode);

    let kinds = [
        ("walk", walk().map(|v| v as i64).collect()),
        ("counter", counter().collect()),
        ("gauge", noise(100).map(|n| n as i64).collect()),
        ("constant", vec![21; VALUES]),
        ("random", noise(u64::MAX).map(|n| n as i64).collect()),
    ];
    measure(criterion, "integers", &kinds, integers::encode, integers::decode);

    let runs = (0..VALUES).map(|i| i / 100 % 2 == 0).collect();
    let kinds = [("mixed", noise(2).map(|n| n == 1).collect()), ("runs", runs)];
    measure(criterion, "booleans", &kinds, booleans::encode, booleans::decode);

    let words = noise(20).map(|n| Text::from(format!("service state {n}"))).collect();
    let lines = noise(1 << 20).map(|n| Text::from(format!("request {n} took longer than usual"))).collect();
    measure(criterion, "strings", &[("words", words), ("lines", lines)], strings::encode, strings::decode);
}

criterion_group!(benches, codecs);
criterion_main!(benches);
