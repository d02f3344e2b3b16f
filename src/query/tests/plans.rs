//! The text of plans.

use std::ops::ControlFlow;

use fluxstone_compat::Profile;

use super::source::source;
use super::{context, select};
use crate::annotate_types;
use crate::planner::Around;
use crate::subquery::plan;

const POINTS: &str = "cpu,host=a,dc=x idle=1,load=2i 990\nmem,host=a used=3i,note=\"x\" 990";

fn text(query: &str) -> String {
    let source = source(POINTS, 2);
    let emit = &mut |_| ControlFlow::Continue(());
    plan(&select(query), &source, &context(Profile::Documented), Around::default(), emit).unwrap().to_string()
}

#[test]
fn a_plan_of_points_shows_reads_and_condition() {
    insta::assert_snapshot!(text("SELECT *, idle + load FROM cpu WHERE host = 'a' AND (idle > 0 OR dc =~ /x/) AND time > 5 LIMIT 3"), @r"
    read cpu
    times 1970-01-01T00:00:00.000000006Z to 2262-04-11T23:47:16.854775806Z, ascending
    points where (host = 'a' and (idle::float > 0 or dc =~ /x/))
    rows of idle::float, load::integer
    column dc: tag dc
    column host: tag host
    column idle: idle::float
    column load: load::integer
    column idle_load: (idle::float + load::integer)
    limit 3 offset 0 slimit 0 soffset 0
    ");
}

#[test]
fn a_plan_of_functions_shows_windows_calls_and_fill() {
    insta::assert_snapshot!(text("SELECT mean(load) * 2, derivative(max(used)) FROM /./ WHERE time > now() - 60s AND idle > 1 GROUP BY time(10s), host fill(0) ORDER BY time DESC"), @r"
    read cpu, mem
    times 1970-01-01T00:15:40.000000001Z to 1970-01-01T00:16:40Z, descending
    points where idle::float > 1
    group by host
    windows of 10s from 0s, fill 0
    column mean: (mean of load::integer as float * 2)
    column derivative: derivative by 10s of (max of used::integer as integer) as float
    ");
}

#[test]
fn a_plan_of_a_selector_shows_the_companion_columns() {
    insta::assert_snapshot!(text("SELECT top(load, host, 3), idle FROM cpu"), @r"
    read cpu
    times 1677-09-21T00:12:43.145224194Z to 2262-04-11T23:47:16.854775806Z, ascending
    points where any
    column top: top 3 of load::integer for each tag host as integer
    column host: tag host of the chosen point
    column idle: idle::float of the chosen point
    ");
}

#[test]
fn a_plan_shows_functions_with_their_parameters() {
    insta::assert_snapshot!(text("SELECT percentile(idle, 90), sample(load, 2), count(distinct(note)), moving_average(load, 3), elapsed(idle, 1s), sum(nope) FROM cpu, mem"), @r"
    read cpu, mem
    times 1677-09-21T00:12:43.145224194Z to 2262-04-11T23:47:16.854775806Z, ascending
    points where any
    column percentile: percentile 90 of idle::float as float
    column sample: sample of 2 of load::integer as integer
    column count: count of distinct values of note::string as integer
    column moving_average: moving average over 3 of load::integer as float
    column elapsed: elapsed 1s of idle::float as integer
    column sum: sum of nothing as float
    ");
    insta::assert_snapshot!(text("SELECT holt_winters_with_fit(mean(idle), 2, 4), non_negative_derivative(last(load), 5s) FROM cpu WHERE time > 0s GROUP BY time(1m, 10s) fill(none)"), @r"
    read cpu
    times 1970-01-01T00:00:00.000000001Z to 1970-01-01T00:16:40Z, ascending
    points where any
    windows of 1m0s from 10s, fill none
    column holt_winters_with_fit: 2 values predicted by seasons of 4, with the fit, of (mean of idle::float as float) as float
    column non_negative_derivative: non-negative derivative by 5s of (last of load::integer as integer) as float
    ");
}

#[test]
fn a_plan_over_a_sub_query_reads_its_columns() {
    insta::assert_snapshot!(text("SELECT max(m) / 2 FROM (SELECT mean(idle) AS m FROM cpu GROUP BY host) WHERE m > 0 SLIMIT 1"), @r"
    read cpu
    times 1677-09-21T00:12:43.145224194Z to 2262-04-11T23:47:16.854775806Z, ascending
    points where m::float > 0
    column max: (max of m::float as float / 2)
    limit 0 offset 0 slimit 1 soffset 0
    ");
}

#[test]
fn types_are_appended_to_columns() {
    let source = source(POINTS, 2);
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
