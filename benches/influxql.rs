//! Measures parsing (text to validated syntax tree) and printing (syntax tree to text).

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fluxstone::influxql::{Parameters, parse};

/// A query that a dashboard sends every few seconds for each graph.
const DASHBOARD: &str = "SELECT mean(\"usage_user\") AS \"user\", mean(\"usage_system\") AS \"system\", \
     100 - mean(\"usage_idle\") AS \"busy\" FROM \"telegraf\".\"autogen\".\"cpu\" \
     WHERE (\"cpu\" = 'cpu-total' AND \"host\" =~ /^(web|db)-[0-9]+$/) AND \"dc\" != 'lab' AND time > now() - 6h \
     GROUP BY time(1m), \"host\" fill(null)";

fn bench(criterion: &mut Criterion) {
    let none = Parameters::new();
    let without_regex = DASHBOARD.replace("=~ /^(web|db)-[0-9]+$/", "= 'web-1'");
    let hosts: Vec<String> = (0..900).map(|host| format!("host = 'host-{host}'")).collect();
    let alternatives = format!("SELECT max(f) FROM m WHERE {}", hosts.join(" OR "));

    let mut group = criterion.benchmark_group("influxql");
    for (name, text) in [
        ("parse/dashboard", without_regex.as_str()),
        ("parse/dashboard-regex", DASHBOARD),
        ("parse/900-alternatives", &alternatives),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| parse(black_box(text), &none).expect("the query is valid"));
        });
    }
    let query = parse(DASHBOARD, &none).expect("the query is valid");
    group.throughput(Throughput::Bytes(DASHBOARD.len() as u64));
    group.bench_function("print/dashboard", |bencher| bencher.iter(|| black_box(&query).to_string()));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
