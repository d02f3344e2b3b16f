//! The log of requests, in the format of InfluxDB (the combined log format, with the request's identifier and its time in
//! microseconds). Passwords are left out, and nothing that a client sends can look like another line.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use fluxstone_compat::AnswerSemantics;
use fluxstone_influxql::parse;
use hyper::header::{self, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};

use super::access_file::AccessLog;
use super::credentials::{Credentials, user_of};
use super::head::Target;
use super::parameters::{Parameters, to_text, unescaped};
use super::requests::Announced;
use super::socket::Peer;

/// The longest part of a line that a client determines, in characters.
const PART_CHARS_MAX: usize = 4096;

/// What InfluxDB writes in place of a password, escaped as in a query string.
const REDACTED: &str = "%5BREDACTED%5D";

/// The line of a request, as far as it is known when the request begins.
#[derive(Debug)]
pub(super) struct Entry {
    /// Up to the status.
    begin: String,
    /// Between the size and the identifier.
    middle: String,
    begun: Instant,
    /// Where the line goes, unless it is the log of the server.
    log: Option<AccessLog>,
}

impl Entry {
    pub(super) fn new(
        parts: &Parts,
        client: &Peer,
        announced: &Announced,
        semantics: AnswerSemantics,
        log: Option<AccessLog>,
    ) -> Entry {
        let (path, query) =
            announced.target.as_ref().map_or((&[][..], &[][..]), |target: &Target| (target.path(), target.query()));
        let pairs = Parameters::parse(query);
        let user = match Credentials::of(&parts.headers, &pairs, semantics) {
            Some(credentials) => user_of(&credentials),
            None => pairs.text("u"),
        };
        let text =
            |name: HeaderName| parts.headers.get(name).map_or_else(String::new, |value| to_text(value.as_bytes()));
        let forwarded = text(HeaderName::from_static("x-forwarded-for"));
        let host =
            if forwarded.is_empty() { client.address.to_string() } else { format!("{forwarded},{}", client.address) };
        let mut uri = to_text(path);
        if !query.is_empty() {
            uri.push('?');
            uri.push_str(&without_passwords(query));
        }
        let begin = format!(
            "{} - {} [{}] \"{} {} {}\"",
            part(&host),
            part(&user),
            jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000"),
            method(&parts.method),
            part(&uri),
            version(parts.version),
        );
        let middle = format!("\"{}\" \"{}\"", part(&text(header::REFERER)), part(&text(header::USER_AGENT)));
        Entry { begin, middle, begun: Instant::now(), log }
    }

    /// Writes the line of a request whose answer has been sent, or given up after so many bytes.
    pub(super) fn write(&self, status: StatusCode, bytes: u64, request_id: &str) {
        let line = self.line(status, bytes, request_id, self.begun.elapsed());
        if let Some(log) = &self.log {
            log.write(&line);
        } else {
            tracing::info!(target: "fluxstone::access", "{line}");
        }
    }

    fn line(&self, status: StatusCode, bytes: u64, request_id: &str, took: Duration) -> String {
        let Entry { begin, middle, .. } = self;
        format!("{begin} {} {bytes} {middle} {request_id} {}", status.as_u16(), took.as_micros())
    }
}

fn method(method: &Method) -> String {
    part(method.as_str())
}

fn version(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

/// A part of a line: on one line, without the quotes that end parts, not endless, and `-` if it is empty.
fn part(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let mut shown = String::new();
    for c in text.chars().take(PART_CHARS_MAX) {
        if c.is_control() || c == '"' || c == '\\' {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    if text.chars().nth(PART_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// The query string without the password `p` and those in the statements `q`. Anything else stays as it was sent. A semicolon is
/// taken for a separator here, as some clients do, so that nothing hides behind one.
fn without_passwords(query: &[u8]) -> String {
    let mut shown = String::new();
    for (i, pair) in query.split_inclusive(|&b| matches!(b, b'&' | b';')).enumerate() {
        let (pair, separator) = match pair.split_last() {
            Some((&end @ (b'&' | b';'), rest)) => (rest, Some(end)),
            _ => (pair, None),
        };
        let at = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
        let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
        let is = |wanted: &[u8]| unescaped(name).as_deref() == Some(wanted);
        // What follows a semicolon within a statement belongs to it.
        let in_statement = i > 0 && shown.ends_with(';');
        if is(b"p") && !value.is_empty() {
            let _ = write!(shown, "p={REDACTED}");
        } else if is(b"q") && mentions_passwords(value) {
            shown.push_str("q=");
            shown.extend(form_urlencoded::byte_serialize(statements_without_passwords(value).as_bytes()));
        } else if in_statement && mentions_passwords(pair) {
            shown.push_str(REDACTED);
        } else {
            shown.push_str(&to_text(pair));
        }
        shown.extend(separator.map(char::from));
    }
    shown
}

/// Whether the word occurs in a text, or may occur in one that cannot be read.
fn mentions_passwords(value: &[u8]) -> bool {
    unescaped(value).is_none_or(|text| text.to_ascii_lowercase().windows(8).any(|word| word == b"password"))
}

/// Statements in their normal form, in which passwords are replaced; only their beginning if they cannot be parsed.
fn statements_without_passwords(value: &[u8]) -> String {
    let Some(text) = unescaped(value).map(|bytes| to_text(&bytes)) else { return "[REDACTED]".to_owned() };
    if let Ok(query) = parse(&text, &fluxstone_influxql::Parameters::new()) {
        return query.statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    }
    // Lower case in ASCII keeps all positions.
    let at = text.to_ascii_lowercase().find("password").unwrap_or(0);
    format!("{}[REDACTED]", text.get(..at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // spec: watch.access.2
    #[test]
    fn passwords_are_left_out_of_query_strings() {
        for (query, shown) in [
            ("db=d&q=SELECT+1", "db=d&q=SELECT+1"),
            ("u=root&p=secret&db=d", "u=root&p=%5BREDACTED%5D&db=d"),
            ("%70=secret", "p=%5BREDACTED%5D"),
            ("u=root;p=secret", "u=root;p=%5BREDACTED%5D"),
            ("p=sec%zzret", "p=%5BREDACTED%5D"),
            (
                "q=CREATE%20USER%20u%20WITH%20PASSWORD%20'my%20secret'&pretty=true",
                "q=CREATE+USER+u+WITH+PASSWORD+%5BREDACTED%5D&pretty=true",
            ),
            ("q=create+user+u+with+passWord+secret", "q=create+user+u+with+%5BREDACTED%5D"),
            ("q=SET+PASSWORD+FOR+u+%3D+'secret'", "q=SET+PASSWORD+FOR+u+%3D+%5BREDACTED%5D"),
            ("q=SHOW+USERS;SET+PASSWORD+FOR+u+=+'secret'", "q=SHOW+USERS;%5BREDACTED%5D"),
            ("q=SET+%zz+'secret'", "q=%5BREDACTED%5D"),
            ("", ""),
            ("&=&;", "&=&;"),
        ] {
            let got = without_passwords(query.as_bytes());
            assert_eq!(got, shown, "{query}");
            assert!(!got.contains("secret"), "{got}");
        }
    }

    proptest! {
        // spec: watch.access.2
        #[test]
        fn no_password_is_logged_whatever_is_around_it(
            before in "[pq=&;%a-z0-9 +']{0,20}",
            after in "[pq=&;%a-z0-9 +']{0,20}",
            statement in "(CREATE USER u WITH|SET|select|x;|'a) ?(PASSWORD|password|PassWord) ?(FOR u = )?",
        ) {
            let plain = without_passwords(format!("{before}&p=S3CRET&{after}").as_bytes());
            prop_assert!(!plain.contains("S3CRET"), "{plain}");
            let text: String = form_urlencoded::byte_serialize(format!("{statement}'S3CRET' {after}").as_bytes()).collect();
            let in_statement = without_passwords(format!("{before}&q={text}").as_bytes());
            prop_assert!(!in_statement.contains("S3CRET"), "{in_statement}");
        }

        #[test]
        fn any_bytes_can_be_shown(query in proptest::collection::vec(any::<u8>(), 0..60)) {
            let shown = part(&without_passwords(&query));
            prop_assert!(!shown.contains(char::is_control));
        }
    }

    // spec: watch.access.1, http.log.1
    #[test]
    fn a_part_is_on_one_line_and_between_its_quotes() {
        assert_eq!(part(""), "-");
        assert_eq!(part("curl/7 \"x\"\r\n\u{1b}[2J\u{9b}é"), "curl/7 \\\"x\\\"\\r\\n\\u{1b}[2J\\u{9b}é");
        assert!(part(&"x".repeat(10_000)).len() < PART_CHARS_MAX + 10);
    }

    // spec: watch.access.1
    #[test]
    fn a_line_has_the_parts_of_influxdb() {
        let entry = Entry {
            begin: "127.0.0.1 - root [01/Mar/2017:00:16:18 +0000] \"GET /query?db=d HTTP/1.1\"".to_owned(),
            middle: "\"-\" \"curl/7\"".to_owned(),
            begun: Instant::now(),
            log: None,
        };
        assert_eq!(
            entry.line(StatusCode::OK, 57, "id", Duration::from_nanos(1_234_567)),
            "127.0.0.1 - root [01/Mar/2017:00:16:18 +0000] \"GET /query?db=d HTTP/1.1\" 200 57 \"-\" \"curl/7\" id 1234"
        );
    }
}
