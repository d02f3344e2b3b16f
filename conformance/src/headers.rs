//! Compares headers by value, and says which of them may differ from the expected ones.
//!
//! | header | may differ |
//! |---|---|
//! | `Connection`, `Content-Length`, `Transfer-Encoding`, `Date`, `Server`, `Request-Id`, `X-Request-Id` | freely: they frame, date or trace the message |
//! | `Content-Type` | in its parameters; freely in an answer without a body |
//! | `Www-Authenticate` | after its scheme |
//! | `X-Influxdb-Version` | in its value |
//! | `X-Influxdb-Error` | in its text |
//! | `Access-Control-Expose-Headers` | in what it exposes besides |
//! | lists such as `Allow` | in order and case |
//! | a header of every answer of a file | freely, as the cases of the file are about something else |

use crate::case::HeaderRule;
use crate::relaxation::Relaxation;

/// The headers that only frame, date or trace a message.
const FRAMING: [&str; 7] =
    ["connection", "content-length", "transfer-encoding", "date", "request-id", "x-request-id", "server"];

/// Returns what must be overlooked for a header that breaks its rule to pass, if it may.
pub(crate) fn relaxation(
    name: &str,
    rule: &HeaderRule,
    actual: Option<&str>,
    is_body_empty: bool,
    is_common: bool,
) -> Option<Relaxation> {
    let name = name.to_ascii_lowercase();
    let is_type = name == "content-type";
    if FRAMING.contains(&name.as_str()) || (is_type && is_body_empty) {
        return Some(Relaxation::Framing);
    }
    let same = match (rule, actual) {
        (HeaderRule::Exactly(expected), Some(actual)) => match name.as_str() {
            "content-type" | "www-authenticate" => first_word(expected) == first_word(actual),
            "access-control-expose-headers" => words(expected).iter().all(|word| words(actual).contains(word)),
            _ => words(expected) == words(actual),
        },
        _ => false,
    };
    match name.as_str() {
        _ if same => Some(Relaxation::HeaderWriting),
        "x-influxdb-version" if actual.is_some_and(|version| !version.is_empty()) => Some(Relaxation::Version),
        "x-influxdb-error" if actual.is_some_and(|text| !text.is_empty()) => Some(Relaxation::Texts),
        _ if is_common && !is_type => Some(Relaxation::CommonHeader),
        _ => None,
    }
}

fn first_word(text: &str) -> String {
    text.split([';', ' ']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Returns the elements of a list in one order and case.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split(',').map(|word| word.trim().to_ascii_lowercase()).collect();
    words.sort_unstable();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exactly(name: &str, expected: &str, actual: Option<&str>) -> Option<Relaxation> {
        relaxation(name, &HeaderRule::Exactly(expected.to_owned()), actual, false, false)
    }

    #[test]
    fn values_are_compared() {
        for (name, expected, actual, found) in [
            ("Connection", "close", None, Some(Relaxation::Framing)),
            (
                "Content-Type",
                "application/json",
                Some("application/json; charset=utf-8"),
                Some(Relaxation::HeaderWriting),
            ),
            ("Content-Type", "application/json", Some("text/csv"), None),
            (
                "Www-Authenticate",
                "Basic realm=\"InfluxDB\"",
                Some("basic realm=\"x\""),
                Some(Relaxation::HeaderWriting),
            ),
            ("Www-Authenticate", "Basic realm=\"InfluxDB\"", Some("Bearer"), None),
            ("Access-Control-Allow-Methods", "GET, POST", Some("post,get"), Some(Relaxation::HeaderWriting)),
            ("Access-Control-Allow-Origin", "http://a", Some("*"), None),
            ("Access-Control-Expose-Headers", "Date", Some("X-A, Date"), Some(Relaxation::HeaderWriting)),
            ("Access-Control-Expose-Headers", "Date, X-A", Some("Date"), None),
            ("X-Influxdb-Version", "1.2.4", Some("1.6.7"), Some(Relaxation::Version)),
            ("X-Influxdb-Error", "a", Some("b"), Some(Relaxation::Texts)),
            ("X-Influxdb-Error", "a", None, None),
        ] {
            assert_eq!(exactly(name, expected, actual), found, "{name}: {actual:?}");
        }
    }

    #[test]
    fn what_every_answer_has_matters_only_where_a_case_names_it() {
        let rule = HeaderRule::Exactly("1".to_owned());
        assert_eq!(relaxation("X-Influxdb-Version", &rule, None, false, true), Some(Relaxation::CommonHeader));
        assert_eq!(relaxation("X-Influxdb-Version", &rule, None, false, false), None);
        assert_eq!(relaxation("Content-Type", &rule, None, false, true), None);
        assert_eq!(relaxation("Content-Type", &rule, None, true, false), Some(Relaxation::Framing));
        assert_eq!(relaxation("X-Other", &HeaderRule::Absent, Some("x"), false, false), None);
    }
}
