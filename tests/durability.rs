//! The promise of an acknowledgement: what the server said was done is there after `kill -9`, at whatever moment it comes.
//!
//! The real binary runs on one directory, is killed at random moments in the middle of writes, deletions and statements, and
//! is asked after each restart for exactly what was acknowledged. A request that was sent but not acknowledged may have been
//! done or not, but never by half.
//!
//! `KILL_ROUNDS` sets how often it is killed, `FLUXSTONE_SERVER` names another binary: `cargo xtask kill-rounds` sets both.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

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

/// Rounds where `KILL_ROUNDS` is not set.
const ROUNDS: usize = 20;
/// A directory is left for a new one after this many, so that reading all of it stays cheap.
const ROUNDS_PER_DIRECTORY: usize = 25;
const WRITERS: u64 = 4;
/// A round ends after this long at the latest.
const LIFE_MAX: Duration = Duration::from_secs(10);

/// What must be in one directory.
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
    /// Points up to here are there.
    acknowledged: u64,
    /// The batch behind them that was sent last, if it was not answered.
    in_flight: Option<Range<u64>>,
}

/// One life of the server.
struct Life<'e> {
    number: usize,
    expected: &'e Mutex<Expected>,
    /// How many requests were acknowledged, so that the killer knows when its moment has come.
    acknowledgements: AtomicUsize,
}

impl Life<'_> {
    fn acknowledge(&self, note: impl FnOnce(&mut Expected)) {
        note(&mut self.expected.lock().unwrap());
        self.acknowledgements.fetch_add(1, Ordering::SeqCst);
    }
}

// spec: storage.durability.1, storage.durability.2, storage.durability.3, statements.catalog.2
#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
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
            let life = Life { number, expected: &expected, acknowledgements: AtomicUsize::new(0) };
            run_until_killed(server, &life);
            requests += life.acknowledgements.into_inner();
            server = start(directory.path());
            check_last_life(&server, &mut expected.lock().unwrap());
            bar.set_message(format!("{requests} requests acknowledged"));
            bar.inc(1);
        }
        let expected = expected.into_inner().unwrap();
        check_all(&server, &expected);
        points += expected.writers.values().map(|writer| writer.acknowledged).sum::<u64>();
    }
    bar.finish_and_clear();
    let elapsed = began.elapsed();
    // Past the capture of what tests print: these numbers are for everyone.
    let _ = writeln!(
        std::io::stderr(),
        "kill -9: {rounds} rounds, {requests} requests with {points} points acknowledged, nothing lost, in {elapsed:.1?}"
    );
    assert!(points > rounds as u64, "the writers got through");
}

/// Starts a server. Memtables are often small, so that kills also hit the sealing of segments and checkpoints.
fn start(directory: &Path) -> Server {
    let mut rng = rand::rng();
    let bytes = [8 << 10, 64 << 10, 64 << 20][rng.random_range(0..3)];
    let delay = ["0s", "0s", "1ms"][rng.random_range(0..3)];
    let config = directory.join("fluxstone.toml");
    let text = format!("[data]\ncache-max-memory-size = {bytes}\nwal-fsync-delay = \"{delay}\"\n");
    std::fs::write(&config, text).unwrap();
    Server::on_with_config(&directory.join("data"), &config)
}

/// Clients work on the server until a random number of requests was acknowledged; then it is killed under them.
fn run_until_killed(server: Server, life: &Life<'_>) {
    let address = server.address();
    // From the very first acknowledgement to well into the stream; a pause moves the moment in between.
    let moment = 1 + (rand::rng().random_range(0.0..6.0_f64).exp() as usize);
    let pause = Duration::from_micros(rand::rng().random_range(0..2_000));
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for writer in 0..WRITERS {
            clients.push(scope.spawn(move || write_points(&mut Connection::open(address), life, writer)));
        }
        clients.push(scope.spawn(move || create_databases(&mut Connection::open(address), life)));
        clients.push(scope.spawn(move || drop_series(&mut Connection::open(address), life)));
        let began = Instant::now();
        // A client that was answered wrongly panics; when all did, nobody counts any more.
        while life.acknowledgements.load(Ordering::SeqCst) < moment
            && clients.iter().any(|client| !client.is_finished())
            && began.elapsed() < LIFE_MAX
        {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(pause);
        server.kill();
    });
}

/// The value of a point, so that a point with another's value is noticed.
fn value(writer: u64, number: u64) -> i64 {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ writer).cast_signed()
}

/// Writes batches of one to 50 points until the server is gone. The numbers go on where the last life ended.
fn write_points(connection: &mut Connection, life: &Life<'_>, writer: u64) {
    loop {
        let batch = {
            let mut expected = life.expected.lock().unwrap();
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
        life.acknowledge(|expected| {
            expected.writers.insert(writer, Writer { acknowledged: batch.end, in_flight: None });
        });
    }
}

fn create_databases(connection: &mut Connection, life: &Life<'_>) {
    for number in 0.. {
        let name = format!("made_{}_{number}", life.number);
        if connection.query(&format!("CREATE DATABASE {name}")).is_err() {
            return;
        }
        life.acknowledge(|expected| assert!(expected.databases.insert(name)));
        // Some go again, so that their number stays small.
        let older = format!("made_{}_{}", life.number, number - number % 7);
        if number % 7 == 6 {
            // Whether it is there is not known until the answer.
            life.expected.lock().unwrap().databases.remove(&older);
            if connection.query(&format!("DROP DATABASE {older}")).is_err() {
                return;
            }
            life.acknowledge(|expected| assert!(expected.dropped_databases.insert(older)));
        }
    }
}

fn drop_series(connection: &mut Connection, life: &Life<'_>) {
    for number in 0.. {
        let mark = format!("{}_{number}", life.number);
        let line = format!("gone,mark={mark} value=1 1");
        if connection.request("POST", "/write?db=points", &line).is_err() {
            return;
        }
        if connection.query(&format!("DROP SERIES FROM gone WHERE mark = '{mark}'")).is_err() {
            return;
        }
        life.acknowledge(|expected| expected.dropped_series.push(format!("gone,mark={mark}")));
    }
}

/// The points of the last batches are there, and of batches that were not answered all or none.
fn check_last_life(server: &Server, expected: &mut Expected) {
    let mut connection = Connection::open(server.address());
    for (number, writer) in &mut expected.writers {
        let condition = format!("writer = '{number}' AND time >= {}", writer.acknowledged);
        let rows = connection.rows(&format!("SELECT value, text FROM stream WHERE {condition}"));
        let batch = writer.in_flight.take().unwrap_or(writer.acknowledged..writer.acknowledged);
        if !rows.is_empty() {
            assert_eq!(rows.len() as u64, batch.end - batch.start, "half a batch of writer {number}: {batch:?}");
            check_points(*number, batch.clone(), &rows);
            writer.acknowledged = batch.end;
        }
        let counted = connection.rows(&format!("SELECT count(value) FROM stream WHERE writer = '{number}'"));
        let count = counted.first().map_or(0, |row| row[1].as_u64().unwrap());
        assert_eq!(count, writer.acknowledged, "points of writer {number}");
    }
    let databases: BTreeSet<String> = connection.column("SHOW DATABASES").into_iter().collect();
    let missing: Vec<_> = expected.databases.difference(&databases).collect();
    assert_eq!(missing, [""; 0], "databases that were acknowledged");
    assert!(expected.dropped_databases.is_disjoint(&databases), "a database came back");
    let series = connection.column("SHOW SERIES FROM gone");
    for key in &expected.dropped_series {
        assert!(!series.contains(key), "series {key} came back");
    }
}

/// Every point is there, with its values, and no other.
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
