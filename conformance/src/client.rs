//! Sends one request to the target and returns what came back.
//!
//! Each request has a connection of its own, so that no case depends on how the answer before it ended. Transfer coding is
//! undone by hyper, `Content-Encoding: gzip` here; nothing else about an answer is changed. Everything has a limit: time and size.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Uri;
use hyper::header::HeaderMap;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::case::Request;

/// Answers with longer bodies than this, packed or unpacked, count as no answer.
const BODY_BYTES_MAX: usize = 256 << 20;

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    authority: String,
    address: String,
    /// A path that stands before each request's path; empty or `/something`.
    prefix: String,
}

/// What the target answered.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers. Their names are in lower case.
    pub headers: HeaderMap,
    /// The body, without transfer coding and unpacked.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody listens.
    #[error("can't connect to {address}: {error}")]
    Connect {
        /// Where.
        address: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Not within the time limit.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer is not HTTP, or ends too early.
    #[error("the answer is broken: {0}")]
    Broken(String),
}

/// A target that is no URL of the form `http://host:port/path`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no target: give a URL such as http://127.0.0.1:8086")]
pub struct TargetError(String);

impl Response {
    /// A header as text; several of one name are joined by `, `.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<String> =
            self.headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect();
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }
}

impl std::str::FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let error = || TargetError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| error())?;
        let authority = uri.authority().ok_or_else(error)?;
        if uri.scheme_str() != Some("http") || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(error());
        }
        let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Target { authority: authority.as_str().to_owned(), address, prefix })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

/// Sends a request and waits for the whole answer.
pub async fn send(target: &Target, request: &Request, limit: Duration) -> Result<Response, NoAnswer> {
    tokio::time::timeout(limit, exchange(target, request)).await.unwrap_or(Err(NoAnswer::TimedOut(limit)))
}

async fn exchange(target: &Target, request: &Request) -> Result<Response, NoAnswer> {
    let stream = TcpStream::connect(&target.address)
        .await
        .map_err(|error| NoAnswer::Connect { address: target.address.clone(), error })?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // The connection ends by itself when the sender is dropped at the end of this function.
    tokio::spawn(connection);
    let response = sender.send_request(outgoing(target, request)?).await.map_err(broken)?;
    let (head, body) = response.into_parts();
    let body =
        Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|e| NoAnswer::Broken(e.to_string()))?.to_bytes();
    let packed = head.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
    let body = if packed { unpack(&body)? } else { body };
    Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
}

fn outgoing(target: &Target, request: &Request) -> Result<hyper::Request<Full<Bytes>>, NoAnswer> {
    let mut builder =
        hyper::Request::builder().method(request.verb.as_str()).uri(format!("{}{}", target.prefix, request.target));
    if !request.has_header("host") {
        builder = builder.header("Host", &target.authority);
    }
    if !request.has_header("user-agent") {
        builder = builder.header("User-Agent", concat!("fluxstone-conformance/", env!("CARGO_PKG_VERSION")));
    }
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::from(request.body.clone()))).map_err(|e| NoAnswer::Broken(e.to_string()))
}

fn unpack(body: &[u8]) -> Result<Bytes, NoAnswer> {
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(body)
        .take(BODY_BYTES_MAX as u64)
        .read_to_end(&mut unpacked)
        .map_err(|e| NoAnswer::Broken(format!("its body is not gzip: {e}")))?;
    Ok(unpacked.into())
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: hyper::Error) -> NoAnswer {
    NoAnswer::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_http_url() {
        let target: Target = "http://localhost/v1/".parse().unwrap();
        assert_eq!((target.address.as_str(), target.to_string().as_str()), ("localhost:80", "http://localhost/v1"));
        for bad in ["localhost:8086", "https://localhost", "http://u:p@localhost", "http://localhost?x=1", "/x"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_target_that_never_answers_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let request =
            Request { verb: "GET".to_owned(), target: "/ping".to_owned(), headers: Vec::new(), body: Vec::new() };
        let answer = send(&target, &request, Duration::from_millis(20)).await;
        assert!(matches!(answer, Err(NoAnswer::TimedOut(_))), "{answer:?}");
    }
}
