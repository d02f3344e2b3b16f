//! Sequences of statements, names, listings of the catalog, SELECT INTO, continuous queries, and limits on requests.

use super::*;

// spec: statements.sequence.1, statements.sequence.2
#[test]
fn an_error_has_its_statement_id_and_the_rest_is_not_executed() {
    let bench = Bench::new();
    let answer = bench.run("CREATE DATABASE a; DROP USER nobody; CREATE DATABASE b; CREATE DATABASE c");
    assert_eq!(answer, "0:\n1: error: user not found\n2: error: not executed\n3: error: not executed");
    assert_eq!(bench.run("SHOW DATABASES"), "0: databases{} name | a");
    let answer = bench.run("SHOW DATABASES; SHOW SERIES ON nope");
    assert_eq!(answer, "0: databases{} name | a\n1: error: database not found: nope");
}

// spec: compat.query.error-order.1, compat.query.error-id.1
#[test]
fn as_observed_the_error_is_overwritten_and_the_last_statement_is_missing() {
    let bench = Bench::observed();
    bench.done("CREATE DATABASE d");
    let answer = bench.run("CREATE DATABASE a; DROP USER nobody; CREATE DATABASE b; CREATE DATABASE c");
    assert_eq!(answer, "0:\n1: error: user not found\n1: error: not executed\n2: error: not executed");
    let answer = bench.run("CREATE DATABASE a; DROP USER nobody");
    assert_eq!(answer, "0:\n1: error: user not found");
    for (statement, error) in [
        ("SHOW SERIES ON nope", "database not found: nope"),
        ("SELECT * FROM nope..m", "database not found: nope"),
        ("SELECT * FROM _series", "unable to use system source '_series': use SHOW SERIES instead"),
        ("SHOW TAG KEYS WHERE time > 0", "SHOW TAG KEYS doesn't support time in WHERE clause"),
    ] {
        let answer = bench.run(&format!("CREATE DATABASE a; CREATE DATABASE b; {statement}"));
        assert_eq!(answer, format!("0:\n1:\n0: error: {error}"));
    }
    let answer = bench.run("CREATE DATABASE a; CREATE DATABASE b; SHOW RETENTION POLICIES ON nope");
    assert_eq!(answer, "0:\n1:\n2: error: database not found: nope");
}

// spec: statements.sequence.3
#[test]
fn nothing_runs_when_a_statement_does_not_parse() {
    let bench = Bench::new();
    assert!(bench.run("CREATE DATABASE a; FROB").starts_with("BadRequest error parsing query: found FROB"));
    assert_eq!(bench.run("SHOW DATABASES"), "0: databases{} name");
}

// spec: statements.sequence.4
#[test]
fn statements_that_write_return_a_warning_on_get() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    let warned = |statement: &str| bench.run_as("d", true, statement);
    let warning = |normal: &str| {
        format!("0: (deprecated use of '{normal}' in a read only context, please use a POST request instead)")
    };
    assert_eq!(warned("create database x"), warning("CREATE DATABASE x"));
    let created = warned("CREATE USER u WITH PASSWORD 'secret'");
    assert_eq!(created, warning("CREATE USER u WITH PASSWORD [REDACTED]"));
    assert_eq!(warned("DROP USER nobody"), "0: error: user not found");
    assert_eq!(warned("DROP SERIES FROM m"), warning("DROP SERIES FROM m"));
    assert_eq!(warned("DELETE FROM m"), "0:");
    bench.write("m,t=a f=1 1");
    let text = "SELECT f::float INTO d.autogen.n FROM d.autogen.m WHERE t::tag = 'a' GROUP BY t";
    let written = format!("0: result{{}} time,written | 0,1{}", &warning(text)[2..]);
    assert_eq!(warned("SELECT * INTO n FROM m WHERE t = 'a' GROUP BY *"), written);
    assert_eq!(warned("SHOW USERS"), "0: user,admin | u,false");
}

// spec: statements.sequence.5
#[test]
fn a_request_beyond_its_timeout_is_stopped() {
    let bench = Bench::with(|options| options.query_timeout_ns = 1);
    assert_eq!(bench.run("SHOW DATABASES"), "0: error: query-timeout limit exceeded");
}

// spec: statements.sequence.5, statements.sequence.6
#[test]
fn one_request_too_many_is_refused_unless_it_is_administration() {
    let bench = Bench::with(|options| options.concurrent_queries_max = 1);
    bench.run("CREATE DATABASE d");
    let query = |text| {
        let parameters = Parameters::new();
        let (principal, database) = (&Principal::Anyone, "");
        let request =
            QueryRequest { principal, text, parameters: &parameters, database, read_only: false, chunk_rows: 1 };
        bench.engine.prepare(request).unwrap()
    };
    let mut answers = Vec::new();
    bench.engine.execute(query("SHOW MEASUREMENTS ON d"), &AtomicBool::new(false), &mut |outer| {
        answers.push(shown(&outer));
        let inner = ["SHOW MEASUREMENTS ON d", "KILL QUERY 9; SHOW USERS", "SHOW USERS; SHOW SERIES ON d"];
        for text in inner {
            bench.engine.execute(query(text), &AtomicBool::new(false), &mut |inner| {
                answers.push(shown(&inner));
                ControlFlow::Continue(())
            });
        }
        ControlFlow::Continue(())
    });
    let refused = "0: error: max-concurrent-queries limit exceeded(1, 1)";
    let want = ["0:", refused, "0: error: no such query id: 9", "1: error: not executed", refused];
    assert_eq!(answers, want);
}

// spec: statements.query.1, statements.query.2
#[test]
fn a_running_query_is_listed_and_killed() {
    let bench = Bench::new();
    let mut answers = Vec::new();
    let parameters = Parameters::new();
    let request = QueryRequest {
        principal: &Principal::Anyone,
        text: "show databases; SHOW USERS",
        parameters: &parameters,
        database: "dd",
        read_only: true,
        chunk_rows: 1,
    };
    let query = bench.engine.prepare(request).unwrap();
    bench.engine.execute(query, &AtomicBool::new(false), &mut |result| {
        answers.push(shown(&result));
        if answers.len() == 1 {
            let listed = bench.run("SHOW QUERIES");
            assert!(listed.contains(" | #1,SHOW DATABASES;\nSHOW USERS,dd,"), "{listed}");
            assert!(listed.contains(" | #2,SHOW QUERIES,d,"), "{listed}");
            bench.done("KILL QUERY 1 ON elsewhere");
        }
        ControlFlow::Continue(())
    });
    assert_eq!(answers, ["0: databases{} name", "1: error: query interrupted"]);
    assert_eq!(bench.run("KILL QUERY 1"), "0: error: no such query id: 1");
}

/// Runs a query with `db=d` and pieces of one row; `at_piece` is called after each and may stop the query.
fn pieces(bench: &Bench, text: &str, is_gone: &AtomicBool, mut at_piece: impl FnMut(usize)) -> Vec<String> {
    let parameters = Parameters::new();
    let (principal, database) = (&Principal::Anyone, "d");
    let request = QueryRequest { principal, text, parameters: &parameters, database, read_only: true, chunk_rows: 1 };
    let mut answers = Vec::new();
    bench.engine.execute(bench.engine.prepare(request).unwrap(), is_gone, &mut |result| {
        answers.push(shown(&result));
        at_piece(answers.len());
        ControlFlow::Continue(())
    });
    answers
}

/// The id of the running query whose text contains `part`.
fn running(bench: &Bench, part: &str) -> Option<String> {
    let listed = bench.run("SHOW QUERIES");
    let row = listed.split(" | #").find(|row| row.contains(part))?;
    row.split(',').next().map(str::to_owned)
}

/// An engine with enough points for several blocks.
fn bench_with_points() -> Bench {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    let lines: Vec<String> = (0..20_000).map(|i| format!("m,host=h{} v={i} {i}", i % 3)).collect();
    assert_eq!(bench.write(&lines.join("\n")), "");
    bench
}

// spec: statements.query.2
#[test]
fn a_select_is_killed_between_its_rows() {
    let bench = bench_with_points();
    for text in ["SELECT v FROM m", "SELECT v FROM (SELECT v + 1 AS v FROM m)", "SELECT difference(v) FROM m"] {
        let mut id = String::new();
        let answers = pieces(&bench, text, &AtomicBool::new(false), |count| {
            if count == 3 {
                id = running(&bench, "SELECT").unwrap();
                bench.done(&format!("KILL QUERY {id}"));
            }
        });
        assert_eq!(answers.last().unwrap(), "0: error: query interrupted", "{text}");
        assert!(answers.len() < 20_000, "{text}: {} pieces", answers.len());
        assert!(bench.run(&format!("KILL QUERY {id}")).contains("no such query"));
    }
}

#[test]
fn a_select_ends_when_its_client_is_gone() {
    let bench = bench_with_points();
    let is_gone = AtomicBool::new(false);
    let answers = pieces(&bench, "SELECT v FROM m", &is_gone, |count| {
        if count == 3 {
            is_gone.store(true, Ordering::Relaxed);
        }
    });
    assert!(answers.len() < 20_000, "{} pieces", answers.len());
}

// spec: statements.query.2
#[test]
fn a_select_is_killed_while_it_computes() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    assert_eq!(bench.write("m v=1 0\nm v=2 500000000\nm v=5 999999000"), "");
    // A hundred thousand windows, fitted about ten thousand times, would take far too long.
    let text = "SELECT holt_winters(mean(v), 3, 2) FROM m WHERE time >= 0 AND time < 1s GROUP BY time(8u)";
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| bench.run(text));
        let id = loop {
            if let Some(id) = running(&bench, "holt_winters") {
                break id;
            }
            assert!(!thread.is_finished(), "it was never listed");
            std::thread::yield_now();
        };
        bench.done(&format!("KILL QUERY {id}"));
        assert_eq!(thread.join().unwrap(), "0: error: query interrupted");
    });
}

// spec: statements.name.1, statements.name.2, statements.name.3
#[test]
fn the_database_is_the_named_one_or_the_parameter() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d; CREATE DATABASE e");
    bench.write("m f=1 1");
    bench.write_to("e", "", "n f=1 1");
    assert_eq!(bench.run("SHOW SERIES"), "0: key | m");
    assert_eq!(bench.run("SHOW SERIES ON e"), "0: key | n");
    assert_eq!(bench.run("SHOW SERIES ON d FROM e.autogen.n"), "0: key | n");
    assert_eq!(bench.run("SHOW SERIES ON \"\""), "0: key | m");
    for statement in [
        "SELECT f FROM m",
        "SHOW SERIES",
        "SHOW TAG KEYS",
        "SHOW FIELD KEYS",
        "SHOW MEASUREMENTS",
        "SHOW TAG VALUES WITH KEY = k",
        "SHOW RETENTION POLICIES",
    ] {
        assert_eq!(bench.run_as("", false, statement), "0: error: database name required", "{statement}");
        let missing = match statement {
            "SHOW MEASUREMENTS" | "SHOW TAG VALUES WITH KEY = k" => "0:",
            _ => "0: error: database not found: x",
        };
        assert_eq!(bench.run_as("x", false, statement), missing, "{statement}");
    }
    for statement in ["DELETE FROM m", "DROP SERIES FROM m", "DROP MEASUREMENT m"] {
        assert_eq!(bench.run_as("", false, statement), "0: error: database not found: ");
        assert_eq!(bench.run_as("x", false, statement), "0: error: database not found: x");
    }
}

// spec: statements.name.4
#[test]
fn a_policy_that_does_not_exist_is_an_error() {
    let bench = Bench::with(|options| options.retention_autocreate = false);
    bench.done("CREATE DATABASE d");
    for statement in ["SELECT f FROM m", "SHOW SERIES"] {
        assert_eq!(bench.run(statement), "0: error: default retention policy not set for: d");
    }
    for statement in ["SELECT f FROM d.p.m", "SHOW SERIES FROM d.p.m"] {
        assert_eq!(bench.run(statement), "0: error: retention policy not found: p");
    }
}

// spec: statements.name.5
#[test]
fn system_sources_are_refused() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    for (source, statement) in [
        ("_fieldKeys", "SHOW FIELD KEYS"),
        ("_measurements", "SHOW MEASUREMENTS"),
        ("_series", "SHOW SERIES"),
        ("_tagKeys", "SHOW TAG KEYS"),
        ("_tags", "SHOW TAG VALUES"),
    ] {
        let error = format!("0: error: unable to use system source '{source}': use {statement} instead");
        assert_eq!(bench.run(&format!("SELECT f FROM {source}")), error);
        assert_eq!(bench.run(&format!("SELECT f FROM (SELECT f FROM {source})")), error);
    }
    assert_eq!(bench.run("SELECT f FROM _other"), "0:");
}

// spec: statements.database.5, statements.database.6
#[test]
fn a_new_database_has_no_data_of_a_dropped_one() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE b; CREATE DATABASE d");
    assert_eq!(bench.run("SHOW DATABASES"), "0: databases{} name | b | d");
    bench.write("m,t=a f=1 1");
    bench.done("DROP DATABASE d; DROP DATABASE d; CREATE DATABASE d");
    assert_eq!(bench.run("SHOW MEASUREMENTS; SHOW SERIES; SELECT * FROM m"), "0:\n1:\n2:");
    assert_eq!(bench.write("m,t=a f=\"text\" 1"), "");
}

// spec: statements.policy.1, statements.policy.5
#[test]
fn dropping_a_policy_drops_its_data() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d; CREATE RETENTION POLICY p ON d DURATION 90d REPLICATION 2");
    bench.write("kept f=1 1");
    bench.write_to("d", "p", "gone f=1 1488327378000000000");
    let columns = "name,duration,shardGroupDuration,replicaN,default";
    let autogen = "autogen,0s,168h0m0s,#1,true";
    let both = format!("0: {columns} | {autogen} | p,2160h0m0s,24h0m0s,#2,false");
    assert_eq!(bench.run("SHOW RETENTION POLICIES ON d"), both);
    bench.done("DROP RETENTION POLICY p ON d; DROP RETENTION POLICY p ON d; DROP RETENTION POLICY p ON x");
    assert_eq!(bench.run("SHOW RETENTION POLICIES ON d"), format!("0: {columns} | {autogen}"));
    assert_eq!(bench.run("SHOW MEASUREMENTS"), "0: measurements{} name | kept");
}

// spec: statements.shard.3
#[test]
fn shards_and_their_groups_are_listed_with_their_times() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE e; CREATE DATABASE d; CREATE RETENTION POLICY p ON d DURATION 1d REPLICATION 1");
    bench.write("m f=1 -9223372036854775806\nm f=1 9223372036854775806");
    bench.write_to("d", "p", "m f=1 1488327378000000000");
    let rows = [
        "1677-09-20T00:00:00Z,1677-09-27T00:00:00Z,1677-09-27T00:00:00Z",
        "2262-04-07T00:00:00Z,2262-04-11T23:47:16Z,2262-04-11T23:47:16Z",
        "2017-03-01T00:00:00Z,2017-03-01T01:00:00Z,2017-03-02T01:00:00Z",
    ];
    let columns = "id,database,retention_policy,shard_group,start_time,end_time,expiry_time,owners";
    let listed = format!(
        "0: e{{}} {columns}\n0: d{{}} {columns} | #1,d,autogen,#1,{}, | #2,d,autogen,#2,{}, | #3,d,p,#3,{},",
        rows[0], rows[1], rows[2]
    );
    assert_eq!(bench.run("SHOW SHARDS"), listed);
    let columns = "id,database,retention_policy,start_time,end_time,expiry_time";
    let listed = format!(
        "0: shard groups{{}} {columns} | #1,d,autogen,{} | #2,d,autogen,{} | #3,d,p,{}",
        rows[0], rows[1], rows[2]
    );
    assert_eq!(bench.run("SHOW SHARD GROUPS"), listed);
}

// spec: statements.shard.1
#[test]
fn points_of_overlapping_groups_are_found_once() {
    let bench = Bench::new();
    let day = 86_400_000_000_000_i64;
    bench.done("CREATE DATABASE d");
    bench.write(&format!("m f=1 {}\nm f=2 {}", 4 * day, 10 * day));
    bench.done("ALTER RETENTION POLICY autogen ON d SHARD DURATION 8w");
    // One group that covers both sides of the two older ones.
    bench.write(&format!("m f=3 {}\nm f=4 {}\nm f=5 {}", -10 * day, 20 * day, 10 * day));
    assert_eq!(
        bench.run("SELECT f FROM m"),
        format!("0: m{{}} time,f | {},3 | {},1 | {},5 | {},4", -10 * day, 4 * day, 10 * day, 20 * day)
    );
}

// spec: statements.shard.5
#[test]
fn expired_shards_are_dropped() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d WITH DURATION 1h");
    bench.write("m f=1");
    let hour = 3_600_000_000_000;
    bench.clock.0.store(NOW + hour, Ordering::Relaxed);
    bench.engine.core.drop_expired().unwrap();
    assert_eq!(bench.run("SELECT f FROM m"), format!("0: m{{}} time,f | {NOW},1"));
    bench.clock.0.store(NOW + 2 * hour, Ordering::Relaxed);
    bench.engine.core.drop_expired().unwrap();
    assert_eq!(bench.run("SHOW MEASUREMENTS; SHOW SHARDS").lines().next(), Some("0:"));
}

// spec: statements.user.4
#[test]
fn users_and_grants_are_listed() {
    let bench = Bench::new();
    bench.done("CREATE USER zoe WITH PASSWORD 'p'; CREATE USER adam WITH PASSWORD 'p' WITH ALL PRIVILEGES");
    bench.done("GRANT READ ON x TO zoe; GRANT ALL ON y TO zoe; GRANT WRITE ON z TO zoe; REVOKE ALL ON z FROM zoe");
    assert_eq!(bench.run("SHOW USERS"), "0: user,admin | zoe,false | adam,true");
    let grants = "0: database,privilege | x,READ | y,ALL PRIVILEGES | z,NO PRIVILEGES";
    assert_eq!(bench.run("SHOW GRANTS FOR zoe"), grants);
    assert_eq!(bench.run("SHOW GRANTS FOR adam"), "0: database,privilege");
    assert_eq!(bench.run("SHOW GRANTS FOR nobody"), "0: error: user not found");
}

// spec: statements.user.2
#[test]
fn creating_the_same_user_again_succeeds_and_a_new_password_applies_at_once() {
    let bench = Bench::new();
    bench.done("CREATE USER u WITH PASSWORD 'p'; CREATE USER u WITH PASSWORD 'p'");
    assert_eq!(bench.run("CREATE USER u WITH PASSWORD 'q'"), "0: error: user already exists");
    assert_eq!(bench.engine.login("u", "p"), Ok(Principal::User("u".into())));
    bench.done("SET PASSWORD FOR u = 'q'");
    assert_eq!(bench.engine.login("u", "p"), Err(LoginError::Failed));
    assert_eq!(bench.engine.login("u", "q"), Ok(Principal::User("u".into())));
    bench.done("DROP USER u");
    assert_eq!(bench.engine.login("u", "q"), Err(LoginError::Failed));
    assert_eq!(bench.engine.login("", "q"), Err(LoginError::UsernameRequired));
}

// spec: statements.into.3
#[test]
fn empty_windows_write_no_points() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    bench.write("m f=1 0\nm f=2 20\nm f=2 20000");
    let counts = "count(f) INTO n FROM m WHERE time >= 0 AND time < 30000 GROUP BY time(10u)";
    assert_eq!(bench.run(&format!("SELECT {counts}")), "0: result{} time,written | 0,2");
    assert_eq!(bench.run("SELECT * FROM n"), "0: n{} time,count | 0,2 | 20000,1");
    assert_eq!(bench.run(&format!("SELECT {counts} fill(7)")), "0: result{} time,written | 0,3");
    assert_eq!(bench.run("SELECT * FROM n"), "0: n{} time,count | 0,2 | 10000,7 | 20000,1");
}

// spec: statements.into.1, statements.into.2
#[test]
fn select_into_writes_rows_as_points() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d; CREATE DATABASE e");
    bench.write("m,a=x,b=y\\ z f=1,g=\"q\\\"\\\\\" 1\nm,a=x f=2i64 2\nm,b=y h=true 3\nm,a=x n=7i 4");
    assert_eq!(bench.run("SELECT * INTO copy FROM m"), "0: result{} time,written | 0,3");
    let copied = "0: copy{} time,a,b,f,g,h,n | 1,x,y z,1,q\"\\,null,null | 3,null,y,null,null,true,null | 4,x,null,null,null,null,7";
    assert_eq!(bench.run("SELECT * FROM copy"), copied);
    assert_eq!(
        bench.run("SELECT f, n INTO e.autogen.:MEASUREMENT FROM m GROUP BY a"),
        "0: result{} time,written | 0,2"
    );
    assert_eq!(bench.run("SHOW SERIES ON e"), "0: key | m,a=x");
    assert_eq!(bench.run("SELECT f INTO nope..copy FROM m"), "0: error: database not found: nope");
    let error = bench.run("SELECT f INTO d.nope.copy FROM m");
    assert_eq!(error, "0: error: retention policy not found: nope");
}

// spec: statements.continuous-query.1
#[test]
fn continuous_queries_are_stored_with_their_names_filled_in() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d; CREATE DATABASE e");
    bench.done("CREATE CONTINUOUS QUERY c ON e BEGIN SELECT mean(f) INTO t FROM m GROUP BY time(1h) END");
    let text =
        "CREATE CONTINUOUS QUERY c ON e BEGIN SELECT mean(f) INTO d.autogen.t FROM d.autogen.m GROUP BY time(1h) END";
    assert_eq!(bench.run("SHOW CONTINUOUS QUERIES"), format!("0: d{{}} name,query\n0: e{{}} name,query | c,{text}"));
    let error = bench.run("CREATE CONTINUOUS QUERY c ON e BEGIN SELECT max(f) INTO t FROM m GROUP BY time(1h) END");
    assert_eq!(error, "0: error: continuous query already exists");
    let error = bench.run("CREATE CONTINUOUS QUERY c ON e BEGIN SELECT max(f) INTO p.t FROM m GROUP BY time(1h) END");
    assert_eq!(error, "0: error: retention policy not found: d.p");
    let error = bench.run("CREATE CONTINUOUS QUERY q ON e BEGIN SELECT max(f) INTO t FROM p.m GROUP BY time(1h) END");
    assert_eq!(error, "0: error: retention policy not found: d.p");
}

// spec: statements.continuous-query.1
#[test]
fn continuous_queries_keep_the_digits_that_their_normal_form_drops() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    let create =
        |factor: &str| format!("CREATE CONTINUOUS QUERY c ON d BEGIN SELECT f * {factor} INTO d..t FROM d..m END");
    bench.done(&create("0.00025"));
    let shown = bench.run("SHOW CONTINUOUS QUERIES");
    assert!(shown.contains("SELECT f * 0.000 INTO d.autogen.t"), "{shown}");
    bench.done(&create("0.00025"));
    assert_eq!(bench.run(&create("0.00026")), "0: error: continuous query already exists");
}

// spec: statements.subscription.1
#[test]
fn only_databases_with_subscriptions_are_listed() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d; CREATE DATABASE e");
    bench.done("CREATE SUBSCRIPTION s ON e.autogen DESTINATIONS ANY 'udp://h:1', 'http://h:2'");
    let row = r#"autogen,s,ANY,["udp://h:1", "http://h:2"]"#;
    let listed = format!("0: e{{}} retention_policy,name,mode,destinations | {row}");
    assert_eq!(bench.run("SHOW SUBSCRIPTIONS"), listed);
}

// spec: statements.stats.1, storage.durability.14, statements.stats.2, statements.stats.3
#[test]
fn stats_and_diagnostics_are_series_of_one_row() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d; CREATE DATABASE empty");
    bench.write("m,t=a f=1 1\nm,t=b f=1 1\nn f=1 1");
    let stats = "0: database{database=d} numMeasurements,numSeries | 2,3";
    assert_eq!(bench.run("SHOW STATS FOR 'database'"), stats);
    let write = "0: write{} pointReq,pointReqLocal,req,subWriteDrop,subWriteOk,writeDrop,writeError,writeOk,writeTimeout \
                 | 3,3,1,0,0,0,0,1,0";
    assert_eq!(bench.run("SHOW STATS FOR 'write'"), write);
    let shard = |counts: &str| {
        format!(
            "0: shard{{database=d,engine=fluxstone,id=1,retentionPolicy=autogen}} diskBytes,writePointsDropped,writePointsErr,\
             writePointsOk,writeReq,writeReqErr,writeReqOk | {counts}"
        )
    };
    assert_eq!(bench.run("SHOW STATS FOR 'shard'"), shard("0,0,0,3,1,0,1"));
    bench.write("m,t=a f=\"x\" 1\nm,t=b f=1 2");
    assert_eq!(bench.run("SHOW STATS FOR 'shard'"), shard("0,1,0,4,2,0,2"));
    bench.write("m,t=a f=1 1\nm,t=a f=1 2");
    let points = bench.engine.written_points();
    assert_eq!((points.stored, points.dropped, points.failed), (6, 1, 0));
    bench.engine.add_statistics(|| None);
    let names: Vec<_> = bench.engine.statistics().iter().map(|statistics| statistics.name).collect();
    let wanted =
        ["runtime", "queryExecutor", "database", "shard", "write", "subscriber", "cq", "background", "storage"];
    assert_eq!(names, wanted);
    assert_eq!(bench.run("SHOW STATS FOR 'nope'; SHOW DIAGNOSTICS FOR 'nope'"), "0:\n1:");
    assert!(bench.run("SHOW DIAGNOSTICS FOR 'build'").contains("Branch,Build Time,Commit,Version"));
    assert!(bench.run("SHOW DIAGNOSTICS FOR 'runtime'").contains("GOARCH,GOMAXPROCS,GOOS,version"));
    let storage = "0: storage{} mode,panics,reason,sealingError | writable,0,,";
    assert_eq!(bench.run("SHOW DIAGNOSTICS FOR 'storage'"), storage);
    let pid = std::process::id();
    let time = "2017-03-01T00:16:18Z";
    let system = format!("0: system{{}} PID,currentTime,started,uptime | {pid},{time},{time},0s");
    assert_eq!(bench.run("SHOW DIAGNOSTICS FOR 'system'"), system);
}

// spec: influxql.limit.4
#[test]
fn a_tree_is_charged_while_its_query_runs() {
    let bench = Bench::with(|options| {
        options.query_memory_max = 1 << 20;
        options.total_query_memory_max = (1 << 20) + (1 << 19);
    });
    let list = |items: usize| format!("SELECT {} FROM m", vec!["*"; items].join(","));
    let prepare = |text: &str| {
        let parameters = Parameters::new();
        let (principal, database) = (&Principal::Anyone, "");
        let request =
            QueryRequest { principal, text, parameters: &parameters, database, read_only: false, chunk_rows: 1 };
        bench.engine.prepare(request).map_err(|refusal| (refusal.kind, refusal.text))
    };
    let (kind, text) = prepare(&list(1_000_000)).unwrap_err();
    assert_eq!(kind, crate::ErrorKind::BadRequest);
    assert!(text.starts_with("error parsing query: max-query-memory limit exceeded: "), "{text}");
    let regexes: Vec<_> = (0..100).map(|n| format!("/{n}/")).collect();
    let (_, text) = prepare(&format!("SELECT {} FROM m", regexes.join(","))).unwrap_err();
    assert!(text.starts_with("error parsing query: max-query-memory limit exceeded: "), "{text}");
    let held = prepare(&list(3000)).unwrap();
    let (kind, text) = prepare(&list(3000)).unwrap_err();
    assert_eq!(kind, crate::ErrorKind::Unavailable);
    assert!(text.starts_with("error parsing query: max-total-query-memory limit exceeded: "), "{text}");
    assert!(prepare("KILL QUERY 1").is_ok());
    drop(held);
    assert!(prepare(&list(3000)).is_ok());
    assert_eq!(bench.engine.core.query_memory.used(), 0);
}
