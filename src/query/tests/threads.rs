//! Several threads return the same answer as one.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use fluxstone_compat::Profile;

use super::source::source;
use super::{context, pieces, select};
use crate::{Context, QueryError, WorkerPool, run};

/// Points of many series, which have different numbers of points.
fn points(series: usize) -> String {
    let mut points = String::new();
    for series in 0..series {
        for time in 0..=series % 7 {
            writeln!(points, "m,host=h{series},rack=r{} v={}i,w={time} {time}", series % 10, series * time).unwrap();
        }
    }
    points
}

fn with(workers: &WorkerPool, chunk_rows: usize) -> Context {
    Context { chunk_rows, workers: workers.clone(), ..context(Profile::Documented) }
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
    let pools = [2, 3, 16].map(WorkerPool::new);
    for series in [0, 1, 4, 50, 200] {
        let points = points(series);
        for query in QUERIES {
            for chunk_rows in [1, 3, 10_000] {
                let alone = pieces(&points, query, &with(&WorkerPool::none(), chunk_rows)).unwrap();
                for pool in &pools {
                    assert_eq!(pieces(&points, query, &with(pool, chunk_rows)).unwrap(), alone, "{query}");
                }
            }
        }
    }
}

#[test]
fn all_threads_stop_when_the_answer_is_not_wanted() {
    let pool = WorkerPool::new(3);
    let source = source(&points(100), 1);
    for wanted in [1, 5, 40] {
        let mut taken = 0;
        let got = run(&select("SELECT v FROM m GROUP BY host"), &source, &with(&pool, 2), &mut |piece| {
            taken += i32::from(piece.is_some());
            if taken == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((got, taken), (Err(QueryError::Interrupted), wanted));
    }
}

#[test]
fn queries_that_share_a_pool_all_finish() {
    let pool = WorkerPool::new(3);
    let points = points(60);
    let query = "SELECT v FROM m GROUP BY host";
    let alone = pieces(&points, query, &with(&WorkerPool::none(), 2)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(pieces(&points, query, &with(&pool, 2)).unwrap(), alone));
        }
    });
}

#[test]
fn a_slow_client_does_not_hold_up_other_queries() {
    let pool = WorkerPool::new(2);
    let points = points(60);
    let source = source(&points, 1);
    let query = "SELECT v FROM m GROUP BY host";
    let mut others = 0;
    // While the first query waits for its client, with its threads, others run to their end.
    let result = run(&select(query), &source, &with(&pool, 2), &mut |piece| {
        if piece.is_some() && others < 3 {
            others += 1;
            pieces(&points, query, &with(&pool, 2)).unwrap();
        }
        ControlFlow::Continue(())
    });
    assert_eq!((result, others), (Ok(()), 3));
}
