//! The server against the executable semantics: random data, random statements, equal answers.
//!
//! Each database is kept three times: as lists of points, by the server's storage (in memory, in segment files, deleted in part, reopened),
//! and as lists behind the seam through which the evaluator reads. Each statement is answered by the executable semantics and, twice, by
//! the evaluator. The answers must be equal: names, tags, columns, every row and every digit; errors too.

mod answers;
mod data;
mod shard_writes;
mod stores;

use fluxstone_grammar::Choices;
use fluxstone_grammar::statements::select;
use fluxstone_spec::functions::selectors::is_sample;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use answers::{Bench, evaluated, meant, statement};

/// Databases in one run; `SEMANTICS_DATABASES` overrides it.
const DATABASES: u64 = 400;
/// Statements for each of them.
const STATEMENTS: u64 = 60;

/// Bytes for one database, or one statement.
fn bytes(random: &mut SmallRng) -> Vec<u8> {
    (0..600).map(|_| random.random()).collect()
}

/// How many statements were compared, and of what kind.
#[derive(Debug, Default)]
struct Counts {
    pairs: u64,
    with_rows: u64,
    errors: u64,
    refused_by_parser: u64,
}

// spec: select.rows.1, select.rows.2, select.rows.3, select.rows.4, select.columns.wildcard.1, select.columns.kind.1, select.columns.kind.2
// spec: select.columns.kind.3, select.columns.names.1, select.columns.names.2, select.order.1, select.order.2, select.order.ties.1, select.order.ties.2
// spec: select.from.1, select.where.1, select.where.field.1, select.where.field.2, select.where.arithmetic.1, select.where.constant.1
// spec: select.where.constant.2, select.where.logic.1, select.where.tag.1, select.where.tag.2, select.where.tag.3, select.where.tag.4, select.where.tag.5
// spec: select.where.tag.6, select.where.time.1, select.time.range.1, select.time.range.2, select.time.range.3, select.time.arithmetic.1
// spec: select.group.1, select.group.time.1, select.group.time.2, select.fill.1, select.fill.2, select.fill.3, select.arithmetic.1, select.arithmetic.2
// spec: select.arithmetic.3, select.arithmetic.4, select.limit.1, select.limit.2, select.limit.3, select.limit.4, select.pieces.1
// spec: select.sub.1, select.sub.2, select.sub.3, select.sub.4, select.sub.5, select.sub.6, select.sub.7, select.sub.8
// spec: functions.types.1, functions.types.2, functions.wildcard.1, functions.empty.1, functions.time.1, functions.time.2, functions.time.3
// spec: functions.companions.1, functions.rows.1, functions.order.1, functions.count.1, functions.sum.1, functions.mean.1, functions.median.1
// spec: functions.mode.1, functions.spread.1, functions.stddev.1, functions.series.1, functions.distinct.1, functions.minmax.1, functions.firstlast.1
// spec: functions.percentile.1, functions.top.1, functions.top.2, functions.transform.1, functions.transform.2, functions.transform.3
// spec: functions.transform.4, functions.transform.5, functions.holt-winters.1, functions.holt-winters.2, functions.holt-winters.3
// spec: functions.holt-winters.4, functions.holt-winters.5, functions.holt-winters.6
#[test]
fn answers_are_those_of_the_executable_semantics() {
    let databases = std::env::var("SEMANTICS_DATABASES").ok().and_then(|text| text.parse().ok()).unwrap_or(DATABASES);
    let first: u64 = std::env::var("SEMANTICS_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut counts = Counts::default();
    let mut differences = Vec::new();
    for seed in first..first + databases {
        let mut random = SmallRng::seed_from_u64(seed);
        let bench = Bench::new(data::steps(&mut Choices::new(&bytes(&mut random))), 1 + seed as usize % 6);
        for _ in 0..STATEMENTS {
            let text = select(&mut Choices::new(&bytes(&mut random)));
            let Some(select) = statement(&text) else {
                counts.refused_by_parser += 1;
                continue;
            };
            counts.pairs += 1;
            let answer = meant(&select, &bench.model);
            counts.errors += u64::from(answer.is_err());
            counts.with_rows += u64::from(answer.is_ok_and(|tables| !tables.is_empty()));
            if let Some(difference) = bench.difference(&text, 1 + seed as usize % 8) {
                differences.push(format!("database {seed}: {difference}"));
            }
        }
    }
    println!("{databases} databases: {counts:?}");
    for difference in &differences {
        println!("{difference}");
    }
    assert!(differences.is_empty(), "{} differences; the first: {}", differences.len(), differences[0]);
    assert!(databases < DATABASES || counts.with_rows * 3 > counts.pairs, "too few statements have an answer");
}

// spec: functions.sample.1
#[test]
fn a_sample_is_one_of_those_that_the_semantics_allow() {
    let mut chosen = 0;
    for seed in 0..100 {
        let mut random = SmallRng::seed_from_u64(seed);
        let bench = Bench::new(data::steps(&mut Choices::new(&bytes(&mut random))), 3);
        for group in ["", " GROUP BY host", " GROUP BY *"] {
            let sample =
                |n: usize| statement(&format!("SELECT sample(f, {n}) FROM m{group}")).expect("a good statement");
            let all = meant(&sample(1000), &bench.model).expect("an answer");
            let some = evaluated(&sample(2), &bench.stored, 100).expect("an answer");
            assert_eq!(some.len(), all.len());
            for (some, all) in some.iter().zip(&all) {
                assert_eq!((&some.name, &some.tags), (&all.name, &all.tags));
                assert!(is_sample(&some.rows, &all.rows, 2), "{some:?} of {all:?}");
                chosen += some.rows.len();
            }
        }
    }
    assert!(chosen > 100);
}
