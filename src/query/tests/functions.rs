//! Functions in queries.

use fluxstone_compat::Profile;

use super::{check, check_profiles, context, pieces};

const M: &str = "m f=1.5,i=7i,s=\"ant\",b=true 0\nm f=-2.25,i=3i,s=\"bee\",b=false 10\n\
    m f=8,i=3i,s=\"ant\",b=true 20\nm f=0.5,i=-4i,s=\"cow\",b=false 30";

/// Checks the rows of one function over the measurement `m`.
fn value(points: &str, function: &str, want: &str) {
    let lines = super::answer(points, &format!("SELECT {function} FROM m"), Profile::Documented);
    assert_eq!(lines.get(1..).unwrap_or_default().join(", "), want, "{function}");
}

// spec: functions.types.1
#[test]
fn types_that_a_function_does_not_accept_are_errors() {
    for (call, what, kind) in [
        ("mean(s)", "mean", "string"),
        ("sum(b)", "sum", "boolean"),
        ("max(s)", "max", "string"),
        ("percentile(b, 5)", "percentile", "boolean"),
        ("top(s, 1)", "top", "string"),
        ("non_negative_derivative(s)", "derivative", "string"),
        ("moving_average(b, 2)", "moving average", "boolean"),
        ("cumulative_sum(s)", "cumulative sum", "string"),
    ] {
        let error = format!("unsupported {what} iterator type: *influxql.{kind}InterruptIterator");
        check(M, &format!("SELECT {call} FROM m"), &[&error]);
    }
}

// spec: functions.types.2
#[test]
fn results_have_the_type_of_the_field_or_of_the_function() {
    check(
        M,
        "SELECT count(s), mean(i), median(i), sum(i), spread(i), max(b), first(s) FROM m",
        &["m time,count,mean,median,sum,spread,max,first", "0 4i 2.25 3 9i 11i true 'ant'"],
    );
}

// spec: functions.unknown.1
#[test]
fn unknown_functions_are_errors_even_without_data() {
    check(M, "SELECT foo(f) FROM m", &["unsupported call: foo"]);
    check(M, "SELECT integral(f) FROM nosuch", &["unsupported call: integral"]);
}

// spec: functions.wildcard.1
#[test]
fn wildcards_in_calls_mean_all_fields_of_accepted_types() {
    check(M, "SELECT max(*) FROM m", &["m time,max_b,max_f,max_i", "0 true 8 7i"]);
    check(M, "SELECT count(/[fs]/) AS n FROM m", &["m time,n_f,n_s", "0 4i 4i"]);
    check(M, "SELECT mean(*::tag) FROM m", &["unable to use tag wildcard in mean()"]);
    check(
        M,
        "SELECT difference(sum(*)) FROM m WHERE time >= 0s AND time < 20s GROUP BY time(10s)",
        &["m time,difference_f,difference_i", "10 -3.75 -4i"],
    );
}

// spec: functions.empty.1
#[test]
fn no_values_make_no_row() {
    check("m,t=x a=1 1", "SELECT count(b) FROM m", &[]);
    check("m,t=x a=1 1", "SELECT count(t) FROM m", &[]);
    check("m,t=x a=1 1", "SELECT count(b), count(a) FROM m", &["m time,count,count_1", "0 - 1i"]);
    check("m a=1 1\nm b=1 2", "SELECT count(a), mean(b) FROM m", &["m time,count,mean", "0 1i 1"]);
}

// spec: functions.time.1, functions.time.2
#[test]
fn aggregates_carry_the_lower_bound_and_lone_selectors_their_own_time() {
    check(M, "SELECT mean(f) FROM m", &["m time,mean", "0 1.9375"]);
    check(M, "SELECT sum(i) FROM m WHERE time >= 5s", &["m time,sum", "5 2i"]);
    check(M, "SELECT sum(i) FROM m WHERE time > 5s", &["m time,sum", "5000000001ns 2i"]);
    check(M, "SELECT max(f) FROM m", &["m time,max", "20 8"]);
    check(M, "SELECT max(f) * 2 FROM m", &["m time,max", "20 16"]);
    check(M, "SELECT max(f), min(f) FROM m WHERE time >= 5s", &["m time,max,min", "5 8 -2.25"]);
    check(M, "SELECT percentile(f, 100) FROM m", &["m time,percentile", "20 8"]);
    check(M, "SELECT top(f, 1), count(f) FROM m", &["m time,top,count", "0 - 4i", "20 8 -"]);
}

// spec: functions.time.3
#[test]
fn in_windows_rows_carry_the_start_except_samples() {
    let windows = |call: &str, want: &[&str]| {
        let query = format!("SELECT {call} FROM m WHERE time >= 0s AND time < 1m GROUP BY time(20s)");
        let mut all = vec!["m time,x"];
        all.extend(want);
        check(M, &query, if want.is_empty() { &[] } else { &all });
    };
    windows("min(f) AS x", &["0 -2.25", "20 0.5", "40 -"]);
    windows("sample(f, 9) AS x", &["0 1.5", "10 -2.25", "20 8", "30 0.5"]);
    windows("distinct(i) AS x", &["0 7i", "0 3i", "20 3i", "20 -4i"]);
    windows("top(f, 1) AS x", &["0 1.5", "20 8", "40 -"]);
}

// spec: functions.companions.1
#[test]
fn companions_belong_to_the_chosen_point() {
    let points = "m,h=a v=1,w=10i 1\nm,h=b v=5 2\nm,h=b w=9i 2\nm,h=a w=3i 3";
    check(points, "SELECT max(v), w, h, w * 2 FROM m", &["m time,max,w,h,w_1", "2 5 9i 'b' 18i"]);
    check(points, "SELECT h, last(w) FROM m", &["m time,h,last", "3 'a' 3i"]);
    check(points, "SELECT first(w), v, nosuch FROM m", &["m time,first,v,nosuch", "1 10i 1 -"]);
    check(
        points,
        "SELECT max(v), h FROM m WHERE time >= 1s AND time < 4s GROUP BY time(1s)",
        &["m time,max,h", "1 1 'a'", "2 5 'b'", "3 - -"],
    );
    check(
        points,
        "SELECT top(v, 1), top(w, 1), h FROM m",
        &["cannot select fields when selecting multiple aggregates"],
    );
}

// spec: functions.rows.1
#[test]
fn columns_are_joined_by_time() {
    check(M, "SELECT top(f, 2), bottom(f, 1) FROM m", &["m time,top,bottom", "0 1.5 -", "10 - -2.25", "20 8 -"]);
    check(M, "SELECT difference(f), elapsed(i, 1s) FROM m LIMIT 1", &["m time,difference,elapsed", "10 -3.75 10i"]);
}

// spec: functions.order.1
#[test]
fn floats_are_added_series_by_series_in_time_order() {
    let points = "m,h=a v=1e16 1\nm,h=a v=1 3\nm,h=b v=1 2\nm,h=b v=1 4";
    // (1e16 + 1) + (1 + 1), where 1e16 + 1 rounds to 1e16; in order of time it would be 1e16.
    check(points, "SELECT sum(v) FROM m", &["m time,sum", "0 10000000000000002"]);
    // The same with a filter.
    check(points, "SELECT sum(v) FROM m WHERE v > 0", &["m time,sum", "0 10000000000000002"]);
}

// spec: functions.count.1, functions.sum.1, functions.spread.1
#[test]
fn counts_sums_and_spreads() {
    value(M, "count(distinct(s))", "0 3i");
    value(M, "count(distinct i)", "0 3i");
    value("m i=9223372036854775807i 1\nm i=1i 2", "sum(i)", "0 -9223372036854775808i");
    value("m i=9223372036854775807i 1\nm i=-1i 2", "spread(i)", "0 -9223372036854775808i");
    value("m f=0.3 1\nm f=0.1 2", "spread(f)", "0 0.19999999999999998");
}

// spec: functions.mean.1
#[test]
fn means_of_series_are_weighted() {
    let points = "m,h=a f=0.1 0\nm,h=a f=0.2 1\nm,h=a f=0.4 2\nm,h=b f=10 0\nm,h=b f=0.3 5";
    value(points, "mean(f)", "0 2.2");
    value("m i=9223372036854775807i 1\nm i=9223372036854775807i 2", "mean(i)", "0 -1");
}

// spec: functions.median.1
#[test]
fn the_median_is_the_middle() {
    value("m v=3 1\nm v=1 2\nm v=2 3", "median(v)", "0 2");
    value("m v=3 1\nm v=1 2\nm v=2 3\nm v=10 4", "median(v)", "0 2.5");
    value("m v=9007199254740993i 1\nm v=9007199254740994i 2", "median(v)", "0 9007199254740992");
    value("m v=3i 1", "median(v)", "0 3");
}

// spec: functions.mode.1
#[test]
fn the_mode_is_the_longest_run_with_its_rules_for_ties() {
    value("m v=9 0\nm v=2 1\nm v=9 2\nm v=2 3\nm v=5 4", "mode(v)", "0 9");
    value("m v=2 0\nm v=2 1\nm v=9 2\nm v=9 3", "mode(v)", "0 2");
    value("m v=9 0\nm v=4 1\nm v=7 2", "mode(v)", "0 4");
    value("m v=true 0\nm v=false 1", "mode(v)", "0 true");
    value("m v=\"b\" 0\nm v=\"a\" 1\nm v=\"b\" 2", "mode(v)", "0 'b'");
}

// spec: functions.stddev.1, functions.series.1
#[test]
fn the_deviation_is_that_of_a_sample_in_the_order_of_series() {
    value("m v=2 1\nm v=4 2\nm v=4 3\nm v=4 4\nm v=5 5\nm v=5 6\nm v=7 7\nm v=9 8", "stddev(v)", "0 2.138089935299395");
    value("m v=2 1", "stddev(v)", "0 -");
    value("m,h=a v=3.0 0\nm,h=b v=0.3 1\nm,h=c v=8.7 2\nm,h=d v=4.7 3", "stddev(v)", "0 3.5188776619825815");
    check(
        "m v=2 1",
        "SELECT stddev(v) FROM m WHERE time >= 0s AND time < 4s GROUP BY time(2s) fill(7)",
        &["m time,stddev", "0 -", "2 7"],
    );
}

// spec: functions.distinct.1
#[test]
fn distinct_values_come_in_order_of_their_first_occurrence() {
    let points = "m f=5 0\nm f=2 1\nm f=5 2\nm f=9 3\nm f=2 4\nm f=1 5";
    value(points, "distinct(f)", "0 5, 0 2, 0 9, 0 1");
    value("m f=0 1\nm f=-0 2", "distinct(f)", "0 0");
    check(points, "SELECT distinct(f) FROM m ORDER BY time DESC", &["m time,distinct", "0 5", "0 9", "0 2", "0 1"]);
    check(points, "SELECT DISTINCT f FROM m WHERE f > 4", &["m time,distinct", "0 5", "0 9"]);
}

// spec: functions.minmax.1
#[test]
fn the_earliest_extreme_is_chosen() {
    value("m v=1 1\nm v=5 2\nm v=5 3", "max(v)", "2 5");
    value("m,h=b v=5 2\nm,h=a v=5 3\nm,h=c v=5 2", "max(v), h", "2 5 'b'");
    value("m v=true 1\nm v=false 2\nm v=false 3", "min(v)", "2 false");
}

// spec: functions.firstlast.1
#[test]
fn first_and_last_choose_the_largest_of_values_with_one_time() {
    let points = "m,h=a v=3i,b=true 1\nm,h=b v=9i,b=false 1\nm,h=c v=4i,b=true 1";
    value(points, "first(v), h", "1 9i 'b'");
    value(points, "last(v), h", "1 9i 'b'");
    value(points, "first(b)", "1 false");
    value(points, "last(b)", "1 true");
    value(M, "last(s)", "30 'cow'");
}

// spec: functions.percentile.1
#[test]
fn percentiles_are_points() {
    let points = "m v=10 1\nm v=30 2\nm v=20 3\nm v=40 4";
    value(points, "percentile(v, 50)", "3 20");
    value(points, "percentile(v, 75)", "2 30");
    value(points, "percentile(v, 1)", "");
    value(points, "percentile(v, 113)", "");
}

// spec: functions.sample.1
#[test]
fn a_sample_has_its_size_and_the_order_of_time() {
    value(M, "sample(i, 9)", "0 7i, 10 3i, 20 3i, 30 -4i");
    let points: Vec<_> = (0..100).map(|time| format!("m v={time}i {time}")).collect();
    let points = points.join("\n");
    let answer = pieces(&points, "SELECT sample(v, 10) FROM m", &context(Profile::Documented)).unwrap();
    let rows: Vec<_> = answer[0].rows().map(super::cells).collect();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row.len() == 2 && format!("{}i", row[0]) == row[1]), "{rows:?}");
    let times: Vec<i64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a < b));
    assert!(times[9] > 10, "not just the first ten");
}

const TOP: &str =
    "m,h=a v=3,u=1i 0\nm,h=b v=9,u=2i 10\nm,h=a v=9,u=3i 20\nm,h=c v=1 30\nm,h=b v=1,u=5i 40\nm,h=a v=6,u=6i 50";

// spec: functions.top.1
#[test]
fn top_and_bottom_choose_by_rank_and_list_by_time() {
    value(TOP, "top(v, 3)", "10 9, 20 9, 50 6");
    value(TOP, "bottom(v, 2)", "30 1, 40 1");
    value(TOP, "top(v, 1)", "10 9");
    value(TOP, "top(v, 0)", "");
    check(
        TOP,
        "SELECT top(v, 2), u FROM m WHERE time >= 0s AND time < 1m GROUP BY time(30s)",
        &["m time,top,u", "0 9 2i", "0 9 3i", "30 6 6i", "30 1 -"],
    );
    let many: Vec<_> = (0..5000).map(|time| format!("m v={}i {time}", (time * 7919) % 5000)).collect();
    let many = many.join("\n");
    value(&many, "top(v, 2)", "2321 4999i, 4642 4998i");
}

// spec: functions.top.2
#[test]
fn names_in_top_select_one_point_per_combination() {
    check(TOP, "SELECT top(v, h, 2) AS best FROM m", &["m time,best,h", "10 9 'b'", "20 9 'a'"]);
    check(
        TOP,
        "SELECT bottom(v, h, 9), h, u FROM m",
        &["m time,bottom,h,h_1,u", "0 3 'a' 'a' 1i", "30 1 'c' 'c' -", "40 1 'b' 'b' 5i"],
    );
}

// spec: functions.transform.1, functions.transform.2
#[test]
fn rates_divide_differences_by_times() {
    // Of the points at 15 s, the one of the series `m,t=x` comes first, and the other is skipped.
    let points = "m v=1i 0\nm v=4i 10\nm v=9i 15\nm,t=x v=2i 15\nm v=2i 45";
    value(points, "derivative(v)", "10 0.3, 15 -0.4, 45 0");
    value(points, "derivative(v, 10s)", "10 3, 15 -4, 45 0");
    value(points, "non_negative_derivative(v, 10s)", "10 3, 45 0");
    value(points, "difference(v)", "10 3i, 15 -2i, 45 0i");
    check(
        points,
        "SELECT derivative(v, 10s) FROM m WHERE t = '' ORDER BY time DESC",
        &["m time,derivative", "15 2.3333333333333335", "10 -10", "0 -3"],
    );
    check("m a=1,b=1 0\nm a=2,b=5 1", "SELECT difference(a + b) FROM m", &["m time,difference", "1 5"]);
}

// spec: functions.transform.3
#[test]
fn elapsed_counts_units() {
    value("m s=\"x\" 0\nm s=\"y\" 90", "elapsed(s, 1m)", "90 1i");
    value("m v=1 0\nm v=1 1", "elapsed(v)", "1 1000000000i");
    value("m v=1 0\nm v=1 1", "elapsed(v, 0s)", "1 0i");
    check("m v=1 0\nm v=1 90", "SELECT elapsed(v, 1m) FROM m ORDER BY time DESC", &["m time,elapsed", "0 -1i"]);
}

// spec: functions.transform.4
#[test]
fn cumulative_sums_and_moving_averages() {
    value(M, "cumulative_sum(i)", "0 7i, 10 10i, 20 13i, 30 9i");
    value(M, "moving_average(i, 2)", "10 5, 20 3, 30 -0.5");
    value("m v=1e16 0\nm v=1 1\nm v=1 2", "moving_average(v, 2)", "1 5000000000000000, 2 0.5");
    value(M, "moving_average(f, 9)", "");
}

// spec: functions.transform.5
#[test]
fn transformations_of_calls_begin_one_window_earlier() {
    let points = "m v=1 90\nm v=4 100\nm v=9 110\nm v=16 130";
    let query = |call: &str, fill: &str| {
        format!("SELECT {call} AS x FROM m WHERE time >= 100s AND time < 140s GROUP BY time(10s) {fill}")
    };
    check(points, &query("difference(sum(v))", ""), &["m time,x", "100 3", "110 5", "130 7"]);
    check(points, &query("difference(sum(v))", "fill(0)"), &["m time,x", "100 3", "110 5", "120 -9", "130 16"]);
    check(points, &query("derivative(sum(v))", "fill(linear)"), &["m time,x", "100 3", "110 5", "120 3.5", "130 3.5"]);
    check(points, &query("cumulative_sum(sum(v))", ""), &["m time,x", "100 4", "110 13", "130 29"]);
    check(points, &query("moving_average(sum(v), 2)", "fill(none)"), &["m time,x", "100 2.5", "110 6.5", "130 12.5"]);
    check(points, &query("elapsed(count(v), 1s)", "fill(none)"), &["m time,x", "100 10i", "110 10i", "130 20i"]);
}

// spec: functions.holt-winters.6, compat.select.forecast-desc.1
#[test]
fn predictions_continue_the_results_of_a_call() {
    let values = [10.0, 12.0, 15.0, 11.0, 12.5, 14.5, 17.2, 13.0];
    let points: Vec<_> = values.iter().enumerate().map(|(at, value)| format!("m v={value} {}", at * 10)).collect();
    let points = points.join("\n");
    let query = |tail: &str| {
        format!("SELECT holt_winters(mean(v), 2, 0) FROM m WHERE time >= 0s AND time < 80s GROUP BY time(10s) {tail}")
    };
    check(&points, &query(""), &["m time,holt_winters", "80 15.025015167303426", "90 15.352451723921504"]);
    check_profiles(
        &points,
        &query("ORDER BY time DESC LIMIT 1"),
        &["m time,holt_winters", "90 15.352451723921504"],
        &[],
    );
    check(
        "m s=\"x\" 1",
        "SELECT holt_winters(first(s), 2, 0) FROM m WHERE time > 0s GROUP BY time(1s)",
        &["unsupported elapsed iterator type: *influxql.stringInterruptIterator"],
    );
}
