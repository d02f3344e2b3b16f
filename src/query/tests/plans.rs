//! What plans say.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{context, select};
use crate::compat::Profile;
use crate::query::TimeBounds;
use crate::query::plan::{annotate_types, plan};
use crate::query::test_source::{MemorySource, OneSource};

const POINTS: &str = "cpu,host=a,dc=x idle=1,load=2i 990\nmem,host=a used=3i,note=\"x\" 990";

fn text(query: &str) -> String {
    let source = OneSource(Arc::new(MemorySource::new(POINTS, 2)));
    let emit = &mut |_| ControlFlow::Continue(());
    plan(&select(query), &source, &context(Profile::Documented), TimeBounds::default(), emit).unwrap().to_string()
}

#[test]
fn a_plan_of_rows_tells_what_is_read_and_asked() {
    insta::assert_snapshot!(text("SELECT *, idle + load FROM cpu WHERE host = 'a' AND (idle > 0 OR dc =~ /x/) AND time > 5 LIMIT 3"), @r"
    read cpu
    times 1970-01-01T00:00:00.000000006Z to 2262-04-11T23:47:16.854775806Z, ascending
    series where (host = 'a' and ((its points are asked) or dc =~ /x/))
    rows of idle::float, load::integer
    column dc: tag dc
    column host: tag host
    column idle: #0
    column load: #1
    column idle_load: (#0 + #1)
    limit 3 offset 0 slimit 0 soffset 0
    ");
}

#[test]
fn a_plan_of_functions_tells_windows_calls_and_fill() {
    insta::assert_snapshot!(text("SELECT mean(load) * 2, derivative(max(used)) FROM /./ WHERE time > now() - 60s AND idle > 1 GROUP BY time(10s), host fill(0) ORDER BY time DESC"), @r"
    read cpu, mem
    times 1970-01-01T00:15:40.000000001Z to 1970-01-01T00:16:40Z, descending
    series where (its points are asked)
    group by host
    windows of 10000000000 ns from 0 ns, fill Integer(0)
    column mean: (Reduce(Mean)::float of #0 in load::integer; asking idle::float * Integer(2))
    column derivative: Transform(Derivative { unit: 10000000000, non_negative: false })::float of (Reduce(Max)::integer of #0 in used::integer; asking idle::float)
    ");
}

#[test]
fn a_plan_of_a_selector_tells_what_comes_with_the_point() {
    insta::assert_snapshot!(text("SELECT top(load, host, 3), idle FROM cpu"), @r"
    read cpu
    times 1677-09-21T00:12:43.145224194Z to 2262-04-11T23:47:16.854775806Z, ascending
    series where any
    column top: Collect(Best { size: 3, greatest: true, keyed: true })::integer of #0 in load::integer
    column host: tag host of the chosen point
    column idle: #0 of the chosen point
    chosen points have idle::float
    ");
}

#[test]
fn types_are_written_behind_columns() {
    let source = OneSource(Arc::new(MemorySource::new(POINTS, 2)));
    let annotated =
        |query: &str| annotate_types(&select(query), &source, &context(Profile::Documented)).unwrap().to_string();
    assert_eq!(annotated("SELECT idle FROM cpu WHERE host = 'a'"), "SELECT idle::float FROM cpu WHERE host::tag = 'a'");
    assert_eq!(
        annotated("SELECT * FROM cpu GROUP BY *"),
        "SELECT idle::float, load::integer FROM cpu GROUP BY dc, host"
    );
    assert_eq!(
        annotated("SELECT mean(/l/), max(x) FROM cpu"),
        "SELECT mean(idle::float) AS mean_idle, mean(load::integer) AS mean_load, max(x) FROM cpu"
    );
}
