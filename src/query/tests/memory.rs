//! What a query may hold: everything that grows is charged to its budget.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::Source;
use fluxstone_compat::Profile;

use super::source::source;
use super::{context, select};
use crate::{Context, MemoryPool, QueryError, SeriesRows, Value, WorkerPool, run};

const MIB: usize = 1 << 20;

/// Runs a query with a budget; returns its pieces. No memory stays charged.
fn limited(source: &Arc<dyn Source>, query: &str, bytes_max: usize) -> Result<Vec<SeriesRows>, QueryError> {
    let pool = MemoryPool::new(0);
    let context = Context { chunk_rows: 10_000, memory: pool.budget(bytes_max), ..context(Profile::Documented) };
    let mut pieces = Vec::new();
    let result = run(&select(query), source, &context, &mut |piece| {
        pieces.extend(piece);
        ControlFlow::Continue(())
    });
    drop(context);
    assert_eq!(pool.used(), 0, "{query}");
    result.map(|()| pieces)
}

fn is_refused(source: &Arc<dyn Source>, query: &str, bytes_max: usize) {
    let shown = &query[..query.len().min(200)];
    match limited(source, query, bytes_max) {
        Err(QueryError::Limit(_, text)) => assert!(text.starts_with("max-query-memory limit exceeded: "), "{text}"),
        other => panic!("{shown}: {:?}", other.map(|pieces| pieces.len())),
    }
    limited(source, query, 0).unwrap_or_else(|error| panic!("{shown}: {error}"));
}

fn is_enough(source: &Arc<dyn Source>, query: &str, bytes_max: usize) {
    let joined = |pieces: Vec<SeriesRows>| pieces.into_iter().flat_map(|piece| piece.cells).collect::<Vec<_>>();
    let all = joined(limited(source, query, 0).unwrap());
    let got = joined(limited(source, query, bytes_max).unwrap_or_else(|error| panic!("{query}: {error}")));
    assert!(got == all, "{query}");
}

/// `m v=<time>i` at each second, in blocks of a thousand.
fn seconds(count: usize) -> Arc<dyn Source> {
    let mut points = String::new();
    for time in 0..count {
        writeln!(points, "m v={time}i,s=\"text {time}\" {time}").unwrap();
    }
    source(&points, 1000)
}

/// `series` series with `rows` points and a tag of its own each, in blocks of a thousand.
fn many_series(series: usize, rows: usize) -> Arc<dyn Source> {
    let mut points = String::new();
    for series in 0..series {
        for time in 0..rows {
            writeln!(points, "m,k{series}=x v={time},w{}={time} {time}", series % 10).unwrap();
        }
    }
    source(&points, 1000)
}

fn repeated(text: &str, times: usize) -> String {
    vec![text; times].join(",")
}

// spec: select.limit.memory.1
#[test]
fn columns_are_charged_after_expansion() {
    let source = source("m,k=x a=1,b=2,c=3 1", 1);
    is_refused(&source, &format!("SELECT {} FROM m", repeated("*", 2000)), MIB);
    is_refused(&source, &format!("SELECT {} FROM m", repeated("/./", 2000)), MIB);
    is_refused(&source, &format!("SELECT {} FROM m", repeated("mean(*)", 2000)), MIB);
    is_refused(&source, &format!("SELECT {} FROM m", repeated("nothing", 4000)), MIB);
    is_refused(&source, &format!("SELECT {} FROM nothing", repeated("a", 4000)), MIB);
    is_enough(&source, &format!("SELECT {} FROM m", repeated("*", 100)), MIB);
}

// spec: select.limit.memory.1
#[test]
fn columns_that_share_a_long_condition_are_charged() {
    let source = source("m a=1,b=2,c=3 1", 1);
    let condition = vec!["a > 0"; 200].join(" OR ");
    is_refused(&source, &format!("SELECT {} FROM m WHERE {condition}", repeated("max(*)", 50)), MIB);
    is_enough(&source, &format!("SELECT {} FROM m WHERE {condition}", repeated("max(*)", 5)), MIB);
}

// spec: select.limit.memory.1
#[test]
fn sources_are_charged() {
    let source = source("m a=1 1\nn a=1 1", 1);
    is_refused(&source, &format!("SELECT a FROM {}", repeated("m", 20_000)), MIB);
    is_refused(&source, &format!("SELECT a FROM {}", repeated("/./", 10_000)), MIB);
    is_enough(&source, &format!("SELECT a FROM {}", repeated("m", 500)), MIB);
}

// spec: select.limit.memory.1
#[test]
fn groups_are_charged() {
    let source = many_series(200, 1);
    is_refused(&source, "SELECT v FROM m GROUP BY *", MIB / 4);
    is_refused(&source, "SELECT last(v) FROM m GROUP BY * SLIMIT 1", MIB / 4);
    is_enough(&source, "SELECT v FROM m GROUP BY k1", MIB / 2);
    is_refused(&source, "SELECT v FROM m", MIB / 16);
}

// spec: select.limit.memory.1
#[test]
fn windows_are_charged() {
    let source = seconds(5000);
    is_refused(&source, "SELECT sum(v) FROM m WHERE time >= 0s AND time < 5000s GROUP BY time(1s)", MIB / 4);
    is_refused(&source, "SELECT last(s) FROM m WHERE time >= 0s AND time < 5000s GROUP BY time(1s)", MIB / 4);
    is_enough(&source, "SELECT sum(v) FROM m WHERE time >= 0s AND time < 5000s GROUP BY time(10s)", MIB / 4);
}

// spec: select.limit.memory.1
#[test]
fn windows_that_are_filled_cost_nothing_unless_they_are_kept() {
    let source = source("p v=1 0\np v=2 20000000", 1);
    let windows = "time >= 0 AND time <= 20000000s GROUP BY time(1000s) fill(linear)";
    limited(&source, &format!("SELECT mean(v) AS x FROM p WHERE {windows}"), MIB).unwrap();
    is_refused(&source, &format!("SELECT count(x) FROM (SELECT mean(v) AS x FROM p WHERE {windows})"), MIB / 2);
    // In blocks, the twenty thousand windows take a time and a value each.
    is_enough(&source, &format!("SELECT count(x) FROM (SELECT mean(v) AS x FROM p WHERE {windows})"), 3 * MIB / 2);
}

// spec: select.limit.memory.1
#[test]
fn rows_of_inner_queries_are_charged() {
    let source = seconds(5000);
    is_refused(&source, "SELECT count(d) FROM (SELECT distinct(v) AS d FROM m)", MIB / 2);
    is_refused(&source, "SELECT count(t) FROM (SELECT top(v, 30000) AS t FROM m)", MIB / 2);
    is_refused(&source, "SELECT count(d) FROM (SELECT difference(v) AS d FROM m)", MIB / 8);
    is_refused(&source, "SELECT count(d) FROM (SELECT v * 2 AS d FROM m)", MIB / 8);
    is_enough(&source, "SELECT count(v) FROM (SELECT v FROM m)", MIB / 8);
}

// spec: select.limit.memory.1
#[test]
fn values_that_functions_keep_are_charged() {
    let source = seconds(6000);
    for call in [
        "distinct(v)",
        "count(distinct(s))",
        "mode(v)",
        "mode(s)",
        "median(v)",
        "stddev(v)",
        "percentile(v, 50)",
        "top(v, 30000)",
        "bottom(v, 4000)",
        "sample(s, 30000)",
        "moving_average(v, 4000)",
    ] {
        is_refused(&source, &format!("SELECT {call} FROM m"), MIB / 16);
    }
    let windows = "WHERE time >= 0s AND time < 30s GROUP BY time(1s)";
    is_refused(&source, &format!("SELECT holt_winters(first(v), 900, 0) FROM m {windows}"), MIB / 16);
    is_enough(&source, &format!("SELECT holt_winters(first(v), 9, 0) FROM m {windows}"), MIB / 16);
    is_enough(&source, "SELECT max(v), mean(v), spread(v) FROM m", MIB / 16);
}

// spec: select.limit.memory.1
#[test]
fn numbers_in_the_query_cost_nothing_by_themselves() {
    let source = seconds(10);
    for query in [
        "SELECT top(v, 1000000000) FROM m",
        "SELECT bottom(v, s, 1000000000) FROM m",
        "SELECT sample(v, 1000000000) FROM m",
        "SELECT moving_average(v, 1000000000) FROM m",
        "SELECT v FROM m LIMIT 1000000000000 OFFSET 1",
        "SELECT v FROM m GROUP BY * SLIMIT 1000000000000 SOFFSET 0",
        "SELECT mean(v) FROM m GROUP BY time(1ns) fill(none)",
        "SELECT mean(v) FROM m WHERE time < 1000000000s GROUP BY time(1s) LIMIT 1",
        "SELECT percentile(v, 100000000000) FROM m",
    ] {
        is_enough(&source, query, MIB / 8);
    }
}

// spec: select.limit.memory.1
#[test]
fn series_that_are_read_side_by_side_keep_few_rows_each() {
    let source = many_series(40, 1500);
    for query in [
        "SELECT v FROM m",
        "SELECT v FROM m ORDER BY time DESC",
        "SELECT w1, w2, v FROM m WHERE w1 > 100 OR w2 < 1000",
        "SELECT median(v) FROM m WHERE time < 500s",
    ] {
        is_enough(&source, query, MIB / 2);
    }
}

// spec: select.rows.2
#[test]
fn columns_with_gaps_are_read_in_short_batches() {
    let mut points = String::new();
    for time in 0..1500 {
        writeln!(points, "m f{}={time} {time}", time % 300).unwrap();
    }
    let source = source(&points, 1000);
    for order in ["ASC", "DESC"] {
        is_enough(&source, &format!("SELECT * FROM m ORDER BY time {order} LIMIT 100"), 2 * MIB);
    }
}

// spec: select.pieces.2
#[test]
fn pieces_are_bounded_in_bytes() {
    let fields = (0..100).map(|field| format!("f{field}=1")).collect::<Vec<_>>().join(",");
    let mut points = String::new();
    for time in 0..1500 {
        writeln!(points, "m {fields} {time}\nt s=\"{}\" {time}", "x".repeat(3000)).unwrap();
    }
    let source = source(&points, 1000);
    let rows = |query| {
        let pieces = limited(&source, query, 16 * MIB).unwrap();
        pieces.iter().map(|piece| (piece.row_count(), piece.more_rows)).collect::<Vec<_>>()
    };
    let bytes_max = MIB / 4;
    let full = bytes_max / (101 * size_of::<Value>());
    let pieces = rows("SELECT * FROM m");
    let (last, others) = pieces.split_last().unwrap();
    assert!(others.iter().all(|piece| *piece == (full, true)), "{pieces:?}");
    assert_eq!(*last, (1500 % full, false));
    let texts = rows("SELECT s FROM t");
    assert_eq!(texts.iter().map(|piece| piece.0).sum::<usize>(), 1500);
    assert!(texts.iter().all(|piece| piece.0 <= bytes_max / 3000 + 30), "{texts:?}");

    // However many pieces there are, one ends where a chunk does.
    let chunk_rows = full + 10;
    let context = Context { chunk_rows, memory: MemoryPool::new(0).budget(16 * MIB), ..context(Profile::Documented) };
    let mut pieces = Vec::new();
    run(&select("SELECT * FROM m"), &source, &context, &mut |piece| {
        pieces.extend(piece.map(|piece| piece.row_count()));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(pieces[..4], [full, 10, full, 10]);
    assert_eq!(pieces.iter().sum::<usize>(), 1500);
}

// spec: select.limit.memory.1
#[test]
fn threads_share_the_budget_of_their_query() {
    let source = many_series(100, 20);
    let workers = WorkerPool::new(2);
    for (bytes_max, is_enough) in [(MIB / 16, false), (64 * MIB, true)] {
        let pool = MemoryPool::new(0);
        let memory = pool.budget(bytes_max);
        let context = Context { memory, workers: workers.clone(), ..context(Profile::Documented) };
        let query = select("SELECT v FROM m GROUP BY k1, k2, k3, k4");
        let result = run(&query, &source, &context, &mut |_| ControlFlow::Continue(()));
        assert_eq!(result.is_ok(), is_enough, "{result:?}");
        assert_eq!(pool.used(), 0);
    }
}

// spec: select.limit.memory.2
#[test]
fn queries_share_the_memory_of_all() {
    let source = many_series(200, 1);
    let pool = MemoryPool::new(MIB / 2);
    let context = || Context { memory: pool.budget(0), ..context(Profile::Documented) };
    let small = select("SELECT v FROM m GROUP BY k1");
    let mut inner = None;
    run(&small, &source, &context(), &mut |_| {
        inner = Some(run(&small, &source, &context(), &mut |_| ControlFlow::Continue(())));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(inner, Some(Ok(())));
    let result = run(&select("SELECT v FROM m GROUP BY *"), &source, &context(), &mut |_| ControlFlow::Continue(()));
    let text = result.unwrap_err().to_string();
    assert!(text.starts_with("max-total-query-memory limit exceeded: "), "{text}");
}
