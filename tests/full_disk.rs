//! A real disk that is full: the server runs on a private file system of one MiB. Where such a file system cannot be created
//! without privileges, these tests say so and do nothing.

mod client;
mod server;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use client::Connection;
use server::Server;

/// Mounts the file system on a directory, in its own namespace, and then runs the rest of the arguments as a command.
const IN_SMALL_FILE_SYSTEM: [&str; 6] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-c", // the script, the directory, the command
];
const SCRIPT: &str =
    "mount -t tmpfs -o size=1m tmpfs \"$0\" && head -c \"$BALLAST\" /dev/zero > \"$0/ballast\" && exec \"$@\"";

/// Returns a command that runs another one with a small file system on `directory`, of which `ballast` bytes are used. Returns
/// `None` if that is not possible here.
fn small_file_system(directory: &Path, ballast: usize) -> Option<Command> {
    let make = |then: Option<&str>| {
        let mut command = Command::new(IN_SMALL_FILE_SYSTEM[0]);
        command.args(&IN_SMALL_FILE_SYSTEM[1..]).arg(SCRIPT).arg(directory).env("BALLAST", ballast.to_string());
        command.args(then);
        command
    };
    if make(Some("true")).output().is_ok_and(|output| output.status.success()) {
        return Some(make(None));
    }
    let _ = writeln!(std::io::stderr(), "skipped: cannot create a small file system here");
    None
}

/// Returns a line of about 16 KiB that does not compress.
fn line(number: u64) -> String {
    let mut state = number + 1;
    let mut letters = String::new();
    while letters.len() < 16 << 10 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        letters.push(char::from(b'a' + (state >> 60) as u8));
    }
    format!("m s=\"{letters}\" {number}")
}

/// Writes points until one is refused. Returns the number of the refused point, and the refusal.
fn write_until_refused(connection: &mut Connection, first: u64) -> (u64, u16, String) {
    for number in first..first + 10_000 {
        let (status, body) =
            connection.request("POST", "/write?db=points", &line(number)).expect("an answer to each write");
        if status != 204 {
            return (number, status, body);
        }
    }
    panic!("nothing was refused although the disk is small");
}

fn count(connection: &mut Connection) -> u64 {
    connection.rows("SELECT count(s) FROM m").first().map_or(0, |row| row[1].as_u64().expect("a count"))
}

// spec: storage.durability.10, storage.durability.12, watch.ready.1
#[test]
fn a_full_log_refuses_writes_until_there_is_space_but_queries_still_work() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(command) = small_file_system(folder.path(), 256 << 10) else { return };
    let server = Server::run_by(command, &["--data-dir", &folder.path().display().to_string()]);
    let mut connection = Connection::open(server.address());
    connection.query("CREATE DATABASE points").expect("an answer");
    let full = r#"{"error":"storage failed: no storage space; changes are accepted again when there is space"}"#;
    let (accepted, status, body) = write_until_refused(&mut connection, 0);
    assert_eq!((status, body.trim()), (500, full));
    assert!(accepted > 20, "{accepted}");
    let (_, status, body) = write_until_refused(&mut connection, accepted + 1);
    assert_eq!((status, body.trim()), (500, full));
    assert_eq!(count(&mut connection), accepted);
    let (_, variables) = connection.request("GET", "/debug/vars", "").expect("an answer");
    assert!(variables.contains(r#""mode":"disk-full""#), "{variables}");
    let (ready, reason) = connection.request("GET", "/fluxstone/ready", "").expect("an answer");
    assert!(ready == 503 && reason.contains("the disk of the log is full"), "{ready} {reason}");
    // There is space again, which the server notices on its own.
    let ballast = format!("/proc/{}/root{}/ballast", server.id(), folder.path().display());
    std::fs::remove_file(ballast).expect("the file that fills the disk");
    let began = Instant::now();
    while connection.request("POST", "/write?db=points", &line(accepted + 1)).expect("an answer").0 != 204 {
        assert!(began.elapsed() < Duration::from_mins(2), "writing must resume");
    }
    assert_eq!(connection.request("GET", "/fluxstone/ready", "").expect("an answer").0, 200);
    // The write that found the disk full may have been kept.
    let kept = count(&mut connection);
    assert!((accepted + 1..=accepted + 2).contains(&kept), "{kept} of {accepted}");
}

// spec: storage.durability.7, storage.durability.8, storage.durability.10
#[test]
fn a_full_data_directory_stops_writes_only_while_memory_is_full() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    let Some(command) = small_file_system(&data, 1 << 20) else { return };
    let config = folder.path().join("fluxstone.toml");
    let log = folder.path().join("wal");
    let text = format!(
        "[data]\ndir = {:?}\nwal-dir = {:?}\ncache-max-memory-size = \"64k\"\n[coordinator]\nwrite-timeout = \"50ms\"\n",
        data.display().to_string(),
        log.display().to_string()
    );
    std::fs::write(&config, text).expect("a configuration file");
    let server = Server::run_by(command, &["--config", &config.display().to_string()]);
    let mut connection = Connection::open(server.address());
    connection.query("CREATE DATABASE points").expect("an answer");
    let (accepted, status, body) = write_until_refused(&mut connection, 0);
    assert_eq!((status, body.trim()), (503, r#"{"error":"timeout"}"#));
    assert_eq!(count(&mut connection), accepted);
    // There is space again, which the server notices on its own.
    let ballast = format!("/proc/{}/root{}/ballast", server.id(), data.display());
    std::fs::remove_file(ballast).expect("the file that fills the disk");
    let began = Instant::now();
    while connection.request("POST", "/write?db=points", &line(accepted)).expect("an answer").0 != 204 {
        assert!(began.elapsed() < Duration::from_mins(2), "sealing must resume");
    }
    assert_eq!(count(&mut connection), accepted + 1);
}
