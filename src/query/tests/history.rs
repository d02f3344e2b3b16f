//! What is answered from summaries: the points at the ends of series, and functions of whole blocks. The answers are the same as those
//! of the values.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_columns::Source;
use fluxstone_compat::Profile;
use proptest::prelude::*;

use super::source::memory_source;
use super::{cells, context, select};
use crate::{Context, SeriesRows, run};

/// The rows of a query, and how many blocks of two values it decoded.
fn decoded(points: &str, query: &str) -> (Vec<String>, usize) {
    let memory = memory_source(points, 2);
    let source: Arc<dyn Source> = memory.clone();
    let mut rows = Vec::new();
    let mut emit = |piece: Option<SeriesRows>| {
        rows.extend(piece.iter().flat_map(SeriesRows::rows).map(|row| cells(row).join(" ")));
        ControlFlow::Continue(())
    };
    run(&select(query), &source, &context(Profile::Documented), &mut emit).unwrap();
    (rows, memory.decode_count())
}

fn history(series: usize, points: i64) -> String {
    let mut lines = String::new();
    for (host, at) in (0..series).flat_map(|host| (0..points).map(move |at| (host, at))) {
        let time = at * 10 + host as i64;
        writeln!(lines, "m,host=h{host:03} v={at}i,w={}.5,s=\"x{at}\" {time}", at * 2).unwrap();
    }
    lines
}

// spec: select.order.1, select.limit.1
#[test]
fn the_point_at_an_end_of_a_series_is_read_without_decoding_numbers() {
    let points = history(3, 20);
    let last = "SELECT v, w FROM m GROUP BY host ORDER BY time DESC LIMIT 1";
    assert_eq!(
        decoded(&points, last),
        (["190 19i 38.5", "191 19i 38.5", "192 19i 38.5"].map(str::to_owned).into_iter().rev().collect(), 0)
    );
    let first = "SELECT v, w FROM m WHERE time >= 10s GROUP BY host LIMIT 1";
    let first = decoded(&points, first);
    assert_eq!(first.0, ["10 1i 2.5", "11 1i 2.5", "12 1i 2.5"]);
    assert_eq!(first.1, 6, "the range begins inside of blocks");
    // Strings are in no summary, and integers are read as the type that is asked for.
    let strings = "SELECT s, v::float FROM m GROUP BY host ORDER BY time DESC LIMIT 1";
    assert_eq!(decoded(&points, strings).1, 3);
    // Of several series, only that of the point is decoded, when its next point is looked for.
    let of_many = "SELECT v FROM m ORDER BY time DESC LIMIT 1";
    assert_eq!(decoded(&history(200, 20), of_many), (vec!["389 19i".to_owned()], 0));
}

// spec: functions.count.1, functions.sum.1
#[test]
fn functions_of_whole_blocks_are_computed_from_summaries() {
    let points = history(3, 20);
    for call in ["count(*)", "sum(v), count(s)", "mean(v), spread(w)", "max(v), min(w)", "first(v), last(w)"] {
        assert_eq!(decoded(&points, &format!("SELECT {call} FROM m")).1, 0, "{call}");
    }
    let together = decoded(&points, "SELECT mean(v), sum(v) + count(w), last(w), min(v), count(s) FROM m").0;
    assert_eq!(together, ["0 9.5 630i 38.5 0i 60i"]);
}

// spec: select.where.field.1
#[test]
fn blocks_without_values_that_satisfy_the_condition_are_not_decoded() {
    let points = history(3, 20);
    let above = "SELECT * FROM m WHERE v > 17 AND w < 1000 GROUP BY host";
    let (rows, decodes) = decoded(&points, above);
    assert_eq!(rows[..2], ["180 'x18' 18i 36.5", "190 'x19' 19i 38.5"].map(str::to_owned));
    assert_eq!((rows.len(), decodes), (6, 9), "one block of each field of each series");
    assert_eq!(decoded(&points, "SELECT * FROM m WHERE v > 19 AND time >= 0").1, 0);
    assert_eq!(decoded(&points, "SELECT count(s) FROM m WHERE v::float = 5.0").1, 6);
    assert_eq!(decoded(&points, "SELECT v FROM m WHERE v > 19 OR w > 38").1, 60, "either side may hold");
}

fn select_one(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(texts)
}

proptest! {
    /// LIMIT and OFFSET only leave rows out, also where the points at the ends of series come from summaries and series are opened
    /// when their turn comes. Plain rows have the same cells.
    #[test]
    fn a_limit_leaves_out_rows(
        points in proptest::collection::vec((0..90_usize, 0..40_i64, 0..3_usize, 0..9_i64), 1..400),
        descending in any::<bool>(),
        (limit, offset) in (1..30_usize, 0..5_usize),
        range in select_one(&["", "WHERE time > 7s AND time < 31s", "WHERE v > 3", "WHERE v > 2 AND time < 20s"]),
        group in select_one(&["", "GROUP BY host", "GROUP BY k"]),
    ) {
        let mut lines = String::new();
        for (host, time, field, value) in points {
            let (field, text) = [("v", format!("{value}")), ("w", format!("{value}i")), ("s", format!("\"{value}\""))][field].clone();
            writeln!(lines, "m,host=h{host},k={} {field}={text} {time}", host % 3).unwrap();
        }
        let order = if descending { "ORDER BY time DESC" } else { "" };
        let query = format!("SELECT * FROM m {range} {group} {order}");
        let source: Arc<dyn Source> = memory_source(&lines, 2);
        let series = |query: &str, plain_rows: bool| {
            let context = Context { plain_rows, chunk_rows: 7, ..context(Profile::Documented) };
            let mut series: Vec<(String, Vec<String>)> = Vec::new();
            let mut emit = |piece: Option<SeriesRows>| {
                if let Some(piece) = piece.map(SeriesRows::into_cells) {
                    let name = format!("{:?}", piece.tags);
                    if series.last().is_none_or(|(last, _)| *last != name) {
                        series.push((name, Vec::new()));
                    }
                    series.last_mut().unwrap().1.extend(piece.rows().map(|row| cells(row).join(" ")));
                }
                ControlFlow::Continue(())
            };
            run(&select(query), &source, &context, &mut emit).unwrap();
            series
        };
        let mut want = series(&query, false);
        prop_assert_eq!(series(&query, true), want.clone());
        for (_, rows) in &mut want {
            *rows = rows.iter().skip(offset).take(limit).cloned().collect();
        }
        want.retain(|(_, rows)| !rows.is_empty());
        let limited = format!("{query} LIMIT {limit} OFFSET {offset}");
        prop_assert_eq!(series(&limited, true), want.clone());
        prop_assert_eq!(series(&limited, false), want);
    }

    /// A limit on the points that are read, which are then counted, does not change the answer.
    #[test]
    fn leaving_out_blocks_leaves_out_no_row(
        points in proptest::collection::vec((0..3_usize, 0..40_i64, 0..3_usize, 0..9_i64), 1..300),
        descending in any::<bool>(),
        condition in select_one(&[
            "v > 3", "v >= 7 AND w < 3", "v = 4", "v != 4 AND w <= 2.5", "w = 3 AND time > 7s", "w::float < 0.5 AND v < 3", "w > 8 OR v > 8",
            "v > 7 AND host = 'h1'", "v < 2 AND s = '1'", "x > 1",
        ]),
        columns in select_one(&["*", "v, w", "s", "count(v)", "max(w), s", "mean(w)"]),
    ) {
        let mut lines = String::new();
        for (host, time, field, value) in points {
            let (field, text) = [("v", format!("{value}")), ("w", format!("{value}i")), ("s", format!("\"{value}\""))][field].clone();
            writeln!(lines, "m,host=h{host} {field}={text} {time}").unwrap();
        }
        let order = if descending { "ORDER BY time DESC" } else { "" };
        let query = select(&format!("SELECT {columns} FROM m WHERE {condition} GROUP BY host {order}"));
        let source: Arc<dyn Source> = memory_source(&lines, 2);
        let rows = |points_max: u64| {
            let mut context = context(Profile::Documented);
            context.limits.points_max = points_max;
            let mut rows = Vec::new();
            let mut emit = |piece: Option<SeriesRows>| {
                rows.extend(piece.iter().flat_map(SeriesRows::rows).map(|row| cells(row).join(" ")));
                ControlFlow::Continue(())
            };
            run(&query, &source, &context, &mut emit).unwrap();
            rows
        };
        prop_assert_eq!(rows(0), rows(u64::MAX));
    }
}
