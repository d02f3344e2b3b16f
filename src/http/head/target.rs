//! The target of a request, read as Go's `url.ParseRequestURI` reads it: any byte that does not end it is allowed.

use bytes::Bytes;

use super::error::HeadError;

/// A target, taken apart. Nothing in it is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    raw: Bytes,
    path: Bytes,
    query: Bytes,
}

impl Target {
    /// Reads `/path?query`, the same after a scheme and a host, and `*`. The target of CONNECT may be a host, which has no path.
    pub(super) fn parse(target: &Bytes, is_connect: bool) -> Result<Target, HeadError> {
        if target.is_empty() {
            return Err(HeadError::Target("is empty"));
        }
        let raw = target.clone();
        let scheme_bytes = scheme_bytes(target)?;
        let rest = target.slice(scheme_bytes..);
        let (path, query) = match memchr::memchr(b'?', &rest) {
            Some(at) => (rest.slice(..at), rest.slice(at + 1..)),
            None => (rest.clone(), Bytes::new()),
        };
        if path.first() != Some(&b'/') {
            return match &path[..] {
                // Only an address has a scheme without a path.
                _ if scheme_bytes > 0 || is_connect => Ok(Target { raw, path: Bytes::new(), query }),
                b"*" if target.len() == 1 => Ok(Target { raw, path, query }),
                _ => Err(HeadError::Target("does not begin with a slash")),
            };
        }
        let path = if scheme_bytes > 0 && path.starts_with(b"//") {
            let authority_bytes = memchr::memchr(b'/', &path[2..]).map_or(path.len(), |at| at + 2);
            path.slice(authority_bytes..)
        } else {
            path
        };
        if !escapes_are_whole(&path) {
            return Err(HeadError::Target("has an invalid escape in its path"));
        }
        Ok(Target { raw, path, query })
    }

    /// All of it, as it was sent.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The path with its escapes. Empty if there is none.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// What follows the first question mark.
    pub fn query(&self) -> &[u8] {
        &self.query
    }
}

/// The length of a scheme with its colon at the beginning of `target`; zero if there is none.
fn scheme_bytes(target: &[u8]) -> Result<usize, HeadError> {
    for (at, byte) in target.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err(HeadError::Target("has no scheme before its colon")),
            b':' => return Ok(at + 1),
            _ => return Ok(0),
        }
    }
    Ok(0)
}

fn escapes_are_whole(path: &[u8]) -> bool {
    let is_hex = |at: usize| path.get(at).is_some_and(u8::is_ascii_hexdigit);
    memchr::memchr_iter(b'%', path).all(|at| is_hex(at + 1) && is_hex(at + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &[u8], path: &[u8], query: &[u8]) {
        let read = Target::parse(&Bytes::copy_from_slice(target), false).unwrap();
        assert_eq!((read.path(), read.query()), (path, query), "{}", target.escape_ascii());
    }

    fn check_error(target: &'static [u8], is_connect: bool, error: &'static str) {
        let read = Target::parse(&Bytes::from_static(target), is_connect);
        assert_eq!(read, Err(HeadError::Target(error)), "{}", target.escape_ascii());
    }

    // spec: http.target.1, http.target.2
    #[test]
    fn targets_are_taken_apart() {
        check(b"/query?q=\"<>#?%zz\x01\xff", b"/query", b"q=\"<>#?%zz\x01\xff");
        check(b"/ping", b"/ping", b"");
        check(b"/a#b", b"/a#b", b"");
        check(b"//ping?", b"//ping", b"");
        check(b"/%71uery", b"/%71uery", b"");
        check(b"*", b"*", b"");
        check(b"http://h:1/query?q=1", b"/query", b"q=1");
        check(b"http://h", b"", b"");
        check(b"mailto:x", b"", b"");
        assert!(Target::parse(&Bytes::from_static(b"h:80"), true).is_ok());
    }

    // spec: http.target.2
    #[test]
    fn what_is_not_a_target_is_refused() {
        check_error(b"", false, "is empty");
        check_error(b"query?q=1", false, "does not begin with a slash");
        check_error(b"*?", false, "does not begin with a slash");
        check_error(b"?q=1", false, "does not begin with a slash");
        check_error(b":80", true, "has no scheme before its colon");
        check_error(b"/%zz", false, "has an invalid escape in its path");
        check_error(b"/%4", false, "has an invalid escape in its path");
    }
}
