//! The server over real sockets, with an engine made for the purpose.

mod endpoints;
mod fake;
mod heads;
mod robustness;
mod transports;
mod watching;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fake::FakeEngine;
use fluxstone_compat::{AnswerSemantics, CsvNullCells};
use tokio::sync::oneshot;

use super::{HttpOptions, Server, THREADS_GRACE, Tls, runtime};

/// A server that ends with the test.
struct TestServer {
    address: SocketAddr,
    engine: Arc<FakeEngine>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What tests start from: everything off.
fn options() -> HttpOptions {
    HttpOptions {
        auth_enabled: false,
        realm: "InfluxDB".to_owned(),
        shared_secret: String::new(),
        has_profiles: true,
        build_header: false,
        log_requests: false,
        access_log: None,
        has_metrics: false,
        metrics_need_credentials: false,
        has_explorer: true,
        is_encrypted: false,
        write_tracing: false,
        rows_max: None,
        connections_max: None,
        body_bytes_max: Some(64 << 20),
        body_memory_bytes_max: Some(512 << 20),
        transfer_rate_min: 1024,
        queries_max: 64,
        answers_max: 160,
        writes_max: 64,
        threads: 2,
        control: None,
        clause_header: false,
        semantics: AnswerSemantics::DOCUMENTED,
        csv_null_cells: CsvNullCells::Repeat,
    }
}

impl TestServer {
    fn start() -> TestServer {
        TestServer::with(options())
    }

    fn with(options: HttpOptions) -> TestServer {
        TestServer::on(options, None, None)
    }

    /// Starts a server whose connections are encrypted, or that listens on a unix socket as well.
    fn on(options: HttpOptions, tls: Option<Tls>, socket: Option<PathBuf>) -> TestServer {
        let engine = Arc::new(FakeEngine::default());
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let served = Arc::clone(&engine);
        let thread = std::thread::spawn(move || {
            let runtime = runtime(&options).unwrap();
            runtime.block_on(async {
                let mut server = Server::bind("127.0.0.1:0", options, served).await.unwrap();
                if let Some(tls) = tls {
                    server.use_tls(tls);
                }
                if let Some(socket) = socket {
                    server.add_unix_socket(&socket).await.unwrap();
                }
                tell.send(server.address().unwrap()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
            runtime.shutdown_timeout(THREADS_GRACE);
        });
        TestServer { address: told.recv().unwrap(), engine, stop: Some(stop), thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends bytes as they are and reads until the server closes.
    fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // A server that refuses early may close before it has read all.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    /// Sends a request with headers (each line ended) and a body, and reads the answer.
    fn send(&self, line: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        Answer::parse(&self.raw(&[head.as_bytes(), body].concat()))
    }

    fn get(&self, target: &str) -> Answer {
        self.send(&format!("GET {target}"), "", b"")
    }

    fn get_with(&self, target: &str, headers: &str) -> Answer {
        self.send(&format!("GET {target}"), headers, b"")
    }

    fn post(&self, target: &str, body: &str) -> Answer {
        self.send(&format!("POST {target}"), "", body.as_bytes())
    }

    fn form(&self, target: &str, body: &str) -> Answer {
        let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.send(&format!("POST {target}"), headers, body.as_bytes())
    }

    /// Whether it still answers.
    fn assert_up(&self) {
        assert_eq!(self.get("/ping").status, 204);
    }

    /// Asks it to end and waits for that.
    fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.engine.give_up();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

/// An answer, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    /// Without transfer coding.
    body: Vec<u8>,
    /// Whether the body ended as its framing says.
    whole: bool,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {bytes:?}"));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|s| s.parse().ok()).unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec(), whole: true };
        if answer.header("Transfer-Encoding") == Some("chunked") {
            (answer.body, answer.whole) = unchunked(&answer.body);
        } else if let Some(len) = answer.header("Content-Length") {
            answer.whole = len.parse() == Ok(answer.body.len());
        }
        answer
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Status and body.
    fn shown(&self) -> (u16, &str) {
        (self.status, self.text())
    }
}

/// The content of a body in chunked transfer coding, and whether its end was there.
fn unchunked(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    while let Some(line) = body.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        let Some(data) = body.get(line + 2..line + 2 + size) else { break };
        content.extend_from_slice(data);
        if size == 0 {
            return (content, true);
        }
        body = &body[(line + 2 + size + 2).min(body.len())..];
    }
    (content, false)
}

/// The same options under profile 1.2.4.
fn observed() -> HttpOptions {
    HttpOptions { semantics: AnswerSemantics::OBSERVED, ..options() }
}
