//! The request of a step: its form in a case file (request line, parameters, headers, body), and as it is sent.
//!
//! A [`Request`] is complete: parameters are encoded and appended, credentials are a header, and the body is bytes. The
//! runner adds only what the connection needs (`Host`, `Content-Length`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::text::Text;

/// All but the unreserved characters of RFC 3986 are encoded, as `curl --data-urlencode` does.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The boundary of multipart bodies.
const BOUNDARY: &str = "fluxstone-conformance-boundary";

/// One request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The verb, as written in the case.
    pub verb: String,
    /// Path and query string, percent-encoded.
    pub target: String,
    /// The headers of the case, in its order, followed by those that its body and credentials need.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

/// The request of a step as written in a case file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestText {
    /// Verb, path and an optional query string, sent as written.
    pub request: String,
    /// Parameters that are percent-encoded and appended to the query string, in this order.
    #[serde(default)]
    pub params: Pairs,
    /// Request headers.
    #[serde(default)]
    pub headers: Pairs,
    /// The body as text.
    pub body: Option<Text>,
    /// The body as bytes in Base64.
    pub body_base64: Option<String>,
    /// The body as a URL-encoded form.
    pub form: Option<Pairs>,
    /// The body as a multipart form.
    pub multipart: Option<Vec<Part>>,
    /// The user of Basic authentication.
    pub user: Option<String>,
    /// The password of Basic authentication.
    pub password: Option<String>,
}

/// One part of a multipart body.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The name of the field.
    pub name: String,
    /// The name of the file, if the part is one.
    pub filename: Option<String>,
    /// The content of the field or file.
    pub content: String,
}

/// Names and values in the order of the file. A list of values repeats the name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(pub Vec<(String, String)>);

/// A mistake in a step's request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// `request` is not a verb and a path.
    #[error("`{0}` is not a request: write a verb, one space, and a path that begins with `/`")]
    Line(String),
    /// Several bodies are given.
    #[error("give one of `body`, `body_base64`, `form` and `multipart`, not several")]
    SeveralBodies,
    /// `body_base64` is not Base64.
    #[error("`body_base64` is not Base64: {0}")]
    Base64(String),
    /// `user` is given without `password`, or `password` without `user`.
    #[error("`user` and `password` go together")]
    HalfCredentials,
    /// HTTP does not allow the header.
    #[error("`{0}` is not a header that can be sent")]
    Header(String),
}

impl Request {
    /// Adds Basic credentials, if the request has no credentials of its own.
    #[must_use]
    pub fn with_credentials(mut self, user: &str, password: &str) -> Request {
        if !self.has_header("authorization") {
            self.headers.push(basic(user, password));
        }
        self
    }

    /// Adds a bearer token, if the request has no credentials of its own.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Request {
        if !self.has_header("authorization") {
            self.headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        self
    }

    /// Whether the case or its body set this header.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }
}

impl Request {
    /// Returns the target and the body as text, without percent-encoding.
    pub fn decoded(&self) -> String {
        let decoded = |encoded: &[u8]| {
            let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            percent_encoding::percent_decode(&spaced).decode_utf8_lossy().into_owned()
        };
        format!("{}\n{}", decoded(self.target.as_bytes()), decoded(&self.body))
    }
}

impl TryFrom<RequestText> for Request {
    type Error = RequestError;

    fn try_from(text: RequestText) -> Result<Request, RequestError> {
        let (verb, target) = request_line(&text.request)?;
        let mut target = target.to_owned();
        for (name, value) in &text.params.0 {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&pair(name, value));
        }
        let mut headers = text.headers.0;
        let (body, content_type) = body(text.body, text.body_base64, text.form, text.multipart)?;
        if let Some(content_type) = content_type
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            headers.push(("Content-Type".to_owned(), content_type));
        }
        match (text.user, text.password) {
            (Some(user), Some(password)) => headers.push(basic(&user, &password)),
            (None, None) => {}
            _ => return Err(RequestError::HalfCredentials),
        }
        for (name, value) in &headers {
            let sendable = hyper::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && hyper::header::HeaderValue::from_bytes(value.as_bytes()).is_ok();
            if !sendable {
                return Err(RequestError::Header(format!("{name}: {value}")));
            }
        }
        Ok(Request { verb: verb.to_owned(), target, headers, body })
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        let mut pairs = Vec::new();
        for (name, value) in table {
            match value {
                toml::Value::String(text) => pairs.push((name, text)),
                toml::Value::Array(texts) => {
                    for text in texts {
                        pairs.push((name.clone(), scalar(&name, &text)?));
                    }
                }
                other => pairs.push((name.clone(), scalar(&name, &other)?)),
            }
        }
        Ok(Pairs(pairs))
    }
}

fn scalar<E: serde::de::Error>(name: &str, value: &toml::Value) -> Result<String, E> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(boolean) => Ok(boolean.to_string()),
        _ => Err(E::custom(format_args!("`{name}` must be a text, an integer, a boolean, or a list of texts"))),
    }
}

fn request_line(line: &str) -> Result<(&str, &str), RequestError> {
    let is_token = |verb: &str| hyper::Method::from_bytes(verb.as_bytes()).is_ok();
    match line.split_once(' ') {
        Some((verb, target))
            if is_token(verb)
                && target.starts_with('/')
                && target.parse::<hyper::http::uri::PathAndQuery>().is_ok() =>
        {
            Ok((verb, target))
        }
        _ => Err(RequestError::Line(line.to_owned())),
    }
}

fn body(
    text: Option<Text>,
    base64: Option<String>,
    form: Option<Pairs>,
    parts: Option<Vec<Part>>,
) -> Result<(Vec<u8>, Option<String>), RequestError> {
    match (text, base64, form, parts) {
        (None, None, None, None) => Ok((Vec::new(), None)),
        (Some(text), None, None, None) => Ok((text.0.into_bytes(), None)),
        (None, Some(base64), None, None) => {
            let bytes = BASE64.decode(base64).map_err(|e| RequestError::Base64(e.to_string()))?;
            Ok((bytes, None))
        }
        (None, None, Some(form), None) => {
            let pairs: Vec<String> = form.0.iter().map(|(name, value)| pair(name, value)).collect();
            Ok((pairs.join("&").into_bytes(), Some("application/x-www-form-urlencoded".to_owned())))
        }
        (None, None, None, Some(parts)) => {
            Ok((multipart(&parts).into_bytes(), Some(format!("multipart/form-data; boundary={BOUNDARY}"))))
        }
        _ => Err(RequestError::SeveralBodies),
    }
}

/// Returns a parameter as it is sent.
pub(crate) fn pair(name: &str, value: &str) -> String {
    format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(value, ENCODED))
}

fn basic(user: &str, password: &str) -> (String, String) {
    ("Authorization".to_owned(), format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
}

fn multipart(parts: &[Part]) -> String {
    let mut body = String::new();
    for part in parts {
        let filename = part.filename.as_ref().map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let kind = if part.filename.is_some() { "Content-Type: text/plain\r\n" } else { "" };
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"{filename}\r\n{kind}\r\n{}\r\n",
            part.name, part.content
        ));
    }
    body.push_str(&format!("--{BOUNDARY}--\r\n"));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Request, RequestError> {
        toml::from_str::<RequestText>(text).unwrap().try_into()
    }

    #[test]
    fn parameters_are_encoded_and_appended_in_order() {
        let request =
            request("request = 'GET /query?db=a%20b'\nparams = { q = 'SELECT \"é\"', epoch = 's', z = ['1', '2'] }");
        assert_eq!(request.unwrap().target, "/query?db=a%20b&q=SELECT%20%22%C3%A9%22&epoch=s&z=1&z=2");
    }

    #[test]
    fn a_form_is_encoded_and_typed() {
        let request = request("request = 'POST /query'\nform = { q = 'a b', n = 1 }").unwrap();
        assert_eq!(request.body, b"q=a%20b&n=1");
        assert_eq!(request.headers, [("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())]);
    }

    #[test]
    fn credentials_become_a_basic_header_unless_the_case_has_one() {
        let own = request("request = 'GET /ping'\nuser = 'u'\npassword = 'p'").unwrap();
        assert_eq!(own.headers, [("Authorization".to_owned(), "Basic dTpw".to_owned())]);
        assert_eq!(own.clone().with_credentials("admin", "x"), own);
    }

    #[test]
    fn a_multipart_file_has_a_name_and_a_type() {
        let body =
            multipart(&[Part { name: "q".to_owned(), filename: Some("f.txt".to_owned()), content: "x\n".to_owned() }]);
        assert_eq!(
            body,
            "--fluxstone-conformance-boundary\r\nContent-Disposition: form-data; name=\"q\"; filename=\"f.txt\"\r\n\
             Content-Type: text/plain\r\n\r\nx\n\r\n--fluxstone-conformance-boundary--\r\n"
        );
    }

    #[test]
    fn invalid_requests_are_refused() {
        for (text, error) in [
            ("request = 'GET'", RequestError::Line("GET".to_owned())),
            ("request = 'GET ping'", RequestError::Line("GET ping".to_owned())),
            ("request = 'GET /a b'", RequestError::Line("GET /a b".to_owned())),
            ("request = 'POST /q'\nbody = 'a'\nform = { q = 'b' }", RequestError::SeveralBodies),
            ("request = 'POST /q'\nuser = 'a'", RequestError::HalfCredentials),
            ("request = 'POST /q'\nheaders = { 'a b' = 'c' }", RequestError::Header("a b: c".to_owned())),
        ] {
            assert_eq!(request(text), Err(error), "{text}");
        }
    }
}
