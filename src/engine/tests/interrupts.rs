//! Listings end soon after their time is up, their client has gone, or their memory is used up. Time is what a clock counts that
//! goes on by a second each time it is asked.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use super::*;

#[derive(Debug)]
struct CountingClock {
    begun: Instant,
    asked: AtomicU64,
    /// The client leaves when the clock is asked for this time.
    leaves_at: AtomicU64,
    gone: AtomicBool,
}

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        Timestamp(NOW)
    }

    fn instant(&self) -> Instant {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if asked == self.leaves_at.load(Ordering::Relaxed) {
            self.gone.store(true, Ordering::Relaxed);
        }
        self.begun + Duration::from_secs(asked)
    }
}

/// An engine with 4,000 series of one measurement, 300 further measurements, and 1,000 fields.
fn engine(timeout_seconds: u64) -> (Engine, Arc<CountingClock>, TempDir) {
    let bench = Bench::with(|options| options.query_timeout_ns = u64::MAX / 2);
    bench.done("CREATE DATABASE d");
    let mut lines = String::new();
    for n in 0..4000 {
        let _ = writeln!(lines, "m,host=h{n},other=o{} v=1 1", n % 7);
    }
    for n in 0..300 {
        let _ = writeln!(lines, "n{n},host=h v=1 1");
    }
    let fields: Vec<_> = (0..1000).map(|n| format!("f{n}=1")).collect();
    let _ = writeln!(lines, "m {} 1", fields.join(","));
    assert_eq!(bench.write(&lines), "");
    let Bench { engine, disk, mut options, directory, .. } = bench;
    drop(engine);
    options.query_timeout_ns = timeout_seconds * 1_000_000_000;
    let clock = Arc::new(CountingClock {
        begun: Instant::now(),
        asked: AtomicU64::new(0),
        leaves_at: AtomicU64::new(0),
        gone: AtomicBool::new(false),
    });
    (Engine::open_on(&disk, options, clock.clone()).unwrap(), clock, directory)
}

/// Runs a statement. Returns its answers, and how often the clock was asked.
fn run(engine: &Engine, clock: &CountingClock, text: &str, leaves_at: u64) -> (Vec<String>, u64) {
    let (principal, database, parameters) = (&Principal::Anyone, "d", Parameters::new());
    let request =
        QueryRequest { principal, text, parameters: &parameters, database, read_only: false, chunk_rows: 10_000 };
    let query = engine.prepare(request).unwrap();
    clock.gone.store(false, Ordering::Relaxed);
    clock.asked.store(0, Ordering::Relaxed);
    clock.leaves_at.store(leaves_at, Ordering::Relaxed);
    let mut answers = Vec::new();
    engine.execute(query, &clock.gone, &mut |result| {
        answers.push(shown(&result));
        ControlFlow::Continue(())
    });
    (answers, clock.asked.load(Ordering::Relaxed))
}

const LISTINGS: [&str; 9] = [
    "SHOW SERIES",
    "SHOW SERIES WHERE host =~ /h1/",
    "SHOW TAG VALUES WITH KEY = host",
    "SHOW TAG KEYS",
    "SHOW TAG KEYS WHERE host = 'h'",
    "SHOW FIELD KEYS",
    "SHOW MEASUREMENTS",
    "SHOW MEASUREMENTS WHERE host = 'h'",
    "DELETE WHERE host = 'none' OR other = 'none'",
];

// spec: statements.interrupt.1
#[test]
fn listings_end_when_their_time_is_up() {
    let (unlimited, counting, _directory) = engine(1_000_000);
    let (hurried, clock, _other) = engine(10);
    for text in LISTINGS {
        let (answers, asked) = run(&unlimited, &counting, text, 0);
        assert!(asked > 15 && !answers.join("").contains("error"), "{text}: {asked} checks");
        let (answers, asked) = run(&hurried, &clock, text, 0);
        assert_eq!((answers, asked), (vec!["0: error: query-timeout limit exceeded".to_owned()], 11), "{text}");
    }
}

// spec: statements.interrupt.1
#[test]
fn listings_end_when_their_client_has_gone() {
    let (engine, clock, _directory) = engine(1_000_000);
    for text in LISTINGS {
        let (answers, asked) = run(&engine, &clock, text, 10);
        assert_eq!((answers, asked), (Vec::new(), 10), "{text}");
    }
}

// spec: statements.interrupt.1
#[test]
fn long_conditions_on_tags_are_checked_term_by_term() {
    let (engine, clock, _directory) = engine(1_000_000);
    let terms: Vec<_> = (0..500).map(|n| format!("host = 'none{n}'")).collect();
    let (_, asked) = run(&engine, &clock, &format!("SHOW SERIES FROM m WHERE {}", terms.join(" OR ")), 0);
    assert!(asked > 500, "{asked} checks");
}

// spec: statements.limit.memory.1
#[test]
fn listings_are_charged_as_they_grow() {
    let bench = Bench::with(|options| options.query_memory_max = 1 << 20);
    bench.done("CREATE DATABASE d");
    let mut lines = String::new();
    for n in 0..10_000 {
        let _ = writeln!(lines, "m,host=h{n} v=1 1");
        let _ = writeln!(lines, "n{n} v=1 1");
    }
    for lines in lines.lines().collect::<Vec<_>>().chunks(1000) {
        assert_eq!(bench.write(&lines.join("\n")), "");
    }
    let listings = [
        "SHOW SERIES",
        "SHOW TAG VALUES WITH KEY = host",
        "SHOW FIELD KEYS",
        "SHOW MEASUREMENTS",
        "DELETE FROM m WHERE host != 'x'",
        "SELECT v FROM m GROUP BY *",
    ];
    for text in listings {
        let answer = bench.run(text);
        assert!(answer.starts_with("0: error: max-query-memory limit exceeded: "), "{text}: {answer}");
    }
    assert!(!bench.run("SHOW SERIES WHERE host = 'h5'; SHOW TAG VALUES FROM n5 WITH KEY = none").contains("error"));
    assert_eq!(bench.engine.core.query_memory.used(), 0);
}

// spec: statements.interrupt.1
#[test]
fn what_only_reads_runs_within_its_time_or_is_left_to_others() {
    let (engine, clock, _directory) = engine(1_000_000);
    let run_within = |text: &str, seconds| {
        let (principal, parameters) = (&Principal::Anyone, Parameters::new());
        let database = "d";
        let request =
            QueryRequest { principal, text, parameters: &parameters, database, read_only: false, chunk_rows: 10_000 };
        let query = engine.prepare(request).unwrap();
        clock.asked.store(0, Ordering::Relaxed);
        let mut answers = Vec::new();
        let ran = engine.execute_briefly(query, Duration::from_secs(seconds), &mut |result| {
            answers.push(shown(&result));
            ControlFlow::Continue(())
        });
        (ran.is_ok().then_some(answers), clock.asked.load(Ordering::Relaxed))
    };
    for text in ["SHOW SERIES", "SELECT count(v) FROM m GROUP BY host", "SELECT v FROM m; SHOW MEASUREMENTS"] {
        let (answers, asked) = run(&engine, &clock, text, 0);
        assert_eq!(run_within(text, 1_000_000).0, Some(answers), "{text}");
        let (answers, asked_briefly) = run_within(text, 3);
        assert_eq!(answers, None, "{text}");
        assert!(asked_briefly <= 10 && asked_briefly < asked, "{text}: {asked_briefly} of {asked}");
    }
    for text in ["DELETE FROM m", "DROP MEASUREMENT m", "SELECT v INTO x FROM m", "SHOW SERIES; DROP DATABASE d"] {
        assert_eq!(run_within(text, 1_000_000), (None, 0), "{text}");
    }
    assert_eq!(run(&engine, &clock, "SELECT count(v) FROM m", 0).0.len(), 1);
}
