//! Parser and grammar on every text that the conformance cases send.

use fluxstone_conformance::case::{Request, Step};
use fluxstone_conformance::suite::Suite;

use super::{influxql, line_protocol};

/// The steps of all cases.
fn steps() -> Vec<Step> {
    let suite = Suite::embedded().expect("the cases are well-formed");
    suite.cases.into_iter().flat_map(|case| case.steps).collect()
}

fn path_and_query(request: &Request) -> (&str, &str) {
    request.target.split_once('?').unwrap_or((&request.target, ""))
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The parameter `q`, of the target or of a form.
fn query(request: &Request) -> Option<String> {
    let (path, query) = path_and_query(request);
    let form = header(request, "Content-Type") == Some("application/x-www-form-urlencoded");
    let form = if form { request.body.as_slice() } else { &[] };
    // The server drops other pairs (http.parameters.4).
    let pairs = [form, query.as_bytes()].into_iter().flat_map(|text| text.split(|&b| b == b'&'));
    let mut pairs =
        pairs.filter(|pair| !pair.contains(&b';') && has_valid_escapes(pair)).flat_map(form_urlencoded::parse);
    pairs.find(|(key, _)| path == "/query" && key == "q").map(|(_, value)| value.into_owned())
}

fn has_valid_escapes(text: &[u8]) -> bool {
    text.split(|&b| b == b'%')
        .skip(1)
        .all(|escape| escape.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

// spec: influxql.grammar.1, influxql.error.1
#[test]
fn parser_and_grammar_of_influxql_agree_on_the_queries_of_all_cases() {
    let (mut judged, mut refused) = (0, 0);
    for step in steps().into_iter().filter(|step| step.request.verb != "OPTIONS") {
        let Some(text) = query(&step.request).filter(|text| !text.contains('\0')) else { continue };
        judged += 1;
        if !influxql::agreed(&text).unwrap_or_else(|error| panic!("{error}")) {
            refused += 1;
            assert_ne!(step.expected.status, 200, "{text:?}");
        }
    }
    assert!(judged > 50 && refused > 0, "{refused} of {judged}");
}

// spec: lp.point.1
#[test]
fn parser_and_grammar_of_line_protocol_agree_on_the_bodies_of_all_cases() {
    let mut judged = 0;
    for Step { request, .. } in steps() {
        // The recognizer is too slow for the few large bodies.
        let plain = header(&request, "Content-Encoding").is_none() && request.body.len() < 10_000;
        if path_and_query(&request).0 == "/write" && plain {
            judged += 1;
            line_protocol::agreed(&request.body).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    assert!(judged > 100, "{judged}");
}
