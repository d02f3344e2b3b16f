//! One connection to a server, kept open. Answers are not looked into: only their bytes count.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: String,
}

impl Connection {
    /// Connects to `host:port`.
    pub(super) async fn open(address: &str) -> anyhow::Result<Self> {
        Ok(Connection { sender: connect(address).await?, address: address.to_owned() })
    }

    /// Writes line protocol.
    pub(super) async fn write(&mut self, database: &str, lines: Bytes) -> anyhow::Result<()> {
        self.send("POST", &format!("/write?db={database}"), lines).await.map(|_| ())
    }

    /// Asks for a statement to be executed; the answer.
    pub(super) async fn query(&mut self, database: &str, text: &str) -> anyhow::Result<Bytes> {
        let parameters =
            form_urlencoded::Serializer::new(String::new()).append_pair("db", database).append_pair("q", text).finish();
        self.send("GET", &format!("/query?{parameters}"), Bytes::new()).await
    }

    /// As [`Connection::query`], for statements that change something.
    pub(super) async fn change(&mut self, text: &str) -> anyhow::Result<Bytes> {
        let parameters = form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
        self.send("POST", &format!("/query?{parameters}"), Bytes::new()).await
    }

    /// What the server says about itself.
    pub(super) async fn ping(&mut self) -> anyhow::Result<()> {
        self.send("GET", "/ping", Bytes::new()).await.map(|_| ())
    }

    async fn send(&mut self, verb: &str, target: &str, body: Bytes) -> anyhow::Result<Bytes> {
        let request = hyper::Request::builder().method(verb).uri(target).header("Host", &self.address);
        if self.sender.ready().await.is_err() {
            // A server may close it after any answer.
            self.sender = connect(&self.address).await?;
        }
        let response = self.sender.send_request(request.body(Full::new(body))?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{verb} {target} was answered with {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }
}

async fn connect(address: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| address.to_owned())?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends when the sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}
