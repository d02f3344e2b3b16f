//! Damage: whatever happens to a stored file, the server answers as before, or names the damaged file. It never answers something
//! else. `fluxstone repair` brings everything back that was not in the damaged part, and says what was.
//!
//! A small store is copied for each damage, a file is changed, and the real binary starts on the copy, before and after a repair.
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
/// A store whose files have not changed for so long does not seal.
const AT_REST_AFTER: Duration = Duration::from_secs(1);
/// A memtable that is full after a few batches.
const SMALL_MEMTABLE: &str = "[http]\nlog-enabled = false\n[data]\ncache-max-memory-size = 8192\n";
/// A memtable that is not sealed, so that the last batches are in the log only.
const LARGE_MEMTABLE: &str = "[http]\nlog-enabled = false\n";
/// All points.
const ALL: &str = "/query?db=points&epoch=ns&q=SELECT+*+FROM+m";

/// A store with files of every kind, and the right answers.
struct Sound {
    directory: tempfile::TempDir,
    all: String,
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
        wait_until_sealed(&store);
        server.kill();
        std::fs::write(&config, LARGE_MEMTABLE).unwrap();
        let server = Server::on_with_config(&store, &config);
        let mut connection = Connection::open(server.address());
        for number in 0..5 {
            write(&mut connection, &format!("m,host=h{number} value={number} {}", 999_000 + number));
        }
        write(&mut connection, "m,host=h1 value=1 1000000");
        let mut answer = |path| connection.request("GET", path, "").unwrap().1;
        let all = answer(ALL);
        server.kill();
        assert!(all.contains("1000000") && all.contains("999004"), "{all}");
        Sound { directory, all }
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

/// Waits until no file of the store has changed for a while. The log begins a new file before each checkpoint: if the last one is
/// missing without its checkpoint, nothing tells of it.
fn wait_until_sealed(store: &Path) {
    let state = || files(store, "").into_iter().map(|path| (length_of(&store.join(&path)), path)).collect::<Vec<_>>();
    let (began, mut before, mut since) = (Instant::now(), state(), Instant::now());
    while since.elapsed() < AT_REST_AFTER && began.elapsed() < SEALING_MAX {
        std::thread::sleep(Duration::from_millis(20));
        let now = state();
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
}

fn length_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
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
            if name.to_string_lossy().starts_with(kind) && length_of(&store.join(&path)) > 0 {
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

/// A copy of the store in which something is damaged.
struct Damaged {
    directory: tempfile::TempDir,
    /// The damaged files, relative to the store.
    files: Vec<PathBuf>,
    what: String,
}

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Change {
    Flip {
        offset: usize,
        bit: u32,
    },
    Cut {
        len: usize,
    },
    /// Every so many bytes are changed.
    Scramble {
        every: usize,
    },
    Remove,
}

impl Damaged {
    fn new(sound: &Sound) -> Damaged {
        let directory = tempfile::tempdir().unwrap();
        copy(&sound.store(), &directory.path().join("store"));
        Damaged { directory, files: Vec::new(), what: String::new() }
    }

    fn with(mut self, file: &Path, change: Change) -> Damaged {
        let path = self.store().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        match change {
            Change::Flip { offset, bit } => bytes[offset] ^= 1 << bit,
            Change::Cut { len } => bytes.truncate(len),
            Change::Scramble { every } => {
                bytes.iter_mut().skip(every / 2).step_by(every).for_each(|byte| *byte ^= 0x5a);
            }
            Change::Remove => {}
        }
        if matches!(change, Change::Remove) {
            std::fs::remove_file(path).unwrap();
        } else {
            std::fs::write(path, bytes).unwrap();
        }
        self.what = format!("{} {}: {change:?}", self.what, file.display());
        self.files.push(file.to_owned());
        self
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// Starts a server, asks it, and stops it. Returns the answer, unless it does not start, and its messages.
    fn ask(&self, config: &Path, query: &str) -> (Option<String>, String) {
        let messages = self.directory.path().join("messages");
        let server = Server::try_on(&self.store(), config, File::create(&messages).unwrap());
        let answer =
            server.as_ref().map(|server| Connection::open(server.address()).request("GET", query, "").unwrap().1);
        drop(server);
        (answer, std::fs::read_to_string(&messages).unwrap())
    }

    /// Runs `fluxstone repair`. Returns whether it succeeded, and its report.
    fn repair(&self, arguments: &[&str]) -> (bool, String) {
        let program = std::env::var_os("FLUXSTONE_SERVER").unwrap_or_else(|| env!("CARGO_BIN_EXE_fluxstone").into());
        let mut command = std::process::Command::new(program);
        let output = command.arg("repair").args(arguments).arg("--data-dir").arg(self.store()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Whether one of the damaged files is named. If a file is missing, naming its directory is enough.
    fn is_named_in(&self, text: &str) -> bool {
        let mut files = self.files.iter();
        files.any(|file| {
            let directory = self.store().join(file.parent().unwrap());
            text.contains(&*file.file_name().unwrap().to_string_lossy()) || text.contains(&*directory.to_string_lossy())
        })
    }

    fn is_in_log(&self) -> bool {
        self.files.iter().all(|file| file.starts_with("wal"))
    }

    /// Panics unless a server answers as before, or names the file.
    fn check_start(&self, sound: &Sound) {
        let what = &self.what;
        let (answer, messages) = self.ask(&sound.config(), ALL);
        let is_named = self.is_named_in(&messages);
        match answer {
            None => {
                assert!(is_named, "{what}: the server does not start and does not name the file: {messages}");
                assert!(messages.contains("`fluxstone repair`"), "{what}: no advice: {messages}");
            }
            Some(body) if body == sound.all => {}
            Some(body) if body.contains("\"error\"") => {
                assert!(is_named, "{what}: the error does not name the file: {body} {messages}");
            }
            // The last writes look like one that a crash interrupted.
            Some(body) => {
                assert!(self.is_in_log() && is_part(&body, &sound.all), "{what}: a wrong answer: {body}");
                assert!(is_named, "{what}: the end of the log is cut off in silence: {messages}");
            }
        }
    }

    /// Repairs the store. Panics unless a server starts then, answers what it should, and whatever is missing was announced. Returns
    /// whether anything is missing.
    fn check_repair(&self, sound: &Sound) -> bool {
        let what = &self.what;
        let (is_sound, found) = self.repair(&[]);
        assert!(is_sound || self.is_named_in(&found), "{what}: the file is not named: {found}");
        let (is_repaired, report) = self.repair(&["--cut"]);
        assert!(is_repaired, "{what}: {report}");
        let (is_sound_now, again) = self.repair(&[]);
        assert!(is_sound_now && again.contains("are sound"), "{what}: {report} {again}");
        let (answer, messages) = self.ask(&sound.config(), ALL);
        let answer = answer.unwrap_or_else(|| panic!("{what}: the server does not start: {report} {messages}"));
        if answer == sound.all {
            return false;
        }
        assert!(is_part(&answer, &sound.all), "{what}: a wrong answer after {report}: {answer}");
        let is_cut_end = self.is_in_log() && messages.contains("cut off the end of the log");
        assert!(is_cut_end || report.contains("lost"), "{what}: lost in silence: {report} {messages}");
        true
    }
}

/// The rows of an answer.
fn rows(answer: &str) -> Vec<serde_json::Value> {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    answer["results"][0]["series"][0]["values"].as_array().cloned().unwrap_or_default()
}

/// Whether an answer has no rows other than those of another one.
fn is_part(answer: &str, all: &str) -> bool {
    let all = rows(all);
    !answer.contains("\"error\"") && rows(answer).iter().all(|row| all.contains(row))
}

const KINDS: [&str; 4] = ["log-", "checkpoint", "segment-", "series-"];

fn length(sound: &Sound, file: &Path) -> usize {
    std::fs::metadata(sound.store().join(file)).unwrap().len() as usize
}

// spec: storage.log.7, storage.repair.1, storage.repair.3
#[test]
fn a_flipped_bit_is_harmless_or_named_and_can_be_flipped_back() {
    let flips = std::env::var("DAMAGE_FLIPS").map_or(FLIPS, |flips| flips.parse().unwrap());
    let sound = Sound::new();
    for kind in KINDS {
        let files = files(&sound.store(), kind);
        assert!(!files.is_empty(), "no file of the kind {kind}");
        for flip in 0..flips {
            let file = &files[flip % files.len()];
            // Spread over the file, from its first to its last byte.
            let offset = flip * (length(&sound, file) - 1) / (flips - 1).max(1);
            let change = Change::Flip { offset, bit: flip as u32 * 3 % 8 };
            Damaged::new(&sound).with(file, change).check_start(&sound);
            let damaged = Damaged::new(&sound).with(file, change);
            let is_less = damaged.check_repair(&sound);
            assert!(!is_less || kind == "log-", "{}: something is missing", damaged.what);
        }
    }
}

// spec: storage.log.12, storage.repair.4, storage.repair.5
#[test]
fn files_that_are_cut_or_missing_are_named_and_the_rest_is_kept() {
    let sound = Sound::new();
    for file in KINDS.iter().flat_map(|kind| files(&sound.store(), kind)) {
        let half = length(&sound, &file) / 2;
        for change in
            [Change::Cut { len: 0 }, Change::Cut { len: half }, Change::Remove, Change::Scramble { every: 64 }]
        {
            Damaged::new(&sound).with(&file, change).check_start(&sound);
            Damaged::new(&sound).with(&file, change).check_repair(&sound);
        }
    }
}

// spec: storage.repair.4
#[test]
fn two_damaged_files_cost_no_more_than_what_they_held() {
    let sound = Sound::new();
    let all: Vec<PathBuf> = KINDS.iter().flat_map(|kind| files(&sound.store(), kind)).collect();
    for (nth, first) in all.iter().enumerate() {
        for second in &all[nth + 1..] {
            let first_change = [Change::Cut { len: 0 }, Change::Scramble { every: 200 }][nth % 2];
            let damaged = Damaged::new(&sound).with(first, first_change).with(second, Change::Scramble { every: 90 });
            if [first, second]
                .iter()
                .all(|file| file.starts_with("data") && file.to_string_lossy().contains("checkpoint"))
            {
                // Nothing else says what the files hold.
                let (is_repaired, report) = damaged.repair(&["--cut"]);
                assert!(is_repaired || report.contains("nothing was changed"), "{report}");
            } else {
                damaged.check_repair(&sound);
            }
        }
    }
}

// spec: storage.checkpoint.7, storage.durability.15
#[test]
fn a_server_can_start_without_a_damaged_segment_file() {
    let sound = Sound::new();
    let config = sound.directory.path().join("tolerant.toml");
    std::fs::write(&config, format!("{LARGE_MEMTABLE}[data]\nstart-without-damaged-segments = true\n")).unwrap();
    let previous = Path::new("data/checkpoint-previous");
    let segments = files(&sound.store(), "segment-");
    let mut refused = 0;
    for file in &segments {
        let mut damaged = Damaged::new(&sound).with(file, Change::Cut { len: 0 });
        if damaged.store().join(previous).exists() {
            damaged = damaged.with(previous, Change::Remove);
        }
        let (answer, messages) = damaged.ask(&sound.config(), ALL);
        if answer.is_some() {
            continue; // The newest checkpoint does not list it.
        }
        assert!(messages.contains("start-without-damaged-segments"), "{messages}");
        refused += 1;
        for query in ["SELECT+*+FROM+m", "SELECT+count(value)+FROM+m", "SELECT+last(value)+FROM+m"] {
            let (answer, messages) = damaged.ask(&config, &format!("/query?db=points&q={query}"));
            let answer = answer.unwrap();
            let name = file.file_name().unwrap().to_string_lossy();
            assert!(answer.contains("\"error\"") && messages.contains(&*name), "{query}: {answer} {messages}");
        }
        let (answer, _) = damaged.ask(&config, "/query?db=points&q=SHOW+SERIES");
        assert!(answer.is_some_and(|answer| answer.contains("host=h1")), "what needs no values is answered");
        let server = Server::on_with_config(&damaged.store(), &config);
        let mut connection = Connection::open(server.address());
        let (_, variables) = connection.request("GET", "/debug/vars", "").unwrap();
        assert!(variables.contains("\"damagedSegments\":1"), "{variables}");
        let (_, diagnostics) = connection.request("GET", "/query?q=SHOW+DIAGNOSTICS", "").unwrap();
        let series = "\"name\":\"damagedSegment\",\"tags\":{\"database\":\"points\",\"shard\":\"";
        assert!(diagnostics.contains(series), "{diagnostics}");
        write(&mut connection, "m,host=h1 value=1 2000000");
        // A year later, in another shard.
        write(&mut connection, "m,host=h1 value=7 31536000000000000");
        let later = "/query?db=points&epoch=s&q=SELECT+value+FROM+m+WHERE+time+%3E+300d";
        let (_, later) = connection.request("GET", later, "").unwrap();
        assert!(later.contains("[31536000,7]"), "{later}");
    }
    assert!(refused > 0, "{segments:?}");
}
