//! Conditions with tens of thousands of names. Test threads have stacks of 2 MiB, like those of the server.

use super::*;

const NAMES: usize = 20_000;

fn filled() -> Bench {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    let lines: Vec<_> = (0..5).map(|n| format!("m,host=a{n} v={n},s=\"a{n}\" {n}")).collect();
    assert_eq!(bench.write(&lines.join("\n")), "");
    bench
}

/// `test 0 op test 1 op ...` for the names after the first two, so that two of five series are left out.
fn chain(op: &str, test: impl Fn(usize) -> String) -> String {
    (2..NAMES + 3).map(test).collect::<Vec<_>>().join(&format!(" {op} "))
}

// spec: influxql.limit.5
#[test]
fn chains_of_comparisons_select_series_and_points() {
    let bench = filled();
    let count = |condition: &str| bench.run(&format!("SELECT count(v) FROM m WHERE {condition}"));
    let any = chain("OR", |n| format!("host = 'a{n}'"));
    assert_eq!(count(&any), "0: m{} time,count | 0,3");
    assert_eq!(count(&format!("{any} AND time > 0")), "0: m{} time,count | 1,3");
    assert_eq!(count(&format!("time > 3 AND ({any})")), "0: m{} time,count | 4,1");
    assert_eq!(count(&chain("AND", |n| format!("host != 'a{n}'"))), "0: m{} time,count | 0,2");
    assert_eq!(count(&chain("OR", |n| format!("v = {n}"))), "0: m{} time,count | 0,3");
    assert_eq!(count(&chain("OR", |n| format!("s = 'a{n}'"))), "0: m{} time,count | 0,3");
    assert_eq!(count(&chain("OR", |n| format!("host = 'a{n}' AND v = {n}"))), "0: m{} time,count | 0,3");
    let inner = "SELECT max(v) AS v FROM m GROUP BY host";
    assert_eq!(bench.run(&format!("SELECT count(v) FROM ({inner}) WHERE {any}")), "0: m{} time,count | 0,3");
    let refused = count(&vec!["host = 'a'"; 100_002].join(" OR "));
    assert!(refused.contains("expression too long, at most 100000 operators in a row at line 1, char "), "{refused}");
}

// spec: influxql.limit.5
#[test]
fn chains_of_comparisons_are_conditions_of_every_statement() {
    let bench = filled();
    let any = chain("OR", |n| format!("host = 'a{n}'"));
    assert_eq!(bench.run(&format!("SHOW SERIES WHERE {any}")), "0: key | m,host=a2 | m,host=a3 | m,host=a4");
    let values = bench.run(&format!("SHOW TAG VALUES WITH KEY = host WHERE {any}"));
    assert_eq!(values, "0: m{} key,value | host,a2 | host,a3 | host,a4");
    assert_eq!(bench.run(&format!("SHOW MEASUREMENTS WHERE {any}")), "0: measurements{} name | m");
    let select = format!("SELECT mean(v) INTO x FROM m WHERE {any} GROUP BY time(1h)");
    bench.done(&format!("CREATE CONTINUOUS QUERY c ON d BEGIN {select} END; DROP CONTINUOUS QUERY c ON d"));
    bench.done(&format!("DELETE FROM m WHERE {any}"));
    assert_eq!(bench.run("SHOW SERIES"), "0: key | m,host=a0 | m,host=a1");
}

// spec: influxql.limit.3
#[test]
fn patterns_that_list_names_are_conditions_of_every_statement() {
    let bench = filled();
    let names: Vec<_> = (0..NAMES).map(|n| format!("node\\-{n:06}\\.rack\\.example\\.net-{n:021}")).collect();
    let pattern = format!("/^(a3|a4|{})$/", names.join("|"));
    assert!(pattern.len() > 1_000_000);
    let count = |condition: &str| bench.run(&format!("SELECT count(v) FROM m WHERE {condition}"));
    assert_eq!(count(&format!("host =~ {pattern}")), "0: m{} time,count | 0,2");
    assert_eq!(count(&format!("host !~ {pattern}")), "0: m{} time,count | 0,3");
    assert_eq!(count(&format!("s =~ {pattern}")), "0: m{} time,count | 0,2");
    assert_eq!(bench.run(&format!("SELECT count(v) FROM {}", pattern.replace("a3", "m"))), "0: m{} time,count | 0,5");
    bench.done(&format!("DROP SERIES WHERE host =~ {pattern}"));
    assert_eq!(bench.run("SHOW SERIES"), "0: key | m,host=a0 | m,host=a1 | m,host=a2");
    assert_eq!(bench.engine.core.query_memory.used(), 0);
}
