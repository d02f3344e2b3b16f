//! What is expected of a case that does not pass.

use serde::{Deserialize, Serialize};

/// What is expected of a case that does not pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// The answer differs.
    #[default]
    Differs,
    /// The target lacks what the case is about.
    Unsupported,
    /// The case is not run.
    Skip,
    /// The case passes or fails.
    Flaky,
}

/// What is expected of one case, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Expectation {
    /// What is expected.
    pub expect: Expected,
    /// Why.
    pub reason: String,
    /// Where to read more.
    #[serde(default)]
    pub link: Option<String>,
}

impl Expected {
    /// The expectation as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Expected::Differs => "differs",
            Expected::Unsupported => "unsupported",
            Expected::Skip => "skip",
            Expected::Flaky => "flaky",
        }
    }
}
