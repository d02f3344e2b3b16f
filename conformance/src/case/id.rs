//! The identifiers of cases and clauses: dotted lower-case words, and for a clause a number at the end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The identifier of a case, such as `query.select-all`. Its first word is the case's area.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaseId(String);

/// The identifier of a clause, such as `write.partial.2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClauseId(String);

/// The text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not two or more words of `a-z`, `0-9` and `-`, joined by dots.
    #[error("`{0}` is not an identifier: it must be two or more words of a-z, 0-9 and `-`, joined by dots")]
    Malformed(String),
    /// The last word of a clause is not a number.
    #[error("`{0}` is not a clause: its last word must be a number")]
    NoNumber(String),
}

impl CaseId {
    /// Returns the area of the case: its first word.
    pub fn area(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// Returns the identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ClauseId {
    /// Returns the identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the subject of the clause: its first word.
    pub fn subject(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl TryFrom<String> for CaseId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if is_dotted_words(&text) { Ok(CaseId(text)) } else { Err(IdError::Malformed(text)) }
    }
}

impl TryFrom<String> for ClauseId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if !is_dotted_words(&text) {
            return Err(IdError::Malformed(text));
        }
        let number = text.rsplit('.').next().unwrap_or_default();
        let canonical = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
        if canonical { Ok(ClauseId(text)) } else { Err(IdError::NoNumber(text)) }
    }
}

impl From<CaseId> for String {
    fn from(id: CaseId) -> String {
        id.0
    }
}

impl From<ClauseId> for String {
    fn from(id: ClauseId) -> String {
        id.0
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for ClauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn is_dotted_words(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    text.split('.').count() >= 2 && text.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_dotted_lower_case_words() {
        for good in ["query.select-all", "a.b.c", "ping.1"] {
            assert_eq!(CaseId::try_from(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in ["", "query", "query.", ".x", "query..x", "Query.x", "query.a b", "query.ä"] {
            assert!(CaseId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn clauses_end_in_a_number() {
        assert!(ClauseId::try_from("write.partial.2".to_owned()).is_ok());
        for bad in ["write.partial", "write.2a", "write.02", "write.0", "2"] {
            assert!(ClauseId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
