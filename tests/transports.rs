//! The API over TLS and over a unix socket, served by the real program.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate and its key.
struct Pair {
    der: CertificateDer<'static>,
    certificate: String,
    key: String,
}

impl Pair {
    fn new() -> Pair {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        Pair { der: made.cert.der().clone(), certificate, key }
    }

    /// Connects to a server that must show this certificate.
    fn connect(&self, address: SocketAddr) -> std::io::Result<Encrypted> {
        self.connect_with(address, &[b"h2", b"http/1.1"])
    }

    fn connect_with(&self, address: SocketAddr, protocols: &[&[u8]]) -> std::io::Result<Encrypted> {
        let mut trusted = RootCertStore::empty();
        trusted.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(trusted).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(connection, tcp(address));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

type Encrypted = StreamOwned<ClientConnection, TcpStream>;

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A folder for a server: its configuration, its data, and what else a test needs.
struct Place(tempfile::TempDir);

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A running server.
struct Server {
    process: Child,
    ready: serde_json::Value,
    /// What it prints to standard error.
    messages: PathBuf,
}

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// The settings of TLS with a pair in two files.
    fn tls(&self, pair: &Pair) -> String {
        let certificate = shown(&self.write("certificate.pem", &pair.certificate));
        let key = shown(&self.write("key.pem", &pair.key));
        format!("[http]\nhttps-enabled = true\nhttps-certificate = {certificate:?}\nhttps-private-key = {key:?}\n")
    }

    /// The settings of a unix socket.
    fn unix(&self) -> String {
        format!("[http]\nunix-socket-enabled = true\nbind-socket = {:?}\n", shown(&self.path("influxdb.sock")))
    }

    fn command(&self, settings: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fluxstone"));
        command.args(["serve", "--bind", "127.0.0.1:0", "--print-ready", "json", "--data-dir"]);
        command.arg(self.path("store")).arg("--config").arg(self.write("server.toml", settings));
        command
    }

    fn start(&self, settings: &str) -> Server {
        let messages = self.path("messages");
        let mut command = self.command(settings);
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&messages).unwrap());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{}", std::fs::read_to_string(&messages).unwrap()));
        Server { process, ready, messages }
    }

    /// The message of a server that does not start.
    fn refusal(&self, settings: &str) -> String {
        let output = self.command(settings).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Server {
    fn address(&self) -> SocketAddr {
        self.ready["address"].as_str().unwrap().parse().unwrap()
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until it has logged a text.
    fn wait_for_message(&self, text: &str) {
        let began = Instant::now();
        loop {
            let messages = std::fs::read_to_string(&self.messages).unwrap();
            if messages.contains(text) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{messages}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop(mut self) {
        self.signal("-TERM");
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a request after which the server closes, and reads all of the answer.
fn exchange(stream: &mut (impl Read + Write), line: &str, body: &str) -> String {
    send(stream, line, "Connection: close\r\n", body);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn send(stream: &mut impl Write, line: &str, headers: &str, body: &str) {
    let length = body.len();
    let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    stream.flush().unwrap();
}

/// Reads an answer without a body.
fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Writes and queries over connections of one kind.
fn check_api<S: Read + Write>(mut connect: impl FnMut() -> S) {
    let ping = exchange(&mut connect(), "GET /ping", "");
    assert!(
        ping.starts_with("HTTP/1.1 204 No Content\r\n") && ping.contains("X-Influxdb-Version: 1.2.4\r\n"),
        "{ping}"
    );
    let created = exchange(&mut connect(), "POST /query?q=CREATE+DATABASE+d", "");
    assert!(created.contains("{\"results\":[{\"statement_id\":0}]}\n"), "{created}");
    // Several requests of one connection.
    let mut kept = connect();
    for at in 1..=3 {
        send(&mut kept, "POST /write?db=d", "", &format!("m v={at} {at}"));
        let head = read_head(&mut kept);
        assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    }
    let rows = exchange(&mut connect(), "GET /query?db=d&epoch=ns&q=SELECT+v+FROM+m", "");
    assert!(rows.contains("\"values\":[[1,1],[2,2],[3,3]]"), "{rows}");
    // Longer than what TLS takes at once.
    let lines: Vec<String> = (0..50_000).map(|at| format!("long v={at} {at}")).collect();
    assert!(exchange(&mut connect(), "POST /write?db=d", &lines.join("\n")).starts_with("HTTP/1.1 204"));
    let rows = exchange(&mut connect(), "GET /query?db=d&epoch=ns&q=SELECT+v+FROM+long", "");
    assert!(rows.contains("[49999,49999]]"), "{} bytes", rows.len());
}

// spec: http.tls.1
#[test]
fn the_api_is_served_over_tls() {
    let (place, pair) = (Place::new(), Pair::new());
    let server = place.start(&place.tls(&pair));
    assert_eq!((&server.ready["scheme"], &server.ready["socket"]), (&"https".into(), &serde_json::Value::Null));
    assert_eq!(server.ready["url"], format!("https://{}", server.address()));
    check_api(|| pair.connect(server.address()).unwrap());
    let connection = pair.connect(server.address()).unwrap();
    assert_eq!(connection.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(pair.connect_with(server.address(), &[]).is_ok(), "without a choice of protocols");
    let refused = pair.connect_with(server.address(), &[b"h2"]).unwrap_err().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    server.stop();
}

// spec: http.tls.2, http.tls.3
#[test]
fn one_file_may_hold_certificate_and_key_and_a_wrong_pair_is_an_error_at_start() {
    let (place, pair, other) = (Place::new(), Pair::new(), Pair::new());
    let both = shown(&place.write("both.pem", &format!("{}{}", pair.key, pair.certificate)));
    let server = place.start(&format!("[http]\nhttps-enabled = true\nhttps-certificate = {both:?}\n"));
    check_api(|| pair.connect(server.address()).unwrap());
    assert!(other.connect(server.address()).unwrap_err().to_string().contains("invalid peer certificate"));
    server.stop();

    let settings = place.tls(&pair);
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| place.path(name).display().to_string());
    place.write("key.pem", &other.key);
    let wrong = format!(
        "fluxstone: [http] https-private-key: the key in {key} does not belong to the certificate in {certificate} \
         (https-certificate)\n"
    );
    assert_eq!(place.refusal(&settings), wrong);
    std::fs::remove_file(&key).unwrap();
    let missing = place.refusal(&settings);
    assert!(
        missing.starts_with(&format!("fluxstone: [http] https-private-key: can't read {key}: No such file")),
        "{missing}"
    );
}

// spec: http.tls.4
#[test]
fn a_certificate_is_read_again_on_sighup() {
    let (place, first, second) = (Place::new(), Pair::new(), Pair::new());
    let server = place.start(&place.tls(&first));
    let mut old = first.connect(server.address()).unwrap();
    send(&mut old, "GET /ping", "", "");
    read_head(&mut old);

    place.tls(&second);
    server.signal("-HUP");
    server.wait_for_message("the certificate was read again");
    assert!(exchange(&mut second.connect(server.address()).unwrap(), "GET /ping", "").starts_with("HTTP/1.1 204"));
    assert!(first.connect(server.address()).is_err());
    assert!(exchange(&mut old, "GET /ping", "").starts_with("HTTP/1.1 204"), "connections that are open go on");

    place.write("key.pem", &first.key);
    server.signal("-HUP");
    server.wait_for_message("the previous certificate stays in use");
    server.wait_for_message("does not belong to the certificate");
    assert!(exchange(&mut second.connect(server.address()).unwrap(), "GET /ping", "").starts_with("HTTP/1.1 204"));
    server.stop();
}

// spec: http.tls.5
#[test]
fn a_request_that_is_not_encrypted_gets_the_text_of_go() {
    let (place, pair) = (Place::new(), Pair::new());
    let server = place.start(&place.tls(&pair));
    let answer = exchange(&mut tcp(server.address()), "POST /write?db=d", &"m v=1\n".repeat(10_000));
    assert_eq!(answer, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    for input in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0; 10_000], b"\x16\x03\x01\xff\xff\x01", b"x"] {
        let mut stream = tcp(server.address());
        let _ = stream.write_all(input);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    check_api(|| pair.connect(server.address()).unwrap());
    server.stop();
}

// spec: http.tls.6, http.limits.7
#[test]
fn handshakes_that_are_not_finished_hold_nobody_up_and_count_as_connections() {
    let (place, pair) = (Place::new(), Pair::new());
    let server = place.start(&format!("{}max-connection-limit = 41\n", place.tls(&pair)));
    let mut stalled: Vec<_> = (0..40).map(|_| tcp(server.address())).collect();
    for (at, stream) in stalled.iter_mut().enumerate() {
        stream.write_all(&b"\x16\x03\x01\x02\x00\x01"[..at % 7]).unwrap();
    }
    let mut good = pair.connect(server.address()).unwrap();
    send(&mut good, "GET /ping", "", "");
    assert!(read_head(&mut good).starts_with("HTTP/1.1 204"));
    assert!(pair.connect(server.address()).is_err(), "one too many");
    drop(stalled);
    let began = Instant::now();
    while pair.connect(server.address()).is_err() {
        assert!(began.elapsed() < PATIENCE);
    }
    server.stop();
}

// spec: http.half-close.1, http.tls.1
#[test]
fn a_client_that_stops_sending_gets_its_answer_over_each_transport() {
    let (place, pair) = (Place::new(), Pair::new());
    let server = place.start(&format!("{}{}", place.tls(&pair), place.unix().replace("[http]\n", "")));
    let mut encrypted = pair.connect(server.address()).unwrap();
    send(&mut encrypted, "GET /ping", "", "");
    encrypted.conn.send_close_notify();
    encrypted.flush().unwrap();
    encrypted.sock.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    encrypted.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");

    let mut local = UnixStream::connect(place.path("influxdb.sock")).unwrap();
    send(&mut local, "GET /ping", "", "");
    local.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    local.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    server.stop();
}

// spec: http.unix.1, http.unix.3, http.unix.4, http.ready.1
#[test]
fn the_api_is_served_at_a_unix_socket() {
    let place = Place::new();
    let path = place.path("influxdb.sock");
    let server = place.start(&place.unix());
    assert_eq!(server.ready["socket"], path.display().to_string());
    let metadata = std::fs::metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    // The process inherits the mask of this one.
    let plain = place.path("other.sock");
    let _other = UnixListener::bind(&plain).unwrap();
    assert_eq!(metadata.permissions().mode(), std::fs::metadata(plain).unwrap().permissions().mode());

    check_api(|| {
        let stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    });
    // What was written there is seen here.
    let rows = exchange(&mut tcp(server.address()), "GET /query?db=d&epoch=ns&q=SELECT+v+FROM+m", "");
    assert!(rows.contains("\"values\":[[1,1],[2,2],[3,3]]"), "{rows}");
    server.stop();
    assert!(!path.exists());
}

// spec: http.unix.2
#[test]
fn a_socket_that_a_killed_server_left_is_replaced_and_no_other_file() {
    let place = Place::new();
    let path = place.path("influxdb.sock");
    let mut server = place.start(&place.unix());
    let created = exchange(&mut UnixStream::connect(&path).unwrap(), "POST /query?q=CREATE+DATABASE+kept", "");
    assert!(created.starts_with("HTTP/1.1 200"), "{created}");
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    assert!(path.exists());

    let server = place.start(&place.unix());
    let shown = exchange(&mut UnixStream::connect(&path).unwrap(), "GET /query?q=SHOW+DATABASES", "");
    assert!(shown.contains("kept"), "{shown}");
    // A second server, with other data, finds it in use, and leaves it alone.
    let second = Place::new();
    let message = second.refusal(&place.unix());
    let shown_path = path.display();
    let expected =
        format!("fluxstone: [http] bind-socket: can't listen on {shown_path}: another process listens on it\n");
    assert_eq!(message, expected);
    assert!(exchange(&mut UnixStream::connect(&path).unwrap(), "GET /ping", "").starts_with("HTTP/1.1 204"));
    server.stop();

    place.write("influxdb.sock", "kept");
    let message = place.refusal(&place.unix());
    let expected =
        format!("fluxstone: [http] bind-socket: can't listen on {shown_path}: it exists and is not a socket\n");
    assert_eq!(message, expected);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
}

// spec: http.limits.7, http.unix.4
#[test]
fn connections_of_both_kinds_count_together() {
    let place = Place::new();
    let server = place.start(&format!("{}max-connection-limit = 2\n", place.unix()));
    let connect = || UnixStream::connect(place.path("influxdb.sock")).unwrap();
    let (mut local, mut remote) = (connect(), tcp(server.address()));
    for stream in [&mut local as &mut dyn ReadWrite, &mut remote] {
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(read_head(&mut { stream }).starts_with("HTTP/1.1 204"));
    }
    assert_eq!(connect().read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(tcp(server.address()).read(&mut [0]).unwrap_or(0), 0);
    server.stop();
}

trait ReadWrite: Read + Write {}

impl<S: Read + Write> ReadWrite for S {}

#[test]
fn an_embedded_server_has_the_same_transports() {
    let (place, pair) = (Place::new(), Pair::new());
    let both = place.write("both.pem", &format!("{}{}", pair.key, pair.certificate));
    let path: &Path = &place.path("embedded.sock");
    let builder = fluxstone::Server::builder().configure(|settings| {
        settings.http.https_enabled = true;
        settings.http.https_certificate = both;
        settings.http.unix_socket_enabled = true;
        settings.http.bind_socket = path.to_owned();
    });
    let server = builder.start().unwrap();
    assert_eq!(server.url(), format!("https://{}", server.address()));
    assert!(exchange(&mut pair.connect(server.address()).unwrap(), "GET /ping", "").starts_with("HTTP/1.1 204"));
    assert!(exchange(&mut UnixStream::connect(path).unwrap(), "GET /ping", "").starts_with("HTTP/1.1 204"));
    drop(server);
    assert!(!path.exists());
}
