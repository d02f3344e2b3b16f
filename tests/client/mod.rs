//! A blocking wrapper around the conformance suite's HTTP client, with the queries that integration tests share.

#![allow(dead_code, reason = "each integration test uses a part of it")]

use std::net::SocketAddr;

use fluxstone_conformance::client::{self, NoAnswer, Response, Target};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// The longest body that a test expects.
const BODY_BYTES_MAX: usize = 64 << 20;

/// A client that keeps its connection as long as the server does.
pub(crate) struct Connection {
    runtime: Runtime,
    target: Target,
    open: Option<client::Connection>,
}

impl Connection {
    /// Returns a client of the server at `address`. It connects for the first request.
    pub(crate) fn open(address: SocketAddr) -> Connection {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let target = format!("http://{address}").parse().expect("a target");
        Connection { runtime, target, open: None }
    }

    /// Sends a request. An error means that no answer arrived, or only a part of one.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: impl AsRef<[u8]>,
    ) -> Result<Response, NoAnswer> {
        let Connection { runtime, target, open } = self;
        runtime.block_on(async {
            let connection = match open {
                Some(connection) => connection,
                None => open.insert(client::Connection::open(target, BODY_BYTES_MAX).await?),
            };
            connection.send(method, path, headers, body.as_ref().to_vec().into()).await
        })
    }

    /// Sends a request without headers, and returns the status and the body of the answer.
    pub(crate) fn request(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, String), NoAnswer> {
        let response = self.send(method, path, &[], body)?;
        Ok((response.status, String::from_utf8_lossy(&response.body).into_owned()))
    }

    /// Runs a query and returns the answer. Panics if the server refuses the query.
    pub(crate) fn query(&mut self, text: &str) -> Result<Value, NoAnswer> {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (status, body) = self.request("POST", &format!("/query?db=points&epoch=ns&q={encoded}"), "")?;
        let answer: Value = serde_json::from_str(&body).expect("an answer in JSON");
        assert!(status == 200 && answer["results"][0].get("error").is_none(), "{text}: {status} {body}");
        Ok(answer)
    }

    /// Returns the rows of the first series of a query's answer.
    pub(crate) fn rows(&mut self, text: &str) -> Vec<Vec<Value>> {
        let answer = self.query(text).expect("an answer");
        let rows = &answer["results"][0]["series"][0]["values"];
        rows.as_array()
            .map_or(Vec::new(), |rows| rows.iter().map(|row| row.as_array().expect("a row").clone()).collect())
    }

    /// Returns the first column of a query's answer, as text.
    pub(crate) fn column(&mut self, text: &str) -> Vec<String> {
        self.rows(text).iter().map(|row| row[0].as_str().expect("a text").to_owned()).collect()
    }
}
