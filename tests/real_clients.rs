//! Suites and sessions of real clients, which `tests/real_clients/install.sh` installs: `.ci/run` calls it.
//!
//! A test whose client is absent prints that it is skipped. A session is a program that checks each answer and ends with a status other
//! than 0 if one is wrong. Sessions run against the documented behaviour and against that of InfluxDB 1.2.4.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod client;
mod installed;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use client::Connection;
use fluxstone::Server;
use fluxstone::compat::Profile;
use installed::skip;

/// A program of this folder.
fn program(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_clients").join(path)
}

/// Whether a command can be run and succeeds.
fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Starts a server for clients that expect InfluxDB's build in each answer.
fn server(profile: Profile) -> Server {
    let builder = Server::builder().configure(|settings| {
        settings.compat.profile = profile;
        settings.http.build_header = true;
    });
    builder.start().unwrap()
}

/// Starts a server that asks for credentials, with the administrator `admin` and a user without privileges.
fn server_with_users() -> Server {
    let server = Server::builder().configure(|settings| {
        settings.http.auth_enabled = true;
        settings.http.build_header = true;
    });
    let server = server.start().unwrap();
    for (user, query) in [
        ("", "CREATE USER admin WITH PASSWORD 'password' WITH ALL PRIVILEGES"),
        ("u=admin&p=password&", "CREATE USER nopriv_user WITH PASSWORD 'password'"),
    ] {
        let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer =
            Connection::open(server.address()).request("POST", &format!("/query?{user}q={encoded}"), "").unwrap();
        assert_eq!(answer.0, 200, "{query}: {}", answer.1);
    }
    server
}

/// Runs a session against both profiles. `session` makes the command from host and port.
fn run_session(session: impl Fn(&str, &str) -> Command) {
    for profile in [Profile::Documented, Profile::Observed] {
        let server = server(profile);
        let address = server.address();
        let output = session(&address.ip().to_string(), &address.port().to_string()).output().unwrap();
        assert!(output.status.success(), "{profile:?}: {}", text(&output));
    }
}

/// The tests of a suite that are expected to fail.
fn expected_failures(suite: &str) -> BTreeSet<String> {
    let file = std::fs::read_to_string(program("expected-failures.toml")).unwrap();
    let mut suites: toml::Table = file.parse().unwrap();
    let Some(toml::Value::Table(failures)) = suites.remove(suite) else { return BTreeSet::new() };
    failures.into_iter().map(|(test, _reason)| test).collect()
}

/// The interpreter of an environment in which Python's `module` can be imported, if there is one.
fn python_with(module: &str) -> Option<PathBuf> {
    let candidates = [installed::path("python/bin/python"), PathBuf::from("python3")];
    candidates.into_iter().find(|python| succeeds(Command::new(python).args(["-c", &format!("import {module}")])))
}

// spec: http.influxd.1, udp.input.1
#[test]
fn the_live_suite_of_influxdb_python_passes() {
    let Some(python) = python_with("influxdb, pandas") else {
        return skip("influxdb-python and pandas are not installed");
    };
    let folder = tempfile::tempdir().unwrap();
    let influxd = folder.path().join("influxd");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fluxstone"), &influxd).unwrap();
    let output = Command::new(python)
        .arg(program("influxdb_python.py"))
        .arg(folder.path())
        .env("INFLUXDB_PYTHON_INFLUXD_PATH", &influxd)
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let (printed, messages) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{messages}");
    assert_eq!(printed.lines().next_back(), Some("90 run, 8 skipped"), "{messages}");
}

// spec: http.build.1
#[test]
fn the_tests_of_the_crate_influxdb_pass() {
    let folder = installed::path("rust/influxdb-0.8.0");
    if !folder.join("ready").exists() {
        return skip("the crate influxdb is not installed");
    }
    let (open, authenticated) = (server(Profile::Documented), server_with_users());
    let output = Command::new("cargo")
        .args(["test", "--offline", "--no-fail-fast", "--no-default-features", "--features", "serde,derive,chrono"])
        .args(["--test", "integration_tests", "--test", "derive_integration_tests"])
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(installed::path("rust/target"))
        .env("INFLUXDB_OPEN", open.url())
        .env("INFLUXDB_AUTHENTICATED", authenticated.url())
        .output()
        .unwrap();
    let printed = text(&output);
    let results = |result: &str| {
        let lines = printed.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(result));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let failed = results(" ... FAILED").into_iter().collect::<BTreeSet<_>>();
    assert_eq!(failed, expected_failures("influxdb-0.8.0"), "{printed}");
    assert_eq!(results(" ... ok").len() + failed.len(), 18, "{printed}");
}

#[test]
fn node_clients_work() {
    for (package, session) in [("influx", "influx.js"), ("influxdb-nodejs", "influxdb_nodejs.js")] {
        let modules = installed::path("node/node_modules");
        if !modules.join(package).exists() || !succeeds(Command::new("node").arg("--version")) {
            skip(&format!("the npm package {package} is not installed"));
            continue;
        }
        run_session(|host, port| {
            let mut command = Command::new("node");
            command.arg(program(session)).args([host, port]).env("NODE_PATH", &modules);
            command
        });
    }
}

#[test]
fn the_go_client_works() {
    let path = Path::new("/usr/share/gocode");
    let is_installed = path.join("src/github.com/influxdata/influxdb/client/v2").exists();
    if !is_installed || !succeeds(Command::new("go").arg("version")) {
        return skip("Go and its InfluxDB client are not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("session");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&session).arg(program("go/main.go")).env("GO111MODULE", "off").env("GOPATH", path);
    let built = build.env("GOCACHE", installed::path("go")).env("GOFLAGS", "").output().unwrap();
    assert!(built.status.success(), "{}", text(&built));
    run_session(|host, port| {
        let mut command = Command::new(&session);
        command.arg(format!("http://{host}:{port}"));
        command
    });
}

#[test]
fn the_ruby_client_works() {
    if !succeeds(Command::new("ruby").args(["-e", "require 'influxdb'"])) {
        return skip("Ruby and its InfluxDB client are not installed");
    }
    run_session(|host, port| {
        let mut command = Command::new("ruby");
        command.arg("-W0").arg(program("influxdb.rb")).args([host, port]);
        command
    });
}

/// The shell of InfluxDB, connected to a server.
struct Shell<'s> {
    server: &'s Server,
    arguments: Vec<&'s str>,
}

impl Shell<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let address = self.server.address();
        let mut command = Command::new("influx");
        command.args(["-host", &address.ip().to_string(), "-port", &address.port().to_string()]);
        command.args(&self.arguments).args(arguments);
        // It keeps its history there.
        command.env("HOME", installed::path(""));
        command
    }

    /// Runs a command, and returns whether it succeeded and what it printed.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command(arguments).output().unwrap();
        (output.status.success(), text(&output))
    }

    /// Runs a command that must succeed without printing anything but its answer, and returns that.
    fn execute(&self, format: &str, query: &str) -> String {
        let (is_ok, printed) = self.run(&["-database", "shell", "-format", format, "-execute", query]);
        assert!(is_ok, "{query}: {printed}");
        printed
    }
}

fn has_shell() -> bool {
    let found = succeeds(Command::new("influx").arg("-version"));
    if !found {
        skip("the shell influx is not installed");
    }
    found
}

#[test]
fn the_shell_imports_and_shows() {
    if !has_shell() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (program("import.txt"), folder.path().join("import.txt.gz"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&std::fs::read(&plain).unwrap()).unwrap();
    std::fs::write(&packed, encoder.finish().unwrap()).unwrap();
    for profile in [Profile::Documented, Profile::Observed] {
        let server = server(profile);
        let shell = Shell { server: &server, arguments: Vec::new() };
        for (path, compressed) in [(&plain, false), (&packed, true)] {
            let path = path.display().to_string();
            let compressed = if compressed { &["-compressed"][..] } else { &[] };
            let (is_ok, printed) =
                shell.run(&[&["-import", "-precision", "ns", "-path", path.as_str()][..], compressed].concat());
            assert!(is_ok && printed.contains("Processed 2 inserts"), "{printed}");
            assert!(printed.contains("Processed 2 commands") && printed.contains("Failed 0 inserts"), "{printed}");
        }
        let csv = "name,time,count,host,idle,note\n\
                   cpu,1488326400000000000,2,a b,1.5,\"x \"\"y\"\"\"\n\
                   cpu,1488326460000000000,3,c,2.5,\n";
        assert_eq!(shell.execute("csv", "SELECT * FROM cpu"), csv);
        let json = r#"{"results":[{"series":[{"name":"cpu","columns":["time","count","host","idle","note"],"values":[[1488326400000000000,2,"a b",1.5,"x \"y\""],[1488326460000000000,3,"c",2.5,null]]}]}]}"#;
        assert_eq!(shell.execute("json", "SELECT * FROM cpu").trim_end(), json);
        let columns = shell.execute("column", "SELECT mean(idle) FROM cpu GROUP BY host");
        assert!(columns.contains("tags: host=a b") && columns.contains("0    1.5"), "{columns}");
        assert_eq!(shell.execute("csv", "INSERT INTO week disk,path=/ used=7i"), "");
        assert_eq!(shell.execute("csv", "SHOW MEASUREMENTS"), "name,name\nmeasurements,cpu\nmeasurements,disk\n");
        let (is_ok, printed) = shell.run(&["-execute", "SELEC"]);
        assert!(!is_ok && printed.contains("ERR: error parsing query: found SELEC, expected SELECT"), "{printed}");
        let conflict = shell.execute("csv", "INSERT cpu idle=\"text\" 1488326400000000000");
        assert!(conflict.contains("field type conflict"), "{conflict}");
    }
}

// spec: auth.credentials.1
#[test]
fn the_shell_logs_in() {
    if !has_shell() {
        return;
    }
    let server = server_with_users();
    let shows = |arguments: &[&'static str]| {
        Shell { server: &server, arguments: arguments.to_vec() }.run(&["-format", "csv", "-execute", "SHOW USERS"])
    };
    let (is_ok, printed) = shows(&["-username", "admin", "-password", "password"]);
    assert!(is_ok && printed.contains("admin,true") && printed.contains("nopriv_user,false"), "{printed}");
    let (is_ok, printed) = shows(&["-username", "admin", "-password", "wrong"]);
    assert!(!is_ok && printed.contains("authorization failed"), "{printed}");
    let (is_ok, printed) = shows(&["-username", "nopriv_user", "-password", "password"]);
    assert!(!is_ok && printed.contains("requires admin privilege"), "{printed}");
}

/// What the InfluxDB output of Telegraf 1.2 to 1.30 sends: it creates its database, then writes batches, gzip from 1.3 on where it
/// is configured, and takes some errors for final and others for a reason to try again.
#[test]
fn the_requests_of_telegraf_are_answered_as_it_expects() {
    for profile in [Profile::Documented, Profile::Observed] {
        let server = server(profile);
        let mut connection = Connection::open(server.address());
        let agent = ("User-Agent".to_owned(), "Telegraf/1.20.4 Go/1.17".to_owned());
        let mut send = |path: &str, headers: &[(&str, &str)], body: Vec<u8>| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let headers: Vec<_> = headers.chain([agent.clone()]).collect();
            let response = connection.send("POST", path, &headers, body).unwrap();
            (response.status, String::from_utf8_lossy(&response.body).into_owned())
        };
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let create = b"q=CREATE+DATABASE+%22telegraf%22".to_vec();
        assert_eq!(send("/query", &form, create.clone()), (200, "{\"results\":[{\"statement_id\":0}]}\n".to_owned()));
        assert_eq!(send("/query", &form, create).0, 200, "it exists already");

        let lines = "cpu,cpu=cpu0,host=tele\\ graf usage_idle=98.5,usage_user=1 1488326400000000000\n\
                     system,host=tele\\ graf load1=0.5,n_users=2i,uptime_format=\"1 day,  2:03\" 1488326400000000000\n";
        let plain = [("Content-Type", "text/plain; charset=utf-8")];
        assert_eq!(send("/write?db=telegraf", &plain, lines.into()), (204, String::new()));
        assert_eq!(send("/write?consistency=any&db=telegraf&precision=ns&rp=autogen", &plain, lines.into()).0, 204);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(lines.as_bytes()).unwrap();
        let packed = [plain[0], ("Content-Encoding", "gzip")];
        assert_eq!(send("/write?db=telegraf", &packed, encoder.finish().unwrap()), (204, String::new()));

        // Telegraf looks for these words in the body, and keeps or drops the batch accordingly.
        let (status, body) = send("/write?db=absent", &plain, lines.into());
        assert!(status == 404 && body.contains("database not found"), "{status} {body}");
        let conflict = "system n_users=2.5 1488326400000000000\nsystem load1=1 1488326410000000000\n";
        let (status, body) = send("/write?db=telegraf", &plain, conflict.into());
        assert!(status == 400 && body.contains("field type conflict"), "{status} {body}");
        let (status, body) =
            send("/write?db=telegraf", &plain, b"cpu usage_idle=1 1488326400000000000\nbroken\n".to_vec());
        assert!(status == 400 && body.contains("unable to parse 'broken'"), "{status} {body}");
        let (status, body) = send("/write?db=telegraf&rp=absent", &plain, lines.into());
        assert!(status >= 400 && body.contains("retention policy not found"), "{status} {body}");
        let query = b"db=telegraf&epoch=ns&q=SELECT+*+FROM+system+WHERE+host+%3D+%27tele+graf%27".to_vec();
        let (_, body) = send("/query", &form, query);
        assert!(body.contains(r#"[1488326400000000000,"tele graf",0.5,2,"1 day,  2:03"]"#), "{body}");
    }
}
