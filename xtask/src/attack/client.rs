//! A client that behaves, over any transport: its connection stays open between requests, and is opened again when the server has
//! closed it.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::transport::Endpoint;

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// A connection. A request that fails is never sent a second time.
#[derive(Debug)]
pub(super) struct Connection {
    endpoint: Endpoint,
    sender: SendRequest<Full<Bytes>>,
    body_bytes_max: usize,
}

impl Connection {
    /// Connects. Longer bodies than `body_bytes_max` count as no answer.
    pub(super) async fn open(endpoint: &Endpoint, body_bytes_max: usize) -> anyhow::Result<Connection> {
        Ok(Connection { endpoint: endpoint.clone(), sender: connect(endpoint).await?, body_bytes_max })
    }

    /// Sends a request, and waits for the whole answer.
    pub(super) async fn send(&mut self, verb: &str, path: &str, body: Bytes) -> anyhow::Result<Response> {
        let request = hyper::Request::builder().method(verb).uri(path).header("Host", "localhost");
        let request = request.body(Full::new(body))?;
        if self.sender.ready().await.is_err() {
            self.sender = connect(&self.endpoint).await?;
        }
        let answer = self.sender.send_request(request).await.context("the answer is broken")?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), self.body_bytes_max).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed).context("the answer is broken")?.to_bytes();
        Ok(Response { status, body })
    }
}

async fn connect(endpoint: &Endpoint) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = endpoint.connect().await.with_context(|| format!("cannot connect to {endpoint:?}"))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The task ends when the sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}
