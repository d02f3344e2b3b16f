//! Every loop whose length a client chooses asks whether to go on.

use std::ops::ControlFlow;

use fluxstone_compat::Profile;

use super::source::source;
use super::{context, select};
use crate::{QueryError, run};

/// Counts how often a query asks, and checks that it stops at once when the answer is no longer wanted, wherever that is.
fn asks(points: &str, query: &str) -> usize {
    let source = source(points, 100);
    let (select, context) = (select(query), context(Profile::Documented));
    let mut count = 0;
    run(&select, &source, &context, &mut |_| {
        count += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    for wanted in [1, count / 2, count - 1] {
        let mut asked = 0;
        let result = run(&select, &source, &context, &mut |_| {
            asked += 1;
            if asked >= wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((result, asked), (Err(QueryError::Interrupted), wanted.max(1)));
    }
    count
}

fn seconds(count: usize) -> String {
    (0..count).map(|time| format!("m,k=a{time} v={} {time}", time % 7)).collect::<Vec<_>>().join("\n")
}

// spec: select.pieces.1
#[test]
fn expansion_asks_by_columns_and_sources() {
    let fields = (0..100).map(|field| format!("f{field}=1")).collect::<Vec<_>>().join(",");
    let points = format!("m {fields} 1");
    assert!(asks(&points, &format!("SELECT {} FROM m", vec!["*"; 100].join(","))) > 30);
    assert!(asks(&points, &format!("SELECT {} FROM m", vec!["/nothing/"; 100].join(","))) > 30);
    assert!(asks(&points, &format!("SELECT {} FROM m", vec!["mean(/nothing/)"; 100].join(","))) > 30);
    assert!(asks(&points, &format!("SELECT f1 FROM {}", vec!["m"; 10_000].join(","))) > 30);
    assert!(asks(&points, &format!("SELECT f1 FROM {}", vec!["/nothing/"; 10_000].join(","))) > 30);
}

// spec: select.pieces.1
#[test]
fn series_are_asked_for_one_by_one() {
    for query in [
        "SELECT v FROM m",
        "SELECT nothing FROM m GROUP BY k",
        "SELECT mean(v) FROM m GROUP BY k SLIMIT 1",
        "SELECT count(nothing::float) FROM m",
        "SELECT median(v) FROM m WHERE time < 3s GROUP BY k",
    ] {
        assert!(asks(&seconds(200), query) > 200, "{query}");
    }
}

// spec: select.pieces.1
#[test]
fn long_conditions_ask_within_a_block() {
    let points = (0..100).map(|time| format!("m v={} {time}", time % 7)).collect::<Vec<_>>().join("\n");
    let short = asks(&points, "SELECT v FROM m WHERE v > 9 OR v > 10");
    let terms = format!("({})", vec!["v > 9"; 900].join(" OR "));
    let condition = [terms.as_str(); 10].join(" OR ");
    let long = asks(&points, &format!("SELECT v FROM m WHERE {condition}"));
    assert!(long > short + 3, "{long} > {short}");
}

// spec: select.pieces.1
#[test]
fn a_forecast_asks_while_it_is_computed() {
    let points = (0..100).map(|time| format!("m v={} {time}", time % 7)).collect::<Vec<_>>().join("\n");
    let windows = "time >= 0s AND time < 60s GROUP BY time(1s)";
    assert!(asks(&points, &format!("SELECT holt_winters(first(v), 100, 0) FROM m WHERE {windows}")) > 100);
    // Each of the sixteen searches begins with a forecast for each position of the season.
    assert!(asks(&points, &format!("SELECT holt_winters(first(v), 1, 20) FROM m WHERE {windows}")) > 16 * 20);
}
