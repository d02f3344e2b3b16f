//! Whole queries over sources in memory: `check(points, query, lines)`.
//!
//! Points are line protocol with times in seconds, in blocks of two values. The answer has one line for each series and one for
//! each row: `name{tag=value} columns`, then `time cells`, with times in seconds, integers with an `i`, strings in quotes, and null
//! as `-`.

mod arithmetic;
mod conditions;
mod functions;
mod groups;
mod history;
mod interrupts;
mod limits;
mod memory;
mod plans;
mod rows;
mod several_groups;
mod source;
mod subqueries;
mod threads;

use std::ops::ControlFlow;

use fluxstone_compat::{Profile, SelectSemantics};
use fluxstone_influxql::ast::{Select, Statement};
use fluxstone_influxql::{Parameters, parse};
use fluxstone_model::Timestamp;

use source::source;

use super::{
    Context, MemoryBudget, QueryError, ReadCounter, SelectLimits, SeriesRows, Value, WINDOW_VALUES_MAX, WorkerPool, run,
};

/// A query's `now()` in these tests: 1000 s.
const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn context(profile: Profile) -> Context {
    let semantics = SelectSemantics::from(profile);
    let (limits, workers) = (SelectLimits::default(), WorkerPool::none());
    let (memory, window_values_max) = (MemoryBudget::default(), WINDOW_VALUES_MAX);
    Context {
        now: NOW,
        chunk_rows: 1000,
        plain_rows: false,
        limits,
        memory,
        reads: ReadCounter::default(),
        window_values_max,
        workers,
        semantics,
    }
}

fn select(query: &str) -> Select {
    let parsed = parse(query, &Parameters::new()).unwrap_or_else(|e| panic!("{query}: {e}"));
    match parsed.statements.into_iter().next() {
        Some(Statement::Select(select)) => *select,
        other => panic!("{query}: {other:?}"),
    }
}

fn pieces(points: &str, query: &str, context: &Context) -> Result<Vec<SeriesRows>, QueryError> {
    let source = source(points, 2);
    let mut pieces = Vec::new();
    run(&select(query), &source, context, &mut |piece| {
        pieces.extend(piece);
        ControlFlow::Continue(())
    })?;
    Ok(pieces)
}

fn answer(points: &str, query: &str, profile: Profile) -> Vec<String> {
    match pieces(points, query, &context(profile)) {
        Ok(pieces) => pieces.iter().flat_map(lines).collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// Checks an answer that is the same in both profiles. An error is a line with its text.
fn check(points: &str, query: &str, want: &[&str]) {
    check_profiles(points, query, want, want);
}

/// Checks an answer that differs between the profiles.
fn check_profiles(points: &str, query: &str, documented: &[&str], observed: &[&str]) {
    assert_eq!(answer(points, query, Profile::Documented), documented, "{query}");
    assert_eq!(answer(points, query, Profile::Observed), observed, "{query}, as observed");
}

fn lines(series: &SeriesRows) -> Vec<String> {
    let texts = |texts: &[fluxstone_model::Text]| texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let tags: Vec<_> = series.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let tags = if tags.is_empty() { String::new() } else { format!("{{{}}}", tags.join(",")) };
    let mut lines = vec![format!("{}{tags} {}", series.name, texts(&series.columns))];
    lines.extend(series.rows().map(|row| cells(row).join(" ")));
    lines
}

/// The cells of a row, as text.
fn cells(row: &[Value]) -> Vec<String> {
    row.iter().map(cell).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Time(time) if time.0 % 1_000_000_000 == 0 => (time.0 / 1_000_000_000).to_string(),
        Value::Time(time) => format!("{}ns", time.0),
        Value::Float(v) => v.to_string(),
        Value::Integer(v) => format!("{v}i"),
        Value::String(v) => format!("'{v}'"),
        Value::Boolean(v) => v.to_string(),
        Value::Ordinal(_) | Value::List(_) => panic!("not a value of a SELECT: {value:?}"),
    }
}
