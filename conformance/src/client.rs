//! The HTTP client: [`send`] gives a request a connection of its own, a [`Connection`] stays open for many.
//!
//! Cases use [`send`], so that no case depends on how the previous answer ended; tools and tests that measure or repeat use a
//! [`Connection`]. hyper removes the transfer coding and this module `Content-Encoding: gzip`; nothing else about an answer is changed.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderMap;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::case::Request;
use crate::target::Address;
pub use crate::target::{Target, TargetError, Trust};

/// The longest body that [`send`] accepts, compressed or not.
const BODY_BYTES_MAX: usize = 256 << 20;

/// What [`send`] calls itself, unless a case sets the header.
const USER_AGENT: &str = concat!("fluxstone-conformance/", env!("CARGO_PKG_VERSION"));

/// An answer of the target.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: HeaderMap,
    /// The body, without transfer coding and decompressed.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The connection was refused, or the certificate of the target.
    #[error("cannot connect to {address}: {error}")]
    Connect {
        /// The host and port, or the socket.
        address: String,
        /// The system's error.
        error: std::io::Error,
    },
    /// The answer did not arrive within the time limit.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer is not HTTP, or ends too early.
    #[error("the answer is broken: {0}")]
    Broken(String),
    /// The target was to be ended and started again, and does not answer since then.
    #[error("the restart failed: {0}")]
    Restart(String),
}

impl Response {
    /// Returns a header as text. Several values of one name are joined by `, `.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<String> =
            self.headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect();
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }
}

/// A connection that stays open between requests. It is opened again when the server has closed it.
///
/// A request that fails is never sent a second time.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    sender: SendRequest<Full<Bytes>>,
    body_bytes_max: usize,
}

impl Connection {
    /// Connects to a target. Longer bodies than `body_bytes_max` count as no answer.
    pub async fn open(target: &Target, body_bytes_max: usize) -> Result<Connection, NoAnswer> {
        Ok(Connection { target: target.clone(), sender: connect(target).await?, body_bytes_max })
    }

    /// Sends a request to a path below the target's, and waits for the whole answer.
    ///
    /// Only `Host` (unless `headers` has it) and `Content-Length` are added.
    pub async fn send(
        &mut self,
        verb: &str,
        path: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Response, NoAnswer> {
        let mut builder = hyper::Request::builder().method(verb).uri(format!("{}{path}", self.target.prefix()));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            builder = builder.header("Host", self.target.authority());
        }
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let request = builder.body(Full::new(body)).map_err(|error| NoAnswer::Broken(error.to_string()))?;
        if self.sender.ready().await.is_err() {
            self.sender = connect(&self.target).await?;
        }
        let response = self.sender.send_request(request).await.map_err(broken)?;
        self.read(response).await
    }

    async fn read(&self, response: hyper::Response<Incoming>) -> Result<Response, NoAnswer> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.body_bytes_max).collect().await;
        let body = body.map_err(|error| NoAnswer::Broken(error.to_string()))?.to_bytes();
        let is_packed = head.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        let body = if is_packed { unpack(&body, self.body_bytes_max)? } else { body };
        Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// Sends a request over a connection of its own, and waits for the whole answer.
pub async fn send(target: &Target, request: &Request, limit: Duration) -> Result<Response, NoAnswer> {
    let exchange = async {
        let mut connection = Connection::open(target, BODY_BYTES_MAX).await?;
        let mut headers = request.headers.clone();
        if !request.has_header("user-agent") {
            headers.insert(0, ("User-Agent".to_owned(), USER_AGENT.to_owned()));
        }
        connection.send(&request.verb, &request.target, &headers, request.body.clone().into()).await
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(NoAnswer::TimedOut(limit)))
}

async fn connect(target: &Target) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
    let refused = |error| NoAnswer::Connect { address: target.address().to_string(), error };
    match target.address() {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(refused)?;
            stream.set_nodelay(true).map_err(refused)?;
            begin(target, stream).await
        }
        #[cfg(unix)]
        Address::Unix(socket) => begin(target, tokio::net::UnixStream::connect(socket).await.map_err(refused)?).await,
        #[cfg(not(unix))]
        Address::Unix(_) => Err(refused(std::io::ErrorKind::Unsupported.into())),
    }
}

/// Begins HTTP on a connection, encrypted if the target is.
async fn begin<S>(target: &Target, stream: S) -> Result<SendRequest<Full<Bytes>>, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = target.tls() else { return handshake(stream).await };
    let refused = |error| NoAnswer::Connect { address: target.address().to_string(), error };
    let connector = TlsConnector::from(tls.config.clone());
    handshake(connector.connect(tls.name.clone(), stream).await.map_err(refused)?).await
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // The task ends when the sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

fn unpack(body: &[u8], bytes_max: usize) -> Result<Bytes, NoAnswer> {
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(body)
        .take(bytes_max as u64)
        .read_to_end(&mut unpacked)
        .map_err(|e| NoAnswer::Broken(format!("the body is not gzip: {e}")))?;
    Ok(unpacked.into())
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: hyper::Error) -> NoAnswer {
    NoAnswer::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_target_that_does_not_answer_times_out() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let request =
            Request { verb: "GET".to_owned(), target: "/ping".to_owned(), headers: Vec::new(), body: Vec::new() };
        let answer = send(&target, &request, Duration::from_millis(20)).await;
        assert!(matches!(answer, Err(NoAnswer::TimedOut(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn a_connection_is_kept_until_the_server_closes_it() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        const KEPT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
        const CLOSED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb";
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                for answer in [KEPT, CLOSED] {
                    let _ = stream.read(&mut [0; 1024]).await;
                    stream.write_all(answer).await.unwrap();
                }
            }
        });
        let mut connection = Connection::open(&target, 1).await.unwrap();
        for body in ["a", "b", "a", "b"] {
            assert_eq!(connection.send("GET", "/ping", &[], Bytes::new()).await.unwrap().body, body);
        }
    }
}
