//! Continuous queries, run directly on a clock that the tests move.

use super::super::continuous_queries::ContinuousQueries;
use super::*;

const MINUTE: i64 = 60 * 1_000_000_000;
/// The start of an hour after [`NOW`].
const HOUR: i64 = 1_488_330_000_000_000_000;

/// An engine with the database `d`, and the state of its service.
struct Service {
    bench: Bench,
    known: ContinuousQueries,
}

impl Service {
    fn new(create: &str) -> Self {
        let bench = Bench::new();
        bench
            .done("CREATE DATABASE d; CREATE DATABASE e; CREATE RETENTION POLICY long ON d DURATION INF REPLICATION 1");
        bench.done(create);
        Service { bench, known: ContinuousQueries::default() }
    }

    /// Runs the due queries this many minutes after [`HOUR`].
    fn look(&mut self, minute: i64) {
        self.bench.clock.0.store(HOUR + minute * MINUTE, Ordering::Relaxed);
        self.bench.engine.core.run_continuous_queries(&mut self.known, &AtomicBool::new(false));
    }

    fn write(&self, series: &str, field: &str, minute: i64) {
        assert_eq!(self.bench.write(&format!("{series} {field} {}", HOUR + minute * MINUTE)), "");
    }

    /// A result with times in minutes after [`HOUR`].
    fn run(&self, text: &str) -> String {
        let answer = self.bench.run(text);
        let shown = |word: &str| match word.parse::<i64>() {
            Ok(time) if time > HOUR / 2 => ((time - HOUR) / MINUTE).to_string(),
            _ => word.to_owned(),
        };
        answer
            .split(' ')
            .map(|cells| cells.split(',').map(shown).collect::<Vec<_>>().join(","))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

// spec: statements.continuous-query.4, statements.continuous-query.5
#[test]
fn a_window_is_written_after_it_ends() {
    let mut service =
        Service::new("CREATE CONTINUOUS QUERY c ON d BEGIN SELECT mean(f) INTO t FROM m GROUP BY time(10m), h END");
    service.look(3);
    service.write("m,h=a", "f=1", 4);
    service.write("m,h=a", "f=2", 9);
    service.write("m,h=b", "f=5", 9);
    service.write("m,h=b", "f=7", 10);
    service.look(9);
    assert_eq!(service.run("SELECT * FROM t"), "0:");
    service.look(10);
    assert_eq!(service.run("SELECT * FROM t"), "0: t{} time,h,mean | 0,a,1.5 | 0,b,5");
    assert_eq!(service.run("SHOW TAG KEYS FROM t"), "0: t{} tagKey | h");
    service.write("m,h=a", "f=100", 5);
    service.look(20);
    assert_eq!(service.run("SELECT * FROM t"), "0: t{} time,h,mean | 0,a,1.5 | 0,b,5 | 10,b,7");
}

// spec: statements.continuous-query.6
#[test]
fn conditions_on_time_are_replaced_and_others_stay() {
    let create = "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1m BEGIN \
                  SELECT sum(f) INTO t FROM m WHERE time > now() AND (h = 'a' OR h = 'b') GROUP BY time(10m) END";
    let mut service = Service::new(create);
    for (series, value, minute) in [("m,h=a", 1, 1), ("m,h=b", 2, 2), ("m,h=c", 4, 3), ("m,h=a", 8, 11)] {
        service.write(series, &format!("f={value}"), minute);
    }
    service.look(5);
    assert_eq!(service.run("SELECT * FROM t"), "0: t{} time,sum | 0,3");
}

// spec: statements.continuous-query.6, statements.into.2
#[test]
fn a_back_reference_writes_to_the_measurement_that_was_read() {
    let create = "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1m BEGIN \
                  SELECT max(f) INTO d.long.:MEASUREMENT FROM /^m/ GROUP BY time(10m) END";
    let mut service = Service::new(create);
    service.write("m1", "f=1", 1);
    service.write("m2", "f=2", 2);
    service.look(5);
    assert_eq!(service.run("SELECT * FROM long.m1, long.m2"), "0: m1{} time,max | 0,1\n0: m2{} time,max | 0,2");
}

// spec: statements.continuous-query.4
#[test]
fn the_last_run_is_remembered_if_the_query_is_created_again() {
    let create =
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE FOR 1h BEGIN SELECT sum(f) INTO t FROM m GROUP BY time(10m) END";
    let mut service = Service::new(create);
    service.look(3);
    service.bench.done("DROP CONTINUOUS QUERY c ON d");
    service.bench.done(&create.replace("INTO t", "INTO u"));
    service.write("m", "f=1", -5);
    service.look(9);
    assert_eq!(service.run("SELECT * FROM u"), "0:");
    service.look(10);
    assert_eq!(service.run("SELECT * FROM u"), "0: u{} time,sum | -10,1");
    // It survives the end of the server, too.
    service.known = ContinuousQueries::default();
    service.bench = service.bench.reopen();
    service.write("m", "f=1", -6);
    service.look(11);
    assert_eq!(service.run("SELECT * FROM u"), "0: u{} time,sum | -10,1");
    service.look(20);
    assert_eq!(service.run("SELECT * FROM u"), "0: u{} time,sum | -10,2");
}

// spec: statements.continuous-query.10, compat.continuous-query.last-run.1
#[test]
fn windows_that_end_while_the_server_is_down_are_computed_unless_the_profile_forgets_them() {
    for (bench, want) in [(Bench::new(), "0: t{} time,sum | 0,1 | 10,2"), (Bench::observed(), "0: t{} time,sum | 0,1")]
    {
        bench.done("CREATE DATABASE d");
        bench.done("CREATE CONTINUOUS QUERY c ON d BEGIN SELECT sum(f) INTO t FROM m GROUP BY time(10m) END");
        let mut service = Service { bench, known: ContinuousQueries::default() };
        service.look(3);
        service.write("m", "f=1", 5);
        service.look(10);
        service.write("m", "f=2", 15);
        service.known = ContinuousQueries::default();
        service.bench = service.bench.reopen();
        // A late point of a window that was computed before.
        service.write("m", "f=4", 6);
        service.look(25);
        assert_eq!(service.run("SELECT * FROM t"), want);
    }
}

// spec: statements.continuous-query.4
#[test]
fn dropped_queries_and_queries_without_windows_do_not_run() {
    let mut service = Service::new("CREATE CONTINUOUS QUERY raw ON d BEGIN SELECT f INTO t FROM m END");
    let create =
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1m BEGIN SELECT last(f) INTO u FROM m GROUP BY time(1h) END";
    service.bench.done(create);
    service.bench.done("DROP CONTINUOUS QUERY c ON d");
    service.write("m", "f=1", 1);
    service.look(5);
    service.look(60);
    assert_eq!(service.run("SHOW MEASUREMENTS"), "0: measurements{} name | m");
}

// spec: statements.continuous-query.7
#[test]
fn a_failing_query_does_not_stop_others() {
    let mut service = Service::new(
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1m BEGIN SELECT last(f) INTO e.autogen.t FROM m GROUP BY time(1h) END",
    );
    service.bench.done(
        "CREATE CONTINUOUS QUERY c2 ON d RESAMPLE EVERY 1m BEGIN SELECT last(f) INTO t FROM m GROUP BY time(1h) END",
    );
    service.bench.done("DROP DATABASE e");
    service.write("m", "f=1", 1);
    service.look(5);
    assert_eq!(service.run("SELECT * FROM t"), "0: t{} time,last | 0,1");
}

/// A query of the user u, who can read d and write e, and the times at which it is looked at.
fn of_a_user() -> Service {
    let mut service = Service::new("CREATE USER u WITH PASSWORD 'p'; GRANT READ ON d TO u; GRANT WRITE ON e TO u");
    service.bench.login("u", "p");
    service.bench.done(
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1m BEGIN SELECT sum(f) INTO e.autogen.t FROM m GROUP BY time(10m) END",
    );
    service.bench.principal = Principal::Anyone;
    service.write("m", "f=1", 1);
    service
}

// spec: statements.continuous-query.8
#[test]
fn a_query_runs_with_the_privileges_that_its_author_has_now() {
    let mut service = of_a_user();
    service.look(1);
    let answer = |service: &Service| service.run("SELECT * FROM e.autogen.t");
    let diagnostics = |service: &Service| service.bench.run("SHOW DIAGNOSTICS FOR 'continuousQuery'");
    assert_eq!(answer(&service), "0: t{} time,sum | 0,1");
    assert_eq!(diagnostics(&service), "0:");
    service.write("m", "f=2", 2);
    for (minute, loss, gain, reason) in [
        (2, "REVOKE READ ON d FROM u", "GRANT READ ON d TO u", "lacks READ on d"),
        (3, "REVOKE WRITE ON e FROM u", "GRANT WRITE ON e TO u", "lacks WRITE on e"),
    ] {
        service.bench.done(loss);
        service.look(minute);
        assert_eq!(answer(&service), "0: t{} time,sum | 0,1");
        let shown = format!("0: continuousQuery{{database=d,name=c}} skipped | its author u {reason}");
        assert_eq!(diagnostics(&service), shown);
        service.bench.done(gain);
    }
    assert_eq!(service.bench.run("SHOW STATS FOR 'cq'"), "0: cq{} queryFail,queryOk,querySkipped | 0,1,2");
    service.look(4);
    assert_eq!(answer(&service), "0: t{} time,sum | 0,3");
}

// spec: statements.continuous-query.8
#[test]
fn a_query_does_not_run_for_a_later_user_of_the_same_name() {
    let mut service = of_a_user();
    service.bench.done("DROP USER u; CREATE USER u WITH PASSWORD 'p'; GRANT READ ON d TO u; GRANT WRITE ON e TO u");
    service.bench = service.bench.reopen();
    service.look(1);
    assert_eq!(service.run("SELECT * FROM e.autogen.t"), "0:");
    let want = "0: continuousQuery{database=d,name=c} skipped | its author u was dropped";
    assert_eq!(service.bench.run("SHOW DIAGNOSTICS FOR 'continuousQuery'"), want);
}

// spec: statements.continuous-query.8
#[test]
fn the_author_survives_a_restart() {
    let mut service = of_a_user();
    service.bench = service.bench.reopen();
    service.bench.done("DROP USER u");
    service.look(1);
    assert_eq!(service.run("SELECT * FROM e.autogen.t"), "0:");
}

// spec: statements.privilege.5
#[test]
fn who_can_create_a_query_can_drop_it() {
    let mut service = of_a_user();
    service.bench.done("CREATE USER v WITH PASSWORD 'p'; GRANT READ ON d TO v");
    let drop = "DROP CONTINUOUS QUERY c ON d";
    service.bench.login("v", "p");
    assert!(service.bench.run(drop).ends_with("requires WRITE on d"));
    service.bench.login("u", "p");
    service.bench.done(drop);
    assert!(service.bench.run(drop).ends_with("requires WRITE on d"));
}

// spec: statements.continuous-query.9
#[test]
fn a_clock_that_steps_forward_and_back_does_not_stop_queries() {
    let mut service = Service::new(
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1m BEGIN SELECT sum(f) INTO t FROM m GROUP BY time(10m) END",
    );
    service.look(1);
    service.look(1000 * 24 * 60);
    service.write("m", "f=1", 1);
    service.look(2);
    assert_eq!(service.run("SELECT * FROM t"), "0: t{} time,sum | 0,1");
    for now in [i64::MIN, Timestamp::MIN.0, -1, 0, Timestamp::MAX.0, i64::MAX] {
        service.bench.clock.0.store(now, Ordering::Relaxed);
        service.bench.engine.core.run_continuous_queries(&mut service.known, &AtomicBool::new(false));
        service.bench.engine.core.drop_expired().unwrap();
        service.bench.run("SHOW DIAGNOSTICS; SHOW SHARDS; SELECT f FROM m WHERE time > now() - 1h");
    }
}

// spec: statements.continuous-query.3
#[test]
fn a_thread_checks_every_interval() {
    let bench = Bench::with(|options| options.continuous_queries.run_interval_ns = 1_000_000);
    bench.done("CREATE DATABASE d");
    bench.write(&format!("m f=1 {NOW}"));
    bench.done(
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1s BEGIN SELECT last(f) INTO t FROM m GROUP BY time(1d) END",
    );
    while bench.run("SELECT last FROM t") == "0:" {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// A clock that panics when the thread of the service reads it for the first time.
#[derive(Debug, Default)]
struct BrokenClock(AtomicBool);

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        let in_service = std::thread::current().name() == Some("continuous queries");
        assert!(!in_service || self.0.swap(true, Ordering::Relaxed), "the first look at the clock");
        Timestamp(NOW)
    }
}

// spec: statements.background.1
#[test]
fn a_thread_goes_on_after_a_panic() {
    let mut bench = Bench::with(|options| options.continuous_queries.run_interval_ns = 0);
    bench.done("CREATE DATABASE d; CREATE DATABASE e");
    bench.write(&format!("m f=1 {NOW}"));
    bench.done(
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1s BEGIN SELECT last(f) INTO t FROM m GROUP BY time(1d) END",
    );
    let Bench { engine, mut options, disk, clock, principal, directory } = bench;
    drop(engine);
    options.continuous_queries.run_interval_ns = 1_000_000;
    let engine = Engine::open_on(&disk, options.clone(), Arc::new(BrokenClock::default())).unwrap();
    bench = Bench { engine, disk, options, clock, principal, directory };
    while bench.run("SELECT last FROM t") == "0:" {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(bench.run("SHOW STATS FOR 'background'"), "0: background{} panics | 1");
}
