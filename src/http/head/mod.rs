//! The head of a request, read before hyper reads it. hyper refuses targets that InfluxDB accepts and limits their length, so it
//! gets a mark in place of the target, which stays here.
//!
//! Which bytes are a head, and where its body ends, is decided by the parser that hyper uses and by its rules; whatever they do not
//! agree on is refused.

mod error;
mod framing;
mod target;

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};

pub(super) use error::HEAD_BYTES_MAX;
pub use error::HeadError;
use error::{HEADERS_MAX, KEPT_BYTES_MAX};
pub(super) use framing::Framing;
pub use target::Target;

/// How much of a line is looked at for a method before the rest has arrived.
const METHOD_BYTES_MAX: usize = 64;

/// Headers that take more bytes than this are passed on without those that nobody reads.
const ALL_HEADERS_BYTES_MAX: usize = 32 << 10;

/// The headers that hyper or this server read.
const READ_HEADERS: [&[u8]; 15] = [
    b"accept",
    b"accept-encoding",
    b"authorization",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"expect",
    b"host",
    b"keep-alive",
    b"origin",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
];

/// A head, ready for hyper.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) target: Target,
    pub(super) framing: Framing,
    /// With the mark in place of the target.
    pub(super) bytes: Vec<u8>,
}

impl Head {
    /// Reads a whole head, with the empty line at its end.
    pub(super) fn read(head: &Bytes, mark: u64) -> Result<Head, HeadError> {
        let (method_end, target_end) = target_range(head)?;
        let target = Target::parse(&head.slice(method_end + 1..target_end), head.starts_with(b"CONNECT "))?;
        let rest = &head[target_end..];
        let mut bytes = Vec::with_capacity(method_end + 32 + rest.len().min(KEPT_BYTES_MAX));
        bytes.extend_from_slice(&head[..=method_end]);
        bytes.extend_from_slice(format!("/{mark}").as_bytes());
        if rest.len() > ALL_HEADERS_BYTES_MAX || memchr::memchr_iter(b'\n', rest).count() > HEADERS_MAX {
            rest.split_inclusive(|&byte| byte == b'\n')
                .enumerate()
                .filter(|(at, line)| *at == 0 || !is_unread(line))
                .for_each(|(_, line)| bytes.extend_from_slice(line));
        } else {
            bytes.extend_from_slice(rest);
        }
        if bytes.len() > KEPT_BYTES_MAX {
            return Err(HeadError::HeadersTooLarge);
        }
        let framing = framing_of(&bytes)?;
        Ok(Head { target, framing, bytes })
    }
}

/// Returns where the method and the target end in the first line of a request, each at a blank.
fn target_range(head: &[u8]) -> Result<(usize, usize), HeadError> {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // Some take a single CR for the end of the line.
    if memchr::memchr(b'\r', line).is_some() {
        return Err(HeadError::RequestLine);
    }
    let method_end = memchr::memchr(b' ', line).ok_or(HeadError::RequestLine)?;
    let target_bytes = memchr::memchr(b' ', &line[method_end + 1..]).ok_or(HeadError::RequestLine)?;
    let target_end = method_end + 1 + target_bytes;
    if !line[target_end..].starts_with(b" HTTP/1.") {
        return Err(HeadError::RequestLine);
    }
    Ok((method_end, target_end))
}

/// Whether a line is a header that nobody reads. Lines that are not headers stay, to be refused.
fn is_unread(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let name = &line[..colon];
    !name.is_empty()
        && name.iter().all(|&byte| is_token(byte))
        && !READ_HEADERS.iter().any(|read| read.eq_ignore_ascii_case(name))
}

/// Whether a byte may be part of a method or the name of a header (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Where the body after a head ends, by the rules of hyper, except that what is ambiguous is refused.
fn framing_of(head: &[u8]) -> Result<Framing, HeadError> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut headers) {
        Ok(httparse::Status::Complete(bytes)) if bytes == head.len() => {}
        Ok(_) => return Err(HeadError::OutOfStep),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::HeadersTooLarge),
        Err(error) => return Err(HeadError::Malformed(error)),
    }
    let (mut length, mut coding) = (None, None);
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let next = content_length(header.value).ok_or(HeadError::Length)?;
            if length.is_some_and(|length| length != next) {
                return Err(HeadError::Length);
            }
            length = Some(next);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if coding.is_some() {
                return Err(HeadError::UnknownCoding);
            }
            coding = Some(header.value);
        }
    }
    match coding {
        None => Ok(Framing::Length(length.unwrap_or(0))),
        Some(_) if length.is_some() || request.version != Some(1) => Err(HeadError::Coding),
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::CHUNKED),
        Some(_) => Err(HeadError::UnknownCoding),
    }
}

/// The largest length of a body. hyper uses the numbers above for other things.
const LENGTH_MAX: u64 = u64::MAX - 2;

/// Only digits, unlike what Rust takes for a number.
fn content_length(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let length = std::str::from_utf8(value).ok().filter(|_| is_number)?.parse().ok()?;
    (length <= LENGTH_MAX).then_some(length)
}

/// Finds the end of a head while it arrives.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// Where the first line begins whose end was not seen.
    line: usize,
    /// Up to where it was looked for.
    seen: usize,
    /// Whether the first line was found to be that of a request.
    is_request: bool,
}

impl HeadScan {
    /// Returns where the first head in `bytes` ends: after its first empty line. `bytes` must begin as they did the last time.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(at) = memchr::memchr(b'\n', &bytes[self.seen..]) {
            let end = self.seen + at;
            if matches!(&bytes[self.line..end], b"" | b"\r") {
                return Some(end + 1);
            }
            (self.line, self.seen) = (end + 1, end + 1);
        }
        self.seen = bytes.len();
        None
    }

    /// Whether anything of a head was seen.
    pub(super) fn has_begun(&self) -> bool {
        self.seen > 0
    }

    /// Drops what need not be kept to find the end.
    pub(super) fn forget(&mut self, bytes: &mut BytesMut) {
        bytes.advance(self.line);
        // A line of two bytes without its end may already be one that is not empty.
        if bytes.len() > 2 {
            *bytes = BytesMut::from(&b"--"[..]);
        }
        (self.line, self.seen) = (0, bytes.len());
    }

    /// Whether what has arrived of a head can be its beginning. Clients that speak something else are not waited for.
    pub(super) fn is_plausible(&mut self, bytes: &[u8]) -> bool {
        if self.is_request {
            return true;
        }
        if self.line > 0 {
            self.is_request = target_range(bytes).is_ok();
        }
        // However slowly a long line arrives, only its beginning is looked at again.
        let bytes = &bytes[..bytes.len().min(METHOD_BYTES_MAX)];
        let line = &bytes[..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())];
        let method = &line[..memchr::memchr(b' ', line).unwrap_or(line.len())];
        if method.is_empty() || !method.iter().enumerate().all(|(at, &b)| is_token(b) || is_last_cr(line, at, b)) {
            return false;
        }
        self.line == 0 || self.is_request
    }
}

/// Whether `byte` may be the first one of the end of the line.
fn is_last_cr(line: &[u8], at: usize, byte: u8) -> bool {
    byte == b'\r' && at + 1 == line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &[u8]) -> Result<Head, HeadError> {
        Head::read(&Bytes::copy_from_slice(head), 7)
    }

    fn check(headers: &str, framing: &Result<Framing, HeadError>) {
        let head = format!("POST /write?db=d HTTP/1.1\r\nHost: t\r\n{headers}\r\n");
        assert_eq!(read(head.as_bytes()).map(|head| head.framing), *framing, "{headers}");
    }

    // spec: http.target.1
    #[test]
    fn only_the_target_of_a_head_changes() {
        let head = read(b"GET /query?q=\"<>\x01\xff HTTP/1.1\r\nHost: t\nX: \xff\r\n\r\n").unwrap();
        assert_eq!(head.bytes, b"GET /7 HTTP/1.1\r\nHost: t\nX: \xff\r\n\r\n");
        assert_eq!(head.target.query(), b"q=\"<>\x01\xff");
    }

    // spec: http.connection.4
    #[test]
    fn what_is_ambiguous_is_refused() {
        check("", &Ok(Framing::Length(0)));
        check("Content-Length: 5\r\n", &Ok(Framing::Length(5)));
        check("content-length: 5\r\nContent-Length: 05\r\n", &Ok(Framing::Length(5)));
        check("Transfer-Encoding: Chunked\r\n", &Ok(Framing::CHUNKED));
        for length in ["", "+5", "-1", "5, 5", "5 5", "0x5", "18446744073709551616", "18446744073709551614"] {
            check(&format!("Content-Length: {length}\r\n"), &Err(HeadError::Length));
        }
        check("Content-Length: 5\r\nContent-Length: 6\r\n", &Err(HeadError::Length));
        check("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &Err(HeadError::Coding));
        check("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", &Err(HeadError::Coding));
        for coding in ["gzip, chunked", "gzip", "chunked, chunked", "identity", ""] {
            check(&format!("Transfer-Encoding: {coding}\r\n"), &Err(HeadError::UnknownCoding));
        }
        check("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", &Err(HeadError::UnknownCoding));
        check("Transfer-Encoding : chunked\r\n", &Err(HeadError::Malformed(httparse::Error::HeaderName)));
        check("X: y\r\n Content-Length: 5\r\n", &Err(HeadError::Malformed(httparse::Error::HeaderName)));
        let old = read(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(old.map(|head| head.framing), Err(HeadError::Coding));
    }

    // spec: http.limits.11
    #[test]
    fn headers_that_nobody_reads_may_be_large() {
        let cookie = "x".repeat(200 << 10);
        let head = format!("GET / HTTP/1.1\r\nHost: t\r\nCookie: {cookie}\r\nX bad: 1\r\nOrigin: o\r\n\r\n");
        assert!(matches!(read(head.as_bytes()), Err(HeadError::Malformed(httparse::Error::HeaderName))));
        let head = head.replace("X bad", "X-Good");
        assert_eq!(read(head.as_bytes()).unwrap().bytes, b"GET /7 HTTP/1.1\r\nHost: t\r\nOrigin: o\r\n\r\n");
        let head = head.replace("Cookie", "Authorization");
        assert!(matches!(read(head.as_bytes()), Err(HeadError::HeadersTooLarge)));
        let many = |name: &str| format!("GET / HTTP/1.1\r\nHost: t\r\n{}\r\n", format!("{name}: 1\r\n").repeat(300));
        assert!(read(many("X-One").as_bytes()).is_ok());
        assert!(matches!(read(many("Accept").as_bytes()), Err(HeadError::HeadersTooLarge)));
    }

    #[test]
    fn a_head_ends_at_its_first_empty_line() {
        let check = |bytes: &[u8], end: Option<usize>| {
            let mut scan = HeadScan::default();
            for arrived in 0..bytes.len() {
                assert!(scan.end(&bytes[..arrived]).is_none_or(|found| Some(found) == end && found <= arrived));
                if scan.end(&bytes[..arrived]).is_some() {
                    return;
                }
            }
            assert_eq!(scan.end(bytes), end, "{}", bytes.escape_ascii());
        };
        check(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n", Some(27));
        check(b"GET / HTTP/1.1\nHost: t\n\nX\n\n", Some(24));
        check(b"GET / HTTP/1.1\r\nHost: t\r\n", None);
    }

    // spec: http.limits.1
    #[test]
    fn what_does_not_begin_like_a_request_is_not_waited_for() {
        for begun in ["G", "GET", "GET ", "GET /x HTTP/1.1\r\nHo", "GET\r"] {
            let mut scan = HeadScan::default();
            assert!(scan.end(begun.as_bytes()).is_none() && scan.is_plausible(begun.as_bytes()), "{begun:?}");
        }
        for begun in ["\x16\x03\x01", " ", "G\rT", "nonsense\r\n", "GET /\r\n", "GET / x\r\n", "GET / a HTTP/1.1\r\n"] {
            let mut scan = HeadScan::default();
            assert!(scan.end(begun.as_bytes()).is_none() && !scan.is_plausible(begun.as_bytes()), "{begun:?}");
        }
    }
}
