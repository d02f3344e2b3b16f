//! LIMIT and its relatives, the limits of the configuration, and pieces.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{NOW, check, check_profiles, context, pieces, select};
use crate::compat::Profile;
use crate::query::test_source::{MemorySource, OneSource};
use crate::query::{Context, QueryError, SelectLimits, run};

const Q: &str = "q,k=a v=11 1\nq,k=a v=12 2\nq,k=a v=13 3\nq,k=b v=21 1\nq,k=b v=22 2\nq,k=c v=31 1\nr,k=z v=1 1";

// spec: select.limit.1
#[test]
fn limit_and_offset_count_rows_of_each_series() {
    check(Q, "SELECT v FROM q GROUP BY k LIMIT 1 OFFSET 1", &["q{k=a} time,v", "2 12", "q{k=b} time,v", "2 22"]);
    check(Q, "SELECT v FROM q WHERE k = 'a' OFFSET 1", &["q time,v", "2 12", "3 13"]);
    check(Q, "SELECT v FROM q WHERE k = 'a' LIMIT 0", &["q time,v", "1 11", "2 12", "3 13"]);
    check(Q, "SELECT sum(v) FROM q LIMIT 1 OFFSET 1", &[]);
    check(
        Q,
        "SELECT count(v) FROM q WHERE time >= 0s AND time < 9s GROUP BY time(1s) LIMIT 2 OFFSET 3",
        &["q time,count", "3 1i", "4 0i"],
    );
    check(Q, "SELECT median(v) FROM q LIMIT 1", &["q time,median", "0 17"]);
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
fn a_query_stops_when_nobody_waits() {
    let source = OneSource(Arc::new(MemorySource::new(Q, 1)));
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
    // The block from 1 to 9 has no value between.
    let query = "SELECT v FROM o WHERE time > 1s AND time < 9s GROUP BY x SLIMIT 1";
    check(&format!("{o}\no,x=z v=5 5"), query, &["o{x=z} time,v", "5 5"]);
}
