//! Functions over several groups: the order of the answer in both profiles.

use super::{check, check_profiles};

// spec: select.order.1, compat.select.batches.1
#[test]
fn results_with_times_of_their_own_split_groups_as_observed() {
    let points = "m,h=a v=1 30\nm,h=a v=2 10\nm,h=b v=3 20";
    check_profiles(
        points,
        "SELECT distinct(v) FROM m GROUP BY h",
        &["m{h=a} time,distinct", "0 2", "0 1", "m{h=b} time,distinct", "0 3"],
        &["m{h=a} time,distinct", "0 2", "m{h=b} time,distinct", "0 3", "m{h=a} time,distinct", "0 1"],
    );
    check_profiles(
        points,
        "SELECT percentile(v, 50) FROM m GROUP BY h ORDER BY time DESC",
        &["m{h=a} time,percentile", "30 1", "m{h=b} time,percentile", "20 3"],
        &["m{h=b} time,percentile", "20 3", "m{h=a} time,percentile", "30 1"],
    );
    // Only `top` among these keeps the times of its points until groups are ordered.
    check(
        points,
        "SELECT bottom(v, 2) FROM m GROUP BY h",
        &["m{h=a} time,bottom", "10 2", "30 1", "m{h=b} time,bottom", "20 3"],
    );
    check_profiles(
        points,
        "SELECT top(v, 2) FROM m GROUP BY h",
        &["m{h=a} time,top", "10 2", "30 1", "m{h=b} time,top", "20 3"],
        &["m{h=a} time,top", "10 2", "m{h=b} time,top", "20 3", "m{h=a} time,top", "30 1"],
    );
}

// spec: select.order.2, compat.select.batches.1
#[test]
fn neighbouring_results_of_one_window_ascend_as_observed() {
    let points = "m,h=a v=1 0\nm,h=b v=2 0\nm,h=b v=3 10";
    check_profiles(
        points,
        "SELECT sum(v) FROM m WHERE time >= 0s AND time < 20s GROUP BY time(10s), h fill(none) ORDER BY time DESC",
        &["m{h=b} time,sum", "10 3", "0 2", "m{h=a} time,sum", "0 1"],
        &["m{h=b} time,sum", "10 3", "m{h=a} time,sum", "0 1", "m{h=b} time,sum", "0 2"],
    );
}

// spec: functions.rows.1, compat.select.batches.1
#[test]
fn columns_are_joined_as_they_come_as_observed() {
    let points = "m,h=a v=7 30\nm,h=b v=8,i=3i 20";
    check_profiles(
        points,
        "SELECT median(v), count(i) FROM m GROUP BY h",
        &["m{h=a} time,median,count", "0 7 -", "m{h=b} time,median,count", "0 8 1i"],
        &["m{h=b} time,median,count", "0 8 1i", "m{h=a} time,median,count", "0 7 -"],
    );
}

// spec: compat.select.batches.1
#[test]
fn limit_counts_anew_in_each_series_as_observed() {
    let points = "m,h=a v=1 30\nm,h=a v=2 10\nm,h=b v=3 20";
    check_profiles(
        points,
        "SELECT distinct(v) FROM m GROUP BY h LIMIT 1",
        &["m{h=a} time,distinct", "0 2", "m{h=b} time,distinct", "0 3"],
        &["m{h=a} time,distinct", "0 2", "m{h=b} time,distinct", "0 3", "m{h=a} time,distinct", "0 1"],
    );
}

// spec: select.arithmetic.4
#[test]
fn the_number_of_fill_has_the_type_of_the_operator() {
    let points = "m,h=a v=1,i=10i 0\nm,h=b v=2 0";
    let query = |expr: &str, fill: &str| {
        format!("SELECT {expr} AS x FROM m WHERE time >= 0s AND time < 10s GROUP BY time(10s), h {fill}")
    };
    check(points, &query("count(v) * first(i)", "fill(1.5)"), &["m{h=a} time,x", "0 10i", "m{h=b} time,x", "0 1i"]);
    check(points, &query("sum(v) + sum(i)", "fill(1.5)"), &["m{h=a} time,x", "0 11", "m{h=b} time,x", "0 3.5"]);
    check(points, &query("sum(v) + sum(i)", "fill(linear)"), &["m{h=a} time,x", "0 11"]);
}

// spec: functions.types.3
#[test]
fn a_type_error_needs_a_series() {
    let points = "m,h=a s=\"x\",v=1 0\nm,h=b v=2 0";
    let error = &["unsupported mean iterator type: *influxql.stringInterruptIterator"];
    check(points, "SELECT mean(s) FROM m WHERE h = 'c'", &[]);
    check(points, "SELECT mean(s), sum(v) + first(s) FROM m WHERE h = 'c'", &[]);
    check(points, "SELECT mean(s) FROM m GROUP BY h SLIMIT 1 SOFFSET 2", &[]);
    check(points, "SELECT mean(s) FROM m GROUP BY h SLIMIT 1 SOFFSET 1", error);
    check(points, "SELECT mean(s) FROM m WHERE h = 'b'", error);
}
