//! Several threads give the answer of one.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use fluxstone_compat::Profile;

use super::{context, pieces, select};
use crate::test_source::{MemorySource, OneSource};
use crate::{Context, QueryError, run};

/// Points of many series, not as many of each.
fn points(series: usize) -> String {
    let mut points = String::new();
    for series in 0..series {
        for time in 0..=series % 7 {
            writeln!(points, "m,host=h{series},rack=r{} v={}i,w={time} {time}", series % 10, series * time).unwrap();
        }
    }
    points
}

fn on(threads: usize, chunk_rows: usize) -> Context {
    Context { chunk_rows, threads, ..context(Profile::Documented) }
}

const QUERIES: [&str; 6] = [
    "SELECT * FROM m GROUP BY host",
    "SELECT v, rack FROM m GROUP BY host ORDER BY time DESC LIMIT 2",
    "SELECT mean(v), max(w) FROM m WHERE time >= 0s AND time < 9s GROUP BY time(2s), host",
    "SELECT top(v, 3) FROM m GROUP BY rack",
    "SELECT derivative(w, 1s) FROM m GROUP BY host SLIMIT 30 SOFFSET 2",
    "SELECT sum(x) FROM (SELECT max(v) AS x FROM m GROUP BY host) GROUP BY rack",
];

// spec: select.pieces.1
#[test]
fn the_pieces_are_those_of_one_thread() {
    for series in [0, 1, 4, 50, 200] {
        let points = points(series);
        for query in QUERIES {
            for chunk_rows in [1, 3, 10_000] {
                let alone = pieces(&points, query, &on(1, chunk_rows)).unwrap();
                for threads in [2, 3, 16] {
                    assert_eq!(pieces(&points, query, &on(threads, chunk_rows)).unwrap(), alone, "{query}");
                }
            }
        }
    }
}

#[test]
fn all_threads_end_when_nobody_waits() {
    let source = OneSource(Arc::new(MemorySource::new(&points(100), 1)));
    for wanted in [1, 5, 40] {
        let mut taken = 0;
        let got = run(&select("SELECT v FROM m GROUP BY host"), &source, &on(3, 2), &mut |piece| {
            taken += i32::from(piece.is_some());
            if taken == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((got, taken), (Err(QueryError::Interrupted), wanted));
    }
}
