//! The answer that a step expects: a status, rules for headers, and a rule for the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::text::Text;

/// The label of one of two expected answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, Serialize, clap::ValueEnum)]
pub enum Profile {
    /// The documented answer, or the sensible one where InfluxDB answers by accident.
    #[default]
    #[serde(rename = "documented")]
    Documented,
    /// The answer that InfluxDB 1.2.4 was observed to give.
    #[serde(rename = "1.2.4")]
    #[value(name = "1.2.4")]
    Observed,
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Profile::Documented => "documented",
            Profile::Observed => "1.2.4",
        })
    }
}

/// An expected answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Rules for the headers that are checked; other headers may be present.
    pub headers: Vec<(String, HeaderRule)>,
    /// Rules for headers that every answer of the file has, unless the case has its own.
    pub common_headers: Vec<(String, HeaderRule)>,
    /// The rule for the body, decompressed and without transfer coding. Without a rule, the body is not checked.
    pub body: Option<BodyRule>,
}

/// A rule for a body.
#[derive(Debug, Clone)]
pub enum BodyRule {
    /// The body is these bytes.
    Exactly(Vec<u8>),
    /// The regular expression matches somewhere in the body, for bodies that vary.
    Matches(regex::bytes::Regex),
}

impl BodyRule {
    /// Whether a body satisfies the rule.
    pub fn admits(&self, body: &[u8]) -> bool {
        match self {
            BodyRule::Exactly(bytes) => bytes == body,
            BodyRule::Matches(regex) => regex.is_match(body),
        }
    }
}

impl std::fmt::Display for BodyRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BodyRule::Exactly(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            BodyRule::Matches(regex) => write!(f, "/{regex}/"),
        }
    }
}

/// A rule for a header.
#[derive(Debug, Clone)]
pub enum HeaderRule {
    /// The header is this text.
    Exactly(String),
    /// The regular expression matches somewhere in the header.
    Matches(regex::Regex),
    /// The header is absent.
    Absent,
}

impl HeaderRule {
    /// Whether the header of an answer satisfies the rule.
    pub fn admits(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (HeaderRule::Exactly(text), Some(value)) => text == value,
            (HeaderRule::Matches(regex), Some(value)) => regex.is_match(value),
            (HeaderRule::Absent, None) => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for HeaderRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HeaderRule::Exactly(text) => f.write_str(text),
            HeaderRule::Matches(regex) => write!(f, "/{regex}/"),
            HeaderRule::Absent => f.write_str("(absent)"),
        }
    }
}

/// An answer as written in a case file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerText {
    status: u16,
    #[serde(default)]
    headers: HeaderRules,
    body: Option<BodyText>,
    body_base64: Option<String>,
}

/// A body as written in a case file.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum BodyText {
    Exactly(Text),
    Matches(Pattern),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    matches: String,
}

/// The second answer of a step, with its label.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlternativeText {
    /// The label.
    pub(super) profile: Profile,
    /// Why the answers differ.
    pub(super) because: String,
    status: u16,
    #[serde(default)]
    headers: HeaderRules,
    body: Option<BodyText>,
    body_base64: Option<String>,
}

/// Header rules by name, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct HeaderRules(pub(super) Vec<(String, HeaderRule)>);

/// A mistake in an expected answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The status is not one of HTTP.
    #[error("`{0}` is not an HTTP status")]
    Status(u16),
    /// Both `body` and `body_base64` are given.
    #[error("give one of `body` and `body_base64`, not both")]
    SeveralBodies,
    /// `body_base64` is not Base64.
    #[error("`body_base64` is not Base64: {0}")]
    Base64(String),
    /// A pattern is not a regular expression.
    #[error("`body`: {0}")]
    Pattern(String),
}

impl TryFrom<AnswerText> for Answer {
    type Error = AnswerError;

    fn try_from(text: AnswerText) -> Result<Answer, AnswerError> {
        if !(100..600).contains(&text.status) {
            return Err(AnswerError::Status(text.status));
        }
        let body = match (text.body, text.body_base64) {
            (None, None) => None,
            (Some(BodyText::Exactly(body)), None) => Some(BodyRule::Exactly(body.0.into_bytes())),
            (Some(BodyText::Matches(Pattern { matches })), None) => {
                let regex = regex::bytes::Regex::new(&matches).map_err(|e| AnswerError::Pattern(e.to_string()))?;
                Some(BodyRule::Matches(regex))
            }
            (None, Some(base64)) => {
                let bytes = BASE64.decode(base64).map_err(|error| AnswerError::Base64(error.to_string()))?;
                Some(BodyRule::Exactly(bytes))
            }
            (Some(_), Some(_)) => return Err(AnswerError::SeveralBodies),
        };
        Ok(Answer { status: text.status, headers: text.headers.0, common_headers: Vec::new(), body })
    }
}

impl From<AlternativeText> for AnswerText {
    fn from(text: AlternativeText) -> AnswerText {
        AnswerText { status: text.status, headers: text.headers, body: text.body, body_base64: text.body_base64 }
    }
}

impl<'de> Deserialize<'de> for HeaderRules {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<HeaderRules, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        let rules = table.into_iter().map(|(name, value)| header_rule(&name, &value).map(|rule| (name, rule)));
        Ok(HeaderRules(rules.collect::<Result<_, _>>()?))
    }
}

fn header_rule<E: serde::de::Error>(name: &str, value: &toml::Value) -> Result<HeaderRule, E> {
    let only = |table: &toml::Table, key: &str| if table.len() == 1 { table.get(key).cloned() } else { None };
    match value {
        toml::Value::String(text) => Ok(HeaderRule::Exactly(text.clone())),
        toml::Value::Integer(number) => Ok(HeaderRule::Exactly(number.to_string())),
        toml::Value::Table(table) => match (only(table, "matches"), only(table, "absent")) {
            (Some(toml::Value::String(regex)), _) => {
                regex::Regex::new(&regex).map(HeaderRule::Matches).map_err(|e| E::custom(format_args!("`{name}`: {e}")))
            }
            (_, Some(toml::Value::Boolean(true))) => Ok(HeaderRule::Absent),
            _ => Err(E::custom(format_args!("`{name}` must be `{{ matches = 'regex' }}` or `{{ absent = true }}`"))),
        },
        _ => {
            Err(E::custom(format_args!("`{name}` must be a text, `{{ matches = 'regex' }}` or `{{ absent = true }}`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<Answer, String> {
        let text: AnswerText = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        text.try_into().map_err(|e: AnswerError| e.to_string())
    }

    #[test]
    fn a_header_rule_is_a_text_a_pattern_or_absence() {
        let answer =
            answer("status = 200\nheaders = { A = 'x', B = { matches = '^1' }, C = { absent = true }, D = 7 }")
                .unwrap();
        let admitted: Vec<[bool; 3]> =
            answer.headers.iter().map(|(_, r)| [r.admits(Some("x")), r.admits(Some("12")), r.admits(None)]).collect();
        assert_eq!(admitted, [[true, false, false], [false, true, false], [false, false, true], [false; 3]]);
    }

    #[test]
    fn a_body_rule_is_a_text_a_list_of_pieces_or_a_pattern() {
        let admits = |rule: &str, body: &[u8]| {
            answer(&format!("status = 200\nbody = {rule}")).unwrap().body.unwrap().admits(body)
        };
        assert!(admits("'aaa'", b"aaa") && !admits("'aaa'", b"aa"));
        assert!(admits("[{ text = 'a', times = 3 }]", b"aaa"));
        assert!(admits("{ matches = '^a+$' }", b"aaa") && !admits("{ matches = '^a+$' }", b"ab"));
    }

    #[test]
    fn invalid_answers_are_refused() {
        for text in [
            "headers = {}",
            "status = 42",
            "status = 200\nbody = ''\nbody_base64 = ''",
            "status = 200\nbody_base64 = '!'",
            "status = 200\nheaders = { A = { matches = '(' } }",
            "status = 200\nheaders = { A = { matches = 'x', absent = true } }",
            "status = 200\nheaders = { A = [] }",
            "status = 200\ncontent = 'x'",
            "status = 200\nbody = 1",
            "status = 200\nbody = { matches = '(' }",
            "status = 200\nbody = { matches = 'x', other = 'y' }",
        ] {
            assert!(answer(text).is_err(), "{text}");
        }
    }
}
