//! Arithmetic in projections.

use super::check;

const K: &str = "k,t=x a=7i,b=2i,f=1.5,s=\"x\",c=true 1\nk,t=x a=9223372036854775807i,b=0i 2\nk,t=x f=3 3";

// spec: select.arithmetic.1, select.arithmetic.2
#[test]
fn integers_stay_integers_and_nulls_stay_null() {
    check(
        K,
        "SELECT a + b, a - 8, a * b, a / b, a + f, f / 0, 2 * b FROM k",
        &[
            "k time,a_b,a,a_b_1,a_b_2,a_f,f,b",
            "1 9i -1i 14i 3.5 8.5 0 4i",
            &format!("2 {0}i {1}i 0i 0 - - 0i", i64::MAX, i64::MAX - 8),
            "3 - - - - - 0 -",
        ],
    );
    check(K, "SELECT a + 1 FROM k WHERE time = 2s AND a > 1", &["k time,a", "2 -9223372036854775808i"]);
}

// spec: select.arithmetic.3
#[test]
fn constants_are_computed_first() {
    check(K, "SELECT a * (7 / 2) FROM k LIMIT 1", &["k time,a", "1 24.5"]);
    check(K, "SELECT a + b * 2 - 1 FROM k LIMIT 1", &["k time,a_b", "1 10i"]);
}

// spec: select.arithmetic.4
#[test]
fn functions_are_joined_by_time_after_filling() {
    let points = "n f=1,g=10 0\nn f=2 60\nn g=30 180\nn f=5,g=50 240";
    let sums = |fill: &str, rows: &[&str]| {
        let query = format!("SELECT sum(f) + sum(g) FROM n WHERE time >= 0s AND time < 300s GROUP BY time(1m) {fill}");
        let mut want = vec!["n time,sum_sum"];
        want.extend(rows);
        check(points, &query, &want);
    };
    sums("", &["0 11", "60 -", "120 -", "180 -", "240 55"]);
    sums("fill(none)", &["0 11", "240 55"]);
    sums("fill(previous)", &["0 11", "60 12", "120 12", "180 32", "240 55"]);
    sums("fill(0)", &["0 11", "60 2", "120 0", "180 30", "240 55"]);
    check(points, "SELECT sum(f) + sum(nosuch) FROM n", &["n time,sum_sum", "0 -"]);
    check(points, "SELECT sum(f) + sum(nosuch) FROM n fill(1)", &["n time,sum_sum", "0 9"]);
    check(points, "SELECT 2 * max(f) - 1 FROM n", &["n time,max", "240 9"]);
}

// spec: select.arithmetic.5
#[test]
fn impossible_arithmetic_is_an_error_with_go_names() {
    for (projection, error) in [
        (
            "s + s",
            "unable to construct transform iterator from *influxql.stringChanIterator and *influxql.stringChanIterator",
        ),
        (
            "s + 'z'",
            "unable to construct rhs transform iterator from *influxql.stringChanIterator and *influxql.StringLiteral",
        ),
        (
            "c + 1",
            "unable to construct rhs transform iterator from *influxql.booleanChanIterator and *influxql.IntegerLiteral",
        ),
        (
            "'z' + a",
            "unable to construct lhs transform iterator from *influxql.StringLiteral and *influxql.integerChanIterator",
        ),
        ("a + s", "type mismatch on RHS, unable to use *influxql.stringChanIterator as a IntegerIterator"),
        ("f + t", "type mismatch on RHS, unable to use *influxql.stringChanIterator as a FloatIterator"),
        ("1 + s", "type mismatch on RHS, unable to use *influxql.stringChanIterator as an IntegerIterator"),
        ("a + 'x'", "type mismatch on RHS, unable to use *influxql.StringLiteral as an IntegerLiteral"),
        ("a + 1s", "type mismatch on RHS, unable to use *influxql.DurationLiteral as an IntegerLiteral"),
        (
            "first(s) * 2",
            "unable to construct rhs transform iterator from *influxql.stringInterruptIterator and *influxql.IntegerLiteral",
        ),
        (
            "1 + 'x'",
            "unable to construct an iterator from two literals: LHS: *influxql.IntegerLiteral, RHS: *influxql.StringLiteral",
        ),
        ("5", "invalid expression type: *influxql.IntegerLiteral"),
        ("* + 1", "invalid expression type: *influxql.Wildcard"),
    ] {
        check(K, &format!("SELECT {projection} FROM k"), &[error]);
    }
    check(K, "SELECT nosuch + 1, a FROM k LIMIT 1", &["k time,nosuch,a", "1 - 7i"]);
}
