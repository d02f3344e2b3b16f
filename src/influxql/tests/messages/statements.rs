//! The grammar of all statements except SELECT.

use crate::tests::check;
use crate::{Parameters, parse};

const SHOW: &str = "CONTINUOUS, DATABASES, DIAGNOSTICS, FIELD, GRANTS, MEASUREMENTS, QUERIES, RETENTION, SERIES, SHARD, \
                    SHARDS, STATS, SUBSCRIPTIONS, TAG, USERS";

/// Checks texts that are already in normal form.
fn normal(texts: &[&str]) {
    for text in texts {
        check(text, text);
    }
}

/// Checks that each word is required: if the text is cut after a word, the message expects the next one.
fn truncated(words: &[(&str, &str)]) {
    let mut text = String::new();
    for (word, expected_next) in words {
        text = format!("{text} {word}").trim().to_owned();
        let behind = if word.ends_with(|c: char| c.is_ascii_alphabetic()) && !word.ends_with("1h") { 2 } else { 1 };
        if !expected_next.is_empty() {
            let character = text.len() + behind;
            check(&text, &format!("found EOF, expected {expected_next} at line 1, char {character}"));
        }
    }
}

// spec: influxql.statement.1
#[test]
fn a_statement_begins_with_one_of_ten_words() {
    for word in ["EXPLAIN", "INSERT", "USE", "BEGIN", "12", "(", "\"SELECT\""] {
        let found = word.trim_matches('"');
        check(
            &format!("{word} a"),
            &format!(
                "found {found}, expected SELECT, DELETE, SHOW, CREATE, DROP, GRANT, REVOKE, ALTER, SET, KILL at line 1, char 1"
            ),
        );
    }
    truncated(&[("SHOW", SHOW)]);
    truncated(&[("CREATE", "CONTINUOUS, DATABASE, USER, RETENTION, SUBSCRIPTION")]);
    truncated(&[("DROP", "CONTINUOUS, MEASUREMENT, RETENTION, SERIES, SHARD, SUBSCRIPTION, USER")]);
    truncated(&[("ALTER", "RETENTION"), ("RETENTION", "POLICY")]);
    truncated(&[("SET", "PASSWORD")]);
    truncated(&[("KILL", "QUERY")]);
}

// spec: influxql.show.1
#[test]
fn some_show_statements_have_no_clauses() {
    for text in [
        "SHOW CONTINUOUS QUERIES",
        "SHOW DATABASES",
        "SHOW QUERIES",
        "SHOW SHARDS",
        "SHOW SHARD GROUPS",
        "SHOW SUBSCRIPTIONS",
        "SHOW USERS",
    ] {
        normal(&[text]);
        check(&format!("{text} ON d"), &format!("found ON, expected ; at line 1, char {}", text.len() + 2));
    }
    truncated(&[("SHOW CONTINUOUS", "QUERIES")]);
    truncated(&[("SHOW SHARD", "GROUPS")]);
    check("SHOW USER", &format!("found USER, expected {SHOW} at line 1, char 6"));
}

// spec: influxql.show.2
#[test]
fn some_show_statements_have_one_clause() {
    normal(&[
        "SHOW RETENTION POLICIES",
        "SHOW RETENTION POLICIES ON \"d e\"",
        "SHOW GRANTS FOR u",
        "SHOW STATS",
        "SHOW STATS FOR 'runtime'",
        "SHOW DIAGNOSTICS",
        "SHOW DIAGNOSTICS FOR 'build'",
    ]);
    truncated(&[("SHOW RETENTION", "POLICIES"), ("POLICIES ON", "identifier")]);
    truncated(&[("SHOW GRANTS", "FOR"), ("FOR", "identifier")]);
    truncated(&[("SHOW STATS FOR", "string")]);
    check("SHOW DIAGNOSTICS FOR build", "found build, expected string at line 1, char 22");
}

// spec: influxql.show.3
#[test]
fn show_statements_about_the_schema_share_clauses() {
    normal(&[
        "SHOW MEASUREMENTS",
        "SHOW MEASUREMENTS ON d WITH MEASUREMENT = m WHERE a = 'b' ORDER BY time DESC LIMIT 1 OFFSET 2",
        "SHOW MEASUREMENTS WITH MEASUREMENT =~ /x/",
        "SHOW MEASUREMENTS WITH MEASUREMENT =~ m",
        "SHOW MEASUREMENTS WITH MEASUREMENT = d.p./x/",
        "SHOW SERIES ON d FROM m, /n/ WHERE a = 'b' ORDER BY time ASC LIMIT 1 OFFSET 2",
        "SHOW TAG KEYS ON d FROM m WHERE a = 'b' ORDER BY time ASC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4",
        "SHOW FIELD KEYS ON d FROM m ORDER BY time ASC LIMIT 1 OFFSET 2",
    ]);
    truncated(&[("SHOW MEASUREMENTS WITH", "MEASUREMENT"), ("MEASUREMENT", "=, =~")]);
    truncated(&[("SHOW TAG", "KEYS, VALUES")]);
    truncated(&[("SHOW FIELD", "KEYS")]);
    check("SHOW MEASUREMENTS WITH MEASUREMENT != m", "found !=, expected =, =~ at line 1, char 36");
    check("SHOW MEASUREMENTS FROM m", "found FROM, expected ; at line 1, char 19");
    check("SHOW SERIES SLIMIT 1", "found SLIMIT, expected ; at line 1, char 13");
    check("SHOW SERIES FROM (SELECT a FROM m)", "found (, expected identifier at line 1, char 18");
    check("SHOW SERIES FROM m ON d", "found ON, expected ; at line 1, char 20");
    check("SHOW SERIES ON d.p", "found ., expected ; at line 1, char 17");
    check("SHOW FIELD KEYS WHERE a = 'b'", "found WHERE, expected ; at line 1, char 17");
    check("SHOW TAG KEYS ORDER BY a", "only ORDER BY time supported at this time");
    check("SHOW TAG KEY CARDINALITY", "found KEY, expected KEYS, VALUES at line 1, char 10");
}

// spec: influxql.show.4
#[test]
fn show_tag_values_requires_keys() {
    normal(&[
        "SHOW TAG VALUES WITH KEY = a",
        "SHOW TAG VALUES ON d FROM m WITH KEY != a WHERE b = 'c' ORDER BY time ASC LIMIT 1 OFFSET 2",
        "SHOW TAG VALUES WITH KEY =~ /a/",
        "SHOW TAG VALUES WITH KEY !~ /a/",
        "SHOW TAG VALUES WITH KEY IN (a, \"b c\")",
    ]);
    truncated(&[("SHOW TAG VALUES", "WITH"), ("WITH", "KEY"), ("KEY", "IN, =, =~"), ("IN", "("), ("(a", ")")]);
    check("SHOW TAG VALUES WITH KEY > a", "found >, expected IN, =, =~ at line 1, char 26");
    check("SHOW TAG VALUES WITH KEY = 'a'", "found a, expected identifier at line 1, char 27");
    check("SHOW TAG VALUES WITH KEY =~ a", "found a, expected regex at line 1, char 29");
    check("SHOW TAG VALUES WITH KEY IN ()", "found ), expected identifier at line 1, char 30");
    check("SHOW TAG VALUES WITH KEY IN (a,)", "found ), expected identifier at line 1, char 32");
    check("SHOW TAG VALUES WITH KEY = a SLIMIT 1", "found SLIMIT, expected ; at line 1, char 30");
}

// spec: influxql.database.1
#[test]
fn a_database_is_created_with_options_in_order() {
    normal(&[
        "CREATE DATABASE d",
        "CREATE DATABASE \"\"",
        "CREATE DATABASE d WITH DURATION 72h0m0s REPLICATION 1 SHARD DURATION 1h0m0s NAME p",
        "CREATE DATABASE d WITH NAME p",
        "DROP DATABASE d",
    ]);
    check(
        "CREATE DATABASE d WITH DURATION inf SHARD DURATION inf",
        "CREATE DATABASE d WITH DURATION 0s SHARD DURATION 0s",
    );
    truncated(&[
        ("CREATE DATABASE", "identifier"),
        ("d WITH", "DURATION, NAME, REPLICATION, SHARD"),
        ("SHARD", "DURATION"),
    ]);
    check("CREATE DATABASE d WITH NAME p DURATION 1d", "found DURATION, expected ; at line 1, char 31");
    check("CREATE DATABASE IF NOT EXISTS d", "found NOT, expected ; at line 1, char 20");
}

// spec: influxql.policy.1
#[test]
fn a_policy_is_created_with_options_in_order() {
    normal(&[
        "CREATE RETENTION POLICY p ON d DURATION 90m REPLICATION 2",
        "CREATE RETENTION POLICY p ON d DURATION 1w REPLICATION 1 SHARD DURATION 1d DEFAULT",
        "DROP RETENTION POLICY p ON d",
    ]);
    truncated(&[
        ("CREATE RETENTION", "POLICY"),
        ("POLICY", "identifier"),
        ("p", "ON"),
        ("ON", "identifier"),
        ("d", "DURATION"),
        ("DURATION", "duration"),
        ("INF", "REPLICATION"),
        ("REPLICATION", "integer"),
        ("1 SHARD", "DURATION"),
        ("DURATION", "duration"),
    ]);
    check(
        "CREATE RETENTION POLICY p ON d REPLICATION 1 DURATION 1d",
        "found REPLICATION, expected DURATION at line 1, char 32",
    );
    check(
        "CREATE RETENTION POLICY p ON d DURATION 1d REPLICATION 1 SHARD DURATION INF",
        "invalid duration INF for shard duration at line 1, char 73",
    );
}

// spec: influxql.policy.2
#[test]
fn a_policy_is_altered_with_options_in_any_order() {
    let alter = |options: &str, expected: &str| {
        check(&format!("ALTER RETENTION POLICY p ON d {options}"), expected);
    };
    alter(
        "DEFAULT SHARD DURATION 1h REPLICATION 2 DURATION 7d",
        "ALTER RETENTION POLICY p ON d DURATION 1w REPLICATION 2 SHARD DURATION 1h DEFAULT",
    );
    alter("", "found EOF, expected DURATION, REPLICATION, SHARD, DEFAULT at line 1, char 31");
    alter("NAME x", "found NAME, expected DURATION, REPLICATION, SHARD, DEFAULT at line 1, char 31");
    for option in ["DURATION 1d", "REPLICATION 1", "SHARD DURATION 1d", "DEFAULT"] {
        let word = option.split(' ').next().unwrap();
        let character = 30 + option.len() + 2;
        alter(&format!("{option} {option}"), &format!("found duplicate {word} option at line 1, char {character}"));
    }
    alter("SHARD DURATION INF", "invalid duration INF for shard duration at line 1, char 46");
    check("ALTER RETENTION POLICY default ON d DEFAULT", "ALTER RETENTION POLICY \"default\" ON d DEFAULT");
}

// spec: influxql.policy.3
#[test]
fn replication_is_between_1_and_2147483647() {
    let alter = |n: &str, expected: &str| {
        check(&format!("ALTER RETENTION POLICY p ON d REPLICATION {n}"), expected);
    };
    alter("2147483647", "ALTER RETENTION POLICY p ON d REPLICATION 2147483647");
    alter("+1", "ALTER RETENTION POLICY p ON d REPLICATION 1");
    for n in ["0", "-1", "2147483648"] {
        alter(n, &format!("invalid value {n}: must be 1 <= n <= 2147483647 at line 1, char 43"));
    }
    let n = "99999999999999999999";
    alter(n, &format!("strconv.Atoi: parsing \"{n}\": value out of range at line 1, char 43"));
    alter("1.5", "found 1.5, expected integer at line 1, char 43");
}

// spec: influxql.user.1
#[test]
fn users_are_created_with_passwords() {
    check("CREATE USER u WITH PASSWORD 'secret'", "CREATE USER u WITH PASSWORD [REDACTED]");
    check(
        "create user u with password '' with all privileges",
        "CREATE USER u WITH PASSWORD [REDACTED] WITH ALL PRIVILEGES",
    );
    check("SET PASSWORD FOR u = 'secret'", "SET PASSWORD FOR u = [REDACTED]");
    normal(&["DROP USER \"u v\""]);
    truncated(&[("CREATE USER", "identifier"), ("u", "WITH"), ("WITH", "PASSWORD"), ("PASSWORD", "string")]);
    truncated(&[("CREATE USER u WITH PASSWORD 'x' WITH", "ALL"), ("ALL", "PRIVILEGES")]);
    truncated(&[("SET PASSWORD", "FOR"), ("FOR", "identifier"), ("u", "="), ("=", "string")]);
}

// spec: influxql.user.3
#[test]
fn passwords_are_not_quoted_in_messages() {
    for password in ["secret", "\"secret\"", "'secret", "5", "all", "'se\\cret'", "$\"x"] {
        for before in ["CREATE USER u WITH PASSWORD", "SET PASSWORD FOR u ="] {
            let text = format!("{before} {password}");
            let message = parse(&text, &Parameters::new()).unwrap_err().to_string();
            assert!(message.starts_with("found [REDACTED], expected string at line 1, char "), "{text}: {message}");
        }
    }
    check("CREATE USER u WITH PASSWORD x", "found [REDACTED], expected string at line 1, char 29");
    check("SET PASSWORD FOR u = 'it's me'", "found [REDACTED], expected ; at line 1, char 26");
    check("CREATE USER u WITH PASSWORD 'it's me'", "found [REDACTED], expected ; at line 1, char 33");
    check("CREATE USER u WITH PASSWORD 'x' WITH me", "found me, expected ALL at line 1, char 38");
    check("CREATE USER u WITH PASSWORD $p", "found $p, expected string at line 1, char 29");
    check("SET PASSWORD FOR u = 'x'; SHOW me", &format!("found me, expected {SHOW} at line 1, char 32"));
}

// spec: influxql.user.2
#[test]
fn privileges_are_granted_and_revoked() {
    normal(&[
        "GRANT READ ON d TO u",
        "GRANT WRITE ON d TO u",
        "GRANT ALL PRIVILEGES ON d TO u",
        "GRANT ALL PRIVILEGES TO u",
        "REVOKE READ ON d FROM u",
        "REVOKE ALL PRIVILEGES FROM u",
    ]);
    check("GRANT ALL ON d TO u", "GRANT ALL PRIVILEGES ON d TO u");
    check("REVOKE ALL FROM u", "REVOKE ALL PRIVILEGES FROM u");
    truncated(&[
        ("GRANT", "READ, WRITE, ALL [PRIVILEGES]"),
        ("ALL", "ON, TO"),
        ("PRIVILEGES", "ON, TO"),
        ("ON", "identifier"),
    ]);
    truncated(&[("GRANT READ", "ON"), ("ON", "identifier"), ("d", "TO"), ("TO", "identifier")]);
    truncated(&[("REVOKE", "READ, WRITE, ALL [PRIVILEGES]"), ("ALL", "ON, FROM"), ("FROM", "identifier")]);
    truncated(&[("REVOKE WRITE", "ON"), ("ON d", "FROM")]);
    check("GRANT READ TO u", "found TO, expected ON at line 1, char 12");
    check("GRANT ALL FROM u", "found FROM, expected ON, TO at line 1, char 11");
}

// spec: influxql.drop.1
#[test]
fn named_objects_are_dropped_by_name() {
    normal(&["DROP MEASUREMENT \"m n\"", "DROP CONTINUOUS QUERY c ON d", "DROP SUBSCRIPTION s ON d.p", "DROP SHARD 7"]);
    for word in ["DATABASE", "MEASUREMENT", "USER"] {
        truncated(&[(&format!("DROP {word}"), "identifier")]);
    }
    truncated(&[("DROP CONTINUOUS", "QUERY"), ("QUERY", "identifier"), ("c", "ON"), ("ON", "identifier")]);
    truncated(&[("DROP RETENTION", "POLICY"), ("POLICY", "identifier"), ("p", "ON"), ("ON", "identifier")]);
    truncated(&[("DROP SUBSCRIPTION", "identifier"), ("s", "ON"), ("ON", "identifier"), ("d", ".")]);
    check("DROP MEASUREMENT d.m", "found ., expected ; at line 1, char 19");
}

// spec: influxql.drop.2
#[test]
fn series_and_points_are_removed_from_unqualified_sources() {
    for statement in ["DROP SERIES", "DELETE"] {
        for rest in [" FROM m", " FROM m, /x/ WHERE a = 'b'", " WHERE time < 1h"] {
            normal(&[&format!("{statement}{rest}")]);
        }
        let end = statement.len() + 2;
        check(statement, &format!("found EOF, expected FROM, WHERE at line 1, char {end}"));
        check(&format!("{statement} m"), &format!("found m, expected FROM, WHERE at line 1, char {end}"));
        check(&format!("\n{statement} FROM m, d..n"), "database not supported at line 1, char 1");
        check(&format!("{statement} FROM p.m"), "retention policy not supported at line 1, char 1");
        check(&format!("{statement} FROM d.p.m"), "retention policy not supported at line 1, char 1");
        let character = statement.len() + 14;
        check(
            &format!("{statement} FROM mmmm LIMIT 1"),
            &format!("found LIMIT, expected ; at line 1, char {}", character - 2),
        );
        check(
            &format!("{statement} FROM (SELECT a FROM m)"),
            &format!("found (, expected identifier at line 1, char {}", statement.len() + 7),
        );
    }
}

// spec: influxql.kill.1
#[test]
fn queries_are_killed_by_id() {
    normal(&["KILL QUERY 36", "KILL QUERY 18446744073709551615 ON \"h:8088\""]);
    truncated(&[("KILL QUERY", "integer"), ("5 ON", "identifier")]);
    for n in ["-1", "+1"] {
        check(
            &format!("KILL QUERY {n}"),
            &format!("strconv.ParseUint: parsing \"{n}\": invalid syntax at line 1, char 12"),
        );
    }
    let n = "18446744073709551616";
    check(
        &format!("DROP SHARD {n}"),
        &format!("strconv.ParseUint: parsing \"{n}\": value out of range at line 1, char 12"),
    );
    check("KILL QUERY x", "found x, expected integer at line 1, char 12");
}

// spec: influxql.subscription.1
#[test]
fn subscriptions_have_destinations() {
    normal(&[
        "CREATE SUBSCRIPTION s ON d.p DESTINATIONS ALL 'udp://h:1'",
        "CREATE SUBSCRIPTION s ON d.p DESTINATIONS ANY 'udp://h:1', 'http://i:2'",
    ]);
    check("CREATE SUBSCRIPTION s ON d. p DESTINATIONS ALL 'x'", "CREATE SUBSCRIPTION s ON d.p DESTINATIONS ALL 'x'");
    truncated(&[("CREATE SUBSCRIPTION", "identifier"), ("s", "ON"), ("ON", "identifier"), ("d", ".")]);
    truncated(&[
        ("CREATE SUBSCRIPTION s ON d.p", "DESTINATIONS"),
        ("DESTINATIONS", "ALL, ANY"),
        ("ALL", "string"),
        ("'x',", "string"),
    ]);
    check("CREATE SUBSCRIPTION s ON d .p DESTINATIONS ALL 'x'", "found  , expected . at line 1, char 27");
    check("CREATE SUBSCRIPTION s ON d..p DESTINATIONS ALL 'x'", "found ., expected identifier at line 1, char 28");
}

// spec: influxql.continuous-query.1
#[test]
fn a_continuous_query_contains_a_select_with_a_target() {
    normal(&[
        "CREATE CONTINUOUS QUERY c ON d BEGIN SELECT max(a) INTO t FROM m GROUP BY time(1h) END",
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 30m FOR 2h BEGIN SELECT max(a) INTO t FROM m GROUP BY time(1h) END",
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE FOR 2h BEGIN SELECT max(a) INTO t FROM m GROUP BY time(1h) END",
        "CREATE CONTINUOUS QUERY c ON d BEGIN SELECT a INTO t FROM m END",
    ]);
    truncated(&[
        ("CREATE CONTINUOUS", "QUERY"),
        ("QUERY", "identifier"),
        ("c", "ON"),
        ("ON", "identifier"),
        ("d", "BEGIN"),
        ("RESAMPLE", "EVERY, FOR"),
        ("EVERY", "duration"),
    ]);
    truncated(&[("CREATE CONTINUOUS QUERY c ON d BEGIN", "SELECT"), ("SELECT a", "INTO"), ("INTO t", "FROM")]);
    check(
        "CREATE CONTINUOUS QUERY c ON d BEGIN SELECT max(a) FROM m GROUP BY time(1h) END",
        "found FROM, expected INTO at line 1, char 52",
    );
    check(
        "CREATE CONTINUOUS QUERY c ON d BEGIN SELECT max(a) INTO t FROM m GROUP BY time(1h); END",
        "found ;, expected END at line 1, char 83",
    );
}

// spec: influxql.continuous-query.2
#[test]
fn a_continuous_query_with_calls_requires_windows() {
    let create = |select: &str, message: &str| {
        check(&format!("CREATE CONTINUOUS QUERY c ON d BEGIN {select} END"), message);
    };
    create("SELECT max(a) INTO t FROM m", "found m, expected GROUP BY time(...) at line 1, char 64");
    create("SELECT max(a) INTO t FROM m GROUP BY time(0s)", "found ), expected GROUP BY time(...) at line 1, char 82");
    create("SELECT max(a) INTO t FROM m WHERE b = 'c'", "found c, expected GROUP BY time(...) at line 1, char 75");
    create("SELECT a INTO t FROM m GROUP BY time(1h)", "GROUP BY requires at least one aggregate function");
    create(
        "SELECT count(a), a INTO t FROM m GROUP BY time(1h)",
        "mixing aggregate and non-aggregate queries is not supported",
    );
}

// spec: influxql.continuous-query.3, influxql.continuous-query.4
#[test]
fn resample_intervals_are_positive_and_cover_a_window() {
    let create = |resample: &str, message: &str| {
        let select = "SELECT max(a) INTO t FROM m GROUP BY time(1h)";
        check(&format!("CREATE CONTINUOUS QUERY c ON d RESAMPLE {resample} BEGIN {select} END"), message);
    };
    create("EVERY 0s", "found BEGIN, expected EVERY, FOR at line 1, char 50");
    create("EVERY INF", "found INF, expected duration at line 1, char 47");
    create("FOR 2h EVERY 1h", "found EVERY, expected BEGIN at line 1, char 48");
    create("EVERY 1y", "invalid duration at line 1, char 47");
    create("FOR 30m", "FOR duration must be >= GROUP BY time duration: must be a minimum of 1h, got 30m");
    create("EVERY 2h FOR 90m", "FOR duration must be >= GROUP BY time duration: must be a minimum of 2h, got 90m");
    create("EVERY 1m FOR 59m59s", "FOR duration must be >= GROUP BY time duration: must be a minimum of 1h, got 3599s");
}
