//! A small server to run the runner against: one answer per connection, over TCP, TLS or a unix socket.

#![allow(clippy::format_push_string, reason = "cases are small, and read better so")]
#![allow(dead_code, reason = "each integration test uses a part of it")]

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The verb and target.
    pub(crate) line: String,
    /// The headers, one a line.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

/// What a server answers: a status and a body in JSON.
pub(crate) type Answer = fn(&Seen) -> (u16, &'static str);

/// The requests that a server has seen.
pub(crate) type Log = Arc<Mutex<Vec<Seen>>>;

/// A certificate and its key, for `localhost`.
pub(crate) struct Pair {
    /// The certificate as PEM.
    pub(crate) certificate: String,
    config: Arc<ServerConfig>,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        Pair::of(rcgen::IsCa::NoCa)
    }

    /// Returns the certificate of an authority.
    pub(crate) fn of_authority() -> Pair {
        Pair::of(rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained))
    }

    fn of(is_ca: rcgen::IsCa) -> Pair {
        let signing_key = rcgen::KeyPair::generate().expect("a key");
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        parameters.is_ca = is_ca;
        let cert = parameters.self_signed(&signing_key).expect("a certificate");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth();
        let config = config.with_single_cert(vec![cert.der().clone()], key).expect("a matching pair");
        Pair { certificate: cert.pem(), config: Arc::new(config) }
    }
}

/// Serves over TCP, with TLS if there is a certificate, until the test ends.
pub(crate) fn tcp(answer: Answer, pair: Option<&Pair>) -> (SocketAddr, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (log, config) = (Log::default(), pair.map(|pair| pair.config.clone()));
    let seen = log.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, config) = (seen.clone(), config.clone());
            let _ = stream.set_read_timeout(Some(PATIENCE));
            thread::spawn(move || match config {
                Some(config) => {
                    let connection = ServerConnection::new(config).expect("a configuration");
                    serve(StreamOwned::new(connection, stream), answer, &seen);
                }
                None => serve(stream, answer, &seen),
            });
        }
    });
    (address, log)
}

/// Serves over a unix socket until the test ends.
#[cfg(unix)]
pub(crate) fn unix(path: &Path, answer: Answer) -> Log {
    let listener = std::os::unix::net::UnixListener::bind(path).expect("a socket");
    let log = Log::default();
    let seen = log.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = seen.clone();
            thread::spawn(move || serve(stream, answer, &seen));
        }
    });
    log
}

/// Answers one request. A client that sends none, or not HTTP, gets no answer.
fn serve(stream: impl Read + Write, answer: Answer, log: &Log) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut head = String::new();
    if stream.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    while !head.ends_with("\r\n\r\n") && head != "\r\n" {
        if stream.read_line(&mut head).unwrap_or_default() == 0 {
            return;
        }
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let seen = Seen { line, head, body: String::from_utf8_lossy(&body).into_owned() };
    let (status, body) = answer(&seen);
    log.lock().expect("no test has panicked").push(seen);
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let text = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nX-Influxdb-Version: 1.0\r\n{length}\r\n{body}"
    );
    let stream = stream.get_mut();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// A folder with cases and other files.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// Makes a folder with these cases: an identifier and steps as TOML each.
    pub(crate) fn with_cases(cases: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        let mut text = "about = 'x'\nlevel = 'observed'\n".to_owned();
        for (id, steps) in cases {
            text.push_str(&format!(
                "[[case]]\nid = '{id}'\nabout = 'About {id}'\nclauses = ['http.ping.1']\n{steps}\n"
            ));
        }
        std::fs::create_dir(folder.path("cases")).expect("a folder for cases");
        folder.write("cases/cases.toml", &text);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Runs the cases of the folder, in the folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fluxstone-conformance"));
        command.args(["run", "--cases", "cases"]).args(arguments).current_dir(self.0.path());
        command.output().expect("the runner")
    }
}

/// A step that a server with a `/ping` passes.
pub(crate) const PING: &str = "[[case.step]]\nrequest = 'GET /ping'\nresponse.status = 204";

/// A step that it fails.
pub(crate) const TEAPOT: &str = "[[case.step]]\nrequest = 'GET /ping'\nresponse.status = 418";

/// Answers every request with 204.
pub(crate) fn empty(_: &Seen) -> (u16, &'static str) {
    (204, "")
}

/// Returns the exit status of a run, and everything that it has printed.
pub(crate) fn result(output: &Output) -> (Option<i32>, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}
