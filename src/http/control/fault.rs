//! Faults as a script says them, in TOML or JSON: which request is spoilt, and how.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use fluxstone_influxql::parse_duration;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

/// The longest that an answer is delayed.
const DELAY_MAX: Duration = Duration::from_mins(10);

/// The most faults of a server.
pub(super) const FAULTS_MAX: usize = 1000;

/// A list of faults, as a file or a request has it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use fluxstone_http::Script;
/// let script = r#"{"faults": [{"path": "/write", "nth": 2, "action": {"answer": {"status": 503, "retry-after": 1}}}]}"#;
/// let script: Script = serde_json::from_str(script)?;
/// assert_eq!(script.faults[0].nth.get(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// In their order: of those that a request meets, the first acts.
    pub faults: Vec<Fault>,
}

/// What happens to which request. A condition that is absent holds for all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, try_from = "Unchecked")]
pub struct Fault {
    /// The verb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path, with its escapes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A part of the decoded query string, or of the decoded form that is the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// A part of the first 64 KiB of the body, unpacked if it is gzip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The first of the requests that match which is spoilt, counted from 1.
    pub nth: NonZeroU64,
    /// How many of them are spoilt from there on; zero is all.
    pub times: u64,
    /// How long the request waits before anything else happens to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// What happens to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

impl Default for Fault {
    /// Nothing happens to the first request.
    fn default() -> Self {
        Fault {
            method: None,
            path: None,
            query: None,
            body: None,
            nth: NonZeroU64::MIN,
            times: 1,
            delay: None,
            action: None,
        }
    }
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is not carried out, and answered with an error.
    Answer(FixedAnswer),
    /// It is not carried out, and the connection is closed without an answer.
    Drop,
    /// It is carried out, and the connection is closed without an answer.
    Forget,
    /// It is carried out, and the connection is closed in the middle of the answer.
    Cut(Cut),
    /// It is carried out, and half of the body is sent as if it were all.
    Truncate,
    /// A write of which the first lines are stored, and which is answered as a partial write.
    StorePart(StorePart),
}

/// An answer that replaces the proper one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FixedAnswer {
    /// From 400 to 599.
    pub status: u16,
    /// The text of the error; the words for the status if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `Retry-After`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// Where an answer is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// After a few bytes of the head.
    Head,
    /// After half of the body.
    Body,
}

/// Which part of a write is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorePart {
    /// The first lines that are stored; half of them, rounded down, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<usize>,
}

/// A time that a request waits, written as InfluxQL writes durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delay(pub Duration);

/// A fault cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants")]
pub enum FaultError {
    #[error("a fault needs an action or a delay")]
    Nothing,
    #[error("the status of an answer is from 400 to 599, not {0}")]
    Status(u16),
    #[error("a delay is a duration such as 250ms or 5s, of at most 10m, not {0:?}")]
    Delay(String),
}

impl FromStr for Delay {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Delay, FaultError> {
        let nanos = parse_duration(text).and_then(|delay| u64::try_from(delay.0).ok());
        let delay = nanos.map(Duration::from_nanos).filter(|&delay| delay <= DELAY_MAX);
        delay.map(Delay).ok_or_else(|| FaultError::Delay(text.to_owned()))
    }
}

impl TryFrom<String> for Delay {
    type Error = FaultError;

    fn try_from(text: String) -> Result<Delay, FaultError> {
        text.parse()
    }
}

impl From<Delay> for String {
    fn from(delay: Delay) -> String {
        delay.to_string()
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}u", self.0.as_micros())
    }
}

/// A fault as it is written, with what may be left out.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Unchecked {
    method: Option<String>,
    path: Option<String>,
    query: Option<String>,
    body: Option<String>,
    nth: Option<NonZeroU64>,
    times: Option<u64>,
    delay: Option<Delay>,
    action: Option<Action>,
}

impl TryFrom<Unchecked> for Fault {
    type Error = FaultError;

    fn try_from(fault: Unchecked) -> Result<Fault, FaultError> {
        let Unchecked { method, path, query, body, nth, times, delay, action } = fault;
        match &action {
            None if delay.is_none() => return Err(FaultError::Nothing),
            Some(Action::Answer(answer)) if answer.code().is_none() => return Err(FaultError::Status(answer.status)),
            _ => {}
        }
        Ok(Fault {
            method,
            path,
            query,
            body,
            nth: nth.unwrap_or(NonZeroU64::MIN),
            times: times.unwrap_or(1),
            delay,
            action,
        })
    }
}

impl FixedAnswer {
    /// The status, if it is one of an error.
    pub(super) fn code(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.status).ok().filter(|code| code.is_client_error() || code.is_server_error())
    }
}

impl Fault {
    /// The same fault for requests to this path only.
    #[must_use]
    pub fn at(self, path: &str) -> Fault {
        Fault { path: Some(path.to_owned()), ..self }
    }

    /// The same fault, beginning with the n-th request that matches.
    #[must_use]
    pub fn from_nth(self, nth: NonZeroU64) -> Fault {
        Fault { nth, ..self }
    }

    /// The same fault for so many requests; zero is all.
    #[must_use]
    pub fn times(self, times: u64) -> Fault {
        Fault { times, ..self }
    }

    /// The same fault after a delay, of at most ten minutes.
    #[must_use]
    pub fn after(self, delay: Duration) -> Fault {
        Fault { delay: Some(Delay(delay.min(DELAY_MAX))), ..self }
    }
}

impl From<Action> for Fault {
    /// Happens to the first request.
    fn from(action: Action) -> Fault {
        Fault { action: Some(action), ..Fault::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(fault: &str) -> Result<Fault, String> {
        let script = format!("{{\"faults\":[{fault}]}}");
        let script = serde_json::from_str::<Script>(&script).map_err(|error| error.to_string())?;
        Ok(script.faults[0].clone())
    }

    // spec: control.faults.1, control.faults.2
    #[test]
    fn scripts_that_cannot_be_meant_are_refused() {
        for (fault, error) in [
            ("{}", "a fault needs an action or a delay"),
            (r#"{"action":{"answer":{"status":200}}}"#, "the status of an answer is from 400 to 599, not 200"),
            (r#"{"action":{"answer":{"status":503,"retry":1}}}"#, "unknown field `retry`"),
            (r#"{"delay":"11m"}"#, "a delay is a duration such as 250ms or 5s, of at most 10m, not \"11m\""),
            (r#"{"delay":"-1s"}"#, "a delay is a duration"),
            (r#"{"nth":0,"action":"drop"}"#, "expected a nonzero u64"),
            (r#"{"action":"explode"}"#, "unknown variant `explode`"),
            (r#"{"url":"/write","action":"drop"}"#, "unknown field `url`"),
        ] {
            let refused = read(fault).unwrap_err();
            assert!(refused.contains(error), "{fault}: {refused}");
        }
        assert_eq!(read(r#"{"action":"forget"}"#), Ok(Fault::from(Action::Forget)));
        let part = Action::StorePart(StorePart { lines: Some(1) });
        assert_eq!(read(r#"{"action":{"store-part":{"lines":1}}}"#), Ok(Fault::from(part)));
    }

    prop_compose! {
        fn fault()(
            path in prop::option::of("/[a-z]{0,5}"),
            nth in 1..u64::MAX,
            times in any::<u64>(),
            delay in prop::option::of(0..600_000_u64),
            action in prop_oneof![
                Just(Action::Drop),
                Just(Action::Cut(Cut::Body)),
                (400..600_u16).prop_map(|status| {
                    Action::Answer(FixedAnswer { status, text: Some("t".to_owned()), retry_after: Some(1) })
                }),
                prop::option::of(any::<usize>()).prop_map(|lines| Action::StorePart(StorePart { lines })),
            ],
        ) -> Fault {
            let delay = delay.map(|ms| Delay(Duration::from_millis(ms)));
            Fault { path, nth: NonZeroU64::new(nth).unwrap(), times, delay, action: Some(action), ..Fault::default() }
        }
    }

    proptest! {
        #[test]
        fn faults_round_trip(faults in prop::collection::vec(fault(), 0..4)) {
            let script = Script { faults };
            let text = serde_json::to_string(&script).unwrap();
            prop_assert_eq!(serde_json::from_str::<Script>(&text).unwrap(), script, "{}", text);
        }
    }
}
