//! DELETE, DROP SERIES, DROP MEASUREMENT, DROP SHARD.

use super::*;

const DATA: &str = "cpu,host=a,dc=x v=1,w=10i 1000
cpu,host=a,dc=x v=2,w=20i 2000
cpu,host=b,dc=x v=3 1000
cpu,host=b,dc=x v=4 3000
mem,host=a used=5 1000
mem,host=c used=6 2000
net bytes=7 1000";

fn filled(bench: Bench) -> Bench {
    bench.done("CREATE DATABASE d");
    assert_eq!(bench.write(DATA), "");
    bench
}

/// The times and values of `cpu` that remain after a deletion.
fn left_by(statement: &str) -> String {
    let bench = filled(Bench::new());
    bench.done(statement);
    bench.run("SELECT v FROM cpu").trim_start_matches("0: cpu{} time,v | ").to_owned()
}

// spec: statements.delete.1
#[test]
fn a_deletion_covers_the_series_and_times_of_its_condition() {
    for (statement, left) in [
        ("DELETE FROM cpu WHERE time > 1000 AND time < 3000", "1000,1 | 1000,3 | 3000,4"),
        ("DELETE FROM cpu WHERE time >= 2000", "1000,1 | 1000,3"),
        ("DELETE FROM cpu WHERE time = 1000", "2000,2 | 3000,4"),
        ("DELETE FROM cpu WHERE 2000 <= time AND host = 'b'", "1000,1 | 1000,3 | 2000,2"),
        ("DELETE FROM cpu WHERE host = 'a'", "1000,3 | 3000,4"),
        ("DELETE FROM /^c/ WHERE host !~ /a/", "1000,1 | 2000,2"),
        ("DELETE FROM mem", "1000,1 | 1000,3 | 2000,2 | 3000,4"),
        ("DELETE WHERE host = 'b'", "1000,1 | 2000,2"),
        ("DROP SERIES FROM cpu WHERE host = 'b'", "1000,1 | 2000,2"),
        ("DELETE FROM nope", "1000,1 | 1000,3 | 2000,2 | 3000,4"),
    ] {
        assert_eq!(left_by(statement), left, "{statement}");
    }
}

// spec: statements.delete.1
#[test]
fn a_deletion_covers_all_policies() {
    let bench = filled(Bench::new());
    bench.done("CREATE RETENTION POLICY p ON d DURATION INF REPLICATION 1");
    bench.write_to("d", "p", "cpu,host=a v=9 1000");
    bench.done("DELETE FROM cpu WHERE host = 'a'");
    assert_eq!(bench.run("SELECT v FROM p.cpu"), "0:");
}

// spec: statements.delete.2
#[test]
fn a_field_in_the_condition_is_refused() {
    let bench = filled(Bench::new());
    let refusal = "0: error: fields not supported in WHERE clause during deletion";
    for condition in ["v > 2", "v = 2", "host = 'a' AND v = 1"] {
        assert_eq!(bench.run(&format!("DELETE FROM cpu WHERE {condition}")), refusal);
        assert_eq!(bench.run(&format!("DROP SERIES FROM cpu WHERE {condition}")), refusal);
    }
    assert_eq!(bench.run("DELETE WHERE used = 5"), refusal);
    assert_eq!(bench.run("SELECT v FROM cpu"), "0: cpu{} time,v | 1000,1 | 1000,3 | 2000,2 | 3000,4");
}

// spec: statements.delete.3, compat.delete.time-conditions.1
#[test]
fn conditions_on_time_that_are_not_a_range_are_refused() {
    let (bench, observed) = (filled(Bench::new()), filled(Bench::observed()));
    for (condition, refusal) in [
        ("time != 1000", "invalid time comparison operator: !="),
        ("host = 'a' OR time < 2000", "time may not be part of OR in the WHERE clause of a deletion"),
        ("(time = 1000) OR time = 3000", "time may not be part of OR in the WHERE clause of a deletion"),
    ] {
        assert_eq!(bench.run(&format!("DELETE FROM cpu WHERE {condition}")), format!("0: error: {refusal}"));
    }
    let left = |statement: &str| {
        observed.done(statement);
        observed.run("SELECT v FROM cpu")
    };
    assert_eq!(
        left("DELETE FROM cpu WHERE time = 1000 OR time = 3000"),
        "0: cpu{} time,v | 1000,1 | 1000,3 | 2000,2 | 3000,4"
    );
    assert_eq!(left("DELETE FROM cpu WHERE host = 'a' OR time < 2000"), "0: cpu{} time,v | 2000,2 | 3000,4");
    assert_eq!(left("DELETE FROM cpu WHERE time != 2000"), "0:");
}

// spec: statements.delete.6, compat.delete.conditions.1
#[test]
fn conditions_that_compare_nothing_are_refused() {
    let conditions = ["true", "host", "1 = 1", "'a'", "5", "host > 'a'", "host = now()"];
    for condition in conditions {
        let (bench, observed) = (filled(Bench::new()), filled(Bench::observed()));
        for verb in ["DELETE FROM cpu", "DROP SERIES FROM cpu"] {
            for whole in [condition.to_owned(), format!("host = 'a' AND ({condition})")] {
                let refusal = format!("0: error: invalid expression: {condition}");
                assert_eq!(bench.run(&format!("{verb} WHERE {whole}")), refusal);
            }
            observed.done(&format!("{verb} WHERE {condition}"));
        }
        let everything = "0: cpu{} time,v | 1000,1 | 1000,3 | 2000,2 | 3000,4";
        assert_eq!(bench.run("SELECT v FROM cpu"), everything);
        assert_eq!(observed.run("SELECT v FROM cpu"), everything);
    }
}

// spec: statements.delete.7
#[test]
fn an_invalid_time_is_refused_even_if_nothing_is_deleted() {
    let bench = filled(Bench::new());
    bench.done("CREATE DATABASE empty");
    for (condition, refusal) in [
        ("time >= '9999-12-31'", "time 9999-12-31T00:00:00Z overflows time literal"),
        ("time < '1700-01-01' - 50000d", "time 1563-02-09T00:00:00Z underflows time literal"),
        ("time < '2017-02-30'", "invalid timestamp string"),
        ("time < true", "invalid operation: time and *influxql.BooleanLiteral are not compatible"),
    ] {
        for database in ["d", "empty"] {
            let answer = bench.run_as(database, false, &format!("DELETE FROM nope WHERE {condition}"));
            assert_eq!(answer, format!("0: error: {refusal}"), "{condition}");
        }
    }
}

// spec: quirk.delete.bound.1
#[test]
fn a_bound_beyond_all_times_deletes_nothing() {
    let bench = filled(Bench::new());
    bench.done("DELETE FROM cpu WHERE time > 9223372036854775807");
    bench.done("DELETE FROM cpu WHERE TIME > 4000");
    assert_eq!(bench.run("SELECT v FROM cpu"), "0: cpu{} time,v | 1000,1 | 1000,3 | 2000,2 | 3000,4");
    bench.done("DELETE FROM cpu WHERE TIME >= 2000");
    assert_eq!(bench.run("SELECT v FROM cpu"), "0: cpu{} time,v | 1000,1 | 1000,3");
}

// spec: compat.delete.future.1
#[test]
fn as_observed_a_deletion_keeps_the_future() {
    for (bench, left) in [(Bench::new(), "0:"), (Bench::observed(), "0: m{} time,f | 8000000000000000000,2")] {
        bench.done("CREATE DATABASE d");
        bench.write("m f=1 1000\nm f=2 8000000000000000000");
        bench.done("DELETE FROM m");
        assert_eq!(bench.run("SELECT f FROM m WHERE time < 9000000000000000000"), left);
        bench.done("DROP SERIES FROM m");
        assert_eq!(bench.run("SELECT f FROM m WHERE time < 9000000000000000000"), left);
        bench.run("DROP MEASUREMENT m");
        assert_eq!(bench.run("SHOW MEASUREMENTS"), "0:");
    }
}

// spec: statements.schema.8, compat.show.time-right.1
#[test]
fn drop_series_refuses_time() {
    let (bench, observed) = (filled(Bench::new()), filled(Bench::observed()));
    let refusal = "0: error: DROP SERIES doesn't support time in WHERE clause";
    for bench in [&bench, &observed] {
        assert_eq!(bench.run("DROP SERIES FROM cpu WHERE time > 0"), refusal);
    }
    assert_eq!(bench.run("DROP SERIES FROM cpu WHERE 1000 < time"), refusal);
    observed.done("DROP SERIES FROM cpu WHERE 1000 < time");
    assert_eq!(observed.run("SELECT v FROM cpu"), "0: cpu{} time,v | 1000,1 | 1000,3");
}

// spec: statements.delete.4
#[test]
fn series_without_values_disappear_and_types_stay() {
    let bench = filled(Bench::new());
    bench.done("DELETE FROM cpu WHERE time < 2500");
    assert_eq!(bench.run("SHOW SERIES FROM cpu"), "0: key | cpu,dc=x,host=b");
    bench.done("DROP SERIES FROM cpu");
    assert_eq!(bench.run("SHOW MEASUREMENTS"), "0: measurements{} name | mem | net");
    let conflict = "BadRequest field type conflict: input field \"v\" on measurement \"cpu\" is type string, already exists as type float";
    assert_eq!(bench.write("cpu,host=a v=\"text\" 1000"), conflict);
}

// spec: statements.delete.5
#[test]
fn a_dropped_measurement_frees_its_types() {
    let bench = filled(Bench::new());
    bench.done("DROP MEASUREMENT cpu");
    assert_eq!(bench.run("DROP MEASUREMENT cpu"), "0: error: measurement not found: cpu");
    assert_eq!(bench.write("cpu,host=a v=\"text\" 1000"), "");
    assert_eq!(bench.run("SELECT v FROM cpu"), "0: cpu{} time,v | 1000,text");
    bench.done("CREATE DATABASE empty");
    assert_eq!(bench.run_as("empty", false, "DROP MEASUREMENT cpu"), "0:");
}

// spec: statements.shard.4
#[test]
fn dropping_a_shard_drops_its_data_series_and_types() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    bench.write("m,t=a f=1 1000000000000000000\nm,t=b f=2 1100000000000000000");
    bench.done("DROP SHARD 1; DROP SHARD 99");
    assert_eq!(bench.run("SHOW SERIES"), "0: key | m,t=b");
    assert_eq!(bench.write("m,t=c f=3i 1000000000000000000"), "");
    assert!(bench.run("SHOW SHARDS").contains(" | #3,d,autogen,#3,"));
}

// spec: storage.removal.5
#[test]
fn many_series_are_deleted_by_one_statement() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    let lines: Vec<String> = (0..10_500).map(|i| format!("m,a={i} v=1 1")).collect();
    assert_eq!(bench.write(&lines.join("\n")), "");
    bench.done("DELETE FROM m");
    assert_eq!(bench.run("SHOW SERIES"), "0:");
}
