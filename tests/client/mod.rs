//! A plain HTTP client for tests.

#![allow(dead_code, reason = "each integration test uses a part of it")]

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// A client that keeps its connection as long as the server does.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    /// A client of the server at `address`; it connects when it has something to say.
    pub(crate) fn open(address: SocketAddr) -> Connection {
        Connection { address, stream: None }
    }

    /// Sends a request; gives status and body. An error means that no answer came, or only a part of one.
    pub(crate) fn request(&mut self, method: &str, target: &str, body: &str) -> Result<(u16, String)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(self.address)?),
        };
        write!(
            stream.get_mut(),
            "{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let (status, body, keep) = read_response(&mut stream)?;
        if keep {
            self.stream = Some(stream);
        }
        Ok((status, body))
    }

    /// Runs a query; gives its answer. Panics when the server refuses it.
    pub(crate) fn query(&mut self, text: &str) -> Result<Value> {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (status, body) = self.request("POST", &format!("/query?db=points&epoch=ns&q={encoded}"), "")?;
        let answer: Value = serde_json::from_str(&body)?;
        assert!(status == 200 && answer["results"][0].get("error").is_none(), "{text}: {status} {body}");
        Ok(answer)
    }

    /// The rows of the first series of a query's answer.
    pub(crate) fn rows(&mut self, text: &str) -> Vec<Vec<Value>> {
        let answer = self.query(text).expect("an answer");
        let rows = &answer["results"][0]["series"][0]["values"];
        rows.as_array()
            .map_or(Vec::new(), |rows| rows.iter().map(|row| row.as_array().expect("a row").clone()).collect())
    }

    /// The first column of a query's answer, as text.
    pub(crate) fn column(&mut self, text: &str) -> Vec<String> {
        self.rows(text).iter().map(|row| row[0].as_str().expect("a text").to_owned()).collect()
    }
}

/// Status, body, and whether the connection stays open.
fn read_response(stream: &mut BufReader<TcpStream>) -> Result<(u16, String, bool)> {
    let malformed = || Error::new(ErrorKind::InvalidData, "malformed response");
    let status_line = read_line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(malformed)?;
    let (mut length, mut chunked, mut keep) = (0, false, true);
    loop {
        let line = read_line(stream)?.to_ascii_lowercase();
        let Some((name, value)) = line.split_once(':') else { break };
        match (name, value.trim()) {
            ("content-length", value) => length = value.parse().map_err(|_| malformed())?,
            ("transfer-encoding", "chunked") => chunked = true,
            ("connection", "close") => keep = false,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = usize::from_str_radix(&read_line(stream)?, 16).map_err(|_| malformed())?;
            let start = body.len();
            body.resize(start + size, 0);
            stream.read_exact(&mut body[start..])?;
            read_line(stream)?;
            if size == 0 {
                break;
            }
        }
    } else {
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
    }
    Ok((status, String::from_utf8_lossy(&body).into_owned(), keep))
}

fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 || !line.ends_with('\n') {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
