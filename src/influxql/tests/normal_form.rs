//! Normalized text.

use super::check;
use crate::{Parameters, parse};

// spec: influxql.normal.1
#[test]
fn keywords_are_in_capitals_and_spaces_are_single() {
    check(
        "select   MAX( f ),min(\"g\")*+2 as \"select\"  from m where T='a'and x=~ /a\\/b/ group   by *",
        "SELECT max(f), min(g) * 2 AS \"select\" FROM m WHERE T = 'a' AND x =~ /a\\/b/ GROUP BY *",
    );
    check("select a from m where (a>1 or(b<>2))", "SELECT a FROM m WHERE (a > 1 OR (b != 2))");
    check("SELECT count(DISTINCT a) FROM m", "SELECT count(DISTINCT a) FROM m");
}

// spec: influxql.normal.2
#[test]
fn names_are_quoted_only_where_necessary() {
    check("DROP USER \"abc_1\"", "DROP USER abc_1");
    for name in ["", "select", "Or", "a b", "a-b", "1a", "é", "a.b", "a\\\\b", "a\\\"b", "a\\nb"] {
        let text = format!("DROP MEASUREMENT \"{name}\"");
        check(&text, &text);
    }
    check("SELECT a FROM \"d e\".\"p\".\"m n\"", "SELECT a FROM \"d e\".p.\"m n\"");
    check("SELECT \"my func\"(a) FROM m", "SELECT \"my func\"(a) FROM m");
}

// spec: influxql.normal.3
#[test]
fn numbers_have_three_decimals_except_in_fill() {
    check(
        "SELECT a * -1.5, a + 99.9996, a / 1.0 FROM m fill(2.50)",
        "SELECT a * -1.500, a + 100.000, a / 1.000 FROM m fill(2.5)",
    );
    let exact = |text: &str| format!("{:#}", parse(text, &Parameters::new()).unwrap());
    let text = "SELECT a * -1.5, a + 99.9996, a / 1.0 FROM m fill(2.0)";
    assert_eq!(exact(text), text);
}

// spec: influxql.normal.4
#[test]
fn durations_are_in_the_largest_unit_that_divides_them() {
    for (duration, normal) in [
        ("60m", "1h"),
        ("7d", "1w"),
        ("8d", "8d"),
        ("1h30m", "90m"),
        ("1500ms", "1500ms"),
        ("2000µ", "2ms"),
        ("-120s", "-2m"),
        ("0h", "0s"),
    ] {
        check(&format!("SELECT a FROM m WHERE time > {duration}"), &format!("SELECT a FROM m WHERE time > {normal}"));
    }
    // CREATE DATABASE prints them as Go does.
    check(
        "CREATE DATABASE d WITH DURATION 3d SHARD DURATION 90m",
        "CREATE DATABASE d WITH DURATION 72h0m0s SHARD DURATION 1h30m0s",
    );
}

// spec: influxql.normal.5
#[test]
fn passwords_are_never_printed() {
    for text in ["CREATE USER u WITH PASSWORD 'hush'", "SET PASSWORD FOR u = 'hush'"] {
        let query = parse(text, &Parameters::new()).unwrap();
        for written in [format!("{query}"), format!("{query:#}"), format!("{query:?}")] {
            assert!(written.contains("[REDACTED]") && !written.contains("hush"), "{written}");
        }
    }
}
