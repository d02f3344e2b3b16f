//! The requests of a comparison, over one connection that stays open if the server allows it: each request asks for that with
//! `Connection: keep-alive`, as many clients do.
//!
//! Answers are not parsed, only their bytes count. The time that this client takes is part of each measurement.

use anyhow::bail;
use bytes::Bytes;
use fluxstone_conformance::client;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Connection(client::Connection);

impl Connection {
    /// Connects to `host:port`.
    pub(super) async fn open(address: &str) -> anyhow::Result<Self> {
        Ok(Connection(client::Connection::open(&format!("http://{address}").parse()?, usize::MAX).await?))
    }

    /// Writes line protocol.
    pub(super) async fn write(&mut self, database: &str, lines: Bytes) -> anyhow::Result<()> {
        self.send("POST", &format!("/write?db={database}"), lines).await.map(|_| ())
    }

    /// Sends a query and returns the body of the answer.
    pub(super) async fn query(&mut self, database: &str, text: &str) -> anyhow::Result<Bytes> {
        let parameters =
            form_urlencoded::Serializer::new(String::new()).append_pair("db", database).append_pair("q", text).finish();
        self.send("GET", &format!("/query?{parameters}"), Bytes::new()).await
    }

    /// Sends a statement that changes something.
    pub(super) async fn change(&mut self, text: &str) -> anyhow::Result<Bytes> {
        let parameters = form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
        self.send("POST", &format!("/query?{parameters}"), Bytes::new()).await
    }

    /// Returns when the server has answered a ping.
    pub(super) async fn ping(&mut self) -> anyhow::Result<()> {
        self.send("GET", "/ping", Bytes::new()).await.map(|_| ())
    }

    async fn send(&mut self, verb: &str, path: &str, body: Bytes) -> anyhow::Result<Bytes> {
        let keep_alive = ("Connection".to_owned(), "keep-alive".to_owned());
        let response = self.0.send(verb, path, &[keep_alive], body).await?;
        if !(200..300).contains(&response.status) {
            bail!("{verb} {path} was answered with {}: {}", response.status, String::from_utf8_lossy(&response.body));
        }
        Ok(response.body)
    }
}
