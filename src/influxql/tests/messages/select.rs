//! The grammar of SELECT and of expressions.

use super::OPERAND;
use crate::tests::{accepted, check};

// spec: influxql.expression.1
#[test]
fn operands_are_literals_columns_calls_and_brackets() {
    check(
        "SELECT a, 1, -2.5, 'x', TRUE, false, 1h, *, *::tag, (a), f(b), /x/, distinct(c) FROM m",
        "aggregate function distinct() can not be combined with other functions or fields",
    );
    accepted(&["SELECT a, 1, -2.5, 'x', TRUE, false, 1h, *, *::tag, (a), /x/ FROM m"]);
    for (operand, found) in [("key", "KEY"), ("", "FROM"), ("AND a", "AND"), ("()", ")"), (", a", ","), ("[a]", "[")] {
        let character = if operand == "()" { 9 } else { 8 };
        let text = format!("SELECT {operand} FROM m").replace("  ", " ");
        check(&text, &format!("found {found}, expected {OPERAND} at line 1, char {character}"));
    }
    check("SELECT (a, b) FROM m", "found ,, expected ) at line 1, char 10");
    check("SELECT (SELECT a FROM m) FROM m", &format!("found SELECT, expected {OPERAND} at line 1, char 9"));
}

// spec: influxql.expression.2
#[test]
fn operators_bind_by_precedence_and_to_the_left() {
    // Trees are compared by which brackets are redundant: printing keeps brackets as written.
    let same = |text: &str, bracketed: &str| {
        let parsed = |text: &str| {
            let text = format!("SELECT a FROM m WHERE {text}");
            let query = crate::parse(&text, &crate::Parameters::new()).unwrap();
            let crate::ast::Statement::Select(select) = query.statements.into_iter().next().unwrap() else {
                panic!("{text}")
            };
            select.condition.clone().unwrap().rewrite(&mut |expr| match expr.kind {
                crate::ast::ExprKind::Paren(inner) => *inner,
                kind => kind.into(),
            })
        };
        assert_eq!(parsed(text), parsed(bracketed), "{text}");
    };
    same("a + b * c - d / e", "(a + (b * c)) - (d / e)");
    same("a - b - c", "(a - b) - c");
    same("a / b * c", "(a / b) * c");
    same("a < b = c + d", "(a < b) = (c + d)");
    same("a OR b AND c OR d", "(a OR (b AND c)) OR d");
    same("a AND b = 1 AND c =~ /x/", "(a AND (b = 1)) AND (c =~ /x/)");
    same("a = 1 OR b <> 2 AND c >= 3 + 4 * 5", "(a = 1) OR ((b != 2) AND (c >= (3 + (4 * 5))))");
}

// spec: influxql.expression.3
#[test]
fn unary_and_unknown_operators_are_refused() {
    for (field, found, character) in
        [("-a", "-", 8), ("+a", "+", 8), ("- 1", "-", 8), ("!a", "!", 8), ("a * - 1", "-", 12)]
    {
        let expected = format!("found {found}, expected {OPERAND} at line 1, char {character}");
        check(&format!("SELECT {field} FROM m"), &expected);
    }
    for (condition, found) in
        [("% 2", "%"), ("IN (7)", "IN"), ("IS b", "IS"), ("LIKE 'x'", "LIKE"), ("^ 2", "^"), ("| 2", "|")]
    {
        check(
            &format!("SELECT a FROM m WHERE a {condition}"),
            &format!("found {found}, expected ; at line 1, char 25"),
        );
    }
    check("SELECT a FROM m WHERE a == 7", &format!("found =, expected {OPERAND} at line 1, char 26"));
    check("SELECT a FROM m WHERE NOT a", "found a, expected ; at line 1, char 27");
}

// spec: influxql.expression.4
#[test]
fn a_type_directly_follows_its_column() {
    check(
        "SELECT a::FLOAT, b::integer, c::string, d::Boolean, e::field, f::TAG, *::Field FROM m",
        "SELECT a::float, b::integer, c::string, d::boolean, e::field, f::tag, *::field FROM m",
    );
    let types = "float, integer, string, boolean, field, tag";
    check("SELECT a::text FROM m", &format!("found text, expected {types} at line 1, char 11"));
    check("SELECT a:: float FROM m", &format!("found  , expected {types} at line 1, char 11"));
    check("SELECT a ::float FROM m", "found ::, expected FROM at line 1, char 10");
    check("SELECT *::float FROM m", "found float, expected field, tag at line 1, char 11");
}

// spec: influxql.expression.5
#[test]
fn the_bracket_of_a_call_directly_follows_its_name() {
    check("SELECT MAX( a ) FROM m", "SELECT max(a) FROM m");
    check("SELECT \"Max\"(a) FROM m", "SELECT max(a) FROM m");
    check("SELECT a FROM m WHERE time > now( )", "SELECT a FROM m WHERE time > now()");
    check("SELECT max (a) FROM m", "found (, expected FROM at line 1, char 12");
    check("SELECT max(a FROM m", "found FROM, expected ) at line 1, char 14");
    check("SELECT max(a,) FROM m", &format!("found ), expected {OPERAND} at line 1, char 14"));
}

// spec: influxql.expression.6
#[test]
fn distinct_is_a_word_or_a_call() {
    check("SELECT distinct a FROM m", "SELECT DISTINCT a FROM m");
    check("SELECT distinct(a) FROM m", "SELECT distinct(a) FROM m");
    check("SELECT count(distinct a) FROM m", "SELECT count(DISTINCT a) FROM m");
    check("SELECT distinct * FROM m", "found *, expected identifier at line 1, char 17");
    check("SELECT distinct\"a\" FROM m", "SELECT a FROM m");
    check("SELECT distinct, a FROM m", "found ,, expected (, identifier at line 1, char 16");
}

// spec: influxql.expression.7, influxql.position.4
#[test]
fn a_dotted_column_is_one_name() {
    check("SELECT a.b, a. c, a..b, \"a\".b.\"c\" FROM m", "SELECT \"a.b\", \"a.c\", \"a..b\", \"a.b.c\" FROM m");
    check("SELECT a .b FROM m", "found ., expected FROM at line 1, char 10");
    check("SELECT a. FROM m", "found FROM, expected identifier at line 1, char 11");
    check("SELECT x,\n a.b.\"c d\".e FROM m", "too many segments in \"a\".\"b\".\"c d\".e at line 1, char 1");
}

// spec: influxql.select.1
#[test]
fn clauses_have_a_fixed_order() {
    check(
        "select a into t from m where a > 1 group by b fill(0) order by time limit 1 offset 2 slimit 3 soffset 4",
        "SELECT a INTO t FROM m WHERE a > 1 GROUP BY b fill(0) ORDER BY time ASC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4",
    );
    check("SELECT a FROM m GROUP BY b WHERE a > 1", "found WHERE, expected ; at line 1, char 28");
    check("SELECT a FROM m OFFSET 1 LIMIT 1", "found LIMIT, expected ; at line 1, char 26");
    check("SELECT a FROM m fill(0) GROUP BY b", "found GROUP, expected ; at line 1, char 25");
    check("SELECT a FROM m LIMIT 1 LIMIT 2", "found LIMIT, expected ; at line 1, char 25");
    check("SELECT a WHERE a > 1", "found WHERE, expected FROM at line 1, char 10");
}

// spec: influxql.select.2
#[test]
fn fields_are_renamed_by_as() {
    check("SELECT a AS \"b c\", 1 AS d, /x/ AS e FROM m", "SELECT a AS \"b c\", 1 AS d, /x/ AS e FROM m");
    check("SELECT a AS \"\" FROM m", "SELECT a FROM m");
    check("SELECT a b FROM m", "found b, expected FROM at line 1, char 10");
    check("SELECT a AS 'b' FROM m", "found b, expected identifier at line 1, char 12");
    check("SELECT a FROM m AS n", "found AS, expected ; at line 1, char 17");
}

// spec: influxql.select.3, influxql.position.4
#[test]
fn sources_are_qualified_by_dots() {
    check(
        "SELECT a FROM m, p.m, d.p.m, d..m, /x/, p./x/, d.p./x/",
        "SELECT a FROM m, p.m, d.p.m, d..m, /x/, p./x/, d.p./x/",
    );
    check("SELECT a FROM \"\".p.m, d. p. m", "SELECT a FROM p.m, d.p.m");
    check("SELECT a FROM d .m", "found ., expected ; at line 1, char 17");
    check("SELECT a FROM .m", "found ., expected identifier at line 1, char 15");
    check("SELECT a FROM d...m", "too many segments in \"d\"...m at line 1, char 1");
    check("SELECT a FROM 'm'", "found m, expected identifier at line 1, char 14");
    check("SELECT a FROM m, ", "found EOF, expected identifier at line 1, char 18");
}

// spec: influxql.select.4
#[test]
fn a_subquery_is_a_select_in_brackets() {
    check("SELECT a FROM (select a from m), n", "SELECT a FROM (SELECT a FROM m), n");
    check("SELECT a FROM (m)", "found m, expected SELECT at line 1, char 16");
    check("SELECT a FROM ((SELECT a FROM m))", "found (, expected SELECT at line 1, char 16");
    check("SELECT a FROM (SELECT a FROM m;)", "found ;, expected ) at line 1, char 31");
    check("SELECT a FROM (SELECT a FROM m) AS b", "found AS, expected ; at line 1, char 33");
    check("SELECT a FROM (SELECT a FROM m))", "found ), expected ; at line 1, char 32");
}

// spec: influxql.select.5
#[test]
fn the_target_is_a_name_or_a_back_reference() {
    for target in ["t", "p.t", "d.p.t", "d..t", "p.:MEASUREMENT", "d.p.:MEASUREMENT", "d..:MEASUREMENT"] {
        let text = format!("SELECT a INTO {target} FROM m");
        check(&text, &text);
    }
    check("SELECT a INTO p.: measurement FROM m", "SELECT a INTO p.:MEASUREMENT FROM m");
    check("SELECT a INTO :MEASUREMENT FROM m", "found :, expected identifier at line 1, char 15");
    check("SELECT a INTO d.p.:X FROM m", "found X, expected MEASUREMENT at line 1, char 20");
    check("SELECT a INTO p:MEASUREMENT FROM m", "found :, expected FROM at line 1, char 16");
    check("SELECT a INTO p./x/ FROM m", "found /, expected FROM at line 1, char 17");
    check("SELECT a INTO t, u FROM m", "found ,, expected FROM at line 1, char 16");
}

// spec: influxql.select.6
#[test]
fn dimensions_are_separated_by_commas() {
    check(
        "SELECT max(a) FROM m WHERE time > 0 GROUP BY time(1m, -5s), \"b\", *, c::tag, /x/",
        "SELECT max(a) FROM m WHERE time > 0 GROUP BY time(1m, -5s), b, *, c, /x/",
    );
    check(
        "SELECT max(a) FROM m WHERE time > 0 GROUP BY TIME(1m, now())",
        "SELECT max(a) FROM m WHERE time > 0 GROUP BY time(1m, now())",
    );
    check("SELECT a FROM m GROUP b", "found b, expected BY at line 1, char 23");
    check("SELECT a FROM m GROUP BY b c", "found c, expected ; at line 1, char 28");
}

// spec: influxql.select.7
#[test]
fn fill_takes_one_option() {
    for (fill, normal) in [
        ("FILL(none)", " fill(none)"),
        ("fill(\"previous\")", " fill(previous)"),
        ("fill(linear)", " fill(linear)"),
        ("fill(null)", ""),
        ("fill(-3)", " fill(-3)"),
        ("fill(2.50)", " fill(2.5)"),
    ] {
        check(&format!("SELECT a FROM m {fill}"), &format!("SELECT a FROM m{normal}"));
    }
    for (fill, message) in [
        ("fill", "fill must be a function call"),
        ("fill(0) + 1", "fill must be a function call"),
        ("fill()", "fill requires an argument, e.g.: 0, null, none, previous, linear"),
        ("fill(0, 1)", "fill requires an argument, e.g.: 0, null, none, previous, linear"),
        ("fill(NULL)", "expected number argument in fill()"),
        ("fill('none')", "expected number argument in fill()"),
        ("fill(1 + 1)", "expected number argument in fill()"),
    ] {
        check(&format!("SELECT a FROM m {fill}"), message);
    }
}

// spec: influxql.select.8
#[test]
fn order_is_only_by_time() {
    for (order, normal) in [("time", "ASC"), ("time ASC", "ASC"), ("time desc", "DESC"), ("DESC", "DESC")] {
        check(&format!("SELECT a FROM m ORDER BY {order}"), &format!("SELECT a FROM m ORDER BY time {normal}"));
    }
    for order in ["a", "TIME", "time, a", "DESC, time"] {
        check(&format!("SELECT a FROM m ORDER BY {order}"), "only ORDER BY time supported at this time");
    }
    check("SELECT a FROM m ORDER time", "found time, expected BY at line 1, char 23");
    check("SELECT a FROM m ORDER BY 1", "found 1, expected identifier, ASC, DESC at line 1, char 26");
}

// spec: influxql.select.9
#[test]
fn limits_are_non_negative_integers() {
    check("SELECT a FROM m LIMIT +3 OFFSET 0", "SELECT a FROM m LIMIT 3");
    check("SELECT a FROM m LIMIT 99999999999999999999", "SELECT a FROM m LIMIT 9223372036854775807");
    check("SELECT a FROM m SLIMIT -1", "SLIMIT must be >= 0 at line 1, char 24");
    check("SELECT a FROM m OFFSET -99999999999999999999", "OFFSET must be >= 0 at line 1, char 24");
    check("SELECT a FROM m LIMIT 1.0", "found 1.0, expected integer at line 1, char 23");
    check("SELECT a FROM m SOFFSET 1e3", "found 1e3, expected integer at line 1, char 25");
}
