//! What no conformance case can show, since it takes a clock, a restart, or several requests at once: tested on the binary, so that
//! `cargo xtask mutants` can put faults into it.

mod client;
mod server;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use client::Connection;
use server::Server;

/// The start of 2017-03-01, in seconds.
const MIDNIGHT: i64 = 1_488_326_400;

/// A server whose clock stands at midnight, with a database `points`.
fn server_at_midnight(more: &[&str]) -> (Server, Connection) {
    let server = Server::start_with(&[&["--clock", "fixed:2017-03-01T00:00:00Z", "--allow-control"], more].concat());
    let connection = Connection::open(server.address());
    (server, connection)
}

fn advance(connection: &mut Connection, by: &str) {
    let (status, answer) = connection
        .request("POST", "/fluxstone/clock?u=root&p=pw", &format!("{{\"advance\":\"{by}\"}}"))
        .expect("an answer");
    assert_eq!(status, 200, "{answer}");
}

fn write(connection: &mut Connection, precision: &str, lines: &str) {
    let path = format!("/write?db=points&precision={precision}&u=root&p=pw");
    assert_eq!(connection.request("POST", &path, lines).expect("an answer"), (204, String::new()));
}

/// The status and the body of the answer to a query.
fn ask(connection: &mut Connection, user: &str, text: &str) -> (u16, String) {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let path = format!("/query?db=points&epoch=s&u={user}&p=pw&q={encoded}");
    connection.request("POST", &path, "").expect("an answer")
}

/// The values of the first series of the answer to a query by `root`.
fn rows(connection: &mut Connection, text: &str) -> String {
    let (status, body) = ask(connection, "root", text);
    assert!(status == 200 && !body.contains("\"error\""), "{text}: {status} {body}");
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    answer["results"][0]["series"][0]["values"].to_string()
}

fn row_count(connection: &mut Connection, text: &str) -> usize {
    let rows = rows(connection, text);
    serde_json::from_str::<Vec<serde_json::Value>>(&rows).map_or(0, |rows| rows.len())
}

// spec: http.headers.1, http.headers.3, control.clock.2
#[test]
fn each_answer_has_an_id_of_its_own_and_the_date_of_the_clock() {
    let (_server, mut connection) = server_at_midnight(&[]);
    let mut id = || {
        let answer = connection.send("GET", "/ping", &[], "").expect("an answer");
        assert_eq!(answer.header("date").as_deref(), Some("Wed, 01 Mar 2017 00:00:00 GMT"));
        answer.header("request-id").expect("an id")
    };
    let ids = [id(), id(), id()];
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
}

// spec: statements.continuous-query.4, statements.continuous-query.5
#[test]
fn continuous_queries_compute_each_window_when_it_has_ended() {
    let (_server, mut connection) = server_at_midnight(&[]);
    rows(&mut connection, "CREATE DATABASE points");
    let lines: Vec<String> = (-60..60).map(|minute| format!("m v=1 {}", MIDNIGHT + minute * 60)).collect();
    write(&mut connection, "s", &lines.join("\n"));
    for query in [
        "CREATE CONTINUOUS QUERY t ON points BEGIN SELECT count(v) INTO tens FROM m GROUP BY time(10m) END",
        "CREATE CONTINUOUS QUERY e ON points RESAMPLE EVERY 5m BEGIN SELECT count(v) INTO fives FROM m GROUP BY time(10m) END",
        "CREATE CONTINUOUS QUERY f ON points RESAMPLE FOR 30m BEGIN SELECT count(v) INTO thirties FROM m GROUP BY time(10m) END",
    ] {
        rows(&mut connection, query);
    }
    let windows = |starts: &[i64]| {
        let all: Vec<String> = starts.iter().map(|start| format!("[{},10]", MIDNIGHT + start * 60)).collect();
        format!("[{}]", all.join(","))
    };
    // All of them are due at once, for the windows that have ended by then.
    advance(&mut connection, "5m");
    assert_eq!(rows(&mut connection, "SELECT count FROM tens"), windows(&[-10]));
    assert_eq!(rows(&mut connection, "SELECT count FROM fives"), windows(&[-10, 0]));
    advance(&mut connection, "5m");
    assert_eq!(rows(&mut connection, "SELECT count FROM tens"), windows(&[-10, 0]));
    assert_eq!(rows(&mut connection, "SELECT count FROM thirties"), windows(&[-30, -20, -10, 0]));
    advance(&mut connection, "10m");
    assert_eq!(rows(&mut connection, "SELECT count FROM tens"), windows(&[-10, 0, 10]));
}

// spec: statements.continuous-query.8
#[test]
fn the_continuous_queries_of_a_dropped_user_do_not_run() {
    let (_server, mut connection) = server_at_midnight(&["--auth"]);
    rows(&mut connection, "CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES");
    rows(&mut connection, "CREATE DATABASE points");
    rows(&mut connection, "CREATE USER u WITH PASSWORD 'pw'");
    rows(&mut connection, "GRANT ALL ON points TO u");
    let lines: Vec<String> = (0..60).map(|minute| format!("m v=1 {}", MIDNIGHT + minute * 60)).collect();
    write(&mut connection, "s", &lines.join("\n"));
    let query = "CREATE CONTINUOUS QUERY t ON points BEGIN SELECT count(v) INTO tens FROM m GROUP BY time(10m) END";
    assert_eq!(ask(&mut connection, "u", query).0, 200);
    advance(&mut connection, "10m");
    assert_eq!(row_count(&mut connection, "SELECT count FROM tens"), 1);
    rows(&mut connection, "DROP USER u");
    // Another one of the same name.
    rows(&mut connection, "CREATE USER u WITH PASSWORD 'pw' WITH ALL PRIVILEGES");
    advance(&mut connection, "20m");
    assert_eq!(row_count(&mut connection, "SELECT count FROM tens"), 1);
}

// spec: statements.shard.5, control.clock.4
#[test]
fn shard_groups_are_dropped_when_they_have_expired_and_created_ahead() {
    let (_server, mut connection) = server_at_midnight(&[]);
    rows(&mut connection, "CREATE DATABASE points WITH DURATION 1d REPLICATION 1 SHARD DURATION 1h");
    write(&mut connection, "s", "m v=1");
    assert_eq!(row_count(&mut connection, "SHOW SHARD GROUPS"), 1);
    advance(&mut connection, "45m");
    assert_eq!(row_count(&mut connection, "SHOW SHARD GROUPS"), 2, "the next hour is near");
    advance(&mut connection, "23h");
    assert_eq!(row_count(&mut connection, "SELECT v FROM m"), 1);
    advance(&mut connection, "2h");
    assert_eq!(row_count(&mut connection, "SELECT v FROM m"), 0);
}

// spec: lp.time.3
#[test]
fn the_time_of_a_point_without_one_is_cut_to_the_precision() {
    let (_server, mut connection) = server_at_midnight(&[]);
    rows(&mut connection, "CREATE DATABASE points");
    advance(&mut connection, "1500ms");
    write(&mut connection, "s", "m v=1");
    write(&mut connection, "h", "n v=1");
    let exact = |connection: &mut Connection, second: i64| {
        rows(connection, &format!("SELECT v FROM m, n WHERE time = {second}000000000"))
    };
    assert_eq!(exact(&mut connection, MIDNIGHT + 1), format!("[[{},1]]", MIDNIGHT + 1));
    assert_eq!(exact(&mut connection, MIDNIGHT), format!("[[{MIDNIGHT},1]]"));
}

// spec: statements.shard.2, statements.shard.4
#[test]
fn a_dropped_shard_takes_its_points_with_it() {
    let (_server, mut connection) = server_at_midnight(&[]);
    rows(&mut connection, "CREATE DATABASE points WITH DURATION INF SHARD DURATION 1h");
    let hour = MIDNIGHT + 3600;
    write(&mut connection, "s", &format!("m v=1 {MIDNIGHT}\nm v=2 {hour}\nonly v=1 {MIDNIGHT}"));
    let shards = |connection: &mut Connection| {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&rows(connection, "SHOW SHARDS")).expect("rows");
        let start = |row: &serde_json::Value| (row[0].as_u64().expect("a number"), row[4].as_str().map(str::to_owned));
        rows.iter().map(start).collect::<Vec<_>>()
    };
    let (first, second) = (Some("2017-03-01T00:00:00Z".to_owned()), Some("2017-03-01T01:00:00Z".to_owned()));
    assert_eq!(shards(&mut connection), [(1, first.clone()), (2, second.clone())]);
    rows(&mut connection, "DROP SHARD 1");
    assert_eq!(shards(&mut connection), [(2, second.clone())]);
    assert_eq!(rows(&mut connection, "SELECT v FROM m"), format!("[[{hour},2]]"));
    assert_eq!(rows(&mut connection, "SHOW MEASUREMENTS"), r#"[["m"]]"#);
    // Its number is not used again.
    write(&mut connection, "s", &format!("m v=3 {MIDNIGHT}"));
    assert_eq!(shards(&mut connection), [(3, first), (2, second)]);
    assert_eq!(rows(&mut connection, "SELECT v FROM m"), format!("[[{MIDNIGHT},3],[{hour},2]]"));
}

// spec: select.group.time.1
#[test]
fn windows_begin_at_now() {
    let (_server, mut connection) = server_at_midnight(&[]);
    rows(&mut connection, "CREATE DATABASE points");
    let lines: Vec<String> = (0..20).map(|minute| format!("m v=1 {}", MIDNIGHT + minute * 60)).collect();
    write(&mut connection, "s", &lines.join("\n"));
    advance(&mut connection, "23m");
    let rows = rows(&mut connection, "SELECT count(v) FROM m WHERE time > 0 GROUP BY time(10m, now()) fill(none)");
    let window = |minute: i64, count| format!("[{},{count}]", MIDNIGHT + minute * 60);
    assert_eq!(rows, format!("[{},{},{}]", window(-7, 3), window(3, 10), window(13, 7)));
}

// spec: http.csv.8
#[test]
fn empty_cells_of_csv_are_empty_if_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("fluxstone.conf");
    std::fs::write(&config, "[compat]\ncsv-null-cells = \"empty\"\n").expect("a file");
    let server = Server::with_config(&config);
    let mut connection = Connection::open(server.address());
    rows(&mut connection, "CREATE DATABASE points");
    write(&mut connection, "s", "m a=1 1\nm b=2 2\nm a=3,b=4 3\nm c=5 4");
    let csv = [("Accept".to_owned(), "text/csv".to_owned())];
    let answer = connection.send("GET", "/query?db=points&epoch=s&q=SELECT+a,b,c+FROM+m", &csv, "").expect("an answer");
    let text = "name,tags,time,a,b,c\nm,,1,1,,\nm,,2,,2,\nm,,3,3,4,\nm,,4,,,5\n";
    assert_eq!(String::from_utf8_lossy(&answer.body), text);
}

// spec: http.connection.3
#[test]
fn a_request_has_one_host() {
    let server = Server::ephemeral();
    let answer = |hosts: &str| {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        write!(stream, "GET /ping HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and the end");
        answer
    };
    assert!(answer("Host: a\r\n").starts_with("HTTP/1.1 204"));
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n"] {
        assert!(answer(hosts).starts_with("HTTP/1.1 400"), "{hosts:?}");
    }
}

// spec: influxql.user.3
#[test]
fn messages_do_not_show_passwords() {
    let server = Server::ephemeral();
    let mut connection = Connection::open(server.address());
    for text in [
        "CREATE USER u WITH PASSWORD secret",
        "CREATE USER u WITH PASSWORD \"secret\"",
        "SET PASSWORD FOR u = 5ecret",
        "CREATE USER u WITH PASSWORD 'a'secret'",
    ] {
        let (status, answer) = ask(&mut connection, "root", text);
        assert!(status == 400 && answer.contains("found [REDACTED], expected"), "{text}: {status} {answer}");
        assert!(!answer.contains("ecret"), "{text}: {answer}");
    }
}

// spec: http.limits.2
#[test]
fn a_query_has_at_most_ten_mebibytes() {
    let server = Server::ephemeral();
    let mut connection = Connection::open(server.address());
    let form = [("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let query = "q=SHOW+DATABASES&x=";
    let body = format!("{query}{}", "x".repeat((10 << 20) - query.len()));
    assert_eq!(connection.send("POST", "/query", &form, &body).expect("an answer").status, 200);
    // A larger one is refused before it is sent.
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let head = "POST /query HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n", (10 << 20) + 1).expect("sent");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("a status");
    assert_eq!(&status, b"HTTP/1.1 413");
}

/// A query whose answer is larger than what sockets hold, and whose client does not read.
struct HeldQuery(TcpStream);

impl HeldQuery {
    fn start(server: &Server, admin: &mut Connection, user: &str, text: &str) -> HeldQuery {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        let head = format!("GET /query?db=points&u={user}&p=pw&q={encoded} HTTP/1.1\r\nHost: t\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let deadline = Instant::now() + Duration::from_secs(30);
        while row_count(admin, "SHOW QUERIES") < 2 {
            assert!(Instant::now() < deadline, "the query does not run");
            std::thread::sleep(Duration::from_millis(10));
        }
        HeldQuery(stream)
    }

    fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// A server with the large answer to `SELECT s FROM big`.
fn server_with_large_strings(settings: &str) -> (Server, Connection, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("fluxstone.conf");
    std::fs::write(&config, settings).expect("a file");
    let server = Server::with_config(&config);
    let mut connection = Connection::open(server.address());
    rows(&mut connection, "CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES");
    rows(&mut connection, "CREATE DATABASE points");
    let text = "x".repeat(60_000);
    for start in 0..8 {
        let lines: Vec<String> = (0..50).map(|n| format!("big s=\"{text}\" {}", start * 50 + n)).collect();
        write(&mut connection, "ns", &lines.join("\n"));
    }
    (server, connection, folder)
}

// spec: statements.query.1, statements.query.2
#[test]
fn a_running_query_is_shown_and_can_be_killed() {
    let (server, mut connection, _folder) = server_with_large_strings("");
    let held = HeldQuery::start(&server, &mut connection, "root", "SELECT s FROM big; SELECT s FROM big");
    let shown = rows(&mut connection, "SHOW QUERIES");
    let text = r#""SELECT s FROM points..big;\nSELECT s FROM points..big","points""#;
    let text_as_written = r#""SELECT s FROM big;\nSELECT s FROM big","points""#;
    assert!(shown.contains(text) || shown.contains(text_as_written), "{shown}");
    let all: Vec<serde_json::Value> = serde_json::from_str(&shown).expect("rows");
    let id = all.iter().find(|row| row.to_string().contains("big")).and_then(|row| row[0].as_u64()).expect("an id");
    rows(&mut connection, &format!("KILL QUERY {id}"));
    assert!(held.rest().contains("query interrupted"));
    let (_, answer) = ask(&mut connection, "root", &format!("KILL QUERY {id}"));
    assert!(answer.contains("no such query id"), "{answer}");
}

// spec: statements.sequence.5, statements.sequence.6
#[test]
fn only_so_many_queries_run_at_a_time() {
    let (server, mut connection, _folder) = server_with_large_strings("[coordinator]\nmax-concurrent-queries = 1\n");
    let _held = HeldQuery::start(&server, &mut connection, "root", "SELECT s FROM big");
    let (_, answer) = ask(&mut connection, "root", "SELECT count(s) FROM big");
    assert!(answer.contains("max-concurrent-queries limit exceeded(1, 1)"), "{answer}");
}

// spec: statements.privilege.4
#[test]
fn users_see_their_own_queries_only() {
    let (server, mut connection, _folder) = server_with_large_strings("[http]\nauth-enabled = true\n");
    rows(&mut connection, "CREATE USER u WITH PASSWORD 'pw'");
    rows(&mut connection, "GRANT READ ON points TO u");
    let _held = HeldQuery::start(&server, &mut connection, "root", "SELECT s FROM big");
    let (status, shown) = ask(&mut connection, "u", "SHOW QUERIES");
    assert!(status == 200 && shown.contains("SHOW QUERIES") && !shown.contains("big"), "{status} {shown}");
}

// spec: auth.bootstrap.1, statements.privilege.3
#[test]
fn without_users_only_the_first_administrator_can_be_created() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data_dir, config) = (folder.path().join("data"), folder.path().join("fluxstone.conf"));
    let server = Server::on(&data_dir);
    rows(&mut Connection::open(server.address()), "CREATE DATABASE points");
    drop(server);
    std::fs::write(&config, "[http]\nauth-enabled = true\n").expect("a file");
    let server = Server::on_with_config(&data_dir, &config);
    let mut connection = Connection::open(server.address());
    for text in ["SHOW DATABASES", "CREATE USER root WITH PASSWORD 'pw'", "DROP DATABASE points"] {
        let (status, answer) = ask(&mut connection, "root", text);
        assert!(status == 403 && answer.contains("create admin user first"), "{text}: {status} {answer}");
    }
    let (status, answer) = connection.request("POST", "/write?db=points", "m v=1").expect("an answer");
    assert!(status == 403 && answer.contains("user is required to write"), "{status} {answer}");
    rows(&mut connection, "CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES");
    rows(&mut connection, "SHOW DATABASES");
}

// spec: auth.token.2
#[test]
fn without_a_shared_secret_no_token_is_accepted() {
    let server = Server::start_with(&["--auth"]);
    let mut connection = Connection::open(server.address());
    rows(&mut connection, "CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES");
    // For `root`, until the year 2100, signed with the empty secret.
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VybmFtZSI6InJvb3QiLCJleHAiOjQxMDI0NDQ4MDB9.\
                 UQFLa3zTHwFzuJCbU1uahPsEJSfBlWjY94wH117dPws";
    let bearer = [("Authorization".to_owned(), format!("Bearer {token}"))];
    let answer = connection.send("GET", "/query?q=SHOW+DATABASES", &bearer, "").expect("an answer");
    assert_eq!(answer.status, 401);
}

// spec: auth.token.8
#[test]
fn a_token_with_critical_parameters_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("fluxstone.conf");
    std::fs::write(&config, "[http]\nauth-enabled = true\nshared-secret = \"a shared secret\"\n").expect("a file");
    let server = Server::with_config(&config);
    let mut connection = Connection::open(server.address());
    rows(&mut connection, "CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES");
    // For `root`, until the year 2100, with `"crit":["exp"]` in its header.
    let token = "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiZXhwIl0sImV4cCI6MX0.\
                 eyJ1c2VybmFtZSI6InJvb3QiLCJleHAiOjQxMDI0NDQ4MDB9.NmcW3iImR2jkSQP3vKTiuoY2MhLT21sR3GRN7qVtgnY";
    let bearer = [("Authorization".to_owned(), format!("Bearer {token}"))];
    let answer = connection.send("GET", "/query?q=SHOW+DATABASES", &bearer, "").expect("an answer");
    assert_eq!(answer.status, 401);
    assert!(String::from_utf8_lossy(&answer.body).contains("crit"));
}
