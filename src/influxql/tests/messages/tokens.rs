//! Tokens: the text and the position in messages.

use super::OPERAND;
use crate::tests::{accepted, check};
use crate::{Parameter, Parameters, parse};

const FIRST: &str = "SELECT, DELETE, SHOW, CREATE, DROP, GRANT, REVOKE, ALTER, SET, KILL";

// spec: influxql.query.1
#[test]
fn statements_are_separated_by_semicolons() {
    check("SHOW USERS; SHOW SHARDS", "SHOW USERS;\nSHOW SHARDS");
    check(";; SHOW USERS;;SHOW SHARDS ; ", "SHOW USERS;\nSHOW SHARDS");
    check("", "");
    check(" ;; ; ", "");
    check("SHOW USERS SHOW SHARDS", "found SHOW, expected ; at line 1, char 12");
    check("SHOW USERS, SHOW SHARDS", "found ,, expected ; at line 1, char 11");
}

// spec: influxql.query.2
#[test]
fn white_space_around_the_text_is_ignored() {
    check(" \n\t FOO \n", &format!("found FOO, expected {FIRST} at line 1, char 1"));
    check("\n\nDROP USER  \n", "found EOF, expected identifier at line 1, char 11");
    check("\u{a0}SHOW USERS\u{85}", "SHOW USERS");
}

// spec: influxql.error.1
#[test]
fn the_first_problem_is_reported_with_its_position() {
    check("SELECT *", "found EOF, expected FROM at line 1, char 9");
    check("SHOW USERS; SELECT *; FOO", "found ;, expected FROM at line 1, char 21");
    check("FOO", &format!("found FOO, expected {FIRST} at line 1, char 1"));
}

// spec: influxql.error.3
#[test]
fn messages_quote_the_found_token() {
    for (token, found) in [
        ("select", "SELECT"),
        ("Or", "OR"),
        ("<>", "!="),
        ("!=", "!="),
        (">=", ">="),
        ("=~", "=~"),
        ("!~", "!~"),
        ("::", "::"),
        (":", ":"),
        ("*", "*"),
        ("/x/", "/"),
        ("- 1", "-"),
        ("-1", "-1"),
        ("+.5", "+.5"),
        ("007", "007"),
        ("5.", "5"),
        ("1h", "1h"),
        ("9cpu", "9cpu"),
        ("1e3", "1e3"),
        (".", "."),
        ("\"cpu load\"", "cpu load"),
        ("\"a\\\"b\"", "a\"b"),
        ("\"\"", "IDENT"),
        ("$host", "$host"),
        ("$\"a b\"", "$a b"),
        ("!", "!"),
        ("é", "é"),
        ("\u{b}x", "\u{b}"),
        ("(", "("),
        (";", ";"),
    ] {
        check(&format!("SHOW {token}"), &format!("found {found}, {SHOWN} at line 1, char 6"));
    }
    for (token, found) in [("'cpu'", "cpu"), ("''", "STRING"), ("'cpu", "cpu"), ("'", "BADSTRING"), ("\"cpu", "cpu")] {
        check(&format!("SHOW {token}"), &format!("found {found}, {SHOWN} at line 1, char 5"));
    }
    check("DROP SUBSCRIPTION a ON b  .c", "found   , expected . at line 1, char 25");
    check("DROP SUBSCRIPTION a ON b\r\n.c", "found \n, expected . at line 1, char 25");
}

// spec: influxql.position.1
#[test]
fn positions_are_lines_and_characters() {
    check("SELECT '☃☃' oops", "found oops, expected FROM at line 1, char 13");
    check("SELECT a\nFORM m", "found FORM, expected FROM at line 2, char 1");
    check("SELECT a\r\n\r\n  FORM m", "found FORM, expected FROM at line 3, char 3");
    check("SELECT a\rFORM m", "found FORM, expected FROM at line 2, char 1");
}

// spec: influxql.position.2
#[test]
fn quoted_texts_and_regular_expressions_are_reported_one_character_earlier() {
    check("DROP USER\n'x'", "found x, expected identifier at line 1, char 10");
    check("DROP USER\r\n'x'", "found x, expected identifier at line 1, char 10");
    check("'x'", &format!("found x, expected {FIRST} at line 1, char 1"));
    check("DROP USER   \"x", "found x, expected identifier at line 1, char 12");
    check("DROP USER \"a\\tb\"", "found \\t, expected identifier at line 1, char 14");
    check("DROP USER \"a\\", "found \\\0, expected identifier at line 1, char 14");
    check("DROP USER $\"a\\tb\"", "found $\\t, expected identifier at line 1, char 11");
    check("DROP USER $\"ab", "found $ab, expected identifier at line 1, char 11");
    check("SELECT a FROM /(/", "error parsing regexp: missing closing ): `(` at line 1, char 14");
    check("SELECT a FROM /x", "bad regex:  at line 1, char 14");
}

// spec: influxql.position.3
#[test]
fn the_end_is_one_character_further_after_words_and_where_a_regex_is_possible() {
    for (text, expected, character) in [
        ("SELECT 1", "FROM", 9),
        ("SELECT \"a\"", "FROM", 11),
        ("SELECT a + ", OPERAND, 11),
        ("SELECT (", OPERAND, 9),
        ("SELECT f(a)", "FROM", 12),
        ("SELECT a FROM m WHERE b =~", "regex", 27),
        ("DROP SUBSCRIPTION a ON b.", "identifier", 26),
        ("SELECT a", "FROM", 10),
        ("DROP USER", "identifier", 11),
        ("SELECT $", "", 0),
        ("SELECT", OPERAND, 8),
        ("SELECT \"a\",", OPERAND, 13),
        ("SELECT a FROM", "identifier", 15),
        ("SELECT a FROM \"m\",", "identifier", 20),
        ("SELECT a FROM b.", "identifier", 18),
        ("SELECT a.", "identifier", 11),
        ("SELECT f(", OPERAND, 11),
        ("SELECT f(1,", OPERAND, 13),
        ("SELECT a FROM m GROUP BY", OPERAND, 26),
        ("SHOW MEASUREMENTS WITH MEASUREMENT =", "identifier", 38),
    ] {
        if character == 0 {
            check(text, "empty bound parameter");
        } else {
            check(text, &format!("found EOF, expected {expected} at line 1, char {character}"));
        }
    }
}

// spec: influxql.space.1, influxql.space.2
#[test]
fn there_are_four_white_space_characters_and_no_comments() {
    check("SHOW\t\r\n USERS", "SHOW USERS");
    for other in ["\u{a0}", "\u{b}", "\u{c}", "\u{feff}", "\u{2003}"] {
        check(&format!("SHOW{other}USERS"), &format!("found {other}, {SHOWN} at line 1, char 5"));
    }
    check("SHOW USERS -- all", "found -, expected ; at line 1, char 12");
    check(
        "SELECT a FROM /* m */ m",
        "error parsing regexp: missing argument to repetition operator: `*` at line 1, char 14",
    );
}

const SHOWN: &str = "expected CONTINUOUS, DATABASES, DIAGNOSTICS, FIELD, GRANTS, MEASUREMENTS, QUERIES, RETENTION, SERIES, \
                     SHARD, SHARDS, STATS, SUBSCRIPTIONS, TAG, USERS";

// spec: influxql.space.3
#[test]
fn a_nul_reads_as_the_end() {
    check("SELECT a FROM \"m\"\0 FOO", "SELECT a FROM m");
    check("SHOW USERS;\0 FOO", "SHOW USERS");
    check("SELECT (\0 a)", &format!("found EOF, expected {OPERAND} at line 1, char 9"));
    check("SELECT '\0'", &format!("found BADSTRING, expected {OPERAND} at line 1, char 7"));
    // After a word or white space it is swallowed, and characters are no longer counted.
    check("SELECT a FROM m\0 FOO", "found FOO, expected ; at line 1, char 17");
    check("SELECT a FROM m \0 FOO", "found FOO, expected ; at line 1, char 18");
    check("SELECT a\0bc FROM m", "SELECT abc FROM m");
}

// spec: influxql.word.1
#[test]
fn reserved_words_are_names_only_in_quotes() {
    check("DROP USER all", "found ALL, expected identifier at line 1, char 11");
    check("drop user \"all\"", "DROP USER \"all\"");
    check(
        "SELECT time, fill, now, null, cardinality FROM exact",
        "SELECT time, fill, now, null, cardinality FROM exact",
    );
}

// spec: influxql.word.2, influxql.word.3, influxql.word.4
#[test]
fn names_are_bare_or_quoted() {
    check("DROP USER _a1Z", "DROP USER _a1Z");
    check("DROP USER a-b", "found -, expected ; at line 1, char 12");
    check("DROP USER réservoir", "found é, expected ; at line 1, char 12");
    check(r#"DROP USER "a b\"\'\\\né""#, r#"DROP USER "a b\"'\\\né""#);
    check("DROP USER \"a\nb\"", "found a, expected identifier at line 1, char 10");
    check("DROP USER \"a\"\"b\"", "found b, expected ; at line 1, char 14");
    check("DROP USER xyz\"a\"", "DROP USER a");
    check("DROP USER all\"b\"", "DROP USER b");
    check("DROP USER \"a\"b", "found b, expected ; at line 1, char 14");
    check("SELECT MAX(a) FROM A", "SELECT max(a) FROM A");
}

// spec: influxql.string.1
#[test]
fn strings_are_in_single_quotes() {
    check(r#"SHOW STATS FOR 'a\'b"\\\n'"#, r#"SHOW STATS FOR 'a\'b"\\\n'"#);
    check("SHOW STATS FOR 'it''s'", "found s, expected ; at line 1, char 19");
    check("SHOW STATS FOR \"x\"", "found x, expected string at line 1, char 16");
    check("SHOW STATS FOR 'a\nb'", "found a, expected string at line 1, char 15");
    check("SHOW STATS FOR 'a\\d'", "found \\d, expected string at line 1, char 19");
}

// spec: influxql.number.1, influxql.number.2
#[test]
fn a_sign_belongs_to_the_number_after_it() {
    check("SELECT a + 007, a - -5, a * +.5, a / 5. FROM m", "SELECT a + 7, a - -5, a * 0.500, a / 5.000 FROM m");
    check("SELECT a-1 FROM m", "found -1, expected FROM at line 1, char 9");
    check("SELECT a -1 FROM m", "found -1, expected FROM at line 1, char 10");
    check("SELECT a + 1.2.3 FROM m", "found .3, expected FROM at line 1, char 15");
    check("SELECT a + 1..2 FROM m", "found .2, expected FROM at line 1, char 14");
    check("SELECT a + . FROM m", &format!("found ., expected {OPERAND} at line 1, char 12"));
    check("SELECT a + 9223372036854775807 FROM m", "SELECT a + 9223372036854775807 FROM m");
    check("SELECT a + 9223372036854775808 FROM m", "unable to parse integer at line 1, char 12");
    check("SELECT a + -9223372036854775809 FROM m", "unable to parse integer at line 1, char 12");
    check(&format!("SELECT a + {}.0 FROM m", "9".repeat(400)), "unable to parse number at line 1, char 12");
}

// spec: influxql.duration.2
#[test]
fn a_malformed_duration_in_an_expression_has_length_zero() {
    for text in ["1y", "5ns", "1S", "1e3", "0x10", "9lvl", "1sx", "99999999999999999999s", "200000w", "+1s"] {
        check(&format!("SELECT a FROM m WHERE time > {text}"), "SELECT a FROM m WHERE time > 0s");
    }
    check("SELECT a FROM m WHERE time > 1h30m", "SELECT a FROM m WHERE time > 90m");
    check("SELECT a FROM m WHERE time > -2m", "SELECT a FROM m WHERE time > -2m");
    check("SELECT a FROM m WHERE time > 1.5s", "found s, expected ; at line 1, char 33");
}

// spec: influxql.duration.3
#[test]
fn a_malformed_duration_in_a_clause_is_refused() {
    let check = |duration: &str, expected: &str| {
        check(&format!("ALTER RETENTION POLICY p ON d DURATION {duration}"), expected);
    };
    check("90m", "ALTER RETENTION POLICY p ON d DURATION 90m");
    check("INF", "ALTER RETENTION POLICY p ON d DURATION 0s");
    check("5", "found 5, expected duration at line 1, char 40");
    check("1.5h", "found 1.5, expected duration at line 1, char 40");
    check("1y", "invalid duration at line 1, char 40");
    check("99999999999999999999h", "invalid duration at line 1, char 40");
    check("1h200000w", "overflowed duration 200000w: choose a smaller duration or INF at line 1, char 40");
    check("40000w", "overflowed duration 40000w: choose a smaller duration or INF at line 1, char 40");
}

// spec: influxql.regex.1, influxql.regex.4
#[test]
fn regular_expressions_are_accepted_only_in_their_places() {
    accepted(&[
        "SELECT /a\\/b/, percentile(/x/, 5) FROM /m/, d../n/, p./o/ WHERE a =~ /x/ AND b !~\n/y/ GROUP BY /k/,/l/",
        "SHOW MEASUREMENTS WITH MEASUREMENT =~/x/",
        "SHOW TAG VALUES WITH KEY !~/x/",
    ]);
    check("SELECT a FROM m WHERE a = /x/", &format!("found /, expected {OPERAND} at line 1, char 27"));
    check("SELECT a FROM m WHERE a =~ 'x'", "found x, expected regex at line 1, char 27");
    check("SELECT /a/ / 2 FROM m", "found /, expected FROM at line 1, char 12");
    check("SELECT a FROM /x\ny/", "bad regex:  at line 1, char 14");
    // The slash must not directly follow a token that was looked at.
    check("SELECT a FROM m WHERE a =~/x/", "found /, expected regex at line 1, char 27");
    check("SELECT a FROM m,/x/", "found ,, expected regex at line 1, char 16");
    check("SELECT a FROM m /x/", "found  , expected regex at line 1, char 16");
    check("SELECT a FROM m GROUP BY /x/ ,b", "found ,, expected ; at line 1, char 30");
}

// spec: influxql.parameter.1, influxql.parameter.2
#[test]
fn a_parameter_becomes_a_literal() {
    let parameters: Parameters = [
        ("s", Parameter::String("it's; DROP".into())),
        ("i", Parameter::Integer(-3)),
        ("f", Parameter::Number(1.5)),
        ("b", Parameter::Boolean(true)),
        ("null", Parameter::Unbindable("<nil>")),
        ("a b", Parameter::Integer(1)),
        ("select", Parameter::Integer(2)),
        ("7x", Parameter::Integer(3)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let check = |text: &str, expected: &str| {
        let outcome = parse(text, &parameters).map_or_else(|error| error.to_string(), |query| query.to_string());
        assert_eq!(outcome, expected, "{text}");
    };
    let wheres = |condition: &str| format!("SELECT percentile(a, $i) FROM m WHERE {condition}");
    check(&wheres("a = $s OR $b = b"), "SELECT percentile(a, -3) FROM m WHERE a = 'it\\'s; DROP' OR true = b");
    check("SELECT a * $f, a + $\"a b\", a + $select, a + $7x FROM m", "SELECT a * 1.500, a + 1, a + 2, a + 3 FROM m");
    check(&wheres("a = $S"), "missing parameter: S");
    check(&wheres("a = $"), "empty bound parameter");
    check(&wheres("a = $\"\""), "empty bound parameter");
    check(&wheres("a = $é"), "empty bound parameter");
    check(&wheres("a = $null"), "unable to bind parameter with type <nil>");
    check(&wheres("a =~ $s"), "found $s, expected regex at line 1, char 44");
    check("SELECT a FROM $s", "found $s, expected identifier at line 1, char 15");
    check("SELECT a FROM m LIMIT $i", "found $i, expected integer at line 1, char 23");
    check("SELECT max(a) FROM m GROUP BY time($i)", "time dimension must have duration argument");
    check("CREATE USER u WITH PASSWORD $s", "found $s, expected string at line 1, char 29");
}
