//! Compares an answer with the expected one. The functions are pure, and nothing else decides on a verdict.
//!
//! - **exact**: the status, every header that the case names, and the bytes of the body.
//! - **equivalent**: the same status and the same content: JSON equal as values, CSV equal as cells. `headers` says which headers may differ.
//! - **own words**: equivalent but for the texts of errors and messages.
//! - **differs**: anything else.
//!
//! The answer of the other profile is equivalent, and that profile is reported. A judgement names every [`Relaxation`] that was needed.

use serde::{Deserialize, Serialize};

use crate::case::{Answer, BodyRule, Profile, Step};
use crate::client::Response;
pub use crate::relaxation::Relaxation;
use crate::{content, headers};

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
    /// The answer says the same in the target's own words: only texts of errors differ.
    #[serde(rename = "own words")]
    OwnWords,
    /// The answer is a different one.
    #[serde(rename = "differs")]
    Differs,
    /// There is no answer, or it is not HTTP.
    #[serde(rename = "no answer")]
    NoAnswer,
}

impl Verdict {
    /// All verdicts, from best to worst.
    pub const ALL: [Verdict; 6] = [
        Verdict::NotApplicable,
        Verdict::Exact,
        Verdict::Equivalent,
        Verdict::OwnWords,
        Verdict::Differs,
        Verdict::NoAnswer,
    ];

    /// The verdict as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::NotApplicable => "not applicable",
            Verdict::Exact => "exact",
            Verdict::Equivalent => "equivalent",
            Verdict::OwnWords => "own words",
            Verdict::Differs => "differs",
            Verdict::NoAnswer => "no answer",
        }
    }

    /// Whether the target passed.
    pub fn was_passed(self) -> bool {
        matches!(self, Verdict::Exact | Verdict::Equivalent | Verdict::OwnWords)
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
    /// What was overlooked.
    pub relaxations: Vec<Relaxation>,
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
    let other = compare(second, response);
    let is_better = other.verdict < judgement.verdict && judgement.verdict > Verdict::Equivalent;
    if is_better && !other.verdict.is_failure() {
        let mut relaxations = other.relaxations;
        relaxations.push(Relaxation::Profile);
        let verdict = other.verdict.max(Verdict::Equivalent);
        return Judgement { verdict, relaxations, answered_as: Some(second_profile), ..judgement };
    }
    judgement
}

/// Compares an answer with one expected answer.
fn compare(expected: &Answer, response: &Response) -> Judgement {
    let mut judgement =
        Judgement { verdict: Verdict::Exact, differences: Vec::new(), relaxations: Vec::new(), answered_as: None };
    if response.status != expected.status {
        judgement.note("status".to_owned(), expected.status.to_string(), response.status.to_string(), None);
    }
    let kinds = [(&expected.headers, false), (&expected.common_headers, true)];
    for (rules, is_common) in kinds {
        for (name, rule) in rules {
            let actual = response.header(name);
            if !rule.admits(actual.as_deref()) {
                let relaxation =
                    headers::relaxation(name, rule, actual.as_deref(), response.body.is_empty(), is_common);
                let actual = actual.unwrap_or_else(|| "(absent)".to_owned());
                judgement.note(format!("header {name}"), rule.to_string(), actual, relaxation);
            }
        }
    }
    if let Some(rule) = &expected.body
        && !rule.admits(&response.body)
    {
        let content_type = response.header("content-type");
        let relaxation = match rule {
            BodyRule::Exactly(body) => content::relaxation(body, &response.body, content_type.as_deref()),
            BodyRule::Matches(_) => content::is_refusal(&response.body).then_some(content::Same::ButForTexts),
        };
        let relaxation = match relaxation {
            Some(content::Same::Content) => Some(Relaxation::Writing),
            // A text alone, such as that of a path that is not found, says the same if the status does.
            Some(content::Same::ButForTexts) if expected.status == response.status => Some(Relaxation::Texts),
            _ => None,
        };
        judgement.note("body".to_owned(), rule.to_string(), text(&response.body), relaxation);
    }
    judgement
}

impl Judgement {
    /// Overlooks what senders of points do not read: all but the status, which tells whether to send a point again. Of a refusal that is
    /// the sender's fault, one status is as good as another.
    #[must_use]
    pub fn as_sender_sees_it(mut self, step: &Step, status: u16) -> Judgement {
        let alternative = step.alternative.as_ref().map(|alternative| alternative.answer.status);
        let is_same = |expected: u16| status == expected || (expected / 100 == 4 && status / 100 == 4);
        if self.verdict.is_failure() && (is_same(step.expected.status) || alternative.is_some_and(is_same)) {
            self.verdict = Verdict::Equivalent;
            self.relaxations.push(Relaxation::Unread);
        }
        self
    }

    /// Adds a difference, with what must be overlooked for the answer to pass; without, it fails.
    fn note(&mut self, at: String, expected: String, actual: String, relaxation: Option<Relaxation>) {
        self.verdict = self.verdict.max(relaxation.map_or(Verdict::Differs, verdict_with));
        self.differences.push(Difference { at, expected, actual });
        if let Some(relaxation) = relaxation
            && !self.relaxations.contains(&relaxation)
        {
            self.relaxations.push(relaxation);
        }
    }
}

/// Returns the verdict on an answer that needs a relaxation.
fn verdict_with(relaxation: Relaxation) -> Verdict {
    if relaxation == Relaxation::Texts { Verdict::OwnWords } else { Verdict::Equivalent }
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
    fn an_answer_in_other_words_passes_and_says_so() {
        let got = response(400, &[("content-type", "application/json")], "{\"error\":\"no\"}\n");
        let judged = |text: &str| {
            let judgement = compare(&answer(text), &got);
            (judgement.verdict, judgement.relaxations)
        };
        assert_eq!(
            judged("status = 400\nbody = '{\"error\":\"never\"}'"),
            (Verdict::OwnWords, vec![Relaxation::Texts])
        );
        assert_eq!(judged("status = 404\nbody = '{\"error\":\"never\"}'").0, Verdict::Differs);
        assert_eq!(judged("status = 400\nbody = { matches = '^x' }").0, Verdict::OwnWords);
        assert_eq!(
            judged("status = 400\nbody = '{\"error\":\"no\"}'"),
            (Verdict::Equivalent, vec![Relaxation::Writing])
        );
        assert_eq!(
            judged("status = 400\nheaders = { Server = 'x' }"),
            (Verdict::Equivalent, vec![Relaxation::Framing])
        );
    }

    #[test]
    fn senders_of_points_read_the_status() {
        let step = |status: u16| Step {
            request: crate::attempt::query("x"),
            expected: answer(&format!("status = {status}\nheaders = {{ X-Influxdb-Error = 'no' }}")),
            alternative: None,
            eventually: false,
            restart: None,
        };
        let seen = |expected: u16, actual: u16| {
            let step = step(expected);
            let judgement = judge(&step, &response(actual, &[], "no"), Profile::Documented);
            let judgement = judgement.as_sender_sees_it(&step, actual);
            (judgement.verdict, judgement.relaxations.contains(&Relaxation::Unread))
        };
        assert_eq!(seen(400, 400), (Verdict::Equivalent, true));
        assert_eq!(seen(400, 422), (Verdict::Equivalent, true));
        assert_eq!(seen(204, 204), (Verdict::Equivalent, true));
        for (expected, actual) in [(204, 200), (400, 500), (400, 204), (204, 400)] {
            assert_eq!(seen(expected, actual), (Verdict::Differs, false), "{actual} instead of {expected}");
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
            restart: None,
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
