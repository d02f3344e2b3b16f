//! Names that no other case uses: every database and user that a case owns gets a prefix that is drawn for the run and the case.
//!
//! Cases are written with short names, such as `mydb`. [`Names::apply`] puts the prefix in front of them where a request names a database
//! or a user: in `db` and `u`, in Basic credentials, and in statements after the keywords that introduce such a name. [`Names::restore`]
//! takes the prefix out of the answer again, and corrects what depends on its length: `Content-Length`, and the positions in messages
//! about syntax. So the verdict compares what the case is about, and cases can run at once, on a server that holds other data.
//!
//! Retention policies, measurements and the like need no prefix: they belong to a database.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use regex::bytes::{Captures, Regex};

use crate::case::{Owned, Request};
use crate::client::Response;
use crate::statement;

/// The position in a message about syntax.
static POSITION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bline ([0-9]+), char ([0-9]+)").ok());

/// A field of a multipart form, up to the next boundary.
static FIELD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?s-u)name="(q|db|u)"[^\r]*\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--"#).ok());

/// The mark of a run: the beginning of every name that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMark(String);

/// The names of one case in one run.
#[derive(Debug, Clone)]
pub struct Names<'a> {
    /// Stands in front of each name; empty if names are sent as written.
    prefix: String,
    owned: &'a Owned,
}

/// A request with the names of the run, and where they were changed in its statements.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The request.
    pub request: Request,
    insertions: Vec<Insertion>,
}

/// Where a prefix was put into a statement, as the server counts: both numbers begin at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Insertion {
    line: usize,
    column: usize,
}

impl RunMark {
    /// Draws a mark that no other run has.
    pub fn random() -> RunMark {
        RunMark(format!("fx{:08x}", rand::random::<u32>()))
    }

    /// Whether this is a name that some run made.
    pub fn is_of_any(name: &str) -> bool {
        let drawn = name.strip_prefix("fx").and_then(|rest| rest.split_once('_')).map(|(drawn, _)| drawn);
        drawn.is_some_and(|drawn| drawn.len() > 8 && drawn.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// Whether this run made this name.
    pub fn is_of(&self, name: &str) -> bool {
        name.starts_with(&self.0)
    }
}

impl<'a> Names<'a> {
    /// Names as the case has them, for cases that have the server to themselves.
    pub fn as_written(owned: &'a Owned) -> Names<'a> {
        Names { prefix: String::new(), owned }
    }

    /// Names of the case with this number in a run.
    pub fn of_run(mark: &RunMark, number: usize, owned: &'a Owned) -> Names<'a> {
        Names { prefix: format!("{}{number:x}_", mark.0), owned }
    }

    /// Returns the databases that the case creates, as the server knows them.
    pub fn databases(&self) -> impl Iterator<Item = String> {
        self.owned.databases.iter().map(|name| format!("{}{name}", self.prefix))
    }

    /// Returns the users that the case creates, as the server knows them.
    pub fn users(&self) -> impl Iterator<Item = String> {
        self.owned.users.iter().map(|name| format!("{}{name}", self.prefix))
    }

    /// Returns the request as it is sent.
    pub fn apply(&self, request: &Request) -> Sent {
        let mut sent = Sent { request: request.clone(), insertions: Vec::new() };
        if self.prefix.is_empty() {
            return sent;
        }
        if let Some((path, parameters)) = request.target.split_once('?') {
            sent.request.target = format!("{path}?{}", self.parameters(parameters, &mut sent.insertions));
        }
        for (_, value) in sent.request.headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        {
            if let Some(renamed) = self.credentials(value) {
                *value = renamed;
            }
        }
        let content_type = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = content_type.map(|(_, value)| value.as_str()).unwrap_or_default();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            if let Ok(form) = std::str::from_utf8(&request.body) {
                sent.request.body = self.parameters(form, &mut sent.insertions).into_bytes();
            }
        } else if content_type.starts_with("multipart/") {
            sent.request.body = self.multipart(&request.body, &mut sent.insertions);
        }
        sent
    }

    /// Returns the answer as it would be to the request of the case.
    pub fn restore(&self, sent: &Sent, mut response: Response) -> Response {
        if self.prefix.is_empty() {
            return response;
        }
        let length = response.body.len();
        let mut body = without(&response.body, self.prefix.as_bytes());
        if !sent.insertions.is_empty()
            && let Some(position) = &*POSITION
        {
            let shift = |found: &Captures<'_>| self.shifted(found, &sent.insertions);
            body = position.replace_all(&body, shift).into_owned();
        }
        for value in response.headers.values_mut() {
            if let Ok(restored) = HeaderValue::from_bytes(&without(value.as_bytes(), self.prefix.as_bytes())) {
                *value = restored;
            }
        }
        // A length that was right for the answer with the prefix is right for the answer without it.
        if let Some(value) = response.headers.get_mut(CONTENT_LENGTH)
            && value.to_str().is_ok_and(|text| text == length.to_string())
        {
            *value = HeaderValue::from(body.len());
        }
        response.body = body.into();
        response
    }

    /// Puts the prefix into the values of a query string or form. All other bytes remain as they are.
    fn parameters(&self, text: &str, insertions: &mut Vec<Insertion>) -> String {
        let renamed = text.split('&').map(|pair| {
            let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
            let decoded = Decoded::of(value);
            let mut value = value.to_owned();
            for offset in self.offsets(name, &decoded.text, insertions).into_iter().rev() {
                value.insert_str(decoded.places.get(offset).copied().unwrap_or(value.len()), &self.prefix);
            }
            format!("{name}={value}")
        });
        renamed.collect::<Vec<_>>().join("&")
    }

    fn multipart(&self, body: &[u8], insertions: &mut Vec<Insertion>) -> Vec<u8> {
        let mut renamed = Vec::with_capacity(body.len());
        let mut copied = 0;
        let Some(field) = &*FIELD else { return body.to_vec() };
        for found in field.captures_iter(body) {
            let (Some(name), Some(value)) = (found.get(1), found.get(2)) else { continue };
            let name = String::from_utf8_lossy(name.as_bytes());
            let Ok(text) = std::str::from_utf8(value.as_bytes()) else { continue };
            for offset in self.offsets(&name, text, insertions) {
                renamed.extend_from_slice(&body[copied..value.start() + offset]);
                renamed.extend_from_slice(self.prefix.as_bytes());
                copied = value.start() + offset;
            }
        }
        renamed.extend_from_slice(&body[copied..]);
        renamed
    }

    /// Returns where the prefix belongs in the value of a parameter.
    fn offsets(&self, parameter: &str, value: &str, insertions: &mut Vec<Insertion>) -> Vec<usize> {
        let is_owned = |names: &[String]| names.iter().any(|name| name == value);
        match parameter {
            "db" if is_owned(&self.owned.databases) => vec![0],
            "u" if is_owned(&self.owned.users) => vec![0],
            "q" => {
                let offsets = statement::owned_names(value, self.owned);
                insertions.extend(self.insertions(value, &offsets));
                offsets
            }
            _ => Vec::new(),
        }
    }

    /// Returns the places of the prefixes in the statement that is sent.
    fn insertions(&self, statement: &str, offsets: &[usize]) -> Vec<Insertion> {
        let mut places: Vec<Insertion> = Vec::with_capacity(offsets.len());
        for offset in offsets {
            let before = &statement[..*offset];
            let line = before.matches('\n').count();
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
            let earlier = places.iter().filter(|place| place.line == line).count();
            places.push(Insertion { line, column: column + earlier * self.prefix.len() });
        }
        places
    }

    /// Returns a position in a message as it would be without the prefixes before it.
    fn shifted(&self, found: &Captures<'_>, insertions: &[Insertion]) -> Vec<u8> {
        let number = |i: usize| -> Option<usize> { std::str::from_utf8(found.get(i)?.as_bytes()).ok()?.parse().ok() };
        let (Some(line), Some(char)) = (number(1), number(2)) else { return found[0].to_vec() };
        let is_before = |place: &&Insertion| place.line + 1 == line && place.column + self.prefix.len() < char;
        let char = char - self.prefix.len() * insertions.iter().filter(is_before).count();
        format!("line {line}, char {char}").into_bytes()
    }

    /// Returns Basic credentials with the prefix, if they are of a user of the case.
    fn credentials(&self, value: &str) -> Option<String> {
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
        let (user, _) = decoded.split_once(':')?;
        let is_owned = self.owned.users.iter().any(|name| name == user);
        is_owned.then(|| format!("{scheme} {}", BASE64.encode(format!("{}{decoded}", self.prefix))))
    }
}

/// A percent-encoded text, decoded, with the place of each of its bytes in the encoded text.
struct Decoded {
    /// The text; empty if it is not UTF-8.
    text: String,
    places: Vec<usize>,
}

impl Decoded {
    fn of(encoded: &str) -> Decoded {
        let bytes = encoded.as_bytes();
        let hex = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        let (mut decoded, mut places) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            places.push(at);
            match (byte, hex(at + 1), hex(at + 2)) {
                (b'%', Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    at += 3;
                }
                (b'+', _, _) => {
                    decoded.push(b' ');
                    at += 1;
                }
                _ => {
                    decoded.push(*byte);
                    at += 1;
                }
            }
        }
        Decoded { text: String::from_utf8(decoded).unwrap_or_default(), places }
    }
}

/// Returns a text without the occurrences of a prefix.
fn without(text: &[u8], prefix: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut kept = Vec::with_capacity(text.len());
    let finder = memchr::memmem::Finder::new(prefix);
    while let Some(at) = finder.find(rest) {
        kept.extend_from_slice(&rest[..at]);
        rest = &rest[at + prefix.len()..];
    }
    kept.extend_from_slice(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned() -> Owned {
        Owned { databases: vec!["d".to_owned(), "a b".to_owned()], users: vec!["u".to_owned()] }
    }

    fn request(target: &str, content_type: &str, body: &str) -> Request {
        Request {
            verb: "POST".to_owned(),
            target: target.to_owned(),
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn the_names_of_runs_are_known_by_their_beginning() {
        let (owned, mark) = (owned(), RunMark::random());
        let name = Names::of_run(&mark, 17, &owned).users().next().unwrap();
        assert!(mark.is_of(&name) && RunMark::is_of_any(&name), "{name}");
        assert!(!RunMark::random().is_of("u") && !RunMark::is_of_any("fx_u") && !RunMark::is_of_any("fxdeadbeef_u"));
    }

    #[test]
    fn names_in_parameters_get_the_prefix_and_other_bytes_remain() {
        let (owned, mark) = (owned(), RunMark("x".to_owned()));
        let names = Names::of_run(&mark, 1, &owned);
        let sent = names.apply(&request("/query?db=d&u=u&p=u&rp=d&q=SELECT+d+FROM+d..m%3b", FORM, "db=a+b&q=x&db"));
        assert_eq!(sent.request.target, "/query?db=x1_d&u=x1_u&p=u&rp=d&q=SELECT+d+FROM+x1_d..m%3b");
        assert_eq!(sent.request.body, b"db=x1_a+b&q=x&db");
        let written = Names::as_written(&owned).apply(&request("/query?db=d", "text/plain", "d"));
        assert_eq!(written.request.target, "/query?db=d");
    }

    #[test]
    fn names_in_credentials_and_multipart_forms_get_the_prefix() {
        let (owned, mark) = (owned(), RunMark("x".to_owned()));
        let names = Names::of_run(&mark, 1, &owned);
        let own = request("/ping", "text/plain", "").with_credentials("u", "p:q");
        let renamed = request("/ping", "text/plain", "").with_credentials("x1_u", "p:q");
        assert_eq!(names.apply(&own).request, renamed);
        let other = own.with_credentials("v", "u");
        assert_eq!(names.apply(&other).request.headers.len(), other.headers.len());
        let body = "--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nDROP DATABASE d\r\n--b--\r\n";
        let sent = names.apply(&request("/query", "multipart/form-data; boundary=b", body));
        assert_eq!(String::from_utf8_lossy(&sent.request.body), body.replace(" d\r", " x1_d\r"));
    }

    #[test]
    fn an_answer_is_restored_with_its_length_and_positions() {
        let (owned, mark) = (owned(), RunMark("run".to_owned()));
        let names = Names::of_run(&mark, 1, &owned);
        let sent = names.apply(&request("/query", FORM, "q=DROP DATABASE d; DROP DATABASE\nd x"));
        assert_eq!(sent.request.body, b"q=DROP DATABASE run1_d; DROP DATABASE\nrun1_d x");
        let restored = |body: &str| {
            let headers = [("content-length", body.len().to_string()), ("x-name", "run1_d".to_owned())];
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let response = Response { status: 200, headers: headers.collect(), body: body.to_owned().into() };
            let response = names.restore(&sent, response);
            assert_eq!(response.header("content-length"), Some(response.body.len().to_string()));
            assert_eq!(response.header("x-name").as_deref(), Some("d"));
            String::from_utf8_lossy(&response.body).into_owned()
        };
        assert_eq!(restored("found run1_d at line 1, char 15"), "found d at line 1, char 15");
        assert_eq!(restored("found ; at line 1, char 21"), "found ; at line 1, char 16");
        assert_eq!(restored("found x at line 2, char 8"), "found x at line 2, char 3");
    }
}
