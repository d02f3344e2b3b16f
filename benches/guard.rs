//! The hot paths whose instructions `cargo xtask guard` counts: `guard PATH TIMES` does the work of a path this many times, on
//! inputs that are always the same. Without arguments it lists the paths: how many times are enough, and how many units of which kind
//! a time has.
//!
//! The disk is memory. What a path prepares is the same however often the work is done, so that the difference between two
//! numbers of times is the work alone.

use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use fluxstone::engine::StatementResult;
use fluxstone::http::{Answer, AnswerOptions};
use fluxstone::line_protocol::{Precision, parse};
use fluxstone::model::{TimeRange, Timestamp};
use fluxstone::storage::disk::Disk;
use fluxstone::storage::memory_disk::MemoryDisk;
use fluxstone::storage::{Store, StoreOptions};

use shared::answers::COMPACT;
use shared::queries::{answer, select};
use shared::stores::{self, DATABASE, SHARD, seal};

mod shared {
    pub(crate) mod answers;
    pub(crate) mod queries;
    pub(crate) mod stores;
}

const SECOND: u64 = 1_000_000_000;
const NOW: Timestamp = Timestamp(i64::MAX / 2);

/// The lines of a body.
const LINES: u64 = 2_000;
const HOSTS: u64 = 20;
const FIELDS: u64 = 10;
/// The bodies that the paths of queries read, and their rows and columns.
const BODIES: u64 = 20;
const ROWS: u64 = BODIES * LINES;
const COLUMNS: u64 = HOSTS * FIELDS;
/// How many bodies are written, each once: they are made in advance.
const WRITES: u64 = 16;

/// Work to be done again and again. It gets the number of times that it was done before.
type Work = Box<dyn FnMut(u64)>;

/// A hot path.
struct Path {
    name: &'static str,
    /// What is counted ...
    unit: &'static str,
    /// ... and how many of it a time has.
    units: u64,
    /// How often the work is done to be counted: often enough that it outweighs the chance in preparing it.
    times: u64,
    /// Prepares the work.
    begin: fn() -> Work,
}

const PATHS: &[Path] = &[
    Path { name: "parse-lines", unit: "line of ten fields", units: LINES, times: 20, begin: parse_lines },
    Path { name: "write-rows", unit: "row of ten fields", units: LINES, times: WRITES, begin: write_rows },
    Path { name: "write-new-series", unit: "series", units: LINES, times: WRITES, begin: write_new_series },
    Path { name: "write-and-seal", unit: "row of ten fields", units: LINES, times: WRITES, begin: write_and_seal },
    Path { name: "parse-query", unit: "query", units: 1, times: 4000, begin: parse_queries },
    Path { name: "query-one-series", unit: "query", units: 1, times: 1000, begin: || query(ONE_SERIES) },
    Path { name: "query-memory", unit: "query", units: 1, times: 1000, begin: || query_memory(ONE_SERIES) },
    Path { name: "query-windows", unit: "value", units: ROWS, times: 40, begin: || query(WINDOWS) },
    Path { name: "query-filter", unit: "value", units: ROWS, times: 40, begin: || query(FILTER) },
    Path { name: "query-last", unit: "field of a series", units: COLUMNS, times: 200, begin: || query(LAST) },
    Path { name: "query-count", unit: "field of a series", units: COLUMNS, times: 200, begin: || query(COUNT) },
    Path { name: "rows-to-json", unit: "row of two fields", units: ROWS, times: 5, begin: || rows(false) },
    Path { name: "rows-to-csv", unit: "row of two fields", units: ROWS, times: 5, begin: || rows(true) },
];

const ONE_SERIES: &str = "SELECT max(usage_1) FROM cpu WHERE hostname = 'host_7' AND time >= 600s AND time < 4200s \
                          GROUP BY time(1m)";
const WINDOWS: &str = "SELECT mean(usage_1) FROM cpu WHERE time >= 0 AND time < 40000s GROUP BY time(5m), hostname";
const FILTER: &str = "SELECT max(usage_1) FROM cpu WHERE usage_2 > 90.0 GROUP BY hostname";
const LAST: &str = "SELECT last(*) FROM cpu GROUP BY hostname";
const COUNT: &str = "SELECT count(*) FROM cpu";
const BOTH: &str = "SELECT usage_0, usage_1 FROM cpu WHERE hostname =~ /./";

fn main() -> ExitCode {
    // `cargo bench` passes options that start with a dash.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let [name, times] = &arguments[..] else {
        for Path { name, unit, units, times, .. } in PATHS {
            println!("{name}\t{times}\t{units}\t{unit}");
        }
        return ExitCode::SUCCESS;
    };
    let path = PATHS.iter().find(|path| path.name == name);
    let (Some(path), Ok(times)) = (path, times.parse()) else {
        eprintln!("no path {name}, or no number of times: {times}");
        return ExitCode::FAILURE;
    };
    let mut work = (path.begin)();
    for time in 0..times {
        work(time);
    }
    ExitCode::SUCCESS
}

/// Lines of `HOSTS` series with integers, and decimals in every other field. The times of body `number` follow those of the one
/// before.
fn body(number: u64) -> String {
    let mut body = String::new();
    for row in 0..LINES {
        let at = number * LINES + row;
        write!(body, "cpu,hostname=host_{},region=eu-west-1 ", row % HOSTS).expect("writing to a string cannot fail");
        for field in 0..FIELDS {
            let separator = if field == 0 { "" } else { "," };
            let value = (at * 7 + at / 11 * 3 + field) % 1000;
            if field % 2 == 0 {
                write!(body, "{separator}usage_{field}={}.{}", value / 10, value % 10)
            } else {
                write!(body, "{separator}usage_{field}={value}i")
            }
            .expect("writing to a string cannot fail");
        }
        writeln!(body, " {}", at / HOSTS * 10 * SECOND).expect("writing to a string cannot fail");
    }
    body
}

/// Lines of new series with one field.
fn new_series(number: u64) -> String {
    let mut body = String::new();
    for sensor in number * LINES..(number + 1) * LINES {
        writeln!(body, "reading,sensor=sensor_{sensor},site=site_{} value=1.5 {sensor}", sensor % 1000)
            .expect("writing to a string cannot fail");
    }
    body
}

fn open() -> Store {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let options = StoreOptions { memtable_bytes_max: 1 << 30, ..StoreOptions::in_directory("store".as_ref()) };
    Store::open_on(&disk, options, &mut |_| Ok(())).expect("an empty disk")
}

fn write(store: &Store, text: &str) {
    stores::write(store, text, Precision::Nanosecond);
}

fn parse_lines() -> Work {
    let text = body(0);
    Box::new(move |_| {
        black_box(parse(black_box(text.as_bytes()), Precision::Nanosecond, Timestamp(0)));
    })
}

fn write_rows() -> Work {
    let store = open();
    write(&store, &body(0));
    let bodies: Vec<String> = (1..=WRITES + 1).map(body).collect();
    Box::new(move |time| write(&store, &bodies[time as usize % bodies.len()]))
}

fn write_new_series() -> Work {
    let store = open();
    let bodies: Vec<String> = (0..=WRITES).map(new_series).collect();
    Box::new(move |time| write(&store, &bodies[time as usize % bodies.len()]))
}

fn write_and_seal() -> Work {
    let bodies: Vec<String> = (0..=WRITES).map(body).collect();
    Box::new(move |time| {
        let store = open();
        write(&store, &bodies[time as usize % bodies.len()]);
        seal(&store);
    })
}

fn parse_queries() -> Work {
    Box::new(|_| {
        black_box(select(black_box(ONE_SERIES)));
    })
}

/// A store with all bodies. The last one is in memory, the others are in segment files.
fn filled() -> Store {
    let store = open();
    for number in 0..BODIES - 1 {
        write(&store, &body(number));
    }
    seal(&store);
    write(&store, &body(BODIES - 1));
    store
}

fn query_store(store: Store, text: &'static str) -> Work {
    Box::new(move |_| {
        let source = store.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)]);
        answer(&source, &select(text), NOW, &mut |piece| {
            black_box(piece);
        });
    })
}

fn query(text: &'static str) -> Work {
    query_store(filled(), text)
}

fn query_memory(text: &'static str) -> Work {
    let store = open();
    for number in 0..4 {
        write(&store, &body(number));
    }
    query_store(store, text)
}

fn rows(csv: bool) -> Work {
    let store = filled();
    let options = AnswerOptions { csv, ..COMPACT };
    Box::new(move |_| {
        let source = store.snapshot(DATABASE, &[(SHARD, TimeRange::ALL)]);
        let mut encoded = Answer::new(options);
        answer(&source, &select(BOTH), NOW, &mut |series| {
            let _ = encoded.add(StatementResult { series: Some(series), ..StatementResult::default() });
        });
        black_box(encoded.finish());
    })
}
