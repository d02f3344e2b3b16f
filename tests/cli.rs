//! The command line: settings are printed and refused as specified, an ephemeral server leaves no files, and a damaged log is repaired.

mod client;
mod server;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use server::Server;

/// Runs `fluxstone config` on a file with this text.
fn config(text: &str, variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("fluxstone.conf");
    std::fs::write(&path, text).expect("a configuration file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fluxstone"));
    command.args(["config", "--config"]).arg(&path).envs(variables.iter().copied());
    command.output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

// spec: http.settings.5
#[test]
fn the_settings_in_effect_are_printed_as_a_file() {
    let output = config(
        "[http]\nmax-row-limit = 3\nbind-adress = \":1\"\n[data]\nengine = \"tsm1\"\n",
        &[("INFLUXDB_HTTP_AUTH_ENABLED", "true"), ("FLUXSTONE_LENIENT_CONFIG", "true")],
    );
    assert!(output.status.success());
    let printed = text(&output.stdout);
    let table: toml::Table = printed.parse().expect("what is printed is TOML");
    assert_eq!(table["http"]["max-row-limit"].as_integer(), Some(3));
    assert_eq!(table["http"]["auth-enabled"].as_bool(), Some(true));
    assert!(printed.contains("unknown setting [http] bind-adress"), "{printed}");
    assert!(printed.contains("[data] engine has no effect"), "{printed}");
    let again = config(&printed, &[]);
    assert_eq!(text(&again.stdout).parse::<toml::Table>().expect("TOML"), table);
}

// spec: http.settings.2
#[test]
fn an_unknown_key_is_an_error_unless_asked_otherwise() {
    let output = config("[http]\nauth-enabld = true\n", &[]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains("did you mean [http] auth-enabled?"), "{message}");
    assert!(config("[http]\nauth-enabld = true\n", &[("FLUXSTONE_LENIENT_CONFIG", "1")]).status.success());
}

// spec: http.settings.3
#[test]
fn an_invalid_value_is_an_error_with_its_place() {
    let output = config("[http]\nauth-enabled = \"yes\"\n", &[]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains("fluxstone.conf:2:16: [http] auth-enabled: invalid type"), "{message}");
}

#[test]
fn a_missing_configuration_file_is_an_error() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_fluxstone")).args(["serve", "--config", "/nonexistent/file"]).output();
    let output = output.expect("the command runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("can't read /nonexistent/file"), "{}", text(&output.stderr));
}

/// The permissions of everything in a directory, at any depth.
fn modes(directory: &Path) -> Vec<(PathBuf, u32)> {
    let entries = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let of_entry = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).expect("metadata");
        let inside = if metadata.is_dir() { modes(&path) } else { Vec::new() };
        std::iter::once((path, metadata.permissions().mode())).chain(inside)
    };
    entries.flat_map(of_entry).collect()
}

// spec: http.shutdown.1, storage.access.1
#[test]
fn an_ephemeral_server_removes_its_data_at_shutdown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = Command::new(env!("CARGO_BIN_EXE_fluxstone"))
        .args(["serve", "--ephemeral", "--bind", "127.0.0.1:0"])
        .env("TMPDIR", folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut process = process.expect("the server starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().expect("a pipe")));
    let listening = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("listening on http://127.0.0.1:"));
    assert!(listening);
    let entries = || std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(entries(), 1);
    for (path, mode) in modes(folder.path()) {
        assert_eq!(mode & 0o077, 0, "{} is open to others: {mode:o}", path.display());
    }
    assert!(Command::new("kill").arg(process.id().to_string()).status().expect("kill runs").success());
    assert!(process.wait().expect("the server ends").success());
    assert_eq!(entries(), 0);
}

/// Starts the server as `program` with these arguments, and returns the first line that it prints.
fn first_line(program: &Path, arguments: &[&str]) -> (std::process::Child, String) {
    let process = Command::new(program).args(arguments).stdout(std::process::Stdio::piped()).spawn();
    let mut process = process.expect("the server starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().expect("a pipe")));
    let line = lines.next().expect("a line").expect("text");
    (process, line)
}

fn stop(mut process: std::process::Child) {
    assert!(Command::new("kill").arg(process.id().to_string()).status().expect("kill runs").success());
    assert!(process.wait().expect("the server ends").success());
}

// spec: http.ready.1
#[test]
fn a_server_says_in_json_where_it_listens() {
    let arguments = ["serve", "--ephemeral", "--bind", "127.0.0.1:0", "--print-ready", "json"];
    let (process, line) = first_line(Path::new(env!("CARGO_BIN_EXE_fluxstone")), &arguments);
    let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let address: std::net::SocketAddr = ready["address"].as_str().expect("an address").parse().expect("an address");
    assert_eq!(ready["url"], format!("http://{address}"));
    assert_eq!((&ready["scheme"], &ready["socket"]), (&"http".into(), &serde_json::Value::Null));
    assert_eq!(ready["udp"], serde_json::json!([]));
    assert_eq!(ready["pid"], process.id());
    assert_eq!(ready["version"], env!("CARGO_PKG_VERSION"));
    assert!(Path::new(ready["data_dir"].as_str().expect("a path")).exists());
    client::Connection::open(address).query("SHOW DATABASES").expect("an answer");
    stop(process);
}

// spec: http.influxd.1
#[test]
fn the_binary_can_be_called_as_influxd() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let influxd = folder.path().join("influxd");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fluxstone"), &influxd).expect("a link");
    let version = Command::new(&influxd).arg("version").output().expect("the command runs");
    assert!(text(&version.stdout).starts_with("InfluxDB v1."), "{version:?}");

    let port = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let (http, backup) = (port(), port());
    let config = folder.path().join("influxdb.conf");
    let (data, wal) = (folder.path().join("data"), folder.path().join("wal"));
    let settings = format!(
        "bind-address = \"127.0.0.1:{backup}\"\n[meta]\ndir = \"unused\"\nelection-timeout = \"1s\"\n[data]\n\
         dir = {data:?}\nwal-dir = {wal:?}\n[http]\nbind-address = \"127.0.0.1:{http}\"\n\
         [[udp]]\nenabled = false\nbind-address = \":-1\"\n"
    );
    std::fs::write(&config, settings).expect("a configuration file");
    let pidfile = folder.path().join("pid");
    let (config, pid) = (config.display().to_string(), pidfile.display().to_string());
    let printed = Command::new(&influxd).args(["config", "-config", &config]).output().expect("the command runs");
    assert!(text(&printed.stdout).contains(&format!("127.0.0.1:{http}")), "{printed:?}");

    let (process, _) = first_line(&influxd, &["-config", &config, "-pidfile", &pid]);
    assert_eq!(std::fs::read_to_string(&pidfile).expect("a file"), process.id().to_string());
    std::net::TcpStream::connect(("127.0.0.1", backup)).expect("something listens");
    let mut connection = client::Connection::open(([127, 0, 0, 1], http).into());
    connection.query("SHOW DATABASES").expect("an answer");
    stop(process);
    assert!(data.exists() && !pidfile.exists());
}

#[test]
fn a_port_in_use_is_an_error() {
    let server = Server::ephemeral();
    let address = server.address().to_string();
    let output =
        Command::new(env!("CARGO_BIN_EXE_fluxstone")).args(["serve", "--ephemeral", "--bind", &address]).output();
    let output = output.expect("the command runs");
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains(&format!("can't listen on {address}")), "{message}");
}

// spec: storage.log.7, storage.log.10
#[test]
fn a_damaged_log_is_an_error_with_its_place_and_can_be_cut() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let server = Server::on(folder);
    let mut connection = client::Connection::open(server.address());
    connection.query("CREATE DATABASE points").expect("an answer");
    for n in [1, 2, 3] {
        let line = format!("m v={n} {n}");
        assert_eq!(connection.request("POST", "/write?db=points", &line).expect("an answer").0, 204);
    }
    server.kill();
    let log = folder.join("wal/log-00000000000000000001");
    let mut bytes = std::fs::read(&log).expect("the log");
    let frames: Vec<usize> = memchr::memmem::find_iter(&bytes, b"FXFR").collect();
    bytes[frames[2] + 40] ^= 3;
    std::fs::write(&log, bytes).expect("a change");

    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fluxstone"));
        let output = command.args(arguments).arg("--data-dir").arg(folder).output().expect("the command runs");
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let place = format!("log-00000000000000000001: at offset {}: the checksum of the frame is wrong", frames[2]);
    let (code, _, message) = run(&["serve", "--bind", "127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(message.contains(&place) && message.contains("fluxstone repair"), "{message}");
    let (code, found, _) = run(&["repair"]);
    assert!(code == Some(1) && found.contains(&place) && found.contains("1 later changes can be read"), "{found}");
    assert!(found.contains("lost: at least 1 values of 1 series in database \"points\", from 1970"), "{found}");
    let (code, cut, _) = run(&["repair", "--cut"]);
    assert!(code == Some(0) && cut.contains("log-00000000000000000001.damaged"), "{cut}");
    let (code, sound, _) = run(&["repair"]);
    assert!(code == Some(0) && sound.contains("are sound"), "{sound}");
    let server = Server::on(folder);
    let rows = client::Connection::open(server.address()).rows("SELECT v FROM m");
    assert_eq!(serde_json::json!(rows), serde_json::json!([[1, 1]]));
    let (code, _, message) = run(&["repair"]);
    assert!(code == Some(1) && message.contains("in use by another process"), "{message}");
}
