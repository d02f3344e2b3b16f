//! The speed of parsing line protocol, in bytes of body per second.
//!
//! Rows are like those of the Time Series Benchmark Suite's DevOps use case: ten tags that are not sorted, ten fields.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::line_protocol::{Precision, parse};
use fluxstone::model::Timestamp;

const ROWS: u64 = 5_000;
const HOSTS: u64 = 100;
const FIELDS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

/// A body of `ROWS` lines; `value` writes the value of a field from a number below 10,000.
fn body(value: fn(&mut String, u64)) -> String {
    let mut body = String::new();
    let mut state = 1u64;
    for row in 0..ROWS {
        let host = row % HOSTS;
        let (region, rack, service) = (host % 7, host % 90, host % 20);
        write!(
            body,
            "cpu,hostname=host_{host},region=eu-west-{region},datacenter=eu-west-{region}b,rack={rack},os=Ubuntu16.10,\
             arch=x64,team=NYC,service={service},service_version=0,service_environment=production "
        )
        .expect("writing to a string cannot fail");
        for (index, field) in FIELDS.iter().enumerate() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            body.push_str(if index == 0 { "" } else { "," });
            body.push_str(field);
            body.push('=');
            value(&mut body, (state >> 33) % 10_000);
        }
        let time = 1_451_606_400_000_000_000 + row / HOSTS * 10_000_000_000;
        writeln!(body, " {time}").expect("writing to a string cannot fail");
    }
    body
}

fn line_protocol(c: &mut Criterion) {
    let integers = body(|text, n| write!(text, "{}i", n / 100).expect("writing to a string cannot fail"));
    let decimals = body(|text, n| write!(text, "{}.{:02}", n / 100, n % 100).expect("writing to a string cannot fail"));
    let strings = body(|text, n| write!(text, "\"state {n}, as reported\"").expect("writing to a string cannot fail"));

    let mut group = c.benchmark_group("line_protocol");
    for (name, body) in [("integers", &integers), ("decimals", &decimals), ("strings", &strings)] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), body.as_bytes(), |bencher, body| {
            bencher.iter(|| {
                let parsed = parse(black_box(body), Precision::Nanosecond, Timestamp::EPOCH);
                assert_eq!(parsed.points.len() as u64, ROWS);
                parsed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, line_protocol);
criterion_main!(benches);
