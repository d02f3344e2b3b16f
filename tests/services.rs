//! Services beside the HTTP API: a server delivers to another one, and receives datagrams.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod client;

use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use client::Connection;
use fluxstone::config::{Interval, Settings, Udp};
use fluxstone::{Server, ServerBuilder};

/// How long points may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with a database `points`, and a connection to it.
fn server(configure: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Server, Connection) {
    let server = configure(Server::builder()).start().unwrap();
    let mut connection = Connection::open(server.address());
    connection.query("CREATE DATABASE points").unwrap();
    (server, connection)
}

fn subscribe(connection: &mut Connection, name: &str, mode: &str, destinations: &[String]) {
    let destinations = destinations.iter().map(|url| format!("'{url}'")).collect::<Vec<_>>().join(", ");
    let text = format!("CREATE SUBSCRIPTION {name} ON points.autogen DESTINATIONS {mode} {destinations}");
    connection.query(&text).unwrap();
}

fn write(connection: &mut Connection, lines: &str) {
    let written = connection.request("POST", "/write?db=points&precision=s", lines).unwrap();
    assert_eq!(written, (204, String::new()), "{lines}");
}

/// Waits until a query has as many rows, and returns them as text.
fn wait_for_rows(connection: &mut Connection, query: &str, count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let rows = connection.rows(query);
        if rows.len() >= count || Instant::now() > deadline {
            return rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn udp(settings: &mut Settings, change: impl FnOnce(&mut Udp)) {
    let udp = &mut settings.udp[0];
    udp.enabled = true;
    "127.0.0.1:0".clone_into(&mut udp.bind_address);
    "points".clone_into(&mut udp.database);
    udp.batch_timeout = Interval(Duration::from_millis(20));
    change(udp);
}

// spec: subscriptions.delivery.1, subscriptions.mode.1, subscriptions.http.1
#[test]
fn a_subscription_of_all_reaches_each_destination() {
    let (first, mut first_connection) = server(|builder| builder);
    let (second, mut second_connection) = server(|builder| builder);
    let (_source, mut source) = server(|builder| builder);
    subscribe(&mut source, "both", "ALL", &[first.url(), second.url() + "/"]);
    write(&mut source, "m,t=a\\ b s=\"x, \\\"y\\\"\",f=0.1,i=7i 1\nm,t=c f=-2e21 2");
    source.query("SELECT f INTO copied FROM m WHERE t = 'c'").unwrap();
    for connection in [&mut first_connection, &mut second_connection] {
        let rows = wait_for_rows(connection, "SELECT * FROM m", 2);
        let expected = [r#"[1000000000,0.1,7,"x, \"y\"","a b"]"#, r#"[2000000000,-2e+21,null,null,"c"]"#];
        assert_eq!(rows, expected);
        assert_eq!(wait_for_rows(connection, "SELECT f FROM copied", 1), ["[2000000000,-2e+21]"]);
    }
    source.query("DROP SUBSCRIPTION both ON points.autogen").unwrap();
    write(&mut source, "later f=1 1");
    subscribe(&mut source, "one", "ALL", &[first.url()]);
    write(&mut source, "last f=1 1");
    assert_eq!(wait_for_rows(&mut first_connection, "SELECT * FROM last", 1).len(), 1);
    assert_eq!(first_connection.rows("SELECT * FROM later").len(), 0);
}

// spec: subscriptions.mode.1
#[test]
fn a_subscription_of_any_reaches_one_destination_and_passes_over_a_dead_one() {
    let (first, mut first_connection) = server(|builder| builder);
    let (second, mut second_connection) = server(|builder| builder);
    let (_source, mut source) = server(|builder| builder);
    // Nobody listens on this port.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    subscribe(&mut source, "one", "ANY", &[format!("http://{dead}"), first.url(), second.url()]);
    for at in 0..30 {
        write(&mut source, &format!("m v={at} {at}"));
    }
    let deadline = Instant::now() + PATIENCE;
    let mut counts = (0, 0);
    while counts.0 + counts.1 < 30 && Instant::now() < deadline {
        let count = |connection: &mut Connection| connection.rows("SELECT * FROM m").len();
        counts = (count(&mut first_connection), count(&mut second_connection));
    }
    assert_eq!(counts.0 + counts.1, 30, "{counts:?}");
    assert!(counts.0 > 0 && counts.1 > 0, "{counts:?}");
}

// spec: subscriptions.queue.1, subscriptions.queue.3
#[test]
fn a_destination_that_never_answers_delays_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (good, mut good_connection) = server(|builder| builder);
    let (_source, mut source) = server(|builder| {
        builder.configure(|settings| {
            settings.subscriber.write_buffer_size = 2;
            settings.subscriber.write_concurrency = 1;
            settings.subscriber.http_timeout = Interval(Duration::from_mins(10));
        })
    });
    subscribe(&mut source, "silent", "ALL", &[format!("http://{}", silent.local_addr().unwrap())]);
    subscribe(&mut source, "good", "ALL", &[good.url()]);
    for at in 0..20 {
        write(&mut source, &format!("m v={at} {at}"));
        // The queue of the good one is as short, so it must keep up.
        assert_eq!(wait_for_rows(&mut good_connection, "SELECT * FROM m", at + 1).len(), at + 1);
    }
}

// spec: subscriptions.http.1, subscriptions.body.1
#[test]
fn a_delivery_is_one_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_source, mut source) = server(|builder| builder);
    let url = format!("http://user:pass@{}/below", listener.local_addr().unwrap());
    subscribe(&mut source, "seen", "ALL", &[url]);
    write(&mut source, "m,t=1 v=1.50 3\nm s=\"a\nb\" 4");
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let received = answer_one(&mut stream, "m,t=1 v=1.5 3000000000\nm s=\"a\nb\" 4000000000\n", "204 No Content");
    assert!(
        received.starts_with("POST /below/write?consistency=&db=points&precision=ns&rp=autogen HTTP/1.1\r\n"),
        "{received}"
    );
    assert!(received.to_lowercase().contains("\r\nauthorization: basic dxnlcjpwyxnz\r\n"), "{received}");
}

/// Reads a request that ends with `body`, answers it, and returns it.
fn answer_one(stream: &mut (impl std::io::Read + std::io::Write), body: &str, status: &str) -> String {
    let mut received = String::new();
    let mut buffer = [0; 4096];
    while !received.ends_with(body) {
        let len = stream.read(&mut buffer).unwrap();
        assert!(len > 0, "{received}");
        received.push_str(std::str::from_utf8(&buffer[..len]).unwrap());
    }
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    received
}

// spec: subscriptions.queue.2
#[test]
fn a_write_that_fails_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_source, mut source) = server(|builder| builder);
    subscribe(&mut source, "fails", "ALL", &[format!("http://{}", listener.local_addr().unwrap())]);
    for (line, status) in
        [("m v=1 1", "500 Internal Server Error"), ("m v=2 2", "302 Found"), ("m v=3 3", "204 No Content")]
    {
        write(&mut source, line);
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The body is this write alone, so the one before was not sent again.
        answer_one(&mut stream, &format!("\r\n\r\n{line}000000000\n"), status);
    }
}

// spec: subscriptions.tls.1
#[test]
fn certificates_of_destinations_are_checked() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let trusted = directory.path().join("ca.pem");
    std::fs::write(&trusted, cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let config = std::sync::Arc::new(config);
    for (ca_certs, accept_any, is_delivered) in
        [(None, false, false), (None, true, true), (Some(trusted.clone()), false, true)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (_source, mut source) = server(|builder| {
            builder.configure(|settings| {
                settings.subscriber.ca_certs = ca_certs.clone().unwrap_or_default();
                settings.subscriber.insecure_skip_verify = accept_any;
            })
        });
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        subscribe(&mut source, "tls", "ALL", &[url]);
        write(&mut source, "m v=1 1");
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let connection = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, tcp);
        if is_delivered {
            answer_one(&mut stream, "m v=1 1000000000\n", "204 No Content");
        } else {
            let refusal = stream.read(&mut [0; 1]).unwrap_err();
            assert!(refusal.to_string().contains("UnknownCA"), "{refusal}");
        }
    }
}

// spec: subscriptions.udp.1
#[test]
fn datagrams_hold_whole_points() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // Without a limit on the time.
    let (_source, mut source) =
        server(|builder| builder.configure(|settings| settings.subscriber.http_timeout = Interval(Duration::ZERO)));
    subscribe(&mut source, "udp", "ALL", &[format!("udp://{}", socket.local_addr().unwrap())]);
    let long = "x".repeat(600);
    let lines: Vec<String> = (10..60).map(|at| format!("m,host=a{at} v={at}i {at}000000000")).collect();
    write(&mut source, &format!("{}\nm s=\"{long}\n\" 7", lines.join("\n").replace("000000000", "")));
    let mut received = Vec::new();
    let mut buffer = [0; 2048];
    while received.len() < 51 {
        let len = socket.recv(&mut buffer).unwrap();
        let datagram = std::str::from_utf8(&buffer[..len]).unwrap();
        if datagram.contains("xxx") {
            assert_eq!(datagram, format!("m s=\"{long}\n\" 7000000000\n"));
            received.push(String::new());
            continue;
        }
        assert!(len <= 512 && datagram.ends_with('\n'), "{datagram}");
        received.extend(datagram.lines().map(ToOwned::to_owned));
    }
    assert_eq!(received[..50], lines);
}

// spec: udp.input.1, udp.datagram.1
#[test]
fn datagrams_become_points() {
    let (server, mut connection) = server(|builder| {
        builder.configure(|settings| {
            udp(settings, |udp| {
                "s".clone_into(&mut udp.precision);
                "received".clone_into(&mut udp.database);
            });
        })
    });
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = server.udp_addresses()[0];
    for datagram in ["m v=1 1", "m v=2 2\nm v=3 3", "m v=9 9\nbad", "m s=\"open", "m v=4 4\n"] {
        socket.send_to(datagram.as_bytes(), to).unwrap();
    }
    let rows = wait_for_rows(&mut connection, "SELECT v FROM received..m", 4);
    assert_eq!(rows, ["[1000000000,1]", "[2000000000,2]", "[3000000000,3]", "[4000000000,4]"]);
}

/// Waits until a module of SHOW STATS counts what is expected.
fn wait_for_counts(connection: &mut Connection, module: &str, at: usize, expected: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = connection.query(&format!("SHOW STATS FOR '{module}'")).unwrap();
        let series = &answer["results"][0]["series"][at];
        let counts = format!("{}{}", series["columns"], series["values"][0]);
        if counts == expected || Instant::now() > deadline {
            assert_eq!(counts, expected);
            return;
        }
    }
}

// spec: subscriptions.stats.1, udp.stats.1
#[test]
fn what_is_delivered_and_received_is_counted() {
    let (receiver, mut receiving) = server(|builder| builder.configure(|settings| udp(settings, |_| {})));
    let (_source, mut source) = server(|builder| builder);
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let alive = format!("udp://{}", receiver.udp_addresses()[0]);
    subscribe(&mut source, "two", "ALL", &[alive.clone(), format!("http://{dead}")]);
    write(&mut source, "m v=1 1\nm v=2 2");
    let columns = r#"["pointsWritten","writeFailures"]"#;
    wait_for_counts(&mut source, "subscriber", 0, r#"["createFailures","pointsWritten","writeFailures"][0,2,1]"#);
    wait_for_counts(&mut source, "subscriber", 1, &format!("{columns}[2,0]"));
    wait_for_counts(&mut source, "subscriber", 2, &format!("{columns}[0,1]"));
    let answer = source.query("SHOW STATS FOR 'subscriber'").unwrap();
    let tags = &answer["results"][0]["series"][1]["tags"];
    assert_eq!(tags["destination"], alive);
    assert_eq!(
        (&tags["mode"], &tags["name"], &tags["retention_policy"]),
        (&"ALL".into(), &"two".into(), &"autogen".into())
    );

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"bad", receiver.udp_addresses()[0]).unwrap();
    let columns = r#"["batchesTx","batchesTxFail","bytesRx","pointsParseFail","pointsRx","pointsTx","readFail"]"#;
    wait_for_counts(&mut receiving, "udp", 0, &format!("{columns}[1,0,37,1,2,2,0]"));
}

// spec: udp.datagram.1, udp.batch.1
#[test]
fn datagrams_without_times_arrive_at_different_times() {
    let (server, mut connection) =
        server(|builder| builder.configure(|settings| udp(settings, |udp| udp.batch_size = 4)));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for at in 0..10 {
        socket.send_to(format!("m v={at}").as_bytes(), server.udp_addresses()[0]).unwrap();
    }
    assert_eq!(wait_for_rows(&mut connection, "SELECT v FROM m", 10).len(), 10);
}
