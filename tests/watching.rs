//! Watching a running server: the metrics are those of the specification, and what is logged has the form that it promises.

mod client;
mod server;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use client::Connection;
use server::Server;

/// A server with these settings, whose messages go to a file.
struct Watched {
    connection: Connection,
    server: Server,
    folder: tempfile::TempDir,
}

impl Watched {
    fn start(settings: &str, log: Option<&str>) -> Watched {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("fluxstone.conf");
        std::fs::write(&config, settings).expect("a configuration file");
        let mut command = Command::new("env");
        command.env_remove("FLUXSTONE_LOG").env("RUST_LOG", "trace");
        command.envs(log.map(|filter| ("FLUXSTONE_LOG", filter)));
        command.stderr(File::create(folder.path().join("messages")).expect("a file"));
        let server = Server::run_by_with_config(command, &config);
        Watched { connection: Connection::open(server.address()), server, folder }
    }

    fn send(&mut self, verb: &str, target: &str) -> u16 {
        self.connection.request(verb, target, "").expect("an answer").0
    }

    /// Ends the server, and returns its messages.
    fn messages(self) -> Vec<String> {
        drop(self.connection);
        drop(self.server);
        lines(&self.folder.path().join("messages"))
    }
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).expect("a file").lines().map(str::to_owned).collect()
}

/// The names, types and labels of the table on the page about watching.
fn specified() -> BTreeSet<(String, String, String)> {
    let page = include_str!("../spec/watching.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `fluxstone_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (format!("fluxstone_{}", cells[0].trim_end_matches('`')), cells[1].to_owned(), cells[2].replace('`', ""))
    })
    .collect()
}

/// The same of the text of a server.
fn shown(text: &str) -> BTreeSet<(String, String, String)> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| {
            let sample = match kind {
                "histogram" => format!("{name}_count"),
                _ => name.to_owned(),
            };
            let line = text.lines().find(|line| line.split(['{', ' ']).next() == Some(&sample)).expect("a sample");
            let labels =
                line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inside, _)| inside);
            let labels: Vec<&str> = labels.split("\",").filter_map(|label| label.split('=').next()).collect();
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            (name.to_owned(), kind.to_owned(), labels.join(", "))
        })
        .collect()
}

// spec: watch.metrics.2
#[test]
fn the_metrics_are_those_of_the_specification() {
    let settings = "[http]\nmetrics-enabled = true\n[[udp]]\nenabled = true\nbind-address = \"127.0.0.1:0\"\n";
    let mut watched = Watched::start(settings, None);
    assert_eq!(watched.send("POST", "/query?q=CREATE+DATABASE+d"), 200);
    assert_eq!(watched.connection.request("POST", "/write?db=d", "m f=1").expect("an answer").0, 204);
    let (status, text) = watched.connection.request("GET", "/metrics", "").expect("an answer");
    assert_eq!(status, 200);
    assert_eq!(shown(&text), specified(), "{text}");
    assert!(text.contains("fluxstone_http_write_points_ok_total 1\n"), "{text}");
    assert!(text.contains("fluxstone_database_series{database=\"d\"} 1\n"), "{text}");
    assert!(text.contains("fluxstone_shard_disk_bytes{database=\"d\",retention_policy=\"autogen\"}"), "{text}");
}

// spec: watch.access.1, watch.access.2, watch.log.2
#[test]
fn requests_are_lines_of_influxdb_in_text_and_messages_in_json() {
    for (format, begin) in [("text", "[httpd] 127.0.0.1 - u ["), ("json", "{")] {
        let settings = format!("[http]\nlog-enabled = true\n[logging]\nformat = \"{format}\"\n");
        let mut watched = Watched::start(&settings, None);
        let create = "/query?q=CREATE+USER+x+WITH+PASSWORD+'my+secret'&u=u&p=secret";
        assert_eq!(watched.send("POST", create), 200);
        let messages = watched.messages();
        let line = messages.iter().find(|line| line.contains("POST /query")).expect("a line");
        assert!(line.starts_with(begin), "{line}");
        assert!(!messages.iter().any(|line| line.contains("secret")), "{messages:?}");
        let uri = "POST /query?q=CREATE+USER+x+WITH+PASSWORD+%5BREDACTED%5D&u=u&p=%5BREDACTED%5D HTTP/1.1";
        assert!(line.contains(uri), "{line}");
        if format == "json" {
            for message in &messages {
                let object: serde_json::Value = serde_json::from_str(message).expect("JSON in each line");
                assert!(["timestamp", "level", "target", "fields"].iter().all(|key| object.get(key).is_some()));
            }
            let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(object["target"], "fluxstone::access");
            assert!(object["fields"]["message"].as_str().is_some_and(|text| text.starts_with("127.0.0.1 - u [")));
        }
    }
}

// spec: watch.access.3
#[test]
fn requests_go_to_a_file_that_is_appended_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("access.log");
    let settings = format!("[http]\nlog-enabled = true\naccess-log-path = \"{}\"\n", path.display());
    for requests in 1..3 {
        let mut watched = Watched::start(&settings, None);
        assert_eq!(watched.send("GET", "/ping"), 204);
        assert!(!watched.messages().iter().any(|line| line.contains("/ping")));
        let lines = lines(&path);
        assert_eq!(lines.len(), requests);
        assert!(
            lines[0].starts_with("127.0.0.1 - - [") && lines[0].contains("\"GET /ping HTTP/1.1\" 204 0 \"-\" \"-\" ")
        );
    }
    let missing = folder.path().join("missing/access.log");
    let config = folder.path().join("fluxstone.conf");
    std::fs::write(&config, format!("[http]\naccess-log-path = \"{}\"\n", missing.display())).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fluxstone"));
    let output = command.args(["serve", "--ephemeral", "--bind", "127.0.0.1:0", "--config"]).arg(&config).output();
    let output = output.expect("the command runs");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("access.log to log requests: "), "{message}");
}

// spec: watch.access.4
#[test]
fn the_file_of_requests_is_opened_again_on_sighup() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [path, moved] = ["access.log", "access.log.1"].map(|name| folder.path().join(name));
    let settings = format!("[http]\nlog-enabled = true\naccess-log-path = \"{}\"\n", path.display());
    let mut watched = Watched::start(&settings, None);
    watched.send("GET", "/ping");
    std::fs::rename(&path, &moved).expect("a file");
    let hang_up = Command::new("kill").args(["-HUP", &watched.server.id().to_string()]).status();
    assert!(hang_up.expect("kill runs").success());
    while !path.exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    watched.send("HEAD", "/ping");
    watched.messages();
    let is_one = |path, text| matches!(&lines(path)[..], [line] if line.contains(text));
    assert!(is_one(&moved, "\"GET /ping ") && is_one(&path, "\"HEAD /ping "));
}

// spec: watch.slow.1, watch.slow.2
#[test]
fn slow_queries_are_logged_without_passwords() {
    let mut watched = Watched::start("[coordinator]\nlog-queries-after = \"1ns\"\n", None);
    assert_eq!(watched.send("POST", "/query?db=d&q=SHOW+DATABASES%3BSET+PASSWORD+FOR+u+%3D+'secret'"), 200);
    let messages = watched.messages();
    let slow: Vec<&String> = messages.iter().filter(|line| line.contains("Detected slow query")).collect();
    assert_eq!(slow.len(), 1, "{messages:?}");
    let expected =
        "Detected slow query: SHOW DATABASES;\\nSET PASSWORD FOR u = [REDACTED] (qid: 1, database: d, threshold: 1ns)";
    assert!(slow[0].contains("WARN") && slow[0].ends_with(expected), "{}", slow[0]);
    let mut watched = Watched::start("[coordinator]\nlog-queries-after = \"1h\"\n", None);
    assert_eq!(watched.send("POST", "/query?q=SHOW+DATABASES"), 200);
    assert!(!watched.messages().iter().any(|line| line.contains("slow query")));
}

// spec: watch.log.1
#[test]
fn the_level_is_a_setting_that_the_environment_overrides() {
    let requests = "[http]\nlog-enabled = true\n";
    for (level, filter, is_logged) in [
        ("info", None, true),
        ("debug", None, true),
        ("warn", None, false),
        ("error", None, false),
        ("error", Some("info"), true),
        ("info", Some("warn"), false),
        ("info", Some("fluxstone::access=error"), false),
        ("error", Some("fluxstone::access=info"), true),
    ] {
        let mut watched = Watched::start(&format!("{requests}[logging]\nlevel = \"{level}\"\n"), filter);
        assert_eq!(watched.send("GET", "/ping"), 204);
        let messages = watched.messages();
        assert_eq!(messages.iter().any(|line| line.contains("/ping")), is_logged, "{level} {filter:?} {messages:?}");
    }
}
