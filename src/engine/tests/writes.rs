//! Writes: the order of checks, what is dropped, the words for it.

use super::*;

fn with_database() -> Bench {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    bench
}

// spec: write.order.1
#[test]
fn the_first_check_that_fails_answers() {
    let bench = with_database();
    let write = |database: &str, policy: &str, consistency: &str, body: &str| {
        let request = WriteRequest {
            principal: &Principal::Anyone,
            database: database.as_bytes(),
            policy: policy.as_bytes(),
            precision: Precision::Nanosecond,
            consistency: consistency.as_bytes(),
            body: body.as_bytes(),
        };
        bench.engine.write(request).map_or_else(|e| format!("{:?} {e}", e.kind), |()| String::new())
    };
    assert_eq!(write("", "nope", "bad", "bad"), "BadRequest database is required");
    assert_eq!(write("a\"b", "nope", "bad", "bad"), r#"NotFound database not found: "a\"b""#);
    let errors = "BadRequest unable to parse 'bad': missing fields\nunable to parse 'worse': missing fields";
    assert_eq!(write("d", "nope", "bad", "bad\nworse"), errors);
    assert_eq!(write("d", "nope", "bad", "bad\nm f=1 1"), "BadRequest invalid consistency level");
    assert_eq!(write("d", "nope", "QUORUM", "bad\nm f=1 1"), "Internal retention policy not found: nope");
    assert_eq!(write("d", "nope", "", ""), "Internal retention policy not found: nope");
    assert_eq!(write("d", "", "", ""), "");
    let partial = "BadRequest partial write: unable to parse 'bad': missing fields dropped=0";
    assert_eq!(write("d", "autogen", "any", "bad\nm f=1 1"), partial);
    assert_eq!(bench.run("SELECT f FROM m"), "0: m{} time,f | 1,1");
}

// spec: write.order.2
#[test]
fn a_conflict_hides_the_bad_lines() {
    let bench = with_database();
    assert_eq!(bench.write("m f=1 1"), "");
    let error = "BadRequest partial write: field type conflict: input field \"f\" on measurement \"m\" is type integer, \
                 already exists as type float dropped=1";
    assert_eq!(bench.write("bad\nm f=1i 2\nm f=2 3"), error);
}

// spec: compat.write.conflict.1
#[test]
fn a_conflict_is_worded_as_documented_when_nothing_was_stored() {
    let types = [
        ("1", "float64", "float"),
        ("1i", "int64", "integer"),
        ("\"s\"", "string", "string"),
        ("t", "bool", "boolean"),
    ];
    for (existing, _, existing_name) in types {
        for (new, new_go_name, new_name) in types.iter().filter(|(value, ..)| *value != existing) {
            let (bench, observed) = (with_database(), Bench::observed());
            observed.done("CREATE DATABASE d");
            for bench in [&bench, &observed] {
                assert_eq!(bench.write(&format!("m f={existing} 1")), "");
            }
            let lines = format!("m f={new} 2");
            let text = "field type conflict: input field \"f\" on measurement \"m\" is type";
            let documented = format!("BadRequest {text} {new_go_name}, already exists as type {existing_name}");
            assert_eq!(bench.write(&lines), documented);
            let partial = format!(
                "BadRequest partial write: {text} {new_name}, already exists as type {existing_name} dropped=1"
            );
            assert_eq!(observed.write(&lines), partial);
            assert_eq!(bench.write(&format!("{lines}\nm g=1 2")), partial);
        }
    }
}

// spec: write.order.3
#[test]
fn two_types_for_a_new_field_of_a_new_shard_store_nothing_of_that_shard() {
    let bench = with_database();
    let other_week = 10 * 86_400_000_000_000_i64;
    assert_eq!(bench.write(&format!("m f=1 1\nm f=1i 2\nm g=1 {other_week}")), "BadRequest field type conflict");
    assert_eq!(bench.run("SELECT f FROM m"), "0:");
    assert_eq!(bench.run("SELECT g FROM m"), format!("0: m{{}} time,g | {other_week},1"));
}

// spec: write.retention.1
#[test]
fn points_older_than_their_policy_are_left_out_silently() {
    let bench = with_database();
    bench.done("CREATE RETENTION POLICY p ON d DURATION 1h REPLICATION 1 DEFAULT");
    let oldest = NOW - 3_600_000_000_000;
    assert_eq!(bench.write(&format!("m,t=new f=1 {oldest}\nm,t=old f=1i {}", oldest - 1)), "");
    assert_eq!(bench.run("SHOW SERIES"), "0: key | m,t=new");
    assert_eq!(bench.write_to("d", "autogen", "m f=1 1"), "");
}

// spec: write.time.1
#[test]
fn points_without_a_time_get_that_of_the_server() {
    let bench = with_database();
    assert_eq!(bench.write("m f=1\nn f=1"), "");
    assert_eq!(bench.run("SELECT f FROM m"), format!("0: m{{}} time,f | {NOW},1"));
}

// spec: write.shard.limit.1
#[test]
fn limits_drop_points_of_new_series() {
    let bench = Bench::with(|options| options.series_per_database_max = 1);
    bench.done("CREATE DATABASE d");
    let error = "BadRequest partial write: max-series-per-database limit exceeded: db=d (1/1) dropped=1";
    assert_eq!(bench.write("m,t=a f=1 1\nm,t=b f=1 1"), error);
    let bench = Bench::with(|options| options.values_per_tag_max = 1);
    bench.done("CREATE DATABASE d");
    assert_eq!(bench.write("m,t=a f=1 1"), "");
    let error = "BadRequest partial write: max-values-per-tag limit exceeded (1/1): measurement=\"m\" tag=\"t\" value=\"b\" dropped=1";
    assert_eq!(bench.write("m,t=b f=1 1"), error);
}

// spec: write.shard.time.1
#[test]
fn time_is_no_tag_and_no_lone_field() {
    let bench = with_database();
    let tag = "BadRequest partial write: invalid tag key: input tag \"time\" on measurement \"m\" is invalid dropped=1";
    assert_eq!(bench.write("m,time=a f=1 1"), tag);
    let field =
        "BadRequest partial write: invalid field name: input field \"time\" on measurement \"m\" is invalid dropped=1";
    assert_eq!(bench.write("m time=1 1"), field);
    assert_eq!(bench.write("m time=1,f=1 1"), "");
}
