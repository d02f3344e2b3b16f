//! Writes: the order of checks, the points that are dropped, and the messages.

use fluxstone_storage::memory_disk::MemoryDisk;

use super::*;

fn with_database() -> Bench {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    bench
}

// spec: write.order.1, write.order.2
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

// spec: compat.write.conflict.1, write.conflict.1, write.partial.2
#[test]
fn a_conflict_of_a_single_point_is_worded_as_documented() {
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
            assert_eq!(bench.write(&format!("{lines}\nbad")), partial);
            assert_eq!(bench.write(&format!("{lines}\n{lines}")), partial.replace("dropped=1", "dropped=2"));
        }
    }
}

// spec: write.shard.1, write.shard.5
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
fn points_without_a_time_get_the_time_of_the_server() {
    let bench = with_database();
    assert_eq!(bench.write("m f=1\nn f=1"), "");
    assert_eq!(bench.run("SELECT f FROM m"), format!("0: m{{}} time,f | {NOW},1"));
}

// spec: write.shard.4, write.partial.2
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

// spec: compat.write.cache.1
#[test]
fn values_of_a_request_that_do_not_fit_into_the_cache_are_refused_under_the_profile() {
    let other_week = 10 * 86_400_000_000_000_i64;
    let body = format!("m f=1,time=2 1\nm i=1i 1\nm b=t,s=\"abc\" 2\nm f=2 {other_week}\nm f=3 {other_week}");
    let limited = |max: u64, semantics: EngineSemantics| {
        let bench = Bench::with(|options| (options.cache_bytes_max, options.semantics) = (max, semantics));
        bench.done("CREATE DATABASE d");
        bench
    };
    let (documented, observed) = (EngineSemantics::default(), Profile::Observed.into());
    for (max, semantics) in [(1, documented), (0, observed), (52, observed)] {
        assert_eq!(limited(max, semantics).write(&body), "");
    }
    let bench = limited(51, observed);
    assert_eq!(bench.write(&body), "Internal engine: cache-max-memory-size exceeded: (52/51)");
    // The other shard keeps its points, and the refused one its fields.
    assert_eq!(bench.run("SELECT * FROM m"), format!("0: m{{}} time,b,f,i,s | {other_week},null,3,null,null"));
    assert_eq!(
        bench.write("m f=1i 1\nm f=1 2"),
        "BadRequest partial write: field type conflict: input field \"f\" on measurement \"m\" is type integer, already exists as type float dropped=1"
    );
}

// spec: write.shard.3, write.partial.2
#[test]
fn time_is_not_a_tag_or_an_only_field() {
    let bench = with_database();
    let tag = "BadRequest partial write: invalid tag key: input tag \"time\" on measurement \"m\" is invalid dropped=1";
    assert_eq!(bench.write("m,time=a f=1 1"), tag);
    let field =
        "BadRequest partial write: invalid field name: input field \"time\" on measurement \"m\" is invalid dropped=1";
    assert_eq!(bench.write("m time=1 1"), field);
    assert_eq!(bench.write("m time=1,f=1 1"), "");
}

// spec: write.point.1
#[test]
fn a_later_value_replaces_the_earlier_one_and_fields_are_united() {
    let bench = with_database();
    assert_eq!(bench.write("m,t=a f=1,g=1 5\nm,t=a f=2 5"), "");
    assert_eq!(bench.write("m,t=a h=3 5\nm,t=b f=9 5"), "");
    let rows = "0: m{} time,f,g,h,t | 5,2,1,3,a | 5,9,null,null,b";
    assert_eq!(bench.run("SELECT * FROM m"), rows);
}

// spec: write.shard.1, write.shard.2
#[test]
fn a_field_has_one_type_in_each_shard() {
    let bench = with_database();
    let other_week = 10 * 86_400_000_000_000_i64;
    assert_eq!(bench.write("m f=1 1"), "");
    let answer = bench.write(&format!("m f=1i,g=2 2\nm f=2i {other_week}\nm f=3 3"));
    assert!(answer.ends_with("is type integer, already exists as type float dropped=1"), "{answer}");
    assert_eq!(bench.run("SELECT f, g FROM m WHERE time < 100"), "0: m{} time,f,g | 1,1,null | 3,3,null");
    assert_eq!(bench.run("SHOW FIELD KEYS"), "0: m{} fieldKey,fieldType | f,float | f,integer");
}

// spec: write.partial.1
#[test]
fn each_conflicting_field_counts() {
    let bench = with_database();
    assert_eq!(bench.write("m f=1,g=1 1"), "");
    let answer = bench.write("m f=1i,g=1i 2\nm g=1i 3\nm f=2 4");
    assert!(answer.contains("input field \"f\"") && answer.ends_with("dropped=3"), "{answer}");
}

// spec: write.shard.5
#[test]
fn in_a_shard_that_exists_the_first_type_of_a_new_field_counts() {
    let bench = with_database();
    assert_eq!(bench.write("other f=1 1"), "");
    let answer = bench.write("m f=1 1\nm f=1i 2\nm f=3 3");
    assert!(answer.ends_with("is type integer, already exists as type float dropped=1"), "{answer}");
    assert_eq!(bench.run("SELECT f FROM m"), "0: m{} time,f | 1,1 | 3,3");
}

// spec: write.order.3
#[test]
fn points_of_one_request_become_visible_together() {
    let bench = with_database();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..200 {
                let lines: Vec<String> = (0..20).map(|tag| format!("m,t={tag} f={n}i {n}")).collect();
                assert_eq!(bench.write(&lines.join("\n")), "");
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let answer = bench.run("SELECT f FROM m");
            let rows = answer.matches(" | ").count();
            assert_eq!(rows % 20, 0, "{rows} rows");
        }
    });
    assert_eq!(bench.run("SELECT f FROM m").matches(" | ").count(), 4000);
}

// spec: statements.into.4
#[test]
fn into_needs_a_column_time() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    bench.write("m f=1 0");
    assert_eq!(bench.run("SELECT f, time AS at INTO o FROM m"), "0: error: error finding time index in result");
    assert_eq!(bench.run("SELECT * FROM o"), "0:");
    assert_eq!(bench.run("SELECT f, time AS at INTO o FROM nosuch"), "0: result{} time,written | 0,0");
}

// spec: statements.into.1
#[test]
fn into_keeps_names_and_strings_with_any_bytes() {
    let bench = with_database();
    let lines = r#"m,a\ b=c\,d f\ 1="say \"hi\\",g=1 1
m,a\ b=c\,d g=2 2"#;
    assert_eq!(bench.write(lines), "");
    assert_eq!(bench.run("SELECT * INTO o FROM m GROUP BY *"), "0: result{} time,written | 0,2");
    assert_eq!(bench.run("SHOW SERIES FROM o"), r"0: key | o,a\ b=c\,d");
    let rows = |name: &str| bench.run(&format!("SELECT \"f 1\", g FROM {name} GROUP BY *"));
    assert!(rows("m").contains(r#"say "hi\"#), "{}", rows("m"));
    assert_eq!(rows("o"), rows("m").replacen("m{", "o{", 1));
}

/// Returns a line for each of some hours.
fn hourly(hours: std::ops::Range<i64>) -> String {
    let hour = 3_600_000_000_000;
    hours.map(|at| format!("m f={at} {}\n", at * hour)).collect::<Vec<_>>().concat()
}

// spec: write.shard.9
#[test]
fn a_write_to_too_many_shards_stores_nothing() {
    let bench = Bench::with(|options| options.shards_per_write_max = 3);
    bench.done("CREATE DATABASE d WITH DURATION INF SHARD DURATION 1h");
    let error = "BadRequest max-shards-per-write limit exceeded: the points belong to more than 3 shards";
    assert_eq!(bench.write(&hourly(0..4)), error);
    assert_eq!(bench.run("SELECT count(f) FROM m"), "0:");
    assert_eq!(bench.run("SHOW SHARDS").matches("autogen").count(), 0);
    assert_eq!(bench.write(&hourly(0..3)), "");
    assert_eq!(bench.write(&hourly(3..6)), "");
    // Shards that exist count as well.
    assert_eq!(bench.write(&hourly(0..6)), error);
}

// spec: write.shard.9
#[test]
fn select_into_too_many_shards_fails() {
    let bench = Bench::with(|options| options.shards_per_write_max = 3);
    bench.done("CREATE DATABASE d WITH DURATION INF SHARD DURATION 1h");
    assert_eq!(bench.write(&hourly(0..3)), "");
    assert_eq!(bench.write(&hourly(3..6)), "");
    let answer = bench.run("SELECT f INTO n FROM m");
    assert_eq!(answer, "0: error: max-shards-per-write limit exceeded: the points belong to more than 3 shards");
}

// spec: write.shard.10
#[test]
fn a_write_that_makes_too_many_shards_stores_nothing() {
    let bench = Bench::with(|options| options.shards_per_database_max = 3);
    bench.done("CREATE DATABASE d WITH DURATION INF SHARD DURATION 1h");
    assert_eq!(bench.write(&hourly(0..2)), "");
    let error = "BadRequest max-shards-per-database limit exceeded: db=d (2/3)";
    assert_eq!(bench.write(&hourly(1..4)), error);
    assert_eq!(bench.write(&hourly(0..3)), "");
    // Writes to the shards that exist go on.
    assert_eq!(bench.write(&hourly(0..3)), "");
    assert_eq!(bench.write(&hourly(3..4)), "BadRequest max-shards-per-database limit exceeded: db=d (3/3)");
}

// spec: storage.durability.8, write.memory.1
#[test]
fn concurrent_writers_stay_within_the_memory_bound_and_one_request() {
    const LIMIT: usize = 8 << 10;
    let bench = Bench::on(Arc::new(MemoryDisk::default()), |options| {
        options.memtable_bytes_max = LIMIT;
        options.write_timeout = Duration::from_hours(1);
    });
    bench.done("CREATE DATABASE d");
    let body = |writer: usize| -> String {
        (0..200).map(|at| format!("m,w={writer},t={} f={at},g={at} {at}\n", at % 50)).collect::<Vec<_>>().concat()
    };
    let is_done = AtomicBool::new(false);
    let max = std::thread::scope(|scope| {
        let observer = scope.spawn(|| {
            let mut max = 0;
            while !is_done.load(Ordering::Relaxed) {
                max = max.max(bench.engine.core.store.memory_bytes());
                std::thread::yield_now();
            }
            max
        });
        let (bench, body) = (&bench, &body);
        let writers: Vec<_> = (0..24).map(|writer| scope.spawn(move || bench.write(&body(writer)))).collect();
        let answers: Vec<String> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(answers, vec![String::new(); 24]);
        observer.join().unwrap()
    });
    // One of them takes this much alone, in an engine that holds nothing else.
    let one = {
        let bench = Bench::on(Arc::new(MemoryDisk::default()), |options| options.memtable_bytes_max = 1 << 30);
        bench.done("CREATE DATABASE d");
        assert_eq!(bench.write(&body(0)), "");
        bench.engine.core.store.memory_bytes()
    };
    assert!(one > LIMIT, "a body is larger than the limit: {one}");
    // What is reserved is an estimate that is on the safe side: it counts a column for each field of a series, which its rows
    // need only if they have ever other fields.
    assert!(max <= 2 * LIMIT + 5 * one, "{max} for bodies of {one}");
    assert_eq!(bench.run("SELECT count(f), count(g) FROM m"), "0: m{} time,count,count_1 | 0,4800,4800");
}

// spec: write.memory.2
#[test]
fn a_write_that_needs_too_much_memory_stores_nothing() {
    let bench = Bench::on(Arc::new(MemoryDisk::default()), |options| options.memtable_bytes_max = 1 << 10);
    bench.done("CREATE DATABASE d");
    // Each of a thousand series has columns for 1,300 fields.
    let fields: Vec<String> = (0..1_300).map(|field| format!("{field}=1")).collect();
    let fields = fields.join(",");
    let body: String = (0..1_000).map(|series| format!("m,t={series} {fields}\n")).collect::<Vec<_>>().concat();
    let answer = bench.write(&body);
    assert!(answer.starts_with("BadRequest a write that needs "), "{answer}");
    assert!(answer.ends_with(" bytes of memory is too large: cache-max-memory-size allows 268435456"), "{answer}");
    assert_eq!(bench.run("SHOW FIELD KEYS"), "0:");
    assert_eq!(bench.write("m a=1 1"), "");
}

// spec: write.memory.4
#[test]
fn new_series_fields_and_shards_need_room() {
    let bench = Bench::with(|options| options.schema_bytes_max = 100_000);
    bench.done("CREATE DATABASE d");
    let full = "BadRequest max-schema-memory limit exceeded: there is no room for more series, fields and shards";
    let series = |from: usize| (from..from + 50).map(|n| format!("m,t={n} f=1 {NOW}")).collect::<Vec<_>>().join("\n");
    let fields = (0..500).map(|n| format!("m f{n}=1 {NOW}")).collect::<Vec<_>>().join("\n");
    let shards = (0..100).map(|n| format!("m f=1 {}", NOW - n * 7 * 86_400_000_000_000)).collect::<Vec<_>>().join("\n");
    assert_eq!(bench.write(&series(0)), "");
    for lines in [&fields, &shards, &format!("m,t={} f=1", "x".repeat(60_000))] {
        assert_eq!(bench.write(lines), full);
    }
    let mut written = 50;
    while bench.write(&series(written)).is_empty() {
        written += 50;
        assert!(written < 1000, "there is no bound");
    }
    assert_eq!(bench.run("SELECT count(f) FROM m"), format!("0: m{{}} time,count | 0,{written}"));
    assert_eq!(bench.write(&series(0)), "", "nothing is new");
    // Nothing that was refused takes any room, also after a restart.
    let bench = bench.reopen();
    assert_eq!(bench.write(&series(0)), "");
    assert_eq!(bench.write(&fields), full);
    bench.done("DROP MEASUREMENT m");
    assert_eq!(bench.write(&series(written)), "");
}
