//! Damage: whichever bit of a stored file flips, the server answers as before, or names the damaged file. It never answers something else.
//!
//! A small store is copied for each flip, one bit of one file is changed, and the real binary starts on the copy.
//!
//! `DAMAGE_FLIPS` sets the number of flips for each kind of file, `FLUXSTONE_SERVER` selects another binary.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod client;
mod server;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use client::Connection;
use server::Server;

/// The number of flips for each kind of file if `DAMAGE_FLIPS` is not set.
const FLIPS: usize = 4;
/// How long the store may take to seal.
const SEALING_MAX: Duration = Duration::from_mins(1);
/// A memtable that is full after a few batches.
const SMALL_MEMTABLE: &str = "[http]\nlog-enabled = false\n[data]\ncache-max-memory-size = 8192\n";
/// A memtable that is not sealed, so that the last batches are in the log only.
const LARGE_MEMTABLE: &str = "[http]\nlog-enabled = false\n";
/// All points, of which the last one is the last batch.
const ALL: &str = "/query?db=points&epoch=ns&q=SELECT+*+FROM+m";
/// All points but the last batch.
const ALL_BUT_LAST: &str = "/query?db=points&epoch=ns&q=SELECT+*+FROM+m+WHERE+time+%3C+1000000";

/// A store with files of every kind, and the right answers.
struct Sound {
    directory: tempfile::TempDir,
    all: String,
    all_but_last: String,
}

impl Sound {
    fn new() -> Sound {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        let config = directory.path().join("server.toml");
        std::fs::write(&config, SMALL_MEMTABLE).unwrap();
        let server = Server::on_with_config(&store, &config);
        let mut connection = Connection::open(server.address());
        connection.query("CREATE DATABASE points").unwrap();
        let began = Instant::now();
        for batch in 0.. {
            let is_sealed = ["checkpoint", "segment-", "series-"].iter().all(|kind| !files(&store, kind).is_empty());
            if batch >= 20 && is_sealed {
                break;
            }
            assert!(began.elapsed() < SEALING_MAX, "the store must seal");
            let lines = (0..20).map(|n| format!("m,host=h{} value={n}.5,text=\"t{batch}\" {}", n % 5, batch * 20 + n));
            write(&mut connection, &lines.collect::<Vec<_>>().join("\n"));
        }
        server.kill();
        std::fs::write(&config, LARGE_MEMTABLE).unwrap();
        let server = Server::on_with_config(&store, &config);
        let mut connection = Connection::open(server.address());
        for number in 0..5 {
            write(&mut connection, &format!("m,host=h{number} value={number} {}", 999_000 + number));
        }
        write(&mut connection, "m,host=h1 value=1 1000000");
        let mut answer = |path| connection.request("GET", path, "").unwrap().1;
        let (all, all_but_last) = (answer(ALL), answer(ALL_BUT_LAST));
        server.kill();
        assert!(all.contains("1000000") && all_but_last.contains("999004") && all != all_but_last, "{all}");
        Sound { directory, all, all_but_last }
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("server.toml")
    }
}

fn write(connection: &mut Connection, lines: &str) {
    let (status, body) = connection.request("POST", "/write?db=points", lines).unwrap();
    assert_eq!(status, 204, "{body}");
}

/// Returns the non-empty files of a store whose names begin with `kind`, relative to the store.
fn files(store: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["data", "wal"] {
        let Ok(entries) = std::fs::read_dir(store.join(folder)) else { continue };
        for entry in entries {
            let name = entry.unwrap().file_name();
            let path = Path::new(folder).join(&name);
            // Files may be removed while the server runs.
            let length = std::fs::metadata(store.join(&path)).map_or(0, |metadata| metadata.len());
            if name.to_string_lossy().starts_with(kind) && length > 0 {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            drop(std::fs::copy(entry.path(), to));
        }
    }
}

/// Starts a server on a copy of the store in which one bit of `file` is flipped. Panics unless it answers as before or names the file.
fn check(sound: &Sound, file: &Path, offset: usize, bit: u32) {
    let what = format!("{} with bit {bit} of byte {offset} flipped", file.display());
    let damaged = tempfile::tempdir().unwrap();
    let store = damaged.path().join("store");
    copy(&sound.store(), &store);
    let mut bytes = std::fs::read(store.join(file)).unwrap();
    bytes[offset] ^= 1 << bit;
    std::fs::write(store.join(file), bytes).unwrap();

    let messages = damaged.path().join("messages");
    let server = Server::try_on(&store, &sound.config(), File::create(&messages).unwrap());
    let answer = server.as_ref().map(|server| Connection::open(server.address()).request("GET", ALL, "").unwrap());
    drop(server);
    let messages = std::fs::read_to_string(&messages).unwrap();
    let is_named = messages.contains(&*file.file_name().unwrap().to_string_lossy());
    match answer {
        None => assert!(is_named, "{what}: the server does not start and does not name the file: {messages}"),
        Some((_, body)) if body == sound.all => {}
        // The last write looks like one that a crash interrupted.
        Some((_, body)) if body == sound.all_but_last && file.starts_with("wal") => {
            assert!(is_named, "{what}: the end of the log is cut off in silence: {messages}");
        }
        Some((status, body)) => {
            assert!(body.contains("\"error\""), "{what}: a wrong answer: {status} {body}");
            assert!(is_named, "{what}: the error does not name the file: {body} {messages}");
        }
    }
}

// spec: storage.log.7
#[test]
fn a_flipped_bit_is_harmless_or_named() {
    let flips = std::env::var("DAMAGE_FLIPS").map_or(FLIPS, |flips| flips.parse().unwrap());
    let sound = Sound::new();
    for kind in ["log-", "checkpoint", "segment-", "series-"] {
        let files = files(&sound.store(), kind);
        assert!(!files.is_empty(), "no file of the kind {kind}");
        for flip in 0..flips {
            let file = &files[flip % files.len()];
            let length = std::fs::metadata(sound.store().join(file)).unwrap().len() as usize;
            // Spread over the file, from its first to its last byte.
            let offset = flip * (length - 1) / (flips - 1).max(1);
            check(&sound, file, offset, flip as u32 * 3 % 8);
        }
    }
}
