//! What a server does for the tests of clients: its clock, faults, log of requests and reset, over HTTP and from Rust.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod client;
mod server;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use client::Connection;
use fluxstone::testing::{Action, Cut, Fault, FixedAnswer, Server, StorePart};
use serde_json::{Value, json};

/// Starts a server at this time, with a database `points`.
fn server_at(time: &str) -> (Server, Connection) {
    let server = Server::at(time).unwrap();
    let mut connection = Connection::open(server.address());
    connection.query("CREATE DATABASE points").unwrap();
    server.clear_requests();
    (server, connection)
}

fn write(connection: &mut Connection, lines: &str) -> (u16, String) {
    connection.request("POST", "/write?db=points", lines).unwrap()
}

fn control(connection: &mut Connection, method: &str, what: &str, body: &str) -> (u16, String) {
    connection.request(method, &format!("/fluxstone/{what}"), body).unwrap()
}

/// The rows of a query, as text.
fn rows(connection: &mut Connection, query: &str) -> String {
    serde_json::to_string(&connection.rows(query)).unwrap()
}

/// Sends a request and returns all bytes until the connection ends, however it ends.
fn raw(address: SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Sends a GET as [`raw`] does.
fn get(address: SocketAddr, target: &str, headers: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{headers}\r\n");
    String::from_utf8_lossy(&raw(address, &request)).into_owned()
}

// spec: control.clock.1, control.clock.2, control.clock.3
#[test]
fn everything_that_depends_on_the_time_follows_the_clock() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    assert_eq!(write(&mut connection, "m v=1").0, 204);
    let midnight = 1_488_326_400_000_000_000_i64;
    assert_eq!(rows(&mut connection, "SELECT v FROM m"), format!("[[{midnight},1]]"));
    let set = control(&mut connection, "POST", "clock", r#"{"advance":"90m"}"#);
    assert_eq!(set, (200, "{\"now\":\"2017-03-01T01:30:00Z\",\"fixed\":true}\n".to_owned()));
    assert_eq!(rows(&mut connection, "SELECT v FROM m WHERE time > now() - 90m"), "[]");
    assert_eq!(rows(&mut connection, "SELECT v FROM m WHERE time >= now() - 90m"), format!("[[{midnight},1]]"));
    assert!(get(server.address(), "/ping", "").contains("Date: Wed, 01 Mar 2017 01:30:00 GMT\r\n"));
    assert!(rows(&mut connection, "SHOW DIAGNOSTICS FOR 'system'").contains("2017-03-01T01:30:00Z"));

    for (body, now, fixed) in [
        (r#"{"set":"2016-02-29T12:00:00.5+01:00"}"#, "2016-02-29T11:00:00.5Z", true),
        (r#"{"advance":"-1h"}"#, "2016-02-29T10:00:00.5Z", true),
        (r#"{"set":"fixed:1969-12-31T23:59:59Z"}"#, "1969-12-31T23:59:59Z", true),
        (r#"{"set":"offset:2030-01-01T00:00:00Z"}"#, "2030-01-01T00:0", false),
        (r#"{"set":"2031-01-01T00:00:00Z"}"#, "2031-01-01T00:0", false),
    ] {
        let (status, answer) = control(&mut connection, "POST", "clock", body);
        assert_eq!(status, 200, "{body}: {answer}");
        assert_eq!(control(&mut connection, "GET", "clock", "").0, 200);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["now"].as_str().unwrap().starts_with(now), "{body}: {answer}");
        assert_eq!(answer["fixed"], fixed, "{body}");
        assert_eq!(write(&mut connection, "n v=1").0, 204);
    }
    for body in
        ["", "{}", r#"{"set":"noon"}"#, r#"{"advance":"5"}"#, r#"{"set":1}"#, "{\"set\":\"x\",\"advance\":\"1h\"}"]
    {
        let (status, answer) = control(&mut connection, "POST", "clock", body);
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer.starts_with("{\"error\":\""), "{answer}");
    }
}

// spec: control.clock.2
#[test]
fn tokens_expire_by_the_clock() {
    let builder = fluxstone::Server::builder().configure(|settings| {
        settings.http.auth_enabled = true;
        "secret".clone_into(&mut settings.http.shared_secret);
    });
    let server = Server::start_with(builder, "fixed:2017-03-01T00:00:00Z".parse().unwrap()).unwrap();
    let mut connection = Connection::open(server.address());
    connection.query("CREATE USER root WITH PASSWORD 'toor' WITH ALL PRIVILEGES").unwrap();
    // Signed with that secret for `root`, until 2017-03-01T01:00:00Z.
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VybmFtZSI6InJvb3QiLCJleHAiOjE0ODgzMzAwMDB9.\
                 torqNTTqz4bcRTfLziP82IRpkHQgVF4bE6GfecnFkgU";
    let bearer = [("Authorization".to_owned(), format!("Bearer {token}"))];
    let status =
        |connection: &mut Connection| connection.send("GET", "/query?q=SHOW+DATABASES", &bearer, "").unwrap().status;
    assert_eq!(status(&mut connection), 200);
    server.advance("61m").unwrap();
    assert_eq!(status(&mut connection), 401);
    server.advance("-61m").unwrap();
    assert_eq!(status(&mut connection), 200);
}

// spec: control.clock.4, control.clock.5
#[test]
fn moving_the_clock_runs_continuous_queries_as_if_the_time_had_passed() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    // The second one reads what the first one writes, and was created before it.
    connection
        .query(
            "CREATE CONTINUOUS QUERY h ON points BEGIN SELECT sum(s) AS s INTO hours FROM tens GROUP BY time(1h) END",
        )
        .unwrap();
    connection
        .query("CREATE CONTINUOUS QUERY t ON points BEGIN SELECT count(v) AS s INTO tens FROM m GROUP BY time(10m) END")
        .unwrap();
    let lines: Vec<String> = (0..180).map(|minute| format!("m v=1 {}", minute * 60)).collect();
    server.set_clock("1970-01-01T00:00:00Z").unwrap();
    let written = connection.request("POST", "/write?db=points&precision=s", &lines.join("\n")).unwrap();
    assert_eq!(written.0, 204);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(rows(&mut connection, "SELECT s FROM tens"), "[]", "nothing runs while the clock stands");
    server.advance("25m").unwrap();
    assert_eq!(rows(&mut connection, "SELECT s FROM tens"), "[[0,10],[600000000000,10]]");
    server.advance("3h").unwrap();
    assert_eq!(connection.rows("SELECT s FROM tens").len(), 18);
    let hour = 3_600_000_000_000_i64;
    // The hour that ends at a stop is summed before its last ten minutes are counted, since that query was created first.
    assert_eq!(rows(&mut connection, "SELECT s FROM hours"), format!("[[0,50],[{hour},50],[{},50]]", 2 * hour));
}

// spec: control.clock.4
#[test]
fn one_long_move_does_what_many_short_ones_do() {
    let moved = |steps: &[&str]| {
        let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
        for query in [
            "CREATE CONTINUOUS QUERY a ON points BEGIN SELECT count(v) AS v INTO a FROM m GROUP BY time(10m) END",
            "CREATE CONTINUOUS QUERY b ON points RESAMPLE EVERY 7m FOR 25m BEGIN SELECT sum(v) AS v INTO b FROM a \
             GROUP BY time(20m) END",
            "CREATE CONTINUOUS QUERY c ON points RESAMPLE EVERY 1h BEGIN SELECT sum(v) AS v INTO c FROM b \
             GROUP BY time(30m, 5m) END",
        ] {
            connection.query(query).unwrap();
        }
        let start = 1_488_326_400_i64;
        let lines: Vec<String> = (0..400).map(|i| format!("m v=1 {}", start + i * 30)).collect();
        let written = connection.request("POST", "/write?db=points&precision=s", &lines.join("\n")).unwrap();
        assert_eq!(written.0, 204);
        for step in steps {
            server.advance(step).unwrap();
        }
        rows(&mut connection, "SELECT v FROM a")
            + &rows(&mut connection, "SELECT v FROM b")
            + &rows(&mut connection, "SELECT v FROM c")
    };
    let long = moved(&["195m"]);
    assert!(long.len() > 300, "{long}");
    assert_eq!(moved(&["1m"; 195]), long);
    assert_eq!(moved(&["100m", "0s", "95m"]), long);
}

// spec: control.clock.4
#[test]
fn moving_the_clock_drops_what_has_expired() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    connection
        .query("CREATE RETENTION POLICY day ON points DURATION 1d REPLICATION 1 SHARD DURATION 1h DEFAULT")
        .unwrap();
    assert_eq!(write(&mut connection, "m v=1").0, 204);
    let shards = |connection: &mut Connection| {
        connection.query("SHOW SHARDS").unwrap()["results"][0]["series"][0]["values"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(shards(&mut connection), 1);
    server.advance("24h").unwrap();
    assert_eq!(shards(&mut connection), 1);
    server.advance("2h").unwrap();
    assert_eq!(shards(&mut connection), 0);
    assert_eq!(rows(&mut connection, "SELECT v FROM m"), "[]");
}

// spec: control.access.1
#[test]
fn without_leave_the_paths_do_not_exist() {
    let server = fluxstone::Server::ephemeral().unwrap();
    let mut connection = Connection::open(server.address());
    for (method, what) in [("GET", "clock"), ("POST", "reset"), ("GET", "requests"), ("DELETE", "faults")] {
        assert_eq!(control(&mut connection, method, what, ""), (404, "404 page not found\n".to_owned()), "{what}");
    }
    let date = get(server.address(), "/ping", "");
    assert!(date.contains("\r\nDate: "), "{date}");
}

// spec: control.access.2
#[test]
fn verbs_and_paths_are_checked() {
    let server = Server::start().unwrap();
    let mut connection = Connection::open(server.address());
    for what in ["", "clocks", "clock/", "faults/1"] {
        assert_eq!(control(&mut connection, "GET", what, "").0, 404, "{what}");
    }
    for (method, what, allowed) in [
        ("DELETE", "clock", "GET, POST"),
        ("PUT", "faults", "DELETE, GET, POST"),
        ("POST", "requests", "DELETE, GET"),
        ("GET", "reset", "POST"),
    ] {
        let answer = connection.send(method, &format!("/fluxstone/{what}"), &[], "").unwrap();
        assert_eq!((answer.status, answer.header("allow").as_deref()), (405, Some(allowed)), "{what}");
    }
}

// spec: control.access.3
#[test]
fn with_authentication_only_administrators_control() {
    let builder = fluxstone::Server::builder().configure(|settings| settings.http.auth_enabled = true);
    let server = Server::start_with(builder, "fixed:2017-03-01T00:00:00Z".parse().unwrap()).unwrap();
    let mut connection = Connection::open(server.address());
    // Whoever comes first may make itself the administrator, so nothing is gained by refusing.
    assert_eq!(control(&mut connection, "GET", "clock", "").0, 200);
    connection.query("CREATE USER root WITH PASSWORD 'toor' WITH ALL PRIVILEGES").unwrap();
    let as_user =
        |connection: &mut Connection, user: &str| control(connection, "GET", &format!("clock?u={user}&p=toor"), "");
    assert_eq!(control(&mut connection, "GET", "clock", "").0, 401);
    assert_eq!(as_user(&mut connection, "root").0, 200);
    assert_eq!(
        connection.request("POST", "/query?u=root&p=toor&q=CREATE+USER+u+WITH+PASSWORD+'toor'", "").unwrap().0,
        200
    );
    assert_eq!(as_user(&mut connection, "u"), (403, "{\"error\":\"admin privilege required\"}\n".to_owned()));
    assert_eq!(control(&mut connection, "POST", "reset?u=root&p=toor", "").0, 204);
    assert_eq!(control(&mut connection, "GET", "clock", "").0, 200, "the users are gone");
}

// spec: control.faults.2
#[test]
fn answers_are_replaced_and_delayed() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    server.fault(Action::Answer(FixedAnswer { status: 429, text: None, retry_after: Some(7) })).unwrap();
    let answer = connection.send("POST", "/write?db=points", &[], "m v=1").unwrap();
    assert_eq!((answer.status, answer.header("retry-after").as_deref()), (429, Some("7")));
    assert_eq!(&answer.body[..], b"{\"error\":\"too many requests\"}\n");
    assert_eq!(rows(&mut connection, "SELECT v FROM m"), "[]");

    let slow = Fault { delay: Some("60ms".parse().unwrap()), ..Fault::default() };
    server.fault(slow).unwrap();
    let begun = Instant::now();
    assert_eq!(write(&mut connection, "m v=1"), (204, String::new()));
    assert!(begun.elapsed() >= Duration::from_millis(60));
    let text = Some("engine: \"x\"".to_owned());
    server.fault(Action::Answer(FixedAnswer { status: 500, text, retry_after: None })).unwrap();
    assert_eq!(write(&mut connection, "m v=1"), (500, "{\"error\":\"engine: \\\"x\\\"\"}\n".to_owned()));
}

// spec: control.faults.2
#[test]
fn connections_are_cut() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    let address = server.address();
    assert_eq!(write(&mut connection, "m v=1 1\nm v=2 2").0, 204);
    let query = "/query?db=points&epoch=ns&q=SELECT+v+FROM+m";
    let whole = get(address, query, "");
    assert!(whole.ends_with("]}]}]}\n\r\n0\r\n\r\n"), "{whole}");

    server.fault(Action::Cut(Cut::Head)).unwrap();
    assert_eq!(get(address, query, ""), whole[..24]);
    // A refusal has a length, which is not reached.
    server.fault(Action::Cut(Cut::Body)).unwrap();
    let cut = get(address, "/query", "");
    assert!(cut.contains("Content-Length: 45\r\n") && cut.ends_with("\r\n\r\n{\"error\":\"missing requ"), "{cut}");
    // Other answers are in chunks, of which the last one is missing.
    server.fault(Action::Cut(Cut::Body)).unwrap();
    let cut = get(address, query, "");
    assert!(cut.starts_with("HTTP/1.1 200 OK\r\n") && cut.contains("{\"results\":["), "{cut}");
    assert!(!cut.contains("]}]}]}") && !cut.contains("\r\n0\r\n"), "{cut}");
    // An answer without a body is cut in its head.
    server.fault(Action::Cut(Cut::Body)).unwrap();
    assert_eq!(get(address, "/ping", ""), "HTTP/1.1 204 No Content\r");
    server.fault(Action::Drop).unwrap();
    assert_eq!(get(address, query, ""), "");
    assert_eq!(get(address, query, "").len(), whole.len());
}

// spec: control.faults.2
#[test]
fn bodies_are_truncated_behind_their_heads() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    let whole = connection.request("GET", "/query?q=SHOW+DATABASES", "").unwrap().1;
    server.fault(Action::Truncate).unwrap();
    let half = connection.request("GET", "/query?q=SHOW+DATABASES", "").unwrap();
    assert_eq!(half, (200, whole[..whole.len() / 2].to_owned()));
    server.fault(Action::Truncate).unwrap();
    let gzip = [("Accept-Encoding".to_owned(), "gzip".to_owned())];
    let broken = connection.send("GET", "/query?q=SHOW+DATABASES", &gzip, "");
    assert!(broken.is_err(), "the stream of gzip ends early: {broken:?}");
    let mut connection = Connection::open(server.address());
    assert_eq!(connection.request("GET", "/query?q=SHOW+DATABASES", "").unwrap().1, whole);
}

// spec: control.faults.2
#[test]
fn writes_are_stored_in_part_or_forgotten() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    server.fault(Action::StorePart(StorePart { lines: Some(1) })).unwrap();
    let error = "partial write: a scripted fault dropped the rest of the lines dropped=2";
    assert_eq!(write(&mut connection, "m v=1 1\nm v=2 2\nm v=3 3"), (400, format!("{{\"error\":\"{error}\"}}\n")));
    assert_eq!(rows(&mut connection, "SELECT v FROM m"), "[[1,1]]");

    server.fault(Fault::from(Action::Forget).at("/write")).unwrap();
    let request = "POST /write?db=points HTTP/1.1\r\nHost: t\r\nContent-Length: 7\r\n\r\nm v=4 4";
    assert_eq!(raw(server.address(), request), b"");
    assert_eq!(rows(&mut connection, "SELECT v FROM m"), "[[1,1],[4,4]]");
}

// spec: control.faults.1, control.faults.3, control.requests.1, control.reset.1
#[test]
fn faults_and_requests_are_handled_over_http() {
    let (_server, mut connection) = server_at("2017-03-01T00:00:00Z");
    let script = json!({ "faults": [
        { "method": "POST", "path": "/write", "body": "cpu", "nth": 2, "action": { "answer": { "status": 503 } } },
        { "path": "/query", "query": "SELECT \"v\"", "times": 0, "action": "truncate" },
    ] });
    assert_eq!(control(&mut connection, "POST", "faults", &script.to_string()).0, 204);
    let statuses: Vec<u16> =
        ["cpu v=1", "mem v=1", "cpu v=2", "cpu v=3"].iter().map(|lines| write(&mut connection, lines).0).collect();
    assert_eq!(statuses, [204, 204, 503, 204]);
    let form = [("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let halved = connection.send("POST", "/query?db=points", &form, "q=SELECT+%22v%22+FROM+cpu").unwrap();
    assert!(serde_json::from_slice::<Value>(&halved.body).is_err());

    let listed: Value = serde_json::from_str(&control(&mut connection, "GET", "faults", "").1).unwrap();
    let counts: Vec<_> = listed["faults"].as_array().unwrap().iter().map(|f| (&f["matched"], &f["acted"])).collect();
    assert_eq!(counts, [(&json!(3), &json!(1)), (&json!(1), &json!(1))]);
    let received: Value = serde_json::from_str(&control(&mut connection, "GET", "requests", "").1).unwrap();
    assert_eq!(received["dropped"], 0);
    let requests = received["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 5);
    assert_eq!(
        (
            &requests[2]["method"],
            &requests[2]["path"],
            &requests[2]["query"],
            &requests[2]["body"],
            &requests[2]["more"]
        ),
        (&json!("POST"), &json!("/write"), &json!("db=points"), &json!("cpu v=2"), &json!(false))
    );
    assert!(requests[4]["headers"].as_array().unwrap().contains(&json!(["content-type", form[0].1])));

    for (body, error) in [("{", "EOF"), ("[]", "invalid"), (r#"{"faults":[{}]}"#, "needs an action")] {
        let (status, answer) = control(&mut connection, "POST", "faults", body);
        assert!(status == 400 && answer.contains(error), "{body}: {answer}");
    }
    assert_eq!(control(&mut connection, "DELETE", "faults", "").0, 204);
    assert_eq!(control(&mut connection, "DELETE", "requests", "").0, 204);
    assert_eq!(control(&mut connection, "GET", "faults", "").1, "{\"faults\":[]}\n");
    assert_eq!(control(&mut connection, "GET", "requests", "").1, "{\"requests\":[],\"dropped\":0}\n");
}

// spec: control.requests.1
#[test]
fn bodies_are_logged_unpacked_and_up_to_a_bound() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    let lines: Vec<String> = (0..20_000).map(|i| format!("m v={i} {i}")).collect();
    let lines = lines.join("\n");
    assert_eq!(write(&mut connection, &lines).0, 204);
    let received = &server.requests()[0];
    assert!(received.more);
    assert_eq!(received.body, &lines.as_bytes()[..64 << 10]);
    assert_eq!(rows(&mut connection, "SELECT count(v) FROM m"), "[[0,20000]]", "all of it was written");
}

// spec: control.reset.1
#[test]
fn a_reset_drops_everything() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    connection.query("CREATE USER u WITH PASSWORD 'p'").unwrap();
    assert_eq!(write(&mut connection, "m v=1").0, 204);
    server.advance("1d").unwrap();
    server.fault(Fault::from(Action::Drop).at("/nowhere")).unwrap();
    assert_eq!(control(&mut connection, "POST", "reset", "").0, 204);
    assert_eq!(server.now(), "2017-03-01T00:00:00Z");
    assert!(server.requests().is_empty());
    assert_eq!(control(&mut connection, "GET", "faults", "").1, "{\"faults\":[]}\n");
    assert_eq!(rows(&mut connection, "SHOW DATABASES"), "[]");
    assert_eq!(rows(&mut connection, "SHOW USERS"), "[]");
    connection.query("CREATE DATABASE points").unwrap();
    assert_eq!(rows(&mut connection, "SELECT v FROM m"), "[]");
}

// spec: control.clock.1, control.faults.4
#[test]
fn the_command_line_sets_the_clock_and_reads_faults() {
    let folder = tempfile::tempdir().unwrap();
    let (toml, json) = (folder.path().join("faults.toml"), folder.path().join("faults.json"));
    std::fs::write(&toml, "[[faults]]\npath = '/ping'\naction = { answer = { status = 503, retry-after = 2 } }\n")
        .unwrap();
    std::fs::write(&json, r#"{"faults":[{"path":"/ping","action":"drop"}]}"#).unwrap();
    let start = |arguments: &[&str]| server::Server::start_with(arguments);
    let server =
        start(&["--clock", "fixed:2017-03-01T00:00:00Z", "--allow-control", "--faults", toml.to_str().unwrap()]);
    let answer = get(server.address(), "/ping", "");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: 2\r\n"), "{answer}");
    assert!(answer.contains("Date: Wed, 01 Mar 2017 00:00:00 GMT\r\n"), "{answer}");
    let server = start(&["--allow-control", "--faults", json.to_str().unwrap()]);
    assert_eq!(get(server.address(), "/ping", ""), "");

    let refused = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_fluxstone")).args(["serve", "--ephemeral"]).args(arguments).output();
        let output = output.unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--clock", "noon"]).contains("not a clock: \"noon\""));
    assert!(refused(&["--faults", json.to_str().unwrap()]).contains("--allow-control"));
    std::fs::write(&toml, "[[faults]]\npath = '/ping'\n").unwrap();
    let message = refused(&["--allow-control", "--faults", toml.to_str().unwrap()]);
    assert!(message.contains("a fault needs an action or a delay"), "{message}");
}

// spec: control.clause.1
#[test]
fn errors_name_their_clauses_if_that_is_asked_for() {
    let (server, mut connection) = server_at("2017-03-01T00:00:00Z");
    let clause = |connection: &mut Connection, method: &str, target: &str, body: &str| {
        connection.send(method, target, &[], body).unwrap().header("fluxstone-clause").unwrap_or_default()
    };
    for (method, target, body, expected) in [
        ("POST", "/write?db=points", "cpu value=", "lp.field.2"),
        ("POST", "/write?db=points", "m v=1", ""),
        ("POST", "/write?db=points", "m v=2\nm v=true", "write.shard.2"),
        ("GET", "/query", "", "http.q.1"),
        ("GET", "/query?q=SELECT", "", "influxql.error.1"),
        ("GET", "/query?q=SHOW+DATABASES", "", ""),
        ("GET", "/query?db=points&q=SHOW+DATABASES%3BSELECT+v+FROM+nowhere..m", "", "statements.name.3"),
        ("GET", "/nowhere", "", "http.paths.2"),
        ("DELETE", "/query", "", "http.verbs.1"),
        ("POST", "/fluxstone/clock", "{}", "control.access.2"),
    ] {
        assert_eq!(clause(&mut connection, method, target, body), expected, "{method} {target}");
    }
    server.fault(Action::Answer(FixedAnswer { status: 503, text: None, retry_after: None })).unwrap();
    assert_eq!(clause(&mut connection, "GET", "/ping", ""), "control.faults.2");

    let without = fluxstone::Server::ephemeral().unwrap();
    assert_eq!(clause(&mut Connection::open(without.address()), "GET", "/query", ""), "");
    let with = fluxstone::Server::builder().configure(|settings| settings.compat.clause_header = Some(true));
    let with = with.start().unwrap();
    assert_eq!(clause(&mut Connection::open(with.address()), "GET", "/query", ""), "http.q.1");
}

// spec: control.clause.1
#[test]
fn the_setting_of_the_header_is_true_false_or_auto() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fluxstone.conf");
    for (text, expected) in [
        ("", "http.q.1"),
        ("clause-header = false", ""),
        ("clause-header = 'auto'", "http.q.1"),
        ("clause-header = true", "http.q.1"),
    ] {
        std::fs::write(&path, format!("[compat]\n{text}\n")).unwrap();
        let server = server::Server::with_config(&path);
        let answer = Connection::open(server.address()).send("GET", "/query", &[], "").unwrap();
        assert_eq!(answer.header("fluxstone-clause").unwrap_or_default(), expected, "{text}");
    }
    std::fs::write(&path, "[compat]\nclause-header = 'on'\n").unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_fluxstone")).args(["config", "--config"]).arg(&path).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("clause-header"), "{message}");
    let printed = Command::new(env!("CARGO_BIN_EXE_fluxstone"))
        .arg("config")
        .env("INFLUXDB_COMPAT_CLAUSE_HEADER", "false")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&printed.stdout).contains("clause-header = false"));
}

// spec: control.clause.2
#[test]
fn the_head_of_an_answer_waits_for_its_first_piece() {
    let (_server, mut connection) = server_at("2017-03-01T00:00:00Z");
    let lines: Vec<String> = (0..20_000).map(|i| format!("m v={i} {i}")).collect();
    assert_eq!(write(&mut connection, &lines.join("\n")).0, 204);
    let clause = |connection: &mut Connection, query: &str| {
        let answer = connection.send("GET", &format!("/query?db=points&{query}"), &[], "").unwrap();
        answer.header("fluxstone-clause").unwrap_or_default()
    };
    // However long the first statement takes, the error is in the first piece.
    let slow = "q=SELECT+sum(v)+FROM+m%3BSELECT+mean(x)+FROM+nowhere..m";
    assert_eq!(clause(&mut connection, slow), "statements.name.3");
    assert_eq!(clause(&mut connection, "chunked=true&q=SELECT+v+FROM+m%3BSHOW+SERIES+ON+nowhere"), "");
}
