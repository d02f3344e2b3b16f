//! The file of expected differences: cases that a target is known to fail, grouped by reason.
//!
//! ```toml
//! [[known]]
//! reason = "version 1.6 words this error differently"
//! cases = ["query.example", "query.other"]
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::case::CaseId;
use crate::report::Outcome;

/// Expected differences: the reason for each case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(BTreeMap<CaseId, String>);

/// An error in the file of expected differences.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// The file cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(String, std::io::Error),
    /// The file has a mistake.
    #[error("{0}: {1}")]
    Syntax(String, toml::de::Error),
    /// The file lists a case twice.
    #[error("{0}: `{1}` is listed twice")]
    Twice(String, CaseId),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    known: Vec<EntryText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    reason: String,
    cases: Vec<CaseId>,
}

impl Known {
    /// Reads a file of expected differences.
    pub fn read(path: &Path) -> Result<Known, KnownError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| KnownError::Read(name.clone(), error))?;
        Known::parse(&name, &text)
    }

    /// Returns why a case is expected to fail, if it is.
    pub fn reason(&self, case: &CaseId) -> Option<&str> {
        self.0.get(case).map(String::as_str)
    }

    /// Returns the listed cases that were run and did not fail.
    pub fn resolved<'a>(&'a self, outcomes: &'a [Outcome]) -> impl Iterator<Item = &'a Outcome> {
        outcomes.iter().filter(|o| self.0.contains_key(&o.id) && o.verdict.was_passed())
    }

    fn parse(name: &str, text: &str) -> Result<Known, KnownError> {
        let file: FileText = toml::from_str(text).map_err(|error| KnownError::Syntax(name.to_owned(), error))?;
        let mut known = BTreeMap::new();
        for entry in file.known {
            for case in entry.cases {
                if known.insert(case.clone(), entry.reason.clone()).is_some() {
                    return Err(KnownError::Twice(name.to_owned(), case));
                }
            }
        }
        Ok(Known(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_is_listed_once_with_a_reason() {
        let entry = "[[known]]\ncases = ['a.b', 'a.c']\nreason = 'old'\n";
        let known = Known::parse("k.toml", entry).unwrap();
        assert_eq!(known.reason(&CaseId::try_from("a.b".to_owned()).unwrap()), Some("old"));
        assert!(matches!(Known::parse("k.toml", &entry.repeat(2)), Err(KnownError::Twice(..))));
        assert!(matches!(Known::parse("k.toml", "[[known]]\ncases = ['a.b']\n"), Err(KnownError::Syntax(..))));
    }
}
