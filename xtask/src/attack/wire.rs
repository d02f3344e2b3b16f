//! Requests as bytes, for clients that do not behave: each has a connection of its own, its answer is counted and thrown away, and
//! it may stop reading, stop sending, or leave at any moment.

use std::io;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::transport::{Endpoint, Stream};

/// How much of an answer is kept, from its start.
const KEPT: usize = 4 << 10;

/// A user and a password that are added to each path, or none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Login(pub(super) Option<(&'static str, &'static str)>);

/// A request as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    head: String,
    body: Bytes,
}

/// The start of an answer, and its length.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// Zero if there was none.
    pub(super) status: u16,
    /// All bytes that arrived, with the head.
    pub(super) bytes: u64,
    /// The first of them, as text.
    pub(super) start: String,
}

impl Login {
    /// Adds the login to a path.
    pub(super) fn path(self, path: &str) -> String {
        let Some((user, password)) = self.0 else { return path.to_owned() };
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}u={user}&p={password}")
    }
}

impl Request {
    /// Returns a request after which the server closes the connection. `headers` are whole lines.
    pub(super) fn new(verb: &str, path: &str, headers: &str, body: Bytes) -> Request {
        let length = body.len();
        let head = format!(
            "{verb} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        Request { head, body }
    }

    /// Returns a query in a form, which may be long.
    pub(super) fn query(database: &str, text: &str) -> Request {
        let form =
            form_urlencoded::Serializer::new(String::new()).append_pair("db", database).append_pair("q", text).finish();
        Request::form(form.into())
    }

    /// Returns a query whose form is already encoded.
    pub(super) fn form(form: Bytes) -> Request {
        Request::new("POST", "/query", "Content-Type: application/x-www-form-urlencoded\r\n", form)
    }

    /// Returns a write.
    pub(super) fn write(database: &str, lines: Bytes) -> Request {
        Request::new("POST", &format!("/write?db={database}"), "", lines)
    }

    /// Returns a write whose body is packed.
    pub(super) fn packed_write(database: &str, packed: Bytes) -> Request {
        Request::new("POST", &format!("/write?db={database}"), "Content-Encoding: gzip\r\n", packed)
    }

    /// Sends the request, and reads the answer until it ends or `read_max` bytes have arrived.
    ///
    /// An answer may arrive before all is sent; what is then left is not sent.
    pub(super) async fn exchange(&self, address: &Endpoint, read_max: u64) -> io::Result<Answer> {
        let stream = address.connect().await?;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut answer = Answer::default();
        let mut buffer = vec![0; 64 << 10];
        let mut kept = Vec::new();
        let send = async {
            writer.write_all(self.head.as_bytes()).await?;
            writer.write_all(&self.body).await?;
            writer.flush().await
        };
        let mut send = std::pin::pin!(send);
        let mut is_sent = false;
        while answer.bytes < read_max {
            let read = tokio::select! {
                sent = &mut send, if !is_sent => {
                    // A refusal can be read even if the rest of the body could not be sent.
                    let _ = sent;
                    is_sent = true;
                    continue;
                }
                read = reader.read(&mut buffer) => read,
            };
            // A server that answers and closes before it has read everything resets the connection.
            let Ok(count @ 1..) = read else { break };
            answer.bytes += count as u64;
            let wanted = KEPT.saturating_sub(kept.len()).min(count);
            kept.extend_from_slice(&buffer[..wanted]);
        }
        answer.start = String::from_utf8_lossy(&kept).into_owned();
        answer.status = answer.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok(answer)
    }

    /// Sends the request, and returns the connection without reading from it.
    pub(super) async fn send_only(&self, address: &Endpoint) -> io::Result<Stream> {
        let mut stream = address.connect().await?;
        stream.write_all(self.head.as_bytes()).await?;
        stream.write_all(&self.body).await?;
        stream.flush().await?;
        Ok(stream)
    }

    /// Returns the bytes of the request.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

impl Answer {
    /// Returns the answer in a few words, for notes.
    pub(super) fn brief(&self) -> String {
        if self.status == 0 {
            return "no answer".to_owned();
        }
        let body = self.start.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let error = body.split_once("\"error\":\"").map_or("", |(_, error)| error);
        let error: String = error.split('"').next().unwrap_or_default().chars().take(120).collect();
        let bytes = self.bytes;
        if error.is_empty() { format!("{} ({bytes} bytes)", self.status) } else { format!("{} {error}", self.status) }
    }
}

/// Packs a text that is repeated up to `bytes` bytes. Only the packed form is ever in memory.
pub(super) fn packed_repetition(text: &str, bytes: usize) -> io::Result<Bytes> {
    use std::io::Write as _;
    let chunk = text.repeat((64 << 10) / text.len());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..bytes / chunk.len() {
        encoder.write_all(chunk.as_bytes())?;
    }
    Ok(encoder.finish()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_is_packed_a_hundredfold() {
        let packed = packed_repetition("x\n", 1 << 20).unwrap();
        assert!(packed.len() < 10 << 10, "{}", packed.len());
    }

    #[test]
    fn an_answer_is_its_status_and_its_error() {
        let start = "HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":\"too many\"}".to_owned();
        assert_eq!(Answer { status: 400, bytes: 60, start }.brief(), "400 too many");
        assert_eq!(Answer::default().brief(), "no answer");
    }
}
