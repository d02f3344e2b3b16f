//! Durability: everything that the server acknowledged is still there after `kill -9`, whenever that happens.
//!
//! The real binary runs on one directory and is killed at random moments during writes, deletions and statements. After each
//! restart, it must return exactly what was acknowledged. A request that was sent but not acknowledged may have been executed
//! or not, but never in part.
//!
//! `KILL_ROUNDS` sets the number of kills, `FLUXSTONE_SERVER` selects another binary; `cargo xtask kill-rounds` sets both.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod client;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use client::Connection;
use indicatif::{ProgressBar, ProgressStyle};
use rand::RngExt;
use server::Server;

/// The number of rounds if `KILL_ROUNDS` is not set.
const ROUNDS: usize = 20;
/// A new directory is started after this many rounds, so that reading all of it stays cheap.
const ROUNDS_PER_DIRECTORY: usize = 25;
const WRITERS: u64 = 4;
/// The maximum duration of a round.
const ROUND_MAX: Duration = Duration::from_secs(10);

/// The expected contents of one directory.
#[derive(Debug, Default)]
struct Expected {
    writers: BTreeMap<u64, Writer>,
    /// Databases whose creation was acknowledged.
    databases: BTreeSet<String>,
    /// Databases whose removal was acknowledged.
    dropped_databases: BTreeSet<String>,
    /// Series that were written and whose removal was acknowledged.
    dropped_series: Vec<String>,
}

/// The points of one writer. Their times are their numbers.
#[derive(Debug, Default)]
struct Writer {
    /// All points before this number were acknowledged.
    acknowledged: u64,
    /// The last batch that was sent, if it was not answered.
    in_flight: Option<Range<u64>>,
}

/// One round: a run of the server until it is killed.
struct Round<'e> {
    number: usize,
    expected: &'e Mutex<Expected>,
    /// The number of acknowledged requests, which determines when the server is killed.
    acknowledgements: AtomicUsize,
}

impl Round<'_> {
    fn acknowledge(&self, record: impl FnOnce(&mut Expected)) {
        record(&mut self.expected.lock().unwrap());
        self.acknowledgements.fetch_add(1, Ordering::SeqCst);
    }
}

// spec: storage.durability.1, storage.durability.2, storage.durability.3, statements.catalog.2
#[test]
fn acknowledged_requests_survive_killing_the_server() {
    let rounds = std::env::var("KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let bar = ProgressBar::new(rounds as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} kills, {msg}, {eta} left").unwrap());
    let began = Instant::now();
    let (mut requests, mut points) = (0, 0);
    for first in (0..rounds).step_by(ROUNDS_PER_DIRECTORY) {
        let directory = tempfile::tempdir().unwrap();
        let expected = Mutex::new(Expected::default());
        let mut server = start(directory.path());
        Connection::open(server.address()).query("CREATE DATABASE points").unwrap();
        for number in first..rounds.min(first + ROUNDS_PER_DIRECTORY) {
            let round = Round { number, expected: &expected, acknowledgements: AtomicUsize::new(0) };
            run_until_killed(server, &round);
            requests += round.acknowledgements.into_inner();
            server = start(directory.path());
            check_last_round(&server, &mut expected.lock().unwrap());
            bar.set_message(format!("{requests} requests acknowledged"));
            bar.inc(1);
        }
        let expected = expected.into_inner().unwrap();
        check_all(&server, &expected);
        points += expected.writers.values().map(|writer| writer.acknowledged).sum::<u64>();
    }
    bar.finish_and_clear();
    let elapsed = began.elapsed();
    // Printed even if the output of tests is captured.
    let _ = writeln!(
        std::io::stderr(),
        "kill -9: {rounds} rounds, {requests} requests with {points} points acknowledged, nothing lost, in {elapsed:.1?}"
    );
    assert!(points > rounds as u64, "the writers must make progress");
}

/// Starts a server. Memtables are often small, so that kills also happen during sealing and checkpoints.
fn start(directory: &Path) -> Server {
    let mut rng = rand::rng();
    let bytes = [8 << 10, 64 << 10, 64 << 20][rng.random_range(0..3)];
    let delay = ["0s", "0s", "1ms"][rng.random_range(0..3)];
    let config = directory.join("fluxstone.toml");
    let text = format!("[data]\ncache-max-memory-size = {bytes}\nwal-fsync-delay = \"{delay}\"\n");
    std::fs::write(&config, text).unwrap();
    Server::on_with_config(&directory.join("data"), &config)
}

/// Lets clients send requests until a random number of them has been acknowledged, then kills the server.
fn run_until_killed(server: Server, round: &Round<'_>) {
    let address = server.address();
    // From the very first acknowledgement to well into the stream. The pause varies the moment between two of them.
    let kill_after = 1 + (rand::rng().random_range(0.0..6.0_f64).exp() as usize);
    let pause = Duration::from_micros(rand::rng().random_range(0..2_000));
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for writer in 0..WRITERS {
            clients.push(scope.spawn(move || write_points(&mut Connection::open(address), round, writer)));
        }
        clients.push(scope.spawn(move || create_databases(&mut Connection::open(address), round)));
        clients.push(scope.spawn(move || drop_series(&mut Connection::open(address), round)));
        let began = Instant::now();
        // A client that gets a wrong answer panics. If all of them did, the count no longer grows.
        while round.acknowledgements.load(Ordering::SeqCst) < kill_after
            && clients.iter().any(|client| !client.is_finished())
            && began.elapsed() < ROUND_MAX
        {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(pause);
        server.kill();
    });
}

/// Returns the value of a point. Values differ, so that a point with the value of another one is detected.
fn value(writer: u64, number: u64) -> i64 {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ writer).cast_signed()
}

/// Writes batches of 1 to 50 points until the server is gone. Numbers continue where the last round ended.
fn write_points(connection: &mut Connection, round: &Round<'_>, writer: u64) {
    loop {
        let batch = {
            let mut expected = round.expected.lock().unwrap();
            let points = expected.writers.entry(writer).or_default();
            let next = points.acknowledged;
            let batch = next..next + 1 + next % 50;
            points.in_flight = Some(batch.clone());
            batch
        };
        let lines: Vec<String> = batch
            .clone()
            .map(|n| format!("stream,writer={writer} value={}i,text=\"{n}\" {n}", value(writer, n)))
            .collect();
        match connection.request("POST", "/write?db=points", &lines.join("\n")) {
            Ok((204, _)) => {}
            Ok((status, body)) => panic!("a write was refused: {status} {body}"),
            Err(_) => return,
        }
        round.acknowledge(|expected| {
            expected.writers.insert(writer, Writer { acknowledged: batch.end, in_flight: None });
        });
    }
}

fn create_databases(connection: &mut Connection, round: &Round<'_>) {
    for number in 0.. {
        let name = format!("made_{}_{number}", round.number);
        if connection.query(&format!("CREATE DATABASE {name}")).is_err() {
            return;
        }
        round.acknowledge(|expected| assert!(expected.databases.insert(name)));
        // Some are dropped again, so that their number stays small.
        let older = format!("made_{}_{}", round.number, number - number % 7);
        if number % 7 == 6 {
            // Until the answer arrives, it is unknown whether the database exists.
            round.expected.lock().unwrap().databases.remove(&older);
            if connection.query(&format!("DROP DATABASE {older}")).is_err() {
                return;
            }
            round.acknowledge(|expected| assert!(expected.dropped_databases.insert(older)));
        }
    }
}

fn drop_series(connection: &mut Connection, round: &Round<'_>) {
    for number in 0.. {
        let mark = format!("{}_{number}", round.number);
        let line = format!("gone,mark={mark} value=1 1");
        if connection.request("POST", "/write?db=points", &line).is_err() {
            return;
        }
        if connection.query(&format!("DROP SERIES FROM gone WHERE mark = '{mark}'")).is_err() {
            return;
        }
        round.acknowledge(|expected| expected.dropped_series.push(format!("gone,mark={mark}")));
    }
}

/// Checks that the points of the last batches are there, and that each unanswered batch is there completely or not at all.
fn check_last_round(server: &Server, expected: &mut Expected) {
    let mut connection = Connection::open(server.address());
    for (number, writer) in &mut expected.writers {
        let condition = format!("writer = '{number}' AND time >= {}", writer.acknowledged);
        let rows = connection.rows(&format!("SELECT value, text FROM stream WHERE {condition}"));
        let batch = writer.in_flight.take().unwrap_or(writer.acknowledged..writer.acknowledged);
        if !rows.is_empty() {
            assert_eq!(rows.len() as u64, batch.end - batch.start, "part of a batch of writer {number}: {batch:?}");
            check_points(*number, batch.clone(), &rows);
            writer.acknowledged = batch.end;
        }
        let counted = connection.rows(&format!("SELECT count(value) FROM stream WHERE writer = '{number}'"));
        let count = counted.first().map_or(0, |row| row[1].as_u64().unwrap());
        assert_eq!(count, writer.acknowledged, "points of writer {number}");
    }
    let databases: BTreeSet<String> = connection.column("SHOW DATABASES").into_iter().collect();
    let missing: Vec<_> = expected.databases.difference(&databases).collect();
    assert_eq!(missing, [""; 0], "missing databases");
    assert!(expected.dropped_databases.is_disjoint(&databases), "a database came back");
    let series = connection.column("SHOW SERIES FROM gone");
    for key in &expected.dropped_series {
        assert!(!series.contains(key), "series {key} came back");
    }
}

/// Checks that every acknowledged point is there with its values, and no other point.
fn check_all(server: &Server, expected: &Expected) {
    let mut connection = Connection::open(server.address());
    for (number, writer) in &expected.writers {
        let rows = connection.rows(&format!("SELECT value, text FROM stream WHERE writer = '{number}'"));
        check_points(*number, 0..writer.acknowledged, &rows);
    }
}

fn check_points(writer: u64, numbers: Range<u64>, rows: &[Vec<serde_json::Value>]) {
    assert_eq!(rows.len() as u64, numbers.end - numbers.start, "points of writer {writer}");
    for (number, row) in numbers.zip(rows) {
        let found = (row[0].as_u64().unwrap(), row[1].as_i64().unwrap(), row[2].as_str().unwrap());
        assert_eq!(found, (number, value(writer, number), &*number.to_string()), "a point of writer {writer}");
    }
}
