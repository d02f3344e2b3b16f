//! A request as the log and the faults see it, and the log: bounded in requests and in bytes, of which the latest are kept.

use std::collections::VecDeque;
use std::io::Read as _;

use base64::Engine as _;
use bstr::ByteSlice;
use hyper::header;
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};

use super::super::head::Target;
use super::fault::Fault;

/// How much of a body is kept, as received and also unpacked.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;

/// The most requests in the log.
const REQUESTS_MAX: usize = 10_000;

/// The most bytes of all requests in the log.
const LOG_BYTES_MAX: usize = 16 << 20;

/// What a request takes beside its texts, by estimate.
const REQUEST_BYTES: usize = 256;

/// A request that was received.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// The verb.
    pub method: String,
    /// The path with its escapes.
    pub path: Vec<u8>,
    /// The query string with its escapes.
    pub query: Vec<u8>,
    /// The headers in their order, with names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The beginning of the body, unpacked if it is gzip.
    pub body: Vec<u8>,
    /// Whether there is more of the body.
    pub more: bool,
}

impl Received {
    /// What is known of a request before anything is done for it. `peeked` is the beginning of its body, and whether it is all.
    pub(super) fn new(parts: &Parts, target: &Target, (peeked, is_all): (Vec<u8>, bool)) -> Received {
        let is_gzip = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
        let (mut body, more) = if is_gzip { unpacked(&peeked, is_all) } else { (peeked, !is_all) };
        let more = more || body.len() > BODY_BYTES_MAX;
        body.truncate(BODY_BYTES_MAX);
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Received {
            method: parts.method.to_string(),
            path: target.path().to_vec(),
            query: target.query().to_vec(),
            headers: headers.collect(),
            body,
            more,
        }
    }

    /// A request for tests.
    #[cfg(test)]
    pub(super) fn example(method: &str, path: &str, query: &str, body: &[u8]) -> Received {
        Received {
            method: method.to_owned(),
            path: path.into(),
            query: query.into(),
            headers: Vec::new(),
            body: body.to_vec(),
            more: false,
        }
    }

    /// The query string, decoded, and the form that is the body.
    pub(super) fn decoded_queries(&self) -> Vec<Vec<u8>> {
        let form = self.is_form().then(|| decoded(&self.body));
        std::iter::once(decoded(&self.query)).chain(form).collect()
    }

    /// Whether all conditions of a fault hold. `queries` are the decoded ones.
    pub(super) fn matches(&self, fault: &Fault, queries: &[Vec<u8>]) -> bool {
        let has = |part: &String| queries.iter().any(|query| query.contains_str(part));
        fault.method.as_ref().is_none_or(|method| *method == self.method)
            && fault.path.as_ref().is_none_or(|path| path.as_bytes() == self.path)
            && fault.query.as_ref().is_none_or(has)
            && fault.body.as_ref().is_none_or(|part| self.body.contains_str(part))
    }

    fn is_form(&self) -> bool {
        let content_type = self.headers.iter().find(|(name, _)| name == header::CONTENT_TYPE.as_str());
        content_type.is_some_and(|(_, value)| value.starts_with(b"application/x-www-form-urlencoded"))
    }

    /// The bytes that it takes.
    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        REQUEST_BYTES + self.path.len() + self.query.len() + headers + self.body.len()
    }

    /// As JSON. Texts that are not UTF-8 are in base64, under another name.
    fn to_json(&self) -> Value {
        let mut request = Map::new();
        let mut put = |name: &str, bytes: &[u8]| {
            if let Ok(text) = bytes.to_str() {
                request.insert(name.to_owned(), text.into());
            } else {
                let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
                request.insert(format!("{name}_base64"), encoded.into());
            }
        };
        put("method", self.method.as_bytes());
        put("path", &self.path);
        put("query", &self.query);
        put("body", &self.body);
        let headers = self.headers.iter().map(|(name, value)| json!([name, value.to_str_lossy()]));
        request.insert("headers".to_owned(), headers.collect());
        request.insert("more".to_owned(), self.more.into());
        Value::Object(request)
    }
}

/// Decodes `%xx` and `+`. Escapes that are malformed stay.
fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_encoding::percent_decode(&spaced).collect()
}

/// The beginning of what was packed, and whether there is more or it is damaged.
fn unpacked(packed: &[u8], is_all: bool) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let bytes_max = BODY_BYTES_MAX as u64 + 1;
    let read = flate2::read::MultiGzDecoder::new(packed).take(bytes_max).read_to_end(&mut body);
    (body, read.is_err() || !is_all)
}

/// The requests that were received last.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    requests: VecDeque<Received>,
    bytes: usize,
    /// How many were dropped to make room.
    dropped: u64,
}

impl RequestLog {
    pub(super) fn add(&mut self, received: Received) {
        self.bytes += received.bytes();
        self.requests.push_back(received);
        while self.bytes > LOG_BYTES_MAX || self.requests.len() > REQUESTS_MAX {
            let Some(oldest) = self.requests.pop_front() else { return };
            self.bytes -= oldest.bytes();
            self.dropped += 1;
        }
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let requests: Vec<Value> = self.requests.iter().map(Received::to_json).collect();
        json!({ "requests": requests, "dropped": self.dropped })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::control::Action;

    // spec: control.faults.1
    #[test]
    fn conditions_look_at_the_verb_the_path_the_query_and_the_body() {
        let mut received = Received::example("POST", "/query", "db=d&q=SELECT+%22v%22", b"q=SHOW%20TAG+KEYS");
        let fault = |change: fn(&mut Fault)| {
            let mut fault = Fault::from(Action::Drop);
            change(&mut fault);
            fault
        };
        let matches =
            |received: &Received, change: fn(&mut Fault)| received.matches(&fault(change), &received.decoded_queries());
        assert!(matches(&received, |_| {}));
        assert!(matches(&received, |f| f.method = Some("POST".to_owned())));
        assert!(!matches(&received, |f| f.method = Some("GET".to_owned())));
        assert!(!matches(&received, |f| f.path = Some("/quer".to_owned())));
        assert!(matches(&received, |f| f.query = Some("SELECT \"v\"".to_owned())));
        assert!(matches(&received, |f| f.body = Some("SHOW%20".to_owned())));
        assert!(!matches(&received, |f| f.query = Some("SHOW TAG KEYS".to_owned())));
        received.headers.push(("content-type".to_owned(), b"application/x-www-form-urlencoded".to_vec()));
        assert!(matches(&received, |f| f.query = Some("SHOW TAG KEYS".to_owned())));
    }

    // spec: control.requests.1
    #[test]
    fn the_log_keeps_the_latest_requests() {
        let mut log = RequestLog::default();
        for i in 0..300 {
            log.add(Received::example("POST", &format!("/{i}"), "", &vec![b'x'; BODY_BYTES_MAX]));
        }
        assert!(log.bytes <= LOG_BYTES_MAX);
        let shown = log.to_json();
        let requests = shown["requests"].as_array().unwrap();
        assert_eq!(requests.last().unwrap()["path"], "/299");
        assert_eq!(shown["dropped"], 300 - requests.len());
        for _ in 0..=REQUESTS_MAX {
            log.add(Received::example("GET", "/", "", b""));
        }
        assert_eq!(log.requests.len(), REQUESTS_MAX);
    }

    // spec: control.requests.1
    #[test]
    fn the_beginning_of_a_packed_body_is_unpacked() {
        let packed = |body: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        };
        let whole = packed(b"cpu v=1");
        assert_eq!(unpacked(&whole, true), (b"cpu v=1".to_vec(), false));
        assert!(unpacked(&whole[..whole.len() - 4], false).1);
        assert!(unpacked(b"cpu v=1", true).1, "what is not gzip is damaged");
        // A small body that is large when unpacked.
        let (body, _) = unpacked(&packed(&vec![b'x'; 64 << 20]), true);
        assert_eq!(body.len(), BODY_BYTES_MAX + 1);
    }

    // spec: control.requests.1
    #[test]
    fn what_is_not_text_is_shown_in_base64() {
        let shown = Received::example("GET", "/", "", b"\xff").to_json();
        assert_eq!(shown["body_base64"], "/w==");
        assert_eq!(shown["query"], "");
    }
}
