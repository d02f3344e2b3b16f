//! WHERE: points, series, times.

use super::{check, check_profiles};

const G: &str = "g,t=x a=1i,f=1.5,s=\"one\",b=true 1\n\
    g,t=y a=2i,f=-0.5,s=\"two\",b=false 2\n\
    g a=3i,s=\"one\" 3\n\
    g,t=x f=4 4";

/// The times of the rows that a condition keeps.
fn kept(condition: &str, times: &[i64]) {
    let query = format!("SELECT a, f FROM g WHERE {condition}");
    let got: Vec<String> = super::answer(G, &query, fluxstone_compat::Profile::Documented);
    let got: Vec<&str> = got.iter().skip(1).filter_map(|line| line.split(' ').next()).collect();
    let times: Vec<String> = times.iter().map(ToString::to_string).collect();
    assert_eq!(got, times, "{condition}");
}

// spec: select.where.1, select.where.field.1
#[test]
fn values_are_compared_by_type() {
    kept("a > 1", &[2, 3]);
    kept("2 >= a", &[1, 2]);
    kept("a = 2.0", &[2]);
    kept("f < a", &[2]);
    kept("s = 'one'", &[1, 3]);
    kept("s != 'one'", &[2]);
    kept("s =~ /^t/", &[2]);
    kept("s !~ /^t/", &[1, 3]);
    kept("b = true", &[1]);
    kept("b != true", &[2]);
    kept("s > 'a'", &[]);
    kept("b > false", &[]);
    kept("a != 'one'", &[]);
    kept("a =~ /1/", &[]);
    kept("a = 1s", &[]);
}

// spec: select.where.field.1, select.where.logic.1
#[test]
fn chains_of_equalities_of_one_field_are_sets() {
    kept("a = 1 OR a = 9 OR a = 3.0", &[1, 3]);
    kept("a = 9 OR (a = 2 OR a = 'one')", &[2]);
    kept("(f = 4 OR f = 1.5) AND (a = 1 OR a = 2)", &[1]);
    kept("s = 'two' OR s = 'three' OR f = 4", &[2, 4]);
    kept("b = true OR b = false", &[1, 2]);
    kept("s =~ /^(two|three)$/", &[2]);
    kept("s =~ /^(two|three)$/ OR s = 'one'", &[1, 2, 3]);
    kept("s !~ /^(two|three)$/", &[1, 3]);
    kept("a =~ /^(1|2)$/", &[]);
    kept("a = 1 OR a = 2 AND f = 1.5", &[1]);
}

// spec: select.where.field.2
#[test]
fn absent_fields_satisfy_no_comparison() {
    kept("f != 1.5", &[2, 4]);
    kept("s !~ /zzz/", &[1, 2, 3]);
    kept("nosuch = 1", &[]);
}

// spec: select.where.arithmetic.1
#[test]
fn conditions_may_contain_arithmetic() {
    kept("a / 2 = 1", &[2, 3]);
    kept("a + f > 2", &[1]);
    kept("a / 0 = 0", &[1, 2, 3]);
    kept("a + 1", &[1, 2, 3, 4]);
    kept("t + 1 = 2", &[]);
}

// spec: select.where.constant.1
#[test]
fn constants_are_folded_away() {
    kept("1 = 1 AND a = 3", &[3]);
    kept("1 = 2 OR a = 3", &[3]);
    kept("1 = 2 AND a = 3", &[]);
    kept("a = 7 / 2", &[]);
    kept("a = 6 / 2", &[3]);
}

// spec: select.where.constant.2, compat.select.bare-condition.1
#[test]
fn a_bare_value_as_a_condition_is_true_or_keeps_nothing() {
    let all = &["g time,a", "1 1i", "2 2i", "3 3i"];
    check_profiles(G, "SELECT a FROM g WHERE true", all, &[]);
    check_profiles(G, "SELECT a FROM g WHERE 1 = 1 OR a = 3", all, &[]);
    check_profiles(G, "SELECT a FROM g WHERE b", &["g time,a", "1 1i"], &[]);
    check(G, "SELECT a FROM g WHERE false", &[]);
    check(G, "SELECT a FROM g WHERE t", &[]);
    check(G, "SELECT a FROM g WHERE 'x'", &[]);
}

// spec: select.where.logic.1
#[test]
fn conditions_on_tags_and_fields_can_be_combined() {
    kept("t = 'x' AND a = 1", &[1]);
    kept("t = 'x' OR a = 3", &[1, 3, 4]);
    kept("a = 3 OR t = 'x'", &[1, 3, 4]);
    kept("t = 'y' OR t = 'x' AND f > 2", &[2, 4]);
    kept("(t = 'y' OR t = 'x') AND f > 1", &[1, 4]);
    kept("(t = 'y' OR a = 3) AND (t = '' OR f < 0)", &[2, 3]);
    kept("a = 3 OR f = 4", &[3, 4]);
}

// spec: select.where.logic.1, compat.select.absent-operand.1
#[test]
fn an_absent_field_is_false_in_or_or_makes_it_false() {
    check_profiles(G, "SELECT a FROM g WHERE a = 3 OR f = 1.5", &["g time,a", "1 1i", "3 3i"], &["g time,a", "1 1i"]);
    check(G, "SELECT a FROM g WHERE 3 = a OR 1.5 = f", &["g time,a", "1 1i", "3 3i"]);
}

// spec: select.where.tag.1, select.where.tag.2, select.where.tag.3, select.where.tag.4, select.where.tag.5
#[test]
fn tags_select_series() {
    kept("t = 'x'", &[1, 4]);
    kept("t != 'x'", &[2, 3]);
    kept("t = ''", &[3]);
    kept("t != ''", &[1, 2, 4]);
    kept("t =~ /^[xy]?$/", &[1, 2, 3, 4]);
    kept("t !~ /x/", &[2, 3]);
    kept("nosuch = ''", &[1, 2, 3, 4]);
    kept("t = nosuch", &[]);
    kept("t != nosuch", &[1, 2, 3, 4]);
    kept("t = 1", &[]);
    kept("t != 1", &[1, 2, 3, 4]);
    kept("t < 'y'", &[]);
    kept("_name = 'g'", &[1, 2, 3, 4]);
    kept("_name !~ /g/", &[]);
}

// spec: select.where.tag.6
#[test]
fn a_tag_is_compared_with_a_field_at_each_point() {
    let points = "tf,t=x s=\"x\",v=1 1\ntf,t=y s=\"x\",v=2 2\ntf s=\"x\",v=3 3\ntf,t=x v=4 4";
    check(points, "SELECT v FROM tf WHERE t = s", &["tf time,v", "1 1"]);
    check(points, "SELECT v FROM tf WHERE s != t", &["tf time,v", "2 2"]);
}

// spec: select.where.error.1
#[test]
fn a_comparison_needs_a_column() {
    check(G, "SELECT a FROM g WHERE max(a) > 1", &["invalid expression: max(a::integer) > 1"]);
}

// spec: select.where.time.1, select.time.range.1, select.time.range.2
#[test]
fn all_time_comparisons_narrow_one_range() {
    kept("time >= 2s AND time < 4s", &[2, 3]);
    kept("time >= 2s OR t = 'y'", &[2, 3, 4]);
    kept("time <= 3s OR time > 1s", &[2, 3]);
    kept("3s < TIME", &[4]);
    kept("\"time\" = 2s", &[2]);
    kept("time != 2s", &[1, 2, 3, 4]);
    kept("time > '1970-01-01T00:00:02Z'", &[3, 4]);
    kept("time > now() - 997s", &[4]);
    kept("time > '1970-01-01' + 2s AND a > 0", &[3]);
    kept("time < 3000000000", &[1, 2]);
    check("m v=1 2000", "SELECT v FROM m", &["m time,v", "2000 1"]);
    check("m v=1 2000", "SELECT v FROM m WHERE time > now()", &["m time,v", "2000 1"]);
    check(
        "m v=1 900\nm v=1 2000",
        "SELECT count(v) FROM m WHERE time > 0s GROUP BY time(1h)",
        &["m time,count", "0 1i"],
    );
}

// spec: select.time.range.3, compat.select.time-bounds.1
#[test]
fn equality_covers_one_nanosecond_or_two() {
    let points = "m v=1 1";
    check_profiles(points, "SELECT v FROM m WHERE time = 999999999", &[], &["m time,v", "1 1"]);
    check_profiles(points, "SELECT v FROM m WHERE time >= 1s AND time > 1s", &[], &["m time,v", "1 1"]);
}

// spec: select.time.range.4, select.time.literal.2, select.time.literal.3
#[test]
fn bad_times_are_errors() {
    for (condition, error) in [
        ("time > 'yesterday'", "invalid operation: time and *influxql.StringLiteral are not compatible"),
        ("time > a", "invalid operation: time and *influxql.VarRef are not compatible"),
        ("time =~ /x/", "invalid operation: time and *influxql.RegexLiteral are not compatible"),
        ("time > '2017-03-01' * 2", "invalid operation: time and *influxql.BinaryExpr are not compatible"),
        ("time > '2017-02-30'", "invalid timestamp string"),
        ("time < '2300-01-01'", "time 2300-01-01T00:00:00Z overflows time literal"),
    ] {
        check(G, &format!("SELECT a FROM g WHERE {condition}"), &[error]);
    }
}

// spec: select.time.range.1
#[test]
fn bounds_on_time_count_even_in_a_false_condition() {
    let query = "SELECT i * b FROM m WHERE 'a' = 'b' AND time > 20s AND time < 10s";
    check("m i=1i,b=true 15", query, &[]);
    check("m i=1i,b=true 15", "SELECT i FROM m WHERE time >= 0s AND 'a' = 'b'", &[]);
}

// spec: compat.select.now-in-field.1, compat.select.boolean-of-comparison.1
#[test]
fn comparisons_with_now_and_with_booleans_are_accidents_as_observed() {
    let points = "m v=1 1\nm v=2 2";
    check_profiles(points, "SELECT v FROM m WHERE v > now()", &[], &["m time,v", "1 1", "2 2"]);
    let refusal = &["invalid expression: (v::float > 1) = true"];
    check_profiles(points, "SELECT v FROM m WHERE (v > 1) = true", &["m time,v", "2 2"], refusal);
}
