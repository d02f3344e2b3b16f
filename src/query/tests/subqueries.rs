//! SELECT from sub-queries.

use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::Source;
use fluxstone_compat::Profile;

use super::source::{memory_source, source};
use super::{check, check_profiles, context, select};
use crate::{Context, QueryError, SeriesRows, Value, WINDOW_VALUES_MAX, run};

const NET: &str = "net,host=a,dc=x rx=10,tx=1 0\nnet,host=a,dc=x rx=30,tx=3 60\nnet,host=b,dc=x rx=20,tx=2 0\n\
    net,host=b,dc=x rx=50 60\nnet,host=c,dc=y rx=70,tx=7 120";

// spec: select.sub.1, select.sub.7
#[test]
fn the_answer_of_a_sub_query_is_read_like_a_measurement() {
    check(
        NET,
        "SELECT max(m), host FROM (SELECT mean(rx) AS m FROM net GROUP BY host)",
        &["net time,max,host", "0 70 'c'"],
    );
    check(NET, "SELECT m * 2 FROM (SELECT max(rx) AS m FROM net)", &["net time,m", "120 140"]);
    check(NET, "SELECT sum(r) FROM (SELECT rx / tx AS r FROM net)", &["net time,sum", "0 40"]);
    check(
        NET,
        "SELECT mean(s) FROM (SELECT count(rx) AS s FROM net GROUP BY host)",
        &["net time,mean", "0 1.6666666666666667"],
    );
    check(
        NET,
        "SELECT * FROM (SELECT mean(rx), max(tx) AS t FROM net GROUP BY dc)",
        &["net time,dc,mean,t", "0 'x' 27.5 3", "0 'y' 70 7"],
    );
    check(
        NET,
        "SELECT sum(y) FROM (SELECT max(x) AS y FROM (SELECT rx + 1 AS x FROM net) GROUP BY host), net",
        &["net time,sum", "0 153"],
    );
    // An empty window has the integers of the fill while others have floats.
    check(
        "m f=1,i=1i 0\nm f=1.5,i=2i 120",
        "SELECT x FROM (SELECT mean(f) * count(i) AS x FROM m WHERE time < 180s GROUP BY time(1m) FILL(7))",
        &["m time,x", "0 1", "60 49", "120 1.5"],
    );
    check(NET, "SELECT nosuch FROM (SELECT rx FROM net)", &[]);
    check(NET, "SELECT rx FROM (SELECT rx FROM nosuch)", &[]);
}

// spec: select.sub.2
#[test]
fn tags_are_visible_where_the_inner_query_groups_by_them() {
    check(NET, "SELECT rx, host FROM (SELECT rx FROM net) LIMIT 1", &["net time,rx,host", "0 10 -"]);
    check(NET, "SELECT rx, host FROM (SELECT rx FROM net GROUP BY host) LIMIT 1", &["net time,rx,host", "0 10 'a'"]);
    check(
        NET,
        "SELECT m FROM (SELECT max(rx) AS m FROM net) GROUP BY dc",
        &["net{dc=x} time,m", "60 50", "net{dc=y} time,m", "120 70"],
    );
    check(
        NET,
        "SELECT sum(m) FROM (SELECT max(rx) AS m FROM net GROUP BY dc, host) GROUP BY *",
        &[
            "net{dc=x,host=a} time,sum",
            "0 30",
            "net{dc=x,host=b} time,sum",
            "0 50",
            "net{dc=y,host=c} time,sum",
            "0 70",
        ],
    );
}

// spec: select.sub.3
#[test]
fn the_range_and_the_windows_are_passed_inside() {
    check(
        NET,
        "SELECT sum(m) FROM (SELECT max(rx) AS m FROM net) WHERE time >= 60s AND time < 120s",
        &["net time,sum", "60 50"],
    );
    check(
        NET,
        "SELECT count(c) FROM (SELECT rx AS c FROM net WHERE time > 0s) WHERE time < 120s",
        &["net time,count", "0 2i"],
    );
    check(
        NET,
        "SELECT max(m) FROM (SELECT mean(rx) AS m FROM net GROUP BY host) WHERE time >= 0s AND time < 180s GROUP BY time(1m)",
        &["net time,max", "0 20", "60 50", "120 70"],
    );
}

// spec: select.sub.4
#[test]
fn conditions_outside_see_all_inner_columns() {
    check(NET, "SELECT rx FROM (SELECT rx, tx FROM net) WHERE tx > 2", &["net time,rx", "60 30", "120 70"]);
    check(
        NET,
        "SELECT count(m) FROM (SELECT mean(rx) AS m FROM net GROUP BY host) WHERE m < 50",
        &["net time,count", "0 2i"],
    );
    check(NET, "SELECT m FROM (SELECT mean(rx) AS m FROM net GROUP BY host) WHERE host = 'b'", &["net time,m", "0 35"]);
}

// spec: select.sub.5
#[test]
fn empty_inner_windows_are_left_out_unless_filled() {
    let query = |fill: &str| {
        format!(
            "SELECT count(c), mean(c) FROM \
             (SELECT count(tx) AS c FROM net WHERE time >= 0s AND time < 240s GROUP BY time(1m) {fill})"
        )
    };
    check(NET, &query(""), &["net time,count,mean", "0 3i 1.3333333333333333"]);
    check(NET, &query("fill(null)"), &["net time,count,mean", "0 3i 1.3333333333333333"]);
    check(NET, &query("fill(0)"), &["net time,count,mean", "0 4i 1"]);
}

// spec: select.sub.6
#[test]
fn rows_come_by_time_and_then_in_the_order_of_the_inner_query() {
    check(NET, "SELECT rx FROM (SELECT rx FROM net WHERE time < 60s)", &["net time,rx", "0 10", "0 20"]);
    check(
        NET,
        "SELECT m, host FROM (SELECT sum(rx) AS m FROM net GROUP BY host)",
        &["net time,m,host", "0 40 'a'", "0 70 'b'", "0 70 'c'"],
    );
    check(NET, "SELECT sum(rx) FROM (SELECT rx FROM net ORDER BY time DESC LIMIT 1)", &["net time,sum", "0 70"]);
    check(NET, "SELECT rx FROM (SELECT rx FROM net LIMIT 3) ORDER BY time DESC LIMIT 1", &["net time,rx", "60 30"]);
    // Several inner rows at one time are all read.
    check(NET, "SELECT count(rx) FROM (SELECT rx FROM net LIMIT 2)", &["net time,count", "0 2i"]);
}

// spec: select.pieces.1
#[test]
fn a_sub_query_stops_when_its_answer_is_not_wanted() {
    let source = source(NET, 1);
    let query = select("SELECT rx FROM (SELECT rx FROM net)");
    let got = run(&query, &source, &context(Profile::Documented), &mut |_| ControlFlow::Break(()));
    assert_eq!(got, Err(QueryError::Interrupted));
}

// spec: select.sub.8
#[test]
fn rows_of_a_sub_query_exist_if_only_tags_are_selected() {
    let hosts = ["net time,host", "60 'a'", "60 'b'", "120 'c'"];
    check(NET, "SELECT host FROM (SELECT max(rx) FROM net GROUP BY host)", &hosts);
    check(NET, "SELECT dc FROM (SELECT max(rx) FROM net GROUP BY host)", &[]);
    check(NET, "SELECT host FROM net", &[]);
}

// spec: select.sub.6
#[test]
fn rows_of_equal_times_stay_in_the_order_of_a_descending_answer() {
    let net = "net,host=a rx=10 0\nnet,host=b rx=20 0\nnet,host=b rx=30 60";
    let want = ["net time,rx", "0 10", "0 20", "60 30"];
    check(net, "SELECT rx FROM (SELECT rx FROM net ORDER BY time DESC LIMIT 9)", &want);
}

/// Returns the rows of a query, and how many blocks of two values it decoded.
fn decoded(points: &str, query: &str) -> (Vec<Vec<Value>>, usize) {
    decoded_with(points, query, WINDOW_VALUES_MAX)
}

/// The same, with a limit on the values that functions and inner queries may hold.
fn decoded_with(points: &str, query: &str, window_values_max: usize) -> (Vec<Vec<Value>>, usize) {
    let memory = memory_source(points, 2);
    let source: Arc<dyn Source> = memory.clone();
    let mut rows = Vec::new();
    let mut emit = |piece: Option<SeriesRows>| {
        rows.extend(piece.iter().flat_map(SeriesRows::rows).map(<[Value]>::to_vec));
        ControlFlow::Continue(())
    };
    let context = Context { window_values_max, ..context(Profile::Documented) };
    run(&select(query), &source, &context, &mut emit).unwrap();
    (rows, memory.decode_count())
}

#[test]
fn fields_of_an_inner_query_are_read_where_they_are_stored() {
    let points: Vec<String> = (0..20).map(|i| format!("m,host=a v={i},w={i} {}", i * 10)).collect();
    let points = points.join("\n");
    let inside = |projection: &str, condition: &str| {
        let direct = decoded(&points, &format!("SELECT {projection} FROM m WHERE {condition}"));
        let through = decoded(&points, &format!("SELECT {projection} FROM (SELECT v, w FROM m) WHERE {condition}"));
        assert_eq!(through.0, direct.0);
        through.1
    };
    // Summaries suffice.
    assert_eq!(inside("count(v)", "time >= 0"), 0);
    // Blocks at the ends of the range are decoded, of the other field too.
    assert_eq!(inside("count(v)", "time >= 10s AND time <= 180s"), 4);
    // Blocks are decoded only as far as rows are wanted.
    let few = "SELECT v FROM (SELECT v FROM m) LIMIT 3";
    assert_eq!(decoded(&points, few).1, 2);
    // A condition on points, or arithmetic, makes the inner query compute rows.
    assert_eq!(decoded(&points, "SELECT sum(v) FROM (SELECT v FROM m WHERE v > 3)").1, 8);
    assert_eq!(decoded(&points, "SELECT sum(x) FROM (SELECT v + 1 AS x FROM m)").1, 10);
}

#[test]
fn rows_of_nested_queries_that_are_not_kept_are_computed_once_per_level() {
    let points: Vec<String> = (0..100).map(|i| format!("m v={i} {i}")).collect();
    let points = points.join("\n");
    let mut query = "SELECT v FROM m WHERE v != 50".to_owned();
    for level in 1..=10 {
        query = format!("SELECT v + 1 AS v FROM ({query})");
        let (kept, _) = decoded(&points, &query);
        let (computed, decodes) = decoded_with(&points, &query, 1);
        assert_eq!(computed, kept);
        assert_eq!(computed.len(), 99);
        // Each level is read once to count its rows, and each of these reads computes the levels below.
        assert!((50 * level..=50 * (level + 2)).contains(&decodes), "{decodes} blocks at level {level}");
    }
}

// spec: compat.select.sub-order.1
#[test]
fn points_of_a_subquery_come_series_by_series_as_observed() {
    let points = "m,h=a v=1 1\nm,h=a v=2 4\nm,h=b v=3 2\nm,h=c v=4 3";
    let by_time: &[&str] = &["m time,v", "1 1", "2 3", "3 4", "4 2"];
    let by_series = &["m time,v", "1 1", "4 2", "3 4", "2 3"];
    check_profiles(points, "SELECT v FROM (SELECT v FROM m)", by_time, by_series);
    check(points, "SELECT v FROM (SELECT v FROM m LIMIT 9)", by_time);
    check(points, "SELECT sum(v) FROM (SELECT v FROM m)", &["m time,sum", "0 10"]);
}
