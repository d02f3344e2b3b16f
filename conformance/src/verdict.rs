//! Compares an answer with the expected one. The functions are pure, and nothing else decides on a verdict.
//!
//! - **exact**: the status, every header that the case names, and the bytes of the body.
//! - **equivalent**: the same status and the same content: JSON equal as values, CSV equal as cells. Headers that only frame or trace
//!   the message may differ or be missing; `Content-Type` must have the same media type and `Www-Authenticate` the same scheme; any other
//!   header that the case names must be present.
//! - **differs**: anything else.
//!
//! The answer of the other profile is equivalent, and that profile is reported.

use serde::{Deserialize, Serialize};

use crate::case::{Answer, BodyRule, HeaderRule, Profile, Step};
use crate::client::Response;

/// The verdict on a step or a case, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Verdict {
    /// The target lacks what the case needs.
    #[serde(rename = "not applicable")]
    NotApplicable,
    /// The answer is the expected one, byte for byte.
    #[serde(rename = "exact")]
    Exact,
    /// The answer has the same content.
    #[serde(rename = "equivalent")]
    Equivalent,
    /// The answer is a different one.
    #[serde(rename = "differs")]
    Differs,
    /// There is no answer, or it is not HTTP.
    #[serde(rename = "no answer")]
    NoAnswer,
}

impl Verdict {
    /// All verdicts, from best to worst.
    pub const ALL: [Verdict; 5] =
        [Verdict::NotApplicable, Verdict::Exact, Verdict::Equivalent, Verdict::Differs, Verdict::NoAnswer];

    /// The verdict as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::NotApplicable => "not applicable",
            Verdict::Exact => "exact",
            Verdict::Equivalent => "equivalent",
            Verdict::Differs => "differs",
            Verdict::NoAnswer => "no answer",
        }
    }

    /// Whether the target passed.
    pub fn was_passed(self) -> bool {
        matches!(self, Verdict::Exact | Verdict::Equivalent)
    }

    /// Whether the target failed.
    pub fn is_failure(self) -> bool {
        matches!(self, Verdict::Differs | Verdict::NoAnswer)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The verdict on one answer, and every part of it that is not exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The parts of the answer that are not exact.
    pub differences: Vec<Difference>,
    /// The profile whose answer was given, if it is not the expected one.
    pub answered_as: Option<Profile>,
}

/// A part of an answer that is not exact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Difference {
    /// `status`, `header NAME` or `body`.
    pub at: String,
    /// The value that the case expects.
    pub expected: String,
    /// The value of the answer.
    pub actual: String,
}

/// Judges the answer to a step by the expected answer of the profile `wanted`, and then by that of the other one.
pub fn judge(step: &Step, response: &Response, wanted: Profile) -> Judgement {
    let Some(alternative) = &step.alternative else {
        return compare(&step.expected, response);
    };
    let (first, second, second_profile) = if alternative.profile == wanted {
        (&alternative.answer, &step.expected, Profile::Documented)
    } else {
        (&step.expected, &alternative.answer, alternative.profile)
    };
    let judgement = compare(first, response);
    if judgement.verdict.is_failure() && !compare(second, response).verdict.is_failure() {
        return Judgement { verdict: Verdict::Equivalent, answered_as: Some(second_profile), ..judgement };
    }
    judgement
}

/// Compares an answer with one expected answer.
fn compare(expected: &Answer, response: &Response) -> Judgement {
    let mut verdict = Verdict::Exact;
    let mut differences = Vec::new();
    if response.status != expected.status {
        verdict = Verdict::Differs;
        let difference = ("status".to_owned(), expected.status.to_string(), response.status.to_string());
        differences.push(difference);
    }
    for (name, rule) in &expected.headers {
        let actual = response.header(name);
        if !rule.admits(actual.as_deref()) {
            verdict = verdict.max(header_verdict(name, rule, actual.as_deref()));
            let actual = actual.unwrap_or_else(|| "(absent)".to_owned());
            differences.push((format!("header {name}"), rule.to_string(), actual));
        }
    }
    if let Some(rule) = &expected.body
        && !rule.admits(&response.body)
    {
        let same = match rule {
            BodyRule::Exactly(body) => same_content(body, &response.body, response.header("content-type").as_deref()),
            BodyRule::Matches(_) => false,
        };
        verdict = verdict.max(if same { Verdict::Equivalent } else { Verdict::Differs });
        differences.push(("body".to_owned(), rule.to_string(), text(&response.body)));
    }
    let differences =
        differences.into_iter().map(|(at, expected, actual)| Difference { at, expected, actual }).collect();
    Judgement { verdict, differences, answered_as: None }
}

/// The verdict on a header that breaks its rule.
fn header_verdict(name: &str, rule: &HeaderRule, actual: Option<&str>) -> Verdict {
    const FRAMING_AND_TRACING: [&str; 6] =
        ["connection", "content-length", "transfer-encoding", "date", "request-id", "server"];
    let name = name.to_ascii_lowercase();
    if FRAMING_AND_TRACING.contains(&name.as_str()) {
        return Verdict::Equivalent;
    }
    let first_word = |text: &str| text.split([';', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    let kept = match (rule, actual) {
        (HeaderRule::Absent, _) | (_, None) => false,
        (HeaderRule::Exactly(text), Some(actual)) if name == "content-type" || name == "www-authenticate" => {
            first_word(text) == first_word(actual)
        }
        (_, Some(_)) => true,
    };
    if kept { Verdict::Equivalent } else { Verdict::Differs }
}

/// Whether two bodies have the same content.
fn same_content(expected: &[u8], actual: &[u8], content_type: Option<&str>) -> bool {
    if content_type.is_some_and(|kind| kind.contains("csv")) {
        return matches!((cells(expected), cells(actual)), (Some(a), Some(b)) if a == b);
    }
    match (documents(expected), documents(actual)) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_value(a, b)),
        _ => false,
    }
}

/// Returns the JSON documents of a body: one, or one for each chunk.
pub(crate) fn documents(body: &[u8]) -> Option<Vec<serde_json::Value>> {
    let documents: Vec<_> = serde_json::Deserializer::from_slice(body).into_iter().collect::<Result<_, _>>().ok()?;
    if documents.is_empty() { None } else { Some(documents) }
}

fn cells(body: &[u8]) -> Option<Vec<csv::ByteRecord>> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    reader.into_byte_records().collect::<Result<_, _>>().ok()
}

/// Whether two JSON values are equal. Numbers are compared by value, not as written; the order of keys does not matter.
fn same_value(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same_value(value, other)))
        }
        _ => a == b,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn response(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), hyper::header::HeaderValue::from_static(value))
        });
        Response { status, headers: headers.collect(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn answer(text: &str) -> Answer {
        toml::from_str::<crate::case::AnswerText>(text).unwrap().try_into().unwrap()
    }

    fn verdict(expected: &str, response: &Response) -> Verdict {
        compare(&answer(expected), response).verdict
    }

    #[test]
    fn exact_is_status_named_headers_and_bytes() {
        let got = response(200, &[("content-type", "application/json"), ("x-other", "1")], "{\"a\":1}\n");
        let expected = "status = 200\nheaders = { Content-Type = 'application/json' }\nbody = \"{\\\"a\\\":1}\\n\"";
        assert_eq!(verdict(expected, &got), Verdict::Exact);
        assert_eq!(verdict(&expected.replace("200", "204"), &got), Verdict::Differs);
        assert_eq!(verdict(&expected.replace("\\n", ""), &got), Verdict::Equivalent);
    }

    #[test]
    fn json_is_compared_by_value() {
        for (a, b, same) in [
            ("{\"a\":1,\"b\":2}", "{ \"b\": 2.0, \"a\": 1e0 }", true),
            ("9007199254740993", "9007199254740992", false),
            ("[1,2]", "[2,1]", false),
            ("1\n2\n", "1 2", true),
            ("1\n2\n", "1", false),
            ("null", "", false),
            ("", "", false),
        ] {
            assert_eq!(same_content(a.as_bytes(), b.as_bytes(), None), same, "{a} {b}");
        }
    }

    #[test]
    fn csv_is_compared_by_cell() {
        let same = |a: &str, b: &str| same_content(a.as_bytes(), b.as_bytes(), Some("text/csv"));
        assert!(same("a,b\n1,\n", "\"a\",b\r\n1,\"\""));
        assert!(!same("a,b\n1,\n", "a,b\n1,0\n"));
    }

    #[test]
    fn headers_that_frame_or_trace_may_differ_and_others_must_be_present() {
        let got =
            response(204, &[("content-type", "application/json; charset=utf-8"), ("x-influxdb-version", "9")], "");
        for (header, expected) in [
            ("Request-Id = { matches = '-' }", Verdict::Equivalent),
            ("Connection = 'close'", Verdict::Equivalent),
            ("Content-Type = 'application/json'", Verdict::Equivalent),
            ("Content-Type = 'text/csv'", Verdict::Differs),
            ("X-Influxdb-Version = { matches = '^1' }", Verdict::Equivalent),
            ("X-Influxdb-Version = { absent = true }", Verdict::Differs),
            ("X-Other = '1'", Verdict::Differs),
        ] {
            assert_eq!(verdict(&format!("status = 204\nheaders = {{ {header} }}"), &got), expected, "{header}");
        }
    }

    #[test]
    fn the_answer_of_the_wanted_profile_is_exact_and_the_other_one_equivalent() {
        let step = Step {
            request: crate::case::Request {
                verb: "GET".to_owned(),
                target: "/".to_owned(),
                headers: Vec::new(),
                body: Vec::new(),
            },
            expected: answer("status = 400\nbody = 'a'"),
            alternative: Some(crate::case::Alternative {
                profile: Profile::Observed,
                because: String::new(),
                answer: answer("status = 400\nbody = 'b'"),
            }),
            eventually: false,
        };
        let judged = |body: &str, wanted| {
            let judgement = judge(&step, &response(400, &[], body), wanted);
            (judgement.verdict, judgement.answered_as)
        };
        assert_eq!(judged("a", Profile::Documented), (Verdict::Exact, None));
        assert_eq!(judged("b", Profile::Documented), (Verdict::Equivalent, Some(Profile::Observed)));
        assert_eq!(judged("b", Profile::Observed), (Verdict::Exact, None));
        assert_eq!(judged("a", Profile::Observed), (Verdict::Equivalent, Some(Profile::Documented)));
        assert_eq!(judged("c", Profile::Observed), (Verdict::Differs, None));
    }
}
