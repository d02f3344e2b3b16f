//! LIMIT, OFFSET, SLIMIT and SOFFSET, the limits of the configuration, and pieces.

use std::ops::ControlFlow;

use fluxstone_compat::Profile;
use fluxstone_model::Timestamp;

use super::source::source;
use super::{NOW, check, check_profiles, context, pieces, select};
use crate::{Context, QueryError, SelectLimits, Value, run};

const Q: &str = "q,k=a v=11 1\nq,k=a v=12 2\nq,k=a v=13 3\nq,k=b v=21 1\nq,k=b v=22 2\nq,k=c v=31 1\nr,k=z v=1 1";

// spec: select.limit.1
#[test]
fn limit_and_offset_count_rows_of_each_series() {
    check(Q, "SELECT v FROM q GROUP BY k LIMIT 1 OFFSET 1", &["q{k=a} time,v", "2 12", "q{k=b} time,v", "2 22"]);
    check(Q, "SELECT v FROM q WHERE k = 'a' LIMIT 0", &["q time,v", "1 11", "2 12", "3 13"]);
    check(Q, "SELECT sum(v) FROM q LIMIT 1 OFFSET 1", &[]);
    check(
        Q,
        "SELECT count(v) FROM q WHERE time >= 0s AND time < 9s GROUP BY time(1s) LIMIT 2 OFFSET 3",
        &["q time,count", "3 1i", "4 0i"],
    );
    check(Q, "SELECT median(v) FROM q LIMIT 1", &["q time,median", "0 17"]);
}

// spec: compat.select.offset-alone.1
#[test]
fn offset_alone_leaves_one_row_as_observed() {
    let query = "SELECT v FROM q WHERE k = 'a' OFFSET 1";
    check_profiles(Q, query, &["q time,v", "2 12", "3 13"], &["q time,v", "2 12"]);
    check(Q, "SELECT sum(v) FROM (SELECT v FROM q WHERE k = 'a' OFFSET 1)", &["q time,sum", "0 25"]);
}

// spec: select.limit.2, select.limit.3
#[test]
fn slimit_and_soffset_count_groups_of_each_measurement() {
    check(Q, "SELECT v FROM q, r GROUP BY k LIMIT 1 SLIMIT 1", &["q{k=a} time,v", "1 11", "r{k=z} time,v", "1 1"]);
    check(Q, "SELECT sum(v) FROM q GROUP BY k SLIMIT 1 SOFFSET 1", &["q{k=b} time,sum", "0 43"]);
    check(
        Q,
        "SELECT v FROM q GROUP BY k ORDER BY time DESC LIMIT 1 SLIMIT 2",
        &["q{k=b} time,v", "2 22", "q{k=a} time,v", "3 13"],
    );
    check(Q, "SELECT v FROM q WHERE time > 1s GROUP BY k SLIMIT 1 SOFFSET 2", &[]);
    check(Q, "SELECT v FROM q GROUP BY k SLIMIT 1 SOFFSET 9", &[]);
}

fn limited(limits: SelectLimits, query: &str) -> Option<String> {
    let context = Context { limits, ..context(Profile::Documented) };
    pieces(Q, query, &context).err().map(|error| error.to_string())
}

// spec: select.limit.series.1
#[test]
fn the_number_of_series_may_be_limited() {
    let limits = SelectLimits { series_max: 2, ..SelectLimits::default() };
    assert_eq!(limited(limits, "SELECT v FROM q"), Some("max-select-series limit exceeded: (3/2)".into()));
    assert_eq!(limited(limits, "SELECT v FROM q, q WHERE k != 'c'"), None);
    assert_eq!(limited(limits, "SELECT v FROM q GROUP BY k SLIMIT 2"), None);
}

// spec: select.limit.buckets.1
#[test]
fn the_number_of_windows_may_be_limited() {
    let limits = SelectLimits { buckets_max: 3, ..SelectLimits::default() };
    let count = |condition: &str| limited(limits, &format!("SELECT sum(v) FROM q WHERE {condition} GROUP BY time(1m)"));
    assert_eq!(count("time >= 0s AND time < 180s"), None);
    assert_eq!(count("time >= 0s AND time <= 180s"), Some("max-select-buckets limit exceeded: (4/3)".into()));
    assert_eq!(count("time < 240s"), Some("max-select-buckets limit exceeded: (153722867/3)".into()));
    assert_eq!(limited(limits, "SELECT sum(v) FROM q"), None);
}

// spec: select.limit.points.1
#[test]
fn the_number_of_points_may_be_limited() {
    let limits = SelectLimits { points_max: 6, ..SelectLimits::default() };
    assert_eq!(limited(limits, "SELECT v FROM q"), None);
    let limits = SelectLimits { points_max: 5, ..SelectLimits::default() };
    assert_eq!(limited(limits, "SELECT v FROM q"), Some("max-select-point limit exceeed: (6/5)".into()));
    assert_eq!(limited(limits, "SELECT count(v) FROM q"), Some("max-select-point limit exceeed: (6/5)".into()));
}

// spec: select.pieces.1
#[test]
fn rows_come_in_pieces() {
    let context = Context { chunk_rows: 2, ..context(Profile::Documented) };
    let pieces = pieces(Q, "SELECT v FROM q GROUP BY k", &context).unwrap();
    let shapes: Vec<_> = pieces.iter().map(|piece| (piece.row_count(), piece.more_rows)).collect();
    assert_eq!(shapes, [(2, true), (1, false), (2, false), (1, false)]);
}

// spec: select.pieces.1
#[test]
fn a_query_stops_when_its_answer_is_not_wanted() {
    let source = source(Q, 1);
    let context = Context { now: NOW, chunk_rows: 1, ..context(Profile::Documented) };
    let mut pieces = 0;
    let got = run(&select("SELECT v FROM q"), &source, &context, &mut |piece| {
        pieces += i32::from(piece.is_some());
        if pieces == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((got, pieces), (Err(QueryError::Interrupted), 2));
}

// spec: select.limit.2, select.limit.4, compat.select.slimit-order.1
#[test]
fn slimit_counts_groups_with_values_in_the_order_of_the_answer() {
    let o = "o,x=a,y=b v=4 1\no,x=a!,y=a v=2 1\no,x=0,y=0 v=1 1\no,x=0,y=0 v=1 9";
    let query = "SELECT v FROM o WHERE time > 0s AND time < 2s GROUP BY x, y SLIMIT 1 SOFFSET 1";
    check_profiles(o, query, &["o{x=a,y=b} time,v", "1 4"], &["o{x=a!,y=a} time,v", "1 2"]);
    // The block from 1 to 9 has no values in between.
    let query = "SELECT v FROM o WHERE time > 1s AND time < 9s GROUP BY x SLIMIT 1";
    check(&format!("{o}\no,x=z v=5 5"), query, &["o{x=z} time,v", "5 5"]);
}

// spec: select.group.time.2, select.fill.1
#[test]
fn empty_windows_without_rows_cost_nothing() {
    // Three hundred years of microseconds: a query that visited each window would never end.
    let lines = "m v=1 -4000000000\nm v=2 0\nm v=4 4000000000";
    let ends = "time >= -4500000000000000000 AND time < 4500000000s GROUP BY time(1u)";
    let rows = |call: &str, fill: &str, want: &[&str]| {
        check(lines, &format!("SELECT {call} FROM m WHERE {ends} {fill}"), want);
    };
    rows("sum(v)", "fill(none)", &["m time,sum", "-4000000000 1", "0 2", "4000000000 4"]);
    rows("sum(v)", "fill(none) ORDER BY time DESC LIMIT 1", &["m time,sum", "4000000000 4"]);
    rows("median(v)", "fill(none)", &["m time,median", "-4000000000 1", "0 2", "4000000000 4"]);
    rows("difference(mean(v))", "", &["m time,difference", "0 1", "4000000000 2"]);
    rows("count(v)", "fill(null) LIMIT 1", &["m time,count", "-4500000000 0i"]);
}

// spec: select.pieces.1
#[test]
fn filling_stops_when_the_answer_is_not_wanted_even_if_it_makes_no_rows() {
    let points = "m v=1 0\nm v=2 4000000000";
    let source = source(points, 2);
    for query in [
        "SELECT sum(v) FROM m WHERE time >= 0s AND time < 4500000000s GROUP BY time(1u) OFFSET 9000000000000000",
        "SELECT sum(v) FROM m WHERE time >= 0s AND time < 4500000000s GROUP BY time(1u) fill(previous) OFFSET 9000000000000000",
        "SELECT difference(count(v)) FROM m WHERE time >= 0s AND time < 4500000000s GROUP BY time(1u) OFFSET 9000000000000000",
    ] {
        let mut asked = 0;
        let got = run(&select(query), &source, &context(Profile::Documented), &mut |_| {
            asked += 1;
            if asked == 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(got, Err(QueryError::Interrupted), "{query}");
    }
}

// spec: select.group.time.2, functions.sum.1
#[test]
fn many_windows_are_reduced_in_parts() {
    let lines =
        (0..80_000).map(|time| format!("m,k={} v={}i {time}", time % 2, time % 7)).collect::<Vec<_>>().join("\n");
    let source = source(&lines, 1000);
    let answer = |order: &str| {
        let query = "SELECT sum(v), max(v) FROM m WHERE time >= 0s AND time < 160000s GROUP BY time(1s) fill(none)";
        let mut cells = Vec::new();
        run(&select(&format!("{query} ORDER BY time {order}")), &source, &context(Profile::Documented), &mut |piece| {
            cells.extend(piece.into_iter().flat_map(|piece| piece.cells));
            ControlFlow::Continue(())
        })
        .unwrap();
        cells
    };
    let row = |time: i64| {
        let value = Value::Integer(time % 7);
        [Value::Time(Timestamp(time * 1_000_000_000)), value.clone(), value]
    };
    assert!(answer("ASC") == (0..80_000).flat_map(row).collect::<Vec<_>>());
    assert!(answer("DESC") == (0..80_000).rev().flat_map(row).collect::<Vec<_>>());
}

// spec: select.limit.1, select.group.time.2
#[test]
fn a_limit_returns_the_first_rows_of_the_whole_answer() {
    let points = "m,k=a v=1 100\nm,k=b v=2 101\nm,k=a v=3 130\nm,k=b v=4 200\nm,k=a v=5 900";
    let source = source(points, 2);
    let rows = |query: &str| {
        let mut cells = Vec::new();
        run(&select(query), &source, &context(Profile::Documented), &mut |piece| {
            cells.extend(piece.into_iter().flat_map(|piece| piece.cells));
            ControlFlow::Continue(())
        })
        .unwrap();
        cells.chunks(3).map(<[Value]>::to_vec).collect::<Vec<_>>()
    };
    for range in ["time < 1000s", "time >= 50s AND time < 950s", "time >= 95s AND time <= 129s", "time >= 0s"] {
        for fill in ["null", "none", "previous", "linear", "7"] {
            for order in ["ASC", "DESC"] {
                let query = format!(
                    "SELECT sum(v), max(v) FROM m WHERE {range} GROUP BY time(10s) fill({fill}) ORDER BY time {order}"
                );
                let all = rows(&query);
                for (limit, offset) in [(1, 0), (3, 0), (2, 5), (4, 80)] {
                    let want: Vec<_> = all.iter().skip(offset).take(limit).cloned().collect();
                    assert_eq!(rows(&format!("{query} LIMIT {limit} OFFSET {offset}")), want, "{query}");
                }
            }
        }
    }
}
