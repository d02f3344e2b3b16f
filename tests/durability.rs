//! The promise of an acknowledgement: what the server said was done is there after `kill -9`, at whatever moment it comes.
//!
//! The real binary runs on one directory, is killed 20 times in the middle of writes, deletions and statements, and is asked
//! after each restart for everything that was acknowledged since the beginning. A request that was sent but not
//! acknowledged may have been done or not; nothing is asked about it.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod client;
mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use client::Connection;
use server::Server;

const KILLS: usize = 20;
const WRITERS: u64 = 4;

/// What the server acknowledged, over all its lives.
#[derive(Debug, Default)]
struct Acknowledged {
    /// By writer: the sequence numbers of its points.
    points: BTreeMap<u64, Vec<u64>>,
    /// Databases that exist.
    databases: Vec<String>,
    /// Series that were written and then dropped.
    dropped_series: Vec<String>,
}

/// The acknowledgements of one life, counted so that the killer knows when its moment has come.
struct Life {
    acknowledged: Arc<Mutex<Acknowledged>>,
    count: AtomicUsize,
}

impl Life {
    fn acknowledge(&self, note: impl FnOnce(&mut Acknowledged)) {
        note(&mut self.acknowledged.lock().unwrap());
        self.count.fetch_add(1, Ordering::SeqCst);
    }
}

// spec: storage.durability.1, storage.durability.2, storage.durability.3, statements.catalog.2
#[test]
fn nothing_acknowledged_is_lost_in_twenty_kills() {
    let directory = tempfile::tempdir().unwrap();
    let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
    let mut server = start(directory.path(), 0);
    Connection::open(server.address()).query("CREATE DATABASE points").unwrap();
    for kill in 0..KILLS {
        // From the very first acknowledgement to well into the stream.
        let moment = 1 + kill * kill * 3;
        let life = Life { acknowledged: acknowledged.clone(), count: AtomicUsize::new(0) };
        run_until_killed(server, &life, kill, moment);
        server = start(directory.path(), kill + 1);
        check(&server, &acknowledged.lock().unwrap());
    }
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.points.values().all(|points| points.len() > KILLS), "each writer got through");
    assert!(!acknowledged.databases.is_empty() && !acknowledged.dropped_series.is_empty());
}

/// Starts a server in its `life`-th life. Memtables are small every other time, so that kills also hit the sealing of segments
/// and checkpoints.
fn start(directory: &Path, life: usize) -> Server {
    let bytes = if life.is_multiple_of(2) { 64 << 20 } else { 64 << 10 };
    let config = directory.join("fluxstone.toml");
    std::fs::write(&config, format!("[data]\ncache-max-memory-size = {bytes}\n")).unwrap();
    Server::on_with_config(&directory.join("data"), &config)
}

/// Clients work on the server until `moment` requests were acknowledged; then it is killed under them.
fn run_until_killed(server: Server, life: &Life, kill: usize, moment: usize) {
    let address = server.address();
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for writer in 0..WRITERS {
            clients.push(scope.spawn(move || write_points(&mut Connection::open(address), life, writer)));
        }
        clients.push(scope.spawn(move || create_databases(&mut Connection::open(address), life, kill)));
        clients.push(scope.spawn(move || drop_series(&mut Connection::open(address), life, kill)));
        // A client that was answered wrongly panics; when all did, nobody counts any more.
        while life.count.load(Ordering::SeqCst) < moment && clients.iter().any(|client| !client.is_finished()) {
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        server.kill();
    });
}

/// The value of a point, so that a point with another's value is noticed.
fn value(writer: u64, sequence: u64) -> i64 {
    (sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ writer).cast_signed()
}

/// Writes batches of one to 50 points until the server is gone. The sequence goes on where the last life ended.
fn write_points(connection: &mut Connection, life: &Life, writer: u64) {
    let mut next = {
        let acknowledged = life.acknowledged.lock().unwrap();
        acknowledged.points.get(&writer).and_then(|points| points.last()).map_or(0, |last| last + 1)
    };
    loop {
        let batch: Vec<u64> = (next..next + 1 + next % 50).collect();
        let lines: Vec<String> = batch
            .iter()
            .map(|n| format!("stream,writer={writer} value={}i,text=\"{n}\" {n}", value(writer, *n)))
            .collect();
        match connection.request("POST", "/write?db=points", &lines.join("\n")) {
            Ok((204, _)) => {}
            Ok((status, body)) => panic!("a write was refused: {status} {body}"),
            Err(_) => return,
        }
        next += batch.len() as u64;
        life.acknowledge(|all| all.points.entry(writer).or_default().extend(batch));
    }
}

fn create_databases(connection: &mut Connection, life: &Life, kill: usize) {
    for number in 0.. {
        let name = format!("made_{kill}_{number}");
        if connection.query(&format!("CREATE DATABASE {name}")).is_err() {
            return;
        }
        life.acknowledge(|all| all.databases.push(name));
    }
}

fn drop_series(connection: &mut Connection, life: &Life, kill: usize) {
    for number in 0.. {
        let mark = format!("{kill}_{number}");
        let line = format!("gone,mark={mark} value=1 1");
        if connection.request("POST", "/write?db=points", &line).is_err() {
            return;
        }
        if connection.query(&format!("DROP SERIES FROM gone WHERE mark = '{mark}'")).is_err() {
            return;
        }
        life.acknowledge(|all| all.dropped_series.push(format!("gone,mark={mark}")));
    }
}

/// Everything acknowledged is there, with its value.
fn check(server: &Server, acknowledged: &Acknowledged) {
    let mut connection = Connection::open(server.address());
    for (writer, sequence) in &acknowledged.points {
        let rows = connection.rows(&format!("SELECT value, text FROM stream WHERE writer = '{writer}'"));
        let found: BTreeMap<u64, (i64, String)> = rows
            .iter()
            .map(|row| {
                let text = row[2].as_str().unwrap().to_owned();
                (row[0].as_u64().unwrap(), (row[1].as_i64().unwrap(), text))
            })
            .collect();
        for n in sequence {
            assert_eq!(found.get(n), Some(&(value(*writer, *n), n.to_string())), "point {n} of writer {writer}");
        }
    }
    let databases = connection.column("SHOW DATABASES");
    for name in &acknowledged.databases {
        assert!(databases.contains(name), "database {name}");
    }
    let series = connection.column("SHOW SERIES FROM gone");
    for key in &acknowledged.dropped_series {
        assert!(!series.contains(key), "series {key} came back");
    }
}
