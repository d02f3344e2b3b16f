//! The rules of SELECT beyond its grammar.

use crate::tests::{accepted, check};

/// Checks the message about these projections in a plain query.
fn fields(fields: &str, message: &str) {
    check(&format!("SELECT {fields} FROM m"), message);
}

/// Checks the message about these projections in a query with windows.
fn windowed(fields: &str, message: &str) {
    check(&format!("SELECT {fields} FROM m WHERE time > 0 GROUP BY time(1m)"), message);
}

// spec: influxql.error.2, influxql.error.4
#[test]
fn problems_are_reported_in_a_fixed_order() {
    check(
        "SELECT a > 1 FROM m FOO",
        "invalid operator > in SELECT clause at line 1, char 8; operator is intended for WHERE clause",
    );
    check("SELECT count(a), a FROM m FOO", "mixing aggregate and non-aggregate queries is not supported");
    check("SELECT count(a), a FROM m LIMIT x", "found x, expected integer at line 1, char 33");
    check("SELECT count(a), a FROM m ORDER BY b LIMIT x", "only ORDER BY time supported at this time");
    check(
        "SELECT a FROM (SELECT count(a), a FROM m) LIMIT x",
        "mixing aggregate and non-aggregate queries is not supported",
    );
}

// spec: influxql.validation.1
#[test]
fn projections_contain_no_comparisons() {
    for (field, op) in [
        ("a > 1", ">"),
        ("a <> 1", "!="),
        ("a AND b", "AND"),
        ("a =~ /x/", "=~"),
        ("(a <= 1)", "<="),
        ("f(a = 1)", "="),
        ("a < 1 OR b > 2", "OR"),
        ("1 + (a >= 2)", ">="),
    ] {
        let place = "at line 2, char 3; operator is intended for WHERE clause";
        check(&format!("SELECT b,\n  {field} FROM m"), &format!("invalid operator {op} in SELECT clause {place}"));
    }
}

// spec: influxql.validation.2
#[test]
fn a_column_other_than_time_is_required() {
    for time in ["time", "max(time)", "(time)", "time + 1", "time AS a", "5, time", "time, *"] {
        fields(time, "at least 1 non-time field must be queried");
    }
    accepted(&["SELECT time, a FROM m", "SELECT time, time FROM m", "SELECT TIME FROM m"]);
}

// spec: influxql.validation.3
#[test]
fn arithmetic_does_not_mix_calls_and_columns() {
    for mixed in ["max(a) + a", "a * mean(b)", "max(a) + (a)", "f(max(a) + b) + 1"] {
        fields(mixed, "binary expressions cannot mix aggregates and raw fields");
    }
    fields("top(a, 1) + 1", "cannot use top() inside of a binary expression");
    fields("2 * bottom(a, 1)", "cannot use bottom() inside of a binary expression");
    accepted(&["SELECT max(a) + min(b) * 2 FROM m", "SELECT (max(a) + a) FROM m"]);
}

// spec: influxql.validation.4
#[test]
fn dimensions_are_time_and_tags() {
    let group = |by: &str, message: &str| {
        check(&format!("SELECT max(a) FROM m WHERE time > 0 GROUP BY {by}"), message);
    };
    for by in ["1", "'b'", "b + 1", "true", "(b)", "1h", "b = 'c'", "distinct b"] {
        group(by, "only time and tag dimensions allowed");
    }
    group("max(a)", "only time() calls allowed in dimensions");
    group("b, Time", "time() is a function and expects at least one argument");
    group("time()", "time dimension expected 1 or 2 arguments");
    group("time(1s, 2s, 3s)", "time dimension expected 1 or 2 arguments");
    for length in ["1", "'1s'", "b", "*", "1s + 1s", "(1s)", "/x/", "now()"] {
        group(&format!("time({length})"), "time dimension must have duration argument");
    }
    group("time(1s), time(2s)", "multiple time dimensions not allowed");
    group("time(1s, b)", "time dimension offset must be duration or now()");
    group("time(1s, then())", "time dimension offset function must be now()");
    group("time(1s, now(1))", "time dimension offset now() function requires no arguments");
    accepted(&["SELECT max(a) FROM m WHERE time > 0 GROUP BY time(0s), time(1s)"]);
}

// spec: influxql.validation.5
#[test]
fn distinct_is_the_only_projection() {
    let alone = "aggregate function distinct() can not be combined with other functions or fields";
    fields("distinct a, b", alone);
    fields("b, distinct(a)", alone);
    fields("distinct()", "distinct function requires at least one argument");
    fields("distinct(a, b)", "distinct function can only have one argument");
    fields("distinct(1)", "expected field argument in distinct()");
}

// spec: influxql.validation.6
#[test]
fn calls_are_combined_only_with_calls() {
    let aggregates = "mixing aggregate and non-aggregate queries is not supported";
    let selectors = "mixing multiple selector functions with tags or fields is not supported";
    fields("mean(a), b", aggregates);
    fields("max(a), mean(a), b", aggregates);
    fields("max(a), min(a), b", selectors);
    fields("derivative(a), b", aggregates);
    fields("unknown(a), *", aggregates);
    accepted(&[
        "SELECT max(a), b, * FROM m",
        "SELECT percentile(a, 5), b FROM m",
        "SELECT max(a) + min(a), b FROM m",
        "SELECT max(a), mean(b), count(c) FROM m",
        "SELECT top(a, 2), b FROM m",
    ]);
}

// spec: influxql.validation.7
#[test]
fn top_and_bottom_take_columns_and_an_integer() {
    for n in 0..2 {
        let args = ["", "a"][n];
        let message = format!("invalid number of arguments for top, expected at least 2, got {n}");
        fields(&format!("top({args})"), &message);
    }
    for (last, found) in [("b", "b"), ("1.5", "1.500"), ("'1'", "'1'"), ("a + 1", "a + 1"), ("90s", "90s")] {
        fields(
            &format!("bottom(a, {last})"),
            &format!("expected integer as last argument in bottom(), found {last}").replace(last, found),
        );
    }
    for column in ["1", "'a'", "max(a)", "a + 1", "*", "/x/", "(a)"] {
        fields(&format!("top({column}, 1)"), &format!("only fields or tags are allowed in top(), found {column}"));
    }
    check(
        "SELECT top(a, 3) FROM m LIMIT 2",
        "limit (3) in top function can not be larger than the LIMIT (2) in the select statement",
    );
    accepted(&["SELECT top(a, b, 3) FROM m LIMIT 3 OFFSET 5", "SELECT top(a, -1) FROM m"]);
}

// spec: influxql.validation.8
#[test]
fn percentile_and_sample_take_a_column_and_a_number() {
    for (name, kind) in [("percentile", "float"), ("sample", "integer")] {
        fields(&format!("{name}(a)"), &format!("invalid number of arguments for {name}, expected 2, got 1"));
        fields(&format!("{name}(1, 2)"), &format!("expected field argument in {name}()"));
        fields(&format!("{name}(a, 'x')"), &format!("expected {kind} argument in {name}()"));
        accepted(&[&format!("SELECT {name}(*, 200) FROM m")]);
    }
    fields("sample(a, 1.5)", "expected integer argument in sample()");
    accepted(&["SELECT percentile(a, 99.9) FROM m"]);
}

// spec: influxql.validation.9
#[test]
fn transformations_have_their_arguments() {
    for name in ["derivative", "non_negative_derivative", "elapsed"] {
        for (args, got) in [("", 0), ("a, 1s, 2s", 3)] {
            fields(
                &format!("{name}({args})"),
                &format!("invalid number of arguments for {name}, expected at least 1 but no more than 2, got {got}"),
            );
        }
        for (unit, kind) in [
            ("1", "IntegerLiteral"),
            ("1.5", "NumberLiteral"),
            ("'1s'", "StringLiteral"),
            ("true", "BooleanLiteral"),
            ("b", "VarRef"),
            ("1s + 1s", "BinaryExpr"),
            ("(1s)", "ParenExpr"),
            ("*", "Wildcard"),
            ("/x/", "RegexLiteral"),
            ("now()", "Call"),
        ] {
            fields(
                &format!("{name}(a, {unit})"),
                &format!("second argument to {name} must be a duration, got *influxql.{kind}"),
            );
        }
    }
    for name in ["difference", "cumulative_sum"] {
        fields(&format!("{name}(a, 1)"), &format!("invalid number of arguments for {name}, expected 1, got 2"));
    }
    fields("moving_average(a)", "invalid number of arguments for moving_average, expected 2, got 1");
    fields(
        "moving_average(a, 2.0)",
        "second argument for moving_average must be an integer, got *influxql.NumberLiteral",
    );
    fields("moving_average(a, 1)", "moving_average window must be greater than 1, got 1");
    accepted(&["SELECT derivative(a, -1h) FROM m", "SELECT elapsed(a, 0s) FROM m", "SELECT difference(1) FROM m"]);
}

// spec: influxql.validation.10
#[test]
fn transformations_of_calls_require_windows() {
    for name in ["derivative", "non_negative_derivative", "elapsed", "difference", "cumulative_sum"] {
        fields(&format!("{name}(max(a))"), &format!("{name} aggregate requires a GROUP BY interval"));
        windowed(&format!("{name}(a)"), &format!("aggregate function required inside the call to {name}"));
        accepted(&[&format!("SELECT {name}(max(a)) FROM m WHERE time > 0 GROUP BY time(1m)")]);
    }
    windowed("difference(max(a, b))", "invalid number of arguments for max, expected 1, got 2");
    windowed("difference(max(1))", "expected field argument in max()");
    windowed("difference(count(distinct a))", "expected field argument in count()");
    windowed("difference(top(a))", "invalid number of arguments for top, expected at least 2, got 1");
    windowed("difference(percentile(a))", "invalid number of arguments for percentile, expected 2, got 1");
    let inner = "SELECT difference(max(a)) AS b FROM m";
    check(&format!("SELECT b FROM ({inner})"), "difference aggregate requires a GROUP BY interval");
    check(&format!("SELECT b FROM (SELECT b FROM ({inner}))"), "difference aggregate requires a GROUP BY interval");
    accepted(&[&format!("SELECT max(b) FROM ({inner}) WHERE time > 0 GROUP BY time(1m)")]);
}

// spec: influxql.validation.11
#[test]
fn holt_winters_takes_a_call_and_two_numbers() {
    for name in ["holt_winters", "holt_winters_with_fit"] {
        windowed(&format!("{name}(max(a), 1)"), &format!("invalid number of arguments for {name}, expected 3, got 2"));
        windowed(&format!("{name}(a, 1, 2)"), &format!("must use aggregate function with {name}"));
        fields(&format!("{name}(max(a), 1, 2)"), &format!("{name} aggregate requires a GROUP BY interval"));
        windowed(&format!("{name}(max(a), 1.5, 2)"), &format!("expected integer argument as second arg in {name}"));
        windowed(&format!("{name}(max(a), 0, 2)"), &format!("second arg to {name} must be greater than 0, got 0"));
        windowed(&format!("{name}(max(a), 1, b)"), &format!("expected integer argument as third arg in {name}"));
        accepted(&[&format!("SELECT {name}(max(a), 1, -2) FROM m WHERE time > 0 GROUP BY time(1m)")]);
    }
}

// spec: influxql.validation.12
#[test]
fn every_other_function_takes_columns() {
    for name in ["max", "count", "stddev", "unknown"] {
        fields(&format!("{name}()"), &format!("invalid number of arguments for {name}, expected 1, got 0"));
        fields(&format!("{name}(a, b)"), &format!("invalid number of arguments for {name}, expected 1, got 2"));
        for arg in ["1", "'a'", "a + 1", "(a)", "max(a)"] {
            fields(&format!("{name}({arg})"), &format!("expected field argument in {name}()"));
        }
        accepted(&[&format!("SELECT {name}(*) FROM m"), &format!("SELECT {name}(/a/) FROM m")]);
    }
    fields("max(distinct a)", "expected field argument in max()");
    for count in ["count(distinct a, b)", "count(distinct(a, b))", "count(distinct())"] {
        fields(count, "count(distinct <field>) can only have one argument");
    }
    fields("count(distinct(*))", "expected field argument in distinct()");
    fields("count(distinct(a), b)", "invalid number of arguments for count, expected 1, got 2");
    accepted(&["SELECT count(distinct a) FROM m", "SELECT count(distinct(a)) FROM m"]);
}

// spec: influxql.validation.13
#[test]
fn windows_require_calls_and_a_bound_on_time() {
    let unbounded = "aggregate functions with GROUP BY time require a WHERE time clause";
    check("SELECT a FROM m GROUP BY time(1m)", "GROUP BY requires at least one aggregate function");
    check("SELECT distinct a FROM m GROUP BY time(1m)", "GROUP BY requires at least one aggregate function");
    for condition in ["", "WHERE a > 1", "WHERE 5s < time", "WHERE time + 1 = 5"] {
        check(&format!("SELECT max(a) FROM m {condition} GROUP BY time(1m)"), unbounded);
    }
    check("SELECT max(b) FROM (SELECT a AS b FROM m WHERE time > 0) GROUP BY time(1m)", unbounded);
    check("SELECT max(b) FROM (SELECT max(a) AS b FROM m GROUP BY time(1m))", unbounded);
    check("SELECT max(a) INTO t FROM m GROUP BY time(1m)", unbounded);
    accepted(&[
        "SELECT max(a) FROM m WHERE a = 1 OR (b = 2 AND TIME < 5s) GROUP BY time(1m)",
        "SELECT max(b) FROM (SELECT max(a) AS b FROM m GROUP BY time(1m)) WHERE time > 0",
        "SELECT max(a) FROM m GROUP BY time(0s)",
        "SELECT a FROM m GROUP BY time(-1m)",
    ]);
}
